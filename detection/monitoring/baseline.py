"""What does each pixel usually look like on a given day of the year, and how far does it usually stray from that?

Three ways, by how much the history holds. With enough clear looks over enough time: level and one yearly harmonic,
least squares twice reweighted after Huber, so that a cloud no mask caught does not bend the season. No trend: carried
on beyond the history, a trend of thirty noisy looks does more harm than it does good. With fewer: the median of the
looks of the same season, whatever their year. With less than two of those nothing is said; two looks are compared as
a pair (`detection.series.steps`), not here.

The noise is the pixel's own robust sigma in each band, drawn towards the scene's usual one and never below a floor.
What bands have in common (haze that is left, moisture) is measured on the scene and taken out, so that scores are
independent from band to band. Successive looks are alike, too: their correlation is measured on the scene, for the
monitor raises its thresholds by it, and the fit is as uncertain as so many fewer independent looks would leave it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detection.kernels.baseline import expect, fit_seasons
from detection.looks.context import MAD_TO_SIGMA
from detection.looks.normalise import median_of_seen

_DAYS_A_YEAR = 365.2425
_COLUMNS = 3
_NODES = 8
"""Days of the year, evenly spaced, for which the median of the same season is kept."""
_LOOKS_A_SEASON = 2
_MEDIAN_VARIANCE = np.pi / 2
"""Variance of a median in units of that of a mean, for normal noise."""
_SAMPLE_PX = 4096
"""So many pixels, evenly spaced, tell what the scene's noise is like."""
_PIXELS_OF_A_SCENE = 400
_PAIRS_TO_CORRELATE = 8
_CLIP = 3.0
"""In sigma: odd looks say nothing about how usual ones hang together."""


class Kind(IntEnum):
    """What is known of a pixel."""

    NONE = 0
    """Too little: no look is judged."""
    SEASONAL = 1
    """Medians of the same season."""
    HARMONIC = 2
    """Level and yearly harmonic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineParams:
    """When which baseline is made, and what is believed of its noise."""

    min_looks: int = 12
    """With fewer clear looks no harmonic is fitted…"""

    min_span_days: int = 300
    """… nor with less time between the first and the last date."""

    ridge: float = 0.05
    """Looks' worth of belief that there is no season: enough for a history without winters to have an answer."""

    huber: float = 2.0
    """Looks farther from the fit than this, in sigma, count less."""

    sigma_floor: float = 0.004
    """The least noise that is believed, in reflectance (for pictures: in shares of full brightness)."""

    prior_looks: float = 6.0
    """How many looks' worth the scene's usual noise counts beside the pixel's own."""

    season_days: float = 45.0
    """Looks whose days of the year are no farther apart are of one season."""

    shrinkage: float = 0.2
    """How far (0-1) the measured correlation of bands is drawn towards none."""

    usual_autocorrelation: float = 0.3
    """Correlation of successive looks where the history is too short to measure it."""

    max_autocorrelation: float = 0.8
    """More is not believed: it is a change, or a season the harmonic misses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """What is usual for each pixel; all that is needed to judge a new look, of one size whatever the history was."""

    kind: NDArray[np.uint8]
    """Shape (y, x), of `Kind`."""
    coefficients: NDArray[np.float32]
    """Level, cosine, sine; shape (3, band, y, x)."""
    inverse: NDArray[np.float32]
    """Inverse normal matrix, upper triangle row by row, shape (6, y, x)."""
    medians: NDArray[np.float32]
    """Same-season medians, shape (node, band, y, x), NaN where unknown; no nodes where no pixel needs them."""
    counts: NDArray[np.uint16]
    """Looks behind each, shape (node, y, x)."""
    sigma: NDArray[np.float32]
    """Noise of one look, shape (band, y, x), NaN where nothing is known."""
    looks: NDArray[np.int32]
    """Clear looks in the history, shape (y, x)."""
    whitening: NDArray[np.float32]
    """Shape (band, band): makes standardised residuals of correlated bands independent."""
    autocorrelation: float
    """Of successive looks, 0-1."""

    @property
    def inflation(self) -> float:
        """How many times the variance of a mean of many looks exceeds that of independent ones."""
        return (1 + self.autocorrelation) / (1 - self.autocorrelation)

    def expected(self, day: date) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the usual look on `day`, (band, y, x), and its variance (y, x) in units of that of one look.

        Both are NaN where nothing is known of that season.
        """
        row = harmonic_columns([day])[0]
        bands = len(self.sigma)
        fitted = np.empty((bands, self.kind.size), dtype=np.float32)
        unsure = np.empty(self.kind.size, dtype=np.float32)
        expect(row, self.coefficients.reshape(_COLUMNS, bands, -1), self.inverse.reshape(6, -1), fitted, unsure)
        expected, leverage = fitted.reshape(self.sigma.shape), unsure.reshape(self.kind.shape)
        is_known = self.kind == Kind.HARMONIC
        if is_known.all():
            return expected, leverage
        expected = np.where(is_known, expected, np.float32(np.nan))
        leverage = np.where(is_known, leverage, np.float32(np.nan))
        if len(self.medians):
            node = _node(day)
            is_seasonal = (self.kind == Kind.SEASONAL) & (self.counts[node] >= _LOOKS_A_SEASON)
            expected = np.where(is_seasonal, self.medians[node], expected)
            share = np.float32(_MEDIAN_VARIANCE) / np.maximum(self.counts[node], 1)
            leverage = np.where(is_seasonal, share, leverage).astype(np.float32)
        return expected, leverage

    def scores(self, image: NDArray[np.float32], day: date) -> NDArray[np.float32]:
        """Return how far `image`, shape (band, y, x), lies from what is usual on `day`.

        What the whole scene has in common does not count: on most of it nothing happens, so where all of it strays one
        way, or strays more than usual, that was the air, the light, or an early spring. Few pixels are no scene.

        Returns:
            Shape (band, y, x): standard normal and independent where nothing happened, up to how well the noise is
            known; NaN, in all bands, where a band was not seen or nothing is known.

        """
        expected, leverage = self.expected(day)
        spread = np.sqrt(1 + np.float32(self.inflation) * leverage) * self.sigma
        residual = image - expected
        standard = (residual - _of_scene(residual, np.median, 0.0)) / spread
        white = np.einsum("ij,jyx->iyx", self.whitening, standard) if len(standard) > 1 else standard
        white = white / np.maximum(_of_scene(white, _robust_sigma, 1.0), 1)
        return np.where(np.isfinite(white).all(axis=0), white, np.float32(np.nan)).astype(np.float32)


