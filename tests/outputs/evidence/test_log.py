"""The chained log: what is added stays, what is changed is named by its number, what a kill tore is set right."""

import hashlib
import json
import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import OutputError, StateError
from outputs.evidence.findings import Change
from outputs.evidence.log import (
    NO_ENTRY,
    Entry,
    Event,
    append,
    begin,
    entries_of,
    head_of,
    made_entry,
    parsed,
)
from outputs.evidence.log_check import check_log
from outputs.evidence.record import ChainHead

AT = datetime(2026, 11, 21, 19, tzinfo=UTC)
Lines = list[bytes]


def _log(folder: Path, count: int) -> Path:
    """Write a log of `count` entries, the first of which begins it."""
    path = folder / "evidence" / "log.jsonl"
    for number in range(2, count + 1):
        append(path, Event.RUN, {"name": f"run-{number}", "manifest_sha256": f"{number:064x}"}, at=AT)
    return path


def _found(path: Path, **arguments: Any) -> set[tuple[str, Change]]:  # noqa: ANN401  # passed on
    return {(one.path, one.change) for one in check_log(path, **arguments).findings}


def _rehashed(entry: Entry, **changes: object) -> Entry:
    """Return an entry changed by somebody who knows how its hash is made."""
    changed = replace(entry, **changes)  # type: ignore[arg-type]  # of whatever members
    again = made_entry(Event(changed.kind), changed.facts, after=None, at=AT)
    body = replace(again, number=changed.number, at=changed.at, previous=changed.previous)
    document = {name: getattr(body, name) for name in ("number", "at", "kind", "facts", "previous")}
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return replace(body, hash=hashlib.sha256(text.encode()).hexdigest())


def test_an_entry_is_hashed_as_the_documentation_says(tmp_path: Path) -> None:
    path = _log(tmp_path, 3)
    entries = entries_of(path)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.kind for entry in entries] == ["begun", "run", "run"]
    assert entries[0].previous == NO_ENTRY
    assert entries[2].previous == entries[1].hash
    assert _rehashed(entries[2]) == entries[2]
    assert head_of(path) == ChainHead(number=3, hash=entries[2].hash)


def test_a_whole_log_has_no_finding(tmp_path: Path) -> None:
    path = _log(tmp_path, 12)
    heads = [ChainHead(number=entry.number, hash=entry.hash) for entry in entries_of(path)]
    assert _found(path, heads=heads) == set()


def test_there_is_no_head_before_the_first_entry_and_beginning_twice_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "log.jsonl"
    assert head_of(path) is None
    assert begin(path) == begin(path) == head_of(path)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_changed_entry_is_named(tmp_path: Path, number: int) -> None:
    path = _log(tmp_path, 8)
    lines = path.read_bytes().splitlines(keepends=True)
    before, after = (b'"number":1', b'"number":1.0') if number == 1 else (b'"name":"run', b'"name":"ran')
    lines[number - 1] = lines[number - 1].replace(before, after)
    path.write_bytes(b"".join(lines))
    assert _found(path) == {(f"log.jsonl: entry {number}", Change.ALTERED)}


@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_anywhere_in_the_log_is_found(tmp_path: Path, place: int, flip: int) -> None:
    path = tmp_path / "evidence" / "log.jsonl"
    if not path.exists():
        _log(tmp_path, 8)
    before = path.read_bytes()
    content = bytearray(before)
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    number = before[: place % len(content)].count(b"\n") + 1
    found = check_log(path).findings
    path.write_bytes(before)
    assert any(f"entry {number}" in one.path or (number == 8 and one.change is Change.TORN) for one in found)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_rewritten_entry_with_a_good_hash_of_its_own_is_named(tmp_path: Path, number: int) -> None:
    path = _log(tmp_path, 8)
    entries = entries_of(path)
    entries[number - 1] = _rehashed(entries[number - 1], facts={"name": "another"})
    path.write_bytes(b"".join(entry.line() for entry in entries))
    assert _found(path) == {(f"log.jsonl: entry {number}", Change.ALTERED)}


