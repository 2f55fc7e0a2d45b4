"""Level, season and step are told apart as well as least squares can."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.series.season import SeasonParams, design, fit_cuts, without_model

PARAMS = SeasonParams()


def days(count: int, gap: int = 25) -> list[date]:
    return [date(2021, 1, 5) + timedelta(days=gap * index) for index in range(count)]


def slow_step(
    series: NDArray[np.float64], weight: NDArray[np.float64], columns: NDArray[np.float64], cut: int, ridge: float
) -> float:
    """Return the step by numpy's least squares; the beliefs are looks of their own that see nothing."""
    after = (np.arange(len(series)) >= cut).astype(float)
    seen = np.where(weight > 0, series, 0)
    rows = np.column_stack([columns, after]) * np.sqrt(weight)[:, None]
    beliefs = np.diag(np.sqrt([1e-6] + [ridge] * (columns.shape[1] - 1)))
    beliefs = np.column_stack([beliefs, np.zeros(len(beliefs))])
    answer = np.linalg.lstsq(
        np.vstack([rows, beliefs]), np.concatenate([seen * np.sqrt(weight), np.zeros(len(beliefs))]), rcond=None
    )[0]
    return float(answer[-1])


def information_of(on: list[date], cut: int, params: SeasonParams = PARAMS) -> float:
    shape = (len(on), 1, 1)
    fits = fit_cuts(
        np.zeros((len(on), 1, 1, 1), np.float32), np.ones(shape, np.float32), design(on, params), [cut], params
    )
    return float(fits.information[0, 0, 0])


@pytest.mark.parametrize(
    ("count", "gap", "columns"),
    [
        pytest.param(2, 400, 1, id="a-pair"),
        pytest.param(15, 40, 1, id="too-few-looks"),
        pytest.param(16, 19, 1, id="too-short-a-time"),
        pytest.param(16, 20, 3, id="just-enough"),
        pytest.param(48, 30, 3, id="years"),
    ],
)
def test_a_season_is_modelled_only_with_enough_looks_over_enough_time(count: int, gap: int, columns: int) -> None:
    found = design(days(count, gap), PARAMS)
    assert found.shape == (count, columns)
    assert (found[:, 0] == 1).all()


def test_the_same_day_of_another_year_has_the_same_season() -> None:
    on = [date(year, month, 15) for year in (2021, 2022, 2023) for month in range(1, 13)]
    columns = design(on, PARAMS)
    np.testing.assert_allclose(columns[:12], columns[12:24], atol=1e-9)
    np.testing.assert_allclose(columns[0, 1:] ** 2, [np.cos(2 * np.pi * 15 / 365.2425) ** 2, columns[0, 2] ** 2])
    np.testing.assert_allclose(np.hypot(columns[:, 1], columns[:, 2]), 1)


@pytest.mark.parametrize("count", [6, 24], ids=["without-season", "with-season"])
@pytest.mark.parametrize("ridge", [0.1, 0.5, 5.0])
def test_steps_equal_those_of_weighted_least_squares(count: int, ridge: float) -> None:
    rng = np.random.default_rng(count)
    params = SeasonParams(ridge=ridge)
    values = rng.normal(0.2, 0.1, (count, 2, 2, 3)).astype(np.float32)
    is_missing = rng.random((count, 1, 2, 3)) < 0.15
    values = np.where(is_missing, np.nan, values).astype(np.float32)
    weight = np.where(np.isfinite(values).all(axis=1), rng.uniform(0.2, 1, (count, 2, 3)), 0).astype(np.float32)
    columns = design(days(count), params)
    fits = fit_cuts(values, weight, columns, range(1, count), params)
    checked = 0
    for (place, y, x), strength in np.ndenumerate(fits.strength):
        if np.isfinite(strength):
            expected = [
                slow_step(values[:, band, y, x].astype(float), weight[:, y, x].astype(float), columns, place + 1, ridge)
                for band in range(2)
            ]
            assert strength == pytest.approx(np.abs(expected).mean(), rel=1e-3, abs=1e-5)
            gain = np.square(expected).sum() * fits.information[place, y, x]
            assert fits.gain[place, y, x] == pytest.approx(gain, rel=1e-3, abs=1e-6)
            checked += 1
    assert checked > 3 * count


