"""Annotated sites of the SMART programme are read as they are meant, whatever their files leave out."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shapely.geometry import box, mapping

from aoi.read.smart import read_smart
from geo.errors import AoiError

BIG = mapping(box(8.50, 47.40, 8.502, 47.402))  # about 150 x 222 m
SMALL = mapping(box(8.50, 47.40, 8.5005, 47.4005))


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def site(**others: Any) -> dict[str, Any]:  # noqa: ANN401
    told = {"type": "site", "site_id": "CH_R001_0007", "status": "positive_annotated", "start_date": None, **others}
    return feature(BIG, **told)


def seen(day: str | None, phase: str | None, geometry: Any = None) -> dict[str, Any]:  # noqa: ANN401
    return feature(geometry or BIG, type="observation", observation_date=day, current_phase=phase)


def written(folder: Path, *features: dict[str, Any], name: str = "model.geojson") -> Path:
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), encoding="utf-8")
    return path


def only(path: Path) -> dict[str, Any]:
    (row,) = read_smart(path).to_dict("records")
    return {str(name): value for name, value in row.items()}


def days(row: dict[str, Any]) -> list[str | None]:
    names = ("started_after", "started_on", "active_on", "completed_on")
    return [None if pd.isna(row[name]) else str(row[name].date()) for name in names]


def test_phases_begin_on_the_first_look_with_them(tmp_path: Path) -> None:
    looks = [
        seen("2017-05-01", "Active Construction"),  # in no order
        seen("2016-01-01", "No Activity"),
        seen("2016-03-01", "No Activity"),
        seen("2016-06-01", "Site Preparation"),
        seen("2018-02-01", "Post Construction"),
        seen("2017-08-01", "Unknown"),
    ]
    row = only(written(tmp_path, site(), *looks))
    assert days(row) == ["2016-03-01", "2016-06-01", "2017-05-01", "2018-02-01"]
    assert row["worth"] == "positive"
    assert [day.isoformat() for day, _ in row["outlines"]] == ["2016-06-01", "2017-05-01", "2018-02-01"]
    assert date(2017, 8, 1) not in row["observed_on"]  # nobody knew the phase


@pytest.mark.parametrize(
    ("phases", "phase"),
    [
        ("Site Preparation, Active Construction", "active"),
        ("No Activity, Site Preparation", "preparation"),
        ("No Activity, Post Construction", "active"),
        ("Post Construction, Unknown", "done"),
        ("Unknown, Unknown", None),
    ],
)
def test_a_site_is_as_far_as_its_liveliest_part(tmp_path: Path, phases: str, phase: str | None) -> None:
    looks = [seen("2016-01-01", "No Activity"), seen("2016-06-01", phases)]
    row = only(written(tmp_path, site(), *looks))
    expected = {
        "active": ["2016-01-01", "2016-06-01", "2016-06-01", None],
        "preparation": ["2016-01-01", "2016-06-01", None, None],
        "done": ["2016-01-01", "2016-06-01", None, "2016-06-01"],
        None: [None, None, None, None],
    }
    assert days(row) == expected[phase]


def test_work_that_goes_on_after_a_site_was_done_undoes_it(tmp_path: Path) -> None:
    looks = [
        seen("2016-01-01", "Active Construction"),
        seen("2017-01-01", "Post Construction"),
        seen("2017-06-01", "Active Construction"),
    ]
    row = only(written(tmp_path, site(), *looks))
    assert days(row) == [None, "2016-01-01", "2016-01-01", None]


@pytest.mark.parametrize("nothing", [None, "", "  ", "None", "null"])
def test_dates_that_say_nothing_are_missing(tmp_path: Path, nothing: str | None) -> None:
    looks = [seen(nothing, "Active Construction"), seen("2016-01-01", "Active Construction")]
    row = only(written(tmp_path, site(start_date=nothing, end_date=nothing), *looks))
    assert days(row) == [None, "2016-01-01", "2016-01-01", None]
    summary = site(type="site_summary", start_date=nothing, end_date="2019-01-01T00:00:00")
    row = only(written(tmp_path, summary))
    assert days(row) == [None, None, None, "2019-01-01"]
    assert row["worth"] == "ignore"  # never known to begin


def test_parts_and_crossing_rings_are_one_outline(tmp_path: Path) -> None:
    parts = {
        "type": "MultiPolygon",
        "coordinates": [BIG["coordinates"], mapping(box(8.51, 47.40, 8.512, 47.402))["coordinates"]],
    }
    bow = {
        "type": "Polygon",
        "coordinates": [[[8.5, 47.4], [8.502, 47.402], [8.502, 47.4], [8.5, 47.402], [8.5, 47.4]]],
    }
    row = only(written(tmp_path, site(), seen("2016-01-01", "Site Preparation, Site Preparation", parts)))
    assert row["geometry"].geom_type == "MultiPolygon"
    assert only(written(tmp_path, site(), seen("2016-01-01", "Site Preparation", bow)))["geometry"].is_valid


@pytest.mark.parametrize(
    ("status", "worth"),
    [
        ("positive_annotated", "positive"),
        ("positive_pending", "positive"),
        ("system_confirmed", "positive"),
        ("negative", "negative"),
        ("positive_excluded", "ignore"),
        ("ignore", "ignore"),
        ("transient_positive", "ignore"),
        ("system_rejected", "ignore"),
    ],
)
def test_the_status_tells_what_a_site_counts(tmp_path: Path, status: str, worth: str) -> None:
    summary = site(type="site_summary", status=status, start_date="2016-01-01")
    assert only(written(tmp_path, summary))["worth"] == worth


def test_small_sites_count_neither_way(tmp_path: Path) -> None:
    small = feature(SMALL, type="site_summary", site_id="x", status="positive_annotated", start_date="2016-01-01")
    path = written(tmp_path, small)
    assert only(path)["worth"] == "ignore"
    assert read_smart(path, smallest_m2=1_000)["worth"].tolist() == ["positive"]


@pytest.mark.parametrize("order", [("a.geojson", "b.geojson"), ("b.geojson", "a.geojson")])
def test_the_model_that_tells_more_wins(tmp_path: Path, order: tuple[str, str]) -> None:
    region, model = order
    written(tmp_path, site(type="site_summary", start_date="2010-01-01"), name=region)
    written(tmp_path, site(start_date="2010-01-01"), seen("2016-01-01", "Active Construction"), name=model)
    (row,) = read_smart(tmp_path).to_dict("records")
    assert row["started_on"].date() == date(2016, 1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{", "cannot be read as GeoJSON", id="no-json"),
        pytest.param('{"features": 3}', "expected a FeatureCollection", id="no-features"),
        pytest.param('{"features": []}', "no SMART region or site model in it", id="no-sites"),
        pytest.param(json.dumps({"features": [site(site_id=None)]}), "feature 1: a site without a site_id", id="no-id"),
        pytest.param(
            json.dumps({"features": [feature({"type": "Point", "coordinates": [8, 47]}, type="site", site_id="x")]}),
            "feature 1: expected a polygon; got Point",
            id="a-point",
        ),
        pytest.param(
            json.dumps({"features": [site(), seen("in May", None)]}), "expected a date such as", id="no-such-date"
        ),
    ],
)
def test_what_is_wrong_names_the_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "broken.geojson"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AoiError, match=message) as told:
        read_smart(path)
    assert "broken.geojson" in str(told.value)


@pytest.mark.realdata
def test_the_real_region_and_its_sites(shared_data: Path) -> None:
    sites = read_smart(shared_data / "reference" / "formats" / "smart").set_index("name")
    assert len(sites) == 158
    assert sites["worth"].value_counts().to_dict() == {"positive": 109, "ignore": 44, "negative": 5}
    first = sites.loc["CH_R001_0000"]
    assert str(first["started_after"].date()) == "2012-01-18"  # its only look without activity
    assert str(first["started_on"].date()) == "2012-11-01"
    assert str(first["completed_on"].date()) == "2015-08-30"
    assert sites.loc["CH_R001_0001", "area_m2"] < 8_000
    assert len(sites.loc["CH_R001_0002", "outlines"]) > 80
