"""The tables keep to their contract: every broken rule is refused, and files bring back what was written."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely.geometry import Polygon, box

from detection.schema import (
    COVERAGE_COLUMNS,
    DETECTION_COLUMNS,
    as_coverage,
    as_detections,
    check_detections,
    coverage_frame,
    detections_frame,
    no_detections,
)

if TYPE_CHECKING:
    from tests.detection.conftest import MakeRow

EPSG = 32645
COVERAGE = {
    "area_id": "a",
    "outcome": "nothing_found",
    "period_start": date(2022, 1, 1),
    "period_end": date(2022, 9, 1),
    "looks": 9,
    "clear_looks": 7,
    "last_clear_look": date(2022, 9, 1),
    "observed_share": 0.9,
    "median_clear_looks": 6.5,
    "detectable_area_m2": 4900.0,
    "detectable_contrast": 0.03,
    "not_seen": "[]",
    "settings_hash": "0123456789ab",
    "geometry": box(600_000, 4_804_000, 601_000, 4_805_000),
}


def test_a_good_table_is_taken_with_its_columns_in_order(make_row: "MakeRow") -> None:
    frame = detections_frame([make_row("a-1"), make_row("a-2", confirmed_on=None, status="candidate")], epsg=EPSG)
    assert list(frame.columns) == [*DETECTION_COLUMNS, "geometry"]
    assert frame.crs.to_epsg() == EPSG
    assert frame["onset_by"].dtype == np.dtype("datetime64[s]")
    assert pd.isna(frame["confirmed_on"].iloc[1])
    check_detections(frame)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"event": "collapse"}, "event: .*'collapse'.*not among", id="unknown-event"),
        pytest.param({"status": "sure"}, "status: .*'sure'", id="unknown-status"),
        pytest.param({"facility_relation": "far"}, "facility_relation: .*'far'", id="unknown-relation"),
        pytest.param({"confidence": 1.01}, "confidence: must lie in 0 to 1", id="too-sure"),
        pytest.param({"confidence": -0.01}, "confidence: must lie in 0 to 1", id="less-than-never"),
        pytest.param({"confidence": np.nan}, "confidence has a missing value", id="confidence-missing"),
        pytest.param({"area_m2": 0.0}, "area_m2 must be above 0", id="no-area"),
        pytest.param({"onset_by": date(2022, 2, 28)}, "onset_after must not be later", id="onset-backwards"),
        pytest.param({"onset_after": None}, "onset_after has a missing value", id="onset-missing"),
        pytest.param({"area_id": None}, "area_id has a missing value", id="area-missing"),
        pytest.param({"evidence": None}, "evidence has a missing value", id="evidence-missing"),
        pytest.param({"geometry": Polygon()}, "valid polygon", id="empty-shape"),
        pytest.param(
            {"geometry": Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])}, "valid polygon", id="shape-crosses-itself"
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(make_row: "MakeRow", changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detections_frame([make_row("a-1"), make_row("a-2", **changes)], epsg=EPSG)


def test_the_same_id_twice_is_refused(make_row: "MakeRow") -> None:
    with pytest.raises(ValueError, match="a-1 stands twice"):
        detections_frame([make_row("a-1"), make_row("a-1")], epsg=EPSG)


@pytest.mark.parametrize("column", ["evidence", "onset_by", "geometry"])
def test_a_row_without_a_column_is_refused(make_row: "MakeRow", column: str) -> None:
    row = make_row()
    del row[column]
    with pytest.raises(KeyError, match=column):
        detections_frame([row], epsg=EPSG)


def test_tables_with_other_columns_kinds_or_no_crs_are_refused(make_row: "MakeRow") -> None:
    frame = detections_frame([make_row()], epsg=EPSG)
    with pytest.raises(ValueError, match="expected the columns"):
        check_detections(frame.drop(columns="sensors"))
    with pytest.raises(ValueError, match="expected the columns"):
        check_detections(frame.assign(more=1))
    with pytest.raises(ValueError, match="looks_after must be int64; got float64"):
        check_detections(frame.astype({"looks_after": "float64"}))
    with pytest.raises(ValueError, match="the CRS is not known"):
        check_detections(frame.set_crs(None, allow_override=True))


def test_an_empty_table_has_the_right_kinds() -> None:
    empty = no_detections(epsg=EPSG)
    assert empty.empty
    check_detections(empty)
    assert [str(empty[name].dtype) for name in ("looks_after", "onset_by")] == ["int64", "datetime64[s]"]


@pytest.mark.parametrize(("suffix", "driver"), [("gpkg", "GPKG"), ("geojson", "GeoJSON")])
def test_a_file_brings_back_the_same_table(make_row: "MakeRow", tmp_path: Path, suffix: str, driver: str) -> None:
    rows = [
        make_row("a-1", facility_id="f", facility_relation="near", facility_distance_m=12.5, sensors="哨兵二号"),
        make_row("a-2", confirmed_on=None, status="candidate"),
    ]
    frame = detections_frame(rows, epsg=EPSG)
    frame = frame if driver == "GPKG" else detections_frame(rows, epsg=EPSG).to_crs(4326)
    path = tmp_path / f"detections.{suffix}"
    frame.to_file(path, driver=driver)
    read = as_detections(gpd.read_file(path))
    assert_geodataframe_equal(read, frame, check_less_precise=driver == "GeoJSON")
    assert read["facility_id"].tolist() == ["f", None]


@pytest.mark.parametrize("column", ["facility_id", "confirmed_on", "facility_distance_m"])
def test_a_column_without_any_value_survives_a_file(make_row: "MakeRow", tmp_path: Path, column: str) -> None:
    frame = detections_frame([make_row(confirmed_on=None, status="candidate")], epsg=EPSG)
    frame.to_file(tmp_path / "d.gpkg", driver="GPKG")
    read = as_detections(gpd.read_file(tmp_path / "d.gpkg"))
    assert read[column].isna().all()


def test_an_empty_table_survives_a_file(tmp_path: Path) -> None:
    no_detections(epsg=EPSG).to_file(tmp_path / "none.gpkg", driver="GPKG")
    assert as_detections(gpd.read_file(tmp_path / "none.gpkg")).empty


def test_coverage_survives_a_file(tmp_path: Path) -> None:
    bare = dict.fromkeys(("period_start", "period_end", "last_clear_look", "detectable_area_m2", "detectable_contrast"))
    rows = [COVERAGE, COVERAGE | bare | {"area_id": "b", "outcome": "no_imagery"}]
    frame = coverage_frame(rows, epsg=EPSG)
    assert list(frame.columns) == [*COVERAGE_COLUMNS, "geometry"]
    frame.to_file(tmp_path / "coverage.gpkg", driver="GPKG")
    assert_geodataframe_equal(as_coverage(gpd.read_file(tmp_path / "coverage.gpkg")), frame)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outcome": "fine"}, "outcome: .*'fine'"),
        ({"observed_share": 1.2}, "observed_share: must lie in 0 to 1"),
        ({"area_id": None}, "area_id has a missing value"),
    ],
)
def test_coverage_that_breaks_a_rule_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coverage_frame([COVERAGE | changes], epsg=EPSG)
