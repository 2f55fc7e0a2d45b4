"""Who is told what, and when: a subscription's choice, and the week that a digest belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from detection.schema import Event, Status
from outputs.notices.happenings import AGE_KINDS, ALARM_KINDS, Happening, Kind

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a subscription asks for. An empty choice stands for everything."""

    areas: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    events: frozenset[Event] = frozenset()
    statuses: frozenset[Status] = frozenset()
    """After the move."""
    least_confidence: float = 0.0
    """0-1."""
    is_weekly: bool = False
    age_days: int = 45
    """An area that was not seen clearly for more days is warned of; 0: never."""
    age_days_of: Mapping[str, int] = field(default_factory=dict)
    """Another number of days for some areas, by id."""

    def age_limit(self, area_id: str) -> int:
        """Return after how many days the area is warned of; 0: never."""
        return self.age_days_of.get(area_id, self.age_days)

    def has_area(self, area_id: str) -> bool:
        """Say whether the area is one of those asked for."""
        return not self.areas or area_id in self.areas

    def has(self, one: Happening) -> bool:
        """Say whether `one` is asked for. Ages have neither event nor status nor confidence: these do not bar them.

        An alarm is of no area: who asks for some areas only is told of it if `kinds` names it.
        """
        if one.kind in ALARM_KINDS:
            return one.kind in self.kinds or not (self.kinds or self.areas)
        if not self.has_area(one.area_id) or (self.kinds and one.kind not in self.kinds):
            return False
        return one.kind in AGE_KINDS or self._has_detection(one)

    def _has_detection(self, one: Happening) -> bool:
        return (
            (not self.events or one.event in self.events)
            and (not self.statuses or one.status in self.statuses)
            and (one.confidence or 0.0) >= self.least_confidence
        )


def next_week(now: datetime) -> datetime:
    """Return the beginning of the week after `now`: Monday, 00:00 UTC."""
    day = now.astimezone(UTC).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(tzinfo=UTC)) + WEEK


def due_at(now: datetime, *, is_weekly: bool) -> datetime:
    """Return when what is learnt at `now` is to be told."""
    return next_week(now) if is_weekly else now.astimezone(UTC)
