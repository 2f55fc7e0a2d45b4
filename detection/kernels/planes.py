"""Compiled sliding windows over one plane: sums over a square are carried from pixel to pixel, whatever its side.

Sums are carried in double precision. Outside the plane counts as not seen.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_TINY = 1e-9
_LEAST_RATIO, _MOST_RATIO = 0.05, 20.0
ODD_WEIGHT = 0.02
"""How much a pixel counts that stands out."""


@njit(cache=True, nogil=True)
def _roll(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    side: int,
    first_out: NDArray[np.float64],
    second_out: NDArray[np.float64],
) -> None:
    """Write the sums over `side` neighbours of two rows, `side` zeros longer than the results, one in front."""
    one = two = 0.0
    for x in range(side):
        one += first[x]
        two += second[x]
    ahead, behind = first[side:], first[: first_out.size]
    ahead_too, behind_too = second[side:], second[: first_out.size]
    for x in range(first_out.size):
        one += ahead[x] - behind[x]
        two += ahead_too[x] - behind_too[x]
        first_out[x] = one
        second_out[x] = two


@njit(cache=True, nogil=True)
def _count_row(row: NDArray[np.float32], sign: float, total: NDArray[np.float64], count: NDArray[np.float64]) -> None:
    for x in range(row.size):
        value = row[x]
        is_seen = value == value  # noqa: PLR0124 - NaN
        total[x] += np.float64(value) * sign if is_seen else 0.0
        count[x] += sign if is_seen else 0.0


@njit(cache=True, nogil=True)
def mean_of_seen(values: NDArray[np.float32], side: int, out: NDArray[np.float32]) -> None:
    """Write to `out` the mean of the seen pixels in a window of odd `side` around each pixel that is itself seen.

    Args:
        values: Shape (y, x); NaN where not seen.
        side: Side of the window in pixels, odd.
        out: Shape (y, x); NaN where `values` is.

    """
    height, width = values.shape
    half = side // 2
    total, count = np.zeros((2, width + side))
    sums, counts = np.empty((2, width))
    here = slice(half + 1, half + 1 + width)
    for y in range(-half, height):
        if y + half < height:
            _count_row(values[y + half], 1.0, total[here], count[here])
        if y - half - 1 >= 0:
            _count_row(values[y - half - 1], -1.0, total[here], count[here])
        if y < 0:
            continue
        _roll(total, count, side, sums, counts)
        row, mean = values[y], out[y]
        for x in range(width):
            value = row[x]
            mean[x] = sums[x] / max(counts[x], 1.0) if value == value else np.nan  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True)
def _ratio_row(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    ratio: NDArray[np.float32],
    limit: np.float32,
    sign: float,
    across: NDArray[np.float64],
    own: NDArray[np.float64],
) -> None:
    """Add a row to both sums. What lies `limit` or more off the line of `ratio` hardly counts."""
    full, little = np.float64(sign), np.float64(sign * ODD_WEIGHT)
    for x in range(first.size):
        a, b = first[x], second[x]
        weight = little if abs(b - ratio[x] * a) >= limit else full
        product, square = np.float64(a * b), np.float64(a * a)
        # what is not seen in one of both makes the product NaN, and counts for neither sum
        own[x] += weight * square if product == product else 0.0  # noqa: PLR0124
        across[x] += weight * product if product == product else 0.0  # noqa: PLR0124


@njit(cache=True, nogil=True)
def local_ratio(  # noqa: PLR0913, PLR0917 - arrays in, array out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    limit: np.float32,
    side: int,
    out: NDArray[np.float32],
) -> None:
    """Write to `out` the factor that turns `reference` into `image` around each pixel: least squares through zero.

    Args:
        reference: Shape (y, x); NaN where not seen.
        image: The same of another date.
        before: A first answer, shape (y, x): pixels `limit` or more off it count `ODD_WEIGHT`. Not used with a limit
            of infinity.
        limit: In units of `image`.
        side: Side of the surroundings in pixels, odd.
        out: Shape (y, x); 1 where nothing tells.

    """
    height, width = reference.shape
    half = side // 2
    across, own = np.zeros((2, width + side))
    sums, norms = np.empty((2, width))
    here = slice(half + 1, half + 1 + width)
    least = _TINY * side * side
    for y in range(-half, height):
        low, high = y - half - 1, y + half
        if high < height:
            _ratio_row(reference[high], image[high], before[high], limit, 1.0, across[here], own[here])
        if low >= 0:
            _ratio_row(reference[low], image[low], before[low], limit, -1.0, across[here], own[here])
        if y < 0:
            continue
        _roll(across, own, side, sums, norms)
        row = out[y]
        for x in range(width):
            row[x] = sums[x] / max(norms[x], least) if norms[x] > least else 1.0


@njit(cache=True, nogil=True)
def distance(
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    ratio: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write to `out` how far `image` lies off `ratio` times `reference`, all of one shape (y, x)."""
    for y in range(len(out)):
        first, second, factor, row = reference[y], image[y], ratio[y], out[y]
        for x in range(row.size):
            row[x] = abs(second[x] - factor[x] * first[x])


