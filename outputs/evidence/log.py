"""The log of a workspace: what happened, in order; each entry carries the hash of the one before.

One JSON object a line, only ever added to. To change, remove or move an entry, all that follow must be written anew,
and then the hashes that manifests took down no longer fit (`outputs.evidence.log_check`). An entry holds names and
hashes, not what they stand for: a copy of the log goes out with each release.
"""

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import Any

from geo.errors import OutputError, StateError
from outputs.evidence.canonical import DamagedError, strict_json
from outputs.evidence.record import ChainHead

LOG_NAME = "log.jsonl"
MOST_LINE_BYTES = 1 << 16
NO_ENTRY = "0" * 64
"""What the first entry has for the hash of the one before."""
_MEMBERS = frozenset({"number", "at", "kind", "facts", "previous", "hash"})


class Event(StrEnum):
    """What an entry tells of."""

    BEGUN = "begun"
    PULL = "pull"
    RUN = "run"
    REVIEWS = "reviews"
    RELEASE = "release"
    WITHDRAWAL = "withdrawal"
    KEY = "key"
    DROPPED = "dropped"
    """A finished run's folder was let go of, for it was old; the entry names it and its manifest's hash."""
    REPAIR = "repair"
    """The last line had been torn by a process that was killed; what there was of it is kept beside the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    number: int
    """From 1."""
    at: str
    """ISO 8601, in UTC."""
    kind: str
    facts: Mapping[str, Any]
    previous: str
    """The hash of the entry before; `NO_ENTRY` for the first."""
    hash: str

    @property
    def is_sound(self) -> bool:
        """Whether the entry is the one that was written, going by its own hash."""
        return self.hash == _hash(self._body())

    def line(self) -> bytes:
        """Return the entry as it stands in the log, with the end of the line."""
        return _plain({**self._body(), "hash": self.hash}) + b"\n"

    def _body(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at,
            "kind": self.kind,
            "facts": dict(self.facts),
            "previous": self.previous,
        }


def made_entry(kind: Event, facts: Mapping[str, Any], *, after: Entry | None, at: datetime) -> Entry:
    """Return the entry that follows `after`, complete with its hash."""
    body = {
        "number": after.number + 1 if after else 1,
        "at": at.astimezone(UTC).isoformat(),
        "kind": kind.value,
        "facts": json.loads(_plain(facts)),
        "previous": after.hash if after else NO_ENTRY,
    }
    return Entry(**body, hash=_hash(body))


def parsed(line: bytes) -> Entry:
    """Return the entry in a line, with or without the end of the line; its hash is not checked.

    Raises:
        DamagedError: It is none.

    """
    document = strict_json(line)
    if not isinstance(document, dict) or set(document) != _MEMBERS:
        raise DamagedError(f"an entry has the members {', '.join(sorted(_MEMBERS))}")
    texts = all(isinstance(document[name], str) for name in ("at", "kind", "previous", "hash"))
    is_number = isinstance(document["number"], int) and not isinstance(document["number"], bool)
    if not (texts and is_number and isinstance(document["facts"], dict)):
        raise DamagedError("a member of the entry is of another kind than it should be")
    entry = Entry(**document)
    if entry.line().rstrip(b"\n") != line.rstrip(b"\n"):
        raise DamagedError("it is not written as sitewatch writes it")
    return entry


def append(path: Path, kind: Event, facts: Mapping[str, Any], *, at: datetime | None = None) -> Entry:
    """Add an entry to the log at `path`, which is made if there is none; return what was added.

    Others that add at the same time wait. A last line that a killed process left torn is moved aside, and an entry
    says so; if nothing but its end is missing, it is completed.

    Raises:
        StateError: The last entry is not the one that was written; it is named, and nothing is added.
        OutputError: The disk does not take it; the log is as it was.

    """
    moment = at or datetime.now(UTC)
    try:
        with _held(path) as file:
            return _written(file, path, made_entry(kind, facts, after=_ready(file, path, moment), at=moment))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def begin(path: Path) -> ChainHead:
    """Return the newest entry's number and hash, after making the log's first entry if there is none.

    Raises:
        StateError, OutputError: See `append`.

    """
    try:
        with _held(path) as file:
            last = _ready(file, path, datetime.now(UTC))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return ChainHead(number=last.number, hash=last.hash)


def head_of(path: Path) -> ChainHead | None:
    """Return the newest entry's number and hash; None where there is no log.

    Raises:
        StateError: The last entry is not the one that was written.

    """
    try:
        with path.open("rb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            last = _last(_tail(file, path)[0], path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror or error}") from error
    return ChainHead(number=last.number, hash=last.hash) if last else None


def entries_of(path: Path) -> list[Entry]:
    """Return all whole entries; a torn last line is not one.

    Raises:
        StateError: A line is no entry, or not the one that was written; it is named.

    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror or error}") from error
    return [_sound(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


@contextmanager
def _held(path: Path) -> Iterator[FileIO]:
    """Give the log, open for reading and adding, while nobody else adds to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with the file, also when the process is killed
        if is_new:
            _sync_folder(path.parent)
        yield file


def _ready(file: FileIO, path: Path, moment: datetime) -> Entry:
    """Return the entry that the next one follows, after making the first and setting right what is torn."""
    last, repair = _set_right(file, path)
    if last is None:
        last = _written(file, path, made_entry(Event.BEGUN, {"log": uuid.uuid4().hex}, after=None, at=moment))
    if repair:
        last = _written(file, path, made_entry(Event.REPAIR, repair, after=last, at=moment))
    return last


def _set_right(file: FileIO, path: Path) -> tuple[Entry | None, dict[str, Any]]:
    """Return the last entry, and what was moved aside of a line that a killed process left torn."""
    whole, torn = _tail(file, path)
    last = _last(whole, path)
    if not torn:
        return last, {}
    if _follows(torn, last):
        _write(file, b"\n")
        return parsed(torn), {}
    digest = hashlib.sha256(torn).hexdigest()
    kept = path.with_name(f"log.torn-{digest[:12]}")
    with kept.open("wb") as aside:
        aside.write(torn)
        os.fsync(aside.fileno())
    os.ftruncate(file.fileno(), file.seek(0, os.SEEK_END) - len(torn))
    return last, {"bytes": len(torn), "sha256": digest, "kept_as": kept.name}


def _follows(torn: bytes, last: Entry | None) -> bool:
    try:
        entry = parsed(torn)
    except DamagedError:
        return False
    return entry.is_sound and entry.previous == (last.hash if last else NO_ENTRY)


def _tail(file: FileIO, path: Path) -> tuple[bytes, bytes]:
    """Return the last whole line (empty: there is none) and what stands behind it without an end."""
    size, most = file.seek(0, os.SEEK_END), 3 * MOST_LINE_BYTES
    file.seek(max(0, size - most))
    lines = file.read(most).split(b"\n")
    if size > most and len(lines) < 3:  # noqa: PLR2004  # what is left of one line, a whole one, and what follows it
        raise StateError(f"{path}: its last line is longer than any entry: it is no log of sitewatch")
    return (lines[-2] if len(lines) > 1 else b""), lines[-1]


def _last(line: bytes, path: Path) -> Entry | None:
    return _sound(line, f"{path}, last entry") if line else None


def _sound(line: bytes, where: str) -> Entry:
    try:
        entry = parsed(line)
    except DamagedError as error:
        raise StateError(f"{where}: is no entry of the log: {error}") from error
    if not entry.is_sound:
        raise StateError(f"{where}: entry {entry.number} was altered: its content is not what its hash says")
    return entry


def _written(file: FileIO, path: Path, entry: Entry) -> Entry:
    line = entry.line()
    if len(line) > MOST_LINE_BYTES:
        raise OutputError(f"{path}: an entry of {len(line)} bytes is too long; at most {MOST_LINE_BYTES}")
    _write(file, line)
    return entry


def _write(file: FileIO, line: bytes) -> None:
    """Write all of a line and wait until it is on the disk; if that fails, leave the file as it was."""
    size = file.seek(0, os.SEEK_END)
    try:
        while line:
            line = line[file.write(line) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), size)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_plain(body)).hexdigest()


def _plain(document: Mapping[str, Any]) -> bytes:
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str
    ).encode()
