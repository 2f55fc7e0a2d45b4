"""Make the orders of a run: what each area needs, brought to where the workers can reach it."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from flows.area.outcome import AreaOutcome
from flows.area.pipeline import Job, facilities_near, watch_or_fail
from flows.area.plan import Action
from flows.pull.needs import Foresight, choose, fetch, foresight, need, readings_of
from flows.reading.looks import area_grid, common_bands
from flows.reading.radar import RADAR_BANDS
from flows.reading.sources import is_kept
from flows.scale.orders import Handed, Order
from flows.scale.products import File, get_product, mark_in, put_file, put_product, shared_product
from flows.scale.storage import Storage
from flows.settings.config import Config, FolderSettings, SentinelHubSettings, StacSettings
from flows.settings.version import code_version
from flows.settings.workspace import writing
from geo.cache import CachedSource
from geo.errors import ConfigError
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.folder.sidecar import DATES_NAME, SIDECAR_NAME
from geo.sources.ledger import spending_on

logger = logging.getLogger(__name__)

_IMAGERY, _KEPT, _RADAR, _NIGHT = "imagery-files", "imagery", "radar-files", "night-files"
_BESIDE = (SIDECAR_NAME, DATES_NAME)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preparing:
    """Makes orders."""

    job: Job
    storage: Storage
    run: str
    """Of this run alone."""
    force: bool

    @property
    def is_remote(self) -> bool:
        """Whether the workers do not see the workspace's folder."""
        return bool(self._config.scale.shared)

    @property
    def _config(self) -> Config:
        return self.job.workspace.config

    def check(self) -> None:
        """Find out whether the imagery can be brought to the workers.

        Raises:
            ConfigError: It cannot.

        """
        for job in self._jobs():
            settings, name = job.workspace.config.source, "source" if job is self.job else "radar"
            if isinstance(settings, SentinelHubSettings) and not is_kept(job.workspace):
                raise ConfigError(
                    f"[scale] on = 'dask': imagery by account ([{name}]) is fetched by this machine and must be kept: "
                    "set cache.enabled = true"
                )
            if self.is_remote and isinstance(settings, StacSettings) and settings.path:
                raise ConfigError(
                    f"[{name}] path: workers that share {self.storage.place} do not see this catalogue on disk; name "
                    "one on the web, or take kind = 'folder'"
                )

    def order(self, area_id: str) -> Order | AreaOutcome:
        """Return what a worker is to be told of an area; or its outcome, where no worker is needed.

        Raises:
            SitewatchError: What it needs cannot be fetched, or not be brought to the workers.

        """
        mark = f"{self.run}.{quote(area_id, safe='')[:80]}-{os.urandom(3).hex()}"
        area = self.job.areas[area_id]
        order = Order(
            mark=mark,
            stamp=self.job.run,
            code=code_version(),
            force=self.force,
            config=self._config,
            area=area,
            facilities=tuple(facilities_near(self.job, area)),
            reviews=tuple(self.job.reviews.get(area_id, ())),
            false_alarms=tuple(self.job.false_alarms),
            home="" if self.is_remote else str(self.job.workspace.root),
            storage=self.storage.place,
        )
        by_account = [isinstance(job.workspace.config.source, SentinelHubSettings) for job in self._jobs()]
        if not self.is_remote and not any(by_account):
            return order
        if self.is_remote:
            self._adopt(area_id)
        with spending_on(area_id):
            seen = foresight(self.job, area, force=self.force, choosing=choose)
        if seen.step.action is Action.UP_TO_DATE:
            return watch_or_fail(self.job, area_id, force=self.force)
        for job, refs in ((self.job, seen.chosen), (self.job.radar, seen.heard)):
            if job is not None and isinstance(job.workspace.config.source, SentinelHubSettings):
                _pull(job, area_id, refs)
        order = self._with_scenes(order, seen)
        return self._brought(order, seen) if self.is_remote else order

    def _jobs(self) -> Iterator[Job]:
        yield self.job
        if self.job.radar is not None:
            yield self.job.radar

    def _with_scenes(self, order: Order, seen: Foresight) -> Order:
        """Tell a worker which scenes there are, where it is not to ask itself."""
        radar = self.job.radar
        found, heard = order.found, order.heard
        if isinstance(self._config.source, SentinelHubSettings):
            found = Handed(refs=seen.refs, credit=self.job.source.credit)
        if radar is not None and isinstance(radar.workspace.config.source, SentinelHubSettings):
            heard = Handed(refs=seen.heard, credit=radar.source.credit)
        return replace(order, found=found, heard=heard)

    def _adopt(self, area_id: str) -> None:
        """Take over a product that a worker had finished when an earlier run was killed."""
        area_dir = self.job.workspace.area_dir(area_id)
        there, here = shared_product(self.storage, area_id), mark_in(area_dir)
        if there is not None and there.record != here and there.before == here:
            get_product(self.storage, there, area_dir)
            logger.info("%s: took over what an earlier run had left at %s", area_id, self.storage.place)

    def _brought(self, order: Order, seen: Foresight) -> Order:
        """Bring imagery and the last product to the storage, and name them as the worker will find them."""
        area_id = order.area.area_id
        files = [*self._imagery(self.job, area_id, seen.refs, _IMAGERY, _KEPT)]
        if self.job.radar is not None:
            files += self._imagery(self.job.radar, area_id, seen.heard, _RADAR, _KEPT)
        files += [put_file(self.storage, one.path, f"{_NIGHT}/{one.path.name}") for one in self.job.night]
        area_dir = self.job.workspace.area_dir(area_id)
        before = put_product(self.storage, area_dir, area_id)
        unique = {file.name: file for file in files}
        return replace(order, config=_as_there(self._config), files=tuple(unique.values()), before=before)

    def _imagery(self, job: Job, area_id: str, refs: tuple[SceneRef, ...], folder: str, kept: str) -> Iterator[File]:
        source, config = job.source, job.workspace.config
        if isinstance(config.source, SentinelHubSettings) and isinstance(source, CachedSource):
            grid = area_grid(job.areas[area_id], config)
            for path in dict.fromkeys(path for ref in refs for path in source.files_of(ref, grid)):
                yield put_file(self.storage, path, f"{kept}/{path.relative_to(source.store.root).as_posix()}")
        inner = source.inner if isinstance(source, CachedSource) else source
        if isinstance(config.source, FolderSettings) and isinstance(inner, FolderSource):
            names = {name for ref in refs for name in inner.files_of(ref.scene_id)}
            for name in sorted({*names, *_beside(inner.folder, names)}):
                for path in _files_in(inner.folder / name):
                    yield put_file(self.storage, path, f"{folder}/{path.relative_to(inner.folder).as_posix()}")


