"""Compiled order statistics: the median of many numbers at once, and of every pixel's series."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 64
"""Series sorted side by side: the comparisons are the same for all, so that the processor does several at once."""
_MANY = 2_048
"""Of more values a sample is looked at first…"""
_SAMPLE = 512
"""… of about so many."""


@njit(cache=True, nogil=True)
def _select(values: NDArray[np.float32], rank: int) -> float:
    """Return the `rank`-th smallest of `values`, which are put in another order (Hoare's algorithm 65)."""
    low, high = 0, values.size - 1
    while low < high:
        first, last, middle = values[low], values[high], values[(low + high) // 2]
        pivot = max(min(first, last), min(max(first, last), middle))
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if rank <= right:
            high = right
        elif rank >= left:
            low = left
        else:
            break
    return float(values[rank])


@njit(cache=True, nogil=True)
def _narrowed(
    values: NDArray[np.float32], low: np.float32, high: np.float32, kept: NDArray[np.float32]
) -> tuple[int, int]:
    """Write what lies from `low` to `high` to `kept`; return how many values lie below, and how many were kept."""
    below, filled = 0, 0
    for index in range(values.size):
        value = values[index]
        below += value < low
        kept[filled] = value
        filled += low <= value <= high
    return below, filled


@njit(cache=True, nogil=True)
def rank_in(values: NDArray[np.float32], first: int, second: int, kept: NDArray[np.float32]) -> tuple[float, float]:
    """Do as `rank_values`, with room to work in: `kept`, one place longer than `values`."""
    count = values.size
    below, filled = 0, 0
    if count > _MANY:
        sample = values[:: count // _SAMPLE | 1].copy()  # an odd step: columns of an image are mixed
        sample.sort()
        reach = int(2 * np.sqrt(sample.size))
        low = first * sample.size // count - reach
        high = second * sample.size // count + reach
        lowest = sample[low] if low >= 0 else np.float32(-np.inf)
        highest = sample[high] if high < sample.size else np.float32(np.inf)
        below, filled = _narrowed(values, lowest, highest, kept)
    if not below <= first <= second < below + filled:  # few values, or a sample that tells nothing of the rest
        below, filled = _narrowed(values, np.float32(-np.inf), np.float32(np.inf), kept)
    one = _select(kept[:filled], first - below)
    return one, (one if first == second else _select(kept[:filled], second - below))


@njit(cache=True, nogil=True)
def rank_values(values: NDArray[np.float32], first: int, second: int) -> tuple[float, float]:
    """Return the `first`-th and the `second`-th smallest of finite `values`, shape (n,), `second` not below `first`.

    Counted from 0, and exact: a sample says between which values the answer lies, one pass gathers what lies there, and
    only that is searched (Floyd and Rivest 1975, doi:10.1145/360680.360691).
    """
    return rank_in(values, first, second, np.empty(values.size + 1, dtype=np.float32))


@njit(cache=True, nogil=True)
def middle_and_scatter(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the median, and the median absolute deviation from it, of what is finite in `values`, shape (n,).

    NaN where nothing is.
    """
    seen = np.empty(values.size + 1, dtype=np.float32)
    count = 0
    for index in range(values.size):
        seen[count] = values[index]
        count += np.isfinite(values[index])
    if not count:
        return np.nan, np.nan
    kept = np.empty(count + 1, dtype=np.float32)
    low, high = rank_in(seen[:count], (count - 1) // 2, count // 2, kept)
    middle = (low + high) / 2
    for index in range(count):
        seen[index] = abs(seen[index] - np.float32(middle))
    low, high = rank_in(seen[:count], (count - 1) // 2, count // 2, kept)
    return middle, (low + high) / 2


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
