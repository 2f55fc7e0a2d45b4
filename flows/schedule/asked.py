"""`sitewatch schedule show`: which areas are watched when, when that last was, and what the Prefect server knows."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.schedule.check import API_URL
from flows.schedule.guard import Watch, look_at_starts
from flows.schedule.look import ServerSilentError, Told, ask_server
from flows.schedule.names import name_of, tags_of
from flows.settings.workspace import Workspace
from flows.show import Show, plural, show_table

_NEXT = 3
_HEAD = ("cadence", "areas", "next (UTC)", "last start (UTC)", "what came of it", "deployment", "server")


def show_schedule(root: Path, show: Show, *, at: datetime | None = None) -> None:
    """Say how each cadence stands.

    Raises:
        ConfigError, AoiError: The settings or the watch list are wrong.

    """
    workspace, now = Workspace.open(root), at or datetime.now(UTC)
    watches = look_at_starts(root, at=now)
    told, silent = _told(workspace)
    rows = [_as_json(workspace, one, told, now) for one in watches]
    show.document({"cadences": rows, "server": silent or ("asked" if told else "none")})
    if not show.is_json and not show.is_quiet:
        show_table(_HEAD, [_line(row) for row in rows])
        if silent:
            show.say(f"the Prefect server does not answer as it should: {silent}")
        elif told is None:
            show.say("PREFECT_API_URL names no Prefect server: what it knows was not asked")


def _told(workspace: Workspace) -> tuple[Told | None, str]:
    url = os.environ.get(API_URL, "")
    try:
        return (ask_server(url, tags_of(workspace)) if url else None), ""
    except ServerSilentError as error:
        return None, str(error)


def _as_json(workspace: Workspace, one: Watch, told: Told | None, now: datetime) -> dict[str, Any]:
    cadence, start = one.scheduled.cadence, one.start
    name = name_of(workspace, cadence)
    return {
        "cadence": cadence.text,
        "areas": list(one.scheduled.area_ids),
        "next": [at.isoformat() for at in cadence.next_starts(now, _NEXT)],
        "last_start": start.started_at.isoformat() if start and start.started_at else None,
        "words": start.words if start else "",
        "deployment": name,
        "server": _state(name, told),
        "alarms": [alarm.text for alarm in one.alarms],
    }


def _state(name: str, told: Told | None) -> str | None:
    if told is None:
        return None
    row = told.deployments.get(name)
    if row is None:
        return "missing"
    runs = told.waiting.get(name, ())
    return "paused" if row.get("paused") else f"{plural(len(runs), 'run')} planned"


def _line(row: dict[str, Any]) -> list[str]:
    areas = row["areas"]
    shown = f"{len(areas)}: {', '.join(areas[:_NEXT])}{', ...' if len(areas) > _NEXT else ''}"
    starts = ", ".join(f"{datetime.fromisoformat(at):%m-%d %H:%M}" for at in row["next"])
    last = f"{datetime.fromisoformat(row['last_start']):%Y-%m-%d %H:%M}" if row["last_start"] else "never"
    return [row["cadence"], shown, starts, last, row["words"] or "-", row["deployment"], row["server"] or "not asked"]
