"""A run that is killed anywhere is gone on with: nothing is asked for twice, and the result is as if it never happened.

Real processes end themselves with SIGKILL at the n-th line that the journals wait for the disk with: in, between and
after the stages of areas, before and after publication.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.area.journal import BROKEN_OFF, read_journal
from flows.area.product import find_product
from outputs.evidence.manifest import verify_manifest

if TYPE_CHECKING:
    from tests.flows.conftest import Site

SCRIPT = """
import os, signal, sys
from pathlib import Path
from geo.sources.folder import FolderSource
from flows.area import journal
import flows.area.pipeline, flows.runs.publish
from tests.flows.conftest import plain_detector

asked, deadly, root = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
read, write, count = FolderSource.read, journal.append_line, 0

def noted(source, ref, grid, *, bands):
    with asked.open("a") as file:
        file.write(f"{ref.scene_id} {grid.bounds_m} {sorted(bands)}\\n")
    return read(source, ref, grid, bands=bands)

def counted(path, line):
    global count
    count += 1
    if count == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, line)

FolderSource.read, journal.append_line = noted, counted
flows.area.pipeline.find_changes = plain_detector
for module in (flows.area.pipeline, flows.runs.publish):
    module.code_version = lambda: "0.0+test"
from flows.runs.run import run_workspace
report = run_workspace(root)
print(count)
"""
ALIVE = 0
"""No line is deadly."""


def run(site: "Site", deadly: int) -> "subprocess.CompletedProcess[str]":
    script = site.root.parent / "deadly.py"
    script.write_text(SCRIPT, encoding="utf-8")
    asked = site.root.parent / "asked.txt"
    return subprocess.run(
        [sys.executable, str(script), str(asked), str(deadly), str(site.root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "MPLBACKEND": "Agg", "HOME": str(site.root.parent)},
    )


def result(site: "Site") -> dict[str, Any]:
    """Return what a workspace came to, without times."""
    newest = site.root / "latest"
    features = json.loads((newest / "detections.geojson").read_text(encoding="utf-8"))["features"]
    coverage = json.loads((newest / "coverage.geojson").read_text(encoding="utf-8"))["features"]
    products = {name: find_product(site.root / "state" / "areas" / name) for name in ("west", "east")}
    return {
        "detections": sorted(json.dumps(one, sort_keys=True) for one in features),
        "coverage": sorted(json.dumps(one, sort_keys=True) for one in coverage),
        "keys": {name: one.record.inputs.key for name, one in products.items() if one},
        "tables": {name: (newest / name).read_text(encoding="utf-8") for name in ("scenes.csv", "history.csv")},
    }


@pytest.fixture
def unbroken(site: "Site", tmp_path_factory: pytest.TempPathFactory) -> tuple["Site", dict[str, Any], int]:
    """Return a workspace that was never run; what an unbroken run comes to, and how many lines it waits for."""
    from tests.flows.conftest import make_site  # noqa: PLC0415

    other = make_site(tmp_path_factory.mktemp("unbroken"))
    for one in (site, other):
        one.configure(cache={"enabled": True})
    for path in other.imagery.iterdir():  # fingerprints tell files by their time, too
        stamp = path.stat().st_mtime_ns
        os.utime(site.imagery / path.name, ns=(stamp, stamp))
    done = run(other, ALIVE)
    assert done.returncode == 0, done.stderr
    return site, result(other), int(done.stdout.split()[-1])


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_one_that_never_was(
    unbroken: tuple["Site", dict[str, Any], int],
) -> None:
    site, expected, lines = unbroken
    kills = 0
    # Counted from the start of each process: what is done is passed over, so the same number is ever further on.
    for deadly in (2, 4, 5, 9, 11, 13, 15, 17):
        assert deadly < lines
        killed = run(site, deadly)
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        kills += 1
    last = run(site, ALIVE)
    assert last.returncode == 0, last.stderr
    assert kills >= 5
    assert result(site) == expected
    asked = Counter((site.root.parent / "asked.txt").read_text(encoding="utf-8").splitlines())
    assert len(asked) == 14
    assert set(asked.values()) == {1}, "something was asked for twice"
    assert verify_manifest((site.root / "latest").resolve()) == []
    whole = read_journal(site.root / "state")
    assert [one.state for one in whole].count(BROKEN_OFF) == kills
    assert all(one.broken_in for one in whole if one.state == BROKEN_OFF)
