"""The contrast of two images does not see the light, and does see what changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detection.context import Noise, Windows, contrast, local_ratio, mean_of_seen
from detection.normalise import median_of_seen, normalise, reference_image

WINDOWS = Windows(context_px=41, patch_px=5)


def ground(seed: int = 1, *, bands: int = 3, side: int = 80) -> NDArray[np.float32]:
    """Return textured ground of reflectance about 0.2, shape (band, y, x)."""
    rng = np.random.default_rng(seed)
    return (0.2 + 0.03 * rng.standard_normal((bands, side, side))).astype(np.float32)


def test_the_contrast_is_the_same_in_both_directions_of_time() -> None:
    before, after = ground(1), ground(2)
    np.testing.assert_allclose(contrast(before, after, WINDOWS), contrast(after, before, WINDOWS), rtol=1e-5)


@pytest.mark.parametrize("light", [0.5, 0.9, 1.7], ids=["darker", "hazy", "brighter"])
def test_other_light_alone_is_no_contrast(light: float) -> None:
    before = ground()
    assert float(np.nanmax(contrast(before, before * np.float32(light), WINDOWS))) < 1e-5


def test_a_changed_block_stands_out_by_its_own_contrast() -> None:
    before = np.full((3, 80, 80), 0.2, dtype=np.float32)
    after = before.copy()
    after[:, 38:43, 38:43] += 0.1
    found = contrast(before, after, WINDOWS)
    assert found[40, 40] == pytest.approx(0.1, rel=0.1)
    assert found[10, 10] < 0.005


def test_what_was_not_seen_has_no_contrast_and_spoils_no_neighbour() -> None:
    before, after = ground(), ground()
    after[:, 20:30, 20:30] = np.nan
    found = contrast(before, after, WINDOWS)
    assert np.isnan(found[20:30, 20:30]).all()
    assert np.isfinite(found[~np.isnan(after[0])]).all()
    assert float(np.nanmax(found)) < 1e-5


def test_local_ratio_equals_a_slow_loop() -> None:
    rng = np.random.default_rng(3)
    first, second = (rng.uniform(0.1, 0.4, (9, 9)).astype(np.float32) for _ in range(2))
    weight = rng.uniform(0.1, 1, (9, 9)).astype(np.float32)
    first[4, 4] = np.nan
    found = local_ratio(first, second, weight, 3)
    for y in range(9):
        for x in range(9):
            here = np.s_[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            seen = np.isfinite(first[here])
            a, b, w = first[here][seen], second[here][seen], weight[here][seen]
            assert found[y, x] == pytest.approx((w * a * b).sum() / (w * a * a).sum(), rel=1e-4)


def test_mean_of_seen_leaves_out_what_is_not_seen() -> None:
    values = np.array([[1, 2, np.nan], [4, 5, 6], [7, 8, 9]], dtype=np.float32)
    found = mean_of_seen(values, 3)
    assert found[1, 1] == pytest.approx((1 + 2 + 4 + 5 + 6 + 7 + 8 + 9) / 8)
    assert found[0, 0] == pytest.approx((1 + 2 + 4 + 5) / 4)
    assert np.isnan(found[0, 2])


@given(scale=st.floats(0.01, 100), offset=st.floats(-10, 10))
def test_z_does_not_depend_on_units(scale: float, offset: float) -> None:
    values = np.random.default_rng(5).normal(size=(20, 20)).astype(np.float32)
    other = (values * scale + offset).astype(np.float32)
    np.testing.assert_allclose(Noise.of(other).z(other), Noise.of(values).z(values), atol=2e-2, rtol=1e-2)


def test_sigma_of_normal_noise_is_its_standard_deviation() -> None:
    noise = Noise.of(np.random.default_rng(6).normal(3.0, 0.5, (300, 300)).astype(np.float32))
    assert noise.middle == pytest.approx(3.0, abs=0.01)
    assert noise.sigma == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("value", [0.3, np.nan], ids=["all-equal", "nothing-seen"])
def test_an_image_without_noise_has_no_outliers(value: float) -> None:
    values = np.full((4, 4), value, dtype=np.float32)
    assert not (Noise.of(values).z(values) > 0).any()


@given(
    arrays(
        np.float32,
        (5, 3),
        elements=st.one_of(st.just(np.float32(np.nan)), st.floats(-1, 1, width=32, allow_subnormal=False)),
    )
)
def test_median_of_seen_equals_numpys(values: NDArray[np.float32]) -> None:
    is_seen = np.isfinite(values)
    expected = [
        np.median(column[seen]) if seen.any() else np.nan for column, seen in zip(values.T, is_seen.T, strict=True)
    ]
    np.testing.assert_allclose(median_of_seen(values), expected, rtol=1e-6)


def test_normalised_dates_have_one_light() -> None:
    base = ground()
    lights = np.array([0.8, 1.0, 1.3], dtype=np.float32)
    values = np.stack([base * light for light in lights])
    found = normalise(values, reference_image(values), context_px=41)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    np.testing.assert_allclose(found[2], found[1], rtol=1e-4)


def test_a_compound_that_fills_its_surroundings_is_not_taken_for_light() -> None:
    base = ground(bands=1, side=120)
    changed = base.copy()
    changed[:, 40:80, 40:80] *= 1.8
    values = np.stack([base, base, base, changed, changed])
    found = normalise(values, reference_image(values), context_px=61)
    assert float(np.median(found[4, 0, 45:75, 45:75] / found[0, 0, 45:75, 45:75])) > 1.5
