"""Does anything grow in a long watch that the data do not explain? Hundreds of scheduled runs in a simulated calendar.

    python -m benchmarks.soak [--runs 500] [--repeats 15] [--seed 0] [--prefect] [--json FILE]

One process runs one workspace once a day of the calendar. Imagery of three places comes in every ten days, a third of
it cloudy; for a fifth of the time none comes in at all; in one place a building goes up after a quarter of the time;
every forty days somebody gives a verdict. Then the last run is repeated with `--force`, on data that do not change.

What grows is explained in five ways, each free of the others: by the settings of [keep], which are short here; where
nothing comes in, memory, open files, threads and rows must stand still, and the only new file is the run's log; where
the same work is repeated on the same data, memory, open files and threads must stand still; rows of the store are
counted against what happened; and at the end a new workspace with the same imagery is run once: the long watch may
hold no more of the present than that.
With `--prefect` each run is a flow run on a real, temporary Prefect server; its starts are by the real clock.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.soak_measures import Account, Judged, Sample, judge, measure, store_rows
from benchmarks.soak_server import prefect_server
from benchmarks.soak_world import Story, make_world, write_looks
from detection.schema import Verdict
from flows.area.outcome import RunReport, State
from flows.area.reviews import Decision, review_detection
from flows.runs.run import run_workspace
from flows.settings.environment import clean_gis_environment
from flows.show import plain_table

FIRST = date(2024, 1, 1)
REVIEW_EVERY = 40
VERDICTS = (Verdict.UNSURE, Verdict.CONFIRMED, Verdict.REJECTED, Verdict.CONFIRMED)
SETTINGS = "[monitor]\nenabled = true\n[keep]\nlogs_days = 120\njournal_runs = 40\nruns_days = 200\n"
"""New dates of quiet areas are screened; what is kept is short enough to be let go of within the time."""
Run = Callable[[Path, datetime, bool], RunReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What a long watch left to be judged."""

    samples: tuple[Sample, ...]
    account: Account
    judged: tuple[Judged, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing grew without a reason."""
        return all(one.is_fine for one in self.judged)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "sound": self.is_sound,
            "judged": [asdict(one) for one in self.judged],
            "account": asdict(self.account),
            "samples": [asdict(one) for one in self.samples],
        }


def plain_run(root: Path, at: datetime, force: bool) -> RunReport:  # noqa: FBT001 - as `Run` says
    """Run the workspace in this process, as if it were `at`."""
    return run_workspace(root, at=at, force=force)


def flow_run(root: Path, at: datetime, force: bool) -> RunReport:  # noqa: ARG001, FBT001 - Prefect's clock is the real one
    """Run the workspace as a flow on the Prefect server that the environment names."""
    from flows.schedule.flow import run_flow  # noqa: PLC0415 - Prefect reads its environment when it is imported

    return run_flow(root, force=force)


def soak(folder: Path, *, runs: int, repeats: int, seed: int = 0, run: Run = plain_run) -> Soak:
    """Watch a small world for `runs` days, then repeat the last day `repeats` times; judge what grew.

    Args:
        folder: A new folder to work in.
        runs: Days of the calendar, one run each.
        repeats: Forced runs on data that do not change.
        seed: Other clouds, another ground.
        run: What runs the workspace.

    """
    story, root = Story(first=FIRST, days=runs, seed=seed), folder / "watched"
    make_world(root, story, settings=SETTINGS)
    samples: list[Sample] = []
    published = reviews = scenes = 0
    for number in range(runs + repeats):
        day, is_repeat = FIRST + timedelta(days=number), number >= runs
        if not is_repeat and story.looks_on(day):
            scenes += write_looks(root, story, day)
        if not is_repeat and number % REVIEW_EVERY == REVIEW_EVERY - 1:
            reviews += _review(root, story.start_of_run(day), reviews)
        began = perf_counter()
        report = run(root, story.start_of_run(day), is_repeat)
        _check(report, day)
        published += report.is_new
        is_idle = not report.is_new and all(one.state is State.UP_TO_DATE for one in report.outcomes)
        kind = "repeated" if is_repeat else "idle" if is_idle else "worked"
        samples.append(measure(root, number=number, kind=kind, seconds=perf_counter() - began))
    account = Account(runs=runs + repeats, published=published, reviews=reviews, rows=store_rows(root))
    twin = _twin(folder, story)
    return Soak(samples=tuple(samples), account=account, judged=tuple(judge(samples, account, root=root, twin=twin)))


def _check(report: RunReport, day: date) -> None:
    if report.exit_code:
        raise RuntimeError(f"{day}: {report.troubles()}")


def _review(root: Path, at: datetime, given: int) -> int:
    """Give a verdict on the first detection of the newest run; return how many were given."""
    path = root / "latest" / "detections.geojson"
    found = json.loads(path.read_text(encoding="utf-8"))["features"] if path.exists() else []
    if not found:
        return 0
    decision = Decision(verdict=VERDICTS[given % len(VERDICTS)], reviewer=f"reader {given % 2}", at=at)
    review_detection(root, found[0]["id"], decision)
    return 1


def _twin(folder: Path, story: Story) -> Path:
    """Run a new workspace with the imagery that the old one ended with, once; return it."""
    twin = folder / "twin"
    make_world(twin, story, settings=SETTINGS)
    for number in range(story.days):
        day = story.first + timedelta(days=number)
        if story.looks_on(day):
            write_looks(twin, story, day)
    run_workspace(twin, at=story.start_of_run(story.first + timedelta(days=story.days)))
    return twin


def table_of(judged: Sequence[Judged]) -> str:
    """Return what was judged, for people."""
    rows = [[one.what, one.figure, one.allowed, "fine" if one.is_fine else "UNEXPLAINED"] for one in judged]
    return plain_table(("what", "found", "explained", ""), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if something grew that nothing explains."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prefect", action="store_true", help="through the flow, on a temporary Prefect server")
    parser.add_argument("--json", type=Path, default=None)
    asked = parser.parse_args(arguments)
    clean_gis_environment()
    os.environ.setdefault("MPLBACKEND", "Agg")
    logging.getLogger().addHandler(logging.NullHandler())
    with TemporaryDirectory() as name:
        settings = {"runs": asked.runs, "repeats": asked.repeats, "seed": asked.seed}
        if asked.prefect:
            with prefect_server(Path(name) / "prefect"):
                found = soak(Path(name) / "soak", **settings, run=flow_run)
        else:
            found = soak(Path(name) / "soak", **settings)
    first, last = found.samples[0], found.samples[-1]
    sys.stdout.write(f"{len(found.samples)} runs, {found.account.published} published, {datetime.now(UTC):%Y-%m-%d}\n")
    sys.stdout.write(f"after the first: {first.words()}\nafter the last:  {last.words()}\n\n{table_of(found.judged)}")
    if asked.json:
        asked.json.write_text(json.dumps(found.as_json(), indent=1), encoding="utf-8")
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