def fit_baseline(values: NDArray[np.float32], days: Sequence[date], params: BaselineParams | None = None) -> Baseline:
    """Fit what is usual to a history.

    Args:
        values: Co-registered and normalised, shape (date, band, y, x), NaN where not clear; a date counts for a pixel
            where all bands were seen. Any number of dates, also none.
        days: The date of each look, ascending.
        params: When which baseline is made.

    """
    params = params or BaselineParams()
    dates, bands, *shape = values.shape
    flat = np.ascontiguousarray(values.reshape(dates, bands, shape[0] * shape[1]), dtype=np.float32)
    columns = harmonic_columns(days)
    fit = _fit_harmonic(flat, columns, params)
    is_long = dates > 0 and (days[-1] - days[0]).days >= params.min_span_days
    is_harmonic = (fit.looks >= params.min_looks) & is_long
    medians, counts, is_seasonal, spread = _fit_same_season(flat, days, ~is_harmonic, params)
    spread = np.where(is_harmonic, fit.spread, spread)
    kind = np.where(is_harmonic, Kind.HARMONIC, np.where(is_seasonal, Kind.SEASONAL, Kind.NONE)).astype(np.uint8)
    sigma = _believed(spread, np.where(kind > Kind.NONE, fit.looks, 0), params)
    sample = _sample(is_harmonic)
    fitted = np.einsum("ti,ibp->tbp", columns, fit.coefficients[:, :, sample])
    residual = _whole_looks((flat[:, :, sample] - fitted) / sigma[:, sample])
    autocorrelation = _autocorrelation(residual, params)
    sigma = np.maximum(sigma * _lost_to_likeness(fit.looks, is_harmonic, autocorrelation), params.sigma_floor)
    return Baseline(
        kind=kind.reshape(shape),
        coefficients=fit.coefficients.reshape(_COLUMNS, bands, *shape),
        inverse=fit.inverse.reshape(6, *shape),
        medians=medians.reshape(len(medians), bands, *shape),
        counts=counts.reshape(len(counts), *shape),
        sigma=sigma.reshape(bands, *shape),
        looks=fit.looks.reshape(shape),
        whitening=_whitening(residual, params),
        autocorrelation=autocorrelation,
    )


