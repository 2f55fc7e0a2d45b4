"""The guard alarms of what a broken scheduler would not notice, and of nothing else; each alarm is told once."""

import fcntl
import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from shapely.geometry import box
from typer.testing import CliRunner

from aoi.areas import Area
from aoi.read.vector import areas_frame, read_areas
from flows.area.pipeline import Job, inputs_of
from flows.cli import app
from flows.health import Limits, health_of
from flows.health import State as Health
from flows.notices.alarms import tell_alarms
from flows.notices.send import Clock
from flows.schedule.cadence import Scheduled, timetable
from flows.schedule.check import alarms_of, keep_checking
from flows.schedule.guard import is_scheduled, judge, starts_alarms, timetable_of
from flows.schedule.look import Told, judge_server
from flows.schedule.starts import Start, holder_of, note_ended, note_set_up, note_started, read_start, schedule_dir
from flows.settings.config import ScheduleSettings
from flows.settings.workspace import Workspace, locked
from flows.show import Show
from geo.errors import AoiError, BusyError, StateError
from outputs.layers.geojson import write_geojson

if TYPE_CHECKING:
    from tests.flows.conftest import Site

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SETTINGS = ScheduleSettings()


def daily(text: str = "daily") -> Scheduled:
    one = Area(area_id="a", name="a", polygon_4326=box(80, 40, 80.1, 40.1), cadence=text)
    return timetable([one], SETTINGS)[0]


DUE = daily().cadence.latest(NOW)
"""Today, at an hour past two."""


def start(**more: Any) -> Start:  # noqa: ANN401  # any field
    return Start(**{"cadence": "daily", "since": DUE - 30 * 24 * HOUR, **more})


@pytest.mark.parametrize(
    ("known", "is_busy", "keys"),
    [
        pytest.param(None, False, ["not-set-up"], id="never set up"),
        pytest.param(start(since=NOW), False, [], id="set up just now"),
        pytest.param(start(), False, ["missing"], id="set up long ago and never started"),
        pytest.param(start(started_at=DUE, ended_at=DUE + HOUR), False, [], id="started when due"),
        pytest.param(start(started_at=DUE - 24 * HOUR, ended_at=DUE - 23 * HOUR), False, ["missing"], id="missed once"),
        pytest.param(
            start(started_at=DUE - 24 * HOUR, ended_at=DUE - HOUR), True, ["missing"], id="another is at work"
        ),
        pytest.param(start(started_at=DUE - 3 * HOUR), True, [], id="still at work when the next is due"),
        pytest.param(start(started_at=DUE - 30 * HOUR), True, ["hangs"], id="at work for too long"),
        pytest.param(start(started_at=DUE), False, ["broke-off"], id="killed"),
        pytest.param(start(started_at=NOW - MINUTE), False, [], id="just beginning"),
        pytest.param(
            start(started_at=DUE, ended_at=DUE + MINUTE, is_failed=True), False, ["failed"], id="could not be done"
        ),
        pytest.param(
            start(started_at=NOW + 999 * HOUR, ended_at=NOW + 999 * HOUR), False, ["missing"], id="a clock was wrong"
        ),
    ],
)
def test_what_is_alarmed_of(known: Start | None, is_busy: bool, keys: list[str]) -> None:  # noqa: FBT001  # a case
    found = list(judge(daily(), known, SETTINGS, now=NOW, is_busy=is_busy))
    assert [one.key for one in found] == [f"{key}:daily" for key in keys]
    later = judge(daily(), known, SETTINGS, now=NOW + MINUTE, is_busy=is_busy)
    assert [one.key for one in later] == [one.key for one in found]  # it is told once as long as it lasts


def test_grace_is_granted_and_no_more() -> None:
    known = start(started_at=DUE - 24 * HOUR, ended_at=DUE - 23 * HOUR)
    grace = timedelta(minutes=SETTINGS.grace_minutes)
    assert not list(judge(daily(), known, SETTINGS, now=DUE + grace, is_busy=False))
    assert list(judge(daily(), known, SETTINGS, now=DUE + grace + MINUTE, is_busy=False))


NAME = "watch-daily"


