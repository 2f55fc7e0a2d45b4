"""Compiled cubic splines: an image moved by a fraction of a pixel, in two passes over it.

What lies beyond the image is taken to go on as its edge (Unser 1999, doi:10.1109/79.799930, for the filters).
"""

from math import ceil, floor, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

_POLE = sqrt(3) - 2
_LANES = 16
_ALL_SEEN = 0.999
"""One, but for rounding."""


@njit(cache=True, nogil=True)
def _along(lines: NDArray[np.float32], begin: int, part: float, count: int, out: NDArray[np.float32]) -> None:
    """Resample lines lying side by side, shape (place, lane), at ``begin + part`` and `count` places from there on.

    `lines` hold edge values where the image does not reach; they are overwritten by their spline coefficients.
    """
    size, lanes = lines.shape
    pole = np.float32(_POLE)
    one = np.float32(1)
    last = lines[size - 1].copy()
    for lane in range(lanes):
        lines[0, lane] /= one - pole
    for place in range(1, size):
        row, behind = lines[place], lines[place - 1]
        for lane in range(lanes):
            row[lane] += pole * behind[lane]
    for lane in range(lanes):
        steady = last[lane] / (one - pole)
        rest = lines[size - 1, lane] - steady
        lines[size - 1, lane] = -pole * (steady / (one - pole) + rest / (one - pole * pole))
    for place in range(size - 2, -1, -1):
        row, ahead = lines[place], lines[place + 1]
        for lane in range(lanes):
            row[lane] = pole * (ahead[lane] - row[lane])
    _weigh(lines, begin, part, count, out)


@njit(cache=True, nogil=True)
def _weigh(lines: NDArray[np.float32], begin: int, part: float, count: int, out: NDArray[np.float32]) -> None:
    """Sum the coefficients around each place, by the weights of a spline at ``part`` between two of them."""
    # the gain of the filter, six, and the sixths of the spline's weights cancel
    first = np.float32((1 - part) ** 3)
    second = np.float32(3 * part**3 - 6 * part**2 + 4)
    third = np.float32(-3 * part**3 + 3 * part**2 + 3 * part + 1)
    fourth = np.float32(part**3)
    for place in range(count):
        row = out[place]
        a, b, c, d = (
            lines[begin + place - 1],
            lines[begin + place],
            lines[begin + place + 1],
            lines[begin + place + 2],
        )
        for lane in range(row.size):
            row[lane] = first * a[lane] + second * b[lane] + third * c[lane] + fourth * d[lane]


@njit(cache=True, nogil=True)
def move(values: NDArray[np.float32], down: float, right: float, fill: float, out: NDArray[np.float32]) -> None:
    """Write to `out` the image `values`, shape (y, x), moved by (down, right) pixels.

    Args:
        values: NaN where not seen.
        down: In pixels.
        right: In pixels.
        fill: What stands in gaps meanwhile.
        out: NaN where a pixel takes a part of its value from an unseen one, or from outside.

    """
    height = len(values)
    _move_down(values, down, fill, out)
    _move_right(out, right)
    whole_down, whole_right = floor(-down), floor(-right)
    part_down, part_right = -down - whole_down, -right - whole_right
    least = 1 - _ALL_SEEN
    for y in range(height):
        row = out[y]
        for place, down_share in ((y + whole_down, 1 - part_down), (y + whole_down + 1, part_down)):
            for whole, right_share in ((whole_right, 1 - part_right), (whole_right + 1, part_right)):
                if down_share * right_share >= least:
                    if 0 <= place < height:
                        _hide(values[place], whole, row)
                    else:
                        row[:] = np.nan


@njit(cache=True, nogil=True, fastmath={"contract", "nsz"})
def _hide(seen: NDArray[np.float32], shift: int, row: NDArray[np.float32]) -> None:
    """Put NaN to `row` where the pixel `shift` places on in `seen` is NaN, or lies outside."""
    begin, end = max(0, -shift), min(row.size, row.size - shift)
    row[:begin] = np.nan
    row[max(end, 0) :] = np.nan
    if end <= begin:
        return
    here, there = row[begin:end], seen[begin + shift : end + shift]
    for x in range(here.size):
        here[x] = here[x] if there[x] == there[x] else np.float32(np.nan)


@njit(cache=True, nogil=True)
def _move_down(values: NDArray[np.float32], down: float, fill: float, out: NDArray[np.float32]) -> None:
    height, width = values.shape
    whole = floor(-down)
    rim = ceil(abs(down)) + 2
    lanes = 4 * _LANES
    lines = np.zeros((height + 2 * rim, lanes), dtype=np.float32)
    moved = np.zeros((height, lanes), dtype=np.float32)
    gap = np.float32(fill)
    for start in range(0, width, lanes):
        count = min(lanes, width - start)
        for place in range(height + 2 * rim):
            row = values[min(max(place - rim, 0), height - 1), start : start + count]
            line = lines[place]
            for lane in range(count):
                line[lane] = row[lane] if row[lane] == row[lane] else gap
        _along(lines, rim + whole, -down - whole, height, moved)
        for place in range(height):
            out[place, start : start + count] = moved[place, :count]


@njit(cache=True, nogil=True)
def _move_right(out: NDArray[np.float32], right: float) -> None:
    """Move `out` in place."""
    height, width = out.shape
    whole = floor(-right)
    rim = ceil(abs(right)) + 2
    lines = np.zeros((width + 2 * rim, _LANES), dtype=np.float32)
    moved = np.zeros((width, _LANES), dtype=np.float32)
    for start in range(0, height, _LANES):
        count = min(_LANES, height - start)
        for lane in range(count):
            row = out[start + lane]
            for place in range(width):
                lines[rim + place, lane] = row[place]
            for place in range(rim):
                lines[place, lane] = row[0]
                lines[rim + width + place, lane] = row[width - 1]
        _along(lines, rim + whole, -right - whole, width, moved)
        for lane in range(count):
            row = out[start + lane]
            for place in range(width):
                row[place] = moved[place, lane]
