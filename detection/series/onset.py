"""Between which two looks did the change of an object begin, and how did it grow?

Every changed pixel has a first look that certainly shows its change and a first look that may show it
(`detection.series.beginnings`). An object has certainly begun on the first look by which enough pixels that touch
each other have begun, and certainly not on the last look on which next to none may have, on which the part that began
first was in sight, and on which the likelihood of its mean progress excludes that it had: where fields are restless a
graded building ground looks like any of their colours. The true start lies between the two.
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
_BELIEVED_LOOKS = 2.0
"""So many looks' worth of belief…"""
_BELIEVED_NOISE = 0.03
"""… that the mean progress of an object strays by this much from look to look."""
_MOST_A_LOOK = 12.0
"""No look tells more than this, as twice the logarithm of a likelihood ratio: an odd one may not decide alone."""


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

    least_progress: float = 0.2
    """A beginning may look like so little (0-1) of the whole change…"""

    exclusion: float = 3.84
    """… and is excluded on looks that are less likely with it than without it by this much, twice the logarithm of
    the likelihood ratio: 3.84 leaves out one true beginning in twenty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The course of one object."""

    seen: tuple[int, ...]
    """Indices of the dates on which the object was clearly seen, ascending."""
    changed_share: tuple[float, ...]
    """For each of these, the share (0-1) of the object's changed pixels that had changed by then; never falls."""
    hinted_share: tuple[float, ...]
    """The same of what may have changed by then; nowhere less."""
    looks_before: int
    """Clear looks certainly without the change: the last of them is the lower bound of the onset."""
    onset: int
    """Position in `seen` of the first look with the change; `len(seen)` if none is."""
    by: int
    """Position of the first look that shows it for certain, the upper bound; not before `onset`."""

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
    progress: NDArray[np.float32] | None = None
    """How far each pixel has come from what it was (0) to what it became (1), shape (time, y, x); NaN not seen. None:
    looks are excluded by the beginnings of the pixels alone."""


def follow(course: Course, params: OnsetParams) -> Growth:
    """Follow one object through the dates and bound its onset."""
    seen = looks_at(course.is_seen, course.is_changed)
    by_then = np.where(course.is_changed, np.minimum(course.begun.certain, course.step), len(course.days))
    shares = [float((by_then <= look)[course.is_changed].mean()) for look in seen]
    perhaps = np.minimum(course.begun.hinted, by_then)
    hinted = [float((perhaps <= look)[course.is_changed].mean()) for look in seen]
    limits = _Limits.of(course, params)
    sure = [limits.clump(course.begun.certain <= look) for look in seen]
    onset = _first_at_least(_above_rest(sure, [course.days[look] for look in seen], limits, params), limits.begun)
    first = course.begun.certain
    if onset == len(seen):  # nothing began clearly by itself: the clearest steps must tell
        onset, first = _first_at_least(shares, _MAJORITY), by_then
    is_bounded = onset < len(seen)
    before = _looks_before(course, seen, onset, first, limits, params) if is_bounded else 0
    by = _by(course, seen, onset, params) if is_bounded and first is by_then else onset
    # a look that cannot exclude the beginning cannot exclude that as much had begun as makes one
    least = limits.begun / max(float(course.is_changed.sum()), 1.0)
    hinted = [max(share, least) if look >= before else share for look, share in enumerate(hinted)]
    return Growth(
        seen=tuple(seen),
        changed_share=tuple(shares),
        hinted_share=tuple(hinted),
        looks_before=before,
        onset=onset,
        by=by,
    )


def _by(course: Course, seen: list[int], onset: int, params: OnsetParams) -> int:
    """Return the look by which an object of which no part began clearly by itself has begun for certain.

    A fifth of its pixels may have stepped for other reasons: the mean progress of all must not speak against it.
    """
    if course.progress is None:
        return onset
    return max(onset, _likely(course.progress[seen][:, course.is_changed], onset, params)[1])


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
    by_hints = last if course.is_taken_down else last + 1
    if course.progress is not None and not course.is_taken_down:
        progress = course.progress[seen[: onset + 1]][:, initial]
        by_hints = min(by_hints, _likely(progress, by_hints, params)[0])
    return min(onset, max(1, by_hints))


def _likely(progress: NDArray[np.float32], looks_before: int, params: OnsetParams) -> tuple[int, int]:
    """Return the first and the last look, the last of all shows the change, with which the likelihood lets it begin.

    Had the part that began first not begun yet, its mean progress on a look would be 0 but for noise; had it, it would
    be `least_progress` or more. The noise is what the first `looks_before` looks show, seasons included, beside a
    little that is always believed. The interval holds every beginning that is not much less likely than the likeliest
    (profile likelihood, Wilks 1938); no single look counts without limit.

    Args:
        progress: Of the pixels that began first, shape (look, pixel); NaN where not seen.
        looks_before: Looks that the pixels themselves exclude.
        params: How little a beginning looks like.

    """
    seen = [look[np.isfinite(look)] for look in progress]
    mean = np.array([look.mean() if look.size else np.nan for look in seen])
    past = mean[: max(looks_before, 1)]
    past = past[np.isfinite(past)]
    level = float(np.median(past)) if past.size else 0.0
    known = np.square(past - level).sum() + _BELIEVED_LOOKS * _BELIEVED_NOISE**2
    variance = known / (_BELIEVED_LOOKS + max(past.size - 1, 0))
    rise = mean - level
    without, with_it = (
        np.nan_to_num(np.minimum(np.square(miss) / variance, _MOST_A_LOOK))  # a look that saw nothing tells nothing
        for miss in (rise, np.minimum(rise - params.least_progress, 0))
    )
    misfit = np.array([without[:first].sum() + with_it[first:].sum() for first in range(len(mean))])
    likely = np.flatnonzero(misfit - misfit.min() <= params.exclusion)
    return int(likely[0]), int(likely[-1])


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
