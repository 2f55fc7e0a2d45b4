"""What the catalogue said, remembered for a while: asking again for years that are over costs requests for nothing."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from geo.sources.statefile import read_state, write_state

_KEPT = ("datetime", "platform", "eo:cloud_cover", "sat:relative_orbit")
_SETTLED_AFTER = timedelta(days=60)
"""Products come within days; what comes later is another processing of what is there already."""

Bounds = tuple[float, float, float, float]
Feature = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old an answer of the catalogue may be."""

    open_s: float = 3_600.0
    """Of a year to which products are still added: short, but `plan` and the run after it ask once."""
    settled_s: float = 30 * 86_400.0
    """Of a year that is over: only reprocessed products can be new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A part of the time, the same for every search, so that answers can be found again."""

    start: datetime
    end: datetime
    is_settled: bool


def terms(first: date, last: date, today: date) -> Iterator[Term]:
    """Yield the calendar years that [first, last] touches, none of them beyond `today`.

    Years, because a page of results is charged by the months asked for and holds about a year of one place.
    """
    for year in range(first.year, min(last, today).year + 1):
        end = min(date(year, 12, 31), today)
        yield Term(
            start=datetime(year, 1, 1, tzinfo=UTC),
            end=datetime.combine(end, time(23, 59, 59), UTC),
            is_settled=today - end > _SETTLED_AFTER,
        )


class CatalogMemory:
    """Answers of one catalogue for one collection, in files that all processes share."""

    def __init__(self, folder: Path, name: str, freshness: Freshness) -> None:
        self._folder = folder
        self._name = name
        self._freshness = freshness

    def recall(
        self, bounds_4326: Bounds, term: Term, ask: Callable[[], Sequence[Feature]], *, now: datetime
    ) -> Sequence[Feature]:
        """Return the features of `term` within the bounds: those that are remembered, or what `ask` brings."""
        path = self._folder / f"{self._digest(bounds_4326, term)}.json"
        limit_s = self._freshness.settled_s if term.is_settled else self._freshness.open_s
        known = read_state(path)
        if 0 <= now.timestamp() - _asked_at(known) <= limit_s:
            features: list[Feature] = known["features"]
            return features
        fresh = [_what_matters(feature) for feature in ask()]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_state(path, {"asked_at": now.timestamp(), "is_settled": term.is_settled, "features": fresh})
        return fresh

    def _digest(self, bounds_4326: Bounds, term: Term) -> str:
        told = json.dumps([self._name, bounds_4326, term.start.year, term.is_settled])
        return hashlib.sha256(told.encode()).hexdigest()[:24]


def _asked_at(known: Mapping[str, Any]) -> float:
    """Return when an answer came; never for what is no answer."""
    when = known.get("asked_at")
    return float(when) if isinstance(when, int | float) and isinstance(known.get("features"), list) else float("-inf")


def _what_matters(feature: Feature) -> Feature:
    properties = feature.get("properties") or {}
    kept = {name: properties[name] for name in _KEPT if name in properties}
    return {"id": feature.get("id"), "geometry": feature.get("geometry"), "properties": kept}
