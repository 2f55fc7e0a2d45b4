"""Set what was found in an area beside what the last run left and what people decided."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from aoi.facilities import Facility
from detection.detect import Findings
from detection.life.history import Circumstances, follow_up
from detection.life.lifecycle import carry_ids
from detection.schema import Event
from flows.area.perimeters import Answered, Asked, ask_about, facilities_asked, wanted
from flows.area.product import Product
from flows.reading.blocks import seen_shares
from flows.reading.looks import OLDEST
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from outputs.review.corrections import as_found, corrected

if TYPE_CHECKING:
    from flows.area.pipeline import Job

MOST = 0.5
"""A look at less of a place (0-1) than this is no look at it."""


def answered(  # noqa: PLR0913  # what is set beside what
    job: "Job", area: Area, found: Findings, before: Product | None, *, grid: Grid, near: Sequence[Facility]
) -> Answered:
    """Follow up what was found before, then ask about known facilities.

    Args:
        job: What is watched, with the verdicts.
        area: The area.
        found: What was found in it now.
        before: Its product of the last run.
        grid: The pixels of the area.
        near: The facilities that can matter to it.

    """
    previous = wanted(as_found(before.detections()), area) if before and before.is_intact() else None
    now = _circumstances(job, found, previous, grid=grid)
    reviews, params = job.reviews.get(area.area_id, ()), job.workspace.config.detection
    earlier = None if previous is None else previous[previous["event"] != Event.DESECURITISATION.value]
    followed = follow_up(carry_ids(found.detections, earlier), earlier, reviews, now, params.lifecycle)
    asked = Asked(
        area=area,
        facilities=facilities_asked(area, near, params),
        params=params,
        reviews=reviews,
        night=job.night,
    )
    told = ask_about(asked, found, followed, previous, now)
    published = corrected(told.followed.detections, reviews, job.false_alarms)
    return replace(told, followed=replace(told.followed, detections=published))


def _circumstances(job: "Job", found: Findings, previous: gpd.GeoDataFrame | None, *, grid: Grid) -> Circumstances:
    period_end = found.coverage["period_end"].iloc[0]
    tables = (found.detections, previous)
    known = [day.date() for table in tables if table is not None for day in table["last_seen_on"]]
    return Circumstances(
        last_look=max(known, default=OLDEST) if pd.isna(period_end) else period_end.date(),
        seen_on=partial(_seen_on, found, grid),
        settings_hash=job.workspace.config.detection.settings_hash,
    )


def _seen_on(found: Findings, grid: Grid, outline_m: BaseGeometry) -> list[date]:
    """Return the days of the looks that counted on which most of a place was clearly seen."""
    if found.registered is None:
        return []
    here = grid.is_inside(reproject(outline_m, from_epsg=grid.epsg, to_epsg=LON_LAT_EPSG))
    shares = seen_shares(found.registered, here)
    return [day for day, share in zip(found.registered.days, shares, strict=False) if share >= MOST]
