"""What a classification layer says of the ground, seen a little beyond the edge of the grid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from geo.masks import (
    NODATA,
    Classes,
    MaskParams,
    as_bytes,
    as_values,
    clear_from_scl,
    shares_by_cause,
    with_cloud_probability,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What of a grid was clearly seen."""

    numbers: NDArray[np.uint8]
    """SCL class numbers, shape (y, x); 0 where there is none."""
    is_clear: NDArray[np.bool_]
    hidden_share: Mapping[str, float]
    """Cause to share (0-1) of the grid; only causes that there are. They add up to what is not clear."""

    @property
    def classes(self) -> NDArray[np.float32]:
        """The numbers as a band of a scene has them, shape (y, x); NaN where there is none."""
        return as_values(self.numbers)


Read = Callable[[Grid], Classes]


def look_through(
    grid: Grid,
    params: MaskParams,
    read: Read,
    read_cloud_percent: Callable[[Grid], NDArray[np.float32]] | None = None,
) -> Seen:
    """Return where the classes that `read` brings are clear; clouds beyond the edge of `grid` are grown into it too.

    Args:
        grid: The place.
        params: How the mask is made.
        read: Brings the classes of a grid, shape (y, x).
        read_cloud_percent: Brings the cloud probability of a grid, 0 to 100, NaN where nothing tells; asked only where
            `params` want it, and written into the classes that are returned.

    """
    rim = params.buffer_px
    wider = replace(
        grid,
        left_m=grid.left_m - rim * grid.pixel_m,
        top_m=grid.top_m + rim * grid.pixel_m,
        width_px=grid.width_px + 2 * rim,
        height_px=grid.height_px + 2 * rim,
    )
    wide = as_bytes(read(wider))
    if read_cloud_percent is not None and params.cloud_probability_percent is not None:
        cloud_percent = read_cloud_percent(wider)
        limit = params.cloud_probability_percent
        wide = as_bytes(with_cloud_probability(as_values(wide), cloud_percent, min_cloud_percent=limit))
    inner = (slice(rim, rim + grid.height_px), slice(rim, rim + grid.width_px))
    numbers, is_clear = wide[inner], clear_from_scl(wide, params)[inner]
    return Seen(numbers=numbers, is_clear=is_clear, hidden_share=shares_by_cause(numbers, is_clear))


def clear_of(
    seen: Seen | None, bands: Mapping[str, NDArray[np.float32]], grid: Grid
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Return where the ground was clearly seen in all `bands`, shape (y, x), and the shares (0-1) of what hid the rest.

    Args:
        seen: What the classification layer says; None where there is none: then all that was recorded is clear.
        bands: Values on `grid`; NaN where nothing was recorded.
        grid: The place.

    """
    is_recorded = np.ones(grid.shape, dtype=np.bool_)
    for values in bands.values():
        is_recorded &= np.isfinite(values)
    hidden = dict(seen.hidden_share) if seen else {}
    is_clear = is_recorded & seen.is_clear if seen else is_recorded
    lost = np.count_nonzero(seen.is_clear) - np.count_nonzero(is_clear) if seen else np.count_nonzero(~is_clear)
    if lost:
        hidden[NODATA] = hidden.get(NODATA, 0.0) + float(lost) / is_clear.size
    return is_clear, hidden
