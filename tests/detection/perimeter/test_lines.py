"""A thin wall drawn into pixels by its exact coverage is measured with the contrast it was drawn with."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates
from shapely.affinity import rotate, translate
from shapely.geometry import LinearRing, Polygon, box
from shapely.ops import unary_union

from detection.perimeter.lines import Places, Search, WallShape, along, contrasts, filters, offsets, profiles
from geo.grid import Grid
from geo.sources.simulated.coverage import coverage_on
from geo.sun import Sun, sun_on

GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=100, height_px=100)
SITE = box(500_303.0, 4_799_303.0, 500_703.0, 4_799_650.0)
ACROSS = offsets(40.0, 5.0)
HIGH = Sun(elevation_deg=64.0, azimuth_deg=140.0)


def drawn(site: Polygon, wall: WallShape, sun: Sun, *, contrast: float, ground: float = 0.3) -> np.ndarray:
    """Draw wall and shadow into pixels by what of each they cover, blurred as the optics do."""
    strip = site.exterior.buffer(wall.width_m / 2, join_style="mitre")
    east, north = sun.shadow_m(wall.height_m)
    swept = unary_union([translate(strip, east * share, north * share) for share in np.linspace(0, 1, 30)])
    covered = np.sum([coverage_on(part, GRID) for part in getattr(swept, "geoms", [swept])], axis=0)
    return np.asarray(gaussian_filter((ground + contrast * covered).astype(np.float32), 0.42))


@pytest.mark.parametrize("turn", [0, 17, 45])
@pytest.mark.parametrize("day", [date(2020, 6, 21), date(2020, 3, 20), date(2020, 12, 21)], ids=["high", "mid", "low"])
@pytest.mark.parametrize("contrast", [-0.15, 0.1])
def test_the_contrast_of_a_drawn_wall_is_measured(turn: float, day: date, contrast: float) -> None:
    wall, sun = WallShape(width_m=4.0, height_m=3.5), sun_on(day, lat_deg=43.4)
    site = rotate(SITE, turn)
    line = along(site.exterior, spacing_m=10, arc_m=125)
    found = contrasts(
        drawn(site, wall, sun, contrast=contrast)[None], GRID, line, [sun], Search(wall=wall, across_m=ACROSS)
    )
    assert np.mean(found) == pytest.approx(contrast, rel=0.12)
    assert found == pytest.approx(contrast, rel=0.35)


def test_plain_ground_a_slope_and_a_step_at_the_line_are_no_wall() -> None:
    line = along(SITE.exterior, spacing_m=10, arc_m=125)
    rows, columns = np.indices(GRID.shape)
    inside = coverage_on(SITE, GRID)
    for image in (np.full(GRID.shape, 0.3), 0.2 + rows * 1e-3 + columns * 2e-3, 0.2 + 0.1 * inside):
        found = contrasts(image.astype(np.float32)[None], GRID, line, [HIGH], Search(wall=WallShape(), across_m=ACROSS))
        assert np.abs(found).max() < 0.03


def test_filters_see_the_wall_as_one_and_level_slope_and_step_as_nothing() -> None:
    weights = filters(WallShape(), HIGH, ACROSS, pixel_m=10)
    assert weights.sum(axis=1) == pytest.approx(0, abs=1e-5)
    assert weights @ ACROSS == pytest.approx(0, abs=1e-3)


def test_a_line_that_lies_beside_its_drawn_place_is_found_by_the_right_shift() -> None:
    wall = WallShape(width_m=4.0, height_m=0.01)
    image = drawn(SITE, wall, HIGH, contrast=-0.15)
    outside = LinearRing(SITE.buffer(-5, join_style="mitre").exterior.coords)
    search = Search(wall=wall, across_m=offsets(50, 5), shifts=(-2, -1, 0, 1, 2))
    found = contrasts(image[None], GRID, along(outside, spacing_m=10, arc_m=125), [HIGH], search)[0]
    assert np.abs(found).mean(axis=1).argmax() == 3


@given(spacing=st.floats(3, 25), arc=st.floats(60, 400), turn=st.floats(0, 360))
def test_places_lie_on_the_ring_evenly_and_arcs_share_it_evenly(spacing: float, arc: float, turn: float) -> None:
    ring = rotate(SITE, turn).exterior
    line = along(ring, spacing_m=spacing, arc_m=arc)
    assert max(ring.distance(point) for point in line.arc_line(0).boundary.geoms) < 1e-6
    assert len(line.place_m) == pytest.approx(ring.length / spacing, abs=1)
    counts = np.bincount(line.arc)
    assert counts.max() - counts.min() <= 1
    assert line.arcs == max(1, round(ring.length / arc))
    middle = np.array(ring.centroid.coords[0])
    assert (((line.place_m - middle) * line.outwards).sum(axis=1) > 0).all()


def test_what_was_not_seen_is_not_measured() -> None:
    image = np.full(GRID.shape, 0.3, dtype=np.float32)
    image[:50] = np.nan
    line = along(SITE.exterior, spacing_m=10, arc_m=125)
    found = contrasts(image[None], GRID, line, [HIGH], Search(wall=WallShape(), across_m=ACROSS))
    assert np.isnan(found).any()
    assert np.isfinite(found).any()
    assert np.isnan(profiles(image, Places.of(GRID, line.moved(turn_rad=0, to_m=(0, 0)), ACROSS))).all()


def test_profiles_agree_with_an_independent_interpolation() -> None:
    image = np.random.default_rng(4).normal(size=GRID.shape).astype(np.float32)
    image[10:20, 40:50] = np.nan
    line = along(rotate(SITE, 33).exterior, spacing_m=10, arc_m=125)
    points = line.place_m[:, None] + line.outwards[:, None] * ACROSS[None, :, None]
    rows, columns = (GRID.top_m - points[..., 1]) / 10 - 0.5, (points[..., 0] - GRID.left_m) / 10 - 0.5
    expected = map_coordinates(image, [rows, columns], order=1, mode="constant", cval=np.nan)
    assert profiles(image, Places.of(GRID, line, ACROSS)) == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_contrasts_are_what_filters_make_of_the_profiles() -> None:
    image = np.random.default_rng(5).normal(size=GRID.shape).astype(np.float32)
    image[60:70, 20:40] = np.nan
    across, shifts = offsets(45, 5), (-1, 0, 1)
    for site in (rotate(SITE, 33), box(499_990, 4_799_400, 500_400, 4_799_800)):  # the second leaves the image
        line = along(site.exterior, spacing_m=10, arc_m=125)
        search = Search(wall=WallShape(), across_m=across, shifts=shifts)
        (found,) = contrasts(image[None], GRID, line, [HIGH], search)
        sun = np.array([-np.sin(np.radians(HIGH.azimuth_deg)), -np.cos(np.radians(HIGH.azimuth_deg))])
        rows = np.rint((line.outwards @ sun + 1) * 20).astype(int)
        weights = filters(WallShape(), HIGH, across[1:-1], pixel_m=10)[rows]
        taken = profiles(image, Places.of(GRID, line, across))
        for index, shift in enumerate(shifts):
            places = (taken[:, 1 + shift : 1 + shift + weights.shape[1]] * weights).sum(axis=1)
            for arc in range(line.arcs):
                here = places[line.arc == arc]
                seen = here[np.isfinite(here)]
                expected = seen.mean() if seen.size >= 0.6 * here.size else np.nan
                assert found[index, arc] == pytest.approx(expected, rel=1e-3, abs=1e-4, nan_ok=True)
