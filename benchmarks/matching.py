"""Suppliers against a bilingual register: quality, time and memory of the name matcher beside splink and rapidfuzz.

`python -m benchmarks.matching [--suppliers 10000] [--entities 100000] [--seed 2] [--habits fitted|sloppy|neat]
[--methods sitewatch,rapidfuzz,splink] [--json FILE]` measures on a made-up register (see `matching_register`).
`--fit` fits the calibration on other seeds and prints the two numbers for `outputs/matching/weights.toml`;
`--calibration` prints the calibration error on seeds and habits that were not fitted.

Each method runs in a process of its own; its memory is that process's peak, the register included. Time is that of the
method without making the register: wall seconds, and seconds of all its processes together.
"""

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process
from scipy.optimize import minimize

from benchmarks.matching_register import FITTED, NEAT, SLOPPY, Register, make_register
from benchmarks.matching_splink import splink_pairs
from outputs.matching import Matching, MatchParams, Relation, default_weights, match_all

HABITS = {"fitted": FITTED, "sloppy": SLOPPY, "neat": NEAT}
FIT_SEEDS = ((11, "fitted"), (12, "sloppy"), (13, "neat"))
TEST_SEEDS = ((21, "fitted"), (22, "sloppy"), (23, "neat"))
_FIT_SIZE = (1_500, 15_000)
_BINS = 10

