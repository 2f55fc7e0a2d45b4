"""Pull years of many small areas from a stand-in for Sentinel Hub that fails now and then, and audit what came of it.

    python -m benchmarks.backfill [--areas 200] [--dates 24] [--faults 0.05] [--connections 4] [--latency 0] [--json F]

The real command `sitewatch imagery pull` runs as a process of its own, twice. The stand-in's log tells what was asked
and charged; the workspace tells what is kept. What must hold: every scene is kept exactly once, whole, and with the
pixels that were served; no scene was charged twice, but where the first answer was charged and did not arrive whole
(cut off, or another page in its place), which no client can avoid and which is counted apart; the second pull asks for
no pixels; the ledger of the workspace says what the service charged.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from shapely.geometry import box, mapping

from aoi.areas import Area
from flows.reading.looks import area_grid
from flows.settings.config import CONFIG_NAME, load_config
from geo.cache import ImageStore
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.sources.ledger import Ledger, month_of
from tests.standin.sentinelhub import CLIENT_ID, CLIENT_SECRET, Behaviour, PatternWorld, Product, Request, running

EPSG = 32631
LEFT_M, TOP_M = 500_000.0, 5_050_000.0
SIDE_M, MARGIN_M, STEP_M = 200.0, 60.0, 3_000.0
"""Areas of 200 m with 60 m around them: images of 32 x 32 pixels."""
PER_ROW = 20
FIRST_PASS = datetime(2020, 1, 5, 10, 35, 12, tzinfo=UTC)
REVISIT = timedelta(days=15)
MOST_COMPARED = 400
"""Of so many kept scenes, drawn at random, each pixel is compared with what was served."""
ACCOUNTS = "accounts"

SceneId = tuple[tuple[float, ...], datetime]
"""The bounds of its image, in metres, and when it was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be pulled, and how much goes wrong."""

    areas: int = 200
    dates: int = 24
    faults: float = 0.05
    """The share (0-1) of answers that go wrong at random."""
    seed: int = 1
    is_joint: bool = False
    """Whether requests are dear beside units, so that near areas are asked for at once."""
    connections: int = 4
    """Requests under way at the same time."""
    latency_s: float = 0.0
    """How long the service takes for an image."""

    @property
    def passes(self) -> list[datetime]:
        """When the satellite passes."""
        return [FIRST_PASS + index * REVISIT for index in range(self.dates)]

    @property
    def watched(self) -> list[Area]:
        """The areas, side by side in one tile."""
        return [_area(index) for index in range(self.areas)]


def world_of(task: Task) -> PatternWorld:
    """Return the products: one tile that shows all areas, at each pass."""
    rows = -(-task.areas // PER_ROW)
    bounds_m = (LEFT_M - STEP_M, TOP_M - (rows + 1) * STEP_M, LEFT_M + (PER_ROW + 1) * STEP_M, TOP_M + STEP_M)
    ground = reproject(box(*bounds_m), from_epsg=EPSG, to_epsg=LON_LAT_EPSG)
    return PatternWorld(
        [
            Product(
                product_id=f"S2A_MSIL2A_{at:%Y%m%dT%H%M%S}_N0214_R108_T31TDF_{at:%Y%m%d}T200000.SAFE",
                collection="sentinel-2-l2a",
                observed_at=at,
                footprint_4326=ground,
                properties={"platform": "sentinel-2a", "eo:cloud_cover": 10.0},
            )
            for at in task.passes
        ]
    )


def make_workspace(root: Path, task: Task, base_url: str) -> Path:
    """Write settings and areas into `root`; return it."""
    root.mkdir(parents=True)
    features = [
        {"type": "Feature", "properties": {"id": area.area_id}, "geometry": mapping(area.polygon_4326)}
        for area in task.watched
    ]
    (root / "areas.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )
    last = task.passes[-1] + timedelta(days=1)
    settings: dict[str, dict[str, Any]] = {
        "workspace": {"facilities": ""},
        "source": {
            "kind": "sentinelhub",
            "base_url": base_url,
            "token_url": f"{base_url}/auth/token",
            "account_folder": ACCOUNTS,
            "requests_per_minute": 100_000,
            "units_per_minute": 1_000_000.0,
            "attempts": 10,
            "connections": task.connections,
        },
        "grid": {"margin_m": MARGIN_M},
        "budget": {"processing_units": 1e4, "requests": 10_000 if task.is_joint else 10_000_000},
    }
    lines = [f"[period]\nfirst = {FIRST_PASS.date()}\nlast = {last.date()}"]
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    (root / CONFIG_NAME).write_text("\n".join(lines), encoding="utf-8")
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What one process of the command did."""

    exit_code: int
    report: Mapping[str, Any]
    seconds: float
    cpu_s: float


