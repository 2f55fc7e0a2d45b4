"""The folder that a watch lives in: what lies where, and who may write there.

sitewatch.toml              settings
areas.geojson               what is watched
facilities.geojson          what is known
store.sqlite                every run, detection and verdict (unless the settings name another database)
evidence/log.jsonl          what happened, in order; each entry carries the hash of the one before
runs/<run_id>/              finished runs, each complete in itself
latest -> runs/<run_id>     the newest of them
imagery/                    scenes that were read from a provider, kept so that none is asked for twice
state/areas/<area_id>/      the finished product of each area, reused while nothing changes; what was superseded of it;
                            its journal
state/journal.jsonl         what each run did as a whole
state/log/                  one log a run
state/lock                  held while a run writes
state/schedule/             when each cadence last started, and what came of it
state/prefect/              the database of the server that `sitewatch serve` starts where there is none
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Self

from flows.settings.config import CONFIG_NAME, Config, load_config
from geo.errors import BusyError, ConfigError, OutputError

UNFINISHED = ".*.tmp-*"
"""How the names look under which something is being made (`geo.atomic`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace's folder and its settings."""

    root: Path
    config: Config

    @classmethod
    def open(cls, root: Path) -> Self:
        """Return the workspace in `root`.

        Raises:
            ConfigError: There is none, or its settings are wrong.

        """
        if not root.is_dir():
            raise ConfigError(f"{root}: no such folder; `sitewatch init {root}` makes a workspace there")
        return cls(root=root.resolve(), config=load_config(root.resolve() / CONFIG_NAME))

    @property
    def areas_path(self) -> Path:
        """The file of the areas that are watched."""
        return self.root / self.config.workspace.areas

    @property
    def facilities_path(self) -> Path | None:
        """The file of the known facilities, if there is to be one."""
        name = self.config.workspace.facilities
        return self.root / name if name else None

    @property
    def runs_dir(self) -> Path:
        """The folder of the finished runs."""
        return self.root / self.config.workspace.runs

    @property
    def imagery_dir(self) -> Path:
        """Where scenes read from a provider are kept."""
        return Path(normpath(self.root / Path(self.config.cache.path).expanduser()))

    @property
    def latest(self) -> Path:
        """A symbolic link to the newest run's folder; dangling or missing before the first."""
        return self.root / "latest"

    @property
    def state_dir(self) -> Path:
        """What sitewatch keeps between runs: all of it can be made again, but detections would get new ids."""
        return self.root / "state"

    def area_dir(self, area_id: str) -> Path:
        """Return the folder that holds the product of one area."""
        return self.state_dir / "areas" / area_id


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Let no second run write into `workspace` at the same time, and clear away what a killed run left half made.

    Raises:
        BusyError: Another run holds the lock.
        OutputError: The folder cannot be written.

    """
    path = workspace.state_dir / "lock"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"{workspace.root}: another run (process {holder}) is writing here; nothing was done"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        _clear_unfinished(workspace)
        yield  # the lock goes when the file is closed, also when the process is killed


def _clear_unfinished(workspace: Workspace) -> None:
    areas = workspace.state_dir / "areas"
    for folder in (workspace.runs_dir, *(areas.iterdir() if areas.is_dir() else ())):
        for remains in folder.glob(UNFINISHED) if folder.is_dir() else ():
            shutil.rmtree(remains, ignore_errors=True)


def point_to(link: Path, target: Path) -> None:
    """Let `link` name `target`, relative to its own folder, in one step: it always names something complete.

    Raises:
        OutputError: The disk does not take it, or something other than a link stands there.

    """
    if link.exists() and not link.is_symlink():
        raise OutputError(f"{link}: expected a symbolic link that sitewatch made; something else stands there")
    fresh = link.with_name(f".{link.name}.tmp-{os.getpid()}")
    with writing(link):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(target, link.parent))
        fresh.replace(link)


def second_name(path: Path, other: Path) -> None:
    """Give a file that nothing ever changes a second name, which costs no space; where the disk cannot, copy it.

    Raises:
        OSError: The disk does not take it.

    """
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says when `path` cannot be written into an `OutputError` that names it."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
