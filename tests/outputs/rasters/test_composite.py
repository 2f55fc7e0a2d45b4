"""Which looks stand before and after, and what fills their holes."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.rasters.composite import MOST_LOOKS, RECENT, Composite, Side, looks_in_order

DAYS = tuple(date(2017, 1, 1) + timedelta(days=30 * index) for index in range(20))


@pytest.mark.parametrize(
    ("shares", "before", "after"),
    [
        pytest.param([1.0] * 20, 0, 19, id="all-clear"),
        pytest.param([0.2, 0.95, *[1.0] * 16, 0.95, 0.2], 1, 18, id="hidden-at-the-ends"),
        pytest.param([0.2, 0.8, 0.4, *[0.3] * 14, 0.4, 0.8, 0.2], 1, 18, id="none-clear-the-clearest"),
        pytest.param([0.5] * 8 + [1.0] * 4 + [0.5] * 8, 0, 19, id="clear-only-long-after"),
    ],
)
def test_the_first_and_the_last_clear_look_are_shown(shares: list[float], before: int, after: int) -> None:
    assert looks_in_order(DAYS, shares, Side.BEFORE)[0] == before
    assert looks_in_order(DAYS, shares, Side.AFTER)[0] == after


@given(shares=st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_no_look_stands_on_both_sides_and_the_nearest_fill_first(shares: list[float]) -> None:
    days = DAYS[: len(shares)]
    before, after = (looks_in_order(days, shares, side) for side in Side)
    assert not set(before) & set(after)
    assert max(before) < min(after)
    for order in (before, after):
        assert len(order) == len(set(order)) <= MOST_LOOKS
        apart = [abs(days[index] - days[order[0]]) for index in order]
        assert apart == sorted(apart)
    assert days[before[0]] - days[0] <= RECENT
    assert days[-1] - days[after[0]] <= RECENT


def test_holes_are_filled_by_the_next_look_and_each_pixel_is_counted_once() -> None:
    nan = np.nan
    looks = np.array([[[[1, nan, nan]]], [[[2, 2, nan]]], [[[3, 3, 3]]]], dtype=np.float32)
    read: list[int] = []

    def give(index: int, rows: slice) -> np.ndarray:
        read.append(index)
        return np.asarray(looks[index][:, rows])

    composite = Composite(order=(0, 1, 2), seen_bands=1)
    (part,) = list(composite.strips(give, [slice(0, 1)]))
    np.testing.assert_array_equal(part[1], [[[1, 2, 3]]])
    assert composite.shares() == {0: pytest.approx(1 / 3), 1: pytest.approx(1 / 3), 2: pytest.approx(1 / 3)}
    assert read == [0, 1, 2]


def test_looks_that_are_not_needed_are_not_read() -> None:
    composite = Composite(order=(0, 1), seen_bands=1)

    def give(index: int, rows: slice) -> np.ndarray:
        assert index == 0
        return np.ones((1, rows.stop - rows.start, 3), dtype=np.float32)

    list(composite.strips(give, [slice(0, 2), slice(2, 3)]))
    assert composite.shares() == {0: 1.0}


def test_a_band_that_is_missing_makes_no_hole_in_the_others() -> None:
    composite = Composite(order=(0,), seen_bands=1)
    look = np.array([[[1.0]], [[np.nan]]], dtype=np.float32)
    (part,) = list(composite.strips(lambda _, rows: look[:, rows], [slice(0, 1)]))
    np.testing.assert_array_equal(part[1], look)
