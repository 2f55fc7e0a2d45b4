"""Any file of a release as text, positions and raw bytes: by what it is, whatever it is called."""

import base64
import binascii
import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import PurePosixPath

from aoi.read.archives import BROKEN_ARCHIVE
from outputs.redaction.pieces import Piece, Raw, Text, Unread
from outputs.redaction.read_pdf import pdf_pieces
from outputs.redaction.read_pictures import picture_pieces, raster_pieces
from outputs.redaction.read_tables import parquet_pieces, sqlite_pieces, vector_pieces
from outputs.redaction.read_text import shape_pieces_of_text, text_of
from outputs.redaction.read_tiles import pmtiles_pieces, tile_pieces

_DEEPEST = 6
"""How many files may lie in one another."""
_LARGEST = 500_000_000
"""Bytes that one file may unpack to."""
_PRINTED = re.compile(rb"(?:[\x20-\x7e\t\r\n]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){6,}")
_PRINTED_WIDE = re.compile(rb"(?:[\x20-\x7e\t\r\n]\x00){6,}")
_DATA_URI = re.compile(r"base64,([A-Za-z0-9+/=\s]{64,})")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COMPRESSED = frozenset({"gzip", "zip", "picture"})

Reader = Callable[[str, bytes], Iterator[Piece]]


def file_pieces(name: str, data: bytes, *, where: str = "", depth: int = 0) -> Iterator[Piece]:
    """Yield what the file called `name` tells; `where` says in which file it lies, empty for one of the folder."""
    kind = _kind(name, data)
    inside = where or kind
    if depth > _DEEPEST:
        yield Unread(where=inside, reason=f"more than {_DEEPEST} files in one another")
        return
    if kind == "text":
        yield from _text(inside, data, depth)
        return
    if kind == "gzip":
        yield from _unpacked(name, data, inside, depth)
    elif kind == "zip":
        yield from _members(data, inside, depth)
    elif kind in _READERS:
        yield from _READERS[kind](inside, data)
    else:
        yield Unread(where=inside, reason="no reader for this kind of file")
    yield from _printed(inside, data)
    if kind not in _COMPRESSED:
        yield Raw(where=inside, data=data)


def _kind(name: str, data: bytes) -> str:  # noqa: C901, PLR0911  # a table of beginnings
    if data.startswith(b"\x1f\x8b"):
        return "gzip"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return "picture"
    if data.startswith(_TIFF):
        return "raster"
    if data.startswith(b"%PDF"):
        return "pdf"
    if data.startswith(b"SQLite format 3\0"):
        return "database"
    if data.startswith(b"PAR1"):
        return "parquet"
    if data.startswith(b"PMTiles"):
        return "tiles"
    if data.startswith(b"fgb\x03"):
        return "flatgeobuf"
    if PurePosixPath(name).suffix.lower() in {".pbf", ".mvt"}:
        return "tile"
    return "text" if text_of(data) is not None else "unknown"


_READERS: dict[str, Reader] = {
    "picture": picture_pieces,
    "raster": raster_pieces,
    "pdf": pdf_pieces,
    "database": sqlite_pieces,
    "parquet": parquet_pieces,
    "tiles": pmtiles_pieces,
    "tile": tile_pieces,
    "flatgeobuf": vector_pieces,
}


def _text(where: str, data: bytes, depth: int) -> Iterator[Piece]:
    text = text_of(data) or ""
    yield Text(where=where, text=text)
    yield from shape_pieces_of_text(where, text)
    for number, match in enumerate(_DATA_URI.finditer(text), 1):
        try:
            inner = base64.b64decode(re.sub(r"\s", "", match.group(1)), validate=False)
        except (binascii.Error, ValueError):
            continue
        yield from file_pieces("embedded", inner, where=f"{where}, embedded file {number}", depth=depth + 1)


def _unpacked(name: str, data: bytes, where: str, depth: int) -> Iterator[Piece]:
    try:
        with gzip.open(BytesIO(data)) as file:
            inner = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        yield Unread(where=where, reason=f"damaged: {error}")
        return
    if len(inner) > _LARGEST:
        yield Unread(where=where, reason=f"unpacks to more than {_LARGEST:,} bytes")
        return
    yield from file_pieces(name.removesuffix(".gz"), inner, where=f"{where}, unpacked", depth=depth + 1)


def _members(data: bytes, where: str, depth: int) -> Iterator[Piece]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(one.file_size for one in members) > _LARGEST:
                yield Unread(where=where, reason=f"unpacks to more than {_LARGEST:,} bytes")
                return
            yield Text(where=f"{where}, comment", text=archive.comment.decode("utf-8", "replace"))
            for one in members:
                yield Text(where=f"{where}, name of member {one.filename}", text=one.filename)
                yield Text(where=f"{where}, comment of {one.filename}", text=one.comment.decode("utf-8", "replace"))
                if not one.is_dir():
                    member = f"{where}, member {one.filename}"
                    yield from file_pieces(one.filename, archive.read(one), where=member, depth=depth + 1)
    except BROKEN_ARCHIVE as error:
        yield Unread(where=where, reason=f"damaged or locked: {error}")


def _printed(where: str, data: bytes) -> Iterator[Piece]:
    """Yield what can be read between other bytes: comments, tags, pages of a database that were given up."""
    runs = [run.decode("utf-8", "replace") for run in _PRINTED.findall(data)]
    runs += [run.decode("utf-16-le", "replace") for run in _PRINTED_WIDE.findall(data)]
    if runs:
        yield Text(where=f"{where}, words between other bytes", text="\n".join(runs), is_row=True)
