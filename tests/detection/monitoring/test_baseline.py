from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.monitoring.baseline import Baseline, BaselineParams, Kind, fit_baseline, harmonic_columns

FLOOR = BaselineParams().sigma_floor


def days_of(count: int, *, every: int = 25, first: date = date(2020, 1, 5)) -> list[date]:
    return [first + timedelta(days=every * index) for index in range(count)]


def seasonal(days: list[date], shape: tuple[int, int, int], *, sigma: float, seed: int = 1) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    season = harmonic_columns(days) @ np.array([0.3, 0.08, -0.05])
    return np.asarray(season[:, None, None, None] + sigma * rng.normal(size=(len(days), *shape)), dtype=np.float32)


def oracle(series: NDArray[np.float64], columns: NDArray[np.float64], params: BaselineParams) -> NDArray[np.float64]:
    """Fit one pixel's clear looks (date, band) in plain linear algebra."""
    weight = np.ones(len(series))
    coefficients = np.zeros((3, series.shape[1]), dtype=np.float64)
    for turn in range(3):
        normal = (columns * weight[:, None]).T @ columns + np.diag([1e-6, params.ridge, params.ridge])
        coefficients[:] = np.linalg.solve(normal, (columns * weight[:, None]).T @ series)
        residual = series - columns @ coefficients
        scale = np.maximum(np.median(np.abs(residual), axis=0) / 0.6745, params.sigma_floor)
        far = np.sqrt(np.square(residual / scale).mean(axis=1))
        if turn < 2:
            weight = np.minimum(1, params.huber / np.maximum(far, 1e-9))
    return coefficients


@pytest.mark.parametrize("bands", [1, 4])
def test_fit_equals_plain_linear_algebra_for_every_pixel_with_gaps_and_odd_looks(bands: int) -> None:
    rng = np.random.default_rng(3)
    days = days_of(40)
    values = seasonal(days, (bands, 5, 15), sigma=0.02)
    values[rng.random(values.shape) < 0.02] += 0.4
    values[np.broadcast_to(rng.random((40, 1, 5, 15)) < 0.25, values.shape)] = np.nan
    baseline = fit_baseline(values, days)
    columns = harmonic_columns(days).astype(np.float64)
    for row, column in np.ndindex(5, 15):
        series = values[:, :, row, column].astype(np.float64)
        clear = np.isfinite(series).all(axis=1)
        wanted = oracle(series[clear], columns[clear], BaselineParams())
        np.testing.assert_allclose(baseline.coefficients[:, :, row, column], wanted, atol=2e-4)
        assert baseline.looks[row, column] == clear.sum()


def test_noise_is_measured_right_however_odd_a_few_looks_are() -> None:
    days = days_of(40)
    values = seasonal(days, (2, 30, 30), sigma=0.02)
    values[5] += 1.0
    baseline = fit_baseline(values, days)
    assert np.median(baseline.sigma) == pytest.approx(0.02, rel=0.15)
    expected, _ = baseline.expected(date(2023, 4, 1))
    truth = harmonic_columns([date(2023, 4, 1)])[0] @ np.array([0.3, 0.08, -0.05])
    assert np.median(expected) == pytest.approx(truth, abs=0.005)


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.6])
def test_likeness_of_successive_looks_is_measured(likeness: float) -> None:
    days = days_of(40)
    values = seasonal(days, (1, 40, 40), sigma=0.0)
    fresh = np.random.default_rng(5).normal(size=values.shape)
    noise = fresh.copy()
    for index in range(1, len(days)):
        noise[index] = likeness * noise[index - 1] + np.sqrt(1 - likeness**2) * fresh[index]
    baseline = fit_baseline((values + 0.02 * noise).astype(np.float32), days)
    assert baseline.autocorrelation == pytest.approx(likeness, abs=0.06)
    assert np.median(baseline.sigma) == pytest.approx(0.02, rel=0.08)


def test_scores_of_correlated_bands_are_standard_and_independent() -> None:
    days = days_of(60, every=18)
    rng = np.random.default_rng(7)
    common, own = rng.normal(size=(60, 1, 40, 40)), rng.normal(size=(60, 3, 40, 40))
    values = (0.3 + 0.02 * (0.9 * common + 0.436 * own)).astype(np.float32)
    baseline = fit_baseline(values[:40], days[:40], BaselineParams(shrinkage=0.0))
    scores = np.stack([baseline.scores(image, day) for image, day in zip(values[40:], days[40:], strict=True)])
    covariance = np.cov(np.moveaxis(scores, 1, 0).reshape(3, -1))
    np.testing.assert_allclose(covariance, np.eye(3), atol=0.2)


