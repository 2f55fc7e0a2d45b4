"""Which dates of a stack can be compared, and why not the others?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from detection.kernels import air
from detection.looks.context import median
from detection.looks.normalise import reference_image
from geo.scene import Quantity, Stack

_ENOUGH_DATES = 2
_DATES_TO_JUDGE = 5
_BLUE, _RED = "B02", "B04"
_DULLED = 0.9
_RECOGNISABLE = 0.75
_PIXELS_TO_REGRESS = 50
_MOST_VALUES = 1 << 26
"""Larger stacks (dates x bands x pixels) are judged by every so-many-th pixel…"""
_ENOUGH_PX = 1 << 14
"""… and so are looks of more than this: medians over as many pixels, spread evenly, are known to a hundredth of the
spread they are taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookParams:
    """When a date counts."""

    min_clear_share: float = 0.2
    """Share (0-1) of the area that must be clearly seen."""

    max_blue_lift: float = 0.05
    """A date on which blue is brighter than in the median of all dates by more than this reflectance, beyond what even
    light would explain, shows thick haze, cloud or snow that no mask caught. Needs five dates to judge by."""

    max_veil: float = 0.045
    """Dust lies like a veil: it dulls red and lifts its dark places, by more than this reflectance, on one date but not
    on those before and after it, and leaves the picture recognisable: so it is told from seasons and from building."""

    max_noise_ratio: float = 2.5
    """A date that differs from the median of all dates by this many times what a usual date does shows haze,
    dust or snow that no mask caught. Needs five dates to judge by."""


class WhyNot(StrEnum):
    """Why a look that was read does not count, in a word."""

    TOO_HIDDEN = "too_hidden"
    """Too little of the area was clearly seen."""
    MURKY = "murky"
    """Haze, dust or snow that no mask caught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLook:
    """What was decided about one look."""

    scene_id: str
    clear_share: float
    """Share (0-1) of the area that was clearly seen."""
    why_not: WhyNot | None
    """None where it counts."""
    reason: str
    """The same with what was measured; empty where it counts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """The dates that count, and the others with their reason."""

    offered: Stack
    """All dates."""
    stack: Stack | None
    """The dates that count; None where fewer than two do."""
    clear_days: tuple[date, ...]
    left_out: tuple[tuple[date, str], ...]
    judged: tuple[JudgedLook, ...]
    """All of them, in the order of `offered`."""
    clear_counts: NDArray[np.int32]
    """On how many of them each pixel was clearly seen, shape (y, x)."""


def choose_looks(stack: Stack, inside: NDArray[np.bool_], params: LookParams) -> Looks:
    """Choose the dates on which enough of the area was seen clearly, through clean air.

    Args:
        stack: All looks.
        inside: Shape (y, x): the pixels of the area.
        params: When a date counts.

    """
    counts, shares = _clear(stack, inside)
    reasons = {
        index: f"{share:.0%} of the area clearly seen, {params.min_clear_share:.0%} needed"
        for index, share in enumerate(shares)
        if share < params.min_clear_share
    }
    clear = [index for index in range(len(shares)) if index not in reasons]
    murky = _murky(stack, clear, params)
    reasons |= murky
    kept = [index for index in clear if index not in reasons]
    return Looks(
        offered=stack,
        stack=_subset(stack, kept) if len(kept) >= _ENOUGH_DATES else None,
        clear_days=tuple(stack.days[index] for index in kept),
        left_out=tuple((stack.days[index], reasons[index]) for index in sorted(reasons)),
        judged=tuple(
            JudgedLook(
                scene_id=scene_id,
                clear_share=float(shares[index]),
                why_not=None if index in kept else WhyNot.MURKY if index in murky else WhyNot.TOO_HIDDEN,
                reason=reasons.get(index, ""),
            )
            for index, scene_id in enumerate(stack.scene_ids)
        ),
        clear_counts=counts,
    )


