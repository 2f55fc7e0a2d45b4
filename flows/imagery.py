"""The imagery that a workspace keeps: pull years of it, list it, check it, let go of what is not needed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aoi.areas import Area
from flows.config import SentinelHubSettings
from flows.cost import check_budget, plan_pull
from flows.looks import NEWEST, OLDEST
from flows.needs import Look, Reading, choose, fetch, need_of_pull, readings_of
from flows.pipeline import Job, check_source
from flows.run import Listener
from flows.show import Show, plural, show_table
from flows.workspace import Workspace, writing
from geo.cache import CachedSource, Entry, ImageStore, PruneRules, choose_to_prune
from geo.cache.store import DamagedEntryError
from geo.errors import ConfigError, QuotaExceededError, SitewatchError, SourceError, SourceUnavailableError
from geo.sources.base import SceneRef
from geo.sources.ledger import spending_on

logger = logging.getLogger(__name__)

MOST_SILENCES = 5
"""After so many scenes in a row that the provider did not deliver, it is asked no more."""
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


@dataclass(slots=True, kw_only=True)
class AreaPull:
    """How far the imagery of one area is there. Counts up while it is pulled."""

    area_id: str
    chosen: int = 0
    """Scenes wanted."""
    not_chosen: int = 0
    there: int = 0
    """Kept by an earlier run or pull."""
    fetched: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Scene id, or nothing for the search, to what went wrong."""

    @property
    def left(self) -> int:
        """Scenes that were not come to."""
        return self.chosen - self.there - self.fetched - sum(bool(scene_id) for scene_id in self.failed)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        counts = {name: getattr(self, name) for name in ("chosen", "not_chosen", "there", "fetched", "left")}
        return {"area_id": self.area_id, **counts, "failed": dict(self.failed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What came of a pull."""

    areas: tuple[AreaPull, ...]
    stopped: str = ""
    """Why it stopped before the end; empty if it did not."""

    @property
    def exit_code(self) -> int:
        """0: everything that was wanted is there. 1: something is missing."""
        return int(bool(self.stopped) or any(area.failed or area.left for area in self.areas))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        areas = [area.as_json() for area in self.areas]
        return {"areas": areas, "stopped": self.stopped, "exit_code": self.exit_code}


def pull_workspace(
    root: Path,
    span: Span,
    *,
    area_ids: Sequence[str] = (),
    over_budget: bool = False,
    listener: Listener | None = None,
) -> PullReport:
    """Fetch what `sitewatch run` would read, and keep it; what is kept already is not asked for again.

    It may be killed at any time, and run beside a `sitewatch run`: what is kept is whole, and the next pull goes on.

    Raises:
        ConfigError: The settings are wrong, or say that nothing is kept; or the month's budget would not suffice,
            unless `over_budget`.
        AoiError: The areas are wrong.

    """
    job = Job.open(root)
    if not isinstance(job.source, CachedSource):
        raise ConfigError(
            f"imagery of kind {job.workspace.config.source.kind} lies on this disk already: there is nothing to pull "
            "([cache] enabled = true would keep copies of it)"
        )
    chosen = job.chosen(area_ids)
    check_source(job)
    if not over_budget and isinstance(job.workspace.config.source, SentinelHubSettings):
        check_budget(plan_pull(job, chosen, partial(_found, job, span)))
    return pull(job, job.source, span, area_ids=chosen, listener=listener)


def pull(
    job: Job, source: CachedSource, span: Span, *, area_ids: Sequence[str], listener: Listener | None = None
) -> PullReport:
    """Fetch the scenes of the areas, the newest first, whatever area they are of, near areas at once."""
    pulls = {area_id: AreaPull(area_id=area_id) for area_id in area_ids}
    readings = readings_of(job, list(_looks(job, span, pulls)))
    if listener:
        listener.start(len(readings))
    silences = 0
    for reading in readings:
        try:
            fetch(source, reading)
            _count(reading, pulls)
            silences = 0
        except QuotaExceededError as error:
            return PullReport(areas=tuple(pulls.values()), stopped=str(error))
        except SourceError as error:
            _count(reading, pulls, error)
            silences = silences + 1 if isinstance(error, SourceUnavailableError) else 0
            if silences == MOST_SILENCES:
                return PullReport(areas=tuple(pulls.values()), stopped=f"{MOST_SILENCES} times in a row: {error}")
        if listener:
            listener.step(f"{reading.spent_on}: {reading.looks[0].ref.observed_at.date()}")
    return PullReport(areas=tuple(pulls.values()))


def _looks(job: Job, span: Span, pulls: Mapping[str, AreaPull]) -> Iterator[Look]:
    """Yield what is to be fetched, and take down what is there already."""
    for area_id, area_pull in pulls.items():
        area = job.areas[area_id]
        try:
            refs = _found(job, span, area)
            need = need_of_pull(job, area, refs, choosing=choose)
        except SitewatchError as error:
            logger.warning("%s: %s", area_id, error)
            area_pull.failed[""] = str(error)
            continue
        area_pull.chosen, area_pull.there = need.scenes, need.kept
        area_pull.not_chosen = len(refs) - need.scenes
        yield from need.looks


def _found(job: Job, span: Span, area: Area) -> Sequence[SceneRef]:
    period = job.workspace.config.period
    first = max(span.first or period.first or OLDEST, area.since or OLDEST)
    last = span.last or period.last or NEWEST
    with spending_on(area.area_id):
        return job.source.search(area.polygon_4326, first=first, last=last) if first <= last else ()


def _count(reading: Reading, pulls: Mapping[str, AreaPull], error: SourceError | None = None) -> None:
    """Take down for each area what came of a reading."""
    if error is not None:
        logger.warning("%s: %s", reading.spent_on, error)
    for look in reading.looks:
        if error is None:
            pulls[look.area_id].fetched += 1
        else:
            pulls[look.area_id].failed[look.ref.scene_id] = str(error)


def show_pull(report: PullReport, show: Show) -> int:
    """Say what came of a pull; return the exit code."""
    show.document(report.as_json())
    for area in report.areas:
        for scene_id, why in area.failed.items():
            show.trouble(f"area {area.area_id}{f', {scene_id}' if scene_id else ''}: {why}")
    if report.stopped:
        show.trouble(f"stopped: {report.stopped}; the next pull goes on from here")
    if not (show.is_quiet or show.is_json):
        columns = ("area", "wanted", "there already", "fetched", "failed", "left")
        rows = [(a.area_id, a.chosen, a.there, a.fetched, len(a.failed), a.left) for a in report.areas]
        show_table(columns, [[str(cell) for cell in row] for row in rows])
    return report.exit_code


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
        with writing(entry.item_path), store.locked(entry.facts.key):
            store.drop(entry)
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
