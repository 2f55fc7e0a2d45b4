"""Where did the ground change for good, when, and how clearly?

For every pixel the series is cut into before and after at each possible date, the season taken into account, and
the step between the two is compared with two kinds of noise: that of the whole comparison in space, and the
pixel's own in time. A pair of images is a series with one cut, no season, and noise in space only.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detection.kernels import planes as planes_kernels
from detection.kernels import series as series_kernels
from detection.kernels.threads import parts, spread
from detection.looks.context import Noise, mean_of_seen
from detection.looks.normalise import median_of_seen, quantile_of_seen
from detection.series.pair import distance, pair_step, pair_strength
from detection.series.season import CutFits, SeasonParams, design, fit_cuts, without_model

_A_PAIR = 2
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
_FINE_PX = 3
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

    season: SeasonParams = field(default_factory=SeasonParams)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """What is known of the clearest step of each pixel; arrays of shape (y, x) unless said otherwise."""

    score_z: NDArray[np.float32]
    """Contrast between before and after in sigma of unchanged ground and of the place's own past, averaged over
    a patch; NaN where it was not seen both before and after."""
    contrast: NDArray[np.float32]
    """The same in units of the bands."""
    onset: NDArray[np.int16]
    """Index of the first date after the step; -1 where there is none."""
    persistence: NDArray[np.float32]
    """Share (0-1) of the clear looks that lie on the right side of the step; NaN without score."""
    season_persistence: NDArray[np.float32]
    """The same of the looks after the step in whose season there was a look before it: what winter did, summer
    undoes. NaN where no season has come round yet."""
    agreeing_looks: NDArray[np.int16]
    """Clear looks before the step and from it on that lie on the right side of it, shape (2, y, x)."""
    before: NDArray[np.float32]
    """Median look before the step, less its season, shape (band, y, x)."""
    after: NDArray[np.float32]
    """Median look after it, likewise."""
    noise: Noise
    """Of unchanged ground: the median over the comparisons."""
    own_noise: NDArray[np.float32]
    """Standard deviation in time of each pixel's patch before its step, in units of the bands, shape (y, x); 0 where
    there are too few looks to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Maps whose noise over the whole image must be known before it can be gone on."""

    maps: Sequence[Callable[[], NDArray[np.float32]]]
    """Each gives a map, shape (y, x), NaN where it does not count; made one at a time, for there are many."""
    sigma_floor: float = 0.0
    every: int = 1
    """It is enough to measure every so-many-th pixel both ways."""


def find_steps(values: NDArray[np.float32], days: Sequence[date], *, patch_px: int, params: StepParams) -> Steps:
    """Find the clearest step of every pixel.

    Args:
        values: Co-registered and normalised, shape (time, band, y, x), NaN where not seen; two dates at least.
        days: The date of each look, ascending.
        patch_px: Side of the window over which contrasts are averaged.
        params: How steps are measured.

    """
    run = steps_in_stages(values, days, patch_px=patch_px, params=params)
    asked = next(run)
    while True:
        try:
            asked = run.send([Noise.of(make(), sigma_floor=asked.sigma_floor) for make in asked.maps])
        except StopIteration as done:
            steps: Steps = done.value
            return steps


def steps_in_stages(
    values: NDArray[np.float32], days: Sequence[date], *, patch_px: int, params: StepParams, is_own: bool = False
) -> Generator[Asked, Sequence[Noise], Steps]:
    """Find the clearest step of every pixel; ask in between for the noise of maps, which is that of the whole image.

    So an image can be worked on in blocks whose noise is measured together. See `find_steps`. With `is_own`, `values`
    are the caller's no more: the result may lie in their place.
    """
    if len(values) == _A_PAIR:
        strength = pair_strength(values, patch_px)
        (noise,) = yield Asked(maps=[lambda: strength], sigma_floor=params.sigma_floor)
        return _steps_of_pair(values if is_own else values.copy(), days, strength, noise)
    columns = design(days, params.season)
    weight = np.asarray(np.isfinite(values).all(axis=1), dtype=np.float32)
    cuts = _cuts(len(values), params.max_cuts)
    least = _LOOKS_A_SIDE if len(values) >= _MANY_LOOKS else (1, 1)
    fits = fit_cuts(values, weight, columns, cuts, params.season, least=least)
    onset = _onset(fits, weight)
    if len(values) <= _LEAST_PAST:  # too few looks for a season or a noise in time
        own_noise = np.zeros(values.shape[2:], dtype=np.float32)
        strength = mean_of_seen(fits.strength, patch_px)
        noises = yield _asked(strength, params)
        best = _best(strength, fits, noises, own_noise, params)
        return _steps(best, onset, values, days, own_noise=own_noise)
    residual = without_model(values, weight, columns, onset, params.season, fits=fits)
    is_past = (weight > 0) & (np.arange(len(values), dtype=np.int16)[:, None, None] < onset)
    weight = _trust(residual, weight)
    looks = is_past.sum(axis=0, dtype=np.int16)
    unrest = _unrest(residual, is_past, patch_px)
    del residual, is_past, fits
    fits = fit_cuts(values, weight, columns, cuts, params.season, least=least)
    onset = _onset(fits, weight)
    strength = mean_of_seen(fits.strength, patch_px)
    measured = np.where(looks >= _LEAST_PAST, unrest, np.float32(np.nan))
    noises = yield Asked(maps=[*_asked(strength, params).maps, lambda: measured], sigma_floor=params.sigma_floor)
    own_noise = _own_noise(unrest, looks, noises[-1])
    best = _best(strength, fits, noises[:-1], params.own_noise_factor * own_noise, params)
    calm_values = without_model(values, weight, columns, onset, params.season, fits=fits, only_season=True)
    return _steps(best, onset, calm_values, days, own_noise=params.own_noise_factor * own_noise)


def fine_contrast(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the contrast of before and after over 3 x 3 pixels, shape (y, x): what the outline is sharpened by."""
    return mean_of_seen(distance(before, after), _FINE_PX)


