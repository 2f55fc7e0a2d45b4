"""Compare the power that detection predicts for itself with what it finds of buildings put into the imagery.

    python -m benchmarks.detectability --data DIR [--backgrounds romania …] [--runs 8] [--seed 200]
        [--picture FILE] [--json FILE]

Square buildings of six roofs and grounds, four at a time and far apart, are drawn into real series and simulated
quiet worlds as a sensor would see them (`geo.sources.simulated.implant`), from a day on between which the detector
can tell a step. Found is what a detection covers a fifth of. The prediction is that of
`detection.chance.detectability` from the same series without buildings: it knows nothing of this benchmark. Where the
area is not seen well enough, both are low.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import sqrt
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from scipy.stats import beta
from shapely.geometry import Polygon, box

from benchmarks.backgrounds import Background, read_backgrounds
from benchmarks.implants import prepared
from benchmarks.silent import quiet_world
from benchmarks.trials import between, table
from detection.chance.detectability import ROOFS, Sight, detectable_area_m2, power_curve, roof_contrasts
from detection.changes import map_changes
from detection.detect import find_changes
from detection.looks.choose import choose_looks
from detection.objects.events import BUILT_EVENTS
from detection.params import DetectParams
from geo.scene import Stack
from geo.sources.simulated.implant import ImplantParams, implanted
from geo.sources.simulated.light import Light
from geo.sources.simulated.structures import SimulatedEvent, Structure

AREAS_M2 = (400.0, 900.0, 1600.0, 2500.0, 4900.0, 10_000.0)
BACKGROUNDS = ("romania", "belgium", "dabancheng", "simulated")
_COVERED_SHARE = 0.2
_PLACES = ((0.3, 0.3), (0.3, 0.7), (0.7, 0.3), (0.7, 0.7))
_WANDER = 0.08
_FEW_DATES = 6
_MOST_DATES = 80
_CLAIMS = frozenset(event.value for event in BUILT_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size on one background."""

    background: str
    area_m2: float
    predicted: float
    found: int
    named: int
    """Found, and called something built."""
    tried: int


def measure(background: Background, params: DetectParams, *, runs: int, seed: int) -> Iterator[Point]:
    """Yield the predicted and the measured power for each size."""
    background = replace(background, stack=_shortened(background.stack))
    stack, lights = prepared(background)
    looks = choose_looks(background.stack, background.inside, params.looks).stack
    if looks is None:
        return
    changes = map_changes(looks, params)
    sight = Sight.of(changes, background.inside, params)
    predicted = power_curve(sight, AREAS_M2, roof_contrasts(changes, sight.places), params)
    logging.getLogger(__name__).info(
        "%s: %s m2 detectable", background.name, detectable_area_m2(changes, background.inside, params)
    )
    rng = np.random.default_rng(seed)
    for area_m2, power in zip(AREAS_M2, predicted, strict=True):
        hits = [hit for _ in range(runs) for hit in _run(rng, background, stack, lights, looks, area_m2, params)]
        yield Point(
            background=background.name.split("-")[0],
            area_m2=area_m2,
            predicted=float(power),
            found=sum(found for found, _ in hits),
            named=sum(named for _, named in hits),
            tried=len(hits),
        )


def _shortened(stack: Stack) -> Stack:
    return between(stack, len(stack.days) - min(len(stack.days), _MOST_DATES), len(stack.days))


