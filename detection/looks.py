"""Which dates of a stack can be compared, and why not the others?"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detection.normalise import reference_image
from geo.scene import Stack

_ENOUGH_DATES = 2
_DATES_TO_JUDGE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LookParams:
    """When a date counts."""

    min_clear_share: float = 0.2
    """Share (0-1) of the area that must be clearly seen."""

    max_noise_ratio: float = 2.5
    """A date that differs from the median of all dates by this many times what a usual date does shows haze,
    dust or snow that no mask caught. Needs five dates to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """The dates that count, and the others with their reason."""

    offered: Stack
    """All dates."""
    stack: Stack | None
    """The dates that count; None where fewer than two do."""
    clear_days: tuple[date, ...]
    left_out: tuple[tuple[date, str], ...]


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
    reasons |= _murky(stack, clear, params)
    kept = [index for index in clear if index not in reasons]
    return Looks(
        offered=stack,
        stack=_subset(stack, kept) if len(kept) >= _ENOUGH_DATES else None,
        clear_days=tuple(stack.days[index] for index in kept),
        left_out=tuple((stack.days[index], reasons[index]) for index in sorted(reasons)),
    )


def _murky(stack: Stack, clear: list[int], params: LookParams) -> dict[int, str]:
    """Return the dates, among `clear`, that differ from the median image far more than dates usually do."""
    if len(clear) < _DATES_TO_JUDGE:
        return {}
    values = stack.values[clear]
    reference = reference_image(values)
    spreads = np.array([_spread(image, reference) for image in values])
    usual = float(np.median(spreads))
    return {
        date_index: f"haze, dust or snow: differs {spread / usual:.1f} times as much as a usual date"
        for date_index, spread in zip(clear, spreads, strict=True)
        if usual > 0 and spread > params.max_noise_ratio * usual
    }


def _spread(image: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the median over bands of the spread of the ratio to the reference: even light has none."""
    is_seen = np.isfinite(image) & np.isfinite(reference) & (reference > 0)
    ratios = [layer[seen] / base[seen] for layer, base, seen in zip(image, reference, is_seen, strict=True)]
    spreads = [float(np.median(np.abs(ratio / np.median(ratio) - 1))) for ratio in ratios if ratio.size]
    return float(np.median(spreads)) if spreads else 0.0


def _subset(stack: Stack, kept: list[int]) -> Stack:
    return Stack(dataset=stack.dataset.isel(time=kept), grid=stack.grid, quantity=stack.quantity)
