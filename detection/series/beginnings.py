"""From which look on does each pixel of an object differ from its own past?

Looks are taken one after the other. As long as a pixel looks as it did, its past grows; the first look that differs
from this past by more than noise can explain, and after which it never looks like its past again, is where its change
began. Noise has three sources: the look itself (measured on unchanged ground around, apart for smooth and for rough
ground, for a look that lies a little off moves edges), the pixel's own past, and the sun, whose shadows move with the
season the more, the rougher the ground and the less alike the two days of the year.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.kernels.beginnings import beginnings as kernel
from detection.kernels.planes import means_around
from detection.kernels.threads import spread
from detection.looks.context import MAD_TO_SIGMA

_DAYS_A_YEAR = 365.2425
_MIDSUMMER = 172
_SAMPLE = 6000
"""Unchanged pixels from which the noise of the looks is measured."""
_LEAST_SAMPLE = 30
_PRIOR_LOOKS = 4.0
"""How many looks' worth the noise of the looks counts beside the pixel's own past."""
_ODD_Z = 3.0
"""Looks beyond this many sigma count less in the past, in inverse proportion."""
_SOON = 3
"""Of the first so many looks at least half must differ: else the first was odd."""
_LATER_Z = 2.0
"""What only hints at a beginning must be followed by looks that differ by so many sigma."""
_COMPARED = 16
"""A look's change is checked on at most so many looks from it on, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginningParams:
    """When a pixel has begun to differ from its past."""

    certain_z: float = 5.0
    """Certainly, from this many sigma on…"""

    hint_z: float = 3.0
    """… and perhaps from this on."""

    lasting_share: float = 0.75
    """Share (0-1) of the looks from then on that must differ, too: by `hint_z` to be certain, by two sigma to hint."""

    shadow_share: float = 0.25
    """How much of the contrast of rough ground shadows move from an equinox to a solstice: they count as noise between
    looks of different seasons."""

    sigma_floor: float = 0.001
    """The least noise that is believed, in reflectance (for pictures: in shares of full brightness)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookNoise:
    """How far unchanged ground strays from its median on each look, over 3 x 3 pixels and all bands."""

    calm: NDArray[np.float32]
    """On smooth ground, shape (time,), in units of the bands."""
    rough: NDArray[np.float32]
    """What is added on rough ground, shape (time,), in units of the local standard deviation of brightness."""

    @classmethod
    def of(cls, values: NDArray[np.float32], roughness: NDArray[np.float32], is_calm: NDArray[np.bool_]) -> Self:
        """Measure it on a sample of unchanged ground.

        Args:
            values: Shape (time, band, y, x), NaN where not seen.
            roughness: Local standard deviation of brightness before any change, shape (y, x).
            is_calm: Unchanged ground.

        """
        rows, columns = np.nonzero(is_calm & np.isfinite(roughness))
        nothing = np.zeros(len(values), dtype=np.float32)
        if rows.size < _LEAST_SAMPLE:
            return cls(calm=nothing, rough=nothing)
        pick = np.sort(np.random.default_rng(0).permutation(rows.size)[:_SAMPLE])  # row by row: read in one go
        rows, columns = rows[pick], columns[pick]
        around = roughness[rows, columns]
        stray = _stray(_boxed_at(values, rows, columns))
        is_smooth = np.asarray(around <= np.median(around))
        is_rough = np.asarray(around >= np.quantile(around, 0.9))
        calm = MAD_TO_SIGMA * _median_of_rows(stray[:, is_smooth])
        total = MAD_TO_SIGMA * _median_of_rows(stray[:, is_rough])
        level = max(float(np.median(around[is_rough])), 1e-6)
        rough = np.sqrt(np.maximum(np.square(total) - np.square(calm), 0)) / level
        return cls(calm=calm.astype(np.float32), rough=rough.astype(np.float32))

    def at(self, roughness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standard deviation, shape (time, y, x), on ground of that roughness (y, x)."""
        sigma: NDArray[np.float32] = np.hypot(
            self.calm[:, None, None], self.rough[:, None, None] * np.nan_to_num(roughness)
        )
        return sigma


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beginnings:
    """Where the change of each pixel began: indices of looks, shape (y, x); the number of looks where it never did."""

    certain: NDArray[np.int64]
    """The first look that certainly shows it."""
    hinted: NDArray[np.int64]
    """The first look that may show it, never later."""


