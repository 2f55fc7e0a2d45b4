"""Arrays of one area by block, on storage that all workers reach: laid down by one process, read by any other."""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from socket import gethostname
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.blocks import Arrays, Slices
from flows.scale.storage import Storage
from flows.settings.workspace import writing
from geo.atomic import atomic_file

_ALIGNED = 64
_PREFIX = "sitewatch-scratch-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an array lies in a file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Room for the arrays of one area."""

    storage: Storage
    name: str
    """Below which everything of it lies."""
    scratch: str = ""
    scratch_mb: int = 20_000

    def lay(self, name: str, arrays: Arrays) -> dict[str, Place]:
        """Put `arrays` down as one file `name`; return where each lies in it.

        Raises:
            OutputError: The storage does not take it.

        """
        places: dict[str, Place] = {}
        offset = 0
        for key, array in arrays.items():
            places[key] = Place(dtype=array.dtype.str, shape=array.shape, offset=offset)
            offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
        target = f"{self.name}/{name}"
        if self.storage.folder is not None:
            with atomic_file(self.storage.folder / target) as part:
                _write(part, arrays, places)
            return places
        path = scratch_of(self.scratch, self.scratch_mb).folder / f"lay-{os.urandom(6).hex()}"
        try:
            with writing(path):
                _write(path, arrays, places)
            self.storage.put(path, target)
        finally:
            path.unlink(missing_ok=True)
        return places

    def open(self, name: str, place: Place) -> NDArray[Any]:
        """Return an array that was laid down, mapped into memory; it may only be read.

        Raises:
            OutputError: It cannot be reached.

        """
        if prod(place.shape) == 0:
            return np.empty(place.shape, dtype=place.dtype)
        key = f"{self.name}/{name}"
        folder = self.storage.folder
        path = scratch_of(self.scratch, self.scratch_mb).get(self.storage, key) if folder is None else folder / key
        with writing(path):
            return np.memmap(path, dtype=place.dtype, mode="r", offset=place.offset, shape=place.shape)

    def clear(self) -> None:
        """Take everything away."""
        self.storage.remove(self.name)


def _write(path: Path, arrays: Arrays, places: Mapping[str, Place]) -> None:
    with path.open("wb") as file:
        for key, array in arrays.items():
            file.seek(places[key].offset)
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One block of an array."""

    own: Slices
    name: str
    """Of the file."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """An array of a whole area, shape (..., y, x), that lies on a shelf in pieces: cut it, and that much is read."""

    shelf: Shelf
    pieces: tuple[Piece, ...]
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its values."""
        return np.dtype(self.pieces[0].place.dtype)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        full = (*key, *[slice(None)] * (len(self.shape) - len(key)))
        lead = tuple(full[:-2])
        ranges = [_whole(part, size) for part, size in zip(full[-2:], self.shape[-2:], strict=True)]
        window = (ranges[0][0], ranges[1][0])
        outer = np.broadcast_to(np.int8(0), self.shape[:-2])[lead].shape
        result = np.empty((*outer, *(side.stop - side.start for side in window)), dtype=self.dtype)
        for piece in self.pieces:
            shared = _overlap(piece.own, window)
            if shared is not None:
                here = self.shelf.open(piece.name, piece.place)
                result[..., *_within(shared, window)] = here[(*lead, *_within(shared, piece.own))]
        return result[..., ranges[0][1], ranges[1][1]]


def _whole(part: int | slice, size: int) -> tuple[slice, int | slice]:
    """Return the consecutive pixels that hold `part` of an axis, and how it is cut from them."""
    if not isinstance(part, slice):
        index = range(size)[part]
        return slice(index, index + 1), 0
    places = range(size)[part]
    if not places:
        return slice(0, 0), slice(None)
    low, high = min(places[0], places[-1]), max(places[0], places[-1])
    return slice(low, high + 1), slice(None, None, places.step)


def _overlap(one: Slices, other: Slices) -> Slices | None:
    rows, columns = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _within(part: Slices, whole: Slices) -> Slices:
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, whole, strict=True))
    return rows, columns


def stem_of(own: Slices) -> str:
    """Return the name of the file of a block."""
    return "-".join(str(edge) for side in own for edge in (side.start, side.stop))


def pieces_of(name: str, laid: Iterable[tuple[Slices, str, Mapping[str, Place]]]) -> tuple[Piece, ...]:
    """Return the pieces of the array called `name` among what was laid down: window, file, places."""
    return tuple(Piece(own=own, name=file, place=places[name]) for own, file, places in laid)


class Scratch:
    """What a process has fetched, in a folder of its own, never more than so much; it ends with the process."""

    def __init__(self, folder: Path, limit_mb: int) -> None:
        self.folder = folder
        self._limit_bytes = limit_mb * 1_000_000
        self._held: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def get(self, storage: Storage, name: str, *, mark: str = "") -> Path:
        """Return where what `storage` has as `name` lies on this disk, fetched if it is not there yet.

        Raises:
            OutputError: It cannot be fetched.

        """
        key = hashlib.sha256(f"{storage.place} {name} {mark}".encode()).hexdigest()
        path = self.folder / key
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return path
            storage.fetch(name, path)
            self._held[key] = path.stat().st_size
            while len(self._held) > 1 and sum(self._held.values()) > self._limit_bytes:
                old, _ = self._held.popitem(last=False)
                (self.folder / old).unlink(missing_ok=True)  # who has it mapped or linked keeps it
            return path


def scratch_of(parent: str, limit_mb: int) -> Scratch:
    """Return the scratch space of this process."""
    return _scratch(parent, limit_mb, os.getpid())


@lru_cache(maxsize=4)
def _scratch(parent: str, limit_mb: int, process: int) -> Scratch:
    base, mine = Path(parent or tempfile.gettempdir()), f"{_PREFIX}{gethostname()}-"
    with writing(base):
        base.mkdir(parents=True, exist_ok=True)
        for left in base.glob(f"{mine}*"):
            _clear_if_left(left, left.name.removeprefix(mine).partition("-")[0])
        folder = Path(tempfile.mkdtemp(prefix=f"{mine}{process}-", dir=base))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Scratch(folder, limit_mb)


def _clear_if_left(folder: Path, number: str) -> None:
    """Remove the scratch space of a process of this machine that is no more."""
    if number.isdigit() and Path("/proc/self").exists() and not Path("/proc", number).exists():
        shutil.rmtree(folder, ignore_errors=True)
