"""Where the ground was clearly seen, and what hid it: by the scene classification layer (SCL) of Sentinel-2 level 2A.

A cloud probability, where there is one, is written into the classes (`with_cloud_probability`), so that all that
follows has one kind of mask to deal with.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from skimage.morphology import disk

SCL_CLEAR = (2, 4, 5, 6, 7)
"""Dark area, vegetation, bare ground, water, unclassified."""

SCL_SPREADING = (3, 8, 9, 10, 11)
"""Cloud shadow, cloud of medium and high probability, cirrus, snow: their rims reach beyond what is classified."""

SCL_UNCLASSIFIED = 7
SCL_CLOUD = 8

CAUSES: Mapping[str, tuple[int, ...]] = {
    "cloud": (8, 9, 10),
    "shadow": (3,),
    "snow": (11,),
    "saturated": (1,),
}
"""SCL classes by the cause for which they are hidden; class 1 is saturated or defective."""
BESIDE = "beside"
"""Near cloud, shadow or snow, though of a clear class itself."""
NODATA = "nodata"


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


def with_cloud_probability(
    classes: NDArray[np.float32] | None, cloud_percent: NDArray[np.float32], *, min_cloud_percent: float = 40.0
) -> NDArray[np.float32]:
    """Return SCL classes, shape (y, x), in which clear ground that is probably cloud is cloud (class 8).

    Args:
        classes: SCL class numbers, or None where there is no such layer: then all is unclassified or cloud, and what
            has no probability is no data.
        cloud_percent: How probably it is cloud, 0 to 100; NaN where nothing tells, which changes nothing.
        min_cloud_percent: From this probability on it is cloud.

    Raises:
        ValueError: A probability lies outside 0 to 100: it may be a share, or a byte.

    """
    strange = cloud_percent[np.isfinite(cloud_percent) & ((cloud_percent < 0) | (cloud_percent > 100))]  # noqa: PLR2004
    if strange.size:
        raise ValueError(f"a cloud probability lies between 0 and 100 per cent; got {strange[0]:g}")
    if classes is None:
        classes = np.where(np.isfinite(cloud_percent), SCL_UNCLASSIFIED, 0).astype(np.float32)
    is_cloud = np.isin(classes, SCL_CLEAR) & (cloud_percent >= min_cloud_percent)
    return np.where(is_cloud, np.float32(SCL_CLOUD), classes)


def shares_by_cause(classes: NDArray[np.float32], is_clear: NDArray[np.bool_]) -> dict[str, float]:
    """Return why ground was not clearly seen: cause to share (0-1); only causes that there are.

    Args:
        classes: SCL class numbers of any shape; NaN where there is none.
        is_clear: The same pixels, as `clear_from_scl` told them. The shares add up to what is not clear.

    """
    counts = {cause: np.count_nonzero(np.isin(classes, numbers)) for cause, numbers in CAUSES.items()}
    counts[NODATA] = np.count_nonzero(~np.isin(classes, range(1, 12)))
    counts[BESIDE] = np.count_nonzero(~is_clear) - sum(counts.values())
    return {cause: float(count) / classes.size for cause, count in counts.items() if count}
