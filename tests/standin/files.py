"""A file server on the loopback interface that answers range requests, as object stores do, and counts them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    range: str
    sent_bytes: int


@dataclass(slots=True, kw_only=True)
class Files:
    """The server while it runs."""

    root: Path
    url: str = ""
    log: list[Asked] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    files: Files

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.files.root / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            self._send(HTTPStatus.NOT_FOUND, b"", size=0)
            return
        size = path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self._send(HTTPStatus.OK, path.read_bytes(), size=size)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or size), size - 1)
        if first >= size:
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", size=0)
            return
        with path.open("rb") as file:
            file.seek(first)
            part = file.read(last + 1 - first)
        self._send(HTTPStatus.PARTIAL_CONTENT, part, size=len(part), span=f"bytes {first}-{last}/{size}")

    def _send(self, status: HTTPStatus, content: bytes, *, size: int, span: str = "") -> None:
        body = b"" if self.command == "HEAD" else content
        asked = self.headers.get("Range") or ""
        self.files.log.append(Asked(method=self.command, path=self.path, range=asked, sent_bytes=len(body)))
        try:
            self.send_response(status)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(size))
            if span:
                self.send_header("Content-Range", span)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client had enough

    def log_message(self, *_: object) -> None:
        """Say nothing: the server keeps its own log."""


@contextmanager
def serving(root: Path) -> Iterator[Files]:
    """Serve the files below `root` while the block lasts."""
    files = Files(root=root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"files": files}))
    server.daemon_threads = True
    files.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
