"""Facilities and areas from tables (CSV, XLSX, saved pages), from OpenStreetMap, and from the table of ASPI."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Point, Polygon

from aoi.areas import EVENTS, Area, Purpose
from aoi.facilities import Facility, FacilityKind
from aoi.gazetteer.coordinates import to_wgs84
from aoi.read.addresses import likely_swapped, position_of
from aoi.read.aspi import read_aspi
from aoi.read.columns import Override, plain_heading
from aoi.read.ids import given_id, slug
from aoi.read.imported import Import, RejectedRow, checksum
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.listing import Listing, ListParams, Record, list_of
from aoi.read.osm import read_osm
from aoi.read.repeats import ids_apart, without_repeats
from aoi.read.table import TABLE_SUFFIXES, Tables, read_tables
from aoi.read.values import amount, period
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import AoiError

LIST_SUFFIXES = (TABLE_SUFFIXES | {".osm", ".xls"}) - {".txt"}
"""Files that are read here rather than through GDAL."""
POINT_RADIUS_M = 1_000.0
"""How far around a point an area reaches where the list does not say."""
_ASPI_HEADINGS = frozenset({"name code", "tier", "external wall", "desecuritisation"})
_KIND_WORDS: tuple[tuple[FacilityKind, tuple[str, ...]], ...] = (
    (
        FacilityKind.CAMP,
        ("camp", "re-education", "reeducation", "re education", "internment", "教培", "集中营", "vsetc"),
    ),
    (FacilityKind.PRISON, ("prison", "jail", "detention", "监狱", "看守所")),
    (FacilityKind.INDUSTRIAL_PARK, ("park", "industrial zone", "industrial estate", "园区", "工业园", "开发区")),
    (FacilityKind.FACTORY, ("factory", "mill", "plant", "works", "manufactur", "工厂", "厂")),
)

Made = TypeVar("Made", Area, Facility)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceParams:
    """How a list of places is read."""

    override: Override
    encoding: str | None = None
    radius_m: float = POINT_RADIUS_M
    """Of an area around a point, where the list does not say."""
    limits: ReadLimits = DEFAULT_LIMITS


def facilities_of_list(path: Path, params: PlaceParams) -> Import[Facility]:
    """Return the facilities in the table or extract at `path`.

    Raises:
        AoiError: The file cannot be read, or has no names or no positions.

    """
    if path.suffix.lower() == ".osm":
        return _of_osm(path, params.limits)
    tables = read_tables(path, encoding=params.encoding, limits=params.limits)
    if path.suffix.lower() == ".csv" and _is_aspi(tables):
        return _of_aspi(path)
    return _import(tables, params, _facility)


def areas_of_list(path: Path, params: PlaceParams) -> Import[Area]:
    """Return the areas in the table or extract at `path`; a point is an area as far around it as its row says.

    Raises:
        AoiError: The file cannot be read, or has no names or no positions.

    """
    if path.suffix.lower() != ".osm":
        tables = read_tables(path, encoding=params.encoding, limits=params.limits)
        return _import(tables, params, _area)
    found = _of_osm(path, params.limits)
    areas = tuple(
        Area(area_id=one.facility_id, name=one.names[0], polygon_4326=_outline(one.location_4326, params.radius_m))
        for one in found.items
    )
    return Import(
        path=found.path,
        items=areas,
        rejected=found.rejected,
        notes=found.notes,
        version=found.version,
        rows_read=found.rows_read,
    )


def _of_osm(path: Path, limits: ReadLimits) -> Import[Facility]:
    version = checksum(path)
    items, rejected, count = read_osm(path, limits)
    return Import(path=str(path), items=items, rejected=rejected, version=version, rows_read=count)


def _is_aspi(tables: Tables) -> bool:
    first = next((row.cells for sheet in tables.sheets for row in sheet.rows), ())
    return {plain_heading(cell) for cell in first} >= _ASPI_HEADINGS


def _of_aspi(path: Path) -> Import[Facility]:
    table = read_aspi(path)
    remarks = [f"{path}, {one.facility.names[0]}: {remark}" for one in table.records for remark in one.remarks]
    return Import(
        path=str(path),
        items=table.facilities,
        rejected=table.aside,
        notes=(f"{path}: is the table of ASPI, read with its own columns", *remarks),
        version=checksum(path),
        rows_read=len(table.records) + len(table.aside),
    )


def _import(
    tables: Tables, params: PlaceParams, make: Callable[[Record, PlaceParams, list[str]], Made]
) -> Import[Made]:
    listing: Listing = list_of(
        tables,
        ListParams(
            kind="facilities",
            needed=("name|id", "latitude|position"),
            override=params.override,
            encoding=params.encoding,
            limits=params.limits,
        ),
    )
    twice: list[RejectedRow]
    records, twice = without_repeats(listing.records)
    notes: list[str] = []
    rejected: list[RejectedRow] = []
    made: list[tuple[Record, Made]] = []
    for record in records:
        found: list[str] = []
        try:
            made.append((record, make(record, params, found)))
        except AoiError as error:
            rejected.append(record.rejected(str(error)))
            continue
        notes += [f"{record.where}: {remark}" for remark in found]
    return Import(
        path=listing.path,
        items=_with_ids_apart(made),
        rejected=(*listing.rejected, *rejected, *twice),
        mapping=listing.mapping,
        notes=(*listing.notes, *notes, *_swapped([record for record, _ in made])),
        version=listing.version,
        rows_read=listing.rows_read,
    )


def _with_ids_apart(made: Sequence[tuple[Record, Made]]) -> tuple[Made, ...]:
    ids = [one.area_id if isinstance(one, Area) else one.facility_id for _, one in made]
    own = ids_apart(ids, [record.cells for record, _ in made])
    return tuple(_renamed(one, new) for (_, one), new in zip(made, own, strict=True))


def _renamed(one: Made, own: str) -> Made:
    return replace(one, area_id=own) if isinstance(one, Area) else replace(one, facility_id=own)


def _swapped(records: Sequence[Record]) -> list[str]:
    suspects = likely_swapped(
        [position_of(record)[0] for record in records], [record.text("country") for record in records]
    )
    return [
        f"{records[index].where}: latitude and longitude may be swapped: "
        "the other way round it would lie among the others"
        for index in suspects
    ]


def _facility(record: Record, params: PlaceParams, notes: list[str]) -> Facility:
    del params
    parts = (part.strip() for text in record.texts("name") for part in text.split("|"))
    names = tuple(dict.fromkeys(part for part in parts if part))
    own = record.text("id")
    if not names and not own:
        raise AoiError("has neither a name nor an id")
    return Facility(
        facility_id=_own_id(own, names, "facility"),
        names=names or (own,),
        location_4326=_location(record, notes),
        kind=_kind(record.text("kind"), notes),
        status=record.text("status") or "unknown",
        source=record.text("source") or "unknown",
        position_error_m=_metres(record, "position_error_m") or 0.0,
    )


def _area(record: Record, params: PlaceParams, notes: list[str]) -> Area:
    names, own = record.texts("name"), record.text("id")
    if not names and not own:
        raise AoiError("has neither a name nor an id")
    location = _location(record, notes)
    radius_m = _metres(record, "radius_m")
    if isinstance(location, Point) and radius_m is None:
        radius_m = params.radius_m
        notes.append(f"is a point; the area reaches {radius_m:g} m around it, for no radius is given")
    return Area(
        area_id=_own_id(own, names, "area"),
        name=next(iter(names), own),
        polygon_4326=_outline(location, radius_m or 0.0),
        purpose=_purpose(record.text("purpose")),
        events=_events(record.text("events")),
        since=_since(record.text("since")),
        cadence=" ".join(record.text("cadence").split()),
    )


def _own_id(own: str, names: Sequence[str], what: str) -> str:
    return given_id(own, what=what) if own else slug(names[0], what=what)


def _location(record: Record, notes: list[str]) -> Point | Polygon | MultiPolygon:
    text = record.text("position")
    if text[:20].upper().lstrip().startswith(("POLYGON", "MULTIPOLYGON")):
        return _wkt(text)
    position, odd = position_of(record)
    if position is None or odd:
        raise AoiError(odd or "has no position")
    datum = plain_heading(record.text("datum")).replace(" ", "")
    if datum in ("gcj02", "bd09"):
        notes.append(f"its position is converted from {datum} to WGS84")
        position = to_wgs84(position, datum)
    return Point(position)


def _wkt(text: str) -> Polygon | MultiPolygon:
    try:
        shape = shapely.force_2d(shapely.from_wkt(text))
    except (ShapelyError, ValueError) as error:
        raise AoiError(f"the outline {text[:60]!r} cannot be read as well-known text") from error
    if not isinstance(shape, Polygon | MultiPolygon):
        raise AoiError(f"the outline must be a polygon; got a {shape.geom_type}")
    return shape


def _outline(location: Point | Polygon | MultiPolygon, radius_m: float) -> Polygon | MultiPolygon:
    """Return an outline as it is, and a point as a circle of `radius_m`."""
    if not isinstance(location, Point):
        return location
    if radius_m <= 0:
        raise AoiError(f"a radius must be above zero; got {radius_m:g} m")
    try:
        epsg = utm_epsg(location)
    except ValueError as error:
        raise AoiError(f"no circle of metres can be drawn so near a pole ({error})") from error
    circle = reproject(location, from_epsg=LON_LAT_EPSG, to_epsg=epsg).buffer(radius_m)
    moved = reproject(circle, from_epsg=epsg, to_epsg=LON_LAT_EPSG)
    return moved if isinstance(moved, Polygon | MultiPolygon) else Polygon()


def _kind(text: str, notes: list[str]) -> FacilityKind:
    plain = text.lower()
    if plain.replace(" ", "_").replace("-", "_") in list(FacilityKind):
        return FacilityKind(plain.replace(" ", "_").replace("-", "_"))
    found = next((kind for kind, words in _KIND_WORDS if any(word in plain for word in words)), FacilityKind.OTHER)
    if text and found is FacilityKind.OTHER:
        notes.append(f"the kind {text!r} is not known; there are {', '.join(FacilityKind)}")
    return found


def _metres(record: Record, name: str) -> float | None:
    text = record.text(name)
    value = amount(text) if text else None
    if text and (value is None or value < 0):
        raise AoiError(f"{name} must be a number of metres of 0 or more; got {text!r}")
    return value


def _purpose(text: str) -> Purpose:
    if text.lower() not in ("", *Purpose):
        raise AoiError(f"purpose must be among {', '.join(Purpose)}; got {text!r}")
    return Purpose(text.lower()) if text else Purpose.SITE


def _events(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.replace(";", ",").split(",") if part.strip()) or EVENTS


def _since(text: str) -> date | None:
    found = period(text) if text else None
    if text and found is None:
        raise AoiError(f"since must be a date such as 2017-05-31; got {text!r}")
    return found[0] if found else None
