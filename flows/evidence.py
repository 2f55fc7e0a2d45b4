"""The evidence of a workspace: its log, what manifests say of inputs and people, and the keys of whoever signs."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from detection.life.history import Review
from flows.settings.config import CONFIG_NAME, SimulatedSettings
from flows.settings.workspace import Workspace
from geo.atomic import atomic_file
from geo.cache import CachedSource
from geo.cache.store import Entry as KeptScene
from geo.errors import ConfigError, SourceError
from geo.sources.base import ImagerySource
from geo.sources.folder import FolderSource
from outputs.evidence.files import described, sha256_of, walk
from outputs.evidence.keys import SigningKey, is_locked, keys_folder, load_key
from outputs.evidence.log import LOG_NAME, Entry, Event, append, begin, entries_of
from outputs.evidence.manifest import MANIFEST_NAME
from outputs.evidence.record import ChainHead, InputFile, InputProduct, ReviewNote
from outputs.evidence.retractions import Retraction, retractions_of

SIGN_VARIABLE = "SITEWATCH_SIGN"
"""Names the key that signs runs; without it they are not signed."""
PASSPHRASE_VARIABLE = "SITEWATCH_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable, no secret
EVIDENCE_FOLDER = "evidence"
_HASHES_NAME = "hashes.json"


def log_path(workspace: Workspace) -> Path:
    """Return where the workspace's log is, whether it is there or not."""
    return workspace.root / EVIDENCE_FOLDER / LOG_NAME


def retractions(
    workspace: Workspace, *, audience: str = "", claims: Mapping[str, str] | None = None
) -> list[Retraction]:
    """Return what of earlier releases no longer stands; see `outputs.evidence.retractions.retractions_of`.

    Raises:
        StateError: The log, or what an earlier release claims, cannot be read or was altered.

    """
    return retractions_of(log_path(workspace), audience=audience, claims=claims)


def people_of(reviews: Mapping[str, Sequence[Review]]) -> tuple[ReviewNote, ...]:
    """Return who decided what when, the oldest first."""
    notes = [
        ReviewNote(
            detection_id=one.detection_id,
            area_id=area_id,
            verdict=str(one.verdict),
            reviewer=one.reviewer,
            at=one.at.astimezone(UTC),
        )
        for area_id, found in reviews.items()
        for one in found
    ]
    return tuple(sorted(notes, key=lambda note: (note.at, note.detection_id, note.reviewer)))


def products_of(
    workspace: Workspace, sources: Iterable[ImagerySource], scenes: Mapping[str, str]
) -> tuple[InputProduct, ...]:
    """Return what is known of the scenes that went in: what the provider said, and the SHA-256 of the files read.

    Files of a folder are hashed once, and again when their size or time changes.

    Args:
        workspace: Whose.
        sources: Where scenes may come from: optical, radar.
        scenes: Scene id to fingerprint.

    Raises:
        OutputError: The hashes cannot be kept.

    """
    known = _Hashes.read(workspace.state_dir / _HASHES_NAME)
    readers = list(sources)
    found = tuple(_product(workspace, readers, known, scene=one) for one in sorted(scenes.items()))
    known.write()
    return found


def note_inputs(workspace: Workspace, products: Sequence[InputProduct], people: Sequence[ReviewNote]) -> ChainHead:
    """Take down in the log what was pulled and reviewed since it was last said, and return the log's head.

    Raises:
        StateError, OutputError: See `outputs.evidence.log.append`.

    """
    log = log_path(workspace)
    begin(log)
    entries = entries_of(log)
    files = sorted((one.kept_at, one.name, one.bytes, one.sha256) for scene in products for one in scene.files)
    before = _newest(entries, Event.PULL, "kept_until")
    if fresh := [one for one in files if one[0] > before]:
        facts = {"files": len(fresh), "bytes": sum(one[2] for one in fresh), "kept_until": fresh[-1][0]}
        append(log, Event.PULL, {**facts, "sha256": _digest(fresh)})
    said = {"reviews": len(people), "sha256": _digest([note.as_json() for note in people])}
    if people and said["sha256"] != _newest(entries, Event.REVIEWS, "sha256"):
        append(log, Event.REVIEWS, said)
    return begin(log)


def note_run(workspace: Workspace, run_dir: Path) -> Entry | None:
    """Take down in the log that a run was published, unless it is there; return the entry if it is new.

    Raises:
        StateError, OutputError: See `outputs.evidence.log.append`.

    """
    log = log_path(workspace)
    if any(entry.kind == Event.RUN and entry.facts.get("name") == run_dir.name for entry in entries_of(log)):
        return None
    facts = {"name": run_dir.name, "manifest_sha256": sha256_of(run_dir / MANIFEST_NAME)}
    return append(log, Event.RUN, facts)


