"""The imagery that a workspace keeps: pull years of it, list it, check it, let go of what is not needed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aoi.areas import Area
from flows.area.pipeline import Job, check_source
from flows.pull.cost import check_budget, plan_pull
from flows.pull.fetching import Asking, ask_all, reading_bounds
from flows.pull.needs import Look, Reading, choose, fetch, first_looks, look_first, need_of_pull, readings_of
from flows.pull.pulled import AreaPull, PullReport
from flows.reading.looks import NEWEST, OLDEST, scenes_at_once
from flows.reading.parallel import Bounds, Done
from flows.settings.config import SentinelHubSettings
from flows.settings.workspace import Workspace, writing
from flows.show import Listener, Show, plural, show_table
from flows.store import keep_spending
from geo.cache import CachedSource, Entry, ImageStore, PruneRules, choose_to_prune
from geo.cache.store import DamagedEntryError
from geo.errors import ConfigError, QuotaExceededError, SitewatchError, SourceError
from geo.sources.base import SceneRef
from geo.sources.ledger import spending_on

logger = logging.getLogger(__name__)

SHOWN = 20
"""How many lines of a long list a person is shown."""
_REMAINS_AGE = timedelta(days=1)
"""What is older was not left by a process that is still at work."""
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which days to pull; None: as the settings say."""

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise ConfigError(f"--since ({self.first}) must not be later than --until ({self.last})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the searches of a pull brought."""

    refs: dict[str, Sequence[SceneRef]]
    """By area."""
    errors: dict[str, SitewatchError]
    """By area that could not be searched, why."""
    stopped: str = ""
    """Why the provider was not asked for all areas; empty if it was."""

    def of(self, area: Area) -> Sequence[SceneRef]:
        """Return the scenes of `area`.

        Raises:
            SitewatchError: It could not be searched.

        """
        if area.area_id in self.errors:
            raise self.errors[area.area_id]
        return self.refs[area.area_id]


def pull_workspace(
    root: Path,
    span: Span,
    *,
    area_ids: Sequence[str] = (),
    over_budget: bool = False,
    listener: Listener | None = None,
) -> PullReport:
    """Fetch what `sitewatch run` would read, and keep it; what is kept already is not asked for again.

    Several requests are under way at the same time ([source] connections); `listener` is told in the caller's thread.
    It may be killed at any time, and run beside a `sitewatch run`: what is kept is whole, and the next pull goes on.

    Raises:
        ConfigError: The settings are wrong, or say that nothing is kept; or the month's budget would not suffice,
            unless `over_budget`.
        AoiError: The areas are wrong.

    """
    job = Job.open(root)
    kept = [one for one in (job, job.radar) if one is not None and isinstance(one.source, CachedSource)]
    if not kept:
        raise ConfigError(
            f"imagery of kind {job.workspace.config.source.kind} lies on this disk already: there is nothing to pull "
            "([cache] enabled = true would keep copies of it)"
        )
    chosen = job.chosen(area_ids)
    check_source(job)
    found = [_search(one, span, chosen) for one in kept]
    if not over_budget:
        plans = [
            plan_pull(one, chosen, each.of)
            for one, each in zip(kept, found, strict=True)
            if isinstance(one.workspace.config.source, SentinelHubSettings)
        ]
        if plans:
            check_budget(replace(plans[0], areas=tuple(area for one in plans for area in one.areas)))
    reports: list[PullReport] = []
    progress = _Progress(listener)
    for one, each in zip(kept, found, strict=True):
        report = pull(one, one.source, each, progress=progress) if isinstance(one.source, CachedSource) else None
        if report is not None:
            reports.append(report if one is job else _as_radar(report))
    keep_spending(job.workspace)
    stopped = next((report.stopped for report in reports if report.stopped), "")
    return PullReport(areas=tuple(area for report in reports for area in report.areas), stopped=stopped)


def _as_radar(report: PullReport) -> PullReport:
    """Return the report with its areas told apart from the optical ones."""
    for area in report.areas:
        area.sensor = "radar"
    return report


def pull(job: Job, source: CachedSource, found: Found, *, progress: "_Progress") -> PullReport:
    """Fetch the scenes of the areas, the newest first, whatever area they are of, near areas at once."""
    pulls = {area_id: AreaPull(area_id=area_id) for area_id in job.areas if area_id in found.refs | found.errors}
    for area_id, error in found.errors.items():
        _fail(pulls[area_id], error)
    stopped = found.stopped or _look_first(job, source, found, progress)
    readings = [] if stopped else readings_of(job, list(_looks(job, found, pulls)))
    asking, outcomes = Asking(), list[Done[Reading, None]]()
    progress.more(len(readings))
    for done in ask_all(readings, partial(fetch, source), reading_bounds(job.workspace.config, readings), asking):
        outcomes.append(done)
        progress.step(done.task)
    for done in sorted(outcomes, key=lambda one: one.index):
        _count(done, pulls)
    return PullReport(areas=tuple(pulls.values()), stopped=stopped or asking.stopped)


class _Progress:
    """Tells a listener how far it is, while what there is to do becomes known bit by bit."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self._total = 0

    def more(self, count: int) -> None:
        self._total += count
        if self._listener:
            self._listener.start(self._total)

    def step(self, reading: Reading) -> None:
        if self._listener:
            self._listener.step(f"{reading.spent_on}: {reading.looks[0].ref.observed_at.date()}")


def _search(job: Job, span: Span, area_ids: Sequence[str]) -> Found:
    """Search for the scenes of all areas; the areas that are left when the provider wants no more are not searched."""
    areas = [job.areas[area_id] for area_id in area_ids]
    at_once = scenes_at_once(job.workspace.config)
    bounds: Bounds[Area] = Bounds(at_once=at_once, apart=lambda area: area.polygon_4326.wkb)
    asking = Asking()
    outcomes = {done.task.area_id: done for done in ask_all(areas, partial(_found, job, span), bounds, asking)}
    refs = {area_id: outcomes[area_id].result or () for area_id in area_ids if _is_answered(outcomes.get(area_id))}
    errors = {area_id: done.error for area_id, done in outcomes.items() if isinstance(done.error, SitewatchError)}
    left = {area_id: SourceError(f"not searched: {asking.stopped}") for area_id in area_ids if area_id not in outcomes}
    return Found(refs=refs, errors=errors | left, stopped=asking.stopped)


def _is_answered(done: Done[Area, Sequence[SceneRef]] | None) -> bool:
    return done is not None and done.error is None


def _found(job: Job, span: Span, area: Area) -> Sequence[SceneRef]:
    period = job.workspace.config.period
    first = max(span.first or period.first or OLDEST, area.since or OLDEST)
    last = span.last or period.last or NEWEST
    with spending_on(area.area_id):
        return job.source.search(area.polygon_4326, first=first, last=last) if first <= last else ()


def _look_first(job: Job, source: CachedSource, found: Found, progress: _Progress) -> str:
    """Keep how clear the areas were where the choice of scenes goes by it; return why it was stopped, if it was."""
    looks = [look for area_id, refs in found.refs.items() for look in first_looks(job, job.areas[area_id], refs)]
    readings = readings_of(job, looks) if source.can_fetch_together else []
    asking = Asking()
    progress.more(len(readings))
    for done in ask_all(readings, partial(look_first, source), reading_bounds(job.workspace.config, readings), asking):
        progress.step(done.task)
        if done.error:  # its areas ask again, each for itself, and report it
            logger.warning("%s: %s", done.task.spent_on, done.error)
    return asking.stopped


def _looks(job: Job, found: Found, pulls: Mapping[str, AreaPull]) -> Iterator[Look]:
    """Yield what is to be fetched, and take down what is there already."""
    for area_id, refs in found.refs.items():
        area_pull = pulls[area_id]
        try:
            need = need_of_pull(job, job.areas[area_id], refs, choosing=choose)
        except SitewatchError as error:
            _fail(area_pull, error)
            continue
        area_pull.chosen, area_pull.there = need.scenes, need.kept
        area_pull.not_chosen = len(refs) - need.scenes
        area_pull.parts_left.update(look.ref.scene_id for look in need.looks)
        yield from need.looks


def _fail(area_pull: AreaPull, error: SitewatchError) -> None:
    logger.warning("%s: %s", area_pull.area_id, error)
    area_pull.failed[""] = str(error)


def _count(done: Done[Reading, None], pulls: Mapping[str, AreaPull]) -> None:
    """Take down for each area what came of a reading; what the provider allowed no more is left."""
    if isinstance(done.error, QuotaExceededError):
        return
    if done.error is not None:
        logger.warning("%s: %s", done.task.spent_on, done.error)
    for look in done.task.looks:
        if done.error is None:
            pulls[look.area_id].take_part(look.ref.scene_id)
        else:
            pulls[look.area_id].failed[look.ref.scene_id] = str(done.error)


def list_imagery(root: Path, show: Show) -> int:
    """Say what is kept; return the exit code."""
    store = open_store(root)
    entries = list(store.entries())
    show.document({"folder": str(store.root), "entries": [_as_json(entry) for entry in entries]})
    if show.is_quiet or show.is_json:
        return 0
    if not entries:
        show.say(f"{store.root}: nothing is kept yet")
        return 0
    show_table(
        ("source", "scenes", "copies", "superseded", "MB", "first", "last"),
        [_row(name, _of(entries, name)) for name in sorted({entry.facts.key.source for entry in entries})],
    )
    return 0


def verify_imagery(root: Path, show: Show) -> int:
    """Check that each kept image is the one that was written; return the exit code: 1 if one is not."""
    store = open_store(root)
    entries, damaged = list(store.entries()), []
    with show.progress("checking") as bar:
        bar.start(len(entries))
        for entry in entries:
            try:
                store.check(entry)
            except DamagedEntryError as error:
                damaged.append(str(error))
            bar.step(entry.facts.key.scene_id)
    unfinished = [str(path) for path in store.remains()]
    show.document({"checked": len(entries), "damaged": damaged, "unfinished": unfinished})
    for line in damaged:
        show.trouble(f"{line}; it will be fetched again when it is read")
    show.say(f"{plural(len(entries), 'image')} checked, {len(damaged)} damaged, {len(unfinished)} unfinished")
    return int(bool(damaged))


def prune_imagery(root: Path, rules: PruneRules, show: Show, *, is_done: bool) -> int:
    """Remove what `rules` let go, or say what would be removed; return the exit code."""
    if rules == PruneRules():
        raise ConfigError("say what may go: --superseded, --older-than DAYS, --max-gb SIZE, or several of them")
    store, now = open_store(root), datetime.now(UTC)
    going = choose_to_prune(list(store.entries()), rules, now=now)
    oldest = (now - _REMAINS_AGE).timestamp()
    remains = [path for path in store.remains() if path.stat().st_mtime < oldest]
    size_mb = (sum(entry.size_bytes for entry, _ in going) + sum(path.stat().st_size for path in remains)) / _MB
    if is_done:
        _remove(store, [entry for entry, _ in going], remains)
    show.document(
        {
            "removed": is_done,
            "entries": [{**_as_json(entry), "reason": reason} for entry, reason in going],
            "unfinished": [str(path) for path in remains],
            "mb": round(size_mb, 3),
        }
    )
    for entry, reason in going[:SHOWN]:
        show.say(f"{entry.facts.key.scene_id}  {entry.size_bytes / _MB:.1f} MB  {reason}")
    if len(going) > SHOWN:
        show.say(f"and {len(going) - SHOWN} more")
    what = f"{plural(len(going), 'image')} of {size_mb:,.1f} MB"
    show.say(f"removed {what}" if is_done else f"would remove {what}; nothing was removed: say --yes to do it")
    return 0


def open_store(root: Path) -> ImageStore:
    """Return the imagery kept in the workspace in `root`.

    Raises:
        ConfigError: There is no workspace, or its settings are wrong.

    """
    return ImageStore(Workspace.open(root).imagery_dir)


def _remove(store: ImageStore, entries: Sequence[Entry], remains: Sequence[Path]) -> None:
    for entry in entries:
        with writing(entry.item_path):
            store.prune(entry)
    for path in remains:
        with writing(path):
            path.unlink(missing_ok=True)


def _of(entries: Sequence[Entry], source: str) -> list[Entry]:
    return [entry for entry in entries if entry.facts.key.source == source]


def _row(name: str, entries: Sequence[Entry]) -> list[str]:
    days = sorted(entry.facts.observed_at.date() for entry in entries)
    scenes = {entry.facts.key.scene_id for entry in entries}
    superseded = sum(entry.facts.superseded_by is not None for entry in entries)
    size_mb = sum(entry.size_bytes for entry in entries) / _MB
    counts = [str(count) for count in (len(scenes), len(entries), superseded)]
    return [name, *counts, f"{size_mb:,.1f}", str(days[0]), str(days[-1])]


def _as_json(entry: Entry) -> dict[str, Any]:
    facts = entry.facts
    return {
        "source": facts.key.source,
        "scene_id": facts.key.scene_id,
        "observed_at": facts.observed_at.isoformat(),
        "processing_baseline": facts.key.baseline,
        "bands": list(facts.bands),
        "epsg": facts.grid.epsg,
        "bounds_m": list(facts.grid.bounds_m),
        "pixel_m": facts.grid.pixel_m,
        "superseded": facts.superseded_by is not None,
        "size_bytes": entry.size_bytes,
        "last_read_at": entry.last_read_at.isoformat(),
        "image": str(entry.image_path),
    }
