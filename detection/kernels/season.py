"""Compiled least squares of level, season and step over every pixel's series.

Pixels are worked on side by side in small groups, so that what is kept of a series stays in the processor's cache:
the memory beside the result does not grow with the number of pixels. `detection.series.season` says what is fitted
and why. All arrays of values have shape (time, band, pixel), of weights (time, pixel).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FAST = {"contract", "nsz"}
LANES = 64
LEVEL_RIDGE = 1e-6


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _load(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    start: int,
    width: int,
    seen: NDArray[np.float32],
    trusted: NDArray[np.float32],
) -> None:
    """Copy `width` series from `start` on side by side, 0 where not seen; what lies beyond has no weight."""
    trusted[:, width:] = 0
    seen[:, :, width:] = 0
    for date in range(len(values)):
        given, row = weight[date, start : start + width], trusted[date]
        for lane in range(width):
            row[lane] = given[lane]
        for band in range(values.shape[1]):
            layer, kept = values[date, band, start : start + width], seen[date, band]
            for lane in range(width):
                value = layer[lane]
                kept[lane] = value if value == value else np.float32(0)  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _normal(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    seen: NDArray[np.float32],
    trusted: NDArray[np.float32],
    columns: NDArray[np.float64],
    ridge: float,
    inverse: NDArray[np.float64],
    solution: NDArray[np.float64],
) -> None:
    """Write the inverse normal matrix (6, lane) and the moments times it (band, 3, lane)."""
    dates, bands, lanes = seen.shape
    gram = np.zeros((6, lanes))
    moments = np.zeros((bands, 3, lanes))
    for date in range(dates):
        cosine, sine, row = columns[date, 1], columns[date, 2], trusted[date]
        products = (1.0, cosine, sine, cosine * cosine, cosine * sine, sine * sine)
        for place in range(6):
            sums, product = gram[place], products[place]
            for lane in range(lanes):
                sums[lane] += row[lane] * product
        for band in range(bands):
            layer = seen[date, band]
            level, even, odd = moments[band, 0], moments[band, 1], moments[band, 2]
            for lane in range(lanes):
                value = np.float64(layer[lane] * row[lane])
                level[lane] += value
                even[lane] += value * cosine
                odd[lane] += value * sine
    _invert(gram, ridge, inverse)
    for band in range(bands):
        _times(inverse, moments[band], solution[band])


@njit(cache=True, nogil=True)
def _halves(group: NDArray[np.float64], bands: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the inverse (6, lane) and the solution (band, 3, lane) lie in a group's part of `normal`."""
    return group[:6], group[6:].reshape(bands, 3, LANES)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _times(inverse: NDArray[np.float64], vectors: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the product of each symmetric matrix, upper half (6, lane), and its vector (3, lane)."""
    aa, ab, ac, bb, bc, cc = inverse[0], inverse[1], inverse[2], inverse[3], inverse[4], inverse[5]
    first, second, third = vectors[0], vectors[1], vectors[2]
    one, two, three = out[0], out[1], out[2]
    for lane in range(first.size):
        a, b, c = first[lane], second[lane], third[lane]
        one[lane] = aa[lane] * a + ab[lane] * b + ac[lane] * c
        two[lane] = ab[lane] * a + bb[lane] * b + bc[lane] * c
        three[lane] = ac[lane] * a + bc[lane] * b + cc[lane] * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _invert(gram: NDArray[np.float64], ridge: float, inverse: NDArray[np.float64]) -> None:
    """Write the inverses of symmetric 3 x 3 matrices, upper halves (6, lane), with the ridge on their diagonals."""
    aa, ab, ac, bb, bc, cc = gram[0], gram[1], gram[2], gram[3], gram[4], gram[5]
    first, second, third = inverse[0], inverse[1], inverse[2]
    fourth, fifth, sixth = inverse[3], inverse[4], inverse[5]
    for lane in range(aa.size):
        a, b, c, d, e, f = aa[lane] + LEVEL_RIDGE, ab[lane], ac[lane], bb[lane] + ridge, bc[lane], cc[lane] + ridge
        one, two, three = d * f - e * e, c * e - b * f, b * e - c * d
        scale = 1.0 / (a * one + b * two + c * three)
        first[lane] = one * scale
        second[lane] = two * scale
        third[lane] = three * scale
        fourth[lane] = (a * f - c * c) * scale
        fifth[lane] = (b * c - a * e) * scale
        sixth[lane] = (a * d - b * b) * scale


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _information(
    moment: NDArray[np.float64], inverse: NDArray[np.float64], product: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write to `out` how many independent looks stand behind a step, and to `product` the inverse times `moment`."""
    _times(inverse, moment, product)
    first, second, third = moment[0], moment[1], moment[2]
    one, two, three = product[0], product[1], product[2]
    for lane in range(out.size):
        out[lane] = first[lane] - first[lane] * one[lane] - second[lane] * two[lane] - third[lane] * three[lane]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_date(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    seen: NDArray[np.float32],
    trusted: NDArray[np.float32],
    cosine: float,
    sine: float,
    moment: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add one date (band, lane) to the sums of the dates from a cut on."""
    level, even, odd = moment[0], moment[1], moment[2]
    for lane in range(trusted.size):
        share = np.float64(trusted[lane])
        level[lane] += share
        even[lane] += share * cosine
        odd[lane] += share * sine
    for band in range(len(seen)):
        layer, row = seen[band], total[band]
        for lane in range(trusted.size):
            row[lane] += np.float64(layer[lane] * trusted[lane])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def all_cuts(  # noqa: PLR0913, PLR0915, PLR0917 - arrays in, arrays out; buffers are made once for all groups
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    ridge: float,
    least_information: float,
    cuts: NDArray[np.int32],
    least: tuple[int, int],
    strength: NDArray[np.float32],
    gain: NDArray[np.float32],
    information: NDArray[np.float32],
    normal: NDArray[np.float64],
    part: tuple[int, int],
) -> None:
    """Fit a step at each of `cuts` to every pixel's series.

    Args:
        values: Shape (time, band, pixel); NaN where not seen.
        weight: Shape (time, pixel); 0 where not seen.
        columns: Level, cosine and sine of the year, shape (time, 3).
        ridge: Looks' worth of belief that there is no season.
        least_information: A step backed by fewer independent looks is not told.
        cuts: Indices of the first date after the step, ascending.
        least: So many looks must lie before the cut, and from it on.
        strength: Size of the step, mean over the bands, shape (cut, pixel); NaN where it cannot be told.
        gain: Squared residuals that the step explains, likewise.
        information: Independent looks behind it, likewise.
        normal: What level and season are without a step, shape (group, 6 + 3 * band, lane), for `without_model`.
        part: First pixel, and the one after the last.

    """
    dates, bands, _ = values.shape
    count = part[1]
    seen, trusted = np.empty((dates, bands, LANES), dtype=np.float32), np.empty((dates, LANES), dtype=np.float32)
    product, moment, total = np.empty((3, LANES)), np.empty((3, LANES)), np.empty((bands, LANES))
    backing, size, square = np.empty((3, LANES))
    before, after = np.zeros((2, LANES), dtype=np.float32)
    for start in range(part[0], count, LANES):
        lanes = min(LANES, count - start)
        here = slice(start, start + lanes)
        _load(values, weight, start, lanes, seen, trusted)
        inverse, solution = _halves(normal[start // LANES], bands)
        _normal(seen, trusted, columns, ridge, inverse, solution)
        moment[:] = 0
        total[:] = 0
        before[:] = 0
        after[:] = 0
        for date in range(dates):
            _count(trusted[date], np.float32(1), before)
        place = len(cuts) - 1
        for date in range(dates - 1, 0, -1):
            _count(trusted[date], np.float32(-1), before)
            _count(trusted[date], np.float32(1), after)
            _add_date(seen[date], trusted[date], columns[date, 1], columns[date, 2], moment, total)
            if place >= 0 and cuts[place] == date:
                _information(moment, inverse, product, backing)
                _explain(moment, total, solution, size, square)
                told, won, backed = strength[place, here], gain[place, here], information[place, here]
                for lane in range(lanes):
                    share = 1.0 / max(backing[lane], least_information)
                    told[lane] = size[lane] * share / bands
                    won[lane] = square[lane] * share * share * backing[lane]
                    backed[lane] = backing[lane]
                _leave_untold(backing, least_information, before, after, least, told, won)
                place -= 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _keep_from(trusted: NDArray[np.float32], border: NDArray[np.float32], now: np.float32) -> None:
    """Take its weight from a date that lies before the border of its lane."""
    for lane in range(trusted.size):
        trusted[lane] = trusted[lane] if border[lane] <= now else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _count(trusted: NDArray[np.float32], sign: np.float32, count: NDArray[np.float32]) -> None:
    for lane in range(count.size):
        count[lane] += sign if trusted[lane] > 0 else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _explain(
    moment: NDArray[np.float64],
    total: NDArray[np.float64],
    solution: NDArray[np.float64],
    size: NDArray[np.float64],
    square: NDArray[np.float64],
) -> None:
    """Write what level and season leave of the sums from a cut on: sizes and squares, summed over the bands."""
    first, second, third = moment[0], moment[1], moment[2]
    size[:] = 0
    square[:] = 0
    for band in range(len(total)):
        sums, level, even, odd = total[band], solution[band, 0], solution[band, 1], solution[band, 2]
        for lane in range(size.size):
            surplus = sums[lane] - first[lane] * level[lane] - second[lane] * even[lane] - third[lane] * odd[lane]
            size[lane] += abs(surplus)
            square[lane] += surplus * surplus


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _leave_untold(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    backing: NDArray[np.float64],
    least_information: float,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    least: tuple[int, int],
    told: NDArray[np.float32],
    won: NDArray[np.float32],
) -> None:
    unknown, least_before, least_after = np.float32(np.nan), np.float32(least[0]), np.float32(least[1])
    for lane in range(told.size):
        value = told[lane] if backing[lane] >= least_information else unknown
        value = value if before[lane] >= least_before else unknown
        value = value if after[lane] >= least_after else unknown
        told[lane] = value
        won[lane] = won[lane] if value == value else unknown  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def without_model(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    columns: NDArray[np.float64],
    ridge: float,
    least_information: float,
    onset: NDArray[np.int32],
    only_season: bool,  # noqa: FBT001 - a kernel takes no keywords
    normal: NDArray[np.float64],
    out: NDArray[np.float32],
    part: tuple[int, int],
) -> None:
    """Write to `out` the series less its step at its own `onset`, level and season, or `only_season` taken out.

    Args:
        values: Shape (time, band, pixel); NaN where not seen.
        weight: Shape (time, pixel); 0 where not seen.
        columns: Level, cosine and sine of the year, shape (time, 3).
        ridge: Looks' worth of belief that there is no season.
        least_information: A step backed by fewer independent looks is taken for none.
        onset: Index of the first date after the step, one a pixel; 0 or less where there is none.
        only_season: Leave level and step in.
        normal: From `all_cuts`, for the same values and weights; empty where nobody has made it.
        out: Of the shape of `values`; may be `values`.
        part: First pixel, and the one after the last.

    """
    dates, bands, _ = values.shape
    count = part[1]
    seen, trusted = np.empty((dates, bands, LANES), dtype=np.float32), np.empty((dates, LANES), dtype=np.float32)
    own, product = np.empty((6 + 3 * bands, LANES)), np.empty((3, LANES))
    moment, total, backing = np.empty((3, LANES)), np.empty((bands, LANES)), np.empty(LANES)
    begin, model = np.zeros(LANES, dtype=np.float32), np.zeros((4, LANES), dtype=np.float32)
    for start in range(part[0], count, LANES):
        lanes = min(LANES, count - start)
        _load(values, weight, start, lanes, seen, trusted)
        inverse, solution = _halves(normal[start // LANES] if len(normal) else own, bands)
        if not len(normal):
            _normal(seen, trusted, columns, ridge, inverse, solution)
        for lane in range(lanes):
            begin[lane] = onset[start + lane] if onset[start + lane] > 0 else dates
        moment[:] = 0
        total[:] = 0
        for date in range(dates):
            _keep_from(trusted[date], begin, np.float32(date))
            _add_date(seen[date], trusted[date], columns[date, 1], columns[date, 2], moment, total)
        _information(moment, inverse, product, backing)
        for band in range(bands):
            _with_step(total[band], moment, solution[band], product, backing, least_information, model)
            if only_season:
                model[0] = 0
                model[3] = 0
            for date in range(dates):
                _take_out(
                    values[date, band, start : start + lanes],
                    np.float32(date),
                    (np.float32(columns[date, 1]), np.float32(columns[date, 2])),
                    begin,
                    model,
                    out[date, band, start : start + lanes],
                )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _with_step(  # noqa: PLR0913, PLR0917 - arrays in, array out
    sums: NDArray[np.float64],
    moment: NDArray[np.float64],
    solution: NDArray[np.float64],
    product: NDArray[np.float64],
    backing: NDArray[np.float64],
    least_information: float,
    model: NDArray[np.float32],
) -> None:
    """Write level, season and step of one band, shape (4, lane), from what was fitted without the step."""
    first, second, third = moment[0], moment[1], moment[2]
    x, y, z = solution[0], solution[1], solution[2]
    one, two, three = product[0], product[1], product[2]
    level, even, odd, lift = model[0], model[1], model[2], model[3]
    for lane in range(sums.size):
        size = sums[lane] - first[lane] * x[lane] - second[lane] * y[lane] - third[lane] * z[lane]
        size = size / max(backing[lane], least_information) if backing[lane] >= least_information else 0.0
        # what the step leaves of the moments, times the inverse
        level[lane] = x[lane] - size * one[lane]
        even[lane] = y[lane] - size * two[lane]
        odd[lane] = z[lane] - size * three[lane]
        lift[lane] = size


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _take_out(  # noqa: PLR0913, PLR0917 - arrays in, array out
    layer: NDArray[np.float32],
    now: np.float32,
    season: tuple[np.float32, np.float32],
    begin: NDArray[np.float32],
    model: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    cosine, sine = season
    level, even, odd, lift = model[0], model[1], model[2], model[3]
    for lane in range(out.size):
        raised = lift[lane] if begin[lane] <= now else np.float32(0)
        out[lane] = layer[lane] - raised - level[lane] - (even[lane] * cosine + odd[lane] * sine)
