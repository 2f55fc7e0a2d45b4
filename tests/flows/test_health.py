"""Health tells what is wrong and fails only for what somebody must look at; a backup brings back what was lost."""

import json
import logging
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from flows.cli import app
from flows.health import STAMP, Limits, State, health_app, health_of, metrics
from flows.logs import formatter, without_secrets
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from outputs.serving.address import LOOPBACK, is_loopback

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def states(site: "Site", **limits: float) -> dict[str, State]:
    return {one.name: one.state for one in health_of(site.root, Limits(**limits)).checks}  # type: ignore[arg-type]  # days are whole


def test_before_the_first_run_the_run_and_the_store_are_failing(site: "Site") -> None:
    found = states(site)
    assert found["last_run"] is State.FAILING
    assert found["store"] is State.FAILING
    assert found["disk_free"] is State.OK


@pytest.fixture
def ran(site: "Site") -> "Site":
    run_workspace(site.root)
    return site


def test_after_a_run_nothing_fails_and_old_looks_are_a_warning(ran: "Site") -> None:
    assert states(ran) == {
        "last_run": State.OK,
        "store": State.OK,
        "disk_free": State.OK,
        "areas_without_clear_look": State.WARNING,
    }
    path = ran.root / "latest" / "coverage.geojson"
    document = json.loads(path.read_text(encoding="utf-8"))
    for feature in document["features"]:
        feature["properties"]["last_clear_look"] = datetime.now(UTC).date().isoformat()
    path.write_text(json.dumps(document), encoding="utf-8")
    assert states(ran)["areas_without_clear_look"] is State.OK


def test_each_limit_is_one(ran: "Site") -> None:
    assert states(ran, free_mb=10**12)["disk_free"] is State.FAILING
    late = health_of(ran.root, Limits(run_hours=1), at=datetime.now(UTC) + timedelta(hours=2))
    assert late.state is State.FAILING
    assert [one.name for one in late.checks if one.state is State.FAILING] == ["last_run"]


def test_the_command_ends_with_what_it_found(ran: "Site", tmp_path: Path) -> None:
    runner = CliRunner()
    fine = runner.invoke(app, ["health", "-w", str(ran.root), "--json", "--metrics", str(tmp_path / "s.prom")])
    assert fine.exit_code == 0
    assert json.loads(fine.stdout)["state"] == "warning"
    text = (tmp_path / "s.prom").read_text()
    assert 'sitewatch_check_ok{check="store"} 1' in text
    assert "west" not in text
    (ran.root / "store.sqlite").write_bytes(b"no database")
    broken = runner.invoke(app, ["health", "-w", str(ran.root), "-q"])
    assert broken.exit_code == 1
    assert "store" in broken.stderr


def test_each_line_of_the_metrics_is_what_prometheus_reads(ran: "Site") -> None:
    for line in metrics(health_of(ran.root, Limits())).splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            name, value = line.rsplit(" ", 1)
            assert name.startswith("sitewatch_")
            assert float(value) >= 0


def test_the_server_answers_this_machine_by_its_own_name_only(ran: "Site") -> None:
    assert is_loopback(LOOPBACK)
    served = health_app(ran.root, Limits(), hosts=frozenset({"127.0.0.1:1"}))
    client = TestClient(served, base_url="http://127.0.0.1:1")
    assert client.get("/health").status_code == 200
    assert client.get("/metrics").text.startswith("# HELP")
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 400
    assert client.post("/health").status_code == 405
    failing = TestClient(health_app(ran.root, Limits(free_mb=10**12), hosts=frozenset({"127.0.0.1:1"})))
    assert failing.get("/health", headers={"host": "127.0.0.1:1"}).status_code == 503


def test_a_lost_store_comes_back_from_its_backup(ran: "Site", tmp_path: Path) -> None:
    runner = CliRunner()
    copy = tmp_path / "copy.sqlite"
    assert runner.invoke(app, ["store", "backup", "-w", str(ran.root), str(copy)]).exit_code == 0
    for path in ran.root.glob("store.sqlite*"):
        path.unlink()
    assert states(ran)["store"] is State.FAILING
    copy.rename(ran.root / "store.sqlite")
    assert states(ran)["store"] is State.OK
    assert runner.invoke(app, ["store", "check", "-w", str(ran.root)]).exit_code == 0


def test_logs_are_one_document_a_line_and_hold_no_secret(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWATCH_LOG", "json")
    run_workspace(site.root)
    (log,) = (Workspace.open(site.root).state_dir / "log").glob("*.log")
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert events
    assert all({"at", "level", "logger", "message"} <= set(event) for event in events)
    assert datetime.strptime(log.stem, STAMP).replace(tzinfo=UTC) < datetime.now(UTC)


@pytest.mark.parametrize("form", ["json", ""])
def test_a_secret_in_an_event_is_hidden(form: str) -> None:
    environ = {"SITEWATCH_LOG": form, "SH_CLIENT_SECRET": "hunter2-hunter2"}
    record = logging.LogRecord("geo", logging.ERROR, "f", 1, "sent %s\nto %s", ("hunter2-hunter2", "x"), None)
    text = formatter(environ).format(record)
    assert "hunter2" not in text
    assert ("\n" in text) == (form == "")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("postgresql://me:pass-word@host/db", "pass-word"),
        ("https://x/y?token=abcdef&z=1", "abcdef"),
        ("Authorization: Bearer abcdefgh.ijk", "abcdefgh"),
        ("GET /a?X-Amz-Signature=0011aa", "0011aa"),
    ],
)
def test_secrets_in_addresses_are_hidden(text: str, gone: str) -> None:
    assert gone not in without_secrets(text)


def test_a_run_connects_to_nobody(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> NoReturn:
        asked.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run_workspace(site.root).exit_code == 0
    assert asked == []
