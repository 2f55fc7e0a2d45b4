"""Under Prefect a run finds what it finds without: on a real, temporary server on the loopback interface."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from flows.area.outcome import State
from flows.runs.run import run_workspace
from flows.settings.environment import PREFECT_DEFAULTS, prepare_prefect_environment
from geo.errors import SourceUnavailableError
from geo.sources.folder import FolderSource

if TYPE_CHECKING:
    from tests.flows.conftest import Site

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.allow_hosts(["127.0.0.1", "::1"]),
    pytest.mark.filterwarnings("ignore"),  # what Prefect and its server warn of is not ours to mend
]


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start one server for this module, with a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        for name, value in PREFECT_DEFAULTS.items():
            patch.setenv(name, value)
        from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415  # reads the environment

        with prefect_test_harness(server_startup_timeout=240):
            yield


@pytest.fixture
def monitor(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401, ARG001  # a module
    """Return the module of the flow, its retries without waiting."""
    from flows.schedule import flow as monitor  # noqa: PLC0415  # imports Prefect

    monkeypatch.setattr(monitor, "watch_one", monitor.watch_one.with_options(retry_delay_seconds=0))
    return monitor


def test_the_flow_publishes_what_the_plain_run_publishes(monitor: Any, site: "Site", finished: Path) -> None:  # noqa: ANN401
    report = monitor.run_flow(site.root)
    assert {one.state for one in report.outcomes} == {State.DONE}
    plain = finished / "workspace" / "latest"
    for name in ("detections.geojson", "coverage.geojson"):
        assert (report.run_dir / name).read_bytes() == (plain / name).read_bytes()


def test_the_flow_does_nothing_twice(monitor: Any, ran: "Site") -> None:  # noqa: ANN401
    report = monitor.run_flow(ran.root)
    assert {one.state for one in report.outcomes} == {State.UP_TO_DATE}
    assert not report.is_new


def test_an_area_is_tried_again_only_if_the_provider_did_not_answer(
    monitor: Any,  # noqa: ANN401
    ran: "Site",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = {"west": 0, "east": 0}
    read = FolderSource.read

    def unsteady(self: FolderSource, ref: Any, *others: Any, **named: Any) -> Any:  # noqa: ANN401
        area_id = ref.scene_id.rsplit("_", 1)[1]
        calls[area_id] += 1
        if area_id == "west" and calls["west"] <= 2:
            raise SourceUnavailableError("try again")
        if area_id == "east":
            raise RuntimeError("broken")
        return read(self, ref, *others, **named)

    monkeypatch.setattr(FolderSource, "read", unsteady)
    report = monitor.run_flow(ran.root, force=True)
    assert {one.area_id: one.state for one in report.outcomes} == {"west": State.DONE, "east": State.FAILED}
    assert calls == {"west": 2 + 7, "east": 1}
    assert report.outcomes[1].reason == "unexpected RuntimeError: broken"


def test_a_user_s_own_decisions_about_prefect_are_respected() -> None:
    environ = {"PREFECT_SERVER_ANALYTICS_ENABLED": "true"}
    prepare_prefect_environment(environ)
    assert environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "true"
    assert environ["DO_NOT_TRACK"] == "1"


def test_the_command_runs_without_a_server_and_leaves_none_behind(site: "Site", tmp_path: Path) -> None:
    home = str(tmp_path / "prefect-home")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "flow", "run", "-w", str(site.root), "--json"],
        env={**environ, "PREFECT_HOME": home},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {area["state"] for area in document["areas"]} == {"done"}
    assert processes_with(home) == []


def processes_with(text: str) -> list[int]:
    """Return the processes whose environment names `text`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def test_a_run_that_is_asked_to_end_leaves_no_server_behind(site: "Site", tmp_path: Path) -> None:
    home, begun = str(tmp_path / "prefect-home"), tmp_path / "begun"
    script = tmp_path / "slow.py"
    script.write_text(SLOW_FLOW, encoding="utf-8")
    command = [sys.executable, str(script), str(begun), "flow", "run", "-w", str(site.root)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with subprocess.Popen(command, env={**environ, "PREFECT_HOME": home}) as process:
        try:
            assert wait_for(begun.exists, 120), "it never began to read"
            assert len(processes_with(home)) > 1, "there was no server"
            process.terminate()
            assert process.wait(30) == 128 + signal.SIGTERM
        finally:
            process.kill()
    assert wait_for(lambda: not processes_with(home), 20), processes_with(home)
    again = run_workspace(site.root)
    assert {one.state for one in again.outcomes} <= {State.DONE, State.UP_TO_DATE}


SLOW_FLOW = """
import sys, time
from pathlib import Path
from geo.sources.folder import FolderSource

def slow(*_, **__):
    Path(sys.argv[1]).touch()
    time.sleep(60)

FolderSource.read = slow
from flows.cli import app
if __name__ == "__main__":
    app(sys.argv[2:])
"""


def wait_for(is_so: Callable[[], bool], limit_s: float) -> bool:
    """Wait until something is so; say whether it came to be."""
    end = monotonic() + limit_s
    while not (result := is_so()) and monotonic() < end:
        sleep(0.2)
    return result
