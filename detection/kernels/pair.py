"""Compiled loops over two dates: what the general loops over many dates give, in one pass."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FAST = {"contract", "nsz"}
_TELLS = 4.5e-9
"""Squared differences of a pixel and its neighbours that sum to no more tell no direction."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_distance(one: NDArray[np.float32], other: NDArray[np.float32], total: NDArray[np.float32]) -> None:
    for x in range(total.size):
        total[x] += abs(other[x] - one[x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def mean_distance(
    one: NDArray[np.float32], other: NDArray[np.float32], out: NDArray[np.float32], part: tuple[int, int]
) -> None:
    """Write to `out` how far two images lie apart, mean over the bands, shape (y, x); NaN where a band was not seen.

    Args:
        one: Shape (band, y, x).
        other: Likewise.
        out: Shape (y, x).
        part: First row, and the one after the last.

    """
    for y in range(part[0], part[1]):
        row = out[y]
        row[:] = 0
        for band in range(len(one)):
            _add_distance(one[band, y], other[band, y], row)
        for x in range(row.size):
            row[x] /= np.float32(len(one))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def middle_of_two(
    one: NDArray[np.float32], other: NDArray[np.float32], out: NDArray[np.float32], part: tuple[int, int]
) -> None:
    """Write to `out` the mean of two values where both are known, else the known one, all of shape (pixel,)."""
    for pixel in range(part[0], part[1]):
        first, second = one[pixel], other[pixel]
        first_or = first if first == first else second  # noqa: PLR0124 - NaN
        second_or = second if second == second else first  # noqa: PLR0124 - NaN
        out[pixel] = first_or + (second_or - first_or) * np.float32(0.5)


@njit(cache=True, nogil=True)
def fill_sides(values: NDArray[np.float32], score: NDArray[np.float32], part: tuple[int, int]) -> None:
    """Put to both dates, where a pixel has no score, what is known of both: then it does not differ.

    Where it has one, the dates are the looks before and after its step as they stand.

    Args:
        values: Changed, shape (2, band, y, x); NaN where not seen.
        score: Shape (y, x); NaN where there is no step.
        part: First row, and the one after the last.

    """
    for y in range(part[0], part[1]):
        told = score[y]
        for x in range(told.size):
            if not np.isnan(told[x]):
                continue
            for band in range(values.shape[1]):
                one, other = values[0, band, y, x], values[1, band, y, x]
                low = one if one == one else other  # noqa: PLR0124 - NaN
                high = other if other == other else one  # noqa: PLR0124 - NaN
                middle = low + (high - low) * np.float32(0.5)
                values[0, band, y, x] = middle
                values[1, band, y, x] = middle


@njit(cache=True, nogil=True)
def agreement(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    score: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    persistence: NDArray[np.float32],
    agreeing: NDArray[np.int16],
    part: tuple[int, int],
) -> None:
    """Say which of the two looks lie on the right side of the step: both, but where nothing differs at all.

    Args:
        score: Shape (y, x); NaN where there is no step.
        before: Shape (band, y, x).
        after: Likewise.
        persistence: Share of the looks that agree; NaN without a step.
        agreeing: Looks that agree before the step and from it on, shape (2, y, x).
        part: First row, and the one after the last.

    """
    for y in range(part[0], part[1]):
        for x in range(score.shape[1]):
            is_told = score[y, x] == score[y, x]
            way = after[0, y, x] - before[0, y, x]
            differs = is_told and (way * way > _TELLS or _differs_around(before, after, y, x))
            agreeing[0, y, x] = is_told
            agreeing[1, y, x] = differs
            persistence[y, x] = (1.0 if differs else 0.5) if is_told else np.nan


@njit(cache=True, nogil=True)
def _differs_around(before: NDArray[np.float32], after: NDArray[np.float32], y: int, x: int) -> bool:
    bands, height, width = before.shape
    total = 0.0
    for row in range(max(0, y - 1), min(height, y + 2)):
        for column in range(max(0, x - 1), min(width, x + 2)):
            for band in range(bands):
                way = after[band, row, column] - before[band, row, column]
                total += way * way if way == way else 0.0  # noqa: PLR0124 - NaN
    return total > _TELLS
