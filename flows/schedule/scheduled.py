"""What a scheduled run does: watch the areas of one cadence, once, and leave the rest to the next.

It is the flow that deployments name. What it does twice does no harm: an area whose product is up to date is left as
it is, so that a run that was killed is resumed by the next, which does only what is left.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State as PrefectState
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.area.outcome import NO_PRODUCT, RunReport, State
from flows.runs.run import run_workspace
from flows.schedule.artifacts import publish_artifacts
from flows.schedule.cadence import Cadence, cadence_text
from flows.schedule.flow import watch_as_tasks
from flows.schedule.guard import timetable_of
from flows.schedule.missed import collapse_missed
from flows.schedule.starts import holder_of, note_ended, note_started
from flows.settings.workspace import Workspace
from flows.show import plural
from geo.errors import BusyError, SitewatchError

logger = logging.getLogger(__name__)

SKIPPED = "Skipped"
_LOOK_AGAIN_S = 5.0
_SHOWN = 3


@dataclass(slots=True, kw_only=True)
class _Beginning:
    """Notes that a run began as soon as it holds the workspace, before it reads anything."""

    note: Callable[[], None]

    def start(self, total: int) -> None:
        logger.info("began, %d areas", total)
        self.note()

    def step(self, label: str) -> None:
        logger.info("%s", label)


@flow(
    name="sitewatch",
    task_runner=ThreadPoolTaskRunner(max_workers=1),  # type: ignore[arg-type]  # a runner of PrefectConcurrentFuture is one of PrefectFuture
    validate_parameters=False,
)
def watch_cadence(root: str, cadence: str) -> PrefectState:
    """Watch the areas of the workspace in `root` that are to be watched at `cadence`, and publish what is new.

    Runs that were missed meanwhile collapse into this one. One that finds the workspace taken waits, and is then
    skipped, which is no failure. What is wrong with the workspace is one line of the failed run.
    """
    started = datetime.now(UTC)
    collapse_missed(str(deployment.id or ""), own_id=str(flow_run.id))
    found: Cadence | None = None
    workspace: Workspace | None = None
    try:
        workspace = Workspace.open(Path(root))
        found, area_ids = _chosen(workspace, cadence)
        if found is None:
            return _skipped(
                f"no area is watched {cadence!r} any more; `sitewatch schedule apply` removes the deployment"
            )
        report = _run(workspace, found, area_ids)
        note_ended(workspace, found, words=words_of(report))
    except BusyError as error:
        return _skipped(str(error))
    except SitewatchError as error:
        _note_failure(workspace, found, error)
        return Failed(message=str(error))
    except Exception as error:
        _note_failure(workspace, found, error)
        raise
    publish_artifacts(workspace, report, started=started)
    return state_of(report)


def words_of(report: RunReport) -> str:
    """Say in a line what came of a run: how many areas, and the first troubles."""
    counts = [(state, sum(one.state is state for one in report.outcomes)) for state in State]
    told = ", ".join(f"{count} {state}" for state, count in counts if count)
    troubles = report.troubles()
    more = f"; and {plural(len(troubles) - _SHOWN, 'further line')}" if len(troubles) > _SHOWN else ""
    return "; ".join([f"{plural(len(report.outcomes), 'area')}: {told}", *troubles[:_SHOWN]]) + more


def state_of(report: RunReport) -> PrefectState:
    """Return how Prefect is to show a run: failed if no area could be watched, else done, be it with problems."""
    words = words_of(report)
    if report.outcomes and all(one.state in NO_PRODUCT for one in report.outcomes):
        return Failed(message=words)
    name = "WithProblems" if report.exit_code else "Completed"
    return Completed(name=name, message=words)


def _chosen(workspace: Workspace, text: str) -> tuple[Cadence | None, tuple[str, ...]]:
    """Return the cadence called so and its areas, as the watch list has them now; None where it has none."""
    try:
        asked = cadence_text(text)
    except ValueError:
        return None, ()
    found = [one for one in timetable_of(workspace) if one.cadence.text == asked]
    return (found[0].cadence, found[0].area_ids) if found else (None, ())


def _run(workspace: Workspace, cadence: Cadence, area_ids: tuple[str, ...]) -> RunReport:
    """Run as soon as the workspace is free.

    Raises:
        BusyError: It was not for too long.
        SitewatchError: The run could not be done.

    """
    name = str(flow_run.name or "")
    noted = _Beginning(note=lambda: note_started(workspace, cadence, datetime.now(UTC), run=name))
    patience = timedelta(minutes=workspace.config.schedule.wait_minutes)
    # several areas at the same time are processes of the run's own, which Prefect does not show one by one
    as_tasks = watch_as_tasks if workspace.config.limits.workers == 1 else None
    run = partial(run_workspace, workspace.root, area_ids=area_ids, listener=noted, watch_all=as_tasks)
    return when_free(run, workspace, until=datetime.now(UTC) + patience)


def when_free(
    run: Callable[[], RunReport],
    workspace: Workspace,
    *,
    until: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> RunReport:
    """Return what `run` does once nobody else is at work in the workspace.

    Raises:
        BusyError: Somebody still was at `until`.

    """
    while True:
        is_last = datetime.now(UTC) >= until
        if is_last or holder_of(workspace) is None:
            try:
                return run()
            except BusyError:
                if is_last:
                    raise
        sleep(_LOOK_AGAIN_S)


def _note_failure(workspace: Workspace | None, cadence: Cadence | None, error: Exception) -> None:
    logger.error("%s", error)
    if workspace is None or cadence is None:
        return
    try:
        note_ended(workspace, cadence, words=f"{type(error).__name__}: {error}", is_failed=True)
    except SitewatchError as other:
        logger.warning("%s", other)


def _skipped(words: str) -> PrefectState:
    logger.warning("skipped: %s", words)
    return Completed(name=SKIPPED, message=words)
