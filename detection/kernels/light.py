"""Compiled fit of one image's light to another's around each pixel: a gain and an offset, from sums over a square.

Sums are carried from row to row and from pixel to pixel in double precision. Outside the plane counts as not seen.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

ODD_WEIGHT = 0.02
"""How much a pixel counts that stands out."""
_LEAST_GAIN, _MOST_GAIN = 0.5, 2.0
_SUMS = 5
"""Of weights, of both images, of the square of the reference, and of the product."""
_TINY = 1e-9
_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_row(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    limit: np.float32,
    sign: np.float32,
    sums: NDArray[np.float64],
) -> None:
    """Add a row to the five sums, shape (5, x). What lies `limit` or more off `expected` hardly counts."""
    little = np.float32(sign * np.float32(ODD_WEIGHT))
    count, first, second, square, product = sums[0], sums[1], sums[2], sums[3], sums[4]
    for x in range(reference.size):
        a, b = reference[x], image[x]
        both = a * b
        is_seen = both == both  # noqa: PLR0124 - NaN
        weight = little if abs(b - expected[x]) >= limit else sign
        weight = weight if is_seen else np.float32(0)
        a, b = (a if is_seen else np.float32(0)), (b if is_seen else np.float32(0))
        count[x] += np.float64(weight)
        first[x] += np.float64(weight * a)
        second[x] += np.float64(weight * b)
        square[x] += np.float64(weight * (a * a))
        product[x] += np.float64(weight * (a * b))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _expect_row(
    reference: NDArray[np.float32], sums: NDArray[np.float64], side: int, pull: float, out: NDArray[np.float32]
) -> None:
    """Write the expected row; `sums` is `side` longer than the row, one zero in front."""
    count = first = second = square = product = 0.0
    for x in range(side):
        count += sums[0, x]
        first += sums[1, x]
        second += sums[2, x]
        square += sums[3, x]
        product += sums[4, x]
    for x in range(out.size):
        count += sums[0, x + side] - sums[0, x]
        first += sums[1, x + side] - sums[1, x]
        second += sums[2, x + side] - sums[2, x]
        square += sums[3, x + side] - sums[3, x]
        product += sums[4, x + side] - sums[4, x]
        looks = max(count, _TINY)
        mean, other = first / looks, second / looks
        belief = pull * mean * mean + _TINY
        gain = (product / looks - mean * other + belief) / (max(square / looks - mean * mean, 0.0) + belief)
        gain = min(max(gain, _LEAST_GAIN), _MOST_GAIN)
        offset = other - gain * mean
        out[x] = np.float32(gain * reference[x] + offset) if count > _TINY else reference[x]


@njit(cache=True, nogil=True, error_model="numpy")
def expected_light(  # noqa: PLR0913, PLR0917 - arrays in, array out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    limit: np.float32,
    side: int,
    pull: float,
    out: NDArray[np.float32],
) -> None:
    """Write to `out` what `reference` looks like in the light of `image`: gain and offset by least squares around.

    Args:
        reference: Shape (y, x); NaN where not seen.
        image: The same of another date.
        before: A first answer, shape (y, x): pixels `limit` or more off it count `ODD_WEIGHT`. Not used with a limit
            of infinity.
        limit: In units of `image`.
        side: Side of the surroundings in pixels, odd.
        pull: The gain is drawn to 1 as if the ground's variance were larger by this share of its mean's square.
        out: Shape (y, x), not `before`; `reference` itself where nothing tells.

    """
    height, width = reference.shape
    half = side // 2
    sums = np.zeros((_SUMS, width + side))
    here = sums[:, half + 1 : half + 1 + width]
    for y in range(-half, height):
        low, high = y - half - 1, y + half
        if high < height:
            _add_row(reference[high], image[high], before[high], limit, np.float32(1), here)
        if low >= 0:
            _add_row(reference[low], image[low], before[low], limit, np.float32(-1), here)
        if y >= 0:
            _expect_row(reference[y], sums, side, pull, out[y])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def relit(
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    reference: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write to `out` `reference` and what `image` has more than `expected`, all of shape (y, x)."""
    for y in range(len(out)):
        seen, usual, base, row = image[y], expected[y], reference[y], out[y]
        for x in range(row.size):
            row[x] = base[x] + (seen[x] - usual[x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def apart(image: NDArray[np.float32], expected: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` how far `image` lies off `expected`, all of shape (y, x)."""
    for y in range(len(out)):
        seen, usual, row = image[y], expected[y], out[y]
        for x in range(row.size):
            row[x] = abs(seen[x] - usual[x])
