"""A simulated world as a value: what lies where, what happens when, and the truth about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.grid import Grid
from geo.sources.simulated.coverage import coverage_on
from geo.sources.simulated.structures import SimulatedEvent, Structure
from geo.sun import Sun, sun_on

NATIVE_PIXEL_M = 10.0
_SHIFT_STREAM = 1
LARGEST_SHIFT_PX = 1.2
"""No date lies farther than this off its place along an axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSettings:
    """How unlike the ground an image of it is. ``NoiseSettings.none()`` shows the ground as it is."""

    sensor_sd: float = 0.0015
    """White noise of each pixel and band, in reflectance, before a part that grows with the signal."""
    drift_sd: float = 0.014
    """Relative brightness noise, correlated over about 100 m in space and about a month in time."""
    gain_sd: float = 0.016
    """Relative brightness error of a whole date, mostly common to all bands."""
    haze: float = 0.28
    """Mean strength of a date's haze; 1 is a milky sky."""
    dust_share: float = 0.05
    """The share of dates with dust in the air."""
    shift_sd_px: float = 0.3
    """How far a date lies off its true place, each axis."""
    texture: float = 1.0
    """Factor on the fixed texture of the ground."""
    psf_sigma_px: float = 0.42
    """Blur of the optics, in pixels of the band (10 or 20 m)."""
    snow: float = 1.0
    """Factor on the number of snowy spells in a winter."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative; got {getattr(self, name)}")

    @classmethod
    def none(cls) -> "NoiseSettings":
        """Return settings without any noise, haze, shift, texture, blur or snow."""
        return cls(**dict.fromkeys(cls.__slots__, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field, orchard or row of trees."""

    outline_m: Polygon
    crop: str = "rotation"
    """A `spectra.Crop`, the same each year, or ``rotation``: another each year, drawn from the seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedArea:
    """A piece of a simulated world worth watching."""

    area_id: str
    name: str
    polygon_4326: Polygon


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlace:
    """A place that is known before anything happens. The names say that it is made up: 模拟, 虚拟, 假设."""

    place_id: str
    names: tuple[str, ...]
    """English first, then Chinese characters, then their romanisation."""
    kind: str
    """As in `aoi.facilities.FacilityKind`."""
    geometry_4326: Polygon | Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A simulated world. Everything in it follows from its fields; nothing in it is true of any real place."""

    name: str
    seed: int
    centre_lon: float
    centre_lat: float
    size_px: tuple[int, int]
    """Columns and rows of 10 m; both even, as 20 m pixels must fit."""
    first: date
    """The day of the first look, if clouds allow; the truth counts changes after it."""
    last: date
    revisit_days: int = 25
    cloudiness: float = 0.3
    """The share of looks with clouds, 0-1."""
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    fields: tuple[Field, ...] = ()
    towns: tuple[Polygon, ...] = ()
    scenery: tuple[Structure, ...] = ()
    """What stands or changes without being an event: roads, a pond that dries, a quiet factory."""
    events: tuple[SimulatedEvent, ...] = ()
    watched: tuple[SimulatedArea, ...] = ()
    places: tuple[KnownPlace, ...] = ()

    def __post_init__(self) -> None:
        if any(size < 2 or size % 2 for size in self.size_px):  # noqa: PLR2004 - 20 m pixels are two wide
            raise ValueError(f"{self.name}: size_px must be even and at least 2; got {self.size_px}")
        if not 0 <= self.cloudiness <= 1:
            raise ValueError(f"{self.name}: cloudiness is a share, 0 to 1; got {self.cloudiness}")
        if self.first > self.last or self.revisit_days < 1:
            raise ValueError(f"{self.name}: expected first <= last and revisit_days >= 1")

    @property
    def grid(self) -> Grid:
        """The native grid: 10 m, UTM, edges on multiples of 20 m."""
        return native_grid(self.centre_lon, self.centre_lat, self.size_px)

    @property
    def days(self) -> tuple[date, ...]:
        """The days of all looks, ascending."""
        count = (self.last - self.first).days // self.revisit_days + 1
        return tuple(self.first + timedelta(days=index * self.revisit_days) for index in range(count))

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Everything built, in the order in which it is drawn."""
        return (*self.scenery, *(part for event in self.events for part in event.structures))

    def rng(self, *stream: int) -> np.random.Generator:
        """Return a generator of this scenario's own for one purpose, always in the same state."""
        return np.random.default_rng([crc32(self.name.encode()), self.seed, *stream])

    def sun(self, day: date) -> Sun:
        """Return the sun's place at the overpass of `day`."""
        return sun_on(day, lat_deg=self.centre_lat)

    def shift_px(self, day: date) -> tuple[float, float]:
        """Return how far (down, right), in 10 m pixels, the image of `day` lies off its true place."""
        rng = self.rng(_SHIFT_STREAM, day.toordinal())
        down, right = np.clip(rng.normal(0, 1, 2) * self.noise.shift_sd_px, -LARGEST_SHIFT_PX, LARGEST_SHIFT_PX)
        return (float(down), float(right))

    def areas(self) -> tuple[SimulatedArea, ...]:
        """Return the pieces worth watching."""
        return self.watched

    def known_places(self) -> tuple[KnownPlace, ...]:
        """Return what is known of this world beforehand."""
        return self.places

    def truth(self) -> gpd.GeoDataFrame:
        """Return what really happened: one row an event, in EPSG:4326; no rows when nothing did.

        Columns: ``event`` (construction, expansion, demolition), ``name``, ``started_on`` (first disturbance of the
        ground), ``completed_on``, ``area_m2`` (of the geometry) and ``geometry`` (all that changed by the last day).
        """
        rows = [_truth_row(event, self) for event in self.events if event.change_days(self.first, self.last)]
        columns = ["event", "name", "started_on", "completed_on", "area_m2"]
        data: dict[str, Any] = {name: [row[name] for row in rows] for name in columns}
        for name in ("started_on", "completed_on"):
            data[name] = np.array(data[name], dtype="datetime64[s]")
        return gpd.GeoDataFrame(data, geometry=[row["geometry"] for row in rows], crs=LON_LAT_EPSG)

    def changed_share(self, grid: Grid, day: date) -> NDArray[np.float32]:
        """Return the share of each pixel of `grid`, shape (y, x), in which events changed something by `day` (0-1)."""
        share = np.zeros(grid.shape, dtype=np.float32)
        for polygon in self._changed_polygons(day):
            share += coverage_on(reproject(polygon, from_epsg=self.grid.epsg, to_epsg=grid.epsg), grid)
        return np.clip(share, 0, 1)

    def truth_mask(self, grid: Grid, day: date) -> NDArray[np.bool_]:
        """Return which pixels of `grid`, shape (y, x), events changed by `day` over at least half of their ground."""
        return self.changed_share(grid, day) >= 0.5  # noqa: PLR2004 - half

    def _changed_polygons(self, day: date) -> list[Polygon]:
        shapes = [event.footprint_m(self.first, day) for event in self.events]
        return [polygon for shape in shapes for polygon in polygons_of(shape)]


