import json
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from shapely.geometry import Point, box

from aoi.facilities import FacilityKind
from detection.schema import DETECTION_COLUMNS, Event, Outcome, Status, as_coverage, as_detections, as_perimeters
from geo.errors import OutputError
from outputs.layers.geopackage import AREA_COLUMNS, LAYERS, write_geopackage
from outputs.layers.styles import style_of


@pytest.fixture
def layers(
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    perimeters: gpd.GeoDataFrame,
) -> Mapping[str, gpd.GeoDataFrame]:
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    return {**tables, "perimeters": perimeters}


@pytest.fixture
def package(tmp_path: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> Path:
    path = tmp_path / "run.gpkg"
    write_geopackage(path, {**layers, "detections": layers["detections"].to_crs(32645)}, credit="Somebody.")
    return path


def _query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_detections_read_back_as_they_were(package: Path, detections: gpd.GeoDataFrame) -> None:
    back = as_detections(gpd.read_file(package, layer="detections"))
    pd.testing.assert_frame_equal(
        pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(detections.drop(columns="geometry"))
    )
    assert back.crs.to_epsg() == 4326
    assert back.to_crs(32645).symmetric_difference(detections.to_crs(32645)).area.max() < 1  # square metres


def test_coverage_reads_back_as_it_was(package: Path, coverage: gpd.GeoDataFrame) -> None:
    back = as_coverage(gpd.read_file(package, layer="coverage"))
    pd.testing.assert_frame_equal(
        pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(coverage.drop(columns="geometry"))
    )


def test_perimeters_read_back_as_they_were_those_without_a_line_too(
    package: Path, perimeters: gpd.GeoDataFrame
) -> None:
    back = as_perimeters(gpd.read_file(package, layer="perimeters"))
    pd.testing.assert_frame_equal(
        pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(perimeters.drop(columns="geometry"))
    )
    assert back.geometry.isna().tolist() == perimeters.geometry.isna().tolist()


@pytest.mark.parametrize("name", list(LAYERS))
@pytest.mark.parametrize("is_empty", [False, True], ids=["filled", "empty"])
def test_every_layer_has_its_columns_type_and_crs(package: Path, tmp_path: Path, name: str, *, is_empty: bool) -> None:
    path = package
    if is_empty:
        path = tmp_path / "empty.gpkg"
        write_geopackage(path, {})
    info = pyogrio.read_info(path, layer=name)
    ogr_types = dict(zip(info["fields"], info["ogr_types"], strict=True))
    kinds = LAYERS[name].columns
    expected = {"str": "OFTString", "json": "OFTString", "date": "OFTDate", "float": "OFTReal", "int": "OFTInteger64"}
    assert {column: ogr_types[column] for column in kinds} == {
        column: expected[kind.rstrip("?")] for column, kind in kinds.items()
    }
    assert info["geometry_type"] == LAYERS[name].geometry_type
    assert info["crs"] == "EPSG:4326"
    assert (info["features"] == 0) is is_empty


def test_days_are_stored_as_days(package: Path) -> None:
    assert _query(package, "SELECT DISTINCT onset_after, typeof(onset_after) FROM detections") == [
        ("2017-03-02", "text")
    ]
    types = dict(_query(package, "SELECT name, type FROM pragma_table_info('detections')"))
    assert {types[name] for name, kind in DETECTION_COLUMNS.items() if kind.startswith("date")} == {"DATE"}


def test_facilities_are_points_and_their_outlines_a_layer_of_their_own(
    package: Path, facilities: gpd.GeoDataFrame
) -> None:
    points = gpd.read_file(package, layer="facilities")
    outlines = gpd.read_file(package, layer="facility_outlines")
    assert list(points["id"]) == list(facilities["id"])
    assert set(points.geom_type) == {"Point"}
    assert points.geometry.intersects(facilities.geometry).all()
    assert list(outlines["id"]) == ["park-1"]
    assert json.loads(points["names"][0]) == ["Facility 1", "达坂城区"]


def test_further_columns_stay_and_clashes_do_not_break_the_file(package: Path) -> None:
    areas = gpd.read_file(package, layer="areas")
    assert list(areas["fid"]) == [7, 7, 7, 7]
    assert areas["name"][0] == "Dabancheng 达坂城"
    assert "NAME" not in areas.columns
    assert set(AREA_COLUMNS) <= set(areas.columns)


def test_date_objects_with_gaps_become_days(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {
            "id": ["a", "b"],
            "since": [date(2017, 1, 1), None],
            "visited": pd.to_datetime(pd.Series(["2018-02-03", None])),
        },
        geometry=[box(0, 0, 1, 1), box(2, 0, 3, 1)],
        crs=4326,
    )
    write_geopackage(tmp_path / "a.gpkg", {"areas": frame})
    assert _query(tmp_path / "a.gpkg", "SELECT since, visited FROM areas") == [
        ("2017-01-01", "2018-02-03"),
        (None, None),
    ]


def test_the_file_stands_alone_in_an_old_enough_version(package: Path) -> None:
    assert [path.name for path in package.parent.iterdir()] == [package.name]
    assert _query(package, "PRAGMA user_version") == [(10200,)]
    assert _query(package, "PRAGMA journal_mode") == [("delete",)]
    assert _query(package, "PRAGMA integrity_check") == [("ok",)]


def test_every_layer_brings_its_style_as_default(package: Path) -> None:
    rows = _query(package, "SELECT f_table_name, f_geometry_column, useAsDefault FROM layer_styles")
    geometry_columns = dict(_query(package, "SELECT table_name, column_name FROM gpkg_geometry_columns"))
    assert {name: column for name, column, _ in rows} == geometry_columns
    assert {is_default for *_, is_default in rows} == {1}
    contents = dict(_query(package, "SELECT table_name, data_type FROM gpkg_contents"))
    assert contents == {**dict.fromkeys(LAYERS, "features"), "layer_styles": "attributes"}


def test_the_credit_stands_in_every_layer(package: Path) -> None:
    descriptions = _query(package, "SELECT description FROM gpkg_contents WHERE data_type = 'features'")
    assert all(text.endswith("Somebody.") for (text,) in descriptions)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        pytest.param("coverage", set(Outcome), id="coverage"),
        pytest.param("facilities", set(FacilityKind), id="facilities"),
        pytest.param(
            "detections",
            {f"{event}/{status}" for event in Event for status in (Status.CONFIRMED, Status.CANDIDATE)}
            | {Status.CLOSED, Status.NOT_OBSERVABLE, Status.DROPPED, Status.REJECTED},
            id="detections",
        ),
    ],
)
def test_styles_know_every_word_of_the_schema(layer: str, expected: set[str]) -> None:
    style = ET.fromstring(style_of(layer).partition("\n")[2])  # noqa: S314  # our own text
    assert {category.get("value") for category in style.iter("category")} == expected
    symbols = {symbol.get("name") for symbol in style.findall("renderer-v2/symbols/symbol")}
    assert {category.get("symbol") for category in style.iter("category")} == symbols


