"""What marks a detection, what a sheet's row may say, what is worth a look, and what several verdicts come to."""

from datetime import UTC, date, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from detection.life.history import Review
from detection.schema import Event, Verdict
from outputs.review.marks import SheetRow, detection_mark
from outputs.review.standing import State, standing_of
from outputs.review.worth import WEIGHTS, worth_of

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIRMED, REJECTED, UNSURE = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNSURE
ROW = {
    "event": "construction", "status": "confirmed", "onset_after": date(2017, 3, 2), "onset_by": date(2017, 6, 10),
    "phase": None, "area_m2": 90_000.0, "verdict": None, "geometry": box(88.28, 43.38, 88.29, 43.385),
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"onset_by": pd.Timestamp("2017-06-10"), "onset_after": np.datetime64("2017-03-02")},
        {"phase": float("nan"), "verdict": pd.NaT},
        {"geometry": MultiPolygon([box(88.28, 43.38, 88.29, 43.385)])},
        {"geometry": Polygon([(88.29, 43.38), (88.28, 43.38), (88.28, 43.385), (88.29, 43.385)])},
        {"confidence": 0.4, "looks_after": 99},
    ],
    ids=["kinds of dates", "kinds of nothing", "one part of many", "another order of vertices", "not judged by"],
)
def test_the_same_detection_has_the_same_mark_wherever_it_was_kept(changes: dict[str, object]) -> None:
    assert detection_mark(ROW | changes) == detection_mark(ROW)


@pytest.mark.parametrize("name", ["event", "status", "onset_by", "area_m2", "verdict", "geometry"])
def test_what_a_reviewer_sees_is_in_the_mark(name: str) -> None:
    others = {
        "event": "demolition", "status": "closed", "onset_by": date(2017, 6, 11), "area_m2": 90_100.0,
        "verdict": "unsure", "geometry": box(88.28, 43.38, 88.29, 43.3851),
    }  # fmt: skip
    assert detection_mark(ROW | {name: others[name]}) != detection_mark(ROW)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reviewer": " "}, "reviewer is empty"),
        ({"base_version": ""}, "base_version is empty"),
        ({"reviewed_at": datetime(2026, 3, 1)}, "no time zone"),  # noqa: DTZ001 - that is what is tested
        ({"outline_corrected": Point(88, 43)}, "must be a valid polygon"),
        ({"outline_corrected": box(600, 4000, 700, 4100)}, "in longitude and latitude"),
        ({"outline_corrected": Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "must be a valid polygon"),
    ],
)
def test_a_row_that_says_nothing_sensible_is_none(changes: dict[str, object], told: str) -> None:
    good: dict[str, object] = {
        "detection_id": "camp", "base_version": "0123", "verdict": CONFIRMED, "reviewer": "a", "reviewed_at": START,
    }  # fmt: skip
    with pytest.raises(ValueError, match=told):
        SheetRow(**(good | changes))  # type: ignore[arg-type]  # fields of any kind


@given(st.floats(0, 1), st.floats(1, 1e7), st.floats(0, 1e5), st.dates(date(2015, 1, 1), date(2040, 1, 1)))
def test_points_lie_between_nothing_and_one(confidence: float, area: float, distance: float, day: date) -> None:
    row = {"confidence": confidence, "area_m2": area, "facility_relation": "near", "facility_distance_m": distance}
    assert 0 <= worth_of(row | {"onset_by": day}).points <= 1
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_points_of_a_row_worked_by_hand() -> None:
    row = {"confidence": 0.75, "area_m2": 5_000.0, "facility_relation": "near", "facility_distance_m": 250.0}
    worth = worth_of(row | {"onset_by": date(2025, 6, 22)})  # ten years, three leap days among them, after the first
    assert (worth.uncertain, worth.near, worth.large) == (0.5, 0.5, 0.5)
    assert worth.recent == pytest.approx(0.5, abs=1e-3)
    assert worth.points == pytest.approx(0.5, abs=1e-3)


def review(who: str, verdict: Verdict, hour: int, **others: object) -> Review:
    at = START + timedelta(hours=hour)
    return Review(detection_id="camp", verdict=verdict, reviewer=who, at=at, **others)  # type: ignore[arg-type]  # fields of any kind


@pytest.mark.parametrize(
    ("given_", "state", "verdict"),
    [
        ([review("a", CONFIRMED, 0)], State.SINGLE, CONFIRMED),
        ([review("a", CONFIRMED, 0), review("a", REJECTED, 1)], State.SINGLE, REJECTED),
        ([review("a", CONFIRMED, 0), review("b", UNSURE, 1)], State.AGREED, CONFIRMED),
        ([review("a", CONFIRMED, 0), review("b", REJECTED, 1)], State.CONFLICT, UNSURE),
        ([review("a", CONFIRMED, 0), review("b", REJECTED, 1), review("a", REJECTED, 2)], State.AGREED, REJECTED),
        (
            [review("a", CONFIRMED, 0), review("b", REJECTED, 1), review("c", CONFIRMED, 2, settles=True)],
            State.SINGLE,
            CONFIRMED,
        ),
        ([review("a", CONFIRMED, 0, event=Event.DEMOLITION), review("b", CONFIRMED, 1)], State.CONFLICT, UNSURE),
        (
            [
                review("a", CONFIRMED, 0, outline_4326=box(0, 0, 1, 1)),
                review("b", CONFIRMED, 1, outline_4326=box(3, 3, 4, 4)),
            ],
            State.CONFLICT,
            UNSURE,
        ),
    ],
    ids=["one", "changed his mind", "unsure", "opposite", "came round", "settled", "other event", "other place"],
)
def test_what_several_verdicts_come_to(given_: list[Review], state: State, verdict: Verdict) -> None:
    for order in (given_, given_[::-1]):
        found = standing_of(order)
        assert (found.state, found.review.verdict) == (state, verdict)


def test_a_mark_from_a_table_is_that_of_its_row(detections: gpd.GeoDataFrame) -> None:
    marks = [detection_mark(row) for row in detections.to_dict("records")]
    assert len(set(marks)) == len(marks)
