"""Pixels of a file on a grid of the same CRS, picked or mixed, some rows at a time.

Where rows and columns of the grid are rows and columns of the file, moved and stretched, each axis can be dealt with
for itself. That takes a tenth of the time of a warp between any two CRS and none of its memory, with the same numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import Any, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio import Band
from rasterio.crs import CRS
from rasterio.windows import Window

from geo.grid import Grid

_ALIGNED_WITHIN_PX = 1e-3
"""A grid that lies on the file's own pixels to a thousandth is served with them, unresampled."""
_ON_EDGE_PX = 1e-10
"""So much left of an edge between pixels, a point belongs to the pixel right of it, as GDAL has it."""
_STRIP_PX = 512
"""So many rows are worked on at once: the usual height of a file's blocks, each of which is then unpacked once."""

Number = TypeVar("Number", np.float32, np.uint8)
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Where wanted pixels lie along the rows or the columns of a file, in its own pixels from its edge on."""

    middle: float
    """Of the first wanted pixel."""
    step: float
    """From one wanted pixel to the next."""
    count: int
    """How many are wanted."""

    @property
    def is_own(self) -> bool:
        """Whether each wanted pixel is one of the file."""
        first = self.middle - self.step / 2
        off = [edge - round(first) - own for edge, own in ((first, 0), (first + self.count * self.step, self.count))]
        return max(map(abs, off)) < _ALIGNED_WITHIN_PX

    def part(self, wanted: slice) -> "Axis":
        """Return the same of a part of the wanted pixels."""
        return Axis(
            middle=self.middle + wanted.start * self.step,
            step=self.step,
            count=wanted.stop - wanted.start,
        )

    @property
    def middles(self) -> NDArray[np.float64]:
        """Where the middles of all wanted pixels lie."""
        return np.asarray(self.middle + self.step * np.arange(self.count), dtype=np.float64)

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The pixels that the middles lie in; of pixels that are the file's own, these, if they are off by rounding."""
        if self.is_own:
            return round(self.middle - self.step / 2) + np.arange(self.count)
        return np.floor(self.middles + _ON_EDGE_PX).astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Some rows of what is wanted."""

    wanted: slice
    rows: Axis
    columns: Axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How a grid lies on a file of the same CRS whose rows run east and columns south."""

    rows: Axis
    columns: Axis

    @classmethod
    def of(cls, own: Affine, crs: CRS, grid: Grid) -> "Placing | None":
        """Return how `grid` lies on a file in `crs` with the transform `own`; None where they do not share axes."""
        if own.b or own.d or own.a <= 0 or own.e >= 0 or crs != crs_of(grid.epsg):
            return None
        across, down = grid.pixel_m / own.a, grid.pixel_m / -own.e
        left, top = (grid.left_m - own.c) / own.a, (own.f - grid.top_m) / -own.e
        return cls(
            rows=Axis(middle=top + down / 2, step=down, count=grid.height_px),
            columns=Axis(middle=left + across / 2, step=across, count=grid.width_px),
        )

    @property
    def is_on_own_pixels(self) -> bool:
        """Whether all wanted pixels are pixels of the file."""
        return self.rows.is_own and self.columns.is_own

    @property
    def is_no_coarser(self) -> bool:
        """Whether wanted pixels are no larger than the file's: two of these along each axis tell all of one."""
        return max(self.rows.step, self.columns.step) <= 1 + _ALIGNED_WITHIN_PX / max(
            self.rows.count, self.columns.count
        )

    def strips(self) -> Iterator[Strip]:
        """Yield all that is wanted, from north to south."""
        for first in range(0, self.rows.count, _STRIP_PX):
            wanted = slice(first, min(first + _STRIP_PX, self.rows.count))
            yield Strip(wanted=wanted, rows=self.rows.part(wanted), columns=self.columns)