def signing_key(name: str | None = None) -> SigningKey | None:
    """Return the key called `name`, or else the one that SITEWATCH_SIGN names; None where neither names one.

    A passphrase comes from SITEWATCH_KEY_PASSPHRASE, or is asked for where somebody sits at a terminal.

    Raises:
        ConfigError: There is no such key, others may read it, it lies in a workspace, or the passphrase is wrong.

    """
    wanted = name or os.environ.get(SIGN_VARIABLE, "").strip()
    if not wanted:
        return None
    folder = own_keys_folder()
    return load_key(folder, wanted, passphrase=passphrase_for(wanted) if is_locked(folder, wanted) else None)


def own_keys_folder() -> Path:
    """Return where keys are kept.

    Raises:
        ConfigError: It lies in a workspace: with a copy of that, the key would go out.

    """
    folder = keys_folder().resolve()
    inside = next((place for place in (folder, *folder.parents) if (place / CONFIG_NAME).exists()), None)
    if inside is not None:
        raise ConfigError(f"{folder}: lies in the workspace {inside}; keys belong outside: set SITEWATCH_KEYS")
    return folder


def passphrase_for(name: str, *, is_new: bool = False) -> str | None:
    """Return a passphrase from the environment, or from whoever sits at the terminal; None: there is none."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given or not sys.stdin.isatty():
        return given or None
    import typer  # noqa: PLC0415  # only where somebody is asked

    hint = " (empty for none)" if is_new else ""
    said = typer.prompt(f"Passphrase of key {name}{hint}", default="", hide_input=True, show_default=False, err=True)
    return str(said) or None


class _Hashes:
    """SHA-256 of files by path, good while size and time of change are the same."""

    def __init__(self, path: Path, known: dict[str, list[Any]]) -> None:
        self._path = path
        self._known = known
        self._is_changed = False

    @classmethod
    def read(cls, path: Path) -> "_Hashes":
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, dict(document))
        except (OSError, ValueError, TypeError):
            return cls(path, {})  # before the first time, or damaged: files are hashed again

    def of(self, path: Path, name: str) -> InputFile:
        state = path.stat()
        mark = [state.st_size, state.st_mtime_ns]
        known = self._known.get(str(path))
        if not known or known[:2] != mark:
            known = [*mark, described(path)["sha256"]]
            self._known[str(path)] = known
            self._is_changed = True
        return InputFile(name=name, bytes=state.st_size, sha256=str(known[2]))

    def write(self) -> None:
        if self._is_changed:
            with atomic_file(self._path) as part:
                part.write_text(json.dumps(self._known), encoding="utf-8")


def _product(
    workspace: Workspace, sources: Sequence[ImagerySource], known: _Hashes, *, scene: tuple[str, str]
) -> InputProduct:
    scene_id, mark = scene
    for source in sources:
        if isinstance(source, CachedSource) and (kept := source.kept(scene_id, mark)):
            return _kept_product(scene_id, mark, kept)
        if isinstance(source, FolderSource) and (files := _files_of(source, scene_id, known)):
            return InputProduct(scene_id=scene_id, fingerprint=mark, source="folder", files=files)
    if isinstance(workspace.config.source, SimulatedSettings):
        return InputProduct(scene_id=scene_id, fingerprint=mark, source="simulated", note="drawn, not observed")
    note = "no file of it is kept: it was read in place, or has been pruned since"
    return InputProduct(scene_id=scene_id, fingerprint=mark, source=workspace.config.source.kind, note=note)


def _kept_product(scene_id: str, mark: str, kept: Sequence[KeptScene]) -> InputProduct:
    facts = max((one.facts for one in kept), key=lambda one: one.fetched_at)
    return InputProduct(
        scene_id=scene_id,
        fingerprint=mark,
        source=facts.key.source,
        platform=facts.platform,
        processing_baseline=facts.key.baseline or "",
        provider={"said": list(facts.provider)} if facts.provider else {},
        files=tuple(
            InputFile(
                name=f"{one.facts.key.folder}/{one.image_path.name}",
                bytes=one.size_bytes,
                sha256=one.facts.sha256,
                kept_at=one.facts.fetched_at.astimezone(UTC).isoformat(),
            )
            for one in sorted(kept, key=lambda one: one.name)
        ),
    )


def _files_of(source: FolderSource, scene_id: str, known: _Hashes) -> tuple[InputFile, ...]:
    """Return the files of a scene with their hashes; a cube that is a folder counts as all its files."""
    try:
        names = source.files_of(scene_id)
        inside = [(name, source.folder / name) for name in names]
        parts = [
            (name / part, path / part) if part else (name, path)
            for name, path in inside
            for part in ([one for one, _ in walk(path)] if path.is_dir() else [""])
        ]
        return tuple(known.of(path, name.as_posix()) for name, path in parts)
    except (OSError, SourceError):
        return ()  # the folder went away after it was read


def _newest(entries: Sequence[Entry], kind: Event, fact: str) -> str:
    return next((str(entry.facts[fact]) for entry in reversed(entries) if entry.kind == kind), "")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