def test_a_history_of_summers_is_unsure_of_winter() -> None:
    summers = [date(year, month, day) for year in (2020, 2021, 2022) for month in (6, 7, 8) for day in (1, 11, 21)]
    baseline = fit_baseline(seasonal(summers, (1, 20, 20), sigma=0.02), summers)
    _, in_summer = baseline.expected(date(2023, 7, 6))
    _, in_winter = baseline.expected(date(2023, 1, 10))
    assert in_winter.min() > 10 * in_summer.max()
    far_off = np.full((1, 20, 20), 0.9, dtype=np.float32)
    assert (
        np.abs(baseline.scores(far_off, date(2023, 1, 10))).max()
        < np.abs(baseline.scores(far_off, date(2023, 7, 6))).min()
    )


def test_few_looks_are_compared_within_their_season_only() -> None:
    days = [date(2020, 7, 1), date(2021, 7, 5), date(2022, 6, 28), date(2020, 1, 10), date(2021, 1, 12)]
    days.sort()
    values = np.array([0.2 if day.month == 1 else 0.5 for day in days], dtype=np.float32)[:, None, None, None]
    baseline = fit_baseline(np.broadcast_to(values, (5, 2, 4, 4)).astype(np.float32), days)
    assert (baseline.kind == Kind.SEASONAL).all()
    for day, usual in ((date(2023, 7, 2), 0.5), (date(2023, 1, 5), 0.2)):
        np.testing.assert_allclose(baseline.expected(day)[0], usual)
    assert np.isnan(baseline.expected(date(2023, 4, 10))[0]).all()


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_looks_of_a_season_say_nothing(count: int) -> None:
    days = days_of(count)
    baseline = fit_baseline(np.full((count, 3, 4, 4), 0.3, dtype=np.float32), days)
    assert (baseline.kind == Kind.NONE).all()
    assert np.isnan(baseline.scores(np.ones((3, 4, 4), dtype=np.float32), date(2024, 1, 1))).all()


def degenerate(name: str) -> NDArray[np.float32]:
    values = seasonal(days_of(30), (2, 6, 6), sigma=0.02)
    if name == "never seen":
        values[:] = np.nan
    elif name == "one pixel seen":
        values[:, :, 1:] = np.nan
        values[:, :, :, 1:] = np.nan
    elif name == "constant":
        values[:] = 0.25
    elif name == "a band never seen":
        values[:, 1] = np.nan
    elif name == "all looks on the same day of the year":
        values[:] = values[:1]
    return values


@pytest.mark.parametrize(
    "name", ["never seen", "one pixel seen", "constant", "a band never seen", "all looks on the same day of the year"]
)
def test_degenerate_histories_have_an_answer(name: str) -> None:
    every = 365 if name.startswith("all looks") else 25
    days = days_of(30, every=every, first=date(1990, 1, 5))
    values = degenerate(name)
    baseline = fit_baseline(values, days)
    scores = baseline.scores(np.full((2, 6, 6), 0.3, dtype=np.float32), days[-1] + timedelta(days=30))
    seen = np.isfinite(values).all(axis=1).any(axis=0)
    assert (baseline.kind[~seen] == Kind.NONE).all()
    assert np.isnan(scores[:, ~seen]).all()
    assert np.isfinite(scores[:, seen]).all()
    assert not (baseline.sigma[:, seen] < FLOOR).any()


def parts_of(baseline: Baseline) -> list[NDArray[np.float32]]:
    return [baseline.coefficients, baseline.sigma, baseline.inverse]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), bands=st.integers(1, 3))
def test_order_of_pixels_does_not_matter(seed: int, bands: int) -> None:
    rng = np.random.default_rng(seed)
    days = days_of(25)
    values = seasonal(days, (bands, 6, 14), sigma=0.03, seed=seed)
    values[np.broadcast_to(rng.random((25, 1, 6, 14)) < 0.3, values.shape)] = np.nan
    order = rng.permutation(6 * 14)
    mixed = values.reshape(25, bands, -1)[:, :, order].reshape(values.shape)
    first, second = fit_baseline(values, days), fit_baseline(mixed, days)
    for one, other in zip(parts_of(first), parts_of(second), strict=True):
        np.testing.assert_allclose(one.reshape(*one.shape[:-2], -1)[..., order], other.reshape(*one.shape[:-2], -1))
    assert first.autocorrelation == pytest.approx(second.autocorrelation, abs=1e-6)


@settings(max_examples=20)
@given(scale=st.floats(0.25, 4.0), seed=st.integers(0, 2**31))
def test_scores_do_not_depend_on_the_unit(scale: float, seed: int) -> None:
    days = days_of(25)
    values = seasonal(days, (2, 5, 5), sigma=0.03, seed=seed)
    image = seasonal(days[:1], (2, 5, 5), sigma=0.1, seed=seed + 1)[0]
    day = days[-1] + timedelta(days=20)
    plain = fit_baseline(values, days).scores(image, day)
    params = BaselineParams(sigma_floor=FLOOR * scale)
    scaled = fit_baseline((values * scale).astype(np.float32), days, params).scores(image * np.float32(scale), day)
    np.testing.assert_allclose(scaled, plain, rtol=0.01, atol=0.02)
