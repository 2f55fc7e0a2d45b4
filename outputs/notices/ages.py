"""How old is the newest clear look at an area, and is it time to say so?"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from outputs.notices.happenings import Kind

AGAIN = timedelta(days=14)
"""A warning is repeated no sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is known of the newest clear look at one area."""

    area_id: str
    area_name: str
    last: date | None
    """None: it was never seen clearly."""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeState:
    """What was said of an area's age so far."""

    told_at: datetime | None = None
    """When it was last warned of, in UTC; None: no warning stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeStep:
    """What to say now, if anything, and what to remember."""

    kind: Kind | None
    state: AgeState


def age_days(look: Look, now: datetime) -> int | None:
    """Return how many days ago the area was last seen clearly, at least 0; None where it never was."""
    return None if look.last is None else max((now.astimezone(UTC).date() - look.last).days, 0)


def age_step(look: Look, state: AgeState, now: datetime, *, limit_days: int) -> AgeStep:
    """Say whether the area is to be warned of at `now`, or said to be seen again.

    A clock that was set back does not silence a warning for good: one told in the future counts as told now.

    Args:
        look: The newest clear look.
        state: What was said before.
        now: Aware.
        limit_days: A look older than this is warned of; 0: never.

    """
    days = age_days(look, now)
    if limit_days == 0 or (days is not None and days <= limit_days):
        is_over = state.told_at is not None and limit_days > 0
        return AgeStep(kind=Kind.SEEN_AGAIN if is_over else None, state=AgeState())
    told = min(state.told_at, now) if state.told_at else None
    if told is not None and now - told < AGAIN:
        return AgeStep(kind=None, state=AgeState(told_at=told))
    return AgeStep(kind=Kind.DATA_AGE, state=AgeState(told_at=now))