def _clear(stack: Stack, inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return on how many dates each pixel was clearly seen, and which share of `inside` on each; one date is held."""
    counts, shares = np.zeros(stack.grid.shape, dtype=np.int32), np.zeros(len(stack.days))
    size = max(1, int(np.count_nonzero(inside)))
    for index in range(len(stack.days)):
        is_clear = clear_on(stack, index)
        counts += is_clear
        shares[index] = np.count_nonzero(is_clear & inside) / size
    return counts, shares


def _murky(stack: Stack, clear: list[int], params: LookParams) -> dict[int, str]:
    """Return the dates, among `clear`, that differ from the median image far more than dates usually do."""
    if len(clear) < _DATES_TO_JUDGE:
        return {}
    values = _thinned(stack).values[clear]
    reference = reference_image(values)
    lights = [_light(image, reference) for image in values]
    veils = _veils(values, reference, lights, stack.bands, params) if stack.quantity is Quantity.REFLECTANCE else {}
    spreads = np.array([light.spread for light in lights])
    usual = float(np.median(spreads))
    reasons = {}
    for index, (date_index, spread) in enumerate(zip(clear, spreads, strict=True)):
        if index in veils:
            reasons[date_index] = veils[index]
        elif usual > 0 and spread > params.max_noise_ratio * usual:
            reasons[date_index] = f"haze, dust or snow: differs {spread / usual:.1f} times as much as a usual date"
    return reasons


def usual_spread(values: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return how unevenly a usual date, of `values` (time, band, y, x), is lit beside `reference` (band, y, x)."""
    return float(np.median([_light(image, reference).spread for image in values]))


def why_murky(look: Stack, reference: NDArray[np.float32], usual: float, params: LookParams) -> str:
    """Say why a stack of one date shows no clear air, by what is known of earlier ones; empty where it may.

    A veil of dust is told from the dates before and after it; the newest date has none after it.

    Args:
        look: One date.
        reference: The median of earlier dates, shape (band, y, x).
        usual: Of `usual_spread`.
        params: When a date counts.

    """
    image = look.values[0]
    light = _light(image, reference)
    if look.quantity is Quantity.REFLECTANCE and _BLUE in look.bands:
        blue = look.bands.index(_BLUE)
        lift = _lift(image[blue], reference[blue], light.gains)
        if lift > params.max_blue_lift:
            return f"haze, cloud or snow: blue {lift:.2f} brighter than usual, {params.max_blue_lift:g} allowed"
    if usual > 0 and light.spread > params.max_noise_ratio * usual:
        return f"haze, dust or snow: differs {light.spread / usual:.1f} times as much as a usual date"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Light:
    """How one date's light differs from that of the median of all dates."""

    gains: tuple[float, ...]
    """Median ratio to the reference of each band; 1 where nothing tells."""
    spread: float
    """Median over bands of the spread of the ratio, relative to its median: even light has none."""


def _light(image: NDArray[np.float32], reference: NDArray[np.float32]) -> _Light:
    told = [air.ratio(_row(layer), _row(base)) for layer, base in zip(image, reference, strict=True)]
    spreads = [spread for gain, spread in told if not np.isnan(gain)]
    return _Light(
        gains=tuple(1.0 if np.isnan(gain) else gain for gain, _ in told),
        spread=float(np.median(spreads)) if spreads else 0.0,
    )


def _veils(
    values: NDArray[np.float32],
    reference: NDArray[np.float32],
    lights: Sequence[_Light],
    bands: Sequence[str],
    params: LookParams,
) -> dict[int, str]:
    """Return the dates on which something lies between the sensor and the ground, with what was measured."""
    reasons = {}
    if _RED in bands:
        red = bands.index(_RED)
        fits = [_regression(image[red], reference[red]) for image in values]
        # What a date shares with the one before or after it may last; and the first and last date have no neighbour.
        for index in range(1, len(fits) - 1):
            slope, intercept, likeness = fits[index]
            own = intercept - max(0.0, fits[index - 1][1], fits[index + 1][1])
            if slope < _DULLED and own > params.max_veil and likeness > _RECOGNISABLE:
                reasons[index] = (
                    f"dust or haze: contrast in red {slope:.2f} of the usual, its dark places {own:.3f} brighter "
                    f"than on the dates before and after, {params.max_veil:g} allowed"
                )
    if _BLUE in bands:
        blue = bands.index(_BLUE)
        lifts = [_lift(image[blue], reference[blue], light.gains) for image, light in zip(values, lights, strict=True)]
        for index in np.flatnonzero(np.array(lifts) > params.max_blue_lift).tolist():
            reasons[index] = (
                f"haze, cloud or snow: blue {lifts[index]:.2f} brighter than usual, {params.max_blue_lift:g} allowed"
            )
    return reasons


def _lift(layer: NDArray[np.float32], base: NDArray[np.float32], gains: Sequence[float]) -> float:
    """Return by how much `layer` is brighter than `base`, beyond what even light does to all bands (`gains`)."""
    lifted = layer - np.float32(max(1.0, min(gains))) * base
    is_seen = np.isfinite(lifted)
    return median(lifted[is_seen]) if is_seen.any() else 0.0


def _regression(layer: NDArray[np.float32], base: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return slope and intercept of `layer` against `base`, through their darker and brighter tenth, and correlation.

    (1, 0, 1) where there is no contrast to measure it by.
    """
    slope, intercept, likeness = air.regression(_row(layer), _row(base), _PIXELS_TO_REGRESS)
    return (slope, intercept, likeness)


def _row(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(layer, dtype=np.float32).reshape(-1)


def clear_on(stack: Stack, index: int) -> NDArray[np.bool_]:
    """Return where one date of `stack` shows the ground clearly in all bands, shape (y, x)."""
    layers = (stack.dataset.variables[name][index].to_numpy() for name in stack.bands)  # no coordinates are sorted out
    return np.asarray(np.logical_and.reduce([np.isfinite(layer) for layer in layers]))


def _thinned(stack: Stack) -> Stack:
    """Return `stack`, of large ones every so-many-th pixel both ways: as many as can be held and tell the same."""
    rows, columns = stack.grid.shape
    least = ceil(sqrt(rows * columns * len(stack.days) * len(stack.bands) / _MOST_VALUES))
    step = max(least, int(sqrt(rows * columns / _ENOUGH_PX)))
    if step <= 1:
        return stack
    places = slice(step // 2, None, step)
    dataset = stack.dataset.isel(y=places, x=places)
    grid = replace(
        stack.grid, pixel_m=stack.grid.pixel_m * step, height_px=dataset.sizes["y"], width_px=dataset.sizes["x"]
    )
    return replace(stack, dataset=dataset, grid=grid, resample=None)


def _subset(stack: Stack, kept: list[int]) -> Stack:
    if len(kept) == len(stack.days):
        return stack
    return replace(stack, dataset=stack.dataset.isel(time=kept), shifts_px=None)
