"""A grid covers what it was asked to cover, and knows which pixels lie inside a shape."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import Polygon, box

from geo.grid import Grid

EPSG = 32645
EDGES = st.floats(-1e6, 1e6)
SIDES = st.floats(0.5, 3000)
PIXELS = st.sampled_from([0.5, 3.0, 10.0, 20.0, 30.0])


def grid_of(width_px: int = 12, height_px: int = 8) -> Grid:
    return Grid(epsg=EPSG, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=width_px, height_px=height_px)


@given(left=EDGES, bottom=EDGES, width=SIDES, height=SIDES, pixel_m=PIXELS)
def test_a_grid_covers_its_bounds_by_less_than_a_pixel(
    left: float, bottom: float, width: float, height: float, pixel_m: float
) -> None:
    wanted = (left, bottom, left + width, bottom + height)
    grid = Grid.covering(wanted, epsg=EPSG, pixel_m=pixel_m)
    west, south, east, north = grid.bounds_m
    rounding_m = 1e-6
    for excess in (wanted[0] - west, wanted[1] - south, east - wanted[2], north - wanted[3]):
        assert -rounding_m <= excess < pixel_m + rounding_m


@given(left=EDGES, bottom=EDGES, width=SIDES, height=SIDES, pixel_m=PIXELS)
def test_pixel_edges_sit_on_multiples_so_that_neighbouring_grids_fit(
    left: float, bottom: float, width: float, height: float, pixel_m: float
) -> None:
    grid = Grid.covering((left, bottom, left + width, bottom + height), epsg=EPSG, pixel_m=pixel_m)
    for edge in grid.bounds_m:
        assert edge / pixel_m == pytest.approx(round(edge / pixel_m), abs=1e-6)
    assert Grid.covering(grid.bounds_m, epsg=EPSG, pixel_m=pixel_m) == grid


def test_bounds_on_pixel_edges_are_taken_as_they_are() -> None:
    grid = Grid.covering((600_000, 4_804_920, 600_120, 4_805_000), epsg=EPSG, pixel_m=10)
    assert grid == grid_of()
    assert (grid.shape, grid.pixel_area_m2) == ((8, 12), 100)


def test_a_point_is_covered_by_one_pixel() -> None:
    assert Grid.covering((5, 5, 5, 5), epsg=EPSG, pixel_m=10).shape == (1, 1)
    assert Grid.covering((10, 10, 10, 10), epsg=EPSG, pixel_m=10).shape == (1, 1)


def test_the_transform_leads_to_the_centres_that_the_axes_name() -> None:
    grid = grid_of()
    assert grid.transform @ (0, 0) == (600_000, 4_805_000)
    assert grid.transform @ (11.5, 7.5) == (grid.x_m[-1], grid.y_m[-1]) == (600_115, 4_804_925)
    assert (np.diff(grid.x_m) == 10).all()
    assert (np.diff(grid.y_m) == -10).all()


CORNERS = st.lists(st.tuples(st.floats(-30, 150), st.floats(-30, 110)), min_size=3, max_size=7)


@given(corners=CORNERS)
def test_is_inside_equals_shapelys_answer_for_each_centre(corners: list[tuple[float, float]]) -> None:
    grid = grid_of()
    shape_m = shapely.convex_hull(shapely.MultiPoint([(600_000 + x, 4_804_920 + y) for x, y in corners]))
    if shape_m.area < 1:
        return
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    found = grid.is_inside(Polygon([to_degrees.transform(*corner) for corner in shape_m.exterior.coords]))
    for (row, column), is_inside in np.ndenumerate(found):
        centre = shapely.Point(grid.x_m[column], grid.y_m[row])
        if shape_m.exterior.distance(centre) > 1e-3:
            assert is_inside == shape_m.contains(centre)


def test_a_shape_beside_the_grid_has_no_pixel_in_it_and_its_footprint_all() -> None:
    grid = grid_of()
    assert not grid.is_inside(box(10, 10, 10.01, 10.01)).any()
    assert grid.is_inside(grid.footprint_4326.buffer(1e-6)).all()


@pytest.mark.parametrize("margin_m", [0.0, 300.0])
def test_a_grid_around_a_place_has_the_margin_on_all_sides(margin_m: float) -> None:
    place = box(88.28, 43.38, 88.29, 43.39)
    grid = Grid.around(place, pixel_m=10, margin_m=margin_m)
    assert grid.epsg == 32645
    to_metres = Transformer.from_crs(4326, 32645, always_xy=True)
    x_m, y_m = np.array([to_metres.transform(*corner) for corner in place.exterior.coords]).T
    left, bottom, right, top = grid.bounds_m
    for reach in (x_m.min() - left, y_m.min() - bottom, right - x_m.max(), top - y_m.max()):
        assert margin_m - 1e-6 <= reach < margin_m + 10
    assert grid.is_inside(place).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"epsg": 4326}, "EPSG:4326 is none", id="degrees"),
        pytest.param({"epsg": 2263}, "EPSG:2263 is none", id="feet"),
        pytest.param({"pixel_m": 0}, "pixel_m must be above 0; got 0", id="no-pixel-size"),
        pytest.param({"pixel_m": -10}, "pixel_m must be above 0; got -10", id="south-up"),
        pytest.param({"width_px": 0}, "at least one pixel; got 0 x 8", id="no-columns"),
        pytest.param({"height_px": 0}, "at least one pixel; got 12 x 0", id="no-rows"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(changes: dict[str, float], message: str) -> None:
    fields = {"epsg": EPSG, "left_m": 0.0, "top_m": 0.0, "pixel_m": 10.0, "width_px": 12, "height_px": 8} | changes
    with pytest.raises(ValueError, match=message):
        Grid(**fields)  # type: ignore[arg-type]  # fields by name, one of them wrong


def test_a_grid_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        grid_of().epsg = 32644  # type: ignore[misc]
