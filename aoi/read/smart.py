"""Annotated construction sites of the IARPA SMART programme (region and site models) as a table of true events.

A region model names its sites with one outline and two dates; a site model has an outline and a phase for each
observation. Where a folder holds both, the site model tells more and wins. Dates may be missing, null or empty; an
observation's phases may be several, one a polygon, with commas between: a site is as far as its liveliest part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import AoiError

_MOST_LON, _MOST_LAT = 180.0, 90.0
SMALLEST_SITE_M2 = 8_000.0
"""Smaller sites are not what the programme asks for: they count neither way."""

POSITIVE = frozenset(
    {
        "positive_annotated",
        "positive_annotated_static",
        "positive_partial",
        "positive_partial_static",
        "positive_pending",
        "system_proposed",
        "system_confirmed",
    }
)
NEGATIVE = frozenset({"negative"})
"""Every other status counts neither way: ``ignore``, ``positive_excluded``, short-lived ones, rejected proposals."""

_NONE, _PREPARATION, _ACTIVE, _POST = "No Activity", "Site Preparation", "Active Construction", "Post Construction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at an annotated site."""

    observed_on: date
    phase: str | None
    """The liveliest of its parts; None where it is unknown."""
    outline_4326: BaseGeometry


def read_smart(path: Path, *, smallest_m2: float = SMALLEST_SITE_M2) -> gpd.GeoDataFrame:
    """Return the sites of a region model, a site model, or of all models in a folder, in EPSG:4326.

    Columns: ``name`` (site id), ``event`` (construction), ``status``, ``worth`` (positive, negative, ignore),
    ``started_after`` (last day without activity), ``started_on`` (first with it), ``active_on``, ``completed_on``,
    ``area_m2``, ``outlines`` (day and outline of each observation with activity), ``observed_on`` (days on which the
    phase is known) and the outline. Missing dates are NaT. What has no start, or is smaller than `smallest_m2`, stays
    in the table as ``ignore``.

    Raises:
        AoiError: A file cannot be read, or is no such model; names file and feature.

    """
    paths = sorted(path.glob("*.geojson")) if path.is_dir() else [path]
    sites: dict[str, dict[str, Any]] = {}
    for file in paths:
        sites = _merged(sites, _sites_of(file, smallest_m2))
    if not sites:
        raise AoiError(f"{path}: no SMART region or site model in it")
    rows = [sites[name] for name in sorted(sites)]
    frame = gpd.GeoDataFrame(rows, geometry=[row["geometry"] for row in rows], crs=LON_LAT_EPSG)
    for name in _DATES:
        frame[name] = np.array([row[name] for row in rows], dtype="datetime64[s]")
    return frame


_DATES = ("started_after", "started_on", "active_on", "completed_on")


