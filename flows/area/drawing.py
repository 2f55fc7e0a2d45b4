"""Draw everything of one area's product: maps, the picture of its scenes, and pictures of its detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from aoi.areas import Area
from aoi.facilities import Facility
from detection.detect import Findings
from flows.area.pictures import (
    SERIES_NAME,
    TIMELAPSES_NAME,
    Folders,
    Surroundings,
    credit_line,
    draw_pictures,
    looks_picture_name,
    most_telling,
)
from flows.area.product import PICTURES_NAME
from flows.area.rasters import draw_rasters, further_bands
from flows.reading.looks import Looks
from flows.reading.radar import RadarLooks
from flows.reading.scenes import tiles
from flows.reading.sources import is_local
from flows.settings.workspace import Workspace
from geo.sources.base import ImagerySource, SceneRef
from outputs.rasters.maps import RASTERS_NAME
from outputs.scenes.picture import Overview, draw_overview
from outputs.scenes.table import Fate, SceneRow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What the pictures and maps of one area are made from."""

    workspace: Workspace
    area: Area
    source: ImagerySource
    refs: Sequence[SceneRef]
    looks: Looks
    found: Findings
    rows: Sequence[SceneRow]
    """Of its scenes, without radar's."""
    detections: gpd.GeoDataFrame
    facilities: Sequence[Facility]
    heard: RadarLooks
    radar_credit: str = ""


def draw_all(folder: Path, drawn: Drawn) -> None:
    """Draw into the product's `folder` what the settings ask for.

    Raises:
        OutputError: The disk does not take it.

    """
    _draw_looks(folder / PICTURES_NAME, drawn)
    stack, config = drawn.found.registered, drawn.workspace.config
    if stack is None:
        return
    further = further_bands(drawn.source, drawn.refs, stack) if is_local(drawn.workspace) else None
    if config.products.rasters:
        draw_rasters(folder / RASTERS_NAME, drawn.area, drawn.found, credit=drawn.source.credit, further=further)
    surroundings = Surroundings(
        area_name=drawn.area.name,
        facilities=drawn.facilities,
        credit=drawn.source.credit,
        radar=(drawn.radar_credit, drawn.heard.years) if drawn.radar_credit else ("", ()),
        radar_platforms=drawn.heard.platforms,
        hidden_days=tuple(row.observed_at.date() for row in drawn.rows if row.fate is not Fate.USED),
    )
    folders = Folders(
        pictures=folder / PICTURES_NAME,
        series=folder / SERIES_NAME,
        timelapses=folder / TIMELAPSES_NAME,
        formats=config.products.timelapses,
    )
    shown = most_telling(drawn.detections, config.limits.pictures)
    draw_pictures(folders, shown, stack, surroundings, further=further)


def _draw_looks(folder: Path, drawn: Drawn) -> None:
    """Draw the picture of all scenes, if there are any and pictures are wanted."""
    if not drawn.rows or drawn.workspace.config.limits.pictures == 0:
        return
    credit = credit_line(drawn.source.credit, {row.observed_at.year for row in drawn.rows})
    shown = tuple(tiles(drawn.rows, drawn.looks))
    overview = Overview(area_name=drawn.area.name, tiles=shown, credit=credit)
    draw_overview(folder / looks_picture_name(drawn.area.area_id), overview)
