"""Compiled fit of one image's light to another's around each pixel: a gain and an offset, from sums over a square.

Sums are carried from row to row and from pixel to pixel in double precision. Outside the plane counts as not seen.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

ODD_WEIGHT = 0.02
"""How much a pixel counts that stands out."""
_LEAST_GAIN, _MOST_GAIN = 0.5, 2.0
_SUMS = 5
"""Of weights, of both images, of the square of the reference, and of the product."""
_PIECE = 512
"""Pixels of a row that are worked on together: what is kept of them stays in the innermost cache."""
_TINY = 1e-9
_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _weigh(
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    limits: tuple[np.float32, np.float32],
    weight: NDArray[np.float32],
) -> None:
    """Write how much each pixel of a row counts: 0 where not seen, little where `limits[0]` or more off `expected`."""
    limit, sign = limits
    little = np.float32(sign * np.float32(ODD_WEIGHT))
    for x in range(weight.size):
        both = reference[x] * image[x]
        counts = little if abs(image[x] - expected[x]) >= limit else sign
        weight[x] = counts if both == both else np.float32(0)  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add(weight: NDArray[np.float32], total: NDArray[np.float64]) -> None:
    for x in range(total.size):
        total[x] += np.float64(weight[x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_times(weight: NDArray[np.float32], layer: NDArray[np.float32], total: NDArray[np.float64]) -> None:
    for x in range(total.size):
        value = weight[x] * layer[x]
        total[x] += np.float64(value if weight[x] != 0 else np.float32(0))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_product(
    weight: NDArray[np.float32], one: NDArray[np.float32], other: NDArray[np.float32], total: NDArray[np.float64]
) -> None:
    for x in range(total.size):
        value = weight[x] * (one[x] * other[x])
        total[x] += np.float64(value if weight[x] != 0 else np.float32(0))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_row(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    limits: tuple[np.float32, np.float32],
    sums: NDArray[np.float64],
    offset: int,
    weight: NDArray[np.float32],
) -> None:
    """Add a row to the five sums, shape (5, x), from `offset` on; `limits` are from where on it is odd, and the sign.

    Each sum is made in a loop of its own: one that writes to five rows is not worked on several pixels at a time.
    """
    for start in range(0, reference.size, _PIECE):
        here = slice(start, min(start + _PIECE, reference.size))
        own = slice(offset + start, offset + here.stop)
        a, b, counts = reference[here], image[here], weight[: here.stop - start]
        _weigh(a, b, expected[here], limits, counts)
        _add(counts, sums[0][own])
        _add_times(counts, a, sums[1][own])
        _add_times(counts, b, sums[2][own])
        _add_product(counts, a, a, sums[3][own])
        _add_product(counts, a, b, sums[4][own])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _subtract(gone: NDArray[np.float64], come: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for x in range(out.size):
        out[x] = come[x] - gone[x]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _carry(rows: NDArray[np.float64], count: int, carried: NDArray[np.float64]) -> None:
    """Replace the first `count` of the five `rows` by their running sums, from `carried` on, which goes on."""
    one, two, three, four, five = rows[0], rows[1], rows[2], rows[3], rows[4]
    first, second, third, fourth, fifth = carried[0], carried[1], carried[2], carried[3], carried[4]
    for x in range(count):
        first += one[x]
        second += two[x]
        third += three[x]
        fourth += four[x]
        fifth += five[x]
        one[x] = first
        two[x] = second
        three[x] = third
        four[x] = fourth
        five[x] = fifth
    carried[0], carried[1], carried[2], carried[3], carried[4] = first, second, third, fourth, fifth


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _expect_all(  # noqa: PLR0913, PLR0917 - arrays in, array out
    reference: NDArray[np.float32],
    sums: NDArray[np.float64],
    side: int,
    pull: float,
    around: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Write the expected row; `sums` is `side` longer than it, one zero in front. `around` has room for a piece."""
    carried = np.zeros(_SUMS)
    for place in range(_SUMS):
        for x in range(side):
            carried[place] += sums[place, x]
    for start in range(0, out.size, _PIECE):
        end = min(start + _PIECE, out.size)
        for place in range(_SUMS):
            row = sums[place]
            _subtract(row[start:end], row[start + side : end + side], around[place][: end - start])
        _carry(around, end - start, carried)
        _expect_row(reference[start:end], around, pull, out[start:end])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _expect_row(
    reference: NDArray[np.float32], around: NDArray[np.float64], pull: float, out: NDArray[np.float32]
) -> None:
    """Write the expected row from the sums around each pixel: nothing is carried, so that several are done at once."""
    counts, firsts, seconds, squares, products = around[0], around[1], around[2], around[3], around[4]
    for x in range(out.size):
        share = 1 / max(counts[x], _TINY)
        mean, other = firsts[x] * share, seconds[x] * share
        belief = pull * mean * mean + _TINY
        gain = (products[x] * share - mean * other + belief) / (max(squares[x] * share - mean * mean, 0.0) + belief)
        gain = min(max(gain, _LEAST_GAIN), _MOST_GAIN)
        told = np.float32(gain * reference[x] + (other - gain * mean))
        out[x] = told if counts[x] > _TINY else reference[x]


