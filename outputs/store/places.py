"""What lies where: detections in a box, and near a known facility, found through the spatial index."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Select, select

from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import StateError
from outputs.store.boxes import Bounds, touches
from outputs.store.database import Store
from outputs.store.tables import detections, facilities

_METRES_A_DEGREE = 110_574.0
"""Of latitude, where it is shortest: a box made with it is never too small."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Near:
    """A detection near a facility."""

    row: dict[str, Any]
    distance_m: float
    """Between the outlines; 0 where they touch."""


def detections_within(store: Store, bounds: Bounds) -> list[dict[str, Any]]:
    """Return the detections that touch a box, by id.

    Args:
        store: Where to ask.
        bounds: West, south, east and north in degrees; west is less than east.

    Raises:
        StateError: The store cannot be read.
        ValueError: The box is none.

    """
    west, south, east, north = bounds
    if west > east or south > north:
        raise ValueError(f"expected west <= east and south <= north; got {bounds}")
    return [row for row in _asked(store, bounds) if row["geometry"].intersects(box(*bounds))]


def detections_near(store: Store, facility_id: str, distance_m: float) -> list[Near]:
    """Return the detections within `distance_m` of a facility, the nearest first.

    Raises:
        StateError: The store cannot be read, or has no such facility.

    """
    with store.reading() as connection:
        asked = select(facilities.c.geometry).where(facilities.c.facility_id == facility_id)
        place = connection.execute(asked).scalar_one_or_none()
    if place is None:
        raise StateError(f"{store.name}: no facility is called {facility_id!r}")
    epsg = utm_epsg(place)
    place_m = reproject(place, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    found = [
        Near(row=row, distance_m=float(place_m.distance(_in_metres(row, epsg))))
        for row in _asked(store, _widened(place, distance_m))
    ]
    near = [one for one in found if one.distance_m <= distance_m]
    return sorted(near, key=lambda one: (one.distance_m, one.row["detection_id"]))


def _in_metres(row: dict[str, Any], epsg: int) -> BaseGeometry:
    return reproject(row["geometry"], from_epsg=LON_LAT_EPSG, to_epsg=epsg)


def _asked(store: Store, bounds: Bounds) -> Sequence[dict[str, Any]]:
    with store.reading() as connection:
        asked: Select[Any] = select(detections).where(touches(connection, detections, bounds))
        return [dict(row) for row in connection.execute(asked.order_by(detections.c.detection_id)).mappings()]


def _widened(place: BaseGeometry, distance_m: float) -> Bounds:
    """Return a box in degrees that holds all ground within `distance_m` of `place`."""
    west, south, east, north = shapely.bounds(place).tolist()
    up = 1.01 * distance_m / _METRES_A_DEGREE
    farthest = min(89.0, max(abs(south - up), abs(north + up)))
    aside = up / cos(radians(farthest))
    return west - aside, south - up, east + aside, north + up
