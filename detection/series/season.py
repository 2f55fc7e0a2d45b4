"""A step in a series that also has seasons: how large is it, and how well can the two be told apart?

For every pixel, band and cut the look at time t is modelled as level + season + step, the season as one yearly
harmonic. The step's size comes from weighted least squares, and with it its *information*: how many independent
looks stand behind it. A cut that parts winter from the rest of the year has little, for season and step then look
alike; more years bring more. The normal equations of all cuts share one inverse (partitioned regression,
Frisch-Waugh-Lovell), so that a further cut costs a few multiplications a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detection.kernels import season as kernels
from detection.kernels.threads import parts, spread

_DAYS_A_YEAR = 365.2425


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonParams:
    """When a season can be told from a step."""

    min_looks: int = 16
    """With fewer dates no season is modelled…"""

    min_span_days: int = 300
    """… nor with less time between the first and the last."""

    ridge: float = 0.5
    """Looks' worth of belief that there is no season."""

    min_information: float = 0.25
    """A step backed by less than this many independent looks is not believed at any size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutFits:
    """The step of every pixel at every cut; arrays of shape (cut, y, x)."""

    cuts: NDArray[np.int32]
    """Indices of the first date after the step, ascending."""
    strength: NDArray[np.float32]
    """Size of the step, mean over the bands, in units of the bands; NaN where it cannot be told."""
    gain: NDArray[np.float32]
    """Squared residuals that the step explains, summed over the bands; NaN likewise."""
    information: NDArray[np.float32]
    """Independent looks behind it."""
    normal: NDArray[np.float64]
    """What level and season are without a step, as the compiled loops keep it: `without_model` need not ask again."""


def design(days: Sequence[date], params: SeasonParams) -> NDArray[np.float64]:
    """Return the columns level, and where the dates allow it cosine and sine of the year; shape (time, columns)."""
    level = np.ones((len(days), 1))
    if len(days) < params.min_looks or (days[-1] - days[0]).days < params.min_span_days:
        return level
    phase = 2 * np.pi * np.array([day.timetuple().tm_yday for day in days]) / _DAYS_A_YEAR
    return np.column_stack([level, np.cos(phase), np.sin(phase)])


def fit_cuts(  # noqa: PLR0913 - three arrays, and what is asked of them
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    cuts: Sequence[int],
    params: SeasonParams,
    *,
    least: tuple[int, int] = (1, 1),
) -> CutFits:
    """Fit a step at each of `cuts`.

    Args:
        values: Shape (time, band, y, x), NaN where not seen.
        weight: Shape (time, y, x); 0 where not seen.
        columns: From `design`.
        cuts: Indices of the first date after the step, ascending.
        params: Ridge and least information.
        least: So many looks must lie before the cut, and from it on.

    """
    _, bands, *shape = values.shape
    series, trust = _flat(values, bands), _flat(weight)
    count = series.shape[2]
    places = np.asarray(cuts, dtype=np.int32)
    strength, gain, information = (np.empty((len(places), count), dtype=np.float32) for _ in range(3))

    model = _three(columns)
    normal = np.empty((-(-count // kernels.LANES), 6 + 3 * bands, kernels.LANES))

    def one(part: tuple[int, int]) -> None:
        kernels.all_cuts(
            series,
            trust,
            model,
            params.ridge,
            params.min_information,
            places,
            least,
            strength,
            gain,
            information,
            normal,
            part,
        )

    spread(one, parts(count))
    planes = (len(places), *shape)
    return CutFits(
        cuts=places,
        strength=strength.reshape(planes),
        gain=gain.reshape(planes),
        information=information.reshape(planes),
        normal=normal,
    )


def without_model(  # noqa: PLR0913 - three arrays, and what is asked of them
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    onset: NDArray[np.integer],
    params: SeasonParams,
    *,
    fits: CutFits | None = None,
    only_season: bool = False,
) -> NDArray[np.float32]:
    """Return `values` (time, band, y, x) less each pixel's level, season, and step at `onset` (y, x).

    Args:
        values: NaN where not seen.
        weight: Shape (time, y, x); 0 where not seen.
        columns: From `design`.
        onset: Index of the first date after the step; 0 or less where there is none.
        params: Ridge and least information.
        fits: From the same values and weights, if there are any: that saves time.
        only_season: Take the season alone out; level and step are fitted all the same.

    """
    bands = values.shape[1]
    series, trust = _flat(values, bands), _flat(weight)
    begin = onset.reshape(-1).astype(np.int32)
    result = np.empty_like(series)

    model = _three(columns)
    normal = np.empty((0, 6 + 3 * bands, kernels.LANES)) if fits is None else fits.normal

    def one(part: tuple[int, int]) -> None:
        kernels.without_model(
            series, trust, model, params.ridge, params.min_information, begin, only_season, normal, result, part
        )

    spread(one, parts(series.shape[2]))
    return result.reshape(values.shape)


def _flat(values: NDArray[np.float32], *bands: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(values).reshape(len(values), *bands, -1)


def _three(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns with a season of nothing where there is none: the ridge then holds it at nothing."""
    return np.ascontiguousarray(np.pad(columns, ((0, 0), (0, 3 - columns.shape[1]))))
