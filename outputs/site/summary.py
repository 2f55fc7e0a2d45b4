"""One page that tells what a run found, what it could not see, and why it says so. It needs no network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import geopandas as gpd
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from shapely.geometry.base import BaseGeometry

from detection.desecuritisation.verdict import UNSEEN
from detection.schema import Event, Outcome, Relation, Status
from geo.atomic import atomic_file
from outputs.pictures.furniture import length_words, lon_lat_words
from outputs.site.amounts import share_words, size_words
from outputs.site.evidence import Evidence, evidence_of, not_seen_of
from outputs.site.maps import Mark, SmallMap, small_map
from outputs.site.perimeters import perimeter_views
from outputs.tables import in_lon_lat
from outputs.vocabulary import (
    EVENT_COLOURS,
    EVENT_WORDS,
    FACILITY_WORDS,
    OUTCOME_MEANINGS,
    OUTCOME_WORDS,
    STATUS_MEANINGS,
    STATUS_WORDS,
    UNSEEN_OUTCOMES,
    is_simulated,
    review_summary,
    review_words,
    words,
)

_STATUS_ORDER = (
    Status.CONFIRMED,
    Status.CANDIDATE,
    Status.NOT_OBSERVABLE,
    Status.CLOSED,
    Status.DROPPED,
    Status.REJECTED,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunSummary:
    """What the page tells. Tables may be in any CRS; those without rows may lack columns."""

    run_id: str
    title: str
    created_at: datetime
    """Aware."""
    detections: gpd.GeoDataFrame
    """As `detection.schema` has it."""
    coverage: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    """Columns ``id`` and ``name``; more may be there."""
    facilities: gpd.GeoDataFrame
    """Columns ``id``, ``name``, ``kind``; more may be there."""
    failures: tuple[tuple[str, str], ...]
    """Area id and reason of each area that could not be worked on."""
    pictures: Mapping[str, str]
    """Detection id to the path of its picture, relative to the page, with forward slashes."""
    credit: str
    version: str
    settings_hash: str
    scenes: str | None = None
    """Path of the table of all scenes, relative to the page, with forward slashes."""
    looks_pictures: Mapping[str, str] = field(default_factory=dict)
    """Area id to the path of the picture of all its scenes, likewise."""
    more_pictures: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """Detection id to name and path of what else shows it, likewise."""
    perimeters: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    """What is known of the perimeters of facilities, as `detection.schema` has it."""

    def __post_init__(self) -> None:
        if self.created_at.utcoffset() is None:
            raise ValueError(f"created_at must be aware; got {self.created_at}")
        more = [path for shown in self.more_pictures.values() for _, path in shown]
        scenes = [self.scenes] if self.scenes else []
        for path in (*self.pictures.values(), *self.looks_pictures.values(), *scenes, *more):
            parts = PurePosixPath(path)
            if parts.is_absolute() or ".." in parts.parts or ":" in path or "\\" in path:
                raise ValueError(f"what the page shows must lie beside or below the page; got {path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionView:
    """One detection in words."""

    number: int
    detection_id: str
    event: str
    colour: str
    status: str
    status_meaning: str
    review: str
    confidence: str
    onset: str
    last_seen: str
    area_name: str
    facility: str
    looks: str
    size: str
    place: str
    sensors: str
    picture: str | None
    more_pictures: tuple[tuple[str, str], ...]
    """Name and address."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageView:
    """How well one area was seen, in words."""

    area_name: str
    outcome: str
    meaning: str
    is_unseen: bool
    period: str
    looks: str
    last_clear_look: str
    observed: str
    detectable: str
    not_seen: tuple[str, ...]
    looks_picture: str | None = None
    """Where all scenes are shown."""


def write_summary(path: Path, summary: RunSummary) -> None:
    """Write the page.

    Raises:
        OutputError: It cannot be written.

    """
    page = page_of(summary)
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")


