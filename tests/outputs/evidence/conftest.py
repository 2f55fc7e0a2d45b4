"""A time-stamping authority of one's own on the loopback interface, made of OpenSSL; and a key to sign with."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outputs.evidence.keys import SigningKey, new_key

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
CONFIG = """\
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """A time-stamping authority that answers, and what it is known by."""

    folder: Path
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    answer: bytes | None = None
    """Given instead of a proper answer."""
    code: int = 200

    @property
    def ca(self) -> Path:
        """The certificate of its issuer."""
        return self.folder / "ca.pem"

    @property
    def own(self) -> Path:
        """Its own certificate."""
        return self.folder / "tsa.pem"

    def reply(self, query: bytes) -> bytes:
        """Return what OpenSSL answers."""
        if self.answer is not None:
            return self.answer
        (self.folder / "query").write_bytes(query)
        command: list[str | Path] = [
            "openssl",
            "ts",
            "-reply",
            "-queryfile",
            self.folder / "query",
            "-config",
            self.folder / "tsa.cnf",
        ]
        subprocess.run([*command, "-out", self.folder / "answer"], check=True, capture_output=True)
        return (self.folder / "answer").read_bytes()


def certificate(  # noqa: PLR0913  # what a certificate is made of
    name: str,
    key: Key,
    *,
    issuer: tuple[str, Key],
    is_ca: bool = False,
    use: x509.ObjectIdentifier | None = None,
    days: tuple[int, int] = (-1, 30),
) -> x509.Certificate:
    """Return a certificate, valid from and until so many days from now."""
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer[0])]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=True)
    return builder.sign(issuer[1], hashes.SHA256())


def pem(thing: x509.Certificate | Key) -> bytes:
    """Return a certificate, or a private key, as text."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_authority(folder: Path, key: Key) -> Authority:
    """Make the files of an authority that signs with `key`."""
    pytest.importorskip("rfc3161ng", reason="the extra timestamp is not installed")
    if shutil.which("openssl") is None:
        pytest.skip("OpenSSL is not installed")
    folder.mkdir()
    root = ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(pem(certificate("Test root", root, issuer=("Test root", root), is_ca=True)))
    use = ExtendedKeyUsageOID.TIME_STAMPING
    (folder / "tsa.pem").write_bytes(pem(certificate("Test authority", key, issuer=("Test root", root), use=use)))
    (folder / "tsa.key").write_bytes(pem(key))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    return Authority(folder=folder)


def serve(authority: Authority) -> ThreadingHTTPServer:
    """Let an authority answer on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library calls it so
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked.append(query)
            answer = authority.reply(query)
            self.send_response(authority.code)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture(scope="session")
def usual_key() -> rsa.RSAPrivateKey:
    """Return the key of the authority that most tests ask: to make one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def new_authority(tmp_path: Path) -> Iterator[Callable[[str, Key], Authority]]:
    """Return what makes an authority with a key of its own that answers."""
    servers = []

    def make(name: str, key: Key) -> Authority:
        made = make_authority(tmp_path / name, key)
        servers.append(serve(made))
        return made

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def authority(new_authority: Callable[[str, Key], Authority], usual_key: rsa.RSAPrivateKey) -> Authority:
    """Return an authority that answers."""
    return new_authority("authority", usual_key)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    """Return a key without a passphrase."""
    return new_key(tmp_path / "keys", "me")
