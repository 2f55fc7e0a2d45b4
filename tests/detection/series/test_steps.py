"""Steps are found where and when they were made, and nowhere else."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.looks.normalise import normalise, reference_image
from detection.series.steps import StepParams, Steps, find_steps

PARAMS = StepParams()
INSIDE = np.s_[25:35, 25:35]
BLOCK = np.s_[24:36, 24:36]


def days(count: int, gap: int = 25) -> list[date]:
    return [date(2022, 1, 5) + timedelta(days=gap * index) for index in range(count)]


def ground(dates: int, *, seed: int = 0, alike: float = 0.0, sigma: float = 0.005) -> NDArray[np.float32]:
    """Return two bands over 60 x 60 pixels; `alike` is the correlation of one look's noise with the next's."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((dates, 2, 60, 60))
    for index in range(1, dates):
        noise[index] = alike * noise[index - 1] + np.sqrt(1 - alike**2) * noise[index]
    base = 0.2 + 0.02 * rng.standard_normal((2, 60, 60))
    return np.asarray(base + sigma * noise, dtype=np.float32)


def series(onset: int, *, dates: int = 8, rise: float = 0.15, seed: int = 0) -> NDArray[np.float32]:
    """Return ground in which a block of 12 x 12 changes at date `onset`."""
    values = ground(dates, seed=seed)
    values[onset:, :, *BLOCK] += np.float32(rise)
    return values


def steps_of(values: NDArray[np.float32], *, patch_px: int = 3, params: StepParams = PARAMS, gap: int = 25) -> Steps:
    return find_steps(values, days(len(values), gap), patch_px=patch_px, params=params)


def clear_share(steps: Steps) -> float:
    return float(np.mean(steps.score_z > 5))


@pytest.mark.parametrize(
    ("dates", "onset"),
    [
        *(pytest.param(8, onset, id=f"{onset}-of-8") for onset in range(2, 7)),
        *(pytest.param(5, onset, id=f"{onset}-of-5") for onset in range(1, 5)),
        *(pytest.param(24, onset, id=f"{onset}-of-24-with-season") for onset in (3, 9, 15, 21)),
    ],
)
def test_the_onset_is_the_date_of_the_step(dates: int, onset: int) -> None:
    steps = steps_of(series(onset, dates=dates))
    assert (steps.onset[INSIDE] == onset).all()
    assert (steps.score_z[INSIDE] > 5).all()
    assert float(steps.persistence[INSIDE].mean()) > 0.97


@pytest.mark.parametrize("rise", [0.15, -0.15], ids=["brighter", "darker"])
def test_before_and_after_are_the_two_states(rise: float) -> None:
    steps = steps_of(series(3, rise=rise))
    change = steps.after - steps.before
    assert float(change[:, *INSIDE].mean()) == pytest.approx(rise, abs=0.005)
    assert float(np.abs(change[:, :20, :20].mean())) < 0.005
    assert float(steps.contrast[INSIDE].mean()) == pytest.approx(abs(rise), rel=0.1)


def test_fewer_cuts_than_dates_put_the_onset_at_a_cut_near_by() -> None:
    steps = steps_of(series(13, dates=20), params=StepParams(max_cuts=7))
    assert (np.abs(steps.onset[INSIDE] - 13) <= 1).all()
    assert (steps.score_z[INSIDE] > 5).all()


def test_a_pair_works() -> None:
    steps = steps_of(series(1, dates=2))
    assert (steps.onset[INSIDE] == 1).all()
    assert (steps.score_z[INSIDE] > 5).all()
    assert clear_share(steps) < 1.4 * 14**2 / 60**2
    np.testing.assert_allclose(steps.persistence[INSIDE], 1)


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8], ids=["white", "alike", "very-alike"])
@pytest.mark.parametrize("dates", [2, 5, 8, 24])
def test_noise_alone_makes_no_clear_step(dates: int, alike: float) -> None:
    shares = [clear_share(steps_of(ground(dates, seed=seed, alike=alike), patch_px=5)) for seed in range(4)]
    assert max(shares) < 0.001


def test_unrest_of_one_place_is_not_taken_for_a_step() -> None:
    values = ground(24)
    restless = np.random.default_rng(9).normal(0, 0.04, (24, 1, 1, 1)).astype(np.float32)
    values[:, :, *BLOCK] += restless
    assert float(np.nanmax(steps_of(values, patch_px=5).score_z[BLOCK])) < 5
    values[12:, :, *BLOCK] += np.float32(0.3)
    steps = steps_of(values, patch_px=5)
    assert float(np.nanmin(steps.score_z[INSIDE])) > 3
    assert (steps.onset[INSIDE] == 12).all()


