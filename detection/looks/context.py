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

from detection.kernels import planes as planes_kernels
from detection.kernels.order import rank_values
from detection.kernels.threads import spread

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""


def box_mean(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """Average over a square window; outside the array counts as zero."""
    mean: NDArray[np.float32] = ndimage.uniform_filter(values, side_px, mode="constant")
    return mean


def mean_of_seen(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """Average the seen pixels of each window, shape (..., y, x); NaN stays NaN where the pixel itself is.

    Args:
        values: One plane or many; NaN where not seen.
        side_px: Side of the window, odd.

    """
    planes = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, *values.shape[-2:])
    result = np.empty_like(planes)
    spread(planes_kernels.mean_of_seen, [(plane, side_px, out) for plane, out in zip(planes, result, strict=True)])
    return result.reshape(values.shape)


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
        seen = np.ascontiguousarray(values[np.isfinite(values)], dtype=np.float32)
        if not seen.size:
            return cls(middle=float("nan"), sigma=float("nan"))
        middle = median(seen)
        scatter = MAD_TO_SIGMA * median(np.abs(seen - np.float32(middle)))
        return cls(middle=middle, sigma=max(scatter, sigma_floor))

    def z(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `values` in units of this noise; without any spread, everything is 0."""
        if self.sigma > 0:
            return ((values - self.middle) / self.sigma).astype(np.float32)
        return np.where(np.isfinite(values), 0.0, np.nan).astype(np.float32)

    @property
    def outlier_limit(self) -> np.float32:
        """What lies beyond three sigma, in the units of the bands; infinite without any spread."""
        return np.float32(self.middle + 3.0 * self.sigma if self.sigma > 0 else np.inf)


def local_ratio(  # noqa: PLR0913 - two images, what is known of them, and where
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    side_px: int,
    *,
    before: NDArray[np.float32] | None = None,
    limit: float = np.inf,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the factor that turns `reference` into `image` around each pixel: least squares through zero.

    Args:
        reference: One band, shape (y, x), NaN where not seen.
        image: The same band of another date.
        side_px: Side of the surroundings, odd.
        before: A first answer, shape (y, x): pixels that lie `limit` or more off it count next to nothing.
        limit: In units of `image`.
        out: Where to write the answer, not into `before`.

    """
    result = np.empty_like(reference) if out is None else out
    planes_kernels.local_ratio(
        reference, image, reference if before is None else before, np.float32(limit), side_px, result
    )
    return result


def median(values: NDArray[np.float32]) -> float:
    """Return the exact median of finite values, shape (n,), n above 0: as numpy's, in fewer passes."""
    low, high = rank_values(values, (values.size - 1) // 2, values.size // 2)
    return (low + high) / 2


def quantile(values: NDArray[np.float32], share: float) -> float:
    """Return the quantile `share` (0-1) of finite values, shape (n,), n above 0, linear between them."""
    place = share * (values.size - 1)
    low, high = rank_values(values, int(place), min(int(place) + 1, values.size - 1))
    return low + (high - low) * (place - int(place))
