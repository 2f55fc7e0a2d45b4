"""How much faster do several worker processes make a run, what do they cost, and how much memory does each take?

    python -m benchmarks.scale [--areas 6] [--processes 1 2 4] [--km2 4 12 40] [--memory-mb 400] [--json FILE]

Two tables. The first: the same areas by the plain loop and by Dask with so many processes; seconds on the clock for the
areas alone and for the whole run with the start of the cluster, processor seconds of all processes, and whether every
table, map and picture is the same. The second: one area that grows while `limits.memory_mb` stays; the most memory that
a worker ever held (``VmHWM``), beside what it may hold. Imagery is simulated, but lies in real GeoTIFF files; each run
is the command `sitewatch run` in processes of its own.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import sqrt
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import copytree
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter
from typing import Any

import psutil

from benchmarks.scale_world import World, configure, make_world
from flows.area.product import find_product
from flows.scale.cluster import OVERHEAD_MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the command."""

    how: str
    processes: int
    km2: float
    wall_s: float
    areas_s: float
    """Of that, watching areas, the start of a cluster included."""
    first_s: float
    """Until the first worker was at its first area."""
    cpu_s: float
    """Of all processes."""
    peak_mb: float
    """The most that one worker held; of the plain loop, the command itself."""
    detections: int
    is_same: bool | None
    """Whether all products are those of the plain loop, byte by byte where they hold no time of their making; None
    where that was not asked."""


_SAME = {True: "yes", False: "NO", None: "-"}


class _Watching(Thread):
    """Notes the most memory that any process below another ever held."""

    def __init__(self, process: int, *, is_alone: bool) -> None:
        super().__init__(daemon=True)
        self._process, self._is_alone, self._over = process, is_alone, Event()
        self.peak_mb = 0.0

    def run(self) -> None:
        """Look every tenth of a second."""
        while not self._over.wait(0.1):
            try:
                parent = psutil.Process(self._process)
                found = [parent] if self._is_alone else parent.children(recursive=True)
                self.peak_mb = max([self.peak_mb, *map(_most_mb, found)])
            except psutil.Error:
                continue

    def end(self) -> float:
        """Stop, and return what was found."""
        self._over.set()
        self.join()
        return self.peak_mb


