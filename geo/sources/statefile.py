"""Small files that several processes read and change: one at a time, and never half written."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from geo.errors import OutputError

logger = logging.getLogger(__name__)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to `path`, which may not exist yet; it goes also when the process is killed.

    Raises:
        OutputError: The folder cannot be written.

    """
    with _refusal_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a", encoding="utf-8")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_state(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`; nothing where there is none, or none that can be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s: cannot be read, and is begun anew: %s", path, error)
        return {}
    return document if isinstance(document, dict) else {}


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Let `path` hold `state`: all of it or, if the process is killed, what it held before.

    Raises:
        OutputError: The folder cannot be written.

    """
    part = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    with _refusal_named(path):
        part.write_text(json.dumps(state), encoding="utf-8")
        part.replace(path)


def append_line(path: Path, line: str) -> None:
    """Add one line to `path` and wait until it is on the disk; what a killed process left half written is closed off.

    Raises:
        OutputError: The folder cannot be written.

    """
    with locked(path), _refusal_named(path), path.open("ab+") as file:
        _close_line(file)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _close_line(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


@contextmanager
def _refusal_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
