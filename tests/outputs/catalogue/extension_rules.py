"""What the specifications of five STAC extensions ask of an item's fields, as JSON schemas in our own words.

The packages bring the core schemas; those of the extensions lie on the web, which tests do not ask. Written from the
tables of fields in the extensions' readmes: projection 2.0.0, file 2.1.0, processing 1.1.0, raster 2.0.0, eo 2.0.0.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outputs.catalogue.assets import EO, FILE, PROCESSING, PROJECTION, RASTER

Schema = dict[str, Any]
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_FIELDS: Mapping[str, Mapping[str, Schema]] = {
    PROJECTION: {
        "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z]+:[0-9]+$"},
        "proj:shape": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}},
        "proj:bbox": {**_NUMBERS, "minItems": 4, "maxItems": 4},
        "proj:transform": {**_NUMBERS, "minItems": 6, "maxItems": 6},
    },
    FILE: {
        "file:size": {"type": "integer", "minimum": 0},
        "file:checksum": {"type": "string", "pattern": "^1220[a-f0-9]{64}$"},
    },
    PROCESSING: {
        "processing:software": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
        "processing:level": {"type": "string", "pattern": "^(RAW|L[0-4][A-D]?)$"},
        "processing:lineage": {"type": "string", "minLength": 1},
    },
    RASTER: {
        "raster:scale": {"type": "number"},
        "raster:offset": {"type": "number"},
        "raster:sampling": {"enum": ["area", "point"]},
        "raster:spatial_resolution": {"type": "number", "exclusiveMinimum": 0},
    },
    EO: {"eo:common_name": {"enum": ["blue", "green", "red", "nir", "swir16", "swir22"]}},
}
_PREFIXES = {PROJECTION: "proj", FILE: "file", PROCESSING: "processing", RASTER: "raster", EO: "eo"}


def schemas() -> dict[str, Schema]:
    """Return a schema for each extension, by its address: its fields, and no other with its prefix."""
    return {address: _schema(address, fields) for address, fields in _FIELDS.items()}


def _schema(address: str, fields: Mapping[str, Schema]) -> Schema:
    held: Schema = {
        "type": "object",
        "properties": dict(fields),
        "patternProperties": {f"^(?!{_PREFIXES[address]}:)": {}},
        "additionalProperties": False,
    }
    banded = {**held, "properties": {**held["properties"], "bands": {"type": "array", "items": held}}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": address,
        "type": "object",
        "required": ["stac_extensions"],
        "properties": {
            "stac_extensions": {"type": "array", "contains": {"const": address}},
            "properties": held,
            "assets": {"type": "object", "additionalProperties": banded},
        },
    }


def as_files(folder: Path) -> dict[str, str]:
    """Write the schemas into `folder`; return address to file."""
    found = {}
    for address, schema in schemas().items():
        path = folder / f"{_PREFIXES[address]}.json"
        path.write_text(json.dumps(schema), encoding="utf-8")
        found[address] = str(path)
    return found
