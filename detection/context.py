"""How much does one image differ from another, seen against its own surroundings and its own noise?

Between two dates everything changes a little: the sun, the haze, the moisture. All of that is alike over a
kilometre, so each pixel is compared with what its surroundings say it should have become: before times the
local ratio of the two dates. This is the idea of sibling regression (SiROC: Kondmann et al. 2021,
doi:10.1109/TGRS.2021.3130842) with one wide box instead of rings, taken in both directions of time, so that
the answer does not depend on which date is called the first.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""

_TINY = 1e-9


def box_mean(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """Average over a square window; outside the array counts as zero."""
    mean: NDArray[np.float32] = ndimage.uniform_filter(values, side_px, mode="constant")
    return mean


def mean_of_seen(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """Average the seen pixels of each window, shape (y, x); NaN stays NaN where the pixel itself is."""
    is_seen = np.isfinite(values)
    weight = box_mean(is_seen.astype(np.float32), side_px)
    total = box_mean(np.where(is_seen, values, 0).astype(np.float32), side_px)
    return np.where(is_seen, total / np.maximum(weight, _TINY), np.nan).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What unchanged ground looks like in one comparison, in the units of the bands."""

    middle: float
    sigma: float

    @classmethod
    def of(cls, values: NDArray[np.float32], *, sigma_floor: float = 0.0) -> Self:
        """Measure the median and the robust sigma of what is not NaN; NaN where nothing is.

        The scene's own noise sets the scale, never a constant; only below `sigma_floor` nothing is believed.
        """
        seen = values[np.isfinite(values)]
        if not seen.size:
            return cls(middle=float("nan"), sigma=float("nan"))
        middle = float(np.median(seen))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(seen - middle)))
        return cls(middle=middle, sigma=max(spread, sigma_floor))

    def z(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `values` in units of this noise; without any spread, everything is 0."""
        if self.sigma > 0:
            return ((values - self.middle) / self.sigma).astype(np.float32)
        return np.where(np.isfinite(values), 0.0, np.nan).astype(np.float32)


def local_ratio(
    reference: NDArray[np.float32], image: NDArray[np.float32], weight: NDArray[np.float32], side_px: int
) -> NDArray[np.float32]:
    """Return the factor that turns `reference` into `image` around each pixel: least squares through zero.

    Args:
        reference: One band, shape (y, x), NaN where not seen.
        image: The same band of another date.
        weight: How much each pixel counts, shape (y, x).
        side_px: Side of the surroundings.

    """
    is_seen = np.isfinite(reference) & np.isfinite(image)
    first = np.where(is_seen, reference, 0).astype(np.float32)
    second = np.where(is_seen, image, 0).astype(np.float32)
    across = box_mean(weight * first * second, side_px)
    own = box_mean(weight * first * first, side_px)
    return np.where(own > _TINY, across / np.maximum(own, _TINY), 1.0).astype(np.float32)
