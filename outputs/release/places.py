"""Where is it, for a reader: the nearest town and how far; and the towns and countries that a map shows."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from aoi.gazetteer.world import load_world

OUTLINES_SOURCE = "Outlines of countries: Natural Earth 1:110m (public domain)"
TOWNS_SOURCE = "Towns: GeoNames (CC BY 4.0)"
_GEOD = Geod(ellps="WGS84")
_WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_NEAREST_TRIED = 12
_BESIDE_M = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A town of 15,000 people or more."""

    name: str
    country: str
    lon: float
    lat: float
    inhabitants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """A town, and how far and in which direction from it something lies."""

    town: Town
    distance_m: float
    direction: str
    """One of eight, from the town."""

    def words(self) -> str:
        """Return it as people say it: ``34 km north-east of Kuqa (China)``; whole kilometres."""
        name = f"{self.town.name} ({self.town.country})"
        if self.distance_m < _BESIDE_M:
            return f"in {name}"
        return f"{self.distance_m / 1000:,.0f} km {self.direction} of {name}"


@cache
def towns() -> tuple[Town, ...]:
    """Return all towns of the gazetteer of the world, the largest first.

    Raises:
        AoiError: The gazetteer is missing.

    """
    world = load_world()
    found = {
        city.place_id: Town(
            name=city.names[0],
            country=world.countries[city.country].names[0] if city.country in world.countries else city.country,
            lon=city.lon_lat[0],
            lat=city.lon_lat[1],
            inhabitants=inhabitants,
        )
        for cities in world.cities.values()
        for city, inhabitants in cities
        if city.lon_lat
    }
    return tuple(sorted(found.values(), key=lambda one: (-one.inhabitants, one.name)))


@cache
def _positions() -> NDArray[np.float64]:
    return np.array([(one.lon, one.lat) for one in towns()])


def nearest_town(lon: float, lat: float) -> Bearing:
    """Return the nearest town, by the shortest way over the ellipsoid."""
    across = (_positions()[:, 0] - lon + 180) % 360 - 180
    rough = np.hypot(across * np.cos(np.radians(lat)), _positions()[:, 1] - lat)
    found = []
    for index in np.argsort(rough, kind="stable")[:_NEAREST_TRIED]:
        town = towns()[int(index)]
        azimuth, _, distance_m = _GEOD.inv(town.lon, town.lat, lon, lat)
        found.append((float(distance_m), _WINDS[round(azimuth / 45) % 8], town))
    distance_m, direction, town = min(found, key=lambda one: one[0])
    return Bearing(town=town, distance_m=distance_m, direction=direction)


@cache
def countries() -> tuple[BaseGeometry, ...]:
    """Return the outlines of countries, in longitude and latitude, to a few kilometres."""
    text = files("outputs.release").joinpath("data/countries.geojson").read_text(encoding="utf-8")
    return tuple(shapely.make_valid(shape(feature["geometry"])) for feature in json.loads(text)["features"])
