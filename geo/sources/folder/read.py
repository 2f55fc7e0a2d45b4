"""The pixels of one layer on the wanted grid, read through a window, never as a whole file."""

from collections.abc import Sequence
from math import isnan, sqrt

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio lets through in places
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from geo.errors import SourceError
from geo.grid import Grid
from geo.sources.folder.header import ENVIRONMENT, Header, apply, reason, transformer
from geo.sources.folder.layers import Layer

MIN_RATIO_TO_AVERAGE = 2.0
"""From two source pixels a side of a wanted pixel on, all of them are averaged."""

_ALIGNED_WITHIN_PX = 1e-3
"""A grid that lies on the file's own pixels to a thousandth is served with them, unresampled."""


def mosaic(layers: Sequence[Layer], grid: Grid) -> NDArray[np.float32]:
    """Return one band on `grid`, shape (y, x), from the first of `layers` that recorded each pixel; NaN where none did.

    Measurements come as reflectance or brightness, resampled bilinearly: cubic would overshoot beside bright roofs
    and clouds and so draw edges that are not there. From `MIN_RATIO_TO_AVERAGE` source pixels a wanted pixel on they
    are averaged. The classification layer comes as class numbers of the nearest pixel.

    Raises:
        SourceError: A file that may lie under `grid` cannot be read; names it.

    """
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    outline = grid.footprint_4326
    for layer in layers:
        if layer.footprint_4326 is not None and not layer.footprint_4326.intersects(outline):
            continue
        is_open = np.isnan(values)
        if not is_open.any():
            break
        values[is_open] = read_layer(layer, grid)[is_open]
    return values


def read_layer(layer: Layer, grid: Grid) -> NDArray[np.float32]:
    """Return one layer on `grid`, shape (y, x); NaN where nothing was recorded.

    Raises:
        SourceError: The file cannot be read; names it.

    """
    if layer.header is None or layer.header.crs is None or layer.problem is not None:
        raise SourceError(layer.problem)
    ratio = _source_px_per_px(layer.header, layer.header.crs, grid)
    kind = Resampling.nearest
    if layer.numbers is not None:
        kind = Resampling.average if ratio >= MIN_RATIO_TO_AVERAGE else Resampling.bilinear
    nodata = layer.numbers.nodata if layer.numbers else 0.0
    try:
        with rasterio.Env(**ENVIRONMENT), rasterio.open(layer.path, **_overview(layer.header, ratio)) as dataset:
            values = _onto(dataset, layer.band_index, grid, nodata=nodata, kind=kind)
            if layer.alpha_index is not None:
                alpha = _onto(dataset, layer.alpha_index, grid, nodata=0.0, kind=Resampling.nearest)
                values[np.isnan(alpha)] = np.nan
    except (RasterioError, CPLE_BaseError) as error:
        raise SourceError(
            f"{layer.path}: cannot be read: damaged or incomplete ({reason(error, layer.path)})"
        ) from error
    if layer.numbers is None:
        return values
    return values * np.float32(layer.numbers.scale) + np.float32(layer.numbers.offset)


def _overview(header: Header, ratio: float) -> dict[str, int]:
    """Return the option that opens the coarsest smaller copy with two pixels or more a wanted pixel, to average."""
    fitting = [level for level, factor in enumerate(header.overviews) if factor * MIN_RATIO_TO_AVERAGE <= ratio]
    return {"OVERVIEW_LEVEL": fitting[-1]} if fitting else {}


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


def _onto(
    dataset: rasterio.DatasetReader, index: int, grid: Grid, *, nodata: float, kind: Resampling
) -> NDArray[np.float32]:
    """Return the numbers of one band on `grid` as float32; NaN where there is no number."""
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
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    row, column = corner
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + grid.height_px, dataset.height), min(column + grid.width_px, dataset.width)
    if top >= bottom or left >= right:
        return values
    part = dataset.read(index, window=Window(left, top, right - left, bottom - top)).astype(np.float32)
    if not isnan(nodata):
        part[part == np.float32(nodata)] = np.nan
    values[top - row : bottom - row, left - column : right - column] = part
    return values
