"""Detections as site and region models of the IARPA SMART programme, so that its tools can read and score them.

One file a site, with an observation for each look, and one for the region that names all sites. Only what is built has
a place there: demolition and changes of the surface are no construction and are left out, and the caller is told.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from detection.evaluation.association import Site
from detection.evaluation.evaluate import sites_of_detections
from detection.schema import Event, Phase, Status
from geo.atomic import atomic_file
from geo.crs import LON_LAT_EPSG, reproject
from geo.errors import OutputError
from geo.mgrs import mgrs_square

logger = logging.getLogger(__name__)

VERSION = "0.0.0"
PROPOSER = "sitewatch"
PROPOSERS = ("acc", "ara", "ast", "bla", "iai", "kit", "str")
"""The codes that the schema allows for who proposes."""
_BUILT = (Event.CONSTRUCTION.value, Event.EXPANSION.value)
_MOST_SITES = 10_000
_REGION_ID = re.compile(r"[A-Z]{2}_([RST]\d{3}|C[0-7]\d{2})")
_DECIMALS = 7
_PHASES: Mapping[str, str] = {
    "no_activity": "No Activity",
    Phase.SITE_PREPARATION.value: "Site Preparation",
    Phase.ACTIVE.value: "Active Construction",
    Phase.COMPLETE.value: "Post Construction",
}
_SYSTEM_STATUS: Mapping[str, str] = {
    Status.CONFIRMED.value: "system_confirmed",
    Status.REJECTED.value: "system_rejected",
    Status.DROPPED.value: "system_rejected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a model says of a site beside where and when it was."""

    status: str
    score: float = 1.0
    looks: tuple[date, ...] = ()
    """Days on which the site was seen."""
    sensor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where and when was looked."""

    region_id: str
    """Such as ``CN_R001``: two letters of a country, then R, S or T and three digits."""
    outline_4326: Polygon
    first: date
    last: date
    content: str = "empty"
    """``annotation`` for what is true; ``proposed`` for detections by one of `PROPOSERS`. The schema has no third word
    for who is not of the programme: ``empty`` then, and the sites are ``update``."""
    originator: str = PROPOSER


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...] = field(default=())
    left_out: tuple[str, ...] = field(default=())
    """Detections that are no construction."""


def write_smart(
    folder: Path,
    detections: gpd.GeoDataFrame,
    region_id: str,
    *,
    around_m: float = 500.0,
    originator: str | None = None,
) -> Exported:
    """Write the site model of each construction and expansion, and the region model over all of them.

    Args:
        folder: Made if it is missing; files of these sites in it are replaced.
        detections: A detections table, in any CRS.
        region_id: Such as ``CN_R001``.
        around_m: The region reaches so far beyond the sites.
        originator: One of `PROPOSERS`, for whom the models are ``proposed``; without one they are an ``update`` by
            sitewatch.

    Raises:
        OutputError: An id or a code that the schema does not know, more sites than it can number, or a file cannot be
            written.

    """
    if not _REGION_ID.fullmatch(region_id):
        raise OutputError(f"{region_id}: expected a region such as CN_R001: two letters, _, R, S or T, three digits")
    if originator is not None and originator not in PROPOSERS:
        raise OutputError(f"{originator}: SMART knows the proposers {', '.join(PROPOSERS)}")
    is_built = detections["event"].isin(_BUILT)
    built = detections[is_built]
    left_out = tuple(str(name) for name in detections.loc[~is_built, "detection_id"])
    if built.empty:
        logger.info("no construction to write as SMART models; %d other detections", len(left_out))
        return Exported(left_out=left_out)
    epsg = _metric_epsg(built)
    sites = sites_of_detections(built, epsg=epsg)
    told = {str(row["detection_id"]): _told(row) for row in built.to_dict("records")}
    looks = [day for site in sites for day in (*told[site.site_id].looks, *_days(site))]
    region = Region(
        region_id=region_id,
        outline_4326=_around([site.whole for site in sites], around_m, epsg),
        first=min(looks),
        last=max(looks),
        content="proposed" if originator else "empty",
        originator=originator or PROPOSER,
    )
    return Exported(files=write_models(folder, sites, told, region, epsg=epsg), left_out=left_out)


def write_models(
    folder: Path, sites: Sequence[Site], told: Mapping[str, Told], region: Region, *, epsg: int
) -> tuple[Path, ...]:
    """Write one model a site and the region's, and return the files.

    Args:
        folder: Made if it is missing.
        sites: With outlines in the CRS `epsg`; numbered in their order, their own ids kept in the models' ``cache``.
        told: What is said of each site, by its id.
        region: Where and when was looked.
        epsg: A projected CRS.

    Raises:
        OutputError: More sites than can be numbered, or a file that cannot be written.

    """
    if len(sites) > _MOST_SITES:
        raise OutputError(f"SMART numbers at most {_MOST_SITES} sites a region; got {len(sites)}")
    numbered = {f"{region.region_id}_{number:04d}": site for number, site in enumerate(sites)}
    models = {
        f"{name}.geojson": site_model(name, site, told[site.site_id], region, epsg=epsg)
        for name, site in numbered.items()
    }
    models[f"{region.region_id}.geojson"] = region_model(numbered, told, region, epsg=epsg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    for name, model in models.items():
        with atomic_file(folder / name) as part:
            part.write_text(json.dumps(model, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return tuple(folder / name for name in models)


def site_model(name: str, site: Site, told: Told, region: Region, *, epsg: int) -> dict[str, Any]:
    """Return the model of one site: its outline, and an observation for each day on which something is known."""
    days = sorted({*told.looks, *_days(site)})
    properties = {
        "type": "site",
        "region_id": region.region_id,
        **_common(name, site, told, region, epsg=epsg),
        "cache": {"detection_id": site.site_id, "event": site.event},
    }
    return _collection(
        [_feature(properties, _one_polygon(site.whole, epsg)), *(_observation(site, day, told, epsg) for day in days)]
    )


def region_model(sites: Mapping[str, Site], told: Mapping[str, Told], region: Region, *, epsg: int) -> dict[str, Any]:
    """Return the model of the region, which names each site with one outline and two dates."""
    centre = region.outline_4326.centroid
    head = {
        "type": "region",
        "region_id": region.region_id,
        "version": VERSION,
        "mgrs": mgrs_square(centre.x, centre.y),
        "start_date": region.first.isoformat(),
        "end_date": region.last.isoformat(),
        "originator": region.originator,
        "model_content": region.content,
        "comments": None,
    }
    summaries = [
        _feature(
            {"type": "site_summary", **_common(name, site, told[site.site_id], region, epsg=epsg)},
            _one_polygon(site.whole, epsg),
        )
        for name, site in sites.items()
    ]
    return _collection([_feature(head, region.outline_4326), *summaries])


def _common(name: str, site: Site, told: Told, region: Region, *, epsg: int) -> dict[str, Any]:
    centre = reproject(site.whole.centroid, from_epsg=epsg, to_epsg=LON_LAT_EPSG)
    days = [*told.looks, *_days(site)]
    return {
        "site_id": name,
        "version": VERSION,
        "mgrs": mgrs_square(centre.x, centre.y),
        "status": told.status,
        "start_date": min(days).isoformat(),
        "end_date": max(days).isoformat(),
        "model_content": "update" if region.content == "empty" else region.content,
        "originator": region.originator,
        "score": round(told.score, 4),
        "validated": "False",
    }


def _observation(site: Site, day: date, told: Told, epsg: int) -> dict[str, Any]:
    outline = _polygons(reproject(_outline_on(site, day), from_epsg=epsg, to_epsg=LON_LAT_EPSG))
    count = len(outline.geoms)

    def each(word: str) -> str:
        return ", ".join([word] * count)

    properties = {
        "type": "observation",
        "observation_date": day.isoformat(),
        "source": None,
        "sensor_name": None if told.sensor is None else each(told.sensor),
        "current_phase": each(_PHASES[site.phase_on(day)]),
        "is_occluded": each("False"),
        "is_site_boundary": each("True"),
        "score": round(told.score, 4),
    }
    return _feature(properties, outline)


def _outline_on(site: Site, day: date) -> BaseGeometry:
    """Return the newest outline of `day` or before; the first where there is none; without days, the whole."""
    dated = sorted(((when, outline) for when, outline in site.outlines if when is not None), key=lambda pair: pair[0])
    if not dated:
        return site.whole
    return next((outline for when, outline in reversed(dated) if when <= day), dated[0][1])


def _days(site: Site) -> set[date]:
    """Return the days that tell when each phase began."""
    days = {site.started_after, site.started_on, site.active_on, site.completed_on, site.ended_on, *site.observed_on}
    days |= {day for day, _ in site.outlines}
    return {day for day in days if day is not None}


def _told(row: Mapping[Any, Any]) -> Told:
    """Return what a row of a detections table tells: its looks from the last one without the change on."""
    growth = json.loads(row["evidence"]).get("growth", [])
    looks = [date.fromisoformat(day) for day, _ in growth]
    since = pd.Timestamp(row["onset_after"]).date()
    was_confirmed = not pd.isna(row["confirmed_on"])
    status = str(row["status"])
    return Told(
        status=_SYSTEM_STATUS.get(status, "system_confirmed" if was_confirmed else "system_proposed"),
        score=float(row["confidence"]),
        looks=tuple(day for day in looks if day >= since),
        sensor="Sentinel-2" if "sentinel-2" in str(row["sensors"]).lower() else None,
    )


def _metric_epsg(frame: gpd.GeoDataFrame) -> int:
    return int(frame.crs.to_epsg()) if frame.crs.is_projected else int(frame.estimate_utm_crs().to_epsg())


def _around(shapes: Iterable[BaseGeometry], around_m: float, epsg: int) -> Polygon:
    box_m = shapely.union_all(list(shapes)).envelope.buffer(around_m, join_style="mitre").envelope
    outline: Polygon = reproject(box_m, from_epsg=epsg, to_epsg=LON_LAT_EPSG)
    return outline


def _one_polygon(shape_m: BaseGeometry, epsg: int) -> Polygon:
    """Return a site's outline in longitude and latitude; of several parts their hull, as a site must be one polygon."""
    hull = shape_m if isinstance(shape_m, Polygon) else shape_m.convex_hull
    outline: Polygon = reproject(hull, from_epsg=epsg, to_epsg=LON_LAT_EPSG)
    return outline


def _polygons(shape: BaseGeometry) -> MultiPolygon:
    parts = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
    return MultiPolygon([part for part in parts if isinstance(part, Polygon)])


def _feature(properties: Mapping[str, Any], outline: BaseGeometry) -> dict[str, Any]:
    flat = shapely.orient_polygons(shapely.force_2d(outline), exterior_cw=False)
    rounded = shapely.transform(flat, lambda xy: xy.round(_DECIMALS))
    geometry = json.loads(shapely.to_geojson(rounded))
    return {"type": "Feature", "properties": dict(properties), "geometry": geometry}


def _collection(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}
