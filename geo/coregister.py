"""Bring every date of a stack onto the same ground, to a fraction of a pixel.

Sentinel-2 dates lie up to 1.3 pixels apart in older processing, a third of a pixel in newer. A shift of half a
pixel along a roof's edge looks like a change, so it is measured on what stays: the edges of fields, roads and
buildings, by cross-correlation of gradient images, refined by a matrix multiplication around its peak
(Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156).
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from math import ceil

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage

from geo.kernels.fourier import real_at
from geo.kernels.spline import move
from geo.kernels.structure import edges as edges_kernel
from geo.kernels.structure import fading
from geo.scene import Stack

logger = logging.getLogger(__name__)

_REFINEMENTS = ((0.1, 7), (0.01, 10))
"""Step and reach, in steps, of the looks around the peak: in pixels, 0.7 around a whole pixel, then 0.1 around that."""
_MIN_SIDE_PX = 32
_EDGE_CAP = 3.0
"""Edges stronger than this many standard deviations count no more: one glaring roof must not decide alone."""
_REFERENCE_DATES = 9
"""So many of the clearest dates make the reference: more would cost more and not make it much sharper."""
_ENOUGH_FOR_A_REFERENCE = 3
_MANY_TO_FILL = 1 << 14
"""Of an image of more pixels than this not all are asked what stands in gaps…"""
_ENOUGH_TO_FILL = 1_024
"""… but about as many, if they were seen."""


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
    """Move each date of `stack` onto the ground of its clearest date.

    In two passes: each date is measured against the clearest one; then the structure of the clearest dates, moved by
    that, gives a reference that has neither clouds nor the noise of one date, and all dates are measured against it.
    Only structure images are moved in between, and then each pixel once: dates whose pixels were interpolated when they
    were read are read anew, with their shift, where the stack knows how (`Stack.resample`).

    A date whose shift cannot be measured is moved by the median of the others: what they have in common is the
    clearest date's own error.

    Returns:
        A stack whose `shifts_px` (time, 2) hold the measured shifts (down, right), those of the clearest date 0;
        NaN where none is believed.

    """
    params = params or CoregisterParams()
    values = stack.values
    is_clear = stack.is_clear
    shifts_px = _measured([structure_images(date_values) for date_values in values], is_clear, params)
    usual = np.nanmedian(shifts_px, axis=0)
    for index, shift_px in enumerate(shifts_px):
        down, right = shift_px if np.isfinite(shift_px).all() else usual
        values[index] = moved_date(stack, values[index], index, (float(down), float(right)))
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
    window = _window(is_seen.shape)
    pairs = [
        (_windowed(first, is_seen, window), _windowed(second, is_seen, window))
        for first, second in zip(target, moving, strict=True)
    ]
    if not all(image.any() for pair in pairs for image in pair):
        return None
    answers = np.array([_peak_shift(*pair, reach_px=params.max_shift_px) for pair in pairs])
    down, right = answers.mean(axis=0)
    is_believable = (
        np.ptp(answers, axis=0).max() <= params.max_disagreement_px
        and max(abs(down), abs(right)) <= params.max_shift_px
    )
    return (float(down), float(right)) if is_believable else None


def moved(
    values: NDArray[np.float32], shift_px: tuple[float, float], *, fill: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return `values`, shape (band, y, x), moved (down, right) by cubic resampling.

    A pixel that takes part of its value from an unseen pixel, or from outside, is NaN.

    Args:
        values: NaN where not seen.
        shift_px: In pixels; within 12 pixels and this of a window's edge the answer is not that of the whole image.
        fill: What stands in gaps meanwhile, one a band; the median of each band if None. A window gives the answer
            of the whole image only with the whole image's.

    """
    if shift_px == (0.0, 0.0):
        return values
    fills = filling(values) if fill is None else fill
    result = np.empty(values.shape, dtype=np.float32)
    for band, gap, out in zip(np.ascontiguousarray(values, dtype=np.float32), fills, result, strict=True):
        move(band, float(shift_px[0]), float(shift_px[1]), float(gap), out)
    return result


