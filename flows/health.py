"""Is the watch alive? Asked by a timer, a container, a monitoring system or a person; nothing is changed."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from aoi.read.vector import read_areas
from flows.schedule.guard import is_scheduled, starts_alarms
from flows.settings.config import SentinelHubSettings
from flows.settings.workspace import Workspace
from flows.show import Show, plural, show_table
from flows.store import opened
from geo.atomic import atomic_file
from geo.errors import SitewatchError
from geo.sources.ledger import Ledger, month_of
from outputs.serving.address import LOOPBACK, listen, run
from outputs.serving.guard import Guard

STAMP = "%Y%m%dT%H%M%SZ"
_SHOWN = 5


class State(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"
    """Worth knowing: the watch goes on."""
    FAILING = "failing"
    """Somebody must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on something is wrong."""

    run_hours: float = 48.0
    """The last run began longer ago."""
    free_mb: int = 500
    """Less space is left."""
    look_days: int = 45
    """The last clear look at an area is older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    text: str
    value: float | None = None
    """The figure behind it: hours, MB, processing units, areas; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All that was looked at."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def state(self) -> State:
        """The worst of all."""
        found = {check.state for check in self.checks}
        return next(state for state in (State.FAILING, State.WARNING, State.OK) if state in found)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return {"state": self.state, "at": self.at.isoformat(), "checks": [asdict(check) for check in self.checks]}


def health_of(root: Path, limits: Limits, *, at: datetime | None = None) -> Health:
    """Look at the workspace in `root`.

    Raises:
        ConfigError: There is none, or its settings are wrong.

    """
    workspace = Workspace.open(root)
    now = at or datetime.now(UTC)
    checks = (
        _last_run(workspace, limits, now),
        *_schedule(workspace, now),
        _store(workspace),
        _disk(workspace, limits),
        *_quota(workspace, now),
        _looks(workspace, limits, now.date()),
    )
    return Health(at=now, checks=checks)


def _last_run(workspace: Workspace, limits: Limits, now: datetime) -> Check:
    stamps = sorted(filter(None, (_stamp(path) for path in (workspace.state_dir / "log").glob("*.log"))))
    if not stamps:
        return Check(name="last_run", state=State.FAILING, text="there has been no run")
    hours = (now - stamps[-1]).total_seconds() / 3600
    is_late = hours > limits.run_hours and not is_scheduled(workspace)  # the schedule knows what is late
    state = State.FAILING if is_late else State.OK
    return Check(name="last_run", state=state, text=f"began {hours:.1f} hours ago", value=round(hours, 3))


def _schedule(workspace: Workspace, now: datetime) -> Iterator[Check]:
    """Yield whether scheduled runs start, by the workspace's own record; where none were set up, nothing."""
    if not is_scheduled(workspace):
        return
    alarms = starts_alarms(workspace.root, at=now)
    text = "; ".join(one.text for one in alarms) or "runs start when they are due"
    yield Check(name="schedule", state=State.FAILING if alarms else State.OK, text=text, value=len(alarms))


