"""Where things lie, found through an index: PostGIS has its own, SQLite an R*Tree of boxes beside the table."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from sqlalchemy import ColumnElement, Connection, Table, func, select, text

from geo.crs import LON_LAT_EPSG
from outputs.store.tables import BOXED, metadata

Bounds = tuple[float, float, float, float]
"""West, south, east and north, in degrees."""


def set_boxes(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note the boxes of `rows`, which were just written to `table`; PostGIS does so by itself."""
    if connection.dialect.name != "sqlite" or not rows:
        return
    (key,) = table.primary_key.columns
    bounds = shapely.bounds([row["geometry"] for row in rows])
    statement = text(
        f"INSERT OR REPLACE INTO {tree_of(table)} (number, west, east, south, north, name) "  # noqa: S608 - a table's own name
        "VALUES (:number, :west, :east, :south, :north, :name)"
    )
    connection.execute(
        statement,
        [
            {"number": _number(row[key.name]), "name": row[key.name], "west": w, "south": s, "east": e, "north": n}
            for row, (w, s, e, n) in zip(rows, bounds.tolist(), strict=True)
        ],
    )


def drop_boxes(connection: Connection, table: Table, names: Sequence[str]) -> None:
    """Forget the boxes of rows that are deleted."""
    if connection.dialect.name == "sqlite" and table in BOXED and names:
        statement = text(f"DELETE FROM {tree_of(table)} WHERE number = :number")  # noqa: S608 - a table's own name
        connection.execute(statement, [{"number": _number(name)} for name in names])


def touches(connection: Connection, table: Table, bounds: Bounds) -> ColumnElement[bool]:
    """Return the condition that the box of a row of `table` touches `bounds`, in the form that its index answers."""
    west, south, east, north = bounds
    if connection.dialect.name == "postgresql":
        envelope = func.ST_MakeEnvelope(west, south, east, north, LON_LAT_EPSG)
        return table.c.geometry.op("&&", is_comparison=True)(envelope)
    (key,) = table.primary_key.columns
    found = text(
        f"SELECT name FROM {tree_of(table)} "  # noqa: S608 - a table's own name
        "WHERE west <= :box_east AND east >= :box_west AND south <= :box_north AND north >= :box_south"
    ).bindparams(box_west=west, box_south=south, box_east=east, box_north=north)
    return key.in_(found.columns(key).scalar_subquery())


def tree_of(table: Table) -> str:
    """Return the name of the R*Tree beside a table."""
    return f"sx_{table.name}"


def missing_boxes(connection: Connection) -> list[str]:
    """Return what is wrong with the R*Trees of a SQLite store, one sentence each."""
    if connection.dialect.name != "sqlite":
        return []
    wrong = []
    for table in BOXED:
        (key,) = table.primary_key.columns
        boxes = set(connection.execute(text(f"SELECT name FROM {tree_of(table)}")).scalars())  # noqa: S608 - a table's own name
        rows = set(connection.execute(select(key)).scalars())
        if boxes != rows:
            wrong.append(f"{table.name}: {len(boxes ^ rows)} rows and boxes of their places do not go together")
    return wrong


def own_tables() -> frozenset[str]:
    """Return the tables that SQLite keeps for the R*Trees."""
    trees = [tree_of(table) for table in BOXED]
    return frozenset(metadata.tables) | {
        f"{tree}{part}" for tree in trees for part in ("", "_node", "_parent", "_rowid")
    }


def _number(name: str) -> int:
    """Return a whole number of 63 bits that stands for a name: an R*Tree knows rows by numbers alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
