"""Watch one area from search to finished product, in plain Python: no scheduler, one process.

Everything that is decided is decided elsewhere, by pure functions; this is the order of the steps.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter

import geopandas as gpd
import pandas as pd
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from aoi.facilities import Facility
from aoi.read.vector import read_areas, read_facilities
from detection.blocks import Room
from detection.detect import Findings, find_changes, no_imagery
from detection.life.history import Circumstances, Review, follow_up
from detection.life.lifecycle import carry_ids
from detection.schema import Event, Outcome
from flows.area.drawing import Drawn, draw_all
from flows.area.outcome import AreaOutcome, State, failed
from flows.area.perimeters import Answered, Asked, ask_about, facilities_asked, night_months, wanted
from flows.area.plan import Action, Inputs, Step, decide
from flows.area.product import (
    Product,
    Record,
    find_product,
    new_product,
    seal,
    write_history,
    write_layers,
)
from flows.area.reviews import digest_lines, known_false_alarms, standing_reviews
from flows.area.screening import begin_screen, screen_area, screening_of
from flows.reading.blocks import check_blocks, read_area, room_for, seen_shares
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
from flows.settings.config import HOW_NOT_WHAT
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
from outputs.review.corrections import FalseAlarm, as_found, corrected
from outputs.risk.join import join_facilities
from outputs.scenes.table import SCENES_NAME, write_scenes

logger = logging.getLogger(__name__)

MOST = 0.5
"""A look at less of a place (0-1) than this is no look at it."""


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

    @classmethod
    def open(cls, root: Path) -> "Job":
        """Return the job that the workspace in `root` describes.

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
    with spending_on(area_id):
        return _watch(job, area_id, force=force)


def _watch(job: Job, area_id: str, *, force: bool) -> AreaOutcome:
    began = perf_counter()
    area = job.areas[area_id]
    refs = find_scenes(job.source, area, job.workspace.config)
    choice = choose_scenes(job.source, refs, area, job.workspace.config)
    radar = find_radar(job.radar.source, area, job.radar.workspace.config) if job.radar else None
    chosen = [*choice.chosen, *(radar.chosen if radar else ())]
    before = find_product(job.workspace.area_dir(area_id))
    known = screening_of(before, choice.chosen, radar.chosen if radar else (), job.workspace.config.monitor)
    existing = before.as_existing() if before else None
    step = decide(area_id, inputs_of(job, area, chosen), existing, force=force, screening=known)
    if step.action is Action.MONITOR and before is not None:
        step = screen_area(job.source, job.workspace.config, area, choice.chosen, before=before, step=step)
    if step.action is Action.RUN or before is None:
        product, state = _make(job, area, choice, step=step, before=before, radar=radar), State.DONE
    else:
        product, state = before, State.SCREENED if step.action is Action.MONITOR else State.UP_TO_DATE
    outcome = as_outcome(product, state=state, reason=step.reason, seconds=perf_counter() - began)
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
    config = job.workspace.config
    settings = {
        "detection": asdict(config.detection),
        "join": asdict(config.join),
        "grid": config.grid.model_dump(),
        "credit": job.source.credit,
        "source": config.source.model_dump(mode="json", exclude=set(HOW_NOT_WHAT)),
        "pictures": config.limits.pictures,
        "products": config.products.model_dump(mode="json"),
        "scenes": asdict(config.scenes),
        "persistence": asdict(config.persistence),
    }
    if job.radar:
        radar = job.radar.workspace.config.source
        settings["radar"] = [radar.model_dump(mode="json", exclude=set(HOW_NOT_WHAT)), job.radar.source.credit]
    if job.night:
        settings["nightlight"] = months_digest(job.night)
    places = facilities_near(job, area)
    return Inputs(
        area=digest(asdict(area) | {"polygon_4326": area.polygon_4326.wkb_hex}),
        settings=digest(settings),
        facilities=digest([asdict(place) | {"location_4326": place.location_4326.wkb_hex} for place in places]),
        code=code_version(),
        scenes={ref.scene_id: ref.fingerprint for ref in refs},
        reviews=digest(lines) if (lines := digest_lines(area, job.reviews, job.false_alarms, config)) else "",
    )


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


