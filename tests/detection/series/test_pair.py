"""Two dates in one pass give what plain numpy gives, step by step."""

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from detection.looks.context import Noise
from detection.series.pair import distance, pair_step, pair_strength
from detection.series.steps import StepParams, Steps, find_steps

FAR, NEAR = [date(2021, 1, 5), date(2021, 7, 5)], [date(2021, 1, 5), date(2022, 1, 20)]


def pair(seed: int = 0) -> NDArray[np.float32]:
    """Return two dates of three bands with gaps on either date, in single bands, and ground that does not differ."""
    rng = np.random.default_rng(seed)
    values = (0.2 + 0.05 * rng.standard_normal((1, 3, 40, 50)) + 0.01 * rng.standard_normal((2, 3, 40, 50))).astype(
        "f4"
    )
    values[1, :, 10:20, 10:25] += np.float32(0.1)
    values[1, :, 30:36, 5:15] = values[0, :, 30:36, 5:15]
    values[0, :, :6, :9], values[1, :, 3:9, 30:] = np.nan, np.nan
    values[0, 1, 25, 25] = values[1, 2, 12, 12] = np.nan
    return values


def mean_around(layer: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    is_seen = np.isfinite(layer)
    total = ndimage.uniform_filter(np.where(is_seen, layer, 0), side, mode="constant")
    share = ndimage.uniform_filter(is_seen.astype(float), side, mode="constant")
    return np.where(is_seen, total / np.maximum(share, 1e-9), np.nan)


@pytest.mark.parametrize("patch_px", [1, 5])
def test_strength_is_the_mean_distance_of_what_was_seen_on_both_dates(patch_px: int) -> None:
    values = pair()
    expected = mean_around(np.abs(values[1] - values[0]).mean(axis=0).astype(float), patch_px)
    np.testing.assert_allclose(pair_strength(values, patch_px), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(distance(values[1], values[0]), distance(values[0], values[1]))


def test_each_side_is_its_look_and_gaps_are_filled_by_the_other_one() -> None:
    values = pair()
    strength = pair_strength(values, 5)
    noise = Noise.of(strength)
    step = pair_step(values.copy(), strength, noise)
    is_seen = np.isfinite(values).all(axis=(0, 1))
    np.testing.assert_array_equal(np.isfinite(step.score_z), is_seen)
    np.testing.assert_allclose(step.score_z[is_seen], ((strength - noise.middle) / noise.sigma)[is_seen], rtol=1e-5)
    one, other = values
    known = np.where(np.isnan(one), other, np.where(np.isnan(other), one, (one + other) / 2))
    for side, look in ((step.before, one), (step.after, other)):
        np.testing.assert_allclose(side, np.where(is_seen, look, known), rtol=1e-6)


def test_looks_agree_where_anything_around_differs() -> None:
    values = pair()
    step = pair_step(values.copy(), pair_strength(values, 5), Noise(middle=0.0, sigma=1.0))
    alike = np.zeros((40, 50), dtype=bool)
    alike[31:35, 6:14] = True  # with all of their neighbours
    is_seen = np.isfinite(step.score_z)
    assert (step.persistence[alike] == 0.5).all()
    assert (step.persistence[is_seen & ~alike] == 1).all()
    assert np.isnan(step.persistence[~is_seen]).all()
    np.testing.assert_array_equal(step.agreeing_looks[0], is_seen)
    np.testing.assert_array_equal(step.agreeing_looks[1], is_seen & ~alike)


@pytest.mark.parametrize(("days", "is_told"), [(FAR, False), (NEAR, True)], ids=["half-a-year", "a-year"])
def test_a_season_that_has_come_round_tells_whether_the_step_lasts(days: list[date], is_told: bool) -> None:  # noqa: FBT001 - a parameter
    steps = find_steps(pair(), days, patch_px=5, params=StepParams())
    told = np.isfinite(steps.season_persistence)
    np.testing.assert_array_equal(told, np.isfinite(steps.score_z) & is_told)
    np.testing.assert_array_equal(steps.onset, np.where(np.isfinite(steps.score_z), 1, -1))


@pytest.mark.parametrize("dates", [2, 3], ids=["one-pass", "general"])
def test_a_third_date_alike_the_second_changes_neither_outline_nor_sides(dates: int) -> None:
    values = np.concatenate([pair(3), pair(3)[1:]])[:dates]
    days = [date(2021, 1, 5), date(2021, 7, 5), date(2021, 7, 15)][:dates]
    steps: Steps = find_steps(values, days, patch_px=5, params=StepParams())
    is_seen = np.isfinite(values[:2]).all(axis=(0, 1))
    inside = np.zeros((40, 50), dtype=bool)
    inside[12:18, 12:23] = True
    np.testing.assert_allclose(steps.before[:, is_seen & inside], values[0][:, is_seen & inside], rtol=1e-5)
    np.testing.assert_allclose(steps.after[:, is_seen & inside], values[1][:, is_seen & inside], rtol=1e-5)
    assert (steps.onset[is_seen & inside] == 1).all()
    assert np.median(steps.score_z[is_seen & inside]) > 5
