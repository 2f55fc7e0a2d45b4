"""Compare monitors, side by side on the same made-up cube: how fast they fit, how fast they judge, how often they err.

    python -m benchmarks.monitors [--seeds 200 202] [--size 256] [--methods sitewatch "nrt MoSum"] [--json FILE]

The peers are JRC's `nrt` and `pyxccd` (S-CCD and COLD), no dependencies of sitewatch: ``pip install nrt pyxccd``.
Every measurement is made in a fresh process of one thread, one after the other, after a run on a small cube that
compiles what is to be compiled. Times are seconds of the processor, the best of three.

Thresholds are no common currency, so each method is also run with many of them, and false alarms are compared at equal
recall. The harmonic peers are given the model that sitewatch fits (one harmonic, no trend, least squares); lines
marked "as shipped" are their own defaults. S-CCD and COLD are slow and see a sample of the pixels.
"""

import argparse
import copy
import importlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from benchmarks.monitor_cube import Cube, CubeParams, make_cube
from benchmarks.trials import table
from detection.monitoring.baseline import fit_baseline
from detection.monitoring.monitor import MonitorParams, MonitorState, start, update

REPEATS = 3
RECALLS = (0.8, 0.9, 0.95)
NOISES = {"autocorrelated": 25.0, "white": 0.0}
_WARM_PX = 32
_SCALE = 10_000
"""pyxccd takes whole numbers."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A monitor, as functions."""

    fit: Callable[[Cube], Any]
    """Returns what it knows after the history."""
    watch: Callable[[Any, Cube, float | None], NDArray[np.int64]]
    """Judges the other dates with a threshold (None: its own); returns the index of the alarm's date, -1 for none."""
    thresholds: Sequence[float]
    sample_px: int | None = None
    """The side of the sample of pixels that it sees; None: all of them."""


# --- sitewatch


def _sitewatch_fit(cube: Cube) -> MonitorState:
    history = cube.values[: cube.history, None]
    days = cube.days[: cube.history]
    return start(fit_baseline(history, days), history, days)


def _sitewatch_watch(state: MonitorState, cube: Cube, threshold: float | None) -> NDArray[np.int64]:
    params = MonitorParams() if threshold is None else MonitorParams(height=threshold)
    for index in range(cube.history, len(cube.days)):
        state = update(state, cube.values[index, None], cube.days[index], params)
    ordinals = np.array([day.toordinal() for day in cube.days])
    return np.where(state.alarm_day > 0, np.searchsorted(ordinals, state.alarm_day), -1)


# --- nrt


