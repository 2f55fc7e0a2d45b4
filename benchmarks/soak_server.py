"""A real Prefect server on the loopback interface, for as long as a block lasts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

START_S = 240.0


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Run a server that keeps everything in `home`, and name it in PREFECT_API_URL before Prefect is imported."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home.mkdir(parents=True)
    url = f"http://127.0.0.1:{port}/api"
    environ = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    os.environ.update({**environ, "PREFECT_API_URL": url})
    server = subprocess.Popen(  # noqa: S603 - this interpreter, and a port
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
        env={**{name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url, server)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    give_up = monotonic() + START_S
    while monotonic() < give_up:
        if server.poll() is not None:
            raise RuntimeError(f"the Prefect server ended with {server.returncode}")
        try:
            with urlopen(f"{url}/health", timeout=5):  # noqa: S310 - our own server
                return
        except (URLError, OSError):
            sleep(0.5)
    raise RuntimeError("the Prefect server does not answer")
