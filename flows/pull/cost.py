"""What a run would cost before anything is pulled: scenes, requests, processing units, against the month's budget."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aoi.areas import Area
from flows.area.pipeline import Job
from flows.pull.needs import Need, Reading, need_of_pull, need_of_run, radar_need_of_run, readings_of, recipe_of
from flows.reading.sources import account_credentials, account_dir
from flows.settings.config import BudgetSettings, SentinelHubSettings
from flows.settings.workspace import Workspace
from flows.show import Show, plural, show_table
from geo.cache import CachedSource
from geo.cost import Cost, process_cost
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.sources.base import SceneRef
from geo.sources.ledger import Ledger, month_of
from geo.sources.sentinelhub import Recipe, SentinelHubSource, split

SHOWN = 3
"""How many near areas a line names."""
COLUMNS = ("area", "scenes", "kept", "requests", "MB at most", "processing units", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCost:
    """What one area would cost."""

    area_id: str
    scenes: int = 0
    """Scenes that a run reads."""
    kept: int = 0
    """Those of them that were read before and kept."""
    cost: Cost = field(default_factory=Cost)
    note: str = ""
    """Why it costs nothing, or why its cost cannot be told."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "area_id": self.area_id,
            "scenes": self.scenes,
            "kept": self.kept,
            "note": self.note,
            **_json(self.cost),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """What a run would cost."""

    areas: tuple[AreaCost, ...]
    month: str
    """UTC; what is spent counts by it."""
    spent: Cost
    """This month, by this account, so far as its folder knows."""
    budget: BudgetSettings
    is_paid: bool
    """Whether the imagery comes by account."""
    requests_saved: int = 0
    """By asking for near areas at once."""

    @property
    def total(self) -> Cost:
        """What all areas cost together."""
        return sum((area.cost for area in self.areas), start=Cost())

    @property
    def excess(self) -> str:
        """What of the budget would not suffice; empty where all does."""
        after = self.spent + self.total
        parts = []
        if after.units > self.budget.processing_units:
            parts.append(f"{after.units:,.2f} of {self.budget.processing_units:,.10g} processing units")
        if after.requests > self.budget.requests:
            parts.append(f"{after.requests:,} of {self.budget.requests:,} requests")
        return " and ".join(parts) if self.is_paid and self.total.requests else ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "month": self.month,
            "is_paid": self.is_paid,
            "areas": [area.as_json() for area in self.areas],
            "total": _json(self.total),
            "spent": _json(self.spent),
            "budget": self.budget.model_dump(mode="json"),
            "requests_saved": self.requests_saved,
            "over_budget": self.excess,
            "exit_code": int(bool(self.excess)),
        }


def plan_workspace(root: Path, *, area_ids: Sequence[str] = (), force: bool = False) -> RunCost:
    """Return what a run of the workspace in `root` would cost. Only the catalogue is asked, never for pixels.

    Raises:
        ConfigError, AoiError: The workspace or the account is wrong.

    """
    job = Job.open(root)
    return plan_run(job, job.chosen(area_ids), force=force)


def plan_run(job: Job, area_ids: Sequence[str], *, force: bool = False) -> RunCost:
    """Return what watching `area_ids` would cost: the scenes chosen, less what is kept, near areas asked for at once.

    Exact where all scenes found are read, and where it is kept how clear the areas were. Where scenes are chosen by
    that and it is not known yet, each first look is counted, and the choice is made by the catalogue's cloud.
    """
    own = _planned(job, area_ids, lambda area: need_of_run(job, area, force=force))
    if job.radar is None:
        return own
    radar = _planned(job.radar, area_ids, lambda area: radar_need_of_run(job, area, force=force))
    named = [replace(area, note=f"radar: {area.note}" if area.note else "radar") for area in radar.areas]
    paid = own if own.is_paid else radar
    return replace(paid, areas=(*own.areas, *named), requests_saved=own.requests_saved + radar.requests_saved)


def plan_pull(job: Job, area_ids: Sequence[str], find: Callable[[Area], Sequence[SceneRef]]) -> RunCost:
    """Return what keeping the scenes that `find` finds would cost, as `plan_run`."""
    return _planned(job, area_ids, lambda area: need_of_pull(job, area, find(area)))


def check_budget(planned: RunCost) -> None:
    """Refuse what would exceed the month's budget; imagery that nobody charges for is never refused.

    Raises:
        ConfigError: With what would be needed.

    """
    if planned.excess:
        raise ConfigError(
            f"over budget: {planned.month} would come to {planned.excess}; nothing was pulled. See `sitewatch plan`; "
            "watch fewer areas or a shorter period, raise [budget], or give --over-budget"
        )


def spent_in(workspace: Workspace, month: str) -> Cost:
    """Return what the account of `workspace` spent in `month`; nothing where it has no account."""
    settings = workspace.config.source
    if not isinstance(settings, SentinelHubSettings):
        return Cost()
    return Ledger(account_dir(workspace, settings, account_credentials(workspace, settings))).spent(month)


