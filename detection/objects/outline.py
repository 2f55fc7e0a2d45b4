"""Which changed pixels belong together, and what is their outline on the ground?"""

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from skimage.measure import label
from skimage.morphology import disk

from detection.kernels.regions import closed, hysteresis, outstanding
from geo.grid import Grid

_CORE_CONTRAST = 0.25
"""Pixels whose change is at least this part of the third quartile of their object's are its core: the outline lies
about a pixel outside of what changed, for contrasts are averaged over windows."""
_CORE_FACTOR = 0.55
"""On simulated sites of known outline nearly all true areas lay above this multiple of the core…"""
_TAKEN_FACTOR = 0.3
"""… or, of buildings taken down one beside the other, above this one: the ground between them changes, too."""
_BLUR_PX = 3
_BLUR_SHARE = 0.3
"""So far from something clear, what changed less than this part of it is the blur of optics and registration."""
_ROUNDING = 1e-6
"""Of a pixel: what the arithmetic of coordinates may err by."""
_YARD_SHARE = 0.1
"""Enclosed ground up to this share of a site is its yard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One object: its pixels within a window of the grid, and its outline."""

    window: tuple[slice, slice]
    """Rows and columns of the grid that the masks below cover; the site's bounding box."""
    is_member: NDArray[np.bool_]
    """Shape of `window`: the whole site, yards and lanes between changed pixels included."""
    is_changed: NDArray[np.bool_]
    """Shape of `window`: the pixels of it that changed themselves."""
    outline: Polygon | MultiPolygon
    """In the CRS of the grid, along pixel edges."""
    area_m2: float

    def touches(self, inside: NDArray[np.bool_]) -> bool:
        """Say whether any pixel of the site is among `inside`, shape (y, x) of the whole grid."""
        return bool((self.is_member & inside[self.window]).any())

    def grown(self, margin_px: int, shape: tuple[int, int]) -> "Patch":
        """Return the same site in a window wider by `margin_px` on each side, as far as the grid of `shape` goes."""
        window = grown_window(self.window, margin_px, shape)
        beyond = [(own.start - wide.start, wide.stop - own.stop) for own, wide in zip(self.window, window, strict=True)]
        return replace(
            self,
            window=window,
            is_member=np.pad(self.is_member, beyond),
            is_changed=np.pad(self.is_changed, beyond),
        )


def area_interval_m2(
    patch: Patch, change: NDArray[np.float32], *, pixel_area_m2: float, is_taken_down: bool
) -> tuple[float, float]:
    """Return the least and the most ground that changed, as a 95 % interval.

    No more than the outline, which reaches beyond what changed; no less than a part of the object's core, measured on
    simulated sites: neighbouring pixels err together, so that a sum of independent errors would be far too narrow.

    Args:
        patch: The object.
        change: How far each pixel of its window changed, in units of the bands, shape of `patch.window`.
        pixel_area_m2: Ground of a pixel.
        is_taken_down: Whether buildings are gone.

    """
    strength = change[patch.is_changed & np.isfinite(change)]
    core = int((strength >= _CORE_CONTRAST * np.quantile(strength, 0.75)).sum()) if strength.size else 0
    core_m2 = max(core, 1) * pixel_area_m2
    low = (_TAKEN_FACTOR if is_taken_down else _CORE_FACTOR) * core_m2
    return min(low, patch.area_m2), patch.area_m2


