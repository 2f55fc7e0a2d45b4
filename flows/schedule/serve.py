"""`sitewatch serve`: start the runs of a workspace when they are due, in one process, one at a time."""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from flows.area.pipeline import Job, check_source
from flows.schedule.cadence import Scheduled
from flows.schedule.deployments import catch_up, deployment_of, known_deployments, remove_others
from flows.schedule.flow import check_server
from flows.schedule.guard import timetable_of
from flows.schedule.missed import bury_dead, waiting_runs
from flows.schedule.names import key_of, name_of
from flows.schedule.own_server import home_of, own_server
from flows.schedule.starts import holder_of, note_set_up, read_start, schedule_dir
from flows.settings.workspace import Workspace, writing
from flows.show import Show, plural
from geo.errors import BusyError


def serve_schedule(root: Path, show: Show, *, port: int) -> None:
    """Start the workspace's runs by their cadences until this process is stopped.

    Args:
        root: The workspace's folder.
        show: Where to say what is served.
        port: Of the server that is started on the loopback interface where PREFECT_API_URL names none.

    Raises:
        ConfigError, AoiError, SourceError: The workspace is wrong, or the Prefect server does not answer.
        BusyError: Another process serves this workspace.
        OutputError: The server does not start.

    """
    check_source(Job.open(root))
    workspace = Workspace.open(root)
    table = timetable_of(workspace)
    with _alone(workspace), _server(workspace, port=port) as url:
        check_server()
        with get_client(sync_client=True) as client:
            _tidy(client, workspace, table)
        note_set_up(workspace, [one.cadence for one in table], datetime.now(UTC))
        _say(workspace, table, url, show)
        deployments = [deployment_of(workspace, one) for one in table]
        with suppress(asyncio.CancelledError):  # a polite kill is how it is meant to end
            asyncio.run(_serve(workspace, table, deployments))


async def _serve(workspace: Workspace, table: Sequence[Scheduled], deployments: Sequence[RunnerDeployment]) -> None:
    """Take what is due from the server, one run at a time, until stopped; the schedules stay on when we end."""
    runner = Runner(name=key_of(workspace), pause_on_shutdown=False, limit=1)
    ids = {one.name: await runner.aadd_deployment(one) for one in deployments}
    await asyncio.to_thread(_catch_up, workspace, table, ids)
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()

    def leave(*_: object) -> None:
        if serving is not None:
            loop.call_soon_threadsafe(serving.cancel)

    runner.handle_sigterm = leave  # type: ignore[method-assign]  # Prefect's own ends in the midst of the event loop
    await runner.start()


def _catch_up(workspace: Workspace, table: Sequence[Scheduled], ids: Mapping[str, UUID]) -> None:
    with get_client(sync_client=True) as client:
        catch_up_missed(client, workspace, table, ids)


def catch_up_missed(
    client: SyncPrefectClient, workspace: Workspace, table: Sequence[Scheduled], ids: Mapping[str, UUID]
) -> list[str]:
    """Let one run start of each cadence that should have started, or broke off, and of which the server knows nothing.

    Setting up a deployment anew makes Prefect forget the runs that are late.
    """
    now, missed = datetime.now(UTC), []
    for one in table:
        start, due = read_start(workspace, one.cadence), one.cadence.latest(datetime.now(UTC))
        if start is None:
            continue
        is_broken = start.started_at is not None and start.ended_at is None and holder_of(workspace) is None
        is_missed = due > max(at for at in (start.since, start.started_at) if at is not None)
        name = name_of(workspace, one.cadence)
        if (is_broken or is_missed) and not waiting_runs(client, [ids[name]], before=now):
            catch_up(client, ids[name], due=due)
            missed.append(one.cadence.text)
    return missed


def _tidy(client: SyncPrefectClient, workspace: Workspace, table: Sequence[Scheduled]) -> None:
    """Remove what nobody asks for any more, and call dead what no process works at."""
    remove_others(client, workspace, table)
    known = known_deployments(client, workspace)
    if known and holder_of(workspace) is None:
        bury_dead(client, [one.id for one in known])


def _say(workspace: Workspace, table: Sequence[Scheduled], url: str, show: Show) -> None:
    now = datetime.now(UTC)
    show.document(
        {
            "api": url,
            "deployments": [
                {"name": name_of(workspace, one.cadence), "cadence": one.cadence.text, "areas": len(one.area_ids)}
                for one in table
            ],
        }
    )
    for one in table:
        start = one.cadence.following(now)
        show.say(f"{one.cadence.text}: {plural(len(one.area_ids), 'area')}, next {start:%Y-%m-%d %H:%M} UTC")
    show.say(
        f"what happens: {url.removesuffix('/api')}; Ctrl+C ends it, and a later start makes up for what was missed"
    )


@contextmanager
def _server(workspace: Workspace, *, port: int) -> Iterator[str]:
    """Give the address of the user's Prefect server, or of one that is started for the time being."""
    if own := PREFECT_API_URL.value():
        yield own
        return
    with own_server(workspace, port=port) as url:
        os.environ["PREFECT_API_URL"] = url  # for the processes that the runs are
        with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home_of(workspace)}):
            yield url


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Let one process at a time serve a workspace.

    Raises:
        BusyError: Another does.

    """
    folder = schedule_dir(workspace)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "serve.lock").open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{workspace.root}: another `sitewatch serve` is at work here") from None
        yield
