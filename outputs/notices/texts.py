"""In which words a message tells what happened, and how much of it: no more than its subscription asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from html import escape
from typing import Any

from outputs.notices.happenings import AGE_KINDS, ALARM_KINDS, Happening, Kind
from outputs.vocabulary import EVENT_WORDS, STATUS_WORDS, review_words, words

SIMULATED = "Simulated imagery, not an observation"
LOOK_THERE = "What it is stands in the workspace."
_KIND_WORDS: Mapping[Kind, str] = {
    Kind.NEW_CANDIDATE: "new candidate",
    Kind.CONFIRMED: "confirmed",
    Kind.REOPENED: "followed again",
    Kind.CLOSED: "closed, no longer followed",
    Kind.DROPPED: "dropped: later clear looks do not show it",
    Kind.NOT_OBSERVABLE: "not observable: not seen clearly for long",
    Kind.VERDICT: "looked at by a person",
}
_LEFT_OUT = ("key", "is_simulated")
_DETAIL_ONLY = ("lon", "lat", "area_m2", "onset_after", "onset_by", "detection_id")
_COORDINATE_DIGITS = 5


class Detail(StrEnum):
    """How much a message says: mail and webhooks leave the machine."""

    NONE = "none"
    """That there is something, and how much."""
    AREA = "area"
    """Which area, what happened and when; neither coordinates nor sizes, nor the detection's id."""
    FULL = "full"
    """All that is known of the detection, its place included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to one recipient at one time."""

    message_id: str
    """Of letters and digits; the same however often it is sent."""
    subscription: str
    created_at: datetime
    """UTC."""
    is_weekly: bool
    detail: Detail
    happenings: tuple[Happening, ...]

    @property
    def is_simulated(self) -> bool:
        """Whether any of it was found in drawn imagery."""
        return any(one.is_simulated for one in self.happenings)


def subject(message: Message) -> str:
    """Return the line that everybody on the way can read: it names no place and no event, whatever the detail."""
    count = len(message.happenings)
    text = f"Sitewatch: {count} {'notice' if count == 1 else 'notices'}"
    text += " of the week" if message.is_weekly else ""
    return f"{text} ({SIMULATED})" if message.is_simulated else text


def lines(message: Message) -> list[str]:
    """Return what a person reads, one line a happening; what is simulated says so, at the top or on its own line."""
    head = [f"{SIMULATED}."] if message.is_simulated else []
    if message.detail is Detail.NONE:
        return [*head, f"{subject(message).removeprefix('Sitewatch: ').partition(' (')[0]}. {LOOK_THERE}"]
    is_mixed = message.is_simulated and not all(one.is_simulated for one in message.happenings)
    ends = [f" {SIMULATED}." if is_mixed and one.is_simulated else "" for one in message.happenings]
    head = [] if is_mixed else head
    return [*head, *(line(one, message.detail) + end for one, end in zip(message.happenings, ends, strict=True))]


def line(one: Happening, detail: Detail) -> str:
    """Return one happening as a sentence or two."""
    if one.kind in ALARM_KINDS:
        told = plain(one.alarm or "unknown")
        return f"The schedule: {told}" if one.kind is Kind.ALARM else f"The schedule: no longer so: {told}"
    where = plain(one.area_id if one.area_name in {"", one.area_id} else f"{one.area_name} ({one.area_id})")
    if one.kind in AGE_KINDS:
        return f"{where}: {_age_words(one)}"
    parts = [f"{where}: {words(EVENT_WORDS, one.event)}, {_KIND_WORDS[one.kind]} ({one.on.isoformat()})"]
    if one.confidence is not None:
        parts.append(f"confidence {one.confidence:.2f}")
    if one.kind is Kind.REOPENED and one.status:
        parts.append(words(STATUS_WORDS, one.status).lower())
    text = "; ".join([*parts, *(_place_words(one) if detail is Detail.FULL else [])])
    return f"{text}. {review_words(one.verdict)}"


def plain_text(message: Message) -> str:
    """Return the message as plain text."""
    return "\n".join([*lines(message), ""])


def html_text(message: Message) -> str:
    """Return the message as a page that loads nothing: no script, no image, no link."""
    items = "".join(f"<li>{escape(one)}</li>\n" for one in lines(message))
    title = escape(subject(message))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head>\n<body><h1>{title}</h1>\n<ul>\n{items}</ul></body></html>\n"
    )


def document(message: Message) -> dict[str, Any]:
    """Return the message as a program reads it; of detail ``none`` only how many happenings there are."""
    found: dict[str, Any] = {
        "id": message.message_id,
        "created_at": message.created_at.isoformat(timespec="seconds"),
        "digest": "week" if message.is_weekly else None,
        "simulated": message.is_simulated,
        "count": len(message.happenings),
    }
    if message.detail is Detail.NONE:
        return found
    told = [_told(one, message.detail) for one in message.happenings]
    return found | {"subscription": message.subscription, "happenings": told}


def plain(text: str) -> str:
    """Return `text` on one line, without the characters that neither a header nor XML may hold."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _told(one: Happening, detail: Detail) -> dict[str, Any]:
    hidden = {*_LEFT_OUT, *(() if detail is Detail.FULL else _DETAIL_ONLY)}
    told = {name: value for name, value in one.as_json().items() if name not in hidden and value is not None}
    told |= {name: round(told[name], _COORDINATE_DIGITS) for name in ("lon", "lat") if name in told}
    return {"id": one.key, "simulated": one.is_simulated, **told}


def _age_words(one: Happening) -> str:
    if one.kind is Kind.SEEN_AGAIN:
        return f"seen again, clearly on {_day(one.last_clear_look)}"
    if one.age_days is None:
        return "never seen clearly yet"
    return f"last clear look {one.age_days} days ago ({_day(one.last_clear_look)}); what happened since is not known"


def _place_words(one: Happening) -> list[str]:
    found = [f"begun between {_day(one.onset_after)} and {_day(one.onset_by)}"] if one.onset_by else []
    found += [f"{one.area_m2:,.0f} m²"] if one.area_m2 is not None else []
    if one.lon is not None and one.lat is not None:
        found.append(f"latitude {one.lat:.5f}, longitude {one.lon:.5f}")
    return [*found, plain(one.detection_id or "")]


def _day(day: date | None) -> str:
    return day.isoformat() if day else "unknown"
