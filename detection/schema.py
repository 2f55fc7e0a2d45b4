"""The tables that detection hands on: detections and, always beside them, coverage.

Both are public contracts: a change of a column's name or meaning raises `SCHEMA_VERSION`.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

SCHEMA_VERSION = 2


class Event(StrEnum):
    """What happened."""

    CONSTRUCTION = "construction"
    """Something was built where nothing of the kind stood."""
    EXPANSION = "expansion"
    """Something was built in, or right beside, a known factory or industrial park."""
    DEMOLITION = "demolition"
    """Something built is gone: the base of what can be said about de-securitisation."""
    DESECURITISATION = "desecuritisation"
    """A known place was opened: its wall or its buildings are gone. An indication, to be confirmed on finer imagery."""
    SURFACE_CHANGE = "surface_change"
    """The ground looks lastingly different, but not built or cleared: fields, water, felled trees."""


class Status(StrEnum):
    """How far a detection has come."""

    CANDIDATE = "candidate"
    """Seen, but with too few clear looks to be sure: a pair of images never gives more."""
    CONFIRMED = "confirmed"
    """Seen in enough clear looks over enough days, or held to be true by a reviewer."""
    NOT_OBSERVABLE = "not_observable"
    """Open, but the place has not been seen clearly since `not_observable_since`; `confirmed_on` tells what it was."""
    DROPPED = "dropped"
    """Later clear looks do not show it."""
    REJECTED = "rejected"
    """Held to be false by a reviewer."""
    CLOSED = "closed"
    """No longer followed: complete and at rest, or not confirmed within the time allowed."""


class Phase(StrEnum):
    """How far a construction has come."""

    SITE_PREPARATION = "site_preparation"
    """The ground is disturbed; nothing stands on it yet."""
    ACTIVE = "active"
    """Work goes on: structure and brightness change from look to look."""
    COMPLETE = "complete"
    """At rest at its new level."""


class Verdict(StrEnum):
    """What a person who looked at a detection holds it to be."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNSURE = "unsure"


class Outcome(StrEnum):
    """What came of watching one area in one period."""

    FOUND = "found"
    NOTHING_FOUND = "nothing_found"
    """Seen well enough, and nothing changed: see the coverage row for how well."""
    NOT_OBSERVED = "not_observed"
    """There was imagery, but clouds or gaps hid too much: nothing can be said."""
    NO_IMAGERY = "no_imagery"


class Relation(StrEnum):
    """Where a detection lies with respect to its nearest known facility."""

    INSIDE = "inside"
    NEAR = "near"
    NONE = "none"


DETECTION_COLUMNS: Mapping[str, str] = {
    "detection_id": "str",
    "area_id": "str",
    "facility_id": "str?",
    "facility_relation": "str",
    "facility_distance_m": "float?",
    "event": "str",
    "status": "str",
    "confidence": "float",
    "onset_after": "date",
    "onset_by": "date",
    "confirmed_on": "date?",
    "last_seen_on": "date",
    "looks_before": "int",
    "looks_after": "int",
    "area_m2": "float",
    "area_low_m2": "float?",
    "area_high_m2": "float?",
    "roofs": "float?",
    "phase": "str?",
    "active_after": "date?",
    "active_by": "date?",
    "complete_after": "date?",
    "complete_by": "date?",
    "camp_likeness": "float?",
    "false_alerts_per_site_year": "float?",
    "not_observable_since": "date?",
    "verdict": "str?",
    "evidence": "json",
    "sensors": "str",
    "scene_ids": "json",
    "settings_hash": "str",
}
"""Column to kind; ``?`` allows a missing value. ``geometry`` comes last, polygons in a projected CRS or EPSG:4326.

``area_low_m2`` to ``area_high_m2`` is the 95 % interval of the changed ground, ``roofs`` the number of separate new
roofs. A phase begins between ``active_after`` (not yet) and ``active_by`` (certainly), ``complete_after`` and
``complete_by``; missing where it did not begin or cannot be told. ``camp_likeness`` (0-1) is how much the object
looks like a walled compound of rows of blocks. ``false_alerts_per_site_year`` is how often a place where nothing
happened raised evidence this strong."""

INTERVALS = (("onset_after", "onset_by"), ("active_after", "active_by"), ("complete_after", "complete_by"))
"""Pairs of columns: certainly not yet, and certainly by then."""

