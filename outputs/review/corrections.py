"""Publish what reviewers corrected, and keep what was found.

A run finds outlines and events anew. What a person corrected stands above them in what is published; what was found
is kept in the row's evidence, so that the next run compares like with like, ids go on, and nobody's work is lost.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from detection.life.history import Review
from detection.life.lifecycle import shared_share
from detection.schema import Verdict, as_detections
from geo.crs import LON_LAT_EPSG, reproject

KEY = "review"
"""Under which name the evidence of a detection tells of its review."""
_SAME_PLACE_SHARE = 0.3
"""As for the ids of detections: so much of the smaller outline in common is the same place."""
_MILLIMETRES = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FalseAlarm:
    """A place that was rejected by a reviewer."""

    detection_id: str
    area_id: str
    event: str
    """What had been said of it."""
    outline_4326: BaseGeometry
    at: datetime
    words: str
    """Who rejected it, and why."""


def as_found(detections: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table, as a run left it, with all that reviewers corrected taken back."""
    return _changed(detections, lambda row: _found(row, detections.crs.to_epsg()))


def corrected(
    detections: gpd.GeoDataFrame, reviews: Sequence[Review], false_alarms: Sequence[FalseAlarm] = ()
) -> gpd.GeoDataFrame:
    """Return a table with what reviewers corrected, and with the known false alarms marked.

    Args:
        detections: A table as found, in the metres of its zone.
        reviews: What counts for each detection; one that was rejected has nothing to correct.
        false_alarms: Places that were rejected. A detection without a verdict of its own that shares 30 % of the
            smaller outline with one of the same event is marked in its evidence; it is not dropped.

    """
    epsg = detections.crs.to_epsg()
    by_id = {one.detection_id: one for one in reviews if one.verdict is not Verdict.REJECTED}
    reviewed = {one.detection_id for one in reviews}
    alarms = [(one, reproject(one.outline_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)) for one in false_alarms]

    def change(row: dict[str, Any]) -> dict[str, Any]:
        review = by_id.get(row["detection_id"])
        if review is not None and (review.event or review.outline_4326 is not None):
            return _corrected(row, review, epsg)
        if row["detection_id"] not in reviewed:
            return _marked(row, alarms)
        return row

    return _changed(detections, change)


def found_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a published row, its geometry in longitude and latitude, as it was found before anybody corrected it."""
    return _found(dict(row), LON_LAT_EPSG)


def known_false_alarm(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is told of the false alarm that a row lies on, if it lies on one."""
    told: Mapping[str, Any] | None = json.loads(row["evidence"]).get(KEY, {}).get("known_false_alarm")
    return told


def _changed(detections: gpd.GeoDataFrame, change: Any) -> gpd.GeoDataFrame:  # noqa: ANN401 - a function of a row
    if detections.empty:
        return detections
    before = detections.to_dict("records")
    after = [change(row) for row in before]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return detections
    return as_detections(gpd.GeoDataFrame(after, geometry="geometry", crs=detections.crs))


def _found(row: dict[str, Any], epsg: int) -> dict[str, Any]:
    evidence = json.loads(row["evidence"])
    if KEY not in evidence:
        return row
    told = evidence.pop(KEY)
    found = dict(told.get("found", {}))
    if "note" in told:
        evidence["note"] = told["note"]
    outline, outline_epsg = found.pop("outline", None), found.pop("outline_epsg", None)
    row = row | found | {"evidence": json.dumps(evidence, ensure_ascii=False)}
    if outline is not None:
        row["geometry"] = reproject(shapely.from_wkt(outline), from_epsg=outline_epsg, to_epsg=epsg)
    return row


def _corrected(row: dict[str, Any], review: Review, epsg: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    new: dict[str, Any] = {}
    if review.event:
        found["event"], new["event"] = row["event"], review.event.value
    if review.outline_4326 is not None:
        outline = reproject(review.outline_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
        sizes = ("area_m2", "area_low_m2", "area_high_m2")
        found |= {name: _number(row[name]) for name in sizes}
        found |= {"outline": shapely.to_wkt(row["geometry"], rounding_precision=_MILLIMETRES), "outline_epsg": epsg}
        new |= {"geometry": outline, "area_m2": outline.area, "area_low_m2": None, "area_high_m2": None}
    told = {"corrected_by": review.reviewer, "corrected_at": review.at.isoformat(), "found": found}
    return row | new | {"evidence": _evidence(row, told)}


def _marked(row: dict[str, Any], alarms: Sequence[tuple[FalseAlarm, BaseGeometry]]) -> dict[str, Any]:
    shares = [
        (shared_share(row["geometry"], outline), alarm)
        for alarm, outline in alarms
        if alarm.event == row["event"] and alarm.detection_id != row["detection_id"]
    ]
    share, alarm = max(shares, key=lambda one: (one[0], one[1].detection_id), default=(0.0, None))
    if alarm is None or share < _SAME_PLACE_SHARE:
        return row
    known = {
        "detection_id": alarm.detection_id,
        "area_id": alarm.area_id,
        "verdict": Verdict.REJECTED.value,
        "rejected_on": alarm.at.date().isoformat(),
        "words": alarm.words,
        "shared_share": round(share, 3),
    }
    note = str(json.loads(row["evidence"]).get("note", ""))
    sentence = f"Lies on a known false alarm: {alarm.detection_id}, {alarm.words}."
    told = {"known_false_alarm": known, "note": note}
    return row | {"evidence": _evidence(row, told, note=f"{note} {sentence}".strip())}


def _evidence(row: Mapping[str, Any], told: Mapping[str, Any], *, note: str | None = None) -> str:
    evidence = json.loads(row["evidence"]) | {KEY: told}
    if note is not None:
        evidence["note"] = note
    return json.dumps(evidence, ensure_ascii=False)


def _number(value: Any) -> float | None:  # noqa: ANN401 - a table's cell
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - NaN alone differs from itself
