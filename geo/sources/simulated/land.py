"""Plans of the land around what is watched: farmland, roads, tracks, a pond that dries, a quiet factory."""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import unary_union

from geo.sources.simulated.scenario import Field, polygons_of
from geo.sources.simulated.spectra import Crop, Surface
from geo.sources.simulated.structures import Frame, Part, Structure, dated

_LONG_AGO = date(2010, 1, 1)
_DITCH_M = 3.0
_Box = tuple[float, float, float, float]


def farmland(rng: np.random.Generator, frame: Frame, *, length_m: float, width_m: float) -> tuple[Field, ...]:
    """Cut a rectangle into fields of 1 to 4 hectares, with rows of poplars along some of their edges."""
    boxes = _split(rng, (-length_m / 2, -width_m / 2, length_m / 2, width_m / 2))
    fields: list[Field] = []
    trees: list[Field] = []
    for left, low, right, high in boxes:
        crop = ("rotation", Crop.VINE, Crop.ORCHARD)[rng.choice(3, p=[0.82, 0.08, 0.10])]
        inner = frame.box((left + _DITCH_M, right - _DITCH_M), (low + _DITCH_M, high - _DITCH_M))
        fields.append(Field(outline_m=inner, crop=crop))
        if rng.random() < 0.3:  # noqa: PLR2004 - share of fields with trees
            trees.append(Field(outline_m=frame.box((left, right), (high - 5, high + 4)), crop=Crop.POPLAR))
    return (*fields, *trees)


def _split(rng: np.random.Generator, box: _Box) -> list[_Box]:
    """Halve a box across its longer side, off the middle, until the pieces are fields."""
    left, low, right, high = box
    length, width = right - left, high - low
    if length * width < rng.uniform(9_000, 42_000) or max(length, width) < 70:  # noqa: PLR2004 - square metres, metres
        return [box]
    cut = rng.uniform(0.35, 0.65)
    if length > width:
        middle = left + cut * length
        return _split(rng, (left, low, middle, high)) + _split(rng, (middle, low, right, high))
    middle = low + cut * width
    return _split(rng, (left, low, right, middle)) + _split(rng, (left, middle, right, high))


def road(points: Sequence[tuple[float, float]], *, width_m: float, surface: Surface) -> tuple[Structure, ...]:
    """Lay a road or a track along `points` (easting, northing), there from the start."""
    strip = LineString(points).buffer(width_m / 2, cap_style="flat", join_style="mitre")
    return (Structure(footprint_m=strip, surface=surface),)


def tracks(
    rng: np.random.Generator, frame: Frame, *, reach_m: float, count: int, clear_of: Iterable[Polygon]
) -> tuple[Structure, ...]:
    """Lay `count` slightly winding vehicle tracks across the desert around `frame`, but not over `clear_of`."""
    kept_free = unary_union(list(clear_of))
    laid: list[Structure] = []
    for _ in range(count):
        turn = rng.uniform(0, 180)
        across = Frame(x_m=frame.x_m, y_m=frame.y_m, angle_deg=float(turn))
        offset = rng.uniform(-0.7, 0.7) * reach_m
        bends = offset + np.cumsum(rng.normal(0, 25, 9))
        points = [across.point(u, v) for u, v in zip(np.linspace(-1.5 * reach_m, 1.5 * reach_m, 9), bends, strict=True)]
        strip = LineString(points).buffer(float(rng.uniform(3, 6)) / 2, cap_style="flat").difference(kept_free)
        laid += [Structure(footprint_m=piece, surface=Surface.TRACK) for piece in polygons_of(strip)]
    return tuple(laid)


def drying_pond(
    rng: np.random.Generator, frame: Frame, *, radius_m: float, dry_on: Sequence[date]
) -> tuple[Structure, ...]:
    """Lay a pond that shrinks ring by ring on the days of `dry_on`; its bed stays to be seen."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    wobble = 1 + 0.12 * np.sin(2 * angles + rng.uniform(0, 6)) + 0.08 * np.sin(3 * angles + rng.uniform(0, 6))
    rim = radius_m * wobble

    def ring(scale: float) -> Polygon:
        return Polygon(
            [frame.point(scale * r * np.cos(a), 0.6 * scale * r * np.sin(a)) for r, a in zip(rim, angles, strict=True)]
        )

    scales = np.linspace(1.0, 0.45, len(dry_on))
    bed = Structure(footprint_m=ring(1.06), surface=Surface.POND_BED)
    water = [
        Structure(footprint_m=ring(float(scale)), surface=Surface.WATER, stands_until=day)
        for scale, day in zip(scales, dry_on, strict=True)
    ]
    return (bed, *water)


def resurfaced(points: Sequence[tuple[float, float]], *, width_m: float, on: date) -> tuple[Structure, ...]:
    """Lay new, darker asphalt along `points` on a day: a lasting change that is no building."""
    strip = LineString(points).buffer(width_m / 2, cap_style="flat")
    return (Structure(footprint_m=strip, surface=Surface.NEW_ASPHALT, stands_from=on),)


def quiet_factory(rng: np.random.Generator, frame: Frame) -> tuple[Polygon, tuple[Structure, ...]]:
    """Return the outline and the buildings of a factory at which nothing happens."""
    outline = frame.box((-130, 130), (-90, 90))
    halls = [frame.box((-110, 40), (v, v + 34)) for v in (-70, -22, 26)]
    roofs = [Surface.BLUE_ROOF, Surface.WHITE_ROOF, Surface.BLUE_ROOF]
    parts = [Part(footprint_m=outline, surface=Surface.CONCRETE, begins=0, brightness=0.8)]
    parts += [
        Part(footprint_m=hall, surface=roof, begins=0, height_m=9, brightness=float(rng.uniform(0.9, 1.05)))
        for hall, roof in zip(halls, roofs, strict=True)
    ]
    parts += [
        Part(footprint_m=frame.box((70, 110), (v, v + 16)), surface=Surface.RED_ROOF, begins=0, height_m=12)
        for v in (-60.0, -20.0, 30.0)
    ]
    return outline, dated(parts, begin=_LONG_AGO, days=1)


def tank(frame: Frame, *, radius_m: float) -> Structure:
    """Return a round water tank of white metal."""
    outline = Point(frame.x_m, frame.y_m).buffer(radius_m)
    return Structure(footprint_m=outline, surface=Surface.WHITE_ROOF, height_m=8)
