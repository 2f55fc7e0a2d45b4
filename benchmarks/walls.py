"""Ground with and without a wall: real series and simulated ones, and walls drawn into them as a sensor sees them.

A wall is a polygon of its width along a ring; with its shadow, by the sun of each date, it covers a part of each pixel,
exactly; the optics blur that by 0.42 pixels, and what is left of the date's misregistration moves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from shapely.affinity import rotate, translate
from shapely.geometry import LinearRing, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring, unary_union

from benchmarks.backgrounds import Background, read_backgrounds
from detection.looks.normalise import normalise, reference_image
from detection.params import DetectParams
from geo.coregister import coregister
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.simulated.coverage import coverage_on
from geo.sun import Sun, sun_on

Values = NDArray[np.float32]

REAL = ("dabancheng", "romania", "belgium")
SIMULATED = "simulated"
HEIGHT_M = 3.5
PSF_SIGMA_PX = 0.42
JITTER_PX = 0.1
"""Standard deviation of what registration leaves, a direction."""
_CLEAR_SHARE = 0.9
_LEAST_LOOKS = 10
_ROOM_M = 50.0
_SWEEP = 20
_SIMULATED_GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=100, height_px=100)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """Looks of one place at which nothing happened, before and after a day on which something may have."""

    name: str
    stack: Stack
    """Registered, in one light."""
    looks_before: int
    quiet: NDArray[np.bool_]
    """Shape (y, x): where a ring may be put."""
    contrast_scale: Values
    """What one unit of reflectance is in each band of the stack; negative where the wall is to be darker."""


def ground_of(name: str, data: Path | None, *, looks: int, rng: np.random.Generator) -> Ground:
    """Return ground of one kind with about `looks` dates on each side; real ones have no more than there are."""
    if name == SIMULATED:
        return _simulated(looks, rng)
    if data is None:
        raise ValueError(f"{name} needs the folder of real imagery")
    windows = _prepared(name, data)
    background = windows[int(rng.integers(len(windows)))]
    chosen, days, before = _chosen(name, background.stack.days, looks, rng)
    stack = _with_days(background.stack, chosen, days)
    gains = [background.scale.get(band, (1.0, 0.0))[0] for band in stack.bands]
    sign = -1 if name == "dabancheng" else 1  # forest and fields are too dark for a wall that is darker
    return Ground(
        name=name,
        stack=stack,
        looks_before=before,
        quiet=background.quiet,
        contrast_scale=np.asarray(gains, dtype=np.float32) * np.float32(sign),
    )


@lru_cache(maxsize=4)
def _prepared(name: str, data: Path) -> tuple[Background, ...]:
    """Return the windows of a background, of their clear looks, registered and in one light."""
    prepared = []
    for window in read_backgrounds(name, data):
        is_used = window.stack.is_clear.mean(axis=(1, 2)) > _CLEAR_SHARE
        if is_used.sum() < _LEAST_LOOKS:
            continue
        clear = _with_days(window.stack, np.flatnonzero(is_used).tolist(), None)
        registered = coregister(clear)
        values = registered.values
        context_px = DetectParams().context_px(clear.grid)
        even = normalise(values, reference_image(values), context_px=context_px)
        prepared.append(replace(window, stack=registered.with_values(even)))
    return tuple(prepared)


def _chosen(
    name: str, days: Sequence[date], looks: int, rng: np.random.Generator
) -> tuple[list[int], Sequence[date], int]:
    """Return which looks are used, on which days they count as taken, and how many lie before the change."""
    if name == "belgium":
        return _two_years_of_one(days, looks, rng)
    if name == "romania":
        usable = [index for index, day in enumerate(days) if 5 <= day.month <= 9]  # noqa: PLR2004 - May to September
        year = int(rng.integers(2018, 2021))
    else:
        usable, year = list(range(len(days))), 2018
    before = [index for index in usable if days[index].year < year]
    after = [index for index in usable if days[index].year >= year]
    middle = days[before[int(rng.integers(len(before)))]].timetuple().tm_yday
    before = _of_season(before, days, middle, looks)
    after = _of_season(after, days, middle, 2 * looks - len(before))
    return before + after, [days[index] for index in before + after], len(before)


def _of_season(indices: Sequence[int], days: Sequence[date], middle: int, count: int) -> list[int]:
    """Return the `count` looks nearest to a day of the year, in order of time."""
    by_season = sorted(indices, key=lambda index: abs(days[index].timetuple().tm_yday - middle))
    return sorted(by_season[:count])


def _two_years_of_one(
    days: Sequence[date], looks: int, rng: np.random.Generator
) -> tuple[list[int], Sequence[date], int]:
    """Let every other look of a year in which nothing changed count as one of the year after."""
    first, second = (list(range(start, len(days), 2)) for start in rng.permutation(2))
    count = min(looks, len(first), len(second))
    later = [days[index] + timedelta(days=366) for index in second[:count]]
    return first[:count] + second[:count], [days[index] for index in first[:count]] + later, count


def _with_days(stack: Stack, chosen: Sequence[int], days: Sequence[date] | None) -> Stack:
    dataset = stack.dataset.isel(time=list(chosen))
    if days is not None:
        dataset = dataset.assign_coords(time=np.array(days, dtype="datetime64[ns]"))
    return Stack(dataset=dataset, grid=stack.grid, quantity=stack.quantity)


def _simulated(looks: int, rng: np.random.Generator) -> Ground:
    """Make ground with texture of two scales, fields, haze, noise and misregistration; no relief, no plants."""
    grid = _SIMULATED_GRID
    scene = (
        0.25
        + 0.03 * gaussian_filter(rng.normal(size=grid.shape), 1)
        + 0.2 * gaussian_filter(rng.normal(size=grid.shape), 6)
    )
    for _ in range(12):
        field = rotate(box(0, 0, *rng.uniform(80, 400, 2)), rng.uniform(0, 90))
        place = translate(field, grid.left_m + rng.uniform(0, 900), grid.top_m - rng.uniform(100, 1000))
        scene += rng.normal(0, 0.03) * coverage_on(place, grid)
    days = [date(2019 + year, 5, 1) + timedelta(days=120 * look // looks) for year in (0, 1) for look in range(looks)]
    images = [_seen(scene, rng) for _ in days]
    stack = Stack.of([_scene(grid, day, image) for day, image in zip(days, images, strict=True)])
    return Ground(
        name=SIMULATED,
        stack=stack,
        looks_before=looks,
        quiet=np.ones(grid.shape, dtype=bool),
        contrast_scale=np.array([-0.8, -1.0, -1.1], dtype=np.float32),
    )


def _seen(scene: NDArray[np.float64], rng: np.random.Generator) -> Values:
    down, right = rng.normal(0, JITTER_PX, 2)
    slope = np.gradient(scene)
    image = scene - down * slope[0] - right * slope[1]
    image = image + rng.normal(0, 0.004, scene.shape) + 0.08 * gaussian_filter(rng.normal(size=scene.shape), 2)
    return np.stack([image * gain for gain in (0.8, 1.0, 1.1)]).astype(np.float32)


def _scene(grid: Grid, day: date, image: Values) -> Scene:
    return Scene(
        scene_id=day.isoformat(),
        observed_at=datetime.combine(day, time(5), tzinfo=UTC),
        platform="simulated",
        quantity=Quantity.REFLECTANCE,
        grid=grid,
        bands=dict(zip(("B02", "B03", "B04"), image, strict=True)),
        is_clear=np.ones(grid.shape, dtype=bool),
    )


def ring_on(ground: Ground, rng: np.random.Generator) -> Polygon:
    """Return a compound of 200 to 340 m a side, turned at random, on quiet ground away from the image's edge.

    Raises:
        ValueError: There is no room for one.

    """
    left, bottom, right, top = ground.stack.grid.bounds_m
    inner = box(left + _ROOM_M, bottom + _ROOM_M, right - _ROOM_M, top - _ROOM_M)
    for _ in range(1000):
        width, height = rng.uniform(200, 340, 2)
        site = rotate(box(-width / 2, -height / 2, width / 2, height / 2), rng.uniform(0, 90))
        site = translate(site, rng.uniform(left, right), rng.uniform(bottom, top))
        if inner.contains(site) and (coverage_on(site, ground.stack.grid) * ~ground.quiet).sum() == 0:
            return site
    raise ValueError(f"{ground.name}: no room for a compound")


def drawn_roughly(site: Polygon, error_m: float, rng: np.random.Generator) -> LinearRing:
    """Return the outline of `site` as an analyst draws it: each corner lies `error_m` off, in any direction."""
    corners = np.asarray(site.exterior.coords)[:-1]
    angle = rng.uniform(0, 2 * np.pi, len(corners))
    return LinearRing(corners + error_m * np.column_stack([np.cos(angle), np.sin(angle)]))


def wall_of(site: Polygon, width_m: float, *, without: float = 0.0, start: float = 0.0) -> BaseGeometry:
    """Return the wall around `site`, without a stretch of a share (0-1) of it that begins at the share `start`."""
    if without >= 1:
        return Polygon()
    if without <= 0:
        return site.exterior.buffer(width_m / 2, join_style="mitre")
    end = start + without
    parts = [(end, 1.0), (0.0, start)] if end <= 1 else [(end - 1, start)]
    lines = [substring(site.exterior, first, last, normalized=True) for first, last in parts if last > first]
    return unary_union([line.buffer(width_m / 2, cap_style="flat", join_style="mitre") for line in lines])


def with_walls(ground: Ground, walls: Sequence[BaseGeometry], *, contrast: float, rng: np.random.Generator) -> Stack:
    """Return the ground with what stands on each date; `contrast` is in reflectance, of wall and shadow alike."""
    grid, days = ground.stack.grid, ground.stack.days
    left, bottom, right, top = grid.bounds_m
    lat_deg = reproject(Point((left + right) / 2, (bottom + top) / 2), from_epsg=grid.epsg, to_epsg=LON_LAT_EPSG).y
    values = ground.stack.values.copy()
    for look, (wall, day) in enumerate(zip(walls, days, strict=True)):
        east, north = rng.normal(0, JITTER_PX * grid.pixel_m, 2)
        share = shaded(translate(wall, east, north), sun_on(day, lat_deg=lat_deg), grid)
        values[look] += contrast * ground.contrast_scale[:, None, None] * share
    return ground.stack.with_values(values)


def shaded(wall: BaseGeometry, sun: Sun, grid: Grid) -> Values:
    """Return the share of each pixel under wall and shadow, blurred by the optics, shape (y, x)."""
    if wall.is_empty:
        return np.zeros(grid.shape, dtype=np.float32)
    east, north = sun.shadow_m(HEIGHT_M)
    swept = unary_union([translate(wall, east * share, north * share) for share in np.linspace(0, 1, _SWEEP)])
    covered = np.sum([coverage_on(part, grid) for part in getattr(swept, "geoms", [swept])], axis=0)
    return np.asarray(gaussian_filter(covered, PSF_SIGMA_PX), dtype=np.float32)
