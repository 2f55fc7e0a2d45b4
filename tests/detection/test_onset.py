"""When an object began and how it grew, on first steps made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detection.onset import Growth, OnsetParams, follow

EACH_FOR_ITSELF = OnsetParams(majority_px=1)
"""Without a say of the neighbours the shares can be counted by hand."""


def followed(
    first_steps: list[int], dates: int, *, params: OnsetParams = EACH_FOR_ITSELF, hidden: tuple[int, ...] = ()
) -> Growth:
    """Follow an object of a row of pixels of 10 m, hidden on the dates `hidden`."""
    first_step = np.array([first_steps])
    is_seen = np.ones((dates, *first_step.shape), dtype=bool)
    is_seen[list(hidden)] = False
    return follow(first_step, is_seen, area_m2=100 * first_step.size, params=params)


def test_an_object_built_at_once_began_between_two_looks() -> None:
    growth = followed([3] * 10, 6)
    assert growth.seen == (0, 1, 2, 3, 4, 5)
    assert growth.changed_share == (0, 0, 0, 1, 1, 1)
    assert (growth.looks_before, growth.onset, growth.looks_after) == (3, 3, 3)
    assert growth.is_bounded


def test_scattered_first_steps_make_a_wide_interval() -> None:
    # by date 1: 10 %, by date 2: 10 %, by date 3: 20 %, by date 4: all
    growth = followed([1] + [3] + [4] * 8, 6)
    assert growth.changed_share == pytest.approx((0, 0.1, 0.1, 0.2, 1, 1))
    assert growth.looks_before == 1
    assert growth.onset == 3


def test_a_few_stray_pixels_do_not_begin_an_object() -> None:
    growth = followed([1] + [4] * 19, 6)
    assert (growth.looks_before, growth.onset) == (4, 4)


def test_a_bump_long_before_the_building_is_not_its_beginning() -> None:
    # by date 1: 12 %, then nothing for five looks, by date 7: 60 %
    growth = followed([1] * 3 + [7] * 12 + [8] * 10, 10)
    assert (growth.looks_before, growth.onset) == (7, 7)


def test_a_start_that_goes_on_is_the_beginning() -> None:
    growth = followed([1] * 5 + [2] * 3 + [4] * 5 + [5] * 12, 8)
    assert (growth.looks_before, growth.onset) == (1, 1)


def test_a_large_object_has_begun_with_enough_ground() -> None:
    first = [2] * 5 + [5] * 95
    assert followed(first, 8).onset == 5
    small_start = replace(EACH_FOR_ITSELF, begun_area_m2=500)
    growth = followed(first, 8, params=small_start)
    assert (growth.looks_before, growth.onset) == (2, 2)


def test_a_date_on_which_the_object_was_hidden_is_no_look() -> None:
    growth = followed([3] * 4, 6, hidden=(2, 3))
    assert growth.seen == (0, 1, 4, 5)
    assert growth.changed_share == (0, 0, 1, 1)
    assert [growth.seen[growth.looks_before - 1], growth.seen[growth.onset]] == [1, 4]


def test_half_an_object_in_sight_is_a_look_and_less_is_none() -> None:
    is_seen = np.ones((4, 1, 4), dtype=bool)
    is_seen[1, 0, :2] = False
    is_seen[2, 0, :3] = False
    growth = follow(np.array([[3, 3, 3, 3]]), is_seen, area_m2=400, params=EACH_FOR_ITSELF)
    assert growth.seen == (0, 1, 3)


@pytest.mark.parametrize(
    ("first_steps", "hidden"),
    [pytest.param([2] * 4, (0, 1), id="never-seen-before"), pytest.param([3] * 4, (3, 4), id="never-seen-after")],
)
def test_a_change_without_a_look_on_both_sides_is_not_bounded(first_steps: list[int], hidden: tuple[int, ...]) -> None:
    assert not followed(first_steps, 5, hidden=hidden).is_bounded


def test_an_object_never_seen_has_no_looks() -> None:
    growth = followed([2] * 4, 4, hidden=(0, 1, 2, 3))
    assert growth.seen == ()
    assert not growth.is_bounded
    assert growth.looks_after == 0


def test_pixels_that_are_not_of_the_object_have_no_say() -> None:
    first_step = np.array([[-1, 2, 2, -1], [-1, 2, 2, -1]])
    is_seen = np.ones((4, 2, 4), dtype=bool)
    is_seen[:, :, [0, 3]] = False
    growth = follow(first_step, is_seen, area_m2=100 * (first_step > 0).sum(), params=EACH_FOR_ITSELF)
    assert growth.seen == (0, 1, 2, 3)
    assert growth.changed_share == (0, 0, 1, 1)


def test_single_pixels_that_err_are_overruled_by_their_neighbours() -> None:
    first_step = np.full((12, 12), 5)
    first_step[1::4, 1::4] = 1
    is_seen = np.ones((8, 12, 12), dtype=bool)
    growth = follow(first_step, is_seen, area_m2=100 * (first_step > 0).sum(), params=OnsetParams())
    assert growth.changed_share == (0, 0, 0, 0, 0, 1, 1, 1)
    assert (growth.looks_before, growth.onset) == (5, 5)


@pytest.mark.parametrize("side_px", [1, 3, 5])
@given(
    first_step=arrays(np.int64, (4, 5), elements=st.sampled_from([-1, 1, 2, 5, 8])).filter(lambda step: step.max() > 0),
    is_seen=arrays(np.bool_, (10,)),
    begun=st.floats(0.05, 1),
)
@settings(max_examples=25)
def test_growth_never_falls_and_the_interval_never_runs_backwards(
    first_step: NDArray[np.int64], is_seen: NDArray[np.bool_], begun: float, side_px: int
) -> None:
    seen = np.broadcast_to(is_seen[:, None, None], (10, 4, 5))
    params = OnsetParams(begun_share=begun, majority_px=side_px)
    growth = follow(first_step, seen, area_m2=100 * (first_step > 0).sum(), params=params)
    assert list(growth.changed_share) == sorted(growth.changed_share)
    assert growth.looks_before <= growth.onset <= len(growth.seen)
    assert growth.looks_after == len(growth.seen) - growth.onset
    if side_px == 1:
        members = first_step[first_step > 0]
        expected = [sum(int(step) <= index for step in members) / members.size for index in growth.seen]
        assert growth.changed_share == pytest.approx(expected)
