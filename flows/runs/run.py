"""One run over a workspace: every area in turn, or several at a time, then one publication."""

import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

from flows.area.journal import Journal, RunStage
from flows.area.noted import spent_facts
from flows.area.outcome import AreaOutcome, RunReport, failed, not_started
from flows.area.pipeline import Job, check_source, watch_or_fail
from flows.logs import formatter
from flows.notices.send import Clock, notify
from flows.pull.cost import check_budget, plan_run
from flows.pull.prefetch import prefetch
from flows.reading.sources import is_kept
from flows.runs.journalled import areas_facts, journalled
from flows.runs.keep import tidy
from flows.runs.publish import publish, record
from flows.settings.config import Config, SentinelHubSettings
from flows.settings.version import PACKAGES
from flows.settings.workspace import Workspace, locked, writing
from flows.show import Listener
from geo.sources.ledger import spending_on

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Something that watches areas and gives their outcomes as they come."""

    def __call__(self, job: Job, area_ids: Sequence[str], *, force: bool, log: Path) -> Iterator[AreaOutcome]:
        """Yield one outcome an area, in any order; `log` is the run's log file."""
        ...


def run_workspace(  # noqa: PLR0913  # what is optional is named
    root: Path,
    *,
    area_ids: Sequence[str] = (),
    force: bool = False,
    over_budget: bool = False,
    listener: Listener | None = None,
    watch_all: Watcher | None = None,
    at: datetime | None = None,
) -> RunReport:
    """Watch the areas of the workspace in `root` and publish what is new.

    Args:
        root: The workspace's folder.
        area_ids: Watch only these; the products of the others are published as they are.
        force: Make each product again, and publish, even if nothing changed.
        over_budget: Start even if the month's budget would not suffice.
        listener: Told how many areas there are, and of each when it is done.
        watch_all: What watches the areas one by one; a plain loop, or worker processes, by default.
        at: When the run begins, aware; None for now.

    Raises:
        ConfigError, AoiError, SourceError: Nothing was run.
        OutputError: Nothing could be written, or another run is at work here.

    """
    started = (at or datetime.now(UTC)).astimezone(UTC)
    ahead = datetime.now(UTC) - started
    clock = Clock(now=lambda: datetime.now(UTC) - ahead)  # where the time of a run is given, time goes on from there
    job = Job.open(root, run=stamp(started))
    chosen = job.chosen(area_ids)
    check_source(job)
    config = job.workspace.config
    if not over_budget and any(isinstance(one, SentinelHubSettings) for one in (config.source, config.radar)):
        check_budget(plan_run(job, chosen, force=force))
    with locked(job.workspace), logged(job.workspace, started) as log:
        _check_keeping(job)
        if listener:
            listener.start(len(chosen))
        with journalled(job) as journal:
            with journal.stage(RunStage.PREFETCH) as facts, spending_on("") as spent:
                prefetch(job, chosen, force=force)
                facts.update(spent_facts(spent))
            with journal.stage(RunStage.AREAS) as facts:
                outcomes = []
                for outcome in _watcher(config, watch_all)(job, chosen, force=force, log=log):
                    outcomes.append(outcome)
                    if listener:
                        listener.step(f"{outcome.area_id}: {outcome.state}")
                facts.update(areas_facts(outcomes))
            report = _told(job, in_order(outcomes, chosen), journal, clock, started=started, force=force)
            journal.close(state="done", exit_code=report.exit_code)
    return report


def _told(  # noqa: PLR0913  # what is told, where it is taken down, when
    job: Job, outcomes: Sequence[AreaOutcome], journal: Journal, clock: Clock, *, started: datetime, force: bool
) -> RunReport:
    """Publish what is new, record it, tell those who want to know, and let go of what is old."""
    with journal.stage(RunStage.PUBLISH) as facts:
        report = publish(job, outcomes, started=started, force=force)
        facts.update(folder=report.run_dir.name if report.run_dir else None, is_new=report.is_new)
    if report.run_dir is not None:
        with journal.stage(RunStage.STORE) as facts:
            facts.update(asdict(record(job, report.run_dir)))
    with journal.stage(RunStage.NOTICES) as facts:
        report = replace(report, notes=notify(job.workspace, clock))
        facts.update(notes=list(report.notes))
    with journal.stage(RunStage.TIDY) as facts:
        facts.update(tidy(job.workspace, now=started).as_facts())
    return report


