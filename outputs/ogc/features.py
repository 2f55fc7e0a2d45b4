"""Read features of a published GeoPackage by place, time, value and page."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from geo.errors import StateError

JSON_COLUMNS = frozenset({"evidence", "scene_ids", "not_seen"})
"""Columns that hold JSON as text: they become JSON themselves, as in the GeoJSON files of a run."""
_KINDS = {"O": "string", "f": "number", "i": "integer", "b": "boolean", "M": "string"}
"""Kind of a column, as numpy abbreviates it, to its name in JSON Schema."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees; where west lies east of east, it reaches across the 180th meridian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which features, in which order."""

    bounds: Bounds | None = None
    """Features whose geometry meets it."""
    period: tuple[str, str] | None = None
    """First and last day, ISO 8601, an empty one is open; features whose own interval meets it."""
    equals: Sequence[tuple[str, str]] = ()
    """Column and value, as text."""
    order: Sequence[tuple[str, bool]] = ()
    """Column, and whether the smallest comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLayer:
    """One layer of a GeoPackage."""

    path: Path
    layer: str
    id_column: str
    time_columns: tuple[str, str] | None = None
    """The columns in which a feature's interval begins and ends."""
    _info: dict[str, Any] = field(default_factory=dict)

    def columns(self) -> dict[str, dict[str, str]]:
        """Return the columns as JSON Schema types them.

        Raises:
            StateError: The layer cannot be read.

        """
        info = self._read_info()
        return {
            str(name): {"type": _KINDS.get(np.dtype(kind).kind, "string")}
            | ({"format": "date"} if str(kind).startswith("datetime64") else {})
            for name, kind in zip(info["fields"], info["dtypes"], strict=True)
        }

    def bounds(self) -> Bounds | None:
        """Return what the layer covers; None where it is empty.

        Raises:
            StateError: The layer cannot be read.

        """
        found = self._read_info()["total_bounds"]
        if found is None or not np.isfinite(found).all():
            return None
        left, bottom, right, top = (float(value) for value in found)
        return left, bottom, right, top

    def numbers(self, wanted: Wanted) -> list[int]:
        """Return the row numbers of all features that are `wanted`, in that order.

        Raises:
            StateError: The layer cannot be read.

        """
        fid, shape = _quoted(self._read_info()["fid_column"]), self._read_info()["geometry_name"]
        conditions, values = self._conditions(wanted)
        order = [f"{_quoted(name)} {'ASC' if is_up else 'DESC'}" for name, is_up in wanted.order]
        statement = (
            f"SELECT {fid} FROM {_quoted(self.layer)} WHERE {' AND '.join(conditions) or '1'} "  # noqa: S608  # names are the file's own and quoted, values are bound
            f"ORDER BY {', '.join([*order, fid])}"
        )
        with self._database() as database:
            found = [number for (number,) in database.execute(statement, values)]
            if wanted.bounds is None:
                return found
            inside, edge = self._candidates(database, f"rtree_{self.layer}_{shape}", wanted.bounds)
        met = inside | self._meeting(sorted(edge & set(found)), wanted.bounds)
        return [number for number in found if number in met]

    def number_of(self, identifier: str) -> int | None:
        """Return the row number of the feature called so; None where there is none.

        Raises:
            StateError: The layer cannot be read.

        """
        return next(iter(self.numbers(Wanted(equals=[(self.id_column, identifier)]))), None)

    def features(
        self, numbers: Sequence[int], *, columns: Sequence[str] = (), has_geometry: bool = True
    ) -> list[dict[str, Any]]:
        """Return rows as GeoJSON features, in the order of `numbers`; with all columns where none is named.

        Raises:
            StateError: The layer cannot be read.

        """
        if not numbers:
            return []
        named = list(dict.fromkeys([self.id_column, *columns])) if columns else None
        try:
            table = pyogrio.read_dataframe(self.path, layer=self.layer, fids=list(numbers), columns=named)
        except (DataSourceError, DataLayerError) as error:
            raise StateError(f"{self.path}: {error}") from error
        told = set(columns) if columns else set(table.columns)
        return [
            {
                "type": "Feature",
                "id": str(row[self.id_column]),
                "geometry": _geojson(row["geometry"]) if has_geometry else None,
                "properties": {
                    name: _value(name, row[name]) for name in table.columns if name != "geometry" and name in told
                },
            }
            for row in table.to_dict("records")
        ]

    def _conditions(self, wanted: Wanted) -> tuple[list[str], list[str]]:
        conditions = [f"CAST({_quoted(name)} AS TEXT) = ?" for name, _ in wanted.equals]
        values = [value for _, value in wanted.equals]
        if wanted.period is not None and self.time_columns is not None:
            begins, ends = (_quoted(name) for name in self.time_columns)
            first, last = wanted.period
            for column, sign, day in ((ends, ">=", first), (begins, "<=", last)):
                conditions += [f"{column} {sign} ?"] if day else [f"{column} IS NOT NULL"]
                values += [day] if day else []
        return conditions, values

    def _candidates(self, database: sqlite3.Connection, tree: str, bounds: Bounds) -> tuple[set[int], set[int]]:
        """Return the rows whose box lies within `bounds`, and those whose box only meets them."""
        inside: set[int] = set()
        edge: set[int] = set()
        for west, south, east, north in _halves(bounds):
            asked = (
                f"SELECT id, minx >= ? AND miny >= ? AND maxx <= ? AND maxy <= ? FROM {_quoted(tree)} "  # noqa: S608  # the name is the file's own and quoted
                "WHERE maxx >= ? AND maxy >= ? AND minx <= ? AND miny <= ?"
            )
            for number, is_inside in database.execute(asked, (west, south, east, north) * 2):
                (inside if is_inside else edge).add(number)
        return inside, edge - inside

    def _meeting(self, numbers: Sequence[int], bounds: Bounds) -> set[int]:
        if not numbers:
            return set()
        shapes = pyogrio.read_dataframe(self.path, layer=self.layer, fids=list(numbers), columns=[]).geometry
        window = shapely.union_all([shapely.box(*half) for half in _halves(bounds)])
        return {number for number, is_met in zip(numbers, shapes.intersects(window), strict=True) if is_met}

    def _read_info(self) -> dict[str, Any]:
        if not self._info:
            try:
                self._info.update(pyogrio.read_info(self.path, layer=self.layer, force_total_bounds=True))
            except (DataSourceError, DataLayerError) as error:
                raise StateError(f"{self.path}: {error}") from error
        return self._info

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        # A published file is never changed, so SQLite need not lock it, and makes no file beside it.
        uri = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as database:
                yield database
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}") from error


def _halves(bounds: Bounds) -> list[Bounds]:
    west, south, east, north = bounds
    return [bounds] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _geojson(shape: Any) -> Any:  # noqa: ANN401  # a geometry or None, and JSON
    return None if shape is None else json.loads(shapely.to_geojson(shape))


def _value(name: str, value: Any) -> Any:  # noqa: ANN401  # a cell of a table, and JSON
    if value is None or value is pd.NaT or value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return None
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, np.generic):
        return value.item()
    if name in JSON_COLUMNS and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