def _most_mb(process: psutil.Process) -> float:
    try:
        lines = Path("/proc", str(process.pid), "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1e3 * 1.024 for line in lines if line.startswith("VmHWM")), 0.0)


def run(root: Path, how: str, *, processes: int, km2: float, plain: Path | None) -> Run:
    """Run the command in the workspace `root`, and hold what comes of it against that of `plain`."""
    before = getrusage(RUSAGE_CHILDREN)
    began = perf_counter()
    command = [sys.executable, "-m", "flows.cli", "run", "-w", str(root), "--json"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)  # noqa: S603  # our own command
    watching = _Watching(process.pid, is_alone=how != "dask")
    watching.start()
    out, _ = process.communicate()
    wall_s = perf_counter() - began
    after = getrusage(RUSAGE_CHILDREN)
    told = json.loads(out)
    if told["exit_code"]:
        raise SystemExit(f"{how}: {told['troubles']}")
    return Run(
        how=how,
        processes=processes,
        km2=km2,
        wall_s=wall_s,
        areas_s=_areas_s(root),
        first_s=_first_s(root),
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        peak_mb=watching.end(),
        detections=sum(sum(area["detections"].values()) for area in told["areas"]),
        is_same=None if plain is None else _same(root, plain),
    )


def _events(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "state" / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def _areas_s(root: Path) -> float:
    return next(float(event["seconds"]) for event in _events(root) if event.get("stage") == "areas")


def _first_s(root: Path) -> float:
    run_began = min(datetime.fromisoformat(event["at"]) for event in _events(root) if "at" in event)
    journals = (root / "state" / "areas").glob("*/journal.jsonl")
    begun = [json.loads(path.read_text(encoding="utf-8").splitlines()[0])["at"] for path in journals]
    return (min(map(datetime.fromisoformat, begun)) - run_began).total_seconds()


def _same(root: Path, plain: Path) -> bool:
    for folder in sorted((plain / "state" / "areas").iterdir()):
        mine, its = find_product(folder), find_product(root / "state" / "areas" / folder.name)
        if mine is None or its is None or mine.record.inputs != its.record.inputs:
            return False
        tables = ((one.detections(), one.coverage(), one.perimeters()) for one in (mine, its))
        if not all(one.equals(other) for one, other in zip(*tables, strict=True)):
            return False
        files, others = dict(mine.record.files), dict(its.record.files)
        files.pop("area.gpkg")  # holds the time at which it was written; its tables are those just compared
        others.pop("area.gpkg")
        if files != others:
            return False
    return True


def speed(folder: Path, world: World, processes: Sequence[int]) -> list[Run]:
    """Run the areas of `world` by the plain loop, and by Dask with so many processes."""
    make_world(folder / "plain", world)
    plain = folder / "plain" / "workspace"
    for count in processes:
        copytree(folder / "plain", folder / f"dask-{count}")
    runs = [run(plain, "plain loop", processes=1, km2=world.area_km2, plain=None)]
    for count in processes:
        root = folder / f"dask-{count}" / "workspace"
        configure(root, {"scale": {"on": "dask"}, "limits": {"workers": count}})
        runs.append(run(root, "dask", processes=count, km2=world.area_km2, plain=plain))
    return runs


def memory(
    folder: Path, sizes_km2: Sequence[float], *, dates: int, memory_mb: int, is_compared: bool = True
) -> list[Run]:
    """Run one area of each size by two workers, as blocks where it does not fit, and by the plain loop to compare."""
    runs = []
    for size in sizes_km2:
        world = World(areas=1, side_px=round(sqrt(size) * 100), dates=dates)
        name = f"{size:g}"
        make_world(folder / name / "plain", world, {"limits": {"memory_mb": memory_mb}})
        copytree(folder / name / "plain", folder / name / "dask")
        plain, root = (folder / name / kind / "workspace" for kind in ("plain", "dask"))
        configure(root, {"scale": {"on": "dask"}, "limits": {"workers": 2, "memory_mb": memory_mb}})
        if is_compared:
            runs.append(run(plain, "plain loop", processes=1, km2=world.area_km2, plain=None))
        runs.append(run(root, "dask", processes=2, km2=world.area_km2, plain=plain if is_compared else None))
    return runs


def show(runs: Sequence[Run], *, limit_mb: int | None = None) -> None:
    """Print a table of runs."""
    print("how         processes     km2  wall s  areas s  started s   CPU s  peak MB  found  same as plain")
    for one in runs:
        print(
            f"{one.how:<11} {one.processes:>9} {one.km2:>7.1f} {one.wall_s:>7.1f} {one.areas_s:>8.1f} "
            f"{one.first_s:>10.1f} {one.cpu_s:>7.1f} {one.peak_mb:>8.0f} {one.detections:>6}  "
            f"{_SAME[one.is_same]}"
        )
    if limit_mb is not None:
        print(f"a worker is ended at {limit_mb:,} MB: limits.memory_mb and {OVERHEAD_MB} MB for the program")


def show_speed(runs: Sequence[Run]) -> None:
    """Print speed-up and overhead beside the plain loop."""
    plain = runs[0]
    print("processes  speed-up of the areas  ... once the workers are there  CPU beside the plain loop")
    for one in runs[1:]:
        print(
            f"{one.processes:>9} {plain.areas_s / one.areas_s:>22.2f} "
            f"{plain.areas_s / max(one.areas_s - one.first_s, 1e-9):>31.2f} {one.cpu_s - plain.cpu_s:>+24.1f} s"
        )


def machine() -> Mapping[str, Any]:
    """Return what the figures depend on."""
    return {"cores": len(os.sched_getaffinity(0)), "load_1_min": round(os.getloadavg()[0], 1)}


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--areas", type=int, default=6)
    parser.add_argument("--side-px", type=int, default=90)
    parser.add_argument("--dates", type=int, default=8)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--km2", type=float, nargs="*", default=[4, 12, 40])
    parser.add_argument("--memory-mb", type=int, default=400)
    parser.add_argument("--no-plain", action="store_true", help="memory: do not run the plain loop beside it")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    document: dict[str, Any] = {"machine": machine()}
    with TemporaryDirectory() as name:
        if given.processes:
            world = World(areas=given.areas, side_px=given.side_px, dates=given.dates)
            runs = speed(Path(name) / "speed", world, given.processes)
            show(runs)
            show_speed(runs)
            document["speed"] = [asdict(one) for one in runs]
        if given.km2:
            place, limit_mb = Path(name) / "memory", given.memory_mb
            runs = memory(place, given.km2, dates=given.dates, memory_mb=limit_mb, is_compared=not given.no_plain)
            show(runs, limit_mb=given.memory_mb + OVERHEAD_MB)
            document["memory"] = [asdict(one) for one in runs]
    print(f"machine: {document['machine']}")
    if given.json:
        given.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
