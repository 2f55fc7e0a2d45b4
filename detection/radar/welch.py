"""By how much did the mean of each of many short series step, and how surely?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_MOST_ALIKE = 0.9
_LEAST_TO_CORRELATE = 6
_OF_LEAPS = 2 / 3
"""A variance from successive differences is known as well as one from so many fewer looks (von Neumann 1941)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of the noise of a series before it is measured."""

    looks: float
    """How many looks' worth the usual variance of all series counts beside a series' own."""
    sigma_floor: float
    """The least noise that is believed."""


def shared_course(decibels: Floats, before: Mask) -> Floats:
    """Return what all places share on each look, shape (look, band): rain, a dry season, an error of calibration.

    Args:
        decibels: Of unchanged ground, shape (place, look, band).
        before: Shape (look,): from what each place usually shows on these, its own level is taken.

    """
    return _median(decibels - _mean(decibels[:, before], axis=1)[:, None], axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Welch:
    """Steps of many places."""

    t: Floats
    """Shape (place,): all bands together, as their sum."""
    band_t: Floats
    """Of each band, shape (place, band)."""
    freedom: Floats
    """Degrees of freedom of `band_t` (Welch and Satterthwaite), what is believed beforehand included."""
    step: Floats
    """Decibel, shape (place, band)."""
    sigma: Floats
    """Of the mean step of the bands, shape (place,)."""
    likeness: float
    unrest: Floats
    """Usual variance of a look, shape (band,)."""


def welch(decibels: Floats, before: Mask, after: Mask, prior: Prior) -> Welch:
    """Compare the mean after with the mean before by Welch's t, for many places at once.

    Three things differ from the textbook. Looks are fewer than they are by their likeness, which is that of most
    places. Each place's own variance is drawn towards the usual one, as few looks tell it badly. And after the onset
    the variance is taken from the differences of successive looks: a site that grows is not noisy for that.

    Args:
        decibels: Shape (place, look, band), NaN where not seen; most of the places unchanged.
        before: Shape (look,).
        after: Shape (look,).
        prior: What is believed of the noise.

    """
    past, present = decibels[:, before], decibels[:, after]
    count_past, count_present = (np.isfinite(side).sum(axis=1) for side in (past, present))
    rest = past - _mean(past, axis=1)[:, None]
    likeness = _likeness(rest)
    own_past = np.nansum(np.square(rest), axis=1) / np.maximum(count_past - 1, 1)
    leaps = np.diff(present, axis=1)
    leap_count = np.maximum(np.isfinite(leaps).sum(axis=1), 1)
    own_present = np.nansum(np.square(leaps), axis=1) / leap_count / (2 * (1 - likeness))
    usual = np.maximum(_median(np.where(count_past > 1, own_past, np.nan), axis=0), prior.sigma_floor**2)
    usual = np.where(np.isfinite(usual), usual, prior.sigma_floor**2)
    of_past = _drawn(own_past, count_past - 1, usual, prior) / _effective(count_past, likeness)
    of_present = _drawn(own_present, count_present - 1, usual, prior) / _effective(count_present, likeness)
    variance = of_past + of_present
    free_past = np.maximum(prior.looks + count_past - 1, 1)
    free_present = np.maximum(prior.looks + _OF_LEAPS * (count_present - 1), 1)
    step = _mean(present, axis=1) - _mean(past, axis=1)
    kinship = _kinship(rest)
    bands = step.shape[1]
    spread = np.sqrt(bands + bands * (bands - 1) * kinship)
    band_t = step / np.sqrt(variance)
    return Welch(
        t=band_t.sum(axis=1) / spread,
        band_t=band_t,
        freedom=np.square(variance) / (np.square(of_past) / free_past + np.square(of_present) / free_present),
        step=step,
        sigma=np.sqrt(variance.mean(axis=1)) * spread / bands,
        likeness=likeness,
        unrest=usual,
    )


def _likeness(rest: Floats) -> float:
    """Return the correlation of a look with the next (0 to 0.9) at most places, `rest` of shape (place, look, band).

    That of short series comes out too low by about (1 + 3 r) / n (Kendall 1954), which is put right.
    """
    looks = rest.shape[1]
    if looks < _LEAST_TO_CORRELATE:
        return 0.0
    together = np.nansum(rest[:, 1:] * rest[:, :-1], axis=1)
    power = np.nansum(np.square(rest), axis=1)
    typical = np.median((together / np.maximum(power, 1e-12))[power > 0]) if (power > 0).any() else 0.0
    return float(np.clip((typical + 1 / looks) / (1 - 3 / looks), 0.0, _MOST_ALIKE))


def _effective(count: NDArray[np.int64], likeness: float) -> Floats:
    """Return as how many independent looks the mean of `count` looks counts, if each is so like the one before."""
    most = int(count.max(initial=1))
    lags = np.arange(1, most)
    inflation = np.ones(most + 1)
    for looks in range(2, most + 1):
        near = lags[: looks - 1]
        inflation[looks] = 1 + 2 * np.sum((1 - near / looks) * likeness**near)
    return np.asarray(np.maximum(count, 1) / inflation[np.maximum(count, 1)])


def _drawn(own: Floats, freedom: NDArray[np.int64], usual: Floats, prior: Prior) -> Floats:
    """Return each place's own variance drawn towards the usual one, the more the fewer looks tell it."""
    freedom = np.maximum(freedom, 0)
    return np.asarray((prior.looks * usual + freedom * own) / (prior.looks + freedom))


def _kinship(rest: Floats) -> float:
    """Return the mean correlation of the bands, 0 to 1; 0 for one band."""
    bands = rest.shape[2]
    flat = rest.reshape(-1, bands)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if bands == 1 or len(flat) < 3 or not (flat.std(axis=0) > 0).all():  # noqa: PLR2004 - a correlation needs three
        return 0.0
    matrix = np.corrcoef(flat.T)
    return float(np.clip((matrix.sum() - bands) / (bands * (bands - 1)), 0.0, 1.0))


def _mean(values: Floats, *, axis: int) -> Floats:
    """Return the mean of what was seen; NaN where nothing was."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _median(values: Floats, *, axis: int) -> Floats:
    """Return the median of what was seen; NaN where nothing was."""
    filled = np.where(np.isfinite(values), values, np.inf)
    ordered = np.sort(filled, axis=axis)
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    middle = np.squeeze(np.where(count > 0, low, np.nan) / 2 + np.where(count > 0, high, np.nan) / 2, axis=axis)
    return np.asarray(middle)
