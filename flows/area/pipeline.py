"""Watch one area from search to finished product, in plain Python: no scheduler, one process.

Everything that is decided is decided elsewhere, by pure functions; this is the order of the steps.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import geopandas as gpd
from shapely.geometry import Polygon, box

from aoi.areas import Area
from aoi.facilities import Facility
from aoi.read.vector import read_areas, read_facilities
from detection.blocks import Crew
from detection.detect import Findings, find_changes, no_imagery
from detection.life.history import Review
from detection.room import Room
from detection.schema import Outcome
from flows.area.answering import answered
from flows.area.drawing import Drawn, draw_all
from flows.area.ingredients import MadeFrom, Origin, made_from, origin_of, settings_of, watched_facts
from flows.area.journal import Journal, Stage
from flows.area.noted import decision_facts, kept_facts, spent_facts
from flows.area.outcome import AreaOutcome, State, failed
from flows.area.perimeters import night_months, wanted
from flows.area.plan import Action, Inputs, Step, decide
from flows.area.product import (
    Product,
    Record,
    find_product,
    new_product,
    outcome_of,
    seal,
    write_history,
    write_layers,
)
from flows.area.reviews import digest_lines, known_false_alarms, standing_reviews
from flows.area.screening import begin_screen, screen_area, screening_of
from flows.reading.blocks import check_blocks, read_area, room_for
from flows.reading.looks import (
    NEWEST,
    OLDEST,
    Looks,
    MaskSettings,
    area_grid,
    choose_scenes,
    find_scenes,
    scenes_at_once,
)
from flows.reading.radar import RadarLooks, find_radar, radar_rows, radar_workspace, read_radar
from flows.reading.scenes import scene_rows, with_not_seen
from flows.reading.sources import make_source
from flows.settings.version import code_version, digest
from flows.settings.workspace import Workspace
from geo.choice import Choice
from geo.crs import LON_LAT_EPSG, is_placed, reproject, utm_epsg
from geo.errors import AoiError, ConfigError
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.ledger import spending_on
from geo.sources.nightlight import MonthFile, months_digest
from outputs.pictures.timelapse import check_formats
from outputs.review.corrections import FalseAlarm
from outputs.risk.join import join_facilities
from outputs.scenes.table import SCENES_NAME, write_scenes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """All that is needed to watch the areas of a workspace."""

    workspace: Workspace
    areas: Mapping[str, Area]
    facilities: Sequence[Facility]
    source: ImagerySource
    reviews: Mapping[str, Sequence[Review]] = field(default_factory=dict)
    """By area, oldest first: what the verdicts on each detection come to."""
    false_alarms: Sequence[FalseAlarm] = ()
    """Places of any area that reviewers rejected."""
    radar: "Job | None" = None
    """The same job with radar as its source; None where the settings name no radar."""
    night: Sequence[MonthFile] = ()
    """Monthly composites of night light, ascending."""
    crew: Crew | None = None
    """Who works on the blocks of an area that does not fit into memory; None: this process."""
    run: str = ""
    """The stamp of the run that it is done for, as the journals name it; empty outside of a run."""

    @classmethod
    def open(cls, root: Path, *, run: str = "") -> "Job":
        """Return the job that the workspace in `root` describes, for the run of that stamp.

        Raises:
            ConfigError: The settings are wrong, or there is no area to watch.
            AoiError: The areas or the facilities are wrong.

        """
        workspace = Workspace.open(root)
        check_formats(workspace.config.products.timelapses)
        areas = {area.area_id: area for area in read_areas(workspace.areas_path)}
        if not areas:
            raise ConfigError(f"{workspace.areas_path}: expected at least one area; found none")
        for area in areas.values():
            check_place(area)
        facilities = read_facilities(workspace.facilities_path) if workspace.facilities_path else ()
        job = cls(
            workspace=workspace,
            areas=areas,
            facilities=facilities,
            source=make_source(workspace),
            reviews=standing_reviews(workspace),
            false_alarms=known_false_alarms(workspace),
            night=night_months(workspace),
            run=run,
        )
        watched_by_radar = radar_workspace(workspace)
        if watched_by_radar is None:
            return job
        return replace(job, radar=replace(job, workspace=watched_by_radar, source=make_source(watched_by_radar)))

    def chosen(self, area_ids: Sequence[str]) -> list[str]:
        """Return the ids of the areas to watch: those asked for, or all.

        Raises:
            ConfigError: An area was asked for that is not on the list.

        """
        for area_id in area_ids:
            if area_id not in self.areas:
                known = ", ".join(list(self.areas)[:10])
                raise ConfigError(f"no area is called {area_id!r}; {self.workspace.areas_path} has: {known}")
        return [area_id for area_id in self.areas if area_id in area_ids or not area_ids]


def check_place(area: Area) -> None:
    """Refuse an area near a pole, where there is no grid to bring imagery onto.

    Raises:
        AoiError: With the area and where it lies.

    """
    try:
        utm_epsg(area.polygon_4326)
    except ValueError as error:
        raise AoiError(f"area {area.area_id}: {error}") from error


def check_source(job: Job) -> None:
    """Find out whether the source can answer at all, before anything is begun.

    Raises:
        SourceError: It is broken in itself: no such folder, nothing in it.

    """
    job.source.search(Polygon(), first=OLDEST, last=NEWEST)  # nowhere: what is wrong in one place is its areas' failure
    if job.radar:
        check_source(job.radar)


def watch_area(job: Job, area_id: str, *, force: bool = False) -> AreaOutcome:
    """Bring the product of one area up to date, if anything changed that it is made from.

    Raises:
        SitewatchError: No product could be made; an earlier one still stands.

    """
    journal = Journal(job.workspace.area_dir(area_id), run=job.run, code=code_version())
    began = perf_counter()
    with spending_on(area_id) as spent:
        try:
            journal.begin()
            outcome = _watch(job, area_id, force=force, journal=journal)
            journal.end(outcome, spent)
        except Exception as error:
            journal.fail(failed(area_id, error, seconds=perf_counter() - began), spent)
            raise
    return outcome


def _watch(job: Job, area_id: str, *, force: bool, journal: Journal) -> AreaOutcome:
    began = perf_counter()
    area, config = job.areas[area_id], job.workspace.config
    with journal.stage(Stage.SEARCH) as facts:
        refs = find_scenes(job.source, area, config)
        facts["scenes"] = len(refs)
    with journal.stage(Stage.CHOOSE) as facts:
        choice = choose_scenes(job.source, refs, area, config)
        radar = find_radar(job.radar.source, area, job.radar.workspace.config) if job.radar else None
        chosen = [*choice.chosen, *(radar.chosen if radar else ())]
        facts.update(chosen=len(choice.chosen), radar=len(chosen) - len(choice.chosen))
    with journal.stage(Stage.DECIDE) as facts:
        before = find_product(job.workspace.area_dir(area_id))
        known = screening_of(before, choice.chosen, radar.chosen if radar else (), config.monitor)
        existing = before.as_existing() if before else None
        step = decide(area_id, inputs_of(job, area, chosen), existing, force=force, screening=known)
        origin = origin_of(made_from_of(job, area), step.inputs, before.record if before else None, chosen)
        facts.update(decision_facts(step, origin, before.record if before else None))
    if step.action is Action.MONITOR and before is not None:
        with journal.stage(Stage.SCREEN) as facts:
            step = screen_area(job.source, config, area, choice.chosen, before=before, step=step)
            facts.update(action=step.action, reason=step.reason)
    if step.action is Action.RUN or before is None:
        product = _make(job, area, choice, step=step, before=before, radar=radar, origin=origin, journal=journal)
        state = State.DONE
    else:
        product, state = before, State.SCREENED if step.action is Action.MONITOR else State.UP_TO_DATE
    outcome = outcome_of(product, state=state, reason=step.reason, seconds=perf_counter() - began)
    logger.info("%s: %s (%s) %s %.1f s", area_id, state, step.reason, outcome.outcome, outcome.seconds)
    return outcome


def watch_or_fail(job: Job, area_id: str, *, force: bool = False) -> AreaOutcome:
    """Watch one area; whatever stops it is recorded and stops no other."""
    began = perf_counter()
    try:
        return watch_area(job, area_id, force=force)
    except Exception as error:  # the flow's edge: one broken area must not stop the others
        logger.exception("%s: failed", area_id)
        return failed(area_id, error, seconds=perf_counter() - began)


def inputs_of(job: Job, area: Area, refs: Sequence[SceneRef]) -> Inputs:
    """Return all that the product of `area` is made from."""
    places = facilities_near(job, area)
    lines = digest_lines(area, job.reviews, job.false_alarms, job.workspace.config)
    return Inputs(
        area=digest(watched_facts(area) | {"polygon_4326": area.polygon_4326.wkb_hex}),
        settings=digest(_settings(job)),
        facilities=digest([asdict(place) | {"location_4326": place.location_4326.wkb_hex} for place in places]),
        code=code_version(),
        scenes={ref.scene_id: ref.fingerprint for ref in refs},
        reviews=digest(lines) if lines else "",
    )


def made_from_of(job: Job, area: Area) -> MadeFrom:
    """Return the values behind the hashes of `inputs_of`."""
    lines = digest_lines(area, job.reviews, job.false_alarms, job.workspace.config)
    return made_from(_settings(job), area, facilities_near(job, area), lines)


def _settings(job: Job) -> dict[str, Any]:
    radar = (job.radar.workspace.config.source, job.radar.source.credit) if job.radar else None
    night = months_digest(job.night) if job.night else ""
    return settings_of(job.workspace.config, credit=job.source.credit, radar=radar, night=night)


def facilities_near(job: Job, area: Area) -> list[Facility]:
    """Return the facilities that can matter to `area`: one far away changes nothing there."""
    config = job.workspace.config
    grid = area_grid(area, config)
    ground_m = box(*grid.bounds_m).buffer(config.join.near_m)
    return [
        facility
        for facility in job.facilities
        if is_placed(place := reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=grid.epsg))
        and place.distance(ground_m) <= facility.position_error_m
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    looks: Looks
    heard: RadarLooks
    found: Findings


def _look(job: Job, area: Area, choice: Choice, *, radar: Choice | None, journal: Journal) -> _Seen:
    """Read the scenes and find what changed."""
    config, grid = job.workspace.config, area_grid(area, job.workspace.config)
    limit_mb = config.limits.memory_mb
    check_blocks(area.area_id, choice.chosen, grid, limit_mb=limit_mb)
    with room_for(choice.chosen, grid, limit_mb=limit_mb, folder=job.workspace.state_dir, crew=job.crew) as room:
        with journal.stage(Stage.READ) as facts, spending_on(area.area_id) as spent:
            facts.update(kept_facts(job.source, choice.chosen, grid))
            looks = read_area(
                job.source,
                choice.chosen,
                grid,
                area_id=area.area_id,
                masks=MaskSettings.of(config),
                at_once=scenes_at_once(config),
                room=room,
            )
            heard = _read_radar(job, area, radar, grid=grid)
            facts.update(unreadable=len(looks.unread), **spent_facts(spent))
        with journal.stage(Stage.DETECT) as facts:
            found = with_not_seen(_findings(job, area, looks, grid=grid, radar=heard.stack, room=room), looks, choice)
            facts["detections"] = len(found.detections)
    return _Seen(looks=looks, heard=heard, found=found)


def _make(  # noqa: PLR0913  # what it is made from, each under its name
    job: Job,
    area: Area,
    choice: Choice,
    *,
    step: Step,
    before: Product | None,
    radar: Choice | None,
    origin: Origin,
    journal: Journal,
) -> Product:
    """Read, detect, join, draw; write the product and make it the area's current one."""
    config, grid, near = job.workspace.config, area_grid(area, job.workspace.config), facilities_near(job, area)
    seen = _look(job, area, choice, radar=radar, journal=journal)
    looks, found, heard = seen.looks, seen.found, seen.heard
    with journal.stage(Stage.PERIMETERS) as facts:
        told = answered(job, area, found, before, grid=grid, near=near)
        facts["perimeters"] = len(told.perimeters)
    detections, inside = told.followed.detections, grid.is_inside(area.polygon_4326)
    area_dir = job.workspace.area_dir(area.area_id)
    with new_product(area_dir, step.inputs.key, superseded=config.keep.superseded) as unfinished:
        with journal.stage(Stage.DRAW):
            write_layers(unfinished, detections, found.coverage, told.perimeters)
            write_history(unfinished, [*(before.history() if before else ()), *told.followed.moves])
            rows = scene_rows(area.area_id, choice, looks, found, inside)
            write_scenes(unfinished / SCENES_NAME, [*rows, *radar_rows(area.area_id, heard, inside)])
            drawn = Drawn(
                workspace=job.workspace,
                area=area,
                source=job.source,
                refs=choice.chosen,
                looks=looks,
                found=found,
                rows=rows,
                detections=detections,
                facilities=near,
                heard=heard,
                radar_credit=job.radar.source.credit if job.radar else "",
            )
            draw_all(unfinished, drawn)
        with journal.stage(Stage.SEAL) as facts:
            record = _record(step, looks, detections, found.coverage)
            seal(unfinished, replace(record, radar_years=heard.years, run=journal.run, **origin.as_facts()))
            facts["key"] = step.inputs.key
    product = find_product(area_dir)
    if product is None:
        raise RuntimeError(f"{area_dir}: the product cannot be read back")
    begin_screen(product, found, choice.chosen, inside, config)
    return product


