"""Cells and units: what a place is shown as, and how wide that must be for enough sites to share it.

The grid lies on the cylindrical equal-area projection of EASE-Grid 2.0 (EPSG:6933; Brodzik et al. 2012): cells of one
size have one area everywhere, their edges are parallels and meridians, and four of them make the next wider one.
The gazetteer knows where the seats of units are, not their borders: a unit is what is nearer to its seat than
to others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from math import floor, hypot, log10
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon, box

from aoi.gazetteer.gazetteer import Gazetteer
from aoi.gazetteer.place import Level
from geo.crs import LON_LAT_EPSG, reproject
from outputs.redaction.policy import Policy, Snap, UnitLevel

EQUAL_AREA_EPSG = 6933
_METRES_A_DEGREE = 111_000.0
_SEATS_REACH_M = 300_000.0
"""Places farther than this from all seats are in no unit."""
_UNIT_DEGREE_DECIMALS = 3


class Scheme(Protocol):
    """A way to show places."""

    @property
    def name(self) -> str:
        """Under which published places are remembered."""
        ...

    def ladder(self, lon: float, lat: float) -> tuple[str, ...]:
        """Return the places that may be shown for a position, the widest first; none where there are none."""
        ...

    def shape_4326(self, place: str) -> Polygon | MultiPolygon:
        """Return the outline of a place."""
        ...

    def words(self, place: str) -> str:
        """Return what a place is, for the reader."""
        ...


class GridScheme:
    """Cells of an equal-area grid; a place is named ``doublings:column:row``."""

    def __init__(self, cell_m: float, widenings: int) -> None:
        self._cell_m = cell_m
        self._widenings = widenings
        self.name = f"grid:{cell_m:g}"

    def ladder(self, lon: float, lat: float) -> tuple[str, ...]:
        """Return the cells around a position, the widest first."""
        point = reproject(Point(lon, lat), from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG)
        cells = []
        for doublings in range(self._widenings, -1, -1):
            side_m = self._cell_m * 2**doublings
            cells.append(f"{doublings}:{floor(point.x / side_m)}:{floor(point.y / side_m)}")
        return tuple(cells)

    def shape_4326(self, place: str) -> Polygon:
        """Return a cell, its corners rounded to about a thousandth of its side."""
        doublings, column, row = (int(part) for part in place.split(":"))
        side_m = self._cell_m * 2**doublings
        cell = box(column * side_m, row * side_m, (column + 1) * side_m, (row + 1) * side_m)
        decimals = round(log10(_METRES_A_DEGREE / (self._cell_m / 1000)))
        return _rounded(reproject(cell, from_epsg=EQUAL_AREA_EPSG, to_epsg=LON_LAT_EPSG), decimals)

    def words(self, place: str) -> str:
        """Return how large a cell is."""
        doublings = int(place.split(":", maxsplit=1)[0])
        side_km = self._cell_m * 2**doublings / 1000
        why = ", wider than others because too few places share a smaller one" if doublings else ""
        return f"somewhere in a cell of {side_km**2:,.4g} km² of a grid that is the same in all releases{why}"


class UnitScheme:
    """Administrative units of China by their seats; a place is named by the unit's code."""

    def __init__(self, finest: UnitLevel) -> None:
        self._finest = finest
        self.name = f"unit:{finest.value}"

    def ladder(self, lon: float, lat: float) -> tuple[str, ...]:
        """Return the units around a position: province, prefecture, county, as far as this scheme goes."""
        point = reproject(Point(lon, lat), from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG)
        cells, codes = _seat_cells()
        hits = sorted(shapely.STRtree(cells).query(point, predicate="intersects")) if cells else []
        if not hits:
            return ()
        county = codes[int(hits[0])]
        units = (f"{county[:2]}0000", f"{county[:4]}00", county)
        return units[: 1 + (UnitLevel.PROVINCE, UnitLevel.PREFECTURE, UnitLevel.COUNTY).index(self._finest)]

    def shape_4326(self, place: str) -> Polygon | MultiPolygon:
        """Return what is nearer to the seats of the unit's counties than to other seats."""
        return _unit_shape(place)

    def words(self, place: str) -> str:
        """Return the unit's name, and what its outline means."""
        return f"somewhere around {_unit_name(place)}: nearer to the seats of its counties than to any other"


