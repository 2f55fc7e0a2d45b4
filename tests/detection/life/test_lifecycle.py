"""A detection becomes confirmed for good reasons only, and keeps its name from run to run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from detection.life.lifecycle import LifecycleParams, Standing, carry_ids, distinct_ids, first_id, stage
from detection.schema import Event, Status

PARAMS = LifecycleParams()
LOOKS = tuple(date(2022, 1, 1) + timedelta(days=15 * index) for index in range(6))
SURE = Standing(
    event=Event.CONSTRUCTION, confidence=0.9, persistence=0.9, season_persistence=0.9, backed_share=0.9, looks=LOOKS
)


@pytest.mark.parametrize(
    ("changes", "confirmed_on"),
    [
        pytest.param({}, LOOKS[2], id="sure"),
        pytest.param({"event": Event.EXPANSION}, LOOKS[2], id="expansion"),
        pytest.param({"event": Event.DEMOLITION}, LOOKS[2], id="demolition"),
        pytest.param(
            {"event": Event.DEMOLITION, "has_near_infrared": False}, None, id="demolition-in-visible-light-alone"
        ),
        pytest.param({"has_near_infrared": False}, LOOKS[2], id="construction-in-visible-light"),
        pytest.param(
            {"has_near_infrared": False, "is_raised": False}, None, id="prepared-ground-in-visible-light-alone"
        ),
        pytest.param({"is_raised": False}, LOOKS[2], id="prepared-ground"),
        pytest.param({"event": Event.SURFACE_CHANGE}, None, id="surface-is-never-confirmed"),
        pytest.param({"confidence": 0.6}, LOOKS[2], id="just-sure-enough"),
        pytest.param({"confidence": 0.59}, None, id="not-sure"),
        pytest.param({"persistence": 0.74}, None, id="comes-and-goes"),
        pytest.param({"season_persistence": 0.74}, None, id="comes-and-goes-with-the-season"),
        pytest.param({"season_persistence": None}, None, id="no-season-has-come-round"),
        pytest.param({"backed_share": 0.24}, None, id="rests-on-too-few-looks"),
        pytest.param({"looks": LOOKS[:2]}, None, id="two-looks"),
        pytest.param({"looks": LOOKS[:3]}, LOOKS[2], id="three-looks-in-thirty-days"),
        pytest.param({"looks": ()}, None, id="no-look"),
        pytest.param({"looks": tuple(LOOKS[0] + timedelta(days=d) for d in (0, 5, 10, 29))}, None, id="too-quick"),
        pytest.param(
            {"looks": tuple(LOOKS[0] + timedelta(days=d) for d in (0, 5, 10, 40, 90))},
            LOOKS[0] + timedelta(days=40),
            id="the-first-look-late-enough",
        ),
    ],
)
def test_the_stage_of_a_detection(changes: dict[str, object], confirmed_on: date | None) -> None:
    status, found_on = stage(replace(SURE, **changes), PARAMS)  # type: ignore[arg-type]  # fields by name
    assert found_on == confirmed_on
    assert status is (Status.CANDIDATE if confirmed_on is None else Status.CONFIRMED)


@given(looks=st.lists(st.dates(date(2020, 1, 1), date(2024, 1, 1)), unique=True, max_size=8).map(sorted))
def test_more_looks_never_unconfirm_and_never_move_the_confirming_look(looks: list[date]) -> None:
    answers = [stage(replace(SURE, looks=looks[:count]), PARAMS) for count in range(len(looks) + 1)]
    days = [day for _, day in answers if day is not None]
    assert len(set(days)) <= 1
    statuses = [status for status, _ in answers]
    assert statuses == sorted(statuses, key=[Status.CANDIDATE, Status.CONFIRMED].index)


def test_the_first_id_follows_from_its_inputs_alone() -> None:
    place = Point(601_234, 4_804_321)
    own = first_id("camp-1", Event.CONSTRUCTION, date(2022, 5, 1), place)
    assert own == first_id("camp-1", Event.CONSTRUCTION, date(2022, 5, 1), Point(601_240, 4_804_330))
    assert own == first_id("camp-1", Event.EXPANSION, date(2022, 5, 1), place)
    assert own.startswith("camp-1-")
    others = {
        first_id("camp-2", Event.CONSTRUCTION, date(2022, 5, 1), place),
        first_id("camp-1", Event.DEMOLITION, date(2022, 5, 1), place),
        first_id("camp-1", Event.CONSTRUCTION, date(2022, 5, 2), place),
        first_id("camp-1", Event.CONSTRUCTION, date(2022, 5, 1), Point(601_434, 4_804_321)),
    }
    assert len(others | {own}) == 5


def table(
    *rows: tuple[str, tuple[float, float, float, float]],
    event: str = "construction",
    index: Sequence[int] | None = None,
) -> gpd.GeoDataFrame:
    """Return a table of the columns that matter here: id, event, box (metres from a corner)."""
    shapes = [box(600_000 + x0, 4_800_000 + y0, 600_000 + x1, 4_800_000 + y1) for _, (x0, y0, x1, y1) in rows]
    data = {"detection_id": np.array([name for name, _ in rows], dtype=object), "event": event}
    return gpd.GeoDataFrame(data, geometry=shapes, crs=32645, index=index)


def ids(frame: gpd.GeoDataFrame) -> list[str]:
    return list(frame["detection_id"])


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((0, 0, 100, 100), id="the-same"),
        pytest.param((20, 30, 120, 130), id="moved-a-little"),
        pytest.param((-200, -200, 300, 300), id="grown-around-it"),
        pytest.param((70, 0, 170, 100), id="three-tenths"),
    ],
)
def test_the_same_place_keeps_its_id(shape: tuple[float, float, float, float]) -> None:
    assert ids(carry_ids(table(("new", shape)), table(("old", (0, 0, 100, 100))))) == ["old"]


@pytest.mark.parametrize(
    "shape", [pytest.param((71, 0, 171, 100), id="shares-too-little"), pytest.param((500, 0, 600, 100), id="apart")]
)
def test_another_place_gets_its_own_id(shape: tuple[float, float, float, float]) -> None:
    assert ids(carry_ids(table(("new", shape)), table(("old", (0, 0, 100, 100))))) == ["new"]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("construction", "expansion", True),
        ("expansion", "construction", True),
        ("demolition", "demolition", True),
        ("construction", "demolition", False),
        ("surface_change", "construction", False),
    ],
)
def test_an_id_goes_only_to_the_same_kind_of_event(before: str, after: str, *, kept: bool) -> None:
    place = (0.0, 0.0, 100.0, 100.0)
    found = carry_ids(table(("new", place), event=after), table(("old", place), event=before))
    assert ids(found) == ["old" if kept else "new"]


def test_where_a_site_fell_apart_the_larger_share_keeps_the_id() -> None:
    old = table(("old", (0, 0, 100, 100)))
    new = table(("left", (-50, 0, 20, 100)), ("right", (30, 0, 110, 100)))
    assert ids(carry_ids(new, old)) == ["left", "old"]


def test_where_two_sites_grew_together_one_of_the_old_ids_lives_on() -> None:
    old = table(("west", (0, 0, 100, 100)), ("east", (150, 0, 250, 100)))
    found = ids(carry_ids(table(("new", (0, 0, 250, 100))), old))
    assert found[0] in {"west", "east"}


def test_a_new_place_never_takes_the_id_of_another_old_one() -> None:
    old = table(("x", (0, 0, 100, 100)))
    new = table(("x", (400, 0, 500, 100)), ("y", (0, 0, 100, 100)))
    found = ids(carry_ids(new, old))
    assert found[1] == "x"
    assert found[0] != "x"


@pytest.mark.parametrize("missing", ["none", "empty"])
def test_without_a_last_run_every_detection_keeps_its_own_id(missing: str) -> None:
    new = table(("a", (0, 0, 100, 100)), ("b", (200, 0, 300, 100)))
    assert ids(carry_ids(new, None if missing == "none" else new.iloc[:0])) == ["a", "b"]


def test_no_detections_stay_none() -> None:
    old = table(("old", (0, 0, 100, 100)))
    assert carry_ids(old.iloc[:0], old).empty


def test_the_last_run_may_lie_in_another_crs() -> None:
    old = table(("old", (0, 0, 100, 100))).to_crs(4326)
    assert ids(carry_ids(table(("new", (0, 0, 100, 100))), old)) == ["old"]


def test_a_later_one_of_the_same_name_gets_a_number() -> None:
    assert distinct_ids(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]
    assert distinct_ids(["a", "a-2", "a"], taken={"a"}) == ["a-2", "a-2-2", "a-3"]


@given(names=st.lists(st.sampled_from(["a", "b", "a-2", "a-3"])), taken=st.sets(st.sampled_from(["a", "a-2"])))
def test_distinct_ids_are_distinct_and_keep_what_they_can(names: list[str], taken: set[str]) -> None:
    found = distinct_ids(names, taken=taken)
    assert len(set(found)) == len(names)
    assert not taken & set(found)
    for own, name in zip(names, found, strict=True):
        assert name.startswith(own)


BOXES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 8)), min_size=1, max_size=6)


def tiles(name: str, boxes: list[tuple[int, int, int]]) -> gpd.GeoDataFrame:
    return table(
        *((f"{name}{n}", (10.0 * x, 10.0 * y, 10.0 * (x + s), 10.0 * (y + s))) for n, (x, y, s) in enumerate(boxes))
    )


@given(new=BOXES, old=BOXES)
def test_each_id_is_given_once_and_only_to_a_place_that_shares_ground(
    new: list[tuple[int, int, int]], old: list[tuple[int, int, int]]
) -> None:
    after, before = tiles("n", new), tiles("o", old)
    found = carry_ids(after, before)
    assert len(set(ids(found))) == len(found)
    for own, given_id, shape in zip(ids(after), ids(found), found.geometry, strict=True):
        if given_id.startswith("o"):
            (was,) = before.geometry[before["detection_id"] == given_id]
            assert shape.intersection(was).area >= 0.3 * min(shape.area, was.area) - 1e-6
        else:
            assert given_id == own


@given(boxes=BOXES)
def test_the_same_detections_again_keep_their_ids(boxes: list[tuple[int, int, int]]) -> None:
    apart = [(20 * index, y, size) for index, (_, y, size) in enumerate(boxes)]
    before = tiles("o", apart)
    assert ids(carry_ids(tiles("n", apart), before)) == ids(before)
    assert ids(carry_ids(tiles("n", apart).iloc[::-1], before)) == ids(before)[::-1]
