"""Before against after, at each possible date, for each arc and for stretches of arcs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detection.chance.tails import ChanceTail
from detection.perimeter.result import PerimeterParams
from detection.perimeter.series import mean_of_seen

Values = NDArray[np.float32]

_LEAST_TOLD = 0.3
_LEAST_ARCS = 3
"""A copy counts for stretches when this share (0-1) of its arcs was compared, and at least so many."""
_SQUARE_DROP = 3.84
"""Cuts whose squared statistic lies within this of the best one's may be the true one (95 %, likelihood ratio)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """The clearest change of each arc; arrays of shape (copy, arc) unless said otherwise."""

    cuts: tuple[int, ...]
    loss: Values
    """Shape (cut, copy, arc): loss of contrast in standard errors."""
    gain: Values
    before: Values
    """Mean contrast before, shape (cut, copy, arc)."""
    after: Values
    error: Values
    """Standard error of the difference."""
    looks: NDArray[np.int64]
    """Looks compared before and after, shape (2, cut, copy, arc)."""
    compared: NDArray[np.bool_]
    """Shape (side, cut, time): the looks before, and those after, that have a counterpart of their season."""


def scan_cuts(contrast: Values, days: Sequence[date], params: PerimeterParams) -> Scan:
    """Compare before and after at each cut, among looks of seasons that both sides have."""
    in_season = _share_a_season(days, params.season_days)
    usual = _usual_variance(contrast)
    cuts = tuple(range(params.min_looks, len(days) - params.min_looks + 1))
    sides = [_compare(contrast, in_season, cut, usual, params) for cut in cuts]
    before, after, error = (np.stack([getattr(side, name) for side in sides]) for name in ("before", "after", "error"))
    loss = (np.abs(before) - np.abs(after)) / error
    return Scan(
        cuts=cuts,
        loss=loss,
        gain=-loss,
        before=before,
        after=after,
        error=error,
        looks=np.stack([side.looks for side in sides], axis=1),
        compared=np.stack([_compared(in_season, cut) for cut in cuts], axis=1) if cuts else np.empty((2, 0, 0), bool),
    )


def _compared(in_season: NDArray[np.bool_], cut: int) -> NDArray[np.bool_]:
    """Return which looks before and after `cut` have a counterpart on the other side, shape (2, time)."""
    is_before = np.arange(len(in_season)) < cut
    has_after, has_before = in_season[:, ~is_before].any(axis=1), in_season[:, is_before].any(axis=1)
    return np.stack([is_before & has_after, ~is_before & has_before])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sides:
    """Before and after at one cut; arrays of shape (copy, arc)."""

    before: Values
    after: Values
    error: Values
    looks: NDArray[np.int64]
    """Shape (2, copy, arc)."""


def _compare(contrast: Values, in_season: NDArray[np.bool_], cut: int, usual: float, params: PerimeterParams) -> _Sides:
    sides = [contrast[chosen] for chosen in _compared(in_season, cut)]
    looks = np.stack([np.isfinite(side).sum(axis=0) for side in sides])
    means = [mean_of_seen(side) for side in sides]
    spread = sum(np.nansum(np.square(side - mean), axis=0) for side, mean in zip(sides, means, strict=True))
    clearer = np.maximum(*(np.abs(np.nan_to_num(mean)) for mean in means))
    prior = usual + np.square(params.line_unrest * clearer)
    freedom = np.maximum(looks.sum(axis=0) - 2, 0)
    variance = (spread + params.prior_looks * prior) / (freedom + params.prior_looks)
    error = np.sqrt(variance * (1 / np.maximum(looks, 1)).sum(axis=0))
    is_enough = (looks >= params.min_looks).all(axis=0)
    return _Sides(
        before=means[0],
        after=means[1],
        error=np.where(is_enough, np.maximum(error, 1e-9), np.nan).astype(np.float32),
        looks=looks,
    )


def stretch_p(statistic: Values) -> float:
    """Return how probably chance makes so clear a change along any stretch of arcs, all at one date."""
    by_copy = _best_stretch(statistic)
    return ChanceTail.of(by_copy[1:]).p_value(float(by_copy[0]))


def _best_stretch(statistic: Values) -> Values:
    """Return, for each copy, the largest sum over a stretch of neighbouring arcs by the square root of their number.

    Arcs of a copy that were not compared are filled with others of the same copy, which share its dates and their
    registration; a copy with too few of them counts for nothing.
    """
    arcs = statistic.shape[2]
    is_seen = np.asarray(np.isfinite(statistic).any(axis=0))
    filled = np.stack([_filled(statistic[:, copy], is_seen[copy]) for copy in range(len(is_seen))], axis=1)
    twice = np.concatenate([np.zeros_like(filled[..., :1]), filled, filled], axis=2).cumsum(axis=2)
    best = np.full(len(is_seen), -np.inf)
    for length in range(1, arcs + 1):
        total = twice[..., length:] - twice[..., :-length]
        best = np.maximum(best, (total / np.sqrt(length)).max(axis=(0, 2)))
    is_told = is_seen.sum(axis=1) >= max(_LEAST_ARCS, _LEAST_TOLD * arcs)
    is_told[0] = is_seen[0].any()
    return np.where(is_told, best, np.nan)


def _filled(statistic: Values, is_seen: NDArray[np.bool_]) -> Values:
    """Return one copy, shape (cut, arc), whose missing arcs repeat those that there are; 0 where there is none."""
    there = np.flatnonzero(is_seen)
    if not there.size:
        return np.zeros_like(statistic)
    order = np.where(is_seen, np.arange(len(is_seen)), there[np.arange(len(is_seen)) % len(there)])
    return np.nan_to_num(statistic[:, order])


def when(statistic: Values, cuts: Sequence[int], days: Sequence[date]) -> tuple[date, date]:
    """Return the last look that may lie before the change and the first that certainly lies after it."""
    square = np.square(np.maximum(np.nan_to_num(statistic), 0))
    may_be = [cut for cut, value in zip(cuts, square, strict=True) if value >= square.max() - _SQUARE_DROP]
    return days[min(may_be) - 1], days[max(may_be)] if max(may_be) < len(days) else days[-1]


def _usual_variance(contrast: Values) -> float:
    """Return the median over arcs of copies of half the mean square of differences between successive looks."""
    steps = np.square(np.diff(contrast[:, 1:], axis=0))
    by_arc = mean_of_seen(steps).ravel() / 2
    seen = by_arc[np.isfinite(by_arc)]
    return float(np.median(seen)) if seen.size else 0.0


def _share_a_season(days: Sequence[date], within_days: int) -> NDArray[np.bool_]:
    of_year = np.array([day.timetuple().tm_yday for day in days])
    apart = np.abs(of_year[:, None] - of_year[None, :])
    return np.asarray(np.minimum(apart, 365 - apart) <= within_days)


def best_of(statistic: Values) -> Values:
    """Return the largest value over cuts, NaN where there is none."""
    best: Values = np.nan_to_num(statistic, nan=-np.inf).max(axis=0)
    return np.where(np.isfinite(best), best, np.nan)
