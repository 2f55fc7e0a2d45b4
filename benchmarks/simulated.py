"""Score detection on simulated worlds, whose truth is known.

    python -m benchmarks.simulated [--seeds 100 120] [--json FILE]

Each seed gives another compound that is built, park that grows, camp that is cleared, and quiet place, seen on 24
dates in 19 months through other weather. Simulated imagery is easier than real imagery: these figures are an upper
bound, and the thresholds were looked at on seeds below 30, which a fair run leaves out.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from detection.detect import Findings, find_changes
from detection.evaluate import Agreement, match_truth
from detection.events import BUILT_EVENTS
from detection.params import DETECTION_BANDS, DetectParams
from detection.schema import Event
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.simulated import SimulatedSource, scenario

SCENARIOS = ("compound", "park", "removal", "quiet")
MARGIN_M = 300.0
_LEVELS = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldScores:
    """What came of one simulated area."""

    findings: Findings
    agreement: Agreement
    years: float
    cpu_s: float


def score_world(name: str, seed: int, params: DetectParams) -> list[WorldScores]:
    """Run the detector on every area of one world."""
    world = scenario(name, seed=seed)
    source = SimulatedSource(world)
    return [_score_area(source, area.area_id, area.polygon_4326, params) for area in world.areas()]


def _score_area(source: SimulatedSource, area_id: str, polygon: Any, params: DetectParams) -> WorldScores:  # noqa: ANN401 - shapely has no types
    grid = Grid.around(polygon, pixel_m=10.0, margin_m=MARGIN_M)
    refs = source.search(polygon, first=date.min, last=date.max)
    stack = Stack.of([source.read(ref, grid, bands=DETECTION_BANDS) for ref in refs])
    started = time.process_time()
    findings = find_changes(stack, area_id, grid.is_inside(polygon), params)
    cpu_s = time.process_time() - started
    truth = source.scenario.truth()
    return WorldScores(
        findings=findings,
        agreement=match_truth(findings.detections, truth[truth.intersects(polygon)]),
        years=(stack.days[-1] - stack.days[0]).days / 365.25,
        cpu_s=cpu_s,
    )


def summarise(name: str, worlds: Sequence[WorldScores]) -> dict[str, Any]:
    """Return the figures of one kind of world."""
    matches = [match for world in worlds for match in world.agreement.matches]
    found = [match for match in matches if match.detection_id is not None]
    widths = [(match.onset_by - match.onset_after).days for match in found if match.onset_by and match.onset_after]
    site_years = sum(world.years for world in worlds)
    return {
        "scenario": name,
        "events": len(matches),
        "found": len(found),
        "confirmed": sum(match.is_confirmed for match in matches),
        "onset_held": sum(match.is_onset_right for match in found),
        "onset_width_days": float(np.median(widths)) if widths else None,
        "covered_share": float(np.median([match.covered_share for match in found])) if found else None,
        "false_confirmed_per_site_year": sum(world.agreement.false_confirmed for world in worlds) / site_years,
        "false_candidates_per_site_year": sum(
            len(world.agreement.false) - world.agreement.false_confirmed for world in worlds
        )
        / site_years,
        "cpu_s_per_area": float(np.median([world.cpu_s for world in worlds])),
    }


def reliability(worlds: Sequence[WorldScores]) -> list[dict[str, Any]]:
    """Return, by stated confidence, how many built or demolished detections were true."""
    stated, true = [], []
    for world in worlds:
        is_false = world.findings.detections.index.isin(world.agreement.false.index)
        for row, false in zip(world.findings.detections.itertuples(), is_false, strict=True):
            if Event(row.event) in BUILT_EVENTS:
                stated.append(float(row.confidence))
                true.append(not false)
    confidence, is_true = np.array(stated), np.array(true)
    rows = []
    for low, high in pairwise(_LEVELS):
        here = (confidence >= low) & (confidence < high)
        if here.any():
            rows.append(
                {
                    "stated": f"{low:.1f}-{high:.1f}",
                    "mean_stated": float(confidence[here].mean()),
                    "true_share": float(is_true[here].mean()),
                    "detections": int(here.sum()),
                }
            )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of equal keys as a plain table."""
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", nargs=2, type=int, default=(100, 120), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    params = DetectParams()
    worlds = {
        name: [scores for seed in range(*options.seeds) for scores in score_world(name, seed, params)]
        for name in SCENARIOS
    }
    figures = {
        "scenarios": [summarise(name, scores) for name, scores in worlds.items()],
        "reliability": reliability([score for scores in worlds.values() for score in scores]),
    }
    print(table(figures["scenarios"]))
    print()
    print(table(figures["reliability"]))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
