"""Are the probabilities of perimeters as rare as they say, far into the tail? From what the chance benchmark wrote.

    python -m benchmarks.perimeter chance [--traced] --seeds … --json FILE
    python -m benchmarks.perimeter_tails FILE [FILE …]

The files are pooled: the share of probabilities at and below each level, counted; and at the smallest levels, where
few or none can be counted, what the tail makes of it: the logarithm of probabilities below 0.5 falls off exponentially
where they are uniform, with a rate of 1, and its rate is fitted (Hill 1975, doi:10.1214/aos/1176343247). Intervals are
95 %, from whole runs drawn with replacement, so that the arcs of one ring stay together; for shares that are counted,
the exact one of independent values where that is wider, as it is where none was counted.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.perimeter import interval
from benchmarks.trials import table

LEVELS = (0.1, 0.05, 0.01, 0.001)
BELOW = 0.5
"""The tail is fitted to the probabilities below this."""
_LEAST_LOW = 5
"""With fewer of them no tail is fitted."""
_DRAWS = 2000
_KINDS = ("loss_p", "gain_p", "change_p")


def by_run(one: Mapping[str, Any], kind: str) -> list[NDArray[np.float64]]:
    """Return the probabilities of one kind, an array a run; those that were not told are left out."""
    p = np.array(one[kind], dtype=float)
    ends = np.cumsum(one["arcs_a_run"])[:-1] if kind == "change_p" else np.arange(1, len(p))
    return [part[np.isfinite(part)] for part in np.split(p, ends)]


def tail_share(p: NDArray[np.float64], level: float) -> float:
    """Return the share of probabilities at and below `level` that the fitted tail expects; 0 where there is no tail."""
    low = p[p < BELOW]
    if not low.size:
        return 0.0
    rate = low.size / max(float(np.log(BELOW / np.maximum(low, 1e-12)).sum()), 1e-12)
    return float(low.size / p.size * (level / BELOW) ** rate)


def rows_of(measured: Sequence[Mapping[str, Any]], *, ground: str, wall: str) -> list[dict[str, Any]]:
    """Return a row a kind of probability, of all measured that are of one ground ("all": of any) and wall."""
    chosen = [one for one in measured if ground in {one["ground"], "all"} and one["wall"] == wall]
    rows = []
    for kind in _KINDS:
        runs = [p for one in chosen for p in by_run(one, kind)]
        runs = [p for p in runs if p.size]
        if not runs:
            continue
        p = np.concatenate(runs)
        drawn = _drawn(runs)
        row: dict[str, Any] = {"ground": ground, "wall": wall, "of": kind, "runs": len(runs), "count": p.size}
        for level in LEVELS:
            ends = np.quantile([float((one <= level).mean()) for one in drawn], (0.025, 0.975))
            exact = interval(int((p <= level).sum()), p.size)
            low, high = min(ends[0], exact[0]), max(ends[1], exact[1])
            row[f"p<={level}"] = f"{float((p <= level).mean()):.4f} ({low:.4f}-{high:.4f})"
        row[f"tail<={LEVELS[-1]}"] = _tail(p, drawn)
        rows.append(row)
    return rows


def _tail(p: NDArray[np.float64], drawn: Sequence[NDArray[np.float64]]) -> str:
    if (p < BELOW).sum() < _LEAST_LOW:
        return "too few"
    low, high = np.quantile([tail_share(one, LEVELS[-1]) for one in drawn], (0.025, 0.975))
    return f"{tail_share(p, LEVELS[-1]):.5f} ({low:.5f}-{high:.5f})"


def _drawn(runs: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    return [np.concatenate([runs[index] for index in rng.integers(len(runs), size=len(runs))]) for _ in range(_DRAWS)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.perimeter_tails", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("files", nargs="+", type=Path, help="written by the chance benchmark with --json")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    measured = [one for file in options.files for one in json.loads(file.read_text(encoding="utf-8"))]
    grounds = [*dict.fromkeys(one["ground"] for one in measured), "all"]
    rows = [
        row for ground in grounds for wall in ("none", "stays") for row in rows_of(measured, ground=ground, wall=wall)
    ]
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
