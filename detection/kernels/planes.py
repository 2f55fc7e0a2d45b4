"""Compiled sliding windows over one plane: sums over a square are carried from pixel to pixel, whatever its side.

Sums are carried in double precision. Outside the plane counts as not seen. Divisions by zero are left to the
processor: a test for them would keep it from doing several pixels at once.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy")
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
    for x in range(first_out.size):
        one += first[x + side] - first[x]
        two += second[x + side] - second[x]
        first_out[x] = one
        second_out[x] = two


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _count_row(
    row: NDArray[np.float32], sign: np.float32, total: NDArray[np.float64], count: NDArray[np.float64]
) -> None:
    for x in range(row.size):
        value = row[x]
        is_seen = value == value  # noqa: PLR0124 - NaN
        total[x] += np.float64(value * sign) if is_seen else 0.0
        count[x] += np.float64(sign) if is_seen else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _mean_row(
    row: NDArray[np.float32], sums: NDArray[np.float64], counts: NDArray[np.float64], out: NDArray[np.float32]
) -> None:
    for x in range(row.size):
        mean = np.float32(sums[x]) / max(np.float32(counts[x]), np.float32(1))
        out[x] = mean if row[x] == row[x] else np.float32(np.nan)


@njit(cache=True, nogil=True, error_model="numpy")
def mean_of_seen(values: NDArray[np.float32], side: int, out: NDArray[np.float32]) -> None:
    """Write to `out` the mean of the seen pixels in a window of odd `side` around each pixel that is itself seen.

    Args:
        values: Shape (y, x); NaN where not seen.
        side: Side of the window in pixels, odd.
        out: Shape (y, x); NaN where `values` is.

    """
    height, width = values.shape
    half = side // 2
    total, count = np.zeros(width + side), np.zeros(width + side)
    sums, counts = np.empty(width), np.empty(width)
    total_here, count_here = total[half + 1 : half + 1 + width], count[half + 1 : half + 1 + width]
    for y in range(-half, height):
        if y + half < height:
            _count_row(values[y + half], np.float32(1), total_here, count_here)
        if y - half - 1 >= 0:
            _count_row(values[y - half - 1], np.float32(-1), total_here, count_here)
        if y < 0:
            continue
        _roll(total, count, side, sums, counts)
        _mean_row(values[y], sums, counts, out[y])


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _share_row(
    row: NDArray[np.float32],
    tops: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    least: np.float32,
    out: NDArray[np.float32],
) -> None:
    for x in range(row.size):
        share = np.float32(tops[x]) / max(np.float32(bottoms[x]), least)
        out[x] = share if row[x] == row[x] else np.float32(np.nan)


@njit(cache=True, nogil=True, error_model="numpy")
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
    top, bottom = np.zeros(width + side), np.zeros(width + side)
    tops, bottoms = np.empty(width), np.empty(width)
    top_here, bottom_here = top[half + 1 : half + 1 + width], bottom[half + 1 : half + 1 + width]
    for y in range(-half, height):
        if y + half < height:
            _add_row(above[y + half], np.float32(1), top_here)
            _add_row(below[y + half], np.float32(1), bottom_here)
        if y - half - 1 >= 0:
            _add_row(above[y - half - 1], np.float32(-1), top_here)
            _add_row(below[y - half - 1], np.float32(-1), bottom_here)
        if y < 0:
            continue
        _roll(top, bottom, side, tops, bottoms)
        _share_row(above[y], tops, bottoms, np.float32(least * side * side), out[y])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_row(row: NDArray[np.float32], sign: np.float32, total: NDArray[np.float64]) -> None:
    for x in range(row.size):
        value = row[x]
        total[x] += np.float64(value * sign) if value == value else 0.0  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True)
def means_around(values: NDArray[np.float32], places: NDArray[np.intp], out: NDArray[np.float32]) -> None:
    """Write to `out` the mean of what is seen of 3 x 3 pixels around each place; the edge goes on beyond it.

    Args:
        values: Shape (band, y, x); NaN where not seen.
        places: Rows and columns, shape (2, place).
        out: Shape (band, place); NaN where the place itself was not seen.

    """
    bands, height, width = values.shape
    for band in range(bands):
        layer = values[band]
        for place in range(places.shape[1]):
            y, x = places[0, place], places[1, place]
            is_inner = 0 < y < height - 1 and 0 < x < width - 1
            total, count = np.float32(0), np.float32(0)
            for down in range(-1, 2):
                for right in range(-1, 2):
                    if is_inner:
                        value = layer[y + down, x + right]
                    else:
                        value = layer[min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)]
                    is_seen = value == value  # noqa: PLR0124 - NaN
                    total += value if is_seen else np.float32(0)
                    count += np.float32(1) if is_seen else np.float32(0)
            out[band, place] = total / max(count, np.float32(1)) if layer[y, x] == layer[y, x] else np.nan
