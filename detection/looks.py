"""Which dates of a stack can be compared, and why not the others?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detection.normalise import reference_image
from geo.scene import Quantity, Stack

_ENOUGH_DATES = 2
_DATES_TO_JUDGE = 5
_BLUE, _RED = "B02", "B04"
_DULLED = 0.9
_RECOGNISABLE = 0.75
_PIXELS_TO_REGRESS = 50


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


def choose_looks(stack: Stack, inside: NDArray[np.bool_], params: LookParams) -> Looks:
    """Choose the dates on which enough of the area was seen clearly, through clean air.

    Args:
        stack: All looks.
        inside: Shape (y, x): the pixels of the area.
        params: When a date counts.

    """
    shares = stack.is_clear[:, inside].mean(axis=1) if inside.any() else np.zeros(len(stack.days))
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
    )


def _murky(stack: Stack, clear: list[int], params: LookParams) -> dict[int, str]:
    """Return the dates, among `clear`, that differ from the median image far more than dates usually do."""
    if len(clear) < _DATES_TO_JUDGE:
        return {}
    values = stack.values[clear]
    reference = reference_image(values)
    veils = _veils(values, reference, stack.bands, params) if stack.quantity is Quantity.REFLECTANCE else {}
    spreads = np.array([_spread(image, reference) for image in values])
    usual = float(np.median(spreads))
    reasons = {}
    for index, (date_index, spread) in enumerate(zip(clear, spreads, strict=True)):
        if index in veils:
            reasons[date_index] = veils[index]
        elif usual > 0 and spread > params.max_noise_ratio * usual:
            reasons[date_index] = f"haze, dust or snow: differs {spread / usual:.1f} times as much as a usual date"
    return reasons


def _veils(
    values: NDArray[np.float32], reference: NDArray[np.float32], bands: Sequence[str], params: LookParams
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
        lifts = [_lift(image, reference, bands.index(_BLUE)) for image in values]
        for index in np.flatnonzero(np.array(lifts) > params.max_blue_lift).tolist():
            reasons[index] = (
                f"haze, cloud or snow: blue {lifts[index]:.2f} brighter than usual, {params.max_blue_lift:g} allowed"
            )
    return reasons


def _lift(image: NDArray[np.float32], reference: NDArray[np.float32], band: int) -> float:
    """Return by how much `band` is brighter than in the reference, beyond what even light does to all bands."""
    gains = []
    for layer, base in zip(image, reference, strict=True):
        is_seen = np.isfinite(layer) & (base > 0)
        gains.append(float(np.median(layer[is_seen] / base[is_seen])) if is_seen.any() else 1.0)
    light = max(1.0, min(gains))
    lifted = image[band] - np.float32(light) * reference[band]
    is_seen = np.isfinite(lifted)
    return float(np.median(lifted[is_seen])) if is_seen.any() else 0.0


def _regression(layer: NDArray[np.float32], base: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return slope and intercept of `layer` against `base`, through their darker and brighter tenth, and correlation.

    (1, 0, 1) where there is no contrast to measure it by.
    """
    is_seen = np.isfinite(layer) & np.isfinite(base)
    x, y = base[is_seen].astype(np.float64), layer[is_seen].astype(np.float64)
    if x.size < _PIXELS_TO_REGRESS:
        return (1.0, 0.0, 1.0)
    low, high = np.quantile(x, [0.1, 0.9])
    is_dark, is_bright = x <= low, x >= high
    contrast = np.median(x[is_bright]) - np.median(x[is_dark])
    if contrast <= 0 or y.std() == 0:
        return (1.0, 0.0, 1.0)
    slope = float((np.median(y[is_bright]) - np.median(y[is_dark])) / contrast)
    return (slope, float(np.median(y) - slope * np.median(x)), float(np.corrcoef(x, y)[0, 1]))


def _spread(image: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the median over bands of the spread of the ratio to the reference: even light has none."""
    is_seen = np.isfinite(image) & np.isfinite(reference) & (reference > 0)
    ratios = [layer[seen] / base[seen] for layer, base, seen in zip(image, reference, is_seen, strict=True)]
    spreads = [float(np.median(np.abs(ratio / np.median(ratio) - 1))) for ratio in ratios if ratio.size]
    return float(np.median(spreads)) if spreads else 0.0


def _subset(stack: Stack, kept: list[int]) -> Stack:
    return Stack(dataset=stack.dataset.isel(time=kept), grid=stack.grid, quantity=stack.quantity)
