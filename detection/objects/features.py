"""What can be measured of one changed object, before and after?"""

from dataclasses import dataclass
from itertools import pairwise
from math import dist, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.looks.context import mean_of_seen
from detection.objects.outline import Patch
from detection.objects.shape import fillings, isolation
from detection.series.onset import Growth
from detection.series.steps import Steps, fine_contrast

_STRUCTURE_WINDOW_PX = 5
_LEAST_LOOKS_BEFORE = 3
_LEAST_LOOKS_AFTER = 3
_CORE_SHARE = 0.5
_LANE_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The measured features of one object, most of its core. What cannot be measured with the bands at hand is None."""

    peak_z: float
    """Clearest contrast within the object, in sigma of unchanged ground."""

    outline_before: float
    """How sharply the edge of the core stood out (mean gradient along it), in units of calm ground's gradients…"""

    outline_after: float
    """… and stands out now."""

    structure_before: float
    """Local standard deviation of brightness (5 x 5 pixels), in units of that of calm ground: 1 is open ground."""

    structure_after: float

    brightness_change: float
    """Mean after less mean before, relative to the mean before."""

    greenness_after: float | None
    """Median NDVI after; without near infrared the visible greenness (2G-R-B)/(R+G+B), which is smaller."""

    greenness_change: float | None

    greenness_most: float | None
    """Highest greenness after, but for a tenth of the looks: what is sealed stays bare in every season."""

    has_near_infrared: bool

    persistence: float
    """Share (0-1) of the clear looks that lie on the right side of their pixel's step."""

    season_persistence: float | None
    """The same among the looks in whose season there was one before the change; None where for most of the object
    no season has come round yet."""

    looks_before: int
    """Clear looks at the object without the change."""

    looks_after: int

    backed_share: float
    """Share (0-1) of the object whose own step has at least three looks before it and three from it on."""

    edge_share: float
    """Share (0-1) of the object's pixels that touch unseen ground or the image's edge."""

    rectangularity: float
    """Area of the core relative to the smallest rectangle around it, 0-1."""

    elongation: float
    """Length of the smallest rectangle around the object, relative to its mean width (area by length): a square has
    1."""

    isolation: float
    """1 where nothing built stood within 300 m before, 0 where a good part was."""

    area_m2: float


