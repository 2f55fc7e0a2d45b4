"""One door for areas and facilities: GeoJSON, GeoPackage, Shapefile, KML and KMZ in any CRS, OpenStreetMap, tables.

Tables are CSV, XLSX and saved web pages with columns of coordinates: see `aoi.read.place_rows`. What follows is of the
files of geographers.

Columns of areas, in any order and case: ``id`` (or ``area_id``; made from the name where missing), ``name``,
``purpose``, ``events`` (a list, or text with commas), ``since``, ``cadence`` (when a schedule watches it: `daily`,
`every 6 hours`). Columns of facilities: ``id`` (likewise), ``name`` or ``names`` (several with ``|`` or ``;`` between),
``kind``, ``status``, ``source``, ``position_error_m``. Other columns are ignored, empty cells mean what the fields of
`Area` and `Facility` mean by default. A column name cut to ten letters by a Shapefile is understood.
"""

import json
import logging
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
from shapely.geometry import MultiPoint

from aoi.areas import EVENTS, Area, Purpose
from aoi.facilities import Facility, FacilityKind
from aoi.read.columns import Said, load_override
from aoi.read.features import Row, scan_rows
from aoi.read.ids import slug
from aoi.read.imported import Import, RejectedRow, checksum
from aoi.read.place_rows import LIST_SUFFIXES, PlaceParams, areas_of_list, facilities_of_list
from geo.crs import LON_LAT_EPSG
from geo.errors import AoiError

logger = logging.getLogger(__name__)

AREA_COLUMNS = ("id", "name", "purpose", "events", "since")
FACILITY_COLUMNS = ("id", "name", "names", "kind", "status", "source", "position_error_m")

_BETWEEN_NAMES = re.compile(r"[|;]")

Made = TypeVar("Made", Area, Facility)
Word = TypeVar("Word", bound=StrEnum)


def read_areas(path: Path) -> tuple[Area, ...]:
    """Return the areas that the file at `path` holds, in its order.

    Raises:
        AoiError: The file cannot be read or a row is wrong; names the file, the row (from 1) and its id or name. Of
            tables and extracts of OpenStreetMap, wrong rows are left out with a warning.

    """
    if _is_list(path):
        return _warned(import_areas(path))
    return _read(path, layer="areas", make=_area, id_of=lambda area: area.area_id)


def read_facilities(path: Path) -> tuple[Facility, ...]:
    """Return the facilities that the file at `path` holds, in its order.

    Raises:
        AoiError: The file cannot be read or a row is wrong; names the file, the row (from 1) and its id or name. Of
            tables and extracts of OpenStreetMap, wrong rows are left out with a warning.

    """
    if _is_list(path):
        return _warned(import_facilities(path))
    return _read(path, layer="facilities", make=_facility, id_of=lambda facility: facility.facility_id)


def import_areas(path: Path, mapping: Said = None, *, encoding: str | None = None) -> Import[Area]:
    """Return all areas that the file at `path` holds, with the rows that were kept aside and why.

    Raises:
        AoiError: The file cannot be read at all.

    """
    path = Path(path)
    if _is_list(path):
        return areas_of_list(path, PlaceParams(override=load_override(mapping), encoding=encoding))
    return _import(path, layer="areas", make=_area, id_of=lambda area: area.area_id)


def import_facilities(path: Path, mapping: Said = None, *, encoding: str | None = None) -> Import[Facility]:
    """Return all facilities that the file at `path` holds, with the rows that were kept aside and why.

    Args:
        path: Any of the formats of this module, or the table of ASPI.
        mapping: Of a table: field to heading or headings, or a TOML file of such lines. Fields: name, id, latitude,
            longitude, position, datum, kind, status, source, position_error_m.
        encoding: Of a table; None: found out.

    Raises:
        AoiError: The file cannot be read at all.

    """
    path = Path(path)
    if _is_list(path):
        return facilities_of_list(path, PlaceParams(override=load_override(mapping), encoding=encoding))
    return _import(path, layer="facilities", make=_facility, id_of=lambda facility: facility.facility_id)


def _is_list(path: Path) -> bool:
    return Path(path).suffix.lower() in LIST_SUFFIXES


def _warned(found: Import[Made]) -> tuple[Made, ...]:
    for row in found.rejected:
        logger.warning("%s: left out: %s", row.where, row.reason)
    for note in found.notes:
        logger.info("%s", note)
    return found.items


def areas_frame(areas: Sequence[Area]) -> gpd.GeoDataFrame:
    """Return `areas` as a table in EPSG:4326 that, written to a file, `read_areas` reads back."""
    has_cadence = any(area.cadence for area in areas)
    return _frame(
        [
            {
                "id": area.area_id,
                "name": area.name,
                "purpose": area.purpose.value,
                "events": ",".join(area.events),
                "since": area.since.isoformat() if area.since else None,
                "cadence": area.cadence or None,
                "geometry": area.polygon_4326,
            }
            for area in areas
        ],
        (*AREA_COLUMNS, "cadence") if has_cadence else AREA_COLUMNS,
    )


def facilities_frame(facilities: Sequence[Facility]) -> gpd.GeoDataFrame:
    """Return `facilities` as a table in EPSG:4326 that, written to a file, `read_facilities` reads back.

    ``name`` is the best known name, ``names`` are all, with ``|`` between, or as JSON lists where some name has a
    separator in itself.
    """
    return _frame(
        [
            {
                "id": facility.facility_id,
                "name": facility.names[0],
                "names": names,
                "kind": facility.kind.value,
                "status": facility.status,
                "source": facility.source,
                "position_error_m": facility.position_error_m,
                "geometry": facility.location_4326,
            }
            for facility, names in zip(facilities, _joined(facilities), strict=True)
        ],
        FACILITY_COLUMNS,
    )


