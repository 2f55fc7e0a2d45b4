"""Steps are found where and when they were made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.context import Windows
from detection.steps import _date_of_step, find_steps

WINDOWS = Windows(context_px=31, patch_px=3)


def series(onset: int, *, dates: int = 8, rise: float = 0.15, seed: int = 0) -> NDArray[np.float32]:
    """Return two bands over 60 x 60 pixels in which a block of 12 x 12 changes at date `onset`."""
    rng = np.random.default_rng(seed)
    base = 0.2 + 0.02 * rng.standard_normal((1, 2, 60, 60))
    values = base + 0.005 * rng.standard_normal((dates, 2, 60, 60))
    values[onset:, :, 24:36, 24:36] += rise
    return values.astype(np.float32)


@pytest.mark.parametrize("onset", range(1, 8))
def test_the_onset_is_the_date_of_the_step(onset: int) -> None:
    steps = find_steps(series(onset), WINDOWS, max_cuts=24, sigma_floor=0.001)
    block = np.s_[25:35, 25:35]
    assert (steps.onset[block] == onset).all()
    assert (steps.score_z[block] > 5).all()
    assert float(steps.persistence[block].mean()) > 0.99


def test_fewer_cuts_than_dates_still_give_the_right_date() -> None:
    steps = find_steps(series(13, dates=20), WINDOWS, max_cuts=4, sigma_floor=0.001)
    assert (steps.onset[25:35, 25:35] == 13).all()


def test_before_and_after_are_the_two_states() -> None:
    steps = find_steps(series(3), WINDOWS, max_cuts=24, sigma_floor=0.001)
    rise = (steps.after - steps.before)[:, 25:35, 25:35]
    assert float(rise.mean()) == pytest.approx(0.15, abs=0.005)


def test_noise_alone_makes_no_clear_step() -> None:
    steps = find_steps(series(1, rise=0.0), WINDOWS, max_cuts=24, sigma_floor=0.001)
    assert float(np.mean(steps.score_z > 5)) < 0.01


def test_a_pixel_seen_only_before_or_never_has_no_step() -> None:
    values = series(4)
    values[4:, :, :10] = np.nan
    values[:, :, 50:] = np.nan
    values[1:, :, 10:12] = np.nan
    steps = find_steps(values, WINDOWS, max_cuts=24, sigma_floor=0.001)
    assert np.isnan(steps.score_z[50:]).all()
    assert (steps.onset[50:] == -1).all()
    assert np.isnan(steps.score_z[10:12]).all()


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1, width=32)), min_size=2, max_size=9).filter(
        lambda looks: sum(look is not None for look in looks) >= 2
    )
)
def test_the_date_of_a_step_equals_a_slow_search(looks: list[float | None]) -> None:
    progress = np.array([np.nan if look is None else look for look in looks], dtype=np.float32)[:, None, None]
    cut = int(_date_of_step(progress)[0][0, 0])

    def misfit(at: int) -> float:
        before = sum(look for look in looks[:at] if look is not None)
        return before + sum(1 - look for look in looks[at:] if look is not None)

    possible = [
        at
        for at in range(1, len(looks))
        if any(look is not None for look in looks[:at]) and any(look is not None for look in looks[at:])
    ]
    assert cut in possible
    assert misfit(cut) == pytest.approx(min(misfit(at) for at in possible), abs=1e-4)


def test_dates_without_a_look_are_no_onset() -> None:
    progress = np.array([0, np.nan, np.nan, 1, 1], dtype=np.float32)[:, None, None]
    onset, agrees = _date_of_step(progress)
    assert onset[0, 0] == 3
    assert agrees[0, 0] == 1.0