def harmonic_columns(days: Sequence[date]) -> NDArray[np.float32]:
    """Return one, cosine and sine of the year of each day, shape (date, 3)."""
    phase = 2 * np.pi * _days_of_year(days) / _DAYS_A_YEAR
    return np.column_stack([np.ones(len(days)), np.cos(phase), np.sin(phase)]).astype(np.float32)


def _of_scene(
    layers: NDArray[np.float32], measure: Callable[[NDArray[np.float32]], float], otherwise: float
) -> NDArray[np.float32]:
    """Return what `measure` says of the seen pixels of each layer, (band, 1, 1); `otherwise` where they are few."""
    step = max(1, layers[0].size // _SAMPLE_PX)
    samples = [layer.reshape(-1)[::step] for layer in layers]
    seen = [sample[np.isfinite(sample)] for sample in samples]
    measured = [float(measure(sample)) if sample.size > _PIXELS_OF_A_SCENE else otherwise for sample in seen]
    return np.array(measured, dtype=np.float32)[:, None, None]


def _robust_sigma(sample: NDArray[np.float32]) -> float:
    return MAD_TO_SIGMA * float(np.median(np.abs(sample)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Harmonic:
    """A fit; the last axis of each array is pixels."""

    coefficients: NDArray[np.float32]
    inverse: NDArray[np.float32]
    spread: NDArray[np.float32]
    looks: NDArray[np.int32]


def _fit_harmonic(flat: NDArray[np.float32], columns: NDArray[np.float32], params: BaselineParams) -> _Harmonic:
    _, bands, pixels = flat.shape
    fit = _Harmonic(
        coefficients=np.empty((_COLUMNS, bands, pixels), dtype=np.float32),
        inverse=np.empty((6, pixels), dtype=np.float32),
        spread=np.empty((bands, pixels), dtype=np.float32),
        looks=np.empty(pixels, dtype=np.int32),
    )
    settings = (np.float32(params.ridge), np.float32(params.sigma_floor), np.float32(params.huber))
    fit_seasons(flat, columns, settings, fit.coefficients, fit.inverse, fit.spread, fit.looks)
    return fit


def _fit_same_season(
    flat: NDArray[np.float32], days: Sequence[date], wanted: NDArray[np.bool_], params: BaselineParams
) -> tuple[NDArray[np.float32], NDArray[np.uint16], NDArray[np.bool_], NDArray[np.float32]]:
    """Return medians (node, band, px), counts (node, px), where there are any, and the spread about them (band, px).

    Without any `wanted` pixel there are no nodes.
    """
    dates, bands, pixels = flat.shape
    nodes = _NODES if wanted.any() and dates else 0
    medians = np.full((nodes, bands, pixels), np.nan, dtype=np.float32)
    counts = np.zeros((nodes, pixels), dtype=np.uint16)
    spread = np.full((bands, pixels), np.nan, dtype=np.float32)
    if not nodes:
        return medians, counts, np.zeros(pixels, dtype=np.bool_), spread
    flat = _whole_looks(flat)
    day_of_year = _days_of_year(days)
    residual = np.full_like(flat, np.nan)
    for node in range(nodes):
        is_near = _apart(day_of_year, node * _DAYS_A_YEAR / _NODES) <= params.season_days
        season = flat[is_near]
        if not len(season):
            continue
        counts[node] = np.isfinite(season).all(axis=1).sum(axis=0)
        is_known = wanted & (counts[node] >= _LOOKS_A_SEASON)
        medians[node] = np.where(is_known, median_of_seen(season), np.nan)
        is_own = np.array([_node(day) == node for day in days])
        residual[is_own] = flat[is_own] - medians[node]
    spread = MAD_TO_SIGMA * median_of_seen(np.abs(residual))
    fitted = (counts >= _LOOKS_A_SEASON).sum(axis=0)
    seen = np.isfinite(residual).all(axis=1).sum(axis=0)
    # Every median took a look's worth of freedom; with none left the scene's usual noise speaks.
    spread = spread * np.sqrt(seen / np.maximum(seen - fitted, 0.5))
    return medians, counts, wanted & (fitted > 0), spread.astype(np.float32)


def _believed(spread: NDArray[np.float32], looks: NDArray[np.int32], params: BaselineParams) -> NDArray[np.float32]:
    """Return the noise that is believed, (band, px): the pixel's own, drawn towards the scene's; NaN without looks."""
    is_known = looks > 0
    own = np.where(is_known & np.isfinite(spread), spread, np.nan).astype(np.float32)
    measured = [band[np.isfinite(band)] for band in own]
    usual = np.array([np.median(band) if band.size else 0 for band in measured], dtype=np.float32)[:, None]
    weight = np.where(np.isfinite(own), np.maximum(looks - _COLUMNS, 1), 0)
    variance = weight * np.square(np.nan_to_num(own)) + params.prior_looks * np.square(usual)
    sigma = np.sqrt(variance / (weight + params.prior_looks))
    return np.where(is_known, np.maximum(sigma, params.sigma_floor), np.nan).astype(np.float32)


def _whole_looks(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `flat`, shape (date, band, px), NaN in all bands where one is."""
    return np.where(np.isfinite(flat).all(axis=1, keepdims=True), flat, np.float32(np.nan)).astype(np.float32)


def _sample(usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return at most about `_SAMPLE_PX` evenly spaced indices of `usable` pixels."""
    places = np.flatnonzero(usable)
    return places[:: max(1, len(places) // _SAMPLE_PX)]


def _whitening(residual: NDArray[np.float32], params: BaselineParams) -> NDArray[np.float32]:
    """Return the inverse Cholesky factor of the correlation of bands, drawn towards none (Ledoit and Wolf's idea)."""
    bands = residual.shape[1]
    looks = np.moveaxis(residual, 1, 0).reshape(bands, -1)
    looks = np.clip(looks[:, np.isfinite(looks).all(axis=0)], -_CLIP, _CLIP)
    power = np.sqrt(np.square(looks).mean(axis=1)) if looks.size else np.zeros(bands)
    if bands == 1 or not (power > 0).all():
        return np.eye(bands, dtype=np.float32)
    correlation = (looks @ looks.T) / looks.shape[1] / np.outer(power, power)
    mixed = (1 - params.shrinkage) * correlation + params.shrinkage * np.eye(bands)
    return np.linalg.inv(np.linalg.cholesky(mixed)).astype(np.float32)


def _autocorrelation(residual: NDArray[np.float32], params: BaselineParams) -> float:
    """Return the correlation of each pixel's successive clear looks: the median over the pixels.

    A fit takes some of it away; about as much is given back as it takes from independent looks.
    """
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(residual).all(axis=1))
    count = seen.sum(axis=0)
    clipped = np.clip(np.nan_to_num(residual), -_CLIP, _CLIP)
    last = np.zeros(clipped.shape[1:], dtype=np.float32)
    product = np.zeros(last.shape[1:], dtype=np.float64)
    for look, is_seen in zip(clipped, seen, strict=True):
        product += (look * last).sum(axis=0) * is_seen
        last = np.where(is_seen, look, last)
    power = np.square(clipped).sum(axis=(0, 1))
    usable = (count > _PAIRS_TO_CORRELATE) & (power > 0)
    if not usable.any():
        return params.usual_autocorrelation
    looks = count[usable]
    measured = product[usable] / power[usable] * looks / (looks - 1)
    lost = _COLUMNS / (looks - _COLUMNS)
    corrected = measured + lost * (1 + 2 * np.maximum(measured, 0))
    return float(np.clip(np.median(corrected), 0.0, params.max_autocorrelation))


def _lost_to_likeness(
    looks: NDArray[np.int32], is_harmonic: NDArray[np.bool_], autocorrelation: float
) -> NDArray[np.float32]:
    """Return by how much the spread about a fit must be raised, for looks that are alike let the fit follow them."""
    taken = _COLUMNS * (1 + autocorrelation) / (1 - autocorrelation)
    free = np.maximum(looks - taken, looks / 2)
    factor = np.sqrt(np.maximum(looks - _COLUMNS, 1) / np.maximum(free, 1))
    return np.where(is_harmonic, np.maximum(factor, 1), 1).astype(np.float32)


def _days_of_year(days: Sequence[date]) -> NDArray[np.float64]:
    return np.array([day.timetuple().tm_yday for day in days], dtype=np.float64)


def _apart(day_of_year: NDArray[np.float64], other: float) -> NDArray[np.float64]:
    apart = np.abs(day_of_year - other)
    return np.minimum(apart, _DAYS_A_YEAR - apart)


def _node(day: date) -> int:
    """Return the node whose day of the year is nearest to that of `day`."""
    return round(float(_days_of_year([day])[0]) * _NODES / _DAYS_A_YEAR) % _NODES