def _pull(job: Job, area_id: str, refs: tuple[SceneRef, ...]) -> None:
    """Fetch and keep what a worker will read of an area: it has no account.

    Raises:
        SourceError: The provider does not give it.
        OutputError: It cannot be kept.

    """
    source = job.source
    if not refs or not isinstance(source, CachedSource):
        return
    is_radar = job.radar is None and refs[0].quantity.value == "gamma0"
    bands = common_bands(refs, RADAR_BANDS) if is_radar else common_bands(refs)
    wanted = need(job, job.areas[area_id], refs, [(ref, bands) for ref in refs])
    for reading in readings_of(job, wanted.looks):
        fetch(source, reading)


def _beside(folder: Path, names: set[Path]) -> Iterator[Path]:
    """Yield the files that say what these files are: tables in their folders, and what a product says of itself."""
    for parent in {parent for name in names for parent in name.parents}:
        for path in (folder / parent).iterdir() if parent.suffix.upper() != ".ZARR" else ():
            if path.is_file() and path.name.lower() in _BESIDE:
                yield path.relative_to(folder)
        if parent.suffix.upper() == ".SAFE":
            yield from (path.relative_to(folder) for path in (folder / parent).rglob("*.xml"))


def _files_in(path: Path) -> list[Path]:
    with writing(path):
        return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _as_there(config: Config) -> Config:
    """Return the settings as they hold in the folder that a worker makes for one area."""
    changed: dict[str, object] = {"cache": config.cache.model_copy(update={"path": _KEPT})}
    if isinstance(config.source, FolderSettings):
        changed["source"] = config.source.model_copy(update={"path": _IMAGERY})
    if isinstance(config.radar, FolderSettings):
        changed["radar"] = config.radar.model_copy(update={"path": _RADAR})
    if config.nightlight.path:
        changed["nightlight"] = config.nightlight.model_copy(update={"path": _NIGHT})
    return config.model_copy(update=changed)