def _watcher(config: Config, watch_all: Watcher | None) -> Watcher:
    """Return what watches the areas: the cluster, where the settings say so, whoever asks."""
    if config.scale.on == "dask":
        from flows.scale.watch import watch_on_cluster  # noqa: PLC0415  # only where it is wanted

        return watch_on_cluster
    return watch_all or _watch_all


def _check_keeping(job: Job) -> None:
    """Find out whether what is read can be kept, before anything is asked for.

    Raises:
        OutputError: It cannot.

    """
    if is_kept(job.workspace):
        with writing(job.workspace.imagery_dir):
            job.workspace.imagery_dir.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=job.workspace.imagery_dir).close()


def in_order(outcomes: Sequence[AreaOutcome], area_ids: Sequence[str]) -> tuple[AreaOutcome, ...]:
    """Return `outcomes` in the order of the watch list."""
    return tuple(sorted(outcomes, key=lambda one: area_ids.index(one.area_id)))


@contextmanager
def logged(workspace: Workspace, started: datetime) -> Iterator[Path]:
    """Write what happens in this run, tracebacks included, into a file of its own.

    Raises:
        OutputError: The file cannot be written.

    """
    path = workspace.state_dir / "log" / f"{stamp(started)}.log"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _log_to(path)
    try:
        yield path
    finally:
        logging.captureWarnings(capture=False)
        logging.getLogger().removeHandler(handler)
        handler.close()


def _log_to(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(formatter())
    logging.getLogger().addHandler(handler)
    for name in PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    return handler


def stamp(moment: datetime) -> str:
    """Return a UTC time as it stands in file names."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _watch_all(job: Job, area_ids: Sequence[str], *, force: bool, log: Path) -> Iterator[AreaOutcome]:
    """Yield the outcome of each area as it comes."""
    workers = min(job.workspace.config.limits.workers, len(area_ids))
    if workers > 1:
        yield from _watch_in_processes(job, area_ids, workers=workers, force=force, log=log)
        return
    for index, area_id in enumerate(area_ids):
        outcome = watch_or_fail(job, area_id, force=force)
        yield outcome
        if outcome.stops_run:
            yield from (not_started(left, outcome.reason) for left in area_ids[index + 1 :])
            return


def _watch_in_processes(
    job: Job, area_ids: Sequence[str], *, workers: int, force: bool, log: Path
) -> Iterator[AreaOutcome]:
    """Yield outcomes from worker processes, which get only a path and an id and open the workspace themselves."""
    fresh = multiprocessing.get_context("spawn")  # forking a process in which GDAL has threads can hang
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=fresh, initializer=_log_to, initargs=(log,))
    try:
        futures = {
            pool.submit(_watch_alone, job.workspace.root, area_id, force, job.run): area_id for area_id in area_ids
        }
        for future in as_completed(futures):
            if not future.cancelled():
                outcome = _result(future, futures[future])
                yield outcome
                yield from _called_off(futures, outcome)
    finally:
        pool.shutdown(cancel_futures=True)


def _called_off(futures: Mapping[Future[AreaOutcome], str], outcome: AreaOutcome) -> Iterator[AreaOutcome]:
    """Yield the outcomes of the areas that are not even begun because of what met one: the account is used up."""
    for future, area_id in futures.items():
        if outcome.stops_run and not future.cancelled() and future.cancel():
            yield not_started(area_id, outcome.reason)


def _result(future: Future[AreaOutcome], area_id: str) -> AreaOutcome:
    """Return what a worker found; a worker that was killed, as by want of memory, is its area's failure."""
    error = future.exception()
    return future.result() if error is None else failed(area_id, error)


def _watch_alone(root: Path, area_id: str, force: bool, run: str) -> AreaOutcome:  # noqa: FBT001  # by position
    return watch_or_fail(_opened(root, run), area_id, force=force)


@lru_cache(maxsize=1)
def _opened(root: Path, run: str) -> Job:
    return Job.open(root, run=run)
