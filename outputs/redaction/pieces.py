"""What readers of files hand to the search: text, positions, raw bytes, and what could not be read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from outputs.redaction.judge import METRES_A_DEGREE, Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words and figures."""

    where: str
    text: str
    is_row: bool = False
    """Whether it is one row of a table, so that its lines say nothing of where."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Positions in longitude and latitude."""

    where: str
    positions: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Bytes in which numbers may stand as machines keep them."""

    where: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that no reader knows, or that is damaged."""

    where: str
    reason: str


Piece = Text | Places | Raw | Unread


def shape_pieces(where: str, shapes_4326: Iterable[BaseGeometry | None]) -> Iterator[Piece]:
    """Yield corners and middles of shapes, and each shape's box as a place as wide as half its diagonal."""
    corners, middles = [], []
    boxes: list[tuple[float, float, float]] = []
    for shape in shapes_4326:
        if shape is None or shape.is_empty:
            continue
        corners.append(shapely.get_coordinates(shape))
        middles.append((shape.centroid.x, shape.centroid.y))
        boxes.append(_box(shape.bounds))
    if corners:
        yield Places(where=where, positions=Positions.exact(np.vstack([*corners, np.array(middles)])))
        yield box_piece(where, boxes)


def box_piece(where: str, boxes: Iterable[tuple[float, float, float]]) -> Places:
    """Return footprints: the middle of each, longitude and latitude, and half its diagonal in metres."""
    table = np.array(list(boxes), dtype=np.float64).reshape(-1, 3)
    found = Positions(
        lon=table[:, 0], lat=table[:, 1], resolution_m=table[:, 2], offset=np.arange(len(table), dtype=np.int64)
    )
    return Places(where=where, positions=found)


def bounds_pieces(where: str, bounds_4326: tuple[float, float, float, float]) -> Iterator[Piece]:
    """Yield corners, middle and footprint of a box: left, bottom, right, top."""
    left, bottom, right, top = bounds_4326
    corners = [(left, bottom), (left, top), (right, bottom), (right, top), ((left + right) / 2, (bottom + top) / 2)]
    yield Places(where=where, positions=Positions.exact(corners))
    yield box_piece(where, [_box(bounds_4326)])


def _box(bounds: tuple[float, float, float, float]) -> tuple[float, float, float]:
    left, bottom, right, top = bounds
    wide_m = (right - left) * METRES_A_DEGREE * float(np.cos(np.radians((bottom + top) / 2)))
    tall_m = (top - bottom) * METRES_A_DEGREE
    return (left + right) / 2, (bottom + top) / 2, float(np.hypot(wide_m, tall_m)) / 2