def _stamp(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.stem, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None  # a log of something else


def _store(workspace: Workspace) -> Check:
    try:
        with opened(workspace, is_written=False) as store:
            found = ["there is no store yet"] if store is None else store.check()
    except SitewatchError as error:
        found = [str(error)]
    return Check(name="store", state=State.FAILING if found else State.OK, text="; ".join(found) or "sound")


def _disk(workspace: Workspace, limits: Limits) -> Check:
    free_mb = shutil.disk_usage(workspace.root).free // 1_000_000
    state = State.FAILING if free_mb < limits.free_mb else State.OK
    return Check(name="disk_free", state=state, text=f"{free_mb:,} MB free", value=free_mb)


def _quota(workspace: Workspace, now: datetime) -> Iterator[Check]:
    """Yield what is left of the month's budget, where imagery comes by account."""
    sources = (workspace.config.source, workspace.config.radar)
    named = {one.account_folder for one in sources if isinstance(one, SentinelHubSettings)}
    if not named:
        return
    roots = [workspace.root / Path(name).expanduser() for name in sorted(named)]
    folders = [folder for root in roots if root.is_dir() for folder in root.iterdir() if folder.is_dir()]
    month, budget = month_of(now), workspace.config.budget
    spent = [Ledger(folder).spent(month) for folder in folders]
    units = budget.processing_units - sum(cost.units for cost in spent)
    requests = budget.requests - sum(cost.requests for cost in spent)
    state = State.WARNING if min(units, requests) <= 0 else State.OK
    text = f"{units:,.1f} processing units and {requests:,} requests left in {month}"
    yield Check(name="quota_left_units", state=state, text=text, value=round(units, 3))


def _looks(workspace: Workspace, limits: Limits, today: date) -> Check:
    name = "areas_without_clear_look"
    try:
        wanted = [area.area_id for area in read_areas(workspace.areas_path)]
        features = json.loads((workspace.latest / "coverage.geojson").read_text(encoding="utf-8"))["features"]
        rows = [feature["properties"] for feature in features]
        newest = {str(row["area_id"]): row.get("screened_until") or row.get("last_clear_look") for row in rows}
    except SitewatchError as error:
        return Check(name=name, state=State.FAILING, text=str(error))
    except (OSError, ValueError, KeyError, TypeError):
        return Check(name=name, state=State.WARNING, text="there is no finished run to tell", value=None)
    late = [area_id for area_id in wanted if _is_late(newest.get(area_id), limits, today)]
    more = f" and {len(late) - _SHOWN} more" if len(late) > _SHOWN else ""
    text = f"{', '.join(late[:_SHOWN])}{more}: none for {limits.look_days} days" if late else "none"
    return Check(name=name, state=State.WARNING if late else State.OK, text=text, value=len(late))


def _is_late(newest: str | None, limits: Limits, today: date) -> bool:
    return not newest or (today - date.fromisoformat(str(newest)[:10])).days > limits.look_days


def metrics(health: Health) -> str:
    """Return the figures as Prometheus reads them (text format 0.0.4)."""
    helps = {
        "last_run": ("last_run_age_hours", "Hours since the last run began."),
        "disk_free": ("disk_free_megabytes", "Space left where the workspace is."),
        "quota_left_units": ("quota_left_units", "Processing units left of this month's budget."),
        "schedule": ("schedule_alarms", "How many things are wrong with scheduled runs."),
        "areas_without_clear_look": ("areas_without_clear_look", "Areas without a recent clear look."),
    }
    lines = []
    for check in health.checks:
        if check.name in helps and check.value is not None:
            name, told = helps[check.name]
            lines += _metric(name, told, [("", check.value)])
    states = [(f'{{check="{check.name}"}}', float(check.state is not State.FAILING)) for check in health.checks]
    lines += _metric("check_ok", "1 where a check does not fail.", states)
    return "\n".join(lines) + "\n"


def _metric(name: str, told: str, values: Sequence[tuple[str, float]]) -> list[str]:
    head = [f"# HELP sitewatch_{name} {told}", f"# TYPE sitewatch_{name} gauge"]
    return [*head, *(f"sitewatch_{name}{labels} {value:g}" for labels, value in values)]


def show_health(health: Health, show: Show, *, metrics_file: Path | None = None) -> int:
    """Say how things stand; return 1 if something is failing, else 0.

    Raises:
        OutputError: The file of metrics cannot be written.

    """
    if metrics_file:
        with atomic_file(metrics_file) as part:
            part.write_text(metrics(health), encoding="utf-8")
            part.chmod(0o644)  # another user's collector reads it; no name of an area stands in it
    show.document(health.as_json())
    if not (show.is_quiet or show.is_json):
        show_table(("check", "", "finding"), [(one.name, one.state, one.text) for one in health.checks])
    for check in health.checks if show.is_quiet else ():
        if check.state is State.FAILING:
            show.trouble(f"{check.name}: {check.text}")
    return int(health.state is State.FAILING)


def health_app(root: Path, limits: Limits, *, hosts: frozenset[str]) -> Guard:
    """Return what answers ``/health`` (200, or 503 if something is failing) and ``/metrics``."""

    def answer(_: Request) -> JSONResponse:
        health = health_of(root, limits)
        return JSONResponse(health.as_json(), status_code=503 if health.state is State.FAILING else 200)

    def figures(_: Request) -> PlainTextResponse:
        return PlainTextResponse(metrics(health_of(root, limits)), media_type="text/plain; version=0.0.4")

    app = Starlette(routes=[Route("/health", answer), Route("/metrics", figures)])
    return Guard(app, hosts=hosts)


def serve_health(root: Path, limits: Limits, show: Show, *, port: int) -> None:
    """Answer on the loopback interface until stopped.

    Raises:
        ConfigError: There is no workspace, or the port is taken.

    """
    first = health_of(root, limits)
    opened_socket, address = listen(LOOPBACK, port)

    def ready() -> None:
        show.document({"url": address.url, "state": first.state})
        show.say(
            f"{address.url}/health and {address.url}/metrics, {plural(len(first.checks), 'check')}; Ctrl+C ends it"
        )

    run(health_app(root, limits, hosts=address.hosts), opened_socket, when_ready=ready)
