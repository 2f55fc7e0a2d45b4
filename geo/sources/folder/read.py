"""The pixels of one layer on the wanted grid (`geo.sources.warp` tells how), as reflectance or brightness."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, floor

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio lets through in places
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.warp import Resampling

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import as_bytes
from geo.reflectance import Scaling, to_reflectance
from geo.scene import Quantity
from geo.sources.folder.cube_pixels import read_window, to_power
from geo.sources.folder.layers import CubeSlice, Layer, Numbers
from geo.sources.folder.sidecar import SIDECAR_NAME, Units
from geo.sources.header import LOCAL_ENVIRONMENT, Header, local_driver, reason, transformer
from geo.sources.placing import Placing
from geo.sources.warp import Sampling, classes_onto_grid, first_recorded, onto_grid

MOST_REFLECTANCE = 10.0
"""16-bit products reach 6.6 at most; clouds seldom reach 2. Above stands something that was not scaled."""


def mosaic(layers: Sequence[Layer], grid: Grid, *, is_moved: bool = False) -> NDArray[np.float32]:
    """Return one band on `grid`, shape (y, x), from the first of `layers` that recorded each pixel; NaN where none did.

    Measurements come as reflectance or brightness; resampled as what is to be moved, if it is (`geo.sources.moved`).

    Raises:
        SourceError: A file that may lie under `grid` cannot be read; names it.

    """
    return first_recorded(
        layers, grid, lambda layer: read_layer(layer, grid, is_moved=is_moved), nothing=np.float32(np.nan)
    )


def mosaic_classes(layers: Sequence[Layer], grid: Grid) -> NDArray[np.uint8]:
    """Return the classification layer on `grid`, shape (y, x), as `mosaic` does; 0 where there is no class.

    Raises:
        SourceError: As for `mosaic`.

    """
    return first_recorded(layers, grid, lambda layer: read_classes(layer, grid), nothing=np.uint8(0))


def read_layer(layer: Layer, grid: Grid, *, is_moved: bool = False) -> NDArray[np.float32]:
    """Return one layer on `grid`, shape (y, x); NaN where nothing was recorded.

    Raises:
        SourceError: The file cannot be read; names it.

    """
    header, crs = _placed(layer)
    sampling = Sampling.of(header, crs, grid, is_measured=layer.numbers is not None, is_moved=is_moved)
    if layer.cube is not None:
        return _read_cube(layer, layer.cube, grid, sampling.kind)
    if layer.units is not None:
        return _read_radar(layer, layer.units, grid, sampling.kind)
    nodata = layer.numbers.nodata if layer.numbers else 0.0
    with _opened(layer, sampling) as dataset:
        values = onto_grid(dataset, layer.band_index, grid, nodata=nodata, kind=sampling.kind)
        if layer.alpha_index is not None:
            alpha = onto_grid(dataset, layer.alpha_index, grid, nodata=0.0, kind=Resampling.nearest)
            values[np.isnan(alpha)] = np.nan
    if layer.numbers is not None:
        _scale(values, layer.numbers)
    return values


def read_classes(layer: Layer, grid: Grid) -> NDArray[np.uint8]:
    """Return a classification layer on `grid`, shape (y, x); 0 where there is no class.

    Raises:
        SourceError: The file cannot be read; names it.

    """
    if layer.cube is not None or layer.alpha_index is not None:
        return as_bytes(read_layer(layer, grid))
    sampling = Sampling.of(*_placed(layer), grid, is_measured=False)
    with _opened(layer, sampling) as dataset:
        return classes_onto_grid(dataset, layer.band_index, grid)


def is_on_own_pixels(layer: Layer, grid: Grid) -> bool:
    """Say whether reading a layer onto `grid` interpolates nothing."""
    placing = Placing.of(layer.header.transform, layer.header.crs, grid) if layer.header and layer.header.crs else None
    return placing is not None and placing.is_on_own_pixels


def _placed(layer: Layer) -> tuple[Header, CRS]:
    """Return the header of a layer whose place is known."""
    if layer.header is None or layer.header.crs is None or layer.problem is not None:
        raise SourceError(layer.problem)
    return layer.header, layer.header.crs


@contextmanager
def _opened(layer: Layer, sampling: Sampling) -> Iterator[rasterio.DatasetReader]:
    try:
        options = {**sampling.open_options, "driver": local_driver(layer.path)}
        with rasterio.Env(**LOCAL_ENVIRONMENT), rasterio.open(layer.path, **options) as dataset:
            yield dataset
    except (RasterioError, CPLE_BaseError) as error:
        raise SourceError(
            f"{layer.path}: cannot be read: damaged or incomplete ({reason(error, layer.path)})"
        ) from error


def _scale(values: NDArray[np.float32], numbers: Numbers) -> None:
    """Make numbers what they mean, in their own place."""
    to_reflectance(values, Scaling(scale=numbers.scale, offset=numbers.offset, nodata=np.nan), out=values)


def _read_cube(layer: Layer, piece: CubeSlice, grid: Grid, kind: Resampling) -> NDArray[np.float32]:
    """Return a band of one date of a cube on `grid`, reading no more than lies under it."""
    header, crs = _placed(layer)
    around = transformer(grid.epsg, crs.to_wkt()).transform_bounds(*grid.bounds_m)
    rows, columns = _under(around, header, grid)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return np.full(grid.shape, np.nan, dtype=np.float32)
    values = _as_measured(layer, read_window(layer.path, piece, rows, columns))
    return _resampled(values, layer, grid, (rows, columns), kind)


def _read_radar(layer: Layer, units: Units, grid: Grid, kind: Resampling) -> NDArray[np.float32]:
    """Return a band of radar on `grid`: power is what is averaged, whatever the numbers of the file are.

    Raises:
        SourceError: The file cannot be read; names it.

    """
    header, crs = _placed(layer)
    rows, columns = slice(0, header.height_px), slice(0, header.width_px)
    if header.transform.is_rectilinear and header.transform.e < 0:
        around = transformer(grid.epsg, crs.to_wkt()).transform_bounds(*grid.bounds_m)
        rows, columns = _under(around, header, grid)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return np.full(grid.shape, np.nan, dtype=np.float32)
    with _opened(layer, Sampling(kind=kind, overview=None)) as dataset:
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        numbers = dataset.read(layer.band_index, window=window, out_dtype="float32")
    if layer.numbers is not None:
        numbers[numbers == np.float32(layer.numbers.nodata)] = np.nan
        _scale(numbers, layer.numbers)
    return _resampled(to_power(numbers, units), layer, grid, (rows, columns), kind)


def _resampled(
    values: NDArray[np.float32], layer: Layer, grid: Grid, window: tuple[slice, slice], kind: Resampling
) -> NDArray[np.float32]:
    """Return `values`, those of a layer within `window` (rows, columns), on `grid`."""
    header, crs = _placed(layer)
    rows, columns = window
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, "nodata": np.nan}
    size = {"height": values.shape[0], "width": values.shape[1]}
    corner = header.transform @ Affine.translation(columns.start, rows.start)
    with MemoryFile() as memory:
        with memory.open(**profile, **size, transform=corner) as image:
            image.write(values, 1)
        with memory.open() as image:
            return onto_grid(image, 1, grid, nodata=np.nan, kind=kind)


def _under(bounds: tuple[float, float, float, float], header: Header, grid: Grid) -> tuple[slice, slice]:
    """Return the rows and columns of a north-up image under `bounds`, and those around that resampling looks at."""
    left, bottom, right, top = bounds
    first_column, first_row = ~header.transform @ (left, top)
    last_column, last_row = ~header.transform @ (right, bottom)
    rim = 2 + ceil(max((last_column - first_column) / grid.width_px, (last_row - first_row) / grid.height_px))
    rows = slice(max(0, floor(first_row) - rim), min(header.height_px, ceil(last_row) + rim))
    columns = slice(max(0, floor(first_column) - rim), min(header.width_px, ceil(last_column) + rim))
    return rows, columns


def _as_measured(layer: Layer, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return reflectance, brightness or power; classes as they are.

    Raises:
        SourceError: It cannot be reflectance.

    """
    if layer.numbers is None:
        return numbers
    values = numbers
    _scale(values, layer.numbers)
    if layer.numbers.quantity is Quantity.REFLECTANCE and np.nanmax(values, initial=0.0) > MOST_REFLECTANCE:
        raise SourceError(
            f"{layer.path}: {layer.band} has values up to {np.nanmax(values):,.0f}, which is no reflectance; tell the "
            f"scale in a {SIDECAR_NAME} in its folder with the columns file,scale (such as '{layer.path.name},0.0001')"
        )
    return values
