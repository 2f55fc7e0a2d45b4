"""What the pages say of a detection: rows of the store as words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from detection.schema import Event, Outcome, Relation
from outputs.pictures.furniture import length_words, lon_lat_words
from outputs.site.amounts import share_words, size_words
from outputs.site.evidence import Evidence, evidence_of, not_seen_of
from outputs.vocabulary import EVENT_WORDS, OUTCOME_MEANINGS, OUTCOME_WORDS, PHASE_WORDS, STATUS_WORDS, words

VERDICT_WORDS: Mapping[str, str] = {"confirmed": "Confirmed", "rejected": "Rejected", "unsure": "Unsure"}
EVENT_CHOICES: Sequence[tuple[str, str]] = [(event.value, EVENT_WORDS[event]) for event in Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One detection as the queue shows it."""

    detection_id: str
    event: str
    event_key: str
    """One of `detection.schema.Event`, or ``other``: which colour it has."""
    status: str
    confidence: str
    onset: str
    size: str
    area_name: str
    facility: str
    why: str
    """Why it is worth a look; empty where the queue does not say."""
    verdict: str
    """What the reader decided; empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One detection as its own page shows it."""

    card: Card
    facts: tuple[tuple[str, str], ...]
    """Name and value, in the order of reading."""
    evidence: Evidence
    coverage: tuple[tuple[str, str], ...]
    not_seen: tuple[str, ...]
    history: tuple[tuple[str, str], ...]
    """Day, and what happened then and why."""
    geojson: str
    """The outline, longitude and latitude, as a GeoJSON geometry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What areas and facilities are called, by id."""

    areas: Mapping[str, str]
    facilities: Mapping[str, str]


def card_of(row: Mapping[str, Any], names: Names, *, verdict: str, is_blind: bool, why: str = "") -> Card:
    """Return what the queue says of a detection.

    Args:
        row: A row of the store's `detections`.
        names: What areas and facilities are called.
        verdict: What the reader decided, or nothing.
        is_blind: Another reader has decided and this one has not: what the status owes to that is not told.
        why: Why it is worth a look.

    """
    event = str(row["event"])
    return Card(
        detection_id=row["detection_id"],
        event=words(EVENT_WORDS, event),
        event_key=event if event in EVENT_WORDS else "other",
        status="Told after your verdict" if is_blind else words(STATUS_WORDS, row["status"]),
        confidence=f"{row['confidence']:.2f}",
        onset=_interval(row["onset_after"], row["onset_by"]),
        size=size_words(row["area_m2"]),
        area_name=names.areas.get(row["area_id"], row["area_id"]),
        facility=_facility_words(row, names.facilities),
        why=why,
        verdict=VERDICT_WORDS.get(verdict, verdict),
    )


def page_of(
    row: Mapping[str, Any], card: Card, *, coverage: Mapping[str, Any] | None, moves: Sequence[Mapping[str, Any]]
) -> Page:
    """Return what the page of a detection says.

    Args:
        row: A row of the store's `detections`.
        card: The same detection as the queue shows it.
        coverage: How well its area was seen in the newest run, if that is known.
        moves: How it came to its status, the oldest first; none where they would tell another reader's verdict.

    """
    return Page(
        card=card,
        facts=tuple((name, value) for name, value in _facts(row, card) if value),
        evidence=evidence_of(row["evidence"]),
        coverage=() if coverage is None else tuple(_coverage(coverage)),
        not_seen=() if coverage is None else not_seen_of(coverage["not_seen"]),
        history=tuple((_day(move["on"]), _move_words(move)) for move in moves),
        geojson=geojson_of(row["geometry"]),
    )


def geojson_of(shape: BaseGeometry) -> str:
    """Return a geometry as GeoJSON."""
    return json.dumps(mapping(shape))


def moment_words(at: datetime) -> str:
    """Return when something was decided, to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _facts(row: Mapping[str, Any], card: Card) -> list[tuple[str, str]]:
    point = row["geometry"].representative_point()
    low, high = row["area_low_m2"], row["area_high_m2"]
    size = card.size if low is None or high is None else f"{card.size} ({size_words(low)} to {size_words(high)})"
    rate = row["false_alerts_per_site_year"]
    return [
        ("Status", card.status),
        ("Confidence", card.confidence),
        ("Began", card.onset),
        ("Last seen", _day(row["last_seen_on"])),
        ("Clear looks", f"{row['looks_before']} before, {row['looks_after']} after"),
        ("Changed ground", size),
        ("Clumps of new roofs", "" if row["roofs"] is None else f"{row['roofs']:.0f}"),
        ("Phase", "" if row["phase"] is None else words(PHASE_WORDS, row["phase"])),
        ("Work began", _interval(row["active_after"], row["active_by"])),
        ("Complete", _interval(row["complete_after"], row["complete_by"])),
        ("Looks like a walled compound", "" if row["camp_likeness"] is None else share_words(row["camp_likeness"])),
        ("False alarms as strong", "" if rate is None else f"about {rate:.2g} a year on a quiet square kilometre"),
        ("Area", card.area_name),
        ("Known facility", card.facility),
        ("Place", lon_lat_words(point.x, point.y)),
        ("Sensors", row["sensors"]),
    ]


def _coverage(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    is_unseen = row["outcome"] not in {Outcome.FOUND, Outcome.NOTHING_FOUND}
    area_m2 = row["detectable_area_m2"]
    least = "none would have been found four times in five" if area_m2 is None else size_words(area_m2)
    return [
        ("The area as a whole", f"{words(OUTCOME_WORDS, row['outcome'])}: {words(OUTCOME_MEANINGS, row['outcome'])}"),
        ("Watched", f"{_day(row['period_start'])} to {_day(row['period_end'])}"),
        ("Clear looks", f"{row['clear_looks']} of {row['looks']}, the last on {_day(row['last_clear_look'])}"),
        ("Seen well enough", share_words(row["observed_share"])),
        ("Smallest new building found", "none: not seen well enough" if is_unseen else least),
    ]


def _move_words(move: Mapping[str, Any]) -> str:
    to = words(STATUS_WORDS, move["status_to"])
    step = to if move["status_from"] is None else f"{words(STATUS_WORDS, move['status_from'])} to {to.lower()}"
    return f"{step}: {move['cause']}" if move["cause"] else step


def _facility_words(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Say what it belongs to. A distance that is not known is left out."""
    facility, relation = row["facility_id"], row["facility_relation"]
    if facility is None or relation == Relation.NONE:
        return "none known nearby"
    name = names.get(facility, facility)
    if relation == Relation.INSIDE:
        return f"inside {name}"
    distance_m = row["facility_distance_m"]
    return f"near {name}" if distance_m is None else f"{length_words(round(distance_m, -1))} from {name}"


def _interval(after: date | None, by: date | None) -> str:
    if after is None and by is None:
        return ""
    return ", ".join(f"{word} {_day(day)}" for word, day in (("after", after), ("by", by)) if day is not None)


def _day(value: date | None) -> str:
    return "not known" if value is None else f"{value:%Y-%m-%d}"
