"""The ground of a detection before and after as two pictures of one size and extent, to swipe between."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from rasterio.errors import RasterioIOError

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.pictures.stretch import joint_limits, stretched
from outputs.release.contents import AreaPicture, Release
from outputs.release.maps import raster_crs, read_colours
from outputs.tables import in_lon_lat

BEFORE_END, AFTER_END = "-before.png", "-after.png"
MARGIN_M = 250.0
"""How much of the surroundings a picture shows on each side."""
_WANTED_PX = 640
"""The longer side is at least so long: each pixel of the imagery becomes a whole number of theirs."""
_BAR_PX = 22
_UNSEEN = 0.85
"""Grey: not clearly seen."""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures of one place, and of which days most of their pixels are."""

    before: Path
    after: Path
    before_on: date | None
    after_on: date | None


def write_pairs(folder: Path, release: Release, shown: frozenset[str]) -> dict[str, Pair]:
    """Write a pair of each detection in `shown` whose area has both composites; return them by detection id.

    Raises:
        OutputError: A composite cannot be read, or the disk does not take a picture.

    """
    return {name: pair for name, pair in _pairs(folder, release, shown) if pair is not None}


def _pairs(folder: Path, release: Release, shown: frozenset[str]) -> Iterator[tuple[str, Pair | None]]:
    table = in_lon_lat(release.table)
    for area_id, picture in release.areas.items():
        rows = table[(table["area_id"] == area_id) & table["detection_id"].isin(shown)]
        if rows.empty or picture.before_tif is None or picture.after_tif is None:
            continue
        here: gpd.GeoDataFrame = rows.to_crs(raster_crs(picture.after_tif))
        for row in here.itertuples():
            yield str(row.detection_id), _pair(folder, row, picture, release)


def _pair(folder: Path, row: Any, picture: AreaPicture, release: Release) -> Pair | None:  # noqa: ANN401 - a row has no type of its own
    left, bottom, right, top = row.geometry.bounds
    bounds = (left - MARGIN_M, bottom - MARGIN_M, right + MARGIN_M, top + MARGIN_M)
    tifs = [path for path in (picture.before_tif, picture.after_tif) if path is not None]
    sides = [read_colours(path, bounds) for path in tifs]
    pixels = [one.pixels for one in sides if one is not None]
    if len(pixels) != len(("before", "after")) or pixels[0].shape != pixels[1].shape:
        return None
    limits = joint_limits(pixels)
    days = [_day_of(path) for path in tifs]
    paths = [folder / f"{row.detection_id}{end}" for end in (BEFORE_END, AFTER_END)]
    for path, values, day, word in zip(paths, pixels, days, ("Before", "After"), strict=True):
        said = " ".join(filter(None, (f"{word}: {day}." if day else f"{word}.", release.mark, release.credit)))
        _write(path, stretched(values, limits), said, release)
    return Pair(before=paths[0], after=paths[1], before_on=days[0], after_on=days[1])


def _day_of(path: Path) -> date | None:
    """Return the day of which most of a composite is."""
    try:
        with rasterio.open(path) as file:
            return date.fromisoformat(file.tags()["ACQUISITION_DATE"])
    except (KeyError, ValueError):
        return None
    except RasterioIOError as error:
        raise OutputError(f"cannot read {path}: {error}") from error


def _write(path: Path, values: NDArray[np.float32], said: str, release: Release) -> None:
    zoom = max(1, -(-_WANTED_PX // max(values.shape[:2])))
    filled = np.where(np.isfinite(values), values, np.float32(_UNSEEN))
    large = (filled.repeat(zoom, axis=0).repeat(zoom, axis=1) * 255).round().astype(np.uint8)
    image = Image.new("RGB", (large.shape[1], large.shape[0] + _BAR_PX), "white")
    image.paste(Image.fromarray(large), (0, 0))
    font = ImageFont.load_default(size=12)
    ImageDraw.Draw(image).text((6, large.shape[0] + 4), said, fill="#1a1a1a", font=font)
    told = PngInfo()
    for name, text in (("Description", said), ("Copyright", release.credit), ("Source", release.run_id)):
        told.add_itxt(name, text)
    with atomic_file(path) as part:
        image.save(part, format="PNG", pnginfo=told)
