"""Spread compiled loops over the processor's cores.

The kernels hold no lock while they run, so that threads are enough. Each task writes its own part of the result:
what comes out does not depend on how many threads there are.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

THREADS_VARIABLE = "SITEWATCH_THREADS"
"""Environment variable that says how many cores to use; unset or 0: all."""
_LEAST_COLUMNS = 4_096
"""Fewer pixels than this are not worth a task of their own."""


def thread_count() -> int:
    """Return on how many cores kernels run."""
    asked = os.environ.get(THREADS_VARIABLE, "")
    wanted = int(asked) if asked.isdigit() else 0
    return wanted or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else wanted or os.cpu_count() or 1


def spread(task: Callable[..., None], parts: Iterable[tuple[object, ...]]) -> None:
    """Call `task` with the arguments of each of `parts`, on all cores; the first error is raised."""
    listed = list(parts)
    threads = thread_count()
    if threads == 1 or len(listed) == 1:
        for part in listed:
            task(*part)
        return
    for _ in _pool(threads, os.getpid()).map(lambda part: task(*part), listed):
        pass


def parts(count: int) -> list[tuple[tuple[int, int]]]:
    """Return the bounds of parts of `count` pixels, for `spread`."""
    size = max(_LEAST_COLUMNS, -(-count // (4 * thread_count())))
    size = -(-size // 64) * 64
    return [((start, min(start + size, count)),) for start in range(0, count, size)]


@lru_cache(maxsize=1)
def _pool(threads: int, _process: int) -> ThreadPoolExecutor:
    """Return the threads of this process: after a fork those of the parent are gone."""
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="kernel")
