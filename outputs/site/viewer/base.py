"""The ground of the map: outlines of countries, meridians and parallels, towns. All from this package, none fetched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from outputs.release.places import Town, countries, towns

_COUNTRY_DIGITS = 2
"""Of degrees: the outlines are true to a few kilometres."""
_NEAR_DEG = 4.0
_MOST_NEAR, _MOST_FAR = 300, 120


def ground(shapes_4326: Sequence[BaseGeometry]) -> dict[str, Any]:
    """Return countries as GeoJSON, and the towns to name: the largest of the world, and those near `shapes_4326`."""
    return {
        "countries": _collection(mapping(_land(outline)) for outline in countries()),
        "towns": [[one.name, round(one.lon, 3), round(one.lat, 3), one.inhabitants] for one in _named(shapes_4326)],
    }


def _land(outline: BaseGeometry) -> MultiPolygon:
    """Return the polygons of an outline, without the lines and points that mending may have left."""
    parts = shapely.get_parts(shapely.get_parts(outline))
    return MultiPolygon([part for part in parts if isinstance(part, Polygon)])


def _collection(geometries: Any) -> dict[str, Any]:  # noqa: ANN401  # GeoJSON has no narrower type here
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": _rounded(one)} for one in geometries],
    }


def _rounded(geometry: Any) -> Any:  # noqa: ANN401  # nested lists of numbers
    """Return a GeoJSON geometry, its numbers without the dust of arithmetic."""
    if isinstance(geometry, float):
        return round(geometry, _COUNTRY_DIGITS)
    if isinstance(geometry, list | tuple):
        return [_rounded(one) for one in geometry]
    return {name: _rounded(value) if name == "coordinates" else value for name, value in geometry.items()}


def ground_points(shapes_4326: Sequence[BaseGeometry]) -> NDArray[np.float64]:
    """Return the corners and towns of `ground`, longitude and latitude in rows, in the figures that it gives."""
    drawn = ground(shapes_4326)
    corners = [shapely.get_coordinates(shape(one["geometry"])) for one in drawn["countries"]["features"]]
    named = np.array([town[1:3] for town in drawn["towns"]], dtype=np.float64).reshape(-1, 2)
    return np.vstack([*corners, named])


def _named(shapes_4326: Sequence[BaseGeometry]) -> list[Town]:
    """Return the towns that the map may name, the largest first."""
    places = [one.representative_point() for one in shapes_4326]
    cells = {(round(place.x / _NEAR_DEG), round(place.y / _NEAR_DEG)) for place in places}
    around = {(column + dx, row + dy) for column, row in cells for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    near = [one for one in towns() if (round(one.lon / _NEAR_DEG), round(one.lat / _NEAR_DEG)) in around]
    far = list(towns()[:_MOST_FAR])
    return sorted({*near[:_MOST_NEAR], *far}, key=lambda one: (-one.inhabitants, one.name, one.lon))