@pytest.mark.parametrize("number", range(1, 8))
def test_a_removed_entry_is_named(tmp_path: Path, number: int) -> None:
    path = _log(tmp_path, 8)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[number - 1]
    path.write_bytes(b"".join(lines))
    assert _found(path) == {(f"log.jsonl: entry {number}", Change.MISSING)}


def test_several_removed_entries_are_each_named(tmp_path: Path) -> None:
    path = _log(tmp_path, 9)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for index, line in enumerate(lines) if index not in {2, 3, 6}))
    assert _found(path) == {(f"log.jsonl: entry {number}", Change.MISSING) for number in (3, 4, 7)}


@pytest.mark.parametrize("count", [0, 1, 5, 7])
def test_a_log_that_was_cut_short_contradicts_the_head_that_a_manifest_has(tmp_path: Path, count: int) -> None:
    path = _log(tmp_path, 8)
    head = head_of(path)
    assert head is not None
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:count]))
    assert _found(path, heads=[head]) == {("log.jsonl: entry 8", Change.MISSING)}


def test_a_log_written_anew_from_one_entry_on_contradicts_the_head_that_a_manifest_has(tmp_path: Path) -> None:
    path = _log(tmp_path, 8)
    entries, head = entries_of(path), head_of(path)
    assert head is not None
    anew = entries[:4]
    for entry in entries[4:]:
        anew.append(_rehashed(entry, facts={"name": "forged"}, previous=anew[-1].hash))
    path.write_bytes(b"".join(entry.line() for entry in anew))
    assert _found(path) == set()
    assert _found(path, heads=[head]) == {("log.jsonl: entry 8", Change.ALTERED)}


@pytest.mark.parametrize("place", range(1, 9))
@pytest.mark.parametrize("is_rehashed", [False, True])
def test_an_added_entry_is_named(tmp_path: Path, place: int, is_rehashed: bool) -> None:  # noqa: FBT001  # pytest passes it
    path = _log(tmp_path, 8)
    entries = entries_of(path)
    forged = replace(entries[place - 1], facts={"name": "never happened"})
    if is_rehashed:
        forged = _rehashed(forged)
    lines = [entry.line() for entry in entries]
    lines.insert(place, forged.line())
    path.write_bytes(b"".join(lines))
    if place < 8 or not is_rehashed:
        assert _found(path) == {(f"log.jsonl: entry {place}", Change.ADDED)}
    else:
        assert (f"log.jsonl: entry {place}", Change.ADDED) in _found(path)


