"""Compiled structure of an image: edges of fields, roads and buildings, whatever the light."""

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

_REACH = 4
_BELL = np.exp(-0.5 * np.arange(-_REACH, _REACH + 1, dtype=np.float64) ** 2)
_BELL /= _BELL.sum()
"""A bell of one pixel, cut at four."""
_NEAR_GAP_PX = 3
_FAR = 1 << 30


@njit(cache=True, nogil=True)
def _reflected(place: int, size: int) -> int:
    """Return which of `size` pixels stands at `place`: beyond an edge the image is mirrored, the edge itself too."""
    while place < 0 or place >= size:
        place = -1 - place if place < 0 else 2 * size - 1 - place
    return place


@njit(cache=True, nogil=True)
def _padded(row: NDArray[np.float32], reach: int, out: NDArray[np.float32]) -> None:
    for x in range(row.size):
        out[reach + x] = row[x]
    for x in range(reach):
        out[reach - 1 - x] = row[_reflected(-1 - x, row.size) if x >= row.size else x]
        out[reach + row.size + x] = row[_reflected(row.size + x, row.size)]


@njit(cache=True, nogil=True)
def _start(row: NDArray[np.float32], total: NDArray[np.float64]) -> None:
    for x in range(total.size):
        total[x] = row[x] * _BELL[_REACH]


@njit(cache=True, nogil=True)
def _add_both(one: NDArray[np.float32], other: NDArray[np.float32], place: int, total: NDArray[np.float64]) -> None:
    for x in range(total.size):
        total[x] += (np.float64(one[x]) + np.float64(other[x])) * _BELL[_REACH + place]


@njit(cache=True, nogil=True)
def _blurred(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write `values`, shape (y, x), averaged by `_BELL` down and right; sums are of double precision."""
    height, width = values.shape
    line, total = np.empty(width + 2 * _REACH, dtype=np.float32), np.empty(width)
    for y in range(height):
        _start(values[y], total)
        for place in range(-_REACH, 0):
            above, below = values[_reflected(y + place, height)], values[_reflected(y - place, height)]
            _add_both(above, below, place, total)
        out[y] = total
        _padded(out[y], _REACH, line)
        _start(line[_REACH:], total)
        for place in range(-_REACH, 0):
            _add_both(line[_REACH + place :], line[_REACH - place :], place, total)
        out[y] = total


@njit(cache=True, nogil=True)
def _difference_right(row: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    last = row.size - 1
    for x in range(row.size):
        out[x] = np.float64(row[min(x + 1, last)]) - np.float64(row[max(x - 1, 0)])


@njit(cache=True, nogil=True)
def _steepness(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write the length of the gradient of `values`, shape (y, x), by Sobel's differences."""
    height, width = values.shape
    slope = np.empty(width, dtype=np.float32)
    right = np.empty((3, width), dtype=np.float32)
    last = width - 1
    for y in range(height):
        up, low = max(y - 1, 0), min(y + 1, height - 1)
        above, below = values[up], values[low]
        for x in range(width):
            slope[x] = np.float64(below[x]) - np.float64(above[x])
        for place, row in enumerate((up, y, low)):
            _difference_right(values[row], right[place])
        for x in range(width):
            beside = np.float64(slope[max(x - 1, 0)]) + np.float64(slope[min(x + 1, last)])
            down = np.float32(2 * np.float64(slope[x]) + beside)
            around = np.float64(right[0, x]) + np.float64(right[2, x])
            across = np.float32(2 * np.float64(right[1, x]) + around)
            out[y, x] = sqrt(np.float64(down) * np.float64(down) + np.float64(across) * np.float64(across))


@njit(cache=True, nogil=True)
def _count_steps(brightness: NDArray[np.float32], steps: NDArray[np.int32]) -> None:
    """Write how many steps down and right lie between each pixel and a gap, those from below and right left out."""
    for y in range(len(steps)):
        for x in range(steps.shape[1]):
            least = _FAR if np.isfinite(brightness[y, x]) else 0
            above = steps[y - 1, x] if y > 0 else _FAR
            before = steps[y, x - 1] if x > 0 else _FAR
            steps[y, x] = min(least, above + 1, before + 1)


@njit(cache=True, nogil=True)
def _hide_near_gaps(brightness: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Put NaN to `out` up to three steps, down or right, from where `brightness` is NaN."""
    height, width = brightness.shape
    steps = np.empty((height, width), dtype=np.int32)
    _count_steps(brightness, steps)
    for y in range(height - 1, -1, -1):
        for x in range(width - 1, -1, -1):
            below = steps[y + 1, x] if y + 1 < height else _FAR
            beyond = steps[y, x + 1] if x + 1 < width else _FAR
            steps[y, x] = min(steps[y, x], below + 1, beyond + 1)
            if steps[y, x] <= _NEAR_GAP_PX:
                out[y, x] = np.nan


@njit(cache=True, nogil=True)
def edges(brightness: NDArray[np.float32], light: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` the gradient of `light`, blurred by one pixel.

    Args:
        brightness: Shape (y, x); NaN where not seen.
        light: Its logarithm, with something in the gaps.
        out: Shape (y, x); NaN where not seen, or within three pixels of that.

    """
    smooth = np.empty_like(light)
    _blurred(light, smooth)
    _steepness(smooth, out)
    _hide_near_gaps(brightness, out)


@njit(cache=True, nogil=True)
def fading(
    image: NDArray[np.float32],
    is_seen: NDArray[np.bool_],
    window: NDArray[np.float64],
    cap: float,
    out: NDArray[np.float64],
) -> None:
    """Write to `out` `image` less its mean, times `window`: 0 where not seen, capped at `cap` standard deviations.

    Args:
        image: Shape (y, x), finite where seen.
        is_seen: Shape (y, x).
        window: What fades towards the edges, shape (y, x).
        cap: In standard deviations of what is seen.
        out: Shape (y, x).

    """
    height, width = image.shape
    total, square, count = 0.0, 0.0, 0
    for y in range(height):
        for x in range(width):
            value = np.float64(image[y, x]) if is_seen[y, x] else 0.0
            total += value
            count += is_seen[y, x]
    mean = total / max(count, 1)
    for y in range(height):
        for x in range(width):
            apart = image[y, x] - mean if is_seen[y, x] else 0.0
            square += apart * apart
    most = cap * sqrt(square / max(count, 1))
    for y in range(height):
        for x in range(width):
            out[y, x] = min(image[y, x] - mean, most) * window[y, x] if is_seen[y, x] else 0.0
