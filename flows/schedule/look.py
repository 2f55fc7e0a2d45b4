"""What a Prefect server says of a workspace's schedule, asked over HTTP alone: the guard needs nothing of Prefect's.

Names of states and fields are those of Prefect 3.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from flows.schedule.cadence import Cadence, Scheduled
from flows.schedule.guard import Alarm
from flows.settings.config import ScheduleSettings

AUTH = "PREFECT_API_AUTH_STRING"
"""The name of the variable in which Prefect itself looks for `user:password`, where its server asks for it."""
ANSWER_S = 20.0
_MOST = 200
_WORKERS_SEEN = timedelta(minutes=2)
"""Workers report every half minute."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the server knows of the deployments of one workspace."""

    deployments: Mapping[str, Row] = field(default_factory=dict)
    """By name."""
    waiting: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By deployment's name: runs that have not begun."""
    workers: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By pool's name: the workers that the server has heard of."""


class ServerSilentError(Exception):
    """The server does not answer, or not as a Prefect server does."""


def ask_server(api_url: str, tags: Sequence[str]) -> Told:
    """Return what the server says of the deployments with these tags.

    Raises:
        ServerSilentError: It does not answer as it should.

    """
    try:
        return _asked(api_url.rstrip("/"), tags)
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServerSilentError(type(error).__name__) from error


def _asked(url: str, tags: Sequence[str]) -> Told:
    wanted = {"deployments": {"tags": {"all_": list(tags)}}, "limit": _MOST}
    deployments = {str(row["name"]): row for row in _post(f"{url}/deployments/filter", wanted)}
    waiting = {
        name: _post(
            f"{url}/flow_runs/filter",
            {
                "flow_runs": {
                    "deployment_id": {"any_": [row["id"]]},
                    "state": {"type": {"any_": ["SCHEDULED"]}},
                },
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": _MOST,
            },
        )
        for name, row in deployments.items()
    }
    pools = {row["work_pool_name"] for row in deployments.values() if row.get("work_pool_name")}
    workers = {pool: _post(f"{url}/work_pools/{pool}/workers/filter", {}) for pool in sorted(pools)}
    return Told(deployments=deployments, waiting=waiting, workers=workers)


def _post(url: str, body: Row) -> list[Row]:
    user, _, password = os.environ.get(AUTH, "").partition(":")
    with requests.Session() as session:
        session.trust_env = False  # neither a proxy nor a password out of ``~/.netrc``
        session.auth = (user, password) if user else None
        answer = session.post(url, json=body, timeout=ANSWER_S, allow_redirects=False)
    answer.raise_for_status()
    rows = answer.json()
    if not isinstance(rows, list):
        raise TypeError(f"expected a list; got {type(rows).__name__}")
    return rows


def judge_server(
    told: Told, table: Sequence[tuple[str, Scheduled]], settings: ScheduleSettings, *, now: datetime
) -> Iterator[Alarm]:
    """Yield what is wrong on the server.

    Args:
        told: What it says.
        table: Each cadence of the watch list with the name that its deployment should have.
        settings: How long a start may be late.
        now: Aware.

    """
    for name, one in table:
        row = told.deployments.get(name)
        if row is None:
            text = f"{one.cadence.text}: the Prefect server has no deployment {name}; `sitewatch schedule apply`"
            yield Alarm(key=f"no-deployment:{one.cadence.text}", text=text)
        elif row.get("paused"):
            yield Alarm(key=f"paused:{one.cadence.text}", text=f"{one.cadence.text}: the deployment {name} is paused")
        elif not any(schedule.get("active") for schedule in row.get("schedules") or ()):
            text = f"{one.cadence.text}: the deployment {name} has no schedule that is on"
            yield Alarm(key=f"no-schedule:{one.cadence.text}", text=text)
        else:
            yield from _runs(one.cadence, row, told, settings, now)
    for name in sorted(set(told.deployments) - {name for name, _ in table}):
        text = f"the Prefect server has a deployment {name} whose cadence no area has; `sitewatch schedule apply`"
        yield Alarm(key=f"superfluous:{name}", text=text)


def _runs(cadence: Cadence, row: Row, told: Told, settings: ScheduleSettings, now: datetime) -> Iterator[Alarm]:
    """Yield what is wrong with the runs that should begin."""
    due = [_moment(run) for run in told.waiting.get(str(row["name"]), ())]
    late = [at for at in due if at < now - timedelta(minutes=settings.grace_minutes)]
    planned = [run for run in told.waiting.get(str(row["name"]), ()) if run.get("auto_scheduled")]
    if not any(_moment(run) > now for run in planned) and _set_up(row) < now - _patience(cadence, settings):
        text = f"{cadence.text}: the Prefect server plans no further runs; its scheduler does not work"
        yield Alarm(key=f"not-planned:{cadence.text}", text=text)
    if late:
        pool = str(row.get("work_pool_name") or "")
        seen = [_time(one.get("last_heartbeat_time")) for one in told.workers.get(pool, ())]
        is_there = any(at > now - _WORKERS_SEEN for at in seen)
        who = f"no worker of the pool {pool} is there" if pool else "`sitewatch serve` does not take them"
        reason = "a worker is there, but does not take them" if is_there else who
        text = f"{cadence.text}: {len(late)} late, the oldest since {min(late):%Y-%m-%d %H:%M} UTC; {reason}"
        yield Alarm(key=f"late:{cadence.text}", text=text)


def _patience(cadence: Cadence, settings: ScheduleSettings) -> timedelta:
    """Return how long after setting up a scheduler may have planned nothing."""
    quick = cadence.every is not None and cadence.every < timedelta(hours=1)
    return timedelta(minutes=min(settings.grace_minutes, 2 if quick else 15))


def _set_up(row: Row) -> datetime:
    """Return when the schedule was last changed; the deployment itself is touched whenever a runner asks for work."""
    return max(_time(one.get("updated") or one.get("created")) for one in row["schedules"])


def _moment(run: Row) -> datetime:
    return _time(run.get("expected_start_time") or run.get("next_scheduled_start_time"))


def _time(text: object) -> datetime:
    """Return a time of the server's; where it says none, the oldest there is."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