def _merged(known: dict[str, dict[str, Any]], more: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add sites; of two descriptions of one site that with more outlines stays."""
    result = dict(known)
    for name, row in more.items():
        if name not in result or len(row["outlines"]) > len(result[name]["outlines"]):
            result[name] = row
    return result


def _sites_of(path: Path, smallest_m2: float) -> dict[str, dict[str, Any]]:
    features = _features(path)
    observations = tuple(
        observation
        for feature in features
        if feature["properties"].get("type") == "observation"
        and (observation := _observation(feature, path)) is not None
    )
    rows = {}
    for number, feature in enumerate(features, start=1):
        told = feature["properties"]
        if told.get("type") in ("site", "site_summary"):
            name = told.get("site_id")
            if not name:
                raise AoiError(f"{path}, feature {number}: a {told['type']} without a site_id")
            seen = observations if told["type"] == "site" else ()
            rows[str(name)] = _row(str(name), told, _outline(feature, path, number), seen, smallest_m2=smallest_m2)
    return rows


def _features(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AoiError(f"{path}: cannot be read as GeoJSON: {error}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(
        isinstance(feature, dict) and isinstance(feature.get("properties"), dict) for feature in features
    ):
        raise AoiError(f"{path}: expected a FeatureCollection whose features have properties")
    return features


def _observation(feature: Mapping[str, Any], path: Path) -> Observation | None:
    """Return an observation; None where nothing tells when it was made."""
    told = feature["properties"]
    observed_on = _day(told.get("observation_date"), path)
    if observed_on is None or feature.get("geometry") is None:
        return None
    return Observation(
        observed_on=observed_on,
        phase=_liveliest(str(told.get("current_phase") or "").split(",")),
        outline_4326=_outline(feature, path, 0),
    )


def _liveliest(phases: Sequence[str]) -> str | None:
    """Return the phase of a site whose parts are in `phases`: done in part and not begun elsewhere, work goes on."""
    known = {phase.strip() for phase in phases} & {_NONE, _PREPARATION, _ACTIVE, _POST}
    if not known:
        return None
    if _ACTIVE in known or {_NONE, _POST} <= known or {_PREPARATION, _POST} <= known:
        return _ACTIVE
    return next(phase for phase in (_PREPARATION, _POST, _NONE) if phase in known)


def _outline(feature: Mapping[str, Any], path: Path, number: int) -> BaseGeometry:
    try:
        outline = shape(feature["geometry"])
    except (ShapelyError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AoiError(f"{path}, feature {number}: no outline that can be read: {error}") from error
    return _checked(outline, f"{path}, feature {number}")


def _checked(outline: BaseGeometry, where: str) -> BaseGeometry:
    if not np.isfinite(shapely.get_coordinates(outline)).all():
        raise AoiError(f"{where}: its outline has a coordinate that is no number")
    if not (np.abs(shapely.get_coordinates(outline)) <= (_MOST_LON, _MOST_LAT)).all():
        raise AoiError(f"{where}: its outline is no place in longitude and latitude")
    if outline.is_empty or outline.geom_type not in ("Polygon", "MultiPolygon"):
        raise AoiError(f"{where}: expected a polygon; got {outline.geom_type}")
    return outline if outline.is_valid else shapely.make_valid(outline)


def _row(
    name: str,
    told: Mapping[str, Any],
    outline_4326: BaseGeometry,
    observations: Sequence[Observation],
    *,
    smallest_m2: float,
) -> dict[str, Any]:
    ordered = sorted(observations, key=lambda observation: observation.observed_on)
    dates = _dates(ordered) if any(observation.phase for observation in ordered) else _stated(told)
    lively = [one for one in ordered if one.phase in (_PREPARATION, _ACTIVE, _POST)]
    ground = shapely.union_all([one.outline_4326 for one in lively]) if lively else outline_4326
    area_m2 = float(reproject(ground, from_epsg=LON_LAT_EPSG, to_epsg=utm_epsg(ground)).area)
    status = str(told.get("status"))
    return {
        "name": name,
        "event": "construction",
        "status": status,
        "worth": _worth(status, is_bounded=dates["started_on"] is not None and area_m2 >= smallest_m2),
        **dates,
        "area_m2": area_m2,
        "outlines": tuple((one.observed_on, one.outline_4326) for one in lively),
        "observed_on": tuple(one.observed_on for one in ordered if one.phase is not None),
        "geometry": ground,
    }


def _worth(status: str, *, is_bounded: bool) -> str:
    if not is_bounded:
        return "ignore"
    return "positive" if status in POSITIVE else "negative" if status in NEGATIVE else "ignore"


def _dates(ordered: Sequence[Observation]) -> dict[str, date | None]:
    """Return when each phase was first seen; work that goes on after a site was done undoes that it was done."""
    started_on = next((one.observed_on for one in ordered if one.phase not in (None, _NONE)), None)
    last_active = max((one.observed_on for one in ordered if one.phase in (_PREPARATION, _ACTIVE)), default=date.min)
    return {
        "started_after": max(
            (one.observed_on for one in ordered if one.phase == _NONE and started_on and one.observed_on < started_on),
            default=None,
        ),
        "started_on": started_on,
        "active_on": next((one.observed_on for one in ordered if one.phase == _ACTIVE), None),
        "completed_on": next(
            (one.observed_on for one in ordered if one.phase == _POST and one.observed_on > last_active), None
        ),
    }


def _stated(told: Mapping[str, Any]) -> dict[str, date | None]:
    """Return the two dates of a model without phases: all that is known of its activity."""
    return {
        "started_after": None,
        "started_on": _day(told.get("start_date"), None),
        "active_on": None,
        "completed_on": _day(told.get("end_date"), None),
    }


def _day(value: object, path: Path | None) -> date | None:
    """Return a date; null, an empty text and texts that mean none are none."""
    text = str(value or "").strip()[:10]
    if not text or text.lower() in ("none", "null", "nan", "nat"):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise AoiError(f"{path or 'SMART model'}: expected a date such as 2017-06-10; got {value!r}") from error
