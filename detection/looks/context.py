"""What surrounds a pixel, and what its noise is: means over what was seen, and robust spread."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.kernels import planes as planes_kernels
from detection.kernels.order import middle_and_scatter, rank_values
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
        middle, scatter = middle_and_scatter(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        if np.isnan(middle):
            return cls(middle=float("nan"), sigma=float("nan"))
        return cls(middle=middle, sigma=max(MAD_TO_SIGMA * scatter, sigma_floor))

    def z(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `values` in units of this noise; without any spread, everything is 0."""
        if self.sigma > 0:
            result: NDArray[np.float32] = np.subtract(values, self.middle, dtype=np.float32)
            result /= self.sigma
            return result
        return np.where(np.isfinite(values), 0.0, np.nan).astype(np.float32)

    @property
    def outlier_limit(self) -> np.float32:
        """What lies beyond three sigma, in the units of the bands; infinite without any spread."""
        return np.float32(self.middle + 3.0 * self.sigma if self.sigma > 0 else np.inf)


def median(values: NDArray[np.float32]) -> float:
    """Return the exact median of finite values, shape (n,), n above 0: as numpy's, in fewer passes."""
    low, high = rank_values(values, (values.size - 1) // 2, values.size // 2)
    return (low + high) / 2
