"""The places that compete for a supplier, prepared for many integrals at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import Point

from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode
from outputs.risk.kernels import SIGMAS_AT_95, Floats, Form, Ints, Outlines, areas_m2, density, mass, metres_a_degree
from outputs.risk.kernels import offsets_m as way_m

Shapes = NDArray[np.object_]
POINT_RADIUS_M = 150.0
"""A place known as a point only counts as a circle of this radius: a works of seven hectares."""
_EARTH_M = 6_371_000.0
_LARGE_M = 2_000.0
_SMALL_TO_WIDTH = 0.25
"""A place smaller than this share of the error is a point to it: the error of the integral stays below a hundredth."""
_FAR_WIDTHS = 6.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """Known places, flagged ones and others."""

    ids: tuple[str, ...]
    shapes: Shapes
    """Polygons in longitude and latitude."""
    outlines: Outlines
    centres: Floats
    """Longitude and latitude, shape (place, 2)."""
    reach_m: Floats
    """From the centre to the farthest corner."""
    area_m2: Floats
    error_m: Floats
    """Standard deviation of where the place itself is."""
    is_flagged: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def ground_of(sites: Sequence[Facility], plots: Sequence[Facility]) -> Ground:
    """Prepare flagged `sites` and other known `plots`."""
    known = [*sites, *plots]
    return ground_of_shapes(
        [one.facility_id for one in known],
        outlined([one.location_4326 for one in known]),
        error_m=np.array([one.position_error_m / SIGMAS_AT_95 for one in known]),
        is_flagged=np.arange(len(known)) < len(sites),
    )


def ground_of_shapes(
    ids: Sequence[str], shapes_4326: Shapes, *, error_m: Floats, is_flagged: NDArray[np.bool_]
) -> Ground:
    """Prepare polygons; see the fields of `Ground`."""
    centres = shapely.get_coordinates(shapely.centroid(shapes_4326)).reshape(-1, 2)
    corners, owner = shapely.get_coordinates(shapes_4326, return_index=True)
    reach_m = np.zeros(len(ids))
    if len(ids) > 0:
        np.maximum.at(reach_m, owner, np.hypot(*way_m(centres[owner], corners).T))
    return Ground(
        ids=tuple(ids),
        shapes=shapes_4326,
        outlines=Outlines.of(shapes_4326),
        centres=centres,
        reach_m=reach_m,
        area_m2=areas_m2(shapes_4326),
        error_m=error_m,
        is_flagged=is_flagged,
    )


def widened(ground: Ground, distance_m: float) -> Ground:
    """Return the flagged places alone, with all ground within `distance_m` of them."""
    flagged = np.flatnonzero(ground.is_flagged)
    return ground_of_shapes(
        [ground.ids[number] for number in flagged],
        buffered(ground.shapes[flagged], distance_m),
        error_m=ground.error_m[flagged],
        is_flagged=np.ones(len(flagged), dtype=bool),
    )


def outlined(locations: Sequence[object]) -> Shapes:
    """Return polygons in longitude and latitude; of a point the circle that it counts as."""
    shapes = np.empty(len(locations), dtype=object)
    shapes[:] = locations
    is_point = np.array([isinstance(one, Point) for one in locations], dtype=bool)
    shapes[is_point] = buffered(shapes[is_point], POINT_RADIUS_M)
    return shapes


def buffered(shapes_4326: Shapes, distance_m: float, *, quad_segs: int = 6) -> Shapes:
    """Return the shapes with all ground within `distance_m` of them, in the metres of each one's own tangent plane.

    `quad_segs` is the number of edges for a quarter of a circle.
    """
    if len(shapes_4326) == 0:
        return shapes_4326
    middles = shapely.get_coordinates(shapely.centroid(shapes_4326))
    east, north = metres_a_degree(middles[:, 1])
    scale = np.stack([east, north], axis=1)
    flat = _moved(shapes_4326, -middles, np.ones_like(scale))
    wide = shapely.buffer(_moved(flat, np.zeros_like(middles), scale), distance_m, quad_segs=quad_segs)
    return _moved(_moved(wide, np.zeros_like(middles), 1 / scale), middles, np.ones_like(scale))


def _moved(shapes: Shapes, shift: Floats, scale: Floats) -> Shapes:
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    moved: Shapes = shapely.set_coordinates(shapes.copy(), xy * scale[owner] + shift[owner])
    return moved


def tree_of(lon_lat: Floats) -> cKDTree:
    """Return a search tree of points on the globe, in metres along the chord."""
    return cKDTree(on_globe(lon_lat))


def on_globe(lon_lat: Floats) -> Floats:
    """Return longitude and latitude as points of a sphere, in metres."""
    lon, lat = np.radians(lon_lat[..., 0]), np.radians(lon_lat[..., 1])
    return _EARTH_M * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Positions and the places that they may be in."""

    fix: Ints
    """Number of the position."""
    place: Ints
    lon_lat: Floats
    """Of the position, shape (pair, 2)."""
    distance_m: Floats
    """To the place's centre."""

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Return some of them."""
        return Pairs(
            fix=self.fix[chosen],
            place=self.place[chosen],
            lon_lat=self.lon_lat[chosen],
            distance_m=self.distance_m[chosen],
        )


def pairs_within(lon_lat: Floats, reach_m: Floats, ground: Ground) -> Pairs:
    """Return the pairs of a position and a place of which some ground lies within the position's reach."""
    none = np.zeros(0, dtype=np.int64)
    if len(lon_lat) == 0 or len(ground) == 0:
        return Pairs(fix=none, place=none, lon_lat=np.zeros((0, 2)), distance_m=np.zeros(0))
    is_large = ground.reach_m > _LARGE_M
    small, large = np.flatnonzero(~is_large), np.flatnonzero(is_large)
    points = on_globe(lon_lat)
    found_of, found = [none], [none]
    if len(small):
        lists = tree_of(ground.centres[small]).query_ball_point(points, reach_m + ground.reach_m[small].max())
        of_point, members = _flattened(lists)
        found_of.append(of_point)
        found.append(small[members])
    if len(large):
        tree = cKDTree(points)
        lists = tree.query_ball_point(on_globe(ground.centres[large]), reach_m.max() + ground.reach_m[large])
        of_large, members = _flattened(lists)
        found_of.append(members)
        found.append(large[of_large])
    i, j = np.concatenate(found_of), np.concatenate(found)
    distance_m = np.hypot(*way_m(lon_lat[i], ground.centres[j]).T)
    found_pairs = Pairs(fix=i, place=j, lon_lat=lon_lat[i], distance_m=distance_m)
    return found_pairs.where(distance_m <= reach_m[i] + ground.reach_m[j])


