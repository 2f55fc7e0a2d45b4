"""Phases come in order, in intervals that hold the truth, and are none where they cannot be told."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.schema import Phase
from detection.series.beginnings import Beginnings
from detection.series.onset import Course, OnsetParams, follow
from detection.series.phases import PhaseParams, Phases, find_phases

ONSET = OnsetParams(begun_area_m2=300)
PARAMS = PhaseParams()


def phases_of(
    begun: list[int],
    steps: list[int],
    structure: list[float],
    *,
    gap_days: int = 25,
    is_taken_down: bool = False,
) -> Phases:
    """Return the phases of a row of pixels that begin and have their clearest step at these looks."""
    looks = len(structure)
    certain: NDArray[np.int64] = np.array([begun])
    course = Course(
        begun=Beginnings(certain=certain, hinted=certain),
        step=np.array([steps]),
        is_changed=np.ones_like(certain, dtype=bool),
        is_seen=np.ones((looks, *certain.shape), dtype=bool),
        days=[date(2022, 1, 5) + timedelta(days=gap_days * index) for index in range(looks)],
        pixel_area_m2=100.0,
        is_taken_down=is_taken_down,
    )
    growth = follow(course, ONSET)
    assert growth.is_bounded
    return find_phases(course, growth, structure, PARAMS, ONSET)


GRADED, BUILT = [3] * 40, [5] * 20 + [7] * 20
"""Graded at look 3; half of it built at look 5 and half at 7."""


def test_a_site_is_prepared_built_and_completed() -> None:
    structure = [1.0, 1.1, 0.9, 1.2, 1.2, 2.6, 2.8, 3.5, *[3.6] * 8]
    phases = phases_of(GRADED, BUILT, structure)
    assert phases.phase is Phase.COMPLETE
    assert phases.active == (3, 5)
    assert phases.complete is not None
    after, by = phases.complete
    assert after < 7 <= by <= 9


def test_graded_ground_stays_in_preparation() -> None:
    phases = phases_of(GRADED, GRADED, [1.0, 1.1, 0.9, *[1.3] * 12])
    assert phases == Phases(phase=Phase.SITE_PREPARATION, active=None, complete=None)


def test_a_site_on_which_work_went_on_lately_is_active() -> None:
    structure = [1.0, 1.1, 0.9, 1.2, 1.2, 2.6, 2.8, 3.5, 3.5, 3.6]
    assert phases_of(GRADED, BUILT, structure).phase is Phase.ACTIVE
    quick = [*structure, *[3.6] * 6]
    assert phases_of(GRADED, BUILT, quick, gap_days=5).phase is Phase.ACTIVE  # enough looks, too few days


def test_a_rise_that_does_not_last_is_none() -> None:
    structure = [1.0, 1.1, 0.9, 1.2, 3.5, *[1.2] * 10]
    assert phases_of(GRADED, GRADED, structure).phase is Phase.SITE_PREPARATION


def test_restless_ground_needs_a_higher_rise() -> None:
    structure = [1.0, 2.2, 1.0, 2.4, *[3.2] * 10]
    assert phases_of([4] * 40, [4] * 40, structure).phase is Phase.SITE_PREPARATION


def test_looks_without_a_measure_are_left_out() -> None:
    structure = [1.0, np.nan, 0.9, np.nan, 1.2, 2.6, 2.8, 3.5, *[3.6] * 8]
    assert phases_of(GRADED, BUILT, structure).active == (2, 5)


def test_taking_down_is_work_from_its_onset_on() -> None:
    phases = phases_of([4] * 40, [4] * 20 + [5] * 20, [4.0] * 4 + [1.0] * 10, is_taken_down=True)
    assert phases.active == (2, 4)
    assert phases.phase is Phase.COMPLETE


@given(
    begun=st.lists(st.integers(2, 9), min_size=20, max_size=20),
    later=st.lists(st.integers(0, 4), min_size=20, max_size=20),
    structure=st.lists(st.floats(0.5, 8), min_size=14, max_size=14),
    gap_days=st.sampled_from([5, 25]),
)
def test_phases_never_run_backwards(begun: list[int], later: list[int], structure: list[float], gap_days: int) -> None:
    steps = [first + more for first, more in zip(begun, later, strict=True)]
    phases = phases_of(begun, steps, structure, gap_days=gap_days)
    told = [interval for interval in (phases.active, phases.complete) if interval is not None]
    for after, by in told:
        assert 0 <= after < by < 14
    for (after, by), (later_after, later_by) in pairwise(told):
        assert after <= later_after
        assert by <= later_by
    expected = (Phase.SITE_PREPARATION, Phase.ACTIVE, Phase.COMPLETE)[len(told)]
    assert phases.phase is expected


@pytest.mark.parametrize("looks", [2, 3])
def test_few_looks_never_complete_a_site(looks: int) -> None:
    structure = [1.0] + [4.0] * (looks - 1)
    phases = phases_of([1] * 40, [1] * 40, structure)
    assert phases.phase is Phase.ACTIVE
    assert phases.active == (0, 1)
