"""Measure how often the removal of a wall is found, and how often chance is taken for one.

    python -m benchmarks.perimeter power --runs 20 [--seed 200] [--grounds …] [--traced] [--data DIR]
    python -m benchmarks.perimeter chance --runs 60 [--seeds 200 225 600 610] [--traced] [--data DIR] [--picture FILE]

Found is a removal whose `loss_p`, the probability of so clear a loss along any stretch at any date, is below 0.001.
Each run has its own ground or window, place, size, direction and stretch. Without removal, a wall stays or none ever
stood, and the probabilities must be uniform, in the tails, too.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta
from shapely.geometry import Point

from aoi.facilities import Facility
from benchmarks.trials import table
from benchmarks.walls import REAL, SIMULATED, drawn_roughly, ground_of, ring_on, wall_of, with_walls
from detection.desecuritisation.assess import ring_of, watch_ring
from detection.perimeter import ArcState, Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.result import LOSSES
from geo.crs import LON_LAT_EPSG, reproject
from geo.scene import Stack

LEVELS = (0.1, 0.05, 0.01, 0.001)
FOUND_P = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of removal."""

    ground: str = SIMULATED
    width_m: float = 4.0
    contrast: float = 0.15
    removed: float = 1.0
    """Share of the perimeter that goes."""
    looks: int = 6
    error_m: float = 0.0
    is_traced: bool = False
    """Only a point is known: the ring is traced around it."""


def cases(grounds: Sequence[str]) -> Iterator[tuple[str, Case]]:
    """Yield each case with the name of its table."""
    for ground in grounds:
        base = Case(ground=ground)
        yield "base", base
        for removed in (1 / 3, 1 / 6):
            yield "share removed", replace(base, removed=removed)
        for error_m in (3.0, 5.0, 10.0):
            yield "outline error", replace(base, error_m=error_m)
        for looks in (3, 10):
            yield "looks a side", replace(base, looks=looks)
        yield from _fainter(base)


def _fainter(base: Case) -> Iterator[tuple[str, Case]]:
    for contrast, removed in product((0.02, 0.05), (1.0, 1 / 3)):
        yield "faint", replace(base, removed=removed, contrast=contrast)
    for width, contrast in product((2.0, 4.0, 6.0), (0.01, 0.02, 0.05, 0.15)):
        if width != base.width_m or contrast == 0.01:  # noqa: PLR2004 - the others stand above
            yield "width and contrast", replace(base, width_m=width, contrast=contrast)


def run(case: Case, *, seed: int, data: Path | None, params: PerimeterParams) -> Perimeter:
    """Watch one perimeter of which a share goes."""
    rng = np.random.default_rng([seed, 77])
    ground = ground_of(case.ground, data, looks=case.looks, rng=rng)
    site = ring_on(ground, rng)
    before = wall_of(site, case.width_m)
    after = wall_of(site, case.width_m, without=case.removed, start=float(rng.uniform()))
    walls = [before] * ground.looks_before + [after] * (len(ground.stack.days) - ground.looks_before)
    stack = with_walls(ground, walls, contrast=case.contrast, rng=rng)
    outline = drawn_roughly(site, case.error_m, rng)
    if case.is_traced:
        return _watch_traced(stack, site.centroid, params)
    return watch_perimeter(stack, outline, replace(params, outline_error_m=max(params.outline_error_m, case.error_m)))


def _watch_traced(stack: Stack, middle: Point, params: PerimeterParams) -> Perimeter:
    """Watch the ring that is traced around a point, as a run does; nothing is told where there is none."""
    place = reproject(middle, from_epsg=stack.grid.epsg, to_epsg=LON_LAT_EPSG)
    ring = ring_of(stack, Facility(facility_id="a", names=("a",), location_4326=place))
    if ring is None:
        return Perimeter(arcs=(), loss_p=nan, gain_p=nan, null_arcs=0, looks=stack.days, note="no ring")
    return watch_ring(stack, ring, params)


def power(case: Case, seeds: Sequence[int], *, data: Path | None, params: PerimeterParams) -> dict[str, Any]:
    """Return how often one case was found."""
    found = [run(case, seed=seed, data=data, params=params) for seed in seeds]
    p = np.array([one.loss_p for one in found])
    told = np.isfinite(p)
    low, high = interval(int((p <= FOUND_P).sum()), len(p))
    return {
        "ground": case.ground,
        "width_m": case.width_m,
        "contrast": case.contrast,
        "removed": round(case.removed, 2),
        "looks": f"{case.looks}+{case.looks}",
        "error_m": case.error_m,
        "traced": case.is_traced,
        "runs": len(p),
        "told": float(told.mean()),
        "power": float((p <= FOUND_P).mean()),
        "low": low,
        "high": high,
        "power_.01": float((p <= 0.01).mean()),  # noqa: PLR2004 - as its name says
        "gone": float(np.mean([one.share(ArcState.GONE, ArcState.WEAKENED) for one in found])),
        "smallest_m": float(np.median([arc.smallest_m for one in found for arc in one.arcs])),
    }


