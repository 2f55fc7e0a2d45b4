"""What does the object look like from above: a walled compound of rows of blocks, a hall in a park, or neither?

Every measure is a plain number about the outline or about the image after the change; `camp_likeness` is their weighted
sum, so that an analyst sees which trait spoke for a camp and which against. The traits are those that analysts name:
a rectangular, walled ground, rows of like blocks, all of one orientation, away from other buildings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, log10

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import disk
from skimage.transform import rotate

from detection.looks.context import mean_of_seen
from detection.objects.outline import Patch
from geo.grid import Grid

_SURROUNDINGS_M = 300.0
_MARGIN_PX = 16
_LEAST_PX = 12
_BODY_M = 60.0
"""What is narrower than this, a road or a strip along one, is not of the body of an object."""
_LEAST_BODY_SHARE = 0.3
BUILT_STRUCTURE = 3.0
"""In units of calm ground's: more than gullies and ditches have."""
_BUILT_NEAR_FULL = 0.15
"""With this share of the surroundings built before, an object is not isolated at all."""
_PITCH_M = (25.0, 110.0)
"""Rows of blocks stand so far apart, from one to the next."""
_ROOF_SIGMA = 0.7
_ROOF_PX = 2
_ROOF_FACTOR = 2.5
_SECTORS = 12
_PROFILE_PX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The measured shape of one object; None where it is too small to tell."""

    rectangularity: float
    """Area of its body relative to that of the smallest rectangle around it, 0-1; 0 for what has no body: a strip."""
    solidity: float
    """The same relative to the convex hull."""
    coherence: float | None
    """How far all edges in it run in two directions at right angles, 0-1."""
    rows: float | None
    """How regularly its brightness repeats across its main axes, 0-1."""
    ring: float | None
    """Share (0-1) of its edge along which a line, brighter or darker than both sides, runs."""
    roofs: int
    """Clumps of roofs: what is brighter than the object's own ground around it. No count of buildings."""
    blue_share: float | None
    """Share (0-1) of the changed pixels under blue roofs…"""
    white_share: float | None
    """… under white ones…"""
    red_share: float | None
    """… under red ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One term of the likeness to a camp."""

    name: str
    value: float
    """0-1."""
    weight: float

    @property
    def contribution(self) -> float:
        """What it adds."""
        return self.value * self.weight


_WEIGHTS: Mapping[str, float] = {
    "blocks": 0.25,
    "isolated": 0.2,
    "one_orientation": 0.15,
    "rows": 0.1,
    "rectangular": 0.1,
    "walled": 0.1,
    "size": 0.1,
}


def traits(shape: Shape, *, isolated: float, area_m2: float) -> tuple[Trait, ...]:
    """Return the terms whose sum is the likeness to a camp (0-1); `isolated` from `isolation`."""
    values = {
        "blocks": _ramp(log2(max(shape.roofs, 1)), 2.0, 4.0),
        "rectangular": _ramp(shape.rectangularity, 0.5, 0.85),
        "walled": _ramp(shape.ring or 0.0, 0.3, 0.8),
        "rows": _ramp(shape.rows or 0.0, 0.05, 0.4),
        "one_orientation": _ramp(shape.coherence or 0.0, 0.1, 0.4),
        "isolated": isolated,
        "size": min(_ramp(log10(max(area_m2, 1.0)), 3.7, 4.5), _ramp(-log10(max(area_m2, 1.0)), -6.7, -6.3)),
    }
    return tuple(Trait(name=name, value=round(value, 4), weight=_WEIGHTS[name]) for name, value in values.items())


def camp_likeness(terms: tuple[Trait, ...]) -> float:
    """Return how much an object looks like a walled compound of rows of blocks, 0-1."""
    return min(1.0, max(0.0, sum(term.contribution for term in terms)))


def describe(patch: Patch, image: NDArray[np.float32], *, grid: Grid, bands: Sequence[str]) -> Shape:
    """Measure the shape of one object.

    Args:
        patch: The object.
        image: The whole ground when the object stood, shape (band, y, x): after a construction, before a demolition.
        grid: What all this lies on.
        bands: The names of the bands.

    """
    wide = patch.grown(_MARGIN_PX, grid.shape)
    image = np.stack([_filled(layer) for layer in image[:, *wide.window]])
    brightness = np.asarray(image.mean(axis=0), dtype=np.float32)
    body = body_of(wide.is_member, pixel_m=grid.pixel_m)
    has_body = bool(body.sum() >= max(_LEAST_PX, _LEAST_BODY_SHARE * wide.is_member.sum()))
    rectangularity, solidity = fillings(body) if has_body else (0.0, 0.0)
    return Shape(
        rectangularity=rectangularity,
        solidity=solidity,
        coherence=coherence(brightness, body) if has_body else None,
        rows=rows_of_blocks(brightness, body, pixel_m=grid.pixel_m) if has_body else None,
        ring=ring(brightness, body) if has_body else None,
        roofs=count_roofs(brightness, wide.is_changed),
        **_roof_colours(dict(zip(bands, image, strict=True)), wide),
    )


