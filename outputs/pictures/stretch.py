"""From measured brightness to what a screen shows, alike for all pictures that stand side by side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LOW_PERCENT = 0.5
HIGH_PERCENT = 99.5
MIN_RANGE_SHARE = 0.05
"""Of the brightest value: where there is less contrast than this, noise is not blown up to look like structure."""


Limits = tuple[float, float] | NDArray[np.float32]
"""What becomes black and what becomes white; of each band where an array, shape (2, 3)."""


def limits_of_each_band(chips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the limits of each band of all `chips`, shape (2, 3): where bands are shown as other colours than theirs.

    Infrared is brighter than red over all that grows: with one stretch for all bands the picture would be red alone.
    """
    bands = [joint_limits([chip[..., band : band + 1] for chip in chips]) for band in range(3)]
    return np.array(bands, dtype=np.float32).T


def joint_limits(chips: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Return the values that become black and white in all `chips`, shapes (y, x, 3), NaN = not seen.

    One pair for all bands and all dates: what looks brighter is brighter, and hues stay as they are. The limits are
    percentiles of everything that was seen, so that a single glinting roof does not darken the rest.
    (0, 1) where nothing was seen.
    """
    seen = np.concatenate([chip[np.isfinite(chip)] for chip in chips])
    if seen.size == 0:
        return (0.0, 1.0)
    low, high = (float(value) for value in np.percentile(seen, [LOW_PERCENT, HIGH_PERCENT]))
    least_range = max(MIN_RANGE_SHARE * abs(high), float(np.finfo(np.float32).eps))
    lacking = max(0.0, least_range - (high - low))  # given to both ends: even ground is shown grey, not black
    return (low - lacking / 2, high + lacking / 2)


def stretched(chip: NDArray[np.float32], limits: Limits) -> NDArray[np.float32]:
    """Return `chip`, shape (y, x, 3), with `limits` moved to 0 and 1 and what lies beyond cut off. NaN stays NaN."""
    low, high = limits[0], limits[1]
    result: NDArray[np.float32] = np.clip((chip - low) / (high - low), 0, 1).astype(np.float32)
    return result
