"""Watch places where nothing was built or torn down, and count what is raised there: all of it is false.

    python -m benchmarks.silent --data DIR [--seeds 200 260] [--json FILE] [--rows FILE]

Real series first: forest in Romania (whose clear-cuts are changes of the surface), fields in Belgium, three series
from Flanders, desert, fields and a mining town around Dabancheng outside what was built there. Each is watched as a
whole and, where it is long, two years at a time, and each run is cut short after a third to all of its looks, as
repeated runs would have met it. What is raised at one place at any time counts once. Then simulated quiet worlds,
apart: they are easier than real ones.

Rates are given for a site of 1 km2 (a facility and its surroundings) and a year, with the exact interval of a Poisson
count (Garwood 1936).
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2

from benchmarks.backgrounds import Background, read_backgrounds
from benchmarks.trials import Trial, TrialResult, between, detection_lines, run_trial, table, until
from detection.objects.events import BUILT_EVENTS
from detection.params import DETECTION_BANDS, DetectParams
from detection.schema import Event, Status
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.simulated import SimulatedSource, scenario

SITE_M2 = 1e6
REAL = ("romania", "belgium", "flanders", "flanders-spring", "flanders-autumn", "dabancheng")
_PREFIXES = (0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
_WINDOW_DAYS = 730
_LONG_DAYS = 1000
_MARGIN_M = 300.0
_CLAIMS = [event.value for event in BUILT_EVENTS]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """One place, all its runs, and what they raised."""

    series: str
    """The series of which the place is a window."""
    background: str
    years: float
    area_m2: float
    results: tuple[TrialResult, ...]

    @property
    def site_years(self) -> float:
        """How many years a site of 1 km2 was watched."""
        return self.years * self.area_m2 / SITE_M2

    def raised(self, events: Sequence[str], *, status: Status | None = None) -> int:
        """Return at how many places something of that kind was raised in any run."""
        found = self.objects
        is_meant = found["event"].isin(events) & (True if status is None else found["status"] == status.value)
        return int(found["object"][is_meant].nunique())

    @property
    def objects(self) -> gpd.GeoDataFrame:
        """All detections of all runs, in order; those that touch, in whatever run, have the same ``object``."""
        tables = [result.findings.detections for result in self.results]
        found = gpd.GeoDataFrame(pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True))
        first, second = found.sindex.query(found.geometry, predicate="intersects")
        links = coo_array((np.ones(len(first)), (first, second)), shape=(len(found), len(found)))
        return found.assign(object=connected_components(links, directed=False)[1] if len(found) else [])


def watch(series: str, background: Background, params: DetectParams, *, seed: int = 0) -> Watched:
    """Run the detector over a window of a series, whole and two years at a time, each cut short as well."""
    stack = background.stack
    runs = [until(window, _last(window, share)) for window in _windows(stack) for share in _PREFIXES]
    trials = (
        Trial(
            background=background.name,
            kind="quiet",
            seed=seed,
            stack=run,
            inside=background.inside,
            truth=_NOTHING_HAPPENED,
        )
        for run in runs
        if len(run.days) > 1
    )
    return Watched(
        series=series,
        background=background.name,
        years=background.years,
        area_m2=float(background.inside.sum()) * stack.grid.pixel_area_m2,
        results=tuple(run_trial(trial, params) for trial in trials),
    )


_NOTHING_HAPPENED = gpd.GeoDataFrame({"event": [], "name": [], "started_on": [], "area_m2": []}, geometry=[], crs=4326)


def _last(stack: Stack, share: float) -> int:
    return max(1, round(share * len(stack.days)) - 1)


def _windows(stack: Stack) -> list[Stack]:
    """Return the whole series and, of a long one, every two years of it."""
    days = stack.days
    if (days[-1] - days[0]).days < _LONG_DAYS:
        return [stack]
    windows, start = [stack], days[0]
    while start + timedelta(days=_WINDOW_DAYS) <= days[-1] + timedelta(days=31):
        end = start + timedelta(days=_WINDOW_DAYS)
        inside = [index for index, day in enumerate(days) if start <= day < end]
        windows.append(between(stack, inside[0], inside[-1] + 1))
        start = end
    return windows


def quiet_world(seed: int) -> Background:
    """Return the simulated quiet place of a seed, with its margin."""
    world = scenario("quiet", seed=seed)
    source = SimulatedSource(world)
    (area,) = world.areas()
    grid = Grid.around(area.polygon_4326, pixel_m=10.0, margin_m=_MARGIN_M)
    refs = source.search(area.polygon_4326, first=date.min, last=date.max)
    stack = Stack.of([source.read(ref, grid, bands=DETECTION_BANDS) for ref in refs])
    return Background(name="simulated", stack=stack, quiet=grid.is_inside(area.polygon_4326))


def poisson_interval(count: int, exposure: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a rate of which `count` were seen in `exposure` (Garwood 1936)."""
    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low / exposure, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2 / exposure


def figures(name: str, places: Sequence[Watched]) -> dict[str, Any]:
    """Return what was raised at some places, and the rates."""
    site_years = sum(place.site_years for place in places)
    confirmed = sum(place.raised(_CLAIMS, status=Status.CONFIRMED) for place in places)
    claims = sum(place.raised(_CLAIMS) for place in places)
    low, high = poisson_interval(confirmed, site_years)
    return {
        "place": name,
        "runs": sum(len(place.results) for place in places),
        "site_years": site_years,
        "confirmed": confirmed,
        "confirmed_per_site_year": confirmed / site_years,
        "low": low,
        "high": high,
        "candidates": claims - confirmed,
        "candidates_per_site_year": (claims - confirmed) / site_years,
        "surface_changes": sum(place.raised([Event.SURFACE_CHANGE.value]) for place in places),
        "cpu_s": sum(result.cpu_s for place in places for result in place.results),
    }


def lines_of(places: Sequence[Watched]) -> list[dict[str, Any]]:
    """Return one JSON-ready row for each place (``row`` is ``place``) and each detection (``detection``)."""
    lines: list[dict[str, Any]] = []
    for number, place in enumerate(places):
        about = {"series": place.series, "place": number}
        km2_years = place.years * place.area_m2 / SITE_M2
        lines.append({"row": "place", **about, "background": place.background, "km2_years": km2_years})
        detections = [line for result in place.results for line in detection_lines(result)]
        lines += [
            {"row": "detection", **about, "object": int(which), **line}
            for which, line in zip(place.objects["object"], detections, strict=True)
        ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.silent", description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real series")
    parser.add_argument("--places", nargs="*", choices=REAL, default=REAL, help="of the real series, these")
    parser.add_argument("--seeds", nargs=2, type=int, default=(200, 220), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--rows", type=Path, help="write a line of JSON for each place and each detection here")
    options = parser.parse_args(arguments)
    logging.getLogger("geo").setLevel(logging.ERROR)
    params = DetectParams()
    real = [
        watch(series, place, params) for series in options.places for place in read_backgrounds(series, options.data)
    ]
    simulated = [watch("simulated", quiet_world(seed), params, seed=seed) for seed in range(*options.seeds)]
    rows = [figures(name, list(group)) for name, group in groupby(real, key=lambda place: place.series)]
    rows += [figures("all real", real)] if real else []
    rows += [figures("simulated", simulated)] if simulated else []
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if options.rows:
        lines = lines_of([*real, *simulated])
        options.rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
