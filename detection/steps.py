"""Where did the ground change for good, when, and how clearly?

For every pixel the series is cut into before and after at each possible date, the season taken into account, and
the step between the two is compared with two kinds of noise: that of the whole comparison in space, and the
pixel's own in time. A pair of images is a series with one cut, no season, and noise in space only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detection.context import Noise, box_mean, mean_of_seen
from detection.normalise import median_of_seen, quantile_of_seen
from detection.season import CutFit, SeasonParams, design, fit_cuts, level_and_season, without_step

_HUBER = 2.0
_LOOKS_A_SIDE = (2, 2)
_MANY_LOOKS = 6
"""With this many dates, a step that rests on one odd look (an unseen cloud, say) is none."""
_SEASON_DAYS = 45
"""Looks whose days of the year are no farther apart are of one season."""
_LEAST_PAST = 3
"""Looks before a step from which its pixel's own noise can be measured."""
_PRIOR_LOOKS = 3.0
"""How many looks' worth the scene's usual unrest counts beside the pixel's own."""
_LEAP_TO_SIGMA = 0.4506
"""Lower quartile of the absolute difference of two normal values, in their standard deviation: 0.3186 times the
root of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepParams:
    """How steps are measured."""

    max_cuts: int = 48
    """At most this many cuts between before and after are tried, evenly spread over the dates."""

    sigma_floor: float = 0.001
    """The least noise that is believed, in reflectance (for pictures: in shares of full brightness)."""

    own_noise_factor: float = 1.0
    """A pixel's own noise counts this many times: looks that follow each other are alike, so that n looks tell
    less than n independent ones would."""

    early_z: float = 8.0
    """A step before the clearest one counts from this contrast on, in robust sigma of unchanged ground."""

    season: SeasonParams = field(default_factory=SeasonParams)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """What is known of the clearest step of each pixel; arrays of shape (y, x) unless said otherwise."""

    score_z: NDArray[np.float32]
    """Contrast between before and after in sigma of unchanged ground and of the place's own past, averaged over
    a patch; NaN where it was not seen both before and after."""
    contrast: NDArray[np.float32]
    """The same in units of the bands."""
    onset: NDArray[np.int64]
    """Index of the first date after the step; -1 where there is none."""
    first_step: NDArray[np.int64]
    """The same of the first clear step: ground is graded months before a roof stands on it. Equals `onset` where
    nothing clear came before."""
    persistence: NDArray[np.float32]
    """Share (0-1) of the clear looks that lie on the right side of the step; NaN without score."""
    season_persistence: NDArray[np.float32]
    """The same of the looks after the step in whose season there was a look before it: what winter did, summer
    undoes. NaN where no season has come round yet."""
    agreeing_looks: NDArray[np.int64]
    """Clear looks before the step and from it on that lie on the right side of it, shape (2, y, x)."""
    before: NDArray[np.float32]
    """Median look before the step, less its season, shape (band, y, x)."""
    after: NDArray[np.float32]
    """Median look after it, likewise."""
    noise: Noise
    """Of unchanged ground: the median over the comparisons."""


def find_steps(values: NDArray[np.float32], days: Sequence[date], *, patch_px: int, params: StepParams) -> Steps:
    """Find the clearest step of every pixel.

    Args:
        values: Co-registered and normalised, shape (time, band, y, x), NaN where not seen; two dates at least.
        days: The date of each look, ascending.
        patch_px: Side of the window over which contrasts are averaged.
        params: How steps are measured.

    """
    columns = design(days, params.season)
    weight: NDArray[np.float32] = np.asarray(np.isfinite(values).all(axis=1), dtype=np.float32)
    least = _LOOKS_A_SIDE if len(values) >= _MANY_LOOKS else (1, 1)
    best = _best_cuts(values, weight, columns, params, own_noise=None, patch_px=patch_px, least=least)
    if len(values) <= _LEAST_PAST:  # too few looks for a season, a noise in time, or a step before the step
        return _steps(best, values, best.onset, days)
    rest = without_step(values, best.step, best.onset)
    level, season = level_and_season(rest, weight, columns, params.season)
    residual = rest - level - season
    own_noise = _own_noise(residual, weight, best.onset, patch_px=patch_px)
    weight = _trust(residual, weight)
    best = _best_cuts(values, weight, columns, params, own_noise=own_noise, patch_px=patch_px, least=least)
    rest = without_step(values, best.step, best.onset)
    calm_values = values - level_and_season(rest, weight, columns, params.season)[1]
    first_step = _first_step(values, weight, best.onset, patch_px=patch_px, params=params)
    return _steps(best, calm_values, first_step, days)


def _first_step(
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    onset: NDArray[np.int64],
    *,
    patch_px: int,
    params: StepParams,
) -> NDArray[np.int64]:
    """Look for a clear step before the clearest one, among the looks that lie before it."""
    is_before = np.arange(len(values))[:, None, None] < onset
    level = np.ones((len(values), 1))
    early = _best_cuts(values, weight * is_before, level, params, own_noise=None, patch_px=patch_px, least=(1, 2))
    is_clear = np.nan_to_num(early.score_z, nan=-np.inf) >= params.early_z
    return np.where(is_clear & (early.onset > 0), np.minimum(early.onset, onset), onset)


@dataclass(slots=True, kw_only=True, eq=False)
class _BestCuts:
    score_z: NDArray[np.float32]
    contrast: NDArray[np.float32]
    gain: NDArray[np.float32]
    onset: NDArray[np.int64]
    step: NDArray[np.float32]
    noise: Noise

    @classmethod
    def none(cls, values: NDArray[np.float32]) -> "_BestCuts":
        empty = np.full(values.shape[2:], np.nan, dtype=np.float32)
        return cls(
            score_z=empty,
            contrast=empty.copy(),
            gain=np.full_like(empty, -np.inf),
            onset=np.full(empty.shape, -1),
            step=np.full(values.shape[1:], np.nan, dtype=np.float32),
            noise=Noise.of(empty),
        )


def _best_cuts(  # noqa: PLR0913 - three arrays, what they mean, and how to weigh them
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    params: StepParams,
    *,
    own_noise: NDArray[np.float32] | None,
    patch_px: int,
    least: tuple[int, int],
) -> _BestCuts:
    """Keep, for every pixel, the clearest contrast of all cuts, and the cut that explains most of its series."""
    best = _BestCuts.none(values)
    noises = []
    is_seen = weight > 0
    for fit in fit_cuts(values, weight, columns, _cuts(len(values), params.max_cuts), params.season):
        has_both = (is_seen[: fit.cut].sum(axis=0) >= least[0]) & (is_seen[fit.cut :].sum(axis=0) >= least[1])
        step = np.where(has_both, fit.step, np.nan)
        strength = mean_of_seen(np.abs(step).mean(axis=0), patch_px)
        noises.append(Noise.of(strength, sigma_floor=params.sigma_floor))
        score_z = _score(strength, noises[-1], fit, own_noise, params)
        is_clearer = np.isfinite(score_z) & ~(score_z <= best.score_z)
        best.score_z = np.where(is_clearer, score_z, best.score_z)
        best.contrast = np.where(is_clearer, strength, best.contrast)
        gain = mean_of_seen((np.square(step) * fit.information).sum(axis=0), 3)
        # A date on which the pixel was not seen is no onset: the first clear look after the cut is.
        explains_more = np.isfinite(gain) & (gain > best.gain) & is_seen[fit.cut]
        best.gain = np.where(explains_more, gain, best.gain)
        best.onset = np.where(explains_more, fit.cut, best.onset)
        best.step = np.where(explains_more, step, best.step)
    best.noise = _middle(noises)
    return best


def _score(
    strength: NDArray[np.float32],
    noise: Noise,
    fit: CutFit,
    own_noise: NDArray[np.float32] | None,
    params: StepParams,
) -> NDArray[np.float32]:
    """Return the contrast in units of both noises together."""
    if own_noise is None or noise.sigma <= 0:
        return noise.z(strength)
    own = params.own_noise_factor * own_noise / np.sqrt(np.maximum(fit.information, params.season.min_information))
    return ((strength - noise.middle) / np.hypot(noise.sigma, own)).astype(np.float32)


def _own_noise(
    residual: NDArray[np.float32], weight: NDArray[np.float32], onset: NDArray[np.int64], *, patch_px: int
) -> NDArray[np.float32]:
    """Return the standard deviation in time, before its step, of each pixel's patch, shape (y, x).

    The past alone counts: a finished compound, full of edges and shadows, is never as calm as the ground it stands
    on. The fewer looks the past has, the more the scene's usual unrest stands in for it.
    """
    is_past = (weight > 0) & (np.arange(len(residual))[:, None, None] < onset)
    past = np.where(is_past[:, None], residual, np.nan).astype(np.float32)
    past = np.stack([[mean_of_seen(layer, patch_px) for layer in image] for image in past])
    looks = is_past.sum(axis=0)
    unrest = _unrest(past)
    is_measured = looks >= _LEAST_PAST
    usual = float(np.median(unrest[is_measured])) if is_measured.any() else 0.0
    share = np.where(is_measured, looks / (looks + _PRIOR_LOOKS), 0.0)
    square = share * np.square(unrest) + (1 - share) * usual**2
    return np.asarray(np.sqrt(square), dtype=np.float32)


def _trust(residual: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights, shape (time, y, x), that mistrust odd looks (Huber)."""
    size = np.sqrt(np.nan_to_num(np.square(residual).mean(axis=1)))
    typical = np.nan_to_num(median_of_seen(np.where(weight > 0, size, np.nan).astype(np.float32)))
    limit = _HUBER * np.maximum(typical, 1e-4)
    return np.asarray(weight * np.minimum(1.0, limit / np.maximum(size, 1e-6)), dtype=np.float32)


