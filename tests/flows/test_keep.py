"""What tells of the past is let go of by [keep], never without a trace, and never what is still needed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.evidence import log_path
from flows.runs.keep import old_runs, tidy, told_of_runs
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from outputs.evidence.log import Event, append, entries_of

if TYPE_CHECKING:
    from tests.flows.conftest import Site

START = datetime(2026, 1, 1, 3, tzinfo=UTC)


def nightly(site: "Site", nights: int) -> list[Path]:
    """Run on several nights, each with something new to publish; return the folders of the runs."""
    folders = []
    for night in range(nights):
        report = run_workspace(site.root, at=START + timedelta(days=night), force=True)
        assert report.run_dir is not None
        folders.append(report.run_dir)
    return folders


def dropped(site: "Site") -> list[str]:
    entries = entries_of(log_path(Workspace.open(site.root)))
    return [str(entry.facts["name"]) for entry in entries if entry.kind == Event.DROPPED]


def test_the_time_of_a_run_can_be_given(site: "Site") -> None:
    report = run_workspace(site.root, at=START)
    assert report.run_dir is not None
    assert report.run_dir.name.startswith("20260101T030000Z-")
    assert [path.name for path in (site.root / "state" / "log").iterdir()] == ["20260101T030000Z.log"]


def test_old_runs_go_but_not_the_newest_nor_one_that_was_released(site: "Site") -> None:
    site.configure(keep={"runs_days": 1})
    first = nightly(site, 1)
    log = log_path(Workspace.open(site.root))
    append(log, Event.RELEASE, {"name": "r1", "manifest_sha256": "0" * 64, "audience": "public", "claims_sha256": "0"})
    report = run_workspace(site.root, at=START + timedelta(days=1), force=True)
    last = run_workspace(site.root, at=START + timedelta(days=9), force=True)
    assert report.run_dir is not None
    assert last.run_dir is not None
    assert {path.name for path in (site.root / "runs").iterdir()} == {first[0].name, last.run_dir.name}
    assert dropped(site) == [report.run_dir.name]
    result = CliRunner().invoke(app, ["verify", "-w", str(site.root)])
    assert result.exit_code == 0, result.stdout + result.stderr
    assert CliRunner().invoke(app, ["store", "check", "-w", str(site.root)]).exit_code == 0
    run_workspace(site.root, at=START + timedelta(days=60))
    assert (site.root / "latest" / "run.json").exists()


def test_by_default_no_run_goes(site: "Site") -> None:
    nightly(site, 2)
    run_workspace(site.root, at=START + timedelta(days=5000))
    assert len(list((site.root / "runs").iterdir())) == 2
    assert dropped(site) == []


def test_a_drop_that_was_killed_is_gone_on_with_and_told_once(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure(keep={"runs_days": 1})
    nightly(site, 2)
    workspace, later = Workspace.open(site.root), START + timedelta(days=30)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.runs.keep.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            tidy(workspace, now=later)
    assert old_runs(workspace, later) == []
    run_workspace(site.root, at=later)
    assert len(list((site.root / "runs").iterdir())) == 1
    assert len(dropped(site)) == 1


def test_old_logs_go_and_nothing_else_in_their_folder(site: "Site") -> None:
    run_workspace(site.root, at=START)
    other = site.root / "state" / "log" / "notes.log"
    other.write_text("mine", encoding="utf-8")
    later = START + timedelta(days=401)
    would = CliRunner().invoke(app, ["state", "tidy", "--dry-run", "-w", str(site.root)])
    assert would.exit_code == 0
    run_workspace(site.root, at=later)
    assert sorted(path.name for path in other.parent.iterdir()) == [f"{later:%Y%m%dT%H%M%SZ}.log", "notes.log"]


def test_tidying_beforehand_says_what_would_go_and_takes_nothing(site: "Site") -> None:
    site.configure(keep={"runs_days": 1})
    folders = nightly(site, 2)
    would = tidy(Workspace.open(site.root), now=START + timedelta(days=30), is_dry=True)
    assert would.runs == (folders[0].name,)
    assert all(folder.exists() for folder in folders)


def test_the_run_that_was_the_newest_at_a_release_is_the_one_that_was_released(site: "Site") -> None:
    folders = nightly(site, 2)
    log = log_path(Workspace.open(site.root))
    append(log, Event.RELEASE, {"name": "r1", "manifest_sha256": "0" * 64, "audience": "public", "claims_sha256": "0"})
    assert told_of_runs(entries_of(log)).released == {folders[1].name}
