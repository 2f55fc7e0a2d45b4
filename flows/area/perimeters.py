"""Ask about the known facilities of one area, after its changes were found, and follow what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from aoi.facilities import Facility
from detection.desecuritisation.assess import Assessment, assess_facility
from detection.desecuritisation.table import desecuritisation_rows, perimeter_rows
from detection.detect import Findings
from detection.life.history import Circumstances, Followed, Review, follow_up
from detection.params import DetectParams
from detection.schema import Event, as_detections, no_detections
from flows.settings.workspace import Workspace
from geo.sources.nightlight import MonthFile, find_months, read_months


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Which facilities are asked about, and by what."""

    area: Area
    facilities: Sequence[Facility]
    params: DetectParams
    reviews: Sequence[Review] = ()
    night: Sequence[MonthFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """What came of it."""

    followed: Followed
    """All detections of the area, those of facilities that were opened among them."""
    perimeters: gpd.GeoDataFrame


def wanted(detections: gpd.GeoDataFrame, area: Area) -> gpd.GeoDataFrame:
    """Return the detections of the kinds of event that `area` is watched for.

    Demolition is a part of what speaks for de-securitisation; lasting changes of the surface say nothing about any
    event, and are always kept.
    """
    events = {Event(name) for name in area.events}
    if Event.DESECURITISATION in events:
        events.add(Event.DEMOLITION)
    return detections[detections["event"].isin({*events, Event.SURFACE_CHANGE})].reset_index(drop=True)


def facilities_asked(area: Area, facilities: Sequence[Facility], params: DetectParams) -> list[Facility]:
    """Return the facilities inside `area` whose perimeters are watched; none where nobody wants to know."""
    if "desecuritisation" not in area.events:
        return []
    wanted = [one for one in facilities if params.desecuritisation.asks_about(one.facility_id, one.kind)]
    return [one for one in wanted if area.polygon_4326.covers(_inner_point(one.location_4326))]


def _inner_point(shape: BaseGeometry) -> BaseGeometry:
    return shape.representative_point()


def night_months(workspace: Workspace) -> tuple[MonthFile, ...]:
    """Return the composites of night light that the settings name; none where they name none.

    Raises:
        SourceError: The folder is not there, or what lies in it is not understood.

    """
    path = workspace.config.nightlight.path
    return find_months((workspace.root / path).expanduser()) if path else ()


def ask_about(
    asked: Asked, found: Findings, others: Followed, previous: gpd.GeoDataFrame | None, now: Circumstances
) -> Answered:
    """Assess each facility, and set what comes of it beside what was known.

    Args:
        asked: Which facilities.
        found: What the run found, with its registered looks.
        others: The detections of all other events after this run.
        previous: The table that the last run left, or None.
        now: How the area was seen this time.

    """
    epsg, settings_hash = found.coverage.crs.to_epsg(), asked.params.settings_hash
    assessments = [_assessed(facility, asked, found, others.detections) for facility in asked.facilities]
    rows = no_detections(epsg=epsg)
    if found.registered is not None:
        rows = desecuritisation_rows(asked.area.area_id, assessments, found.registered, settings_hash=settings_hash)
    known = None if previous is None else previous[previous["event"] == Event.DESECURITISATION.value]
    followed = follow_up(rows, known, asked.reviews, now, asked.params.lifecycle)
    return Answered(
        followed=Followed(
            detections=_joined(others.detections, followed.detections), moves=(*others.moves, *followed.moves)
        ),
        perimeters=perimeter_rows(asked.area.area_id, assessments, epsg=epsg, settings_hash=settings_hash),
    )


def _assessed(facility: Facility, asked: Asked, found: Findings, detections: gpd.GeoDataFrame) -> Assessment:
    night = read_months(asked.night, facility.location_4326)
    return assess_facility(found.registered, facility, detections, asked.params, night=night)


def _joined(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if second.empty:
        return first
    tables = [table.astype(object).set_geometry("geometry", crs=second.crs) for table in (first, second)]
    both = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs=second.crs)
    return as_detections(both)
