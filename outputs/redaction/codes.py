"""Positions that a text tells in a code: geohash, plus code, MGRS, tile addresses, well-known text and binary."""

import re
from collections.abc import Iterator
from math import atan, cos, degrees, floor, pi, radians, sinh

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.mgrs import mgrs_square
from outputs.redaction.judge import METRES_A_DEGREE, Judge, Positions

_GEOHASH_SIGNS = "0123456789bcdefghjkmnpqrstuvwxyz"
_GEOHASH = re.compile(r"(?<![0-9A-Za-z])[0-9b-hjkmnp-z]{5,12}(?![0-9A-Za-z])", re.IGNORECASE)
_PLUS_SIGNS = "23456789CFGHJMPQRVWX"
_PLUS = re.compile(rf"(?<![0-9A-Za-z])([{_PLUS_SIGNS}]{{4,8}})\+([{_PLUS_SIGNS}]{{2,7}})(?![0-9A-Za-z])", re.IGNORECASE)
_MGRS = re.compile(
    r"(?<!\d)(\d{1,2})\s?([C-HJ-NP-X])\s?([A-HJ-NP-Z])([A-HJ-NP-V])\s?(\d{2,5})\s?(\d{2,5})(?!\d)", re.IGNORECASE
)
_TILE = re.compile(r"(?<!\d)(\d{1,2})[/_,](\d{1,8})[/_,](\d{1,8})(?!\d)")
_QUADKEY = re.compile(r"(?<![0-9A-Za-z])[0-3]{10,23}(?![0-9A-Za-z])")
_WKT = re.compile(r"(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*Z?\s*\([-+\d.eE,\s()]{5,200000}\)", re.IGNORECASE)
_WKB = re.compile(r"(?<![0-9A-Fa-f])0[01][0-9A-Fa-f]{40,200000}(?![0-9A-Fa-f])")
_DEEPEST_ZOOM = 24
_CELL_LON_DEG, _CELL_LAT_DEG = 360 / 2**10, 180 / 2**10
"""Of a geohash of four signs: about 30 km."""

Found = tuple[float, float, float, int]
"""Longitude, latitude, resolution in metres, offset."""


class CodeSearch:
    """Reads codes near what is secret."""

    def __init__(self, judge: Judge) -> None:
        middles = {(round(one.centroid.x, 4), round(one.centroid.y, 4)) for one in judge.shapes_4326}
        cells = {(floor((lon + 180) / _CELL_LON_DEG), floor((lat + 90) / _CELL_LAT_DEG)) for lon, lat in middles}
        self._geohashes = {hash_ for column, row in cells for hash_ in _around(column, row)}
        self._squares = {mgrs_square(lon, lat): (lon, lat) for lon, lat in sorted(middles)}
        self._plus_areas = sorted({_plus_area(lon, lat) for lon, lat in middles})

    def positions_in(self, text: str) -> Positions | None:
        """Return the positions that codes in `text` tell; None where there are none."""
        found = [*self._geohash(text), *self._plus(text), *self._mgrs(text), *_tiles(text)]
        if not found:
            return None
        table = np.array(found, dtype=np.float64)
        return Positions(
            lon=table[:, 0], lat=table[:, 1], resolution_m=table[:, 2], offset=table[:, 3].astype(np.int64)
        )

    def _geohash(self, text: str) -> Iterator[Found]:
        for match in _GEOHASH.finditer(text):
            if match.group()[:4].lower() in self._geohashes:
                lon, lat, half_deg = geohash_position(match.group().lower())
                yield lon, lat, half_deg * METRES_A_DEGREE, match.start()

    def _plus(self, text: str) -> Iterator[Found]:
        for match in _PLUS.finditer(text):
            head, tail = match.group(1).upper(), match.group(2).upper()
            stems = [""] if len(head) == 8 else [area for area in self._plus_areas if len(head) == 4]  # noqa: PLR2004
            for stem in stems:
                lon, lat, half_deg = plus_code_position(f"{stem}{head}{tail}")
                yield lon, lat, half_deg * METRES_A_DEGREE, match.start()

    def _mgrs(self, text: str) -> Iterator[Found]:
        for match in _MGRS.finditer(text):
            zone, band, column, row, *ends = (part.upper() for part in match.groups())
            square = f"{int(zone):02d}{band}{column}{row}"
            figures = "".join(ends)
            if square not in self._squares or len(figures) % 2:
                continue
            half = len(figures) // 2
            unit_m = 10.0 ** (5 - half)
            epsg = utm_epsg(Point(self._squares[square]))
            seat = reproject(Point(self._squares[square]), from_epsg=LON_LAT_EPSG, to_epsg=epsg)
            x = seat.x // 100_000 * 100_000 + (int(figures[:half]) + 0.5) * unit_m
            y = seat.y // 100_000 * 100_000 + (int(figures[half:]) + 0.5) * unit_m
            place = reproject(Point(x, y), from_epsg=epsg, to_epsg=LON_LAT_EPSG)
            yield place.x, place.y, unit_m / 2, match.start()


