"""A scene small enough to be kept for the overview of all scenes."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from geo.scene import RGB_BANDS, Scene

LONGEST_PX = 48
"""Side of a thumbnail."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thumbnail:
    """What was recorded, clouds and all, in few pixels."""

    rgb: NDArray[np.float16]
    """Red, green and blue, shape (y, x, 3), in the unit of the bands; NaN where nothing was recorded. Not yet
    stretched: all scenes of an area are to be shown with one stretch."""
    is_clear: NDArray[np.bool_]
    """Shape (y, x): most of it was clearly seen."""
    is_true_colour: bool
    """False: one band in grey."""


def thumbnail_of(scene: Scene, *, longest_px: int = LONGEST_PX, side_px: int | None = None) -> Thumbnail:
    """Return `scene` averaged over whole blocks of pixels.

    Args:
        scene: The scene, or a part of one.
        longest_px: No side of the thumbnail is longer.
        side_px: Pixels a side of each block; by `longest_px` if None.

    """
    is_true_colour = all(band in scene.bands for band in RGB_BANDS)
    layers = [scene.bands[band] for band in RGB_BANDS] if is_true_colour else [_grey(scene)] * len(RGB_BANDS)
    side = side_px or max(1, ceil(max(scene.grid.shape) / longest_px))
    clear_share = _means_of(scene.is_clear.astype(np.float32), side)
    return Thumbnail(
        rgb=np.stack([_means_of(layer, side) for layer in layers], axis=-1).astype(np.float16),
        is_clear=clear_share > 0.5,  # noqa: PLR2004 - most of it
        is_true_colour=is_true_colour,
    )


def empty_thumbnail(shape: tuple[int, int], like: Thumbnail, *, side_px: int) -> Thumbnail:
    """Return a thumbnail of a scene of `shape` that shows nothing yet, of the colours of `like`, to be filled."""
    rows, columns = (ceil(length / side_px) for length in shape)
    return Thumbnail(
        rgb=np.full((rows, columns, like.rgb.shape[2]), np.nan, dtype=np.float16),
        is_clear=np.zeros((rows, columns), dtype=bool),
        is_true_colour=like.is_true_colour,
    )


def _grey(scene: Scene) -> NDArray[np.float32]:
    return next(scene.bands[band] for band in ("B04", *scene.bands) if band in scene.bands)


def _means_of(layer: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the mean of what was recorded in each block of `side` x `side` pixels; blocks at the ends may be cut."""
    rows, columns = (np.arange(0, length, side) for length in layer.shape)
    is_seen = np.isfinite(layer)

    def summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1), dtype=np.float32)

    count = summed(is_seen.astype(np.float32))
    total = summed(np.where(is_seen, layer, np.float32(0)))
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