def grown_window(window: tuple[slice, slice], margin_px: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return `window` wider by `margin_px` on each side, cut to an array of `shape`."""
    rows, columns = (
        slice(max(part.start - margin_px, 0), min(part.stop + margin_px, size))
        for part, size in zip(window, shape, strict=True)
    )
    return rows, columns


def pixels_of(outline: BaseGeometry, grid: Grid) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the window of `grid` around `outline`, and which pixels of it have their middle in the outline.

    The window is cut to the grid, and as small as it can be where the outline runs along pixel edges; empty where the
    outline lies beside the grid.
    """
    left, bottom, right, top = outline.bounds
    rows = slice(*_between(grid.top_m - top, grid.top_m - bottom, grid.pixel_m, grid.height_px))
    columns = slice(*_between(left - grid.left_m, right - grid.left_m, grid.pixel_m, grid.width_px))
    size = (rows.stop - rows.start, columns.stop - columns.start)
    if not size[0] * size[1]:
        return (rows, columns), np.zeros(size, dtype=bool)
    shapely.prepare(outline)
    x_m, y_m = np.meshgrid(grid.x_m[columns], grid.y_m[rows])
    return (rows, columns), np.asarray(shapely.contains_xy(outline, x_m, y_m), dtype=bool)


def _between(first_m: float, last_m: float, pixel_m: float, count: int) -> tuple[int, int]:
    """Return the first pixel of a row that lies between two distances, and the one after the last."""
    begin = min(max(floor(first_m / pixel_m + _ROUNDING), 0), count)
    return begin, max(begin, min(ceil(last_m / pixel_m - _ROUNDING), count))


def changed_pixels(
    score_z: NDArray[np.float32], fine_z: NDArray[np.float32], *, seed_z: float, grow_z: float
) -> NDArray[np.bool_]:
    """Return which pixels changed: those above `grow_z` that hang together with one above `seed_z`.

    `score_z` is averaged over a patch and so reaches half a patch beyond the true edge; `fine_z`, the same
    contrast over 3 x 3 pixels, takes that rim away again. NaN (not seen) is never changed.
    """
    return connected_pixels(score_z, seed_z=seed_z, grow_z=grow_z) & sharp_pixels(fine_z, grow_z=grow_z)


def connected_pixels(score_z: NDArray[np.float32], *, seed_z: float, grow_z: float) -> NDArray[np.bool_]:
    """Return the pixels above `grow_z` that hang together, edge to edge, with one above `seed_z`."""
    result = np.empty(score_z.shape, dtype=bool)
    hysteresis(np.ascontiguousarray(score_z, dtype=np.float32), grow_z, seed_z, result)
    return result


def sharp_pixels(fine_z: NDArray[np.float32], *, grow_z: float) -> NDArray[np.bool_]:
    """Return the pixels whose contrast over 3 x 3 pixels reaches `grow_z`, and what lies between them.

    What is faint beside something clear is its blur: it must reach a part of the clearest contrast near it, too.
    """
    is_sharp = np.empty(fine_z.shape, dtype=bool)
    outstanding(np.ascontiguousarray(fine_z, dtype=np.float32), grow_z, _BLUR_SHARE, _BLUR_PX, is_sharp)
    result = np.empty_like(is_sharp)
    closed(is_sharp, result)
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
    is_wanted = sizes >= min_px
    is_wanted[0] = False
    outlines = _outlines(labels, is_wanted, grid)
    patches = []
    for index, window in enumerate(ndimage.find_objects(labels), start=1):
        if is_wanted[index] and window is not None:
            is_member = labels[window] == index
            patches.append(
                Patch(
                    window=window,
                    is_member=is_member,
                    is_changed=is_member & is_changed[window],
                    outline=outlines[index],
                    area_m2=float(sizes[index] * grid.pixel_area_m2),
                )
            )
    return sorted(patches, key=lambda patch: -float(np.nanmax(score_z[patch.window][patch.is_member])))


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


def _outlines(labels: NDArray[np.int32], is_wanted: NDArray[np.bool_], grid: Grid) -> dict[int, Polygon | MultiPolygon]:
    parts: dict[int, list[Polygon]] = {index: [] for index in np.flatnonzero(is_wanted).tolist()}
    for outline, value in shapes(labels, mask=is_wanted[labels], connectivity=4, transform=grid.transform):
        parts[int(value)].append(shape(outline))
    return {index: unary_union(polygons) for index, polygons in parts.items()}