def pooled_power(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each case over all grounds together, with its exact 95 % interval."""
    cases_of: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        cases_of.setdefault(
            tuple(row[name] for name in ("width_m", "contrast", "removed", "looks", "error_m")), []
        ).append(row)
    pooled = []
    for of_case in cases_of.values():
        runs = sum(row["runs"] for row in of_case)
        hits = sum(round(row["power"] * row["runs"]) for row in of_case)
        low, high = interval(hits, runs)
        share = {name: sum(row[name] * row["runs"] for row in of_case) / runs for name in ("told", "gone", "power_.01")}
        pooled.append(
            {**of_case[0], "ground": "all", "runs": runs, "power": hits / runs, "low": low, "high": high, **share}
        )
    return pooled


def chance(
    case: Case, *, wall: bool, seeds: Sequence[int], data: Path | None, params: PerimeterParams
) -> dict[str, Any]:
    """Return the probabilities where nothing was removed, of whole perimeters and of arcs."""
    case = replace(case, removed=0.0, contrast=0.15 if wall else 0.0, error_m=3.0)
    found = [run(case, seed=seed, data=data, params=params) for seed in seeds]
    arcs = [arc for one in found for arc in one.arcs]
    return {
        "ground": case.ground,
        "wall": "stays" if wall else "none",
        "loss_p": [one.loss_p for one in found],
        "gain_p": [one.gain_p for one in found],
        "change_p": [arc.change_p for arc in arcs],
        "arcs_a_run": [len(one.arcs) for one in found],
        "seeds": list(seeds),
        "false": sum(arc.state in LOSSES for arc in arcs),
        "present": sum(arc.state is ArcState.PRESENT for arc in arcs),
        "arcs": len(arcs),
    }


def chance_rows(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the share of probabilities below each level, with exact 95 % intervals."""
    rows = []
    for one in [*measured, _pooled(measured, "none"), _pooled(measured, "stays")]:
        for kind in ("loss_p", "gain_p", "change_p"):
            p = np.array(one[kind], dtype=float)
            p = p[np.isfinite(p)]
            row: dict[str, Any] = {"ground": one["ground"], "wall": one["wall"], "of": kind, "count": len(p)}
            for level in LEVELS:
                below = int((p <= level).sum())
                low, high = interval(below, len(p))
                row[f"p<={level}"] = f"{below / max(len(p), 1):.3f} ({low:.3f}-{high:.3f})"
            rows.append(row)
    return rows


def _pooled(measured: Sequence[Mapping[str, Any]], wall: str) -> dict[str, Any]:
    here = [one for one in measured if one["wall"] == wall]
    kinds = ("loss_p", "gain_p", "change_p")
    return {"ground": "all", "wall": wall, **{kind: [p for one in here for p in one[kind]] for kind in kinds}}


def interval(hits: int, count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, count - hits)) if hits < count else 1.0
    return low, high


def draw(path: Path, measured: Sequence[Mapping[str, Any]]) -> None:
    """Draw the probabilities of chance against what they should be."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only where a picture is wanted
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, wall in zip(figure.subplots(1, 2, sharey=True), ("none", "stays"), strict=True):
        axes.plot([1e-4, 1], [1e-4, 1], color="0.6", linewidth=1)
        for kind, colour in (("loss_p", "#1b5e8c"), ("gain_p", "#c4551d"), ("change_p", "#3b7a37")):
            p = np.sort(np.array(_pooled(measured, wall)[kind], dtype=float))
            p = p[np.isfinite(p)]
            expected = (np.arange(len(p)) + 0.5) / max(len(p), 1)
            axes.plot(expected, p, ".", markersize=3, color=colour, label=f"{kind} ({len(p)})")
        axes.set(xscale="log", yscale="log", xlabel="rank as a share", title=f"wall: {wall}", ylim=(1e-4, 1.2))
        axes.legend(loc="upper left", frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def seeds_of(pairs: Sequence[int]) -> list[int]:
    """Return the seeds of pairs of a first one and the one after the last.

    Raises:
        ValueError: A number stands alone.

    """
    if len(pairs) % 2:
        raise ValueError(f"--seeds: expected pairs; got {len(pairs)} numbers")
    return [seed for first, end in zip(pairs[::2], pairs[1::2], strict=True) for seed in range(first, end)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.perimeter", description=str(__doc__).splitlines()[0])
    parser.add_argument("what", choices=("power", "chance"))
    parser.add_argument("--data", type=Path, help="folder of the real imagery; without, only simulated ground")
    parser.add_argument("--grounds", nargs="+", choices=(SIMULATED, *REAL), help="default: all there are")
    parser.add_argument("--runs", type=int, default=20, help="of each case")
    parser.add_argument("--seed", type=int, default=200, help="the first one")
    parser.add_argument(
        "--seeds", nargs="+", type=int, help="instead: pairs of the first seed and the one after the last, pooled"
    )
    parser.add_argument("--traced", action="store_true", help="rings traced around a point, not outlines")
    parser.add_argument("--tables", nargs="+", help="only cases of these tables")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--picture", type=Path, help="draw the probabilities of chance here")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("geo").setLevel(logging.ERROR)
    grounds = options.grounds or ((SIMULATED, *REAL) if options.data else (SIMULATED,))
    seeds, params = seeds_of(options.seeds or [options.seed, options.seed + options.runs]), PerimeterParams()
    if options.what == "chance":
        figures = [
            chance(case, wall=wall, seeds=seeds, data=options.data, params=params)
            for case in (Case(ground=ground, is_traced=options.traced) for ground in grounds)
            for wall in (False, True)
        ]
        print(table(chance_rows(figures)))
        print(table([{key: one[key] for key in ("ground", "wall", "arcs", "present", "false")} for one in figures]))
        if options.picture:
            draw(options.picture, figures)
    else:
        chosen = [case for name, case in cases(grounds) if not options.tables or name in options.tables]
        wanted = [replace(case, is_traced=options.traced) for case in chosen]
        figures = []
        for case in wanted:
            figures.append(power(case, seeds, data=options.data, params=params))
            logging.getLogger("perimeter").info("%s", figures[-1])
        print(table([*figures, *pooled_power(figures)]))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
