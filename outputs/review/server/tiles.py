"""Cut tiles for the browser out of a run's cloud-optimised GeoTIFFs: before and after, stretched alike."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError
from rio_tiler.errors import RioTilerError, TileOutsideBounds
from rio_tiler.io import Reader

from geo.errors import StateError
from outputs.pictures.stretch import joint_limits

SIDES = ("before", "after")
TILE_PX = 256
LEAST_ZOOM, MOST_ZOOM = 8, 20
DISPLAY_MAX = 255
_PREVIEW_PX = 1024
"""Longest side of what the stretch is measured on: an overview of it is read, not all of the raster."""
_NAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "true": ("True colour", ("B04", "B03", "B02")),
    "false": ("Near infrared: plants red", ("B08", "B04", "B03")),
    "swir": ("Short-wave infrared", ("B12", "B08", "B04")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A way to show several bands as one picture."""

    key: str
    name: str
    bands: tuple[int, ...]
    """Which bands of the raster become red, green and blue, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterPair:
    """The two rasters of one area."""

    before: Path
    after: Path

    @classmethod
    def find(cls, run_dir: Path, area_id: str) -> "RasterPair | None":
        """Return the rasters that a run has of an area; None where it has none, or the id is no plain name."""
        if area_id in {"", ".", ".."} or "/" in area_id or "\\" in area_id or "\0" in area_id:
            return None
        folder = run_dir / "rasters" / area_id
        pair = cls(before=folder / "before.tif", after=folder / "after.tif")
        return pair if pair.before.is_file() and pair.after.is_file() else None

    def path(self, side: str) -> Path:
        """Return one of the two."""
        return self.before if side == "before" else self.after


def looks_of(pair: RasterPair) -> tuple[Look, ...]:
    """Return the ways in which both rasters can be shown, the plainest first; at least one.

    Raises:
        StateError: A raster cannot be read.

    """
    return _looks(pair, _stamp(pair))


def tile_png(pair: RasterPair, side: str, look_key: str, tile: tuple[int, int, int]) -> bytes:
    """Return one tile as PNG; pixels without a measurement are transparent, and so is what lies outside.

    Args:
        pair: Both rasters: the stretch is common, or what only was a hazier day would look like a change.
        side: ``before`` or ``after``.
        look_key: The key of one of `looks_of`.
        tile: Column, row and zoom of the web's usual tiles (EPSG:3857), rows counted from the north.

    Raises:
        StateError: The raster cannot be read.
        KeyError: There is no such look.

    """
    look = {one.key: one for one in looks_of(pair)}[look_key]
    try:
        with Reader(str(pair.path(side))) as raster:
            image = raster.tile(*tile, tilesize=TILE_PX, indexes=look.bands, resampling_method="nearest")
    except TileOutsideBounds:
        return _empty()
    except (RasterioError, RioTilerError) as error:
        raise StateError(f"{pair.path(side)}: cannot be read: {error}") from error
    if image.array.dtype == np.uint8:
        return _png(image.array)
    low, high = _limits(pair, look.bands, _stamp(pair))
    scaled = np.clip((image.array.data.astype(np.float32) - low) / (high - low), 0, 1) * DISPLAY_MAX
    shown = np.ma.MaskedArray(scaled.astype(np.uint8), mask=image.array.mask)
    return _png(shown)


def is_tile(column: int, row: int, zoom: int) -> bool:
    """Say whether there is such a tile, at a zoom that is served."""
    return LEAST_ZOOM <= zoom <= MOST_ZOOM and column < 2**zoom and row < 2**zoom


def about(pair: RasterPair, side: str) -> Mapping[str, str]:
    """Return what a raster says of itself: its tags.

    Raises:
        StateError: It cannot be read.

    """
    return _tags(pair.path(side), _stamp(pair))


def _png(values: Any) -> bytes:  # noqa: ANN401  # numpy's masked arrays are half typed
    """Return masked bytes, shape (band, y, x), as PNG: what is masked is transparent."""
    seen: NDArray[np.bool_] = ~np.asarray(np.ma.getmaskarray(values).any(axis=0))
    colours = values.filled(0) if len(values) > 1 else values.filled(0).repeat(3, axis=0)
    pixels = np.concatenate([colours * seen, seen[None] * DISPLAY_MAX]).astype(np.uint8)
    made = io.BytesIO()
    Image.fromarray(np.moveaxis(pixels, 0, -1), "RGBA").save(made, "PNG", compress_level=1)
    return made.getvalue()


@lru_cache(maxsize=1)
def _empty() -> bytes:
    return _png(np.ma.MaskedArray(np.zeros((3, TILE_PX, TILE_PX), np.uint8), mask=True))


def _stamp(pair: RasterPair) -> tuple[int, ...]:
    """Return what differs when the files do: what was measured on them is kept no longer."""
    try:
        return tuple(path.stat().st_mtime_ns for path in (pair.before, pair.after))
    except OSError as error:
        raise StateError(f"{pair.before.parent}: cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _looks(pair: RasterPair, _stamp: tuple[int, ...]) -> tuple[Look, ...]:
    names = [
        name if name == other else "" for name, other in zip(_bands(pair.before), _bands(pair.after), strict=False)
    ]
    found = [
        Look(key=key, name=said, bands=tuple(names.index(band) + 1 for band in bands))
        for key, (said, bands) in _NAMES.items()
        if set(bands) <= set(names)
    ]
    if found:
        return tuple(found)
    is_colour = len(names) >= len(_NAMES["true"][1])
    return (Look(key="true", name="As it was delivered", bands=(1, 2, 3) if is_colour else (1,)),)


def _bands(path: Path) -> Sequence[str]:
    with _opened(path) as raster:
        return [said or "" for said in raster.descriptions]


@lru_cache(maxsize=256)
def _limits(pair: RasterPair, bands: tuple[int, ...], _stamp: tuple[int, ...]) -> tuple[float, float]:
    """Return which values become black and white in both rasters (`outputs.pictures.stretch`)."""
    return joint_limits([_preview(path, bands) for path in (pair.before, pair.after)])


def _preview(path: Path, bands: tuple[int, ...]) -> NDArray[np.float32]:
    with _opened(path) as raster:
        shrunk = max(1, max(raster.width, raster.height) / _PREVIEW_PX)
        shape = (len(bands), max(1, round(raster.height / shrunk)), max(1, round(raster.width / shrunk)))
        values = raster.read(list(bands), out_shape=shape, masked=True)
    found: NDArray[np.float32] = values.astype(np.float32).filled(np.nan)
    return found


@lru_cache(maxsize=128)
def _tags(path: Path, _stamp: tuple[int, ...]) -> Mapping[str, str]:
    with _opened(path) as raster:
        return dict(raster.tags())


def _opened(path: Path) -> Any:  # noqa: ANN401  # rasterio has no types
    try:
        return rasterio.open(path)
    except RasterioError as error:
        raise StateError(f"{path}: cannot be read: {error}") from error
