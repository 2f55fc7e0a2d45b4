"""What was done with an area, stage by stage: with which inputs, settings and code, how long it took, what came of it.

state/areas/<area_id>/journal.jsonl has one JSON object a line, only added to, and waits for the disk where something
dear begins. Who watches the area is the only one to write. A run that was killed has a beginning and no end.
state/journal.jsonl is the same of each run as a whole.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Any

from flows.area.outcome import AreaOutcome, State
from flows.logs import known_secrets, without_secrets
from geo.atomic import atomic_file
from geo.cost import Cost
from geo.errors import OutputError
from geo.sources.statefile import append_line

logger = logging.getLogger(__name__)

JOURNAL_NAME = "journal.jsonl"


class Stage(StrEnum):
    """What is done with an area, in this order; not all of it each time."""

    SEARCH = "search"
    CHOOSE = "choose"
    DECIDE = "decide"
    SCREEN = "screen"
    READ = "read"
    DETECT = "detect"
    PERIMETERS = "perimeters"
    DRAW = "draw"
    SEAL = "seal"


class RunStage(StrEnum):
    """What a run does as a whole, in this order."""

    PREFETCH = "prefetch"
    AREAS = "areas"
    PUBLISH = "publish"
    STORE = "store"
    NOTICES = "notices"
    TIDY = "tidy"


_BEGIN, _END = "begin", "end"
CHEAP = frozenset({Stage.SEARCH, Stage.CHOOSE, Stage.DECIDE})
"""Stages whose lines wait for the next one that is written: they are done again in no time."""
BROKEN_OFF = "broken off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One stage of one run that came to an end."""

    stage: str
    state: str
    """``done`` or ``failed``."""
    at: str
    """When it began: ISO 8601, in UTC."""
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRun:
    """What one run did with one area, or as a whole."""

    run: str
    """The stamp of the run; that of the area's own beginning where it was watched outside of a run."""
    began: str
    code: str
    stages: tuple[Done, ...] = ()
    state: str = BROKEN_OFF
    """A state of `flows.area.outcome`, or that it never came to an end."""
    reason: str = ""
    outcome: str | None = None
    seconds: float = 0.0
    requests: int = 0
    """What was asked of an account for it."""
    processing_units: float = 0.0

    @property
    def decision(self) -> Mapping[str, Any]:
        """What was decided, and why; empty where it did not come that far."""
        return next((one.facts for one in reversed(self.stages) if one.stage == Stage.DECIDE), {})

    @property
    def broken_in(self) -> str:
        """The stage that was under way when it was killed, as far as that was written down; empty if it was not."""
        if self.state != BROKEN_OFF:
            return ""
        done = [one.stage for one in self.stages]
        if not done:
            return "its beginning"
        order = [stage.value for stage in (RunStage if done[0] in set(RunStage) else Stage)]
        following = order.index(done[-1]) + 1 if done[-1] in order else 0
        is_screened = self.decision.get("action") == "monitor"
        passed_over = {Stage.SCREEN.value} if done[-1] == Stage.DECIDE and not is_screened else set()
        return next((name for name in order[following:] if name not in passed_over), order[-1])


