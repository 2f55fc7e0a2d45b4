"""What was really spent at a provider: one line an answer, kept by month."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from geo.cost import Cost
from geo.sources.statefile import append_line

logger = logging.getLogger(__name__)

_area: ContextVar[str] = ContextVar("area", default="")
_spent: ContextVar["list[Cost] | None"] = ContextVar("spent", default=None)


@contextmanager
def spending_on(area_id: str) -> Iterator[list[Cost]]:
    """Let what is spent meanwhile stand under `area_id`: a source itself knows only grids.

    Gives what this process spends meanwhile, one item an answer, as it comes; also what is spent inside on another id.
    """
    outer, own = _spent.get(), list[Cost]()
    tokens = _area.set(area_id), _spent.set(own)
    try:
        yield own
    finally:
        _area.reset(tokens[0])
        _spent.reset(tokens[1])
        if outer is not None:
            outer.extend(own)


def area_spent_on() -> str:
    """Return the area that is being worked on; empty where nobody said."""
    return _area.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer that was charged."""

    at: str
    """UTC, in ISO 8601."""
    kind: str
    """``process`` or ``catalog``."""
    area: str
    product: str
    units: float
    """Processing units."""
    is_stated: bool
    """Whether the provider said so; else it is computed."""
    size_bytes: int
    is_accepted: bool = True
    """Whether the answer could be used; one that arrived damaged is charged all the same."""


class Ledger:
    """The files ``ledger-YYYY-MM.jsonl`` of one folder: append-only, safe for several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, entry: Entry) -> None:
        """Write `entry` down; it is on the disk when this returns.

        Raises:
            OutputError: The folder cannot be written.

        """
        append_line(self._path(entry.at[:7]), json.dumps(asdict(entry), ensure_ascii=False))
        if (spent := _spent.get()) is not None:
            spent.append(Cost(requests=1, units=entry.units, megabytes=entry.size_bytes / 1e6))

    def spent(self, month: str) -> Cost:
        """Return what was spent in `month` (``2026-11``, UTC), with the megabytes as they were sent."""
        return sum(self.by_area(month).values(), start=Cost())

    def by_area(self, month: str) -> dict[str, Cost]:
        """Return what was spent in `month` on each area; the empty id is what no area asked for."""
        spent: dict[str, Cost] = {}
        for entry in self.entries(month):
            cost = Cost(requests=1, units=entry.units, megabytes=entry.size_bytes / 1e6)
            spent[entry.area] = spent.get(entry.area, Cost()) + cost
        return spent

    def entries(self, month: str) -> Iterator[Entry]:
        """Yield what was written down in `month`, passing over lines that a killed process left half written."""
        path = self._path(month)
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        for number, line in enumerate(lines, start=1):
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                logger.warning("%s, line %d: passed over, it is not whole", path, number)

    def _path(self, month: str) -> Path:
        return self._folder / f"ledger-{month}.jsonl"


def month_of(moment: datetime) -> str:
    """Return the month, in UTC, as the ledger names it."""
    return f"{moment.astimezone(UTC):%Y-%m}"
