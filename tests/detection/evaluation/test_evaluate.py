"""Detections and truth are compared as one would by hand."""

from datetime import date
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
from shapely.geometry import Polygon, box

from detection.evaluation.evaluate import Agreement, match_truth
from detection.schema import detections_frame

if TYPE_CHECKING:
    from tests.detection.conftest import MakeRow

EPSG = 32645
PLACE = box(600_000, 4_800_000, 600_100, 4_800_100)


def beside(metres: float) -> Polygon:
    return box(600_000 + metres, 4_800_000, 600_100 + metres, 4_800_100)


def truth(*rows: tuple[str, str, date, Polygon]) -> gpd.GeoDataFrame:
    names, events, days, shapes = zip(*rows, strict=True)
    return gpd.GeoDataFrame({"name": names, "event": events, "started_on": days}, geometry=list(shapes), crs=EPSG)


ONE = truth(("camp", "construction", date(2022, 3, 15), PLACE))


def test_a_detection_on_the_place_has_found_it(make_row: "MakeRow") -> None:
    agreement = match_truth(detections_frame([make_row(geometry=PLACE)], epsg=EPSG), ONE)
    (match,) = agreement.matches
    assert (match.name, match.event, match.detection_id, match.is_confirmed) == ("camp", "construction", "a-1", True)
    assert (match.covered_share, match.excess_share) == (1.0, 0.0)
    assert (match.onset_after, match.onset_by) == (date(2022, 3, 1), date(2022, 4, 1))
    assert match.is_onset_right
    assert (agreement.found, agreement.false_confirmed, len(agreement.false)) == (1, 0, 0)


def test_shares_are_relative_to_the_true_footprint(make_row: "MakeRow") -> None:
    (match,) = match_truth(detections_frame([make_row(geometry=beside(60))], epsg=EPSG), ONE).matches
    assert match.covered_share == pytest.approx(0.4)
    assert match.excess_share == pytest.approx(0.6)


@pytest.mark.parametrize(("shift_m", "is_found"), [(79.0, True), (81.0, False)])
def test_too_little_of_the_footprint_is_a_miss(make_row: "MakeRow", shift_m: float, *, is_found: bool) -> None:
    agreement = match_truth(detections_frame([make_row(geometry=beside(shift_m))], epsg=EPSG), ONE)
    (match,) = agreement.matches
    assert (match.detection_id is not None) is is_found
    assert agreement.found == is_found
    assert len(agreement.false) == 0  # it touches the truth, so it is no false claim either


@pytest.mark.parametrize(
    ("started_on", "is_right"),
    [
        (date(2022, 3, 1), False),
        (date(2022, 3, 2), True),
        (date(2022, 4, 1), True),
        (date(2022, 4, 2), False),
    ],
    ids=["on-the-look-without-it", "the-day-after", "on-the-look-with-it", "later"],
)
def test_the_onset_lies_after_the_one_look_and_by_the_other(
    make_row: "MakeRow", started_on: date, *, is_right: bool
) -> None:
    known = truth(("camp", "construction", started_on, PLACE))
    (match,) = match_truth(detections_frame([make_row(geometry=PLACE)], epsg=EPSG), known).matches
    assert match.is_onset_right is is_right


@pytest.mark.parametrize(
    ("event", "is_found", "false"),
    [("construction", True, 0), ("expansion", True, 0), ("demolition", False, 1), ("surface_change", False, 0)],
)
def test_only_the_same_kind_of_event_counts(make_row: "MakeRow", event: str, false: int, *, is_found: bool) -> None:
    agreement = match_truth(detections_frame([make_row(geometry=PLACE, event=event)], epsg=EPSG), ONE)
    assert agreement.found == is_found
    assert len(agreement.false) == false


def test_the_detection_that_covers_most_is_the_one(make_row: "MakeRow") -> None:
    rows = [make_row("a-1", geometry=beside(60)), make_row("a-2", geometry=beside(10), status="candidate")]
    (match,) = match_truth(detections_frame(rows, epsg=EPSG), ONE).matches
    assert match.detection_id == "a-2"
    assert not match.is_confirmed


def test_claims_where_nothing_happened_are_false(make_row: "MakeRow") -> None:
    rows = [
        make_row("a-1", geometry=beside(500)),
        make_row("a-2", geometry=beside(900), status="candidate"),
        make_row("a-3", geometry=beside(1300), event="surface_change"),
    ]
    agreement = match_truth(detections_frame(rows, epsg=EPSG), ONE)
    assert list(agreement.false["detection_id"]) == ["a-1", "a-2"]
    assert agreement.false_confirmed == 1
    assert agreement.found == 0


def test_without_detections_all_is_missed(make_row: "MakeRow") -> None:
    agreement = match_truth(detections_frame([make_row()], epsg=EPSG).iloc[:0], ONE)
    (match,) = agreement.matches
    assert (match.detection_id, match.covered_share, match.is_onset_right) == (None, 0.0, False)
    assert (agreement.found, agreement.false_confirmed) == (0, 0)


def test_where_nothing_happened_everything_built_is_false(make_row: "MakeRow") -> None:
    agreement: Agreement = match_truth(detections_frame([make_row()], epsg=EPSG), ONE.iloc[:0])
    assert agreement.matches == ()
    assert agreement.false_confirmed == 1


def test_truth_may_lie_in_another_crs(make_row: "MakeRow") -> None:
    (match,) = match_truth(detections_frame([make_row(geometry=PLACE)], epsg=EPSG), ONE.to_crs(4326)).matches
    assert match.covered_share == pytest.approx(1, abs=1e-4)


def test_ground_within_the_margin_of_a_footprint_is_no_excess(make_row: "MakeRow") -> None:
    # a wall 2 m wide and 100 m long in pixels of 10 m: what changed is a strip 22 m wide, wholly within 10 m of it
    wall = box(600_000, 4_800_000, 600_002, 4_800_100)
    found = detections_frame([make_row(geometry=box(599_990, 4_799_990, 600_012, 4_800_110))], epsg=EPSG)
    known = truth(("wall", "construction", date(2022, 3, 15), wall))
    (exact,) = match_truth(found, known).matches
    assert exact.excess_share == pytest.approx((22 * 120 - 200) / 200)
    (near,) = match_truth(found, known, margin_m=10).matches
    assert near.excess_share == pytest.approx(0, abs=0.05)  # the four rounded corners of the margin
