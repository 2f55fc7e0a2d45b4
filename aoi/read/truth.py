"""Read what is known to have happened: tables of true events, or models of the IARPA SMART programme."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np

from aoi.read.features import Row, read_rows
from aoi.read.smart import SMALLEST_SITE_M2, read_smart
from geo.crs import LON_LAT_EPSG
from geo.errors import AoiError

_DAYS = ("started_on", "started_after", "active_on", "completed_on")
_SMART = frozenset({"region", "site", "site_summary", "observation"})


def read_truth(path: Path, *, smallest_m2: float = SMALLEST_SITE_M2) -> gpd.GeoDataFrame:
    """Return the true events of a file, or of a folder of SMART models, in EPSG:4326.

    A table has a row an event: ``event`` (construction, expansion, demolition), ``name``, ``started_on`` (the first day
    with it), an outline; and, where known, ``started_after``, ``active_on``, ``completed_on``. What `smallest_m2` means
    to SMART models: see `read_smart`; a table's rows count whatever their size.

    Raises:
        AoiError: The file cannot be read, or a row is incomplete; names file and row.

    """
    if path.is_dir() or _is_smart(path):
        return read_smart(path, smallest_m2=smallest_m2)
    rows = read_rows(path, layer="truth")
    events = [_event(row) for row in rows]
    frame = gpd.GeoDataFrame(events, geometry=[row.shape_4326 for row in rows], crs=LON_LAT_EPSG)
    for name in _DAYS:
        frame[name] = np.array([event[name] for event in events], dtype="datetime64[s]")
    return frame


def _event(row: Row) -> dict[str, object]:
    event = row.text("event")
    if event is None or row.text("started_on") is None:
        raise AoiError(f"{row.where}: a true event needs `event` and `started_on`")
    if row.shape_4326.area == 0:
        raise AoiError(f"{row.where}: a true event needs an outline; this is a {row.shape_4326.geom_type}")
    try:
        days = {name: row.day(name) for name in _DAYS}
    except AoiError as error:
        raise AoiError(f"{row.where}: {error}") from error
    return {"event": event.lower(), "name": row.text("name") or row.where, **days}


def _is_smart(path: Path) -> bool:
    if path.suffix.lower() not in {".geojson", ".json"}:
        return False
    try:
        features = json.loads(path.read_text(encoding="utf-8")).get("features", [])
        return bool(features) and features[0].get("properties", {}).get("type") in _SMART
    except (OSError, ValueError, AttributeError, TypeError, LookupError, RecursionError):
        return False  # whatever is wrong with it, reading it as a table says better