COVERAGE_COLUMNS: Mapping[str, str] = {
    "area_id": "str",
    "outcome": "str",
    "period_start": "date?",
    "period_end": "date?",
    "looks": "int",
    "clear_looks": "int",
    "last_clear_look": "date?",
    "observed_share": "float",
    "median_clear_looks": "float",
    "detectable_area_m2": "float?",
    "detectable_contrast": "float?",
    "not_seen": "json",
    "settings_hash": "str",
    "screened_until": "date?",
    "screened_looks": "float?",
    "screened_contrast": "float?",
    "unscreened_share": "float?",
}
"""One row an area. ``observed_share`` (0-1) is the part of the area seen clearly often enough, before and
after, that a change could have been found; ``detectable_area_m2`` is the smallest built area that would have been
found four times in five; ``detectable_contrast`` is the smallest change of brightness (in the units of the bands) of a
patch that would have been reported; ``not_seen`` lists the
dates that did not count, each with its reason.

Dates after ``period_end`` may have been screened one by one: up to ``screened_until``, on ``screened_looks`` clear
dates, without evidence of change. ``screened_contrast`` is the smallest change of brightness of a patch of 70 m that
they would have raised; missing where they were too few. ``unscreened_share`` (0-1) is the part of the area that could
not be judged so. All four are missing where nothing was screened."""

PERIMETER_COLUMNS: Mapping[str, str] = {
    "area_id": "str",
    "facility_id": "str",
    "arc": "int",
    "state": "str",
    "reason": "str",
    "probability": "float?",
    "changed_after": "date?",
    "changed_by": "date?",
    "change_p": "float?",
    "smallest_m": "float?",
    "length_m": "float?",
    "present_before_p": "float?",
    "present_after_p": "float?",
    "contrast_before": "float?",
    "contrast_after": "float?",
    "looks_before": "int",
    "looks_after": "int",
    "offset_m": "float?",
    "loss_p": "float?",
    "gain_p": "float?",
    "null_arcs": "int",
    "lost_share": "float?",
    "standing_share": "float?",
    "roofs_lost_m2": "float?",
    "roofs_lost_low_m2": "float?",
    "roofs_lost_high_m2": "float?",
    "ring": "str?",
    "ring_error_m": "float?",
    "text": "str?",
    "evidence": "json?",
    "settings_hash": "str",
}
"""One row a facility that was asked about, with ``arc`` 0, and one for each arc of its perimeter, from 1 on.

``state`` is the answer for the facility (indicated, cannot_tell), of an arc what is known of it (present, weakened,
gone, cannot_tell); none says that nothing changed. ``smallest_m`` is the smallest wall, as width times
contrast in metres, whose loss would have been found there; missing where none would. ``loss_p`` and ``gain_p``: how
probably chance makes so much loss, or gain, along any stretch of the perimeter. ``ring``: ``outline`` as somebody drew
it, or ``traced``. Geometry: lines; missing where no perimeter is known."""

_DTYPES: Mapping[str, str] = {
    "str": "object",
    "json": "object",
    "float": "float64",
    "int": "int64",
    "date": "datetime64[s]",
}


def detections_frame(rows: Sequence[Mapping[str, Any]], *, epsg: int) -> gpd.GeoDataFrame:
    """Make a checked detections table of `rows`, each with ``geometry`` and all of `DETECTION_COLUMNS` that must be."""
    frame = _typed(rows, DETECTION_COLUMNS, epsg=epsg)
    check_detections(frame)
    return frame


def coverage_frame(rows: Sequence[Mapping[str, Any]], *, epsg: int) -> gpd.GeoDataFrame:
    """Make a checked coverage table of `rows`, each with the area's ``geometry`` and all of `COVERAGE_COLUMNS`."""
    frame = _typed(rows, COVERAGE_COLUMNS, epsg=epsg)
    _check_columns(frame, COVERAGE_COLUMNS, table="coverage")
    _check_vocabulary(frame, "outcome", Outcome)
    _check_shares(frame, "observed_share")
    return frame


