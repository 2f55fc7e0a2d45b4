"""Compiled comparison of a look with the usual one, by medians: is the air clear?"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detection.kernels.order import rank_in


@njit(cache=True, nogil=True)
def _median(values: NDArray[np.float32], kept: NDArray[np.float32]) -> float:
    low, high = rank_in(values, (values.size - 1) // 2, values.size // 2, kept)
    return (low + high) / 2


@njit(cache=True, nogil=True)
def _quantile(values: NDArray[np.float32], share: float, kept: NDArray[np.float32]) -> float:
    place = share * (values.size - 1)
    first = int(place)
    low, high = rank_in(values, first, min(first + 1, values.size - 1), kept)
    return low + (high - low) * (place - first)


@njit(cache=True, nogil=True, error_model="numpy")
def ratio(layer: NDArray[np.float32], base: NDArray[np.float32]) -> tuple[float, float]:
    """Return the median ratio of a look to the usual one, and the median distance from it, relative to it.

    Both of shape (n,), NaN where not seen; places where the usual one is not above 0 do not count. NaN where none does.
    """
    ratios = np.empty(layer.size + 1, dtype=np.float32)
    count = 0
    for place in range(layer.size):
        ratios[count] = layer[place] / base[place]
        count += np.isfinite(layer[place]) and base[place] > 0
    if not count:
        return np.nan, np.nan
    kept = np.empty(count + 1, dtype=np.float32)
    middle = _median(ratios[:count], kept)
    for place in range(count):
        ratios[place] = abs(ratios[place] / np.float32(middle) - np.float32(1))
    return middle, _median(ratios[:count], kept)


@njit(cache=True, nogil=True, error_model="numpy")
def _correlation(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float]:
    """Return the correlation, and the mean squared deviation of `y`."""
    own, other = 0.0, 0.0
    for place in range(x.size):
        own += x[place]
        other += y[place]
    own /= x.size
    other /= x.size
    both, first, second = 0.0, 0.0, 0.0
    for place in range(x.size):
        a, b = x[place] - own, y[place] - other
        both += a * b
        first += a * a
        second += b * b
    return both / np.sqrt(first * second), second / x.size


@njit(cache=True, nogil=True)
def _ends(
    x: NDArray[np.float32], y: NDArray[np.float32], limits: tuple[float, float], kept: NDArray[np.float32]
) -> tuple[float, float, float, float]:
    """Return the medians of `x` and `y` where `x` is at most the first limit, and where it is at least the second."""
    part = np.empty((4, x.size + 1), dtype=np.float32)
    dark, bright = 0, 0
    for place in range(x.size):
        part[0, dark], part[1, dark] = x[place], y[place]
        part[2, bright], part[3, bright] = x[place], y[place]
        dark += x[place] <= np.float32(limits[0])
        bright += x[place] >= np.float32(limits[1])
    return (
        _median(part[0, :dark], kept),
        _median(part[1, :dark], kept),
        _median(part[2, :bright], kept),
        _median(part[3, :bright], kept),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def regression(layer: NDArray[np.float32], base: NDArray[np.float32], least: int) -> tuple[float, float, float]:
    """Return slope and intercept of a look against the usual one, by their darker and brighter tenth, and correlation.

    Both of shape (n,), NaN where not seen; (1, 0, 1) where fewer than `least` places, or no contrast, tell.
    """
    x, y = np.empty((2, layer.size + 1), dtype=np.float32)
    count = 0
    for place in range(layer.size):
        x[count], y[count] = base[place], layer[place]
        count += np.isfinite(layer[place]) and np.isfinite(base[place])
    if count < least:
        return 1.0, 0.0, 1.0
    x, y = x[:count], y[:count]
    kept = np.empty(count + 1, dtype=np.float32)
    dark_x, dark_y, bright_x, bright_y = _ends(x, y, (_quantile(x, 0.1, kept), _quantile(x, 0.9, kept)), kept)
    likeness, spread = _correlation(x, y)
    if bright_x <= dark_x or spread == 0:
        return 1.0, 0.0, 1.0
    slope = (bright_y - dark_y) / (bright_x - dark_x)
    return slope, _median(y, kept) - slope * _median(x, kept), likeness
