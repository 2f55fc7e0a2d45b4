"""Measure how often a road or strip beside a wall is taken for a change of the wall.

    python -m benchmarks.perimeter_roads [--runs 12] [--seed 400] [--data DIR] [--grounds simulated dabancheng …]
    python -m benchmarks.perimeter_roads --against [--runs 40] [--seed 500] [--data DIR] [--grounds …]

A strip 6 m wide, bright as a gravel road or dark as asphalt, is laid along half of the perimeter between the looks
before and after, at several distances outside the line; the wall (4 m, contrast 0.15) stays, or there is only a fence.
Or the strip was always there and the whole wall is taken away. Counted are arcs called gone or weakened, and runs in
which the wall counts as lost, as an indication of de-securitisation takes it.

With ``--against``, strips are laid right against a standing wall, along a third to all of it, outside or inside:
bright ones against a dark wall or the reverse, so that they take from its contrast as its loss would. Widths of wall
(2 to 6 m) and strip (3 to 10 m), the ground between (0 to 4 m), and both contrasts (0.05 to 0.25) are drawn anew in
each run. Beside that, walls drawn alike are taken away along as much of the perimeter.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from shapely.geometry import Polygon
from shapely.ops import substring

from benchmarks.perimeter import interval
from benchmarks.trials import table
from benchmarks.walls import PSF_SIGMA_PX, REAL, SIMULATED, Ground, ground_of, ring_on, wall_of, with_walls
from detection.desecuritisation.verdict import Answer, weigh_desecuritisation
from detection.perimeter import ArcState, Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.result import LOSSES
from geo.scene import Stack
from geo.sources.simulated.coverage import coverage_on

ROADS = {"bright": 0.1, "asphalt": -0.08}
"""Difference in reflectance of the strip from the ground."""
_ROAD_M = 6.0
STORIES = ("wall stays", "fence only", "wall goes")
_OFFSETS_M = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0)
_LOOKS = 6
_CLEAR_P = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What stands and what is laid beside it."""

    story: str
    """``wall stays``, ``fence only`` (a strip is built), or ``wall goes`` (a strip was always there)."""
    road: str
    off_m: float
    ground: str = SIMULATED


def cases(ground: str) -> Iterator[Case]:
    """Yield all cases on one ground."""
    for story in STORIES:
        for road in ROADS:
            for off_m in _OFFSETS_M:
                yield Case(story=story, road=road, off_m=off_m, ground=ground)


def run(case: Case, *, seed: int, data: Path | None, params: PerimeterParams) -> Perimeter:
    """Watch one perimeter beside which a strip was laid."""
    rng = np.random.default_rng([seed, 78])
    ground = ground_of(case.ground, data, looks=_LOOKS, rng=rng)
    site = ring_on(ground, rng)
    wall, nothing = wall_of(site, 4.0), Polygon()
    before = nothing if case.story == "fence only" else wall
    after = wall if case.story == "wall stays" else nothing
    looks = len(ground.stack.days)
    walls = [before] * ground.looks_before + [after] * (looks - ground.looks_before)
    stack = with_walls(ground, walls, contrast=0.15, rng=rng)
    since = 0 if case.story == "wall goes" else ground.looks_before
    return watch_perimeter(_with_road(stack, ground, site, case, since=since), site.exterior, params)