def boxed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over 3 x 3 seen pixels, shape (time, band, y, x); NaN stays NaN where the pixel itself is."""
    is_seen = np.asarray(np.isfinite(values).all(axis=1))
    weight = ndimage.uniform_filter(is_seen.astype(np.float32), (0, 3, 3), mode="constant")
    filled = np.where(is_seen[:, None], values, 0).astype(np.float32)
    total = ndimage.uniform_filter(filled, (0, 0, 3, 3), mode="constant")
    return np.where(is_seen[:, None], total / np.maximum(weight, 1e-6)[:, None], np.nan).astype(np.float32)


def sun_of_year(days: Sequence[date]) -> NDArray[np.float32]:
    """Return where in its year the sun stands on each day: 1 at one solstice, -1 at the other, shape (time,)."""
    number = np.array([day.timetuple().tm_yday for day in days])
    return np.asarray(np.cos(2 * np.pi * (number - _MIDSUMMER) / _DAYS_A_YEAR), dtype=np.float32)


def find_beginnings(
    series: NDArray[np.float32],
    sigma: NDArray[np.float32],
    shadows: NDArray[np.float32],
    sun: NDArray[np.float32],
    params: BeginningParams,
) -> Beginnings:
    """Find where the change of each pixel began.

    Args:
        series: From `boxed`, shape (time, band, y, x).
        sigma: Noise of each look, shape (time, y, x).
        shadows: How much the pixel may change while the sun goes from an equinox to a solstice, shape (y, x).
        sun: From `sun_of_year`.
        params: When a pixel has begun to differ.

    """
    looks, bands, *shape = series.shape
    certain, hinted = np.empty((2, int(np.prod(shape))), dtype=np.int64)
    kernel(
        np.ascontiguousarray(series, dtype=np.float32).reshape(looks, bands, -1),
        np.ascontiguousarray(sigma, dtype=np.float32).reshape(looks, -1),
        np.ascontiguousarray(shadows, dtype=np.float32).reshape(-1),
        np.asarray(sun, dtype=np.float32),
        _compared(looks),
        (params.sigma_floor, params.certain_z, params.hint_z, _LATER_Z),
        (params.lasting_share, _SOON),
        (_PRIOR_LOOKS, _ODD_Z),
        certain,
        hinted,
    )
    certain, hinted = certain.reshape(shape), hinted.reshape(shape)
    return Beginnings(certain=certain, hinted=np.minimum(hinted, certain))


@lru_cache(maxsize=32)
def _compared(looks: int) -> NDArray[np.int32]:
    """Return on which looks the change of each is checked, shape (time, n): itself, the two after it, and others.

    These are evenly spread to the last; -1 stands where there are no more.
    """
    result = np.full((looks, _COMPARED + 3), -1, dtype=np.int32)
    for look in range(looks):
        near = range(look, min(look + 3, looks))
        far = np.linspace(look, looks - 1, min(_COMPARED, looks - look)).round().astype(int)
        listed = sorted({*near, *far.tolist()})
        result[look, : len(listed)] = listed
    return result


def _boxed_at(values: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the mean of 3 x 3 seen pixels around each place, shape (time, band, place)."""
    result = np.empty((*values.shape[:2], rows.size), dtype=np.float32)
    places = np.stack([rows, columns])

    def one(look: int) -> None:
        means_around(values[look], places, result[look])

    spread(one, [(look,) for look in range(len(values))])
    return result


def _stray(series: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each place lies from its median over time, over all bands, shape (time, place)."""
    middle = _median_of_rows(np.moveaxis(series, 0, -1).reshape(-1, len(series))).reshape(series.shape[1:])
    return np.asarray(np.sqrt(np.mean(np.square(series - middle), axis=1)), dtype=np.float32)


def _median_of_rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each row of what is not NaN; 0 where nothing is."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(values).sum(axis=1)
    low, high = (np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2)
    middle = (ordered[np.arange(len(values)), low] + ordered[np.arange(len(values)), high]) / 2
    return np.nan_to_num(np.where(count > 0, middle, 0)).astype(np.float32)
