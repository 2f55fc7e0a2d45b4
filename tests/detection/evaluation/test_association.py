"""Detections and true sites are associated in space and time as one would by hand."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from detection.evaluation.association import AssociationParams, Site, Worth, associate
from detection.evaluation.evaluate import evaluate, truth_of_labels
from detection.schema import detections_frame
from geo.grid import Grid

if TYPE_CHECKING:
    from tests.detection.conftest import MakeRow

EPSG = 32645
DAY0 = date(2022, 1, 1)
MANY = AssociationParams(is_one_to_one=False)


def day(number: int) -> date:
    return DAY0 + timedelta(days=number)


def square(left: float, side: float = 100.0) -> Polygon:
    return box(left, 0, left + side, side)


def site(name: str, ground: Polygon, *, start: int = 0, end: int = 99, **others: Any) -> Site:  # noqa: ANN401
    known = {"event": "construction", "outlines": ((None, ground),)} | others
    return Site(site_id=name, started_on=day(start), ended_on=day(end), **known)


def ids(sites: Sequence[Site]) -> list[str]:
    return [one.site_id for one in sites]


TRUE = site("truth", square(0))


def test_the_same_site_scores_everything() -> None:
    scores = associate([site("a", square(0))], [TRUE])
    (match,) = scores.matches
    assert (match.spatial, match.iou, match.temporal_iot, match.temporal_iop, match.temporal_iou) == (1, 1, 1, 1, 1)
    assert (scores.precision, scores.recall, scores.f1, scores.phase_accuracy) == (1, 1, 1, 1)
    assert match.onset_error_days == 0


@pytest.mark.parametrize(
    ("shift_m", "is_found"),
    [(66.0, True), (67.0, False)],  # shared 34 of 166: 0.205; 33 of 167: 0.198
)
def test_outlines_must_agree_to_a_fifth(shift_m: float, *, is_found: bool) -> None:
    scores = associate([site("a", square(shift_m))], [TRUE])
    assert len(scores.matches) == is_found
    assert scores.recall == float(is_found)
    assert ids(scores.false) == ([] if is_found else ["a"])


@pytest.mark.parametrize(
    ("start", "end", "iot", "iop", "is_found"),
    [
        pytest.param(80, 179, 0.20, 0.20, True, id="a-fifth-of-the-truth"),
        pytest.param(81, 180, 0.19, 0.19, False, id="a-day-less"),
        pytest.param(-300, 99, 1.00, 0.25, True, id="early-and-long"),
        pytest.param(-950, 99, 1.00, 100 / 1050, False, id="nearly-always-on"),
        pytest.param(100, 199, 0.0, 0.0, False, id="afterwards"),
    ],
)
def test_spans_must_overlap(start: int, end: int, iot: float, iop: float, *, is_found: bool) -> None:
    told = site("a", square(0), start=start, end=end)
    scores = associate([told], [TRUE])
    assert len(scores.matches) == is_found
    loose = associate([told], [TRUE], AssociationParams(temporal_iot=0, temporal_iop=0))
    (match,) = loose.matches
    assert [match.temporal_iot, match.temporal_iop] == pytest.approx([iot, iop])
    assert match.onset_error_days == start


def test_half_of_the_true_outlines_must_agree() -> None:
    grown = ((day(0), square(0, 30)), (day(30), square(0, 44)), (day(60), square(0, 45)), (day(90), square(0)))
    truth = site("truth", square(0), outlines=grown)
    (match,) = associate([site("a", square(0))], [truth]).matches
    assert match.spatial == 0.5  # 0.09 and 0.1936 of the whole do not reach a fifth; 0.2025 and 1 do
    assert not associate([site("a", square(0))], [truth], AssociationParams(rho=0.51)).matches


def test_kinds_are_not_mixed_but_for_expansion_and_construction() -> None:
    assert not associate([site("a", square(0), event="demolition")], [TRUE]).matches
    assert associate([site("a", square(0), event="expansion")], [TRUE]).matches


def test_one_to_one_takes_the_most_matches_and_then_the_best() -> None:
    truths = [site("t1", square(0)), site("t2", square(60))]
    told = [site("a", square(30)), site("b", square(-10))]  # a agrees with both (0.54), b with t1 alone
    scores = associate(told, truths)
    assert sorted((match.truth.site_id, match.proposals[0].site_id) for match in scores.matches) == [
        ("t1", "b"),
        ("t2", "a"),
    ]
    assert scores.f1 == 1


def test_a_second_detection_of_one_site_is_false() -> None:
    scores = associate([site("a", square(0)), site("b", square(20))], [TRUE])
    assert (ids([scores.matches[0].proposals[0]]), ids(scores.false)) == (["a"], ["b"])
    assert [scores.precision, scores.recall, scores.f1] == pytest.approx([1 / 2, 1, 2 / 3])


PARTS = [site(f"p{number}", box(17.0 * number, 0, 17.0 * number + 16, 100)) for number in range(6)]


def test_parts_together_make_one_site_where_several_may() -> None:
    apart = associate(PARTS, [TRUE])  # each covers 0.16 of it: less than a fifth
    assert (len(apart.matches), len(apart.false), apart.recall) == (0, 6, 0.0)
    together = associate(PARTS, [TRUE], MANY)
    (match,) = together.matches
    assert len(match.proposals) == 6
    assert match.iou == pytest.approx(0.16 * 5 + 0.15, abs=0.02)  # the last reaches a metre beyond
    assert (together.precision, together.recall) == (1.0, 1.0)


def test_one_detection_may_hold_several_sites() -> None:
    truths = [site(f"t{number}", square(150.0 * number)) for number in range(6)]
    wide = site("wide", box(0, 0, 850, 100))  # a site is 0.118 of it
    assert associate([wide], truths).recall == 0
    scores = associate([wide], truths, MANY)
    assert (scores.recall, scores.precision, ids(scores.false)) == (1.0, 1.0, [])


def test_what_shall_not_be_reported_is_false_and_what_does_not_count_is_neither() -> None:
    truths = [
        site("yes", square(0)),
        site("no", square(200), worth=Worth.NEGATIVE),
        site("maybe", square(400), worth=Worth.IGNORE),
        site("missed maybe", square(600), worth=Worth.IGNORE),
        site("missed no", square(800), worth=Worth.NEGATIVE),
    ]
    scores = associate([site(f"d{left}", square(left)) for left in (0, 200, 400)], truths)
    assert (ids(scores.false), ids(scores.ignored), ids(scores.missed)) == (["d200"], ["d400"], [])
    assert (scores.precision, scores.recall) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("after", "by", "is_held"),
    [(-30, 0, True), (-30, -1, False), (-1, 10, True), (0, 10, False)],
    ids=["on-the-look-with-it", "too-early", "the-day-after", "too-late"],
)
def test_the_onset_interval_holds_the_true_beginning_or_not(after: int, by: int, *, is_held: bool) -> None:
    told = site("a", square(0), start=by, started_after=day(after))
    (match,) = associate([told], [TRUE]).matches
    assert match.is_onset_held is is_held


@pytest.mark.parametrize(("after", "by", "is_held"), [(20, 40, True), (0, 11, True), (31, 40, False), (-9, 9, False)])
def test_where_truth_is_an_interval_the_two_must_meet(after: int, by: int, *, is_held: bool) -> None:
    truth = site("truth", square(0), start=30, started_after=day(10))  # it began on a day from 11 to 30
    (match,) = associate([site("a", square(0), start=by, started_after=day(after))], [truth]).matches
    assert match.is_onset_held is is_held


def test_delay_is_counted_to_the_confirmation() -> None:
    (match,) = associate([site("a", square(0), start=5, confirmed_on=day(40))], [TRUE]).matches
    assert (match.delay_days, match.onset_error_days) == (40, 5)
    (match,) = associate([site("a", square(0))], [TRUE]).matches
    assert match.delay_days is None


def test_phases_are_compared_on_the_days_that_truth_was_observed() -> None:
    seen = tuple(day(number) for number in (-10, 0, 20, 40, 60, 80, 100, 120))
    truth = site("truth", square(0), active_on=day(30), completed_on=day(90), observed_on=seen)
    told = site("a", square(0), start=10, active_on=day(50), completed_on=day(110))
    scores = associate([told], [truth])
    # right: none at -10, preparation at 20, active at 60 and 80, complete at 120; wrong: at 0, 40 and 100
    assert scores.phase_accuracy == 5 / 8
    assert scores.figures()["phase_accuracy"] == 0.625


def test_nothing_told_and_nothing_true_have_no_score() -> None:
    scores = associate([], [])
    assert all(np.isnan(value) for value in (scores.precision, scores.recall, scores.f1))
    assert scores.figures()["f1"] is None
    assert associate([], [TRUE]).recall == 0
    assert associate([site("a", square(0))], []).precision == 0


@given(order=st.sampled_from(list(permutations(range(4)))), is_one_to_one=st.booleans())
def test_the_order_of_detections_and_sites_does_not_matter(order: tuple[int, ...], *, is_one_to_one: bool) -> None:
    told = [site("a", square(0)), site("b", square(30)), site("c", square(210)), site("d", square(700))]
    truths = [site("t1", square(10)), site("t2", square(200)), site("t3", square(400)), site("t4", square(40))]
    params = AssociationParams(is_one_to_one=is_one_to_one)
    usual = associate(told, truths, params)
    other = associate([told[index] for index in order], [truths[index] for index in reversed(order)], params)
    assert {match.truth.site_id for match in usual.matches} == {match.truth.site_id for match in other.matches}
    assert (usual.precision, usual.recall) == (other.precision, other.recall)


@pytest.mark.parametrize("name", ["tau", "rho", "temporal_iot", "temporal_iop"])
def test_thresholds_are_shares(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is a share"):
        AssociationParams(**{name: 1.5})  # type: ignore[arg-type]  # one of the shares


# --- tables --------------------------------------------------------------------------------------------


def test_tables_are_scored_in_one_go(make_row: "MakeRow") -> None:
    here = box(600_000, 4_800_000, 600_100, 4_800_100)
    there = box(601_000, 4_800_000, 601_100, 4_800_100)
    rows = [
        make_row("a-1", geometry=here),
        make_row("a-2", geometry=there),
        make_row("a-3", geometry=there, event="surface_change"),
    ]
    truth = gpd.GeoDataFrame(
        {
            "name": ["camp"],
            "event": ["construction"],
            "started_on": np.array(["2022-03-11"], dtype="datetime64[s]"),
            "completed_on": np.array(["2022-09-01"], dtype="datetime64[s]"),
        },
        geometry=[here],
        crs=EPSG,
    ).to_crs(4326)
    scores = evaluate(detections_frame(rows, epsg=EPSG), truth, until=date(2022, 12, 31))
    (match,) = scores.matches
    assert (match.proposals[0].site_id, ids(scores.false)) == ("a-1", ["a-2"])
    assert match.iou == pytest.approx(1, abs=1e-3)
    assert (match.onset_error_days, match.delay_days, match.is_onset_held) == (21, 82, True)
    # detected from 1 April to the last look on 1 September, true from 11 March to 1 September
    assert [match.temporal_iot, match.temporal_iop] == pytest.approx([154 / 175, 1])


def test_truth_without_a_beginning_does_not_count(make_row: "MakeRow") -> None:
    here = box(600_000, 4_800_000, 600_100, 4_800_100)
    truth = gpd.GeoDataFrame(
        {"name": ["old"], "event": ["construction"], "started_on": np.array(["NaT"], dtype="datetime64[s]")},
        geometry=[here],
        crs=EPSG,
    )
    scores = evaluate(detections_frame([make_row(geometry=here)], epsg=EPSG), truth, until=date(2022, 12, 31))
    assert (len(scores.matches), ids(scores.ignored), ids(scores.missed), ids(scores.false)) == (0, ["a-1"], [], [])


def test_labels_become_objects_with_their_ground() -> None:
    labels = np.zeros((6, 8), dtype=bool)
    labels[1:3, 1:3] = True
    labels[3, 3] = True  # touches by a corner: the same object
    labels[5, 6:8] = True
    grid = Grid(epsg=EPSG, left_m=600_000, top_m=4_800_000, pixel_m=10, width_px=8, height_px=6)
    truth = truth_of_labels(labels, grid, span=(date(2016, 1, 20), date(2018, 3, 28)))
    assert sorted(truth["area_m2"]) == [200.0, 500.0]
    assert truth.geometry.union_all().bounds == (600_010, 4_799_940, 600_080, 4_799_990)
    assert set(truth["started_after"].dt.date) == {date(2016, 1, 20)}
    assert truth_of_labels(np.zeros((6, 8), dtype=bool), grid, span=(DAY0, DAY0)).empty
