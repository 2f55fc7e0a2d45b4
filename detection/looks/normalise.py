"""Give every date of a series the light of one reference, so that dates can be compared and averaged."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detection.kernels import light as kernels
from detection.kernels.order import quantile_between, sorting_network
from detection.kernels.pair import middle_of_two
from detection.kernels.threads import parts, spread
from detection.looks.context import Noise

_A_PAIR = 2
_PULL = 0.0625
"""The gain is drawn to 1 as if the ground varied by a quarter of its brightness more than it does."""
_NO_LIMIT = np.float32(np.inf)
_HALF = 0.5


def reference_image(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over time, shape (band, y, x), of `values` (time, band, y, x); NaN where never seen."""
    return median_of_seen(values)


def normalise(values: NDArray[np.float32], reference: NDArray[np.float32], *, context_px: int) -> NDArray[np.float32]:
    """Return `values` (time, band, y, x) in the light of `reference` (band, y, x).

    Around each pixel of each band and date a gain and an offset are fitted that make the reference look like the date:
    haze adds, the sun multiplies. What the date has more than that is kept as it is: dividing by a gain, or by the
    ratio of two dark images, would multiply the noise of a bright roof in dark woods. Where the ground has little
    contrast no gain can be told, so it is drawn to 1. Pixels that stand out (because something was built) do not take
    part in the fit.
    """
    expected = expected_lights(values, reference, context_px=context_px)
    limits = np.empty(values.shape[:2])
    for place in np.ndindex(*limits.shape):
        limits[place] = Noise.of(light_residual(values[place], expected[place])).outlier_limit
    return relight(values, reference, expected, limits, context_px=context_px)


def expected_lights(
    values: NDArray[np.float32], reference: NDArray[np.float32], *, context_px: int
) -> NDArray[np.float32]:
    """Return what `reference` looks like in the light of each band of each date, of the shape of `values`."""
    expected = np.empty_like(values)

    def one(date: int, band: int) -> None:
        base = reference[band]
        kernels.expected_light(base, values[date, band], base, _NO_LIMIT, context_px, _PULL, expected[date, band])

    spread(one, np.ndindex(*values.shape[:2]))
    return expected


def light_residual(layer: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each pixel of `layer` lies off what was expected, both of shape (y, x)."""
    residual = np.empty_like(layer)
    kernels.apart(layer, expected, residual)
    return residual


def relight(
    values: NDArray[np.float32],
    reference: NDArray[np.float32],
    expected: NDArray[np.float32],
    limits: NDArray[np.float64],
    *,
    context_px: int,
) -> NDArray[np.float32]:
    """Return `values` in the light of `reference`, in the place of `expected`.

    Args:
        values: Shape (time, band, y, x).
        reference: Shape (band, y, x).
        expected: From `expected_lights`; overwritten.
        limits: From which residual on a pixel stands out, shape (time, band).
        context_px: Side of the surroundings.

    """

    def one(date: int, band: int) -> None:
        limit = np.float32(limits[date, band])
        kernels.relit(reference[band], values[date, band], expected[date, band], limit, context_px, _PULL)

    spread(one, np.ndindex(*values.shape[:2]))
    return expected


def median_of_seen(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median along the first axis of what is not NaN; NaN where nothing is. Silent, unlike numpy's."""
    return quantile_of_seen(values, 0.5)


def quantile_of_seen(
    values: NDArray[np.float32],
    share: float,
    *,
    first: NDArray[np.integer] | None = None,
    beyond: NDArray[np.integer] | None = None,
) -> NDArray[np.float32]:
    """Return the quantile `share` (0-1) along the first axis of what is not NaN, linear between values.

    Args:
        values: Shape (time, ...).
        share: 0.5 for the median.
        first: Of each series only the dates from this index on, shape (...), all if None.
        beyond: And only those before this one.

    """
    shape = values.shape[1:]
    series = np.ascontiguousarray(values, dtype=np.float32).reshape(len(values), -1)
    count = series.shape[1]
    if len(values) == _A_PAIR and share == _HALF and first is None and beyond is None:
        return _middle_of_two(series).reshape(shape)
    begin = np.zeros(count, dtype=np.int32) if first is None else _each(first, shape)
    end = np.full(count, len(values), dtype=np.int32) if beyond is None else _each(beyond, shape)
    result = np.empty(count, dtype=np.float32)
    swaps = _network(len(values))

    def one(part: tuple[int, int]) -> None:
        quantile_between(series, begin, end, swaps, share, result, part)

    spread(one, parts(count))
    return result.reshape(shape)


def _middle_of_two(series: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.empty(series.shape[1], dtype=np.float32)
    spread(lambda part: middle_of_two(series[0], series[1], result, part), parts(result.size))
    return result


def _each(indices: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.int32]:
    return np.ascontiguousarray(np.broadcast_to(indices, shape), dtype=np.int32).reshape(-1)


@lru_cache(maxsize=32)
def _network(size: int) -> NDArray[np.int32]:
    return sorting_network(size)