def body_of(is_member: NDArray[np.bool_], *, pixel_m: float) -> NDArray[np.bool_]:
    """Return the largest part of an object that is at least 60 m wide: without its access roads."""
    reach_px = max(1, round(_BODY_M / 2 / pixel_m))
    opened = ndimage.binary_opening(np.pad(is_member, reach_px), structure=disk(reach_px))
    parts = label(opened[reach_px:-reach_px, reach_px:-reach_px], connectivity=2)
    sizes = np.bincount(parts.ravel())
    if len(sizes) == 1:
        return np.zeros_like(is_member)
    return np.asarray(parts == 1 + int(np.argmax(sizes[1:])))


def fillings(body: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the area of `body`, shape (y, x), relative to the smallest rectangle around it, and to its convex hull."""
    edge = body & ~ndimage.binary_erosion(body)
    rows, columns = np.nonzero(edge)
    corners = np.concatenate([np.column_stack([columns + right, rows + down]) for down in (0, 1) for right in (0, 1)])
    hull = shapely.multipoints(corners).convex_hull
    return _share(body.sum(), hull.minimum_rotated_rectangle.area), _share(body.sum(), hull.area)


def coherence(brightness: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    """Return how far the edges within `here` run in two directions at right angles (0-1).

    The gradients are averaged as vectors of four times their angle, so that all four sides of a rectangle agree.
    """
    down, right = _gradients(brightness)
    inner = ndimage.binary_erosion(here) if ndimage.binary_erosion(here).any() else here
    power = np.hypot(down, right)[inner]
    total = float(power.sum())
    if total <= 0:
        return 0.0
    angles = np.arctan2(down, right)[inner]
    return float(np.abs((power * np.exp(4j * angles)).sum()) / total)


def main_angle(brightness: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    """Return the direction of most edges within `here`, in degrees from -45 to 45."""
    down, right = _gradients(brightness)
    turned = (np.hypot(down, right) * np.exp(4j * np.arctan2(down, right)))[here].sum()
    return float(np.degrees(np.angle(turned)) / 4)


def rows_of_blocks(brightness: NDArray[np.float32], here: NDArray[np.bool_], *, pixel_m: float) -> float:
    """Return how regularly the brightness within `here` repeats across one of its main axes (0-1).

    The object is turned upright; the height of the second peak of its autocorrelation above the dip before it, for
    distances at which rows of blocks stand, is taken along both axes.
    """
    detail = np.where(here, np.nan_to_num(brightness - mean_of_seen(np.where(here, brightness, np.nan), 9)), 0)
    angle = main_angle(brightness, here)
    upright = rotate(detail, angle, order=1, resize=True)
    first, last = (round(pitch_m / pixel_m) for pitch_m in _PITCH_M)
    return max(_repetition(upright, first, last), _repetition(upright.T, first, last))


def _repetition(detail: NDArray[np.float32], first: int, last: int) -> float:
    power = float(np.square(detail).sum())
    if power <= 0 or len(detail) <= first:
        return 0.0
    lags = range(1, min(last, len(detail) - 1) + 1)
    likeness = [float((detail[lag:] * detail[:-lag]).sum()) / power for lag in lags]
    best = 0.0
    for lag in range(first, len(likeness) + 1):
        best = max(best, likeness[lag - 1] - min(likeness[:lag]))
    return min(1.0, best)


def ring(brightness: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    """Return the share (0-1) of the edge of `here` along which one line differs from both of its sides.

    In each of twelve directions from the middle the profile across the edge is taken; a line is brighter, or darker,
    than the ground two pixels further in and two further out by more than half of the surroundings' usual detail.
    """
    inward = ndimage.distance_transform_edt(here)
    outward = ndimage.distance_transform_edt(~here)
    distance = np.where(here, -np.round(inward - 0.5), np.round(outward - 0.5)).astype(int)
    rows, columns = np.nonzero(here)
    y, x = np.indices(here.shape)
    sector = ((np.arctan2(y - rows.mean(), x - columns.mean()) / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    usual = float(np.std(brightness[outward > _LEAST_PX])) if (outward > _LEAST_PX).any() else 0.0
    is_near = (distance >= -_PROFILE_PX) & (distance <= _PROFILE_PX)
    cell = (sector * (2 * _PROFILE_PX + 1) + distance + _PROFILE_PX)[is_near]
    cells = _SECTORS * (2 * _PROFILE_PX + 1)
    count = np.bincount(cell, minlength=cells)
    total = np.bincount(cell, weights=brightness[is_near], minlength=cells)
    profile = np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(_SECTORS, -1)
    inner, line, outer = profile[:, :-4], profile[:, 2:-2], profile[:, 4:]
    bright = _highest(np.minimum(line - inner, line - outer))
    dark = _highest(np.minimum(inner - line, outer - line))
    threshold = max(0.5 * usual, 1e-4)
    return float(max((bright > threshold).mean(), (dark > threshold).mean()))


def _highest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the highest of each row; 0 where a row holds nothing."""
    return np.asarray(np.where(np.isfinite(values), values, 0).max(axis=1))


def isolation(patch: Patch, structure_before: NDArray[np.float32], *, pixel_m: float) -> float:
    """Return 1 where nothing built stood within 300 m before, falling to 0 where 15 % of the surroundings were built.

    Args:
        patch: The object.
        structure_before: In units of calm ground's, shape (y, x) of the whole grid.
        pixel_m: Side of a pixel.

    """
    wide = patch.grown(round(_SURROUNDINGS_M / pixel_m), structure_before.shape)
    before = structure_before[wide.window]
    around = ~ndimage.binary_dilation(wide.is_member, iterations=3) & np.isfinite(before)
    if not around.any():
        return 0.0
    return 1 - min(1.0, float((before[around] >= BUILT_STRUCTURE).mean()) / _BUILT_NEAR_FULL)


def count_roofs(brightness: NDArray[np.float32], here: NDArray[np.bool_]) -> int:
    """Count the clumps within `here` that are brighter than the object's own ground around them.

    No count of buildings: at 10 m neighbours run together, and a large roof may fall into several clumps. How many
    buildings that may be is told by `roofs_between`.
    """
    inside = brightness[here & np.isfinite(brightness)]
    if inside.size < _LEAST_PX:
        return int(inside.size > 0)
    detail = np.where(here, np.nan_to_num(brightness - mean_of_seen(np.where(here, brightness, np.nan), 7)), 0)
    spread = _ROOF_SIGMA * 1.4826 * float(np.median(np.abs(detail[here])))
    clumps, count = label(detail > max(spread, 1e-4), connectivity=1, return_num=True)
    return max(1, int((np.bincount(clumps.ravel(), minlength=count + 1)[1:] >= _ROOF_PX).sum()))


def roofs_between(clumps: int) -> tuple[int, int]:
    """Return how many buildings at least and at most stand behind so many clumps, as on simulated parks and compounds.

    There were between half and two and a half times as many clumps as buildings of 100 m2 and more.
    """
    return max(1, floor(clumps / _ROOF_FACTOR)), max(1, ceil(clumps * _ROOF_FACTOR))


def _roof_colours(by_name: Mapping[str, NDArray[np.float32]], wide: Patch) -> dict[str, float | None]:
    if not {"B02", "B03", "B04"} <= by_name.keys():
        return {"blue_share": None, "white_share": None, "red_share": None}
    blue, green, red = (by_name[name][wide.is_changed] for name in ("B02", "B03", "B04"))
    ground = [
        float(np.nanmedian(by_name[name][~wide.is_member])) if (~wide.is_member).any() else 0.0
        for name in ("B02", "B03", "B04")
    ]
    tint = blue / np.maximum(red, 1e-3)
    usual = ground[0] / max(ground[2], 1e-3)
    bright = (blue + green + red) / max(sum(ground), 1e-3)
    return {
        "blue_share": _true_share(tint > 1.35 * usual),
        "white_share": _true_share((bright > 1.5) & (tint <= 1.35 * usual) & (tint > 0.9 * usual)),  # noqa: PLR2004 - half as bright again
        "red_share": _true_share(tint < 0.65 * usual),
    }


def _gradients(brightness: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return ndimage.sobel(brightness, axis=0), ndimage.sobel(brightness, axis=1)


def _filled(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `layer` with its median where nothing was seen; 0 where nothing ever was."""
    seen = layer[np.isfinite(layer)]
    return np.where(np.isfinite(layer), layer, np.median(seen) if seen.size else 0.0).astype(np.float32)


def _true_share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0


def _share(part: float, whole: float) -> float:
    return float(min(1.0, part / whole)) if whole > 0 else 0.0


def _ramp(value: float, low: float, high: float) -> float:
    return float(min(1.0, max(0.0, (value - low) / (high - low))))
