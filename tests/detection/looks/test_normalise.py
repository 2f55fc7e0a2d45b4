"""Dates of different light become one light, and what was built is not taken for light."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detection.looks.normalise import median_of_seen, normalise, quantile_of_seen, reference_image

COLUMNS = arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 4)),
    elements=st.one_of(st.just(np.float32(np.nan)), st.floats(-1, 1, width=32, allow_subnormal=False)),
)


def ground(seed: int = 1, *, bands: int = 2, side: int = 80) -> NDArray[np.float32]:
    """Return textured ground of reflectance about 0.2, shape (band, y, x)."""
    rng = np.random.default_rng(seed)
    return (0.2 + 0.03 * rng.standard_normal((bands, side, side))).astype(np.float32)


def numpys(values: NDArray[np.float32], share: float) -> list[float]:
    columns = [column[np.isfinite(column)] for column in values.T]
    return [float(np.quantile(column, share)) if column.size else np.nan for column in columns]


@given(values=COLUMNS)
def test_median_of_seen_equals_numpys(values: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(median_of_seen(values), numpys(values, 0.5), rtol=1e-5, atol=1e-6)


@given(values=COLUMNS, share=st.floats(0, 1))
def test_quantile_of_seen_equals_numpys(values: NDArray[np.float32], share: float) -> None:
    np.testing.assert_allclose(quantile_of_seen(values, share), numpys(values, share), rtol=1e-5, atol=1e-6)


def test_the_reference_is_nan_only_where_nothing_was_ever_seen() -> None:
    values = np.stack([ground(seed) for seed in range(3)])
    values[:, :, :5] = np.nan
    values[:2, :, 5:9] = np.nan
    reference = reference_image(values)
    assert np.isnan(reference[:, :5]).all()
    np.testing.assert_array_equal(reference[:, 5:9], values[2, :, 5:9])


@pytest.mark.parametrize(
    ("gain", "haze"), [(0.8, 0.0), (1.3, 0.0), (1.0, 0.04), (0.85, 0.06)], ids=["dim", "bright", "hazy", "dim-and-hazy"]
)
def test_normalised_dates_have_one_light(gain: float, haze: float) -> None:
    base = ground()
    values = np.stack([base, base, base * np.float32(gain) + np.float32(haze)])
    left = normalise(values, base, context_px=41)[2] - base
    assert np.median(np.abs(left)) < 0.15 * np.median(np.abs(values[2] - base))
    assert abs(float(np.median(left))) < 0.001


def test_where_the_ground_has_contrast_the_gain_is_told_too() -> None:
    base = ground(side=120)
    base[:, :, 60:] *= np.float32(0.2)  # woods beside open land
    values = np.stack([base, base, base * np.float32(0.8)])
    left = normalise(values, base, context_px=61)[2] - base
    near = np.abs(left)[:, :, 50:70]  # both lie in the surroundings
    assert float(np.median(near)) < 0.25 * float(np.median(np.abs(values[2] - base)[:, :, 50:70]))


def test_haze_over_dark_woods_does_not_move_a_bright_roof() -> None:
    base = np.full((1, 80, 80), 0.02, dtype=np.float32) + np.float32(0.002) * (ground(bands=1) - np.float32(0.2))
    base[:, 38:42, 38:42] = 0.3
    hazes = (0.0, 0.01, 0.03, -0.01)
    values = np.stack([base + np.float32(haze) for haze in hazes])
    roof = normalise(values, base, context_px=41)[:, 0, 39:41, 39:41]
    np.testing.assert_allclose(roof, 0.3, atol=0.002)


def test_light_that_changes_slowly_across_the_image_is_taken_out() -> None:
    base = ground(side=120)
    slope = np.linspace(0.9, 1.1, 120, dtype=np.float32)
    left = normalise(np.stack([base, base, base * slope]), base, context_px=21)[2] - base
    assert float(np.abs(left)[:, 10:-10, 10:-10].max()) < 0.01
    assert float(np.median(np.abs(left)[:, 10:-10, 10:-10])) < 0.002


def test_normalising_again_changes_next_to_nothing() -> None:
    base = ground()
    once = normalise(np.stack([base * np.float32(0.7), base]), base, context_px=41)
    again = normalise(once, base, context_px=41)
    assert np.abs(again - base).max() <= np.abs(once - base).max()
    np.testing.assert_allclose(again[1], once[1], atol=1e-6)


def test_what_is_not_seen_stays_unseen_and_spoils_no_neighbour() -> None:
    base = ground()
    values = np.stack([base, base + np.float32(0.05)])
    values[1, :, 20:30, 20:30] = np.nan
    found = normalise(values, base, context_px=21)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(found[1][np.isfinite(values[1])], base[np.isfinite(values[1])], atol=1e-5)


@pytest.mark.parametrize("factor", [1.8, 0.5], ids=["brighter", "darker"])
def test_a_compound_that_fills_its_surroundings_is_not_taken_for_light(factor: float) -> None:
    base = ground(bands=1, side=120)
    changed = base.copy()
    changed[:, 40:80, 40:80] *= np.float32(factor)
    values = np.stack([base, base, base, changed, changed])
    found = normalise(values, reference_image(values), context_px=61)
    left = float(np.median(found[4, 0, 45:75, 45:75] / found[0, 0, 45:75, 45:75]))
    assert abs(np.log(left)) > 0.7 * abs(np.log(factor))


def test_the_given_values_are_not_touched() -> None:
    values = np.stack([ground(1), ground(2)])
    kept = values.copy()
    normalise(values, reference_image(values), context_px=21)
    median_of_seen(values)
    np.testing.assert_array_equal(values, kept)
