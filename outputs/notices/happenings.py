"""What can be told: a move of a detection, a verdict, or how old the newest clear look at an area is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self

from detection.schema import Status, Verdict


class Kind(StrEnum):
    """What kind of thing happened."""

    NEW_CANDIDATE = "new_candidate"
    """Found for the first time, in too few clear looks to be sure."""
    CONFIRMED = "confirmed"
    """Confirmed, be it found only now."""
    REOPENED = "reopened"
    """Followed again, after it was closed, dropped, rejected or not observable."""
    CLOSED = "closed"
    DROPPED = "dropped"
    NOT_OBSERVABLE = "not_observable"
    VERDICT = "verdict"
    """A person who looked at it decided, or could not."""
    DATA_AGE = "data_age"
    """The area has not been seen clearly for long."""
    SEEN_AGAIN = "seen_again"
    """It has been seen clearly again, after such a warning."""
    ALARM = "alarm"
    """The watch itself does not work as it should: a run did not start."""
    ALL_CLEAR = "all_clear"
    """It works again, after such an alarm."""


AGE_KINDS = frozenset({Kind.DATA_AGE, Kind.SEEN_AGAIN})
ALARM_KINDS = frozenset({Kind.ALARM, Kind.ALL_CLEAR})
_ENDS: Mapping[Status, Kind] = {
    Status.CLOSED: Kind.CLOSED,
    Status.DROPPED: Kind.DROPPED,
    Status.NOT_OBSERVABLE: Kind.NOT_OBSERVABLE,
    Status.REJECTED: Kind.VERDICT,
}


def kind_of(before: Status | None, after: Status) -> Kind:
    """Return what kind of thing a move between two statuses is; `before` is None where nothing was known."""
    if after in _ENDS:
        return _ENDS[after]
    if before in {None, Status.CANDIDATE}:
        return Kind.CONFIRMED if after is Status.CONFIRMED else Kind.NEW_CANDIDATE
    return Kind.REOPENED


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that can be told. Who reviewed, and what they noted, is no part of it."""

    key: str
    """The same for the same thing, whenever it is read; says nothing about it."""
    kind: Kind
    on: date
    """The look that tells, or the day of the verdict; of an age, the day of the warning (UTC)."""
    area_id: str
    """Empty for an alarm, which is of no area."""
    area_name: str
    is_simulated: bool
    """Whether the imagery was drawn, and no satellite took it."""
    detection_id: str | None = None
    event: str | None = None
    status: Status | None = None
    """After the move."""
    confidence: float | None = None
    """0-1."""
    verdict: Verdict | None = None
    onset_after: date | None = None
    onset_by: date | None = None
    area_m2: float | None = None
    lon: float | None = None
    """Degrees, of a point inside the detection."""
    lat: float | None = None
    last_clear_look: date | None = None
    """Of an age: None where the area was never seen clearly."""
    age_days: int | None = None
    alarm: str | None = None
    """Of an alarm: what is wrong, in a sentence that names no area."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(self).items()}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the happening that `as_json` made `document` of."""
        days = {
            name: date.fromisoformat(document[name]) if document[name] else None
            for name in ("on", "onset_after", "onset_by", "last_clear_look")
        }
        words = {"kind": Kind(document["kind"])}
        status, verdict = document["status"], document["verdict"]
        chosen = {"status": Status(status) if status else None, "verdict": Verdict(verdict) if verdict else None}
        return cls(**{**document, **days, **words, **chosen})
