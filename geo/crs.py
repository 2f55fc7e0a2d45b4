"""Changes of coordinate reference system, always in the order (x, y) = (longitude, latitude)."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from shapely.geometry.base import BaseGeometry

LON_LAT_EPSG = 4326

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


def utm_epsg(shape_4326: BaseGeometry) -> int:
    """Return the EPSG code of the WGS 84 UTM zone in which the middle of `shape_4326` lies.

    The exceptions around Norway and Svalbard are those of the EPSG register.
    """
    middle = shape_4326.envelope.centroid
    point = AreaOfInterest(middle.x, middle.y, middle.x, middle.y)
    zones = query_utm_crs_info(datum_name="WGS 84", area_of_interest=point)
    if not zones:
        raise ValueError(f"no UTM zone covers longitude {middle.x:.3f}, latitude {middle.y:.3f}")
    return int(zones[0].code)


def is_metric(epsg: int) -> bool:
    """Say whether `epsg` is a projected CRS whose axes are in metres."""
    crs = CRS.from_epsg(epsg)
    return bool(crs.is_projected and all(axis.unit_name == "metre" for axis in crs.axis_info))
