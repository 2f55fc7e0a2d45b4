"""Maps to print and for screens: which ground a map shows, in which projection, with what on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atan2, degrees
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from shapely.geometry import box

from geo.crs import LON_LAT_EPSG
from geo.errors import OutputError
from outputs.pictures.stretch import joint_limits, stretched
from outputs.release.contents import Release
from outputs.release.places import Town, towns
from outputs.tables import in_lon_lat

ASPECT = 1.3
"""Width of the ground that is shown, by its height."""
MOST_AREA_MAPS = 24
"""More areas than that have no map of their own."""
_MARGIN_SHARE = 0.35
_LEAST_SPAN_M = 1_500.0
_LONGEST_PX = 1_600
"""Of a picture under a map."""
_MOST_TOWNS = 7
_BIG_TOWN_SPAN_M = 300_000.0
"""A map of more ground than this shows the largest towns, a map of less all that there are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """A picture of the ground."""

    pixels: NDArray[np.float32]
    """Values 0 to 1, shape (y, x, 3); NaN where not seen."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top, in the map's metres."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Map:
    """Everything that one map shows."""

    key: str
    """Its file's name without ending."""
    title: str
    crs: CRS
    """In metres."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top, in metres."""
    table: gpd.GeoDataFrame
    """The detections on it, in `crs`; the index counts them as the legend does, from 0."""
    towns: Sequence[tuple[Town, float, float]]
    """With x and y in metres."""
    ground: Ground | None
    north_deg: float
    """How far north is turned clockwise from up, at the middle."""
    centre_4326: tuple[float, float]


def maps_of(release: Release) -> list[Map]:
    """Return the map of all detections, and one of each area that has any, where areas may be named.

    Raises:
        OutputError: A picture of the ground cannot be read.

    """
    table = in_lon_lat(release.table).reset_index(drop=True)
    if table.empty:
        return []
    found = [_map("overview", release.title, table, None)]
    for area_id in areas_with_maps(release):
        picture = release.areas[area_id]
        some = table[table["area_id"] == area_id]
        found.append(_map(f"area-{len(found)}", picture.name, some, picture.after_tif))
    return found


def areas_with_maps(release: Release) -> list[str]:
    """Return the areas that get a map of their own, those with most detections first."""
    counts = release.table["area_id"].value_counts()
    named = sorted((name for name in counts.index if name in release.areas), key=lambda name: (-counts[name], name))
    return named[:MOST_AREA_MAPS]


def _map(key: str, title: str, table: gpd.GeoDataFrame, after_tif: Path | None) -> Map:
    west, south, east, north = table.total_bounds
    centre = (float(west + east) / 2, float(south + north) / 2)
    crs = raster_crs(after_tif) if after_tif else CRS.from_proj4(
        f"+proj=laea +lon_0={centre[0]:.4f} +lat_0={centre[1]:.4f} +datum=WGS84 +units=m +type=crs"
    )  # fmt: skip
    here = table.to_crs(crs)
    bounds = _framed(tuple(here.total_bounds))
    return Map(
        key=key,
        title=title,
        crs=crs,
        bounds=bounds,
        table=here,
        towns=_towns_within(bounds, crs),
        ground=_ground(after_tif, bounds) if after_tif else None,
        north_deg=_north(centre, crs),
        centre_4326=centre,
    )


