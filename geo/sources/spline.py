"""Numbers between the pixels of a file, by cubic splines through them: for what is read anew to be moved.

Straight lines between pixels blur, the more the farther a point lies from the middles, and so does cubic convolution, a
little: dates that are moved by different parts of a pixel would differ in sharpness, which looks like a change along
every edge. A spline through the pixels hardly depends on where between them it is asked. It is what `geo.coregister`
moves with, too.
"""

from math import ceil, floor, isnan

import numpy as np
from numpy.typing import NDArray
from rasterio import Band
from rasterio.windows import Window
from scipy import ndimage

from geo.grid import Grid
from geo.sources.header import apply, transformer
from geo.sources.placing import crs_of

_ROWS = 512
"""So many rows are worked on at once."""
_LATTICE_PX = 32
"""From one CRS to another, each so-many-th pixel is placed exactly, those between along straight lines: off by some
millimetres."""
_REACH_PX = 12
"""So far an edge is felt in a cubic spline, to rounding."""
_ALL_SEEN = 0.999
"""One, but for rounding."""


def spline(band: Band, grid: Grid, values: NDArray[np.float32], *, nodata: float) -> None:
    """Put the numbers of a file at the middles of the pixels of `grid` into `values`, shape (y, x).

    NaN is what takes part from a pixel that holds `nodata`, or from beyond the edge of the file.
    """
    values[:] = np.nan
    for first in range(0, grid.height_px, _ROWS):
        part = np.s_[first : min(first + _ROWS, grid.height_px)]
        _fill(band, *_places(band, grid, part), values[part], nodata=nodata)


def _fill(
    band: Band, rows: NDArray[np.float64], columns: NDArray[np.float64], values: NDArray[np.float32], *, nodata: float
) -> None:
    """Fill `values`, which lie at `rows` and `columns` of the file, from the middle of its first pixel on."""
    top, bottom = max(floor(rows.min()) - _REACH_PX, 0), min(ceil(rows.max()) + _REACH_PX + 1, band.ds.height)
    left, right = max(floor(columns.min()) - _REACH_PX, 0), min(ceil(columns.max()) + _REACH_PX + 1, band.ds.width)
    if top >= bottom or left >= right:
        return
    window = Window(left, top, right - left, bottom - top)
    source: NDArray[np.float32] = band.ds.read(band.bidx, window=window, out_dtype="float32")
    is_seen = np.isfinite(source) if isnan(nodata) else np.isfinite(source) & (source != np.float32(nodata))
    if not is_seen.any():
        return
    source[~is_seen] = np.median(source[is_seen])
    places = np.stack([rows - top, columns - left])
    knots = ndimage.spline_filter(source, order=3, output=np.float32, mode="mirror")
    ndimage.map_coordinates(knots, places, output=values, order=3, mode="mirror", prefilter=False)
    share = ndimage.map_coordinates(is_seen.astype(np.float32), places, order=1, cval=0.0)
    values[share <= _ALL_SEEN] = np.nan


def _places(band: Band, grid: Grid, part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows and columns of the file, from the middle of its first pixel on, of some rows of `grid`."""
    wanted_rows, wanted_columns = np.arange(part.start, part.stop), np.arange(grid.width_px)
    is_same = band.ds.crs == crs_of(grid.epsg)
    some_rows, some_columns = (_lattice(count, is_same=is_same) for count in (wanted_rows, wanted_columns))
    xs_m, ys_m = np.meshgrid(grid.x_m[0] + some_columns * grid.pixel_m, grid.y_m[0] - some_rows * grid.pixel_m)
    if not is_same:
        xs_m, ys_m = transformer(grid.epsg, band.ds.crs.to_wkt()).transform(xs_m, ys_m)
    columns, rows = apply(~band.ds.transform, xs_m, ys_m)
    between = np.meshgrid(
        np.interp(wanted_rows, some_rows, np.arange(len(some_rows))),
        np.interp(wanted_columns, some_columns, np.arange(len(some_columns))),
        indexing="ij",
    )
    found = [ndimage.map_coordinates(image, between, order=1, mode="nearest") - 0.5 for image in (rows, columns)]
    return found[0], found[1]


def _lattice(wanted: NDArray[np.intp], *, is_same: bool) -> NDArray[np.float64]:
    """Return where to place pixels exactly: in the same CRS, with straight axes, the first and the last will do."""
    first, last = float(wanted[0]), float(wanted[-1])
    steps = 1 if is_same else ceil((last - first) / _LATTICE_PX)
    return np.linspace(first, last, max(steps, 1) + 1) if last > first else np.array([first])
