"""How a project draws the rasters of a run: pictures stretched alike, maps in the style that lies beside them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geo.errors import StateError
from outputs.rasters.maps import AFTER, BEFORE, CLEAR_LOOKS, MAGNITUDE, ONSET, RASTERS_NAME

RASTER_WORDS: Mapping[str, str] = {
    BEFORE: "Before",
    AFTER: "After",
    MAGNITUDE: "Change magnitude",
    ONSET: "Onset",
    CLEAR_LOOKS: "Clear looks",
}
"""Name of a raster's file to the words for it, in the order in which they are listed."""
PICTURES = (BEFORE, AFTER)
_TRUE_COLOUR = ("B04", "B03", "B02")
_SAMPLE_PX = 512
"""Rows and columns that are read to choose a stretch: an overview tells enough."""
_STRETCH = (1.0, 99.0)
"""Percentiles of what both pictures hold, from black to white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A raster as the project shows it."""

    area_id: str
    kind: str
    """A key of `RASTER_WORDS`."""
    path: Path
    epsg: int
    bands: tuple[int, ...] = ()
    """Red, green and blue of a picture, counted from 1."""
    low: float = 0.0
    high: float = 1.0
    """What is shown black and white, in the unit of the bands: QGIS applies a band's scale when it reads."""
    pipe: str = ""
    """QGIS' own description of how to draw it, where a style lies beside the raster."""


def drawn_rasters(folder: Path) -> tuple[Drawn, ...]:
    """Return the rasters of a run's `folder`, area by area, each area's in the order of `RASTER_WORDS`.

    Raises:
        StateError: One of them cannot be read.

    """
    areas = folder / RASTERS_NAME
    if not areas.is_dir():
        return ()
    return tuple(one for area in sorted(areas.iterdir()) if area.is_dir() for one in _of_area(area))


def _of_area(area: Path) -> Iterator[Drawn]:
    found = {kind: area / f"{kind}.tif" for kind in RASTER_WORDS if (area / f"{kind}.tif").is_file()}
    heads = {kind: _head(path) for kind, path in found.items()}
    pictures = [_sample(found[kind], heads[kind][1]) for kind in PICTURES if kind in found]
    # One stretch for both pictures: what looks brighter after is brighter.
    low, high = _stretch(np.concatenate(pictures)) if pictures else (0.0, 1.0)
    for kind, path in found.items():
        epsg, bands = heads[kind]
        if kind in PICTURES:
            yield Drawn(area_id=area.name, kind=kind, path=path, epsg=epsg, bands=bands, low=low, high=high)
        else:
            yield Drawn(area_id=area.name, kind=kind, path=path, epsg=epsg, pipe=_pipe_beside(path))


def _head(path: Path) -> tuple[int, tuple[int, int, int]]:
    try:
        with rasterio.open(path) as image:
            return int(image.crs.to_epsg()), _colour_bands(image)
    except (RasterioError, AttributeError, TypeError) as error:
        raise StateError(f"{path}: expected a GeoTIFF with a known CRS; {error}") from error


def _colour_bands(image: DatasetReader) -> tuple[int, int, int]:
    names = [str(name or "") for name in image.descriptions]
    if set(_TRUE_COLOUR) <= set(names):
        red, green, blue = (names.index(name) + 1 for name in _TRUE_COLOUR)
        return red, green, blue
    return (1, 2, 3) if image.count >= len(_TRUE_COLOUR) else (1, 1, 1)


def _sample(path: Path, bands: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return known values of some bands, in their unit."""
    with rasterio.open(path) as image:
        share = min(1.0, _SAMPLE_PX / max(image.height, image.width))
        shape = (len(bands), max(1, round(image.height * share)), max(1, round(image.width * share)))
        stored = image.read(list(bands), out_shape=shape, masked=True).astype(np.float64)
        scales = np.array([image.scales[band - 1] for band in bands])[:, None, None]
        offsets = np.array([image.offsets[band - 1] for band in bands])[:, None, None]
    values = np.ma.filled(stored * scales + offsets, np.nan)
    known: NDArray[np.float64] = values[np.isfinite(values)]
    return known


def _stretch(values: NDArray[np.float64]) -> tuple[float, float]:
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(values, _STRETCH))
    return (low, high) if high > low else (low, low + 1.0)


def _pipe_beside(path: Path) -> str:
    style = path.with_suffix(".qml")
    found = re.search(r"<pipe>(.*)</pipe>", style.read_text(encoding="utf-8"), re.DOTALL) if style.is_file() else None
    return found.group(1) if found else ""
