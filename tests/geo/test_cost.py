"""The arithmetic of processing units, against the examples that the provider publishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cost import OPTICAL_16_BIT, RADAR_TERRAIN_CORRECTED, Cost, Processing, catalog_units, process_cost
from geo.cost import processing_units as units

sides = st.integers(1, 2500)


def test_the_published_example_of_radar_change_detection() -> None:
    asked = Processing(sample_bits=32, samples=2, is_orthorectified=True)
    assert units(1024, 1024, 4, asked) == pytest.approx(42.667, abs=5e-4)


def test_the_published_example_of_a_parcel() -> None:
    assert units(20, 20, 2) == pytest.approx(0.0067, abs=5e-5)


@pytest.mark.parametrize(
    ("side_km", "bands", "processing", "expected"),
    [
        pytest.param(3, 7, OPTICAL_16_BIT, 0.80, id="optical-3-km"),
        pytest.param(3, 7, Processing(sample_bits=32), 1.60, id="optical-3-km-float"),
        pytest.param(10, 2, RADAR_TERRAIN_CORRECTED, 12.72, id="radar-10-km"),
        pytest.param(10, 2, Processing(sample_bits=32, is_orthorectified=True), 10.17, id="radar-10-km-ortho"),
    ],
)
def test_looks_at_ten_metres_cost_what_was_worked_out_by_hand(
    side_km: int, bands: int, processing: Processing, expected: float
) -> None:
    assert units(side_km * 100, side_km * 100, bands, processing) == pytest.approx(expected, abs=0.005)


@given(width=sides, height=sides, bands=st.integers(0, 13))
def test_no_request_is_cheaper_than_the_least_and_more_never_costs_less(width: int, height: int, bands: int) -> None:
    cost = units(width, height, bands)
    assert cost >= 0.005
    assert units(width + 1, height, bands) >= cost
    assert units(width, height, bands + 1) >= cost


def test_the_mask_costs_only_where_nothing_else_is_asked_for() -> None:
    assert units(512, 512, 0) == pytest.approx(1 / 3)


@pytest.mark.parametrize("size", [(0, 5, 1), (5, 0, 1), (5, 5, -1)])
def test_what_is_no_request_has_no_cost(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected at least one pixel"):
        units(*size)


@pytest.mark.parametrize(
    ("area_km2", "months", "expected"),
    [
        pytest.param(100.0, 0.5, 0.01, id="small-and-short"),
        pytest.param(100.0, 11.2, 0.12, id="a-year"),
        pytest.param(2e6, 3.0, 1.0, id="never-more-than-one"),
        pytest.param(50_000.0, 1.0, 0.05, id="a-country"),
    ],
)
def test_a_search_costs_by_area_and_months(area_km2: float, months: float, expected: float) -> None:
    assert catalog_units(area_km2, months) == pytest.approx(expected)


def test_costs_add_up() -> None:
    both = process_cost([(100, 200), (300, 300)], bands=7)
    assert both == process_cost([(100, 200)], bands=7) + process_cost([(300, 300)], bands=7)
    assert both.requests == 2
    assert both.megabytes == pytest.approx((20_000 + 90_000) * 8 * 2 / 1e6)
    assert (both * 3).requests == 6
    assert process_cost([], bands=7) == Cost()
