"""Is a position that was found one that must not be told?

It is a leak of a true place if these things hold.

- It is finer than what is shown: its own resolution (half a unit in its last place, half the diagonal of a footprint)
  is at most half of `SecretPlace.shown_to_m`.
- It is near: no farther from the outline than its resolution and a tenth of `shown_to_m` (100 to 1,000 m) together;
  30 m instead of that tenth where two numbers only stand near each other. The outline is also tried where maps of
  China would draw it (GCJ-02, BD-09).
- It is not published: no corner, middle or rounded corner or middle of a published shape.
- It is none of the towns and borders that the maps of all releases show, in the very figures that they show.

A published corner or middle may lie near a true place by chance; what else happens to (a town, a label) is a false
alarm. Distances are in metres of the equal-area projection: up to a fifth off at 45 degrees.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from aoi.gazetteer.coordinates import wgs84_to_bd09, wgs84_to_gcj02
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from outputs.redaction.forbidden import Forbidden, SecretPlace
from outputs.redaction.places import EQUAL_AREA_EPSG

Numbers = NDArray[np.float64]
Box = tuple[float, float, float, float]
METRES_A_DEGREE = 111_320.0
WEB_MERCATOR_EPSG = 3857
_NEAR_SHARE, _NEAR_LEAST_M, _NEAR_MOST_M = 0.1, 100.0, 1_000.0
_TIGHT_M = 30.0
_TIGHT_DEG = 0.0006
_FINER_SHARE = 0.5
_WIDEST_M = 50_000.0
_SLACK_M = 3.0
"""A published number kept as a 32-bit float is off by that much."""
_GRID_LINES_BELOW_M = 20.0
"""Two coordinates finer than that which lie on published lines of latitude and longitude are corners of the grid."""
_MARGIN_DEG = 0.05
_MARGIN_M = 5_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Positions:
    """Positions that were found, arrays of one length."""

    lon: Numbers
    lat: Numbers
    resolution_m: Numbers
    offset: NDArray[np.int64]
    """Where in the text or list each was found."""
    is_loose: bool = False
    """Whether the two numbers of each only stand near each other."""

    @classmethod
    def exact(cls, lon_lat: Iterable[Iterable[float]], resolution_m: float = 0.0) -> "Positions":
        """Return positions of one resolution, longitude first."""
        pairs = np.array([list(pair)[:2] for pair in lon_lat], dtype=np.float64).reshape(-1, 2)
        return cls(
            lon=pairs[:, 0],
            lat=pairs[:, 1],
            resolution_m=np.full(len(pairs), resolution_m),
            offset=np.arange(len(pairs)),
        )


class Judge:
    """Tells which positions must not be told."""

    def __init__(self, forbidden: Forbidden) -> None:
        self._places = [one for one in forbidden.places if one.shown_to_m > 0 and not one.shape_4326.is_empty]
        shapes = [shape for one in self._places for shape in _datums(one)]
        self.shapes_4326 = shapes
        self._shapes = [reproject(one, from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG) for one in shapes]
        self._tree = shapely.STRtree(self._shapes)
        shown = np.array([min(one.shown_to_m, _WIDEST_M) for one in self._places for _ in _datums(one)])
        self._near = np.clip(shown * _NEAR_SHARE, _NEAR_LEAST_M, _NEAR_MOST_M)
        self._finer = shown * _FINER_SHARE
        self._to_plane = Transformer.from_crs(LON_LAT_EPSG, EQUAL_AREA_EPSG, always_xy=True)
        self._published = _published(forbidden.published)
        self._lines = [np.unique(axis) for axis in self._published.T]
        self._known = cKDTree(self._published) if len(self._published) else None
        self._common = _tree(self._to_plane, forbidden.common)
        self.box_4326 = _around(shapes)
        bounds = np.array([one.bounds for one in shapes]).reshape(-1, 4)
        self._spans = (_spans(bounds[:, 0], bounds[:, 2]), _spans(bounds[:, 1], bounds[:, 3]))
        self.metric_epsgs = _metric(shapes)
        self._boxes: dict[int, Box] = {LON_LAT_EPSG: self.box_4326}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is secret."""
        return not self._places

    def box_in(self, epsg: int) -> Box:
        """Return left, bottom, right, top of what is secret, with a margin, in another CRS."""
        if epsg not in self._boxes:
            self._boxes[epsg] = _reprojected(self.shapes_4326, epsg)
        return self._boxes[epsg]

    def fits(self, values: Numbers, half_units: Numbers, *, axis: int) -> NDArray[np.bool_]:
        """Return which degrees, whatever their sign, fit the longitude (axis 0) or latitude (1) of a place."""
        starts, ends = self._spans[axis]
        if not len(starts):
            return np.zeros(len(values), dtype=bool)
        size = np.abs(values)
        at = np.searchsorted(ends, size - half_units)
        return (half_units < 1) & (at < len(ends)) & (starts[np.minimum(at, len(ends) - 1)] <= size + half_units)

    @property
    def finest_m(self) -> float:
        """Positions coarser than this are never told."""
        return float(self._finer.max(initial=0.0))

    def found(self, positions: Positions) -> list[tuple[int, str]]:
        """Return offset and label of each position that must not be told."""
        x, y = self._to_plane.transform(positions.lon, positions.lat)
        may = np.isfinite(x) & np.isfinite(y) & (positions.resolution_m <= self.finest_m)
        index = np.flatnonzero(may)
        if not len(index) or self.is_idle:
            return []
        points = shapely.points(x[index], y[index])
        resolution = positions.resolution_m[index]
        hits, places = self._tree.query(points, predicate="dwithin", distance=_NEAR_MOST_M + resolution)
        near = np.full(len(places), _TIGHT_M) if positions.is_loose else self._near[places]
        apart = shapely.distance(points[hits], np.array(self._shapes, dtype=object)[places])
        told = (apart <= near + resolution[hits]) & (resolution[hits] <= self._finer[places])
        found: dict[int, str] = {}
        for hit, place in zip(hits[told], places[told], strict=True):
            at = int(index[hit])
            if at not in found and not self._is_published(float(x[at]), float(y[at]), float(resolution[hit])):
                found[at] = self._places[int(place) // _DATUMS].label
        return [(int(positions.offset[at]), label) for at, label in sorted(found.items())]

    def _is_published(self, x: float, y: float, resolution_m: float) -> bool:
        within_m = resolution_m * 1.2 + _SLACK_M  # the projection stretches a little
        if self._common is not None and self._common.query_ball_point((x, y), within_m, p=np.inf):
            return True
        if self._known is None:
            return False
        if resolution_m < _GRID_LINES_BELOW_M:
            return all(_is_on(value, lines, within_m) for value, lines in zip((x, y), self._lines, strict=True))
        near = self._known.query_ball_point((x, y), within_m, p=np.inf)
        return bool(near)


_DATUMS = 3


def _datums(place: SecretPlace) -> tuple[BaseGeometry, ...]:
    """Return the shape as it is, and where GCJ-02 and BD-09 would put it."""
    middle = place.shape_4326.centroid
    here = (middle.x, middle.y)
    moved = (wgs84_to_gcj02(here), wgs84_to_bd09(here))
    if moved[0] == here:
        return (place.shape_4326,) * _DATUMS
    return (
        place.shape_4326,
        *(translate(place.shape_4326, lon - here[0], lat - here[1]) for lon, lat in moved),
    )


def _published(shapes: Iterable[BaseGeometry | None]) -> Numbers:
    """Return corners and middles on the equal-area plane, as they are and as the published degrees give them."""
    points = []
    for shape in shapes:
        if shape is not None and not shape.is_empty:
            left, bottom, right, top = shape.bounds
            inside = (shape.centroid, shape.representative_point())
            middles = [*((one.x, one.y) for one in inside), ((left + right) / 2, (bottom + top) / 2)]
            points += [*shapely.get_coordinates(shape), *middles]
    if not points:
        return np.empty((0, 2))
    degrees = np.unique(np.array(points), axis=0)
    plane = Transformer.from_crs(LON_LAT_EPSG, EQUAL_AREA_EPSG, always_xy=True)
    return np.column_stack(plane.transform(degrees[:, 0], degrees[:, 1]))


def _tree(to_plane: Transformer, lon_lat: Numbers | None) -> cKDTree | None:
    if lon_lat is None or not len(lon_lat):
        return None
    points = np.column_stack(to_plane.transform(lon_lat[:, 0], lon_lat[:, 1]))
    return cKDTree(points[np.isfinite(points).all(axis=1)])


def _is_on(value: float, lines: Numbers, within: float) -> bool:
    at = int(np.searchsorted(lines, value))
    return any(abs(float(line) - value) <= within for line in lines[max(at - 1, 0) : at + 1])


def _spans(low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Return beginnings and ends of what intervals of degrees cover together, whatever the sign; ascending."""
    is_across = low * high <= 0
    least = np.where(is_across, 0.0, np.minimum(np.abs(low), np.abs(high))) - _TIGHT_DEG
    most = np.maximum(np.abs(low), np.abs(high)) + _TIGHT_DEG
    order = np.argsort(least)
    starts, reach = least[order], np.maximum.accumulate(most[order])
    is_new = np.ones(len(starts), dtype=bool)
    is_new[1:] = starts[1:] > reach[:-1]
    return starts[is_new], reach[np.append(np.flatnonzero(is_new)[1:] - 1, len(reach) - 1)] if len(reach) else reach


def _around(shapes: Iterable[BaseGeometry]) -> Box:
    bounds = np.array([one.bounds for one in shapes]).reshape(-1, 4)
    if not len(bounds):
        return (0.0, 0.0, 0.0, 0.0)
    left, bottom = bounds[:, :2].min(axis=0) - _MARGIN_DEG
    right, top = bounds[:, 2:].max(axis=0) + _MARGIN_DEG
    return (float(left), float(bottom), float(right), float(top))


def _reprojected(shapes_4326: Iterable[BaseGeometry], epsg: int) -> Box:
    """Return the box of `shapes_4326` in a projection in metres, with a margin; an empty one where it knows none."""
    moved = (reproject(one, from_epsg=LON_LAT_EPSG, to_epsg=epsg) for one in shapes_4326)
    bounds = np.array([one.bounds for one in moved if np.isfinite(shapely.get_coordinates(one)).all()]).reshape(-1, 4)
    if not len(bounds):
        return (1.0, 1.0, 0.0, 0.0)
    left, bottom = bounds[:, :2].min(axis=0) - _MARGIN_M
    right, top = bounds[:, 2:].max(axis=0) + _MARGIN_M
    return (float(left), float(bottom), float(right), float(top))


def _metric(shapes: Iterable[BaseGeometry]) -> tuple[int, ...]:
    """Return the projections in metres in which positions may be given: web mercator, UTM with the zones beside."""
    zones: set[int] = set()
    for one in shapes:
        epsg = utm_epsg(one)
        base, zone = epsg // 100 * 100, epsg % 100
        zones |= {base + (zone + step - 1) % 60 + 1 for step in (-1, 0, 1)}
    return (WEB_MERCATOR_EPSG, *sorted(zones))