def _flattened(lists: "NDArray[np.object_]") -> tuple[Ints, Ints]:
    counts = np.array([len(one) for one in lists], dtype=np.int64)
    members = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(counts.sum()))
    return np.repeat(np.arange(len(lists)), counts), members


def masses(pairs: Pairs, widths_m: Floats, ground: Ground, form: Form) -> Floats:
    """Return which share of each position's error component lies in its place, shape (pair,).

    The place's own error widens the component. What is small against the width is taken as a point of its area, what
    lies out of a Gaussian's reach holds nothing.
    """
    chosen, distance_m, lon_lat = pairs.place, pairs.distance_m, pairs.lon_lat
    width = np.hypot(widths_m, ground.error_m[chosen])
    reach_m = ground.reach_m[chosen]
    shares = np.minimum(density(distance_m, width, form) * ground.area_m2[chosen], 1.0)
    is_exact = reach_m >= _SMALL_TO_WIDTH * width
    if form is Form.GAUSSIAN:
        is_far = distance_m - reach_m > _FAR_WIDTHS * width
        shares[is_far] = 0.0
        is_exact &= ~is_far
    elif form is Form.DISC:
        is_exact = np.ones_like(is_exact)
    exact = np.flatnonzero(is_exact)
    shares[exact] = mass(lon_lat[exact], width[exact], ground.outlines, chosen[exact], form)
    return shares


def units_around(sites: Mapping[str, Facility], units: Sequence[Geocode]) -> dict[str, int]:
    """Return for each site in how many of the units, taken as circles, its middle lies."""
    if not sites or not units:
        return dict.fromkeys(sites, 0)
    places = sorted(sites)
    centres = shapely.get_coordinates(shapely.centroid(outlined([sites[name].location_4326 for name in places])))
    found = tree_of(centres).query_ball_point(
        on_globe(np.array([code.lon_lat for code in units])), np.array([code.radius_m for code in units])
    )
    _, members = _flattened(found)
    counts = np.bincount(members, minlength=len(places))
    return dict(zip(places, counts.tolist(), strict=True))
