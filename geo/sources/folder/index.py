"""A folder of images as a list of scenes: which files belong together.

The files of one time are one scene, whatever tiles and bands they are: adjoining tiles of one overpass are seen as one
image. Where two files hold the same band at the same place, finer pixels come before coarser ones, then names decide,
and the first that recorded a pixel wins. Where one time has measurements and pictures made of them, such as the TCI of
Sentinel-2 products, the measurements count.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.scene import RGB_BANDS, Quantity
from geo.sources.base import SceneRef
from geo.sources.folder.files import ImageFile
from geo.sources.folder.layers import Layer, broken_layers
from geo.sources.folder.names import BAND_NAMES, find_platform, shared_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScene:
    """The files of one time."""

    ref: SceneRef
    quantity: Quantity
    layers: Mapping[str, tuple[Layer, ...]]
    """Band to files, the one that goes first at the front."""

    def touches(self, shape_4326: BaseGeometry) -> bool:
        """Say whether the scene may show something of `shape_4326`: a file whose place is not known may."""
        footprints = {layer.footprint_4326 for layers in self.layers.values() for layer in layers}
        return any(footprint is None or footprint.intersects(shape_4326) for footprint in footprints)


def group_scenes(files: Sequence[ImageFile]) -> tuple[FolderScene, ...]:
    """Return the scenes that `files` make, ascending in time, one a time, each with an id of its own."""
    by_time: dict[datetime, list[ImageFile]] = {}
    for file in files:
        by_time.setdefault(file.observed_at, []).append(file)
    usual = _usual_bands(files)
    scenes = [_scene(stamp, by_time[stamp], usual) for stamp in sorted(by_time)]
    taken = Counter(scene.ref.scene_id for scene in scenes)
    return tuple(_told_apart(scene) if taken[scene.ref.scene_id] > 1 else scene for scene in scenes)


def _usual_bands(files: Sequence[ImageFile]) -> tuple[str, ...]:
    """Return the bands that most files of several bands have: the best guess for a file that cannot be opened."""
    kinds = Counter(tuple(layer.band for layer in file.layers) for file in files if len(file.layers) > 1)
    return kinds.most_common(1)[0][0] if kinds else RGB_BANDS


def _scene(stamp: datetime, files: Sequence[ImageFile], usual: Sequence[str]) -> FolderScene:
    layers = [layer for file in files for layer in file.layers or broken_layers(file.path, usual, file.problem)]
    quantities = {layer.numbers.quantity for layer in layers if layer.numbers}
    quantity = Quantity.DISPLAY if quantities == {Quantity.DISPLAY} else Quantity.REFLECTANCE
    kept = [layer for layer in layers if layer.numbers is None or layer.numbers.quantity is quantity]
    by_band = {
        band: tuple(sorted((layer for layer in kept if layer.band == band), key=lambda layer: layer.order))
        for band in BAND_NAMES
    }
    by_band = {band: found for band, found in by_band.items() if found}
    ref = SceneRef(
        scene_id=_scene_id(files),
        observed_at=stamp,
        platform=next(filter(None, map(_platform, files)), "unknown"),
        bands=tuple(by_band),
        fingerprint=_fingerprint(stamp, files),
    )
    return FolderScene(ref=ref, quantity=quantity, layers=by_band)


def _scene_id(files: Sequence[ImageFile]) -> str:
    """Return the name the files share; of several tiles the first one's, with the number of the others."""
    names = sorted({_name(file) for file in files})
    return names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"


def _name(file: ImageFile) -> str:
    if file.row is not None and file.row.scene:
        return shared_name(file.row.scene)
    return next(filter(None, map(shared_name, file.names)), "scene")


def _told_apart(scene: FolderScene) -> FolderScene:
    scene_id = f"{scene.ref.scene_id}_{scene.ref.observed_at:%Y%m%dT%H%M%S}"
    return replace(scene, ref=replace(scene.ref, scene_id=scene_id))


def _platform(file: ImageFile) -> str | None:
    if file.row is not None and file.row.platform:
        return file.row.platform
    return next(filter(None, map(find_platform, file.names)), None)


def _fingerprint(stamp: datetime, files: Sequence[ImageFile]) -> str:
    """Return a digest of what the pixels hang on: time, files with size and time of change, and the sidecar's rows."""
    facts = [stamp.isoformat()]
    for file in files:
        try:
            state = file.path.stat()
        except OSError as error:
            raise SourceError(f"{file.path}: cannot be looked at: {error.strerror}") from error
        facts += [file.relative, str(state.st_size), str(state.st_mtime_ns), file.row.text if file.row else ""]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]
