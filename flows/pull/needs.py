"""What areas need to have fetched: their scenes, less what is kept, and near areas asked for at once."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from detection.params import DETECTION_BANDS
from flows.area.pipeline import Job, inputs_of
from flows.area.plan import Action, Step, decide
from flows.area.product import find_product
from flows.area.screening import screening_of
from flows.reading.blocks import check_blocks, grids_of
from flows.reading.looks import area_grid, choose_scenes, coarse_grid, common_bands, find_scenes
from flows.reading.radar import RADAR_BANDS, find_radar
from flows.reading.sources import is_local, sentinelhub_options
from flows.settings.config import Config, SentinelHubSettings
from geo.cache import CachedSource
from geo.choice import Choice, screen
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Quantity, Scene
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.ledger import spending_on
from geo.sources.sentinelhub import Merged, Prices, Recipe, merge_requests, recipe_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One scene of one area that is not there yet."""

    area_id: str
    ref: SceneRef
    grid: Grid
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Looks that the provider is asked for at once."""

    looks: tuple[Look, ...]
    """All of one scene, with the same bands."""
    grid: Grid
    """Covers the grids of all of them."""

    @property
    def spent_on(self) -> str:
        """Under which name its cost is written down: the areas, in the order of the watch list."""
        return " + ".join(look.area_id for look in self.looks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one area needs."""

    area_id: str
    scenes: int = 0
    """Scenes that it is made from."""
    kept: int = 0
    """Those of them that were read before and kept."""
    looks: tuple[Look, ...] = ()
    """The others."""
    first_looks: tuple[Look, ...] = ()
    """Scenes whose classification is looked at first, coarsely, and of which that is not kept."""
    note: str = ""
    """Why it needs nothing, or why that cannot be told."""


Choose = Callable[[Job, Sequence[SceneRef], Area], Choice]


def choose(job: Job, refs: Sequence[SceneRef], area: Area) -> Choice:
    """Choose as a run does; the provider may be asked how clear the area was."""
    return choose_scenes(job.source, refs, area, job.workspace.config)


def foresee(job: Job, refs: Sequence[SceneRef], area: Area) -> Choice:
    """Choose as a run would, asking no provider: by how clear the area was where that is kept, else by the catalogue.

    Imagery on this disk is looked at, for that costs nothing.
    """
    source = job.source.inner if isinstance(job.source, CachedSource) else job.source
    if not is_local(job.workspace):
        source = _Quiet(job.source)
    return choose_scenes(source, refs, area, job.workspace.config)


