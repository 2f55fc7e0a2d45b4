"""Text as it stands and as its escapes mean it; shapes in JSON, KML, WKT and WKB; documents inside documents."""

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from aoi.read.encodings import decode
from outputs.redaction.codes import shapes_in
from outputs.redaction.pieces import Piece, bounds_pieces, shape_pieces

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_JS_ESCAPE = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[,'\u2019\u00a0\u202f ]\d{3})+(?![\d])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.])(\d{1,3})[,_](\d{2,8})(?!\d*\.\d)")
_COORDINATES = re.compile(r"<(?:\w+:)?(?:coordinates|posList|pos)[^>]*>([^<]{3,2000000})<")
_SPLIT = re.compile(r"[\s,]+")
_SIGNS = str.maketrans(
    {
        **{chr(0x660 + digit): str(digit) for digit in range(10)},
        **{chr(0x6F0 + digit): str(digit) for digit in range(10)},
        "\u2212": "-",
        "\u066b": ".",
        "\u066c": ",",
    }
)
"""Digits as Arabic and Uyghur write them, and the minus sign."""
_BOX_KEYS = frozenset({"bbox", "bounds", "extent", "spatial", "maxbounds", "bounding_box"})
_GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_JSON_STARTS = ("{", "[")


def text_of(data: bytes) -> str | None:
    """Return `data` as text, None where it is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    sample = data[:4096]
    if b"\0" in sample:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)  # noqa: PLR2004 - control signs but blanks
        return None if controls else decode(data).text.encode("utf-8", "replace").decode()


def variants(text: str) -> Iterator[tuple[str, bool]]:
    """Yield `text`, then what it is once its escapes are read, each different from those before.

    The second is whether its words differ from those before, not only how its figures are written.
    """
    seen = {text}
    yield text, True
    for change in (_composed, _unescaped, _without_thousands, _with_points):
        for before in sorted(seen, key=len):
            after = change(before)
            if after not in seen:
                seen.add(after)
                yield after, change in {_composed, _unescaped}


def shape_pieces_of_text(where: str, text: str) -> Iterator[Piece]:
    """Yield the shapes that `text` holds: GeoJSON, boxes in JSON, KML and GML coordinates, WKT, hexadecimal WKB."""
    if text.lstrip()[:1] in _JSON_STARTS:
        yield from _of_json(where, text)
    for run in _COORDINATES.findall(text):
        yield from shape_pieces(f"{where}, coordinates", _of_run(run))
    yield from shape_pieces(f"{where}, well-known text or binary", [shape for shape, _ in shapes_in(text)])


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_SIGNS)


def _unescaped(text: str) -> str:
    """Return `text` with its escapes read, those inside escapes too."""
    for _ in range(3):
        before = text
        if "\\u" in text or "\\x" in text:
            text = _JS_ESCAPE.sub(_sign, text)
        if "%" in text and _PERCENT.search(text):
            text = unquote(text, errors="replace")
        if "&" in text:
            text = html.unescape(text)
        if text == before:
            return text
    return text


def _sign(match: re.Match[str]) -> str:
    code = int(match.group(1) or match.group(2), 16)
    is_half = 0xD800 <= code < 0xE000  # noqa: PLR2004 - halves of a pair
    return match.group() if code > 0x10FFFF or is_half else chr(code)  # noqa: PLR2004 - the last sign


def _without_thousands(text: str) -> str:
    return _THOUSANDS.sub(lambda match: re.sub(r"\D", "", match.group()), text)


def _with_points(text: str) -> str:
    return _DECIMAL_COMMA.sub(r"\1.\2", text)


def _of_json(where: str, text: str) -> Iterator[Piece]:
    documents = []
    try:
        documents = [json.loads(text)]
    except (ValueError, RecursionError):
        for line in text.splitlines():
            try:
                documents.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    shapes: list[BaseGeometry] = []
    boxes: list[tuple[float, float, float, float]] = []
    for document in documents:
        _walk(document, shapes, boxes)
    yield from shape_pieces(f"{where}, geometry", shapes)
    for box in boxes:
        yield from bounds_pieces(f"{where}, box", box)


def _walk(node: Any, shapes: list[BaseGeometry], boxes: list[tuple[float, float, float, float]]) -> None:  # noqa: ANN401 - any JSON
    stack = [("", node)]
    while stack:
        key, one = stack.pop()
        if isinstance(one, dict):
            if one.get("type") in _GEOMETRIES:
                _shape(one, shapes)
                continue
            stack += [(str(name).lower(), value) for name, value in one.items()]
        elif isinstance(one, list):
            if key in _BOX_KEYS and (found := _box(one)):
                boxes.append(found)
            stack += [(key, value) for value in one]


def _shape(document: dict[str, Any], shapes: list[BaseGeometry]) -> None:
    try:
        shapes.append(shapely.from_geojson(json.dumps(document)))
    except (ShapelyError, ValueError, TypeError):
        return


def _box(values: list[Any]) -> tuple[float, float, float, float] | None:
    """Return left, bottom, right, top of four or six numbers, or of two corners."""
    flat = [number for value in values for number in (value if isinstance(value, list) else [value])]
    if not all(isinstance(number, int | float) for number in flat) or len(flat) not in {4, 6}:
        return None
    half = len(flat) // 2
    left, bottom, right, top = (float(number) for number in (*flat[:2], *flat[half : half + 2]))
    return (left, bottom, right, top)


def _of_run(run: str) -> list[BaseGeometry]:
    """Return the shape whose corners a run of coordinates tells: a line, whose middle is near that of its area."""
    points = []
    for group in run.split():
        parts = [part for part in _SPLIT.split(group) if part]
        try:
            points.append((float(parts[0]), float(parts[1])))
        except (ValueError, IndexError):
            return []
    if not points:
        return []
    return [LineString(points).convex_hull if len(points) > 1 else Point(points[0])]
