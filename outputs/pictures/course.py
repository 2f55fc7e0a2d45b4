"""How did the ground of one object behave, look by look, beside its surroundings and its own past?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from outputs.pictures.chips import days_apart_in_season

LEAST_CLEAR_SHARE = 0.5
"""A look at less of the object (0-1) than this is a hidden one."""
RING_M = (30.0, 150.0)
"""The surroundings that an object is held against: so far from its outline, to so far."""
SEASON_DAYS = 45
"""Looks of the past no farther apart in the year than this say what is usual in a season…"""
LEAST_OF_SEASON = 3
"""… where there are so many; else all looks of the past do."""
MAD_TO_SIGMA = 1.4826
BAND_SIGMAS = 2.0
_VISIBLE = ("B02", "B03", "B04")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What one quantity did; arrays of shape (time,), NaN where too little was clearly seen."""

    name: str
    inside: NDArray[np.float64]
    """Mean over the object."""
    around: NDArray[np.float64]
    """Mean over its surroundings."""
    usual: NDArray[np.float64]
    """Median of the object's own past in the same season; NaN where there is no past."""
    spread: NDArray[np.float64]
    """Robust standard deviation of the same past; NaN where fewer than three looks tell."""


def courses(
    bands: Mapping[str, NDArray[np.float32]],
    days: Sequence[date],
    grid: Grid,
    outline_m: BaseGeometry,
    *,
    onset_after: date,
) -> tuple[Course, ...]:
    """Measure brightness, and the vegetation index where there is near infrared, look by look.

    Args:
        bands: Band to values, shape (time, y, x), NaN where not clearly seen.
        days: The day of each look, ascending.
        grid: Of the values.
        outline_m: Of the object, in the CRS of `grid`.
        onset_after: The last day on which it had certainly not begun: looks until then are its past.

    """
    near_m, far_m = RING_M
    inside = _pixels(outline_m, grid)
    around = _pixels(outline_m.buffer(far_m), grid) & ~_pixels(outline_m.buffer(near_m), grid)
    return tuple(
        _course(name, values, days, (inside, around), onset_after=onset_after)
        for name, values in _quantities(bands).items()
    )


def _quantities(bands: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    shown = [bands[name] for name in _VISIBLE if name in bands] or list(bands.values())[:1]
    found = {"Brightness": np.asarray(np.mean(shown, axis=0), dtype=np.float32)}
    if "B08" in bands and "B04" in bands:
        red, infrared = bands["B04"], bands["B08"]
        total = np.where(red + infrared > 0, red + infrared, np.float32(np.nan))
        found["Vegetation index"] = np.asarray((infrared - red) / total, dtype=np.float32)
    return found


def _course(
    name: str,
    values: NDArray[np.float32],
    days: Sequence[date],
    places: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    onset_after: date,
) -> Course:
    inside, around = (_means(values, place) for place in places)
    past = [index for index, day in enumerate(days) if day <= onset_after and np.isfinite(inside[index])]
    usual, spread = np.full((2, len(days)), np.nan)
    for index, day in enumerate(days):
        season = [one for one in past if days_apart_in_season(days[one], day) <= SEASON_DAYS]
        told = inside[season if len(season) >= LEAST_OF_SEASON else past]
        if told.size:
            usual[index] = np.median(told)
        if told.size >= LEAST_OF_SEASON:
            spread[index] = MAD_TO_SIGMA * np.median(np.abs(told - usual[index]))
    return Course(name=name, inside=inside, around=around, usual=usual, spread=spread)


def _means(values: NDArray[np.float32], place: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean over a place on each look, shape (time,); NaN where too little of it was clearly seen."""
    if not place.any():
        return np.full(len(values), np.nan)
    own = values[:, place].astype(np.float64)
    is_seen = np.isfinite(own)
    count = is_seen.sum(axis=1)
    means = np.where(is_seen, own, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= LEAST_CLEAR_SHARE * place.sum(), means, np.nan)


def _pixels(shape_m: BaseGeometry, grid: Grid) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies in `shape_m`; those that it touches where there is none."""
    for all_touched in (False, True):
        found: NDArray[np.bool_] = geometry_mask(
            [shape_m], out_shape=grid.shape, transform=grid.transform, invert=True, all_touched=all_touched
        )
        if found.any():
            break
    return found
