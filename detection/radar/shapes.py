"""What does radar see in an object, and in the same shape laid elsewhere in the same scene?

The mean power over an object averages its speckle. The same shape laid on many other places of the same looks shows
what that mean does where nothing happened: with the scene's own speckle, rain, crops and tracks.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
_SEEN_SHARE = 0.5
"""A look at less of a shape than this (0-1) is no look at it."""
_LEAST_PLACES = 60
"""A shape for which there are fewer free places than this is laid down smaller."""
_SMALLER = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """An object as pixels: a mask, shape (y, x), and the row and column of the grid at which it begins."""

    mask: NDArray[np.bool_]
    row: int
    column: int

    @classmethod
    def of(cls, is_object: NDArray[np.bool_]) -> "Shape":
        """Return the object of a mask of the whole grid.

        Raises:
            ValueError: It has no pixel.

        """
        found = ndimage.find_objects(is_object.astype(np.int8))
        if not found:
            raise ValueError("an object needs at least one pixel")
        rows, columns = found[0]
        return cls(mask=is_object[rows, columns], row=rows.start, column=columns.start)

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the grid that the mask covers."""
        height, width = self.mask.shape
        return (slice(self.row, self.row + height), slice(self.column, self.column + width))

    def smaller(self, factor: float) -> "Shape":
        """Return the shape with its sides cut down to `factor` (0-1) of their length, one pixel at least."""
        height, width = (max(1, int(size * factor)) for size in self.mask.shape)
        rows = ((np.arange(height) + 0.5) * self.mask.shape[0] / height).astype(int)
        columns = ((np.arange(width) + 0.5) * self.mask.shape[1] / width).astype(int)
        mask = self.mask[np.ix_(rows, columns)]
        return Shape(mask=mask if mask.any() else np.ones((1, 1), dtype=bool), row=self.row, column=self.column)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where else in the scene a shape was laid."""

    shape: Shape
    """The shape itself, or a smaller one of its kind where there was too little free ground."""
    rows: NDArray[np.int64]
    """Where each copy begins, shape (place,)."""
    columns: NDArray[np.int64]
    independent: float
    """How many copies the free ground has room for side by side: overlapping ones tell less than their number."""


def free_places(shape: Shape, is_taken: NDArray[np.bool_], *, most: int) -> Places:
    """Choose places for copies of `shape`, evenly spread, none of which touches ground that is taken.

    Args:
        shape: The object; where it lies is taken, too.
        is_taken: Shape (y, x): ground that changed, or that radar does not see.
        most: At most this many.

    """
    taken = is_taken.copy()
    taken[shape.window] |= shape.mask
    laid = shape
    while True:
        is_free = _free(laid.mask, taken)
        independent = float((~taken).sum() / max(1, laid.mask.sum())) if is_free.any() else 0.0
        if (min(independent, is_free.sum()) >= _LEAST_PLACES) or laid.mask.size == 1:
            break
        laid = laid.smaller(_SMALLER)
    rows, columns = _spread(is_free, most)
    return Places(shape=laid, rows=rows, columns=columns, independent=min(independent, float(len(rows))))


def _free(mask: NDArray[np.bool_], is_taken: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return at which (row, column) a copy of `mask` may begin without touching what is taken or leaving the grid."""
    height, width = is_taken.shape[0] - mask.shape[0] + 1, is_taken.shape[1] - mask.shape[1] + 1
    if height < 1 or width < 1:
        return np.zeros((0, 0), dtype=bool)
    sums = np.cumsum(np.pad(is_taken, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    touched = np.zeros((height, width), dtype=np.int32)
    for row, line in enumerate(mask):  # each row of the mask is a few runs of pixels
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2):
            touched += sums[row : row + height, end : end + width] - sums[row : row + height, first : first + width]
    return np.asarray(touched == 0)


def _spread(is_free: NDArray[np.bool_], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of at most `most` places, on a lattice as even as the free ground allows."""
    count = int(is_free.sum())
    step = max(1, isqrt(count // most))
    while True:
        rows, columns = np.nonzero(is_free[::step, ::step])
        if len(rows) <= most:
            break
        step += 1
    if len(rows) >= min(most, count) // 4:
        return rows * step, columns * step
    rows, columns = np.nonzero(is_free)  # narrow ground, which a lattice misses
    kept = np.linspace(0, count - 1, min(most, count)).astype(np.int64)
    return rows[kept], columns[kept]


def mean_power(power: Floats, seen: Floats | None, shape: Shape, places: Places) -> Floats:
    """Return the mean power over the object, and over its copies, on each look.

    Args:
        power: Linear, shape (y, x, look, band); 0 where it was not seen.
        seen: The same shape, 1 where it was seen and 0 where not; None where everything was.
        shape: The object.
        places: Where its copies lie.

    Returns:
        Shape (1 + place, look, band), the object first; NaN where less than half of it was seen.

    """
    height, width, *inner = power.shape
    groups = [_pixels(shape.mask, np.array([shape.row]), np.array([shape.column]), width)]
    groups.append(_pixels(places.shape.mask, places.rows, places.columns, width))
    sizes = np.concatenate([np.full(len(group), group.shape[1]) for group in groups])[:, None]

    def sums(values: Floats) -> Floats:
        flat = values.reshape(height * width, -1)
        return np.concatenate([_pick(group, height * width) @ flat for group in groups])

    total = sums(power)
    if seen is None:
        mean = total / sizes
    else:
        counts = sums(seen)
        mean = np.where(counts >= _SEEN_SHARE * sizes, total / np.maximum(counts, 1), np.nan)
    return np.asarray(mean.reshape(-1, *inner))


def _pixels(
    mask: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Return the flat numbers of the pixels of each copy, shape (place, pixel)."""
    down, right = np.nonzero(mask)
    return np.asarray((rows[:, None] + down) * width + columns[:, None] + right)


def _pick(pixels: NDArray[np.int64], count: int) -> csr_array:
    """Return the matrix, shape (place, `count`), that sums the pixels of each row of `pixels`."""
    places, size = pixels.shape
    starts = np.arange(0, pixels.size + 1, size)
    return csr_array((np.ones(pixels.size), pixels.ravel(), starts), shape=(places, count))
