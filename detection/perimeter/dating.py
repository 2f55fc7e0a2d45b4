"""When did the contrast of a line change: a step beside the course of the seasons, fitted at each possible date."""

from collections.abc import Sequence
from datetime import date
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

_LEAST_LOOKS = 4
_CHI_SQUARE = 3.84
"""A date within this of the best one's log-likelihood ratio may be the true one (95 %, one parameter)."""
_SEASON_SHARE = 0.5
"""The seasons are believed to move a contrast by about this share of it: looks of one season alone must not be taken
for a course of the year."""
_YEAR_DAYS = 365.25


def pooled_series(contrast: Values, arcs: Sequence[int]) -> NDArray[np.float64]:
    """Return the mean course of some arcs of one line, shape (time,), each turned so that what it had is positive.

    Args:
        contrast: Shape (time, arc); NaN where not seen.
        arcs: Which of them.

    """
    chosen = contrast[:, list(arcs)].astype(np.float64)
    usual = np.nanmean(chosen, axis=0)
    turned = (chosen - usual) * np.sign(np.nanmean(chosen[: max(1, len(chosen) // 2)], axis=0))
    seen = np.isfinite(turned)
    total = np.where(seen, turned, 0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), np.nan)


def changed_between(course: NDArray[np.floating], days: Sequence[date]) -> tuple[date, date] | None:
    """Return the last look before which, and the first look by which, a course changed; None where too few looks.

    For each possible date a level, one harmonic of the year held small, and a step are fitted by least squares; the
    interval holds all dates whose likelihood ratio to the best is not beyond chance.

    Args:
        course: Shape (time,); NaN where not seen.
        days: Of its looks, ascending.

    """
    there = np.flatnonzero(np.isfinite(course)).tolist()
    if len(there) < _LEAST_LOOKS:
        return None
    values = np.asarray(course[there], dtype=np.float64)
    seen = [days[index] for index in there]
    squares = {cut: _residual(values, seen, cut) for cut in range(1, len(seen))}
    best = min(squares.values())
    allowed = [cut for cut, square in squares.items() if _freedom(seen) * log(square / best) <= _CHI_SQUARE]
    return seen[min(allowed) - 1], seen[max(allowed)]


def _freedom(seen: Sequence[date]) -> int:
    return max(len(seen) - 3, 1)


def _residual(values: NDArray[np.float64], days: Sequence[date], cut: int) -> float:
    """Return the sum of squares that a step before look `cut` leaves, the course of the year held small."""
    angle = np.array([day.timetuple().tm_yday for day in days]) / _YEAR_DAYS * 2 * np.pi
    step = (np.arange(len(values)) >= cut).astype(np.float64)
    columns = np.column_stack([np.ones(len(values)), step, np.cos(angle), np.sin(angle)])
    spread = max(float(values.std()), 1e-9)
    held = np.diag([0.0, 0.0, *[_noise(values) / (_SEASON_SHARE * spread)] * 2])
    fitted, *_ = np.linalg.lstsq(
        np.concatenate([columns, held]), np.concatenate([values, np.zeros(len(held))]), rcond=None
    )
    left = values - columns @ fitted
    return max(float(np.square(left).sum() + np.square(held @ fitted).sum()), 1e-18)


def _noise(values: NDArray[np.float64]) -> float:
    """Return how much a look differs from the next, robustly: one step in between does not count."""
    steps = float(np.median(np.abs(np.diff(values))))
    return max(steps / (0.6745 * sqrt(2)), 1e-9)
