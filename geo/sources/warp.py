"""The pixels of raster files on the wanted grid, read through a window, never as a whole file.

Measurements are resampled bilinearly: cubic would overshoot beside bright roofs and clouds and so draw edges that are
not there. From `MIN_RATIO_TO_AVERAGE` source pixels a side of a wanted pixel on, all of them are averaged, from the
file's own smaller copies (overviews) where it has them. Classes come as those of the nearest pixel. A grid that lies
on the file's own pixels is served with them, unresampled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Protocol, TypeVar

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from geo.sources.header import Header, apply, transformer

MIN_RATIO_TO_AVERAGE = 2.0

_ALIGNED_WITHIN_PX = 1e-3
"""A grid that lies on the file's own pixels to a thousandth is served with them, unresampled."""


class Placed(Protocol):
    """Something that lies somewhere."""

    @property
    def footprint_4326(self) -> BaseGeometry | None:
        """Where it lies; None where that is not known."""
        ...


Layer = TypeVar("Layer", bound=Placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a file's pixels become those of a grid."""

    kind: Resampling
    overview: int | None
    """Which of the smaller copies in the file to open, from 0; None for the full image."""

    @classmethod
    def of(cls, header: Header, crs: CRS, grid: Grid, *, is_measured: bool) -> "Sampling":
        """Choose for the file with `header` in `crs`; what is not measured is a class."""
        ratio = _source_px_per_px(header, crs, grid)
        kind = Resampling.nearest
        if is_measured:
            kind = Resampling.average if ratio >= MIN_RATIO_TO_AVERAGE else Resampling.bilinear
        fitting = [level for level, factor in enumerate(header.overviews) if factor * MIN_RATIO_TO_AVERAGE <= ratio]
        return cls(kind=kind, overview=fitting[-1] if fitting else None)

    @property
    def open_options(self) -> dict[str, int]:
        """What `rasterio.open` must be told."""
        return {} if self.overview is None else {"OVERVIEW_LEVEL": self.overview}


def first_recorded(
    layers: Iterable[Layer], grid: Grid, read: Callable[[Layer], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the values of the first of `layers` that recorded each pixel, shape (y, x); NaN where none did.

    Layers that lie elsewhere, and those behind layers that recorded everything, are not read.
    """
    values: NDArray[np.float32] | None = None
    outline = grid.footprint_4326
    for layer in layers:
        if layer.footprint_4326 is not None and not layer.footprint_4326.intersects(outline):
            continue
        if values is None:
            values = read(layer)  # mostly there is but one
            continue
        is_open = np.isnan(values)
        if not is_open.any():
            break
        values[is_open] = read(layer)[is_open]
    return np.full(grid.shape, np.nan, dtype=np.float32) if values is None else values


def onto_grid(
    dataset: rasterio.DatasetReader, index: int, grid: Grid, *, nodata: float, kind: Resampling
) -> NDArray[np.float32]:
    """Return the numbers of one band on `grid` as float32, shape (y, x); NaN where there is no number.

    Args:
        dataset: An open file that has a CRS.
        index: The band, from 1.
        grid: Where the pixels shall lie.
        nodata: The number for "not recorded"; NaN where none stands for it.
        kind: How to resample, if need be.

    """
    corner = _corner_on_own_pixels(dataset, grid)
    if corner is not None:
        return _cut(dataset, index, grid, corner=corner, nodata=nodata)
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    is_whole = np.dtype(dataset.dtypes[index - 1]).kind in "iu"
    reproject(
        rasterio.band(dataset, index),
        values,
        dst_transform=grid.transform,
        dst_crs=CRS.from_epsg(grid.epsg),
        src_nodata=None if isnan(nodata) and is_whole else nodata,
        dst_nodata=np.nan,
        resampling=kind,
    )
    return values


def _source_px_per_px(header: Header, crs: CRS, grid: Grid) -> float:
    """Return how many source pixels lie along a side of a pixel in the middle of `grid`."""
    x_m = grid.left_m + grid.width_px / 2 * grid.pixel_m
    y_m = grid.top_m - grid.height_px / 2 * grid.pixel_m
    corners_m = (np.array([x_m, x_m + grid.pixel_m, x_m]), np.array([y_m, y_m, y_m + grid.pixel_m]))
    xs, ys = transformer(grid.epsg, crs.to_wkt()).transform(*corners_m)
    columns, rows = apply(~header.transform, xs, ys)
    right = (columns[1] - columns[0], rows[1] - rows[0])
    up = (columns[2] - columns[0], rows[2] - rows[0])
    return sqrt(abs(right[0] * up[1] - right[1] * up[0]))


def _corner_on_own_pixels(dataset: rasterio.DatasetReader, grid: Grid) -> tuple[int, int] | None:
    """Return the (row, column) of the grid's first pixel if the grid lies on the file's own pixels."""
    own: Affine = dataset.transform
    if dataset.crs != CRS.from_epsg(grid.epsg):
        return None
    column, row = ~own @ (grid.left_m, grid.top_m)
    end_column, end_row = ~own @ (grid.bounds_m[2], grid.bounds_m[1])
    expected = (round(column), round(row), round(column) + grid.width_px, round(row) + grid.height_px)
    offsets = np.abs(np.subtract((column, row, end_column, end_row), expected))
    return (round(row), round(column)) if offsets.max() < _ALIGNED_WITHIN_PX else None


def _cut(
    dataset: rasterio.DatasetReader, index: int, grid: Grid, *, corner: tuple[int, int], nodata: float
) -> NDArray[np.float32]:
    """Read the part of `grid`, whose first pixel is the file's `corner`, that the file covers."""
    row, column = corner
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + grid.height_px, dataset.height), min(column + grid.width_px, dataset.width)
    if top >= bottom or left >= right:
        return np.full(grid.shape, np.nan, dtype=np.float32)
    window = Window(left, top, right - left, bottom - top)
    part: NDArray[np.float32] = dataset.read(index, window=window).astype(np.float32, copy=False)
    if not isnan(nodata):
        part[part == np.float32(nodata)] = np.nan
    if part.shape == grid.shape:
        return part
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    values[top - row : bottom - row, left - column : right - column] = part
    return values