def deployment(**more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    schedule = {"active": True, "created": (NOW - 48 * HOUR).isoformat()}
    return {"name": NAME, "id": "1", "paused": False, "schedules": [schedule], "work_pool_name": "p", **more}


def run(at: datetime, *, auto: bool = True) -> dict[str, Any]:
    return {"expected_start_time": at.isoformat().replace("+00:00", "Z"), "auto_scheduled": auto}


FUTURE, OLD = run(NOW + 16 * HOUR), run(NOW - 5 * HOUR)


@dataclass(frozen=True, kw_only=True)
class Case:
    row: Mapping[str, Any] | None = field(default_factory=deployment)
    runs: tuple[Mapping[str, Any], ...] = (FUTURE,)
    workers: tuple[datetime, ...] = ()


@pytest.mark.parametrize(
    ("case", "key", "words"),
    [
        pytest.param(Case(), None, "", id="all is well"),
        pytest.param(Case(row=None), "no-deployment", "schedule apply", id="no deployment"),
        pytest.param(Case(row=deployment(paused=True)), "paused", "paused", id="paused"),
        pytest.param(Case(row=deployment(schedules=[{"active": False}])), "no-schedule", "", id="schedule off"),
        pytest.param(Case(runs=()), "not-planned", "plans no further runs", id="the scheduler is off"),
        pytest.param(Case(runs=(run(NOW + HOUR, auto=False),)), "not-planned", "", id="only a run by hand"),
        pytest.param(Case(runs=(OLD, FUTURE)), "late", "no worker of the pool p", id="no worker"),
        pytest.param(Case(runs=(OLD, FUTURE), workers=(NOW - HOUR,)), "late", "no worker", id="a worker that is gone"),
        pytest.param(Case(runs=(OLD, FUTURE), workers=(NOW,)), "late", "does not take them", id="a worker that hangs"),
        pytest.param(
            Case(row=deployment(work_pool_name=None), runs=(OLD, FUTURE)), "late", "`sitewatch serve`", id="not served"
        ),
        pytest.param(Case(runs=(run(NOW - HOUR), FUTURE)), None, "", id="late, but within the grace"),
    ],
)
def test_what_is_wrong_on_the_server(case: Case, key: str | None, words: str) -> None:
    told = Told(
        deployments={NAME: case.row} if case.row else {},
        waiting={NAME: case.runs},
        workers={"p": [{"last_heartbeat_time": at.isoformat()} for at in case.workers]},
    )
    found = list(judge_server(told, [(NAME, daily())], SETTINGS, now=NOW))
    assert [one.key for one in found] == ([f"{key}:daily"] if key else [])
    assert all(words in one.text for one in found)


def test_a_scheduler_gets_some_minutes_before_it_must_have_planned() -> None:
    fresh = deployment(schedules=[{"active": True, "created": (NOW - MINUTE).isoformat()}])
    told = Told(deployments={NAME: fresh}, waiting={NAME: ()})
    assert not list(judge_server(told, [(NAME, daily())], SETTINGS, now=NOW))


def test_a_deployment_that_nobody_asks_for_is_told() -> None:
    told = Told(deployments={NAME: deployment(), "watch-weekly": deployment()}, waiting={NAME: (FUTURE,)})
    found = list(judge_server(told, [(NAME, daily())], SETTINGS, now=NOW))
    assert [one.key for one in found] == ["superfluous:watch-weekly"]


@pytest.fixture
def workspace(site: "Site") -> Workspace:
    return Workspace.open(site.root)


def test_what_is_known_of_starts_is_kept_and_forgotten_with_the_cadence(workspace: Workspace) -> None:
    one = daily().cadence
    assert read_start(workspace, one) is None
    assert not is_scheduled(workspace)
    note_set_up(workspace, [one], NOW - HOUR)
    note_set_up(workspace, [one], NOW)  # again, without a change
    note_started(workspace, one, NOW, run="brave-otter")
    assert read_start(workspace, one) == start(since=NOW - HOUR, started_at=NOW, run="brave-otter")
    note_ended(workspace, one, words="2 areas:\n2 done")
    found = read_start(workspace, one)
    assert found is not None
    assert found.ended_at is not None
    assert (found.words, found.started_at) == ("2 areas: 2 done", NOW)
    other = daily("weekly").cadence
    note_set_up(workspace, [other], NOW)
    assert [path.name for path in schedule_dir(workspace).glob("*.json")] == ["weekly.json"]


def test_a_failure_before_the_start_counts_as_one(workspace: Workspace) -> None:
    one = daily().cadence
    note_started(workspace, one, NOW)
    note_ended(workspace, one, words="done")
    note_ended(workspace, one, words="ConfigError: no such file", is_failed=True)
    found = read_start(workspace, one)
    assert found is not None
    assert found.is_failed
    assert found.started_at is not None
    assert found.started_at > NOW


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"since": 3}', '{"cadence": "daily", "since": "now"}', "\0"])
def test_a_damaged_record_is_an_alarm_and_heals(workspace: Workspace, content: str) -> None:
    one = timetable_of(workspace)[0].cadence
    note_set_up(workspace, [one], NOW)
    (schedule_dir(workspace) / f"{one.name}.json").write_text(content)
    with pytest.raises(StateError, match="remove it"):
        read_start(workspace, one)
    assert [alarm.key for alarm in starts_alarms(workspace.root, at=NOW)] == ["record:daily"]
    note_started(workspace, one, datetime.now(UTC))
    assert read_start(workspace, one) is not None


