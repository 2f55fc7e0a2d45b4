"""Compiled regions: which pixels hang together, told from runs along rows, so that no image of labels is needed."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def _root(parent: NDArray[np.int32], run: int) -> int:
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@njit(cache=True, nogil=True)
def _count_runs(score: NDArray[np.float32], low: float) -> int:
    count = 0
    for y in range(len(score)):
        row, was = score[y], False
        for x in range(row.size):
            now = row[x] > low
            count += now and not was
            was = now
    return count


@njit(cache=True, nogil=True)
def _find_runs(
    row: NDArray[np.float32],
    levels: tuple[float, float],
    first: int,
    ends: NDArray[np.int32],
    strong: NDArray[np.bool_],
) -> int:
    """Write begin and end of each run of a row above the lower level, and whether it rises above the upper one."""
    count = first
    x = 0
    while x < row.size:
        if not row[x] > levels[0]:
            x += 1
            continue
        ends[0, count] = x
        is_strong = False
        while x < row.size and row[x] > levels[0]:
            is_strong |= row[x] > levels[1]
            x += 1
        ends[1, count], strong[count] = x, is_strong
        count += 1
    return count


@njit(cache=True, nogil=True)
def _join(ends: NDArray[np.int32], parent: NDArray[np.int32], above: int, first: int, beyond: int) -> None:
    """Join the runs from `first` on to those of the row above, from `above` on, that touch them."""
    other = above
    for run in range(first, beyond):
        while other < first and ends[1, other] <= ends[0, run]:
            other += 1
        place = other
        while place < first and ends[0, place] < ends[1, run]:
            one, two = _root(parent, run), _root(parent, place)
            parent[max(one, two)] = min(one, two)
            place += 1


@njit(cache=True, nogil=True)
def hysteresis(score: NDArray[np.float32], low: float, high: float, out: NDArray[np.bool_]) -> None:
    """Write to `out` which pixels lie above `low` and hang together, edge to edge, with one above `high`.

    Args:
        score: Shape (y, x); NaN lies above nothing.
        low: In units of `score`.
        high: Likewise.
        out: Shape (y, x).

    """
    height = len(score)
    count = _count_runs(score, low)
    ends = np.empty((2, count), dtype=np.int32)
    strong = np.zeros(count, dtype=np.bool_)
    parent = np.arange(count).astype(np.int32)
    begins = np.zeros(height + 1, dtype=np.int64)
    for y in range(height):
        begins[y + 1] = _find_runs(score[y], (low, high), begins[y], ends, strong)
        if y > 0:
            _join(ends, parent, begins[y - 1], begins[y], begins[y + 1])
    for run in range(count):
        strong[_root(parent, run)] |= strong[run]
    for y in range(height):
        out[y] = False
        for run in range(begins[y], begins[y + 1]):
            out[y, ends[0, run] : ends[1, run]] = strong[_root(parent, run)]


_DISK = np.array([0, 1, 2, 1, 0], dtype=np.int64)
"""Half the width of a disk of radius two, row by row: as scikit-image's."""


@njit(cache=True, nogil=True)
def _widen(row: NDArray[np.uint8], reach: int, result: NDArray[np.uint8]) -> None:
    """Take into `result` what lies within `reach` columns of what `row` holds; rows begin and end with two zeros."""
    for shift in range(-reach, reach + 1):
        moved = row[2 + shift : row.size - 2 + shift]
        for x in range(result.size):
            result[x] |= moved[x]


@njit(cache=True, nogil=True)
def closed(mask: NDArray[np.bool_], out: NDArray[np.bool_]) -> None:
    """Write to `out` the closing of `mask` by a disk of radius two, and `mask` itself; outside is nothing.

    Args:
        mask: Shape (y, x).
        out: Likewise.

    """
    height, width = mask.shape
    rows = np.zeros((height + 4, width + 4), dtype=np.uint8)
    rows[2 : height + 2, 2 : width + 2] = mask
    widened = np.empty((height, width), dtype=np.uint8)
    _widen_all(rows, widened)
    rows[:] = 1
    rows[2 : height + 2, 2 : width + 2] = 1 - widened
    _widen_all(rows, widened)
    for y in range(height):
        for x in range(width):
            out[y, x] = widened[y, x] == 0 or mask[y, x]


@njit(cache=True, nogil=True)
def _widen_all(rows: NDArray[np.uint8], widened: NDArray[np.uint8]) -> None:
    line = np.empty(widened.shape[1], dtype=np.uint8)
    for y in range(len(widened)):
        line[:] = 0
        for place in range(len(_DISK)):
            _widen(rows[y + place], _DISK[place], line)
        widened[y] = line


@njit(cache=True, nogil=True)
def outstanding(contrast: NDArray[np.float32], least: float, share: float, reach: int, out: NDArray[np.bool_]) -> None:
    """Write to `out` which pixels reach `least`, and `share` of the highest within `reach` rows and columns of them.

    Few pixels reach it: only around those the highest is looked for.

    Args:
        contrast: Shape (y, x); NaN reaches nothing.
        least: In units of `contrast`.
        share: Above 0.
        reach: In pixels.
        out: Shape (y, x).

    """
    height, width = contrast.shape
    part = np.float32(share)
    for y in range(height):
        row, told = contrast[y], out[y]
        for x in range(width):
            told[x] = row[x] >= least
        for x in range(width):
            if told[x]:
                around = contrast[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
                told[x] = row[x] >= part * _highest(around)


@njit(cache=True, nogil=True)
def _highest(values: NDArray[np.float32]) -> np.float32:
    highest = np.float32(-np.inf)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            highest = values[y, x] if values[y, x] > highest else highest  # noqa: FURB136 - max may keep a NaN
    return highest