Pairs = set[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method at one threshold."""

    method: str
    precision: float
    recall: float
    pairs: int
    wall_s: float
    cpu_s: float
    peak_gib: float
    note: str = ""


def own_pairs(register: Register) -> dict[str, Pairs]:
    """Match with sitewatch; matches count as such only if they are called the same firm."""
    matching = match_all(register.suppliers, register.entities)
    match_from = default_weights().match_from
    same = {
        (found.supplier_id, found.entity_id): found.probability
        for found in matching.matches
        if found.relation is Relation.SAME
    }
    every = {(found.supplier_id, found.entity_id) for found in matching.matches}
    return {
        f"sitewatch match (p >= {match_from:g})": {pair for pair, chance in same.items() if chance >= match_from},
        "sitewatch match + review": every,
    }


def rapidfuzz_pairs(register: Register) -> dict[str, Pairs]:
    """Take the likest entity of each supplier by whole-name ratio, in whichever of its names."""
    names = [name.casefold() for entity in register.entities for name in entity.names]
    owners = np.array([entity.entity_id for entity in register.entities for _ in entity.names])
    asking = [supplier.names[0].casefold() for supplier in register.suppliers]
    best: dict[tuple[str, str], float] = {}
    for start in range(0, len(asking), 200):
        scores = process.cdist(asking[start : start + 200], names, scorer=fuzz.ratio, dtype=np.uint8, workers=2)
        top = scores.argmax(axis=1)
        for offset, column in enumerate(top):
            pair = (register.suppliers[start + offset].supplier_id, str(owners[column]))
            best[pair] = float(scores[offset, column])
    return {
        f"rapidfuzz ratio >= {threshold}": {pair for pair, score in best.items() if score >= threshold}
        for threshold in (85, 95)
    }


METHODS: dict[str, Callable[[Register], dict[str, Pairs]]] = {
    "sitewatch": own_pairs,
    "rapidfuzz": rapidfuzz_pairs,
    "splink": splink_pairs,
}


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(method: str, make: Callable[[], Register]) -> list[Row]:
    """Run one method in this process."""
    register = make()
    cpu, wall = _cpu_s(), time.perf_counter()
    try:
        found = METHODS[method](register)
    except ModuleNotFoundError as error:
        nan = math.nan
        missing = f"not measured: {error.name} is not installed (extra `bench`)"
        return [
            Row(method=method, precision=nan, recall=nan, pairs=0, wall_s=nan, cpu_s=nan, peak_gib=nan, note=missing)
        ]
    cpu, wall = _cpu_s() - cpu, time.perf_counter() - wall
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [
        Row(
            method=name,
            precision=len(pairs & register.truth) / max(1, len(pairs)),
            recall=len(pairs & register.truth) / len(register.truth),
            pairs=len(pairs),
            wall_s=wall,
            cpu_s=cpu,
            peak_gib=max(peaks) / 2**20,
        )
        for name, pairs in found.items()
    ]


def scored(matching: Matching, register: Register) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the pairs kept, and whether each is true."""
    truth = [(found.supplier_id, found.entity_id) in register.truth for found in matching.matches]
    return np.array([found.probability for found in matching.matches]), np.array(truth)


def calibration_error(chances: np.ndarray, truth: np.ndarray) -> float:
    """Return the expected calibration error: the mean gap of probability and share over ten bins, weighed by size."""
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    gaps = [abs(chances[bins == one].mean() - truth[bins == one].mean()) * (bins == one).sum() for one in set(bins)]
    return float(sum(gaps) / len(chances))


def fit() -> tuple[float, float]:
    """Return (offset, slope) by maximum likelihood (Platt 1999) on the fitted seeds and habits, uncalibrated sums."""
    weights = replace(default_weights(), offset=0.0, slope=1.0, review_from=0.005)
    chances, truth = _over(FIT_SEEDS, MatchParams(weights=weights))
    bits = np.log2(chances / np.maximum(1 - chances, 1e-12))

    def loss(at: np.ndarray) -> float:
        odds = (at[0] + at[1] * bits) * math.log(2)
        return float(np.sum(np.logaddexp(0, odds) - truth * odds))

    found = minimize(loss, np.array([0.0, 1.0]), method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def _over(seeds: Sequence[tuple[int, str]], params: MatchParams) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for seed, habits in seeds:
        register = make_register(seed, suppliers=_FIT_SIZE[0], entities=_FIT_SIZE[1], habits=HABITS[habits])
        found.append(scored(match_all(register.suppliers, register.entities, params=params), register))
    return np.concatenate([chances for chances, _ in found]), np.concatenate([truth for _, truth in found])


def print_calibration() -> dict[str, float]:
    """Print and return the calibration error of each set of habits on seeds that were not fitted."""
    errors: dict[str, float] = {}
    for seed, habits in TEST_SEEDS:
        chances, truth = _over([(seed, habits)], MatchParams())
        errors[habits] = calibration_error(chances, truth)
        print(f"seed {seed}, {habits} habits: {len(chances)} pairs kept, calibration error {errors[habits]:.3f}")
    return errors


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--suppliers", type=int, default=10_000)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--habits", choices=sorted(HABITS), default="fitted")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--calibration", action="store_true")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, or fit or test the calibration."""
    options = _options(argv)
    result: dict[str, object] = {}
    if options.fit:
        offset, slope = fit()
        print(f"offset = {offset:.2f}\nslope = {slope:.2f}")
        result = {"offset": offset, "slope": slope}
    elif options.calibration:
        result = {"calibration_error": print_calibration()}
    else:
        result = {"rows": [asdict(row) for row in print_table(options)], "seed": options.seed, "habits": options.habits}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def print_table(options: argparse.Namespace) -> list[Row]:
    """Measure every method and print it."""
    make = partial(
        make_register,
        options.seed,
        suppliers=options.suppliers,
        entities=options.entities,
        habits=HABITS[options.habits],
    )
    print(f"{options.suppliers} suppliers x {options.entities} entities, seed {options.seed}, {options.habits} habits")
    print(f"{'method':34} precision  recall   pairs   wall s    CPU s  peak GiB")
    rows: list[Row] = []
    for method in options.methods.split(","):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found = pool.submit(measure, method, make).result()
        for row in found:
            figures = f"{row.precision:9.3f} {row.recall:7.3f} {row.pairs:7d} {row.wall_s:8.1f} {row.cpu_s:8.1f}"
            print(f"{row.method:34} {figures} {row.peak_gib:9.2f}  {row.note}")
        sys.stdout.flush()
        rows += found
    return rows


if __name__ == "__main__":
    main()
