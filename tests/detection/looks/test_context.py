"""What the surroundings and the noise of an image say is right, whatever the units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from detection.kernels.light import ODD_WEIGHT, expected_light
from detection.looks.context import Noise, box_mean, mean_of_seen, median

SOME_GAPS = arrays(
    np.float32,
    (6, 7),
    elements=st.one_of(st.just(np.float32(np.nan)), st.floats(0.125, 1, width=32)),
)


def window(y: int, x: int, side: int) -> tuple[slice, slice]:
    half = side // 2
    return np.s_[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]


def test_the_mean_over_a_box_counts_zero_outside() -> None:
    found = box_mean(np.ones((4, 5), dtype=np.float32), 3)
    assert found[1, 1] == pytest.approx(1)
    assert found[0, 0] == pytest.approx(4 / 9)
    assert found[0, 2] == pytest.approx(6 / 9)


def fitted_light(  # noqa: PLR0913 - what the kernel asks for, most of it optional
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    *,
    side: int = 3,
    before: NDArray[np.float32] | None = None,
    limit: float = np.inf,
    pull: float = 0.0,
) -> NDArray[np.float32]:
    found = np.empty_like(first)
    expected_light(first, second, first if before is None else before, np.float32(limit), side, pull, found)
    return found


def test_the_fit_of_light_equals_a_slow_loop() -> None:
    rng = np.random.default_rng(3)
    first = rng.uniform(0.1, 0.4, (9, 9)).astype(np.float32)
    second = (0.9 * first + 0.05 + 0.01 * rng.standard_normal((9, 9))).astype(np.float32)
    first[4, 4] = second[2, 7] = np.nan
    before = (second + np.where(rng.random((9, 9)) < 0.3, 0.1, 0.0)).astype(np.float32)
    weight = np.where(np.abs(second - before) >= 0.05, ODD_WEIGHT, 1.0)
    found = fitted_light(first, second, side=5, before=before, limit=0.05)
    for y in range(9):
        for x in range(9):
            here = window(y, x, 5)
            seen = np.isfinite(first[here]) & np.isfinite(second[here])
            gain, offset = np.polyfit(first[here][seen], second[here][seen], 1, w=np.sqrt(weight[here][seen]))
            assert found[y, x] == pytest.approx(gain * first[y, x] + offset, rel=1e-3, nan_ok=True)


def test_without_anything_to_compare_the_light_is_the_same() -> None:
    nothing = np.full((5, 5), np.nan, dtype=np.float32)
    even = np.ones((5, 5), dtype=np.float32)
    np.testing.assert_array_equal(fitted_light(even, nothing), even)
    assert np.isnan(fitted_light(nothing, even)).all()


def test_even_ground_tells_no_gain_and_its_whole_difference_is_haze() -> None:
    even = np.full((7, 7), 0.2, dtype=np.float32)
    np.testing.assert_allclose(fitted_light(even, even + np.float32(0.03), pull=0.06), 0.23, rtol=1e-5)


@given(gain=st.floats(0.6, 1.8), haze=st.floats(-0.1, 0.1))
def test_one_light_is_found_wherever_the_ground_has_contrast(gain: float, haze: float) -> None:
    first = np.random.default_rng(1).uniform(0.1, 0.4, (9, 9)).astype(np.float32)
    second = first * np.float32(gain) + np.float32(haze)
    np.testing.assert_allclose(fitted_light(first, second, side=5), second, atol=1e-4)


def test_mean_of_seen_leaves_out_what_is_not_seen() -> None:
    values = np.array([[1, 2, np.nan], [4, 5, 6], [7, 8, 9]], dtype=np.float32)
    found = mean_of_seen(values, 3)
    assert found[1, 1] == pytest.approx((1 + 2 + 4 + 5 + 6 + 7 + 8 + 9) / 8)
    assert found[0, 0] == pytest.approx((1 + 2 + 4 + 5) / 4)
    assert np.isnan(found[0, 2])


@given(values=SOME_GAPS, side=st.sampled_from([1, 3, 5]))
def test_mean_of_seen_equals_a_slow_loop(values: NDArray[np.float32], side: int) -> None:
    found = mean_of_seen(values, side)
    for (y, x), value in np.ndenumerate(values):
        here = values[window(y, x, side)]
        expected = here[np.isfinite(here)].mean() if np.isfinite(value) else np.nan
        np.testing.assert_allclose(found[y, x], expected, rtol=1e-4)


@given(scale=st.floats(0.01, 100), offset=st.floats(-10, 10))
def test_z_does_not_depend_on_units(scale: float, offset: float) -> None:
    values = np.random.default_rng(5).normal(size=(20, 20)).astype(np.float32)
    other = (values * scale + offset).astype(np.float32)
    np.testing.assert_allclose(Noise.of(other).z(other), Noise.of(values).z(values), atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize("outliers", [0, 4000], ids=["clean", "a-twentieth-changed"])
def test_sigma_of_normal_noise_is_its_standard_deviation_even_with_outliers(outliers: int) -> None:
    values = np.random.default_rng(6).normal(3.0, 0.5, 90_000).astype(np.float32)
    values[:outliers] += 50
    noise = Noise.of(values)
    assert noise.middle == pytest.approx(3.0, abs=0.04)
    assert noise.sigma == pytest.approx(0.5, rel=0.08)


@pytest.mark.parametrize("value", [0.3, np.nan], ids=["all-equal", "nothing-seen"])
def test_an_image_without_noise_has_no_outliers(value: float) -> None:
    values = np.full((4, 4), value, dtype=np.float32)
    z = Noise.of(values).z(values)
    assert not (z > 0).any()
    assert (np.isnan(z) == np.isnan(values)).all()


def test_below_the_floor_no_noise_is_believed() -> None:
    values = np.random.default_rng(7).normal(0, 0.001, (50, 50)).astype(np.float32)
    assert Noise.of(values, sigma_floor=0.01).sigma == 0.01
    assert Noise.of(values, sigma_floor=0.0001).sigma == pytest.approx(0.001, rel=0.1)


def test_what_is_not_seen_has_no_z_and_no_say() -> None:
    values = np.array([1, 2, 3, np.nan, np.nan], dtype=np.float32)
    noise = Noise.of(values)
    assert noise.middle == 2
    assert np.isnan(noise.z(values)).tolist() == [False, False, False, True, True]


@given(values=arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32)))
def test_medians_are_those_of_numpy(values: NDArray[np.float32]) -> None:
    assert median(values) == pytest.approx(float(np.median(values.astype(float))), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (64, 65)])
@pytest.mark.parametrize("side", [1, 3, 7, 121])
def test_means_over_windows_of_any_size_equal_scipys(shape: tuple[int, int], side: int) -> None:
    rng = np.random.default_rng(side)
    values = rng.normal(0.2, 0.1, (2, *shape)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    is_seen = np.isfinite(values)
    size = (1, side, side)
    total = ndimage.uniform_filter(np.where(is_seen, values, 0).astype(float), size, mode="constant")
    weight = ndimage.uniform_filter(is_seen.astype(float), size, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(is_seen, total / weight, np.nan)
    np.testing.assert_allclose(mean_of_seen(values, side), expected, rtol=1e-4, atol=1e-6)
