"""Any vector file as rows in longitude and latitude, each of which knows where it stands."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG
from geo.errors import AoiError

logger = logging.getLogger(__name__)

_JSON_SUFFIXES = frozenset({".geojson", ".json"})
_KML_SUFFIXES = frozenset({".kml", ".kmz"})
_SHAPEFILE_NAME_LENGTH = 10
"""A Shapefile cuts the names of its columns."""
_UNREADABLE = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One feature of a file."""

    number: int
    """From 1, in the file's order."""
    where: str
    """File and row, for messages."""
    cells: Mapping[str, Any]
    """Column, in lower case, to value; columns without a value are left out."""
    shape_4326: BaseGeometry

    def text(self, column: str) -> str | None:
        """Return the value of `column` as text without blanks around it; None where there is none."""
        value = self.value(column)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # whole numbers beside an empty cell come as floating point
        return None if value is None else str(value).strip() or None

    def value(self, column: str) -> Any:  # noqa: ANN401 - a cell is whatever its file holds
        """Return the value of `column`, or None."""
        return self.cells.get(column, self.cells.get(column[:_SHAPEFILE_NAME_LENGTH]))

    def day(self, column: str) -> date | None:
        """Return the value of `column` as a date.

        Raises:
            AoiError: It is none; without file and row.

        """
        text = self.text(column)
        try:
            return datetime.fromisoformat(text.replace("/", "-")).date() if text else None
        except ValueError as error:
            raise AoiError(f"{column} must be a date such as 2017-05-31; got {text!r}") from error


def read_rows(path: Path, *, layer: str) -> tuple[Row, ...]:
    """Read every feature of the vector file at `path`.

    Of several layers the one called `layer` is read; of KML folders, all.

    Raises:
        AoiError: The file is missing, no vector file, empty, without CRS, or a row has no usable geometry.

    """
    if not path.exists():
        raise AoiError(f"{path}: there is no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what GDAL remarks about a row, the row's check tells
            rows = tuple(_rows(path, _layers(path, layer)))
    except _UNREADABLE as error:
        short = str(error).partition("\n")[0].partition(";")[0]
        raise AoiError(
            f"{path}: cannot be read as GeoJSON, GeoPackage, Shapefile or KML: damaged, or no such file ({short})"
        ) from error
    if not rows:
        raise AoiError(f"{path}: is empty; expected at least one feature")
    logger.info("%s: %d features", path, len(rows))
    return rows


def _layers(path: Path, wanted: str) -> list[str]:
    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not layers:
        raise AoiError(f"{path}: has no geometries; expected a vector layer with outlines or points")
    if len(layers) == 1 or path.suffix.lower() in _KML_SUFFIXES:
        return layers
    if wanted in layers:
        return [wanted]
    raise AoiError(f"{path}: has several layers and none is called {wanted!r}: {', '.join(layers)}")


def _rows(path: Path, layers: Sequence[str]) -> Iterator[Row]:
    # GDAL takes every text that looks like a date for one, also in a name; dates are read here, where they are meant.
    options = {"DATE_AS_STRING": "YES"} if path.suffix.lower() in _JSON_SUFFIXES else {}
    number = 0
    for layer in layers:
        meta, _, shapes, columns = pyogrio.raw.read(path, layer=layer, datetime_as_string=True, **options)
        to_4326 = _to_4326(path, meta["crs"])
        names = [str(name).lower() for name in meta["fields"]]
        for index, wkb in enumerate(shapes):
            number += 1
            cells = {name: _plain(column[index]) for name, column in zip(names, columns, strict=True)}
            said = {name: value for name, value in cells.items() if value is not None}
            where = f"{path}, row {number}{_called(said)}"
            yield Row(number=number, where=where, cells=said, shape_4326=_shape(wkb, to_4326, where=where))


def _to_4326(path: Path, crs: str | None) -> Transformer:
    if crs is None:
        raise AoiError(f"{path}: has no coordinate reference system; a Shapefile needs its .prj beside it")
    try:
        return Transformer.from_crs(CRS.from_user_input(crs), LON_LAT_EPSG, always_xy=True)
    except ProjError as error:
        raise AoiError(
            f"{path}: its coordinate reference system cannot be converted to longitude and latitude"
        ) from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell is whatever its file holds
    """Return a cell as a plain Python value, None where it is empty in any of the ways files know."""
    if isinstance(value, np.ndarray):
        return [str(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if isinstance(value, str) and not value.strip() else value


def _called(cells: Mapping[str, Any]) -> str:
    names = [str(cells[column]) for column in ("id", "area_id", "name", "names") if column in cells]
    return f" ({names[0]})" if names else ""


def _shape(wkb: bytes | None, to_4326: Transformer, *, where: str) -> BaseGeometry:
    if wkb is None:
        raise AoiError(f"{where}: has no geometry")
    try:
        shape = shapely.force_2d(shapely.from_wkb(wkb))
    except ShapelyError as error:
        raise AoiError(f"{where}: its geometry cannot be used: {error}") from error
    if shape.is_empty:
        raise AoiError(f"{where}: its geometry is empty")
    moved: BaseGeometry = shapely.transform(shape, lambda xy: np.column_stack(to_4326.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(moved.bounds).all():
        raise AoiError(f"{where}: its coordinates lie outside the range of the file's coordinate reference system")
    return moved