@lru_cache(maxsize=64)
def native_grid(centre_lon: float, centre_lat: float, size_px: tuple[int, int]) -> Grid:
    """Return the 10 m grid of `size_px` (columns, rows) around a centre, its edges on multiples of 20 m."""
    centre = Point(centre_lon, centre_lat)
    epsg = utm_epsg(centre)
    middle = reproject(centre, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    coarse_m = 2 * NATIVE_PIXEL_M
    return Grid(
        epsg=epsg,
        left_m=round((middle.x - size_px[0] * NATIVE_PIXEL_M / 2) / coarse_m) * coarse_m,
        top_m=round((middle.y + size_px[1] * NATIVE_PIXEL_M / 2) / coarse_m) * coarse_m,
        pixel_m=NATIVE_PIXEL_M,
        width_px=size_px[0],
        height_px=size_px[1],
    )


def polygons_of(shape: BaseGeometry) -> list[Polygon]:
    """Return the polygons of a polygon, a multipolygon or an empty shape."""
    parts: Sequence[BaseGeometry] = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
    return [part for part in parts if isinstance(part, Polygon) and not part.is_empty]


def _truth_row(event: SimulatedEvent, scenario: Scenario) -> dict[str, object]:
    changes = event.change_days(scenario.first, scenario.last)
    footprint = event.footprint_m(scenario.first, scenario.last)
    return {
        "event": event.kind,
        "name": event.name,
        "started_on": changes[0],
        "completed_on": changes[-1],
        "area_m2": footprint.area,
        "geometry": reproject(footprint, from_epsg=scenario.grid.epsg, to_epsg=LON_LAT_EPSG),
    }
