"""Compiled loops over every pixel's series: its unrest, its clearest cut, and which looks agree with it.

All arrays of values have shape (time, band, pixel), of weights (time, pixel).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FAST = {"contract", "nsz"}
_HALF = 0.5
"""Beyond it a look is nearer to what came after the step than to what was before it."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def mean_square(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` the root of the mean over bands of squared `values`, shape (time, pixel); NaN where any is."""
    for date in range(len(values)):
        row = out[date]
        row[:] = 0
        for band in range(values.shape[1]):
            layer = values[date, band]
            for pixel in range(row.size):
                row[pixel] += layer[pixel] * layer[pixel]
        for pixel in range(row.size):
            row[pixel] = np.sqrt(row[pixel] / np.float32(values.shape[1]))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def leaps(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` by how much each look differs from the one seen before it, mean over bands, (time - 1, pixel).

    NaN where a date was not seen in all bands, or nothing was seen before it. `values` are filled in place.
    """
    dates, bands, count = values.shape
    for date in range(1, dates):
        row = out[date - 1]
        row[:] = 0
        for band in range(bands):
            last, now = values[date - 1, band], values[date, band]
            for pixel in range(count):
                row[pixel] += abs(now[pixel] - last[pixel])
            for pixel in range(count):
                value = now[pixel]
                now[pixel] = value if value == value else last[pixel]  # noqa: PLR0124 - NaN
        for pixel in range(count):
            row[pixel] /= np.float32(bands)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def agreement(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    progress: NDArray[np.float32],
    onset: NDArray[np.int16],
    in_season: NDArray[np.bool_],
    persistence: NDArray[np.float32],
    season_persistence: NDArray[np.float32],
    agreeing: NDArray[np.int16],
    part: tuple[int, int],
) -> None:
    """Count the looks that lie on the right side of each pixel's step.

    Args:
        progress: How far each look has gone from before (0) to after (1), shape (time, pixel); NaN where not seen.
        onset: Index of the first date after the step; 0 or less where there is none.
        in_season: Which pairs of dates are of one season, shape (time, time).
        persistence: Share of the looks that agree, one a pixel; NaN without a step.
        season_persistence: The same of the looks after the step in whose season there was one before it; NaN for none.
        agreeing: Looks that agree before the step and from it on, shape (2, pixel); 0 without a step.
        part: First pixel, and the one after the last.

    """
    dates = len(progress)
    is_seen = np.empty(dates, dtype=np.bool_)
    for pixel in range(part[0], part[1]):
        cut = onset[pixel]
        seen, before, after, counted, lasting = 0, 0, 0, 0, 0
        for date in range(dates):
            value = progress[date, pixel]
            is_seen[date] = value == value  # noqa: PLR0124 - NaN
            if not is_seen[date]:
                continue
            seen += 1
            if date < cut:
                before += value <= _HALF
                continue
            after += value > _HALF
            if cut <= 0:
                continue
            for earlier in range(cut):
                if in_season[date, earlier] and is_seen[earlier]:
                    counted += 1
                    lasting += value > _HALF
                    break
        agreeing[0, pixel], agreeing[1, pixel] = (before, after) if cut > 0 else (0, 0)
        persistence[pixel] = (before + after) / max(seen, 1) if cut > 0 else np.nan
        season_persistence[pixel] = lasting / counted if counted else np.nan


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def clearest_cut(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    strength: NDArray[np.float32],
    information: NDArray[np.float32],
    own_noise: NDArray[np.float32],
    noises: NDArray[np.float64],
    least_information: float,
    score: NDArray[np.float32],
    contrast: NDArray[np.float32],
    part: tuple[int, int],
) -> None:
    """Write the clearest contrast of all cuts, in units of both noises together, and the same in units of the bands.

    Args:
        strength: Contrast at each cut, shape (cut, pixel); NaN where it cannot be told.
        information: Independent looks behind it, likewise.
        own_noise: Of each pixel in time, in units of the bands; 0: none but that of unchanged ground.
        noises: Middle and sigma of unchanged ground at each cut, shape (cut, 2).
        least_information: Fewer looks than this count as this.
        score: One a pixel; NaN where no cut tells.
        contrast: Likewise.
        part: First pixel, and the one after the last.

    """
    begin, end = part
    score, contrast, own_noise = score[begin:end], contrast[begin:end], own_noise[begin:end]
    score[:] = np.nan
    contrast[:] = np.nan
    for cut in range(len(strength) - 1, -1, -1):
        middle, sigma = np.float32(noises[cut, 0]), np.float32(noises[cut, 1])
        layer, backing = strength[cut, begin:end], information[cut, begin:end]
        for pixel in range(score.size):
            own = own_noise[pixel] / np.sqrt(max(backing[pixel], np.float32(least_information)))
            noise = np.sqrt(sigma * sigma + own * own) if sigma > 0 else np.float32(0)
            value = (layer[pixel] - middle) / noise if noise > 0 else np.float32(0) * layer[pixel]
            is_clearer = not value <= score[pixel] and value == value  # noqa: PLR0124 - NaN
            score[pixel] = value if is_clearer else score[pixel]
            contrast[pixel] = layer[pixel] if is_clearer else contrast[pixel]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def best_cut(
    gain: NDArray[np.float32],
    weight: NDArray[np.float32],
    cuts: NDArray[np.int32],
    onset: NDArray[np.int16],
    part: tuple[int, int],
) -> None:
    """Write to `onset` the cut that explains most of each pixel's series, -1 where none does.

    A date on which the pixel was not seen is no onset: the first clear look after the cut is.

    Args:
        gain: Shape (cut, pixel); NaN where it cannot be told.
        weight: Shape (time, pixel); 0 where not seen.
        cuts: Indices of the first date after each step, ascending.
        onset: One a pixel.
        part: First pixel, and the one after the last.

    """
    for pixel in range(part[0], part[1]):
        most = np.float32(-np.inf)
        onset[pixel] = -1
        for place in range(len(cuts) - 1, -1, -1):
            date = cuts[place]
            if gain[place, pixel] > most and weight[date, pixel] > 0:
                most = gain[place, pixel]
                onset[pixel] = date
