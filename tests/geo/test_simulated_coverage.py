"""Coverage of pixels by polygons, and the sensor's weights, against geometry worked out another way."""

from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry import Point, Polygon, box

from geo.grid import Grid
from geo.sources.simulated.coverage import coverage, coverage_on, sense_columns, sense_rows, sensor_weights

GRID = Grid(epsg=32646, left_m=1000, top_m=2000, pixel_m=10, width_px=6, height_px=5)


def by_shapely(polygon: Polygon, shape: tuple[int, int], *, row: int, column: int) -> list[list[float]]:
    return [
        [polygon.intersection(box(x, y, x + 1, y + 1)).area for x in range(column, column + shape[1])]
        for y in range(row, row + shape[0])
    ]


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        pytest.param(box(0, 0, 1, 1), [[1.0]], id="one-pixel"),
        pytest.param(box(0.35, 0, 0.65, 2), [[0.3], [0.3]], id="a-wall-3-m-wide"),
        pytest.param(box(0.85, 0.5, 1.15, 1), [[0.075, 0.075]], id="across-a-border"),
        pytest.param(Polygon([(0, 0), (2, 0), (0, 2)]), [[1.0, 0.5], [0.5, 0.0]], id="triangle"),
        pytest.param(Polygon([(0, 0), (0, 2), (2, 0)]), [[1.0, 0.5], [0.5, 0.0]], id="the-other-way-round"),
    ],
)
def test_shares_are_those_worked_out_by_hand(polygon: Polygon, expected: list[list[float]]) -> None:
    assert coverage(polygon).share == pytest.approx(np.array(expected), abs=1e-6)


@given(
    x=st.floats(-5, 5),
    y=st.floats(-5, 5),
    width=st.floats(0.05, 4),
    height=st.floats(0.05, 4),
    angle=st.floats(0, 180),
)
def test_a_turned_rectangle_covers_what_shapely_says(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    polygon = rotate(box(x, y, x + width, y + height), angle)
    patch = coverage(polygon)
    expected = by_shapely(polygon, patch.share.shape, row=patch.row, column=patch.column)
    assert patch.share == pytest.approx(np.array(expected), abs=1e-5)
    assert patch.share.sum() == pytest.approx(polygon.area, abs=1e-4)


def test_a_hole_is_not_covered() -> None:
    ring = Point(5.3, 4.9).buffer(3).difference(Point(5.1, 5.2).buffer(1.4))
    patch = coverage(ring)
    assert patch.share == pytest.approx(
        np.array(by_shapely(ring, patch.share.shape, row=patch.row, column=patch.column)), abs=1e-5
    )


def test_coverage_on_a_grid_is_cut_at_its_edges() -> None:
    share = coverage_on(box(980, 1945, 1013, 1985), GRID)
    assert share[:, 0].tolist() == pytest.approx([0, 0.5, 1, 1, 1])
    assert share[2].tolist() == pytest.approx([1, 0.3, 0, 0, 0, 0])
    assert share.sum() * GRID.pixel_area_m2 == pytest.approx(13 * 35, rel=0.2)
    assert not coverage_on(translate(box(980, 1945, 1013, 1985), 500), GRID).any()


@given(shift=st.floats(-1.2, 1.2), sigma=st.floats(0, 0.6), oversample=st.sampled_from([4, 8]))
def test_a_sensor_gives_even_ground_back_and_moves_its_weight_by_the_shift(
    shift: float, sigma: float, oversample: int
) -> None:
    first, weights = sensor_weights(shift, psf_sigma_px=sigma, oversample=oversample)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= -1e-12
    middle = sum(weight * (first + k + 0.5) for k, weight in enumerate(weights)) / oversample
    assert middle == pytest.approx(0.5 - shift, abs=0.02)


def test_without_blur_and_shift_a_pixel_is_the_mean_of_its_samples() -> None:
    fine = np.arange(64, dtype=np.float32).reshape(8, 8)
    first, weights = sensor_weights(0.0, psf_sigma_px=0.0, oversample=4)
    rows = sense_rows(fine, weights, first=first, step=4, count=2)
    pixels = sense_columns(rows, weights, first=first, step=4, count=2)
    assert pixels == pytest.approx(fine.reshape(2, 4, 2, 4).mean(axis=(1, 3)))


def test_the_blur_has_the_variance_of_a_box_and_a_normal_curve() -> None:
    sigma = 0.45
    first, weights = sensor_weights(0.0, psf_sigma_px=sigma, oversample=8)
    places = (first + np.arange(len(weights)) + 0.5) / 8 - 0.5
    assert float(np.sum(np.array(weights) * places**2)) == pytest.approx(1 / 12 + sigma**2, rel=0.02)


def test_a_disc_keeps_its_area() -> None:
    assert coverage(Point(10, 10).buffer(4, quad_segs=64)).share.sum() == pytest.approx(pi * 16, rel=1e-3)
