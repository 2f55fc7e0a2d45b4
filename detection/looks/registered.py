"""How does a large stack lie on one ground, when it is too large to be moved as a whole?

Its shifts are measured on windows spread over it, and each window is moved when it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from detection.kernels.threads import spread
from geo.coregister import CoregisterParams, clearest_date, coregister, filling, moved
from geo.grid import Grid
from geo.scene import Stack

_WINDOWS = 3
"""Windows a side on which shifts are measured…"""
WINDOW_PX = 512
"""… and their side, where it fits into memory."""
_SPLINE_REACH_PX = 14

Slices = tuple[slice, slice]


def crop(stack: Stack, window: Slices) -> Stack:
    """Return the part of `stack` within `window` (rows, columns), on its own grid."""
    rows, columns = window
    return Stack(
        dataset=stack.dataset.isel(y=rows, x=columns),
        grid=crop_grid(stack.grid, window),
        quantity=stack.quantity,
        shifts_px=stack.shifts_px,
    )


def crop_grid(grid: Grid, window: Slices) -> Grid:
    """Return the part of `grid` within `window` (rows, columns)."""
    rows, columns = window
    return replace(
        grid,
        left_m=grid.left_m + columns.start * grid.pixel_m,
        top_m=grid.top_m - rows.start * grid.pixel_m,
        width_px=columns.stop - columns.start,
        height_px=rows.stop - rows.start,
    )


def mapped(layers: NDArray[np.float32]) -> indexing.LazilyIndexedArray:
    """Return an array that lies in a file, shape (time, y, x), for xarray to read pieces of: no choice copies it."""
    return indexing.LazilyIndexedArray(_MappedBand(layers))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registration:
    """How each date of a large stack is moved."""

    stack: Stack
    """As it was read."""
    shifts_px: NDArray[np.float64]
    """Shape (time, 2), down and right; NaN where none is believed."""
    fills: NDArray[np.float64]
    """Shape (time, band): what stands in gaps while a date is moved."""

    @classmethod
    def of(cls, stack: Stack, params: CoregisterParams, *, window_px: int = WINDOW_PX) -> "Registration":
        """Measure the shifts on windows of `stack`, of `window_px` a side: the median of what they say."""
        windows = [crop(stack, window) for window in _windows(stack.grid.shape, window_px)]
        found = np.array([coregister(window, params).shifts_px for window in windows], dtype=np.float64)
        fills = np.stack([_fills(window) for window in windows])
        clearest = clearest_date(np.mean([window.is_clear.mean(axis=(1, 2)) for window in windows], axis=0))
        return cls(stack=stack, shifts_px=_common(found, clearest), fills=np.median(fills, axis=0))

    def read(self, window: Slices) -> NDArray[np.float32]:
        """Return the values within `window`, shape (time, band, y, x), moved."""
        rows, columns = window
        shape = (len(self.stack.bands), rows.stop - rows.start, columns.stop - columns.start)
        values = np.empty((len(self.shifts_px), *shape), dtype=np.float32)

        def one(date: int) -> None:
            values[date] = self.read_date(date, window)

        spread(one, [(date,) for date in range(len(values))])
        return values

    def read_date(self, date: int, window: Slices, band: int | None = None) -> NDArray[np.float32]:
        """Return one date within `window`, shape (band, y, x), moved; of one `band` only if that is given."""
        down, right = self._shift(date)
        rim = _SPLINE_REACH_PX + ceil(max(abs(down), abs(right)))
        rows, columns = (
            slice(max(0, side.start - rim), min(size, side.stop + rim))
            for side, size in zip(window, self.stack.grid.shape, strict=True)
        )
        inner = tuple(
            slice(own.start - wide.start, own.stop - wide.start)
            for own, wide in zip(window, (rows, columns), strict=True)
        )
        picked = range(len(self.stack.bands)) if band is None else [band]
        layers = [self.stack.dataset[self.stack.bands[index]] for index in picked]
        read = [layer[date, rows, columns].to_numpy() for layer in layers]
        values = read[0][None] if band is not None else np.stack(read)
        return moved(values, (down, right), fill=self.fills[date, list(picked)].tolist())[:, *inner]

    def as_stack(self) -> Stack:
        """Return the moved stack; its pixels are moved when they are asked for."""
        shape = (len(self.shifts_px), *self.stack.grid.shape)
        variables = {
            name: (("time", "y", "x"), indexing.LazilyIndexedArray(_MovedBand(self, index, shape)))
            for index, name in enumerate(self.stack.bands)
        }
        coordinates = self.stack.dataset.drop_vars(list(self.stack.bands))
        return replace(self.stack, dataset=coordinates.assign(variables), shifts_px=self.shifts_px, resample=None)

    def _shift(self, date: int) -> tuple[float, float]:
        shift_px = self.shifts_px[date]
        if not np.isfinite(shift_px).all():
            shift_px = np.nanmedian(self.shifts_px, axis=0)
        return (float(shift_px[0]), float(shift_px[1]))


class _MovedBand(BackendArray):
    """One band of a moved stack, shape (time, y, x), for xarray to read pieces of."""

    def __init__(self, registration: Registration, band: int, shape: tuple[int, int, int]) -> None:
        self.registration, self.band, self.shape = registration, band, shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:  # noqa: ANN401 - xarray's own
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
        dates = np.arange(self.shape[0])[key[0]]
        window, steps = zip(
            *(_whole(part, size) for part, size in zip(key[1:], self.shape[1:], strict=True)), strict=True
        )
        read = [self.registration.read_date(int(date), window, self.band)[0][steps] for date in np.atleast_1d(dates)]
        return read[0] if np.ndim(dates) == 0 else np.stack(read)


class _MappedBand(BackendArray):
    """One band of a stack that lies in a file, shape (time, y, x)."""

    def __init__(self, layers: NDArray[np.float32]) -> None:
        self.layers, self.shape, self.dtype = layers, layers.shape, layers.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:  # noqa: ANN401 - xarray's own
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
        return np.array(self.layers[key])


def _whole(part: int | slice, size: int) -> tuple[slice, int | slice]:
    """Return the consecutive pixels that hold `part` of an axis, and where it lies within them."""
    places = np.arange(size)[part]
    if np.ndim(places) == 0:
        return slice(int(places), int(places) + 1), 0
    low, high = int(places.min()), int(places.max())
    step = part.step or 1 if isinstance(part, slice) else 1
    return slice(low, high + 1), slice(None, None, step)


def _windows(shape: tuple[int, int], window_px: int) -> Iterator[Slices]:
    starts = [
        np.unique(((np.arange(_WINDOWS) + 0.5) * size / _WINDOWS - window_px / 2).clip(0).astype(int)) for size in shape
    ]
    for top in starts[0].tolist():
        for left in starts[1].tolist():
            yield slice(top, min(top + window_px, shape[0])), slice(left, min(left + window_px, shape[1]))


def _common(found: NDArray[np.float64], clearest: int) -> NDArray[np.float64]:
    """Return the median over windows of shifts, shape (window, time, 2), told from the clearest date.

    Where not one window has measured that, from the date that most have measured.
    """
    is_known = np.asarray(np.isfinite(found).all(axis=2))
    anchor = clearest if is_known[:, clearest].any() else int(np.argmax(is_known.sum(axis=0)))
    relative = np.where(is_known[..., None], found, np.nan) - found[:, anchor : anchor + 1]
    result = np.full(found.shape[1:], np.nan)
    told = np.asarray(np.isfinite(relative).all(axis=2))
    for date in np.flatnonzero(told.any(axis=0)).tolist():
        result[date] = np.median(relative[told[:, date], date], axis=0)
    return result


def _fills(window: Stack) -> NDArray[np.float64]:
    return np.array([filling(date_values) for date_values in window.values])
