"""The compiled structure of an image is what SciPy's filters make of it, number by number."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from geo.coregister import structure_images


def by_scipy(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gradient of log brightness, filter by filter."""
    is_seen = np.isfinite(brightness)
    filled = np.where(is_seen, brightness, np.median(brightness[is_seen]))
    smooth = ndimage.gaussian_filter(np.log(np.clip(filled, np.float32(1e-3), None)), 1.0)
    gradient = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    near_gap = ndimage.binary_dilation(~is_seen, iterations=3)
    return np.where(near_gap, np.nan, gradient).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 83), (5, 7), (1, 9), (3, 2)], ids=str)
@pytest.mark.parametrize("gaps", [False, True], ids=["all seen", "gaps"])
def test_edges_are_those_of_the_filters_one_by_one(shape: tuple[int, int], *, gaps: bool) -> None:
    rng = np.random.default_rng(shape[0])
    image = (0.2 + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    if gaps:
        image[rng.random(shape) > 0.97] = np.nan
        image[-1, -1] = np.nan
    (edges,) = structure_images(image[None])
    np.testing.assert_array_equal(edges, by_scipy(image))


def test_an_image_without_anything_seen_has_no_edges() -> None:
    (edges,) = structure_images(np.full((1, 20, 20), np.nan, dtype=np.float32))
    assert np.isnan(edges).all()
