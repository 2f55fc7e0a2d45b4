"""Serve a workspace on this machine: the reviewer's pages, and the newest run as OGC API Features."""

import json
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from getpass import getuser
from pathlib import Path

from starlette.types import ASGIApp

from flows.settings.version import sitewatch_version
from flows.settings.workspace import Workspace, writing
from flows.show import Show
from flows.store import opened
from geo.errors import ConfigError, StateError
from outputs.review.server.access import Readers
from outputs.review.server.app import review_app
from outputs.review.server.desk import Desk
from outputs.serving.address import Address, listen, run

REVIEW_PORT, OGC_PORT = 8750, 8760
LAYERS_NAME = "sitewatch.gpkg"
_EXPOSED = (
    "listens on {host}, which other machines may reach, and what it sends is not encrypted: whoever can read the "
    "line can read it all. An SSH tunnel to the loopback address is safer"
)


def serve_review(root: Path, show: Show, *, readers: Sequence[str], host: str, port: int) -> None:
    """Serve the reviewer's pages until stopped, and tell each reader's address once.

    Args:
        root: The workspace.
        show: Where the addresses are told; they stand in no log.
        readers: Who reads: each gets an address of their own. The user of this account, where none is named.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        ConfigError: There is no finished run, a reader has no name, or the address cannot be listened on.
        StateError: The store cannot be used.

    """
    workspace = Workspace.open(root)
    _newest(workspace)
    names = [" ".join(name.split()) for name in readers or (getuser(),)]
    if not all(names):
        raise ConfigError("a reader needs a name, or initials: --reader")
    known = Readers.make(names)
    with opened(workspace, is_written=True) as store:
        if store is None:
            raise StateError(f"{workspace.root}: the store has no tables")
        listening, address = listen(host, port)
        desk = Desk(store=store, readers=len(known.names), run_dir=lambda: _newest(workspace))
        app = review_app(desk, known, address, credit=lambda: run_credit(_newest(workspace)))

        def ready() -> None:
            show.document({"url": address.url, "readers": known.login_urls(address)})
            for name, url in known.login_urls(address).items():
                show.say(f"{name}: {url}")
            _tell(show, address)

        _until_stopped(app, listening, ready)
    show.say("stopped; every verdict was stored when it was given")


def serve_ogc(root: Path, show: Show, *, host: str, port: int) -> None:
    """Serve detections, coverage and facilities of the newest run as OGC API Features until stopped.

    Raises:
        ConfigError: There is no finished run, pygeoapi is not installed, or the address cannot be listened on.
        StateError: The run's layers cannot be read.

    """
    workspace = Workspace.open(root)
    newest = _newest(workspace)
    try:
        from outputs.ogc.app import ogc_app  # noqa: PLC0415  # an extra, and slow to load
        from outputs.ogc.config import ogc_config, write_config  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError("OGC API Features need the extra `ogc`: pip install 'sitewatch[ogc]'") from error
    listening, address = listen(host, port)
    layers = workspace.latest / LAYERS_NAME
    config = ogc_config(layers, address, credit=run_credit(newest), version=sitewatch_version())
    path = workspace.state_dir / "ogc" / "pygeoapi.yml"
    with writing(path):
        write_config(path, config)
    app = ogc_app(config, address)

    def ready() -> None:
        show.document({"url": address.url, "config": str(path)})
        show.say(f"OGC API Features, read-only: {address.url}")
        show.say(f"settings for a pygeoapi of your own: {path}")
        show.trouble("exact places are served, as the run has them: nothing is taken out", kind="note")
        _tell(show, address)

    _until_stopped(app, listening, ready)
    show.say("stopped")


@lru_cache(maxsize=4)
def run_credit(run_dir: Path) -> str:
    """Return to whom a run's imagery is owed; empty where that cannot be told."""
    try:
        said = json.loads((run_dir / "coverage.geojson").read_text(encoding="utf-8")).get("attribution", "")
    except (OSError, ValueError):
        return ""
    return str(said)


def _newest(workspace: Workspace) -> Path:
    if not workspace.latest.is_dir():
        raise ConfigError(f"{workspace.root}: there is no finished run yet; `sitewatch run` makes one")
    return workspace.latest.resolve()


def _tell(show: Show, address: Address) -> None:
    if not address.is_loopback:
        show.trouble(_EXPOSED.format(host=address.host), kind="warning")
    show.say("Ctrl+C ends it")
    sys.stdout.flush()


def _until_stopped(app: ASGIApp, opened_socket: socket.socket, ready: Callable[[], None]) -> None:
    with suppress(KeyboardInterrupt):
        run(app, opened_socket, when_ready=ready)
