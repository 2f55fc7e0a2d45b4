"""What did the air and the light of a real date do to its ground, so that something drawn into it gets the same?

Measured on the date itself against the other dates of its season: a gain and an offset by band (haze, dust, the
stretch of a picture), veils and shadows that no mask caught, and what is left pixel by pixel, which is noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo.scene import Quantity, Stack
from geo.sources.simulated.spectra import BANDS, HAZE_PATH

Image = NDArray[np.float32]

_SEASON_DAYS = 45
_ENOUGH_IN_SEASON = 4
_CLEAR_SHARE = 0.5
_PIXELS_TO_REGRESS = 200
_PRIOR_SD = 0.02
"""A scene without contrast tells no gain: contrast of this size (reflectance) weighs as much as the belief in 1."""
_TRIMMED_SIGMAS = 3.0
_DAYS_A_YEAR = 365.25
_VISIBLE = ("B02", "B03", "B04")
_GREEN_NDVI = 0.3
_NOISE_PX = 5
_VEIL_SIGMA_PX = 3.0
_VEIL_LEAST = 0.03
_CLOUD_LEVEL = 0.6
_SHADOW_LEAST = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """What one date does to reflectance, all in the units of its stack."""

    gain: NDArray[np.float32]
    """By band, shape (band,): how much brighter a surface is recorded than it usually is."""
    offset: NDArray[np.float32]
    """By band: what haze or dust adds."""
    noise: Image
    """Shape (band, y, x): what the date shows beyond its gain and offset, without what its neighbours share; 0 where
    not seen."""
    veil: Image
    """Shape (y, x), 0-1: how much a cloud that no mask caught hides."""
    lit: Image
    """Shape (y, x), 0-1: how much light reaches the ground below 1 in cloud shadows that no mask caught."""

    @classmethod
    def plain(cls, bands: int, shape: tuple[int, int]) -> "Light":
        """Return light that changes nothing."""
        return cls(
            gain=np.ones(bands, dtype=np.float32),
            offset=np.zeros(bands, dtype=np.float32),
            noise=np.zeros((bands, *shape), dtype=np.float32),
            veil=np.zeros(shape, dtype=np.float32),
            lit=np.ones(shape, dtype=np.float32),
        )


def measure_lights(stack: Stack) -> list[Light]:
    """Return the light of each date of `stack`; plain where too little of a date is seen to measure it."""
    values = stack.values
    seen_share = stack.is_clear.mean(axis=(1, 2))
    usable = np.flatnonzero(seen_share >= _CLEAR_SHARE * seen_share.max())
    return [
        _measured(values, index, usable, stack)
        if np.count_nonzero(np.isfinite(values[index, 0])) >= _PIXELS_TO_REGRESS
        else Light.plain(values.shape[1], stack.grid.shape)
        for index in range(len(values))
    ]


def _of_season(days: Sequence[date], usable: NDArray[np.int64], index: int) -> NDArray[np.int64]:
    """Return which of the `usable` dates lie in the season of date `index`, in any year."""
    doy = np.array([days[other].timetuple().tm_yday for other in usable]) - days[index].timetuple().tm_yday
    apart = np.abs((doy + _DAYS_A_YEAR / 2) % _DAYS_A_YEAR - _DAYS_A_YEAR / 2)
    return usable[apart <= _SEASON_DAYS]


def _measured(values: NDArray[np.float32], index: int, usable: NDArray[np.int64], stack: Stack) -> Light:
    near = _of_season(stack.days, usable, index)
    reference = median_of_seen(values[near if len(near) >= _ENOUGH_IN_SEASON else usable])
    image = values[index]
    is_display = stack.quantity is Quantity.DISPLAY
    fits = np.array([_regression(layer, base) for layer, base in zip(image, reference, strict=True)])
    if not is_display:
        is_green = _has_leaves(reference, stack.bands)
        fits = _without_leaves(fits, stack.bands, sure=("B02",) if is_green else _VISIBLE)
    gain, offset = fits.T.astype(np.float32)
    predicted = gain[:, None, None] * reference + offset[:, None, None]
    residual = np.where(np.isfinite(image - predicted), image - predicted, 0).astype(np.float32)
    plain = Light.plain(len(image), image.shape[1:])
    return Light(
        gain=gain,
        offset=offset,
        noise=np.stack([_noise(layer) for layer in residual]),
        veil=plain.veil if is_display or "B02" not in stack.bands else _veil(residual[stack.bands.index("B02")]),
        lit=_lit(image, predicted),
    )


def median_of_seen(values: NDArray[np.float32]) -> Image:
    """Return the median along the first axis of what is not NaN; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    place = np.maximum(np.isfinite(values).sum(axis=0) - 1, 0)
    low, high = (np.take_along_axis(ordered, pick[None], axis=0)[0] for pick in (place // 2, (place + 1) // 2))
    return np.asarray((low + high) / 2, dtype=np.float32)


def _regression(layer: Image, base: Image) -> tuple[float, float]:
    """Return gain and offset of `layer` against `base`, once trimmed; the gain is near 1 where there is no contrast."""
    is_seen = np.isfinite(layer) & np.isfinite(base)
    x, y = base[is_seen].astype(np.float64), layer[is_seen].astype(np.float64)
    if x.size < _PIXELS_TO_REGRESS:
        return (1.0, 0.0)
    gain, offset = _fit(x, y)
    residual = np.abs(y - gain * x - offset)
    is_usual = residual <= _TRIMMED_SIGMAS * 1.4826 * np.median(residual) + 1e-9
    return _fit(x[is_usual], y[is_usual])


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    shared = float(np.mean((x - x.mean()) * (y - y.mean())))
    gain = (shared + _PRIOR_SD**2) / (float(x.var()) + _PRIOR_SD**2)
    return (gain, float(np.median(y) - gain * np.median(x)))


def _has_leaves(reference: Image, bands: Sequence[str]) -> bool:
    """Say whether most of the ground is green: autumn, and a late spring, change its colours but no roof's."""
    if not {"B04", "B08"} <= set(bands):
        return False
    red, infrared = reference[bands.index("B04")], reference[bands.index("B08")]
    return bool(np.nanmedian(infrared - red) > _GREEN_NDVI * np.nanmedian(infrared + red))


def _without_leaves(fits: NDArray[np.float64], bands: Sequence[str], *, sure: Sequence[str]) -> NDArray[np.float64]:
    """Give the bands that are not `sure` the light of the longest one that is: what else they show is leaves.

    No roof turns green. Blue shows least of it; infrared shows it even against other years. Haze falls off with
    wavelength as in `spectra.HAZE_PATH`.
    """
    known = [band for band in bands if band in sure]
    if not known:
        return fits
    guide = max(known)
    gain, offset = fits[bands.index(guide)]
    result = fits.copy()
    for place, band in enumerate(bands):
        if band not in sure:
            result[place] = (gain, offset * HAZE_PATH[BANDS.index(band)] / HAZE_PATH[BANDS.index(guide)])
    return result


def _noise(residual: Image) -> Image:
    """Return what no neighbours share, held within three robust sigma."""
    fine = residual - ndimage.median_filter(residual, size=_NOISE_PX)
    sigma = 1.4826 * float(np.median(np.abs(fine)))
    return np.asarray(np.clip(fine, -3 * sigma, 3 * sigma), dtype=np.float32)


def _veil(residual: Image) -> Image:
    lift = ndimage.gaussian_filter(residual, _VEIL_SIGMA_PX)
    return np.where(lift > _VEIL_LEAST, np.clip(lift / _CLOUD_LEVEL, 0, 1), 0).astype(np.float32)


def _lit(image: Image, predicted: Image) -> Image:
    """Return how bright the ground is against what is expected, where all bands are darker than that."""
    ratio = np.where(np.isfinite(image) & (predicted > 0), image / np.where(predicted > 0, predicted, 1), 1)
    brightest = ndimage.gaussian_filter(ratio.max(axis=0), _VEIL_SIGMA_PX)
    return np.where(brightest < _SHADOW_LEAST, np.clip(brightest, 0.1, 1), 1).astype(np.float32)
