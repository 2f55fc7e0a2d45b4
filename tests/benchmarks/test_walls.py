"""Walls of the benchmark are as wide, as long and as strong as they say."""

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from benchmarks.perimeter import interval
from benchmarks.walls import SIMULATED, drawn_roughly, ground_of, ring_on, shaded, wall_of, with_walls
from geo.grid import Grid
from geo.sun import Sun

GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=100, height_px=100)
SITE = box(500_300, 4_799_300, 500_700, 4_799_600)


@pytest.mark.parametrize("start", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("without", [0.0, 1 / 6, 1 / 3, 1.0])
def test_what_is_left_of_a_wall_is_the_share_that_was_not_removed(start: float, without: float) -> None:
    left = wall_of(SITE, 4.0, without=without, start=start)
    assert left.area == pytest.approx((1 - without) * 4 * SITE.exterior.length, rel=0.01, abs=1e-9)


def test_wall_and_shadow_cover_what_geometry_says() -> None:
    low_sun = Sun(elevation_deg=45, azimuth_deg=180)  # the shadow of 3.5 m reaches 3.5 m north
    wall = box(500_200, 4_799_500, 500_800, 4_799_504)
    covered_m2 = shaded(wall, low_sun, GRID).sum() * GRID.pixel_area_m2
    assert covered_m2 == pytest.approx(600 * 7.5, rel=0.01)
    assert shaded(Polygon(), low_sun, GRID).sum() == 0


def test_the_wall_is_drawn_with_its_contrast_on_the_dates_it_stands() -> None:
    rng = np.random.default_rng(1)
    ground = ground_of(SIMULATED, None, looks=3, rng=rng)
    site = ring_on(ground, rng)
    walls = [wall_of(site, 4.0)] * 3 + [Polygon()] * 3
    added = with_walls(ground, walls, contrast=0.15, rng=rng).values - ground.stack.values
    assert (added[3:] == 0).all()
    assert (added[:3] <= 0).all()
    assert added[:3, 1].min() > -0.15
    assert -added[0, 1].sum() * 100 > 0.15 * walls[0].area


def test_an_outline_is_drawn_as_far_off_as_said() -> None:
    rough = drawn_roughly(SITE, 10.0, np.random.default_rng(2))
    truth = np.asarray(SITE.exterior.coords)
    assert np.hypot(*(np.asarray(rough.coords) - truth).T) == pytest.approx(10.0)


def test_intervals_of_shares_are_exact() -> None:
    assert interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-3)
    assert interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-3)
    assert interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-3)
