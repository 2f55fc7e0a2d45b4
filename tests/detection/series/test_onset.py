"""When an object began and how it grew, on beginnings made by hand."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detection.series.beginnings import Beginnings
from detection.series.onset import Course, Growth, OnsetParams, follow

PARAMS = OnsetParams(begun_area_m2=300, begun_share=0.02)
"""Three touching pixels are a beginning, one or none is not."""


def course(  # noqa: PLR0913 - each a property of the object that a test may set
    certain: NDArray[np.int64],
    dates: int,
    *,
    hinted: NDArray[np.int64] | None = None,
    step: NDArray[np.int64] | None = None,
    hidden: tuple[int, ...] = (),
    is_taken_down: bool = False,
    gap_days: int = 25,
) -> Course:
    """Return an object of pixels of 10 m: those of `certain` that are not negative."""
    is_changed = certain >= 0
    is_seen = np.ones((dates, *certain.shape), dtype=bool)
    is_seen[list(hidden)] = False
    return Course(
        begun=Beginnings(certain=certain, hinted=certain if hinted is None else hinted),
        step=certain if step is None else step,
        is_changed=is_changed,
        is_seen=is_seen,
        days=[date(2022, 1, 5) + timedelta(days=gap_days * index) for index in range(dates)],
        pixel_area_m2=100.0,
        is_taken_down=is_taken_down,
    )


def row(*first: int) -> NDArray[np.int64]:
    return np.array([first])


def interval(growth: Growth) -> tuple[int, int]:
    """Return the looks between which the object began."""
    return growth.seen[growth.looks_before - 1], growth.seen[growth.onset]


def test_an_object_built_at_once_began_between_two_looks() -> None:
    growth = follow(course(row(*[3] * 10), 6), PARAMS)
    assert growth.seen == (0, 1, 2, 3, 4, 5)
    assert growth.changed_share == (0, 0, 0, 1, 1, 1)
    assert (growth.looks_before, growth.onset, growth.looks_after) == (3, 3, 3)
    assert growth.is_bounded


def test_the_first_strip_is_the_beginning_of_a_site_that_goes_on() -> None:
    growth = follow(course(row(*[2] * 5, *[5] * 40), 8), PARAMS)
    assert interval(growth) == (1, 2)
    assert growth.changed_share == pytest.approx((0, 0, 1 / 9, 1 / 9, 1 / 9, 1, 1, 1))


def test_scattered_pixels_do_not_begin_an_object() -> None:
    certain = np.full((9, 9), 6)
    certain[::3, ::3] = 2
    assert interval(follow(course(certain, 8), PARAMS)) == (5, 6)


def test_a_hint_widens_the_interval_downwards() -> None:
    certain = row(*[4] * 20)
    hinted = certain.copy()
    hinted[0, :6] = 2
    growth = follow(course(certain, 7, hinted=hinted), PARAMS)
    assert interval(growth) == (1, 4)


def test_a_bump_long_before_the_building_is_not_its_beginning() -> None:
    growth = follow(course(row(*[1] * 4, *[7] * 30, *[8] * 20), 10), PARAMS)
    assert interval(growth) == (6, 7)


@pytest.mark.parametrize(
    ("early", "gap_days"), [pytest.param(4, 5, id="looks-in-quick-succession"), pytest.param(8, 25, id="much-ground")]
)
def test_what_is_no_bump_is_the_beginning(early: int, gap_days: int) -> None:
    growth = follow(course(row(*[1] * early, *[7] * 30, *[8] * 20), 10, gap_days=gap_days), PARAMS)
    assert interval(growth) == (0, 1)


def test_what_is_taken_down_may_have_begun_a_look_before_it_shows() -> None:
    certain = row(*[4] * 20)
    assert interval(follow(course(certain, 7), PARAMS)) == (3, 4)
    assert interval(follow(course(certain, 7, is_taken_down=True), PARAMS)) == (2, 4)
    assert interval(follow(course(row(*[1] * 20), 7, is_taken_down=True), PARAMS)) == (0, 1)


def test_a_date_on_which_the_object_was_hidden_is_no_look() -> None:
    growth = follow(course(row(*[3] * 4), 6, hidden=(2, 3)), PARAMS)
    assert growth.seen == (0, 1, 4, 5)
    assert growth.changed_share == (0, 0, 1, 1)
    assert interval(growth) == (1, 4)


def test_half_an_object_in_sight_is_a_look_and_less_is_none() -> None:
    made = course(row(3, 3, 3, 3), 4)
    made.is_seen[1, 0, :2] = False
    made.is_seen[2, 0, :3] = False
    assert follow(made, PARAMS).seen == (0, 1, 3)


def test_a_look_that_hid_the_part_that_began_first_cannot_exclude_it() -> None:
    made = course(row(*[4] * 5, *[6] * 20), 8)
    made.is_seen[3, 0, :5] = False
    growth = follow(made, PARAMS)
    assert growth.seen == tuple(range(8))
    assert interval(growth) == (2, 4)


def test_where_nothing_begins_clearly_the_clearest_steps_tell() -> None:
    never = np.full((1, 20), 6)
    growth = follow(course(never, 6, step=row(*[2] * 4, *[4] * 16)), PARAMS)
    assert interval(growth) == (1, 2)
    assert growth.changed_share == pytest.approx((0, 0, 0.2, 0.2, 1, 1))


@pytest.mark.parametrize(
    ("first", "hidden"),
    [pytest.param(2, (0, 1), id="never-seen-before"), pytest.param(3, (3, 4), id="never-seen-after")],
)
def test_a_change_without_a_look_on_both_sides_is_not_bounded(first: int, hidden: tuple[int, ...]) -> None:
    assert not follow(course(row(*[first] * 4), 5, hidden=hidden), PARAMS).is_bounded


def test_an_object_never_seen_has_no_looks() -> None:
    growth = follow(course(row(2, 2, 2, 2), 4, hidden=(0, 1, 2, 3)), PARAMS)
    assert growth.seen == ()
    assert not growth.is_bounded
    assert growth.looks_after == 0


def test_pixels_that_are_not_of_the_object_have_no_say() -> None:
    certain = np.array([[-1, 2, 2, -1], [-1, 2, 2, -1]])
    made = course(certain, 4)
    made.is_seen[:, :, [0, 3]] = False
    growth = follow(made, PARAMS)
    assert growth.seen == (0, 1, 2, 3)
    assert growth.changed_share == (0, 0, 1, 1)


RESTLESS = (-0.17, 0.15, -0.12, 0.13, -0.15)
"""Progress of a field that was left alone: its seasons are most of the change."""
CALM = (-0.02, 0.01, 0.0, 0.02, -0.01)


@pytest.mark.parametrize(
    ("past", "latest", "looks_before"),
    [
        pytest.param(CALM, (0.0, 0.01), 7, id="calm-ground-excludes"),
        pytest.param(RESTLESS, (0.05, 0.3), 5, id="a-restless-field-cannot"),
        pytest.param(CALM, (0.01, 0.15), 6, id="calm-ground-already-on-its-way"),
        pytest.param(CALM, (np.nan, np.nan), 5, id="what-was-not-seen-excludes-nothing"),
    ],
)
def test_a_look_excludes_the_beginning_only_where_the_likelihood_does(
    past: tuple[float, ...], latest: tuple[float, ...], looks_before: int
) -> None:
    certain = row(*[7] * 30)
    progress = np.array([*past, *latest, 1.0, 1.0], dtype=np.float32)[:, None, None] * np.ones((1, 1, 30))
    made = replace(course(certain, 9), progress=progress.astype(np.float32))
    growth = follow(made, PARAMS)
    assert (growth.looks_before, growth.onset) == (looks_before, 7)
    assert follow(replace(made, progress=None), PARAMS).looks_before == 7
    assert follow(replace(made, is_taken_down=True), PARAMS).looks_before == 6


@given(
    progress=arrays(np.float32, (9, 1, 12), elements=st.floats(-2, 2, width=32)),
    onset=st.integers(1, 8),
)
@settings(max_examples=60)
def test_likelihood_only_ever_widens_the_interval(progress: NDArray[np.float32], onset: int) -> None:
    made = course(row(*[onset] * 12), 9)
    plain, likely = follow(made, PARAMS), follow(replace(made, progress=progress), PARAMS)
    assert 1 <= likely.looks_before <= plain.looks_before
    assert likely.onset == plain.onset


def test_what_may_have_changed_is_never_less_than_what_has() -> None:
    certain = row(*[4] * 20)
    hinted = certain.copy()
    hinted[0, :6] = 2
    growth = follow(course(certain, 7, hinted=hinted), PARAMS)
    assert growth.changed_share == (0, 0, 0, 0, 1, 1, 1)
    assert growth.hinted_share == pytest.approx((0, 0, 0.3, 0.3, 1, 1, 1))


@given(
    certain=arrays(np.int64, (4, 5), elements=st.sampled_from([-1, 1, 2, 5, 8, 10])).filter(
        lambda step: step.max() > 0
    ),
    earlier=arrays(np.int64, (4, 5), elements=st.integers(0, 3)),
    is_seen=arrays(np.bool_, (10,)),
    share=st.floats(0.01, 0.5),
    is_taken_down=st.booleans(),
)
@settings(max_examples=60)
def test_growth_never_falls_and_the_interval_never_runs_backwards(
    certain: NDArray[np.int64],
    earlier: NDArray[np.int64],
    is_seen: NDArray[np.bool_],
    share: float,
    is_taken_down: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    hidden = tuple(np.flatnonzero(~is_seen).tolist())
    hinted = np.where(certain >= 0, np.maximum(certain - earlier, 0), certain)
    made = course(certain, 10, hinted=hinted, step=np.minimum(certain, 9), hidden=hidden, is_taken_down=is_taken_down)
    growth = follow(made, replace(PARAMS, begun_share=share))
    assert list(growth.changed_share) == sorted(growth.changed_share)
    assert list(growth.hinted_share) == sorted(growth.hinted_share)
    assert all(sure <= may for sure, may in zip(growth.changed_share, growth.hinted_share, strict=True))
    assert growth.looks_before <= growth.onset <= len(growth.seen)
    assert (growth.looks_before > 0) == (0 < growth.onset < len(growth.seen))
    assert growth.looks_after == len(growth.seen) - growth.onset
    members = np.minimum(certain, 9)[certain >= 0]
    expected = [sum(int(step) <= index for step in members) / members.size for index in growth.seen]
    assert growth.changed_share == pytest.approx(expected)


def test_steps_that_the_object_as_a_whole_does_not_show_are_no_upper_bound() -> None:
    never, dates = 12, 12
    step = np.full((6, 6), 8)
    step[::2, ::2] = 3  # a quarter, for other reasons
    unclear = course(np.full((6, 6), never), dates, step=step)
    seen = follow(unclear, PARAMS)
    assert (seen.onset, seen.by) == (3, 3)
    mean = np.array([0.01, -0.02, 0.0, 0.03, 0.0, -0.01, 0.02, 0.0, 0.9, 1.0, 1.0, 0.95], dtype=np.float32)
    growth = follow(replace(unclear, progress=np.broadcast_to(mean[:, None, None], (dates, 6, 6))), PARAMS)
    assert (growth.onset, growth.by) == (3, 8)
    assert growth.looks_before <= 3
