"""Why an area was run or not, run by run, as its journal tells; and what the next run would do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.area.ingredients import origin_of
from flows.area.journal import BROKEN_OFF, AreaRun, RunStage, read_journal
from flows.area.noted import decision_facts
from flows.area.pipeline import Job, made_from_of
from flows.area.plan import Action
from flows.area.product import find_product
from flows.area.superseded import superseded_products
from flows.pull.needs import foresight
from flows.settings.workspace import Workspace
from flows.show import Show, plural, show_table
from flows.store import opened
from geo.errors import ConfigError, SourceError
from outputs.store.superseded import stored_supersessions

SHOWN = 5
"""How many runs are told of, where nobody asks for more."""
SCENES = 5
"""How many new scenes a person is told of by name."""
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What is known of the runs of one area."""

    area_id: str
    runs: tuple[AreaRun, ...]
    """The newest first."""
    following: dict[str, Any]
    """What the next run would do: as the journal would take it down; or ``error``."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        runs = [{**asdict(one), "broken_in": one.broken_in} for one in self.runs]
        return {"area_id": self.area_id, "runs": runs, "next": self.following}


def why(root: Path, area_id: str, *, run: str = "", most: int = SHOWN) -> Why:
    """Return why the area was run or not.

    Args:
        root: The workspace's folder.
        area_id: The area; one that is watched no more is told of, too.
        run: Only this run: its stamp, or the name of its folder.
        most: So many runs, the newest.

    Raises:
        ConfigError: There is no such area, or no such run in its journal.

    """
    workspace = Workspace.open(root)
    runs = runs_of(workspace, area_id)
    job = Job.open(root)
    if area_id not in job.areas and not runs:
        job.chosen([area_id])  # says which there are
    if run:
        wanted = run.partition("-")[0]
        runs = [one for one in runs if one.run == wanted]
        if not runs:
            raise ConfigError(
                f"area {area_id}: its journal has no run {run}; `sitewatch why {area_id}` lists the newest"
            )
    return Why(area_id=area_id, runs=tuple(reversed(runs[-most:])), following=_following(job, area_id))


def runs_of(workspace: Workspace, area_id: str) -> list[AreaRun]:
    """Return what each run did with an area, the oldest first; also where it did not even begin with it."""
    own = read_journal(workspace.area_dir(area_id))
    stopped = {one.run: facts for one in read_journal(workspace.state_dir) if (facts := _stopped(one, area_id))}
    began = {one.run for one in own}
    merged = [_ended(one, stopped[one.run]) if _is_silent(one, stopped) else one for one in own]
    never = [_ended(AreaRun(run=run, began="", code=""), end) for run, end in stopped.items() if run not in began]
    return sorted([*merged, *never], key=lambda one: one.run)


def _is_silent(one: AreaRun, stopped: Mapping[str, tuple[str, str]]) -> bool:
    """Say whether an area came to no end of its own, but the run knows of one: its process was killed."""
    return one.state == BROKEN_OFF and one.run in stopped


def _ended(one: AreaRun, end: tuple[str, str]) -> AreaRun:
    return replace(one, state=end[0], reason=end[1])


def _stopped(one: AreaRun, area_id: str) -> tuple[str, str] | None:
    """Return in which state an area was left by the run as a whole, and why; None where it came to an end itself."""
    facts = next((stage.facts for stage in one.stages if stage.stage == RunStage.AREAS), {})
    found = facts.get("stopped", {}).get(area_id)
    return (str(found["state"]), str(found["reason"])) if found else None


def _following(job: Job, area_id: str) -> dict[str, Any]:
    """Return what the next run would do; only catalogues are asked, never for pixels."""
    if area_id not in job.areas:
        return {"error": "it is watched no more"}
    area, product = job.areas[area_id], find_product(job.workspace.area_dir(area_id))
    try:
        seen = foresight(job, area, force=False)
    except SourceError as error:
        return {"error": f"cannot be told: {error}"}
    record = product.record if product else None
    origin = origin_of(made_from_of(job, area), seen.step.inputs, record, [*seen.chosen, *seen.heard])
    return decision_facts(seen.step, origin, record)


def show_why(found: Why, show: Show) -> None:
    """Say it to a program or a person."""
    show.document(found.as_json())
    if not found.runs:
        show.say(f"{found.area_id}: no run has begun with it yet")
    for one in found.runs:
        for line in _lines(one):
            show.say(line)
    show.say(f"next run: {_next_words(found.following)}")
    for line in _because(found.following):
        show.say(f"  {line}")


def _lines(one: AreaRun) -> Iterator[str]:
    code = f", sitewatch {one.code}" if one.code else ""
    if one.broken_in:
        yield f"{moment_words(one.run)}: broken off, in {one.broken_in}{code}"
    else:
        yield f"{moment_words(one.run)}: {one.state}: {one.reason} ({one.seconds:.1f} s{code})"
    for line in _because(one.decision):
        yield f"  {line}"
    if one.requests:
        yield f"  {plural(one.requests, 'request')} to the provider, {one.processing_units:g} processing units"


def _because(decision: Mapping[str, Any]) -> Iterator[str]:
    yield from decision.get("changes", ())
    new = decision.get("new_scenes", ())
    if new:
        count = int(decision["new"])
        rest = f" and {count - SCENES} more" if count > SCENES else ""
        yield f"{plural(count, 'new scene')}: {', '.join(new[-SCENES:])}{rest}"
    if decision.get("supersedes"):
        yield f"supersedes the product before: {', '.join(decision['supersedes'])}"


def _next_words(following: dict[str, Any]) -> str:
    if "error" in following:
        return str(following["error"])
    verb = {Action.RUN: "would make the product", Action.MONITOR: "would screen new dates"}
    return f"{verb.get(following['action'], 'would do nothing')}: {following['reason']}"


def moment_words(stamp: str) -> str:
    """Return the stamp of a run as a person reads it."""
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return stamp


def show_runs(root: Path, show: Show, *, most: int) -> None:
    """Say what each of the newest runs did as a whole."""
    runs = list(reversed(read_journal(Workspace.open(root).state_dir)[-most:]))
    show.document({"runs": [{**asdict(one), "broken_in": one.broken_in} for one in runs]})
    if not (show.is_quiet or show.is_json):
        show_table(("run", "came to", "areas", "published"), [_run_row(one) for one in runs])


def _run_row(one: AreaRun) -> list[str]:
    facts = {stage.stage: stage.facts for stage in one.stages}
    states = facts.get(RunStage.AREAS, {}).get("states", {})
    published = facts.get(RunStage.PUBLISH, {})
    came = (
        f"broken off, in {one.broken_in}" if one.broken_in else f"{one.state}{': ' if one.reason else ''}{one.reason}"
    )
    areas = ", ".join(f"{count} {state}" for state, count in states.items())
    return [one.run, came, areas, str(published["folder"]) if published.get("is_new") else "-"]


def show_superseded(root: Path, show: Show, *, area_ids: Sequence[str] = ()) -> None:
    """Say which products and which runs' results others stand in the place of.

    Raises:
        ConfigError, StateError: The workspace is wrong, or the store cannot be read.

    """
    workspace = Workspace.open(root)
    areas = workspace.state_dir / "areas"
    folders = sorted(areas.iterdir()) if areas.is_dir() else []
    wanted = [folder for folder in folders if folder.is_dir() and (not area_ids or folder.name in area_ids)]
    kept = [one for folder in wanted for one in superseded_products(folder)]
    with opened(workspace, is_written=False) as store:
        told = stored_supersessions(store) if store is not None else []
    runs = [one for one in told if not area_ids or one.area_id in area_ids]
    show.document({"products": [one.as_json() for one in kept], "runs": [one.as_json() for one in runs]})
    if show.is_quiet or show.is_json:
        return
    rows = [[one.area_id, one.superseded_run_id, one.run_id, _reasons(one.reasons, one.changes)] for one in runs]
    show_table(("area", "told by", "superseded by", "because"), rows)
    for product in kept:
        show.say(f"{product.area_id}: kept in {product.folder}")


def _reasons(reasons: Sequence[str], changes: Sequence[str]) -> str:
    return "; ".join([", ".join(reasons), *changes])
