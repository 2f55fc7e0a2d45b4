"""Compiled order statistics: the median of many numbers at once, and of every pixel's series."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 64
"""Series sorted side by side: the comparisons are the same for all, so that the processor does several at once."""
_BINS = 1 << 16


@njit(cache=True, nogil=True)
def rank_values(values: NDArray[np.float32], first: int, second: int) -> tuple[float, float]:
    """Return the `first`-th and the `second`-th smallest of finite `values`, shape (n,), `second` not below `first`.

    Counted from 0. Two passes: the upper half of the bits, put so that they order as the numbers do, is counted in
    bins; only what shares a bin with an answer is sorted.
    """
    keys = values.view(np.uint32)
    counts = np.zeros(_BINS, dtype=np.int64)
    for index in range(keys.size):
        key = keys[index]
        counts[(~key if key >> np.uint32(31) else key | np.uint32(0x80000000)) >> np.uint32(16)] += 1
    below, low = 0, 0
    while below + counts[low] <= first:
        below += counts[low]
        low += 1
    upto, high = below, low
    while upto + counts[high] <= second:
        upto += counts[high]
        high += 1
    size = 0
    for place in range(low, high + 1):
        size += counts[place]
    kept = np.empty(size, dtype=np.float32)
    filled = 0
    for index in range(keys.size):
        key = keys[index]
        place = (~key if key >> np.uint32(31) else key | np.uint32(0x80000000)) >> np.uint32(16)
        if low <= place <= high:
            kept[filled] = values[index]
            filled += 1
    kept.sort()
    return float(kept[first - below]), float(kept[second - below])


@njit(cache=True, nogil=True)
def quantile_between(  # noqa: PLR0913, PLR0917 - arrays in, array out
    values: NDArray[np.float32],
    first: NDArray[np.int32],
    beyond: NDArray[np.int32],
    swaps: NDArray[np.int32],
    share: float,
    out: NDArray[np.float32],
    part: tuple[int, int],
) -> None:
    """Write to `out` the quantile `share` (0-1) of the finite `values` of each series between two dates.

    Args:
        values: Shape (time, series).
        first: Index of the first date that counts, for each series.
        beyond: Index of the first date after those that count.
        swaps: From `sorting_network`, for the number of dates.
        share: Linear between the two nearest values.
        out: One number a series; NaN where nothing counts.
        part: First series, and the one after the last.

    """
    dates, count = len(values), part[1]
    lanes = np.empty((dates, LANES), dtype=np.float32)
    known, begin, end = np.empty((3, LANES), dtype=np.float32)
    nothing, one, beyond_all = np.float32(0), np.float32(1), np.float32(np.inf)
    for start in range(part[0], count, LANES):
        width = min(LANES, count - start)
        known[:] = 0
        begin[:width] = first[start : start + width]
        end[:width] = beyond[start : start + width]
        for date in range(dates):
            row, lane_row, now = values[date, start : start + width], lanes[date], np.float32(date)
            for lane in range(width):
                value = row[lane]
                value = value if value == value else beyond_all  # noqa: PLR0124 - NaN
                value = value if begin[lane] <= now else beyond_all
                value = value if now < end[lane] else beyond_all
                lane_row[lane] = value
                known[lane] += one if value < beyond_all else nothing
        _sort_lanes(lanes, swaps)
        for lane in range(width):
            if known[lane] == 0:
                out[start + lane] = np.nan
                continue
            place = (known[lane] - 1) * share
            low = int(place)
            high = min(low + 1, int(known[lane]) - 1)
            left, right = lanes[low, lane], lanes[high, lane]
            out[start + lane] = left + (right - left) * (place - low)


@njit(cache=True, nogil=True)
def _sort_lanes(lanes: NDArray[np.float32], swaps: NDArray[np.int32]) -> None:
    for swap in range(len(swaps)):
        one, other = lanes[swaps[swap, 0]], lanes[swaps[swap, 1]]
        for lane in range(LANES):
            left, right = one[lane], other[lane]
            one[lane] = min(left, right)
            other[lane] = max(left, right)


def sorting_network(size: int) -> NDArray[np.int32]:
    """Return the pairs of places, shape (pairs, 2), to be compared and put in order to sort `size` numbers.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M).
    """
    pairs = []
    top = 1 << max(0, (size - 1).bit_length() - 1)
    step = top if size > 1 else 0
    while step:
        remote, offset, gap = top, 0, step
        while True:
            pairs += [(place, place + gap) for place in range(size - gap) if place & step == offset]
            if remote == step:
                break
            gap, remote, offset = remote - step, remote // 2, step
        step //= 2
    return np.array(pairs, dtype=np.int32).reshape(-1, 2)
