"""Products of an area that others stand in the place of: kept without pictures and maps, and with the reason.

state/areas/<area_id>/superseded/<time>-<key>/ holds the record, the layers, the history and the list of scenes as they
were, and superseded.json. What is about to be superseded waits under another name until the new product is the current
one: that is one step, and a run that is killed before it has superseded nothing.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.settings.workspace import second_name, writing
from geo.atomic import atomic_folder

FOLDER = "superseded"
NOTE_NAME = "superseded.json"
_WAITING = ".waiting"
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseding:
    """Why a new product stands in the place of the one before."""

    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    """What differs in detail, such as ``grid.pixel_m: 10.0 -> 20.0``."""
    run: str
    """The stamp of the run that made the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A product that another one stands in the place of."""

    area_id: str
    key: str
    """The hash over what it was made from."""
    by: str
    """The same of the one that stands in its place."""
    run: str
    at: datetime
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {**asdict(self), "at": self.at.isoformat(), "folder": str(self.folder)}


def lay_aside(area_dir: Path, old: Path, new: Path, why: Superseding, *, names: Sequence[str]) -> None:
    """Keep the files called `names` of the product in `old`, which `new` is about to stand in the place of.

    Raises:
        OutputError: The disk does not take it.

    """
    waiting = area_dir / FOLDER / _WAITING
    shutil.rmtree(waiting, ignore_errors=True)
    note = {
        "key": _key(old),
        "by": _key(new),
        "folder": new.name,
        "run": why.run,
        "at": _moment(why.run).isoformat(),
        "reasons": list(why.reasons),
        "changes": list(why.changes),
    }
    with atomic_folder(waiting) as unfinished:
        for name in names:
            if (old / name).exists():
                second_name(old / name, unfinished / name)
        (unfinished / NOTE_NAME).write_text(json.dumps(note, indent=1, ensure_ascii=False), encoding="utf-8")


def settle(area_dir: Path, *, most: int) -> None:
    """Take what waits among the superseded if the new product became the current one, else away; keep `most` of all.

    Raises:
        OutputError: The disk does not take it.

    """
    folder = area_dir / FOLDER
    waiting = folder / _WAITING
    if waiting.is_dir():
        note = _note(waiting)
        if note is not None and _is_current(area_dir, note):
            stamp = datetime.fromisoformat(note["at"]).strftime(_STAMP)
            with writing(folder):
                waiting.rename(_free(folder / f"{stamp}-{note['key']}"))
    for remains in folder.glob(".*") if folder.is_dir() else ():
        shutil.rmtree(remains, ignore_errors=True)
    for old in _settled(folder)[: -most or None]:
        shutil.rmtree(old, ignore_errors=True)


def superseded_products(area_dir: Path) -> list[Superseded]:
    """Return the superseded products of an area that are kept, the oldest first."""
    folder = area_dir / FOLDER
    found = [(path, note) for path in _settled(folder) if (note := _note(path)) is not None]
    waiting = _note(folder / _WAITING)
    if waiting is not None and _is_current(area_dir, waiting):  # the run was killed just after the step
        found.append((folder / _WAITING, waiting))
    return [_superseded(area_dir.name, path, note) for path, note in found]


def _superseded(area_id: str, path: Path, note: Mapping[str, Any]) -> Superseded:
    return Superseded(
        area_id=area_id,
        key=note["key"],
        by=note["by"],
        run=note["run"],
        at=datetime.fromisoformat(note["at"]),
        reasons=tuple(note["reasons"]),
        changes=tuple(note["changes"]),
        folder=path,
    )


def _moment(run: str) -> datetime:
    """Return when a run began; now where its stamp is none."""
    try:
        return datetime.strptime(run, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)


def _settled(folder: Path) -> Sequence[Path]:
    names = sorted(folder.iterdir()) if folder.is_dir() else ()
    return [path for path in names if path.is_dir() and not path.name.startswith(".")]


def _note(folder: Path) -> dict[str, Any] | None:
    try:
        note = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
        datetime.fromisoformat(note["at"])
        return {name: note[name] for name in ("key", "by", "folder", "run", "at", "reasons", "changes")}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # there is none, or not one that sitewatch wrote whole


def _is_current(area_dir: Path, note: Mapping[str, Any]) -> bool:
    return (area_dir / "current").resolve().name == str(note["folder"])


def _key(folder: Path) -> str:
    """Return the key of the product in `folder`, which is called ``<key>-<turn>``."""
    return folder.name.rpartition("-")[0]


def _free(path: Path) -> Path:
    turn = 1
    while path.exists():
        path, turn = path.with_name(f"{path.name}-{turn}"), turn + 1
    return path
