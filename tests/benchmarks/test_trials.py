"""Delays, false alarms and reliability are counted as one would by hand."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from benchmarks import trials
from benchmarks.figures import calibration_error, event_figures, promise, reliability, size_class
from benchmarks.trials import Trial, between, event_lines, named_as, run_trial, site_looks, until
from detection.params import DetectParams
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=30, height_px=30)
FIRST = date(2022, 1, 1)
PLACE = box(600_100, 4_804_800, 600_200, 4_804_900)


def stack_of(dates: int, *, hidden: Sequence[int] = ()) -> Stack:
    """Return looks ten days apart; on those `hidden` the site lies under a cloud."""
    is_site = GRID.is_inside(gpd.GeoSeries([PLACE], crs=GRID.epsg).to_crs(4326).iloc[0])
    scenes = [
        Scene(
            scene_id=f"look-{index}",
            observed_at=datetime.combine(FIRST + timedelta(days=10 * index), time(5), tzinfo=UTC),
            platform="made-up",
            quantity=Quantity.REFLECTANCE,
            grid=GRID,
            bands={"B04": np.full(GRID.shape, 0.1, np.float32)},
            is_clear=~is_site if index in hidden else np.ones(GRID.shape, dtype=bool),
        )
        for index in range(dates)
    ]
    return Stack.of(scenes)


def truth(day: date) -> gpd.GeoDataFrame:
    data = {"event": ["construction"], "name": ["camp"], "started_on": [np.datetime64(day, "s")], "area_m2": [10_000.0]}
    return gpd.GeoDataFrame(data, geometry=[PLACE], crs=GRID.epsg).to_crs(4326)


def detections(*rows: tuple[str, str, Polygon]) -> gpd.GeoDataFrame:
    events, statuses, shapes = zip(*rows, strict=True) if rows else ((), (), ())
    frame = gpd.GeoDataFrame(
        {
            "detection_id": [f"a-{number}" for number in range(len(rows))],
            "event": list(events),
            "status": list(statuses),
            "confidence": [0.9] * len(rows),
            "evidence": ["{}"] * len(rows),
        },
        geometry=list(shapes),
        crs=GRID.epsg,
    )
    for name, day in (("onset_after", "2022-02-01"), ("onset_by", "2022-02-21")):
        frame[name] = pd.Series([pd.Timestamp(day)] * len(rows), dtype="datetime64[s]")
    return frame


def a_detector(monkeypatch: pytest.MonkeyPatch, course: dict[int, gpd.GeoDataFrame]) -> list[int]:
    """Make the detector answer by how many looks it is shown; return the list of what it was shown."""
    shown: list[int] = []

    def find(stack: Stack, _area_id: str, _inside: NDArray[np.bool_], _params: DetectParams) -> Any:  # noqa: ANN401
        shown.append(len(stack.days))
        known = [count for count in course if count <= len(stack.days)]
        return SimpleNamespace(detections=course[max(known)] if known else detections())

    monkeypatch.setattr(trials, "find_changes", find)
    return shown


def trial(stack: Stack, known: gpd.GeoDataFrame) -> Trial:
    return Trial(
        background="made-up", kind="building", seed=1, stack=stack, inside=np.ones(GRID.shape, dtype=bool), truth=known
    )


COURSE = {
    8: detections(("surface_change", "candidate", PLACE)),
    9: detections(("construction", "candidate", PLACE)),
    11: detections(("construction", "confirmed", PLACE)),
}


def test_delay_is_counted_in_clear_looks_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = a_detector(monkeypatch, COURSE)
    known = truth(FIRST + timedelta(days=51))  # between looks 5 and 6, counted from 0
    result = run_trial(trial(stack_of(20), known), DetectParams())
    (delay,) = result.delays
    assert (delay.looks_before, delay.looks_after) == (6, 14)
    assert shown == [20, 7, 8, 9, 10, 11]  # all at once, then look after look until it is confirmed
    assert (delay.noticed_after, delay.raised_after, delay.confirmed_after, delay.followed) == (2, 3, 5, 5)
    (line,) = event_lines(result)
    assert (line["is_found"], line["is_confirmed"], line["named_as"]) == (True, True, "construction")


def test_looks_through_clouds_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = a_detector(monkeypatch, COURSE)
    known = truth(FIRST + timedelta(days=51))
    (delay,) = run_trial(trial(stack_of(20, hidden=[2, 6, 7, 9]), known), DetectParams()).delays
    assert (delay.looks_before, delay.looks_after) == (5, 11)
    assert shown[1:] == [9, 11]
    assert (delay.noticed_after, delay.raised_after, delay.confirmed_after) == (1, 1, 2)


def test_what_is_never_told_has_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    a_detector(monkeypatch, {})
    result = run_trial(trial(stack_of(20), truth(FIRST + timedelta(days=51))), DetectParams(), follow_looks=4)
    (delay,) = result.delays
    assert (delay.noticed_after, delay.raised_after, delay.confirmed_after, delay.followed) == (None, None, None, 4)
    assert event_figures(event_lines(result))["raised_after"] is None


@pytest.mark.parametrize(("after", "is_observable"), [(3, True), (2, False)])
def test_what_hardly_anybody_could_see_is_not_held_against_the_detector(
    monkeypatch: pytest.MonkeyPatch, after: int, *, is_observable: bool
) -> None:
    a_detector(monkeypatch, {})
    known = truth(FIRST + timedelta(days=51))
    result = run_trial(trial(stack_of(6 + after), known), DetectParams())
    assert result.delays[0].is_observable is is_observable
    figures = event_figures(event_lines(result))
    assert (figures["events"], figures["observable"]) == (1, int(is_observable))
    assert figures["found"] == (0.0 if is_observable else None)


def test_false_claims_touch_nothing_true(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = box(600_000, 4_804_950, 600_050, 4_805_000)
    told = detections(
        ("construction", "confirmed", elsewhere),
        ("demolition", "confirmed", PLACE),  # misnamed, not false
        ("surface_change", "candidate", elsewhere),
    )
    a_detector(monkeypatch, {1: told})
    result = run_trial(trial(stack_of(9), truth(FIRST + timedelta(days=51))), DetectParams(), follow_looks=0)
    assert list(result.false_claims["detection_id"]) == ["a-0"]
    quiet = run_trial(trial(stack_of(9), truth(FIRST).iloc[:0]), DetectParams())
    assert list(quiet.false_claims["detection_id"]) == ["a-0", "a-1"]
    words = [line["truth"] for line in trials.detection_lines(result)]
    assert words == ["false", "misnamed", "false"]


def test_parts_of_a_stack_keep_their_dates_and_shifts() -> None:
    stack = stack_of(6)
    shifted = stack.with_values(stack.values, shifts_px=np.arange(12.0).reshape(6, 2))
    part = between(shifted, 2, 5)
    assert part.days == stack.days[2:5]
    assert part.shifts_px is not None
    assert part.shifts_px.tolist() == [[4, 5], [6, 7], [8, 9]]
    assert until(stack, 2).days == stack.days[:3]
    assert site_looks(stack_of(4, hidden=[1]), truth(FIRST).geometry.iloc[0]) == [0, 2, 3]


@pytest.mark.parametrize(("share", "name"), [(0.19, None), (0.21, "demolition")])
def test_a_fifth_of_a_place_is_noticed(share: float, name: str | None) -> None:
    part = box(600_100, 4_804_800, 600_100 + 100 * share, 4_804_900)
    assert named_as(detections(("demolition", "candidate", part)), PLACE, GRID.epsg) == name
    assert named_as(detections(), PLACE, GRID.epsg) is None


def test_stated_confidence_is_held_against_what_was_right() -> None:
    def line(confidence: float, verdict: str, event: str = "construction") -> dict[str, Any]:
        return {"confidence": confidence, "truth": verdict, "event": event}

    lines = [
        line(0.95, "right"),
        line(0.95, "right"),
        line(0.95, "right"),
        line(0.95, "misnamed"),
        line(0.1, "false"),
        line(0.5, "false", "surface_change"),
    ]
    low, high = reliability(lines)
    assert (low["stated"], low["right_share"], low["detections"]) == ("0.0-0.2", 0.0, 1)
    assert (high["mean_stated"], high["right_share"], high["detections"]) == (pytest.approx(0.95), 0.75, 4)
    assert calibration_error([low, high]) == pytest.approx((0.1 * 1 + 0.2 * 4) / 5)
    assert calibration_error([]) is None


@pytest.mark.parametrize(("area_m2", "name"), [(2_499, "<2500"), (2_500, "2500-8000"), (8_000, ">=8000")])
def test_size_classes_begin_with_their_first_number(area_m2: float, name: str) -> None:
    assert size_class(area_m2) == name


@pytest.mark.parametrize(
    ("detectable_m2", "said"),
    [(9_000.0, "as large as promised"), (10_000.0, "as large as promised"), (10_001.0, "smaller")],
)
def test_an_event_is_put_beside_what_the_run_says_it_would_have_found(detectable_m2: float, said: str) -> None:
    def result(least_m2: float) -> Any:  # noqa: ANN401 - what is looked at of a result
        coverage = pd.DataFrame({"detectable_area_m2": [least_m2]})
        return SimpleNamespace(findings=SimpleNamespace(coverage=coverage), trial=SimpleNamespace(truth=truth(FIRST)))

    assert promise(result(detectable_m2)) == said
    assert promise(result(np.nan)) == "nothing promised"
