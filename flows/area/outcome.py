"""What came of watching the areas of a run, and with which code the command ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from detection.schema import Outcome, Status
from geo.errors import QuotaExceededError, SitewatchError

SHOWN = 5
"""How many areas a line names."""


class State(StrEnum):
    """How far an area came in a run."""

    DONE = "done"
    UP_TO_DATE = "up to date"
    """Nothing that its product is made from has changed."""
    SCREENED = "screened"
    """Its new dates were screened one by one and show nothing; the last product still stands."""
    FAILED = "failed"
    """No product was made; an earlier one, if there is one, still stands."""
    NOT_DONE = "not done"
    """As failed, but only for want of requests that the provider allows: a later run goes on from here."""


NO_PRODUCT = frozenset({State.FAILED, State.NOT_DONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaOutcome:
    """What came of one area."""

    area_id: str
    state: State
    reason: str
    """Why it was run or not; the error where it failed."""
    outcome: Outcome | None = None
    """None where it failed."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """How many detections of each status."""
    looks: int = 0
    clear_looks: int = 0
    problems: tuple[str, ...] = ()
    """What went wrong without stopping the area."""
    seconds: float = 0.0
    stops_run: bool = False
    """Whether trying further areas is of no use: the provider allows no more requests."""

    @property
    def confirmed(self) -> int:
        """How many detections are confirmed."""
        return self.statuses.get(Status.CONFIRMED, 0)

    @property
    def candidates(self) -> int:
        """How many detections wait for more clear looks."""
        return self.statuses.get(Status.CANDIDATE, 0)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "area_id": self.area_id,
            "state": self.state.value,
            "reason": self.reason,
            "outcome": self.outcome.value if self.outcome else None,
            "detections": dict(self.statuses),
            "looks": self.looks,
            "clear_looks": self.clear_looks,
            "problems": list(self.problems),
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What came of a run."""

    outcomes: tuple[AreaOutcome, ...]
    run_dir: Path | None
    """Where the newest products are; None where there are none."""
    is_new: bool
    """Whether this run wrote that folder; else it is an earlier one's."""
    notes: tuple[str, ...] = ()
    """What went wrong after the run was done, and is no failure of it: one line each."""

    @property
    def exit_code(self) -> int:
        """0: all areas done. 1: some failed or had problems, or not one has imagery."""
        has_trouble = any(one.state in NO_PRODUCT or one.problems for one in self.outcomes)
        return int(has_trouble or self.is_all_without_imagery)

    @property
    def is_all_without_imagery(self) -> bool:
        """Whether the question as a whole could not be answered from this imagery."""
        return bool(self.outcomes) and all(one.outcome is Outcome.NO_IMAGERY for one in self.outcomes)

    def troubles(self) -> list[str]:
        """Return one line a trouble, each once, with the areas it met."""
        areas: dict[str, list[str]] = {}
        for one in self.outcomes:
            for line in _lines(one):
                areas.setdefault(line, []).append(one.area_id)
        return [*(f"{_areas(names)}: {line}" for line, names in areas.items()), *self.notes]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "run": self.run_dir.name if self.run_dir else None,
            "folder": str(self.run_dir) if self.run_dir else None,
            "is_new": self.is_new,
            "areas": [one.as_json() for one in self.outcomes],
            "troubles": self.troubles(),
            "exit_code": self.exit_code,
        }


def failed(area_id: str, error: BaseException, *, seconds: float = 0.0) -> AreaOutcome:
    """Return the outcome of an area that `error` stopped."""
    return AreaOutcome(
        area_id=area_id,
        state=State.NOT_DONE if isinstance(error, QuotaExceededError) else State.FAILED,
        reason=one_line(error),
        seconds=seconds,
        stops_run=isinstance(error, QuotaExceededError),
    )


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line; of which kind it was where it is not one that sitewatch knows."""
    said = str(error) if isinstance(error, SitewatchError) else f"unexpected {type(error).__name__}: {error}"
    return " ".join(said.split())


def not_started(area_id: str, reason: str) -> AreaOutcome:
    """Return the outcome of an area that was not tried because of what met another one."""
    return AreaOutcome(area_id=area_id, state=State.NOT_DONE, reason=reason)


def _lines(one: AreaOutcome) -> Sequence[str]:
    if one.state in NO_PRODUCT:
        return (f"{one.state}: {one.reason}",)
    if one.outcome is Outcome.NO_IMAGERY:
        return (*one.problems, "no imagery: no scene of the period touches it")
    return one.problems


def _areas(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"area{'s' if len(names) > 1 else ''} {shown}{rest}"
