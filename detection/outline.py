"""Which changed pixels belong together, and what is their outline on the ground?"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.ops import unary_union
from skimage.filters import apply_hysteresis_threshold
from skimage.measure import label
from skimage.morphology import disk

from geo.grid import Grid

_YARD_SHARE = 0.1
"""Enclosed ground up to this share of a site is its yard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One object: its pixels in the whole grid and its outline."""

    is_member: NDArray[np.bool_]
    """Shape (y, x): the whole site, yards and lanes between changed pixels included."""
    is_changed: NDArray[np.bool_]
    """Shape (y, x): the pixels of it that changed themselves."""
    outline: Polygon | MultiPolygon
    """In the CRS of the grid, along pixel edges."""
    area_m2: float


def changed_pixels(
    score_z: NDArray[np.float32], fine_z: NDArray[np.float32], *, seed_z: float, grow_z: float
) -> NDArray[np.bool_]:
    """Return which pixels changed: those above `grow_z` that hang together with one above `seed_z`.

    `score_z` is averaged over a patch and so reaches half a patch beyond the true edge; `fine_z`, the same
    contrast over 3 x 3 pixels, takes that rim away again. NaN (not seen) is never changed.
    """
    core: NDArray[np.bool_] = apply_hysteresis_threshold(np.nan_to_num(score_z, nan=-np.inf), grow_z, seed_z)
    is_sharp: NDArray[np.bool_] = np.nan_to_num(fine_z, nan=-np.inf) >= grow_z
    is_near = ndimage.binary_closing(is_sharp, structure=disk(2))  # by itself it would eat what lies at the edge
    result: NDArray[np.bool_] = core & (is_sharp | is_near)
    return result


def group_patches(
    is_changed: NDArray[np.bool_], score_z: NDArray[np.float32], grid: Grid, *, gap_m: float, min_area_m2: float
) -> list[Patch]:
    """Gather changed pixels into patches: what lies within `gap_m` of each other is one site.

    Args:
        is_changed: Shape (y, x).
        score_z: Orders the patches, the clearest first.
        grid: What the arrays lie on.
        gap_m: Blocks of one compound stand apart by less than this.
        min_area_m2: Patches with fewer changed pixels are dropped.

    """
    reach_px = max(0, round(gap_m / 2 / grid.pixel_m))
    is_site = _compact(is_changed, reach_px)
    near = ndimage.binary_dilation(is_site, structure=disk(reach_px))
    labels = label(near, connectivity=2).astype(np.int32)
    labels[~is_site] = 0
    _fill_yards(labels)
    min_px = ceil(min_area_m2 / grid.pixel_area_m2)
    sizes = np.bincount(labels.ravel())
    wanted = [index for index in range(1, len(sizes)) if sizes[index] >= min_px]
    outlines = _outlines(labels, wanted, grid)
    patches = [
        Patch(
            is_member=labels == index,
            is_changed=(labels == index) & is_changed,
            outline=outlines[index],
            area_m2=float(sizes[index] * grid.pixel_area_m2),
        )
        for index in wanted
    ]
    return sorted(patches, key=lambda patch: -float(np.nanmax(score_z[patch.is_member])))


def _compact(is_changed: NDArray[np.bool_], reach_px: int) -> NDArray[np.bool_]:
    """Return the ground of the sites: lanes between changed pixels belong to them."""
    padded = np.pad(is_changed, reach_px)
    closed = ndimage.binary_closing(padded, structure=disk(reach_px))
    inner: NDArray[np.bool_] = closed[reach_px : closed.shape[0] - reach_px, reach_px : closed.shape[1] - reach_px]
    return inner | is_changed


def _fill_yards(labels: NDArray[np.int32]) -> None:
    """Give each site, in place, the unchanged ground that it encloses, as far as that is small beside it.

    A yard belongs to its compound; a field inside a ring road does not belong to the road.
    """
    for index, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        part = labels[window]
        is_site = part == index
        yards, _ = ndimage.label(ndimage.binary_fill_holes(is_site) & ~is_site)
        sizes = np.bincount(yards.ravel())
        small = [yard for yard in range(1, len(sizes)) if sizes[yard] <= _YARD_SHARE * is_site.sum()]
        part[np.isin(yards, small) & (part == 0)] = index


def _outlines(labels: NDArray[np.int32], wanted: list[int], grid: Grid) -> dict[int, Polygon | MultiPolygon]:
    parts: dict[int, list[Polygon]] = {index: [] for index in wanted}
    is_wanted = np.isin(labels, wanted)
    for outline, value in shapes(labels, mask=is_wanted, connectivity=4, transform=grid.transform):
        parts[int(value)].append(shape(outline))
    return {index: unary_union(polygons) for index, polygons in parts.items()}
