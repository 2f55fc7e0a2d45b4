"""What is built in a simulated world, when it stands, and the plans of compounds and parks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from math import cos, floor, inf, radians, sin

import numpy as np
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon
from shapely.ops import unary_union

from geo.sources.simulated.spectra import Surface

_CONVEX_TOLERANCE = 1e-6
_SAME_ROOF_SHARE = 0.85
_ROOFS = (Surface.GREY_ROOF, Surface.WHITE_ROOF, Surface.BLUE_ROOF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One thing on the ground with one surface: a roof, a wall, a road, a graded strip."""

    footprint_m: Polygon
    """In the UTM zone of its scenario."""
    surface: Surface
    stands_from: date = date.min
    """The first day it is there."""
    stands_until: date = date.max
    """The first day it is gone."""
    height_m: float = 0.0
    """Above 0 it casts a shadow, and it is drawn over everything flat."""
    brightness: float = 1.0

    def __post_init__(self) -> None:
        hull = self.footprint_m.convex_hull
        if self.height_m > 0 and hull.area > self.footprint_m.area * (1 + _CONVEX_TOLERANCE):
            raise ValueError(f"a structure with a height must be convex; this {self.surface} is not: cut it in parts")

    def stands_on(self, day: date) -> bool:
        """Say whether it is there on `day`."""
        return self.stands_from <= day < self.stands_until

    def changed_between(self, first: date, day: date) -> bool:
        """Say whether it came or went after `first`, up to and including `day`."""
        return first < self.stands_from <= day or first < self.stands_until <= day

    def shadow_m(self, east_north_m: tuple[float, float]) -> Polygon:
        """Return the ground that it and its shadow cover, if a shadow of its height falls by `east_north_m`."""
        moved = translate(self.footprint_m, *east_north_m)
        hull: Polygon = unary_union([self.footprint_m, moved]).convex_hull
        return hull


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEvent:
    """Something that is built or torn down, as the structures that come or go with it."""

    name: str
    kind: str
    """``construction``, ``expansion``, ``demolition`` or ``desecuritisation``."""
    structures: tuple[Structure, ...]

    def footprint_m(self, first: date, day: date) -> Polygon | MultiPolygon:
        """Return the union of all that came or went after `first`, up to and including `day`."""
        return unary_union([part.footprint_m for part in self.structures if part.changed_between(first, day)])

    def change_days(self, first: date, last: date) -> list[date]:
        """Return each day in (first, last] on which something came or went, ascending."""
        days = {day for part in self.structures for day in (part.stands_from, part.stands_until)}
        return sorted(day for day in days if first < day <= last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Coordinates of a plan: u along and v across, in metres from a centre, turned by an angle against east."""

    x_m: float
    y_m: float
    angle_deg: float

    def point(self, u: float, v: float) -> tuple[float, float]:
        """Return the easting and northing of (u, v)."""
        c, s = cos(radians(self.angle_deg)), sin(radians(self.angle_deg))
        return (self.x_m + u * c - v * s, self.y_m + u * s + v * c)

    def box(self, u: tuple[float, float], v: tuple[float, float]) -> Polygon:
        """Return the rectangle between two values of u and two of v."""
        return Polygon([self.point(u[0], v[0]), self.point(u[1], v[0]), self.point(u[1], v[1]), self.point(u[0], v[1])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A structure of a plan; its dates are still shares of the whole time of building."""

    footprint_m: Polygon
    surface: Surface
    begins: float
    ends: float = inf
    height_m: float = 0.0
    brightness: float = 1.0


def dated(parts: Iterable[Part], *, begin: date, days: float) -> tuple[Structure, ...]:
    """Give each part its days, when the building begins on `begin` and takes `days`."""

    def day(share: float) -> date:
        return date.max if share == inf else begin + timedelta(days=round(share * days))

    return tuple(
        Structure(
            footprint_m=part.footprint_m,
            surface=part.surface,
            stands_from=day(part.begins),
            stands_until=day(part.ends),
            height_m=part.height_m,
            brightness=part.brightness,
        )
        for part in parts
    )


def compound_plan(rng: np.random.Generator, frame: Frame, *, length_m: float, width_m: float) -> list[Part]:
    """Plan a walled compound: graded strip by strip, walled, then roads, blocks row by row, cabins outside."""
    half_u, half_v = length_m / 2, width_m / 2
    strips = np.linspace(-half_u, half_u, 5)
    parts = [
        Part(
            footprint_m=frame.box((left, right), (-half_v, half_v)),
            surface=Surface.GRADED,
            begins=0.06 * index,
            brightness=float(rng.uniform(0.94, 1.04)),
        )
        for index, (left, right) in enumerate(pairwise(strips))
    ]
    parts += _wall(frame, half_u, half_v, wall_m=float(rng.uniform(2.5, 4.0)))
    parts += _inner_roads(frame, half_u, half_v)
    parts += _blocks(rng, frame, half_u, half_v)
    return parts + _cabins(rng, frame, half_u, half_v)


def _wall(frame: Frame, half_u: float, half_v: float, *, wall_m: float) -> list[Part]:
    u, v = half_u - wall_m, half_v - wall_m
    sides = [
        frame.box((-half_u, half_u), (v, half_v)),
        frame.box((u, half_u), (-v, v)),
        frame.box((-half_u, half_u), (-half_v, -v)),
        frame.box((-half_u, -u), (-v, v)),
    ]
    return [
        Part(footprint_m=side, surface=Surface.WALL, begins=0.22 + 0.04 * index, height_m=5.0)
        for index, side in enumerate(sides)
    ]


def enclosure(frame: Frame, *, length_m: float, width_m: float, fence: bool) -> tuple[Structure, ...]:
    """Return the four sides of what encloses a compound: earth-coloured walls, or a mesh of which a tenth is wire."""
    wide, height, surface = (0.1, 0.0, Surface.CONCRETE) if fence else (4.0, 5.0, Surface.MUD_BRICK)
    half_u, half_v = length_m / 2, width_m / 2
    u, v = half_u - wide, half_v - wide
    sides = [
        frame.box((-half_u, half_u), (v, half_v)),
        frame.box((u, half_u), (-v, v)),
        frame.box((-half_u, half_u), (-half_v, -v)),
        frame.box((-half_u, -u), (-v, v)),
    ]
    return tuple(Structure(footprint_m=side, surface=surface, height_m=height) for side in sides)


def _inner_roads(frame: Frame, half_u: float, half_v: float) -> list[Part]:
    inner_u, inner_v = half_u - 14, half_v - 14
    boxes = [
        frame.box((-inner_u, inner_u), (inner_v - 7, inner_v)),
        frame.box((-inner_u, inner_u), (-inner_v, 7 - inner_v)),
        frame.box((-inner_u, 7 - inner_u), (-inner_v, inner_v)),
        frame.box((inner_u - 7, inner_u), (-inner_v, inner_v)),
    ]
    middle = Part(footprint_m=frame.box((-inner_u, inner_u), (-5, 5)), surface=Surface.ASPHALT, begins=0.40)
    return [middle, *(Part(footprint_m=road, surface=Surface.CONCRETE, begins=0.40, brightness=0.9) for road in boxes)]


def _blocks(rng: np.random.Generator, frame: Frame, half_u: float, half_v: float) -> list[Part]:
    """Rows of blocks on both sides of the middle road, one row after another: first a slab, then the roof."""
    length, depth, gap = float(rng.uniform(52, 78)), float(rng.uniform(14, 18)), float(rng.uniform(14, 22))
    pitch = depth + float(rng.uniform(18, 26))
    columns = max(1, floor((2 * half_u - 56 + gap) / (length + gap)))
    rows = max(1, floor((half_v - 32 + pitch - depth) / pitch))
    main_roof = _ROOFS[rng.choice(3, p=[0.6, 0.25, 0.15])]
    starts = 12 + pitch * np.arange(rows)
    places = [v for start in starts for v in (start, -start - depth)]
    left = -(columns * (length + gap) - gap) / 2
    parts: list[Part] = []
    for row, v in enumerate(places):
        for column in range(columns):
            u = left + column * (length + gap)
            begins = 0.32 + 0.5 * row / len(places) + 0.04 * column / columns
            roof = main_roof if rng.random() < _SAME_ROOF_SHARE else _ROOFS[rng.integers(3)]
            parts += _building(rng, frame.box((u, u + length), (v, v + depth)), roof, begins=begins)
    return parts


def _building(rng: np.random.Generator, footprint: Polygon, roof: Surface, *, begins: float) -> list[Part]:
    return [
        Part(footprint_m=footprint, surface=Surface.CONCRETE, begins=begins),
        Part(
            footprint_m=footprint,
            surface=roof,
            begins=begins + 0.14,
            height_m=float(rng.uniform(9, 15)),
            brightness=float(rng.uniform(0.9, 1.1)),
        ),
    ]


def _cabins(rng: np.random.Generator, frame: Frame, half_u: float, half_v: float) -> list[Part]:
    """Plan the blue-roofed cabins of the workers, a few beside the wall, early on."""
    starts = np.sort(rng.uniform(-half_u, half_u - 40, size=3))
    return [
        Part(
            footprint_m=frame.box((u, u + 32), (-half_v - 34, -half_v - 24)),
            surface=Surface.BLUE_ROOF,
            begins=0.08 + 0.02 * index,
            height_m=3.5,
        )
        for index, u in enumerate(starts)
        if index == 0 or u - starts[index - 1] > 40  # noqa: PLR2004 - cabins of 32 m shall not overlap
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkPlan:
    """A factory park: what stands, and the free plots with what may be built on each."""

    outline_m: Polygon
    standing: tuple[Part, ...]
    plots: tuple[tuple[Part, ...], ...]


def park_plan(rng: np.random.Generator, frame: Frame, *, columns: int, rows: int, free_count: int) -> ParkPlan:
    """Plan `columns` x `rows` plots along asphalt roads, `free_count` of them free at first."""
    plot_u, plot_v, road = float(rng.uniform(120, 150)), float(rng.uniform(80, 100)), 10.0
    half_u, half_v = columns * plot_u / 2, rows * plot_v / 2
    roads = [
        frame.box((-half_u - road, half_u + road), (v - road / 2, v + road / 2))
        for v in np.linspace(-half_v, half_v, rows + 1)
    ]
    roads += [
        frame.box((u - road / 2, u + road / 2), (-half_v, half_v)) for u in np.linspace(-half_u, half_u, columns + 1)
    ]
    plots = [
        _plot(rng, frame, (-half_u + column * plot_u, -half_u + (column + 1) * plot_u), (top - plot_v, top))
        for column in range(columns)
        for top in (half_v - row * plot_v for row in range(rows))
    ]
    order = rng.permutation(len(plots))
    free, taken = sorted(order[:free_count].tolist()), sorted(order[free_count:].tolist())
    standing = [Part(footprint_m=strip, surface=Surface.ASPHALT, begins=0.0) for strip in roads]
    standing += [replace(part, begins=0.0) for index in taken for part in plots[index]]
    return ParkPlan(
        outline_m=frame.box((-half_u - road, half_u + road), (-half_v - road, half_v + road)),
        standing=tuple(standing),
        plots=tuple(plots[index] for index in rng.permutation(free).tolist()),
    )


def _plot(rng: np.random.Generator, frame: Frame, u: tuple[float, float], v: tuple[float, float]) -> tuple[Part, ...]:
    """One plot: its pad, then the slab and the roof of one hall or of two."""
    inside_u, inside_v = (u[0] + 9, u[1] - 9), (v[0] + 9, v[1] - 9)
    parts = [Part(footprint_m=frame.box(inside_u, inside_v), surface=Surface.GRADED, begins=0.0, brightness=0.94)]
    halls = int(rng.integers(1, 3))
    depth = (inside_v[1] - inside_v[0] - 16 - 12 * (halls - 1)) / halls
    length = (inside_u[1] - inside_u[0] - 16) * float(rng.uniform(0.7, 1.0))
    roof = (Surface.WHITE_ROOF, Surface.BLUE_ROOF, Surface.GREY_ROOF)[rng.choice(3, p=[0.42, 0.40, 0.18])]
    for hall in range(halls):
        low = inside_v[0] + 8 + hall * (depth + 12)
        parts += _building(
            rng,
            frame.box((inside_u[0] + 8, inside_u[0] + 8 + length), (low, low + depth)),
            roof,
            begins=0.35 + 0.2 * hall,
        )
    return tuple(replace(part, height_m=part.height_m * 0.8) for part in parts)


def torn_down(structures: Sequence[Structure], *, begin: date, days: float) -> tuple[Structure, ...]:
    """Return `structures` taken away one by one from `begin` on, within `days`.

    Where one stood rubble lies for some weeks, then graded ground.
    """
    result: list[Structure] = []
    for index, part in enumerate(structures):
        gone_on = begin + timedelta(days=round(index * days / len(structures)))
        cleared_on = gone_on + timedelta(days=45)
        rubble = Structure(
            footprint_m=part.footprint_m, surface=Surface.RUBBLE, stands_from=gone_on, stands_until=cleared_on
        )
        cleared = Structure(footprint_m=part.footprint_m, surface=Surface.GRADED, stands_from=cleared_on)
        result += [replace(part, stands_until=gone_on), rubble, cleared]
    return tuple(result)
