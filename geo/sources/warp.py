"""The pixels of raster files on the wanted grid, read through a window, never as a whole file.

Measurements are resampled bilinearly: cubic would overshoot beside bright roofs and clouds and so draw edges that are
not there. From `MIN_RATIO_TO_AVERAGE` source pixels a side of a wanted pixel on, all of them are averaged, from the
file's own smaller copies (overviews) where it has them. Classes come as those of the nearest pixel. A grid that lies
on the file's own pixels is served with them, unresampled.

Dates that are read anew to be moved onto the same ground (`geo.sources.moved`) come by cubic splines, as all that is
moved: what is near to clouds is masked by then.

Where the grid is in the file's own CRS, as it mostly is, `geo.sources.placing` does it; all else is left to GDAL.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Protocol, TypeVar

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Band
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from geo.masks import as_bytes
from geo.sources.header import Header, apply, transformer
from geo.sources.placing import Float, Number, Placing, crs_of, mix, pick
from geo.sources.spline import spline

MIN_RATIO_TO_AVERAGE = 2.0


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
    def of(cls, header: Header, crs: CRS, grid: Grid, *, is_measured: bool, is_moved: bool = False) -> "Sampling":
        """Choose for the file with `header` in `crs`; what is not measured is a class."""
        ratio = _source_px_per_px(header, crs, grid)
        kind = Resampling.nearest
        if is_measured:
            smooth = Resampling.cubic_spline if is_moved else Resampling.bilinear
            kind = Resampling.average if ratio >= MIN_RATIO_TO_AVERAGE else smooth
        fitting = [level for level, factor in enumerate(header.overviews) if factor * MIN_RATIO_TO_AVERAGE <= ratio]
        return cls(kind=kind, overview=fitting[-1] if fitting else None)

    @property
    def open_options(self) -> dict[str, int]:
        """What `rasterio.open` must be told."""
        return {} if self.overview is None else {"OVERVIEW_LEVEL": self.overview}


def touching(layers: Iterable[Layer], grid: Grid) -> Iterator[Layer]:
    """Yield those of `layers` that may show something of `grid`."""
    outline = grid.footprint_4326
    for layer in layers:
        if layer.footprint_4326 is None or layer.footprint_4326.intersects(outline):
            yield layer


def first_recorded(
    layers: Iterable[Layer], grid: Grid, read: Callable[[Layer], NDArray[Number]], *, nothing: Number
) -> NDArray[Number]:
    """Return the values of the first of `layers` that recorded each pixel, shape (y, x); `nothing` where none did.

    Layers that lie elsewhere, and those behind layers that recorded everything, are not read.
    """
    values: NDArray[Number] | None = None
    for layer in touching(layers, grid):
        if values is None:
            values = read(layer)  # mostly there is but one
            continue
        is_open = np.isnan(values) if np.isnan(nothing) else values == nothing
        if not is_open.any():
            break
        values[is_open] = read(layer)[is_open]
    return np.full(grid.shape, nothing) if values is None else values


def onto_grid(dataset: rasterio.DatasetReader, index: int, grid: Grid, *, nodata: float, kind: Resampling) -> Float:
    """Return the numbers of one band on `grid` as float32, shape (y, x); NaN where there is no number.

    Args:
        dataset: An open file that has a CRS.
        index: The band, from 1.
        grid: Where the pixels shall lie.
        nodata: The number for "not recorded"; NaN where none stands for it.
        kind: How to resample, if need be.

    """
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    placing, band = Placing.of(dataset.transform, dataset.crs, grid), rasterio.band(dataset, index)
    if placing is not None and (kind is Resampling.nearest or placing.is_on_own_pixels):
        for strip in placing.strips():
            pick(band, strip, values, nodata=nodata)
    elif placing is not None and kind is Resampling.bilinear and placing.is_no_coarser:
        for strip in placing.strips():
            mix(band, strip, values[strip.wanted], nodata=nodata)
    elif kind is Resampling.cubic_spline:  # which GDAL has as well, but as a smoothing one
        spline(band, grid, values, nodata=nodata)
    else:
        _warp(band, grid, values, nodata=nodata, kind=kind)
    return values


def classes_onto_grid(dataset: rasterio.DatasetReader, index: int, grid: Grid) -> NDArray[np.uint8]:
    """Return the classes of the nearest pixels on `grid`, shape (y, x); 0 where there is none.

    Args:
        dataset: An open file that has a CRS.
        index: The band, from 1.
        grid: Where the pixels shall lie.

    """
    placing = Placing.of(dataset.transform, dataset.crs, grid)
    if placing is None or dataset.dtypes[index - 1] != "uint8":
        return as_bytes(onto_grid(dataset, index, grid, nodata=0.0, kind=Resampling.nearest))
    classes = np.zeros(grid.shape, dtype=np.uint8)
    for strip in placing.strips():
        pick(rasterio.band(dataset, index), strip, classes, nodata=0.0)
    return classes


def _warp(band: Band, grid: Grid, values: Float, *, nodata: float, kind: Resampling) -> None:
    is_whole = np.dtype(band.dtype).kind in "iu"
    reproject(
        band,
        values,
        dst_transform=grid.transform,
        dst_crs=crs_of(grid.epsg),
        src_nodata=None if isnan(nodata) and is_whole else nodata,
        dst_nodata=np.nan,
        resampling=kind,
    )


def _source_px_per_px(header: Header, crs: CRS, grid: Grid) -> float:
    """Return how many source pixels lie along a side of a pixel in the middle of `grid`."""
    if crs == crs_of(grid.epsg):
        return grid.pixel_m / sqrt(abs(header.transform.determinant))
    x_m = grid.left_m + grid.width_px / 2 * grid.pixel_m
    y_m = grid.top_m - grid.height_px / 2 * grid.pixel_m
    corners_m = (np.array([x_m, x_m + grid.pixel_m, x_m]), np.array([y_m, y_m, y_m + grid.pixel_m]))
    xs, ys = transformer(grid.epsg, crs.to_wkt()).transform(*corners_m)
    columns, rows = apply(~header.transform, xs, ys)
    right = (columns[1] - columns[0], rows[1] - rows[0])
    up = (columns[2] - columns[0], rows[2] - rows[0])
    return sqrt(abs(right[0] * up[1] - right[1] * up[0]))
