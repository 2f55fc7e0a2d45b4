"""Between which two looks did the change of an object begin, and how did it grow?

The clearest step of a pixel is not the beginning: ground is graded months before a roof stands on it. So each
look is compared with the ground as it was before anything happened, and the first look on which enough of the
object differs, and keeps differing, bounds the onset from above; the clear look before it bounds it from below.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.context import Noise, mean_of_seen
from detection.normalise import median_of_seen

_MIN_SEEN_SHARE = 0.5
"""A look at less of the object than this is no look at it."""

_FEWEST_LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The course of one object."""

    seen: tuple[int, ...]
    """Indices of the dates on which the object was clearly seen, ascending."""
    changed_share: tuple[float, ...]
    """For each of these, the share (0-1) of the object's seen pixels that differ from the ground before."""
    onset: int
    """Position in `seen` of the first look with the change; 1 at least."""

    @property
    def looks_before(self) -> int:
        """Clear looks without the change."""
        return self.onset

    @property
    def looks_after(self) -> int:
        """Clear looks from the onset on."""
        return len(self.seen) - self.onset


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsetParams:
    """When a look counts as showing the change."""

    departed_z: float = 3.0
    """A pixel differs from the ground before where its contrast is this many robust sigma above calm ground's…"""

    departed_share: float = 0.3
    """… and where it has gone at least this share (0-1) of the way to what the ground became."""

    min_share: float = 0.08
    """The change has begun when this share (0-1) of the final object differs…"""

    min_area_m2: float = 1500.0
    """… and at least this much ground."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenery:
    """The looks around one object."""

    values: NDArray[np.float32]
    """Normalised, shape (time, band, y, x), NaN where not seen."""
    change: NDArray[np.float32]
    """What the ground became less what it was, shape (band, y, x)."""
    is_calm: NDArray[np.bool_]
    """Shape (y, x): ground that belongs to no object. What differs there is noise."""
    patch_px: int
    """Side of the window over which differences are averaged."""
    pixel_area_m2: float


def follow(scenery: Scenery, is_member: NDArray[np.bool_], *, first_cut: int, params: OnsetParams) -> Growth:
    """Follow one object through the dates.

    Args:
        scenery: The looks.
        is_member: The object's pixels, shape (y, x).
        first_cut: The earliest date at which steps of its pixels lie: the change has begun by then.
        params: When a look counts.

    Returns:
        The course; fewer than two looks at the object give an onset that lies outside `seen`.

    """
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(scenery.values).all(axis=1))
    seen: NDArray[np.int64] = np.flatnonzero(is_seen[:, is_member].mean(axis=1) >= _MIN_SEEN_SHARE)
    needed = min(max(params.min_share, params.min_area_m2 / scenery.pixel_area_m2 / is_member.sum()), 0.5)
    if len(seen) < _FEWEST_LOOKS:
        return Growth(seen=tuple(int(date) for date in seen), changed_share=(0.0,) * len(seen), onset=len(seen))
    last = min(max(1, int(np.searchsorted(seen, first_cut))), len(seen) - 1)
    for onset in range(1, last + 1):
        shares = _changed_shares(scenery, seen, is_member, before=onset, params=params)
        if _has_begun(shares, onset, needed):
            break
    return Growth(seen=tuple(int(date) for date in seen), changed_share=tuple(shares), onset=onset)


def _changed_shares(
    scenery: Scenery, seen: NDArray[np.int64], is_member: NDArray[np.bool_], *, before: int, params: OnsetParams
) -> list[float]:
    """Return for each date of `seen` which share of the object differs from the ground of the first `before` looks."""
    ground = median_of_seen(scenery.values[seen[:before]])
    shares = []
    for date in seen:
        departure = _departure(scenery.values[date], ground, scenery.patch_px)
        calm = departure[scenery.is_calm & np.isfinite(departure)]
        here = is_member & np.isfinite(departure)
        departs = Noise.of(calm).z(departure[here]) > params.departed_z
        is_strong = _progress(scenery.values[date] - ground, scenery.change)[here] > params.departed_share
        shares.append(float((departs & is_strong).mean()) if calm.size and here.any() else 0.0)
    return shares


def _departure(image: NDArray[np.float32], ground: NDArray[np.float32], patch_px: int) -> NDArray[np.float32]:
    return mean_of_seen(np.abs(image - ground).mean(axis=0), patch_px)


def _progress(departure: NDArray[np.float32], change: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much of `change` (band, y, x) there is in `departure`, shape (y, x): projected, over 3 x 3 pixels."""
    along = mean_of_seen((departure * change).sum(axis=0), 3)
    whole = mean_of_seen(np.square(change).sum(axis=0), 3)
    return np.nan_to_num(along / np.maximum(whole, 1e-9)).astype(np.float32)


def _has_begun(shares: list[float], onset: int, needed: float) -> bool:
    """Say whether the change is there on the look `onset` and, in the median of what follows, stays."""
    return shares[onset] >= needed and float(np.median(shares[onset:])) >= needed