def _frame(rows: Sequence[dict[str, object]], columns: Sequence[str]) -> gpd.GeoDataFrame:
    data = {column: [row[column] for row in rows] for column in columns}
    return gpd.GeoDataFrame(data, geometry=[row["geometry"] for row in rows], crs=LON_LAT_EPSG)


def _read(
    path: Path, *, layer: str, make: Callable[[Row, str], Made], id_of: Callable[[Made], str]
) -> tuple[Made, ...]:
    found = _import(Path(path), layer=layer, make=make, id_of=id_of)
    if found.rejected:
        raise AoiError(f"{found.rejected[0].where}: {found.rejected[0].reason}")
    return found.items


def _import(path: Path, *, layer: str, make: Callable[[Row, str], Made], id_of: Callable[[Made], str]) -> Import[Made]:
    rows = scan_rows(path, layer=layer)
    only_name = path.stem if len(rows) == 1 else ""
    seen: dict[str, int] = {}
    found: list[Made] = []
    rejected: list[RejectedRow] = []
    for row in rows:
        if isinstance(row, RejectedRow):
            rejected.append(row)
            continue
        try:
            one = make(row, only_name)
        except AoiError as error:
            rejected.append(_aside(row, str(error)))
            continue
        if id_of(one) in seen:
            rejected.append(_aside(row, f"the id {id_of(one)!r} stands already in row {seen[id_of(one)]}"))
            continue
        seen[id_of(one)] = row.number
        found.append(one)
    return Import(
        path=str(path),
        items=tuple(found),
        rejected=tuple(rejected),
        version=checksum(path) if path.is_file() else "",
        rows_read=len(rows),
    )


def _aside(row: Row, reason: str) -> RejectedRow:
    return RejectedRow(where=row.where, reason=reason, cells={name: str(value) for name, value in row.cells.items()})


def _area(row: Row, only_name: str) -> Area:
    said_id = row.text("id") or row.text("area_id")
    name = row.text("name") or said_id or only_name
    if not name:
        raise AoiError("an area needs an id or a name")
    return Area(
        area_id=said_id or slug(name, what="area"),
        name=name,
        polygon_4326=row.shape_4326,
        purpose=_word(row, "purpose", Purpose, default=Purpose.SITE),
        events=_events(row),
        since=row.day("since"),
        cadence=" ".join((row.text("cadence") or "").split()),
    )


def _facility(row: Row, only_name: str) -> Facility:
    said_id = row.text("id") or row.text("facility_id")
    names = _names(row) or tuple(filter(None, [said_id or only_name]))
    if not names:
        raise AoiError("a facility needs an id or a name")
    shape = row.shape_4326
    if isinstance(shape, MultiPoint) and len(shape.geoms) == 1:
        shape = shape.geoms[0]
    return Facility(
        facility_id=said_id or slug(names[0], what="facility"),
        names=names,
        location_4326=shape,
        kind=_word(row, "kind", FacilityKind, default=FacilityKind.OTHER),
        status=row.text("status") or "unknown",
        source=row.text("source") or "unknown",
        position_error_m=_metres(row, "position_error_m"),
    )


def _word(row: Row, column: str, words: type[Word], *, default: Word) -> Word:
    text = row.text(column)
    if text is None:
        return default
    try:
        return words(text.lower().replace(" ", "_").replace("-", "_"))
    except ValueError as error:
        raise AoiError(f"{column} must be among {', '.join(words)}; got {text!r}") from error


def _events(row: Row) -> tuple[str, ...]:
    listed = _listed(row, "events")
    if listed is None:
        listed = tuple((row.text("events") or "").split(","))
    events = tuple(event.strip().lower() for event in listed if event.strip())
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        raise AoiError(f"events must be among {', '.join(EVENTS)}; got {', '.join(unknown)}")
    return events or EVENTS


def _names(row: Row) -> tuple[str, ...]:
    """Return all names, the one in ``name`` first unless ``names`` has it in its own order."""
    name = row.text("name")
    listed = _listed(row, "names")
    if listed is None:
        several = row.text("names") or ""
        listed = tuple(part.strip() for part in _BETWEEN_NAMES.split(several) if part.strip())
    if not listed:
        return tuple(part.strip() for part in _BETWEEN_NAMES.split(name or "") if part.strip())
    return listed if name is None or name in listed else (name, *listed)


def _listed(row: Row, column: str) -> tuple[str, ...] | None:
    """Return the texts of a cell that is a list, by its kind or as JSON; None where it is none."""
    value = row.value(column)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list):
        return None
    return tuple(str(item).strip() for item in value if str(item).strip())


def _joined(facilities: Sequence[Facility]) -> list[str]:
    """Return all names of each facility as one text; for all of them in one way, for a GeoJSON column has one kind."""
    if any(_BETWEEN_NAMES.search(name) or name.startswith("[") for facility in facilities for name in facility.names):
        return [json.dumps(facility.names, ensure_ascii=False) for facility in facilities]
    return ["|".join(facility.names) for facility in facilities]


def _metres(row: Row, column: str) -> float:
    text = row.text(column)
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise AoiError(f"{column} must be a number of metres; got {text!r}")
    return value
