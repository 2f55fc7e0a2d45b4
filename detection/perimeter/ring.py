"""Where does the wall around a place run, if only a point, or a rough outline, is known?

The closed path around the point along which long straight lines and edges stand out most in a composite of one clear
season: dynamic programming in polar coordinates, the cost of a step being low where a line of the step's own direction
lies (cf. Kass, Witkin and Terzopoulos 1988, doi:10.1007/BF00133570, and Dinkelbach 1967,
doi:10.1287/mnsc.13.7.492, for the cost a metre instead of the sum). How far the ring may lie off is told place by
place. An outline that an analyst drew is taken as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from shapely.geometry import LinearRing, MultiPolygon, Point, Polygon

from aoi.facilities import Facility
from detection.looks.normalise import median_of_seen
from detection.perimeter.lines import along, offsets
from detection.perimeter.straight import DIRECTIONS, line_strength
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Stack

Values = NDArray[np.float32]
Points = NDArray[np.float64]

_MOST_STEPS = 16
"""So many steps outwards from one ray to the next at most. Steps are short against the way to the next ray, so that the
ring can run in nearly any direction."""
_ROUNDS = 8
_SPACING_M = 20.0
_STEP_PX = 0.25
_AROUND_M = 200.0
_APART_M = 40.0
"""A ring that lies nearer to another is the same, differently placed."""
_HARDLY_MORE = 0.1
_PLACING_PX = 1.5
"""Lines and edges together tell which ring it is; the line alone, so far to both sides, tells where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingParams:
    """How a ring is traced."""

    nearest_m: float = 60.0
    """The ring keeps so far from the point."""

    farthest_m: float = 500.0

    rays: int = 96

    line_m: float = 120.0
    """Lines and edges are averaged over so much of their length: a wall is long, a house is short."""

    within_m: float = 40.0
    """How far off a rough outline the ring is looked for."""

    slack: float = 0.02
    """A place by which the ring would cost this share more in all may be its true place, too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ring:
    """A perimeter."""

    line_m: LinearRing
    is_traced: bool
    """False for an outline that somebody drew."""
    uncertainty_m: Points
    """How far the line that the ring follows may lie off, for each vertex of `line_m` but the last, which is the first
    again: as far as the ring could move step by step at hardly more cost."""
    rival_m: float
    """How far off half of the ring another line lies that stands out hardly less, so that it might be the perimeter
    instead; 0 where there is none, and for an outline."""
    clearness: float
    """How strongly it stands out, 0 to 1, along its mean metre; NaN for an outline."""

    @property
    def median_uncertainty_m(self) -> float:
        """How far half of its vertices may lie off at most."""
        return float(np.median(self.uncertainty_m))


def composite_of(stack: Stack, season: Sequence[int]) -> Values:
    """Return the median of the clear looks in some months (1 to 12), shape (band, y, x); NaN where never seen.

    Raises:
        ValueError: There is no look in these months.

    """
    chosen = [index for index, day in enumerate(stack.days) if day.month in season]
    if not chosen:
        raise ValueError(f"no look in the months {', '.join(map(str, season))}; looks: {_span(stack.days)}")
    found: Values = median_of_seen(stack.values[chosen])
    return found


def _span(days: Sequence[date]) -> str:
    return f"{days[0]} to {days[-1]}" if days else "none"


def perimeter_of(facility: Facility, composite: Values, grid: Grid, params: RingParams | None = None) -> Ring | None:
    """Return the perimeter of a facility: its outline where it has one, else the ring traced around its point.

    Args:
        facility: With an outline or a point; of several outlines the largest counts.
        composite: What is searched, shape (band, y, x), from `composite_of`.
        grid: What it lies on.
        params: How it is searched.

    Returns:
        None where the point lies too near the edge of the image, or too little was seen.

    """
    here = reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=grid.epsg)
    if isinstance(here, Point):
        return trace_ring(composite, grid, here, params or RingParams())
    largest = max(here.geoms, key=lambda part: part.area) if isinstance(here, MultiPolygon) else here
    return outline_ring(largest, error_m=facility.position_error_m)


def outline_ring(outline: Polygon, *, error_m: float = 0.0) -> Ring:
    """Return the outer edge of an outline in a projected CRS as it was drawn."""
    line = LinearRing(outline.exterior.coords)
    return Ring(
        line_m=line,
        is_traced=False,
        uncertainty_m=np.full(len(line.coords) - 1, error_m),
        rival_m=0.0,
        clearness=float("nan"),
    )


def trace_ring(composite: Values, grid: Grid, rough: Point | Polygon, params: RingParams) -> Ring | None:
    """Return the closed line around a point, or near a rough outline, that stands out most.

    None where there is no room for it in the image, or nothing was seen. Compounds often have several lines one in
    the other: around a point any of them may be found, and `Ring.uncertainty_m` tells how little was lost by another.
    """
    rays = _Rays.around(rough, grid, params) if isinstance(rough, Point) else _Rays.beside(rough, grid, params)
    first = None if rays is None else _traced(composite, grid, rays, params, sees_edges=True)
    if first is None:
        return None
    near = replace(params, within_m=_PLACING_PX * grid.pixel_m, line_m=params.line_m / 2)
    placed = _traced(composite, grid, _Rays.beside(Polygon(first.line_m), grid, near), near, sees_edges=False)
    return first if placed is None else replace(placed, uncertainty_m=_at_least(first, placed), rival_m=first.rival_m)


def _at_least(first: Ring, placed: Ring) -> Points:
    """Return the uncertainty of the second ring, and nowhere less than by how far it lies from the first."""
    there, here = (np.asarray(ring.line_m.coords)[:-1] for ring in (first, placed))
    apart = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1)).min(axis=1)
    return np.asarray(np.maximum(placed.uncertainty_m, apart))


def _traced(composite: Values, grid: Grid, rays: "_Rays", params: RingParams, *, sees_edges: bool) -> Ring | None:
    if not rays.lie_inside(grid):
        return None
    composite, grid = _near(composite, grid, rays.at)
    strength = line_strength(composite, along_px=params.line_m / grid.pixel_m, sees_edges=sees_edges)
    if strength is None:
        return None
    steps = _Steps.of(strength, grid, rays.at)
    path, mean = _best_path(steps)
    return _ring(steps, path, mean, params)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rays:
    """Places through which a ring may pass: one on each ray."""

    at: Points
    """Easting and northing, shape (ray, radius, 2); rays in the order of angles, counter-clockwise."""

    @classmethod
    def around(cls, middle: Point, grid: Grid, params: RingParams) -> "_Rays | None":
        left, bottom, right, top = grid.bounds_m
        room_m = min(middle.x - left, right - middle.x, middle.y - bottom, top - middle.y) - grid.pixel_m
        radii = np.arange(params.nearest_m, min(params.farthest_m, room_m), grid.pixel_m * _STEP_PX)
        if len(radii) < 2 * _MOST_STEPS:
            return None
        angles = np.arange(params.rays) / params.rays * 2 * pi
        outwards = np.column_stack([np.cos(angles), np.sin(angles)])
        return cls(at=np.array([middle.x, middle.y]) + outwards[:, None] * radii[None, :, None])

    @classmethod
    def beside(cls, outline: Polygon, grid: Grid, params: RingParams) -> "_Rays":
        line = along(LinearRing(outline.exterior.coords), spacing_m=_SPACING_M, arc_m=outline.length)
        off = offsets(params.within_m, grid.pixel_m * _STEP_PX)
        return cls(at=line.place_m[:, None] + line.outwards[:, None] * off[None, :, None])

    def lie_inside(self, grid: Grid) -> bool:
        left, bottom, right, top = grid.bounds_m
        low, high = self.at.min(axis=(0, 1)), self.at.max(axis=(0, 1))
        return bool((low > (left, bottom)).all() and (high < (right, top)).all())


def _near(composite: Values, grid: Grid, at: Points) -> tuple[Values, Grid]:
    """Return the part of the image around the rays: what is usual is what is usual there."""
    low, high = at.min(axis=(0, 1)) - _AROUND_M, at.max(axis=(0, 1)) + _AROUND_M
    top, bottom = (int((grid.top_m - edge) / grid.pixel_m) for edge in (high[1], low[1]))
    first, last = (int((edge - grid.left_m) / grid.pixel_m) for edge in (low[0], high[0]))
    rows, columns = slice(max(top, 0), bottom + 1), slice(max(first, 0), last + 1)
    part = composite[:, rows, columns]
    near = replace(
        grid,
        left_m=grid.left_m + columns.start * grid.pixel_m,
        top_m=grid.top_m - rows.start * grid.pixel_m,
        height_px=part.shape[1],
        width_px=part.shape[2],
    )
    return part, near


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Steps:
    """All steps from one ray to the next."""

    cost: Values
    """Of a metre, 0 to 1, shape (ray, radius, step of the radius): low where a line runs that way."""
    length_m: Points
    """Of the same shape."""
    around_m: Points
    """Of a step straight on, shape (ray, radius, 1)."""
    at: Points

    @classmethod
    def of(cls, strength: Values, grid: Grid, at: Points) -> "_Steps":
        radii = at.shape[1]
        target = np.clip(np.arange(radii)[:, None] + np.arange(-_MOST_STEPS, _MOST_STEPS + 1), 0, radii - 1)
        course = np.roll(at, -1, axis=0)[:, target] - at[:, :, None]
        rows = (grid.top_m - at[..., 1]) / grid.pixel_m - 0.5
        columns = (at[..., 0] - grid.left_m) / grid.pixel_m - 0.5
        along_rays = np.stack([map_coordinates(layer, [rows, columns], order=1, mode="nearest") for layer in strength])
        direction = np.arctan2(course[..., 1], course[..., 0]) / pi * DIRECTIONS
        ray, radius = np.indices(direction.shape)[:2]
        found = along_rays[np.rint(direction).astype(np.intp) % DIRECTIONS, ray, radius]
        usual = max(float(np.quantile(along_rays, 0.9)), 1e-9)
        length = np.hypot(course[..., 0], course[..., 1])
        return cls(
            cost=(1 / (1 + np.square(found / usual))).astype(np.float32),
            length_m=length,
            around_m=length[:, :, _MOST_STEPS, None],
            at=at,
        )

    def weighed(self, mean: float) -> Points:
        """Return the cost of each step beyond `mean` for each metre that it leads around the middle."""
        return np.asarray(self.cost * self.length_m - mean * self.around_m)

    def mean_cost(self, path: NDArray[np.intp]) -> float:
        """Return the cost of a closed path, one radius a ray, for each metre that it leads around the middle."""
        place = (np.arange(len(path)), path)
        step = (*place, np.roll(path, -1) - path + _MOST_STEPS)
        return float((self.cost[step] * self.length_m[step]).sum() / self.around_m[place].sum())


def _best_path(steps: _Steps) -> tuple[NDArray[np.intp], float]:
    """Return the closed path that costs least a metre around the middle, and what that is."""
    mean = float(np.median(steps.cost))
    for _ in range(_ROUNDS):
        weights = steps.weighed(mean)
        path = _closed_path(weights)
        found = steps.mean_cost(path)
        if abs(found - mean) < 1e-4:  # noqa: PLR2004 - of costs between 0 and 1
            break
        mean = found
    return path, mean


def _closed_path(weights: Points) -> NDArray[np.intp]:
    """Return a closed path of little cost: where two turns pass in their middle, one turn begins and ends."""
    rays, radii = weights.shape[:2]
    twice = _cheapest(np.concatenate([weights, weights]), np.zeros(radii))
    start = int(_back(twice, int(np.argmin(twice.total[-1])))[rays])
    return _back(_cheapest(weights, _only(start, radii)), start)[:-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Way:
    """The cheapest ways to each place."""

    total: Points
    """Shape (ray + 1, radius)."""
    came_from: NDArray[np.intp]
    """The radius on the ray before, shape (ray, radius)."""


def _cheapest(weights: Points, start: Points) -> _Way:
    rays, radii, slopes = weights.shape
    source = np.arange(radii)[:, None] - np.arange(-_MOST_STEPS, _MOST_STEPS + 1)
    is_there = (source >= 0) & (source < radii)
    source = np.clip(source, 0, radii - 1)
    slope = np.broadcast_to(np.arange(slopes), source.shape)
    total, came_from = [start], []
    for weight in weights:
        way = np.where(is_there, total[-1][source] + weight[source, slope], np.inf)
        best = way.argmin(axis=1)
        total.append(way[np.arange(radii), best])
        came_from.append(source[np.arange(radii), best])
    return _Way(total=np.stack(total), came_from=np.stack(came_from).reshape(rays, radii))


def _back(way: _Way, last: int) -> NDArray[np.intp]:
    path = [last]
    for came_from in way.came_from[::-1]:
        path.append(int(came_from[path[-1]]))
    return np.array(path[::-1], dtype=np.intp)


def _only(index: int, count: int) -> Points:
    return np.where(np.arange(count) == index, 0.0, np.inf)


def _ring(steps: _Steps, path: NDArray[np.intp], mean: float, params: RingParams) -> Ring:
    place = steps.at[np.arange(len(path)), path]
    outwards = steps.at[:, -1] - steps.at[:, 0]
    outwards /= np.hypot(*outwards.T)[:, None]
    course = np.roll(place, -1, axis=0) - np.roll(place, 1, axis=0)
    across = np.column_stack([course[:, 1], -course[:, 0]]) / np.maximum(np.hypot(*course.T), 1e-9)[:, None]
    lean = np.abs((across * outwards).sum(axis=1))
    off_m = _radial_uncertainty_m(steps, path, mean, params) * lean
    return Ring(
        line_m=LinearRing(place),
        is_traced=True,
        uncertainty_m=off_m,
        rival_m=_rival_m(steps, path, mean),
        clearness=1 - min(mean, 1.0),
    )


def _rival_m(steps: _Steps, path: NDArray[np.intp], mean: float) -> float:
    """Return how far off half of the next best ring lies, if it costs hardly more, that keeps away from this one."""
    step_m = float(np.hypot(*(steps.at[0, 1] - steps.at[0, 0])))
    away = np.abs(np.arange(steps.at.shape[1])[None] - path[:, None]) * step_m
    if away.max() <= _APART_M:
        return 0.0
    cost = np.where(away[..., None] <= _APART_M, np.float32(1), steps.cost)
    other, other_mean = _best_path(replace(steps, cost=cost))
    apart_m = float(np.median(away[np.arange(len(path)), other]))
    return apart_m if other_mean <= (1 + _HARDLY_MORE) * mean and apart_m > _APART_M else 0.0


def _radial_uncertainty_m(steps: _Steps, path: NDArray[np.intp], mean: float, params: RingParams) -> Points:
    """Return how far the ring may move, step by step, on each ray at hardly more cost; half a step at least."""
    weights = steps.weighed(0.0)
    rays, radii = weights.shape[:2]
    allowed = params.slack * mean * float(steps.around_m[np.arange(rays), path].sum())
    half = rays // 2
    off = np.zeros(rays)
    for start in (0, half):
        turned = np.roll(weights, -start, axis=0)
        here = np.roll(path, -start)
        forward = _cheapest(turned, _only(int(here[0]), radii)).total
        onwards = _to_end(turned, int(here[0]))
        more = forward[:-1] + onwards[:-1]
        more -= more[np.arange(rays), here][:, None]
        may_be = more <= allowed
        reach = np.abs(np.arange(radii)[None] - here[:, None])
        reach = (reach * _around(may_be, here)).max(axis=1)
        off[(np.arange(half // 2, half // 2 + half) + start) % rays] = reach[half // 2 : half // 2 + half]
    step_m = float(np.hypot(*(steps.at[0, 1] - steps.at[0, 0])))
    return np.maximum(off, 0.5) * step_m


def _around(may_be: NDArray[np.bool_], here: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return the radii, shape (ray, radius), between which and the one at `here` all may be, too."""
    radii = np.arange(may_be.shape[1])[None]
    is_out = ~may_be
    first_out = np.where(is_out & (radii > here[:, None]), radii, may_be.shape[1]).min(axis=1)
    last_in = np.where(is_out & (radii < here[:, None]), radii, -1).max(axis=1)
    return np.asarray((radii > last_in[:, None]) & (radii < first_out[:, None]))


def _to_end(weights: Points, last: int) -> Points:
    """Return the cost of the cheapest way from each place to the place `last` at the end, shape (ray + 1, radius)."""
    radii = weights.shape[1]
    target = np.arange(radii)[:, None] + np.arange(-_MOST_STEPS, _MOST_STEPS + 1)
    is_there = (target >= 0) & (target < radii)
    target = np.clip(target, 0, radii - 1)
    total = [_only(last, radii)]
    for weight in weights[::-1]:
        total.append(np.where(is_there, total[-1][target] + weight, np.inf).min(axis=1))
    return np.stack(total[::-1])
