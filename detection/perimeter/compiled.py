"""The compiled loop of line contrasts: profiles across a line, each multiplied with its filter, at several shifts."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def filtered_profiles(  # noqa: PLR0913, PLR0917 - a kernel takes no keywords
    image: NDArray[np.float32],
    first: NDArray[np.float64],
    step: NDArray[np.float64],
    weights: NDArray[np.float32],
    row_of: NDArray[np.intp],
    starts: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Write to `out`, shape (shift, place), what the filters make of the profiles, interpolated linearly.

    As `lines.profiles` followed by a product with a row of the filters; NaN where a part was not seen.

    Args:
        image: Shape (y, x); NaN where not seen.
        first: Row and column, counted from the middle of the first pixel, where each profile begins, shape (place, 2).
        step: Rows and columns from one offset to the next, shape (place, 2).
        weights: Filters, shape (filter, offset).
        row_of: Which filter belongs to each place.
        starts: At which offset the window of each shift begins, ascending.
        out: The result.

    """
    height, width = image.shape
    offsets = weights.shape[1]
    length = offsets + starts[-1]
    profile = np.empty(length, dtype=np.float32)
    for place in range(len(first)):
        for offset in range(length):
            row, column = first[place, 0] + offset * step[place, 0], first[place, 1] + offset * step[place, 1]
            if row < 0 or column < 0 or row > height - 1 or column > width - 1:
                profile[offset] = np.nan
                continue
            top, left = min(int(row), max(height - 2, 0)), min(int(column), max(width - 2, 0))
            below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
            down, right = np.float32(row - top), np.float32(column - left)
            upper = image[top, left] + right * (image[top, beside] - image[top, left])
            lower = image[below, left] + right * (image[below, beside] - image[below, left])
            profile[offset] = upper + down * (lower - upper)
        for shift in range(len(starts)):
            total = np.float32(0)
            for offset in range(offsets):
                total += profile[starts[shift] + offset] * weights[row_of[place], offset]
            out[shift, place] = total
