"""What can be measured of one changed object, before and after?"""

from dataclasses import dataclass
from itertools import pairwise
from math import dist, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.looks.context import mean_of_seen
from detection.objects.outline import Patch
from detection.objects.shape import isolation
from detection.series.onset import Growth
from detection.series.steps import Steps

_STRUCTURE_WINDOW_PX = 5
_LEAST_LOOKS_BEFORE = 3
_LEAST_LOOKS_AFTER = 3
_BUILT_STRUCTURE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The measured features of one object. What cannot be measured with the bands at hand is None."""

    peak_z: float
    """Clearest contrast within the object, in sigma of unchanged ground."""

    structure_before: float
    """Local standard deviation of brightness (5 x 5 pixels), in units of that of calm ground: 1 is open ground."""

    structure_after: float

    risen_share: float
    """Share (0-1) of the object on which open ground became built, by twice the structure of calm ground…"""

    fallen_share: float
    """… and the other way round."""

    brightness_change: float
    """Mean after less mean before, relative to the mean before."""

    greenness_after: float | None
    """Median NDVI after; without near infrared the visible greenness (2G-R-B)/(R+G+B), which is smaller."""

    greenness_change: float | None

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

    elongation: float
    """Length of the smallest rectangle around it, relative to its mean width (area by length): a square has 1."""

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

    structure_before: NDArray[np.float32]
    structure_after: NDArray[np.float32]
    structure_unit: float
    """Structure of calm ground in the units of the bands: what the two above are counted in."""
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
    looks_before, looks_after = steps.agreeing_looks
    return Layers(
        structure_before=before / unit,
        structure_after=after / unit,
        structure_unit=unit,
        greenness_before=_greenness(steps.before, bands),
        greenness_after=_greenness(steps.after, bands),
        has_near_infrared="B08" in bands,
        is_backed=(steps.onset > 0) & (looks_before >= _LEAST_LOOKS_BEFORE) & (looks_after >= _LEAST_LOOKS_AFTER),
        at_edge=ndimage.binary_dilation(~np.isfinite(steps.score_z), iterations=2, border_value=1),
        is_calm=is_calm,
    )


def measure(patch: Patch, steps: Steps, maps: Layers, growth: Growth) -> Features:
    """Measure one object."""
    window, here = patch.window, patch.is_changed
    sides = (np.mean(image[:, *window], axis=0) for image in (steps.before, steps.after))
    mean_before, mean_after = (_mean(brightness, here) for brightness in sides)
    green_after, green_before = (
        None if layer is None else _median(layer[window], here)
        for layer in (maps.greenness_after, maps.greenness_before)
    )
    return Features(
        peak_z=float(np.nanmax(steps.score_z[window][here])),
        structure_before=_mean(maps.structure_before[window], here),
        structure_after=_mean(maps.structure_after[window], here),
        risen_share=_crossing_share(maps.structure_before[window], maps.structure_after[window], here),
        fallen_share=_crossing_share(maps.structure_after[window], maps.structure_before[window], here),
        brightness_change=(mean_after - mean_before) / max(mean_before, 1e-6),
        greenness_after=green_after,
        greenness_change=None if green_after is None or green_before is None else green_after - green_before,
        has_near_infrared=maps.has_near_infrared,
        persistence=_mean(steps.persistence[window], here),
        season_persistence=_mostly_known_mean(steps.season_persistence[window], here),
        looks_before=growth.looks_before,
        looks_after=growth.looks_after,
        backed_share=float(maps.is_backed[window][here].mean()),
        edge_share=float(maps.at_edge[window][patch.is_member].mean()),
        elongation=_elongation(patch),
        isolation=isolation(patch, maps.structure_before, pixel_m=sqrt(patch.area_m2 / patch.is_member.sum())),
        area_m2=patch.area_m2,
    )


def _crossing_share(low: NDArray[np.float32], high: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    """Return on which share of `here` one structure is that of open and the other that of built ground."""
    return float(((low < _BUILT_STRUCTURE) & (high >= _BUILT_STRUCTURE))[here].mean())


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
