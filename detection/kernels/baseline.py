"""Compiled loops of the temporal baseline: fit a season to every pixel, compare a new image with it.

Pixels are worked on in blocks that stay in the processor's cache; inside a block the innermost loop runs over pixels.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BLOCK_PX = 64
_COLUMNS = 3
"""Level, cosine and sine of the year."""
_TINY = 1e-6
_CLIP = 3.0
"""Residuals count up to this many sigma for the noise."""
_HALVINGS = 16
"""A median is looked for to this power of two of the largest value."""
_HALF_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _solve_block(  # noqa: PLR0913, PLR0915, PLR0917 - one block: what is solved, how, and the two things solved for
    seen: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float32],
    ridge: np.float32,
    inverse: NDArray[np.float32],
    coefficients: NDArray[np.float32],
) -> None:
    """Solve the weighted normal equations of one block into `inverse` (6, px) and `coefficients` (3, band, px)."""
    dates, bands, pixels = seen.shape
    inverse[:] = 0
    coefficients[:] = 0
    for date in range(dates):
        first, second = columns[date, 1], columns[date, 2]
        for pixel in range(pixels):
            share = weight[date, pixel]
            inverse[0, pixel] += share
            inverse[1, pixel] += share * first
            inverse[2, pixel] += share * second
            inverse[3, pixel] += share * first * first
            inverse[4, pixel] += share * first * second
            inverse[5, pixel] += share * second * second
        for band in range(bands):
            for pixel in range(pixels):
                part = weight[date, pixel] * seen[date, band, pixel]
                coefficients[0, band, pixel] += part
                coefficients[1, band, pixel] += part * first
                coefficients[2, band, pixel] += part * second
    tiny = np.float32(_TINY)
    for pixel in range(pixels):
        a, b, c = inverse[0, pixel] + tiny, inverse[1, pixel], inverse[2, pixel]
        d, e, f = inverse[3, pixel] + ridge, inverse[4, pixel], inverse[5, pixel] + ridge
        # Cholesky: the matrix is positive definite by its ridge
        l00 = np.sqrt(a)
        l10, l20 = b / l00, c / l00
        l11 = np.sqrt(max(d - l10 * l10, tiny))
        l21 = (e - l20 * l10) / l11
        l22 = np.sqrt(max(f - l20 * l20 - l21 * l21, tiny))
        m00, m11, m22 = np.float32(1) / l00, np.float32(1) / l11, np.float32(1) / l22
        m10 = -l10 * m00 * m11
        m21 = -l21 * m11 * m22
        m20 = -(l20 * m00 + l21 * m10) * m22
        inverse[0, pixel] = m00 * m00 + m10 * m10 + m20 * m20
        inverse[1, pixel] = m10 * m11 + m20 * m21
        inverse[2, pixel] = m20 * m22
        inverse[3, pixel] = m11 * m11 + m21 * m21
        inverse[4, pixel] = m21 * m22
        inverse[5, pixel] = m22 * m22
    for band in range(bands):
        for pixel in range(pixels):
            x, y, z = coefficients[0, band, pixel], coefficients[1, band, pixel], coefficients[2, band, pixel]
            coefficients[0, band, pixel] = inverse[0, pixel] * x + inverse[1, pixel] * y + inverse[2, pixel] * z
            coefficients[1, band, pixel] = inverse[1, pixel] * x + inverse[3, pixel] * y + inverse[4, pixel] * z
            coefficients[2, band, pixel] = inverse[2, pixel] * x + inverse[4, pixel] * y + inverse[5, pixel] * z


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _residuals_of_block(
    seen: NDArray[np.float32],
    columns: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    residual: NDArray[np.float32],
) -> None:
    """Write what the model leaves of one block into `residual` (date, band, px)."""
    dates, bands, pixels = seen.shape
    for date in range(dates):
        first, second = columns[date, 1], columns[date, 2]
        for band in range(bands):
            for pixel in range(pixels):
                residual[date, band, pixel] = seen[date, band, pixel] - (
                    coefficients[0, band, pixel]
                    + coefficients[1, band, pixel] * first
                    + coefficients[2, band, pixel] * second
                )


@njit(cache=True, nogil=True)
def medians(sizes: NDArray[np.float32], half: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    """Write the median over dates of each pixel's `sizes` into `result` (px,).

    Halving the interval that holds it needs no sorting and no branch, and so does for many pixels at once.

    Args:
        sizes: Shape (date, px), not negative; infinite where not seen.
        half: Half the number of seen dates, shape (px,).
        result: Written; 0 where nothing was seen.

    """
    dates, pixels = sizes.shape
    low = np.empty(pixels, dtype=np.float32)
    high = np.zeros(pixels, dtype=np.float32)
    count = np.empty(pixels, dtype=np.float32)
    for date in range(dates):
        for pixel in range(pixels):
            size = sizes[date, pixel]
            high[pixel] = size if high[pixel] < size < np.float32(np.inf) else high[pixel]
    low[:] = -1
    for _ in range(_HALVINGS):
        count[:] = 0
        for pixel in range(pixels):
            result[pixel] = np.float32(0.5) * (low[pixel] + high[pixel])
        for date in range(dates):
            for pixel in range(pixels):
                count[pixel] += np.float32(1) if sizes[date, pixel] <= result[pixel] else np.float32(0)
        for pixel in range(pixels):
            is_enough = count[pixel] >= half[pixel]
            high[pixel] = result[pixel] if is_enough else high[pixel]
            low[pixel] = low[pixel] if is_enough else result[pixel]
    _between_neighbours(sizes, half, high, result)


@njit(cache=True, nogil=True)
def _between_neighbours(
    sizes: NDArray[np.float32], half: NDArray[np.float32], bound: NDArray[np.float32], result: NDArray[np.float32]
) -> None:
    """Write the largest size up to `bound`, or, where just half lie there, its mean with the next one, to `result`."""
    dates, pixels = sizes.shape
    beyond = np.full(pixels, np.float32(np.inf))
    count = np.zeros(pixels, dtype=np.float32)
    result[:] = 0
    for date in range(dates):
        for pixel in range(pixels):
            size, limit = sizes[date, pixel], bound[pixel]
            count[pixel] += np.float32(1) if size <= limit else np.float32(0)
            result[pixel] = size if result[pixel] < size <= limit else result[pixel]
            beyond[pixel] = size if limit < size < beyond[pixel] else beyond[pixel]
    for pixel in range(pixels):
        is_even = count[pixel] == half[pixel] and beyond[pixel] < np.float32(np.inf)
        result[pixel] = np.float32(0.5) * (result[pixel] + beyond[pixel]) if is_even else result[pixel]


@njit(cache=True, nogil=True)
def _spread_of_block(
    residual: NDArray[np.float32],
    is_seen: NDArray[np.float32],
    half: NDArray[np.float32],
    sizes: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> None:
    """Write the robust sigma of the seen residuals, about zero, into `spread` (band, px)."""
    dates, bands, pixels = residual.shape
    for band in range(bands):
        for date in range(dates):
            for pixel in range(pixels):
                size = abs(residual[date, band, pixel])
                sizes[date, pixel] = size if is_seen[date, pixel] > 0 else np.float32(np.inf)
        medians(sizes, half, spread[band])
        for pixel in range(pixels):
            spread[band, pixel] *= np.float32(1 / _HALF_NORMAL_MEDIAN)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _efficient_spread(
    residual: NDArray[np.float32], is_seen: NDArray[np.float32], floor: np.float32, spread: NDArray[np.float32]
) -> None:
    """Turn `spread` (band, px), a sigma from medians, into the sum of squares of residuals cut at three of it.

    A median takes three times as many looks for the same certainty, and thresholds in sigma are only as good as sigma.
    """
    dates, bands, pixels = residual.shape
    total = np.empty(pixels, dtype=np.float32)
    for band in range(bands):
        total[:] = 0
        for date in range(dates):
            for pixel in range(pixels):
                most = np.float32(_CLIP) * max(spread[band, pixel], floor)
                size = min(abs(residual[date, band, pixel]), most) * is_seen[date, pixel]
                total[pixel] += size * size
        for pixel in range(pixels):
            spread[band, pixel] = total[pixel]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _mistrust(
    residual: NDArray[np.float32],
    is_seen: NDArray[np.float32],
    spread: NDArray[np.float32],
    limits: tuple[np.float32, np.float32],
    weight: NDArray[np.float32],
) -> None:
    """Write Huber weights into `weight` (date, px): `limits` are the noise floor and the tuning constant."""
    dates, bands, pixels = residual.shape
    floor, huber = limits
    enough = huber * huber * np.float32(bands)
    for date in range(dates):
        for pixel in range(pixels):
            weight[date, pixel] = 0
        for band in range(bands):
            for pixel in range(pixels):
                ratio = residual[date, band, pixel] / max(spread[band, pixel], floor)
                weight[date, pixel] += ratio * ratio
        for pixel in range(pixels):
            far = weight[date, pixel]
            weight[date, pixel] = is_seen[date, pixel] * np.sqrt(enough / max(far, enough))


@njit(cache=True, nogil=True)
def fit_seasons(  # noqa: PLR0913, PLR0917 - what is fitted, how, and the four things that come of it
    values: NDArray[np.float32],
    columns: NDArray[np.float32],
    settings: tuple[np.float32, np.float32, np.float32],
    coefficients: NDArray[np.float32],
    inverse: NDArray[np.float32],
    spread: NDArray[np.float32],
    looks: NDArray[np.int32],
) -> None:
    """Fit level and yearly harmonic of every pixel by least squares, twice reweighted after Huber.

    Args:
        values: Shape (date, band, px); a date counts for a pixel where all bands are finite.
        columns: Shape (date, 3): one, cosine and sine of the year.
        settings: Ridge in looks, noise floor in units of the bands, Huber's constant.
        coefficients: Written, shape (3, band, px).
        inverse: Written, shape (6, px): upper triangle of the inverse normal matrix, row by row.
        spread: Written, shape (band, px): robust sigma about the fit, for as many looks as coefficients less.
        looks: Written, shape (px,): clear dates.

    """
    dates, bands, pixels = values.shape
    ridge, floor, huber = settings
    seen = np.empty((dates, bands, _BLOCK_PX), dtype=np.float32)
    residual = np.empty_like(seen)
    is_seen = np.empty((dates, _BLOCK_PX), dtype=np.float32)
    weight = np.empty_like(is_seen)
    sizes = np.empty_like(is_seen)
    half = np.empty(_BLOCK_PX, dtype=np.float32)
    block_inverse = np.empty((6, _BLOCK_PX), dtype=np.float32)
    block_fit = np.empty((_COLUMNS, bands, _BLOCK_PX), dtype=np.float32)
    block_spread = np.empty((bands, _BLOCK_PX), dtype=np.float32)
    for begin in range(0, pixels, _BLOCK_PX):
        width = min(_BLOCK_PX, pixels - begin)
        _load(values, begin, seen, is_seen)
        weight[:] = is_seen
        half[:] = 0
        for date in range(dates):
            for pixel in range(_BLOCK_PX):
                half[pixel] += np.float32(0.5) * is_seen[date, pixel]
        for turn in range(3):
            _solve_block(seen, weight, columns, ridge, block_inverse, block_fit)
            _residuals_of_block(seen, columns, block_fit, residual)
            if turn < 2:  # noqa: PLR2004 - reweighted twice
                _spread_of_block(residual, is_seen, half, sizes, block_spread)
                _mistrust(residual, is_seen, block_spread, (floor, huber), weight)
        _efficient_spread(residual, is_seen, floor, block_spread)
        for pixel in range(width):
            count = int(2 * half[pixel])
            looks[begin + pixel] = count
            free = np.float32(max(count - _COLUMNS, 1))
            for band in range(bands):
                spread[band, begin + pixel] = np.sqrt(block_spread[band, pixel] / free)
        inverse[:, begin : begin + width] = block_inverse[:, :width]
        coefficients[:, :, begin : begin + width] = block_fit[:, :, :width]


@njit(cache=True, nogil=True)
def _load(values: NDArray[np.float32], begin: int, seen: NDArray[np.float32], is_seen: NDArray[np.float32]) -> None:
    """Copy the block from `begin` on into `seen`, zero where not seen and beyond the end."""
    dates, bands, pixels = values.shape
    width = min(seen.shape[2], pixels - begin)
    for date in range(dates):
        is_seen[date, :width] = 1
        is_seen[date, width:] = 0
        for band in range(bands):
            for pixel in range(width):
                if not np.isfinite(values[date, band, begin + pixel]):
                    is_seen[date, pixel] = 0
        for band in range(bands):
            seen[date, band, width:] = 0
            for pixel in range(width):
                value = values[date, band, begin + pixel]
                seen[date, band, pixel] = value if is_seen[date, pixel] > 0 else np.float32(0)


@njit(cache=True, nogil=True)
def expect(
    row: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    inverse: NDArray[np.float32],
    expected: NDArray[np.float32],
    leverage: NDArray[np.float32],
) -> None:
    """Write what the fit says of one date into `expected` (band, px), and how unsure the fit is into `leverage` (px,).

    Args:
        row: One, cosine and sine of the date's year, shape (3,).
        coefficients: From `fit_seasons`.
        inverse: From `fit_seasons`.
        expected: Written.
        leverage: Written: variance of the fit there, in units of that of one look.

    """
    _, bands, pixels = coefficients.shape
    first, second = row[1], row[2]
    for band in range(bands):
        for pixel in range(pixels):
            expected[band, pixel] = (
                coefficients[0, band, pixel]
                + coefficients[1, band, pixel] * first
                + coefficients[2, band, pixel] * second
            )
    for pixel in range(pixels):
        leverage[pixel] = (
            inverse[0, pixel]
            + np.float32(2) * (inverse[1, pixel] * first + inverse[2, pixel] * second)
            + inverse[3, pixel] * first * first
            + np.float32(2) * inverse[4, pixel] * first * second
            + inverse[5, pixel] * second * second
        )
