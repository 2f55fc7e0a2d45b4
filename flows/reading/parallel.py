"""Do several things at the same time, never more than so many, and tell of each as it is done."""

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

GRACE_S = 10.0
"""How long what is under way may still take when the one who waits for it is interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[T, R]):
    """What came of one task."""

    index: int
    """Its place among the tasks."""
    task: T
    result: R | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds(Generic[T]):
    """How much may be under way at the same time."""

    at_once: int
    """So many tasks."""
    apart: Callable[[T], Hashable] | None = None
    """Tasks for which it returns the same are never under way together."""
    load: Callable[[T], float] = lambda _: 0.0
    """What a task takes of `most_load`."""
    most_load: float = float("inf")
    """A task that alone takes more is done alone."""


def as_done(
    tasks: Sequence[T],
    work: Callable[[T], R],
    bounds: Bounds[T],
    *,
    may_begin: Callable[[int], bool] = lambda _: True,
) -> Iterator[Done[T, R]]:
    """Do `work` with each task in a thread of its own, and yield what came of it, the first that is done first.

    Tasks are begun in their order, as far as `bounds` allow. All that is yielded is yielded in the caller's thread.
    Whoever stops asking for more, or is interrupted, waits `GRACE_S` at most for what is under way: the threads do not
    keep the process alive.

    Args:
        tasks: What there is to do.
        work: Does one; it sees the context (`contextvars`) of the moment it is begun.
        bounds: How much at the same time.
        may_begin: Asked, with how many are under way, before each beginning: once it says no, one more task must be
            done before it is asked again, and where none is under way that is the end.

    """
    queue = _Queue(tasks, bounds)
    done: SimpleQueue[Done[T, R]] = SimpleQueue()
    threads: dict[int, Thread] = {}
    try:
        while True:
            while may_begin(len(threads)) and (index := queue.take(under_way=len(threads))) is not None:
                threads[index] = _begun(index, tasks[index], work, done)
            if not threads:
                return
            one = done.get()
            del threads[one.index]
            queue.give_back(one.index)
            yield one
    finally:
        end = monotonic() + GRACE_S
        for thread in threads.values():
            thread.join(max(end - monotonic(), 0.0))


def _begun(index: int, task: T, work: Callable[[T], R], done: "SimpleQueue[Done[T, R]]") -> Thread:
    context = copy_context()

    def run() -> None:
        try:
            done.put(Done(index=index, task=task, result=context.run(work, task)))
        except Exception as error:  # noqa: BLE001  # whoever asked is told
            done.put(Done(index=index, task=task, error=error))

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


class _Queue(Generic[T]):
    """Which task is begun next: the first one that nothing under way keeps waiting."""

    def __init__(self, tasks: Sequence[T], bounds: Bounds[T]) -> None:
        self._bounds = bounds
        self._loads = [bounds.load(task) for task in tasks]
        self._keys: list[Hashable] = [bounds.apart(task) if bounds.apart else index for index, task in enumerate(tasks)]
        self._waiting: dict[Hashable, deque[int]] = {}
        for index, key in enumerate(self._keys):
            self._waiting.setdefault(key, deque()).append(index)
        self._free = [indices[0] for indices in self._waiting.values()]  # ascending, so a heap
        self._load = 0.0

    def take(self, *, under_way: int) -> int | None:
        """Return the next task that may be begun beside those under way, or None."""
        if under_way >= self._bounds.at_once or not self._free:
            return None
        if under_way and self._load + self._loads[self._free[0]] > self._bounds.most_load:
            return None
        index = heapq.heappop(self._free)
        self._waiting[self._keys[index]].popleft()
        self._load += self._loads[index]
        return index

    def give_back(self, index: int) -> None:
        """Let those begin that waited for this task."""
        self._load -= self._loads[index]
        waiting = self._waiting[self._keys[index]]
        if waiting:
            heapq.heappush(self._free, waiting[0])
