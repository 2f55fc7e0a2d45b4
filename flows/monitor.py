"""The same run as a Prefect flow: Prefect schedules, retries and shows; what is done is `flows.pipeline`.

What crosses a task's boundary are a path, an id, a time and the outcome's counts and words: no arrays, no sessions.
"""

# ruff: noqa: E402  # Prefect reads its environment when it is imported
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from flows.environment import clean_gis_environment, prepare_prefect_environment

clean_gis_environment()
prepare_prefect_environment()

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows.outcome import AreaOutcome, RunReport, failed
from flows.pipeline import Job, check_source, watch_area
from flows.run import run_workspace
from geo.errors import SourceUnavailableError

RETRY_DELAYS_S = [5.0, 60.0, 300.0]


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
    return run_workspace(Path(root), area_ids=area_ids, force=force, over_budget=over_budget, watch_all=_watch_as_tasks)


def run_flow(root: Path, *, area_ids: Sequence[str] = (), force: bool = False, over_budget: bool = False) -> RunReport:
    """Run the flow now, in this process; without a Prefect server, on a temporary one that ends with it.

    Raises:
        ConfigError, AoiError, SourceError: Nothing was run.
        OutputError: Nothing could be written, or another run is at work here.

    """
    job = Job.open(root)
    job.chosen(area_ids)
    check_source(job)  # what is wrong from the start needs no server
    with _ending_properly():
        return monitor(str(root.resolve()), tuple(area_ids), force=force, over_budget=over_budget)


def _watch_as_tasks(job: Job, area_ids: Sequence[str], *, force: bool, log: Path) -> Iterator[AreaOutcome]:
    """Yield the outcome of each area, each watched by a task of its own."""
    root = str(job.workspace.root)
    futures = [watch_one.submit(root, area_id, force=force, run=log.stem) for area_id in area_ids]
    wait(futures)
    for area_id, future in zip(area_ids, futures, strict=True):
        yield _outcome(area_id, future)


def _outcome(area_id: str, future: PrefectFuture[AreaOutcome]) -> AreaOutcome:
    result = future.result(raise_on_failure=False)
    return failed(area_id, result) if isinstance(result, BaseException) else result


@lru_cache(maxsize=1)
def _opened(root: Path, run: str) -> Job:  # noqa: ARG001  # `run` is part of the cache's key
    return Job.open(root)


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
