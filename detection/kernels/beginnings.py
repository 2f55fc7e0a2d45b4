"""Compiled search for the look from which on each pixel differs from its own past, pixel by pixel.

`detection.series.beginnings` says what is looked for and why.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _stray(look: NDArray[np.float32], mean: NDArray[np.float32], pixel: int) -> float:
    """Return the root of the mean squared distance over bands of one pixel of a look, shape (band, pixel)."""
    total = np.float32(0)
    for band in range(mean.size):
        apart = look[band, pixel] - mean[band]
        total += apart * apart
    return float(np.sqrt(total / np.float32(mean.size)))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _noise(sigma: float, floor: float, shadow: float, apart: float) -> float:
    return float(np.sqrt(max(sigma, floor) ** 2 + (shadow * apart) ** 2))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _begins(z: NDArray[np.float64], count: int, first_z: float, later_z: float, rules: tuple[float, int]) -> bool:
    """Say whether the first of `count` looks differs, and enough of all of them do; NaN was not seen."""
    lasting_share, soon = rules
    differing, seen, differing_soon, seen_soon = 0, 0, 0, 0
    for place in range(count):
        if not np.isnan(z[place]):
            is_far = z[place] >= later_z
            seen += 1
            differing += is_far
            seen_soon += place < soon
            differing_soon += is_far and place < soon
    return bool(z[0] >= first_z and differing >= lasting_share * seen and 2 * differing_soon >= seen_soon)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _compare(  # noqa: PLR0913, PLR0917 - arrays in, array out
    series: NDArray[np.float32],
    sigma: NDArray[np.float32],
    sun: NDArray[np.float32],
    compared: NDArray[np.int32],
    pixel: int,
    mean: NDArray[np.float32],
    past: NDArray[np.float64],
    least: tuple[float, float, float, float],
    z: NDArray[np.float64],
) -> int:
    """Write how far each of the looks `compared` lies from the past of a pixel, in sigma; return how many there are.

    The others are left out where the first one lies nearer than the last of `least`: then nothing begins.
    """
    floor, shadow, prior, needed = least
    own = np.sqrt(max((prior + past[1]) / (prior + past[2]), 1.0) * (1 + 1 / max(past[0], 1.0)))
    known = 0
    while known < z.size and compared[known] >= 0:
        other = compared[known]
        noise = _noise(sigma[other, pixel], floor, shadow, sun[other] - past[3])
        z[known] = _stray(series[other], mean, pixel) / (noise * own)
        known += 1
        if not z[0] >= needed:
            break
    return known


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _learn(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    look: NDArray[np.float32],
    pixel: int,
    far: float,
    sun: float,
    odd_z: float,
    mean: NDArray[np.float32],
    past: NDArray[np.float64],
) -> None:
    """Add a look, `far` sigma from the past of a pixel, to that past: odd looks count little."""
    trust = 1.0
    if past[0] > 0:
        trust = min(1.0, odd_z / max(far, 1e-3))
        past[1] += min(far * far, odd_z * odd_z) * trust
        past[2] += 1
    past[0] += trust
    gain = np.float32(trust / max(past[0], 1e-6))
    for band in range(mean.size):
        mean[band] += gain * (look[band, pixel] - mean[band])
    past[3] += gain * (sun - past[3])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def beginnings(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    series: NDArray[np.float32],
    sigma: NDArray[np.float32],
    shadows: NDArray[np.float32],
    sun: NDArray[np.float32],
    compared: NDArray[np.int32],
    limits: tuple[float, float, float, float],
    rules: tuple[float, int],
    past: tuple[float, float],
    certain: NDArray[np.int64],
    hinted: NDArray[np.int64],
) -> None:
    """Write the first look that certainly shows each pixel's change, and the first that may show it.

    Args:
        series: Shape (time, band, pixel); NaN where not seen.
        sigma: Noise of each look, shape (time, pixel).
        shadows: How much the pixel may change from an equinox to a solstice, shape (pixel,).
        sun: Where in its year the sun stands on each look, shape (time,).
        compared: For each look, the looks on which its change is checked, itself first, shape (time, n); then -1.
        limits: Least noise; sigma from which on a look certainly differs, may differ, and those after a hint do.
        rules: Share of the compared looks that must differ, and of how many of the first half must.
        past: How many looks' worth the noise of the looks counts, and beyond how many sigma a look counts little.
        certain: One a pixel; the number of looks where there is none.
        hinted: Likewise, not yet bounded by `certain`.

    """
    looks, bands, count = series.shape
    floor, certain_z, hint_z, later_z = limits
    mean = np.empty(bands, dtype=np.float32)
    known = np.empty(4)  # weight of the looks, their unrest, over how many of them, and the mean place of the sun
    z = np.empty(compared.shape[1])
    for pixel in range(count):
        certain[pixel] = hinted[pixel] = looks
        mean[:] = 0
        known[:] = 0
        for look in range(looks):
            off = _stray(series[look], mean, pixel)
            if np.isnan(off):
                continue
            if known[0] > 0:
                least = (floor, shadows[pixel], past[0], min(certain_z, hint_z))
                many = _compare(series, sigma, sun, compared[look], pixel, mean, known, least, z)
                if certain[pixel] == looks and _begins(z, many, certain_z, hint_z, rules):
                    certain[pixel] = look
                if hinted[pixel] == looks and _begins(z, many, hint_z, later_z, rules):
                    hinted[pixel] = look
            if max(certain[pixel], hinted[pixel]) < looks:
                break
            far = off / _noise(sigma[look, pixel], floor, shadows[pixel], sun[look] - known[3])
            _learn(series[look], pixel, far, sun[look], past[1], mean, known)
