"""A step is dated between the looks that hold it; the course of the year, and noise, are not taken for one."""

from datetime import date, timedelta

import numpy as np
import pytest

from detection.perimeter.dating import changed_between, pooled_series

DAYS = [date(2021, 1, 5) + timedelta(days=25 * index) for index in range(24)]


def course(step_at: int, *, size: float, noise: float, seed: int, season: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = np.array([day.timetuple().tm_yday for day in DAYS]) / 365.25 * 2 * np.pi
    return 1 + size * (np.arange(len(DAYS)) >= step_at) + season * np.cos(angle) + noise * rng.normal(size=len(DAYS))


@pytest.mark.parametrize("step_at", [2, 9, 12, 21])
@pytest.mark.parametrize("season", [0.0, 0.3], ids=["no season", "a season"])
def test_a_clear_step_lies_between_the_looks_beside_it(step_at: int, season: float) -> None:
    found = changed_between(course(step_at, size=-1, noise=0.02, seed=1, season=season), DAYS)
    assert found == (DAYS[step_at - 1], DAYS[step_at])


def test_nineteen_in_twenty_intervals_hold_the_truth_and_noise_makes_them_wider() -> None:
    held, width = {}, {}
    for noise in (0.2, 0.5):
        spans = [changed_between(course(12, size=-1, noise=noise, seed=seed), DAYS) for seed in range(200)]
        told = [span for span in spans if span is not None]
        held[noise] = np.mean([first < DAYS[12] and last >= DAYS[12] for first, last in told])
        width[noise] = np.mean([(last - first).days for first, last in told])
    assert min(held.values()) >= 0.9
    assert width[0.5] > width[0.2] >= 25


def test_looks_that_were_not_seen_widen_the_interval() -> None:
    values = course(12, size=-1, noise=0.02, seed=3)
    values[11:14] = np.nan
    assert changed_between(values, DAYS) == (DAYS[10], DAYS[14])


def test_too_few_looks_are_not_dated() -> None:
    values = np.full(len(DAYS), np.nan)
    values[:3] = (1, 1, 0)
    assert changed_between(values, DAYS) is None


def test_arcs_that_were_dark_and_arcs_that_were_bright_are_turned_alike_before_they_are_pooled() -> None:
    dark = -course(12, size=-1, noise=0.0, seed=1)
    bright = course(12, size=-1, noise=0.0, seed=1)
    untouched = np.full(len(DAYS), 99.0)
    contrast = np.column_stack([dark, untouched, bright]).astype(np.float32)
    pooled = pooled_series(contrast, [0, 2])
    assert pooled[:12].mean() - pooled[12:].mean() == pytest.approx(1, abs=1e-5)
    assert changed_between(pooled, DAYS) == (DAYS[11], DAYS[12])
