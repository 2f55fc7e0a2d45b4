"""A step in a series that also has seasons: how large is it, and how well can the two be told apart?

For every pixel, band and cut the look at time t is modelled as level + season + step, the season as one yearly
harmonic. The step's size comes from weighted least squares, and with it its *information*: how many independent
looks stand behind it. A cut that parts winter from the rest of the year has little, for season and step then look
alike; more years bring more. The normal equations of all cuts share one inverse (partitioned regression,
Frisch-Waugh-Lovell), so that a further cut costs a few multiplications a pixel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

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
class CutFit:
    """The step of every pixel at one cut."""

    cut: int
    """Index of the first date after the step."""
    step: NDArray[np.float32]
    """Size, shape (band, y, x), in units of the bands; NaN where it cannot be told."""
    information: NDArray[np.float32]
    """Independent looks behind it, shape (y, x)."""


def design(days: Sequence[date], params: SeasonParams) -> NDArray[np.float64]:
    """Return the columns level, and where the dates allow it cosine and sine of the year; shape (time, columns)."""
    level = np.ones((len(days), 1))
    if len(days) < params.min_looks or (days[-1] - days[0]).days < params.min_span_days:
        return level
    phase = 2 * np.pi * np.array([day.timetuple().tm_yday for day in days]) / _DAYS_A_YEAR
    return np.column_stack([level, np.cos(phase), np.sin(phase)])


def fit_cuts(
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    cuts: Sequence[int],
    params: SeasonParams,
) -> Iterator[CutFit]:
    """Fit a step at each of `cuts`, from the last to the first.

    Args:
        values: Shape (time, band, y, x), NaN where not seen.
        weight: Shape (time, y, x); 0 where not seen.
        columns: From `design`.
        cuts: Indices of the first date after the step.
        params: Ridge and least information.

    """
    seen = np.where(np.isfinite(values), values, 0).astype(np.float32)
    inverse = _inverse_gram(weight, columns, params.ridge)
    solution = _times(inverse, np.einsum("tyx,ti,tbyx->biyx", weight, columns.astype(np.float32), seen, optimize=True))
    count = np.zeros(weight.shape[1:], dtype=np.float32)
    moment = np.zeros((columns.shape[1], *weight.shape[1:]), dtype=np.float32)
    total = np.zeros(values.shape[1:], dtype=np.float32)
    wanted = set(cuts)
    for index in range(len(values) - 1, 0, -1):
        count += weight[index]
        moment += columns[index][:, None, None].astype(np.float32) * weight[index]
        total += weight[index] * seen[index]
        if index in wanted:
            information = count - (moment * _times(inverse, moment)).sum(axis=0)
            surplus = total - (moment * solution).sum(axis=1)
            is_told = information >= params.min_information
            step = np.where(is_told, surplus / np.maximum(information, params.min_information), np.nan)
            yield CutFit(cut=index, step=step.astype(np.float32), information=information)


def without_step(
    values: NDArray[np.float32], step: NDArray[np.float32], onset: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return `values` (time, band, y, x) less the `step` (band, y, x) from the date `onset` (y, x) on."""
    is_after = np.arange(len(values))[:, None, None] >= onset
    lift = np.where(onset > 0, np.nan_to_num(step), 0).astype(np.float32)
    return (values - is_after[:, None] * lift).astype(np.float32)


def level_and_season(
    values: NDArray[np.float32], weight: NDArray[np.float32], columns: NDArray[np.float64], params: SeasonParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit values that hold no step: return the level (band, y, x) and the season (time, band, y, x) around it."""
    seen = np.where(np.isfinite(values), values, 0).astype(np.float32)
    narrow = columns.astype(np.float32)
    moments = np.einsum("tyx,ti,tbyx->biyx", weight, narrow, seen, optimize=True)
    solution = _times(_inverse_gram(weight, columns, params.ridge), moments)
    season = np.einsum("ti,biyx->tbyx", narrow[:, 1:], solution[:, 1:], optimize=True)
    return solution[:, 0], season.astype(np.float32)


def _inverse_gram(weight: NDArray[np.float32], columns: NDArray[np.float64], ridge: float) -> NDArray[np.float32]:
    """Return the inverse normal matrix of every pixel, shape (columns, columns, y, x)."""
    gram = np.einsum("tyx,ti,tj->yxij", weight, columns, columns, optimize=True)
    gram += np.diag([1e-6] + [ridge] * (columns.shape[1] - 1))
    if columns.shape[1] == 1:
        return np.asarray(1 / np.moveaxis(gram, (2, 3), (0, 1)), dtype=np.float32)
    return np.moveaxis(np.linalg.inv(gram), (2, 3), (0, 1)).astype(np.float32)


def _times(inverse: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply the matrix of every pixel with vectors of shape (columns, y, x) or (band, columns, y, x)."""
    product: NDArray[np.float32] = np.einsum("ijyx,...jyx->...iyx", inverse, vectors, optimize=True)
    return product