def need_of_run(job: Job, area: Area, *, force: bool, choosing: Choose = foresee) -> Need:
    """Return what watching `area` needs; nothing where its product is up to date or would take too much memory.

    Raises:
        SourceError: The provider does not say which scenes there are, or they have no useful band.

    """
    config = job.workspace.config
    seen = foresight(job, area, force=force, choosing=choosing)
    refs, chosen, step = seen.refs, seen.chosen, seen.step
    if not chosen or step.action is Action.UP_TO_DATE:
        return Need(area_id=area.area_id, scenes=len(chosen), note=step.reason if chosen else "no scenes")
    recipe = recipe_of(config)
    if recipe and recipe.quantity is Quantity.GAMMA0:
        return need(job, area, refs, [(ref, recipe.bands) for ref in chosen])
    if step.action is Action.MONITOR:
        fresh = seen.fresh
        found = need(job, area, fresh, [(ref, common_bands(fresh)) for ref in fresh])
        return replace(found, note=f"{step.reason}; the others only if that shows something")
    try:
        check_blocks(area.area_id, chosen, area_grid(area, config), limit_mb=config.limits.memory_mb)
    except ConfigError as error:
        return Need(area_id=area.area_id, scenes=len(chosen), note=f"would be refused: {error}")
    bands = common_bands(chosen)
    return need(job, area, refs, [(ref, bands) for ref in chosen])


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What a run would do with an area."""

    refs: tuple[SceneRef, ...]
    """Optical scenes that were found."""
    chosen: tuple[SceneRef, ...]
    """Those to read."""
    heard: tuple[SceneRef, ...]
    """Radar scenes to read."""
    fresh: tuple[SceneRef, ...]
    """Of the chosen, those that neither the last full pass nor the screen has seen."""
    step: Step


def foresight(job: Job, area: Area, *, force: bool, choosing: Choose = foresee) -> Foresight:
    """Return what a run would do with `area`, by what the catalogues say.

    Raises:
        SourceError: A provider does not say which scenes there are.

    """
    config = job.workspace.config
    with spending_on(area.area_id):
        refs = find_scenes(job.source, area, config)
        chosen = choosing(job, refs, area).chosen
        heard = find_radar(job.radar.source, area, job.radar.workspace.config).chosen if job.radar else ()
    before = find_product(job.workspace.area_dir(area.area_id))
    screening = screening_of(before, chosen, heard, config.monitor)
    step = decide(
        area.area_id,
        inputs_of(job, area, [*chosen, *heard]),
        before.as_existing() if before else None,
        force=force,
        screening=screening,
    )
    known = {*(before.record.inputs.scenes if before else ()), *(screening.scenes if screening else ())}
    return Foresight(
        refs=tuple(refs),
        chosen=tuple(chosen),
        heard=tuple(heard),
        fresh=tuple(ref for ref in chosen if ref.scene_id not in known),
        step=step,
    )


def radar_need_of_run(job: Job, area: Area, *, force: bool, choosing: Choose = foresee) -> Need:
    """Return what watching `area` needs of radar; nothing where there is none, or no full pass would be made.

    Raises:
        SourceError: A provider does not say which scenes there are, or they are no radar.

    """
    if job.radar is None:
        return Need(area_id=area.area_id)
    seen = foresight(job, area, force=force, choosing=choosing)
    if not seen.heard or seen.step.action is not Action.RUN:
        return Need(area_id=area.area_id, scenes=len(seen.heard), note=seen.step.reason if seen.heard else "no scenes")
    bands = common_bands(seen.heard, RADAR_BANDS)
    return need(job.radar, area, seen.heard, [(ref, bands) for ref in seen.heard])


def need_of_pull(job: Job, area: Area, refs: Sequence[SceneRef], *, choosing: Choose = foresee) -> Need:
    """Return what keeping the chosen of the scenes `refs` needs.

    Raises:
        SourceError: The provider does not answer.

    """
    with spending_on(area.area_id):
        chosen = choosing(job, refs, area).chosen
    return need(job, area, refs, [(ref, bands_to_keep(ref)) for ref in chosen])


def bands_to_keep(ref: SceneRef) -> tuple[str, ...]:
    """Return the bands that a run will read of a scene: what detection looks at, or all if it offers none of them."""
    wanted = RADAR_BANDS if ref.quantity is Quantity.GAMMA0 else DETECTION_BANDS
    return tuple(band for band in wanted if band in ref.bands) or ref.bands


def need(job: Job, area: Area, refs: Sequence[SceneRef], wanted: Sequence[tuple[SceneRef, tuple[str, ...]]]) -> Need:
    """Return what `area` needs of the scenes `wanted`, each with its bands, which were chosen from `refs`."""
    config = job.workspace.config
    grids: Sequence[Grid] = (area_grid(area, config),)  # radar is read as a whole
    if not any(ref.quantity is Quantity.GAMMA0 for ref, _ in wanted):
        grids = grids_of([ref for ref, _ in wanted], grids[0], limit_mb=config.limits.memory_mb)
    looks = tuple(
        Look(area_id=area.area_id, ref=ref, grid=grid, bands=bands)
        for ref, bands in wanted
        for grid in grids
        if not is_kept(job.source, ref, grid, bands)
    )
    missing = {look.ref.scene_id for look in looks}
    return Need(
        area_id=area.area_id,
        scenes=len(wanted),
        kept=len(wanted) - len(missing),
        looks=looks,
        first_looks=first_looks(job, area, refs),
    )


def is_kept(source: ImagerySource, ref: SceneRef, grid: Grid, bands: Sequence[str]) -> bool:
    """Say whether reading would ask no provider."""
    return isinstance(source, CachedSource) and source.has(ref, grid, bands=bands)


def first_looks(job: Job, area: Area, refs: Sequence[SceneRef]) -> tuple[Look, ...]:
    """Return the looks at the classification alone that the choice among `refs` goes by, and that are not kept yet."""
    scenes, source = job.workspace.config.scenes, job.source
    if not scenes.needs_clear_shares:
        return ()
    coarse = coarse_grid(area)
    return tuple(
        Look(area_id=area.area_id, ref=ref, grid=coarse, bands=(SCL,))
        for ref in screen(refs, scenes).chosen
        if SCL in ref.bands
        and not (isinstance(source, CachedSource) and source.known_clear_share(ref, coarse) is not None)
    )


def recipe_of(config: Config) -> Recipe | None:
    """Return how imagery is asked for by account; None where it comes otherwise."""
    settings = config.source
    return recipe_for(sentinelhub_options(settings)) if isinstance(settings, SentinelHubSettings) else None


def readings_of(job: Job, looks: Sequence[Look]) -> list[Reading]:
    """Return how to ask for `looks`: the newest scene first, near areas at once where the budget gains by it.

    Looks go together that are of one scene, down to its fingerprint, with the same bands. A source that cannot be
    asked for several areas at once, or that keeps nothing, is asked for each alone.
    """
    groups: dict[Hashable, list[Look]] = {}
    for look in looks:
        groups.setdefault((look.ref.scene_id, look.ref.fingerprint, look.bands), []).append(look)
    merge = _Merger(job)
    readings = [
        Reading(looks=tuple(group[index] for index in merged.members), grid=merged.grid)
        for group in groups.values()
        for merged in merge([look.grid for look in group], group[0].bands)
    ]
    return sorted(readings, key=lambda reading: reading.looks[0].ref.observed_at, reverse=True)


def look_first(source: CachedSource, reading: Reading) -> None:
    """Keep how clear areas were, asking once for the classes of all; what it costs is written down under the areas.

    Raises:
        SourceError, OutputError: As `CachedSource.fetch_clear_shares`.

    """
    with spending_on(reading.spent_on):
        source.fetch_clear_shares(reading.looks[0].ref, [look.grid for look in reading.looks])


def fetch(source: CachedSource, reading: Reading) -> None:
    """Keep what is read, asking once; what it costs is written down under the areas.

    Raises:
        SourceError, OutputError: As `CachedSource.read`.

    """
    first = reading.looks[0]
    with spending_on(reading.spent_on):
        if source.can_fetch_together:
            source.fetch_together(first.ref, [look.grid for look in reading.looks], bands=first.bands)
        else:
            source.read(first.ref, first.grid, bands=first.bands)


class _Merger:
    """Decides which grids go together; the same grids, which most scenes have, are thought about once."""

    def __init__(self, job: Job) -> None:
        self._budget = job.workspace.config.budget
        self._recipe = recipe_of(job.workspace.config)
        self._is_able = isinstance(job.source, CachedSource) and job.source.can_fetch_together
        self._known: dict[Hashable, list[Merged]] = {}

    def __call__(self, grids: Sequence[Grid], bands: tuple[str, ...]) -> list[Merged]:
        if self._recipe is None or not self._is_able or not self._budget.requests:
            return [Merged(grid=grid, members=(index,)) for index, grid in enumerate(grids)]
        key = (tuple(grids), bands)
        if key not in self._known:
            self._known[key] = merge_requests(
                grids,
                Prices(
                    bands=len(self._recipe.layers(bands)),
                    processing=self._recipe.processing,
                    units_per_request=self._budget.processing_units / self._budget.requests,
                ),
            )
        return self._known[key]


class _Quiet:
    """A source that asks nobody for pixels: it tells how clear a place was only where that is kept."""

    def __init__(self, source: ImagerySource) -> None:
        self._source = source
        self.credit = source.credit

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        return self._source.search(shape_4326, first=first, last=last)

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:  # noqa: ARG002  # as all sources
        raise SourceError(f"{ref.scene_id}: nothing is read while planning")

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        return self._source.known_clear_share(ref, grid) if isinstance(self._source, CachedSource) else None
