"""Score detection on simulated structures blended into real series, and on the same series as they are.

    python -m benchmarks.implants --data DIR [--backgrounds romania belgium dabancheng oscd] [--seeds 200 240]
        [--follow 8] [--eaten 0.2] [--json FILE] [--rows FILE]

Each seed gives every background another implant (`geo.sources.simulated.implant`): a walled compound, halls on a plot,
one building, or the demolition of such, of 2,500 to 30,000 m2, somewhere, some time. Everything else is as it was
recorded: seasons, clouds, haze, noise, misregistration. Thresholds and weights may be set on seeds below 100 only;
figures are stated on seeds from 200 on.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from math import exp, log
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.backgrounds import BACKGROUNDS, Background, read_backgrounds
from benchmarks.figures import by, calibration_error, reliability, summarise
from benchmarks.trials import Trial, TrialResult, between, detection_lines, run_trials, table
from detection.params import DetectParams
from geo.coregister import coregister
from geo.scene import Stack
from geo.sources.simulated.implant import ImplantParams, implanted, truth_of
from geo.sources.simulated.implant_plans import ImplantKind, Works, plan_implant
from geo.sources.simulated.light import Light, measure_lights, median_of_seen
from geo.sources.simulated.structures import Frame, SimulatedEvent

SIZES_M2 = (2_500.0, 30_000.0)
LARGEST_BUILDING_M2 = 20_000.0
_COMPOUND_M2 = 8_000.0
_KIND_SHARES = {
    ImplantKind.COMPOUND: 0.35,
    ImplantKind.HALLS: 0.25,
    ImplantKind.BUILDING: 0.25,
    ImplantKind.DEMOLITION: 0.15,
}
_BUILDING_DAYS = {
    ImplantKind.COMPOUND: (90, 330),
    ImplantKind.HALLS: (60, 240),
    ImplantKind.BUILDING: (40, 180),
    ImplantKind.DEMOLITION: (60, 150),
}
_BEGIN_SHARES = (0.35, 0.75)
"""When in a period works may begin: there is a history, and time to see what comes."""
_LONGEST_SHARE = 0.8
"""Of the time that is left works take no more."""
_DENSE_DATES = 60
_DENSE_PERIOD_DATES = (36, 100)
"""Of a long series a part is used, of so many looks, cloudy ones included."""
_TRIES = 400
_PLACES = 3
"""Of so many random places the smoothest is taken: one builds on open ground rather than on a village."""


def prepared(background: Background) -> tuple[Stack, list[Light]]:
    """Return the stack of a background with its measured shifts, and the light of each date."""
    shifts_px = coregister(background.stack).shifts_px
    if shifts_px is None:
        raise ValueError(f"{background.name}: no shifts measured")
    known = np.asarray(np.isfinite(shifts_px).all(axis=1))
    usual = np.median(shifts_px[known], axis=0) if known.any() else np.zeros(2)
    filled = np.where(known[:, None], shifts_px, usual)
    stack = background.stack.with_values(background.stack.values, shifts_px=filled)
    return stack, measure_lights(stack)


@lru_cache(maxsize=1)
def _prepared(name: str, data: Path, index: int) -> tuple[Stack, list[Light]]:
    return prepared(read_backgrounds(name, data)[index])


def trials(name: str, data: Path, seeds: Sequence[int], *, eaten_share: float = 0.0) -> Iterator[Trial]:
    """Yield, for each seed, one trial with an implant in one window of background `name`, and one without.

    On `eaten_share` (0-1) of the dates the mask takes bright roofs of the implant for cloud.
    """
    windows = read_backgrounds(name, data)
    chosen = sorted((int(_rng(name, seed).integers(len(windows))), seed) for seed in seeds)
    for index, seed in chosen:
        yield from _pair_of_trials(windows[index], _prepared(name, data, index), seed, eaten_share=eaten_share)


def _rng(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([crc32(name.encode()), seed])


def _pair_of_trials(
    background: Background, measured: tuple[Stack, list[Light]], seed: int, *, eaten_share: float
) -> Iterator[Trial]:
    stack, lights = measured
    rng = np.random.default_rng([crc32(background.name.encode()), seed, 1])
    first, end = _period(rng, len(stack.days))
    part, part_lights = between(stack, first, end), lights[first:end]
    kind, event = draw_implant(rng, part, background)
    params = ImplantParams(scale=background.scale, eaten_share=eaten_share, seed=seed)
    days = {"first": part.days[0], "last": part.days[-1]}
    for label, events in ((kind.value, [event]), ("quiet", [])):
        yield Trial(
            background=background.name,
            kind=label,
            seed=seed,
            stack=_as_recorded(implanted(part, events, part_lights, params) if events else part),
            inside=background.inside,
            truth=truth_of(events, epsg=part.grid.epsg, **days),
        )


def _as_recorded(stack: Stack) -> Stack:
    """Return the stack without its shifts: the detector measures them itself."""
    return Stack(dataset=stack.dataset, grid=stack.grid, quantity=stack.quantity)


def _period(rng: np.random.Generator, dates: int) -> tuple[int, int]:
    """Return which looks are used: all, but of a long series a part."""
    if dates < _DENSE_DATES:
        return 0, dates
    length = int(rng.integers(*_DENSE_PERIOD_DATES))
    first = int(rng.integers(0, dates - length + 1))
    return first, first + length


def draw_implant(rng: np.random.Generator, stack: Stack, background: Background) -> tuple[ImplantKind, SimulatedEvent]:
    """Draw what is implanted, where and when: sizes log-uniform, all on quiet ground within the watched area.

    Raises:
        RuntimeError: No place was found.

    """
    low, high = (log(size) for size in SIZES_M2)
    area_m2 = exp(float(rng.uniform(low, high)))
    kinds = [kind for kind in ImplantKind if kind is not ImplantKind.COMPOUND or area_m2 >= _COMPOUND_M2]
    kinds = [kind for kind in kinds if kind is not ImplantKind.BUILDING or area_m2 <= LARGEST_BUILDING_M2]
    shares = np.array([_KIND_SHARES[kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
    works = _works(rng, stack, kind)
    roughness = _roughness(background.stack)
    places: list[tuple[float, SimulatedEvent]] = []
    for _ in range(_TRIES):
        event = plan_implant(rng, kind, _frame(rng, stack), area_m2=area_m2, works=works)
        pixels = _pixels(event, background)
        if pixels is not None:
            places.append((float(np.nanmean(roughness[pixels])), event))
        if len(places) == _PLACES:
            break
    if not places:
        raise RuntimeError(f"{background.name}: no place for {event.name}")
    return kind, min(places, key=lambda place: place[0])[1]


def _frame(rng: np.random.Generator, stack: Stack) -> Frame:
    left, bottom, right, top = stack.grid.bounds_m
    return Frame(
        x_m=float(rng.uniform(left, right)), y_m=float(rng.uniform(bottom, top)), angle_deg=float(rng.uniform(0, 180))
    )


def _works(rng: np.random.Generator, stack: Stack, kind: ImplantKind) -> Works:
    first, last = stack.days[0], stack.days[-1]
    span = (last - first).days
    begin = first + timedelta(days=round(float(rng.uniform(*_BEGIN_SHARES)) * span))
    days = min(float(rng.uniform(*_BUILDING_DAYS[kind])), _LONGEST_SHARE * (last - begin).days)
    return Works(begin=begin, days=max(days, 1.0))


def _pixels(event: SimulatedEvent, background: Background) -> tuple[slice, slice] | None:
    """Return the pixels around an event; None where they leave the watched area."""
    grid = background.stack.grid
    box_m = event.footprint_m(background.stack.days[0], background.stack.days[-1]).envelope
    left, bottom, right, top = box_m.bounds
    rows = slice(int((grid.top_m - top) // grid.pixel_m), int((grid.top_m - bottom) // grid.pixel_m) + 1)
    columns = slice(int((left - grid.left_m) // grid.pixel_m), int((right - grid.left_m) // grid.pixel_m) + 1)
    if min(rows.start, columns.start) < 0 or rows.stop > grid.height_px or columns.stop > grid.width_px:
        return None
    return (rows, columns) if background.inside[rows, columns].all() else None


def _roughness(stack: Stack) -> NDArray[np.float32]:
    """Return how much the brightness of the usual image changes from pixel to pixel: villages are rough."""
    usual = np.nan_to_num(median_of_seen(stack.values).mean(axis=0))
    down, right = np.gradient(usual)
    return np.asarray(np.hypot(down, right), dtype=np.float32)


def figures(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return everything that was measured, over all trials and by size, kind and background."""
    lines = [line for result in results for line in detection_lines(result)]
    implants = [result for result in results if result.trial.kind != "quiet"]
    quiet = [result for result in results if result.trial.kind == "quiet"]
    built = [result for result in implants if result.trial.kind != ImplantKind.DEMOLITION.value]
    stated = reliability(lines)
    return {
        "all": summarise(implants),
        "size": {f"built {name} m2": summarise(group) for name, group in by(built, "size").items()},
        "promise": {f"built, {name}": summarise(group) for name, group in by(built, "promise").items()},
        "quiet": {name: summarise(group) for name, group in by(quiet, "background").items()},
        **{key: {n: summarise(g) for n, g in by(implants, key).items()} for key in ("kind", "background")},
        "reliability": stated,
        "calibration_error": calibration_error(stated),
    }


