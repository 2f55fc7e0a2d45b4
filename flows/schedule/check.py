"""`sitewatch schedule check`: the guard. It stands beside the scheduler, not on it, and needs nothing of Prefect's."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from flows.notices.alarms import tell_alarms
from flows.notices.send import summary
from flows.schedule.guard import Alarm, look_at_starts, starts_alarms, timetable_of
from flows.schedule.look import ServerSilentError, ask_server, judge_server
from flows.schedule.names import name_of, tags_of
from flows.settings.workspace import Workspace
from flows.show import Show
from geo.errors import AoiError, ConfigError, SitewatchError

API_URL = "PREFECT_API_URL"


def alarms_of(root: Path, *, at: datetime | None = None) -> tuple[Alarm, ...]:
    """Return all that is wrong: by the workspace's own record and, where PREFECT_API_URL names one, by the server.

    Raises:
        ConfigError: There is no workspace, or its settings cannot be read.

    """
    now = at or datetime.now(UTC)
    return (*starts_alarms(root, at=now), *server_alarms(Workspace.open(root), now))


def server_alarms(workspace: Workspace, now: datetime) -> tuple[Alarm, ...]:
    """Return what is wrong on the server that PREFECT_API_URL names; nothing where it names none."""
    url = os.environ.get(API_URL, "")
    if not url:
        return ()
    try:
        table = [(name_of(workspace, one.cadence), one) for one in timetable_of(workspace)]
        told = ask_server(url, tags_of(workspace))
    except ServerSilentError as error:
        text = f"the Prefect server does not answer as it should ({error}): no scheduled run can start"
        return (Alarm(key="server-silent", text=text),)
    except (AoiError, ConfigError):
        return ()  # the workspace's own record has said so
    return tuple(judge_server(told, table, workspace.config.schedule, now=now))


def check_schedule(root: Path, show: Show, *, is_told: bool) -> int:
    """Say what is wrong, and tell who asked for it; return 1 if anything is, or could not be told, else 0.

    Raises:
        ConfigError: There is no workspace, or its subscriptions are wrong.

    """
    workspace = Workspace.open(root)
    alarms = alarms_of(root)
    show.document({"alarms": [{"key": one.key, "text": one.text} for one in alarms]})
    for one in alarms:
        show.trouble(one.text, kind="alarm")
    is_untold = is_told and not _tell(workspace, alarms, show)
    if not alarms:
        show.say(_all_well(root))
    return int(bool(alarms) or is_untold)


def _all_well(root: Path) -> str:
    started = [one.start.started_at for one in look_at_starts(root) if one.start and one.start.started_at]
    last = f"the last began {max(started):%Y-%m-%d %H:%M} UTC" if started else "none is due yet"
    return f"scheduled runs start when they are due; {last}"


def _tell(workspace: Workspace, alarms: tuple[Alarm, ...], show: Show) -> bool:
    """Tell the alarms; say whether nothing failed or waits to be tried. Where nobody asks for them, that is noted."""
    tally = tell_alarms(workspace, {one.key: one.text for one in alarms})
    if tally is None:
        if alarms:
            show.trouble("nobody is told: there is no [[subscription]] in subscriptions.toml", kind="note")
        return True
    if tally.reasons:
        show.trouble(f"notices: {summary(tally)}")
    return not (tally.waiting or tally.dead)


def keep_checking(root: Path, show: Show, *, is_told: bool, every_minutes: float) -> NoReturn:
    """Check again and again; what goes wrong with one look does not end the next.

    Raises:
        ConfigError: There is no workspace at the first look.

    """
    Workspace.open(root)
    while True:
        try:
            check_schedule(root, show, is_told=is_told)
        except SitewatchError as error:
            show.trouble(str(error), kind="error")
        time.sleep(every_minutes * 60)