@pytest.mark.parametrize("pixels", [1, 63, 64, 65, 5_000])
def test_pixels_do_not_mind_their_neighbours(pixels: int) -> None:
    rng = np.random.default_rng(pixels)
    on = days(20)
    columns = design(on, PARAMS)
    values = rng.normal(0.2, 0.1, (20, 2, 1, pixels)).astype(np.float32)
    values[:, :, rng.random((1, pixels)) < 0.1] = np.nan
    weight = np.asarray(np.isfinite(values).all(axis=1), dtype=np.float32)
    onset = rng.integers(-1, 20, (1, pixels))
    fits, rest = (
        fit_cuts(values, weight, columns, [4, 9], PARAMS),
        without_model(values, weight, columns, onset, PARAMS),
    )
    known = without_model(values, weight, columns, onset, PARAMS, fits=fits)
    np.testing.assert_array_equal(known, rest)
    for pixel in {0, pixels // 2, pixels - 1}:
        alone = np.s_[..., pixel : pixel + 1]
        one = fit_cuts(values[alone], weight[alone], columns, [4, 9], PARAMS)
        np.testing.assert_array_equal(one.strength, fits.strength[alone])
        np.testing.assert_array_equal(
            without_model(values[alone], weight[alone], columns, onset[alone], PARAMS), rest[alone]
        )


def test_least_looks_on_both_sides_are_asked_for() -> None:
    values = np.ones((6, 1, 1, 1), dtype=np.float32)
    weight = np.array([1, 0, 1, 1, 0, 1], dtype=np.float32).reshape(6, 1, 1)
    fits = fit_cuts(values, weight, design(days(6), PARAMS), range(1, 6), PARAMS, least=(2, 2))
    assert np.isfinite(fits.strength[:, 0, 0]).tolist() == [False, False, True, False, False]


def test_information_without_season_is_that_of_two_means() -> None:
    assert information_of(days(8), 3) == pytest.approx(3 * 5 / 8, rel=1e-4)


def test_a_cut_that_parts_one_half_year_from_the_other_tells_little() -> None:
    one_year = days(18, 20)
    assert information_of(one_year, 9) < 0.35 * (18 / 4)


def test_more_years_tell_a_step_from_a_season() -> None:
    four_years = days(72, 20)
    assert information_of(four_years, 36) > 0.8 * (72 / 4)


def test_a_step_backed_by_too_little_is_not_told() -> None:
    on = days(8)
    params = SeasonParams(min_information=2.0)
    values = np.zeros((8, 1, 1, 1), dtype=np.float32)
    weight = np.ones((8, 1, 1), dtype=np.float32)
    fits = fit_cuts(values, weight, design(on, params), range(1, 8), params)
    told = {cut: bool(np.isfinite(fits.strength[cut - 1]).all()) for cut in range(1, 8)}
    assert told == {cut: cut * (8 - cut) / 8 >= 2 for cut in range(1, 8)}


def simulated(cut: int) -> tuple[list[date], NDArray[np.float32], NDArray[np.float64]]:
    """Return two years of looks at 4 x 4 pixels: level 0.3, season 0.05, step 0.1 at `cut`; and the season."""
    on = days(36, 20)
    season = 0.05 * np.cos(2 * np.pi * (np.array([day.timetuple().tm_yday for day in on]) - 100) / 365.2425)
    step = 0.1 * (np.arange(36) >= cut)
    noise = np.random.default_rng(2).normal(0, 0.002, (36, 1, 4, 4))
    return on, (0.3 + (season + step)[:, None, None, None] + noise).astype(np.float32), season


@pytest.mark.parametrize("cut", [8, 18, 27])
def test_level_season_and_step_of_a_simulated_series_are_recovered(cut: int) -> None:
    on, values, season = simulated(cut)
    params = SeasonParams(ridge=0.01)
    columns = design(on, params)
    weight = np.ones((36, 4, 4), dtype=np.float32)
    fits = fit_cuts(values, weight, columns, [cut], params)
    np.testing.assert_allclose(fits.strength, 0.1, atol=0.006)
    onset = np.full((4, 4), cut)
    np.testing.assert_allclose(without_model(values, weight, columns, onset, params), 0, atol=0.012)
    without = without_model(values, weight, columns, onset, params, only_season=True)
    np.testing.assert_allclose((values - without)[:, 0], np.broadcast_to(season[:, None, None], (36, 4, 4)), atol=0.006)


def test_a_step_is_taken_away_from_its_onset_on_and_only_where_there_is_one() -> None:
    values = np.ones((8, 1, 1, 2), dtype=np.float32)
    values[4:] += 0.5
    weight = np.ones((8, 1, 2), dtype=np.float32)
    found = without_model(values, weight, design(days(8), PARAMS), np.array([[4, -1]]), PARAMS)
    np.testing.assert_allclose(found[:, 0, 0, 0], 0, atol=1e-5)
    np.testing.assert_allclose(found[:, 0, 0, 1], [-0.25] * 4 + [0.25] * 4, atol=1e-5)


def test_what_is_not_seen_stays_unseen() -> None:
    values = np.full((8, 2, 1, 2), 0.3, dtype=np.float32)
    values[3, :, :, 0] = np.nan
    weight = np.asarray(np.isfinite(values).all(axis=1), dtype=np.float32)
    found = without_model(values, weight, design(days(8), PARAMS), np.array([[-1, -1]]), PARAMS)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))


def test_too_few_looks_have_no_season() -> None:
    values = np.full((3, 2, 2, 2), 0.4, dtype=np.float32)
    weight = np.ones((3, 2, 2), np.float32)
    none = np.full((2, 2), -1)
    rest = without_model(values, weight, design(days(3), PARAMS), none, PARAMS, only_season=True)
    np.testing.assert_array_equal(rest, values)