def as_outcome(product: Product, *, state: State, reason: str, seconds: float) -> AreaOutcome:
    """Return what `product` says, as the outcome of a run."""
    record = product.record
    return AreaOutcome(
        area_id=record.area_id,
        state=state,
        reason=reason,
        outcome=record.outcome,
        statuses=record.statuses,
        looks=record.looks,
        clear_looks=record.clear_looks,
        problems=record.problems,
        seconds=seconds,
    )


def _make(  # noqa: PLR0913  # what it is made from, each under its name
    job: Job, area: Area, choice: Choice, *, step: Step, before: Product | None, radar: Choice | None
) -> Product:
    """Read, detect, join, draw; write the product and make it the area's current one."""
    config = job.workspace.config
    grid = area_grid(area, config)
    limit_mb = config.limits.memory_mb
    check_blocks(area.area_id, choice.chosen, grid, limit_mb=limit_mb)
    with room_for(choice.chosen, grid, limit_mb=limit_mb, folder=job.workspace.state_dir) as room:
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
        found = with_not_seen(_findings(job, area, looks, grid=grid, radar=heard.stack, room=room), looks, choice)
    answered = _answered(job, area, found, before, grid=grid)
    detections = answered.followed.detections
    area_dir = job.workspace.area_dir(area.area_id)
    with new_product(area_dir, step.inputs.key) as unfinished:
        write_layers(unfinished, detections, found.coverage, answered.perimeters)
        write_history(unfinished, [*(before.history() if before else ()), *answered.followed.moves])
        rows = scene_rows(area.area_id, choice, looks, found, grid.is_inside(area.polygon_4326))
        heard_rows = radar_rows(area.area_id, heard, grid.is_inside(area.polygon_4326))
        write_scenes(unfinished / SCENES_NAME, [*rows, *heard_rows])
        drawn = Drawn(
            workspace=job.workspace,
            area=area,
            source=job.source,
            refs=choice.chosen,
            looks=looks,
            found=found,
            rows=rows,
            detections=detections,
            facilities=facilities_near(job, area),
            heard=heard,
            radar_credit=job.radar.source.credit if job.radar else "",
        )
        draw_all(unfinished, drawn)
        seal(unfinished, replace(_record(step, looks, detections, found.coverage), radar_years=heard.years))
    product = find_product(area_dir)
    if product is None:
        raise RuntimeError(f"{area_dir}: the product cannot be read back")
    begin_screen(product, found, choice.chosen, grid.is_inside(area.polygon_4326), config)
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


def _answered(job: Job, area: Area, found: Findings, before: Product | None, *, grid: Grid) -> Answered:
    """Set what was found beside what the last run left and what people decided; then ask about known facilities."""
    previous = wanted(as_found(before.detections()), area) if before and before.is_intact() else None
    now = _circumstances(job, found, previous, grid=grid)
    reviews, params = job.reviews.get(area.area_id, ()), job.workspace.config.detection
    earlier = None if previous is None else previous[previous["event"] != Event.DESECURITISATION.value]
    followed = follow_up(carry_ids(found.detections, earlier), earlier, reviews, now, params.lifecycle)
    asked = Asked(
        area=area,
        facilities=facilities_asked(area, facilities_near(job, area), params),
        params=params,
        reviews=reviews,
        night=job.night,
    )
    answered = ask_about(asked, found, followed, previous, now)
    published = corrected(answered.followed.detections, reviews, job.false_alarms)
    return replace(answered, followed=replace(answered.followed, detections=published))


def _circumstances(job: Job, found: Findings, previous: gpd.GeoDataFrame | None, *, grid: Grid) -> Circumstances:
    period_end = found.coverage["period_end"].iloc[0]
    tables = (found.detections, previous)
    known = [day.date() for table in tables if table is not None for day in table["last_seen_on"]]
    return Circumstances(
        last_look=max(known, default=OLDEST) if pd.isna(period_end) else period_end.date(),
        seen_on=partial(_seen_on, found, grid),
        settings_hash=job.workspace.config.detection.settings_hash,
    )


def _seen_on(found: Findings, grid: Grid, outline_m: BaseGeometry) -> list[date]:
    """Return the days of the looks that counted on which most of a place was clearly seen."""
    if found.registered is None:
        return []
    here = grid.is_inside(reproject(outline_m, from_epsg=grid.epsg, to_epsg=LON_LAT_EPSG))
    shares = seen_shares(found.registered, here)
    return [day for day, share in zip(found.registered.days, shares, strict=False) if share >= MOST]


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
