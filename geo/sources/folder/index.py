"""A folder of images as a list of scenes: which files belong together.

The files of one time are one scene, whatever tiles and bands they are: adjoining tiles of one overpass are seen as one
image; radar and optical images, both of which a cube may hold of one day, are two. Where two files hold the same band
at the same place, finer pixels come before coarser ones, then names decide, and the first that recorded a pixel wins.
Where one time has measurements and pictures made of them, such as the TCI of Sentinel-2 products, the measurements
count.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.scene import RGB_BANDS, Quantity
from geo.sources.base import SceneRef
from geo.sources.clear import CLOUD_LAYER
from geo.sources.folder.image import LEVELS, RADAR, ImageFile
from geo.sources.folder.layers import Layer, broken_layers
from geo.sources.folder.names import BAND_NAMES, RADAR_BANDS, find_platform, shared_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScene:
    """The files of one time."""

    ref: SceneRef
    quantity: Quantity
    layers: Mapping[str, tuple[Layer, ...]]
    """Band to files, the one that goes first at the front."""
    cloud_percent: tuple[Layer, ...] = ()
    """The files of cloud probability, in the same order."""

    def touches(self, shape_4326: BaseGeometry) -> bool:
        """Say whether the scene may show something of `shape_4326`: a file whose place is not known may."""
        footprints = {layer.footprint_4326 for layers in self.layers.values() for layer in layers}
        return any(footprint is None or footprint.intersects(shape_4326) for footprint in footprints)


def group_scenes(files: Sequence[ImageFile]) -> tuple[FolderScene, ...]:
    """Return the scenes that `files` make, ascending in time, one a time, each with an id of its own."""
    groups: dict[datetime, dict[str, list[ImageFile]]] = {}
    for file in files:
        groups.setdefault(file.observed_at, {}).setdefault(file.told.kind if file.told else "", []).append(file)
    usual = _usual_bands(files)
    states = {path: _state(path) for file in files for path in _paths(file)}
    scenes = [
        _scene(stamp, by_kind[kind], usual, states)
        for stamp, by_kind in groups.items()
        for kind in _kept_kinds(by_kind, stamp)
    ]
    scenes.sort(key=lambda scene: (scene.ref.observed_at, scene.ref.scene_id))
    taken = Counter(scene.ref.scene_id for scene in scenes)
    return tuple(_told_apart(scene) if taken[scene.ref.scene_id] > 1 else scene for scene in scenes)


def _kept_kinds(kinds: Collection[str], stamp: datetime) -> list[str]:
    """Return the kinds of images of one time that become scenes: radar, and of the others the best.

    One time is one look: surface reflectance comes before that at the top of the atmosphere, and products, which tell
    what they are, before other files.
    """
    optical = [kind for kind in (*LEVELS, "") if kind in kinds]
    if len(optical) > 1:
        logger.info("%s: level %s is taken; %d other kinds of images are not", stamp, optical[0], len(optical) - 1)
    return [*optical[:1], *(kind for kind in (RADAR,) if kind in kinds)]


def _usual_bands(files: Sequence[ImageFile]) -> tuple[str, ...]:
    """Return the bands that most files of several bands have: the best guess for a file that cannot be opened."""
    kinds = Counter(tuple(layer.band for layer in file.layers) for file in files if len(file.layers) > 1)
    return kinds.most_common(1)[0][0] if kinds else RGB_BANDS


def _scene(
    stamp: datetime, files: Sequence[ImageFile], usual: Sequence[str], states: Mapping[Path, str]
) -> FolderScene:
    layers = [layer for file in files for layer in file.layers or broken_layers(file.path, usual, file.problem)]
    quantities = {layer.numbers.quantity for layer in layers if layer.numbers}
    unknown = Quantity.GAMMA0 if any(file.told and file.told.kind == RADAR for file in files) else Quantity.REFLECTANCE
    quantity = quantities.pop() if len(quantities) == 1 else unknown
    kept = [layer for layer in layers if layer.numbers is None or layer.numbers.quantity is quantity]
    ordered: dict[str, list[Layer]] = {}
    for layer in sorted(kept, key=lambda layer: layer.order):
        ordered.setdefault(layer.band, []).append(layer)
    by_band = {band: tuple(ordered[band]) for band in (*BAND_NAMES, *RADAR_BANDS) if band in ordered}
    tellings = [file.told for file in files if file.told]
    ref = SceneRef(
        scene_id=_scene_id(files),
        observed_at=min((told.sensed_at for told in tellings if told.sensed_at), default=stamp),
        platform=next(filter(None, map(_platform, files)), "unknown"),
        bands=tuple(by_band),
        fingerprint=_fingerprint(stamp, files, states),
        quantity=quantity,
        processing_baseline=min(
            (told.processing_baseline for told in tellings if told.processing_baseline), default=None
        ),
        relative_orbit=next((told.relative_orbit for told in tellings if told.relative_orbit is not None), None),
        cloud_share=max((told.cloud_share for told in tellings if told.cloud_share is not None), default=None),
    )
    return FolderScene(ref=ref, quantity=quantity, layers=by_band, cloud_percent=tuple(ordered.get(CLOUD_LAYER, ())))


def _scene_id(files: Sequence[ImageFile]) -> str:
    """Return the name the files share; of several tiles the first one's, with the number of the others."""
    names = sorted({_name(file) for file in files})
    return names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"


def _name(file: ImageFile) -> str:
    if file.told is None and file.row is not None and file.row.scene:
        return shared_name(file.row.scene)
    if file.told is not None:
        return file.told.scene_id
    return next(filter(None, map(shared_name, file.names)), "scene")


def _told_apart(scene: FolderScene) -> FolderScene:
    scene_id = f"{scene.ref.scene_id}_{scene.ref.observed_at:%Y%m%dT%H%M%S}"
    return replace(scene, ref=replace(scene.ref, scene_id=scene_id))


def _platform(file: ImageFile) -> str | None:
    if file.row is not None and file.row.platform:
        return file.row.platform
    if file.told is not None and file.told.platform:
        return file.told.platform
    return next(filter(None, map(find_platform, file.names)), None)


def _fingerprint(stamp: datetime, files: Sequence[ImageFile], states: Mapping[Path, str]) -> str:
    """Return a digest of what the pixels hang on: time, files and their state, and the sidecar's rows."""
    facts = [stamp.isoformat()]
    for file in files:
        facts += [file.relative, *(states[path] for path in _paths(file)), file.row.text if file.row else ""]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]


def _paths(file: ImageFile) -> list[Path]:
    note = file.told.note_path if file.told else None
    return [file.path, *([note] if note else [])]


def _state(path: Path) -> str:
    """Return what changes when a file, or anything in a folder of files, is written: size and time of change."""
    try:
        parts = [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]
        states = [part.stat() for part in parts]
    except OSError as error:
        raise SourceError(f"{path}: cannot be looked at: {error.strerror}") from error
    return f"{len(states)} {sum(state.st_size for state in states)} {max(state.st_mtime_ns for state in states)}"
