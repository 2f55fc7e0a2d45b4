"""Kernels that work piece by piece, or where it matters only, give what the plain computation gives."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from detection.kernels.light import ODD_WEIGHT, expected_light, relit
from detection.kernels.regions import outstanding

SIDE, PULL = 21, 0.0625


def box_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, SIDE // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE))
    return np.asarray(windows.sum(axis=(2, 3)))


@pytest.mark.parametrize("width", [511, 512, 513, 1100])
@pytest.mark.parametrize("limit", [np.inf, 0.02], ids=["all alike", "odd ones hardly count"])
def test_light_is_fitted_alike_on_both_sides_of_a_piece(width: int, limit: float) -> None:
    rng = np.random.default_rng(width)
    reference = (0.2 + 0.05 * rng.standard_normal((30, width))).astype(np.float32)
    image = (1.1 * reference + 0.01 + 0.01 * rng.standard_normal(reference.shape)).astype(np.float32)
    image[5:20, 500:530] = np.nan
    reference[0, :40] = np.nan
    first = (1.1 * reference + 0.01).astype(np.float32)
    result = np.empty_like(reference)
    expected_light(reference, image, first, np.float32(limit), SIDE, PULL, result)
    is_seen = np.isfinite(reference) & np.isfinite(image)
    weight = np.where(is_seen, np.where(np.abs(image - first) >= np.float32(limit), ODD_WEIGHT, 1.0), 0.0)
    a, b = np.where(is_seen, reference, 0).astype(float), np.where(is_seen, image, 0).astype(float)
    looks, x, y, xx, xy = (box_sum(weight * part) for part in (np.ones_like(a), a, b, a * a, a * b))
    looks = np.maximum(looks, 1e-9)
    belief = PULL * (x / looks) ** 2 + 1e-9
    variance = np.maximum(xx / looks - (x / looks) ** 2, 0)
    gain = np.clip((xy / looks - x * y / looks**2 + belief) / (variance + belief), 0.5, 2)
    told = gain * reference + y / looks - gain * x / looks
    np.testing.assert_allclose(result, np.where(looks > 1e-9, told, reference), rtol=2e-5, atol=1e-6)
    relit(reference, image, first, np.float32(limit), SIDE, PULL)
    np.testing.assert_array_equal(first, reference + (image - result))


@pytest.mark.parametrize("height", [1, SIDE // 2, SIDE // 2 + 1, SIDE, 2 * SIDE + 1])
def test_an_image_of_few_rows_is_relit_in_place_too(height: int) -> None:
    rng = np.random.default_rng(height)
    reference, image, first = (0.2 + 0.05 * rng.standard_normal((3, height, 40))).astype(np.float32)
    result = np.empty_like(first)
    expected_light(reference, image, first, np.float32(0.05), SIDE, PULL, result)
    relit(reference, image, first, np.float32(0.05), SIDE, PULL)
    np.testing.assert_array_equal(first, reference + (image - result))


def test_only_what_is_high_beside_its_surroundings_stands_out() -> None:
    rng = np.random.default_rng(1)
    contrast = np.square(3 * rng.standard_normal((60, 90))).astype(np.float32)
    contrast[10:14, 20:40] = np.nan
    contrast[0, 0] = 50
    result = np.empty(contrast.shape, dtype=bool)
    outstanding(contrast, 3.0, 0.3, 3, result)
    highest = ndimage.maximum_filter(np.nan_to_num(contrast, nan=-np.inf), size=7)
    np.testing.assert_array_equal(result, (contrast >= 3) & (contrast >= np.float32(0.3) * highest))
    assert 0 < result.sum() < (contrast >= 3).sum()