def _read_radar(job: Job, area: Area, choice: Choice | None, *, grid: Grid) -> RadarLooks:
    if job.radar is None or choice is None:
        return RadarLooks()
    limit_mb = job.workspace.config.limits.memory_mb
    return read_radar(job.radar.source, choice, grid, area_id=area.area_id, limit_mb=limit_mb)


def _findings(  # noqa: PLR0913  # what is looked at, and with what means
    job: Job, area: Area, looks: Looks, *, grid: Grid, radar: Stack | None, room: Room | None
) -> Findings:
    """Return the detections, joined to the facilities, and the coverage row."""
    config = job.workspace.config
    if looks.stack is None:
        period = (config.period.first, config.period.last)
        found = no_imagery(area.area_id, grid, config.detection, period=period)
    else:
        found = find_changes(
            looks.stack, area.area_id, grid.is_inside(area.polygon_4326), config.detection, radar=radar, room=room
        )
    joined = join_facilities(found.detections, facilities_near(job, area), config.join)
    # What is said of an area holds inside its own outline, not in the surroundings that were read with it.
    outline_m = reproject(area.polygon_4326, from_epsg=LON_LAT_EPSG, to_epsg=grid.epsg)
    return replace(found, detections=wanted(joined, area), coverage=found.coverage.set_geometry([outline_m]))


def _record(step: Step, looks: Looks, detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame) -> Record:
    row = coverage.iloc[0]
    days = looks.stack.days if looks.stack is not None else ()
    return Record(
        area_id=step.area_id,
        inputs=step.inputs,
        outcome=Outcome(row["outcome"]),
        statuses=dict(Counter(detections["status"])),
        looks=int(row["looks"]),
        clear_looks=int(row["clear_looks"]),
        problems=tuple(why for _, why in looks.unread),
        years=tuple(sorted({day.year for day in days})),
        files={},
    )