def scheme_of(policy: Policy) -> Scheme:
    """Return the scheme of a policy that is not exact."""
    if policy.snap is Snap.UNIT:
        return UnitScheme(policy.unit_level)
    return GridScheme(policy.cell_m, policy.widenings)


def shared_places(ladders: Mapping[str, Sequence[str]], k: int) -> dict[str, str | None]:
    """Return for each site the narrowest place that no fewer than `k` sites share, by the sites' `ladders`.

    A place is divided only if every part of it in which there are sites has `k` of them: if some went into narrower
    places and others stayed, what is known of the ones would tell where the others are not. None: not even the widest
    place has `k`.
    """
    found: dict[str, str | None] = {}
    for members in _grouped(sorted(ladders), ladders, 0).values():
        if len(members) < k:
            found |= dict.fromkeys(members)
        else:
            found |= _divided(members, ladders, 0, k)
    return found


def shown_to_m(shape_4326: Polygon | MultiPolygon) -> float:
    """Return how far the farthest corner lies from the middle, in metres of the equal-area projection."""
    shape = reproject(shape_4326, from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG)
    corners, middle = shapely.get_coordinates(shape), shape.centroid
    return float(max(hypot(x - middle.x, y - middle.y) for x, y in corners))


def _divided(members: Sequence[str], ladders: Mapping[str, Sequence[str]], depth: int, k: int) -> dict[str, str | None]:
    here = {member: ladders[member][depth] for member in members}
    if any(len(ladders[member]) <= depth + 1 for member in members):
        return dict(here)
    parts = _grouped(members, ladders, depth + 1)
    if any(len(part) < k for part in parts.values()):
        return dict(here)
    return {site: place for part in parts.values() for site, place in _divided(part, ladders, depth + 1, k).items()}


def _grouped(members: Sequence[str], ladders: Mapping[str, Sequence[str]], depth: int) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for member in members:
        groups[ladders[member][depth]].append(member)
    return groups


def _rounded(shape: Polygon | MultiPolygon, decimals: int) -> Polygon | MultiPolygon:
    rounded: Polygon | MultiPolygon = shapely.transform(shape, lambda xy: np.round(xy, decimals))
    return rounded if rounded.is_valid else shapely.make_valid(rounded)


@cache
def _seat_cells() -> tuple[tuple[Polygon, ...], tuple[str, ...]]:
    """Return what is nearest to each county's seat, on the equal-area projection, and the counties' codes."""
    seats: dict[tuple[float, float], str] = {}
    for unit in Gazetteer.load().units(Level.COUNTY):
        if unit.lon_lat is not None:
            at = reproject(Point(unit.lon_lat), from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG)
            seats.setdefault((round(at.x), round(at.y)), unit.place_id)
    points = MultiPoint(list(seats))
    near = shapely.union_all([point.buffer(_SEATS_REACH_M) for point in points.geoms])
    cells = shapely.voronoi_polygons(points, extend_to=near.envelope, ordered=True)
    return tuple(shapely.intersection(cell, near) for cell in cells.geoms), tuple(seats.values())


@cache
def _unit_shape(code: str) -> Polygon | MultiPolygon:
    cells, codes = _seat_cells()
    stem = code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code
    parts = [cell for cell, county in zip(cells, codes, strict=True) if county.startswith(stem)]
    whole = reproject(shapely.union_all(parts), from_epsg=EQUAL_AREA_EPSG, to_epsg=LON_LAT_EPSG)
    return _rounded(whole, _UNIT_DEGREE_DECIMALS)


def _unit_name(code: str) -> str:
    gazetteer = Gazetteer.load()
    for one in (code, f"{code[:4]}00", f"{code[:2]}0000"):
        position = gazetteer.catalogue.by_id.get(one)
        if position is not None:
            names = gazetteer.catalogue.places[position].names
            return f"{names[1]} ({names[0]})" if len(names) > 1 else names[0]
    return code
