"""Rows on their way into a store: plain values, many at a time, each once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Table, delete, insert

from outputs.store.boxes import drop_boxes, set_boxes
from outputs.store.tables import BOXED

Rows = list[dict[str, Any]]
_MANY = 500
"""How many keys are asked for at once."""


def plain(row: Mapping[Any, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a table's row as a database takes them."""
    values: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = row[name]
        if value is None or pd.isna(value):
            values[name] = None
        elif kind.startswith("date"):
            values[name] = pd.Timestamp(value).date()
        else:
            values[name] = {"int": int, "float": float}.get(kind.rstrip("?"), str)(value)
    return values


def document_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def in_utc(stamp: datetime) -> datetime:
    """Return a time that was read from a store as an aware one: SQLite keeps no zone, and all are in UTC."""
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def replace_rows(connection: Connection, table: Table, rows: Rows, *, keys: Sequence[str]) -> None:
    """Write `rows` in the place of those with the same one or two `keys`; of several with the same the last."""
    unique = {tuple(row[key] for key in keys): row for row in rows}
    first = table.c[keys[0]]
    if len(keys) == 1:
        for some in in_parts([key for (key,) in unique]):
            connection.execute(delete(table).where(first.in_(some)))
            drop_boxes(connection, table, some)
    else:
        second = table.c[keys[1]]
        for lead in dict.fromkeys(key for key, _ in unique):
            for some in in_parts([key for one, key in unique if one == lead]):
                connection.execute(delete(table).where(first == lead, second.in_(some)))
    insert_rows(connection, table, list(unique.values()))


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Add `rows`, with their boxes where places of the table are asked for."""
    if rows:
        connection.execute(insert(table), rows)
        if table in BOXED:
            set_boxes(connection, table, rows)


def in_parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    """Yield `keys` in parts that one statement can ask for."""
    return (keys[start : start + _MANY] for start in range(0, len(keys), _MANY))
