"""The maps of one area as rasters: which looks they are made of, and what may be read for them beyond those."""

import logging
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aoi.areas import Area
from detection.detect import Findings
from detection.looks.registered import crop_grid
from flows.area.pictures import credit_line
from flows.settings.version import sitewatch_version
from geo.coregister import moved
from geo.errors import SourceError
from geo.scene import Stack
from geo.sources.base import ImagerySource, SceneRef
from outputs.rasters.maps import Further, Maps, write_maps

logger = logging.getLogger(__name__)

SHORT_WAVE = ("B11", "B12")
"""Bands that are shown and not searched for changes."""
_RIM_PX = 14
"""So far does moving a look reach beyond its pixels."""


def draw_rasters(folder: Path, area: Area, found: Findings, *, credit: str, further: Further | None) -> None:
    """Write the maps of an area into `folder`; nothing where nothing could be compared.

    Raises:
        OutputError: The disk does not take it.

    """
    if found.registered is None or found.changes is None:
        return
    maps = Maps(
        area_id=area.area_id,
        area_name=area.name,
        stack=found.registered,
        changes=found.changes,
        clear_shares={look.scene_id: look.clear_share for look in found.looks},
        credit=lambda years: credit_line(credit, years),
        software=f"sitewatch {sitewatch_version()}",
        further=further,
    )
    write_maps(folder, maps)


def further_bands(source: ImagerySource, refs: Sequence[SceneRef], stack: Stack) -> Further | None:
    """Return how the short-wave infrared of the looks in `stack` is read; None where not all of them have it.

    To be asked only where reading costs nothing: each look is read anew.
    """
    known = {ref.scene_id: ref for ref in refs}
    looks = [known[scene_id] for scene_id in stack.scene_ids if scene_id in known]
    bands = tuple(band for band in SHORT_WAVE if all(band in ref.bands for ref in looks))
    if not bands or len(looks) < len(stack.scene_ids):
        return None

    def read(index: int, rows: slice) -> NDArray[np.float32]:
        return _read_moved(source, looks[index], stack, index, rows=rows, bands=bands)

    return Further(bands=bands, read=read)


def _read_moved(  # noqa: PLR0913  # which look, where it lies, what of it
    source: ImagerySource, ref: SceneRef, stack: Stack, index: int, *, rows: slice, bands: Sequence[str]
) -> NDArray[np.float32]:
    """Return `bands` of a look on the place where `stack` has it, shape (band, y, x); NaN where it cannot be read."""
    shift_px = _shift_px(stack, index)
    height, width = stack.grid.shape
    rim = _RIM_PX + ceil(max(abs(side) for side in shift_px))
    wide = slice(max(0, rows.start - rim), min(height, rows.stop + rim))
    try:
        scene = source.read(ref, crop_grid(stack.grid, (wide, slice(0, width))), bands=bands)
    except SourceError as error:
        logger.warning("%s: shown without short-wave infrared: %s", ref.scene_id, error)
        return np.full((len(bands), rows.stop - rows.start, width), np.nan, dtype=np.float32)
    values = np.stack([scene.bands[band] for band in bands])
    return moved(values, shift_px)[:, rows.start - wide.start : rows.stop - wide.start]


def _shift_px(stack: Stack, index: int) -> tuple[float, float]:
    """Return how far a look was moved: as all others usually, where that could not be measured."""
    if stack.shifts_px is None:
        return (0.0, 0.0)
    shift_px = stack.shifts_px[index]
    if not np.isfinite(shift_px).all():
        is_known = np.isfinite(stack.shifts_px).all(axis=1)
        shift_px = np.median(stack.shifts_px[is_known], axis=0) if is_known.any() else np.zeros(2)
    return (float(shift_px[0]), float(shift_px[1]))
