"""Places that must not appear (a source's house), or whose pictures must not: polygons kept outside any release."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from aoi.read.features import read_rows
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import AoiError

_MOST_LON, _MOST_LAT = 360.0, 90.0


class Protection(StrEnum):
    """What is kept back of a place."""

    PROTECTED = "protected"
    """It appears for no audience but internal."""
    SENSITIVE = "sensitive"
    """It may appear, its pictures may not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProtectedPlace:
    """One polygon of the list."""

    shape_4326: BaseGeometry
    protection: Protection = Protection.PROTECTED

    def __repr__(self) -> str:
        return f"ProtectedPlace({self.protection.value})"


def read_protected(path: Path) -> tuple[ProtectedPlace, ...]:
    """Return the places in the vector file at `path`.

    A column ``protection`` says ``protected`` (also where it is missing) or ``sensitive``; a column ``buffer_m`` widens
    the shape by so many metres, which points and lines need.

    Raises:
        AoiError: The file cannot be read, a word is neither, or a shape has no area; names the row.

    """
    return tuple(
        _place(row.shape_4326, row.text("protection"), row.text("buffer_m"), row.where)
        for row in read_rows(path, layer="protected")
    )


def is_touched(shape_4326: BaseGeometry, places: Sequence[ProtectedPlace], protection: Protection) -> bool:
    """Say whether `shape_4326` touches a place that is kept back so."""
    return any(one.protection is protection and one.shape_4326.intersects(shape_4326) for one in places)


def _place(shape: BaseGeometry, word: str | None, buffer: str | None, where: str) -> ProtectedPlace:
    try:
        protection = Protection((word or Protection.PROTECTED.value).casefold())
        wider_m = float(buffer or 0)
    except ValueError as error:
        raise AoiError(
            f"{where}: protection must be protected or sensitive, buffer_m a number; got {word!r}, {buffer!r}"
        ) from error
    try:
        widened = _widened(shape, wider_m) if wider_m > 0 else shape
        mended = shapely.make_valid(widened)
    except (ShapelyError, ValueError) as error:
        raise AoiError(f"{where}: its outline is no place in longitude and latitude") from error
    left, bottom, right, top = widened.bounds if not widened.is_empty else (0.0, 0.0, 0.0, 0.0)
    if not (-_MOST_LON <= left <= right <= _MOST_LON and -_MOST_LAT <= bottom <= top <= _MOST_LAT):
        raise AoiError(f"{where}: its outline is no place in longitude and latitude")
    if not mended.area > 0:
        raise AoiError(f"{where}: a protected place needs an area; give buffer_m, in metres")
    return ProtectedPlace(shape_4326=mended, protection=protection)


def _widened(shape: BaseGeometry, wider_m: float) -> BaseGeometry:
    epsg = utm_epsg(shape)
    metric = reproject(shape, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    return reproject(metric.buffer(wider_m), from_epsg=epsg, to_epsg=LON_LAT_EPSG)
