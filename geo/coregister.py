"""Bring every date of a stack onto the same ground, to a fraction of a pixel.

Sentinel-2 dates lie up to 1.3 pixels apart in older processing, a third of a pixel in newer. A shift of half a
pixel along a roof's edge looks like a change, so it is measured on what stays: the edges of fields, roads and
buildings, by phase correlation of gradient images (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156, as
`skimage.registration.phase_cross_correlation`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from geo.scene import Stack

logger = logging.getLogger(__name__)

_UPSAMPLE = 50
_MIN_SIDE_PX = 32
_EDGE_CAP = 3.0
"""Edges stronger than this many standard deviations count no more: one glaring roof must not decide alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoregisterParams:
    """When a measured shift is believed."""

    max_shift_px: float = 3.0
    """Larger shifts are not misregistration but a wrong estimate (or a wrong file)."""

    max_disagreement_px: float = 0.3
    """The shift is measured twice, on two halves of the bands; a scene without structure, or under haze, gives
    two answers. More than this apart, neither is believed."""

    min_clear_share: float = 0.3
    """With less of the grid in sight (0-1) no shift is measured."""


def coregister(stack: Stack, params: CoregisterParams | None = None) -> Stack:
    """Move each date of `stack` onto its clearest date.

    A date whose shift cannot be measured is moved by the median of the others: what they have in common is the
    clearest date's own error.

    Returns:
        A stack whose `shifts_px` (time, 2) hold the measured shifts (down, right); NaN where none is believed.

    """
    params = params or CoregisterParams()
    values = stack.values
    reference = _clearest(stack.is_clear)
    target = structure_images(values[reference])
    shifts_px = np.full((len(values), 2), np.nan)
    for index, date_values in enumerate(values):
        measured = (0.0, 0.0) if index == reference else estimate_shift(target, structure_images(date_values), params)
        shifts_px[index] = (np.nan, np.nan) if measured is None else measured
    usual = np.nanmedian(shifts_px, axis=0)
    for index, shift_px in enumerate(shifts_px):
        down, right = shift_px if np.isfinite(shift_px).all() else usual
        values[index] = moved(values[index], (float(down), float(right)))
    logger.debug("shifts (down, right) in pixels: %s", np.round(shifts_px, 2).tolist())
    return stack.with_values(values, shifts_px=shifts_px)


def structure_images(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the gradient of log brightness of both halves of the bands: edges, whatever the light.

    Args:
        values: Shape (band, y, x).

    Returns:
        Two images, shape (y, x), NaN where not seen or near to it; one for a single band.

    """
    middle = len(values) // 2
    halves = [half for half in (values[:middle], values[middle:]) if len(half)]
    return [_edges(np.asarray(half.mean(axis=0), dtype=np.float32)) for half in halves]


def estimate_shift(
    target: Sequence[NDArray[np.float32]],
    moving: Sequence[NDArray[np.float32]],
    params: CoregisterParams | None = None,
) -> tuple[float, float] | None:
    """Measure how far (down, right), in pixels, `moving` must be moved to lie on `target`.

    Args:
        target: Structure images of one date.
        moving: The same of another date.
        params: When the answer is believed.

    Returns:
        The shift, or None where no believable one can be measured.

    """
    params = params or CoregisterParams()
    is_seen = np.isfinite(target[0]) & np.isfinite(moving[0])
    if min(is_seen.shape) < _MIN_SIDE_PX or is_seen.mean() < params.min_clear_share:
        return None
    window = np.outer(np.hanning(is_seen.shape[0]), np.hanning(is_seen.shape[1]))
    pairs = [
        (_windowed(first, is_seen, window), _windowed(second, is_seen, window))
        for first, second in zip(target, moving, strict=True)
    ]
    if not all(image.any() for pair in pairs for image in pair):
        return None
    answers = np.array(
        [phase_cross_correlation(*pair, upsample_factor=_UPSAMPLE, normalization=None)[0] for pair in pairs]
    )
    down, right = answers.mean(axis=0)
    is_believable = (
        np.ptp(answers, axis=0).max() <= params.max_disagreement_px
        and max(abs(down), abs(right)) <= params.max_shift_px
    )
    return (float(down), float(right)) if is_believable else None


def moved(values: NDArray[np.float32], shift_px: tuple[float, float]) -> NDArray[np.float32]:
    """Return `values`, shape (band, y, x), moved (down, right) by cubic resampling.

    A pixel that takes part of its value from an unseen pixel, or from outside, is NaN.
    """
    if shift_px == (0.0, 0.0):
        return values
    result = np.empty_like(values)
    for index, band in enumerate(values):
        is_seen = np.isfinite(band)
        filled = np.where(is_seen, band, np.median(band[is_seen]) if is_seen.any() else 0)
        seen_share = ndimage.shift(is_seen.astype(np.float32), shift_px, order=1, cval=0.0)
        shifted = ndimage.shift(filled, shift_px, order=3, mode="nearest")
        result[index] = np.where(seen_share > 0.999, shifted, np.nan)  # noqa: PLR2004 - one, but for rounding
    return result


def _clearest(is_clear: NDArray[np.bool_]) -> int:
    """Return the date most of which is clear; of equals, the one in the middle of the series."""
    shares = is_clear.mean(axis=(1, 2))
    best = np.flatnonzero(shares >= shares.max() - 0.01)
    return int(best[len(best) // 2])


def _edges(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    is_seen = np.isfinite(brightness)
    if not is_seen.any():
        return brightness
    filled = np.where(is_seen, brightness, np.median(brightness[is_seen]))
    smooth = ndimage.gaussian_filter(np.log(np.clip(filled, 1e-3, None)), 1.0)
    gradient = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    near_gap = ndimage.binary_dilation(~is_seen, iterations=3)
    return np.where(near_gap, np.nan, gradient).astype(np.float32)


def _windowed(
    image: NDArray[np.float32], is_seen: NDArray[np.bool_], window: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `image` less its mean, zero where not seen, fading towards the edges; single bright edges are capped."""
    edges = image[is_seen] - image[is_seen].mean()
    flat = np.zeros(image.shape)
    flat[is_seen] = np.minimum(edges, _EDGE_CAP * edges.std())
    return flat * window