def as_detections(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table that was read from a file, which keeps fewer kinds of values, as a checked detections table."""
    return detections_frame(_rows(frame, DETECTION_COLUMNS), epsg=frame.crs.to_epsg())


def as_coverage(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table that was read from a file as a checked coverage table."""
    return coverage_frame(_rows(frame, COVERAGE_COLUMNS), epsg=frame.crs.to_epsg())


def perimeters_frame(rows: Sequence[Mapping[str, Any]], *, epsg: int) -> gpd.GeoDataFrame:
    """Make a checked table of perimeters of `rows`, each with ``geometry``, a line or None."""
    frame = _typed(rows, PERIMETER_COLUMNS, epsg=epsg)
    _check_columns(frame, PERIMETER_COLUMNS, table="perimeters")
    _check_shares(frame, "probability")
    return frame


def as_perimeters(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table that was read from a file as a checked table of perimeters."""
    return perimeters_frame(_rows(frame, PERIMETER_COLUMNS), epsg=frame.crs.to_epsg())


def no_detections(*, epsg: int) -> gpd.GeoDataFrame:
    """Return a detections table without rows."""
    return detections_frame([], epsg=epsg)


def check_detections(frame: gpd.GeoDataFrame) -> None:
    """Refuse a table that breaks the contract.

    Raises:
        ValueError: A column is missing or of another kind, a value is outside its vocabulary or range,
            an id stands twice, an onset interval runs backwards, or the CRS is not known.

    """
    _check_columns(frame, DETECTION_COLUMNS, table="detections")
    _check_vocabulary(frame, "event", Event)
    _check_vocabulary(frame, "status", Status)
    _check_vocabulary(frame, "facility_relation", Relation)
    _check_vocabulary(frame, "phase", Phase)
    _check_vocabulary(frame, "verdict", Verdict)
    _check_shares(frame, "confidence")
    _check_shares(frame, "camp_likeness")
    for first, last in INTERVALS:
        if (frame[first] > frame[last]).any():
            raise ValueError(f"detections: {first} must not be later than {last}")
    if frame["detection_id"].duplicated().any():
        raise ValueError(
            f"detections: {frame['detection_id'][frame['detection_id'].duplicated()].iloc[0]} stands twice"
        )
    if (frame["area_m2"] <= 0).any():
        raise ValueError("detections: area_m2 must be above 0")
    if not frame.geometry.is_valid.all() or frame.geometry.is_empty.any():
        raise ValueError("detections: every geometry must be a valid polygon")


def _rows(frame: gpd.GeoDataFrame, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of `frame`, None for what is missing in a text column or in a table of an earlier version."""
    optional = [name for name, kind in columns.items() if kind.endswith("?") and name not in frame.columns]
    frame = frame.assign(**dict.fromkeys(optional))
    texts = [name for name, kind in columns.items() if _DTYPES[kind.rstrip("?")] == "object"]
    plain = frame.astype(dict.fromkeys(texts, object))
    plain[texts] = plain[texts].where(plain[texts].notna(), None)
    for name in (name for name, kind in columns.items() if kind.rstrip("?") == "json"):
        plain[name] = plain[name].map(_as_text)
    if plain.geometry.name != "geometry":
        plain = plain.rename_geometry("geometry")
    return list(plain[[*columns, "geometry"]].to_dict("records"))


def _as_text(value: object) -> object:
    """Return JSON as text: the reader of GeoJSON parses such a column without being asked."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value.tolist() if isinstance(value, np.ndarray) else value)


def _typed(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, epsg: int) -> gpd.GeoDataFrame:
    data = {
        name: pd.Series(
            [row.get(name) if kind.endswith("?") else row[name] for row in rows], dtype=_DTYPES[kind.rstrip("?")]
        )
        for name, kind in columns.items()
    }
    shapes = gpd.GeoSeries([row["geometry"] for row in rows], crs=epsg)
    return gpd.GeoDataFrame(data, geometry=shapes, crs=epsg)


def _check_columns(frame: gpd.GeoDataFrame, columns: Mapping[str, str], *, table: str) -> None:
    expected = [*columns, "geometry"]
    if list(frame.columns) != expected:
        raise ValueError(f"{table}: expected the columns {expected}; got {list(frame.columns)}")
    if frame.crs is None:
        raise ValueError(f"{table}: the CRS is not known")
    for name, kind in columns.items():
        dtype = _DTYPES[kind.rstrip("?")]
        if frame[name].dtype != np.dtype(dtype):
            raise ValueError(f"{table}: {name} must be {dtype}; got {frame[name].dtype}")
        if not kind.endswith("?") and frame[name].isna().any():
            raise ValueError(f"{table}: {name} has a missing value")


def _check_vocabulary(frame: gpd.GeoDataFrame, column: str, words: type[StrEnum]) -> None:
    strange = set(frame[column].dropna()) - {word.value for word in words}
    if strange:
        raise ValueError(f"{column}: {sorted(map(str, strange))} is not among {[word.value for word in words]}")


def _check_shares(frame: gpd.GeoDataFrame, column: str) -> None:
    if not frame[column].dropna().between(0, 1).all():
        raise ValueError(f"{column}: must lie in 0 to 1")