def start_pull(root: Path) -> subprocess.Popen[str]:
    """Start `sitewatch imagery pull` on a workspace whose account is at the stand-in."""
    environment = {
        **os.environ,
        "SH_CLIENT_ID": CLIENT_ID,
        "SH_CLIENT_SECRET": CLIENT_SECRET,
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the stand-in speaks plain HTTP
    }
    return subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "flows.cli", "imagery", "pull", "-w", str(root), "--json"],
        env=environment,
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_pull(root: Path) -> Pull:
    """Run the command to its end."""
    before, started = _children_cpu_s(), time.monotonic()
    process = start_pull(root)
    out, said = process.communicate()
    if not out:
        raise RuntimeError(f"the command said nothing on stdout, and: {said}")
    return Pull(
        exit_code=process.returncode,
        report=json.loads(out),
        seconds=time.monotonic() - started,
        cpu_s=_children_cpu_s() - before,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is kept, against what was to be kept and what was charged."""

    wanted: int
    kept: int
    missing: int
    kept_twice: int
    strangers: int
    """Kept, though nobody wanted it."""
    damaged: int
    wrong: int
    """Of the compared ones: other pixels than were served."""
    compared: int
    unfinished: int
    """Files that belong to nothing."""
    tokens: int
    searches: int
    answers: int
    """Requests for pixels that were answered, charged, and sent whole."""
    paid_twice: int
    """Scenes of which more than one whole answer was charged."""
    spoilt: int
    """Answers that were charged and did not arrive whole: asked for again, and so charged again."""
    refused: int
    """Answers such as 429 and 503, which cost nothing."""
    units: float
    units_spoilt: float
    ledger_units: float
    problems: tuple[str, ...] = field(default=())
    """What is not as it must be."""


def audit(root: Path, task: Task, log: Sequence[Request], *, lost: int = 0) -> Audit:
    """Compare what a workspace keeps with what its areas want, and with the log of the stand-in.

    Args:
        root: The workspace.
        task: What was to be pulled.
        log: All that was asked.
        lost: How many answers may have been lost with a killed process: all that were on their way.

    """
    wanted = _wanted(root, task)
    store = ImageStore(root / "imagery")
    entries = list(store.entries())
    kept = Counter[SceneId]((entry.facts.grid.bounds_m, entry.facts.observed_at) for entry in entries)
    asked = [one for one in log if one.path.endswith("/process")]
    charged = [one for one in asked if one.units]
    whole = [one for one in charged if one.is_whole]
    spoilt = [one for one in charged if not one.is_whole]
    damaged = sum(_is_damaged(store, entry) for entry in entries)
    chosen = np.random.default_rng(task.seed).permutation(len(entries))[:MOST_COMPARED]
    wrong = sum(_is_wrong(store, entries[index], task) for index in chosen)
    found = Audit(
        wanted=len(wanted),
        kept=len(entries),
        missing=len(wanted - set(kept)),
        kept_twice=sum(count > 1 for count in kept.values()),
        strangers=len(set(kept) - wanted),
        damaged=damaged,
        wrong=wrong,
        compared=len(chosen),
        unfinished=len(store.remains()),
        tokens=sum(one.path.endswith("/token") for one in log),
        searches=sum(one.path.endswith("/search") for one in log),
        answers=len(whole),
        paid_twice=sum(count > 1 for count in _times_paid(wanted, whole).values()),
        spoilt=len(spoilt),
        refused=len(asked) - len(charged),
        units=round(sum(one.units for one in log), 4),
        units_spoilt=round(sum(one.units for one in spoilt), 4),
        ledger_units=round(_ledger_units(root), 4),
    )
    return replace(found, problems=tuple(_problems(found, lost=lost)))


def _problems(found: Audit, *, lost: int) -> Iterator[str]:
    for name in ("missing", "kept_twice", "strangers", "damaged", "wrong"):
        if getattr(found, name):
            yield f"{name.replace('_', ' ')}: {getattr(found, name)} scenes"
    if found.paid_twice > lost:
        yield f"{found.paid_twice} scenes were paid twice; {lost} answers can have been lost in killed processes"
    if found.unfinished > lost:
        yield f"{found.unfinished} files belong to nothing"
    per_answer = max(found.units / max(found.answers + found.spoilt, 1), 1.0)
    if abs(found.units - found.ledger_units) > lost * per_answer + 1e-3 * found.answers**0.5:
        yield f"the service charged {found.units} units; the ledger says {found.ledger_units}"


def _is_damaged(store: ImageStore, entry: Any) -> bool:  # noqa: ANN401  # an entry, or what stands in for one
    from geo.cache.store import DamagedEntryError  # noqa: PLC0415

    try:
        store.check(entry)
    except DamagedEntryError:
        return True
    return False


def _is_wrong(store: ImageStore, entry: Any, task: Task) -> bool:  # noqa: ANN401  # as above
    """Say whether a kept scene has other numbers than the world that was served."""
    facts = entry.facts
    scene = store.load(entry, facts.grid, facts.bands)
    world = world_of(task)
    product = next((one for one in world.products() if one.observed_at == facts.observed_at), None)
    if product is None:
        return True
    measured = [name for name in facts.bands if name != "SCL"]
    served = world.pixels(product, facts.grid, measured) / 1e4
    kept = np.stack([scene.bands[name] for name in measured])
    return not np.allclose(kept, served, atol=1e-6)


def _wanted(root: Path, task: Task) -> set[SceneId]:
    config = load_config(root / CONFIG_NAME)
    grids: list[Grid] = [area_grid(area, config) for area in task.watched]
    return {(grid.bounds_m, at) for grid in grids for at in task.passes}


def _times_paid(wanted: Iterable[SceneId], answers: Sequence[Request]) -> Counter[SceneId]:
    """Return how many answers showed each wanted scene: one answer may show several near areas."""
    seen = [_seen_by(answer) for answer in answers]
    bounds_m = np.array([bounds for bounds, _, _ in seen])
    spans = np.array([[start.timestamp(), end.timestamp()] for _, start, end in seen])
    times = Counter[SceneId]()
    for scene in wanted:
        (left, bottom, right, top), at = scene
        is_inside = (bounds_m[:, :2] <= (left, bottom)).all(axis=1) & (bounds_m[:, 2:] >= (right, top)).all(axis=1)
        is_then = (spans[:, 0] <= at.timestamp()) & (at.timestamp() <= spans[:, 1])
        times[scene] = int((is_inside & is_then).sum())
    return times


def _seen_by(request: Request) -> tuple[tuple[float, ...], datetime, datetime]:
    """Return the bounds, in metres, and the span of time that was asked for."""
    (data,) = request.body["input"]["data"]
    start, end = (datetime.fromisoformat(data["dataFilter"]["timeRange"][name]) for name in ("from", "to"))
    return tuple(request.body["input"]["bounds"]["bbox"]), start, end


def _ledger_units(root: Path) -> float:
    month = month_of(datetime.now(UTC))
    return sum(Ledger(folder).spent(month).units for folder in (root / ACCOUNTS).iterdir() if folder.is_dir())


def _area(index: int) -> Area:
    left_m, top_m = LEFT_M + index % PER_ROW * STEP_M, TOP_M - index // PER_ROW * STEP_M
    polygon = reproject(box(left_m, top_m - SIDE_M, left_m + SIDE_M, top_m), from_epsg=EPSG, to_epsg=LON_LAT_EPSG)
    return Area(area_id=f"a{index:04d}", name=f"a{index:04d}", polygon_4326=polygon)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def benchmark(task: Task, folder: Path) -> dict[str, Any]:
    """Pull twice and audit; return all that was measured."""
    behaviour = Behaviour(fault_share=task.faults, seed=task.seed, latency_s=task.latency_s)
    with running(world_of(task), behaviour) as service:
        root = make_workspace(folder / "workspace", task, service.base_url)
        first = run_pull(root)
        found = audit(root, task, service.log)
        asked = len(service.log)
        second = run_pull(root)
        again = Counter(one.path.rsplit("/", 1)[-1] for one in service.log[asked:])
    size_bytes = sum(path.stat().st_size for path in (root / "imagery").rglob("*.tif"))
    problems = [*found.problems, *_exit_problems(first, second, again)]
    return {
        "task": asdict(task),
        "audit": {**asdict(found), "problems": problems},
        "first": _timing(first, scenes=found.kept),
        "second": {**_timing(second, scenes=found.kept), "requests": dict(again)},
        "kilobytes_per_scene": round(size_bytes / 1e3 / max(found.kept, 1), 2),
        "most_under_way": service.most_under_way,
    }


def _exit_problems(first: Pull, second: Pull, again: Mapping[str, int]) -> Iterator[str]:
    for name, pull in (("first", first), ("second", second)):
        if pull.exit_code:
            yield f"the {name} pull ended with {pull.exit_code}: {pull.report.get('stopped') or 'scenes failed'}"
    if again.get("process"):
        yield f"the second pull asked for pixels {again['process']} times"


def _timing(pull: Pull, *, scenes: int) -> dict[str, float]:
    return {
        "seconds": round(pull.seconds, 2),
        "scenes_per_minute": round(60 * scenes / pull.seconds, 1),
        "cpu_s": round(pull.cpu_s, 2),
        "cpu_ms_per_scene": round(1e3 * pull.cpu_s / max(scenes, 1), 2),
    }


def _print(result: Mapping[str, Any]) -> None:
    task, found = result["task"], result["audit"]
    print(
        f"{task['areas']} areas x {task['dates']} dates, {task['faults']:.0%} of answers faulty, seed {task['seed']}"
        f", {task['latency_s']} s an image" + (", near areas asked for at once" if task["is_joint"] else "")
    )
    print(
        f"  kept {found['kept']} of {found['wanted']}; twice {found['kept_twice']}, damaged {found['damaged']}, ",
        end="",
    )
    print(f"wrong {found['wrong']} of {found['compared']} compared; {result['kilobytes_per_scene']} kB a scene")
    print(
        f"  requests: {found['answers']} whole, {found['spoilt']} charged and spoilt, {found['refused']} refused, ",
        end="",
    )
    print(f"{found['searches']} searches, {found['tokens']} tokens; scenes paid twice: {found['paid_twice']}")
    print(f"  requests under way at the same time: {result['most_under_way']} of {task['connections']} allowed")
    print(f"  units: {found['units']} charged, {found['units_spoilt']} of them spoilt; ledger {found['ledger_units']}")
    for name in ("first", "second"):
        took = result[name]
        line = f"  {name} pull: {took['seconds']} s, {took['scenes_per_minute']} scenes/min, {took['cpu_s']} s CPU"
        print(f"{line}, {took['cpu_ms_per_scene']} ms CPU a scene", took.get("requests", ""))
    print("\n".join(f"  PROBLEM: {problem}" for problem in found["problems"]) or "  all is as it must be")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if something is not as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--areas", type=int, default=Task().areas)
    parser.add_argument("--dates", type=int, default=Task().dates)
    parser.add_argument("--faults", type=float, default=Task().faults)
    parser.add_argument("--seed", type=int, default=Task().seed)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--joint", action="store_true", help="let near areas be asked for at once, as the budget would")
    parser.add_argument("--connections", type=int, default=Task().connections)
    parser.add_argument("--latency", type=float, default=Task().latency_s, help="seconds that an image takes")
    asked = parser.parse_args(arguments)
    task = Task(
        areas=asked.areas,
        dates=asked.dates,
        faults=asked.faults,
        seed=asked.seed,
        is_joint=asked.joint,
        connections=asked.connections,
        latency_s=asked.latency,
    )
    with TemporaryDirectory() as folder:
        result = benchmark(task, Path(folder))
    _print(result)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return int(bool(result["audit"]["problems"]))


if __name__ == "__main__":
    sys.exit(main())
