"""Imagery read anew onto moved pixels, so that each pixel is interpolated once.

Reading onto a grid that lies beside the source's own pixels interpolates, and bringing the dates onto the same ground
(`geo.coregister`) would do so again; each time some of the finest detail is lost. Files on this disk can be read once
more instead, onto the grid moved back by the measured shift: whatever the file's CRS and pixels, that is one step.

Imagery that lies on the grid's own pixels is not read again: moving it is the only interpolation. Nor is imagery on the
web, of which a scene is fetched once and kept: tiles of the area's own UTM zone lie on the grid's pixels anyway.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from geo.grid import Grid
from geo.scene import Resample
from geo.sources.base import ImagerySource, SceneRef


@runtime_checkable
class MovingSource(Protocol):
    """A source that can be read again at no cost."""

    def read_moved(
        self, ref: SceneRef, grid: Grid, shift_px: tuple[float, float], *, bands: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return `bands` of `ref` on `grid`, moved (down, right) by `shift_px` pixels, in one interpolation.

        Returns:
            Shape (band, y, x), NaN where nothing was recorded, whatever hid the ground; None where `read` onto `grid`
            interpolates nothing, or the files would have to be fetched again.

        Raises:
            SourceError: As `ImagerySource.read` does.

        """
        ...


def resampling(source: ImagerySource, refs: Sequence[SceneRef], grid: Grid) -> Resample | None:
    """Return how scenes that were read from `source` onto `grid` are read anew; None where they cannot be."""
    if not isinstance(source, MovingSource):
        return None
    known = {ref.scene_id: ref for ref in refs}

    def read(scene_id: str, shift_px: tuple[float, float], bands: Sequence[str]) -> NDArray[np.float32] | None:
        return source.read_moved(known[scene_id], grid, shift_px, bands=bands)

    return read


def moved_grid(grid: Grid, shift_px: tuple[float, float]) -> Grid:
    """Return where to read what shall lie on `grid` after it was moved (down, right) by `shift_px` pixels."""
    down, right = shift_px
    return replace(grid, left_m=grid.left_m - right * grid.pixel_m, top_m=grid.top_m + down * grid.pixel_m)