def _asked(maps: NDArray[np.float32], params: StepParams) -> Asked:
    return Asked(maps=[partial(np.asarray, layer) for layer in maps], sigma_floor=params.sigma_floor)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Best:
    """The clearest contrast of each pixel, and the noise of unchanged ground."""

    score_z: NDArray[np.float32]
    contrast: NDArray[np.float32]
    noise: Noise


def _best(
    strength: NDArray[np.float32],
    fits: CutFits,
    noises: Sequence[Noise],
    own_noise: NDArray[np.float32],
    params: StepParams,
) -> _Best:
    """Keep, for every pixel, the clearest contrast of all cuts."""
    count = own_noise.size
    score, contrast = np.empty((2, count), dtype=np.float32)
    scales = np.array([(noise.middle, noise.sigma) for noise in noises])
    flat = (strength.reshape(len(scales), -1), fits.information.reshape(len(scales), -1), own_noise.reshape(-1))

    def one(part: tuple[int, int]) -> None:
        series_kernels.clearest_cut(*flat, scales, params.season.min_information, score, contrast, part)

    spread(one, parts(count))
    shape = own_noise.shape
    return _Best(score_z=score.reshape(shape), contrast=contrast.reshape(shape), noise=_middle(noises[::-1]))


def _onset(fits: CutFits, weight: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the cut that explains most of each pixel's series and its neighbours', -1 where none does."""
    gain = mean_of_seen(fits.gain, _FINE_PX).reshape(len(fits.gain), -1)
    shape = weight.shape[1:]
    result = np.empty(gain.shape[1], dtype=np.int16)
    flat = weight.reshape(len(weight), -1)

    def one(part: tuple[int, int]) -> None:
        series_kernels.best_cut(gain, flat, fits.cuts, result, part)

    spread(one, parts(result.size))
    return result.reshape(shape)


def _own_noise(unrest: NDArray[np.float32], looks: NDArray[np.int16], usual: Noise) -> NDArray[np.float32]:
    """Return the standard deviation in time, before its step, of each pixel's patch, shape (y, x).

    The past alone counts: a finished compound, full of edges and shadows, is never as calm as the ground it stands
    on. The fewer looks the past has, the more the scene's usual unrest stands in for it.
    """
    share = np.where(looks >= _LEAST_PAST, looks / (looks + np.float32(_PRIOR_LOOKS)), 0.0)
    square = share * np.square(unrest) + (1 - share) * np.nan_to_num(usual.middle) ** 2
    return np.asarray(np.sqrt(square), dtype=np.float32)


def _trust(residual: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights, shape (time, y, x), that mistrust odd looks (Huber)."""
    size = np.empty_like(weight)
    shape = (len(residual), residual.shape[1], -1)
    series_kernels.mean_square(residual.reshape(shape), size.reshape(len(size), -1))
    typical = np.nan_to_num(median_of_seen(np.where(weight > 0, size, np.float32(np.nan))))
    limit = np.float32(_HUBER) * np.maximum(typical, np.float32(1e-4))
    np.maximum(np.nan_to_num(size, copy=False), np.float32(1e-6), out=size)
    return np.asarray(weight * np.minimum(np.float32(1), limit / size), dtype=np.float32)


def _unrest(residual: NDArray[np.float32], is_past: NDArray[np.bool_], patch_px: int) -> NDArray[np.float32]:
    """Return the standard deviation (y, x) that the differences of successive looks of the past speak for.

    Their lower quartile minds neither a step nor many: a site on which work goes on is not noisy for that.
    """
    residual[~np.broadcast_to(is_past[:, None], residual.shape)] = np.nan
    past = mean_of_seen(residual, patch_px).reshape(len(residual), residual.shape[1], -1)
    leap = np.empty((len(past) - 1, past.shape[2]), dtype=np.float32)
    series_kernels.leaps(past, leap)
    quartile = np.nan_to_num(quantile_of_seen(leap, 0.25)) / np.float32(_LEAP_TO_SIGMA)
    return quartile.reshape(residual.shape[2:])


def _steps(
    best: _Best,
    any_onset: NDArray[np.int16],
    values: NDArray[np.float32],
    days: Sequence[date],
    *,
    own_noise: NDArray[np.float32],
) -> Steps:
    has_step = np.isfinite(best.score_z) & (any_onset > 0)
    onset = np.where(has_step, any_onset, np.int16(-1))
    before, after = _sides(values, onset)
    progress = _progress(values, before, after).reshape(len(values), -1)
    persistence, season_persistence = np.empty((2, onset.size), dtype=np.float32)
    agreeing = np.empty((2, onset.size), dtype=np.int16)
    in_season = _share_a_season(days)

    def one(part: tuple[int, int]) -> None:
        series_kernels.agreement(
            progress, onset.reshape(-1), in_season, persistence, season_persistence, agreeing, part
        )

    spread(one, parts(onset.size))
    return Steps(
        score_z=best.score_z,
        contrast=best.contrast,
        onset=onset,
        persistence=persistence.reshape(onset.shape),
        season_persistence=season_persistence.reshape(onset.shape),
        agreeing_looks=agreeing.reshape(2, *onset.shape),
        before=before,
        after=after,
        noise=best.noise,
        own_noise=own_noise,
    )


def _steps_of_pair(
    values: NDArray[np.float32], days: Sequence[date], strength: NDArray[np.float32], noise: Noise
) -> Steps:
    step = pair_step(values, strength, noise)
    has_step = np.isfinite(step.score_z)
    season = np.float32(np.nan) if not _share_a_season(days)[1, 0] else step.agreeing_looks[1].astype(np.float32)
    return Steps(
        score_z=step.score_z,
        contrast=strength,
        onset=np.where(has_step, np.int16(1), np.int16(-1)),
        persistence=step.persistence,
        season_persistence=np.where(has_step, season, np.float32(np.nan)),
        agreeing_looks=step.agreeing_looks,
        before=step.before,
        after=step.after,
        noise=noise,
        own_noise=np.zeros_like(strength),
    )


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
    values: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how far each look has gone from `before` (0) to `after` (1), shape (time, y, x); NaN where not seen.

    The look is projected on the difference of the two, over all bands and a small window. Where nothing differs
    within that, it has not gone at all.
    """
    bands, height, width = before.shape
    result = np.empty((len(values), height, width), dtype=np.float32)
    flat = before.reshape(bands, -1), after.reshape(bands, -1)
    difference = np.nan_to_num(np.square(after - before).sum(axis=0))
    differs = mean_of_seen(difference, _FINE_PX) > 0

    def one(date_index: int) -> None:
        along, square = np.empty((2, height, width), dtype=np.float32)
        planes_kernels.towards(values[date_index].reshape(bands, -1), *flat, along.reshape(-1), square.reshape(-1))
        planes_kernels.ratio_of_sums(along, square, _FINE_PX, 1e-9, result[date_index])
        result[date_index][~differs] = 0
        np.clip(result[date_index], 0, 1, out=result[date_index])

    spread(one, [(index,) for index in range(len(values))])
    return result


def _sides(values: NDArray[np.float32], onset: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the median looks before and after each pixel's own onset; both the median of all where there is none."""
    has_step = onset > 0
    before = quantile_of_seen(values, 0.5, beyond=np.where(has_step, onset, np.int16(len(values))))
    after = quantile_of_seen(values, 0.5, first=np.where(has_step, onset, np.int16(0)))
    return before, after
