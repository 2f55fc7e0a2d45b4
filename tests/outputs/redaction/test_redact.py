"""What each audience gets, and that it is the same each time."""

import json
import math
import stat
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Geod
from shapely.affinity import translate
from shapely.geometry import Point, box

from geo.errors import AoiError, ConfigError, StateError
from outputs.redaction.memory import Memory
from outputs.redaction.places import GridScheme, UnitScheme, shared_places
from outputs.redaction.policy import (
    INTERNAL,
    PARTNER,
    PUBLIC,
    Dates,
    Lonely,
    Pictures,
    Policy,
    Snap,
    UnitLevel,
    policy_of,
)
from outputs.redaction.protected import ProtectedPlace, Protection, read_protected
from outputs.redaction.redact import Redacted, redact, redact_coverage, withheld_json
from outputs.redaction.secret import alias, user_secret

SECRET = bytes(range(32))
FINE = replace(PUBLIC, k=1)


def _shape_of(redacted: Redacted, own_id: str) -> str:
    table = redacted.table.set_index("detection_id")
    return str(table.geometry[redacted.ids[own_id]].wkt)


@pytest.mark.parametrize("releases", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_all_releases_of_one_site_give_one_position(detections: gpd.GeoDataFrame, releases: int) -> None:
    one = detections[detections["detection_id"] == "camp"].reset_index(drop=True)
    near_edge = one.set_geometry([_at_an_edge()], crs=4326)
    jitter = np.random.default_rng(3).normal(0, 0.0005, (releases, 2))  # about 50 m
    memory, found, without_memory = Memory(), set(), set()
    for east, north in jitter:
        moved = near_edge.set_geometry([translate(_at_an_edge(), east, north)], crs=4326)
        redacted = redact(moved, FINE, secret=SECRET, memory=memory)
        memory = redacted.memory
        found.add((redacted.table["detection_id"][0], redacted.table.geometry[0].wkt))
    for east, north in jitter[:20]:
        moved = near_edge.set_geometry([translate(_at_an_edge(), east, north)], crs=4326)
        without_memory.add(redact(moved, FINE, secret=SECRET).table.geometry[0].wkt)
    assert len(found) == 1
    assert len(without_memory) == 2, "the edge was chosen so that memory matters"


def _at_an_edge() -> object:
    """Return a square whose middle lies on the edge between two cells."""
    edge = GridScheme(FINE.cell_m, 0).shape_4326(GridScheme(FINE.cell_m, 0).ladder(88.29, 43.38)[0]).bounds[0]
    return box(edge - 0.001, 43.38, edge + 0.001, 43.382)


def test_a_site_that_gets_another_id_keeps_its_place(detections: gpd.GeoDataFrame) -> None:
    first = redact(detections, FINE, secret=SECRET)
    renamed = detections.assign(detection_id=[f"{name}-2" for name in detections["detection_id"]])
    moved = renamed.set_geometry(renamed.translate(0.001, -0.001), crs=4326)
    again = redact(moved, FINE, secret=SECRET, memory=first.memory)
    for name in detections["detection_id"]:
        assert _shape_of(first, name) == _shape_of(again, f"{name}-2")


def test_the_truth_lies_in_the_published_place_within_what_is_said(detections: gpd.GeoDataFrame) -> None:
    redacted = redact(detections, FINE, secret=SECRET)
    own = {published: name for name, published in redacted.ids.items()}
    truth = detections.set_index("detection_id").geometry
    for name, shape, shown in zip(
        redacted.table["detection_id"], redacted.table.geometry, redacted.shown_to_m, strict=True
    ):
        middle = truth[own[name]].centroid
        assert shape.buffer(1e-3).contains(middle)
        apart = Geod(ellps="WGS84").inv(shape.centroid.x, shape.centroid.y, middle.x, middle.y)[2]
        assert 0 < apart <= shown * 1.3


@pytest.mark.parametrize("lat", [-60.0, 0.3, 43.4, 70.0])
def test_cells_have_one_area_everywhere(lat: float) -> None:
    scheme = GridScheme(10_000, 0)
    cell = scheme.shape_4326(scheme.ladder(88.3, lat)[0])
    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(cell)
    assert abs(area) == pytest.approx(1e8, rel=0.01)


def test_four_cells_make_the_next_wider_one() -> None:
    scheme = GridScheme(10_000, 1)
    wide, narrow = scheme.ladder(88.3, 43.4)
    assert scheme.shape_4326(wide).buffer(1e-3).contains(scheme.shape_4326(narrow))


def test_a_cell_is_divided_only_if_each_part_has_enough_sites() -> None:
    ladders = {"a": ("W", "1"), "b": ("W", "1"), "c": ("W", "2"), "d": ("W", "2"), "e": ("V", "3")}
    assert shared_places(ladders, 2) == {"a": "1", "b": "1", "c": "2", "d": "2", "e": None}
    assert shared_places({**ladders, "f": ("W", "3")}, 2) == {**dict.fromkeys("abcdf", "W"), "e": None}


def test_lonely_sites_are_shown_in_the_widest_cell_or_only_counted(detections: gpd.GeoDataFrame) -> None:
    strict = replace(PUBLIC, k=50)
    widest = redact(detections, strict, secret=SECRET)
    assert list(widest.shown_to_m) == pytest.approx([40_000 / math.sqrt(2)] * 6, rel=0.01)
    counted = redact(detections, replace(strict, lonely=Lonely.COUNTED), secret=SECRET)
    assert len(counted.table) == 0
    assert [(one.field, one.count) for one in counted.withheld if "counted" in one.reason] == [("detection", 6)]


def test_units_hold_what_is_nearest_to_their_seats(detections: gpd.GeoDataFrame) -> None:
    policy = replace(FINE, snap=Snap.UNIT)
    redacted = redact(detections, policy, secret=SECRET)
    assert "Dabancheng" in redacted.places[0]
    assert redacted.table.geometry[0].contains(detections.geometry[1].centroid)
    province, prefecture, county = UnitScheme(UnitLevel.COUNTY).ladder(88.29, 43.38)
    assert (province, prefecture, county) == ("650000", "650100", "650107")
    assert UnitScheme(UnitLevel.COUNTY).ladder(-60, 10) == ()


@pytest.mark.parametrize("policy", [PUBLIC, PARTNER], ids=lambda one: one.name)
def test_what_narrows_a_place_is_withheld_and_recorded_without_its_value(
    detections: gpd.GeoDataFrame, policy: Policy
) -> None:
    table = detections.assign(reviewer="Rebiya", note="by the river")
    redacted = redact(table, policy, secret=SECRET)
    for name in ("facility_id", "facility_relation", "facility_distance_m", "scene_ids", "settings_hash"):
        assert redacted.table[name].isna().all()
    assert not {"reviewer", "note"} & set(redacted.table.columns)
    record = withheld_json(redacted)
    rows = {row["field"]: row for row in json.loads(record)["withheld"]}
    assert rows["reviewer"] == {"field": "reviewer", "count": 6, "reason": "withheld", "policy": policy.name}
    told = f"{record} {redacted.table.to_json(default=str)}"
    for value in ("Rebiya", "river", "camp-1", "9f2c1e", "88.2838"):
        assert value not in told


def test_days_widen_and_numbers_lose_digits(detections: gpd.GeoDataFrame) -> None:
    table = redact(detections.assign(area_m2=12_345.6), PUBLIC, secret=SECRET).table
    assert set(table["area_m2"]) == {12_000.0}
    assert set(table["onset_after"]) == {pd.Timestamp("2017-03-01")}
    assert set(table["onset_by"]) == {pd.Timestamp("2017-06-30")}


def test_evidence_goes_to_partners_without_notes(detections: gpd.GeoDataFrame) -> None:
    evidence = json.loads(redact(detections, PARTNER, secret=SECRET).table["evidence"][0])
    assert sorted(evidence) == ["features", "growth"]
    assert redact(detections, PUBLIC, secret=SECRET).table["evidence"].isna().all()


def test_internal_is_as_it_is(detections: gpd.GeoDataFrame) -> None:
    redacted = redact(detections, INTERNAL, secret=SECRET, protected=[_over("camp", detections)])
    assert dict(zip(redacted.table["detection_id"], redacted.table.geometry, strict=True)) == dict(
        zip(detections["detection_id"], detections.geometry, strict=True)
    )
    assert redacted.withheld == ()
    assert redacted.pictures == set(detections["detection_id"])


def _over(name: str, detections: gpd.GeoDataFrame, protection: Protection = Protection.PROTECTED) -> ProtectedPlace:
    shape = detections.set_index("detection_id").geometry[name]
    return ProtectedPlace(shape_4326=shape.centroid.buffer(0.0001), protection=protection)


@pytest.mark.parametrize("policy", [PUBLIC, PARTNER, replace(PARTNER, name="other", snap=Snap.EXACT)])
def test_protected_places_appear_for_nobody_else_and_no_release_counts_them(
    detections: gpd.GeoDataFrame, policy: Policy
) -> None:
    redacted = redact(detections, policy, secret=SECRET, protected=[_over("camp", detections)])
    assert "camp" not in redacted.ids
    assert len(redacted.table) == 5
    assert "not shown to this audience" not in withheld_json(redacted)
    assert "not shown to this audience" in withheld_json(redacted, is_complete=True)


def test_pictures_of_sensitive_places_do_not_go_out(detections: gpd.GeoDataFrame) -> None:
    policy = replace(INTERNAL, pictures=Pictures.NOT_SENSITIVE)
    redacted = redact(detections, policy, secret=SECRET, protected=[_over("camp", detections, Protection.SENSITIVE)])
    assert set(detections["detection_id"]) - redacted.pictures == {"camp"}
    assert redact(detections, PUBLIC, secret=SECRET).pictures == frozenset()


def test_other_names_are_the_same_each_time_and_differ_by_secret() -> None:
    assert alias(SECRET, "detection", "camp") == alias(SECRET, "detection", "camp")
    assert alias(SECRET, "detection", "camp") != alias(SECRET[::-1], "detection", "camp")


def test_coverage_goes_out_without_outlines_and_dates_of_looks(coverage: gpd.GeoDataFrame) -> None:
    told = redact_coverage(coverage, PUBLIC, secret=SECRET)
    assert told.geometry.isna().all()
    assert "not_seen" not in told.columns
    assert sorted(told["outcome"]) == sorted(coverage["outcome"])
    assert not set(told["area_id"]) & set(coverage["area_id"])


def test_memory_and_secret_are_for_their_owner_alone(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    memory = redact(detections, FINE, secret=SECRET).memory
    path = tmp_path / "state" / "published.json"
    memory.save(path)
    assert Memory.load(path) == memory
    assert Memory.load(tmp_path / "none.json") == Memory()
    assert user_secret(tmp_path / "keys") == user_secret(tmp_path / "keys")
    for one in (path, tmp_path / "keys" / "redaction.secret"):
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
        one.chmod(0o644)
    with pytest.raises(StateError, match="others may read"):
        Memory.load(path)
    with pytest.raises(ConfigError, match="others may read"):
        user_secret(tmp_path / "keys")


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text('{"kind": 3}', "utf-8")
    path.chmod(0o600)
    with pytest.raises(StateError, match=r"published\.json"):
        Memory.load(path)


def test_a_protected_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "protected.geojson"
    columns = {"protection": ["sensitive", None], "buffer_m": [100.0, 50.0]}
    gpd.GeoDataFrame(columns, geometry=[Point(88.3, 43.4), box(88, 43, 88.1, 43.1)], crs=4326).to_file(path)
    one, other = read_protected(path)
    assert (one.protection, other.protection) == (Protection.SENSITIVE, Protection.PROTECTED)
    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(one.shape_4326)
    assert abs(area) == pytest.approx(math.pi * 100**2, rel=0.02)
    gpd.GeoDataFrame({"protection": ["secret"]}, geometry=[box(88, 43, 88.1, 43.1)], crs=4326).to_file(path)
    with pytest.raises(AoiError, match="protected or sensitive"):
        read_protected(path)


def test_policies_are_adjusted_by_toml_and_wrong_ones_are_named() -> None:
    tables = {"public": {"cell_m": 20_000, "withhold": ["roofs"], "dates": "year"}, "lawyers": {"k": 5}}
    changed = policy_of("public", tables)
    assert changed == replace(PUBLIC, cell_m=20_000, withhold=frozenset({"roofs"}), dates=Dates.YEAR)
    assert policy_of("lawyers", tables) == replace(PUBLIC, name="lawyers", k=5)
    wrong = ({"cell": 3}, {"cell_m": "far"}, {"k": True}, {"withhold": ["nothing"]}, {"snap": "near"}, {"k": 0})
    for table in wrong:
        with pytest.raises(ConfigError, match=r"policies\.public"):
            policy_of("public", {"public": table})
    with pytest.raises(ConfigError, match="known are"):
        policy_of("press")
