"""Decide which kept scenes may go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from geo.cache.store import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRules:
    """What is not worth keeping; each rule on its own lets an entry go."""

    is_superseded: bool = False
    """Versions that a newer one of the same ground took the place of."""
    unread_days: int | None = None
    """Not read for as many days."""
    max_bytes: int | None = None
    """What may stay in all; those that were not read for the longest time go first."""

    def __post_init__(self) -> None:
        if self.unread_days is not None and self.unread_days < 0:
            raise ValueError(f"unread_days cannot be negative; got {self.unread_days}")
        if self.max_bytes is not None and self.max_bytes < 0:
            raise ValueError(f"max_bytes cannot be negative; got {self.max_bytes}")


def choose_to_prune(entries: Sequence[Entry], rules: PruneRules, *, now: datetime) -> list[tuple[Entry, str]]:
    """Return which of `entries` go by `rules`, each with its reason, in the order given."""
    going = {entry.item_path: reason for entry in entries if (reason := _reason(entry, rules, now))}
    staying = [entry for entry in entries if entry.item_path not in going]
    going |= {entry.item_path: "over the limit of size" for entry in _too_many(staying, rules.max_bytes)}
    return [(entry, going[entry.item_path]) for entry in entries if entry.item_path in going]


def _reason(entry: Entry, rules: PruneRules, now: datetime) -> str:
    if rules.is_superseded and entry.facts.superseded_by:
        return "superseded"
    if rules.unread_days is not None and now - entry.last_read_at > timedelta(days=rules.unread_days):
        return f"not read for {rules.unread_days} days"
    return ""


def _too_many(entries: Sequence[Entry], max_bytes: int | None) -> Iterator[Entry]:
    """Yield the longest unread entries until the others fit."""
    if max_bytes is None:
        return
    total = sum(entry.size_bytes for entry in entries)
    for entry in sorted(entries, key=lambda entry: (entry.last_read_at, entry.item_path)):
        if total <= max_bytes:
            return
        total -= entry.size_bytes
        yield entry
