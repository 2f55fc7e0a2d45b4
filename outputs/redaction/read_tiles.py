"""Vector tiles, in PMTiles or alone: their words, and their corners in longitude and latitude.

Decoded here from the published format (Mapbox Vector Tile 2.1): a reader of tiles shows shapes cut at the tile's edges,
and the cut corners are nobody's.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from math import atan, degrees, pi, sinh
from typing import Any

import numpy as np
from pmtiles.reader import MemorySource, Reader, all_tiles
from pmtiles.tile import Compression, TileType

from outputs.redaction.judge import METRES_A_DEGREE, Positions
from outputs.redaction.pieces import Piece, Places, Text, Unread, bounds_pieces

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BROKEN = (ValueError, IndexError, KeyError, EOFError, OSError, zlib.error, TypeError)
_LAYERS, _NAME, _FEATURES, _KEYS, _VALUES, _EXTENT = 3, 1, 2, 3, 4, 5
_GEOMETRY, _TEXT = 4, 1
_MOVE, _LINE = 1, 2
_DEFAULT_EXTENT = 4096
_ADDRESS = re.compile(r"(\d+)/(\d+)/(\d+)(?:\.\w+)?$")

Tile = tuple[int, int, int]
"""Zoom, column, row."""


def pmtiles_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield bounds, middle, metadata, words and corners of a PMTiles file."""
    try:
        reader = Reader(MemorySource(data))  # type: ignore[no-untyped-call]  # ships no types
        header = reader.header()  # type: ignore[no-untyped-call]  # ships no types
        said = reader.metadata()  # type: ignore[no-untyped-call]  # ships no types
        yield Text(where=f"{where}, metadata", text=json.dumps(said, ensure_ascii=False))
        yield from _header(where, header)
        if header["tile_type"] is not TileType.MVT:
            yield Unread(where=where, reason="tiles of pictures, not of vectors")
            return
        packed = header["tile_compression"]
        if packed not in {Compression.GZIP, Compression.NONE}:
            yield Unread(where=where, reason=f"tiles packed as {packed.name.lower()}")
            return
        words: set[str] = set()
        for tile, body in all_tiles(MemorySource(data)):  # type: ignore[no-untyped-call]  # ships no types
            plain = gzip.decompress(body) if packed is Compression.GZIP else body
            yield from _tile(where, tile, plain, words)
        yield Text(where=f"{where}, properties of tiles", text="\n".join(sorted(words)), is_row=True)
    except _BROKEN as error:
        yield Unread(where=where, reason=f"damaged: {error}")


def tile_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield the words of a tile that lies alone; where it lies only its name can tell."""
    words: set[str] = set()
    try:
        list(_tile(where, (0, 0, 0), data, words))
    except _BROKEN as error:
        yield Unread(where=where, reason=f"damaged: {error}")
        return
    yield Text(where=f"{where}, properties", text="\n".join(sorted(words)), is_row=True)
    yield Unread(where=where, reason="a tile alone: its corners are not checked; keep tiles in PMTiles")


def _header(where: str, header: dict[str, Any]) -> Iterator[Piece]:
    sides = [header[f"{name}_e7"] / 1e7 for name in ("min_lon", "min_lat", "max_lon", "max_lat")]
    yield from bounds_pieces(f"{where}, bounds", (sides[0], sides[1], sides[2], sides[3]))
    middle = (header["center_lon_e7"] / 1e7, header["center_lat_e7"] / 1e7)
    yield Places(where=f"{where}, center", positions=Positions.exact([middle]))


def _tile(where: str, tile: Tile, data: bytes, words: set[str]) -> Iterator[Piece]:
    for number, layer in _fields(data):
        if number == _LAYERS and isinstance(layer, bytes):
            yield from _layer(f"{where}, tile {'/'.join(map(str, tile))}", tile, layer, words)


def _layer(where: str, tile: Tile, layer: bytes, words: set[str]) -> Iterator[Piece]:
    extent, features = _DEFAULT_EXTENT, []
    for number, value in _fields(layer):
        if number == _EXTENT and isinstance(value, int):
            extent = value
        elif number == _FEATURES and isinstance(value, bytes):
            features.append(value)
        elif number in {_NAME, _KEYS} and isinstance(value, bytes):
            words.add(value.decode("utf-8", "replace"))
        elif number == _VALUES and isinstance(value, bytes):
            words.update(_words(value))
    corners = [_corners(value) for feature in features for number, value in _fields(feature) if number == _GEOMETRY]
    points = np.array([corner for part in corners for corner in part], dtype=np.float64).reshape(-1, 2)
    inside = points[((points > 0) & (points < extent)).all(axis=1)]
    if len(inside):
        yield Places(where=where, positions=_placed(inside, tile, extent))


def _placed(points: "np.ndarray[Any, np.dtype[np.float64]]", tile: Tile, extent: int) -> Positions:
    zoom, column, row = tile
    count = 2**zoom
    lon = (column + points[:, 0] / extent) / count * 360 - 180
    lat = np.array([degrees(atan(sinh(pi * (1 - 2 * (row + y / extent) / count)))) for y in points[:, 1]])
    unit_m = 360 * METRES_A_DEGREE / count / extent * np.cos(np.radians(lat))
    return Positions(lon=lon, lat=lat, resolution_m=unit_m, offset=np.arange(len(points)))


def _corners(geometry: object) -> list[tuple[int, int]]:
    """Return the corners of a packed run of commands."""
    numbers = list(_varints(geometry)) if isinstance(geometry, bytes) else []
    corners, at, x, y = [], 0, 0, 0
    while at < len(numbers):
        command, count = numbers[at] & 7, numbers[at] >> 3
        at += 1
        for _ in range(count if command in {_MOVE, _LINE} else 0):
            x, y = x + _signed(numbers[at]), y + _signed(numbers[at + 1])
            corners.append((x, y))
            at += 2
    return corners


def _words(value: bytes) -> Iterator[str]:
    for number, one in _fields(value):
        if number == _TEXT and isinstance(one, bytes):
            yield one.decode("utf-8", "replace")
        elif isinstance(one, bytes):
            code = "<f4" if number == 2 else "<f8"  # noqa: PLR2004 - float_value of the format; 3 is double_value
            yield repr(float(np.frombuffer(one, dtype=code)[0]))
        else:
            yield str(_signed(one) if number == 6 else one)  # noqa: PLR2004 - sint_value of the format


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message of Protocol Buffers."""
    stream = BytesIO(data)
    while True:
        tag = _varint(stream)
        if tag is None:
            return
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            yield number, _varint(stream) or 0
        elif kind in {_FIXED64, _FIXED32}:
            yield number, _exactly(stream, 8 if kind == _FIXED64 else 4)
        elif kind == _BYTES:
            yield number, _exactly(stream, _varint(stream) or 0)
        else:
            raise ValueError("no vector tile")


def _exactly(stream: BytesIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise ValueError("the tile ends too early")
    return found


def _varint(stream: BytesIO) -> int | None:
    value = shift = 0
    while True:
        one = stream.read(1)
        if not one:
            return None
        value |= (one[0] & 0x7F) << shift
        if not one[0] & 0x80:
            return value
        shift += 7


def _varints(data: bytes) -> Iterator[int]:
    stream = BytesIO(data)
    while (value := _varint(stream)) is not None:
        yield value


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
