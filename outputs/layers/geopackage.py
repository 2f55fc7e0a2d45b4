"""One GeoPackage with everything of a run in it, which QGIS opens already styled."""

import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyogrio import raw
from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from detection.schema import COVERAGE_COLUMNS, DETECTION_COLUMNS, PERIMETER_COLUMNS
from geo.atomic import atomic_file
from geo.crs import LON_LAT_EPSG
from geo.errors import OutputError
from outputs.layers.styles import style_of
from outputs.tables import in_lon_lat

logger = logging.getLogger(__name__)

AREA_COLUMNS: Mapping[str, str] = {
    "id": "str",
    "name": "str",
    "purpose": "str?",
    "events": "str?",
    "since": "date?",
}
FACILITY_COLUMNS: Mapping[str, str] = {
    "id": "str",
    "name": "str",
    "names": "str?",
    "kind": "str?",
    "status": "str?",
    "source": "str?",
    "position_error_m": "float?",
}
GEOMETRY_COLUMN = "geometry"
ROW_COLUMN = "row_number"
"""The GeoPackage's own key. Not ``fid``: a watch list may bring a column of that name."""

_WRITER_ERRORS = (CRSError, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError, sqlite3.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What a layer is, whether or not it has rows."""

    columns: Mapping[str, str]
    """Column to kind, as in `detection.schema`."""
    geometry_type: str
    description: str


LAYERS: Mapping[str, Layer] = {
    "coverage": Layer(
        columns=COVERAGE_COLUMNS,
        geometry_type="MultiPolygon",
        description="How well each area was seen. Hatched: nothing can be said.",
    ),
    "areas": Layer(columns=AREA_COLUMNS, geometry_type="MultiPolygon", description="What was watched."),
    "detections": Layer(
        columns=DETECTION_COLUMNS,
        geometry_type="MultiPolygon",
        description="Changes found. An indication with a probability, not proof.",
    ),
    "perimeters": Layer(
        columns=PERIMETER_COLUMNS,
        geometry_type="MultiLineString",
        description="Perimeters of known facilities, arc by arc. An indication from 10 m imagery, to be confirmed.",
    ),
    "facility_outlines": Layer(
        columns=FACILITY_COLUMNS,
        geometry_type="MultiPolygon",
        description="Known places of which an outline is known.",
    ),
    "facilities": Layer(
        columns=FACILITY_COLUMNS,
        geometry_type="Point",
        description="All known places, each as a point inside it.",
    ),
}
INPUTS = ("detections", "coverage", "areas", "facilities", "perimeters")


def write_geopackage(path: Path, layers: Mapping[str, gpd.GeoDataFrame], *, credit: str = "") -> None:
    """Write the tables named in `INPUTS`, in any CRS, as the layers of one GeoPackage in EPSG:4326.

    Facilities become two layers, because a layer should hold one kind of geometry: ``facilities`` has all of them as
    points, ``facility_outlines`` those whose outline is known. A table that is missing or without rows becomes a layer
    without rows, with all its columns. Columns beyond the known ones are kept. Days are DATE columns.
    `credit` is added to each layer's description.

    Raises:
        OutputError: The file cannot be written.
        ValueError: `layers` has a name that is not among `INPUTS`, or rows without a CRS.

    """
    unknown = sorted(set(layers) - set(INPUTS))
    if unknown:
        raise ValueError(f"a layer must be among {', '.join(INPUTS)}; got {', '.join(unknown)}")
    frames = _frames(layers)
    with atomic_file(path) as part:
        try:
            for name, layer in LAYERS.items():
                write_table(
                    part,
                    name,
                    frames[name],
                    columns=layer.columns,
                    geometry_type=layer.geometry_type,
                    description=f"{layer.description} {credit}".strip(),
                )
            _embed_styles(part)
        except _WRITER_ERRORS as error:
            raise OutputError(f"cannot write {path}: {error}") from error
    logger.info("%s: %d detections, %d areas", path.name, len(frames["detections"]), len(frames["areas"]))


def _frames(layers: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """Return one table a layer, in longitude and latitude."""
    frames = {name: in_lon_lat(layers.get(name, gpd.GeoDataFrame())) for name in INPUTS}
    facilities = frames["facilities"]
    has_outline = facilities.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    frames["facility_outlines"] = facilities[has_outline]
    # To a plain geometry operation degrees are as good as metres: the point only has to lie inside.
    frames["facilities"] = facilities.set_geometry(facilities.geometry.representative_point())
    return frames


def write_table(  # noqa: PLR0913 - what a layer is made of
    path: Path,
    name: str,
    frame: gpd.GeoDataFrame,
    *,
    columns: Mapping[str, str],
    description: str,
    geometry_type: str = "MultiPolygon",
) -> None:
    """Write `frame`, in EPSG:4326, as a layer of a GeoPackage, which is made if it is missing.

    Args:
        path: The GeoPackage.
        name: The layer's.
        frame: A column that is missing is written empty; columns beyond the known ones are kept.
        columns: Column to kind, as in `detection.schema`.
        description: For readers.
        geometry_type: Of the layer.

    """
    arrays = columns_of(frame, columns)
    raw.write(
        path,
        frame.geometry.to_wkb().to_numpy(dtype=object),
        list(arrays.values()),
        list(arrays),
        layer=name,
        driver="GPKG",
        geometry_type=geometry_type,
        promote_to_multi=geometry_type.startswith("Multi"),
        crs=f"EPSG:{LON_LAT_EPSG}",
        dataset_options={"VERSION": "1.2"},  # QGIS 3.22 warns about newer ones
        layer_options={"GEOMETRY_NAME": GEOMETRY_COLUMN, "FID": ROW_COLUMN, "DESCRIPTION": description},
    )


def columns_of(frame: pd.DataFrame, known: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Return the values of every known column, and then of the further ones, as the writer wants them.

    A further column whose name differs from an earlier one only in case is left out: SQL could not tell them apart.
    """
    arrays = {name: _values(_or_missing(frame, name), kind=kind.rstrip("?")) for name, kind in known.items()}
    taken = {name.casefold() for name in (*known, GEOMETRY_COLUMN, ROW_COLUMN)}
    for name in frame.columns:
        if str(name).casefold() in taken:
            continue
        taken.add(str(name).casefold())
        arrays[str(name)] = _values(frame[name], kind=_kind(frame[name]))
    return arrays


def _or_missing(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return frame[name] if name in frame.columns else pd.Series([None] * len(frame), index=frame.index, dtype=object)


def _kind(values: "pd.Series[Any]") -> str:
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if pd.api.types.is_numeric_dtype(values):
        is_whole = pd.api.types.is_integer_dtype(values) or pd.api.types.is_bool_dtype(values)
        return "int" if is_whole else "float"
    return "str"


def _values(values: "pd.Series[Any]", *, kind: str) -> NDArray[Any]:
    """Return `values` as an array of the type that makes the right column: text, int64, float64 or whole days."""
    if kind == "date":
        # Only days as numpy knows them become DATE columns; finer times become DATETIME, date objects become text.
        return pd.to_datetime(values).to_numpy().astype("datetime64[D]")
    if kind == "int" and not values.isna().any():
        return values.to_numpy(dtype=np.int64)
    if kind in {"int", "float"}:
        return pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_text(value) for value in values.astype(object)], dtype=object)


def _text(value: Any) -> str | None:  # noqa: ANN401  # a table's cell may hold anything
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | dict | np.ndarray):
        listed = value.tolist() if isinstance(value, np.ndarray) else value
        return json.dumps(listed, ensure_ascii=False, default=str)
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, date) else str(value)


_STYLES_TABLE = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
    description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""
_STYLES_CONTENTS = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'How QGIS draws the layers',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
"""
_STYLE_ROW = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
                          styleName, styleQML, styleSLD, useAsDefault, description, owner)
VALUES ('', '', ?, ?, 'sitewatch', ?, '', 1, '', '')
"""


def _embed_styles(path: Path) -> None:
    """Add the table from which QGIS takes each layer's style when it opens the file."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES_TABLE)
        database.execute(_STYLES_CONTENTS)
        for name in LAYERS:
            embed_style(database, name)


def embed_style(database: sqlite3.Connection, layer: str) -> None:
    """Add the style of one more layer to a GeoPackage that has styles."""
    database.execute(_STYLE_ROW, (layer, GEOMETRY_COLUMN, style_of(layer)))
