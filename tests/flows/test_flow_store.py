"""What a run brings into the store, what stands there after it was killed, and how the store is kept."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from flows.store import store_url
from geo.errors import ConfigError, StateError
from outputs.store import Store

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def rows(root: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(root / "store.sqlite")) as connection:
        return connection.execute(statement).fetchall()


def ask(site: "Site", *arguments: str) -> tuple[int, dict[str, object]]:
    result = CliRunner().invoke(app, ["--json", "store", *arguments, "--workspace", str(site.root)])
    return result.exit_code, json.loads(result.stdout)


def test_a_run_is_recorded_with_what_it_published(ran: "Site") -> None:
    published = json.loads((ran.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))["features"]
    assert rows(ran.root, "SELECT run_id FROM runs") == [((ran.root / "latest").resolve().name,)]
    ids = [(one["properties"]["detection_id"], one["properties"]["status"], 1) for one in published]
    assert rows(ran.root, "SELECT detection_id, status, version FROM detections") == ids
    assert {area for (area,) in rows(ran.root, "SELECT area_id FROM coverage")} == {"west", "east"}
    looked_at = {(area, count) for area, count in rows(ran.root, "SELECT area_id, count(*) FROM scenes GROUP BY 1")}
    assert looked_at == {("west", 7), ("east", 7)}


def test_a_run_that_publishes_nothing_new_records_nothing(ran: "Site") -> None:
    run_workspace(ran.root)
    assert rows(ran.root, "SELECT count(*) FROM runs") == [(1,)]


def test_a_published_run_that_was_not_recorded_is_recorded_by_the_next(ran: "Site") -> None:
    (ran.root / "store.sqlite").unlink()
    run_workspace(ran.root)
    assert rows(ran.root, "SELECT count(*) FROM runs") == [(1,)]


def test_the_store_is_checked_copied_and_filled_from_earlier_runs(ran: "Site", tmp_path: Path) -> None:
    run_workspace(ran.root, force=True)
    assert ask(ran, "check") == (0, {"store": f"sqlite:///{ran.root}/store.sqlite", "problems": []})
    code, said = ask(ran, "backup", str(tmp_path / "copy.sqlite"))
    assert (code, Path(str(said["backup"])).stat().st_size) == (0, said["bytes"])
    for path in ran.root.glob("store.sqlite*"):
        path.unlink()
    code, said = ask(ran, "check")
    assert (code, said["problems"]) == (
        1,
        ["there is no store yet: the first run, or `sitewatch store upgrade`, makes it"],
    )
    names = sorted(path.name for path in (ran.root / "runs").iterdir())
    assert ask(ran, "import") == (0, {"recorded": names})
    assert ask(ran, "import") == (0, {"recorded": []})
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as copy:
        assert (
            copy.execute("SELECT count(*) FROM runs").fetchall()
            == rows(ran.root, "SELECT count(*) FROM runs")
            == [(2,)]
        )


def test_the_environment_says_where_the_store_is_and_no_password_stands_in_the_settings(
    ran: "Site", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SITEWATCH_STORE_URL", f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert store_url(Workspace.open(ran.root)).endswith("other.sqlite")
    monkeypatch.delenv("SITEWATCH_STORE_URL")
    text = (ran.root / "sitewatch.toml").read_text(encoding="utf-8")
    (ran.root / "sitewatch.toml").write_text(
        f'{text}\n[store]\nurl = "postgresql://me:hunter2@host/x"\n', encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"store\.url: a URL with a password belongs into the environment"):
        Workspace.open(ran.root)


def test_a_store_of_another_version_stops_a_run_before_it_begins(ran: "Site") -> None:
    with closing(sqlite3.connect(ran.root / "store.sqlite")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()
    with pytest.raises(StateError, match=r"of version 0000, this program wants .* `sitewatch store upgrade`"):
        run_workspace(ran.root)


@pytest.mark.slow
def test_a_run_killed_anywhere_leaves_a_sound_store_and_the_next_one_completes(site: "Site") -> None:
    command = [sys.executable, "-m", "flows.cli", "run", "--force", "-q", "-w", str(site.root)]
    began = time.monotonic()
    subprocess.run(command, check=True)
    whole_s = time.monotonic() - began
    chance = np.random.default_rng(20)
    for turn in range(20):
        with subprocess.Popen(command) as running:
            time.sleep(chance.uniform(0.35, 1.0) * whole_s)
            running.send_signal(signal.SIGKILL)
        store = Store.open(f"sqlite:///{site.root / 'store.sqlite'}")
        assert store.check() == [], turn
        store.close()
        recorded = {name for (name,) in rows(site.root, "SELECT run_id FROM runs")}
        finished = {path.name for path in (site.root / "runs").iterdir() if not path.name.startswith(".")}
        assert recorded <= finished, turn
        assert (site.root / "latest").resolve().name in finished, turn
    subprocess.run(command, check=True)
    recorded = {name for (name,) in rows(site.root, "SELECT run_id FROM runs")}
    assert (site.root / "latest").resolve().name in recorded
    published = json.loads((site.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))["features"]
    kept = rows(site.root, "SELECT detection_id FROM detections ORDER BY 1")
    assert kept == sorted((one["properties"]["detection_id"],) for one in published)
    assert not [path for path in (site.root / "runs").iterdir() if path.name.startswith(".")]