def test_the_same_line_twice_is_an_added_entry(tmp_path: Path) -> None:
    path = _log(tmp_path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    assert _found(path) == {("log.jsonl: entry 3", Change.ADDED)}


@pytest.mark.parametrize(
    ("move", "named"),
    [
        pytest.param(lambda lines: [*lines[:2], lines[4], *lines[2:4], *lines[5:]], {5}, id="moved to the front"),
        pytest.param(lambda lines: [*lines[:2], *lines[3:6], lines[2], *lines[6:]], {3}, id="moved to the back"),
        pytest.param(lambda lines: lines[::-1], set(range(2, 9)), id="all turned round"),
    ],
)
def test_moved_entries_are_named(tmp_path: Path, move: Callable[[Lines], Lines], named: set[int]) -> None:
    path = _log(tmp_path, 8)
    path.write_bytes(b"".join(move(path.read_bytes().splitlines(keepends=True))))
    found = _found(path)
    assert {change for _, change in found} == {Change.REORDERED}
    numbers = {int(where.rsplit(" ", 1)[1]) for where, _ in found}
    assert numbers == named or len(numbers) == len(named) == 7


@given(first=st.integers(0, 7), second=st.integers(0, 7))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_exchanged_entries_are_named(tmp_path: Path, first: int, second: int) -> None:
    path = tmp_path / "evidence" / "log.jsonl"
    if not path.exists():
        _log(tmp_path, 8)
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    lines[first], lines[second] = lines[second], lines[first]
    path.write_bytes(b"".join(lines))
    found = _found(path)
    path.write_bytes(before)
    exchanged = {(f"log.jsonl: entry {index + 1}", Change.REORDERED) for index in (first, second)}
    assert (not found) if first == second else bool(found & exchanged)


def test_a_line_that_is_no_entry_is_named_by_the_number_it_should_have(tmp_path: Path) -> None:
    path = _log(tmp_path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"nonsense\n"
    path.write_bytes(b"".join(lines))
    assert _found(path) == {("log.jsonl: entry 3", Change.ALTERED)}


@pytest.mark.parametrize("cut", [1, 2, 40, 150])
def test_a_torn_last_line_is_noticed_set_right_and_nothing_is_lost(tmp_path: Path, cut: int) -> None:
    path = _log(tmp_path, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert Change.TORN in {change for _, change in _found(path)}
    added = append(path, Event.RUN, {"name": "after"}, at=AT)
    assert _found(path) == set()
    entries = entries_of(path)
    assert entries[-1] == added
    if cut == 1:  # only the end of the line was missing: the entry is whole
        assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
        assert path.read_bytes().startswith(whole)
        return
    repair = entries[-2]
    assert repair.kind == "repair"
    torn = whole[:-cut].rsplit(b"\n", 1)[1]
    assert repair.facts["bytes"] == len(torn)
    assert (path.parent / str(repair.facts["kept_as"])).read_bytes() == torn


def test_a_torn_first_line_is_set_right(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"at":"2026')
    append(path, Event.RUN, {}, at=AT)
    assert [entry.kind for entry in entries_of(path)] == ["begun", "repair", "run"]
    assert _found(path) == set()


def test_nothing_is_added_behind_an_altered_entry(tmp_path: Path) -> None:
    path = _log(tmp_path, 4)
    path.write_bytes(path.read_bytes().replace(b"run-4", b"run-5"))
    before = path.read_bytes()
    with pytest.raises(StateError, match="entry 4 was altered"):
        append(path, Event.RUN, {})
    with pytest.raises(StateError, match="entry 4 was altered"):
        head_of(path)
    assert path.read_bytes() == before


def test_an_entry_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = _log(tmp_path, 2)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="too long"):
        append(path, Event.RUN, {"name": "x" * (1 << 16)})
    assert path.read_bytes() == before


def test_a_file_without_lines_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"x" * (1 << 20))
    with pytest.raises(StateError, match="no log of sitewatch"):
        append(path, Event.RUN, {})


def test_a_log_that_is_a_link_or_missing_is_said(tmp_path: Path) -> None:
    path = _log(tmp_path, 2)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    assert _found(link) == {("link.jsonl", Change.UNSAFE)}
    assert _found(tmp_path / "none.jsonl") == {("none.jsonl", Change.MISSING)}


def _add_many(path: Path, worker: int) -> None:
    for turn in range(15):
        append(path, Event.PULL, {"worker": worker, "turn": turn})


def test_processes_that_add_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_many, args=(path, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    entries = entries_of(path)
    assert _found(path) == set()
    assert [entry.number for entry in entries] == list(range(1, 62))
    told = [(entry.facts["worker"], entry.facts["turn"]) for entry in entries[1:]]
    assert sorted(told) == [(worker, turn) for worker in range(4) for turn in range(15)]
    for number in range(4):
        assert [turn for who, turn in told if who == number] == list(range(15))


def test_a_killed_process_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = (
        "import sys, itertools; from pathlib import Path; from outputs.evidence.log import Event, append\n"
        "for turn in itertools.count(): append(Path(sys.argv[1]), Event.PULL, {'turn': turn, 'text': 'x' * 3000})"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[3]) as adding:
        deadline = time.monotonic() + 60
        while (not path.exists() or path.stat().st_size < 30_000) and time.monotonic() < deadline:
            time.sleep(0.005)
        adding.send_signal(signal.SIGKILL)
    survived = [parsed(line).facts.get("turn") for line in path.read_bytes().split(b"\n")[1:-1]]
    append(path, Event.RUN, {"name": "after"})
    assert _found(path) == set()
    assert [entry.facts["turn"] for entry in entries_of(path) if entry.kind == "pull"][: len(survived)] == survived
    assert len(survived) >= 9
