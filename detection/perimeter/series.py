"""The contrast of each arc of a perimeter, and of each arc of its copies, date by date."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point

from detection.perimeter.copies import Copies
from detection.perimeter.lines import Line, Search, contrasts, offsets
from detection.perimeter.result import PerimeterParams
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Stack
from geo.sun import Sun, sun_on

Values = NDArray[np.float32]

_PILOT_COPIES = 40
"""Copies from which the weights of the bands are learnt."""
_STEPS_A_BAND = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """The contrast of each arc on each date."""

    contrast: Values
    """Shape (time, copy, arc), the true perimeter first; NaN where not seen."""
    offset_m: Values
    """Shape (copy, arc): how far outwards the line was looked for."""
    width_m: float
    """Mean width of wall and shadow across the line."""
    beside: Values
    """Shape (time, shift, arc): the contrast of the true perimeter at each of `beside_m`."""
    beside_m: Values
    """How far outwards of the drawn line, ascending."""


def series_of(stack: Stack, copies: Copies, params: PerimeterParams) -> Series:
    """Measure the perimeter and its copies on all dates, each arc where its line stands out most."""
    suns = _suns(stack)
    step_m = stack.grid.pixel_m / 2
    reach = round(params.outline_error_m / step_m)
    search = Search(
        wall=params.wall,
        across_m=offsets(params.reach_m + reach * step_m, step_m),
        shifts=range(-reach, reach + 1),
    )
    combined = np.einsum("b,tbyx->tyx", _band_weights(stack, copies, suns, params), stack.values)
    measured = contrasts(combined.astype(np.float32), stack.grid, copies.line, suns, search)
    found = measured.reshape(len(suns), len(search.shifts), copies.count, -1)
    best = _clearest_shift(found)
    contrast = np.take_along_axis(found, best[None, None], axis=1)[:, 0]
    contrast[:, 1:] = np.where(copies.is_free[1:], contrast[:, 1:], np.nan)
    offset_m = (best - reach).astype(np.float32) * np.float32(step_m)
    beside, beside_m = _beside(combined.astype(np.float32), stack.grid, copies, suns, params)
    return Series(
        contrast=contrast,
        offset_m=offset_m,
        width_m=_mean_width_m(suns, params),
        beside=beside,
        beside_m=beside_m,
    )


def _beside(
    combined: Values, grid: Grid, copies: Copies, suns: Sequence[Sun], params: PerimeterParams
) -> tuple[Values, Values]:
    """Return the contrast of the true perimeter on and beside its line, and how far outwards that is."""
    step_m = grid.pixel_m / 2
    reach = round((params.outline_error_m + params.beside_m) / step_m)
    shifts = range(-reach, reach + 1)
    is_true = copies.line.arc < copies.is_free.shape[1]
    line = Line(
        place_m=copies.line.place_m[is_true], outwards=copies.line.outwards[is_true], arc=copies.line.arc[is_true]
    )
    search = Search(wall=params.wall, across_m=offsets(params.reach_m + reach * step_m, step_m), shifts=shifts)
    return contrasts(combined, grid, line, suns, search), np.array(shifts, dtype=np.float32) * np.float32(step_m)


def _clearest_shift(found: Values) -> NDArray[np.intp]:
    """Return at which shift each arc, shape (copy, arc), stands out most in either half of the dates.

    Args:
        found: Shape (time, shift, copy, arc).

    """
    half = len(found) // 2
    clear = np.maximum(*(np.abs(mean_of_seen(part)) for part in (found[:half], found[half:])))
    best: NDArray[np.intp] = np.argmax(np.nan_to_num(clear, nan=-1), axis=0)
    return best


def _mean_width_m(suns: Sequence[Sun], params: PerimeterParams) -> float:
    """Return the width across the line of wall and shadow, averaged over directions and dates."""
    side = np.linspace(-1, 1, 9, dtype=np.float32)
    extents = [params.wall.extent_m(sun, side) for sun in suns]
    return float(np.mean([last - first for first, last in extents]))


def _band_weights(stack: Stack, copies: Copies, suns: Sequence[Sun], params: PerimeterParams) -> Values:
    """Return the weights of the bands, adding up to 1, under which grey lines stand out most from what varies.

    Best linear unbiased: what differs from date to date along the copies is the noise.
    """
    bands = len(stack.bands)
    steps = _steps_of_bands(stack, copies, suns, params)
    if bands == 1 or len(steps) < _STEPS_A_BAND * bands:
        return np.full(bands, 1 / bands, dtype=np.float32)
    covariance = np.cov(steps.T)
    covariance += 0.1 * np.diag(np.diag(covariance)) + 1e-12 * np.eye(bands)  # so that it can be inverted
    weights = np.maximum(np.linalg.solve(covariance, np.ones(bands)), 0)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _steps_of_bands(stack: Stack, copies: Copies, suns: Sequence[Sun], params: PerimeterParams) -> Values:
    """Return the differences between successive looks along some copies, shape (step, band)."""
    arcs = copies.is_free.shape[1]
    is_pilot = copies.line.arc < min(copies.count, _PILOT_COPIES + 1) * arcs
    pilot = Line(
        place_m=copies.line.place_m[is_pilot], outwards=copies.line.outwards[is_pilot], arc=copies.line.arc[is_pilot]
    )
    search = Search(wall=params.wall, across_m=offsets(params.reach_m, stack.grid.pixel_m / 2))
    bands = stack.values.swapaxes(0, 1)
    found = np.stack([contrasts(band, stack.grid, pilot, suns, search)[:, 0, arcs:] for band in bands], axis=1)
    steps = np.diff(found, axis=0).transpose(0, 2, 1).reshape(-1, found.shape[1])
    return np.asarray(steps[np.isfinite(steps).all(axis=1)], dtype=np.float32)


def _suns(stack: Stack) -> list[Sun]:
    left, bottom, right, top = stack.grid.bounds_m
    middle = reproject(Point((left + right) / 2, (bottom + top) / 2), from_epsg=stack.grid.epsg, to_epsg=LON_LAT_EPSG)
    return [sun_on(day, lat_deg=middle.y) for day in stack.days]


def mean_of_seen(values: Values) -> Values:
    """Return the mean along the first axis of what is not NaN; NaN where nothing is."""
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