def _with_road(stack: Stack, ground: Ground, site: Polygon, case: Case, *, since: int) -> Stack:
    """Return the looks with a strip along half of the site, on all dates from the index `since` on."""
    outer = site.buffer(case.off_m, join_style="mitre").exterior
    half = substring(outer, 0.0, 0.5, normalized=True)
    share = gaussian_filter(coverage_on(half.buffer(_ROAD_M / 2, cap_style="flat"), stack.grid), PSF_SIGMA_PX)
    values = stack.values.copy()
    values[since:] += ROADS[case.road] * np.abs(ground.contrast_scale)[:, None, None] * share
    return stack.with_values(values.astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A wall, and a strip laid against it, drawn at random."""

    wall_m: float
    wall_contrast: float
    strip_m: float
    strip_contrast: float
    gap_m: float
    share: float
    """Of the perimeter along which the strip is laid, or the wall taken away."""
    side: int
    """1 outside, -1 inside."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Against":
        """Return one."""
        return cls(
            wall_m=float(rng.uniform(2, 6)),
            wall_contrast=float(rng.uniform(0.05, 0.25)),
            strip_m=float(rng.uniform(3, 10)),
            strip_contrast=float(rng.uniform(0.05, 0.25)),
            gap_m=float(rng.uniform(0, 4)),
            share=float(rng.uniform(1 / 3, 1)),
            side=int(rng.choice([-1, 1])),
        )

    @property
    def off_m(self) -> float:
        """How far outwards the middle of the strip lies from the middle of the wall."""
        return self.side * (self.wall_m / 2 + self.gap_m + self.strip_m / 2)


def run_against(name: str, *, goes: bool, seed: int, data: Path | None, params: PerimeterParams) -> Perimeter:
    """Watch one perimeter: the wall goes along a share of it, or a strip is laid against the standing wall there."""
    rng = np.random.default_rng([seed, 79])
    ground = ground_of(name, data, looks=_LOOKS, rng=rng)
    site, drawn = ring_on(ground, rng), Against.drawn(rng)
    wall = wall_of(site, drawn.wall_m)
    after = wall_of(site, drawn.wall_m, without=drawn.share) if goes else wall
    since, looks = ground.looks_before, len(ground.stack.days)
    walls = [wall] * since + [after] * (looks - since)
    stack = with_walls(ground, walls, contrast=drawn.wall_contrast, rng=rng)
    if goes:
        return watch_perimeter(stack, site.exterior, params)
    line = site.buffer(drawn.off_m, join_style="mitre").exterior
    part = substring(line, 0.0, drawn.share, normalized=True).buffer(drawn.strip_m / 2, cap_style="flat")
    share = gaussian_filter(coverage_on(part, stack.grid), PSF_SIGMA_PX)
    values = stack.values.copy()
    values[since:] -= drawn.strip_contrast * ground.contrast_scale[:, None, None] * share
    return watch_perimeter(stack.with_values(values.astype(np.float32)), site.exterior, params)


def measure_against(
    name: str, seeds: Sequence[int], *, data: Path | None, params: PerimeterParams
) -> list[dict[str, Any]]:
    """Return how often a wall counts as lost that a strip was laid against, and one that went."""
    rows = []
    for goes in (False, True):
        found = [run_against(name, goes=goes, seed=seed, data=data, params=params) for seed in seeds]
        row = _counted(found)
        rows.append({"ground": name, "story": "wall goes" if goes else "strip against the wall", **row})
    return rows


def measure(case: Case, seeds: Sequence[int], *, data: Path | None, params: PerimeterParams) -> dict[str, Any]:
    """Return how often one case was taken for a change of the wall."""
    found = [run(case, seed=seed, data=data, params=params) for seed in seeds]
    return {"ground": case.ground, "story": case.story, "road": case.road, "off_m": case.off_m, **_counted(found)}


def _counted(found: Sequence[Perimeter]) -> dict[str, Any]:
    arcs = [arc for one in found for arc in one.arcs]
    indicated = sum(weigh_desecuritisation(one, (), ()).answer is Answer.INDICATED for one in found)
    low, high = interval(indicated, len(found))
    return {
        "arcs": len(arcs),
        "lost": sum(arc.state in LOSSES for arc in arcs),
        "present": sum(arc.state is ArcState.PRESENT for arc in arcs),
        "came": sum("where none did before" in arc.reason for arc in arcs),
        "beside": sum("beside the line" in arc.reason for arc in arcs),
        "runs": len(found),
        "clear": sum(one.loss_p <= _CLEAR_P for one in found),
        "indicated": f"{indicated / len(found):.2f} ({low:.2f}-{high:.2f})",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.perimeter_roads", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--data", type=Path, help="folder of the real imagery; without, only simulated ground")
    parser.add_argument("--grounds", nargs="+", choices=(SIMULATED, *REAL), default=[SIMULATED])
    parser.add_argument("--runs", type=int, default=12, help="of each case")
    parser.add_argument("--seed", type=int, default=400, help="the first one")
    parser.add_argument("--outline-error", type=float, default=5.0, help="metres to both sides that are searched")
    parser.add_argument("--stories", nargs="+", choices=STORIES, default=STORIES)
    parser.add_argument("--offsets", nargs="+", type=float, default=_OFFSETS_M, help="metres outside the line")
    parser.add_argument("--against", action="store_true", help="strips of all kinds right against a standing wall")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.runs)
    params = replace(PerimeterParams(), outline_error_m=options.outline_error)
    if options.against:
        against = [measure_against(ground, seeds, data=options.data, params=params) for ground in options.grounds]
        figures = [row for rows in against for row in rows]
    else:
        wanted = [case for ground in options.grounds for case in cases(ground)]
        wanted = [case for case in wanted if case.story in options.stories and case.off_m in options.offsets]
        figures = [measure(case, seeds, data=options.data, params=params) for case in wanted]
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
