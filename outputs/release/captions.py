"""What may be printed under a picture or beside a point: what, where, when, how sure, and what was not seen.

Every number in a caption is tied to its record: the detection (or the area's coverage), the field, and the run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pandas as pd

from outputs.layers.kml import LIMITS
from outputs.release.contents import CONFIRMED, PRELIMINARY, Release
from outputs.release.places import nearest_town
from outputs.vocabulary import EVENT_WORDS, is_simulated, words

NOT_SEEN = (
    "Pixels are ten metres wide: walls, fences, towers and people are not seen, and neither is what a building is "
    "for. Who built it, and why, imagery does not tell."
)
_LIKELIHOODS = (
    (0.99, "virtually certain"),
    (0.90, "very likely"),
    (0.66, "likely"),
    (0.33, "about as likely as not"),
    (0.10, "unlikely"),
    (0.0, "very unlikely"),
)
"""Least probability and the words for it: the scale of the IPCC (Mastrandrea et al. 2010)."""
_DID: Mapping[str, str] = {
    "construction": "Construction: something was built where nothing of the kind stood",
    "expansion": "Expansion: something was built in, or right beside, a known factory or industrial park",
    "demolition": "Demolition: something built is gone",
    "desecuritisation": "De-securitisation indicated: a wall or buildings of a known place are gone",
    "surface_change": "Surface change: the ground looks lastingly different, but not built or cleared",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number in a caption, and the record that it is from."""

    shown: str
    """As it stands in the caption."""
    field: str
    value: Any
    record: str
    """``detection``, ``coverage`` or ``position`` (of the published geometry)."""
    record_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """One detection in words."""

    detection_id: str
    title: str
    text: str
    not_seen: str
    limits: str
    review_state: str
    attribution: str
    facts: tuple[Fact, ...]


class _Told:
    """Collects sentences of a record, and with each number where it is from."""

    def __init__(self, row: Mapping[Any, Any], run_id: str) -> None:
        self.row = row
        self.run_id = run_id
        self.facts: list[Fact] = []

    def has(self, *names: str) -> bool:
        return all(self.row.get(name) is not None and not pd.isna(self.row[name]) for name in names)

    def number(self, name: str, pattern: str = "{:,.0f}") -> str:
        value = float(self.row[name])
        return self.tie(name, pattern.format(value), value)

    def day(self, name: str) -> str:
        value = pd.Timestamp(self.row[name]).date()
        return self.tie(name, day_words(value), value.isoformat())

    def tie(self, name: str, shown: str, value: Any, record: tuple[str, str] | None = None) -> str:  # noqa: ANN401
        kind, identity = record or ("detection", str(self.row["detection_id"]))
        fact = Fact(shown=shown, field=name, value=value, record=kind, record_id=identity, run_id=self.run_id)
        self.facts.append(fact)
        return shown


def captions(release: Release) -> tuple[Caption, ...]:
    """Return one caption a detection, in the order of the table."""
    coverage = {str(row.get("area_id")): row for row in pd.DataFrame(release.coverage).to_dict("records")}
    return tuple(_caption(row, coverage, release) for row in release.table.to_dict("records"))


def likelihood_words(probability: float) -> str:
    """Return the words for a probability (0-1)."""
    return next(said for least, said in _LIKELIHOODS if probability >= least)


def day_words(day: date) -> str:
    """Return a day as it is printed: ``2 March 2017``."""
    return f"{day.day} {day:%B %Y}"


