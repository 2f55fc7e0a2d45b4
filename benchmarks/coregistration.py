"""Measure how exactly shifts between dates are found.

    python -m benchmarks.coregistration [--data DIR] [--seeds 5] [--json FILE]

On simulated scenes the true shift of each date is known; its error is the distance between the measured shift and the
truth, relative to the date that all are moved onto. On real pairs (`DIR` as in `benchmarks.oscd`, for example
``../shared/data/oscd``) the true shift is not known: the second date is moved by a known extra shift, and what the
measurement adds to what it said before must be that shift.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.oscd import read_pair
from geo.coregister import coregister, moved
from geo.scene import Stack
from geo.sources.simulated import SimulatedSource, scenario

SCENARIOS = ("compound", "park", "quiet")
BANDS = ("B02", "B03", "B04", "B08")
LOOKS = 8
"""As many dates of each scenario are taken, evenly spread."""
EXTRA_SHIFTS_PX = ((0.3, -0.6), (-0.5, 0.25), (0.8, 0.45))
TARGET_PX = 0.1

Shifts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How far off the shifts of some dates are."""

    dates: int
    unmeasured: int
    errors_px: tuple[float, ...]

    def as_row(self) -> dict[str, float]:
        """Return it as a row of the table."""
        known = np.array(self.errors_px or (np.nan,))
        return {
            "dates": self.dates,
            "not measured": self.unmeasured,
            "median px": round(float(np.median(known)), 3),
            "95 % px": round(float(np.percentile(known, 95)), 3),
            "worst px": round(float(known.max()), 3),
        }


def simulated_errors(name: str, seeds: int) -> Errors:
    """Return the errors on one scenario, drawn with several seeds."""
    found: list[Errors] = [errors_of(*simulated_stack(name, seed)) for seed in range(seeds)]
    return Errors(
        dates=sum(one.dates for one in found),
        unmeasured=sum(one.unmeasured for one in found),
        errors_px=tuple(error for one in found for error in one.errors_px),
    )


def simulated_stack(name: str, seed: int) -> tuple[Stack, Shifts]:
    """Return looks at a scenario, and how far (down, right) each must be moved to lie true, shape (time, 2)."""
    world = scenario(name, seed=seed)
    source = SimulatedSource(world)
    refs = source.search(world.grid.footprint_4326, first=date.min, last=date.max)
    scenes = [source.read(ref, world.grid, bands=BANDS) for ref in refs]
    clear = [scene for scene in scenes if scene.is_clear.mean() > 0.3]  # noqa: PLR2004 - else none is measured
    chosen = [clear[index] for index in np.linspace(0, len(clear) - 1, LOOKS).round().astype(int)]
    stack = Stack.of(chosen)
    return stack, -np.array([world.shift_px(day) for day in stack.days])


def errors_of(stack: Stack, wanted: Shifts) -> Errors:
    """Return how far the measured shifts are from `wanted`, apart from what is common to all dates."""
    measured = coregister(stack).shifts_px
    if measured is None:
        raise RuntimeError("no shifts came with the stack")
    is_known = np.isfinite(measured).all(axis=1)
    off = measured[is_known] - wanted[is_known]
    off -= np.median(off, axis=0)  # where the stack lies as a whole is not measured, and does not matter
    return Errors(
        dates=len(measured), unmeasured=int((~is_known).sum()), errors_px=tuple(np.hypot(off[:, 0], off[:, 1]).tolist())
    )


def pair_rows(data: Path) -> list[dict[str, Any]]:
    """Return a row a city: the shift measured between its dates, and how well extra shifts are found on top."""
    cities = sorted(folder.parent.name for folder in (data / "images").glob("*/imgs_2"))
    return [row for city in cities for row in [pair_row(read_pair(data / "images" / city), city)]]


def pair_row(pair: Stack, city: str) -> dict[str, Any]:
    """Return what is measured on one pair."""
    before = between(pair)
    errors = []
    for extra_px in EXTRA_SHIFTS_PX:
        values = pair.values
        values[1] = moved(values[1], extra_px)
        after = between(pair.with_values(values))
        errors.append(float(np.hypot(*(after - before + extra_px))))
    return {
        "city": city,
        "down px": round(float(before[0]), 2),
        "right px": round(float(before[1]), 2),
        "errors on top px": [round(error, 3) for error in errors],
    }


def between(pair: Stack) -> Shifts:
    """Return how far (down, right) the second date must be moved onto the first; NaN where that is not measured."""
    shifts_px = coregister(replace(pair)).shifts_px
    if shifts_px is None:
        raise RuntimeError("no shifts came with the stack")
    return np.asarray(shifts_px[1] - shifts_px[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if the median error on simulated scenes misses its target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None)
    asked = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in SCENARIOS:
        rows.append({"scenario": name, **simulated_errors(name, asked.seeds).as_row()})
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()))
    pairs = pair_rows(asked.data) if asked.data else []
    for row in pairs:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if asked.json:
        asked.json.write_text(json.dumps({"simulated": rows, "pairs": pairs}, indent=1), encoding="utf-8")
    return int(not all(row["median px"] <= TARGET_PX for row in rows))


if __name__ == "__main__":
    sys.exit(main())
