"""In which words a watch list says how often an area is watched, and at which times that is."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aoi.areas import Area
from flows.schedule.cron import Cron
from flows.settings.config import ScheduleSettings
from geo.errors import AoiError, ConfigError

ON_IMAGERY = "on new imagery"
EXPECTED = '"daily", "weekly", "monthly", "every 6 hours", "every 3 days", "on new imagery" or five cron fields'
ANCHOR = datetime(2018, 1, 1, tzinfo=UTC)
"""A Monday from which intervals are counted, so that they do not shift when they are set up again."""
_CRON_OF = {"daily": "{minute} {hour} * * *", "weekly": "{minute} {hour} * * 1", "monthly": "{minute} {hour} 1 * *"}
_SAME = {
    "every day": "daily",
    "every 1 day": "daily",
    "every week": "weekly",
    "every 1 week": "weekly",
    "every month": "monthly",
    "hourly": "every 1 hour",
    "new imagery": ON_IMAGERY,
}
_EVERY = re.compile(r"every (?:(\d{1,6}) )?(second|minute|hour|day|week)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_LONGEST = 100
_LEAST = timedelta(seconds=10)
_MOST = timedelta(days=366)
_MINUTES = 60
_APART = 7
"""Coprime to the minutes of an hour: going on by it reaches each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often, and when: either `cron` or `every` is set. Times are UTC."""

    text: str
    """As a watch list would say it; the same for the same cadence."""
    cron: str = ""
    every: timedelta | None = None
    anchor: datetime = ANCHOR
    """From where intervals are counted."""

    @property
    def name(self) -> str:
        """What deployments and files of it are called: letters, digits and ``-``; no two cadences share it."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.text.replace("*", "x")).strip("-")
        if plain == self.text.replace(" ", "-"):
            return plain
        return f"cron-{plain}-{hashlib.sha256(self.text.encode()).hexdigest()[:6]}"

    def following(self, moment: datetime) -> datetime:
        """Return the first start after `moment`."""
        return Cron.parse(self.cron).following(moment) if self.every is None else self.latest(moment) + self.every

    def latest(self, moment: datetime) -> datetime:
        """Return the last start that is not after `moment`."""
        if self.every is None:
            return Cron.parse(self.cron).latest(moment)
        return self.anchor + (moment.astimezone(UTC) - self.anchor) // self.every * self.every

    def next_starts(self, moment: datetime, count: int) -> tuple[datetime, ...]:
        """Return the first `count` starts after `moment`."""
        found: list[datetime] = []
        for _ in range(count):
            found.append(self.following(found[-1] if found else moment))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A cadence and the areas that are watched at it, in the order of the watch list."""

    cadence: Cadence
    area_ids: tuple[str, ...]


def cadence_text(text: str) -> str:
    """Return the one way in which a cadence is written.

    Raises:
        ValueError: It is no cadence; the message says what was expected and what came.

    """
    words = " ".join(text.lower().split())
    words = _SAME.get(words, words)
    if len(words) > _LONGEST:
        raise ValueError(f"expected {EXPECTED}; got {len(words)} characters")
    if words in _CRON_OF or words == ON_IMAGERY:
        return words
    if match := _EVERY.fullmatch(words):
        return _interval_text(int(match[1] or 1), match[2], words)
    try:
        return Cron.parse(words).text
    except ValueError as error:
        reason = f" ({error})" if any(sign.isdigit() or sign == "*" for sign in words) else ""
        raise ValueError(f"expected {EXPECTED}; got {text!r}{reason}") from error


def _interval_text(count: int, unit: str, words: str) -> str:
    period = timedelta(seconds=count * _SECONDS[unit])
    if not _LEAST <= period <= _MOST:
        raise ValueError(f"expected at least ten seconds and at most a year; got {words!r}")
    text = f"every {count} {unit}{'s' if count > 1 else ''}"
    return _SAME.get(text, text)


def cadence_of(area: Area, settings: ScheduleSettings) -> str:
    """Return the cadence of an area, in its one way of writing: its own, or the workspace's.

    Raises:
        AoiError: The area's own is none.
        ConfigError: The workspace's is none.

    """
    try:
        return cadence_text(area.cadence or settings.cadence)
    except ValueError as error:
        if area.cadence:
            raise AoiError(f"area {area.area_id}: cadence: {error}") from error
        raise ConfigError(f"schedule.cadence: {error}") from error


def timetable(areas: Iterable[Area], settings: ScheduleSettings) -> tuple[Scheduled, ...]:
    """Return the distinct cadences of a watch list with their areas, such that no two start in the same minute.

    Cron fields of the user's own are left as they are. The minute of a cadence depends on its words alone, as long as
    no other has the same.

    Raises:
        AoiError, ConfigError: As for `cadence_of`.

    """
    found: dict[str, list[str]] = {}
    for area in areas:
        found.setdefault(cadence_of(area, settings), []).append(area.area_id)
    minutes = _minutes(sorted(found))
    return tuple(
        Scheduled(cadence=_timed(text, minutes.get(text, 0), settings), area_ids=tuple(found[text]))
        for text in sorted(found)
    )


def _minutes(texts: Sequence[str]) -> Mapping[str, int]:
    """Return the minute of the hour of each cadence that is free to have one."""
    taken: set[int] = set()
    for text in texts:
        if _is_cron(text):
            own = Cron.parse(text).minutes
            taken |= own if len(own) == 1 else set()
    minutes = {}
    for text in (one for one in texts if _is_free(one)):
        minute = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % _MINUTES
        while minute in taken and len(taken) < _MINUTES:
            minute = (minute + _APART) % _MINUTES
        taken.add(minute)
        minutes[text] = minute
    return minutes


def _is_cron(text: str) -> bool:
    return text not in _CRON_OF and text != ON_IMAGERY and not _EVERY.fullmatch(text)


def _is_free(text: str) -> bool:
    """Say whether the minute of the hour is ours to choose."""
    match = _EVERY.fullmatch(text)
    return not _is_cron(text) and (match is None or match[2] in {"hour", "day", "week"})


def _timed(text: str, minute: int, settings: ScheduleSettings) -> Cadence:
    """Return the cadence that `text`, written in its one way, names."""
    if text in _CRON_OF:
        return Cadence(text=text, cron=_CRON_OF[text].format(minute=minute, hour=settings.hour))
    anchor = ANCHOR + timedelta(minutes=minute)
    if text == ON_IMAGERY:
        return Cadence(text=text, every=timedelta(hours=settings.poll_hours), anchor=anchor)
    if match := _EVERY.fullmatch(text):
        found = Cadence(text=text, every=timedelta(seconds=int(match[1]) * _SECONDS[match[2]]), anchor=anchor)
        return found if match[2] not in {"day", "week"} else replace(found, anchor=_at_hour(anchor, settings.hour))
    return Cadence(text=text, cron=text)


def _at_hour(anchor: datetime, hour: int) -> datetime:
    return anchor + timedelta(hours=hour)