def _unrest(residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the standard deviation (y, x) that the differences of successive looks speak for.

    Their lower quartile minds neither a step nor many: a site on which work goes on is not noisy for that.
    """
    filled = residual.copy()
    for index in range(1, len(filled)):
        filled[index] = np.where(np.isfinite(filled[index]), filled[index], filled[index - 1])
    leap = np.abs(np.diff(filled, axis=0)).mean(axis=1)
    was_seen = np.isfinite(residual[1:]).all(axis=1) & np.isfinite(leap)
    quartile = quantile_of_seen(np.where(was_seen, leap, np.nan).astype(np.float32), 0.25)
    unrest: NDArray[np.float32] = np.nan_to_num(quartile) / np.float32(_LEAP_TO_SIGMA)
    return unrest


def _steps(best: _BestCuts, values: NDArray[np.float32], first_step: NDArray[np.int64], days: Sequence[date]) -> Steps:
    has_step = np.isfinite(best.score_z) & (best.onset > 0)
    onset = np.where(has_step, best.onset, -1)
    before, after = _sides(values, onset)
    progress = _progress(values, before, after, side_px=3)
    is_seen = np.isfinite(progress)
    is_after = np.arange(len(values))[:, None, None] >= onset
    agrees = is_seen & ((progress > 0.5) == is_after)  # noqa: PLR2004 - nearer to after than to before
    share = agrees.sum(axis=0) / np.maximum(is_seen.sum(axis=0), 1)
    return Steps(
        score_z=best.score_z,
        contrast=best.contrast,
        onset=onset,
        first_step=np.where(has_step, first_step, -1),
        persistence=np.where(has_step, share, np.nan).astype(np.float32),
        season_persistence=_season_persistence(agrees, is_seen, onset, days),
        agreeing_looks=np.stack([(agrees & ~is_after).sum(axis=0), (agrees & is_after).sum(axis=0)]),
        before=before,
        after=after,
        noise=best.noise,
    )


def _season_persistence(
    agrees: NDArray[np.bool_], is_seen: NDArray[np.bool_], onset: NDArray[np.int64], days: Sequence[date]
) -> NDArray[np.float32]:
    """Return the share of agreeing looks among those after the onset whose season was also seen before it."""
    in_season = _share_a_season(days)
    count = np.zeros(onset.shape, dtype=np.float32)
    agreeing = np.zeros(onset.shape, dtype=np.float32)
    for cut in np.unique(onset[onset > 0]):
        here = onset == cut
        seen_before = is_seen[:cut, here]
        for index in range(cut, len(days)):
            counts = is_seen[index, here] & seen_before[in_season[index, :cut]].any(axis=0)
            count[here] += counts
            agreeing[here] += counts & agrees[index, here]
    return np.where(count > 0, agreeing / np.maximum(count, 1), np.nan).astype(np.float32)


def _share_a_season(days: Sequence[date]) -> NDArray[np.bool_]:
    """Return which pairs of dates, shape (time, time), lie within the same season of their years."""
    day_of_year = np.array([day.timetuple().tm_yday for day in days])
    apart = np.abs(day_of_year[:, None] - day_of_year[None, :])
    return np.asarray(np.minimum(apart, 365 - apart) <= _SEASON_DAYS)


def _cuts(dates: int, max_cuts: int) -> list[int]:
    """Return the indices of the first date after each cut."""
    return sorted({int(cut) for cut in np.linspace(1, dates - 1, min(dates - 1, max_cuts)).round()})


def _middle(noises: Sequence[Noise]) -> Noise:
    seen = sorted((noise for noise in noises if np.isfinite(noise.sigma)), key=lambda noise: noise.sigma)
    return seen[len(seen) // 2] if seen else noises[0]


def _progress(
    values: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32], *, side_px: int
) -> NDArray[np.float32]:
    """Return how far each look has gone from `before` (0) to `after` (1), shape (time, y, x); NaN where not seen.

    The look is projected on the difference of the two, over all bands and a small window.
    """
    difference = after - before
    span = box_mean(np.nan_to_num(np.square(difference).sum(axis=0)), side_px)
    result = np.empty((len(values), *values.shape[2:]), dtype=np.float32)
    for index, image in enumerate(values):
        along = ((image - before) * difference).sum(axis=0)
        is_seen = np.isfinite(along)
        weight = np.where(is_seen, np.square(difference).sum(axis=0), 0).astype(np.float32)
        share = box_mean(np.where(is_seen, along, 0).astype(np.float32), side_px) / np.maximum(
            box_mean(weight, side_px), 1e-9
        )
        result[index] = np.where(is_seen, share, np.nan)
    result[:, span <= 0] = 0.0
    return np.clip(result, 0.0, 1.0)


def _sides(values: NDArray[np.float32], onset: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the median looks before and after each pixel's own onset; both the median of all where there is none."""
    before = median_of_seen(values)
    after = before.copy()
    for cut in np.unique(onset[onset > 0]):
        here = onset == cut
        before[:, here] = median_of_seen(values[:cut][:, :, here])
        after[:, here] = median_of_seen(values[cut:][:, :, here])
    return before, after
