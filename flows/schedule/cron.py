"""Five cron fields in UTC: when they come next, and when they came last. No scheduler is asked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Self

_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAYS_IN = dict(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1))
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w{1,3})(?:-(?P<last>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?")
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_FARTHEST_DAYS = 366 * 9
"""29 February may be eight years away, and a weekday is taken beside it, not with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Five cron fields, understood: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

    As ever with cron, a day counts if either of the two fields of days names it, where both are given.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    month_days: frozenset[int] | None
    """None: any."""
    months: frozenset[int]
    week_days: frozenset[int] | None
    """0 is Sunday; None: any."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what five fields with numbers, names, ``*``, ``-``, ``,`` and ``/`` say.

        Raises:
            ValueError: They are not that, or the day never comes; the message says which field is wrong.

        """
        fields = text.lower().split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"expected five cron fields such as '0 6 * * 1'; got {len(fields)}")
        values = [_values(field, *told) for field, told in zip(fields, _FIELDS, strict=True)]
        found = cls(
            text=" ".join(fields),
            minutes=values[0],
            hours=values[1],
            month_days=None if fields[2] == "*" else values[2],
            months=values[3],
            week_days=None if fields[4] == "*" else frozenset(day % 7 for day in values[4]),
        )
        if not any(day <= _DAYS_IN[month] for day in values[2] for month in found.months):
            raise ValueError(f"no month of {found.text!r} has such a day")
        return found

    def following(self, moment: datetime) -> datetime:
        """Return the first time after `moment`, in UTC."""
        utc = moment.astimezone(UTC)
        later = [at for at in self._times(utc.date(), utc.date()) if at > utc]
        return later[0] if later else self._of_day(self._next_day(utc.date(), 1))[0]

    def latest(self, moment: datetime) -> datetime:
        """Return the last time that is not after `moment`, in UTC."""
        utc = moment.astimezone(UTC)
        earlier = [at for at in self._times(utc.date(), utc.date()) if at <= utc]
        return earlier[-1] if earlier else self._of_day(self._next_day(utc.date(), -1))[-1]

    def _next_day(self, day: date, step: int) -> date | None:
        """Return the nearest day after (`step` 1) or before (-1) `day`; None: there is none."""
        days = (day + timedelta(days=step * count) for count in range(1, _FARTHEST_DAYS))
        return next((one for one in days if self._has(one)), None)

    def _has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = self.month_days is not None and day.day in self.month_days
        in_week = self.week_days is not None and day.isoweekday() % 7 in self.week_days
        if self.month_days is None or self.week_days is None:
            return (self.month_days is None or in_month) and (self.week_days is None or in_week)
        return in_month or in_week

    def _of_day(self, day: date | None) -> list[datetime]:
        if day is None:
            raise RuntimeError(f"{self.text}: a day that came before does not come again")
        return list(self._times(day, day))

    def _times(self, first: date, last: date) -> Iterator[datetime]:
        """Yield the times of all days from `first` to `last`, in order."""
        for day in (first + timedelta(days=count) for count in range((last - first).days + 1)):
            if self._has(day):
                for hour, minute in product(sorted(self.hours), sorted(self.minutes)):
                    yield datetime.combine(day, time(hour, minute, tzinfo=UTC))


def _values(field: str, name: str, least: int, most: int, words: Mapping[str, int]) -> frozenset[int]:
    """Return the numbers that one field names."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"cron field {name}: {part!r} is not understood")
        first = least if match["all"] else _number(match["first"], name, words)
        is_open = match["all"] or (match["step"] and not match["last"])
        last = most if is_open else _number(match["last"] or match["first"], name, words)
        step = int(match["step"] or 1)
        if not (least <= first <= last <= most) or step < 1:
            raise ValueError(f"cron field {name}: expected {least} to {most}; got {part!r}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, name: str, words: Mapping[str, int]) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    if text not in words:
        raise ValueError(f"cron field {name}: {text!r} is not understood")
    return words[text]
