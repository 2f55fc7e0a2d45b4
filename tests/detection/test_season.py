"""Level, season and step are told apart as well as least squares can."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.season import CutFit, SeasonParams, design, fit_cuts, level_and_season, without_step

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
    (fit,) = fit_cuts(
        np.zeros((len(on), 1, 1, 1), np.float32), np.ones(shape, np.float32), design(on, params), [cut], params
    )
    return float(fit.information[0, 0])


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
    fits = list(fit_cuts(values, weight, columns, range(1, count), params))
    assert [fit.cut for fit in fits] == list(range(count - 1, 0, -1))
    checked = 0
    for fit in fits:
        for (band, y, x), step in np.ndenumerate(fit.step):
            if np.isfinite(step):
                here = np.s_[:, y, x]
                expected = slow_step(
                    values[:, band, y, x].astype(float), weight[here].astype(float), columns, fit.cut, ridge
                )
                assert step == pytest.approx(expected, rel=2e-2, abs=2e-3)
                checked += 1
    assert checked > 3 * count


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
    told = {
        fit.cut: bool(np.isfinite(fit.step).all())
        for fit in fit_cuts(values, weight, design(on, params), range(1, 8), params)
    }
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
    fits: list[CutFit] = list(fit_cuts(values, weight, columns, [cut], params))
    np.testing.assert_allclose(fits[0].step, 0.1, atol=0.006)
    rest = without_step(values, fits[0].step, np.full((4, 4), cut))
    level, found = level_and_season(rest, weight, columns, params)
    np.testing.assert_allclose(level, 0.3, atol=0.006)
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(season[:, None, None], (36, 4, 4)), atol=0.006)


def test_taking_a_step_away_leaves_what_came_before_and_what_has_none() -> None:
    values = np.ones((4, 1, 1, 3), dtype=np.float32)
    values[2:] += 0.5
    step = np.array([[[0.5, 0.5, np.nan]]], dtype=np.float32)
    onset = np.array([[2, -1, 2]])
    found = without_step(values, step, onset)
    assert found[:, 0, 0, 0].tolist() == [1, 1, 1, 1]
    assert found[:, 0, 0, 1].tolist() == [1, 1, 1.5, 1.5]
    assert found[:, 0, 0, 2].tolist() == [1, 1, 1.5, 1.5]
    assert values[3, 0, 0, 0] == 1.5


def test_too_few_looks_have_a_level_and_no_season() -> None:
    values = np.full((3, 2, 2, 2), 0.4, dtype=np.float32)
    level, season = level_and_season(values, np.ones((3, 2, 2), np.float32), design(days(3), PARAMS), PARAMS)
    np.testing.assert_allclose(level, 0.4, rtol=1e-4)
    assert season.shape == values.shape
    assert (season == 0).all()
