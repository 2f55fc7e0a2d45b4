"""What a worker is told of one area: all of it, but no pixels.

An order holds the settings, the area, and what is known of it as it stood when the run began, so that a worker opens
neither the watch list nor the store. Imagery is read where it lies, or, where the workers do not see the workspace's
folder, fetched from the shared storage.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from aoi.facilities import Facility
from detection.blocks import Crew
from detection.life.history import Review
from flows.area.perimeters import night_months
from flows.area.pipeline import Job
from flows.reading.radar import radar_workspace
from flows.reading.sources import make_source
from flows.scale.products import File, Pointer, get_files, get_product
from flows.scale.shelf import Scratch, Shelf, scratch_of
from flows.scale.storage import Storage
from flows.settings.config import Config
from flows.settings.workspace import Workspace
from geo.errors import SourceUnavailableError
from geo.grid import Grid
from geo.scene import Scene
from geo.sources.base import ImagerySource, SceneRef
from outputs.review.corrections import FalseAlarm

BLOCKS = "blocks"
"""Below this lies what blocks leave for each other; nothing of it outlives its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A source that knows the scenes that were found for it, and asks nobody for pixels."""

    refs: tuple[SceneRef, ...]
    credit: str

    def search(self, _shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the scenes of these days; they are of one area."""
        return [ref for ref in self.refs if first <= ref.observed_at.date() <= last]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:  # noqa: ARG002 - as all sources
        """Refuse: what is not kept was to be fetched before.

        Raises:
            SourceUnavailableError: Always.

        """
        raise SourceUnavailableError(f"{ref.scene_id}: is not among what was fetched for this run; run again")

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:  # noqa: ARG002 - as all sources
        """Return None: only what was asked before is known."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """One area to be watched."""

    mark: str
    """Of this order alone, fit for a path."""
    stamp: str
    """Of the run, as the journals name it."""
    code: str
    """The version of the program that gives it: a worker of another one would make other products."""
    force: bool
    config: Config
    area: Area
    facilities: tuple[Facility, ...]
    reviews: tuple[Review, ...]
    false_alarms: tuple[FalseAlarm, ...]
    home: str
    """The workspace's folder, as the workers see it; empty where they do not."""
    storage: str
    """Where the workers leave things for each other."""
    found: Handed | None = None
    """Optical scenes, where the workers are not to ask the provider themselves."""
    heard: Handed | None = None
    """Radar scenes, likewise."""
    files: tuple[File, ...] = ()
    """Imagery that is to be fetched from the storage."""
    before: Pointer | None = None
    """The last product of the area, to be fetched from there."""

    @property
    def run(self) -> str:
        """The run that it belongs to."""
        return self.mark.partition(".")[0]

    @property
    def shelf(self) -> Shelf:
        """Where the blocks of this area lie meanwhile."""
        scale = self.config.scale
        return Shelf(
            storage=Storage(self.storage),
            name=f"{BLOCKS}/{self.run}/{self.mark}",
            scratch=scale.scratch,
            scratch_mb=scale.scratch_mb,
        )

    @property
    def scratch(self) -> Scratch:
        """The scratch space of this process."""
        return scratch_of(self.config.scale.scratch, self.config.scale.scratch_mb)


@contextmanager
def opened(order: Order, crew: Crew) -> Iterator[Job]:
    """Give the job of an order, for the process that watches its area.

    Raises:
        OutputError: What it needs cannot be fetched.

    """
    if order.home:
        yield _job(order, Path(order.home), crew)
        return
    root = _home(order)
    try:
        if order.before is not None:
            area_dir = Workspace(root=root, config=order.config).area_dir(order.area.area_id)
            get_product(Storage(order.storage), order.before, area_dir, order.scratch)
        yield _job(order, root, crew)
    finally:
        shutil.rmtree(root, ignore_errors=True)


class Opener:
    """Gives the imagery source of an order in whatever process it is called."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def __call__(self) -> ImagerySource:
        """Return it; the last one is remembered.

        Raises:
            OutputError: The imagery cannot be fetched.

        """
        return _remembered(_ByMark(self.order)).source


@dataclass(frozen=True, slots=True)
class _ByMark:
    """An order that is told from others by its mark alone."""

    order: Order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByMark) and other.order.mark == self.order.mark

    def __hash__(self) -> int:
        return hash(self.order.mark)


class _Source:
    """A source, and the folder that is fetched for it, which goes with it."""

    def __init__(self, order: Order) -> None:
        self._root = None if order.home else _home(order)
        self.source = _source(order, Path(order.home) if self._root is None else self._root)

    def __del__(self) -> None:
        root = getattr(self, "_root", None)
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)


@lru_cache(maxsize=1)
def _remembered(known: _ByMark) -> _Source:
    return _Source(known.order)


def _home(order: Order) -> Path:
    """Make a workspace's folder in scratch space, with the imagery of the order."""
    root = order.scratch.folder / f"home-{order.mark}-{os.urandom(4).hex()}"
    try:
        root.mkdir()
        get_files(Storage(order.storage), order.files, root, order.scratch)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return root


def _job(order: Order, root: Path, crew: Crew) -> Job:
    workspace = Workspace(root=root, config=order.config)
    area_id = order.area.area_id
    watch = partial(
        Job,
        areas={area_id: order.area},
        facilities=order.facilities,
        reviews={area_id: order.reviews},
        false_alarms=order.false_alarms,
        night=night_months(workspace),
        run=order.stamp,
    )
    by_radar = radar_workspace(workspace)
    radar = None if by_radar is None else watch(workspace=by_radar, source=_radar(order, root))
    return watch(workspace=workspace, source=_source(order, root), crew=crew, radar=radar)


def _source(order: Order, root: Path) -> ImagerySource:
    workspace = Workspace(root=root, config=order.config)
    if order.home and order.found is None:  # the folder is the same for all areas: it is looked through once
        return _shared_source(order.home, order.run, _Settings(order.config))
    return make_source(workspace, order.found)


def _radar(order: Order, root: Path) -> ImagerySource:
    by_radar = radar_workspace(Workspace(root=root, config=order.config))
    if by_radar is None:
        raise ValueError("no radar is asked for")
    if order.home and order.heard is None:
        return _shared_source(order.home, order.run, _Settings(by_radar.config))
    return make_source(by_radar, order.heard)


class _Settings:
    """Settings that can be told apart quickly."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._text = config.model_dump_json()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Settings) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(maxsize=2)
def _shared_source(home: str, _run: str, settings: _Settings) -> ImagerySource:
    return make_source(Workspace(root=Path(home), config=settings.config))