@njit(cache=True, nogil=True)
def divide(image: NDArray[np.float32], ratio: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` `image` in the light of the reference, shape (y, x); ratios beyond belief are capped."""
    for y in range(len(out)):
        layer, factor, row = image[y], ratio[y], out[y]
        for x in range(row.size):
            row[x] = layer[x] / min(max(factor[x], np.float32(_LEAST_RATIO)), np.float32(_MOST_RATIO))


@njit(cache=True, nogil=True)
def towards(
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    along: NDArray[np.float32],
    square: NDArray[np.float32],
) -> None:
    """Write how far `image` has gone along the way from `before` to `after`, times its length, and its length squared.

    Args:
        image: Shape (band, pixel); NaN where not seen.
        before: The same before the change.
        after: The same after it.
        along: Shape (pixel,); NaN where not seen.
        square: Shape (pixel,); NaN likewise.

    """
    along[:] = 0
    square[:] = 0
    for band in range(len(image)):
        layer, start, end = image[band], before[band], after[band]
        for pixel in range(along.size):
            way = end[pixel] - start[pixel]
            gone = (layer[pixel] - start[pixel]) * way
            along[pixel] += gone
            square[pixel] += way * way + np.float32(0) * gone


@njit(cache=True, nogil=True)
def ratio_of_sums(
    above: NDArray[np.float32],
    below: NDArray[np.float32],
    side: int,
    least: float,
    out: NDArray[np.float32],
) -> None:
    """Write to `out` the sum of `above` over that of `below` in a window of odd `side` around each seen pixel.

    Args:
        above: Shape (y, x); NaN where not seen.
        below: The same, with the same gaps; sums smaller than `least` times the window's pixels count as that.
        side: Side of the window in pixels.
        least: In units of `below`.
        out: Shape (y, x); NaN where not seen.

    """
    height, width = above.shape
    half = side // 2
    top, bottom = np.zeros((2, width + side))
    tops, bottoms = np.empty((2, width))
    here = slice(half + 1, half + 1 + width)
    for y in range(-half, height):
        if y + half < height:
            _add_row(above[y + half], 1.0, top[here])
            _add_row(below[y + half], 1.0, bottom[here])
        if y - half - 1 >= 0:
            _add_row(above[y - half - 1], -1.0, top[here])
            _add_row(below[y - half - 1], -1.0, bottom[here])
        if y < 0:
            continue
        _roll(top, bottom, side, tops, bottoms)
        row, result = above[y], out[y]
        for x in range(width):
            share = np.float32(tops[x] / max(bottoms[x], least * side * side))
            result[x] = share if row[x] == row[x] else np.float32(np.nan)


@njit(cache=True, nogil=True)
def _add_row(row: NDArray[np.float32], sign: float, total: NDArray[np.float64]) -> None:
    for x in range(row.size):
        value = row[x]
        total[x] += np.float64(value) * sign if value == value else 0.0  # noqa: PLR0124 - NaN