def captions_json(release: Release, found: Sequence[Caption]) -> str:
    """Return all captions as one JSON document."""
    document = {
        "release": release.name,
        "run_id": release.run_id,
        "review_state": release.review_state,
        "attribution": release.credit,
        "captions": [asdict(one) for one in found],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def captions_markdown(release: Release, found: Sequence[Caption]) -> str:
    """Return all captions as text to print, each with its records."""
    parts = [f"# Captions: {release.title}", *([f"**{release.mark}**"] if release.mark else [])]
    for one in found:
        parts += [f"## {one.title}", *([f"**{PRELIMINARY.capitalize()}.**"] if one.review_state == PRELIMINARY else [])]
        parts += [one.text, f"*Not seen:* {one.not_seen}", f"*Limits:* {one.limits}", f"*{one.attribution}*"]
        rows = [
            f"| {fact.shown} | {fact.record} {fact.record_id} | {fact.field} | {fact.run_id} |" for fact in one.facts
        ]
        parts.append("\n".join(["| number | record | field | run |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _caption(row: Mapping[Any, Any], coverage: Mapping[str, Mapping[Any, Any]], release: Release) -> Caption:
    told = _Told(row, release.run_id)
    is_open = not told.has("verdict")
    sentences = [f"{_place(told)}.", *_what(told), *_when(told), *_how_sure(told)]
    area = coverage.get(str(row.get("area_id")))
    mark = [f"{PRELIMINARY.capitalize()}."] if is_open else ["A reviewer confirmed it on the imagery."]
    simulated = ["Simulated imagery, not an observation."] if is_simulated(release.credit) else []
    return Caption(
        detection_id=str(row["detection_id"]),
        title=f"{words(EVENT_WORDS, row['event'])}, detection {row['detection_id']}",
        text=" ".join([*simulated, *mark, *sentences]),
        not_seen=" ".join([*_unseen(told, area), NOT_SEEN]),
        limits=LIMITS.replace("10 m", "ten-metre"),
        review_state=PRELIMINARY if is_open else CONFIRMED,
        attribution=release.credit,
        facts=tuple(told.facts),
    )


def _place(told: _Told) -> str:
    row = told.row
    point = row["geometry"].representative_point()
    bearing = nearest_town(point.x, point.y)
    identity = ("position", str(row["detection_id"]))
    km = told.tie("distance_km", bearing.words(), round(bearing.distance_m / 1000), identity)
    did = _DID.get(str(row["event"]), words(EVENT_WORDS, row["event"]))
    north_south, east_west = "N" if point.y >= 0 else "S", "E" if point.x >= 0 else "W"
    lat = told.tie("latitude", f"{abs(point.y):.3f}° {north_south}", round(point.y, 3), identity)
    lon = told.tie("longitude", f"{abs(point.x):.3f}° {east_west}", round(point.x, 3), identity)
    return f"{did}, {km} (as published: {lat}, {lon})"


def _what(told: _Told) -> list[str]:
    if not told.has("area_m2"):
        return []
    interval = ""
    if told.has("area_low_m2", "area_high_m2"):
        share = told.tie("area_low_m2, area_high_m2", "95 %", 0.95)
        interval = f" ({share} interval {told.number('area_low_m2')} to {told.number('area_high_m2')} m²)"
    return [f"About {told.number('area_m2')} m² of ground changed{interval}."]


def _when(told: _Told) -> list[str]:
    found = []
    if told.has("onset_after", "onset_by"):
        found.append(f"It began after {told.day('onset_after')} and by {told.day('onset_by')}; which day is not known.")
    if told.has("last_seen_on"):
        found.append(f"It was last seen on {told.day('last_seen_on')}.")
    if told.has("not_observable_since"):
        found.append(f"Since {told.day('not_observable_since')} clouds or gaps have hidden it.")
    return found


def _how_sure(told: _Told) -> list[str]:
    found = []
    if told.has("confidence"):
        said = likelihood_words(float(told.row["confidence"]))
        found.append(f"By the method's own account it is {said} (probability {told.number('confidence', '{:.2f}')}).")
    if told.has("looks_before", "looks_after"):
        found.append(f"Clear looks: {told.number('looks_before')} before, {told.number('looks_after')} after.")
    if told.has("false_alerts_per_site_year"):
        rate = told.number("false_alerts_per_site_year", "{:.3g}")
        found.append(f"Places where nothing happened raised evidence as strong {rate} times a site and year.")
    return found


def _unseen(told: _Told, area: Mapping[Any, Any] | None) -> list[str]:
    """Say what of the area could not be seen, from its row of coverage; nothing where that is withheld."""
    if area is None:
        return []
    seen = _Told({**area, "detection_id": ""}, told.run_id)
    identity = ("coverage", str(area["area_id"]))
    found = []
    if seen.has("observed_share"):
        share = float(area["observed_share"])
        shown = told.tie("observed_share", f"{share:.0%}", share, identity)
        found.append(f"{shown} of the area was seen clearly often enough that a change could have been found.")
    if seen.has("looks", "clear_looks"):
        looks = told.tie("looks", f"{area['looks']:,.0f}", int(area["looks"]), identity)
        clear = told.tie("clear_looks", f"{area['clear_looks']:,.0f}", int(area["clear_looks"]), identity)
        found.append(f"Of {looks} looks {clear} counted; the others were hidden by clouds or gaps.")
    if seen.has("detectable_area_m2"):
        least = float(area["detectable_area_m2"])
        shown = told.tie("detectable_area_m2", f"{least:,.0f} m²", least, identity)
        found.append(f"What is smaller than {shown} would often have been missed.")
    return found
