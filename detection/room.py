"""How much memory may be used, and where maps lie that do not fit: in files of their own, mapped piece by piece."""

import mmap
import os
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from detection.blocks import Crew, Slices

_SOME_ROWS = 64
"""Whether anything is written at all is mostly told by every so-many-th row."""
_WRITTEN_BYTES = 1 << 15
"""So much is written to a file at a time: for more, the system looks for as much memory in one piece, which costs a
virtual machine several times what writing does."""
_CACHED_BYTES = 1 << 28
"""So much of files that do not fit may be in the system's memory."""


class MapFile:
    """A new file of zeros, mapped into memory, that nothing else can find: it is gone when its arrays are."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        finalize(self, os.close, self.file)
        path.unlink()
        os.truncate(self.file, size)
        self.mapped = mmap.mmap(self.file, size)

    def write(self, data: memoryview, offset: int) -> None:
        """Write bytes from `offset` on, which costs the system far less than a mapped page."""
        while data:
            written = os.pwrite(self.file, data[:_WRITTEN_BYTES], offset)
            data, offset = data[written:], offset + written

    def give_back(self, *, is_on_disk_alone: bool) -> None:
        """Hold nothing of it in this process, and nothing in the system's memory if it is to be `is_on_disk_alone`."""
        self.mapped.madvise(mmap.MADV_DONTNEED)
        if is_on_disk_alone and hasattr(os, "posix_fadvise"):
            os.fdatasync(self.file)
            os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_DONTNEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much memory may be used, and where maps may lie that do not fit."""

    memory_mb: float
    folder: Path
    """For files that are deleted when the work is done; of the size of a few copies of the stack."""
    crew: Crew | None = field(default=None, compare=False)
    """Who else works on the blocks; None: nobody."""
    files: list[MapFile] = field(default_factory=list, repr=False, compare=False)
    """All files that lie in it: what was read of them is given back after each block."""
    touched: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)
    """Bytes of the files that were written or read since they last left the system's memory."""

    def give_back(self) -> None:
        """Let the system take back the memory of what was written or read; the files keep it.

        Now and then files larger than the memory that may be used leave the system's own memory, too, which other
        programs want: a machine that has to find new memory for each page of them spends more on that than on the
        work.
        """
        is_crowded = sum(file.size for file in self.files) > self.memory_mb * 1e6
        is_enough = self.touched[0] > _CACHED_BYTES
        for file in self.files:
            file.give_back(is_on_disk_alone=is_crowded and is_enough)
        if is_enough:
            self.touched[0] = 0


@dataclass(slots=True, eq=False)
class Maps:
    """Arrays over a whole area, in memory or, where they do not fit, in files."""

    room: Room | None = None
    """None: in memory."""
    files: dict[str, MapFile] = field(default_factory=dict)
    """Where each array lies that is being written."""

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:  # noqa: ANN401 - as numpy's
        """Return a new array; in a file `name`, which nothing else can find, where there is a folder for it: then 0."""
        if self.room is None:
            return np.empty(shape, dtype=dtype)
        size = max(1, prod(shape) * np.dtype(dtype).itemsize)
        file = MapFile(self.room.folder / f"{name}-{os.getpid()}-{len(self.room.files)}.map", size)
        self.files[name] = file
        self.room.files.append(file)
        return np.frombuffer(file.mapped, dtype=dtype, count=prod(shape)).reshape(shape)

    def put(
        self, name: str, array: NDArray[Any], own: Slices, values: NDArray[Any], *, at: tuple[int, ...] = ()
    ) -> None:
        """Write `values`, shape (..., y, x), to the window `own` of `array[at]`, which was made as `name`.

        What is of the whole width is written to the file, not to its mapped pages.
        """
        rows, columns = own
        if name not in self.files or columns != slice(0, array.shape[-1]):
            (array[at] if at else array)[..., rows, columns] = values
            self.touched(values.nbytes)
            return
        row_bytes = array.shape[-1] * array.itemsize
        inner = array.shape[len(at) : -2]
        first = int(np.ravel_multi_index(at, array.shape[: len(at)])) * prod(inner) if at else 0
        for index, place in enumerate(np.ndindex(*inner), start=first):
            layer = np.ascontiguousarray(values[place])
            if (
                layer[::_SOME_ROWS].any() or layer.any()
            ):  # a new file is 0 everywhere, and takes no room where nothing is written
                offset = (index * array.shape[-2] + rows.start) * row_bytes
                self.files[name].write(layer.reshape(-1).view(np.uint8).data, offset)
                self.touched(layer.nbytes)

    def touched(self, count: int) -> None:
        """Say that so many bytes were written or read."""
        if self.room is not None:
            self.room.touched[0] += count

    def release(self) -> None:
        """Let the system take back the memory of what was written or read; the files keep it."""
        if self.room is not None:
            self.room.give_back()

    def close(self) -> None:
        """Write no more to the files that were made: the arrays stay."""
        self.files.clear()
