"""Two runs at a time on one workspace: one does the work, the other says so, and nothing is harmed."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from flows.cli import app

if TYPE_CHECKING:
    from tests.flows.conftest import Site

SLOW_RUN = """
import sys, time
from pathlib import Path
from geo.sources.folder import FolderSource

read = FolderSource.read

def slow(source, ref, grid, *, bands):
    Path(sys.argv[1]).touch()
    time.sleep(0.15)
    return read(source, ref, grid, bands=bands)

FolderSource.read = slow
from flows.cli import app
app(sys.argv[2:])
"""


def started(site: "Site", begun: Path) -> "subprocess.Popen[str]":
    """Start a run that takes its time; return when it has begun to read."""
    script = site.root.parent / "slow.py"
    script.write_text(SLOW_RUN, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), str(begun), "run", "-w", str(site.root), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up = monotonic() + 60
    while not begun.exists():
        assert process.poll() is None, process.communicate()
        assert monotonic() < give_up
        sleep(0.02)
    return process


@pytest.mark.slow
def test_the_second_of_two_runs_says_so_and_the_first_is_not_disturbed(site: "Site", tmp_path: Path) -> None:
    with started(site, tmp_path / "begun") as first:
        second = subprocess.run(
            [sys.executable, "-m", "flows.cli", "run", "-w", str(site.root)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert first.poll() is None, "both ran at the same time"
        out, err = first.communicate(timeout=120)
    assert (second.returncode, second.stdout) == (3, "")
    assert second.stderr == (
        f"sitewatch: error: {site.root}: another run (process {first.pid}) is writing here; nothing was done\n"
    )
    assert first.returncode == 0, err
    assert {area["state"] for area in json.loads(out)["areas"]} == {"done"}
    assert len(list((site.root / "runs").iterdir())) == 1
    for command in (["verify"], ["run"]):
        result = CliRunner().invoke(app, [*command, "-w", str(site.root)])
        assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, id="asked", marks=pytest.mark.slow), pytest.param(signal.SIGKILL, id="killed")],
)
def test_after_a_run_that_was_ended_the_next_one_may_run(site: "Site", tmp_path: Path, number: int) -> None:
    with started(site, tmp_path / "begun") as first:
        first.send_signal(number)
        first.communicate(timeout=60)
    assert first.returncode != 0
    result = CliRunner().invoke(app, ["run", "-w", str(site.root)])
    assert result.exit_code == 0, result.stderr
    assert CliRunner().invoke(app, ["verify", "-w", str(site.root)]).exit_code == 0
    assert not list(site.root.rglob("*.tmp-*"))
