"""Files and folders that are either whole or not there.

Each is made under a hidden name beside its target and renamed at the end, so that no reader and no later run can
take half a product for a whole one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo.errors import OutputError

_SIDE_FILES = ("", "-journal", "-wal", "-shm")
"""What SQLite may leave beside a file it was writing."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; what was written becomes `path` when the block ends well.

    The temporary name keeps the suffix, because some writers choose the format by it. A `path` that exists is replaced;
    after a failure it is as it was, and nothing is left beside it.

    Raises:
        OutputError: The disk refused (no permission, no space, a file where a folder should be); names `path`.

    """
    part = path.with_name(f".{path.stem}.tmp-{os.getpid()}{path.suffix}")
    with _disk_trouble_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _discard_file(part)  # process ids come back, above all in containers
        try:
            yield part
            _sync(part)
            part.replace(path)
        finally:
            _discard_file(part)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it becomes `path` when the block ends well.

    Raises:
        OutputError: `path` exists already, or the disk refused; names `path`.

    """
    part = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    with _disk_trouble_named(path):
        _refuse_existing(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            yield part
            _refuse_existing(path)  # a rename would silently replace an empty folder
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _disk_trouble_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """Return the system's few words without its number, and the place if it is another than the target."""
    words = (error.strerror or str(error) or type(error).__name__).strip()
    is_elsewhere = isinstance(error.filename, str) and ".tmp-" not in error.filename
    return f"{words}: {error.filename}" if is_elsewhere else words


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise OutputError(f"cannot write {path}: it exists already")


def _sync(path: Path) -> None:
    """Wait until the content is on the disk: a rename that outlives its content would leave an empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _discard_file(part: Path) -> None:
    for ending in _SIDE_FILES:
        part.with_name(part.name + ending).unlink(missing_ok=True)