def _nrt_fit(cube: Cube, *, name: str, model: Mapping[str, Any], how: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a peer without types
    monitor = getattr(importlib.import_module(f"nrt.monitor.{name.lower()}"), name)(**model)
    stamps = np.array(cube.days[: cube.history], dtype="datetime64[ns]")
    axes = {axis: np.arange(size) for axis, size in zip("yx", cube.values.shape[1:], strict=True)}
    history = xr.DataArray(cube.values[: cube.history], dims=("time", "y", "x"), coords={"time": stamps, **axes})
    monitor.fit(history, **how)
    return monitor


def _nrt_watch(monitor: Any, cube: Cube, threshold: float | None, *, setting: str) -> NDArray[np.int64]:  # noqa: ANN401 - a peer without types
    if threshold is not None:
        monitor = copy.deepcopy(monitor)
        if setting == "boundary":  # EWMA's is made in its fit, of the sensitivity
            monitor.boundary = monitor.boundary / monitor.sensitivity * threshold
            monitor.mask[monitor.mask == 2] = 1  # noqa: PLR2004 - nrt's code for an unstable history
        else:
            setattr(monitor, setting, threshold)
    alarm = np.full(monitor.mask.shape, -1)
    for index in range(cube.history, len(cube.days)):
        was_quiet = monitor.mask != 3  # noqa: PLR2004 - nrt's code for a break
        day = cube.days[index]
        monitor.monitor(cube.values[index], datetime(day.year, day.month, day.day))  # noqa: DTZ001 - nrt takes naive ones
        alarm[was_quiet & (monitor.mask == 3)] = index  # noqa: PLR2004
    return alarm


# --- pyxccd


def _series(cube: Cube) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return ordinals and whole numbers of each pixel's clear dates."""
    ordinals = np.array([day.toordinal() for day in cube.days], dtype=np.int64)
    flat = cube.values.reshape(len(ordinals), -1)
    clear = [np.isfinite(column) for column in flat.T]
    return [
        (ordinals[seen], np.round(column[seen] * _SCALE).astype(np.int64))
        for seen, column in zip(clear, flat.T, strict=True)
    ]


def _sccd_fit(cube: Cube, p_cg: float = 0.99) -> Any:  # noqa: ANN401 - a peer without types
    detect = importlib.import_module("pyxccd").sccd_detect_flex
    end = cube.days[cube.history].toordinal()
    packs = []
    for days, values in _series(cube):
        old = days < end
        quality = np.zeros(int(old.sum()), dtype=np.int64)
        packs.append(detect(days[old], values[old, None], quality, lam=20, p_cg=p_cg))
    return packs


def _sccd_watch(packs: Any, cube: Cube, threshold: float | None) -> NDArray[np.int64]:  # noqa: ANN401 - a peer without types
    carry_on = importlib.import_module("pyxccd.ccd").sccd_update_flex
    p_cg = 0.99 if threshold is None else threshold
    if threshold is not None:
        packs = _sccd_fit(cube, p_cg)
    ordinals = np.array([day.toordinal() for day in cube.days])
    end = ordinals[cube.history]
    alarm = np.full(len(packs), -1)
    for pixel, (pack, (days, values)) in enumerate(zip(packs, _series(cube), strict=True)):
        known = len(pack.rec_cg)
        for day, value in zip(days[days >= end], values[days >= end], strict=True):
            pack = carry_on(  # noqa: PLW2901 - the pixel's state, carried on
                pack, np.array([day]), np.array([[value]]), np.zeros(1, dtype=np.int64), lam=20, p_cg=p_cg
            )
            if len(pack.rec_cg) > known:
                alarm[pixel] = np.searchsorted(ordinals, day)
                break
    return alarm.reshape(cube.step_at.shape)


def _cold_fit(cube: Cube) -> Cube:
    detect = importlib.import_module("pyxccd").cold_detect_flex
    end = cube.days[cube.history].toordinal()
    for days, values in _series(cube):
        old = days < end
        detect(days[old], values[old, None], np.zeros(int(old.sum()), dtype=np.int64), lam=20)
    return cube


def _cold_watch(_fitted: Cube, cube: Cube, threshold: float | None) -> NDArray[np.int64]:
    """COLD keeps no state: it looks at the whole series again, here once, with its last date."""
    detect = importlib.import_module("pyxccd").cold_detect_flex
    consecutive = 6
    end = cube.days[cube.history].toordinal()
    ordinals = np.array([day.toordinal() for day in cube.days])
    alarm = np.full(cube.step_at.size, -1)
    for pixel, (days, values) in enumerate(_series(cube)):
        quality = np.zeros(len(days), dtype=np.int64)
        found = detect(days, values[:, None], quality, lam=20, p_cg=threshold or 0.99, conse=consecutive)
        breaks = found["t_break"][(found["t_break"] >= end) & (found["change_prob"] == 100)]  # noqa: PLR2004 - in percent
        if len(breaks):
            known_by = min(np.searchsorted(days, breaks[0]) + consecutive - 1, len(days) - 1)
            alarm[pixel] = np.searchsorted(ordinals, days[known_by])
    return alarm.reshape(cube.step_at.shape)


_SAME_MODEL = {"harmonic_order": 1, "trend": False}
_LEAST_SQUARES = {"method": "OLS", "screen_outliers": None}
_CRITICAL = tuple(np.geomspace(0.4, 12, 14))
_SENSITIVITIES = tuple(np.geomspace(0.3, 12, 14))


def _nrt(name: str, setting: str, thresholds: Sequence[float], how: Mapping[str, Any], **model: object) -> Method:
    return Method(
        fit=partial(_nrt_fit, name=name, model=model, how=how),
        watch=partial(_nrt_watch, setting=setting),
        thresholds=thresholds,
    )


def methods(sample_px: int) -> dict[str, Method]:
    """Return all monitors by name; the slow ones see `sample_px` x `sample_px` of the pixels."""
    slow = (0.5, 0.8, 0.9, 0.99, 0.999)
    return {
        "sitewatch": Method(
            fit=_sitewatch_fit, watch=_sitewatch_watch, thresholds=tuple(float(h) for h in np.geomspace(1, 40, 16))
        ),
        "nrt EWMA": _nrt("EWMA", "boundary", _SENSITIVITIES, _LEAST_SQUARES, **_SAME_MODEL),
        "nrt IQR": _nrt("IQR", "sensitivity", _SENSITIVITIES, {"method": "OLS"}, **_SAME_MODEL),
        "nrt CuSum": _nrt("CuSum", "critval", _CRITICAL, {"method": "OLS"}, **_SAME_MODEL),
        "nrt MoSum": _nrt("MoSum", "critval", _CRITICAL, {"method": "OLS"}, **_SAME_MODEL),
        "nrt CCDC": _nrt("CCDC", "sensitivity", _SENSITIVITIES, _LEAST_SQUARES, **_SAME_MODEL),
        "nrt IQR robust": _nrt("IQR", "sensitivity", _SENSITIVITIES, {"method": "RIRLS", "maxiter": 5}, **_SAME_MODEL),
        "nrt EWMA as shipped": _nrt("EWMA", "boundary", _SENSITIVITIES, {}),
        "nrt IQR as shipped": _nrt("IQR", "sensitivity", _SENSITIVITIES, {}),
        "nrt CuSum as shipped": _nrt("CuSum", "critval", _CRITICAL, {}),
        "nrt MoSum as shipped": _nrt("MoSum", "critval", _CRITICAL, {}),
        "pyxccd S-CCD": Method(fit=_sccd_fit, watch=_sccd_watch, thresholds=slow, sample_px=sample_px),
        "pyxccd COLD": Method(fit=_cold_fit, watch=_cold_watch, thresholds=slow, sample_px=sample_px),
    }


# --- scores


def errors_of(alarm: NDArray[np.int64], cube: Cube) -> dict[str, float | None]:
    """Return recall, false-alarm pixel rate and median delay in clear looks (1: on the first look after the step)."""
    changed = cube.step_at >= 0
    found = changed & (alarm >= cube.step_at)
    looks = np.isfinite(cube.values).cumsum(axis=0)
    rows, columns = np.nonzero(found)
    before = looks[cube.step_at[found] - 1, rows, columns]
    delays = looks[alarm[found], rows, columns] - before
    return {
        "recall": float(found.sum() / changed.sum()),
        "false_alarms": float((alarm[~changed] >= 0).mean()),
        "delay_looks": float(np.median(delays)) if delays.size else None,
    }


def at_equal_recall(curve: Sequence[Mapping[str, float | None]], recall: float) -> float | None:
    """Return the fewest false alarms at `recall`, between neighbouring thresholds; None where it is never reached.

    A threshold too low costs recall, too: what raised an alarm before its step was not found.
    """
    points = [(float(point["recall"] or 0), float(point["false_alarms"] or 0)) for point in curve]
    rates = [rate for reached, rate in points if reached >= recall]
    for (one, few), (other, many) in pairwise(points):
        if min(one, other) < recall <= max(one, other):
            rates.append(few + (many - few) * (recall - one) / (other - one))
    return min(rates, default=None)


def measure(method: Method, seed: int, params: CubeParams) -> dict[str, Any]:
    """Return the figures of one method on one cube, measured in this process."""
    cube = make_cube(seed, params)
    if method.sample_px:
        cube = cube.sample(min(method.sample_px, params.size_px))
    warm = cube.sample(_WARM_PX if method.sample_px is None else 4)
    method.watch(method.fit(warm), warm, None)
    fit_s, fitted = _timed(lambda: method.fit(cube), 1 if method.sample_px else REPEATS)
    watch_s, own = float("inf"), np.empty(0, dtype=np.int64)
    for _ in range(1 if method.sample_px else REPEATS):
        state = copy.deepcopy(fitted)  # nrt changes what it was given
        seconds, own = _timed(partial(method.watch, state, cube, None), 1)
        watch_s = min(watch_s, seconds)
    pixels = cube.step_at.size
    curve = [{"threshold": at, **errors_of(method.watch(fitted, cube, at), cube)} for at in method.thresholds]
    return {
        "fitted_px_per_s": pixels / fit_s,
        "judged_px_dates_per_s": pixels * (len(cube.days) - cube.history) / watch_s,
        **errors_of(own, cube),
        "curve": curve,
    }


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best, result


# --- command line


def _in_fresh_process(name: str, noise: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.monitors", "--one", name, noise, str(seed)]
    command += ["--size", str(options.size), "--sample", str(options.sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | _ONE_THREAD)  # noqa: S603 - this very module
    if done.returncode:
        raise SystemExit((done.stderr.strip() or f"{name}: ended with {done.returncode}").splitlines()[-1])
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _one(name: str, noise: str, seed: int, options: argparse.Namespace) -> int:
    params = CubeParams(size_px=options.size, memory_days=NOISES[noise])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the peers divide by zero now and then
            print(json.dumps(measure(methods(options.sample)[name], seed, params)))
    except ImportError as error:
        raise SystemExit(f"{name}: {error}; the peers are installed with: pip install nrt pyxccd") from error
    return 0


def summary(results: Sequence[Mapping[str, Any]], noise: str) -> list[dict[str, Any]]:
    """Return one row a method: medians over the seeds of speed, means of errors."""
    rows = []
    for name in dict.fromkeys(result["method"] for result in results):
        runs = [result for result in results if result["method"] == name and result["noise"] == noise]
        if not runs:
            continue
        row: dict[str, Any] = {
            "method": name,
            "fit kpx/s": float(np.median([run["fitted_px_per_s"] for run in runs])) / 1e3,
            "judge Mpx-dates/s": float(np.median([run["judged_px_dates_per_s"] for run in runs])) / 1e6,
            "recall": float(np.mean([run["recall"] for run in runs])),
            "false alarms": f"{np.mean([run['false_alarms'] for run in runs]):.4f}",
            "delay": float(np.median([run["delay_looks"] or np.nan for run in runs])),
        }
        for recall in RECALLS:
            rates = [at_equal_recall(run["curve"], recall) for run in runs]
            known = [rate for rate in rates if rate is not None]
            row[f"false @ {recall:g}"] = f"{np.mean(known):.4f}" if len(known) == len(runs) else "-"
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitors", description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", nargs=2, type=int, default=(200, 202), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--size", type=int, default=256, help="side of the cube in pixels")
    parser.add_argument("--sample", type=int, default=32, help="side of the sample of pixels that S-CCD and COLD see")
    parser.add_argument("--methods", nargs="+", default=list(methods(0)), choices=list(methods(0)), metavar="NAME")
    parser.add_argument("--noises", nargs="+", default=list(NOISES), choices=list(NOISES))
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "NOISE", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        name, noise, seed = options.one
        return _one(name, noise, int(seed), options)
    results = [
        {"method": name, "noise": noise, "seed": seed, **_in_fresh_process(name, noise, seed, options)}
        for noise in options.noises
        for name in options.methods
        for seed in range(*options.seeds)
    ]
    for noise in options.noises:
        print(f"{noise} noise\n{table(summary(results, noise))}\n")
    if options.json:
        figures = {"cube": asdict(CubeParams(size_px=options.size)), "runs": results}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
