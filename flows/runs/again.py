"""Make again what was made with other settings or other code, and no more; or look further back in time.

A plain run does the same for whatever it watches. This says beforehand what would be made again and what that would
cost, and leaves all other areas alone, new imagery or not.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flows.area.ingredients import differences
from flows.area.outcome import RunReport
from flows.area.pipeline import Job, inputs_of, made_from_of
from flows.area.product import RECORD_NAME, Product, find_product
from flows.pull.cost import RunCost, check_budget, plan_run, show_plan
from flows.runs.run import run_workspace
from flows.runs.why import moment_words
from flows.settings.config import CONFIG_NAME, Config, PeriodSettings, parse_config
from flows.show import Listener, Show, show_table
from geo.atomic import atomic_file
from geo.errors import ConfigError

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A product that was made with other settings or other code."""

    area_id: str
    made: str
    """The stamp of the run that made it, or of the time its record was written."""
    changes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"area_id": self.area_id, "made": self.made, "changes": list(self.changes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """What is to be made again."""

    area_ids: Sequence[str] = ()
    """Empty: all."""
    settings: bool = True
    """Made with other settings."""
    code: bool = True
    """Made by another version of sitewatch."""
    since: date | None = None
    """Only what was made on this day or later (UTC)."""


def outdated(job: Job, which: Which) -> list[Outdated]:
    """Return the products that are to be made again, in the order of the watch list. No imagery is asked for.

    Raises:
        ConfigError: An area is asked for that is not on the list.

    """
    found = []
    for area_id in job.chosen(which.area_ids):
        product = find_product(job.workspace.area_dir(area_id))
        if product is None or (which.since and _made_on(product) < which.since):
            continue
        before, now = product.record.inputs, inputs_of(job, job.areas[area_id], ())
        is_wanted = (which.settings and before.settings != now.settings) or (which.code and before.code != now.code)
        if is_wanted:
            changes = differences(before, product.record.made_from, now, made_from_of(job, job.areas[area_id]))
            found.append(Outdated(area_id=area_id, made=_stamp(product), changes=tuple(changes)))
    return found


def _stamp(product: Product) -> str:
    written = (product.folder / RECORD_NAME).stat().st_mtime  # products of earlier versions say no run
    return product.record.run or datetime.fromtimestamp(written, UTC).strftime(_STAMP)


def _made_on(product: Product) -> date:
    return datetime.strptime(_stamp(product), _STAMP).replace(tzinfo=UTC).date()


def reprocess(  # noqa: PLR0913 - what is made again, at what cost, who is told
    root: Path, which: Which, show: Show, *, is_dry: bool, over_budget: bool = False, listener: Listener | None = None
) -> RunReport | int:
    """Make outdated products again; where there is nothing to do, or with `is_dry`, return an exit code instead.

    Raises:
        SitewatchError: See `flows.runs.run.run_workspace`.

    """
    job = Job.open(root)
    found = outdated(job, which)
    if not found:
        show.document({"outdated": [], "exit_code": 0})
        show.say("nothing to make again: none of the products asked for was made with other settings or code")
        return 0
    area_ids = [one.area_id for one in found]
    if is_dry:
        return _show_outdated(found, plan_run(job, area_ids), show)
    return run_workspace(root, area_ids=area_ids, over_budget=over_budget, listener=listener)


def _show_outdated(found: Sequence[Outdated], planned: RunCost, show: Show) -> int:
    if show.is_json:
        show.document({"outdated": [one.as_json() for one in found], "plan": planned.as_json()})
        return int(bool(planned.excess))
    if not show.is_quiet:
        rows = [[one.area_id, moment_words(one.made), "; ".join(one.changes)] for one in found]
        show_table(("area", "made", "changed since"), rows)
    return show_plan(planned, show)


def backfill(  # noqa: PLR0913 - how far back, at what cost, who is told
    root: Path, first: date, show: Show, *, is_dry: bool, over_budget: bool = False, listener: Listener | None = None
) -> RunReport | int:
    """Look back to an earlier first day: set it in the settings, and run; with `is_dry`, only say what it would cost.

    Raises:
        ConfigError: The watch looks back as far already, or the settings cannot be changed by a program.
        SitewatchError: See `flows.runs.run.run_workspace`.

    """
    job = Job.open(root)
    now = job.workspace.config.period.first
    if now is None or now <= first:
        said = "has no first day: everything there is is looked at" if now is None else f"begins on {now}"
        raise ConfigError(f"[period] {said}; {first} is not earlier")
    later = [area.area_id for area in job.areas.values() if area.since and area.since > first]
    if later and not show.is_json:
        show.trouble(f"these areas have a `since` of their own in the watch list: {', '.join(later)}", kind="note")
    planned = plan_run(with_first(job, first), job.chosen(()))
    if is_dry:
        return show_plan(planned, show)
    if not over_budget:
        check_budget(planned)
    write_first(job.workspace.root / CONFIG_NAME, job.workspace.config, first)
    return run_workspace(root, over_budget=over_budget, listener=listener)


def with_first(job: Job, first: date) -> Job:
    """Return the job as it would be with another first day."""
    config = _with_first(job.workspace.config, first)
    radar = with_first(job.radar, first) if job.radar else None
    return replace(job, workspace=replace(job.workspace, config=config), radar=radar)


def _with_first(config: Config, first: date) -> Config:
    period = PeriodSettings(first=first, last=config.period.last)
    return config.model_copy(update={"period": period})


def write_first(path: Path, config: Config, first: date) -> None:
    """Set the first day in the settings at `path`, and change nothing else of them.

    Raises:
        ConfigError: The file says it in a way that this does not understand; it is as it was.
        OutputError: It cannot be written.

    """
    text = first_set(path.read_text(encoding="utf-8"), first)
    try:
        is_right = parse_config(tomllib.loads(text), name=str(path)) == _with_first(config, first)
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise ConfigError(f"{path}: set `first = {first}` in [period] by hand: its form is not understood")
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(path.stat().st_mode & 0o777)


def first_set(text: str, first: date) -> str:
    """Return settings in TOML with another first day; comments and all other lines stay."""
    lines = text.splitlines(keepends=True)
    heads = [index for index, line in enumerate(lines) if re.match(r"\s*\[", line)]
    start = next((index for index in heads if re.match(r"\s*\[\s*period\s*\]", lines[index])), None)
    if start is None:
        return f"{text.rstrip()}\n\n[period]\nfirst = {first}\n"
    end = next((index for index in heads if index > start), len(lines))
    own = next((index for index in range(start, end) if re.match(r"\s*first\s*=", lines[index])), None)
    if own is None:
        return "".join([*lines[: start + 1], f"first = {first}\n", *lines[start + 1 :]])
    return "".join([*lines[:own], f"first = {first}\n", *lines[own + 1 :]])