def report(measured: dict[str, Any]) -> str:
    """Return the figures as plain tables."""
    rows = [{"by": "all", **measured["all"]}]
    for key in ("size", "promise", "kind", "background"):
        rows += [{"by": name, **values} for name, values in measured[key].items()]
    rows += [{"by": f"quiet {name}", **values} for name, values in measured["quiet"].items()]
    return f"{table(rows)}\n\n{table(measured['reliability'])}\ncalibration error {measured['calibration_error']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.implants", description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real series")
    parser.add_argument("--backgrounds", nargs="+", choices=list(BACKGROUNDS), default=list(BACKGROUNDS))
    parser.add_argument("--seeds", nargs=2, type=int, default=(200, 220), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--follow", type=int, default=8, help="clear looks after which an event is looked for again")
    parser.add_argument("--eaten", type=float, default=0.0, help="share of dates on which the mask hides bright roofs")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--rows", type=Path, help="write a line of JSON for each detection and each true event here")
    options = parser.parse_args(arguments)
    logging.getLogger("geo").setLevel(logging.ERROR)
    params = DetectParams()
    to_run = (
        trial
        for name in options.backgrounds
        for trial in trials(name, options.data, range(*options.seeds), eaten_share=options.eaten)
    )
    results = run_trials(to_run, params, follow_looks=options.follow, rows=options.rows)
    measured = figures(results)
    print(report(measured))
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
