"""Give every date of a series the light of one reference, so that dates can be compared and averaged."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detection.kernels import planes as planes_kernels
from detection.kernels.order import quantile_between, sorting_network
from detection.kernels.threads import parts, spread
from detection.looks.context import Noise, local_ratio


def reference_image(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over time, shape (band, y, x), of `values` (time, band, y, x); NaN where never seen."""
    return median_of_seen(values)


def normalise(values: NDArray[np.float32], reference: NDArray[np.float32], *, context_px: int) -> NDArray[np.float32]:
    """Return `values` (time, band, y, x) in the light of `reference` (band, y, x).

    Each band of each date is divided by its local ratio to the reference; pixels that stand out from that ratio
    (because something was built) do not take part in measuring it.
    """
    ratios = light_ratios(values, reference, context_px=context_px)
    limits = np.empty(values.shape[:2])
    for date, band in np.ndindex(*limits.shape):
        limits[date, band] = Noise.of(
            light_residual(values[date, band], reference[band], ratios[date, band])
        ).outlier_limit
    return relight(values, reference, ratios, limits, context_px=context_px)


def light_ratios(
    values: NDArray[np.float32], reference: NDArray[np.float32], *, context_px: int
) -> NDArray[np.float32]:
    """Return the ratio of each band of each date to `reference` around each pixel, of the shape of `values`."""
    ratios = np.empty_like(values)

    def one(date: int, band: int) -> None:
        local_ratio(reference[band], values[date, band], context_px, out=ratios[date, band])

    spread(one, np.ndindex(*values.shape[:2]))
    return ratios


def light_residual(
    layer: NDArray[np.float32], target: NDArray[np.float32], ratio: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how far each pixel of `layer` lies off its ratio to `target`, all of shape (y, x)."""
    residual = np.empty_like(layer)
    planes_kernels.distance(target, layer, ratio, residual)
    return residual


def relight(
    values: NDArray[np.float32],
    reference: NDArray[np.float32],
    ratios: NDArray[np.float32],
    limits: NDArray[np.float64],
    *,
    context_px: int,
) -> NDArray[np.float32]:
    """Return `values` in the light of `reference`, in the place of `ratios`.

    Args:
        values: Shape (time, band, y, x).
        reference: Shape (band, y, x).
        ratios: From `light_ratios`; overwritten.
        limits: From which residual on a pixel stands out, shape (time, band).
        context_px: Side of the surroundings.

    """

    def one(date: int, band: int) -> None:
        layer, kept = values[date, band], ratios[date, band]
        final = local_ratio(reference[band], layer, context_px, before=kept, limit=float(limits[date, band]))
        planes_kernels.divide(layer, final, kept)

    spread(one, np.ndindex(*values.shape[:2]))
    return ratios


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
    begin = np.zeros(count, dtype=np.int32) if first is None else _each(first, shape)
    end = np.full(count, len(values), dtype=np.int32) if beyond is None else _each(beyond, shape)
    result = np.empty(count, dtype=np.float32)
    swaps = _network(len(values))

    def one(part: tuple[int, int]) -> None:
        quantile_between(series, begin, end, swaps, share, result, part)

    spread(one, parts(count))
    return result.reshape(shape)


def _each(indices: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.int32]:
    return np.ascontiguousarray(np.broadcast_to(indices, shape), dtype=np.int32).reshape(-1)


@lru_cache(maxsize=32)
def _network(size: int) -> NDArray[np.int32]:
    return sorting_network(size)
