"""GeoJSON as RFC 7946 wants it: for the web, for reporters, for anything that is not a GIS."""

import json
import math
from collections.abc import Hashable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from detection.schema import COVERAGE_COLUMNS, DETECTION_COLUMNS
from geo.atomic import atomic_file
from outputs.tables import in_lon_lat

DECIMALS = 7
"""About a centimetre: far finer than any pixel here, and no false digits of double precision."""

_JSON_COLUMNS = frozenset(
    name for columns in (DETECTION_COLUMNS, COVERAGE_COLUMNS) for name, kind in columns.items() if kind == "json"
)
_ID_COLUMNS = ("detection_id", "id", "area_id")
_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


def write_geojson(
    path: Path, frame: gpd.GeoDataFrame, *, credit: str = "", members: Mapping[str, Any] = _NO_MEMBERS
) -> None:
    """Write `frame`, in any CRS, as one FeatureCollection in longitude and latitude.

    Outer rings run anticlockwise, numbers that are missing become null, dates ``YYYY-MM-DD``, and columns that hold
    JSON as text (``evidence``, ``scene_ids``, ``not_seen``) become JSON themselves. `credit` is added as the member
    ``attribution`` beside the features, and so are `members`.

    Raises:
        OutputError: The file cannot be written.

    """
    collection = feature_collection(frame, credit=credit, members=members)
    # One feature a line: readable, and two runs can be compared line by line.
    features = ",\n".join(_text(feature) for feature in collection.pop("features"))
    head = _text(collection).removesuffix("}")
    with atomic_file(path) as part:
        part.write_text(f'{head}, "features": [\n{features}\n]}}\n', encoding="utf-8")


def feature_collection(
    frame: gpd.GeoDataFrame, *, credit: str = "", members: Mapping[str, Any] = _NO_MEMBERS
) -> dict[str, Any]:
    """Return `frame` as the plain values of a GeoJSON FeatureCollection."""
    shapes = in_lon_lat(frame).geometry
    names = [name for name in frame.columns if name != shapes.name]
    rows = frame[names].to_dict("records")
    features = [_feature(row, shape) for row, shape in zip(rows, shapes, strict=True)]
    attribution = {"attribution": credit} if credit else {}
    return {"type": "FeatureCollection", **attribution, **members, "features": features}


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _feature(row: Mapping[Hashable, Any], shape: BaseGeometry | None) -> dict[str, Any]:
    properties = {str(name): _plain(row[name], is_json=name in _JSON_COLUMNS) for name in row}
    identity = next((properties[name] for name in _ID_COLUMNS if properties.get(name) is not None), None)
    known = {} if identity is None else {"id": identity}
    return {"type": "Feature", **known, "geometry": _geometry(shape), "properties": properties}


def _geometry(shape: BaseGeometry | None) -> dict[str, Any] | None:
    if shape is None or shape.is_empty:
        return None
    flat = shapely.force_2d(shape)
    turned = shapely.orient_polygons(flat, exterior_cw=False)
    rounded = shapely.transform(turned, lambda xy: np.round(xy, DECIMALS))
    geometry: dict[str, Any] = rounded.__geo_interface__
    return geometry


def _plain(value: Any, *, is_json: bool) -> Any:  # noqa: ANN401  # a table's cell may hold anything
    """Return a cell as something that JSON knows."""
    if isinstance(value, str):
        return json.loads(value, parse_constant=lambda _: None) if is_json else value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, is_json=False) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item, is_json=False) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:  # noqa: ANN401
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        return _plain_scalar(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int):
        return value
    return value.isoformat()[:10] if isinstance(value, date) else str(value)
