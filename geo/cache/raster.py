"""A scene as one cloud-optimised GeoTIFF, and back.

Reflectance is written as 16-bit numbers in steps of 0.0001, which is the step of the products it comes from; radar and
display values as 32-bit floating point. The last band, `CLEAR`, says where the ground was clearly seen. Each band
carries its name and its scale and offset, so that any GIS shows reflectance.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isinf, isnan
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from geo.cache.key import Place
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Quantity, Scene
from geo.sources.header import ENVIRONMENT

CLEAR = "CLEAR"
"""The name of the mask's band: 1 where the ground was clearly seen, 0 elsewhere."""

_STEPS_PER_UNIT = 10_000
_LOWEST_STEP = -1_001
"""The step that number 0, which stands for NaN, would be: reflectance from -0.1 on fits above it."""
_MOST = np.iinfo(np.uint16).max
_SMALL_BLOCK_PX, _BLOCK_PX = 128, 256
_LAYOUT = {
    "driver": "COG",
    "compress": "deflate",
    "predictor": "yes",
    "overviews": "auto",
    "overview_resampling": "nearest",
    "num_threads": 1,
    "bigtiff": "if_safer",
}
"""Smaller copies are added where an image is larger than a block; nearest, for an average of classes is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCode:
    """How one band's values were written: value = (number + first_step) / steps."""

    name: str
    steps: int
    first_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How a scene was written."""

    dtype: str
    bands: tuple[BandCode, ...]
    """In the file's order, the mask last."""


def coding_of(scene: Scene) -> Coding:
    """Return how `scene` is to be written: in whole numbers if it is reflectance that fits, else as it is."""
    layers = [values for name, values in scene.bands.items() if name != SCL]
    first_step = _first_step(layers) if scene.quantity is Quantity.REFLECTANCE else None
    names = (*scene.bands, CLEAR)
    if first_step is None:
        codes = tuple(BandCode(name=name, steps=1, first_step=0) for name in names)
        return Coding(dtype="float32", bands=codes)
    counted = BandCode(name="", steps=1, first_step=-1)
    measured = BandCode(name="", steps=_STEPS_PER_UNIT, first_step=first_step)
    kinds = [(name, counted if name in {SCL, CLEAR} else measured) for name in names]
    codes = tuple(BandCode(name=name, steps=kind.steps, first_step=kind.first_step) for name, kind in kinds)
    return Coding(dtype="uint16", bands=codes)


def write_scene(scene: Scene, path: Path, coding: Coding) -> None:
    """Write `scene` to `path` as a cloud-optimised GeoTIFF, some rows at a time: a scene may be large.

    Such a file is made from another that has all pixels; for a moment it lies beside `path`, without compression.
    """
    draft = path.with_name(f"{path.name}.draft")
    try:
        with rasterio.Env(**ENVIRONMENT):
            _write_draft(scene, draft, coding)
            copy_raster(draft, path, blocksize=_block_px(scene.grid), **_LAYOUT)
    finally:
        draft.unlink(missing_ok=True)


def _write_draft(scene: Scene, path: Path, coding: Coding) -> None:
    grid, block_px = scene.grid, _block_px(scene.grid)
    profile = {"driver": "GTiff", "dtype": coding.dtype, "count": len(coding.bands), "photometric": "minisblack"}
    where = {"crs": CRS.from_epsg(grid.epsg), "transform": grid.transform, "width": grid.width_px}
    layout = {
        "tiled": True,
        "blockxsize": block_px,
        "blockysize": block_px,
        "interleave": "band",
        "bigtiff": "if_safer",
    }
    nodata = 0 if coding.dtype == "uint16" else np.nan
    with rasterio.open(path, "w", **profile, **where, **layout, height=grid.height_px, nodata=nodata) as image:
        for index, code in enumerate(coding.bands, start=1):
            values = scene.is_clear if code.name == CLEAR else scene.bands[code.name]
            for rows in _strips(grid.height_px):
                window = Window(0, rows.start, grid.width_px, rows.stop - rows.start)
                image.write(_encoded(values[rows], code, coding.dtype), index, window=window)
        image.descriptions = tuple(code.name for code in coding.bands)
        image.scales = tuple(1 / code.steps for code in coding.bands)
        image.offsets = tuple(code.first_step / code.steps for code in coding.bands)


def read_bands(
    path: Path, coding: Coding, names: Sequence[str], *, grid: Grid, place: Place
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """Return the bands `names` of a written scene and where it was clear, each of shape (y, x) of `grid`.

    The file holds all bands of a block together: they are read together, some rows at a time, and unpacked once.

    Args:
        path: The image.
        coding: How it was written.
        names: Without the mask.
        grid: What is wanted of it.
        place: Where that begins.

    """
    order = [code.name for code in coding.bands]
    codes = [coding.bands[order.index(name)] for name in (*names, CLEAR)]
    indexes = [order.index(code.name) + 1 for code in codes]
    bands = {name: np.empty(grid.shape, dtype=np.float32) for name in names}
    is_clear = np.empty(grid.shape, dtype=np.bool_)
    with rasterio.Env(**ENVIRONMENT), rasterio.open(path) as image:
        for rows in _strips(grid.height_px):
            window = Window(place.column, place.row + rows.start, grid.width_px, rows.stop - rows.start)
            for numbers, code in zip(image.read(indexes, window=window), codes, strict=True):
                values = _decoded(numbers, code)
                if code.name == CLEAR:
                    is_clear[rows] = values > 0
                else:
                    bands[code.name][rows] = values
    return bands, is_clear


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_step(layers: Sequence[NDArray[np.float32]]) -> int | None:
    """Return the step that number 0 stands for, so that all values fit above it; None if they cannot."""
    lows = [float(np.fmin.reduce(values, axis=None)) for values in layers]  # no copies: a layer may be large
    highs = [float(np.fmax.reduce(values, axis=None)) for values in layers]
    lowest = min((low for low in lows if not isnan(low)), default=0.0)
    highest = max((high for high in highs if not isnan(high)), default=0.0)
    if isinf(lowest) or isinf(highest):
        return None
    first_step = min(_LOWEST_STEP, round(lowest * _STEPS_PER_UNIT) - 1)
    if round(highest * _STEPS_PER_UNIT) - first_step > _MOST:  # saturated: at the cost of what lies below zero
        first_step = round(lowest * _STEPS_PER_UNIT) - 1
    return first_step if round(highest * _STEPS_PER_UNIT) - first_step <= _MOST else None


def _block_px(grid: Grid) -> int:
    """Return the side of a block: the smaller one for small images, for the rest of a block is filled up."""
    return _SMALL_BLOCK_PX if max(grid.shape) <= _SMALL_BLOCK_PX else _BLOCK_PX


def _encoded(values: NDArray[np.generic], code: BandCode, dtype: str) -> NDArray[np.generic]:
    if dtype == "float32":
        return values.astype(np.float32)
    numbers = np.round(values.astype(np.float64) * code.steps) - code.first_step
    return np.where(np.isnan(numbers), 0, numbers).astype(np.uint16)


def _decoded(numbers: NDArray[np.generic], code: BandCode) -> NDArray[np.float32]:
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float32)
    values = (numbers.astype(np.float64) + code.first_step) / code.steps
    return np.where(numbers == 0, np.nan, values).astype(np.float32)


def _strips(height_px: int) -> Iterator[slice]:
    """Yield the rows by strips of the height of a block, so that what is computed on the way takes little memory."""
    for first in range(0, height_px, _BLOCK_PX):
        yield slice(first, min(first + _BLOCK_PX, height_px))
