"""How far had the work on an object come, and between which looks did each phase begin?

The phases are those of the heavy-construction annotations of IARPA's SMART programme: *site preparation* (the ground is
disturbed), *active* (something rises: the brightness of the object becomes rough), *complete* (nothing changes any
more). Each begins in an interval: after the last look that excludes it, by the first look that is certain. A phase that
cannot be told is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detection.schema import Phase
from detection.series.beginnings import Beginnings
from detection.series.onset import Course, Growth, OnsetParams, follow

_LASTING_SHARE = 0.75
_LEAST_LOOKS = 4
"""With fewer clear looks no phase is told but that the ground is disturbed."""

Interval = tuple[int, int]
"""Positions among the clear looks of an object: certainly not yet, certainly by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseParams:
    """When a phase has begun. Structure is counted in units of calm ground's."""

    risen_structure: float = 1.0
    """Something has certainly risen when the structure exceeds that of the time before by this…"""

    hint_structure: float = 0.4
    """… and certainly nothing while it exceeds it by less than this."""

    settle_looks: int = 2
    """Roofs may follow their slabs unseen: so many looks after its last visible step an object is at rest."""

    stable_looks: int = 4
    """An object is complete when so many clear looks…"""

    stable_days: int = 60
    """… and so many days after that nothing has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """What could be told."""

    phase: Phase
    active: Interval | None
    complete: Interval | None


def find_phases(
    course: Course, growth: Growth, structure: Sequence[float], params: PhaseParams, onset: OnsetParams
) -> Phases:
    """Find the phases of an object that was built or taken down.

    Args:
        course: The beginnings of its pixels.
        growth: Its onset, from `follow`; bounded.
        structure: Mean structure of its changed pixels on each of the looks `growth.seen`.
        params: When a phase has begun.
        onset: How many touching pixels are more than noise.

    """
    begun = (growth.looks_before - 1, growth.by)
    if course.is_taken_down:
        active: Interval | None = begun
    else:
        active = _ordered(_rise(np.asarray(structure, dtype=float), growth, params), begun)
    complete = None
    if active is not None and len(growth.seen) >= _LEAST_LOOKS:
        complete = _ordered(_rest(course, growth, params, onset), active)
    phase = Phase.COMPLETE if complete else Phase.ACTIVE if active else Phase.SITE_PREPARATION
    return Phases(phase=phase, active=active, complete=complete)


def _rise(structure: np.ndarray, growth: Growth, params: PhaseParams) -> Interval | None:
    """Bound the look by which the structure has risen for good."""
    past = structure[: growth.looks_before]
    past = past[np.isfinite(past)]
    if not past.size:
        return None
    level, unrest = float(np.median(past)), float(np.std(past))
    gain = np.nan_to_num(structure - level, nan=-np.inf)
    is_risen = gain >= max(params.risen_structure, 4 * unrest)
    by = next(
        (
            look
            for look in range(growth.onset, len(gain))
            if is_risen[look] and is_risen[look:].mean() >= _LASTING_SHARE
        ),
        None,
    )
    if by is None:
        return None
    is_low = (gain < max(params.hint_structure, 2 * unrest)) & np.isfinite(structure)
    low = np.flatnonzero(is_low[:by])
    # The first slab is small beside its site: the last look without structure may hide it.
    return (int(low[-2]) if low.size > 1 else 0, by)


def _rest(course: Course, growth: Growth, params: PhaseParams, onset: OnsetParams) -> Interval | None:
    """Bound the look from which nothing changes: the onset of the same object, asked backwards in time."""
    looks, days = len(course.days), course.days
    left = np.where(course.step < looks, looks - course.step, looks)
    mirrored = replace(
        course,
        begun=Beginnings(certain=left, hinted=left),
        step=left,
        progress=None,
        is_seen=course.is_seen[::-1],
        days=[days[0] + (days[-1] - day) for day in reversed(days)],
        is_taken_down=False,
    )
    back = follow(mirrored, onset)
    if not back.is_bounded:
        return None
    after = len(growth.seen) - 1 - back.onset
    by = len(growth.seen) - back.looks_before + params.settle_looks
    stable_looks = len(growth.seen) - by
    if stable_looks < params.stable_looks:
        return None
    stable_days = (days[growth.seen[-1]] - days[growth.seen[by]]).days
    return (after, by) if stable_days >= params.stable_days else None


def _ordered(later: Interval | None, earlier: Interval) -> Interval | None:
    """Return the interval of a phase that cannot begin before the phase of `earlier` does."""
    return None if later is None else (max(later[0], earlier[0]), max(later[1], earlier[1]))
