"""What is known in the workspace itself of scheduled runs: when each cadence last started, and what came of it.

``state/schedule/NAME.json``, one small file a cadence, written by whoever holds the workspace's lock. It is what the
guard goes by, which trusts no scheduler.
"""

import fcntl
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from flows.schedule.cadence import Cadence
from flows.settings.workspace import Workspace, writing
from geo.atomic import atomic_file
from geo.errors import StateError

FOLDER = "schedule"
_TIMES = ("since", "started_at", "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known of one cadence."""

    cadence: str
    since: datetime
    """Since when it is to be watched at this cadence."""
    started_at: datetime | None = None
    """When it last started; a run that found another at work did not."""
    ended_at: datetime | None = None
    """When that run ended; None while it is at work, or if it was killed."""
    is_failed: bool = False
    """Whether that run could do nothing at all."""
    words: str = ""
    """What came of it, in a line."""
    run: str = ""
    """What Prefect calls that run."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Return what `as_json` made `document` of."""
        times = {name: datetime.fromisoformat(document[name]) if document[name] else None for name in _TIMES}
        return cls(**{**document, **times})


def schedule_dir(workspace: Workspace) -> Path:
    """Return the folder of what is known of scheduled runs."""
    return workspace.state_dir / FOLDER


def read_start(workspace: Workspace, cadence: Cadence) -> Start | None:
    """Return what is known of `cadence`; None where it was never set up.

    Raises:
        StateError: The file is damaged.

    """
    path = schedule_dir(workspace) / f"{cadence.name}.json"
    try:
        return Start.of_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateError(f"{path}: cannot be read; remove it, and the next scheduled run writes it anew") from error


def note_set_up(workspace: Workspace, cadences: Iterable[Cadence], at: datetime) -> None:
    """Keep that from `at` on starts are to be expected; of cadences that are no longer asked for, forget all.

    Raises:
        OutputError: The disk does not take it.

    """
    wanted = {cadence.name: cadence for cadence in cadences}
    for path in schedule_dir(workspace).glob("*.json"):
        if path.stem not in wanted and path.stem != "alarms":
            with writing(path):
                path.unlink(missing_ok=True)
    for cadence in wanted.values():
        if _known(workspace, cadence) is None:
            _write(workspace, cadence, Start(cadence=cadence.text, since=at))


def note_started(workspace: Workspace, cadence: Cadence, at: datetime, *, run: str = "") -> None:
    """Keep that a run of `cadence` started.

    Raises:
        OutputError: The disk does not take it.

    """
    known = _known(workspace, cadence)
    since = known.since if known else at
    _write(workspace, cadence, Start(cadence=cadence.text, since=since, started_at=at, run=run))


def note_ended(workspace: Workspace, cadence: Cadence, *, words: str, is_failed: bool = False) -> None:
    """Keep what came of the run of `cadence` that started last, or, if it failed before it started, that it failed.

    Raises:
        OutputError: The disk does not take it.

    """
    now = datetime.now(UTC)
    known = _known(workspace, cadence) or Start(cadence=cadence.text, since=now)
    started = now if known.started_at is None or known.ended_at is not None else known.started_at
    ended = replace(known, started_at=started, ended_at=now, words=" ".join(words.split()), is_failed=is_failed)
    _write(workspace, cadence, ended)


def holder_of(workspace: Workspace) -> str | None:
    """Return the process that is at work in the workspace, as its number; None where there is none.

    Raises:
        OutputError: The lock cannot be read.

    """
    path = workspace.state_dir / "lock"
    with writing(path):
        if not path.exists():
            return None
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(20).strip() or "unknown"
    return None


def _known(workspace: Workspace, cadence: Cadence) -> Start | None:
    try:
        return read_start(workspace, cadence)
    except StateError:
        return None  # it is about to be written anew


def _write(workspace: Workspace, cadence: Cadence, start: Start) -> None:
    folder = schedule_dir(workspace)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / f"{cadence.name}.json") as part:
        part.write_text(json.dumps(start.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
