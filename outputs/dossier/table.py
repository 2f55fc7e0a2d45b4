"""The table of perimeters for spreadsheets: one row a facility, one an arc, each with its reason."""

import csv
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from aoi.read.imported import formula_safe
from detection.schema import PERIMETER_COLUMNS
from geo.atomic import atomic_file
from outputs.tables import in_lon_lat

PERIMETERS_TABLE = "perimeters.csv"
COLUMNS = (*PERIMETER_COLUMNS, "longitude", "latitude")
"""The last two are those of the middle of the arc, or of the whole line; empty where none is known."""


def write_perimeters(path: Path, perimeters: gpd.GeoDataFrame) -> None:
    """Write the table as CSV (UTF-8, one header line), by `detection.schema.PERIMETER_COLUMNS`.

    Raises:
        OutputError: The disk does not take it.

    """
    frame = in_lon_lat(perimeters)
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(row) for row in frame.to_dict("records"))


def _cells(row: Mapping[Hashable, Any]) -> list[str]:
    cells = [_text(row[name], kind.rstrip("?")) for name, kind in PERIMETER_COLUMNS.items()]
    shape = row["geometry"]
    middle = None if shape is None or shape.is_empty else shape.interpolate(0.5, normalized=True)
    return [*cells, *(("", "") if middle is None else (f"{middle.x:.6f}", f"{middle.y:.6f}"))]


def _text(value: Any, kind: str) -> str:  # noqa: ANN401 - a table's cell may hold anything
    if pd.isna(value):
        return ""
    if kind == "date":
        return f"{pd.Timestamp(value):%Y-%m-%d}"
    if kind == "float":
        return f"{value:.6g}"
    return formula_safe(" ".join(str(value).split()))