def _framed(bounds: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the bounds with a margin around, at the map's ratio of width to height."""
    left, bottom, right, top = bounds
    wide, high = (max(span * (1 + 2 * _MARGIN_SHARE), _LEAST_SPAN_M) for span in (right - left, top - bottom))
    wide, high = max(wide, high * ASPECT), max(high, wide / ASPECT)
    middle_x, middle_y = (left + right) / 2, (bottom + top) / 2
    return (middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2)


def _north(centre: tuple[float, float], crs: CRS) -> float:
    forth = Transformer.from_crs(LON_LAT_EPSG, crs, always_xy=True)
    x, y = forth.transform(centre[0], centre[1])
    x_north, y_north = forth.transform(centre[0], centre[1] + 0.01)
    return degrees(atan2(x_north - x, y_north - y))


def _towns_within(bounds: tuple[float, float, float, float], crs: CRS) -> list[tuple[Town, float, float]]:
    """Return the largest towns on the map, no two of them so close that their names would cover one another."""
    back = Transformer.from_crs(crs, LON_LAT_EPSG, always_xy=True)
    west, south, east, north = back.transform_bounds(*bounds)
    forth = Transformer.from_crs(LON_LAT_EPSG, crs, always_xy=True)
    left, bottom, right, top = bounds
    inner = box(left, bottom, right, top).buffer(-0.03 * (right - left))
    found: list[tuple[Town, float, float]] = []
    for town in towns():
        if not (south <= town.lat <= north and west <= town.lon <= east):
            continue
        x, y = forth.transform(town.lon, town.lat)
        is_free = all(abs(x - a) > 0.16 * (right - left) or abs(y - b) > 0.05 * (top - bottom) for _, a, b in found)
        if (
            is_free
            and inner.bounds[0] < x < inner.bounds[2] - 0.12 * (right - left)
            and inner.bounds[1] < y < inner.bounds[3]
        ):
            found.append((town, float(x), float(y)))
        if len(found) == _MOST_TOWNS:
            break
    return found


def raster_crs(path: Path) -> CRS:
    """Return the CRS of a raster.

    Raises:
        OutputError: It cannot be read.

    """
    try:
        with rasterio.open(path) as file:
            return CRS.from_epsg(file.crs.to_epsg())
    except RasterioIOError as error:
        raise OutputError(f"cannot read {path}: {error}") from error


def _ground(path: Path, bounds: tuple[float, float, float, float]) -> Ground | None:
    """Return the part of a composite that lies on the map, in true colour; None where it has no three such bands."""
    found = read_colours(path, bounds)
    return None if found is None else replace(found, pixels=stretched(found.pixels, joint_limits([found.pixels])))


def read_colours(path: Path, bounds: tuple[float, float, float, float]) -> Ground | None:
    """Return red, green and blue of the part of a composite within `bounds`, as stored; None where there is none.

    Raises:
        OutputError: It cannot be read.

    """
    try:
        with rasterio.open(path) as file:
            bands = _true_colour(file)
            left, bottom, right, top = (
                max(bounds[0], file.bounds.left), max(bounds[1], file.bounds.bottom),
                min(bounds[2], file.bounds.right), min(bounds[3], file.bounds.top),
            )  # fmt: skip
            if bands is None or left >= right or bottom >= top:
                return None
            window = file.window(left, bottom, right, top).round_offsets().round_lengths()
            shrink = max(window.width, window.height) / _LONGEST_PX
            shape = [max(1, round(side / max(shrink, 1.0))) for side in (window.height, window.width)]
            values = file.read(bands, window=window, out_shape=(3, *shape), resampling=Resampling.average, masked=True)
            west, north = file.transform @ (window.col_off, window.row_off)
            east, south = file.transform @ (window.col_off + window.width, window.row_off + window.height)
    except RasterioIOError as error:
        raise OutputError(f"cannot read {path}: {error}") from error
    rgb = np.moveaxis(values.astype(np.float32).filled(np.nan), 0, -1)
    return Ground(pixels=rgb, bounds=(west, south, east, north))


def _true_colour(file: rasterio.DatasetReader) -> list[int] | None:
    """Return which bands are red, green and blue."""
    names = [str(name or "").split()[0] if name else "" for name in file.descriptions]
    if {"B04", "B03", "B02"} <= set(names):
        return [names.index(name) + 1 for name in ("B04", "B03", "B02")]
    return [1, 2, 3] if file.count == 3 else None  # noqa: PLR2004 - red, green, blue
