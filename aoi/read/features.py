"""Any vector file as rows in longitude and latitude, each of which knows where it stands."""

import logging
import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from aoi.read.archives import BROKEN_ARCHIVE, check_archive
from aoi.read.imported import RejectedRow
from aoi.read.markup import check_xml, check_xml_stream
from geo.crs import LON_LAT_EPSG
from geo.errors import AoiError

logger = logging.getLogger(__name__)

_JSON_SUFFIXES = frozenset({".geojson", ".json"})
_KML_SUFFIXES = frozenset({".kml", ".kmz"})
_XML_SUFFIXES = frozenset({".kml", ".gml", ".gpx"})
_ZIP_START = b"PK\x03\x04"
_VIRTUAL = (b"<OGRVRT", b"<OGRWFS", b"<OGRCSW", b"<OGROAPIF", b"<VRTDataset", b"gdal_streamed_alg", b"<GDAL_WMS")
_START_BYTES = 4_096
_SHAPEFILE_NAME_LENGTH = 10
"""A Shapefile cuts the names of its columns."""
_UNREADABLE = (
    DataSourceError,
    DataLayerError,
    FeatureError,
    FieldError,
    GeometryError,
    UnicodeDecodeError,
    UnboundLocalError,
)
"""The last is how pyogrio fails over a damaged .prj."""


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
    rows = []
    for row in scan_rows(path, layer=layer):
        if isinstance(row, RejectedRow):
            raise AoiError(f"{row.where}: {row.reason}")
        rows.append(row)
    return tuple(rows)


def scan_rows(path: Path, *, layer: str) -> tuple[Row | RejectedRow, ...]:
    """Read every feature of the vector file at `path`; one without a usable geometry comes as a rejected row.

    Raises:
        AoiError: The file is missing, no vector file, hostile, empty, or without CRS.

    """
    if not path.exists():
        raise AoiError(f"{path}: there is no such file")
    _check_safe(path)
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


def _check_safe(path: Path) -> None:
    """Refuse what GDAL would follow or blow up: virtual layers that name other files, XML entities, archive bombs."""
    if not path.is_file():
        return
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    _check_start(start, what=str(path))
    if start.startswith(_ZIP_START) or suffix == ".kmz":
        for member in check_archive(path):
            _check_member(path, member)
    elif suffix in _XML_SUFFIXES:
        check_xml(path)


def _check_start(start: bytes, *, what: str) -> None:
    if any(sign in start for sign in _VIRTUAL):
        raise AoiError(f"{what}: is a virtual layer that names other files, which is not read; export the layer itself")


def _check_member(path: Path, member: str) -> None:
    what = f"{path}: {member}"
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open(member) as file:
                start = file.read(_START_BYTES)
            _check_start(start, what=what)
            if start.startswith(_ZIP_START):
                raise AoiError(f"{what}: is an archive in an archive, which is not read; unpack it first")
            if PurePosixPath(member.lower()).suffix in _XML_SUFFIXES:
                with archive.open(member) as file:
                    check_xml_stream(file, what=what)
    except BROKEN_ARCHIVE as error:
        raise AoiError(f"{path}: is a damaged archive ({error})") from error


def _rows(path: Path, layers: Sequence[str]) -> Iterator[Row | RejectedRow]:
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
            try:
                shape = _shape(wkb, to_4326)
            except AoiError as error:
                told = {name: str(value) for name, value in said.items()}
                yield RejectedRow(where=where, reason=str(error), cells=told)
                continue
            yield Row(number=number, where=where, cells=said, shape_4326=shape)


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


def _shape(wkb: bytes | None, to_4326: Transformer) -> BaseGeometry:
    if wkb is None:
        raise AoiError("has no geometry")
    try:
        shape = shapely.force_2d(shapely.from_wkb(wkb))
    except ShapelyError as error:
        raise AoiError(f"its geometry cannot be used: {error}") from error
    if shape.is_empty:
        raise AoiError("its geometry is empty")
    moved: BaseGeometry = shapely.transform(shape, lambda xy: np.column_stack(to_4326.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(moved.bounds).all():
        raise AoiError("its coordinates lie outside the range of the file's coordinate reference system")
    return moved
