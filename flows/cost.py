"""What a run would cost before anything is pulled: scenes, requests, processing units, against the month's budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aoi.areas import Area
from detection.detect import DETECTION_BANDS
from flows.config import BudgetSettings, SentinelHubSettings
from flows.looks import COARSE_PIXEL_M, area_grid, common_bands, find_scenes
from flows.pipeline import Job, inputs_of
from flows.plan import Action, decide
from flows.product import find_product
from flows.show import Show, plural, show_table
from flows.sources import account_credentials, account_dir
from flows.workspace import Workspace
from geo.choice import join, pick, screen
from geo.cost import Cost, process_cost
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.base import SceneRef
from geo.sources.ledger import Ledger, month_of
from geo.sources.sentinelhub import RECIPES, Prices, Recipe, merge_requests, split

COLUMNS = ("area", "scenes", "kept", "requests", "MB at most", "processing units", "note")


@runtime_checkable
class KeepingSource(Protocol):
    """A source that keeps what it read."""

    def has(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> bool:
        """Say whether reading would ask no provider."""
        ...


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
    """By making near areas one."""

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
            "requests_saved_if_merged": self.requests_saved,
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
    """Return what watching `area_ids` would cost.

    Exact where all scenes found are read. Where scenes are chosen by how clear the area itself was, that is not known
    yet: each first look is counted, and the choice is made by the catalogue's cloud.
    """
    settings, month = job.workspace.config.source, month_of(datetime.now(UTC))
    is_paid = isinstance(settings, SentinelHubSettings)
    areas = tuple(_area_cost(job, job.areas[area_id], force=force) for area_id in area_ids)
    return RunCost(
        areas=areas,
        month=month,
        spent=spent_in(job.workspace, month),
        budget=job.workspace.config.budget,
        is_paid=is_paid,
        requests_saved=_requests_saved(job, areas) if is_paid else 0,
    )


def check_budget(job: Job, area_ids: Sequence[str], *, force: bool = False) -> None:
    """Refuse a run that would exceed the month's budget; imagery that nobody charges for is never refused.

    Raises:
        ConfigError: With what would be needed.

    """
    if not isinstance(job.workspace.config.source, SentinelHubSettings):
        return
    planned = plan_run(job, area_ids, force=force)
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
        yield f"near areas made into one would save {plural(planned.requests_saved, 'request')}"


def _area_cost(job: Job, area: Area, *, force: bool) -> AreaCost:
    try:
        refs = find_scenes(job.source, area, job.workspace.config)
        return _cost_of(job, area, refs, force=force)
    except SourceError as error:
        return AreaCost(area_id=area.area_id, note=f"cannot be told: {error}")


def _cost_of(job: Job, area: Area, refs: Sequence[SceneRef], *, force: bool) -> AreaCost:
    params = job.workspace.config.scenes
    screened = screen(refs, params)
    chosen = join(screened, pick(screened.chosen, params)).chosen
    before = find_product(job.workspace.area_dir(area.area_id))
    step = decide(area.area_id, inputs_of(job, area, chosen), before.as_existing() if before else None, force=force)
    if not chosen or step.action is Action.UP_TO_DATE:
        return AreaCost(area_id=area.area_id, scenes=len(chosen), note=step.reason if chosen else "no scenes")
    recipe, grid = _recipe(job), area_grid(area, job.workspace.config)
    bands = recipe.bands if recipe and recipe.quantity is Quantity.GAMMA0 else common_bands(chosen)
    kept = sum(_has(job, ref, grid, bands) for ref in chosen)
    cost = _look_cost(grid, bands, recipe) * (len(chosen) - kept) if recipe else Cost()
    if recipe and params.needs_clear_shares:
        coarse = Grid.around(area.polygon_4326, pixel_m=COARSE_PIXEL_M)
        cost += _look_cost(coarse, (), recipe) * len(screened.chosen)
    return AreaCost(area_id=area.area_id, scenes=len(chosen), kept=kept, cost=cost)


def _has(job: Job, ref: SceneRef, grid: Grid, bands: Sequence[str]) -> bool:
    return isinstance(job.source, KeepingSource) and job.source.has(ref, grid, bands=bands)


def _recipe(job: Job) -> Recipe | None:
    settings = job.workspace.config.source
    return RECIPES[settings.collection] if isinstance(settings, SentinelHubSettings) else None


def _look_cost(grid: Grid, bands: Sequence[str], recipe: Recipe) -> Cost:
    """Return what reading one scene costs, in as many requests as `grid` needs."""
    shapes = [part.shape for part in split(grid)]
    return process_cost(shapes, bands=len(recipe.layers(bands)), processing=recipe.processing)


def _requests_saved(job: Job, areas: Sequence[AreaCost]) -> int:
    """Return how many requests fewer were needed if near areas were one, where that is cheaper all in all."""
    config, recipe = job.workspace.config, _recipe(job)
    looked_at = [area for area in areas if area.cost.requests]
    if recipe is None or not looked_at or not config.budget.requests:
        return 0
    prices = Prices(
        bands=len(recipe.layers(DETECTION_BANDS)),
        processing=recipe.processing,
        units_per_request=config.budget.processing_units / config.budget.requests,
    )
    grids = [area_grid(job.areas[area.area_id], config) for area in looked_at]
    merged = [group.members for group in merge_requests(grids, prices) if len(group.members) > 1]
    return sum(
        sum(sizes) - max(sizes) for members in merged if (sizes := [looked_at[i].cost.requests for i in members])
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
