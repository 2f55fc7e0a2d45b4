"""One small run: six detections, four areas of which two were not seen, three facilities with hostile names."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString, Point, Polygon, box

from detection.schema import PERIMETER_COLUMNS, coverage_frame, detections_frame, perimeters_frame

HOSTILE_NAME = 'East <script>alert(1)</script> & "co" \''
CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"
_NONE = np.datetime64("NaT")
_AREAS = {
    "home": box(88.252, 43.366, 88.318, 43.395),
    "west": box(88.18, 43.366, 88.247, 43.395),
    "east": box(88.323, 43.366, 88.36, 43.395),
    "north": box(88.252, 43.40, 88.318, 43.42),
}
_EVIDENCE = {
    "features": {
        "brightness_step": {"value": 0.142, "weight": 9.5, "contribution": 1.35},
        "season_difference_days": {"value": 100, "weight": -0.004, "contribution": -0.4},
    },
    "growth": [["2017-06-10", 12300.0], ["2018-10-11", 420000.0]],
    "note": "Roofs in rows <b>closed</b>",
}


def _detection(detection_id: str, event: str, status: str, shape: Polygon, **others: object) -> Mapping[str, Any]:
    return {
        "detection_id": detection_id,
        "area_id": "home",
        "facility_id": None,
        "facility_relation": "none",
        "facility_distance_m": np.nan,
        "event": event,
        "status": status,
        "confidence": 0.5,
        "onset_after": np.datetime64("2017-03-02"),
        "onset_by": np.datetime64("2017-06-10"),
        "confirmed_on": np.datetime64("2017-08-04") if status == "confirmed" else _NONE,
        "last_seen_on": np.datetime64("2018-10-11"),
        "looks_before": 1,
        "looks_after": 11,
        "area_m2": 90_000.0,
        "evidence": json.dumps(_EVIDENCE),
        "sensors": "sentinel-2",
        "scene_ids": json.dumps(["a", "b"]),
        "settings_hash": "9f2c1e",
        "geometry": shape,
        **others,
    }


@pytest.fixture
def detections() -> gpd.GeoDataFrame:
    """Return every status and every event, in EPSG:4326; the first is confirmed and lies inside a camp."""
    inside = {"facility_id": "camp-1", "facility_relation": "inside", "facility_distance_m": 0.0, "confidence": 0.93}
    near = {"facility_id": "park-1", "facility_relation": "near", "facility_distance_m": 431.0, "confidence": 0.61}
    rows = [
        _detection("rejected", "construction", "rejected", box(88.258, 43.3725, 88.262, 43.375)),
        _detection("camp", "construction", "confirmed", box(88.2838, 43.381, 88.296, 43.3865), **inside),
        _detection("park", "expansion", "candidate", box(88.303, 43.376, 88.307, 43.379), **near),
        _detection("field", "surface_change", "candidate", box(88.262, 43.389, 88.27, 43.392)),
        _detection("gone", "demolition", "confirmed", box(88.274, 43.3705, 88.278, 43.373)),
        _detection("closed", "construction", "closed", box(88.311, 43.388, 88.3145, 43.3905)),
    ]
    return detections_frame(rows, epsg=4326)


def _coverage(area_id: str, outcome: str, **others: object) -> Mapping[str, Any]:
    return {
        "area_id": area_id,
        "outcome": outcome,
        "period_start": np.datetime64("2017-03-02"),
        "period_end": np.datetime64("2018-10-11"),
        "looks": 12,
        "clear_looks": 9,
        "last_clear_look": np.datetime64("2018-10-11"),
        "observed_share": 0.997,
        "median_clear_looks": 9.0,
        "detectable_area_m2": 900.0,
        "detectable_contrast": 0.06,
        "not_seen": json.dumps([]),
        "settings_hash": "9f2c1e",
        "geometry": _AREAS[area_id],
        **others,
    }


@pytest.fixture
def coverage() -> gpd.GeoDataFrame:
    """Return one row an outcome, in EPSG:4326."""
    unseen = {"clear_looks": 0, "last_clear_look": _NONE, "detectable_area_m2": np.nan, "detectable_contrast": np.nan}
    hidden = {**unseen, "observed_share": 0.08, "not_seen": json.dumps([{"date": "2017-06-10", "reason": "cloud"}])}
    absent = {**unseen, "looks": 0, "observed_share": 0.0, "period_start": _NONE, "period_end": _NONE}
    rows = [
        _coverage("home", "found"),
        _coverage("west", "not_observed", **hidden),
        _coverage("east", "no_imagery", **absent),
        _coverage("north", "nothing_found"),
    ]
    return coverage_frame(rows, epsg=4326)


@pytest.fixture
def perimeters() -> gpd.GeoDataFrame:
    """Return a facility with an arc of each state, and one whose perimeter is not known, in EPSG:4326."""
    empty: dict[str, Any] = {name: None for name, kind in PERIMETER_COLUMNS.items() if kind.endswith("?")}
    common = {"area_id": "home", "reason": "as it is", "looks_before": 3, "looks_after": 4, "null_arcs": 900}
    common |= {"settings_hash": "9f2c1e", "facility_id": "camp-1"}
    states = ("indicated", "present", "weakened", "gone", "cannot_tell")
    lines = [LineString([(88.28, 43.38 + arc / 1e3), (88.3, 43.39)]) for arc in range(len(states))]
    rows = [
        {**empty, **common, "arc": arc, "state": state, "geometry": line}
        for arc, (state, line) in enumerate(zip(states, lines, strict=True))
    ]
    unknown = {"facility_id": "other-1", "arc": 0, "state": "cannot_tell", "geometry": None}
    return perimeters_frame([*rows, {**empty, **common, **unknown}], epsg=4326)


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    """Return the areas, with a column that nobody expects and one whose name differs only in case."""
    columns = {
        "id": list(_AREAS),
        "name": ["Dabancheng 达坂城", "Western plain", HOSTILE_NAME, "North slope"],
        "fid": [7, 7, 7, 7],
        "NAME": ["a", "b", "c", "d"],
    }
    return gpd.GeoDataFrame(columns, geometry=list(_AREAS.values()), crs=4326)


@pytest.fixture
def facilities() -> gpd.GeoDataFrame:
    """Return a point, a polygon, and a point of a kind that no style knows."""
    columns = {
        "id": ["camp-1", "park-1", "other-1"],
        "name": ["Facility 1 达坂城区", "Salt Lake <i>park</i>", None],
        "names": [["Facility 1", "达坂城区"], ["Salt Lake"], []],
        "kind": ["camp", "industrial_park", "castle"],
    }
    shapes = [Point(88.28994, 43.38385), box(88.3075, 43.3745, 88.314, 43.379), Point(88.2725, 43.3787)]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


QGIS_INTERPRETER = "/usr/bin/python3"


def _why_no_qgis() -> str:
    try:
        tried = subprocess.run([QGIS_INTERPRETER, "-c", "import qgis.core"], capture_output=True, check=False)
    except OSError as error:
        return f"{QGIS_INTERPRETER}: {error}"
    return "" if tried.returncode == 0 else f"{QGIS_INTERPRETER} cannot import qgis"


@pytest.fixture(scope="session")
def in_qgis() -> Callable[..., Mapping[str, Any]]:
    """Return what runs a script with the interpreter that has QGIS, and gives what it printed; or skip."""
    if _why_no_qgis():
        pytest.skip(f"no QGIS: {_why_no_qgis()}")

    def run(script: Path, *arguments: object, **environ: str) -> Mapping[str, Any]:
        done = subprocess.run(
            [QGIS_INTERPRETER, str(script), *map(str, arguments)],
            capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environ},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: Mapping[str, Any] = json.loads(done.stdout)
        return found

    return run
