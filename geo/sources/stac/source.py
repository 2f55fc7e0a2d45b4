"""Imagery from a STAC catalogue; `ImagerySource` says what its two questions mean."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Scene
from geo.sources.base import SceneRef
from geo.sources.clear import CLOUD_LAYER, Seen, look_through, scene_of, tell_of_missing_probability
from geo.sources.moved import moved_grid
from geo.sources.stac.items import StacItem, read_item
from geo.sources.stac.options import StacOptions
from geo.sources.stac.remote import Reader, is_on_web
from geo.sources.stac.scenes import StacScene, group_items
from geo.sources.stac.static import Document, documents, locate_beside
from geo.sources.warp import first_recorded, touching

logger = logging.getLogger(__name__)


class StacSource:
    """The scenes of one collection of a STAC catalogue.

    Which asset is which band: `geo.sources.stac.assets`; how tiles become scenes, and what supersedes what:
    `geo.sources.stac.scenes`; how numbers become reflectance: `geo.reflectance`; how pixels are fetched:
    `geo.sources.stac.remote`. Sentinel-1 comes as linear gamma0 (bands ``VV``, ``VH``) from terrain-corrected
    collections only.

    A catalogue on disk is read once in the life of a source, one on the web at each search. Threads may share a
    source, processes may each have a copy.
    """

    def __init__(self, options: StacOptions, known: Mapping[str, StacScene] | None = None) -> None:
        self._options = options
        self._reader = Reader(options)
        self._pool = ThreadPoolExecutor(options.connections, thread_name_prefix="stac")
        self._lock = Lock()
        self._known = dict(known or {})
        self._on_disk: tuple[StacItem, ...] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[StacOptions, dict[str, StacScene]]]:
        return type(self), (self._options, dict(self._known))

    @property
    def credit(self) -> str:
        """The line that every product made from this imagery must carry."""
        return self._options.credit

    def check(self, *, timeout_s: float = 5.0) -> str:
        """Return the catalogue's title if it answers within `timeout_s`; of one on disk, how many items it has.

        Raises:
            SourceUnavailableError: It does not answer.
            SourceError: It is no STAC catalogue, or does not have the collection.

        """
        if self._options.path is not None:
            return f"{len(self._disk_items())} items"
        from geo.sources.stac.api import ApiCatalogue  # noqa: PLC0415 - a catalogue on disk needs no client

        return ApiCatalogue(self._options).check(timeout_s=timeout_s)

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the scenes of [first, last] that touch `shape_4326`, ascending in time; none is an answer.

        Raises:
            SourceUnavailableError: The catalogue does not answer.
            QuotaExceededError: It asks not to be asked any more.
            SourceError: It refuses the search, is no STAC catalogue, or holds nothing that we can read.

        """
        if shape_4326.is_empty:
            self.check(timeout_s=self._options.timeout_s)
            return []
        items = [
            item
            for item in self._items(shape_4326, first=first, last=last)
            if first <= item.observed_at.date() <= last and item.touches(shape_4326)
        ]
        scenes = group_items(items)
        doubtful = sum(any(asset.is_doubtful for asset in item.bands.values()) for item in items)
        if doubtful:
            logger.warning(
                "%s: the catalogue may be wrong about the offset of %d items: see geo.reflectance",
                self._options.place,
                doubtful,
            )
        if self._options.mask.cloud_probability_percent is not None and not all(map(_has_probability, scenes)):
            tell_of_missing_probability(self._options.place)
        with self._lock:
            self._known |= {scene.ref.scene_id: scene for scene in scenes}
        return [scene.ref for scene in scenes]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return `ref` resampled onto `grid`, fetching no more of the files than lies under it.

        Clear is what every one of `bands` recorded and, where the scene has a classification layer, what it calls
        clear (`geo.masks`), also if that layer is not among `bands`.

        Raises:
            SourceUnavailableError: A file is not delivered for now.
            QuotaExceededError: The provider asks not to be asked any more.
            SourceError: The scene comes from no search of this source, offers no such band, or a file is missing,
                closed or damaged. All name item and asset: a file that fails is never a hole in the image.

        """
        scene = self._scene(ref)
        missing = [band for band in bands if band not in ref.bands]
        if missing:
            offered = ", ".join(ref.bands)
            raise SourceError(
                f"{self._options.place}: scene {ref.scene_id} has no {', '.join(missing)}; it has {offered}"
            )
        measured = [band for band in bands if band != SCL]
        seen, values = self._pixels(scene, grid, measured)
        return scene_of(ref, grid, values, seen, bands=bands)

    def read_moved(
        self, ref: SceneRef, grid: Grid, shift_px: tuple[float, float], *, bands: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return `bands` of `ref` moved (down, right), shape (band, y, x); see `geo.sources.moved.MovingSource`.

        A catalogue on the web is not asked for a scene twice, nor for files of a catalogue on disk that lie on the web.
        """
        scene = self._scene(ref)
        assets = [asset for band in bands for asset in touching(scene.layers(band, epsg=grid.epsg), grid)]
        is_here = self._options.path is not None and not any(is_on_web(asset.href) for asset in assets)
        if not is_here or all(self._reader.is_on_own_pixels(asset, grid) for asset in assets):
            return None
        beside = moved_grid(grid, shift_px)
        with _silent_warps():
            return np.stack([self._band(scene, band, beside, is_moved=True) for band in bands])

    def _items(self, shape_4326: BaseGeometry, *, first: date, last: date) -> list[StacItem]:
        if self._options.path is not None:
            return list(self._disk_items())
        from geo.sources.stac.api import ApiCatalogue  # noqa: PLC0415 - a catalogue on disk needs no client

        found = ApiCatalogue(self._options).items(shape_4326, first=first, last=last)
        return self._usable(read_item(one.content, locate=_locator(one)) for one in found)

    def _disk_items(self) -> tuple[StacItem, ...]:
        path = self._options.path
        if path is None:
            return ()
        with self._lock:
            if self._on_disk is None:
                found = (
                    one
                    for one in documents(path)
                    if self._options.collection in {"", str(one.content.get("collection") or "")}
                )
                self._on_disk = tuple(self._usable(_with_file_state(_disk_item(one)) for one in found))
            if not self._on_disk:
                raise SourceError(f"{path}: holds no STAC item" + self._of_collection())
            return self._on_disk

    def _usable(self, items: Iterator[StacItem]) -> list[StacItem]:
        """Return the items that have bands, each once.

        Raises:
            SourceError: There are items, and none has.

        """
        found = {item.item_id: item for item in items}
        usable = [item for item in found.values() if item.bands]
        if found and not usable:
            raise SourceError(
                f"{self._options.place}: item {next(iter(found))} and {len(found) - 1} more: expected GeoTIFF or "
                "JPEG 2000 assets with the bands of Sentinel-2 (B04, red, …) or Sentinel-1 (vv, vh); found none"
            )
        return usable

    def _of_collection(self) -> str:
        return f" of collection {self._options.collection}" if self._options.collection else ""

    def _scene(self, ref: SceneRef) -> StacScene:
        with self._lock:
            scene = self._known.get(ref.scene_id)
        if scene is None:
            raise SourceError(f"{self._options.place}: no search found a scene {ref.scene_id}")
        if scene.ref.fingerprint != ref.fingerprint:
            raise SourceError(f"{self._options.place}: files of scene {ref.scene_id} have changed since the search")
        return scene

    def _pixels(
        self, scene: StacScene, grid: Grid, measured: Sequence[str]
    ) -> tuple[Seen | None, dict[str, NDArray[np.float32]]]:
        """Return what the classification layer says, if there is one, and the bands `measured`, read side by side."""
        waiting = {band: self._pool.submit(self._band, scene, band, grid) for band in measured}
        looking = self._pool.submit(self._seen, scene, grid) if SCL in scene.ref.bands else None
        asked: list[Future[Any]] = [*waiting.values(), *([looking] if looking else [])]
        try:
            with _silent_warps():
                done = wait(asked, return_when=FIRST_EXCEPTION).done
            for future in asked:
                if future in done:
                    future.result()  # the first that failed speaks
            return looking.result() if looking else None, {band: future.result() for band, future in waiting.items()}
        finally:
            for future in asked:
                future.cancel()  # what failed needs no more of the others

    def _seen(self, scene: StacScene, grid: Grid) -> Seen:
        return look_through(
            grid,
            self._options.mask,
            partial(self._classes, scene),
            partial(self._band, scene, CLOUD_LAYER),
            what=f"{self._options.place}: scene {scene.ref.scene_id}",
        )

    def _classes(self, scene: StacScene, grid: Grid) -> NDArray[np.uint8]:
        layers = scene.layers(SCL, epsg=grid.epsg)
        return first_recorded(layers, grid, lambda asset: self._reader.read_classes(asset, grid), nothing=np.uint8(0))

    def _band(self, scene: StacScene, band: str, grid: Grid, *, is_moved: bool = False) -> NDArray[np.float32]:
        layers, read = scene.layers(band, epsg=grid.epsg), partial(self._reader.read, is_moved=is_moved)
        return first_recorded(layers, grid, lambda asset: read(asset, grid), nothing=np.float32(np.nan))


def _has_probability(scene: StacScene) -> bool:
    """Say whether the classes of all tiles, if there are any, come with a cloud probability."""
    return SCL not in scene.ref.bands or all(CLOUD_LAYER in item.bands for item in scene.items)


@contextmanager
def _silent_warps() -> Iterator[None]:
    """Silence a warning of rasterio's warps: it does so itself, but its threads undo that for each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _locator(document: Document) -> Callable[[str], str]:
    return lambda href: href if urlsplit(href).scheme else urljoin(document.href, href)


def _disk_item(document: Document) -> StacItem:
    try:
        return read_item(document.content, locate=lambda href: locate_beside(document.href, href))
    except (SourceError, OSError) as error:
        raise SourceError(f"{document.href}: {error}") from error


def _with_file_state(item: StacItem) -> StacItem:
    """Add size and time of change of the files on disk to what the item's fingerprint is made of."""
    states = []
    for asset in item.bands.values():
        path = Path(asset.href)
        with suppress(OSError, ValueError):  # it is not there, or a name that no disk takes: reading it says so
            state = path.stat()
            states += [f"{asset.key} {state.st_size} {state.st_mtime_ns}"] if S_ISREG(state.st_mode) else []
    return replace(item, facts=(*item.facts, *states))
