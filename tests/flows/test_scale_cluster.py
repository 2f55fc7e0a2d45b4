"""Real worker processes: a run by several of them, one killed half-way, gives what a run by one process gives."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from time import monotonic, sleep
from typing import Any

import psutil
import pytest

from benchmarks.scale_world import World, configure, make_world
from flows.area.product import find_product

pytestmark = [pytest.mark.dask, pytest.mark.slow]

AREAS = 4
ON_DASK: dict[str, dict[str, Any]] = {"scale": {"on": "dask"}, "limits": {"workers": 2}}


def run_of(root: Path, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", "-w", str(root), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
    )


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a workspace that was run by one process, and copies that were not run."""
    folder = tmp_path_factory.mktemp("scale")
    make_world(folder / "alone", World(areas=AREAS, side_px=90))
    for name in ("cluster", "deadly"):  # times of change are part of what a product is made from: copies keep them
        copytree(folder / "alone", folder / name)
        configure(folder / name / "workspace", ON_DASK)
    out, err = run_of(folder / "alone" / "workspace").communicate(timeout=1200)
    assert json.loads(out)["exit_code"] == 0, err
    return folder


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    found = psutil.Process(process.pid).children(recursive=True)
    return [one for one in found if "spawn_main" in " ".join(_command(one))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def log_of(root: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (root / "state" / "log").glob("*.log"))


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def assert_same_products(one: Path, other: Path) -> None:
    for number in range(AREAS):
        name = f"area-{number:03d}"
        mine, its = (find_product(root / "state" / "areas" / name) for root in (one, other))
        assert mine is not None
        assert its is not None
        assert mine.record.inputs == its.record.inputs
        assert mine.detections().equals(its.detections())
        assert mine.detections().geometry.geom_equals_exact(its.detections().geometry, 0).all()
        assert mine.coverage().equals(its.coverage())
        assert mine.perimeters().equals(its.perimeters())
        assert [move.as_json() for move in mine.history()] == [move.as_json() for move in its.history()]
        differing = {file for file, mark in mine.record.files.items() if its.record.files.get(file) != mark}
        assert differing <= {"area.gpkg"}, "rasters, pictures and tables are the same bytes"  # which holds a time
        assert mine.record.files.keys() == its.record.files.keys()


def test_a_worker_killed_half_way_costs_nothing_but_time(worlds: Path) -> None:
    root = worlds / "cluster" / "workspace"
    process = run_of(root)
    with ended(process):
        give_up = monotonic() + 900
        while not re.search(r"area-\d+: \d of \d scenes are to be read", log_of(root)):
            assert process.poll() is None, process.communicate()
            assert monotonic() < give_up
            sleep(0.05)
        workers = workers_of(process)
        assert len(workers) == 2
        limits = {"done": log_of(root).count("flows.area.pipeline")}
        workers[0].send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=1200)
    assert limits["done"] < AREAS, "it was killed half-way"
    told = json.loads(out)
    assert told["exit_code"] == 0, err
    assert {area["state"] for area in told["areas"]} == {"done"}
    assert told["troubles"] == []
    assert_same_products(worlds / "alone" / "workspace", root)
    log = log_of(root)
    assert len(set(re.findall(r"(area-\d+): done", log))) == AREAS, "what workers say stands in the run's log"
    journal = (root / "state" / "areas" / "area-000" / "journal.jsonl").read_text(encoding="utf-8")
    assert '"detect"' in journal
    assert not list((root / "state" / "shared").rglob("*.*"))
    assert not [pid for pid in (one.pid for one in workers) if psutil.pid_exists(pid)]


DEADLY = """
import os
import flows.area.pipeline as pipeline

if not hasattr(pipeline, "as_it_was"):  # a preload may be loaded twice
    pipeline.as_it_was = pipeline.watch_area

def deadly(job, area_id, *, force=False):
    if area_id == "area-001":
        os.kill(os.getpid(), 9)
    return pipeline.as_it_was(job, area_id, force=force)

pipeline.watch_area = deadly
"""


def test_an_area_that_kills_its_workers_is_one_failure_with_its_cause(worlds: Path, tmp_path: Path) -> None:
    root = worlds / "deadly" / "workspace"
    configure(root, {**ON_DASK, "scale": {"on": "dask", "deaths": 1}})
    (tmp_path / "deadly.py").write_text(DEADLY, encoding="utf-8")
    process = run_of(root, DASK_DISTRIBUTED__WORKER__PRELOAD=str(tmp_path / "deadly.py"))
    with ended(process):
        out, err = process.communicate(timeout=1200)
    told = json.loads(out)
    states = {area["area_id"]: area["state"] for area in told["areas"]}
    assert states.pop("area-001") == "failed"
    assert set(states.values()) <= {"done", "up to date"}, err  # up to date: done, and then its worker was lost
    (trouble,) = told["troubles"]
    assert trouble.startswith(
        "area area-001: failed: 2 workers ended, one after the other, while at it: they had too little memory"
    )
    assert told["run"], "the others are published"
