"""What a classification layer says of the ground, seen a little beyond the edge of the grid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl, shares_by_cause


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What of a grid was clearly seen."""

    classes: NDArray[np.float32]
    """SCL class numbers, shape (y, x); NaN where there is none."""
    is_clear: NDArray[np.bool_]
    hidden_share: Mapping[str, float]
    """Cause to share (0-1) of the grid; only causes that there are. They add up to what is not clear."""


def look_through(grid: Grid, params: MaskParams, read: Callable[[Grid], NDArray[np.float32]]) -> Seen:
    """Return where the classes that `read` brings are clear; clouds beyond the edge of `grid` are grown into it too."""
    rim = params.buffer_px
    wider = replace(
        grid,
        left_m=grid.left_m - rim * grid.pixel_m,
        top_m=grid.top_m + rim * grid.pixel_m,
        width_px=grid.width_px + 2 * rim,
        height_px=grid.height_px + 2 * rim,
    )
    wide = read(wider)
    inner = (slice(rim, rim + grid.height_px), slice(rim, rim + grid.width_px))
    classes, is_clear = wide[inner], clear_from_scl(wide, params)[inner]
    return Seen(classes=classes, is_clear=is_clear, hidden_share=shares_by_cause(classes, is_clear))