def show_plan(planned: RunCost, show: Show) -> int:
    """Say what a run would cost; return 0 if the budget suffices, 1 if not."""
    show.document(planned.as_json())
    if not (show.is_quiet or show.is_json):
        total = AreaCost(
            area_id="all",
            scenes=sum(area.scenes for area in planned.areas),
            kept=sum(area.kept for area in planned.areas),
            cost=planned.total,
        )
        show_table(COLUMNS, [_row(area) for area in (*planned.areas, total)])
        for line in _lines(planned):
            show.say(line)
    if planned.excess:
        show.trouble(f"over budget: {planned.month} would come to {planned.excess}")
    return int(bool(planned.excess))


def _lines(planned: RunCost) -> Iterable[str]:
    if not planned.is_paid:
        yield "this imagery costs nothing: it comes by no account"
        return
    spent, budget = planned.spent, planned.budget
    yield f"spent in {planned.month}: {spent.units:,.2f} processing units, {plural(spent.requests, 'request')}"
    yield f"budget a month: {budget.processing_units:,.10g} processing units, {plural(budget.requests, 'request')}"
    if planned.requests_saved:
        yield f"near areas are asked for at once, which saves {plural(planned.requests_saved, 'request')}"


def _planned(job: Job, area_ids: Sequence[str], look: Callable[[Area], Need]) -> RunCost:
    return _priced(job, [_need(job.areas[area_id], look) for area_id in area_ids])


def _need(area: Area, look: Callable[[Area], Need]) -> Need:
    """Return what `look` says that `area` needs; what cannot be told is not counted, and said."""
    try:
        return look(area)
    except SourceError as error:
        return Need(area_id=area.area_id, note=f"cannot be told: {error}")


def _priced(job: Job, needs: Sequence[Need]) -> RunCost:
    """Return what `needs` cost. Looks of near areas that are asked for at once share what that costs."""
    config, month, recipe = job.workspace.config, month_of(datetime.now(UTC)), recipe_of(job.workspace.config)
    readings = readings_of(job, [look for need in needs for look in (*need.first_looks, *need.looks)])
    shares: dict[str, Cost] = {need.area_id: Cost() for need in needs}
    partners: dict[str, set[str]] = {need.area_id: set() for need in needs}
    for reading in readings:
        costs = shared_cost(reading, recipe, parts=_parts(job, reading)) if recipe else [Cost()] * len(reading.looks)
        for look, cost in zip(reading.looks, costs, strict=True):
            shares[look.area_id] += cost
            partners[look.area_id] |= {other.area_id for other in reading.looks} - {look.area_id}
    areas = tuple(
        AreaCost(
            area_id=need.area_id,
            scenes=need.scenes,
            kept=need.kept,
            cost=shares[need.area_id],
            note=need.note or _together(need.area_id, partners, shares),
        )
        for need in needs
    )
    return RunCost(
        areas=areas,
        month=month,
        spent=spent_in(job.workspace, month),
        budget=config.budget,
        is_paid=recipe is not None,
        requests_saved=_requests_saved(readings),
    )


def shared_cost(reading: Reading, recipe: Recipe, *, parts: Sequence[Grid]) -> list[Cost]:
    """Return what each look of `reading` costs: the requests count for the first, the rest goes by pixels.

    Args:
        reading: The looks.
        recipe: How they are asked for.
        parts: The requests.

    """
    bands = len(recipe.layers(reading.looks[0].bands))
    whole = process_cost([part.shape for part in parts], bands=bands, processing=recipe.processing)
    pixels = [look.grid.width_px * look.grid.height_px for look in reading.looks]
    return [
        Cost(
            requests=0 if index else whole.requests,
            units=whole.units * part / sum(pixels),
            megabytes=whole.megabytes * part / sum(pixels),
        )
        for index, part in enumerate(pixels)
    ]


def _parts(job: Job, reading: Reading) -> Sequence[Grid]:
    """Return the requests that `reading` needs: fewer where one that broke off has left parts of it."""
    source = job.source.inner if isinstance(job.source, CachedSource) else job.source
    if isinstance(source, SentinelHubSource) and len(reading.looks) == 1:
        return source.parts_to_ask(reading.looks[0].ref, reading.grid, bands=reading.looks[0].bands)
    return split(reading.grid)


def _together(area_id: str, partners: Mapping[str, set[str]], order: Iterable[str]) -> str:
    """Say with which areas an area is asked for at once, in the order of the watch list."""
    others = [other for other in order if other in partners[area_id]]
    shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
    return f"together with {shown}" if others else ""


def _requests_saved(readings: Sequence[Reading]) -> int:
    """Return how many requests more were needed if each area were asked for alone."""
    return sum(
        sum(len(split(look.grid)) for look in reading.looks) - len(split(reading.grid))
        for reading in readings
        if len(reading.looks) > 1
    )


def _row(area: AreaCost) -> list[str]:
    counts = [str(area.scenes), str(area.kept), str(area.cost.requests)]
    return [area.area_id, *counts, f"{area.cost.megabytes:,.1f}", f"{area.cost.units:,.2f}", area.note]


def _json(cost: Cost) -> dict[str, Any]:
    return {
        "requests": cost.requests,
        "processing_units": round(cost.units, 4),
        "megabytes": round(cost.megabytes, 3),
    }
