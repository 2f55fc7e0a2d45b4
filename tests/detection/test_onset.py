"""When an object began and how it grew, on first steps made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detection.onset import Growth, OnsetParams, follow


def followed(
    first_steps: list[int], dates: int, *, params: OnsetParams | None = None, hidden: tuple[int, ...] = ()
) -> Growth:
    """Follow an object of pixels of 10 m, hidden on the dates `hidden`."""
    first_step = np.array(first_steps)
    is_seen = np.ones((dates, first_step.size), dtype=bool)
    is_seen[list(hidden)] = False
    return follow(first_step, is_seen, pixel_area_m2=100, params=params or OnsetParams())


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


def test_a_large_object_has_begun_with_enough_ground() -> None:
    first = [2] * 5 + [5] * 95
    assert followed(first, 8).onset == 5
    small_start = OnsetParams(begun_area_m2=500)
    growth = followed(first, 8, params=small_start)
    assert (growth.looks_before, growth.onset) == (2, 2)


def test_a_date_on_which_the_object_was_hidden_is_no_look() -> None:
    growth = followed([3] * 4, 6, hidden=(2, 3))
    assert growth.seen == (0, 1, 4, 5)
    assert growth.changed_share == (0, 0, 1, 1)
    assert [growth.seen[growth.looks_before - 1], growth.seen[growth.onset]] == [1, 4]


def test_half_an_object_in_sight_is_a_look_and_less_is_none() -> None:
    is_seen = np.ones((4, 4), dtype=bool)
    is_seen[1, :2] = False
    is_seen[2, :3] = False
    growth = follow(np.array([3, 3, 3, 3]), is_seen, pixel_area_m2=100, params=OnsetParams())
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


@given(
    first_step=arrays(np.int64, st.integers(1, 30), elements=st.integers(1, 9)),
    is_seen=arrays(np.bool_, (10,)),
    begun=st.floats(0.05, 1),
)
def test_growth_never_falls_and_the_interval_never_runs_backwards(
    first_step: NDArray[np.int64], is_seen: NDArray[np.bool_], begun: float
) -> None:
    seen = np.repeat(is_seen[:, None], first_step.size, axis=1)
    growth = follow(first_step, seen, pixel_area_m2=100, params=OnsetParams(begun_share=begun))
    assert list(growth.changed_share) == sorted(growth.changed_share)
    assert growth.looks_before <= growth.onset <= len(growth.seen)
    assert growth.looks_after == len(growth.seen) - growth.onset
    for share, index in zip(growth.changed_share, growth.seen, strict=True):
        assert share == pytest.approx(sum(int(step) <= index for step in first_step) / first_step.size)
