"""The same run as a Prefect flow: Prefect schedules, retries and shows; what is done is `flows.area.pipeline`.

What crosses a task's boundary are a path, an id, a time and the outcome's counts and words: no arrays, no sessions.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, wait
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ThreadPoolTaskRunner

from flows.area.outcome import AreaOutcome, RunReport, failed
from flows.area.pipeline import Job, check_source, watch_area
from flows.runs.run import run_workspace
from geo.errors import ConfigError, SourceUnavailableError

RETRY_DELAYS_S = [5.0, 60.0, 300.0]
ANSWER_S = 10.0
"""How long a Prefect server may take to say that it is there."""
GRACE_S = 5.0
"""How long a run that is asked to end may still take."""


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:  # noqa: ANN401  # Prefect's own types are generic
    return isinstance(state.result(raise_on_failure=False), SourceUnavailableError)


@task(
    name="watch area",
    task_run_name="watch {area_id}",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=_worth_retrying,
    cache_policy=NO_CACHE,  # the product's own key tells what need not be made again
)
def watch_one(root: str, area_id: str, *, force: bool, run: str) -> AreaOutcome:
    """Watch one area of the workspace in `root`; `run` only keeps apart the jobs of different runs."""
    return watch_area(_opened(Path(root), run), area_id, force=force)


@flow(name="sitewatch monitor", task_runner=ThreadPoolTaskRunner(max_workers=1), validate_parameters=False)  # type: ignore[arg-type]  # a runner of PrefectConcurrentFuture is one of PrefectFuture
def monitor(root: str, area_ids: Sequence[str] = (), *, force: bool = False, over_budget: bool = False) -> RunReport:
    """Watch every area of the workspace in `root` and publish what is new. One failure stops none of the others."""
    return run_workspace(Path(root), area_ids=area_ids, force=force, over_budget=over_budget, watch_all=watch_as_tasks)


def run_flow(root: Path, *, area_ids: Sequence[str] = (), force: bool = False, over_budget: bool = False) -> RunReport:
    """Run the flow now, in this process; without a Prefect server, on a temporary one that ends with it.

    Raises:
        ConfigError, AoiError, SourceError: Nothing was run.
        OutputError: Nothing could be written, or another run is at work here.

    """
    job = Job.open(root)
    job.chosen(area_ids)
    check_source(job)  # what is wrong from the start needs no server
    check_server()
    with _ending_properly():
        return monitor(str(root.resolve()), tuple(area_ids), force=force, over_budget=over_budget)


def check_server() -> None:
    """Find out whether the user's Prefect server is there, if there is one.

    Raises:
        ConfigError: It does not answer.

    """
    url = PREFECT_API_URL.value()
    if not url:
        return
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=ANSWER_S):  # noqa: S310  # the address is the user's own
            return
    except HTTPError:
        return  # an answer all the same
    except (OSError, ValueError) as error:
        raise ConfigError(f"PREFECT_API_URL {url}: no Prefect server answers ({type(error).__name__})") from error


def watch_as_tasks(job: Job, area_ids: Sequence[str], *, force: bool, log: Path) -> Iterator[AreaOutcome]:
    """Yield the outcome of each area, each watched by a task of its own."""
    root = str(job.workspace.root)
    with _ending_soon():
        futures = [watch_one.submit(root, area_id, force=force, run=log.stem) for area_id in area_ids]
        wait(futures)
    for area_id, future in zip(area_ids, futures, strict=True):
        yield _outcome(area_id, future)


def _outcome(area_id: str, future: PrefectFuture[AreaOutcome]) -> AreaOutcome:
    result = future.result(raise_on_failure=False)
    return failed(area_id, result) if isinstance(result, BaseException) else result


@lru_cache(maxsize=1)
def _opened(root: Path, run: str) -> Job:
    return Job.open(root, run=run)


@contextmanager
def _ending_properly() -> Iterator[None]:
    """Let a polite kill end the process as an error would: else the temporary server would be left behind."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _ending_soon() -> Iterator[None]:
    """Let a polite kill end the process soon, even if an area is being watched, which cannot be broken off.

    Prefect puts a handler of its own over that of `_ending_properly` and then waits for the area, which may wait for
    its provider. The area is given a little time; what it leaves half made, the next run clears away.
    """
    if threading.current_thread() is not threading.main_thread():  # elsewhere no signal arrives
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def leave(number: int, frame: FrameType | None) -> None:
        last_word = threading.Timer(GRACE_S, _end_now, [128 + number])
        last_word.daemon = True
        last_word.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is leave:
            signal.signal(signal.SIGTERM, before)


def _end_now(code: int) -> None:
    SubprocessASGIServer().stop()  # the one that this process started, if it did
    os._exit(code)
