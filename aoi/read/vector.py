"""Areas and facilities from files of geographers: GeoJSON, GeoPackage, Shapefile, KML, in any CRS.

Columns of areas, in any order and case: ``id`` (or ``area_id``; made from the name where missing), ``name``,
``purpose``, ``events`` (a list, or text with commas), ``since``. Columns of facilities: ``id`` (likewise), ``name`` or
``names`` (several with ``|`` or ``;`` between), ``kind``, ``status``, ``source``, ``position_error_m``. Other columns
are ignored, empty cells mean what the fields of `Area` and `Facility` mean by default. A column name cut to ten
letters by a Shapefile is understood.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
from shapely.geometry import MultiPoint

from aoi.areas import EVENTS, Area, Purpose
from aoi.facilities import Facility, FacilityKind
from aoi.read.features import Row, read_rows
from geo.crs import LON_LAT_EPSG
from geo.errors import AoiError

AREA_COLUMNS = ("id", "name", "purpose", "events", "since")
FACILITY_COLUMNS = ("id", "name", "names", "kind", "status", "source", "position_error_m")

_LONGEST_SLUG = 48
_BETWEEN_NAMES = re.compile(r"[|;]")

Made = TypeVar("Made", Area, Facility)
Word = TypeVar("Word", bound=StrEnum)


def read_areas(path: Path) -> tuple[Area, ...]:
    """Return the areas that the vector file at `path` holds, in its order.

    Raises:
        AoiError: The file cannot be read or a row is wrong; names the file, the row (from 1) and its id or name.

    """
    return _read(path, layer="areas", make=_area, id_of=lambda area: area.area_id)


def read_facilities(path: Path) -> tuple[Facility, ...]:
    """Return the facilities that the vector file at `path` holds, in its order.

    Raises:
        AoiError: The file cannot be read or a row is wrong; names the file, the row (from 1) and its id or name.

    """
    return _read(path, layer="facilities", make=_facility, id_of=lambda facility: facility.facility_id)


def areas_frame(areas: Sequence[Area]) -> gpd.GeoDataFrame:
    """Return `areas` as a table in EPSG:4326 that, written to a file, `read_areas` reads back."""
    return _frame(
        [
            {
                "id": area.area_id,
                "name": area.name,
                "purpose": area.purpose.value,
                "events": ",".join(area.events),
                "since": area.since.isoformat() if area.since else None,
                "geometry": area.polygon_4326,
            }
            for area in areas
        ],
        AREA_COLUMNS,
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
    rows = read_rows(Path(path), layer=layer)
    only_name = Path(path).stem if len(rows) == 1 else ""
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        try:
            one = make(row, only_name)
        except AoiError as error:
            raise AoiError(f"{row.where}: {error}") from error
        if id_of(one) in seen:
            raise AoiError(f"{row.where}: the id {id_of(one)!r} stands already in row {seen[id_of(one)]}")
        seen[id_of(one)] = row.number
        found.append(one)
    return tuple(found)


def _area(row: Row, only_name: str) -> Area:
    said_id = row.text("id") or row.text("area_id")
    name = row.text("name") or said_id or only_name
    if not name:
        raise AoiError("an area needs an id or a name")
    return Area(
        area_id=said_id or _slug(name, what="area"),
        name=name,
        polygon_4326=row.shape_4326,
        purpose=_word(row, "purpose", Purpose, default=Purpose.SITE),
        events=_events(row),
        since=row.day("since"),
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
        facility_id=said_id or _slug(names[0], what="facility"),
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
        except ValueError:
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


def _slug(name: str, *, what: str) -> str:
    """Return an id made from `name`, the same on every run.

    Letters without a plain Latin form are dropped; a digest of the whole name then keeps different names apart.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    if slug and plain.isascii() and len(plain) <= _LONGEST_SLUG:
        return slug
    return f"{slug or what}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
