"""Compiled loop of the monitor: add one look, or many, to the evidence of every pixel."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SPEAKS_FOR = 1.0
"""A look that strays at least this far, in sigma, along the sum speaks for it."""
_SAME_WAY = 0.5
"""Cosine of the angle up to which the sum before and after a look points the same way."""


@njit(cache=True, nogil=True)
def accumulate(  # noqa: C901, PLR0913, PLR0917 - one loop over dates and pixels; what it reads and keeps
    scores: NDArray[np.float32],
    days: NDArray[np.int32],
    settings: tuple[np.float32, np.float32, np.float32, int],
    evidence: NDArray[np.float32],
    run: NDArray[np.uint16],
    first_day: NDArray[np.int32],
    alarm_day: NDArray[np.int32],
    looks: NDArray[np.uint16],
) -> None:
    """Add dates to the evidence of every pixel: a cumulative sum that forgets a little at every look.

    Args:
        scores: Shape (date, band, px): independent standard scores, NaN where not seen.
        days: Shape (date,), ordinals, ascending.
        settings: What is forgotten at a look, the most one look counts, the alarm's height, the least run.
        evidence: Changed, shape (band, px): the sum, whose length is the evidence and whose direction the change.
        run: Changed: looks in a row that spoke for the present change.
        first_day: Changed: ordinal of the first of them, 0 for none.
        alarm_day: Changed: ordinal of the first alarm, 0 for none.
        looks: Changed: clear looks so far.

    """
    dates, bands, pixels = scores.shape
    forgotten, most, height, least_run = settings
    for date in range(dates):
        for pixel in range(pixels):
            far = np.float32(0)
            for band in range(bands):
                far += scores[date, band, pixel] * scores[date, band, pixel]
            if not np.isfinite(far):
                continue
            looks[pixel] = min(looks[pixel] + 1, 65535)
            shrink = min(np.float32(1), most / np.sqrt(max(far, np.float32(1e-12))))
            old_length, total, across, along = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for band in range(bands):
                old = evidence[band, pixel]
                score = shrink * scores[date, band, pixel]
                old_length += old * old
                total += (old + score) * (old + score)
                across += old * (old + score)
                along += score * (old + score)
            old_length, total = np.sqrt(old_length), np.sqrt(total)
            left = max(np.float32(0), np.float32(1) - forgotten / max(total, forgotten))
            for band in range(bands):
                evidence[band, pixel] = (evidence[band, pixel] + shrink * scores[date, band, pixel]) * left
            if left == 0 or along < _SPEAKS_FOR * total:
                run[pixel] = 0
                first_day[pixel] = 0
                continue
            goes_on = run[pixel] > 0 and across > _SAME_WAY * old_length * total
            run[pixel] = min(run[pixel] + 1, 65535) if goes_on else 1
            first_day[pixel] = first_day[pixel] if goes_on else days[date]
            if alarm_day[pixel] == 0 and run[pixel] >= least_run and total - forgotten >= height:
                alarm_day[pixel] = days[date]
