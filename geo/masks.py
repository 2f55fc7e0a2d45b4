"""Where the ground was clearly seen, and what hid it: by the scene classification layer (SCL) of Sentinel-2 level 2A.

A cloud probability, where there is one, is written into the classes (`with_cloud_probability`), so that all that
follows has one kind of mask to deal with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

SCL = "SCL"
"""The band of a scene that holds the classes."""

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
SCL_LAST = 11
"""The highest class number."""

Classes = NDArray[np.uint8] | NDArray[np.float32]
"""SCL class numbers of any shape: bytes, 0 where there is none, or floating point, NaN where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskParams:
    """How much is hidden around what hides the ground."""

    buffer_px: int = 2
    """Radius, in pixels of the work grid, by which cloud, shadow and snow are grown; 0 for none."""

    cloud_probability_percent: float | None = None
    """From this cloud probability on, ground of a clear class counts as cloud too; without it, which is the default,
    the classes alone decide. Bright roofs and bare ground look like cloud to every detector: where these are watched,
    a limit (40 is usual) costs looks and may hide what is new. By account, it costs the price of one more band."""

    def __post_init__(self) -> None:
        if self.buffer_px < 0:
            raise ValueError(f"buffer_px cannot be negative; got {self.buffer_px}")
        percent = self.cloud_probability_percent
        if percent is not None and not 0 < percent <= 100:  # noqa: PLR2004
            raise ValueError(f"cloud_probability_percent must be above 0 and at most 100; got {percent:g}")


def as_bytes(classes: Classes) -> NDArray[np.uint8]:
    """Return SCL classes as bytes, of the same shape; 0 for whatever is no whole number from 0 to 255."""
    if classes.dtype == np.uint8:
        return classes.astype(np.uint8, copy=False)
    with np.errstate(invalid="ignore"):  # of NaN; what that becomes is put right in the next line
        numbers = classes.astype(np.uint8)
    numbers[numbers != classes] = 0
    return numbers


def as_values(classes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return classes as a band of a `Scene` has them: floating point, NaN where there is none."""
    values = classes.astype(np.float32)
    values[classes == 0] = np.nan
    return values


def clear_from_scl(classes: Classes, params: MaskParams) -> NDArray[np.bool_]:
    """Return where the ground was clearly seen, shape (y, x).

    Clouds, their shadows and snow are grown by ``params.buffer_px``. No data (0 or NaN) and defective pixels (1)
    are hidden, but not grown: they end where they end. A number that is no class is hidden too.

    Args:
        classes: SCL class numbers, shape (y, x).
        params: How far clouds are grown.

    """
    numbers = as_bytes(classes)
    is_clear = _is_any(numbers, SCL_CLEAR)
    if params.buffer_px == 0:
        return is_clear
    spreads = _is_any(numbers, SCL_SPREADING)
    if spreads.any():
        is_clear &= ~_grown(spreads, params.buffer_px)
    return is_clear


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


def shares_by_cause(classes: Classes, is_clear: NDArray[np.bool_]) -> dict[str, float]:
    """Return why ground was not clearly seen: cause to share (0-1); only causes that there are.

    Args:
        classes: SCL class numbers of any shape.
        is_clear: The same pixels, as `clear_from_scl` told them. The shares add up to what is not clear.

    """
    numbers = as_bytes(classes)
    found: dict[int, int] = {number: int(np.count_nonzero(numbers == number)) for number in range(1, SCL_LAST + 1)}
    counts: dict[str, int] = {cause: sum(found[number] for number in hiding) for cause, hiding in CAUSES.items()}
    counts[NODATA] = classes.size - sum(found.values())
    counts[BESIDE] = int(np.count_nonzero(~is_clear)) - sum(counts.values())
    return {cause: float(count) / classes.size for cause, count in counts.items() if count}


def _is_any(numbers: NDArray[np.uint8], classes: Iterable[int]) -> NDArray[np.bool_]:
    """Return which numbers are one of `classes`: comparing bytes is cheap, and takes no memory beside."""
    is_any = np.zeros(numbers.shape, dtype=np.bool_)
    for number in classes:
        is_any |= numbers == number
    return is_any


def _grown(is_member: NDArray[np.bool_], radius_px: int) -> NDArray[np.bool_]:
    """Return what lies no farther than `radius_px` from a member, shape (y, x).

    A disc is a pile of rows, the wider the nearer to its middle: each member is drawn out into a row of that width,
    and the rows are laid over each other. That takes a tenth of the time of a dilation by a structure of any shape.
    """
    height, width = is_member.shape
    grown = is_member.copy()
    row, reach = is_member.copy(), 0
    for down in range(min(radius_px, height - 1), -1, -1):
        while reach < min(isqrt(radius_px**2 - down**2), width - 1):
            reach += 1
            row[:, reach:] |= is_member[:, : width - reach]
            row[:, : width - reach] |= is_member[:, reach:]
        grown[down:] |= row[: height - down]
        grown[: height - down] |= row[down:]
    return grown
