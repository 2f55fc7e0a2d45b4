"""The door to detection: a stack goes in, detections and coverage come out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from detection.blocks import Window
from detection.chance.placebo import weigh_against_placebos
from detection.changes import ChangeMap, map_changes
from detection.coverage import coverage_row, no_imagery_row
from detection.kernels.memory import keep_memory
from detection.looks.choose import JudgedLook, Looks, choose_looks
from detection.objects.rows import Whole
from detection.params import DetectParams
from detection.room import Room
from detection.schema import Outcome, coverage_frame, detections_frame
from detection.tiles import tell_in_tiles, tiles_of
from geo.grid import Grid
from geo.scene import Stack

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What came of looking at one area."""

    detections: gpd.GeoDataFrame
    """Checked by `detection.schema.check_detections`, in the CRS of the grid; no rows where nothing was found."""
    coverage: gpd.GeoDataFrame
    """One row, whose geometry is the whole grid: who knows the area's own outline puts it in its place."""
    registered: Stack | None = None
    """The looks that counted, co-registered: what pictures are made from. None where nothing could be compared."""
    looks: tuple[JudgedLook, ...] = ()
    """What was decided about each look, ascending in time."""
    changes: ChangeMap | None = None
    """Pixel by pixel what the detections were made from; None where nothing could be compared."""

    @property
    def outcome(self) -> Outcome:
        """What the coverage row says."""
        return Outcome(self.coverage["outcome"].iloc[0])


def find_changes(  # noqa: PLR0913 - what to look at, how, and with what means
    stack: Stack,
    area_id: str,
    inside: NDArray[np.bool_],
    params: DetectParams,
    radar: Stack | None = None,
    *,
    room: Room | None = None,
) -> Findings:
    """Find what changed for good in one area, and say what could not have been seen.

    Args:
        stack: All looks at the area and its surroundings; any number, also none that is clear.
        area_id: Names the area in the tables.
        inside: Shape (y, x): the pixels of the area itself. What changed outside is context only.
        params: How changes are found.
        radar: Radar looks at the same ground on the same grid, if there are any: a second witness.
        room: The memory that may be used: larger areas are worked on in blocks. None: all that is needed.

    Returns:
        Detections (without facilities: `outputs.risk.join` adds them) and the coverage row.

    """
    if room is None:
        keep_memory()
    looks = choose_looks(stack, inside, params.looks)
    if looks.stack is None:
        logger.info("%s: %d looks, too few clear ones to compare", area_id, len(stack.days))
        row = coverage_row(area_id, looks, inside, None, params)
        return Findings(
            detections=detections_frame([], epsg=stack.grid.epsg),
            coverage=coverage_frame([row], epsg=stack.grid.epsg),
            looks=looks.judged,
        )
    changes = map_changes(looks.stack, params, room=room)
    tiles = tiles_of(stack.grid, len(looks.stack.days), len(looks.stack.bands), params, room)
    if len(tiles) > 1:
        return _findings_in_tiles(area_id, looks, changes, inside, params=params, radar=radar, tiles=tiles, room=room)
    teller = Whole.of(area_id, changes, params, radar)
    rows = weigh_against_placebos(teller.rows(inside), teller, inside, params, room=room)
    row = coverage_row(area_id, looks, inside, changes, params)
    row["outcome"] = Outcome.FOUND.value if rows else row["outcome"]
    logger.info("%s: %d looks, %d clear, %d detections", area_id, len(stack.days), len(looks.stack.days), len(rows))
    return Findings(
        detections=detections_frame(rows, epsg=stack.grid.epsg),
        coverage=coverage_frame([row], epsg=stack.grid.epsg),
        registered=changes.stack,
        looks=looks.judged,
        changes=changes,
    )


def _findings_in_tiles(  # noqa: PLR0913 - what was seen, where, how it is judged, and in which pieces
    area_id: str,
    looks: Looks,
    changes: ChangeMap,
    inside: NDArray[np.bool_],
    *,
    params: DetectParams,
    radar: Stack | None,
    tiles: Sequence[Window],
    room: Room | None,
) -> Findings:
    told = tell_in_tiles(area_id, changes, inside, params, radar, tiles=tiles, room=room)
    row = coverage_row(area_id, looks, inside, None, params)
    noise = changes.steps.noise
    if told.observed_share >= params.min_observed_share:
        row["outcome"] = Outcome.NOTHING_FOUND.value
    row["outcome"] = Outcome.FOUND.value if told.rows else row["outcome"]
    row["observed_share"] = told.observed_share
    row["detectable_area_m2"] = told.detectable_area_m2
    row["detectable_contrast"] = noise.middle + params.seed_z * noise.sigma
    epsg = changes.stack.grid.epsg
    logger.info("%s: %d detections in %d tiles", area_id, len(told.rows), len(tiles))
    return Findings(
        detections=detections_frame(told.rows, epsg=epsg),
        coverage=coverage_frame([row], epsg=epsg),
        registered=changes.stack,
        looks=looks.judged,
        changes=changes,
    )


def no_imagery(area_id: str, grid: Grid, params: DetectParams, *, period: tuple[date | None, date | None]) -> Findings:
    """Return the findings of an area for which there was no imagery at all."""
    row = no_imagery_row(area_id, grid, params, period=period)
    return Findings(detections=detections_frame([], epsg=grid.epsg), coverage=coverage_frame([row], epsg=grid.epsg))
