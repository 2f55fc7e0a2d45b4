"""Give every date of a series the light of one reference, so that dates can be compared and averaged."""

import numpy as np
from numpy.typing import NDArray

from detection.context import Noise, local_ratio


def reference_image(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over time, shape (band, y, x), of `values` (time, band, y, x); NaN where never seen."""
    return median_of_seen(values)


def normalise(values: NDArray[np.float32], reference: NDArray[np.float32], *, context_px: int) -> NDArray[np.float32]:
    """Return `values` (time, band, y, x) in the light of `reference` (band, y, x).

    Each band of each date is divided by its local ratio to the reference; pixels that stand out from that ratio
    (because something was built) do not take part in measuring it.
    """
    result = np.empty_like(values)
    for index, image in enumerate(values):
        for band, (target, layer) in enumerate(zip(reference, image, strict=True)):
            result[index, band] = layer / _calm_ratio(target, layer, context_px)
    return result


def _calm_ratio(target: NDArray[np.float32], layer: NDArray[np.float32], context_px: int) -> NDArray[np.float32]:
    even = np.ones(target.shape, dtype=np.float32)
    residual = np.abs(layer - local_ratio(target, layer, even, context_px) * target)
    is_calm = np.nan_to_num(Noise.of(residual).z(residual), nan=0.0) < 3.0  # noqa: PLR2004 - three robust sigma
    ratio = local_ratio(target, layer, np.maximum(is_calm, 0.02).astype(np.float32), context_px)
    return np.clip(ratio, 0.05, 20.0)


def median_of_seen(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median along the first axis of what is not NaN; NaN where nothing is. Silent, unlike numpy's."""
    return quantile_of_seen(values, 0.5)


def quantile_of_seen(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return the quantile `share` (0-1) along the first axis of what is not NaN, linear between values."""
    ordered = np.sort(values, axis=0)  # NaN sorts last
    place = np.maximum(np.isfinite(values).sum(axis=0) - 1, 0) * share
    low = np.floor(place).astype(np.intp)
    high = np.ceil(place).astype(np.intp)
    first, second = (np.take_along_axis(ordered, pick[None], axis=0)[0] for pick in (low, high))
    return np.asarray(first + (second - first) * (place - low), dtype=np.float32)
