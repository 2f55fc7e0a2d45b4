"""Detections and coverage as CSV: opens in Datawrapper, Flourish and any spreadsheet."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from aoi.read.imported import formula_safe
from geo.atomic import atomic_file
from outputs.tables import in_lon_lat

_FIRST = ("detection_id", "latitude", "longitude", "event", "onset_after", "onset_by", "confidence", "review_state")
_DOCUMENTS = ("evidence", "scene_ids", "not_seen")
"""Columns that hold a document; they are in the GeoJSON and the GeoParquet."""
_DEGREE_DECIMALS = 6
"""About a tenth of a metre."""


def write_detections_csv(path: Path, table: gpd.GeoDataFrame, *, credit: str) -> None:
    """Write one row a detection: a point inside it, its fields, and the credit; UTF-8, one header line, ISO dates.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.

    Raises:
        OutputError: The file cannot be written.

    """
    points = [shape.representative_point() for shape in in_lon_lat(table).geometry]
    plain = pd.DataFrame(table.drop(columns="geometry")).assign(
        latitude=[round(point.y, _DEGREE_DECIMALS) for point in points],
        longitude=[round(point.x, _DEGREE_DECIMALS) for point in points],
        attribution=credit,
    )
    names = [name for name in plain.columns if name not in {*_FIRST, *_DOCUMENTS}]
    _write(path, plain, [name for name in _FIRST if name in plain.columns] + names)


def write_coverage_csv(path: Path, coverage: gpd.GeoDataFrame, *, credit: str, mark: str = "") -> None:
    """Write one row an area that was watched: what came of it, and how well it was seen.

    Raises:
        OutputError: The file cannot be written.

    """
    plain = pd.DataFrame(coverage.drop(columns="geometry", errors="ignore")).assign(note=mark, attribution=credit)
    _write(path, plain, [name for name in plain.columns if name not in _DOCUMENTS])


def _write(path: Path, table: pd.DataFrame, names: Sequence[str]) -> None:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(_rows(table, names))
    with atomic_file(path) as part:
        part.write_bytes(text.getvalue().encode())


def _rows(table: pd.DataFrame, names: Sequence[str]) -> Iterator[list[str]]:
    for row in table[list(names)].itertuples(index=False):
        yield [_cell(value) for value in row]


def _cell(value: Any) -> str:  # noqa: ANN401  # a table's cell may hold anything
    if value is None or (not isinstance(value, shapely.Geometry | list) and pd.isna(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return f"{value:.10g}"
    return formula_safe(value) if isinstance(value, str) else str(value)
