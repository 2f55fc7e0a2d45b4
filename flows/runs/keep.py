"""Let go of what tells of the past, by the settings of [keep]: logs, lines of journals, finished runs' folders.

What is superseded is let go of where it is made (`flows.area.superseded`). Before a run's folder goes, the evidence log
says so, with the hash of its manifest; the store keeps all that the run told.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.area.journal import shorten_journal
from flows.evidence import log_path
from flows.settings.workspace import Workspace, locked, writing
from flows.show import Show, plural
from outputs.evidence.files import sha256_of
from outputs.evidence.log import Entry, Event, append, entries_of
from outputs.evidence.manifest import MANIFEST_NAME

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was let go of, or would be."""

    logs: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    journal_runs: int = 0
    """How many runs the journals tell of no more, all areas together."""

    def as_facts(self) -> dict[str, Any]:
        """Return what there is to be said of it: nothing where nothing was."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the evidence log tells of runs."""

    released: frozenset[str] = field(default_factory=frozenset)
    """Runs that were the newest when a release was made."""
    dropped: frozenset[str] = field(default_factory=frozenset)
    """Runs whose folders were let go of."""


def tidy(workspace: Workspace, *, now: datetime, is_dry: bool = False) -> Tidied:
    """Let go of what the settings say; with `is_dry`, only say what would go. To be called while the lock is held.

    Raises:
        StateError, OutputError: The evidence log cannot be read or written, or the disk does not take it.

    """
    keep = workspace.config.keep
    logs = old_logs(workspace, now - timedelta(days=keep.logs_days))
    runs = old_runs(workspace, now - timedelta(days=keep.runs_days)) if keep.runs_days else []
    shortened = 0
    if not is_dry:
        for path in logs:
            with writing(path):
                path.unlink(missing_ok=True)
        for folder in runs:
            _drop(workspace, folder, now)
        shortened = sum(shorten_journal(folder, keep=keep.journal_runs) for folder in _journals(workspace))
    return Tidied(
        logs=tuple(path.name for path in logs), runs=tuple(folder.name for folder in runs), journal_runs=shortened
    )


def tidy_workspace(root: Path, show: Show, *, is_dry: bool) -> None:
    """Let go of what the settings of the workspace in `root` say, now; say what went.

    Raises:
        OutputError: A run is at work, or the disk does not take it.

    """
    workspace = Workspace.open(root)
    with locked(workspace):
        done = tidy(workspace, now=datetime.now(UTC), is_dry=is_dry)
    show.document({**asdict(done), "is_dry": is_dry})
    verb = "would go" if is_dry else "are gone"
    show.say(f"{plural(len(done.logs), 'log')} and {plural(len(done.runs), 'folder')} of finished runs {verb}")
    for name in done.runs:
        show.say(f"  {name}")


def old_logs(workspace: Workspace, before: datetime) -> list[Path]:
    """Return the logs of runs that began before this moment, the oldest first; other files are nobody's business."""
    found = [(path, _began(path.stem)) for path in (workspace.state_dir / "log").glob("*.log")]
    return sorted(path for path, began in found if began is not None and began < before)


def old_runs(workspace: Workspace, before: datetime) -> list[Path]:
    """Return the folders of runs that began before this moment and may go, the oldest first.

    The newest stays, and each that was the newest when a release was made: the release was made from it.

    Raises:
        StateError: The evidence log cannot be read.

    """
    if not workspace.runs_dir.is_dir():
        return []
    told = told_of_runs(entries_of(log_path(workspace)))
    stays = {workspace.latest.resolve().name, *told.released}
    found = [(path, _began(path.name.partition("-")[0])) for path in workspace.runs_dir.iterdir()]
    return sorted(
        path
        for path, began in found
        if began is not None and began < before and path.name not in stays and (path / MANIFEST_NAME).exists()
    )


def told_of_runs(entries: Sequence[Entry]) -> Told:
    """Return what the evidence log tells of runs."""
    newest = ""
    released, dropped = set(), set()
    for entry in entries:
        if entry.kind == Event.RUN:
            newest = str(entry.facts["name"])
        elif entry.kind == Event.RELEASE and newest:
            released.add(newest)
        elif entry.kind == Event.DROPPED:
            dropped.add(str(entry.facts["name"]))
    return Told(released=frozenset(released), dropped=frozenset(dropped))


def _drop(workspace: Workspace, folder: Path, now: datetime) -> None:
    """Say in the evidence log that a run's folder goes, then let it go; killed between, the next run goes on."""
    log = log_path(workspace)
    if folder.name not in told_of_runs(entries_of(log)).dropped:
        facts = {"name": folder.name, "manifest_sha256": sha256_of(folder / MANIFEST_NAME), "why": "keep.runs_days"}
        append(log, Event.DROPPED, facts, at=now)
    going = folder.with_name(f".{folder.name}.tmp-dropped")  # under this name the next run clears away what is left
    with writing(folder):
        folder.rename(going)
        shutil.rmtree(going)


def _journals(workspace: Workspace) -> Iterator[Path]:
    yield workspace.state_dir
    areas = workspace.state_dir / "areas"
    yield from (folder for folder in sorted(areas.iterdir()) if folder.is_dir()) if areas.is_dir() else ()


def _began(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None  # something else
