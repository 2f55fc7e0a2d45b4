"""Items as scenes: the tiles of one overpass are one scene, and what was processed again supersedes what was before."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from geo.reflectance import baseline_number
from geo.sources.base import SceneRef
from geo.sources.stac.assets import ALL_BANDS, BandAsset
from geo.sources.stac.items import StacItem

ONE_OVERPASS = timedelta(seconds=120)
"""Tiles seen with less between them, one after the other, belong to one overpass, where no datatake tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StacScene:
    """The items of one overpass."""

    ref: SceneRef
    items: tuple[StacItem, ...]

    def layers(self, band: str, *, epsg: int) -> tuple[BandAsset, ...]:
        """Return the files of `band`; those whose pixels need not be warped onto a grid in `epsg` come first."""
        found = [item.bands[band] for item in self.items if band in item.bands]
        return tuple(sorted(found, key=lambda asset: (asset.epsg != epsg, asset.item_id)))


def group_items(items: Iterable[StacItem]) -> tuple[StacScene, ...]:
    """Return the scenes that `items` make, ascending in time, each with an id of its own."""
    scenes = [_scene(group) for group in _overpasses(newest(items))]
    scenes.sort(key=lambda scene: (scene.ref.observed_at, scene.ref.scene_id))
    taken = Counter(scene.ref.scene_id for scene in scenes)
    return tuple(_told_apart(scene) if taken[scene.ref.scene_id] > 1 else scene for scene in scenes)


def newest(items: Iterable[StacItem]) -> list[StacItem]:
    """Return the items but those that a later baseline of the same platform, datatake and tile supersedes.

    Items of one baseline are all kept: a tile that two ground stations took down comes in two parts.
    """
    by_acquisition: dict[tuple[str | None, ...], list[StacItem]] = {}
    for item in items:
        is_known = item.datatake is not None and item.tile is not None
        key = (item.platform, item.datatake, item.tile) if is_known else (item.item_id,)
        by_acquisition.setdefault(key, []).append(item)
    kept = []
    for found in by_acquisition.values():
        latest = max(map(_baseline, found))
        kept += [item for item in found if _baseline(item) == latest]
    return kept


def _baseline(item: StacItem) -> tuple[int, int]:
    return baseline_number(item.baseline) if item.baseline else (0, 0)


def _overpasses(items: Sequence[StacItem]) -> list[list[StacItem]]:
    """Return the items by overpass: by datatake where that is known, else by time."""
    groups: dict[tuple[str, str], list[StacItem]] = {}
    untold: dict[tuple[str, int | None], list[StacItem]] = {}
    for item in items:
        if item.datatake is not None:
            groups.setdefault((item.platform, item.datatake), []).append(item)
        else:
            untold.setdefault((item.platform, item.relative_orbit), []).append(item)
    return [*groups.values(), *(run for found in untold.values() for run in _runs(found))]


def _runs(items: Sequence[StacItem]) -> list[list[StacItem]]:
    ordered = sorted(items, key=lambda item: (item.observed_at, item.item_id))
    runs = [[ordered[0]]]
    for item in ordered[1:]:
        if item.observed_at - runs[-1][-1].observed_at <= ONE_OVERPASS:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _scene(group: Sequence[StacItem]) -> StacScene:
    items = tuple(sorted(group, key=lambda item: item.item_id))
    first = min(items, key=lambda item: item.observed_at)
    clouds = [item.cloud_share for item in items if item.cloud_share is not None]
    baselines = sorted({item.baseline for item in items if item.baseline}, key=baseline_number)
    ref = SceneRef(
        scene_id=_scene_id(items),
        observed_at=first.observed_at,
        platform=first.platform,
        bands=_common(items),
        fingerprint=_fingerprint(items),
        quantity=first.quantity,
        processing_baseline=baselines[0] if baselines else None,
        relative_orbit=first.relative_orbit,
        cloud_share=sum(clouds) / len(clouds) if clouds else None,
        provider=tuple(fact for item in items for fact in item.provider),
    )
    return StacScene(ref=ref, items=items)


def _common(items: Sequence[StacItem]) -> tuple[str, ...]:
    """Return the bands that every tile has: with one that a tile lacks, its ground would be a hole."""
    offered: Mapping[str, int] = Counter(band for item in items for band in item.bands)
    return tuple(band for band in ALL_BANDS if offered.get(band) == len(items))


def _scene_id(items: Sequence[StacItem]) -> str:
    """Return the product's id; of several tiles the first one's, with the number of the others."""
    names = sorted({item.product_id for item in items})
    return names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"


def _told_apart(scene: StacScene) -> StacScene:
    scene_id = f"{scene.ref.scene_id}_{scene.ref.observed_at:%Y%m%dT%H%M%S}"
    return replace(scene, ref=replace(scene.ref, scene_id=scene_id))


def _fingerprint(items: Sequence[StacItem]) -> str:
    facts = [fact for item in items for fact in (*item.facts, item.observed_at.isoformat())]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]
