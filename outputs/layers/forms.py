"""What QGIS shows when a row is opened: which fields, in which order, with which words to choose from."""

from collections.abc import Mapping
from dataclasses import dataclass

from aoi.facilities import FacilityKind
from detection.schema import Event, Outcome, Phase, Relation, Status, Verdict
from outputs.vocabulary import (
    ANSWER_WORDS,
    ARC_WORDS,
    EVENT_WORDS,
    FACILITY_WORDS,
    OUTCOME_WORDS,
    PHASE_WORDS,
    RELATION_WORDS,
    STATUS_WORDS,
)

VERDICT_WORDS: Mapping[str, str] = {
    Verdict.CONFIRMED: "Confirmed: it is what it says",
    Verdict.REJECTED: "Rejected: it is not",
    Verdict.UNSURE: "Unsure: it cannot be told",
}
_NULL = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"
"""By which word QGIS knows, in a list of values, the one that stands for no value."""
_REVIEWER = "coalesce(nullif(trim(\"reviewer\"), ''), nullif(trim(@user_full_name), ''), @user_account_name)"
"""Who is named already stays; else who works at this machine, by full name or account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field of a form."""

    field: str
    widget: str = ""
    """As QGIS calls it: ValueMap, DateTime, TextEdit, ExternalResource, Hidden; empty: as QGIS thinks fit."""
    values: tuple[tuple[str, str], ...] = ()
    """For a ValueMap: what is kept, and the words for it, in the order of the list."""
    is_editable: bool = True
    default: str = ""
    """A QGIS expression."""
    is_default_on_update: bool = False
    """The default is taken again whenever the row is edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """Entries that are shown together."""

    name: str
    entries: tuple[Entry, ...]


def choice(field: str, words: Mapping[str, str], *, is_optional: bool = False, is_editable: bool = True) -> Entry:
    """Return an entry with a list to choose from."""
    nothing = (((_NULL, "(none)")),) if is_optional else ()
    return Entry(field=field, widget="ValueMap", values=(*nothing, *words.items()), is_editable=is_editable)


def day(field: str, *, is_editable: bool = True) -> Entry:
    """Return an entry for a day, with a calendar."""
    return Entry(field=field, widget="DateTime", is_editable=is_editable)


def long_text(field: str, *, is_editable: bool = True) -> Entry:
    """Return an entry for a text of several lines."""
    return Entry(field=field, widget="TextEdit", is_editable=is_editable)


def _plain(*fields: str) -> tuple[Entry, ...]:
    return tuple(Entry(field=field) for field in fields)


_FACILITY = (
    *_plain("id", "name", "names"),
    choice("kind", {kind: FACILITY_WORDS[kind] for kind in FacilityKind}),
    *_plain("status", "source", "position_error_m"),
)
FORMS: Mapping[str, tuple[Tab, ...]] = {
    "detections": (
        Tab(
            name="What and since when",
            entries=(
                *_plain("detection_id"),
                choice("event", {event: EVENT_WORDS[event] for event in Event}),
                choice("status", {status: STATUS_WORDS[status] for status in Status}),
                *_plain("confidence"),
                choice("verdict", {one: VERDICT_WORDS[one] for one in Verdict}, is_optional=True),
                *(day(field) for field in ("onset_after", "onset_by", "confirmed_on", "last_seen_on")),
                day("not_observable_since"),
            ),
        ),
        Tab(
            name="Where and how large",
            entries=(
                *_plain("area_id", "facility_id"),
                choice("facility_relation", {one: RELATION_WORDS[one] for one in Relation}),
                *_plain("facility_distance_m", "area_m2", "area_low_m2", "area_high_m2", "roofs", "camp_likeness"),
            ),
        ),
        Tab(
            name="Work",
            entries=(
                choice("phase", {phase: PHASE_WORDS[phase] for phase in Phase}, is_optional=True),
                *(day(field) for field in ("active_after", "active_by", "complete_after", "complete_by")),
            ),
        ),
        Tab(
            name="Evidence",
            entries=(
                *_plain("looks_before", "looks_after", "false_alerts_per_site_year", "sensors"),
                *(long_text(field) for field in ("evidence", "scene_ids")),
                *_plain("settings_hash"),
            ),
        ),
    ),
    "coverage": (
        Tab(
            name="How well it was seen",
            entries=(
                *_plain("area_id"),
                choice("outcome", {outcome: OUTCOME_WORDS[outcome] for outcome in Outcome}),
                *(day(field) for field in ("period_start", "period_end", "last_clear_look", "screened_until")),
                *_plain("looks", "clear_looks", "observed_share", "median_clear_looks"),
                *_plain("detectable_area_m2", "detectable_contrast"),
                long_text("not_seen"),
            ),
        ),
    ),
    "perimeters": (
        Tab(
            name="What can be told",
            entries=(
                *_plain("facility_id", "arc"),
                choice("state", {**ARC_WORDS, **ANSWER_WORDS}),
                long_text("reason"),
                *_plain("probability"),
                *(day(field) for field in ("changed_after", "changed_by")),
                *_plain("smallest_m", "length_m", "looks_before", "looks_after"),
            ),
        ),
    ),
    "verdicts": (
        Tab(
            name="Your verdict",
            entries=(
                choice("event", {event: EVENT_WORDS[event] for event in Event}, is_editable=False),
                Entry(field="confidence", is_editable=False),
                *(day(field, is_editable=False) for field in ("onset_after", "onset_by")),
                Entry(field="picture", widget="ExternalResource", is_editable=False),
                choice("verdict", {one: VERDICT_WORDS[one] for one in Verdict}, is_optional=True),
                choice("event_corrected", {event: EVENT_WORDS[event] for event in Event}, is_optional=True),
                long_text("note"),
                Entry(field="reviewer", default=_REVIEWER, is_default_on_update=True),
            ),
        ),
        Tab(
            name="What it is about",
            entries=(
                *(Entry(field=field, is_editable=False) for field in ("detection_id", "area_id", "area_m2")),
                choice("status", {status: STATUS_WORDS[status] for status in Status}, is_editable=False),
                choice("verdict_so_far", {one: VERDICT_WORDS[one] for one in Verdict}, is_editable=False),
                *(Entry(field=field, is_editable=False) for field in ("base_version", "reviewed_at")),
            ),
        ),
    ),
    "areas": (Tab(name="Area", entries=(*_plain("id", "name", "purpose", "events"), day("since"))),),
    "facilities": (Tab(name="Place", entries=_FACILITY),),
    "facility_outlines": (Tab(name="Place", entries=_FACILITY),),
}
"""Layer to the tabs of its form. Fields that are in no tab stand in the table of attributes alone."""
