"""Where the ground was clearly seen, told by the scene classification layer (SCL) of Sentinel-2 level 2A."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from skimage.morphology import disk

SCL_CLEAR = (2, 4, 5, 6, 7)
"""Dark area, vegetation, bare ground, water, unclassified."""

SCL_SPREADING = (3, 8, 9, 10, 11)
"""Cloud shadow, cloud of medium and high probability, cirrus, snow: their rims reach beyond what is classified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskParams:
    """How much is hidden around what hides the ground."""

    buffer_px: int = 2
    """Radius, in pixels of the work grid, by which cloud, shadow and snow are grown; 0 for none."""

    def __post_init__(self) -> None:
        if self.buffer_px < 0:
            raise ValueError(f"buffer_px cannot be negative; got {self.buffer_px}")


def clear_from_scl(classes: NDArray[np.float32], params: MaskParams) -> NDArray[np.bool_]:
    """Return where the ground was clearly seen, shape (y, x).

    Clouds, their shadows and snow are grown by ``params.buffer_px``. No data (0 or NaN) and defective pixels (1)
    are hidden, but not grown: they end where they end. A number that is no class is hidden too.

    Args:
        classes: SCL class numbers, shape (y, x); NaN where there is none.
        params: How far clouds are grown.

    """
    is_clear = np.isin(classes, SCL_CLEAR)
    spreads = np.isin(classes, SCL_SPREADING)
    if params.buffer_px == 0 or not spreads.any():
        return is_clear
    grown = binary_dilation(spreads, structure=disk(params.buffer_px, dtype=bool))
    return np.asarray(is_clear & ~grown, dtype=np.bool_)