def test_unseen_ground_is_hatched_and_seen_ground_is_not() -> None:
    style = ET.fromstring(style_of("coverage").partition("\n")[2])  # noqa: S314
    symbols = style.findall("renderer-v2/symbols/symbol")
    hatches = {
        category.get("value"): len(symbols[int(category.get("symbol", ""))].findall("layer[@class='LinePatternFill']"))
        for category in style.iter("category")
    }
    assert hatches == {Outcome.FOUND: 0, Outcome.NOTHING_FOUND: 0, Outcome.NOT_OBSERVED: 1, Outcome.NO_IMAGERY: 2}


def test_an_old_file_is_replaced_as_a_whole(tmp_path: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    path = tmp_path / "run.gpkg"
    write_geopackage(path, layers)
    write_geopackage(path, {})
    assert len(gpd.read_file(path, layer="detections")) == 0


def test_an_unknown_layer_is_refused(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    with pytest.raises(ValueError, match="roads"):
        write_geopackage(tmp_path / "a.gpkg", {"roads": areas})


def test_what_the_writer_refuses_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"id": ["a"], "name": ["a"]}, geometry=[Point(0, 0)], crs=4326)
    (tmp_path / "run.gpkg").mkdir()
    with pytest.raises(OutputError, match=r"run\.gpkg"):
        write_geopackage(tmp_path / "run.gpkg", {"facilities": frame})
    assert [path.name for path in tmp_path.iterdir()] == ["run.gpkg"]
