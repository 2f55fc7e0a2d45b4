"""The look from which on a pixel differs from its past is found, and noise, odd looks and shadows are none."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.series.beginnings import BeginningParams, Beginnings, LookNoise, boxed, find_beginnings, sun_of_year

PARAMS = BeginningParams()
SIDE = 20
SIGMA = 0.004


def series(dates: int, *, seed: int = 0, bands: int = 3) -> NDArray[np.float32]:
    """Return even ground with white noise, shape (time, band, y, x)."""
    rng = np.random.default_rng(seed)
    return (0.2 + SIGMA * rng.standard_normal((dates, bands, SIDE, SIDE))).astype(np.float32)


def found(
    values: NDArray[np.float32], *, roughness: float = 0.0, gap_days: int = 10, params: BeginningParams = PARAMS
) -> Beginnings:
    days = [date(2022, 1, 5) + timedelta(days=gap_days * index) for index in range(len(values))]
    flat = np.full((SIDE, SIDE), np.float32(SIGMA))
    noise = np.broadcast_to(flat, (len(values), SIDE, SIDE))
    return find_beginnings(
        values, noise, np.full_like(flat, params.shadow_share * roughness), sun_of_year(days), params
    )


@pytest.mark.parametrize("first", [1, 2, 5, 9])
@pytest.mark.parametrize("rise", [0.08, -0.08], ids=["brighter", "darker"])
def test_a_lasting_change_begins_on_its_first_look(first: int, rise: float) -> None:
    values = series(12)
    values[first:] += np.float32(rise)
    assert (found(values).certain == first).mean() > 0.99
    assert (found(values).hinted == first).mean() > 0.97


def test_quiet_ground_begins_nothing() -> None:
    begun = found(series(24))
    assert (begun.certain == 24).all()
    assert (begun.hinted == 24).mean() > 0.97


def test_states_that_follow_each_other_need_only_differ_from_the_past() -> None:
    values = series(12)
    values[4:8] += np.float32(0.05)
    values[8:] -= np.float32(0.06)
    assert (found(values).certain == 4).mean() > 0.99


def test_odd_looks_begin_nothing() -> None:
    values = series(16)
    values[5] += np.float32(0.3)
    values[11] -= np.float32(0.1)
    assert (found(values).certain == 16).mean() > 0.99


def test_an_odd_look_shortly_before_the_change_is_not_its_beginning() -> None:
    values = series(16)
    values[5] += np.float32(0.3)
    values[8:] += np.float32(0.1)
    assert (found(values).certain == 8).mean() > 0.99


def test_what_comes_back_did_not_last() -> None:
    values = series(20)
    values[5:10] += np.float32(0.1)
    assert (found(values).certain == 20).mean() > 0.99


def test_a_look_that_was_hidden_is_no_beginning() -> None:
    values = series(12)
    values[5:] += np.float32(0.08)
    values[5, :, :10] = np.nan
    certain = found(values).certain
    assert (certain[:10] == 6).mean() > 0.99
    assert (certain[10:] == 5).mean() > 0.99


def test_a_weak_change_is_hinted_before_it_is_certain() -> None:
    values = series(12, bands=4)
    values[5:8] += np.float32(4.8 * SIGMA)
    values[8:] += np.float32(15 * SIGMA)
    begun = found(values)
    assert (begun.certain == 8).mean() > 0.9
    assert (begun.hinted == 5).mean() > 0.9
    assert (begun.hinted <= begun.certain).all()


def test_shadows_of_rough_ground_are_noise_between_seasons_but_not_within_one() -> None:
    values = series(24)
    values[9:] += np.float32(0.05)  # from April on
    assert (found(values).certain == 9).mean() > 0.99
    assert (found(values, roughness=0.1).certain == 24).all()
    within = series(36)
    within[30:] += np.float32(0.08)
    rough = found(within, roughness=0.1, gap_days=12)  # the past holds a whole year
    assert (rough.hinted == 30).mean() > 0.9


def test_a_pixel_with_a_restless_past_needs_more() -> None:
    values = series(16)
    values[:8:2, :, :10] += np.float32(0.012)
    values[8:] += np.float32(0.028)
    certain = found(values).certain
    assert (certain[10:] == 8).mean() > 0.6
    assert (certain[:10] == 8).mean() < 0.3


@pytest.mark.parametrize("dates", [1, 2, 3])
def test_few_looks_have_an_answer(dates: int) -> None:
    values = series(dates)
    if dates > 1:
        values[1:] += np.float32(0.1)
    assert (found(values).certain == 1).all()


def test_ground_never_seen_never_begins() -> None:
    begun = found(series(8) * np.float32(np.nan))
    assert (begun.certain == 8).all()
    assert (begun.hinted == 8).all()


def test_a_mean_of_nine_leaves_out_what_was_not_seen() -> None:
    values = np.ones((1, 1, 5, 5), dtype=np.float32)
    values[0, 0, 2, 2] = np.nan
    values[0, 0, 1, 1] = 9
    mean = boxed(values)[0, 0]
    assert np.isnan(mean[2, 2])
    assert mean[1, 2] == pytest.approx((7 + 9) / 8)
    assert mean[4, 4] == pytest.approx(1)


def test_the_sun_stands_opposite_at_the_solstices() -> None:
    summer, winter = sun_of_year([date(2022, 6, 21), date(2022, 12, 21)])
    assert summer == pytest.approx(1, abs=0.01)
    assert winter == pytest.approx(-1, abs=0.01)


def test_the_noise_of_a_look_is_measured_for_smooth_and_rough_ground() -> None:
    rng = np.random.default_rng(3)
    roughness = np.full((80, 80), 0.01, dtype=np.float32)
    roughness[:, 60:] = 0.1
    scale = np.where(roughness > 0.05, 0.03, 0.006)
    values = (0.2 + scale * rng.standard_normal((20, 1, 80, 80))).astype(np.float32)
    values[7] += (2 * scale * rng.standard_normal((80, 80))).astype(np.float32)
    noise = LookNoise.of(values, roughness, np.ones((80, 80), dtype=bool))
    sigma = noise.at(roughness)
    usual = np.delete(sigma, 7, axis=0)
    assert usual[:, 40, 20].mean() == pytest.approx(0.006 / 3, rel=0.2)
    assert usual[:, 40, 70].mean() == pytest.approx(0.03 / 3, rel=0.2)
    assert sigma[7, 40, 20] == pytest.approx(np.sqrt(5) * 0.006 / 3, rel=0.3)


def test_without_calm_ground_no_noise_is_measured() -> None:
    values = series(4)
    noise = LookNoise.of(values, np.zeros((SIDE, SIDE), dtype=np.float32), np.zeros((SIDE, SIDE), dtype=bool))
    assert (noise.at(np.ones((SIDE, SIDE), dtype=np.float32)) == 0).all()
