"""Between which two looks did the change of an object begin, and how did it grow?

Every changed pixel has the date of its first clear step (`detection.steps`), right to a look or so. An object has
certainly begun on the first look by which a good part of it has changed, and certainly not on the last look by which
next to nothing of it had: the true start lies between the two, and where the first steps are scattered the interval
is wide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.context import box_mean

_MIN_SEEN_SHARE = 0.5
"""A look at less of the object than this is no look at it."""

_REST_LOOKS = 4
_REST_GROWTH = 0.03
"""A site that grows by less than this share over so many looks rests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsetParams:
    """When the change of an object has begun."""

    begun_share: float = 0.2
    """It has certainly begun when this share (0-1) of its changed pixels has had its first step…"""

    begun_area_m2: float = 15_000.0
    """… or this much ground, whichever comes first."""

    majority_px: int = 7
    """Side of the neighbourhood, in pixels, whose majority tells when a pixel began."""

    hint_fraction: float = 0.5
    """It has certainly not begun while less than this fraction (0-1) of either has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The course of one object."""

    seen: tuple[int, ...]
    """Indices of the dates on which the object was clearly seen, ascending."""
    changed_share: tuple[float, ...]
    """For each of these, the share (0-1) of the object's changed pixels that had changed by then; never falls."""
    looks_before: int
    """Clear looks certainly without the change: the last of them is the lower bound of the onset."""
    onset: int
    """Position in `seen` of the first look certainly with the change, the upper bound; `len(seen)` if none is."""

    @property
    def is_bounded(self) -> bool:
        """Whether there is a look on both sides of the onset."""
        return self.looks_before > 0 and self.onset < len(self.seen)

    @property
    def looks_after(self) -> int:
        """Clear looks from the upper bound of the onset on."""
        return len(self.seen) - self.onset


def follow(first_step: NDArray[np.int64], is_seen: NDArray[np.bool_], *, area_m2: float, params: OnsetParams) -> Growth:
    """Follow one object through the dates.

    Args:
        first_step: Index of the first date after the first step of each changed pixel of it, shape (y, x); -1 for
            pixels that are not of the object. The majority of a neighbourhood counts: single pixels err.
        is_seen: Shape (time, y, x): on which dates each pixel was clearly seen.
        area_m2: Ground of the whole site, yards included.
        params: When the change has begun.

    """
    is_member = first_step > 0
    seen = np.flatnonzero(is_seen[:, is_member].mean(axis=1) >= _MIN_SEEN_SHARE)
    members = np.maximum(box_mean(is_member.astype(np.float32), params.majority_px), 1e-6)
    shares = [_begun_share(first_step, is_member, members, date=int(date), params=params) for date in seen]
    begun = min(params.begun_share, params.begun_area_m2 / area_m2)
    risen = _above_rest(shares)
    return Growth(
        seen=tuple(int(date) for date in seen),
        changed_share=tuple(shares),
        looks_before=_first_at_least(risen, params.hint_fraction * begun),
        onset=_first_at_least(risen, begun),
    )


def _begun_share(
    first_step: NDArray[np.int64],
    is_member: NDArray[np.bool_],
    members: NDArray[np.float32],
    *,
    date: int,
    params: OnsetParams,
) -> float:
    """Return the share of the object in whose neighbourhood most had its first step by `date`."""
    begun = (is_member & (first_step <= date)).astype(np.float32)
    return float((box_mean(begun, params.majority_px) / members > 0.5)[is_member].mean())  # noqa: PLR2004 - most


def _above_rest(shares: list[float]) -> list[float]:
    """Return by how much the shares have risen above the last long rest before half of the object had changed.

    A site that is begun goes on; a few pixels that changed early, and nothing after them for four looks, are odd looks
    or small works, not its beginning.
    """
    half = _first_at_least(shares, 0.5)
    rests = [end for end in range(_REST_LOOKS - 1, half) if shares[end] - shares[end - _REST_LOOKS + 1] < _REST_GROWTH]
    floor = shares[rests[-1]] if rests else 0.0
    return [max(0.0, share - floor) for share in shares]


def _first_at_least(shares: list[float], needed: float) -> int:
    return next((position for position, share in enumerate(shares) if share >= needed), len(shares))
