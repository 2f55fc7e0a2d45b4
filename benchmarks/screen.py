"""Does screening new dates one by one lose what looking at all dates together would find, and what does it save?

    python -m benchmarks.screen --data DIR [--seeds 200 212] [--worlds 200 206] [--follow 12] [--json FILE]

The screen (`detection.monitoring.screen`) is followed date by date, as runs do: the first full pass when there is a
year of clear looks, then a pass only where the screen raises an alarm, or the time is up. Beside it all dates are
looked at together after every clear look at a true event, which tells when a detection would have been noticed (of any
kind), raised (of the right kind) and confirmed. Once a pass has noticed something it is followed with full passes.
Counted are true events that begin while the screen is at work.

Implants in the one real series that is long enough (forest in Romania; simulated structures, seed by seed, in parts of
five years); the same series without any, and simulated quiet worlds, for passes that were not needed. Settings may be
chosen on seeds below 100 only.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.implants import trials as implant_trials
from benchmarks.silent import SITE_M2, poisson_interval, quiet_world
from benchmarks.trials import Trial, between, run_trial, site_looks, table, until
from detection.detect import find_changes
from detection.looks.choose import choose_looks
from detection.monitoring.screen import ScreenParams, ScreenState, begin, screen_look, why_not_screened
from detection.params import DetectParams
from geo.coregister import coregister
from geo.scene import Stack
from geo.sources.simulated.implant import truth_of

LONG_ENOUGH = ("romania",)
"""The real series with looks left after a year of clear ones."""
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One look at all dates together."""

    index: int
    """Of the newest date."""
    reason: str
    """``first``, ``alarm`` or ``time``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What screening one series came to."""

    passes: tuple[Pass, ...]
    looks: int
    """Dates screened."""
    years: float
    """From the first pass to the last date."""
    screen_cpu_s: float
    """Of all dates screened."""
    begin_cpu_s: float
    """Of putting down the ground after all passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """One true event: after how many clear looks at it each policy knew of it; None: not in those followed."""

    background: str
    kind: str
    seed: int
    event: str
    area_m2: float
    noticed: int | None
    raised: int | None
    confirmed: int | None
    """All dates together after every look."""
    passed: int | None
    """The first full pass, under the screen, at which it would have been noticed."""
    by_alarm: bool
    """Whether that pass was called for by the screen, rather than by time."""
    follow: int


def follow_screen(stack: Stack, trial: Trial, params: DetectParams, screen: ScreenParams) -> Course:
    """Screen `stack` date by date, as runs do."""
    state: ScreenState | None = None
    passes: list[Pass] = []
    looks, cpu = 0, {"screen": 0.0, "begin": 0.0}
    last_pass = stack.days[0]
    for index, day in enumerate(stack.days):
        reason = "first"
        if state is not None:
            began = time.process_time()
            state, _ = screen_look(state, between(stack, index, index + 1), trial.inside, params, screen)
            cpu["screen"] += time.process_time() - began
            looks += 1
            is_time = (day - last_pass).days >= screen.every_days
            reason = "alarm" if state.first_alarm else "time" if is_time else ""
        if not reason:
            continue
        registered = _registered(stack, index, trial, params, screen)
        if registered is not None:
            began = time.process_time()
            state, last_pass = begin(registered, params, screen), day
            cpu["begin"] += time.process_time() - began
            passes.append(Pass(index=index, reason=reason))
    years = (stack.days[-1] - stack.days[passes[0].index]).days / _DAYS_A_YEAR if passes else 0.0
    return Course(passes=tuple(passes), looks=looks, years=years, screen_cpu_s=cpu["screen"], begin_cpu_s=cpu["begin"])


def _registered(stack: Stack, index: int, trial: Trial, params: DetectParams, screen: ScreenParams) -> Stack | None:
    """Return the looks up to `index` that count, co-registered; None where they are too few to screen by."""
    if why_not_screened(stack.days[: index + 1], screen):
        return None
    looks = choose_looks(until(stack, index), trial.inside, params.looks).stack
    if looks is None or why_not_screened(looks.days, screen):
        return None
    return coregister(looks, params.coregister)


def lateness(trial: Trial, course: Course, params: DetectParams, *, follow: int) -> list[Late]:
    """Return how late each true event that began under the screen was known of."""
    if not course.passes:
        return []
    first_day = trial.stack.days[course.passes[0].index]
    begun = [pd.Timestamp(row["started_on"]).date() for _, row in trial.truth.iterrows()]
    if not any(day > first_day for day in begun):
        return []
    result = run_trial(trial, params, follow_looks=follow)
    lines = []
    for (_, true), day, delay in zip(trial.truth.iterrows(), begun, result.delays, strict=True):
        if day <= first_day:
            continue
        after = [index for index in site_looks(trial.stack, true["geometry"]) if trial.stack.days[index] >= day]
        passed, by_alarm = _first_pass(course, after, delay.noticed_after)
        lines.append(
            Late(
                background=trial.background,
                kind=trial.kind,
                seed=trial.seed,
                event=str(true["event"]),
                area_m2=float(true["area_m2"]),
                noticed=delay.noticed_after,
                raised=delay.raised_after,
                confirmed=delay.confirmed_after,
                passed=passed,
                by_alarm=by_alarm,
                follow=delay.followed,
            )
        )
    return lines


def _first_pass(course: Course, after: Sequence[int], noticed: int | None) -> tuple[int | None, bool]:
    """Return after how many of the looks `after` the first pass came that would notice, and whether it was called for.

    A pass after the k-th look and before the next counts as after k.
    """
    if noticed is None:
        return None, False
    for one in course.passes:
        looks = sum(index <= one.index for index in after)
        if looks >= noticed:
            return looks, one.reason == "alarm"
    return None, False


def quiet_trial(seed: int) -> Trial:
    """Return a simulated world in which nothing happens as a trial. Worlds with events are too short for a screen."""
    place = quiet_world(seed)
    days = place.stack.days
    nothing = truth_of([], epsg=place.stack.grid.epsg, first=days[0], last=days[-1])
    return Trial(background="simulated", kind="quiet", seed=seed, stack=place.stack, inside=place.inside, truth=nothing)


def all_trials(data: Path, seeds: Sequence[int], worlds: Sequence[int]) -> Iterator[Trial]:
    """Yield the trials, with events and without."""
    for name in LONG_ENOUGH:
        yield from implant_trials(name, data, seeds)
    yield from map(quiet_trial, worlds)


def figures(lines: Sequence[Late]) -> dict[str, Any]:
    """Return how much later the screen lets events be known than full passes at every date would."""
    noticed = [line for line in lines if line.noticed is not None]
    confirmed = [line for line in lines if line.confirmed is not None]
    extra = [_extra(line) for line in noticed]
    return {
        "events": len(lines),
        "noticed": len(noticed),
        "confirmed": len(confirmed),
        "no later": _share([one == 0 for one in extra]),
        "by alarm": _share([line.by_alarm for line in noticed]),
        "extra looks, mean": float(np.mean(extra)) if extra else None,
        "most": float(max(extra)) if extra else None,
        "confirmed in time": _share([(line.passed or line.follow + 1) <= (line.confirmed or 0) for line in confirmed]),
        "lost": sum(line.passed is None for line in noticed),
    }


def _extra(line: Late) -> int:
    return (line.passed if line.passed is not None else line.follow + 1) - (line.noticed or 0)


def _share(flags: Sequence[bool]) -> float | None:
    return float(np.mean(flags)) if flags else None


def needless(courses: Sequence[tuple[Trial, Course]]) -> dict[str, Any]:
    """Return how often the screen called for a pass where nothing happened, and what dates cost."""
    site_years = sum(c.years * t.inside.sum() * t.stack.grid.pixel_area_m2 / SITE_M2 for t, c in courses)
    alarms = sum(one.reason == "alarm" for _, course in courses for one in course.passes)
    scheduled = sum(one.reason == "time" for _, course in courses for one in course.passes)
    looks = sum(course.looks for _, course in courses)
    low, high = poisson_interval(alarms, site_years) if site_years else (0.0, 0.0)
    return {
        "series": len(courses),
        "site_years": site_years,
        "dates": looks,
        "passes called for": alarms,
        "a site-year": alarms / site_years if site_years else None,
        "low": low,
        "high": high,
        "passes by time": scheduled,
        "screen ms a date": 1e3 * sum(course.screen_cpu_s for _, course in courses) / max(looks, 1),
    }


def pass_cpu_s(trial: Trial, params: DetectParams) -> float:
    """Return what looking at all dates of a trial together takes, in seconds of the processor."""
    began = time.process_time()
    find_changes(trial.stack, trial.background, trial.inside, params)
    return time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real series")
    parser.add_argument("--seeds", nargs=2, type=int, default=(200, 212), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--worlds", nargs=2, type=int, default=(200, 206), metavar=("FIRST", "BEYOND"))
    parser.add_argument("--follow", type=int, default=12, help="clear looks after which an event is looked for again")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    logging.getLogger("geo").setLevel(logging.ERROR)
    params, screen = DetectParams(), ScreenParams()
    lines: list[Late] = []
    quiet: list[tuple[Trial, Course]] = []
    pass_s: list[float] = []
    for trial in all_trials(options.data, range(*options.seeds), range(*options.worlds)):
        course = follow_screen(trial.stack, trial, params, screen)
        if trial.kind == "quiet":
            quiet.append((trial, course))
            pass_s.append(pass_cpu_s(trial, params))
        lines += lateness(trial, course, params, follow=options.follow)
    rows, idle = report(lines, quiet)
    print(table(rows), table(idle), sep="\n\n")
    print(f"\nall dates together: {1e3 * float(np.mean(pass_s)) if pass_s else float('nan'):.0f} ms of CPU")
    if options.json:
        document = {"late": rows, "needless": idle, "pass_cpu_s": pass_s, "events": [asdict(line) for line in lines]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def report(
    lines: Sequence[Late], quiet: Sequence[tuple[Trial, Course]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of both tables."""
    names = list(dict.fromkeys([line.background for line in lines] + [trial.background for trial, _ in quiet]))
    rows = [{"background": name, **figures([line for line in lines if line.background == name])} for name in names]
    idle = [{"background": name, **needless([pair for pair in quiet if pair[0].background == name])} for name in names]
    return rows, idle


if __name__ == "__main__":
    sys.exit(main())