@njit(cache=True, nogil=True, error_model="numpy")
def expected_light(  # noqa: PLR0913, PLR0917 - arrays in, array out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    limit: np.float32,
    side: int,
    pull: float,
    out: NDArray[np.float32],
) -> None:
    """Write to `out` what `reference` looks like in the light of `image`: gain and offset by least squares around.

    Args:
        reference: Shape (y, x); NaN where not seen.
        image: The same of another date.
        before: A first answer, shape (y, x): pixels `limit` or more off it count `ODD_WEIGHT`. Not used with a limit
            of infinity.
        limit: In units of `image`.
        side: Side of the surroundings in pixels, odd.
        pull: The gain is drawn to 1 as if the ground's variance were larger by this share of its mean's square.
        out: Shape (y, x), not `before`; `reference` itself where nothing tells.

    """
    height, width = reference.shape
    half = side // 2
    sums, around, weight = _sums_of(width, side)
    for y in range(-half, height):
        _move_on(reference, image, before, limit, y, side, sums, weight)
        if y >= 0:
            _expect_all(reference[y], sums, side, pull, around, out[y])


@njit(cache=True, nogil=True, error_model="numpy")
def relit(  # noqa: PLR0913, PLR0917 - arrays in, array out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    limit: np.float32,
    side: int,
    pull: float,
) -> None:
    """Replace `expected`, a first answer, by `reference` and what `image` has more than the second answer.

    Args:
        reference: Shape (y, x); NaN where not seen.
        image: The same of another date.
        expected: From `expected_light`, shape (y, x): pixels `limit` or more off it count `ODD_WEIGHT`. Overwritten.
        limit: As in `expected_light`, and likewise what follows.
        side: Side of the surroundings in pixels, odd.
        pull: How much the gain is drawn to 1.

    """
    height, width = reference.shape
    half = side // 2
    sums, around, weight = _sums_of(width, side)
    waiting = np.empty((half + 1, width), dtype=np.float32)  # rows whose first answer is still needed below them
    for y in range(-half, height + half + 1):
        _move_on(reference, image, expected, limit, y, side, sums, weight)
        gone = y - half - 1
        if gone >= 0:
            _relight(image[gone], waiting[gone % (half + 1)], reference[gone], expected[gone])
        if 0 <= y < height:
            _expect_all(reference[y], sums, side, pull, around, waiting[y % (half + 1)])


@njit(cache=True, nogil=True)
def _sums_of(width: int, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Return room for the sums over the rows around one, zero, for those of a piece, and for its weights."""
    return np.zeros((_SUMS, width + side)), np.empty((_SUMS, _PIECE)), np.empty(_PIECE, dtype=np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def _move_on(  # noqa: PLR0913, PLR0917 - arrays in, arrays out
    reference: NDArray[np.float32],
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    limit: np.float32,
    y: int,
    side: int,
    sums: NDArray[np.float64],
    weight: NDArray[np.float32],
) -> None:
    """Make `sums` those of the rows around row `y` out of those around the row before it."""
    half, height = side // 2, len(reference)
    low, high = y - half - 1, y + half
    if high < height:
        _add_row(reference[high], image[high], before[high], (limit, np.float32(1)), sums, half + 1, weight)
    if 0 <= low < height:
        _add_row(reference[low], image[low], before[low], (limit, np.float32(-1)), sums, half + 1, weight)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _relight(
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    reference: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    for x in range(out.size):
        out[x] = reference[x] + (image[x] - expected[x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def apart(image: NDArray[np.float32], expected: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write to `out` how far `image` lies off `expected`, all of shape (y, x)."""
    for y in range(len(out)):
        seen, usual, row = image[y], expected[y], out[y]
        for x in range(row.size):
            row[x] = abs(seen[x] - usual[x])
