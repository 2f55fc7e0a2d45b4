"""Verdicts in the store, on SQLite and PostGIS: merging sheets, blind queues, what they teach, what lies where."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box
from sqlalchemy import func, select, text

from detection.life.history import Review
from detection.schema import Event, Verdict
from geo.errors import StateError
from outputs.review.feedback import feedback_of
from outputs.review.marks import SheetRow, detection_mark
from outputs.review.merge import Outcome, merge_rows
from outputs.review.queue import review_queue
from outputs.review.standing import State
from outputs.store import Store, add_reviews, false_alarms, record_run, stored_reviews, tables
from outputs.store.boxes import touches
from outputs.store.places import detections_near, detections_within
from tests.outputs.store.runs import first_moves, write_run

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
Tables = dict[str, gpd.GeoDataFrame]
CONFIRMED, REJECTED, UNSURE = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNSURE


@pytest.fixture
def layers(
    detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> Tables:
    return {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}


@pytest.fixture
def filled(store: Store, tmp_path: Path, layers: Tables) -> Store:
    record_run(store, write_run(tmp_path / "run-1", layers, first_moves(layers["detections"]), at=START))
    return store


def rerun(store: Store, tmp_path: Path, layers: Tables, change: Callable[[gpd.GeoDataFrame], None]) -> None:
    table = layers["detections"].copy()
    change(table)
    number = len(list(tmp_path.glob("run-*"))) + 1
    moves = first_moves(table)
    record_run(
        store,
        write_run(tmp_path / f"run-{number}", layers | {"detections": table}, moves, at=START + timedelta(number)),
    )


def mark_of(store: Store, name: str) -> str:
    with store.reading() as connection:
        row = connection.execute(select(tables.detections).filter_by(detection_id=name)).mappings().one()
        return detection_mark(dict(row))


def edit(store: Store, name: str, verdict: Verdict, who: str = "ayse", **others: Any) -> SheetRow:  # noqa: ANN401 - fields of any kind
    given: dict[str, Any] = {"base_version": mark_of(store, name), "reviewed_at": START + timedelta(hours=1)} | others
    return SheetRow(detection_id=name, verdict=verdict, reviewer=who, **given)


def outcomes(store: Store, *rows: SheetRow) -> list[str]:
    return [one.outcome.name for one in merge_rows(store, rows).rows]


def test_a_sheet_is_taken_once_however_often_it_is_merged(filled: Store) -> None:
    rows = [edit(filled, "camp", CONFIRMED, note="rows of roofs"), edit(filled, "field", REJECTED)]
    assert outcomes(filled, *rows) == ["ADDED", "ADDED"]
    assert outcomes(filled, *rows) == ["ALREADY", "ALREADY"]
    assert {one.detection_id: one.note for one in stored_reviews(filled)["home"]} == {
        "camp": "rows of roofs",
        "field": "",
    }


def test_corrections_come_back_from_the_store_as_they_were_given(filled: Store) -> None:
    drawn = MultiPolygon([box(88.28, 43.38, 88.29, 43.385), box(88.3, 43.38, 88.31, 43.385)])
    rows = [edit(filled, "camp", CONFIRMED, event_corrected=Event.DEMOLITION, outline_corrected=drawn)]
    assert outcomes(filled, *rows) == ["ADDED"]
    (kept,) = stored_reviews(filled)["home"]
    assert (kept.event, kept.reviewer, kept.at) == (Event.DEMOLITION, "ayse", START + timedelta(hours=1))
    assert kept.outline_4326 is not None
    assert kept.outline_4326.equals(drawn)
    assert outcomes(filled, *rows) == ["ALREADY"]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("event", "demolition", "event was construction, is demolition"),
        ("status", "dropped", "status was confirmed, is dropped"),
        ("onset_by", np.datetime64("2017-08-01"), "onset_by was 2017-06-10, is 2017-08-01"),
        ("area_m2", 120_000.0, "area_m2 was 90000, is 120000"),
        ("geometry", box(88.29, 43.381, 88.30, 43.3865), "its outline has changed"),
    ],
    ids=["event", "status", "onset", "size", "outline"],
)
def test_an_edit_of_what_has_changed_since_is_refused_and_says_what_has(  # noqa: PLR0913, PLR0917 - a case and its fixtures
    filled: Store, tmp_path: Path, layers: Tables, column: str, value: object, told: str
) -> None:
    before = edit(filled, "camp", CONFIRMED)

    def change(table: gpd.GeoDataFrame) -> None:
        table.loc[table["detection_id"] == "camp", column] = value

    rerun(filled, tmp_path, layers, change)
    (one,) = merge_rows(filled, [before]).rows
    assert (one.outcome, one.why) == (Outcome.STALE, told)
    assert stored_reviews(filled) == {}


def test_a_new_look_alone_or_another_readers_verdict_makes_no_edit_stale(
    filled: Store, tmp_path: Path, layers: Tables
) -> None:
    before = edit(filled, "camp", CONFIRMED)

    def change(table: gpd.GeoDataFrame) -> None:
        camp = table["detection_id"] == "camp"
        table.loc[camp, ["looks_after", "confidence", "verdict", "status"]] = [12, 0.97, "rejected", "rejected"]

    rerun(filled, tmp_path, layers, change)
    assert outcomes(filled, before) == ["ADDED"]


def test_what_the_store_never_had_is_refused_and_the_rest_of_the_sheet_is_taken(filled: Store) -> None:
    rows = [
        edit(filled, "camp", CONFIRMED, base_version="0123456789abcdef"),
        replace(edit(filled, "camp", CONFIRMED), detection_id="nobody"),
        edit(filled, "field", REJECTED),
    ]
    report = merge_rows(filled, rows)
    assert [one.outcome.name for one in report.rows] == ["UNKNOWN", "UNKNOWN", "ADDED"]
    assert report.refused == 2
    assert "never was as base version 0123456789abcdef says" in report.rows[0].why


def test_readers_who_disagree_are_both_kept_and_stand_as_a_conflict(filled: Store) -> None:
    assert outcomes(filled, edit(filled, "camp", CONFIRMED), edit(filled, "camp", REJECTED, "ben")) == [
        "ADDED",
        "CONFLICT",
    ]
    assert len(stored_reviews(filled)["home"]) == 2
    with filled.reading() as connection:
        row = connection.execute(select(tables.standings)).mappings().one()
    assert (row["state"], row["verdict"], row["readers"]) == ("conflict", "unsure", 2)
    later = edit(filled, "camp", CONFIRMED, "ben", reviewed_at=START + timedelta(hours=2))
    assert outcomes(filled, later) == ["REVISED"]
    with filled.reading() as connection:
        assert connection.execute(select(tables.standings.c.state)).scalar_one() == "agreed"


def test_an_older_edit_of_the_same_reader_is_kept_but_does_not_count(filled: Store) -> None:
    newer = edit(filled, "camp", CONFIRMED, reviewed_at=START + timedelta(hours=2))
    assert outcomes(filled, newer, edit(filled, "camp", REJECTED)) == ["ADDED", "OLDER"]
    with filled.reading() as connection:
        assert connection.execute(select(tables.standings.c.verdict)).scalar_one() == "confirmed"


def test_the_queue_is_in_the_order_of_worth_and_says_why(filled: Store) -> None:
    items = review_queue(filled)
    assert items[0].row["detection_id"] == "park"  # near a known place, and as probable as not
    assert [one.worth for one in items] == sorted((one.worth for one in items), reverse=True)
    assert {one.row["detection_id"] for one in items} == {"camp", "park", "field", "gone", "closed"}
    assert any("near park-1" in word for word in items[0].why)
    assert items[0].mark == mark_of(filled, "park")


def test_a_reader_sees_nothing_of_the_others_verdict_before_giving_one(
    filled: Store, tmp_path: Path, layers: Tables
) -> None:
    add_reviews(filled, [("home", Review(detection_id="camp", verdict=REJECTED, reviewer="ayse", at=START))])

    def change(table: gpd.GeoDataFrame) -> None:
        table.loc[table["detection_id"] == "camp", ["verdict", "status"]] = ["rejected", "rejected"]

    rerun(filled, tmp_path, layers, change)
    shown = {one.row["detection_id"]: one for one in review_queue(filled, reader="ben", readers=2)}
    blind = shown["camp"]
    assert (blind.reviews, blind.state, blind.row["verdict"], blind.row["status"]) == ((), None, None, None)
    assert "camp" not in {one.row["detection_id"] for one in review_queue(filled, reader="ayse", readers=2)}
    assert "camp" not in {one.row["detection_id"] for one in review_queue(filled, reader="ben", readers=1)}
    add_reviews(filled, [("home", Review(detection_id="camp", verdict=CONFIRMED, reviewer="ben", at=START))])
    for reader in ("ayse", "ben", ""):
        first = review_queue(filled, reader=reader, readers=2)[0]
        assert (first.row["detection_id"], first.state, len(first.reviews)) == ("camp", State.CONFLICT, 2)
        assert first.why[0] == "readers disagree: to be settled"
    assert "camp" not in {one.row["detection_id"] for one in review_queue(filled, reader="carl", readers=2)}


def test_what_verdicts_teach_is_counted_by_confidence_event_and_area(filled: Store) -> None:
    given = [("camp", CONFIRMED), ("gone", REJECTED), ("field", UNSURE), ("park", CONFIRMED)]
    add_reviews(
        filled,
        [("home", Review(detection_id=name, verdict=verdict, reviewer="a", at=START)) for name, verdict in given],
    )
    other = Review(detection_id="park", verdict=REJECTED, reviewer="b", at=START)
    add_reviews(filled, [("home", other)])
    found = feedback_of(filled)
    rows = {(one.by, one.value): one for one in found.precisions}
    everything = rows["all", "all"]
    assert (everything.confirmed, everything.rejected, everything.unsure, everything.conflicts) == (1, 1, 1, 1)
    assert everything.precision == 0.5
    assert rows["confidence", "0.8-1.0"].precision == 1.0
    assert rows["event", "demolition"].precision == 0.0
    assert rows["event", "surface_change"].precision is None
    assert rows["area", "Dabancheng 达坂城"].confirmed == 1
    assert found.not_reviewed == 2
    assert [one.readers for one in found.agreements] == [("a", "b")]


def test_rejected_places_are_remembered_with_who_and_why(filled: Store) -> None:
    rejected = Review(detection_id="field", verdict=REJECTED, reviewer="ayse", at=START, note="a field")
    add_reviews(filled, [("home", rejected)])
    (alarm,) = false_alarms(filled)
    assert (alarm.detection_id, alarm.event, alarm.words) == ("field", "surface_change", "rejected by ayse: a field")
    assert alarm.outline_4326.equals(box(88.262, 43.389, 88.27, 43.392))


def test_what_lies_in_a_box_or_near_a_facility_is_found(filled: Store) -> None:
    names = [row["detection_id"] for row in detections_within(filled, (88.28, 43.37, 88.304, 43.387))]
    assert names == ["camp", "park"]
    near = detections_near(filled, "camp-1", 2000.0)
    assert (near[0].row["detection_id"], near[0].distance_m) == ("camp", 0.0)
    # The park's corner lies 0.01306 degrees east (x 80.9 km) and 0.00485 south (x 111.1 km): about 1185 m.
    assert {one.row["detection_id"]: one.distance_m for one in near}["park"] == pytest.approx(1185, rel=0.01)
    with pytest.raises(StateError, match="no facility is called 'nobody'"):
        detections_near(filled, "nobody", 10.0)


def test_places_are_asked_of_the_spatial_index(filled: Store) -> None:
    with filled.writing() as connection:
        asked = select(tables.detections.c.detection_id).where(
            touches(connection, tables.detections, (88.28, 43.37, 88.304, 43.387))
        )
        is_postgres = connection.dialect.name == "postgresql"
        if is_postgres:
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # of six rows it reads the page
        said = str(asked.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = connection.exec_driver_sql(f"EXPLAIN {'' if is_postgres else 'QUERY PLAN '}{said}").all()
    lines = " ".join(str(row) for row in plan)
    assert ("sx_detections_geometry" if is_postgres else "VIRTUAL TABLE INDEX") in lines


def test_a_moved_detection_is_found_at_its_new_place_alone(filled: Store, tmp_path: Path, layers: Tables) -> None:
    def change(table: gpd.GeoDataFrame) -> None:
        table.loc[table["detection_id"] == "camp", "geometry"] = box(88.25, 43.36, 88.26, 43.37)

    rerun(filled, tmp_path, layers, change)
    assert filled.check() == []
    assert "camp" in {row["detection_id"] for row in detections_within(filled, (88.25, 43.36, 88.251, 43.361))}
    assert "camp" not in {row["detection_id"] for row in detections_within(filled, (88.284, 43.382, 88.29, 43.386))}


_MERGER = """
import sys, json, time
from datetime import UTC, datetime, timedelta
from detection.schema import Verdict
from outputs.review.marks import SheetRow
from outputs.review.merge import merge_rows
from outputs.store import Store
marks = json.loads(sys.argv[2])
rows = [
    SheetRow(detection_id=name, base_version=mark, verdict=Verdict.UNSURE, reviewer=f"r{number}",
             reviewed_at=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number))
    for number in range(60) for name, mark in marks.items()
]
store = Store.open(sys.argv[1])
print("begins", flush=True)
merge_rows(store, rows)
print("done", flush=True)
"""


@pytest.mark.slow
def test_an_import_killed_at_random_points_leaves_all_or_nothing_and_the_next_completes(
    url: str, filled: Store
) -> None:
    import json  # noqa: PLC0415 - for the other process alone

    names = ["camp", "park", "field", "gone", "closed"]
    command = [sys.executable, "-c", _MERGER, url, json.dumps({name: mark_of(filled, name) for name in names})]
    chance = np.random.default_rng(7)
    for turn in range(8):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as merger:
            assert merger.stdout is not None
            assert merger.stdout.readline() == "begins\n"
            time.sleep(chance.uniform(0.0, 0.25))
            os.kill(merger.pid, signal.SIGKILL)
        assert filled.check() == [], turn
        with filled.reading() as connection:
            kept = connection.execute(select(func.count()).select_from(tables.reviews)).scalar_one()
            stands = connection.execute(select(func.count()).select_from(tables.standings)).scalar_one()
        assert (kept, stands) in {(0, 0), (300, 5)}, turn
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)
        with filled.reading() as connection:
            assert connection.execute(select(func.count()).select_from(tables.reviews)).scalar_one() == 300
