"""Databases, GeoPackage, GeoParquet and FlatGeobuf: each row as text, each shape as positions."""

import sqlite3
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, reproject
from outputs.redaction.pieces import Piece, Text, Unread, shape_pieces

_GPKG_MAGIC = b"GP"
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
_HEADER_BYTES = 8
_BIG_CELL = 1_000_000


def sqlite_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield every row of every table of a database, and the statements that made it; blobs that are shapes as such."""
    connection = sqlite3.connect(":memory:")
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        connection.deserialize(data)
        tables = connection.execute("select name, sql from sqlite_master").fetchall()
        yield Text(where=f"{where}, schema", text="\n".join(f"{name} {sql}" for name, sql in tables))
        names = connection.execute("select name from sqlite_master where type in ('table', 'view')").fetchall()
        for (name,) in names:
            yield from _table(where, connection, str(name))
    except sqlite3.DatabaseError as error:
        yield Unread(where=where, reason=f"damaged: {error}")
    finally:
        connection.close()


def _table(where: str, connection: sqlite3.Connection, name: str) -> Iterator[Piece]:
    quoted = name.replace('"', '""')
    here = f"{where}, table {name}"
    try:
        rows = connection.execute(f'select * from "{quoted}"')  # noqa: S608  # the name is one of the database's own
        shapes: list[BaseGeometry] = []
        for number, row in enumerate(rows, 1):
            yield Text(where=f"{here}, row {number}", text=_row(row), is_row=True)
            shapes += [shape for cell in row if isinstance(cell, bytes) and (shape := _shape(cell)) is not None]
    except sqlite3.DatabaseError as error:
        if "no such function" in str(error) or "no such module" in str(error):
            return  # a view or index of an extension: what it shows is in the tables and in the raw bytes
        yield Unread(where=here, reason=f"cannot be read: {error}")
        return
    yield from shape_pieces(f"{here}, geometry", shapes)


def parquet_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield metadata, rows and shapes of a Parquet file."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra without types
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415 - the same
    except ImportError:
        yield Unread(where=where, reason="reading Parquet needs `pip install 'sitewatch[parquet]'`")
        return
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        yield Unread(where=where, reason=f"damaged: {error}")
        return
    said = {**(table.schema.metadata or {}), **{name.encode(): b"" for name in table.column_names}}
    text = "\n".join(f"{key.decode('utf-8', 'replace')}: {one.decode('utf-8', 'replace')}" for key, one in said.items())
    yield Text(where=f"{where}, metadata", text=text)
    yield from _rows(where, table.to_pylist())


def vector_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield rows and shapes of a file that GDAL reads, such as FlatGeobuf."""
    with tempfile.NamedTemporaryFile(suffix=".fgb") as file:
        file.write(data)
        file.flush()
        try:
            for layer, _ in pyogrio.list_layers(Path(file.name)):
                yield from _layer(f"{where}, layer", Path(file.name), str(layer))
        except (DataSourceError, DataLayerError, ValueError) as error:
            yield Unread(where=where, reason=f"damaged: {error}")


def _layer(where: str, path: Path, layer: str) -> Iterator[Piece]:
    info = pyogrio.read_info(path, layer=layer)
    said = [str(info.get("layer_metadata") or ""), str(info.get("dataset_metadata") or ""), *map(str, info["fields"])]
    yield Text(where=f"{where}, metadata", text="\n".join(said))
    frame = pyogrio.read_dataframe(path, layer=layer)
    if frame.crs is not None:
        frame = frame.to_crs(LON_LAT_EPSG)
    yield from _rows(where, frame.drop(columns="geometry", errors="ignore").to_dict("records"))
    yield from shape_pieces(f"{where}, geometry", list(frame.geometry))


def _rows(where: str, rows: Sequence[Mapping[Any, Any]]) -> Iterator[Piece]:
    shapes: list[BaseGeometry] = []
    for number, row in enumerate(rows, 1):
        yield Text(where=f"{where}, row {number}", text=_row(tuple(row.values())), is_row=True)
        shapes += [shape for cell in row.values() if isinstance(cell, bytes) and (shape := _shape(cell)) is not None]
    yield from shape_pieces(f"{where}, geometry", shapes)


def _row(cells: Sequence[object]) -> str:
    """Return a row as text: what is bytes is read where it is UTF-8."""
    words = []
    for cell in cells:
        if isinstance(cell, bytes):
            if len(cell) < _BIG_CELL and b"\0" not in cell[:64]:
                words.append(cell.decode("utf-8", "replace"))
        elif cell is not None:
            words.append(repr(cell) if isinstance(cell, float) else str(cell))
    return " | ".join(words)


def _shape(cell: bytes) -> BaseGeometry | None:
    """Return the shape, in longitude and latitude, that `cell` is as WKB or GeoPackage wraps it; None: it is none."""
    body, epsg = cell, LON_LAT_EPSG
    if cell[:2] == _GPKG_MAGIC and len(cell) > _HEADER_BYTES:
        kind = cell[3] >> 1 & 7
        epsg = struct.unpack("<i" if cell[3] & 1 else ">i", cell[4:8])[0]
        body = cell[_HEADER_BYTES + (_ENVELOPE_BYTES[kind] if kind < len(_ENVELOPE_BYTES) else 0) :]
    elif cell[:1] not in {b"\0", b"\1"}:
        return None
    try:
        shape = shapely.from_wkb(body)
        return reproject(shape, from_epsg=epsg, to_epsg=LON_LAT_EPSG) if epsg > 0 else shape
    except (ShapelyError, ValueError, CRSError):
        return None
