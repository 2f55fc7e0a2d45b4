"""Changes of coordinate reference system, always in the order (x, y) = (longitude, latitude)."""

import re
from functools import lru_cache
from typing import TypeVar

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

LON_LAT_EPSG = 4326

_CRS_TEXT = re.compile(
    r"\s*(?:\d{4,6}$|(?:EPSG|ESRI|OGC|IAU\w*):\w+$|urn:ogc:def:crs:[\w:.,-]+$|\+(?:proj|init)=[^/\\]*$|\{"
    r"|(?:PROJ|GEOG|GEODE?T?|GEOC|BOUND|COMPD|COMPOUND|VERT|LOCAL|ENG)\w*\s*[\[(])",
    re.IGNORECASE,
)

Shape = TypeVar("Shape", bound=BaseGeometry)


@lru_cache(maxsize=64)
def _transformer(from_epsg: int, to_epsg: int) -> Transformer:
    return Transformer.from_crs(from_epsg, to_epsg, always_xy=True)


def reproject(shape: Shape, *, from_epsg: int, to_epsg: int) -> Shape:
    """Return `shape` with its coordinates in another CRS."""
    if from_epsg == to_epsg:
        return shape
    project = _transformer(from_epsg, to_epsg).transform
    moved: Shape = shapely.transform(shape, lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1])))
    return moved


def named_crs(text: str) -> str:
    """Return `text` if it is a name or definition of a coordinate reference system, not the address of one.

    GDAL reads a file, or asks a server, where a definition looks like a path or a URL: others must not bring it to.

    Raises:
        ValueError: It is none.

    """
    if not _CRS_TEXT.match(text):
        raise ValueError(f"{text[:80]!r} is no coordinate reference system such as EPSG:32631")
    return text


def is_placed(shape: BaseGeometry) -> bool:
    """Say whether each point of a reprojected shape has a place: a quarter of the globe away, a UTM zone has none."""
    return bool(np.isfinite(shapely.get_coordinates(shape)).all())


def utm_epsg(shape_4326: BaseGeometry) -> int:
    """Return the EPSG code of the WGS 84 UTM zone in which the middle of `shape_4326` lies.

    The wider zones of southern Norway and of Svalbard are kept, as Sentinel-2 tiles keep them.

    Raises:
        ValueError: The middle lies beyond 80 degrees south or 84 north, where there are no zones.

    """
    middle = shape_4326.envelope.centroid
    if not (-180 <= middle.x <= 180 and -80 <= middle.y <= 84):  # noqa: PLR2004 - as in the docstring
        raise ValueError(f"no UTM zone covers longitude {middle.x:.3f}, latitude {middle.y:.3f}")
    return (32600 if middle.y >= 0 else 32700) + _utm_zone(middle.x, middle.y)


def _utm_zone(lon: float, lat: float) -> int:
    if 56 <= lat < 64 and 3 <= lon < 12:  # noqa: PLR2004 - southern Norway
        return 32
    if lat >= 72 and 0 <= lon < 42:  # noqa: PLR2004 - Svalbard: zones 31, 33, 35 and 37 alone
        return 31 + 2 * sum(lon >= border for border in (9, 21, 33))
    return min(int((lon + 180) // 6) + 1, 60)


@lru_cache(maxsize=256)
def is_metric(epsg: int) -> bool:
    """Say whether `epsg` is a projected CRS whose axes are in metres."""
    crs = CRS.from_epsg(epsg)
    return bool(crs.is_projected and all(axis.unit_name == "metre" for axis in crs.axis_info))