class Journal:
    """Writes what one run does with one area, or as a whole."""

    def __init__(self, folder: Path, *, run: str, code: str) -> None:
        """Open the journal in the folder of an area, or in that of the state of all; nothing is written yet."""
        self._path = folder / JOURNAL_NAME
        self._run = run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        self._waiting: list[str] = []
        self._secrets = known_secrets(os.environ)
        self._code = code

    @property
    def run(self) -> str:
        """The stamp of the run."""
        return self._run

    def begin(self) -> None:
        """Take down that the area is begun with.

        Raises:
            OutputError: The disk does not take it.

        """
        self._add({"stage": _BEGIN, "at": _now(), "code": self._code, "process": os.getpid()})
        self._write()

    @contextmanager
    def stage(self, stage: Stage | RunStage) -> Iterator[dict[str, Any]]:
        """Take down a stage when it ends, with the facts that are put into what this gives.

        Raises:
            OutputError: The disk does not take it.

        """
        at, began = _now(), perf_counter()
        facts: dict[str, Any] = {}
        if stage not in CHEAP:
            self._write()
        try:
            yield facts
        except Exception:
            self._add({"stage": stage, "at": at, "seconds": _since(began), "state": "failed", **facts})
            raise
        self._add({"stage": stage, "at": at, "seconds": _since(began), "state": "done", **facts})
        if stage not in CHEAP:
            self._write()

    def end(self, outcome: AreaOutcome, spent: Sequence[Cost] = ()) -> None:
        """Take down what came of an area, and what was asked of an account for it.

        Raises:
            OutputError: The disk does not take it.

        """
        came: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason, "outcome": outcome.outcome}
        if spent:
            whole = sum(spent, start=Cost())
            came |= {"requests": whole.requests, "processing_units": round(whole.units, 4)}
        self.close(**came, seconds=round(outcome.seconds, 3))

    def close(self, **facts: object) -> None:
        """Take down the end: its ``state``, ``reason`` and whatever else there is to be said.

        Raises:
            OutputError: The disk does not take it.

        """
        self._add({"stage": _END, "at": _now(), **facts})
        self._write()

    def fail(self, outcome: AreaOutcome, spent: Sequence[Cost] = ()) -> None:
        """Take down what stopped it, if that is possible: what stopped it may be the disk itself."""
        with suppress(OutputError):
            self.end(outcome, spent)

    def _add(self, facts: Mapping[str, Any]) -> None:
        text = json.dumps({"run": self._run, **facts}, ensure_ascii=False, default=str)
        self._waiting.append(without_secrets(text, self._secrets))

    def _write(self) -> None:
        if self._waiting:
            append_line(self._path, "\n".join(self._waiting))
            self._waiting.clear()


def read_journal(folder: Path) -> list[AreaRun]:
    """Return what each run did with an area, or as a whole, the oldest first; torn lines are passed over."""
    return _runs(_lines(folder / JOURNAL_NAME))


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            lines.append({"run": str(line["run"]), "stage": str(line["stage"]), **line})
        except (ValueError, KeyError, TypeError):
            logger.warning("%s, line %d: passed over, it is not whole", path, number)
    return lines


def _runs(lines: Sequence[Mapping[str, Any]]) -> list[AreaRun]:
    """Return the runs that `lines` tell of: each beginning is one, also a second try within the same run."""
    groups: list[list[Mapping[str, Any]]] = []
    for line in lines:
        if line["stage"] == _BEGIN or not groups:
            groups.append([])
        groups[-1].append(line)
    return [_area_run(group) for group in groups]


def _area_run(lines: Sequence[Mapping[str, Any]]) -> AreaRun:
    first, ends = lines[0], [line for line in lines if line["stage"] == _END]
    came = ends[-1] if ends else {}
    return AreaRun(
        run=first["run"],
        began=str(first.get("at", "")),
        code=str(first.get("code", "")),
        stages=tuple(_done(line) for line in lines if line["stage"] not in (_BEGIN, _END)),
        state=str(came.get("state", BROKEN_OFF)),
        reason=str(came.get("reason", "")),
        outcome=came.get("outcome"),
        seconds=float(came.get("seconds", 0.0)),
        requests=int(came.get("requests", 0)),
        processing_units=float(came.get("processing_units", 0.0)),
    )


def _done(line: Mapping[str, Any]) -> Done:
    own = ("run", "stage", "at", "seconds", "state")
    return Done(
        stage=line["stage"],
        state=str(line.get("state", "")),
        at=str(line.get("at", "")),
        seconds=float(line.get("seconds", 0.0)),
        facts={name: value for name, value in line.items() if name not in own},
    )


def shorten_journal(folder: Path, *, keep: int) -> int:
    """Let go of old runs' lines; return how many runs were let go of.

    Kept are the newest `keep` runs, and the newest `keep` of those that found something to do.

    Raises:
        OutputError: The disk does not take it; the journal is as it was.

    """
    path = folder / JOURNAL_NAME
    lines = _lines(path)
    runs = list(dict.fromkeys(line["run"] for line in lines))
    if len(runs) <= 2 * keep:  # written anew now and then, not after every run
        return 0
    idle = {line["run"] for line in lines if line["stage"] == _END and line.get("state") == State.UP_TO_DATE}
    kept = {*runs[-keep:], *[run for run in runs if run not in idle][-keep:]}
    if len(kept) == len(runs):
        return 0
    with atomic_file(path) as part:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines if line["run"] in kept)
        part.write_text(text, encoding="utf-8")
    return len(runs) - len(kept)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _since(began: float) -> float:
    return round(perf_counter() - began, 3)
