"""Several radar tests at once: the null holds, and a step in one of them is not averaged away."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from benchmarks.radar import QUIET, quiet_track
from detection.radar.joint import as_normal, joint_z, two_sided_p
from detection.radar.steps import RadarParams, pixel_steps

PLACES = 20_000


def related(seed: int, *, correlation: float, tests: int = 2) -> NDArray[np.float64]:
    matrix = np.full((tests, tests), correlation) + (1 - correlation) * np.eye(tests)
    return np.random.default_rng(seed).multivariate_normal(np.zeros(tests), matrix, PLACES)


def test_a_t_becomes_the_normal_deviate_that_is_as_rare() -> None:
    t = np.random.default_rng(1).standard_t(6, PLACES)
    z = as_normal(t, np.full(PLACES, 6.0))
    assert stats.kstest(z, "norm").pvalue > 0.01
    assert stats.kstest(t, "norm").pvalue < 0.001
    assert np.isnan(as_normal(np.array([np.nan]), np.array([6.0]))).all()


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("tests", [1, 2, 4])
def test_where_nothing_changed_p_is_uniform_or_too_large(correlation: float, tests: int) -> None:
    """A tenth of the correlation is not believed, which makes p too large where many tests are alike."""
    p = two_sided_p(joint_z(related(2, correlation=correlation, tests=tests)))
    for share in (0.05, 0.01):
        assert 0.6 * share < (p < share).mean() < 1.2 * share


def test_one_test_alone_is_itself() -> None:
    z = related(3, correlation=0.0, tests=1)
    assert joint_z(z) == pytest.approx(z[:, 0] - np.median(z), abs=0.05)


def test_it_is_hotellings_statistic() -> None:
    """Against the textbook's, with the true correlation."""
    z = related(4, correlation=0.5)
    inverse = np.linalg.inv(np.array([[1, 0.5], [0.5, 1]]))
    expected = stats.chi2.sf(np.einsum("pi,ij,pj->p", z, inverse, z), 2)
    assert np.corrcoef(np.log(two_sided_p(joint_z(z))), np.log(expected))[0, 1] > 0.995


def test_steps_that_a_sum_would_cancel_are_seen() -> None:
    z = related(5, correlation=0.5)
    z[:50] += [5.0, -5.0]
    assert (np.abs(joint_z(z)[:50]) > 4).all()
    assert (np.abs(z.sum(axis=1) / np.sqrt(3))[:50] < 4).all()


def test_the_sign_is_that_of_the_sum_and_gaps_leave_the_rest() -> None:
    z = related(6, correlation=0.3)
    z[:20] += 6
    z[20:40] -= 6
    z[:10, 1] = np.nan
    z[40] = np.nan
    found = joint_z(z)
    assert (found[:20] > 3).all()
    assert (found[20:40] < -3).all()
    assert np.isnan(found[40])
    assert np.isfinite(np.delete(found, 40)).all()


@pytest.mark.realdata
@pytest.mark.parametrize("name", QUIET)
def test_on_real_radar_without_change_p_is_not_too_small(shared_data: Path, name: str) -> None:
    """Nominal one in a hundred, and one in a thousand, of pixels; a sum of t's gives two and seven times as many."""
    track = quiet_track(shared_data / QUIET[name])
    rare, very_rare = [], []
    for cut in (5, len(track.days) // 2, len(track.days) - 4):
        z = pixel_steps([track], (track.days[cut - 1], track.days[cut]), patch_px=3, params=RadarParams())
        p = two_sided_p(z[np.isfinite(z)].astype(np.float64))
        rare.append((p < 0.01).mean())
        very_rare.append((p < 0.001).mean())
    assert np.mean(rare) <= 0.015
    assert np.mean(very_rare) <= 0.003
