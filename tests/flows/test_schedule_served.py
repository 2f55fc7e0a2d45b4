"""On a real Prefect server runs start when they are due, are resumed when killed, and are missed by the guard.

All servers are on the loopback interface, with a home of their own: one on SQLite for all tests of this module, one on
a real PostgreSQL.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.settings.environment import PREFECT_DEFAULTS
from tests.outputs.store.conftest import postgres, postgres_url  # noqa: F401  # fixtures of another room

if TYPE_CHECKING:
    from tests.flows.conftest import Site

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.allow_hosts(["127.0.0.1", "::1"]),
    pytest.mark.filterwarnings("ignore"),  # what Prefect and its server warn of is not ours to mend
]
LONG_S = 240.0
"""Processes that import Prefect on a busy machine take their time."""
QUICK = {"cadence": "every 20 seconds", "grace_minutes": 0.7, "pictures": 2}

HELD = '''
"""Lets whoever reads imagery of the east wait as long as a file stands, to be killed meanwhile."""
import builtins, os, sys, time
real = builtins.__import__

def slowed(read):
    def reading(self, ref, *others, **named):
        if "_east" in ref.scene_id and os.path.exists(os.environ["HELD"]):
            open(os.environ["HELD"] + ".begun", "w").close()
            while os.path.exists(os.environ["HELD"]):
                time.sleep(0.1)
        return read(self, ref, *others, **named)
    return reading

def hooked(name, *others, **named):
    module = real(name, *others, **named)
    folder = sys.modules.get("geo.sources.folder")
    if "HELD" in os.environ and hasattr(folder, "FolderSource") and not hasattr(folder, "held"):
        folder.held = True
        folder.FolderSource.read = slowed(folder.FolderSource.read)
    return module

builtins.__import__ = hooked
'''


@dataclass(kw_only=True)
class Server:
    """A Prefect server that can be stopped, and started again otherwise."""

    home: Path
    port: int
    database: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return {
            **own,
            **PREFECT_DEFAULTS,
            "PYTHONPATH": str(Path.cwd()),
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "2",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            **({"PREFECT_API_DATABASE_CONNECTION_URL": self.database} if self.database else {}),
        }

    def start(self, **settings: str) -> None:
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port), "--no-ui"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], env={**self.environ, **settings}, stdout=log, stderr=log
            )
        assert wait_for(lambda: asked(f"{self.url}/health") is True), (self.home / "log").read_text()[-2000:]

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Return the runs of one deployment, in the order in which they are due."""
        body = {"deployments": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = asked(f"{self.url}/flow_runs/filter", body)
        return list(found or [])

    def deployments(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in asked(f"{self.url}/deployments/filter", {}) or []}

    def done(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.runs(name) if run["state_name"] == "Completed"]


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, politely first."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(is_so: Callable[[], Any], limit_s: float = LONG_S) -> Any:  # noqa: ANN401  # what was found
    """Wait until something is so; return what it found."""
    until = time.monotonic() + limit_s
    while not (found := is_so()) and time.monotonic() < until:
        time.sleep(0.3)
    return found


def asked(url: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  # JSON
    """Return what the server on the loopback interface answers; None if it does not."""
    content = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data=content, headers={"Content-Type": "application/json"}), timeout=10) as answer:  # noqa: S310  # http, by the caller
            return json.loads(answer.read())
    except OSError:
        return None


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give one server on SQLite for this module."""
    one = Server(home=tmp_path_factory.mktemp("prefect"), port=free_port())
    one.start()
    yield one
    one.stop()


def sitewatch(*words: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False, timeout=LONG_S)


@contextmanager
def served(site: "Site", server: Server, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "flows.cli", "serve", "-w", str(site.root)]
    with (site.root.parent / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, env={**server.environ, **environ}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        end(process)


def holding(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which reading imagery of the east waits for a file to go."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HELD, encoding="utf-8")
    (tmp_path / "held").touch()
    return {"HELD": str(tmp_path / "held"), "PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{Path.cwd()}"}


def kill_and_see_it_resumed(site: "Site", server: Server, tmp_path: Path, name: str) -> None:
    """Kill the run that a schedule started, half-way; see the next one do only what is left."""
    held = tmp_path / "held"
    assert wait_for(held.with_suffix(".begun").exists), (site.root.parent / "serve.log").read_text()[-3000:]
    assert (site.root / "state" / "areas" / "west" / "current").exists()  # half-way: the west is done, the east is not
    assert not (site.root / "latest").exists()
    os.kill(int((site.root / "state" / "lock").read_text()), signal.SIGKILL)
    crashed = wait_for(lambda: [run for run in server.runs(name) if run["state_type"] == "CRASHED"])
    assert crashed
    held.unlink()
    assert wait_for((site.root / "latest").is_dir), [run["state"] for run in server.runs(name)]
    outcomes = json.loads((site.root / "latest" / "run.json").read_text())["areas"]
    assert {one["area_id"]: one["state"] for one in outcomes} == {"west": "up to date", "east": "done"}
    assert wait_for(lambda: server.done(name))
    done = server.done(name)[0]
    assert done["auto_scheduled"]
    assert done["state"]["message"] == "2 areas: 1 done, 1 up to date"
    assert done["expected_start_time"] > crashed[0]["expected_start_time"]


def test_a_killed_run_is_resumed_and_missed_runs_collapse_into_one_while_the_guard_alarms(
    server: Server, site: "Site", tmp_path: Path
) -> None:
    site.configure(schedule={**QUICK, "name": "Story"})
    name = "story-every-20-seconds"
    with served(site, server, **holding(tmp_path)):
        kill_and_see_it_resumed(site, server, tmp_path, name)
        shown = {row["key"]: row for row in asked(f"{server.url}/artifacts/filter", {})}
        assert {f"story-{what}" for what in ("areas", "cost", "coverage")} <= set(shown)
        assert [row["area"] for row in json.loads(shown["story-areas"]["data"])] == ["east", "west"]
        assert wait_for(lambda: not alarms(site, server))
        twice = sitewatch("serve", "-w", str(site.root), environ=server.environ)
        assert twice.returncode == 3
        assert "another `sitewatch serve`" in twice.stderr

    assert server.deployments()[name]["paused"] is False
    stopped = max(run["expected_start_time"] for run in server.runs(name) if run["start_time"])
    assert wait_for(lambda: len(late(server, name)) >= 3, 120), server.runs(name)
    missing = {"missing:every 20 seconds", "late:every 20 seconds"}
    assert wait_for(lambda: alarms(site, server) == missing), alarms(site, server)
    missed = {run["id"] for run in late(server, name)}

    with served(site, server):
        assert wait_for(lambda: newer(server.done(name), stopped)), (site.root.parent / "serve.log").read_text()[-3000:]
        assert wait_for(lambda: not alarms(site, server))
    left = [run for run in server.runs(name) if run["id"] in missed]
    worked = [run for run in left if run["state_name"] == "Completed"]
    assert len(worked) <= 1  # none, where setting up anew made Prefect forget them, and a run was started instead
    assert all("collapsed into run" in run["state"]["message"] for run in left if run not in worked)
    assert len(worked) + len([run for run in server.done(name) if run["name"].startswith("missed-")]) == 1


def late(server: Server, name: str) -> list[dict[str, Any]]:
    return [run for run in server.runs(name) if run["state_name"] == "Late"]


def newer(runs: Sequence[Mapping[str, Any]], than: str) -> list[Mapping[str, Any]]:
    return [run for run in runs if run["expected_start_time"] > than]


@pytest.mark.postgis
def test_the_same_on_a_server_whose_database_is_postgresql(
    postgres_url: str,  # noqa: F811  # the fixture
    tmp_path_factory: pytest.TempPathFactory,
    site: "Site",
    tmp_path: Path,
) -> None:
    pytest.importorskip("asyncpg")
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    own = Server(home=tmp_path_factory.mktemp("prefect-on-postgresql"), port=free_port(), database=url)
    site.configure(schedule={**QUICK, "name": "On PostgreSQL"})
    try:
        own.start()
        with served(site, own, **holding(tmp_path)):
            kill_and_see_it_resumed(site, own, tmp_path, "on-postgresql-every-20-seconds")
        assert not list(own.home.glob("*.db"))
    finally:
        own.stop()


PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


def prefect(*words: str, server: Server, folder: Path) -> None:
    told = subprocess.run(
        [*PREFECT, *words], env=server.environ, cwd=folder, capture_output=True, text=True, check=False, timeout=LONG_S
    )
    assert told.returncode == 0, told.stdout + told.stderr


@contextmanager
def working(pool: str, *, server: Server, folder: Path) -> Iterator[None]:
    command = [*PREFECT, "worker", "start", "--pool", pool]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, env=server.environ, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        end(worker)


def test_a_team_s_pool_runs_what_prefect_yaml_says(server: Server, site: "Site", tmp_path: Path) -> None:
    site.configure(schedule={**QUICK, "name": "Team"})
    name, workspace = "team-every-20-seconds", ("-w", str(site.root))
    missing = sitewatch("schedule", "apply", "--pool", "fleet", *workspace, environ=server.environ)
    assert missing.returncode == 2
    assert "no work pool 'fleet'" in missing.stderr

    written = sitewatch(
        "schedule", "yaml", str(tmp_path / "prefect.yaml"), "--pool", "fleet", *workspace, environ=server.environ
    )
    assert written.returncode == 0, written.stderr
    prefect("work-pool", "create", "fleet", "--type", "process", server=server, folder=tmp_path)
    prefect("deploy", "--all", server=server, folder=tmp_path)
    deployed = server.deployments()[name]
    assert deployed["global_concurrency_limit"]["limit"] == 1
    assert deployed["concurrency_options"]["collision_strategy"] == "ENQUEUE"

    applied = sitewatch("schedule", "apply", "--pool", "fleet", *workspace, "--json", environ=server.environ)
    assert json.loads(applied.stdout)["deployments"] == [{"name": name, "change": "unchanged"}], applied.stderr

    assert wait_for(lambda: len(late(server, name)) >= 3), server.runs(name)
    missed = {run["id"] for run in late(server, name)}
    with working("fleet", server=server, folder=tmp_path):
        assert wait_for(lambda: server.done(name)), (tmp_path / "worker.log").read_text()[-3000:]
        left = [run for run in server.runs(name) if run["id"] in missed]
        assert [run["state_name"] for run in left].count("Completed") == 1
        others = [run["state"] for run in left if run["state_name"] != "Completed"]
        assert all("collapsed into run" in state["message"] for state in others)
        assert (site.root / "latest").is_dir()
        assert wait_for(lambda: not alarms(site, server))

    site.configure(schedule={"cadence": "every 30 seconds"})
    changed = sitewatch("schedule", "apply", "--pool", "fleet", *workspace, "--json", environ=server.environ)
    assert {(one["name"], one["change"]) for one in json.loads(changed.stdout)["deployments"]} == {
        ("team-every-30-seconds", "created"),
        (name, "removed"),
    }


def test_a_scheduler_that_plans_nothing_and_a_server_that_is_silent_are_noticed(server: Server, site: "Site") -> None:
    site.configure(schedule={**QUICK, "cadence": "every 30 seconds", "name": "Broken"})
    apply = ("schedule", "apply", "--pool", "broken", "--create-pool", "-w", str(site.root))
    server.stop()
    server.start(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false")
    try:
        applied = sitewatch(*apply, environ=server.environ)
        assert applied.returncode == 0, applied.stderr
        assert "broken-every-30-seconds: created" in applied.stdout
        wanted = {"not-planned:every 30 seconds", "missing:every 30 seconds"}
        assert wait_for(lambda: alarms(site, server) == wanted), alarms(site, server)
        assert server.runs("broken-every-30-seconds") == []
    finally:
        server.stop()
        silent = alarms(site, server)
        server.start()
    assert "server-silent" in silent
    assert wait_for(lambda: "not-planned:every 30 seconds" not in alarms(site, server)), alarms(site, server)


def alarms(site: "Site", server: Server) -> set[str]:
    """Return the keys of what `sitewatch schedule check` alarms of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", server.url)
        done = CliRunner().invoke(app, ["schedule", "check", "-w", str(site.root), "--json"])
    found = {one["key"] for one in json.loads(done.stdout)["alarms"]}
    assert done.exit_code == int(bool(found))
    return found


def test_without_a_server_serve_starts_one_of_its_own_that_keeps_to_itself_and_ends_with_it(
    server: Server, site: "Site"
) -> None:
    site.configure(schedule={**QUICK, "name": "Laptop"})
    port = free_port()
    environ = {name: value for name, value in server.environ.items() if name not in {"PREFECT_API_URL", "PREFECT_HOME"}}
    command = [sys.executable, "-m", "flows.cli", "serve", "-w", str(site.root), "--port", str(port)]
    own = Server(home=site.root / "state" / "prefect", port=port)
    with (site.root.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        assert wait_for(lambda: own.done("laptop-every-20-seconds")), (site.root.parent / "serve.log").read_text()
        assert (own.home / "prefect.db").exists()
        assert asked(f"{own.url}/admin/settings")["server"]["analytics_enabled"] is False
    finally:
        process.kill()
        process.wait()
    assert wait_for(lambda: asked(f"{own.url}/health") is None, 60)
