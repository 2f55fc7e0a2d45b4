"""How strongly does a line stand out from the ground on both its sides?

A wall of a few metres is narrower than a pixel, but it is long: profiles across it, one every few metres, averaged
over an arc of a hundred metres and more, show it as a dip or a rise of known shape. The shape follows from the width
of the wall, from its shadow (sun, height, direction of the line) and from the blur of the imagery; what remains
unknown is the contrast, which is fitted together with the level, the slope and the step between the two sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians, tan

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from shapely.geometry import LinearRing, LineString

from detection.perimeter.compiled import filtered_profiles
from geo.grid import Grid
from geo.sun import Sun

Values = NDArray[np.float32]
Points = NDArray[np.float64]

_BLUR_PX = 0.65
"""Standard deviation of a line's image across it, in pixels: the pixel's own width, the optics (0.42 pixels), and the
linear interpolation of the profile."""
_SIDES = 41
"""Directions of the shadow across a line for which a filter is made; one lies at most 0.025 from the true one."""
_LEAST_SEEN = 0.6
"""An arc needs this share (0-1) of its profiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WallShape:
    """The wall that is looked for."""

    width_m: float = 3.0
    """Its thickness; what is measured is the product of width and contrast, so that this need not be exact."""

    height_m: float = 3.5
    """It sets how far the shadow falls."""

    def __post_init__(self) -> None:
        if self.width_m <= 0 or self.height_m < 0:
            raise ValueError(f"a wall has a width above 0 and no height below 0; got {self.width_m}, {self.height_m}")

    def extent_m(self, sun: Sun, side: Values) -> tuple[Values, Values]:
        """Return where wall and shadow begin and end across the line, outwards counted positive.

        Args:
            sun: Where it stands.
            side: How far the shadow's direction points outwards, -1 to 1, any shape.

        """
        reach = side * np.float32(self.height_m / tan(radians(max(sun.elevation_deg, 5.0))))
        half = np.float32(self.width_m / 2)
        return np.minimum(-half, reach - half), np.maximum(half, reach + half)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Places every few metres along a line, in arcs; arrays of one row a place."""

    place_m: Points
    """Easting and northing, shape (place, 2)."""
    outwards: Points
    """Unit vector across the line, to the outside of a ring, shape (place, 2)."""
    arc: NDArray[np.int64]
    """Which arc a place belongs to, from 0."""

    @property
    def arcs(self) -> int:
        """How many arcs."""
        return int(self.arc[-1]) + 1

    def arc_line(self, arc: int) -> LineString:
        """Return one arc as a line."""
        return LineString(self.place_m[self.arc == arc])

    def moved(self, *, turn_rad: float, to_m: tuple[float, float]) -> "Line":
        """Return the line turned about its middle and moved there."""
        turn = np.array([[np.cos(turn_rad), -np.sin(turn_rad)], [np.sin(turn_rad), np.cos(turn_rad)]])
        place = (self.place_m - self.place_m.mean(axis=0)) @ turn.T + np.asarray(to_m)
        return Line(place_m=place, outwards=self.outwards @ turn.T, arc=self.arc)


def along(ring: LinearRing, *, spacing_m: float, arc_m: float) -> Line:
    """Return places along a ring, about `spacing_m` apart, in arcs of about `arc_m`."""
    count = max(4, round(ring.length / spacing_m))
    counts_up = ring if ring.is_ccw else LinearRing(list(ring.coords)[::-1])
    steps = np.arange(count) / count * ring.length
    ahead = np.array([counts_up.interpolate((step + spacing_m / 2) % ring.length).coords[0] for step in steps])
    behind = np.array([counts_up.interpolate((step - spacing_m / 2) % ring.length).coords[0] for step in steps])
    place = np.array([counts_up.interpolate(step).coords[0] for step in steps])
    course = ahead - behind
    length = np.maximum(np.hypot(*course.T), 1e-9)[:, None]
    outwards = np.column_stack([course[:, 1], -course[:, 0]]) / length
    arcs = max(1, round(ring.length / arc_m))
    return Line(place_m=place, outwards=outwards, arc=np.arange(count) * arcs // count)


def offsets(reach_m: float, step_m: float) -> Values:
    """Return where across a line its profile is taken: outwards positive, 0 in the middle."""
    steps = round(reach_m / step_m)
    return (np.arange(-steps, steps + 1) * step_m).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where profiles are taken, between which pixels: made once for all images of a grid."""

    index: NDArray[np.intp]
    """Of the pixel above and left, in the flattened image, shape (place, offset)."""
    right: Values
    """How far right of that pixel's middle, 0 to 1, shape (place, offset)."""
    down: Values
    is_outside: NDArray[np.bool_]
    width_px: int

    @classmethod
    def of(cls, grid: Grid, line: Line, across_m: Values) -> "Places":
        """Return them for profiles of `line`, at `across_m` (from `offsets`) of each of its places."""
        points = line.place_m[:, None] + line.outwards[:, None] * across_m[None, :, None]
        rows = (grid.top_m - points[..., 1]) / grid.pixel_m - 0.5
        columns = (points[..., 0] - grid.left_m) / grid.pixel_m - 0.5
        row = np.clip(np.floor(rows), 0, max(grid.height_px - 2, 0)).astype(np.intp)
        column = np.clip(np.floor(columns), 0, max(grid.width_px - 2, 0)).astype(np.intp)
        is_outside = (rows < 0) | (columns < 0) | (rows > grid.height_px - 1) | (columns > grid.width_px - 1)
        return cls(
            index=row * grid.width_px + column,
            right=np.where(is_outside, 0, columns - column).astype(np.float32),
            down=np.where(is_outside, 0, rows - row).astype(np.float32),
            is_outside=is_outside,
            width_px=grid.width_px,
        )


