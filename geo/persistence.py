"""Roofs and bare ground that a classification takes for clouds, told from clouds by their staying where they are.

Bright surfaces are often classified as cloud: new roofs and freshly laid ground, which is just what is looked for.
A cloud does not come back to the same place with the same outline; a roof does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import disk

from geo.masks import SCL, SCL_SPREADING, SCL_UNCLASSIFIED, MaskParams, clear_from_scl, shares_by_cause
from geo.scene import Scene

_CLOUD = (8, 9)
"""Cloud of medium and high probability. Cirrus is thin and large: no roof looks like it."""
_GAP_PX = 2
"""Cloud pixels this close together are one blob: the roofs of one site are judged together."""

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistenceParams:
    """When what is classified as cloud is a bright surface after all."""

    min_dates: int = 3
    """On so many dates at least the same outline must be classified as cloud; 0 leaves all masks as they are."""

    within_days: int = 60
    """If they lie within so many days, that is enough."""

    min_date_share: float = 0.05
    """Else they must be this share (0-1) of the dates on which the surroundings are clear."""

    min_overlap: float = 0.7
    """Two outlines are the same if so much (0-1) of the smaller one lies within the larger one: the light decides how
    much of a site is bright enough to be taken for cloud."""

    min_size_ratio: float = 0.25
    """And if the smaller one is at least this part (0-1) of the larger one."""

    surroundings_px: int = 10
    """How far around a blob its surroundings reach."""

    max_hidden_around: float = 0.15
    """With more (0-1) of the surroundings hidden, it may be a part of a cloud, and stays masked."""

    def __post_init__(self) -> None:
        for name in ("min_date_share", "min_overlap", "min_size_ratio", "max_hidden_around"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, so between 0 and 1; got {getattr(self, name)}")
        for name in ("min_dates", "within_days", "surroundings_px"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative; got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Blob:
    """A piece of cloud with open ground around it."""

    date_index: int
    number: int
    """Its number among the blobs of its date, from 1."""
    window: tuple[slice, slice]
    around: tuple[slice, slice]
    """The window with the surroundings."""
    is_member: Bits
    """Within `window`."""
    size_px: int


def lasting_surfaces(classes: NDArray[np.uint8], days: Sequence[date], params: PersistenceParams) -> Bits:
    """Return which pixels are classified as cloud though they show a bright surface, shape (time, y, x).

    A blob of cloud whose surroundings are clear is a surface if blobs of the same outline stand in the same place on
    other dates: often enough within some weeks, or on enough of all dates on which the place can be judged.

    Args:
        classes: SCL class numbers, shape (time, y, x); 0 where there is none.
        days: The day of each date, in any order.
        params: When it is believed.

    """
    is_surface = np.zeros(classes.shape, dtype=bool)
    if params.min_dates == 0 or len(days) < params.min_dates:
        return is_surface
    is_hidden = np.isin(classes, (0, *SCL_SPREADING))
    numbers = np.zeros(classes.shape, dtype=np.int32)
    blobs = [
        blob
        for index, layer in enumerate(classes)
        for blob in _open_blobs(np.isin(layer, _CLOUD), is_hidden[index], numbers[index], index, params)
    ]
    sizes = {(blob.date_index, blob.number): blob.size_px for blob in blobs}
    often = (numbers > 0).sum(axis=0)
    for blob in blobs:
        if np.median(often[blob.window][blob.is_member]) < params.min_dates:
            continue
        alike = _dates_alike(blob, numbers, sizes, params)
        if _lasts([days[index] for index in alike], days[blob.date_index], _judged(blob, is_hidden, params), params):
            is_surface[blob.date_index][blob.window] |= blob.is_member
    return is_surface


def without_false_clouds(scenes: Sequence[Scene], mask: MaskParams, params: PersistenceParams) -> list[Scene]:
    """Return `scenes` of one grid with bright surfaces that were masked as clouds clearly seen again.

    In their classification layer, those pixels become unclassified. Scenes without such a layer are returned as they
    are. Near the edge of the grid, where a cloud beyond it may reach in, nothing is unmasked.

    Args:
        scenes: Of one grid, in any order, with the band ``SCL``.
        mask: How their masks were made.
        params: What is taken for a surface.

    """
    with_classes = [scene for scene in scenes if SCL in scene.bands]
    if not with_classes:
        return list(scenes)
    classes = np.stack([np.nan_to_num(scene.bands[SCL]).astype(np.uint8) for scene in with_classes])
    is_surface = lasting_surfaces(classes, [scene.observed_on for scene in with_classes], params)
    better = {
        scene.scene_id: _unmasked(scene, surface, mask)
        for scene, surface in zip(with_classes, is_surface, strict=True)
        if surface.any()
    }
    return [better.get(scene.scene_id, scene) for scene in scenes]


def _open_blobs(
    is_cloud: Bits, is_hidden: Bits, numbers: NDArray[np.int32], date_index: int, params: PersistenceParams
) -> list[_Blob]:
    """Return the blobs of one date around which the ground is seen, and write their numbers into `numbers`."""
    if not is_cloud.any():
        return []
    labels, _ = ndimage.label(ndimage.binary_dilation(is_cloud, structure=disk(_GAP_PX, dtype=bool)))
    labels *= is_cloud
    blobs = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        is_member = labels[window] == number
        size_px = int(np.count_nonzero(is_member))
        around = _grown(window, params.surroundings_px)
        ground_px = is_hidden[around].size - size_px
        hidden_px = int(np.count_nonzero(is_hidden[around])) - size_px
        if size_px <= ground_px and hidden_px <= params.max_hidden_around * ground_px:
            numbers[window][is_member] = number
            blobs.append(
                _Blob(
                    date_index=date_index,
                    number=number,
                    window=window,
                    around=around,
                    is_member=is_member,
                    size_px=size_px,
                )
            )
    return blobs


def _grown(window: tuple[slice, slice], margin_px: int) -> tuple[slice, slice]:
    rows, columns = (slice(max(0, side.start - margin_px), side.stop + margin_px) for side in window)
    return (rows, columns)


def _dates_alike(
    blob: _Blob, numbers: NDArray[np.int32], sizes: dict[tuple[int, int], int], params: PersistenceParams
) -> list[int]:
    """Return the dates, its own included, on which a blob of the same outline stands in the place of `blob`."""
    under = numbers[:, *blob.window][:, blob.is_member]
    found = []
    for index in np.flatnonzero(under.any(axis=1)):
        counts = np.bincount(under[index])
        counts[0] = 0
        number = int(np.argmax(counts))
        common = int(counts[number])
        small, large = sorted([blob.size_px, sizes[int(index), number]])
        if common >= params.min_overlap * small and small >= params.min_size_ratio * large:
            found.append(int(index))
    return found


def _judged(blob: _Blob, is_hidden: Bits, params: PersistenceParams) -> int:
    """Return on how many dates the surroundings of `blob` are clear."""
    hidden_px = np.count_nonzero(is_hidden[:, *blob.around], axis=(1, 2)) - np.count_nonzero(
        is_hidden[:, *blob.window][:, blob.is_member], axis=1
    )
    ground_px = is_hidden[0][blob.around].size - blob.size_px
    return int(np.count_nonzero(hidden_px <= params.max_hidden_around * ground_px))


def _lasts(alike: Sequence[date], day: date, judged: int, params: PersistenceParams) -> bool:
    """Say whether the dates in `alike` are enough, all told or within some weeks around `day`."""
    if len(alike) < params.min_dates:
        return False
    ordinals = np.sort([one.toordinal() for one in alike])
    first = ordinals[: len(ordinals) - params.min_dates + 1]
    last = ordinals[params.min_dates - 1 :]
    is_dense = (last - first <= params.within_days) & (first <= day.toordinal()) & (day.toordinal() <= last)
    return bool(is_dense.any()) or len(alike) >= params.min_date_share * judged


def _unmasked(scene: Scene, is_surface: Bits, mask: MaskParams) -> Scene:
    classes = np.where(is_surface, np.float32(SCL_UNCLASSIFIED), scene.bands[SCL])
    reach = disk(mask.buffer_px, dtype=bool)
    may_open = ndimage.binary_dilation(is_surface, structure=reach) & clear_from_scl(classes, mask)
    rim = mask.buffer_px
    may_open[:rim], may_open[:, :rim] = False, False
    may_open[len(may_open) - rim :], may_open[:, may_open.shape[1] - rim :] = False, False
    is_recorded = np.logical_and.reduce([np.isfinite(layer) for layer in scene.bands.values()])
    is_clear = scene.is_clear | (may_open & is_recorded)
    classes = np.where(is_clear, classes, scene.bands[SCL])
    return replace(
        scene,
        bands={**scene.bands, SCL: classes},
        is_clear=is_clear,
        hidden_share=shares_by_cause(classes, is_clear) if scene.hidden_share else scene.hidden_share,
    )
