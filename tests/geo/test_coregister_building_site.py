"""Where roofs come and go they agree with each other at many pixels' distance: the ground alone tells the shift."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from geo.coregister import CoregisterParams, estimate_shift, structure_images

SIDE = 100


def ground(down_px: float = 0.0, right_px: float = 0.0, *, seed: int = 1) -> NDArray[np.float32]:
    """Return texture in two bands, moved so far (down, right), with noise of its own."""
    rng = np.random.default_rng(5)
    texture = ndimage.gaussian_filter(rng.standard_normal((2, SIDE + 20, SIDE + 20)), (0, 1.5, 1.5))
    image = 0.25 + 0.04 * texture / texture.std()
    moved = np.stack([ndimage.shift(band, (down_px, right_px), order=3, mode="reflect") for band in image])
    noise = np.random.default_rng(seed).normal(0, 0.002, moved.shape)
    return np.asarray((moved + noise)[:, 10:-10, 10:-10], dtype=np.float32)


def with_roofs(image: NDArray[np.float32], *, first_row: int, level: float) -> NDArray[np.float32]:
    """Put ten glaring roofs on it, the same ones wherever they begin."""
    rng = np.random.default_rng(3)
    built = image.copy()
    for _ in range(10):
        row, column = rng.integers(0, 34) + first_row, rng.integers(4, 70)
        height, width = rng.integers(4, 8), rng.integers(8, 16)
        built[:, row : row + height, column : column + width] = level
    return built


@pytest.mark.parametrize("level", [0.55, 0.65])
def test_roofs_that_went_and_like_ones_that_came_elsewhere_do_not_hide_the_shift(level: float) -> None:
    before = structure_images(with_roofs(ground(), first_row=4, level=level))
    after = structure_images(with_roofs(ground(-1.2, 0.3, seed=2), first_row=50, level=level))
    assert estimate_shift(before, after, CoregisterParams()) == pytest.approx((1.2, -0.3), abs=0.1)
    anywhere = estimate_shift(before, after, CoregisterParams(max_shift_px=40))
    assert anywhere is None or max(map(abs, anywhere)) > 20  # where all is believed, the roofs decide


@pytest.mark.parametrize("down_px", [4.5, 8.0])
def test_a_file_that_lies_farther_off_than_is_believed_gets_no_shift(down_px: float) -> None:
    found = estimate_shift(structure_images(ground()), structure_images(ground(down_px, seed=2)), CoregisterParams())
    assert found is None
