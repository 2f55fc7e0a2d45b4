"""Work on a long list in two processes, where that is safe."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_MIN_ITEMS = 5_000
"""Shorter lists are not worth a second process."""
_CHUNK = 500
_work: list[Callable[[int], object]] = []


def _run(bounds: tuple[int, int]) -> list[object]:
    return [_work[-1](place) for place in range(*bounds)]


def run_over(count: int, work: Callable[[int], Result], *, workers: int | None = None) -> list[Result]:
    """Return `work(0)` to `work(count - 1)`.

    Args:
        count: How many items there are.
        work: Pure; what it refers to is shared with the other processes as it is now.
        workers: Processes; None takes two for a long list on Linux, as long as the program has no other threads
            (a forked process would inherit their locks), else one.
    """
    chosen = workers if workers is not None else _workers_for(count)
    if chosen <= 1:
        return [work(place) for place in range(count)]
    bounds = [(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    _work.append(work)
    try:
        with ProcessPoolExecutor(chosen, mp_context=multiprocessing.get_context("fork")) as pool:
            return [item for chunk in pool.map(_run, bounds) for item in chunk]  # type: ignore[misc]  # a forked process is given its work by name, without its type
    finally:
        _work.pop()


def _workers_for(count: int) -> int:
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    return min(2, os.cpu_count() or 1) if alone and count >= _MIN_ITEMS else 1