def filling(values: NDArray[np.float32]) -> list[float]:
    """Return what `moved` fills in: about the median of each band of `values` (band, ...), 0 if nothing was seen."""
    seen = [_thinned(band.reshape(-1)) for band in values]
    return [float(np.median(band)) if band.size else 0.0 for band in seen]


def _thinned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is finite of `values`, shape (n,), of many an even share: a gap is filled as well by that."""
    if values.size > _MANY_TO_FILL:
        some = values[:: values.size // _ENOUGH_TO_FILL | 1]
        seen = some[np.isfinite(some)]
        if seen.size >= _ENOUGH_TO_FILL // 2:
            return seen
    return values[np.isfinite(values)]


def moved_date(
    stack: Stack, values: NDArray[np.float32], index: int, shift_px: tuple[float, float]
) -> NDArray[np.float32]:
    """Return date `index` of `stack`, whose values, shape (band, y, x), are given, moved (down, right)."""
    anew = None if stack.resample is None else stack.resample(stack.scene_ids[index], shift_px, stack.bands)
    if anew is None:
        return moved(values, shift_px)
    return np.where(_stays_seen(np.isfinite(values), shift_px), anew, np.float32(np.nan))


def _stays_seen(is_seen: NDArray[np.bool_], shift_px: tuple[float, float]) -> NDArray[np.bool_]:
    """Return where an image, shape (band, y, x), still shows what was seen alone after it was moved (down, right)."""
    shares = [ndimage.shift(mask.astype(np.float32), shift_px, order=1, cval=0.0) for mask in is_seen]
    return np.stack(shares) > 0.999  # noqa: PLR2004 - one, but for rounding


def _measured(
    images: Sequence[Sequence[NDArray[np.float32]]], is_clear: NDArray[np.bool_], params: CoregisterParams
) -> NDArray[np.float64]:
    """Return the shift of each date, shape (time, 2), from its structure images; NaN where none is believed."""
    shares = is_clear.mean(axis=(1, 2))
    clearest = clearest_date(shares)
    first = _First(images=images, clearest=clearest, params=params)
    best = first.believed(np.argsort(-shares, kind="stable"), _REFERENCE_DATES)
    if len(best) < _ENOUGH_FOR_A_REFERENCE:
        return first.all()
    aligned = [moved(np.stack(images[index]), first.shift(index)) for index in best]
    second = _shifts_onto(median_structure(np.stack(aligned)), images, params)
    if np.isnan(second[clearest]).any():
        return first.all()
    second -= second[clearest]
    for index in np.flatnonzero(np.isnan(second).any(axis=1)).tolist():
        second[index] = first.shift(index)
    return second


@dataclass(slots=True, kw_only=True, eq=False)
class _First:
    """The shifts onto the clearest date, each measured when it is asked for: of many dates few are."""

    images: Sequence[Sequence[NDArray[np.float32]]]
    clearest: int
    params: CoregisterParams
    known: dict[int, tuple[float, float]] = field(default_factory=dict)

    def shift(self, index: int) -> tuple[float, float]:
        """Return the shift (down, right) of one date; NaN where none is believed."""
        if index == self.clearest:
            return (0.0, 0.0)
        if index not in self.known:
            found = estimate_shift(self.images[self.clearest], self.images[index], self.params)
            self.known[index] = (np.nan, np.nan) if found is None else found
        return self.known[index]

    def believed(self, order: Iterable[int], most: int) -> list[int]:
        """Return, in `order`, the dates whose shift is believed, at most so many."""
        return list(islice((int(index) for index in order if np.isfinite(self.shift(int(index))).all()), most))

    def all(self) -> NDArray[np.float64]:
        """Return the shift of each date, shape (time, 2)."""
        return np.array([self.shift(index) for index in range(len(self.images))])


def _shifts_onto(
    target: Sequence[NDArray[np.float32]],
    images: Sequence[Sequence[NDArray[np.float32]]],
    params: CoregisterParams,
) -> NDArray[np.float64]:
    found = [estimate_shift(target, moving, params) for moving in images]
    return np.array([(np.nan, np.nan) if shift_px is None else shift_px for shift_px in found])


def median_structure(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the median over dates of images, shape (date, half, y, x), of what was seen; NaN where nothing was."""
    ordered = np.sort(images, axis=0)  # NaN goes last
    middle = np.maximum(np.isfinite(images).sum(axis=0) - 1, 0)
    low, high = (np.take_along_axis(ordered, place[None], axis=0)[0] for place in (middle // 2, (middle + 1) // 2))
    return list((low + high) / 2)


def _peak_shift(target: NDArray[np.float64], moving: NDArray[np.float64], *, reach_px: float) -> tuple[float, float]:
    """Return the shift (down, right) of `moving` at which both images of one shape agree best.

    Only shifts that would be believed are looked at, and one pixel more, where the best one lies if the true one is
    farther: on a building site a roof that came and one that went agree better than the ground, at any distance.
    """
    cross = scipy.fft.rfft2(target) * np.conj(scipy.fft.rfft2(moving))
    place = (0.0, 0.0)
    for step, reach in ((1.0, ceil(reach_px) + 1), *_REFINEMENTS):
        place = _best_place(cross, place, (step, reach), width=target.shape[1])
    return place


def _best_place(
    cross: NDArray[np.complex128], around: tuple[float, float], looks: tuple[float, int], *, width: int
) -> tuple[float, float]:
    """Return which shift agrees best, by the half spectrum `cross`; `looks` are the step, and reach in steps."""
    down, right = _places(around[0], *looks), _places(around[1], *looks)
    rows, columns = _rows(len(cross), around[0], *looks), _columns(width, around[1], *looks)
    agreement = np.empty((len(down), len(right)))
    real_at(np.ascontiguousarray(cross).view(np.float64), rows, columns, agreement)
    best = np.unravel_index(int(np.argmax(agreement)), agreement.shape)
    return (float(down[best[0]]), float(right[best[1]]))


def _places(middle: float, step: float, reach: int) -> NDArray[np.float64]:
    return np.asarray(middle + step * np.arange(-reach, reach + 1), dtype=np.float64)


@lru_cache(maxsize=256)
def _rows(size: int, middle: float, step: float, reach: int) -> NDArray[np.complex128]:
    """Return what each row of a spectrum is turned by, for each shift around `middle`, shape (shift, row)."""
    return np.exp(2j * np.pi * np.outer(_places(middle, step, reach), scipy.fft.fftfreq(size)))


@lru_cache(maxsize=256)
def _columns(size: int, middle: float, step: float, reach: int) -> NDArray[np.complex128]:
    """Return the same for the columns of a half spectrum of `size` columns, shape (column, shift)."""
    turns = np.exp(2j * np.pi * np.outer(scipy.fft.rfftfreq(size), _places(middle, step, reach)))
    turns[1 : (size + 1) // 2] *= 2  # the other half, which a real image's transform leaves out, mirrors this one
    return turns


def clearest_date(shares: NDArray[np.float64]) -> int:
    """Return the date most of which is clear, by its share, shape (time,); of equals, the one in the middle."""
    best = np.flatnonzero(shares >= shares.max() - 0.01)
    return int(best[len(best) // 2])


def _edges(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    is_seen = np.isfinite(brightness)
    if not is_seen.any():
        return brightness
    filled = np.where(is_seen, brightness, np.float32(filling(brightness[None])[0]))
    result = np.empty(brightness.shape, dtype=np.float32)
    edges_kernel(brightness, np.log(np.clip(filled, np.float32(1e-3), None)), result)
    return result


def _windowed(
    image: NDArray[np.float32], is_seen: NDArray[np.bool_], window: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `image` less its mean, zero where not seen, fading towards the edges; single bright edges are capped."""
    result = np.empty(image.shape)
    fading(np.ascontiguousarray(image, dtype=np.float32), is_seen, window, _EDGE_CAP, result)
    return result


@lru_cache(maxsize=8)
def _window(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.outer(np.hanning(shape[0]), np.hanning(shape[1]))