def test_who_is_at_work_is_known_without_disturbing_them(workspace: Workspace) -> None:
    assert holder_of(workspace) is None
    with locked(workspace):
        assert holder_of(workspace) not in {None, "unknown"}
        with pytest.raises(BusyError, match="another run"), locked(workspace):
            pass
    assert holder_of(workspace) is None


def test_a_watch_list_that_cannot_be_read_is_an_alarm_that_names_no_area(site: "Site") -> None:
    (site.root / "areas.geojson").write_text("no list")
    found = starts_alarms(site.root, at=NOW)
    assert [one.key for one in found] == ["watch-list"]
    assert str(site.root) not in found[0].text


def test_health_has_a_line_of_the_schedule_where_there_is_one(site: "Site", workspace: Workspace) -> None:
    assert "schedule" not in {one.name for one in health_of(site.root, Limits(), at=NOW).checks}
    cadence = timetable_of(workspace)[0].cadence
    note_set_up(workspace, [cadence], DUE - 48 * HOUR)
    states = {one.name: one for one in health_of(site.root, Limits(), at=NOW).checks}
    assert states["schedule"].state is Health.FAILING
    assert "nothing started" in states["schedule"].text
    note_started(workspace, cadence, DUE)
    note_ended(workspace, cadence, words="done")
    states = {one.name: one for one in health_of(site.root, Limits(), at=NOW).checks}
    assert states["schedule"].state is Health.OK


def test_a_weekly_watch_is_not_late_after_two_days(ran: "Site") -> None:
    in_5_days = datetime.now(UTC) + timedelta(days=5)
    late = {one.name: one.state for one in health_of(ran.root, Limits(), at=in_5_days).checks}
    assert late["last_run"] is Health.FAILING
    ran.configure(schedule={"cadence": "every 4 weeks"})
    workspace = Workspace.open(ran.root)
    note_set_up(workspace, [timetable_of(workspace)[0].cadence], in_5_days)
    found = {one.name: one.state for one in health_of(ran.root, Limits(), at=in_5_days).checks}
    assert found["last_run"] is Health.OK


@contextmanager
def subscribed(workspace: Workspace, *subscriptions: str) -> Iterator[None]:
    text = "\n".join(f"[[subscription]]\n{one}" for one in subscriptions)
    (workspace.root / "subscriptions.toml").write_text(text, encoding="utf-8")
    yield


def feed(workspace: Workspace, name: str = "ops") -> str:
    path = workspace.root / "notices" / f"{name}.atom.xml"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_an_alarm_is_told_once_until_it_clears_and_then_that_it_is_over(workspace: Workspace) -> None:
    hour = [0]
    clock = Clock(now=lambda: NOW + hour[0] * HOUR, sleep=lambda _: None)
    ops = 'name = "ops"\nkinds = ["alarm", "all_clear"]\nareas = ["west"]\nfeed = ["atom"]'
    partner = 'name = "partner"\nareas = ["west"]\nfeed = ["atom"]'
    with subscribed(workspace, ops, partner):
        for alarms in ({"missing:daily": "due at two"}, {"missing:daily": "due at two"}, {}, {}):
            tally = tell_alarms(workspace, alarms, clock)
            assert tally is not None
            assert not tally.reasons
            hour[0] += 1
        assert feed(workspace).count("The schedule: due at two") > 0
        assert feed(workspace).count("<entry>") == 2
        assert "no longer so: due at two" in feed(workspace)
        tell_alarms(workspace, {"missing:daily": "due at two"}, clock)  # it came again: another alarm
        assert feed(workspace).count("<entry>") == 3
        assert "due at two" not in feed(workspace, "partner")


def test_nobody_subscribed_is_told_and_no_alarm_is_kept(workspace: Workspace) -> None:
    assert tell_alarms(workspace, {"a": "b"}) is None
    assert not (workspace.root / "notices").exists()
    done = CliRunner().invoke(app, ["schedule", "check", "--notify", "-w", str(workspace.root)])
    assert done.exit_code == 1
    assert "nobody is told" in done.stderr


def test_the_guard_says_what_is_wrong_and_ends_with_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    words = ["schedule", "check", "-w", str(workspace.root)]
    never = CliRunner().invoke(app, words)
    assert never.exit_code == 1
    assert "never set up" in never.stderr
    note_set_up(workspace, [one.cadence for one in timetable_of(workspace)], datetime.now(UTC))
    fine = CliRunner().invoke(app, words)
    assert fine.exit_code == 0, fine.stderr
    assert "start when they are due" in fine.stdout


