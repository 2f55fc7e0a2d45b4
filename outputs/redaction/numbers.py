"""Positions that a text tells in figures: degrees, minutes, seconds, metres of a projection, scaled integers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import degrees

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from geo.crs import LON_LAT_EPSG
from outputs.redaction.judge import METRES_A_DEGREE, Box, Judge, Numbers, Positions

_NUMBER = re.compile(r"(\d*\.\d+|\d+)(?:[eE]([-+]?\d{1,2})(?!\d))?")
_BETWEEN_PARTS = re.compile(r"[\s°º˚:'\u2018\u2019\u2032\u201d\"\u2033dhm度分,;_-]{1,4}|deg\.?\s?|&deg;\s?")
_SCALES = (1.0, 1e-5, 1e-6, 1e-7, degrees(1.0))
"""Whole numbers of 1e-5 to 1e-7 degrees, radians."""
_PAIR_CHARS = 80
_LOOSE_CHARS = 600
_ANGLE_CHARS = 60
_LOOSE_RESOLUTION_M = 60.0
_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """The numbers of a text in order, arrays of one length; signs are not kept."""

    value: Numbers
    half_unit: Numbers
    """Half a unit in the last place."""
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.value)


def figures(text: str) -> Figures:
    """Return the numbers in `text`."""
    rows = []
    for found in _NUMBER.finditer(text):
        body, exponent = found.group(1), int(found.group(2) or 0)
        decimals = len(body) - body.index(".") - 1 if "." in body else 0
        if len(body) <= 40:  # noqa: PLR2004 - no coordinate is longer
            rows.append((float(body) * 10.0**exponent, _HALF * 10.0 ** (exponent - decimals), *found.span()))
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Figures(
        value=table[:, 0],
        half_unit=table[:, 1],
        start=table[:, 2].astype(np.int64),
        end=table[:, 3].astype(np.int64),
    )


def positions_in(text: str, judge: Judge) -> Iterator[Positions]:
    """Yield the positions in `text` that can be near what is secret."""
    numbers = figures(text)
    if len(numbers) < 2:  # noqa: PLR2004 - a position takes two
        return
    for scale in _SCALES:
        yield from _adjacent(_scaled(numbers, scale), judge, LON_LAT_EPSG, _PAIR_CHARS)
    for epsg in judge.metric_epsgs:
        yield from _adjacent(numbers, judge, epsg, _PAIR_CHARS)
    yield from _adjacent(_angles(text, numbers, judge), judge, LON_LAT_EPSG, _ANGLE_CHARS)
    yield from _loose(numbers, judge)


def _scaled(numbers: Figures, scale: float) -> Figures:
    return Figures(
        value=numbers.value * scale, half_unit=numbers.half_unit * scale, start=numbers.start, end=numbers.end
    )


def _adjacent(numbers: Figures, judge: Judge, epsg: int, gap_chars: int) -> Iterator[Positions]:
    """Yield the pairs of neighbouring numbers, also with one between them, in both orders, with all signs."""
    for step in (1, 2):
        first = np.flatnonzero(numbers.start[step:] - numbers.end[:-step] <= gap_chars)
        for x_at, y_at in ((first, first + step), (first + step, first)):
            yield from _signed(numbers, x_at, y_at, judge, epsg)


def _signed(
    numbers: Figures, x_at: NDArray[np.int64], y_at: NDArray[np.int64], judge: Judge, epsg: int
) -> Iterator[Positions]:
    left, bottom, right, top = judge.box_in(epsg)
    for x_sign in _signs(left, right):
        x = numbers.value[x_at] * x_sign
        is_x = (x >= left) & (x <= right)
        for y_sign in _signs(bottom, top):
            y = numbers.value[y_at] * y_sign
            kept = np.flatnonzero(is_x & (y >= bottom) & (y <= top))
            if len(kept):
                half = np.maximum(numbers.half_unit[x_at[kept]], numbers.half_unit[y_at[kept]])
                offset = np.minimum(numbers.start[x_at[kept]], numbers.start[y_at[kept]])
                yield _placed(x[kept], y[kept], half, offset, epsg)


def _placed(x: Numbers, y: Numbers, half_unit: Numbers, offset: NDArray[np.int64], epsg: int) -> Positions:
    if epsg == LON_LAT_EPSG:
        return Positions(lon=x, lat=y, resolution_m=half_unit * METRES_A_DEGREE, offset=offset)
    lon, lat = Transformer.from_crs(epsg, LON_LAT_EPSG, always_xy=True).transform(x, y)
    return Positions(lon=np.asarray(lon), lat=np.asarray(lat), resolution_m=half_unit, offset=offset)


def _signs(low: float, high: float) -> tuple[int, ...]:
    return tuple(sign for sign, is_meant in ((1, high >= 0), (-1, low < 0)) if is_meant)


def _angles(text: str, numbers: Figures, judge: Judge) -> Figures:
    """Return what stands in degrees and minutes, or degrees, minutes and seconds, as numbers of degrees."""
    value, end, start = numbers.value, numbers.end, numbers.start
    is_degree = _is_within(value, judge.box_4326) & (numbers.half_unit == _HALF)
    rows = []
    for at in np.flatnonzero(is_degree[:-1] & (value[1:] < 60) & (start[1:] - end[:-1] <= 6)):  # noqa: PLR2004
        if not _BETWEEN_PARTS.fullmatch(text, end[at], start[at + 1]):
            continue
        angle, half, last = value[at] + value[at + 1] / 60, numbers.half_unit[at + 1] / 60, at + 1
        rows.append((angle, half, start[at], end[last]))
        is_whole = numbers.half_unit[at + 1] == _HALF and at + 2 < len(value) and value[at + 2] < 60  # noqa: PLR2004
        if is_whole and _BETWEEN_PARTS.fullmatch(text, end[at + 1], start[at + 2]):
            rows[-1] = (angle + value[at + 2] / 3600, numbers.half_unit[at + 2] / 3600, start[at], end[at + 2])
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Figures(
        value=table[:, 0],
        half_unit=table[:, 1],
        start=table[:, 2].astype(np.int64),
        end=table[:, 3].astype(np.int64),
    )


def _is_within(value: Numbers, box: Box) -> NDArray[np.bool_]:
    """Return which whole degrees can belong to a longitude or a latitude in `box`."""
    found = np.zeros(len(value), dtype=bool)
    for low, high in ((box[0], box[2]), (box[1], box[3])):
        least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        found |= (value >= np.floor(least)) & (value <= max(abs(low), abs(high)))
    return found


def _loose(numbers: Figures, judge: Judge) -> Iterator[Positions]:
    """Yield pairs that only stand near each other, as two members of an object do: each fits a secret place."""
    is_fine = numbers.half_unit * METRES_A_DEGREE <= _LOOSE_RESOLUTION_M
    is_lon = is_fine & judge.fits(numbers.value, numbers.half_unit, axis=0)
    is_lat = is_fine & judge.fits(numbers.value, numbers.half_unit, axis=1)
    lon_at, lat_at = np.flatnonzero(is_lon), np.flatnonzero(is_lat)
    starts = numbers.start[lat_at]
    x_at: list[int] = []
    y_at: list[int] = []
    for at in lon_at:
        low, high = np.searchsorted(starts, [numbers.start[at] - _LOOSE_CHARS, numbers.start[at] + _LOOSE_CHARS])
        near = lat_at[low:high]
        x_at += [int(at)] * len(near)
        y_at += [int(one) for one in near]
    for found in _signed(numbers, np.array(x_at, dtype=np.int64), np.array(y_at, dtype=np.int64), judge, LON_LAT_EPSG):
        yield Positions(
            lon=found.lon, lat=found.lat, resolution_m=found.resolution_m, offset=found.offset, is_loose=True
        )
