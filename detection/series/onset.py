"""Between which two looks did the change of an object begin, and how did it grow?

Every changed pixel has a first look that certainly shows its change and a first look that may show it
(`detection.series.beginnings`). An object has certainly begun on the first look by which enough pixels that touch
each other have begun, and certainly not on the last look on which next to none may have and on which the part that
began first was in sight: the true start lies between the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.series.beginnings import Beginnings

_MIN_SEEN_SHARE = 0.5
"""A look at less of the object than this is no look at it."""
_SEEN_TO_EXCLUDE = 0.8
"""Only a look at so much of the part that began first can say that it had not begun."""
_MAJORITY = 0.2
"""Where no part ever begins clearly, the object has begun when this share of its pixels has stepped."""
_TOUCHING = np.ones((3, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsetParams:
    """When the change of an object has begun."""

    begun_area_m2: float = 1200.0
    """It has certainly begun when so much connected ground has…"""

    begun_share: float = 0.02
    """… and at least this share (0-1) of the object…"""

    begun_enough_m2: float = 6000.0
    """… but so much ground always is enough."""

    taken_share: float = 0.1
    """The same share for what is taken down: there shadows of the season imitate small beginnings."""

    hint_fraction: float = 0.5
    """It has certainly not begun while less than this fraction (0-1) of either may have."""

    rest_looks: int = 4
    """A small beginning, no more of the object than `bump_share`, after which nothing more begins for so many looks…"""

    rest_days: int = 60
    """… and so many days, is an odd look or small works, not the beginning."""

    bump_share: float = 0.1
    """Share (0-1) of the object; for what is taken down half as much again."""

    bump_area_m2: float = 6000.0
    """No more ground than this is ever taken for such a bump, but for what is taken down."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What is known of the pixels of one object; arrays over its window, shape (y, x) unless said otherwise."""

    begun: Beginnings
    step: NDArray[np.int64]
    """Index of the first look after the clearest step of each pixel: it has changed by then at the latest."""
    is_changed: NDArray[np.bool_]
    is_seen: NDArray[np.bool_]
    """Shape (time, y, x)."""
    days: Sequence[date]
    pixel_area_m2: float
    is_taken_down: bool = False
    """Whether something stood there before and less stands there now."""


def follow(course: Course, params: OnsetParams) -> Growth:
    """Follow one object through the dates and bound its onset."""
    seen = looks_at(course.is_seen, course.is_changed)
    by_then = np.where(course.is_changed, np.minimum(course.begun.certain, course.step), len(course.days))
    shares = [float((by_then <= look)[course.is_changed].mean()) for look in seen]
    limits = _Limits.of(course, params)
    sure = [limits.clump(course.begun.certain <= look) for look in seen]
    onset = _first_at_least(_above_rest(sure, [course.days[look] for look in seen], limits, params), limits.begun)
    first = course.begun.certain
    if onset == len(seen):  # nothing began clearly by itself: the clearest steps must tell
        onset, first = _first_at_least(shares, _MAJORITY), by_then
    before = _looks_before(course, seen, onset, first, limits, params) if onset < len(seen) else 0
    return Growth(seen=tuple(seen), changed_share=tuple(shares), looks_before=before, onset=onset)


def looks_at(is_seen: NDArray[np.bool_], here: NDArray[np.bool_]) -> list[int]:
    """Return the indices of the looks, shape (time, y, x), that show at least half of `here` (y, x)."""
    return [int(look) for look in np.flatnonzero(is_seen[:, here].mean(axis=1) >= _MIN_SEEN_SHARE)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Limits:
    """How many touching pixels of one object are a beginning."""

    begun: float
    hint: float
    bump: float
    tolerance: float
    """No more pixels than this begin during a rest."""
    is_changed: NDArray[np.bool_]

    @classmethod
    def of(cls, course: Course, params: OnsetParams) -> "_Limits":
        count = float(course.is_changed.sum())
        is_taken = course.is_taken_down
        share = params.taken_share if is_taken else params.begun_share
        enough = count if is_taken else params.begun_enough_m2 / course.pixel_area_m2
        begun = min(max(params.begun_area_m2 / course.pixel_area_m2, min(share * count, enough)), 0.5 * count)
        bump = (
            1.5 * params.bump_share * count
            if is_taken
            else min(params.bump_share * count, params.bump_area_m2 / course.pixel_area_m2)
        )
        return cls(
            begun=begun,
            hint=params.hint_fraction * begun,
            bump=bump,
            tolerance=max(2.0, (0.03 if is_taken else 0.005) * count),
            is_changed=course.is_changed,
        )

    def clump(self, has_begun: NDArray[np.bool_]) -> float:
        """Return how many pixels the largest clump of changed pixels that have begun holds."""
        here = has_begun & self.is_changed
        if not here.any():
            return 0.0
        labels, _ = ndimage.label(here, _TOUCHING)
        return float(np.bincount(labels.ravel())[1:].max())


def _looks_before(  # noqa: PLR0913, PLR0917 - the object, what was decided about it, and by which rules
    course: Course, seen: list[int], onset: int, first: NDArray[np.int64], limits: _Limits, params: OnsetParams
) -> int:
    """Return how many looks lie certainly before the onset; at least one if there is a look before it at all."""
    initial = course.is_changed & (first <= seen[onset])
    hinted = np.minimum(course.begun.hinted, first)
    hints = _above_rest(
        [limits.clump(hinted <= look) for look in seen], [course.days[look] for look in seen], limits, params
    )
    last = next(
        (
            position
            for position in range(onset - 1, -1, -1)
            if hints[position] < limits.hint and course.is_seen[seen[position]][initial].mean() >= _SEEN_TO_EXCLUDE
        ),
        0,
    )
    # What is taken down first is small, a wall or one roof among many: the look before may already miss it.
    return min(onset, max(1, last if course.is_taken_down else last + 1))


def _above_rest(sizes: list[float], days: Sequence[date], limits: _Limits, params: OnsetParams) -> list[float]:
    """Return by how much the sizes exceed those of the last long rest before half of the object had changed."""
    half = _first_at_least(sizes, 0.5 * sizes[-1]) if sizes else 0
    floor = 0.0
    for end in range(params.rest_looks - 1, half):
        start = end - params.rest_looks + 1
        rests = sizes[end] - sizes[start] <= limits.tolerance and (days[end] - days[start]).days >= params.rest_days
        if rests and sizes[end] <= limits.bump:
            floor = sizes[end]
    return [max(0.0, size - floor) for size in sizes]


def _first_at_least(sizes: Sequence[float], needed: float) -> int:
    return next((position for position, size in enumerate(sizes) if size >= max(needed, 1e-9)), len(sizes))
