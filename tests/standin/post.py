"""Stand-ins for those who take notices, on the loopback interface: a mail server with TLS, a receiver of webhooks."""

import datetime as dt
import hashlib
import hmac
import ipaddress
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "watcher", "mail+word/4711=x"


@dataclass(kw_only=True)
class Mailbox:
    """What a mail server took."""

    port: int = 0
    refuse_with: deque[str] = field(default_factory=deque)
    """Answers to the next messages, such as ``451 later``."""
    taken: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    """Sender, recipients and message."""
    was_secure: list[bool] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802, ANN401 - aiosmtpd's
        self.was_secure.append(session.ssl is not None)
        if self.refuse_with:
            return self.refuse_with.popleft()
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.taken.append((envelope.mail_from, list(envelope.rcpt_tos), parsed))
        return "250 OK"


@contextmanager
def mail_server(folder: Path) -> Iterator[Mailbox]:
    """Serve mail with STARTTLS and a login; ``folder/ca.pem`` is the certificate to trust."""
    certificate, key = write_certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    box = Mailbox()

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=check,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that signs itself, and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "ca.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


@dataclass(kw_only=True)
class Hook:
    """What a receiver of webhooks was sent, and what it answers next."""

    url: str = ""
    answers: deque[tuple[int, dict[str, str], float]] = field(default_factory=deque)
    """Status, headers, and seconds before the answer; 200 at once when there are none left."""
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers, in lower case, and body of each request."""

    def is_signed(self, index: int, secret: str) -> bool:
        """Check the signature as a receiver would, by the definition of HMAC (RFC 2104) and not by sitewatch's code."""
        headers, body = self.taken[index]
        block = secret.encode().ljust(64, b"\0")
        inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + headers["x-sitewatch-timestamp"].encode() + b"." + body)
        outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner.digest())
        return hmac.compare_digest(headers["x-sitewatch-signature"], f"v1={outer.hexdigest()}")


@contextmanager
def hook_server() -> Iterator[Hook]:
    """Serve as the receiver of webhooks."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, wait_s = hook.answers.popleft() if hook.answers else (200, {}, 0.0)
            time.sleep(wait_s)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # who asked did not wait

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_port}/in"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