def structure(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the local standard deviation of brightness, shape (y, x), of an image (band, y, x)."""
    brightness: NDArray[np.float32] = image.mean(axis=0)
    mean = mean_of_seen(brightness, _STRUCTURE_WINDOW_PX)
    square = mean_of_seen(np.square(brightness), _STRUCTURE_WINDOW_PX)
    return np.sqrt(np.maximum(square - np.square(mean), 0)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """Maps that the features of all objects are read from, each of shape (y, x)."""

    bands: tuple[str, ...]
    structure_before: NDArray[np.float32]
    structure_after: NDArray[np.float32]
    structure_unit: float
    """Structure of calm ground in the units of the bands: what the two above are counted in."""
    edges_before: NDArray[np.float32]
    """Gradient of the image, in units of calm ground's."""
    edges_after: NDArray[np.float32]
    greenness_before: NDArray[np.float32] | None
    greenness_after: NDArray[np.float32] | None
    has_near_infrared: bool
    is_backed: NDArray[np.bool_]
    at_edge: NDArray[np.bool_]
    is_calm: NDArray[np.bool_]
    """Unchanged ground."""


def layers(steps: Steps, bands: tuple[str, ...], is_calm: NDArray[np.bool_]) -> Layers:
    """Make the maps.

    Args:
        steps: Before and after of each pixel.
        bands: The names of the bands, in the order of `steps.before`.
        is_calm: Unchanged ground; its structure is the unit of structure.

    """
    before, after = structure(steps.before), structure(steps.after)
    calm = before[is_calm & np.isfinite(before)]
    unit = max(float(np.median(calm)) if calm.size else 1.0, 1e-6)
    edges = gradients(steps.before), gradients(steps.after)
    edge_unit = max(float(np.median(edges[0][is_calm])) if is_calm.any() else 1.0, 1e-6)
    looks_before, looks_after = steps.agreeing_looks
    return Layers(
        bands=bands,
        structure_before=before / unit,
        structure_after=after / unit,
        structure_unit=unit,
        edges_before=edges[0] / np.float32(edge_unit),
        edges_after=edges[1] / np.float32(edge_unit),
        greenness_before=_greenness(steps.before, bands),
        greenness_after=_greenness(steps.after, bands),
        has_near_infrared="B08" in bands,
        is_backed=(steps.onset > 0) & (looks_before >= _LEAST_LOOKS_BEFORE) & (looks_after >= _LEAST_LOOKS_AFTER),
        at_edge=ndimage.binary_dilation(~np.isfinite(steps.score_z), iterations=2, border_value=1),
        is_calm=is_calm,
    )


def measure(patch: Patch, steps: Steps, values: NDArray[np.float32], maps: Layers, growth: Growth) -> Features:
    """Measure one object: its core, on which it changed most, tells what it is; the whole, how well it was seen.

    Args:
        patch: The object.
        steps: Of the whole grid.
        values: What they were found in, shape (time, band, y, x).
        maps: From `layers`.
        growth: The object's course.

    """
    window, here = patch.window, patch.is_changed
    before, after = (image[:, *window] for image in (steps.before, steps.after))
    core = core_of(patch, fine_contrast(before, after))
    beside = ndimage.binary_dilation(core)
    edge = beside & ~ndimage.binary_erosion(core)
    mean_before, mean_after = (_mean(np.mean(image, axis=0), core) for image in (before, after))
    green_after, green_before = (
        None if layer is None else _median(layer[window], core)
        for layer in (maps.greenness_after, maps.greenness_before)
    )
    return Features(
        peak_z=float(np.nanmax(steps.score_z[window][here])),
        outline_before=_mean(maps.edges_before[window], edge),
        outline_after=_mean(maps.edges_after[window], edge),
        structure_before=_mean(maps.structure_before[window], beside),
        structure_after=_mean(maps.structure_after[window], beside),
        brightness_change=(mean_after - mean_before) / max(mean_before, 1e-6),
        greenness_after=green_after,
        greenness_change=None if green_after is None or green_before is None else green_after - green_before,
        greenness_most=_greenness_most(values[:, :, *window][:, :, core], steps.onset[window][core], maps.bands),
        has_near_infrared=maps.has_near_infrared,
        persistence=_mean(steps.persistence[window], core),
        season_persistence=_mostly_known_mean(steps.season_persistence[window], core),
        looks_before=growth.looks_before,
        looks_after=growth.looks_after,
        backed_share=float(maps.is_backed[window][here].mean()),
        edge_share=float(maps.at_edge[window][patch.is_member].mean()),
        rectangularity=_rectangularity(core),
        elongation=_elongation(patch),
        isolation=isolation(patch, maps.structure_before, pixel_m=sqrt(patch.area_m2 / patch.is_member.sum())),
        area_m2=patch.area_m2,
    )


def core_of(patch: Patch, contrast: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the pixels of `patch` that changed at least half as much as its clearest tenth.

    Args:
        patch: The object.
        contrast: Of before and after, shape of the window of `patch`.

    """
    strength = np.where(patch.is_changed, np.nan_to_num(contrast), 0)
    return np.asarray(
        patch.is_changed & (strength >= _CORE_SHARE * np.quantile(strength[patch.is_changed], 0.9)), dtype=bool
    )


def gradients(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much an image (band, y, x) changes from pixel to pixel, over all bands, shape (y, x)."""
    square = np.zeros(image.shape[1:], dtype=np.float32)
    for layer in np.nan_to_num(image):
        for axis in (0, 1):
            square += np.square(ndimage.sobel(layer, axis=axis)) / len(image)
    return np.sqrt(square)


def _greenness_most(values: NDArray[np.float32], onset: NDArray[np.int16], bands: tuple[str, ...]) -> float | None:
    """Return the 0.9 quantile of the greenness over the looks from the usual onset on; None without bands for it.

    Args:
        values: Of the pixels of one object, shape (time, band, pixel).
        onset: Of these pixels, shape (pixel,).
        bands: Their names.

    """
    after = values[max(int(np.median(onset)), 0) :]
    is_seen = np.asarray(np.isfinite(after).all(axis=1))
    looks = [after[look][:, seen].mean(axis=1) for look, seen in enumerate(is_seen) if seen.any()]
    green = _greenness(np.stack(looks, axis=1), bands) if looks else None
    return None if green is None else float(np.quantile(green, 0.9))


def _rectangularity(core: NDArray[np.bool_]) -> float:
    """Return how well the smallest rectangle around `core` is filled, lanes between its parts closed."""
    padded = np.pad(core, 2 * _LANE_PX)
    return fillings(ndimage.binary_closing(padded, iterations=_LANE_PX) | padded)[0]


def _elongation(patch: Patch) -> float:
    corners = list(patch.outline.minimum_rotated_rectangle.exterior.coords)
    length_m = max(dist(first, second) for first, second in pairwise(corners))
    return length_m**2 / patch.area_m2


def _mostly_known_mean(values: NDArray[np.float32], here: NDArray[np.bool_]) -> float | None:
    """Return the mean of what is known; None where less than half is."""
    if np.isfinite(values[here]).mean() < 0.5:  # noqa: PLR2004 - half
        return None
    return _mean(values, here)


def _greenness(image: NDArray[np.float32], bands: tuple[str, ...]) -> NDArray[np.float32] | None:
    by_name = dict(zip(bands, image, strict=True))
    if {"B04", "B08"} <= by_name.keys():
        red, near_infrared = by_name["B04"], by_name["B08"]
        ndvi: NDArray[np.float32] = (near_infrared - red) / np.maximum(near_infrared + red, 1e-3)
        return ndvi
    if {"B02", "B03", "B04"} <= by_name.keys():
        blue, green, red = (by_name[name] for name in ("B02", "B03", "B04"))
        visible: NDArray[np.float32] = (2 * green - red - blue) / np.maximum(red + green + blue, 1e-3)
        return visible
    return None


def _mean(values: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    seen = values[here & np.isfinite(values)]
    return float(seen.mean()) if seen.size else 0.0


def _median(values: NDArray[np.float32], here: NDArray[np.bool_]) -> float | None:
    seen = values[here & np.isfinite(values)]
    return float(np.median(seen)) if seen.size else None
