"""Locations as the Open Supply Hub API gives them (JSON, one page or a list of them), as a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aoi.read.delimited import TextRow
from aoi.read.imported import checksum
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.table import Tables, read_text
from aoi.read.workbook import Sheet, cell_text
from geo.errors import AoiError

_COLUMNS = (
    "os_id",
    "name",
    "local_name",
    "address",
    "country_name",
    "lat",
    "lng",
    "sector",
    "product_type",
    "parent_company",
)
_DEEPEST = 40


def is_locations(path: Path) -> bool:
    """Return whether the file at `path` is called like JSON."""
    return path.suffix.lower() in {".json", ".geojson"}


def location_tables(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Tables:
    """Return the locations in the JSON at `path` as a table.

    Understood are the answer of ``/api/v1/production-locations/`` (``{"count": 1, "data": [...]}``), a list of
    locations, and a FeatureCollection of ``/api/facilities/``.

    Raises:
        AoiError: It is no JSON, or holds no locations.

    """
    version = checksum(path)
    text, encoding, note = read_text(path, limits=limits)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AoiError(f"{path}: cannot be read as JSON ({error})") from error
    found = _locations(document)
    if found is None:
        raise AoiError(f"{path}: expected locations of Open Supply Hub: a list, or an object with data or features")
    rows = [TextRow(number=0, cells=_COLUMNS)]
    for number, location in enumerate(found, start=1):
        if isinstance(location, Mapping):
            rows.append(TextRow(number=number, cells=_cells(location)))
        else:
            rows.append(TextRow(number=number, cells=(str(location)[:200],), trouble="is no location"))
    notes = (note,) if note else ()
    return Tables(
        path=str(path), sheets=(Sheet(name="", rows=tuple(rows)),), version=version, encoding=encoding, notes=notes
    )


def _locations(document: object) -> Sequence[object] | None:
    if isinstance(document, Mapping):
        inside = next((document[key] for key in ("data", "features", "results") if key in document), None)
        return inside if isinstance(inside, list) else None
    return document if isinstance(document, list) else None


def _cells(location: Mapping[str, Any]) -> tuple[str, ...]:
    told = location.get("properties")
    flat = {**location, **told} if isinstance(told, Mapping) else dict(location)
    country, place, shape = flat.get("country"), flat.get("coordinates"), flat.get("geometry")
    if isinstance(country, Mapping):
        flat["country_name"] = country.get("alpha_2") or country.get("name")
    elif country:
        flat.setdefault("country_name", country)
    if isinstance(place, Mapping):
        flat |= {"lat": place.get("lat"), "lng": place.get("lng", place.get("lon"))}
    elif isinstance(shape, Mapping) and isinstance(shape.get("coordinates"), list) and len(shape["coordinates"]) > 1:
        flat |= {"lng": shape["coordinates"][0], "lat": shape["coordinates"][1]}
    flat.setdefault("os_id", flat.get("oar_id", flat.get("id")))
    return tuple(_text(flat.get(column)) for column in _COLUMNS)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return _text(value.get("name") or value.get("raw_value") or value.get("value"))
    if isinstance(value, list):
        return "|".join(filter(None, map(_text, value[:_DEEPEST])))
    return cell_text(value)
