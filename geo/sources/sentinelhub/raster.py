"""What an answer with pixels must be before it is believed."""

from collections.abc import Sequence

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio lets through in places
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geo.grid import Grid

_SAME_PLACE_PX = 1e-3

Numbers = NDArray[np.uint16] | NDArray[np.float32]


class DamagedError(Exception):
    """The answer is not the raster that was asked for."""


def read_answer(content: bytes, grid: Grid, *, layers: int, dtype: str) -> Numbers:
    """Return the pixels of a GeoTIFF, shape (layer, y, x), read to the last block.

    Args:
        content: The answer.
        grid: Where it must lie.
        layers: How many it must have.
        dtype: What its numbers must be.

    Raises:
        DamagedError: It is anything else.

    """
    if not content:  # which rasterio would take for a file to be written
        raise DamagedError("empty")
    try:
        # looking for no files beside it: an answer is complete in itself
        environment = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
        with environment, MemoryFile(content) as memory, memory.open(driver="GTiff") as image:
            _check(image, grid, layers=layers, dtype=dtype)
            numbers: Numbers = image.read()
            return numbers
    except (RasterioError, CPLE_BaseError, ValueError) as error:
        raise DamagedError(f"no readable GeoTIFF of {len(content):,} bytes: {' '.join(str(error).split())}") from error


def _check(image: rasterio.DatasetReader, grid: Grid, *, layers: int, dtype: str) -> None:
    got_epsg = image.crs.to_epsg() if image.crs else None
    expected = (layers, grid.shape, {dtype}, grid.epsg)
    got = (image.count, image.shape, set(image.dtypes), got_epsg)
    if got != expected:
        raise DamagedError(f"expected (layers, size, type, CRS) {expected}; got {got}")
    shift_px = np.abs(np.subtract(image.bounds, grid.bounds_m)).max() / grid.pixel_m
    if shift_px > _SAME_PLACE_PX:
        raise DamagedError(f"expected bounds {grid.bounds_m}; got {tuple(image.bounds)}")


def stitched(parts: Sequence[tuple[Grid, Numbers]], grid: Grid) -> Numbers:
    """Return the pixels of `parts`, which cover `grid` as `tiles.split` cut it, as one array, shape (layer, y, x)."""
    if len(parts) == 1:
        return parts[0][1]
    first = parts[0][1]
    whole: Numbers = np.zeros((first.shape[0], *grid.shape), dtype=first.dtype)
    for part, numbers in parts:
        top = round((grid.top_m - part.top_m) / grid.pixel_m)
        left = round((part.left_m - grid.left_m) / grid.pixel_m)
        whole[:, top : top + part.height_px, left : left + part.width_px] = numbers
    return whole
