"""Compiled copies of a shape: how high a mean score does it reach anywhere in a cell of its own size?"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def runs_of(shape: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the runs of a mask's rows, shape (run, 3): the row, the first column and the one after the last."""
    edges = np.diff(np.pad(shape.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, begins = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    return np.stack([rows, begins, ends], axis=1).astype(np.int32)


@njit(cache=True, nogil=True)
def highest_means(  # noqa: PLR0913, PLR0917 - a kernel takes no keywords
    score: NDArray[np.float32],
    is_free: NDArray[np.bool_],
    runs: NDArray[np.int32],
    size: tuple[int, int],
    cells: NDArray[np.int64],
    steps: tuple[int, int],
    mostly: float,
    out: NDArray[np.float64],
) -> None:
    """Write to `out` the highest mean score under a shape whose middle lies in each of `cells`, NaN where none is told.

    A cell is told if at least `mostly` of it is free and seen; so is a place of the shape, whose middle must be, too.

    Args:
        score: Shape (y, x), NaN where not seen.
        is_free: Likewise: what may lie under the shape.
        runs: From `runs_of`.
        size: Rows and columns of the shape, and of a cell.
        cells: Number of each cell, row by row, of as many whole cells as the map holds.
        steps: The middle is put on every so many rows and columns of the cell.
        mostly: Share (0-1).
        out: One a cell.

    """
    height, width = size
    across = score.shape[1] // width
    total = np.zeros((2 * height, 2 * width + 1), dtype=np.float64)
    count = np.zeros((2 * height, 2 * width + 1), dtype=np.float64)
    most = 0.0
    for run in range(len(runs)):
        most += runs[run, 2] - runs[run, 1]
    for index in range(cells.size):
        top, left = (cells[index] // across) * height, (cells[index] % across) * width
        free = _sum_up(score, is_free, (top - height // 2, left - width // 2), total, count)
        inner = 0.0
        for y in range(height // 2, height // 2 + height):
            inner += count[y, width // 2 + width] - count[y, width // 2]
        highest = -np.inf
        if inner >= mostly * height * width:
            needed = -np.inf if free == total.shape[0] * (total.shape[1] - 1) else mostly * most
            highest = _highest_in_cell((total, count), runs, size, steps, (most, needed))
        out[index] = highest if highest > -np.inf else np.nan


@njit(cache=True, nogil=True)
def _highest_in_cell(
    sums: tuple[NDArray[np.float64], NDArray[np.float64]],
    runs: NDArray[np.int32],
    size: tuple[int, int],
    steps: tuple[int, int],
    counts: tuple[float, float],
) -> float:
    """Return the highest mean in the window of a cell; minus infinity where too little is free everywhere.

    `counts` are how many pixels the shape has, and how many must be free; minus infinity where all are.
    """
    total, count = sums
    most, needed = counts
    height, width = size
    highest = -np.inf
    for y in range(steps[0] // 2, height, steps[0]):
        line = y + height // 2
        for x in range(steps[1] // 2, width, steps[1]):
            place = x + width // 2
            if count[line, place + 1] == count[line, place]:
                continue
            here = most if needed < 0 else _under(count, runs, y, x)
            if here > 0 and here >= needed:
                highest = max(highest, _under(total, runs, y, x) / here)
    return highest


@njit(cache=True, nogil=True)
def _sum_up(
    score: NDArray[np.float32],
    is_free: NDArray[np.bool_],
    corner: tuple[int, int],
    total: NDArray[np.float64],
    count: NDArray[np.float64],
) -> float:
    """Write the sums along the rows of the window from `corner` on; return how much of it is free and seen."""
    free = 0.0
    for y in range(total.shape[0]):
        row = corner[0] + y
        is_within = 0 <= row < score.shape[0]
        summed, counted = 0.0, 0.0
        for x in range(total.shape[1] - 1):
            column = corner[1] + x
            if is_within and 0 <= column < score.shape[1] and is_free[row, column]:
                value = score[row, column]
                if value == value:  # noqa: PLR0124 - NaN
                    summed += value
                    counted += 1
            total[y, x + 1] = summed
            count[y, x + 1] = counted
        free += counted
    return free


@njit(cache=True, nogil=True)
def _under(sums: NDArray[np.float64], runs: NDArray[np.int32], top: int, left: int) -> float:
    """Return the sum under a shape whose upper left corner lies at (top, left) of the window."""
    result = 0.0
    for run in range(len(runs)):
        y = top + runs[run, 0]
        result += sums[y, left + runs[run, 2]] - sums[y, left + runs[run, 1]]
    return result
