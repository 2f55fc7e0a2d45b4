"""Imagery from a folder: GeoTIFF and JPEG 2000 files, Sentinel-2 products, cubes; any pixel size, any CRS."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import SCL, MaskParams
from geo.scene import Scene
from geo.sources.base import SceneRef
from geo.sources.clear import Seen, look_through, scene_of, tell_of_missing_probability
from geo.sources.folder.files import find_files
from geo.sources.folder.image import Fault
from geo.sources.folder.index import FolderScene, group_scenes
from geo.sources.folder.read import is_on_own_pixels, mosaic, mosaic_classes
from geo.sources.moved import moved_grid
from geo.sources.warp import touching


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions:
    """What a folder cannot say itself."""

    credit: str = "Contains modified Copernicus Sentinel data {years}"
    mask: MaskParams = field(default_factory=MaskParams)


class FolderSource:
    """The images below one folder; `ImagerySource` says what its two questions mean.

    How files become scenes: `geo.sources.folder.index`; what a ``scenes.csv`` beside them may say:
    `geo.sources.folder.sidecar`; how their numbers become reflectance: `geo.sources.folder.layers`. In short:
    dates and bands come from names, 16-bit numbers are reflectance times 10 000, 8-bit numbers are display values,
    floating point is taken as it is, 0 in whole numbers is "not recorded", and tags and sidecar win over all of it.
    Sentinel-2 products (`geo.sources.folder.safe`) and cubes (`geo.sources.folder.cubes`) tell most of it themselves.

    Headers are read once in the life of a source; no file stays open. Threads may share one, processes may each have
    a copy.
    """

    def __init__(self, path: Path, options: FolderOptions | None = None) -> None:
        self._path = Path(path)
        self._options = options or FolderOptions()
        self._lock = Lock()
        self._found: tuple[tuple[FolderScene, ...], tuple[Fault, ...]] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[Path, FolderOptions]]:
        return type(self), (self._path, self._options)

    @property
    def credit(self) -> str:
        """The line that every product made from this imagery must carry."""
        return self._options.credit

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the scenes of [first, last] that touch `shape_4326`, ascending in time; none is an answer.

        A scene with a file that is damaged or has no georeference is returned as well, wherever it may lie: `read`
        tells what is wrong with it, so that one bad file costs one scene.

        Raises:
            SourceError: There is no such folder or no imagery in it; a sidecar is wrong; an image has no date; or the
                bands or numbers of an image of that time and place are not known. Names the file.

        """
        scenes, faults = self._index()
        for fault in faults:
            place = fault.footprint_4326
            is_then = fault.observed_on is None or first <= fault.observed_on <= last
            if is_then and (place is None or place.intersects(shape_4326)):
                raise SourceError(fault.message)
        found = [
            scene for scene in scenes if first <= scene.ref.observed_at.date() <= last and scene.touches(shape_4326)
        ]
        if self._options.mask.cloud_probability_percent is not None and not all(map(_has_probability, found)):
            tell_of_missing_probability(str(self._path))
        return [scene.ref for scene in found]

    def files_of(self, scene_id: str) -> tuple[Path, ...]:
        """Return the files that a scene is read from, relative to the folder; none where there is no such scene.

        Raises:
            SourceError: As for `search`.

        """
        scenes, _ = self._index()
        found = (scene for scene in scenes if scene.ref.scene_id == scene_id)
        layers = (layer for scene in found for many in (*scene.layers.values(), scene.cloud_percent) for layer in many)
        return tuple(sorted({layer.path.relative_to(self._path) for layer in layers}))

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._path

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return `ref` resampled onto `grid`, reading no more of the files than lies under it.

        Clear is what every one of `bands` recorded and, where the scene has a classification layer, what it calls
        clear (`geo.masks`), also if that layer is not among `bands`.

        Raises:
            SourceError: The scene is not in the folder or has changed since `search`, offers no such band, or a file
                is damaged or has no georeference. Names the file.

        """
        scene = self._scene(ref)
        missing = [band for band in bands if band not in scene.layers]
        if missing:
            offered = ", ".join(scene.layers)
            raise SourceError(f"{self._path}: scene {ref.scene_id} has no {', '.join(missing)}; it has {offered}")
        values = {band: mosaic(scene.layers[band], grid) for band in bands if band != SCL}
        seen = self._seen(scene, grid, self._options.mask) if SCL in scene.layers else None
        return scene_of(ref, grid, values, seen, bands=bands)

    def read_moved(
        self, ref: SceneRef, grid: Grid, shift_px: tuple[float, float], *, bands: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return `bands` of `ref` moved (down, right), shape (band, y, x); see `geo.sources.moved.MovingSource`."""
        scene = self._scene(ref)
        if all(is_on_own_pixels(layer, grid) for band in bands for layer in touching(scene.layers[band], grid)):
            return None
        beside = moved_grid(grid, shift_px)
        return np.stack([mosaic(scene.layers[band], beside, is_moved=True) for band in bands])

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Return the share (0-1) of `grid` that the mask calls clear; None without a classification layer.

        Clouds are not grown here: the pixels of `grid` may be coarser than what they would be grown by.

        Raises:
            SourceError: As for `read`.

        """
        scene = self._scene(ref)
        if SCL not in scene.layers:
            return None
        return float(self._seen(scene, grid, replace(self._options.mask, buffer_px=0)).is_clear.mean())

    def _seen(self, scene: FolderScene, grid: Grid, mask: MaskParams) -> Seen:
        return look_through(
            grid,
            mask,
            partial(mosaic_classes, scene.layers[SCL]),
            partial(mosaic, scene.cloud_percent),
            what=f"{self._path}: scene {scene.ref.scene_id}",
        )

    def _index(self) -> tuple[tuple[FolderScene, ...], tuple[Fault, ...]]:
        with self._lock:
            if self._found is None:
                files, faults = find_files(self._path)
                self._found = (group_scenes(files), faults)
            return self._found

    def _scene(self, ref: SceneRef) -> FolderScene:
        scenes, _ = self._index()
        for scene in scenes:
            if scene.ref.scene_id == ref.scene_id:
                if scene.ref.fingerprint != ref.fingerprint:
                    raise SourceError(f"{self._path}: files of scene {ref.scene_id} have changed since the search")
                return scene
        raise SourceError(f"{self._path}: holds no scene {ref.scene_id}")


def _has_probability(scene: FolderScene) -> bool:
    """Say whether the classes of all tiles, if there are any, come with a cloud probability."""
    return len(scene.cloud_percent) == len(scene.layers.get(SCL, ()))