def pick(band: Band, strip: Strip, values: NDArray[Number], *, nodata: float) -> None:
    """Put the nearest pixels of a file into the strip's rows of `values`, but those that hold `nodata`."""
    rows, columns = strip.rows.nearest, strip.columns.nearest
    down, across = (
        np.flatnonzero((found >= 0) & (found < size))
        for found, size in ((rows, band.ds.height), (columns, band.ds.width))
    )
    if not (down.size and across.size):
        return
    rows, columns = rows[down], columns[across]
    window = Window(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
    part = band.ds.read(band.bidx, window=window, out_dtype=values.dtype)
    part = _taken(_taken(part, rows - rows[0], axis=0), columns - columns[0], axis=1)
    if not isnan(nodata) and values.dtype.kind == "f":
        part[part == np.float32(nodata)] = np.nan
    values[strip.wanted][down[0] : down[-1] + 1, across[0] : across[-1] + 1] = part


def mix(band: Band, strip: Strip, values: Float, *, nodata: float) -> None:
    """Put into `values` the numbers between the middles of pixels, straight from one to the next.

    As GDAL does it: what was not recorded, and what lies beyond the edge, takes no part; where it is the nearest, there
    is nothing.
    """
    rows, columns = (_Pairs.of(axis) for axis in (strip.rows, strip.columns))
    source = _around(band, rows, columns, nodata=nodata)
    if source is None:
        return
    is_seen = np.isfinite(source)
    if is_seen.all():
        values[:] = columns.mix(rows.mix(source, axis=0), axis=1)
        return
    source[~is_seen] = 0
    share = columns.mix(rows.mix(is_seen.astype(np.float32), axis=0), axis=1)
    mixed = columns.mix(rows.mix(source, axis=0), axis=1)
    is_near = _taken(_taken(is_seen, rows.nearest, axis=0), columns.nearest, axis=1)
    np.divide(mixed, share, out=values, where=is_near & (share > 0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Between which two pixels of a file wanted ones lie, along one axis."""

    first: int
    """The first of the file's pixels that is needed, which may lie before its edge."""
    count: int
    low: NDArray[np.intp]
    """The nearer to the edge of each two, from `first` on."""
    weight: Float
    """Of the other (0-1)."""
    nearest: NDArray[np.intp]

    @classmethod
    def of(cls, axis: Axis) -> "_Pairs":
        """Return the pairs of an axis."""
        between = axis.middles - 0.5
        low = np.floor(between).astype(np.intp)
        first = int(low[0])
        return cls(
            first=first,
            count=int(low[-1]) - first + 2,
            low=low - first,
            weight=(between - low).astype(np.float32),
            nearest=np.floor(axis.middles + _ON_EDGE_PX).astype(np.intp) - first,
        )

    def mix(self, source: Float, *, axis: int) -> Float:
        """Return the numbers between the pixels of `source`, shape (y, x), along `axis`."""
        weight = self.weight[:, None] if axis == 0 else self.weight
        low = _taken(source, self.low, axis=axis)
        mixed: Float = _taken(source, self.low + 1, axis=axis) - low
        mixed *= weight
        mixed += low
        return mixed


def _around(band: Band, rows: _Pairs, columns: _Pairs, *, nodata: float) -> Float | None:
    """Return the pixels that `rows` and `columns` name, NaN where there is no number; None where the file has none."""
    top, bottom = max(rows.first, 0), min(rows.first + rows.count, band.ds.height)
    left, right = max(columns.first, 0), min(columns.first + columns.count, band.ds.width)
    if top >= bottom or left >= right:
        return None
    part: Float = band.ds.read(band.bidx, window=Window(left, top, right - left, bottom - top), out_dtype="float32")
    if not isnan(nodata):
        part[part == np.float32(nodata)] = np.nan
    if part.shape == (rows.count, columns.count):
        return part
    whole = np.full((rows.count, columns.count), np.nan, dtype=np.float32)
    whole[top - rows.first : bottom - rows.first, left - columns.first : right - columns.first] = part
    return whole


def _taken(values: NDArray[Any], places: NDArray[np.intp], *, axis: int) -> NDArray[Any]:
    """Return `values` at ascending `places` along `axis`, without a copy where these follow each other."""
    if (np.diff(places) == 1).all():
        run = slice(int(places[0]), int(places[-1]) + 1)
        return values[run] if axis == 0 else values[:, run]
    return values[places] if axis == 0 else values[:, places]


@lru_cache(maxsize=32)
def crs_of(epsg: int) -> CRS:
    """Return the CRS with an EPSG code; made once, which takes longer than reading a few pixels."""
    return CRS.from_epsg(epsg)
