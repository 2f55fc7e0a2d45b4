"""Where a server listens, under which names it may be asked for, and how it is run."""

import ipaddress
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from geo.errors import ConfigError

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_BACKLOG = 128

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """What a browser is given, without a slash at the end."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return is_loopback(self.host)

    @property
    def hosts(self) -> frozenset[str]:
        """The values of the Host header that are answered; any other may be a page that renamed itself."""
        names = {f"{_bracketed(self.host)}:{self.port}"}
        if self.is_loopback:
            names |= {f"{name}:{self.port}" for name in _LOOPBACK_NAMES}
        return frozenset(name.lower() for name in names)


def is_loopback(host: str) -> bool:
    """Say whether `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> tuple[socket.socket, Address]:
    """Open a socket at one address; port 0 takes a free one.

    Raises:
        ConfigError: The address is a wildcard, is not this machine's, or the port is taken.

    """
    if host in {"", "*", "0.0.0.0", "::"}:  # noqa: S104  # refused here, not used
        raise ConfigError(f"--host {host or 'empty'}: name the one address to listen on, not all of them at once")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        opened.close()
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"cannot listen on {host}, port {port}: {said}; --port 0 takes a free one") from error
    return opened, Address(host=host, port=opened.getsockname()[1])


def run(app: ASGIApp, opened: socket.socket, *, when_ready: Callable[[], None] = lambda: None) -> None:
    """Answer requests until the process is told to stop.

    Requests are not logged: the address that logs a reader in holds the token.
    """
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        lifespan="off",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    when_ready()
    uvicorn.Server(settings).run(sockets=[opened])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
