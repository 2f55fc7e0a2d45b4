"""Tasks are done several at a time within bounds, and told of in the thread that asked."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.reading.parallel import Bounds, as_done

WAIT_S = 10.0


class Meeting:
    """Counts who is at work at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.together: set[frozenset[object]] = set()
        self._here: set[object] = set()
        self._lock = threading.Lock()

    @contextmanager
    def joined(self, who: object) -> Iterator[None]:
        with self._lock:
            self._here.add(who)
            self.now += 1
            self.most = max(self.most, self.now)
            self.together.add(frozenset(self._here))
        yield
        with self._lock:
            self._here.discard(who)
            self.now -= 1


def test_as_many_as_allowed_work_at_once() -> None:
    barrier = threading.Barrier(3)
    done = list(as_done(range(9), lambda _: barrier.wait(WAIT_S), Bounds(at_once=3)))
    assert [one.error for one in done] == [None] * 9  # a barrier that is never full breaks


def test_alone_means_in_order() -> None:
    done = list(as_done("abcd", str.upper, Bounds(at_once=1)))
    assert [(one.index, one.task, one.result) for one in done] == [
        (0, "a", "A"),
        (1, "b", "B"),
        (2, "c", "C"),
        (3, "d", "D"),
    ]


@given(
    keys=st.lists(st.integers(0, 3), max_size=12),
    loads=st.lists(st.integers(0, 5), min_size=12, max_size=12),
    at_once=st.integers(1, 4),
)
def test_every_task_is_done_once_within_all_bounds(keys: list[int], loads: list[int], at_once: int) -> None:
    meeting = Meeting()
    tasks = list(enumerate(keys))

    def work(task: tuple[int, int]) -> int:
        with meeting.joined(task):
            time.sleep(1e-4)
        return task[0]

    bounds: Bounds[tuple[int, int]] = Bounds(
        at_once=at_once, apart=lambda task: task[1], load=lambda task: loads[task[0]], most_load=6
    )
    assert sorted(one.result or 0 for one in as_done(tasks, work, bounds)) == list(range(len(keys)))
    assert meeting.most <= at_once
    for group in meeting.together:
        members = [task for task in tasks if task in group]
        assert len({key for _, key in members}) == len(members)
        assert len(members) == 1 or sum(loads[index] for index, _ in members) <= 6


def test_of_one_kind_the_first_comes_first() -> None:
    done = list(as_done([30, 10, 31, 11, 32], lambda task: task, Bounds(at_once=4, apart=lambda task: task // 10)))
    assert [one.task for one in done if one.task >= 30] == [30, 31, 32]
    assert [one.task for one in done if one.task < 30] == [10, 11]


def test_what_is_too_much_for_the_bounds_is_done_alone() -> None:
    meeting = Meeting()

    def work(task: int) -> None:
        with meeting.joined(task):
            time.sleep(0.002)

    list(as_done([9, 9, 9], work, Bounds(at_once=3, load=lambda _: 9.0, most_load=5.0)))
    assert meeting.most == 1


def test_an_error_is_told_and_stops_nothing() -> None:
    def work(task: int) -> float:
        return 1 / task

    done = {one.task: one for one in as_done([1, 0, 2], work, Bounds(at_once=2))}
    assert isinstance(done[0].error, ZeroDivisionError)
    assert [done[task].result for task in (1, 2)] == [1, 0.5]


def test_when_no_more_may_begin_what_is_under_way_is_still_told_of() -> None:
    barrier = threading.Barrier(3)
    told: set[int] = set()
    for one in as_done(range(9), lambda _: barrier.wait(WAIT_S), Bounds(at_once=3), may_begin=lambda _: not told):
        told.add(one.task)
    assert told == {0, 1, 2}


def test_it_is_asked_with_how_many_are_under_way() -> None:
    asked: list[int] = []

    def may_begin(under_way: int) -> bool:
        asked.append(under_way)
        return under_way < 2

    assert len(list(as_done(range(4), lambda task: task, Bounds(at_once=9), may_begin=may_begin))) == 4
    assert max(asked) == 2


def test_all_is_told_in_the_thread_that_asked_and_done_in_others() -> None:
    threads = {threading.get_ident()}
    for one in as_done(range(4), lambda _: threading.get_ident(), Bounds(at_once=2)):
        assert one.result not in threads


def test_work_sees_the_context_in_which_it_was_begun() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    whose.set("mine")
    assert [one.result for one in as_done([1], lambda _: whose.get(), Bounds(at_once=1))] == ["mine"]


def test_who_stops_listening_waits_for_what_is_under_way() -> None:
    finished: list[int] = []

    def work(task: int) -> None:
        time.sleep(0.05 * task)
        finished.append(task)

    told = as_done([0, 1, 2, 3], work, Bounds(at_once=3))
    next(told)
    told.close()  # type: ignore[attr-defined]  # it is a generator
    assert finished == [0, 1, 2]


def test_who_is_interrupted_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.reading.parallel.GRACE_S", 0.05)
    end = threading.Event()
    told = as_done([0, 1], lambda task: end.wait(WAIT_S) if task else None, Bounds(at_once=2))
    next(told)
    before = time.monotonic()
    told.close()  # type: ignore[attr-defined]  # it is a generator
    assert time.monotonic() - before < WAIT_S / 2
    end.set()
