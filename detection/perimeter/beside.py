"""Did what changed lie on the line that stood out, or beside it?

A wall that goes takes its shadow along: what is missing afterwards lies where wall and shadow stood together. A strip
that is laid beside a wall, bright beside a dark one or dark beside a bright one, takes from the contrast on the wall's
line, too, and may cancel it at 10 m; but what it adds lies at least half of its own and half of the wall's width away,
on one side. So the place of what changed is held against the place of what stood out before, both to a fraction of a
pixel, arc by arc and for neighbouring arcs together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detection.perimeter.result import LOSSES, Arc, ArcState
from detection.perimeter.series import mean_of_seen

Values = NDArray[np.float32]

_LEAST_APART_M = 2.5
"""Nothing is laid nearer to the middle of a standing wall: half of a wall of 2 m and half of a strip of 3 m."""
_LEAST_APART_PX = 0.25
"""… nor can places be told apart that lie nearer to each other."""


def change_off_m(before: Values, after: Values, beside_m: Values, *, near_m: float) -> float:
    """Return how far outwards of the line that stood out before lies what changed most, in metres.

    What came farther off counts, too: it takes from the contrast on the line by the slope that it lends its sides.

    Args:
        before: The contrast on each date before, at each place across the line, shape (time, place).
        after: Likewise on each date after.
        beside_m: How far outwards of the drawn line these places are, ascending, evenly.
        near_m: The line stood so far to both sides of the drawn one at most.

    """
    stood, now = (np.nan_to_num(mean_of_seen(side)).astype(np.float64) for side in (before, after))
    is_near = np.abs(beside_m) <= near_m
    sign = np.sign(stood[np.argmax(np.where(is_near, np.abs(stood), -1))])
    line_m = _highest_m(np.where(is_near, sign * stood, -np.inf), sign * stood, beside_m)
    changed = np.abs(stood - now)
    return _highest_m(changed, changed, beside_m) - line_m


def _highest_m(searched: NDArray[np.float64], curve: NDArray[np.float64], places_m: Values) -> float:
    """Return where `curve` is highest next to where `searched` is, by the parabola through three places."""
    at = int(np.argmax(searched))
    if not 0 < at < len(curve) - 1:
        return float(places_m[at])
    left, middle, right = curve[at - 1 : at + 2]
    bend = left - 2 * middle + right
    part = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(places_m[at] + np.clip(part, -0.5, 0.5) * (places_m[1] - places_m[0]))


def without_strips_beside(arcs: Sequence[Arc], *, pixel_m: float) -> tuple[Arc, ...]:
    """Return the arcs, those whose loss a strip beside the line makes as well being told as *cannot tell*.

    An arc's own place counts, and the median of the neighbours that were lost with it: what was laid along many arcs
    is told from a wall that went although one arc of them is too noisy for it.
    """
    apart_m = max(_LEAST_APART_M, _LEAST_APART_PX * pixel_m)
    told = list(arcs)
    for run in _lost_runs(arcs):
        together_m = float(np.median([arcs[index].changed_off_m for index in run]))
        for index in run:
            own_m = arcs[index].changed_off_m
            if max(abs(own_m), abs(together_m)) > apart_m:
                told[index] = _untold(arcs[index], max(own_m, together_m, key=abs))
    return tuple(told)


def _lost_runs(arcs: Sequence[Arc]) -> Iterator[list[int]]:
    """Yield the indices of neighbouring arcs that are lost, around the ring."""
    is_lost = [arc.state in LOSSES for arc in arcs]
    start = 0 if all(is_lost) else is_lost.index(False)
    run: list[int] = []
    for index in [*range(start, len(arcs)), *range(start)]:
        if is_lost[index]:
            run.append(index)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _untold(arc: Arc, off_m: float) -> Arc:
    side = "outside" if off_m > 0 else "inside"
    reason = (
        f"what changed lies {abs(off_m):.0f} m beside the line that stood out, {side}: a strip laid beside a wall that "
        "stands hides it, and looks like its loss"
    )
    return replace(arc, state=ArcState.CANNOT_TELL, reason=reason, changed_after=None, changed_by=None)