def shapes_in(text: str) -> Iterator[tuple[BaseGeometry, int]]:
    """Yield shapes of well-known text and of well-known binary in hexadecimal, with their offsets."""
    for match in _WKT.finditer(text):
        try:
            yield shapely.from_wkt(match.group()), match.start()
        except (ShapelyError, ValueError):
            continue
    for match in _WKB.finditer(text):
        try:
            yield shapely.from_wkb(match.group()), match.start()
        except (ShapelyError, ValueError):
            continue


def geohash_position(code: str) -> tuple[float, float, float]:
    """Return middle (longitude, latitude) of a geohash, and half its longer side in degrees (G. Niemeyer 2008)."""
    bits = [digit >> place & 1 for digit in (_GEOHASH_SIGNS.index(sign) for sign in code) for place in range(4, -1, -1)]
    (lon, half_lon), (lat, half_lat) = _halved(bits[::2], 180.0), _halved(bits[1::2], 90.0)
    return lon, lat, max(half_lon, half_lat)


def geohash(lon: float, lat: float, length: int) -> str:
    """Return the geohash of a position."""
    ranges = [[-180.0, 180.0], [-90.0, 90.0]]
    code = number = 0
    text = ""
    for bit in range(5 * length):
        one, value = ranges[bit % 2], (lon, lat)[bit % 2]
        middle = sum(one) / 2
        is_upper = value >= middle
        one[0 if is_upper else 1] = middle
        number = number * 2 + is_upper
        code += 1
        if code == 5:  # noqa: PLR2004 - bits of a sign
            text, code, number = text + _GEOHASH_SIGNS[number], 0, 0
    return text


def plus_code_position(code: str) -> tuple[float, float, float]:
    """Return middle and half the longer side, in degrees, of an open location code without its plus sign."""
    south, west, side = -90.0, -180.0, 400.0
    for at in range(0, min(len(code), 10), 2):
        side /= 20
        south += _PLUS_SIGNS.index(code[at]) * side
        west += (_PLUS_SIGNS.index(code[at + 1]) if at + 1 < len(code) else 0) * side
    tall = wide = side
    for sign in code[10:]:
        tall, wide = tall / 5, wide / 4
        south += _PLUS_SIGNS.index(sign) // 4 * tall
        west += _PLUS_SIGNS.index(sign) % 4 * wide
    return west + wide / 2, south + tall / 2, max(tall, wide) / 2


def tile_position(zoom: int, column: int, row: int) -> tuple[float, float, float]:
    """Return the middle of a tile of web mercator, and half its diagonal in metres."""
    count = 2**zoom
    lon = (column + 0.5) / count * 360 - 180
    lat = degrees(atan(sinh(pi * (1 - 2 * (row + 0.5) / count))))
    side_m = 360 * METRES_A_DEGREE / count * cos(radians(lat))
    return lon, lat, side_m / 2**0.5


def _halved(bits: list[int], half: float) -> tuple[float, float]:
    middle = 0.0
    for bit in bits:
        half /= 2
        middle += half if bit else -half
    return middle, half


def _around(column: int, row: int) -> Iterator[str]:
    """Yield the geohashes of four signs of a cell and of those beside it."""
    for east in (-0.5, 0.5, 1.5):
        for north in (-0.5, 0.5, 1.5):
            lat = (row + north) * _CELL_LAT_DEG - 90
            if -90 < lat < 90:  # noqa: PLR2004 - the poles
                yield geohash(((column + east) * _CELL_LON_DEG) % 360 - 180, lat, 4)


def _plus_area(lon: float, lat: float) -> str:
    rows, columns = int((lat + 90) // 1), int((lon + 180) // 1)
    return "".join(_PLUS_SIGNS[one] for one in (rows // 20, columns // 20, rows % 20, columns % 20))


def _tiles(text: str) -> Iterator[Found]:
    for match in _TILE.finditer(text):
        zoom, column, row = (int(part) for part in match.groups())
        if zoom <= _DEEPEST_ZOOM and column < 2**zoom and row < 2**zoom:
            yield *tile_position(zoom, column, row), match.start()
            yield *tile_position(zoom, column, 2**zoom - 1 - row), match.start()
    for match in _QUADKEY.finditer(text):
        key = match.group()
        column = int("".join(str(int(sign) & 1) for sign in key), 2)
        row = int("".join(str(int(sign) >> 1) for sign in key), 2)
        yield *tile_position(len(key), column, row), match.start()