def profiles(image: Values, places: Places) -> Values:
    """Return the profiles of one band, shape (place, offset), interpolated linearly; NaN where not seen."""
    flat = np.pad(image.ravel(), (0, places.width_px + 1), constant_values=np.nan)
    is_one_row = image.shape[0] == 1
    below = 0 if is_one_row else places.width_px
    aside = 0 if places.width_px == 1 else 1
    upper = flat[places.index]
    upper += places.right * (flat[places.index + aside] - upper)
    lower = flat[places.index + below]
    lower += places.right * (flat[places.index + below + aside] - lower)
    upper += places.down * (lower - upper)
    upper[places.is_outside] = np.nan
    return upper


def filters(wall: WallShape, sun: Sun, across_m: Values, *, pixel_m: float) -> Values:
    """Return what a profile is multiplied with to give the contrast of the wall, shape (side, offset).

    One row for each of the directions -1 to 1 of the shadow. Least squares: the wall's image beside a level, a slope
    and a step at the line, which the filter does not see.
    """
    blur_m = _BLUR_PX * pixel_m
    first, last = wall.extent_m(sun, np.linspace(-1, 1, _SIDES, dtype=np.float32))
    image = ndtr((across_m - first[:, None]) / blur_m) - ndtr((across_m - last[:, None]) / blur_m)
    slope = np.broadcast_to(across_m / across_m.max(), image.shape)
    step = np.broadcast_to(ndtr(across_m / blur_m) - 0.5, image.shape)
    columns = np.stack([image, np.ones_like(image), slope, step], axis=-1).astype(np.float64)
    return np.linalg.pinv(columns)[:, 0].astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What is looked for across a line, and where."""

    wall: WallShape
    across_m: Values
    """Where profiles are taken, from `offsets`."""
    shifts: Sequence[int] = (0,)
    """The line is looked for so many steps of `across_m` outwards of its place."""


def contrasts(images: Values, grid: Grid, line: Line, suns: Sequence[Sun], search: Search) -> Values:
    """Return the contrast of the wall for each arc, shape (time, shift, arc); NaN where too little was seen.

    Args:
        images: One band on each date, shape (time, y, x).
        grid: What it lies on.
        line: Where the wall is looked for.
        suns: Where it stood on each date.
        search: What is looked for.

    """
    margin = max(abs(shift) for shift in search.shifts)
    inner = search.across_m[margin : len(search.across_m) - margin]
    starts = np.array([margin + shift for shift in search.shifts], dtype=np.int64)
    first, step = _first_and_step(grid, line, search.across_m)
    result = np.empty((len(images), len(search.shifts), line.arcs), dtype=np.float32)
    found = np.empty((len(starts), len(line.place_m)), dtype=np.float32)
    for date, (image, sun) in enumerate(zip(images, suns, strict=True)):
        weights = filters(search.wall, sun, inner, pixel_m=grid.pixel_m)
        filtered_profiles(np.ascontiguousarray(image), first, step, weights, _side_rows(line, sun), starts, found)
        for index, at_shift in enumerate(found):
            result[date, index] = _arc_means(at_shift, line)
    return result


def _first_and_step(grid: Grid, line: Line, across_m: Values) -> tuple[Points, Points]:
    """Return where in the image each profile begins, and its way from one offset to the next, shape (place, 2)."""
    begin = line.place_m + line.outwards * float(across_m[0])
    first = np.column_stack([grid.top_m - begin[:, 1], begin[:, 0] - grid.left_m]) / grid.pixel_m - 0.5
    step_m = float(across_m[1] - across_m[0])
    return first, np.column_stack([-line.outwards[:, 1], line.outwards[:, 0]]) * step_m / grid.pixel_m


def _side_rows(line: Line, sun: Sun) -> NDArray[np.intp]:
    """Return which row of `filters` belongs to each place."""
    away = radians(sun.azimuth_deg + 180)
    side = line.outwards @ np.array([np.sin(away), np.cos(away)])
    rows: NDArray[np.intp] = np.rint((side + 1) / 2 * (_SIDES - 1)).astype(np.intp)
    return rows


def _arc_means(values: Values, line: Line) -> Values:
    is_seen = np.isfinite(values)
    seen = np.bincount(line.arc, is_seen, line.arcs)
    total = np.bincount(line.arc, np.where(is_seen, values, 0), line.arcs)
    is_enough = seen >= _LEAST_SEEN * np.bincount(line.arc, minlength=line.arcs)
    return np.where(is_enough, total / np.maximum(seen, 1), np.nan).astype(np.float32)
