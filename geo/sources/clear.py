"""What a classification layer says of the ground, seen a little beyond the edge of the grid."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import (
    NODATA,
    SCL,
    Classes,
    MaskParams,
    as_bytes,
    as_values,
    clear_from_scl,
    shares_by_cause,
    with_cloud_probability,
)
from geo.scene import Scene
from geo.sources.base import SceneRef

logger = logging.getLogger(__name__)

CLOUD_LAYER = "CLD"
"""The layer of cloud probability in per cent: no band, for it serves the mask alone."""


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
    *,
    what: str,
) -> Seen:
    """Return where the classes that `read` brings are clear; clouds beyond the edge of `grid` are grown into it too.

    Args:
        grid: The place.
        params: How the mask is made.
        read: Brings the classes of a grid, shape (y, x).
        read_cloud_percent: Brings the cloud probability of a grid, 0 to 100, NaN where nothing tells; asked only where
            `params` want it, and written into the classes that are returned.
        what: The scene, for messages.

    Raises:
        SourceError: A cloud probability lies outside 0 to 100 per cent.

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
        try:
            wide = as_bytes(with_cloud_probability(as_values(wide), cloud_percent, min_cloud_percent=limit))
        except ValueError as error:
            raise SourceError(f"{what}: {error}") from error
    inner = (slice(rim, rim + grid.height_px), slice(rim, rim + grid.width_px))
    numbers, is_clear = wide[inner], clear_from_scl(wide, params)[inner]
    return Seen(numbers=numbers, is_clear=is_clear, hidden_share=shares_by_cause(numbers, is_clear))


@cache
def tell_of_missing_probability(place: str) -> None:
    """Say, once in the life of the process, that scenes of a source are masked by their classes alone."""
    logger.warning(
        "%s: not every scene has a cloud probability; where there is none, the classes alone say what is cloud", place
    )


def scene_of(
    ref: SceneRef, grid: Grid, values: Mapping[str, NDArray[np.float32]], seen: Seen | None, *, bands: Sequence[str]
) -> Scene:
    """Return `ref` as it was read.

    Args:
        ref: What was read.
        grid: Where.
        values: What was measured there, by band, shape (y, x); NaN where nothing was recorded.
        seen: What its classification layer says; None where it has none.
        bands: What the scene shall have, the classes (`SCL`) perhaps among them.

    """
    is_clear, hidden_share = _clear_of(seen, values, grid)
    layers = {**values, SCL: seen.classes} if seen and SCL in bands else values
    return Scene(
        scene_id=ref.scene_id,
        observed_at=ref.observed_at,
        platform=ref.platform,
        quantity=ref.quantity,
        grid=grid,
        bands={band: layers[band] for band in bands},
        is_clear=is_clear,
        processing_baseline=ref.processing_baseline,
        relative_orbit=ref.relative_orbit,
        hidden_share=hidden_share,
    )


def _clear_of(
    seen: Seen | None, bands: Mapping[str, NDArray[np.float32]], grid: Grid
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Return where the ground was clearly seen in all `bands`, shape (y, x), and the shares (0-1) of what hid the rest.

    Without classes all that was recorded is clear.
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