@pytest.mark.parametrize("swing", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("peak_day", [30, 120, 210])
def test_a_season_alone_makes_no_clear_step(swing: float, peak_day: int) -> None:
    on = np.array([day.timetuple().tm_yday for day in days(30, 25)])
    values = ground(30)
    season = swing * np.cos(2 * np.pi * (on - peak_day) / 365.2425)
    values[:, :, *BLOCK] += season.astype(np.float32)[:, None, None, None]
    assert clear_share(steps_of(values, patch_px=5)) == 0


def test_a_step_is_found_beside_a_season() -> None:
    on = np.array([day.timetuple().tm_yday for day in days(30, 25)])
    values = series(17, dates=30)
    values[:, :, 10:50, 10:50] += (0.05 * np.cos(2 * np.pi * on / 365.2425)).astype(np.float32)[:, None, None, None]
    steps = steps_of(values, patch_px=5)
    assert (steps.onset[INSIDE] == 17).all()
    assert (steps.score_z[INSIDE] > 5).all()
    assert clear_share(steps) < 18**2 / 60**2


@pytest.mark.parametrize("dates", [8, 24])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_one_odd_look_among_many_weighs_far_less_than_a_lasting_change(dates: int, place: float) -> None:
    odd = round(place * (dates - 1))
    values = ground(dates)
    values[odd, :, *BLOCK] += np.float32(0.15)
    lasting = steps_of(series(dates // 2, dates=dates))
    passing = steps_of(values)
    assert float(np.median(passing.score_z[INSIDE])) < 0.15 * float(np.median(lasting.score_z[INSIDE]))
    assert float(np.median(passing.contrast[INSIDE])) < 0.15 * 0.15


def test_a_pixel_seen_only_on_one_side_or_never_has_no_step() -> None:
    values = series(4)
    values[4:, :, :10] = np.nan
    values[:, :, 50:] = np.nan
    values[1:, :, 10:12] = np.nan
    steps = steps_of(values)
    for never in (np.s_[50:], np.s_[10:12]):
        assert np.isnan(steps.score_z[never]).all()
        assert np.isnan(steps.persistence[never]).all()
        assert (steps.onset[never] == -1).all()
    assert not (steps.onset[:10] >= 4).any()
    assert np.isfinite(steps.score_z[12:50]).all()


def test_dates_without_a_look_are_no_onset() -> None:
    values = series(5, dates=10)
    values[4:7, :, *BLOCK] = np.nan
    steps = steps_of(values)
    assert (steps.onset[INSIDE] == 7).all()


def test_the_order_of_the_bands_changes_nothing() -> None:
    values = series(5, dates=12)
    values[5:, 0, *BLOCK] += np.float32(0.1)
    one, other = steps_of(values), steps_of(np.ascontiguousarray(values[:, ::-1]))
    np.testing.assert_array_equal(one.onset, other.onset)
    np.testing.assert_allclose(one.score_z, other.score_z, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.after, other.after[::-1], rtol=1e-5)


def test_the_haze_of_each_date_changes_nothing() -> None:
    values = series(5, dates=12)
    haze = np.random.default_rng(4).uniform(-0.05, 0.1, (12, 1, 1, 1)).astype(np.float32)
    plain, lit = (
        steps_of(normalise(given, reference_image(given), context_px=41)) for given in (values, values + haze)
    )
    np.testing.assert_array_equal(plain.onset[INSIDE], lit.onset[INSIDE])
    np.testing.assert_allclose(lit.score_z[INSIDE], plain.score_z[INSIDE], rtol=0.25)
    assert clear_share(lit) == pytest.approx(clear_share(plain), abs=0.01)


def test_other_units_give_the_same_scores_and_dates() -> None:
    values = series(5, dates=12)
    one = steps_of(values)
    other = steps_of(values * np.float32(3), params=StepParams(sigma_floor=3 * PARAMS.sigma_floor))
    np.testing.assert_array_equal(one.onset[INSIDE], other.onset[INSIDE])
    np.testing.assert_allclose(other.score_z[INSIDE], one.score_z[INSIDE], rtol=1e-2)


@pytest.mark.parametrize("dates", [2, 7, 24])
def test_nothing_seen_has_no_steps(dates: int) -> None:
    steps = steps_of(np.full((dates, 2, 12, 12), np.nan, dtype=np.float32))
    assert np.isnan(steps.score_z).all()
    assert (steps.onset == -1).all()
    assert np.isnan(steps.noise.sigma)


def test_turning_the_image_turns_the_answer() -> None:
    values = series(4, dates=8)
    values[:, :, *BLOCK] += np.linspace(0, 0.01, 12, dtype=np.float32)
    one, turned = steps_of(values), steps_of(np.ascontiguousarray(np.rot90(values, axes=(2, 3))))
    np.testing.assert_array_equal(np.rot90(one.onset), turned.onset)
    np.testing.assert_allclose(np.rot90(one.score_z), turned.score_z, rtol=1e-3, atol=1e-3)
