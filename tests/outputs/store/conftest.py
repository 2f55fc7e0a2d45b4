"""Stores to be tested: a SQLite file, and a PostGIS database of a server that the tests start themselves."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from outputs.store import Store

BACKENDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgis", id="postgis", marks=pytest.mark.postgis),
]


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a server on the loopback interface, in a folder of its own, and return its URL; or skip."""
    with ExitStack() as stack:
        yield from _served(stack)


def _served(stack: ExitStack) -> Iterator[str]:
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL: there is no /usr/lib/postgresql/*/bin/initdb")
    psycopg = pytest.importorskip("psycopg", reason="no psycopg: the extra `postgis` is not installed")
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="postgres-")))  # pytest's own are for one user alone
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        if "postgres" not in {one.pw_name for one in pwd.getpwall()}:
            pytest.skip("no user `postgres` to run PostgreSQL as")
        shutil.chown(folder, "postgres")
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    made = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)
    settings = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off")
    command = [str(programs / "postgres"), "-D", str(data), *(part for one in settings for part in ("-c", one))]
    url = f"postgresql://postgres@127.0.0.1:{port}"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stderr=log, stdout=log, cwd=folder, **who) as server,
    ):
        try:
            _wait_for(psycopg, f"{url}/postgres", server)
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # to PostgreSQL a fast, orderly shutdown


def _wait_for(psycopg: ModuleType, url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.1)
        else:
            return
    pytest.fail("PostgreSQL does not answer")


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """Return the URL of a new, empty database."""
    name = f"watch_{uuid4().hex[:12]}"
    url = f"{postgres}/postgres"
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres}/{name}"


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where an empty store can be: once as a SQLite file, once in PostGIS."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Return an empty store with its tables."""
    opened = Store.open(url)
    opened.upgrade()
    yield opened
    opened.close()
