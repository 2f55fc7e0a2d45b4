"""Whether a log is still what was written, entry by entry; what is not is named by its number.

Three things hold an entry in its place: its own hash, the hash that the next entry has of it, and the heads that
manifests took down. Who rewrites one entry and its hash breaks the next one's; who rewrites all that follow, or cuts
the end off, contradicts the heads.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outputs.evidence.canonical import DamagedError, read_plain
from outputs.evidence.findings import Change, Finding
from outputs.evidence.log import NO_ENTRY, Entry, parsed
from outputs.evidence.record import ChainHead


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCheck:
    """What a look through a log found."""

    findings: tuple[Finding, ...]
    entries: Mapping[int, Entry] = field(default_factory=dict)
    """The sound ones by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    """Which line of the file."""
    entry: Entry | None
    fault: str = ""


def check_log(path: Path, *, heads: Iterable[ChainHead] = (), name: str | None = None) -> LogCheck:
    """Look through the log at `path`.

    Args:
        path: The log.
        heads: What manifests say of entries: each must be there with its hash.
        name: What to call the log in findings; its file's name by default.

    """
    called = name or path.name
    try:
        data = read_plain(path)
    except FileNotFoundError:
        return LogCheck(findings=(Finding(path=called, change=Change.MISSING),))
    except DamagedError as error:
        return LogCheck(findings=(Finding(path=called, change=Change.UNSAFE, detail=str(error)),))
    except OSError as error:
        fault = f"cannot be read: {error.strerror or error}"
        return LogCheck(findings=(Finding(path=called, change=Change.ALTERED, detail=fault),))
    *whole, torn = data.split(b"\n")
    lines = [_line(number, text) for number, text in enumerate(whole, start=1)]
    entries, added = _sorted_out(lines)
    findings = [
        *(_finding(called, number, change, detail) for number, change, detail in _faults(lines, entries)),
        *(_finding(called, line.entry.number, Change.ADDED, f"line {line.number}") for line in added if line.entry),
        *(_finding(called, head.number, *said) for head in heads if (said := _against(head, entries))),
    ]
    if torn:
        detail = "the last line has no end: a process was stopped; the next entry of the workspace sets it right"
        findings.append(Finding(path=called, change=Change.TORN, detail=detail))
    return LogCheck(
        findings=tuple(dict.fromkeys(findings)), entries={n: one for n, one in entries.items() if one.is_sound}
    )


def _line(number: int, text: bytes) -> _Line:
    try:
        return _Line(number=number, entry=parsed(text))
    except DamagedError as error:
        return _Line(number=number, entry=None, fault=str(error))


def _sorted_out(lines: Sequence[_Line]) -> tuple[dict[int, Entry], list[_Line]]:
    """Return the entry of each number that the others vouch for, and the lines that stand beside it."""
    by_number: dict[int, list[_Line]] = {}
    for line in lines:
        if line.entry is not None:
            by_number.setdefault(line.entry.number, []).append(line)
    hashes = {line.entry.previous for line in lines if line.entry and line.entry.is_sound}
    before = {line.entry.hash for line in lines if line.entry} | {NO_ENTRY}
    entries, added = {}, []
    for number, found in by_number.items():
        best = max(found, key=lambda one: _trust(one, hashes, before))
        if best.entry is not None:
            entries[number] = best.entry
        added += [one for one in found if one is not best]
    return dict(sorted(entries.items())), added


def _trust(line: _Line, followed: set[str], before: set[str]) -> tuple[bool, bool, bool]:
    entry = line.entry
    return (
        (False, False, False) if entry is None else (entry.is_sound, entry.hash in followed, entry.previous in before)
    )


def _faults(lines: Sequence[_Line], entries: Mapping[int, Entry]) -> Iterator[tuple[int, Change, str]]:
    unreadable = _unreadable(lines)
    for number, fault in unreadable.items():
        yield number, Change.ALTERED, fault
    last = max((*entries, *unreadable), default=0)
    for number in range(1, last + 1):
        if number in entries:
            fault = _broken(entries[number], entries.get(number + 1))
            if fault:
                yield number, Change.ALTERED, fault
        elif number not in unreadable:
            yield number, Change.MISSING, "removed from the log"
    for number in _misplaced(
        [line.entry.number for line in lines if line.entry and line.entry is entries.get(line.entry.number)]
    ):
        yield number, Change.REORDERED, ""


def _broken(entry: Entry, after: Entry | None) -> str:
    """Say why an entry is not the one that was written, going by itself and the next one; empty if it is."""
    if not entry.is_sound:
        return "its content is not what its hash says"
    if after is not None and after.is_sound and after.previous != entry.hash:
        return f"entry {after.number} follows another one"
    if entry.number == 1 and entry.previous != NO_ENTRY:
        return "it follows an entry, and is the first"
    return ""


def _unreadable(lines: Sequence[_Line]) -> dict[int, str]:
    """Return which entries the lines that cannot be read should be: each follows the one on the line before."""
    found, number = {}, 0
    for line in lines:
        number = line.entry.number if line.entry else number + 1
        if line.entry is None:
            found[number] = f"line {line.number} cannot be read: {line.fault}"
    return found


def _misplaced(numbers: Sequence[int]) -> list[int]:
    """Return the fewest numbers without which the others ascend: those that were moved."""
    ends: list[int] = []
    length_at = []
    for number in numbers:
        place = bisect_left(ends, number)
        ends[place : place + 1] = [number]
        length_at.append(place)
    kept, wanted = set(), len(ends) - 1
    for index in range(len(numbers) - 1, -1, -1):
        if length_at[index] == wanted:
            kept.add(index)
            wanted -= 1
    return [number for index, number in enumerate(numbers) if index not in kept]


def _against(head: ChainHead, entries: Mapping[int, Entry]) -> tuple[Change, str] | None:
    """Say how a log contradicts what a manifest knows of it."""
    entry = entries.get(head.number)
    if entry is None:
        return Change.MISSING, "the manifest knows it, so the log was cut short"
    if entry.hash != head.hash:
        return Change.ALTERED, "the manifest knows another one, so the log was rewritten from here or before"
    return None


def _finding(called: str, number: int, change: Change, detail: str) -> Finding:
    return Finding(path=f"{called}: entry {number}", change=change, detail=detail)