def test_show_tells_each_cadence(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    document = json.loads((site.root / "areas.geojson").read_text())
    document["features"][0]["properties"]["cadence"] = "on new imagery"
    (site.root / "areas.geojson").write_text(json.dumps(document))
    told = json.loads(CliRunner().invoke(app, ["schedule", "show", "-w", str(site.root), "--json"]).stdout)
    assert {row["cadence"]: row["areas"] for row in told["cadences"]} == {"daily": ["east"], "on new imagery": ["west"]}
    assert all(len(row["next"]) == 3 for row in told["cadences"])
    text = CliRunner().invoke(app, ["schedule", "show", "-w", str(site.root)]).stdout
    assert "on new imagery" in text
    assert "workspace-daily" in text
    document["features"][1]["properties"]["cadence"] = "whenever"
    (site.root / "areas.geojson").write_text(json.dumps(document))
    wrong = CliRunner().invoke(app, ["schedule", "show", "-w", str(site.root)])
    assert wrong.exit_code == 2
    assert "area east: cadence: expected" in wrong.stderr


def test_a_cadence_is_read_from_the_list_and_changes_no_product(site: "Site", tmp_path: Any) -> None:  # noqa: ANN401  # a path
    areas = [*read_areas(site.root / "areas.geojson")]
    assert "cadence" not in areas_frame(areas)
    changed = [
        Area(area_id=one.area_id, name=one.name, polygon_4326=one.polygon_4326, cadence=text)
        for one, text in zip(areas, ("weekly", ""), strict=True)
    ]
    write_geojson(tmp_path / "a.geojson", areas_frame(changed))
    assert [one.cadence for one in read_areas(tmp_path / "a.geojson")] == ["weekly", ""]
    (tmp_path / "a.csv").write_text("id,name,latitude,longitude,cadence\nx,Kashgar,39.4,76.0,Every  6 hours\n")
    assert [one.cadence for one in read_areas(tmp_path / "a.csv")] == ["Every 6 hours"]
    job = Job.open(site.root)
    assert inputs_of(job, areas[0], []) == inputs_of(job, changed[0], [])
    with pytest.raises(AoiError):
        timetable([Area(area_id="a", name="a", polygon_4326=areas[0].polygon_4326, cadence="x")], SETTINGS)


def test_the_lock_is_not_taken_from_a_run_that_begins(workspace: Workspace) -> None:
    """Looking who is at work shares the lock for a moment; two who look do not hinder one another."""
    workspace.state_dir.mkdir()
    with (workspace.state_dir / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert holder_of(workspace) is None


def test_who_goes_on_checking_outlives_what_goes_wrong(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        (workspace.root / "sitewatch.toml").write_text("[nonsense]")
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("flows.schedule.check.time.sleep", pause)
    with pytest.raises(KeyboardInterrupt):
        keep_checking(workspace.root, Show(), is_told=False, every_minutes=15)
    assert pauses == [900.0] * 3
    told = capsys.readouterr().err
    assert told.count("never set up") == 1
    assert told.count("unknown key 'nonsense'") == 2


class Prefect(BaseHTTPRequestHandler):
    """Answers as a server does that was told to, and keeps what it was asked."""

    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers.get("Authorization")))
        content = json.dumps(self.answers.get(self.path, {"detail": "Not Found"})).encode()
        self.send_response(200 if self.path in self.answers else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep still."""


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("rows", "key"),
    [
        pytest.param([], "no-deployment:daily", id="another server"),
        pytest.param({"detail": "moved"}, "server-silent", id="no list"),
        pytest.param(["nonsense"], "server-silent", id="no rows"),
        pytest.param(
            [{"name": "workspace-daily", "id": "1", "schedules": None}], "no-schedule:daily", id="no schedules"
        ),
    ],
)
def test_whatever_answers_is_judged_and_never_an_exception(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rows: object, key: str
) -> None:
    note_set_up(workspace, [one.cadence for one in timetable_of(workspace)], datetime.now(UTC))
    monkeypatch.setattr(Prefect, "answers", {"/api/deployments/filter": rows, "/api/flow_runs/filter": []})
    monkeypatch.setattr(Prefect, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Prefect) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "team:pass:word")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        found = alarms_of(workspace.root)
        server.shutdown()
    assert [one.key for one in found] == [key]
    assert Prefect.asked[0] == ("/api/deployments/filter", "Basic " + b64encode(b"team:pass:word").decode())