def _run(  # noqa: PLR0913, PLR0917 - what is built where, and how it is looked for
    rng: np.random.Generator,
    background: Background,
    stack: Stack,
    lights: Sequence[Light],
    looks: Stack,
    area_m2: float,
    params: DetectParams,
) -> list[tuple[bool, bool]]:
    """Build four buildings and look for them: for each, whether it was found, and named as built."""
    least = 2 if len(looks.days) >= _FEW_DATES else 1
    begin = looks.days[int(rng.integers(least, len(looks.days) - least + 1))]
    left, bottom, right, top = stack.grid.bounds_m
    buildings = []
    for u, v in _PLACES:
        x = left + (right - left) * (u + float(rng.uniform(-_WANDER, _WANDER)))
        y = bottom + (top - bottom) * (v + float(rng.uniform(-_WANDER, _WANDER)))
        half = sqrt(area_m2) / 2
        footprint: Polygon = box(x - half, y - half, x + half, y + half)
        surface = ROOFS[int(rng.integers(len(ROOFS)))]
        buildings.append(Structure(footprint_m=footprint, surface=surface, stands_from=begin))
    event = SimulatedEvent(name="buildings", kind="construction", structures=tuple(buildings))
    with_them = implanted(stack, [event], lights, ImplantParams(scale=background.scale))
    seen = Stack(dataset=with_them.dataset, grid=stack.grid, quantity=stack.quantity)
    detections = find_changes(seen, background.name, background.inside, params).detections
    return [_is_found(building.footprint_m, detections) for building in buildings]


def _is_found(footprint: Polygon, detections: gpd.GeoDataFrame) -> tuple[bool, bool]:
    covers = detections.geometry.intersection(footprint).area >= _COVERED_SHARE * footprint.area
    return bool(covers.any()), bool((covers & detections["event"].isin(_CLAIMS)).any())


def pooled(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return one row for each size and background, windows of one series together, with exact intervals."""
    rows = []
    ordered = sorted(points, key=lambda point: (point.background, point.area_m2))
    for (name, area_m2), group in groupby(ordered, key=lambda point: (point.background, point.area_m2)):
        part = list(group)
        found, tried = sum(point.found for point in part), sum(point.tried for point in part)
        rows.append(
            {
                "background": name,
                "area_m2": area_m2,
                "predicted": sum(point.predicted * point.tried for point in part) / tried,
                "measured": found / tried,
                "low": float(beta.ppf(0.025, found, tried - found + 1)) if found else 0.0,
                "high": float(beta.ppf(0.975, found + 1, tried - found)) if found < tried else 1.0,
                "named_built": sum(point.named for point in part) / tried,
                "tried": tried,
            }
        )
    return rows


def draw(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Draw predicted curves and measured points, a panel a background."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only where a picture is wanted
    from matplotlib.figure import Figure  # noqa: PLC0415

    names = sorted({row["background"] for row in rows})
    figure = Figure(figsize=(3.4 * len(names) + 0.8, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        part = [row for row in rows if row["background"] == name]
        area, predicted, measured, low, high = (
            np.array([row[key] for row in part]) for key in ("area_m2", "predicted", "measured", "low", "high")
        )
        axes.plot(area, predicted, color="#1b5e8c", label="predicted")
        error = [measured - low, high - measured]
        axes.errorbar(area, measured, yerr=error, fmt="o", color="#c4551d", capsize=3, label="measured, 95 %")
        axes.axhline(0.8, color="0.7", linewidth=1, linestyle=":")
        axes.set(xscale="log", ylim=(-0.03, 1.03), title=name, xlabel="building, m²")
        axes.set_xticks([400, 1000, 2500, 10_000], labels=["400", "1,000", "2,500", "10,000"])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("share found")
    panels[0].legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detectability", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the real series")
    parser.add_argument("--backgrounds", nargs="+", default=BACKGROUNDS, choices=BACKGROUNDS)
    parser.add_argument("--runs", type=int, default=8, help="runs a size and window, of four buildings each")
    parser.add_argument("--seed", type=int, default=200)
    parser.add_argument("--picture", type=Path, help="draw the power curves here")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    logging.getLogger("geo").setLevel(logging.ERROR)
    points = []
    for name in options.backgrounds:
        windows = [quiet_world(options.seed)] if name == "simulated" else read_backgrounds(name, options.data)[:3]
        for window in windows:
            runs = max(1, options.runs // len(windows))
            points += list(measure(window, DetectParams(), runs=runs, seed=options.seed))
    rows = pooled(points)
    print(table(rows))
    print(f"largest distance {max(abs(row['predicted'] - row['measured']) for row in rows):.2f}")
    if options.picture:
        draw(options.picture, rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