def page_of(summary: RunSummary) -> str:
    """Return the page as HTML. Names from outside are escaped wherever they stand."""
    area_names = _names(summary.areas)
    detections = tuple(_detections(summary, area_names))
    coverage = tuple(_coverage(summary, area_names))
    return (
        _environment()
        .get_template("summary.html")
        .render(
            summary=summary,
            created=f"{summary.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            detections=detections,
            coverage=coverage,
            perimeters=perimeter_views(summary.perimeters, _names(summary.facilities), area_names),
            unsaid=UNSEEN,
            unseen=[row for row in coverage if row.is_unseen],
            confirmed=sum(row.status == STATUS_WORDS[Status.CONFIRMED] for row in detections),
            candidates=sum(row.status == STATUS_WORDS[Status.CANDIDATE] for row in detections),
            failures=[(area_names.get(area_id, area_id), reason) for area_id, reason in summary.failures],
            maps=_maps(summary, detections),
            event_colours=[(EVENT_WORDS[event], EVENT_COLOURS[event]) for event in Event],
            review=review_summary(row["verdict"] for row in _rows(summary.detections)),
            is_simulated=is_simulated(summary.credit),
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _detections(summary: RunSummary, area_names: Mapping[str, str]) -> Iterator[DetectionView]:
    """Give the detections in the order of the page: by status, then by confidence."""
    facility_names, more = _names(summary.facilities), summary.more_pictures
    for number, row in enumerate(_ordered(summary.detections), start=1):
        point = row["geometry"].representative_point()
        picture = summary.pictures.get(row["detection_id"])
        yield DetectionView(
            number=number,
            detection_id=row["detection_id"],
            event=words(EVENT_WORDS, row["event"]),
            colour=EVENT_COLOURS.get(row["event"], "#1a1a1a"),
            status=words(STATUS_WORDS, row["status"]),
            status_meaning=words(STATUS_MEANINGS, row["status"]),
            review=review_words(row["verdict"]),
            confidence=f"{row['confidence']:.2f}",
            onset=f"after {_day(row['onset_after'])}, by {_day(row['onset_by'])}",
            last_seen=_day(row["last_seen_on"]),
            area_name=area_names.get(row["area_id"], row["area_id"]),
            facility=_facility_words(row, facility_names),
            looks=f"{row['looks_before']} before, {row['looks_after']} after",
            size=size_words(row["area_m2"]),
            place=lon_lat_words(point.x, point.y),
            sensors=row["sensors"],
            picture=None if picture is None else quote(picture),
            more_pictures=tuple((name, quote(path)) for name, path in more.get(row["detection_id"], ())),
            evidence=evidence_of(row["evidence"]),
        )


def _ordered(detections: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    rows = _rows(detections)
    return sorted(
        rows, key=lambda row: (_STATUS_ORDER.index(Status(row["status"])), -row["confidence"], row["detection_id"])
    )


def _facility_words(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if pd.isna(row["facility_id"]) or row["facility_relation"] == Relation.NONE:
        return "none known nearby"
    name = names.get(row["facility_id"], row["facility_id"])
    if row["facility_relation"] == Relation.INSIDE:
        return f"inside {name}"
    distance = row["facility_distance_m"]
    return f"near {name}" if pd.isna(distance) else f"{length_words(round(distance, -1))} from {name}"


def _coverage(summary: RunSummary, area_names: Mapping[str, str]) -> Iterator[CoverageView]:
    """Give one row an area: what was seen of it, also where there is no answer at all."""
    told = set()
    for row in _rows(summary.coverage):
        told.add(row["area_id"])
        picture = summary.looks_pictures.get(row["area_id"])
        view = _coverage_view(row, area_names.get(row["area_id"], row["area_id"]))
        yield replace(view, looks_picture=None if picture is None else quote(picture))
    failed = {area_id for area_id, _ in summary.failures}
    for area_id, name in area_names.items():
        if area_id not in told:
            yield _untold(name, has_failed=area_id in failed)


def _coverage_view(row: Mapping[str, Any], area_name: str) -> CoverageView:
    has_period = not pd.isna(row["period_start"]) and not pd.isna(row["period_end"])
    return CoverageView(
        area_name=area_name,
        outcome=words(OUTCOME_WORDS, row["outcome"]),
        meaning=_meaning(row),
        is_unseen=row["outcome"] in UNSEEN_OUTCOMES,
        period=f"{_day(row['period_start'])} to {_day(row['period_end'])}" if has_period else "none",
        looks=f"{row['clear_looks']} of {row['looks']}",
        last_clear_look=_day(row["last_clear_look"]),
        observed=share_words(row["observed_share"]),
        detectable=_detectable_words(row),
        not_seen=not_seen_of(row["not_seen"]),
    )


def _untold(area_name: str, *, has_failed: bool) -> CoverageView:
    return CoverageView(
        area_name=area_name,
        outcome="Failed" if has_failed else "Not looked at",
        meaning="an error stopped the work on it: nothing can be said" if has_failed else "nothing can be said",
        is_unseen=True,
        period="none",
        looks="none",
        last_clear_look="none",
        observed="none",
        detectable="none",
        not_seen=(),
    )


def _detectable_words(row: Mapping[str, Any]) -> str:
    """Say how small a new building would have been found, and how faint a change."""
    if row["outcome"] in UNSEEN_OUTCOMES:
        return "none: not seen well enough"
    area_m2, contrast = row["detectable_area_m2"], row["detectable_contrast"]
    size = (
        "no size would have been found four times in five"
        if pd.isna(area_m2)
        else f"{size_words(area_m2)}, four times in five"
    )
    return size if pd.isna(contrast) else f"{size}; brightness must change by {contrast:.3g}"


def _meaning(row: Mapping[str, Any]) -> str:
    """Say what the outcome means; where nothing was found, what would have been."""
    meaning = words(OUTCOME_MEANINGS, row["outcome"])
    if row["outcome"] != Outcome.NOTHING_FOUND:
        return meaning + _screened_words(row)
    area_m2 = row["detectable_area_m2"]
    if pd.isna(area_m2):
        return f"{meaning}; but a new building of any size might have been missed{_screened_words(row)}"
    found = f"a new building of {size_words(area_m2)} would have been found four times in five"
    return f"{meaning}; {found}{_screened_words(row)}"


def _screened_words(row: Mapping[str, Any]) -> str:
    """Say what later dates, which were only screened, would have shown; nothing where none were."""
    if pd.isna(row.get("screened_until")):
        return ""
    count = round(row["screened_looks"])
    contrast, missing = row["screened_contrast"], row["unscreened_share"]
    least = (
        "too few dates yet to raise anything"
        if pd.isna(contrast)
        else f"what changes brightness by {contrast:.2g} over 70 m would have been raised"
    )
    unseen = f"; {share_words(missing)} of the area could not be screened" if missing > 0 else ""
    return (
        f". Later dates were only screened, one by one, until {_day(row['screened_until'])} "
        f"({count} clear date{'s' if count != 1 else ''}): no evidence of change; {least}{unseen}"
    )


def _maps(summary: RunSummary, detections: tuple[DetectionView, ...]) -> list[SmallMap]:
    """Return an overview and, where there are several areas, one map for each of those in which something was found."""
    areas = {row["id"]: row for row in _rows(summary.areas)}
    outcomes = {row["area_id"]: row["outcome"] for row in _rows(summary.coverage)}
    area_marks = {area_id: _area_mark(row, outcomes.get(area_id)) for area_id, row in areas.items()}
    facility_marks = [_facility_mark(row) for row in _rows(summary.facilities)]
    found: dict[str, list[Mark]] = {}
    for view, row in zip(detections, _ordered(summary.detections), strict=True):
        found.setdefault(row["area_id"], []).append(_detection_mark(view, row))
    overview = small_map(
        "overview",
        "All areas" if len(areas) > 1 else "The area",
        areas=list(area_marks.values()),
        facilities=facility_marks,
        detections=[mark for marks in found.values() for mark in marks],
    )
    singles = [
        small_map(f"area-{index}", areas[area_id]["name"], areas=[mark], facilities=facility_marks, detections=within)
        for index, (area_id, mark) in enumerate(area_marks.items())
        if (within := found.get(area_id)) and len(area_marks) > 1
    ]
    return [drawn for drawn in (overview, *singles) if drawn is not None]


def _area_mark(row: Mapping[str, Any], outcome: str | None) -> Mark:
    is_seen = outcome in {Outcome.FOUND, Outcome.NOTHING_FOUND}
    said = row["name"] if is_seen else f"{row['name']} (not seen)"
    return Mark(shape_4326=_shape(row), label=said, kind="seen" if is_seen else "unseen")


def _facility_mark(row: Mapping[str, Any]) -> Mark:
    return Mark(shape_4326=_shape(row), label=str(row["name"]), kind=words(FACILITY_WORDS, row.get("kind")))


def _detection_mark(view: DetectionView, row: Mapping[str, Any]) -> Mark:
    return Mark(
        shape_4326=_shape(row),
        label=str(view.number),
        kind="sure" if row["status"] == Status.CONFIRMED else "unsure",
        colour=view.colour,
        target=f"detection-{view.number}",
    )


def _shape(row: Mapping[str, Any]) -> BaseGeometry:
    shape: BaseGeometry = row["geometry"]
    return shape


def _rows(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = in_lon_lat(frame).to_dict("records")
    return rows


def _names(frame: gpd.GeoDataFrame) -> dict[str, str]:
    """Return id to name; the id itself where there is no name."""
    return {row["id"]: row["id"] if pd.isna(row.get("name")) else str(row["name"]) for row in _rows(frame)}


def _day(stamp: Any) -> str:  # noqa: ANN401  # a day as pandas keeps it
    return "none" if pd.isna(stamp) else f"{pd.Timestamp(stamp):%Y-%m-%d}"
