import json
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LinearRing, Point, Polygon, box, shape

from geo.errors import OutputError
from outputs.layers.geojson import feature_collection, write_geojson


def _written(path: Path, frame: gpd.GeoDataFrame, *, credit: str = "") -> dict[str, Any]:
    write_geojson(path, frame, credit=credit)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_what_is_written_reads_back_in_lon_lat(tmp_path: Path, detections: gpd.GeoDataFrame) -> None:
    collection = _written(tmp_path / "d.geojson", detections.to_crs(32645), credit="Somebody")
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    assert collection["attribution"] == "Somebody"
    assert [feature["id"] for feature in collection["features"]] == list(detections["detection_id"])
    for feature, expected in zip(collection["features"], detections.geometry, strict=True):
        assert shape(feature["geometry"]).symmetric_difference(expected).area < 1e-9
    back = gpd.read_file(tmp_path / "d.geojson")
    assert back.crs.to_epsg() == 4326
    assert len(back) == len(detections)


def test_cells_become_what_json_knows(tmp_path: Path, detections: gpd.GeoDataFrame) -> None:
    properties = _written(tmp_path / "d.geojson", detections)["features"][0]["properties"]
    assert properties["onset_after"] == "2017-03-02"
    assert properties["confirmed_on"] is None
    assert properties["facility_distance_m"] is None
    assert properties["facility_id"] is None
    assert properties["looks_after"] == 11
    assert properties["scene_ids"] == ["a", "b"]
    assert properties["evidence"]["features"]["brightness_step"]["value"] == 0.142


def test_no_number_is_written_that_json_does_not_have(tmp_path: Path) -> None:
    columns = {"evidence": ['{"value": NaN}', "{}"], "x": [np.inf, np.nan], "n": pd.array([1, None], dtype="Int64")}
    frame = gpd.GeoDataFrame(columns, geometry=[Point(1, 2), None], crs=4326)
    path = tmp_path / "d.geojson"
    write_geojson(path, frame)
    first, second = json.loads(path.read_text(), parse_constant=pytest.fail)["features"]
    assert first["properties"] == {"evidence": {"value": None}, "x": None, "n": 1}
    assert second["properties"]["n"] is None
    assert second["geometry"] is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(date(2017, 1, 2), "2017-01-02", id="date"),
        pytest.param(pd.Timestamp("2017-01-02"), "2017-01-02", id="timestamp"),
        pytest.param(("a", np.float32(0.5)), ["a", 0.5], id="tuple"),
        pytest.param({"a": [np.int64(1)]}, {"a": [1]}, id="mapping"),
        pytest.param(np.bool_(1), True, id="bool"),
    ],
)
def test_objects_in_cells(cell: object, expected: object) -> None:
    frame = gpd.GeoDataFrame({"x": pd.Series([cell], dtype=object)}, geometry=[Point(0, 0)], crs=4326)
    assert feature_collection(frame)["features"][0]["properties"]["x"] == expected


@given(west=st.floats(-179, 178), south=st.floats(-89, 88), is_clockwise=st.booleans(), hole_is_clockwise=st.booleans())
def test_rings_obey_the_right_hand_rule_with_seven_decimals(
    west: float, south: float, *, is_clockwise: bool, hole_is_clockwise: bool
) -> None:
    outer = list(box(west, south, west + 1, south + 1, ccw=not is_clockwise).exterior.coords)
    hole = list(box(west + 0.3, south + 0.3, west + 0.6, south + 0.6, ccw=not hole_is_clockwise).exterior.coords)
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[Polygon(outer, [hole])], crs=4326)
    rings = feature_collection(frame)["features"][0]["geometry"]["coordinates"]
    assert LinearRing(rings[0]).is_ccw
    assert not LinearRing(rings[1]).is_ccw
    assert all(round(value, 7) == value for ring in rings for pair in ring for value in pair)


def test_a_table_without_rows_is_a_collection_without_features(tmp_path: Path) -> None:
    assert _written(tmp_path / "d.geojson", gpd.GeoDataFrame())["features"] == []


def test_rows_without_crs_are_refused() -> None:
    with pytest.raises(ValueError, match="CRS"):
        feature_collection(gpd.GeoDataFrame(geometry=[Point(0, 0)]))


def test_a_folder_in_the_way_is_named(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    (tmp_path / "d.geojson").mkdir()
    with pytest.raises(OutputError, match=r"d\.geojson"):
        write_geojson(tmp_path / "d.geojson", areas)
