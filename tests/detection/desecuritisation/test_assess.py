"""A facility gets one answer a run: a wall that goes is an event with its dates, a fence that goes is never told."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from aoi.facilities import Facility, FacilityKind
from benchmarks.walls import SIMULATED, Ground, ground_of, ring_on, wall_of, with_walls
from detection.desecuritisation.assess import Assessment, assess_facility
from detection.desecuritisation.demolition import total_area_m2
from detection.desecuritisation.table import desecuritisation_id, desecuritisation_rows, perimeter_rows
from detection.desecuritisation.verdict import UNSEEN, Answer, DesecuritisationParams
from detection.params import DetectParams
from detection.perimeter import ArcState, PerimeterParams
from detection.schema import as_perimeters, detections_frame, no_detections
from geo.crs import reproject
from geo.scene import Stack

EPSG = 32645
PARAMS = DetectParams(perimeter=PerimeterParams(copies=1100))
QUICK = DetectParams(perimeter=PerimeterParams(copies=150))
"""Enough where nothing depends on how rare something is."""


@lru_cache(maxsize=2)
def ground(seed: int) -> tuple[Ground, Polygon]:
    rng = np.random.default_rng(seed)
    made = ground_of(SIMULATED, None, looks=6, rng=rng)
    return made, ring_on(made, rng)


@lru_cache(maxsize=8)
def story(width_m: float, removed: float, seed: int = 5) -> Stack:
    """Draw a wall of which a share goes in the middle of the series; a mesh is a tenth of a metre of wire."""
    made, site = ground(seed)
    before, after = wall_of(site, width_m), wall_of(site, width_m, without=removed)
    walls = [before] * made.looks_before + [after] * (len(made.stack.days) - made.looks_before)
    return with_walls(made, walls, contrast=0.15, rng=np.random.default_rng(seed))


def facility(shape_m: BaseGeometry, **others: Any) -> Facility:  # noqa: ANN401 - fields of a facility
    location = reproject(shape_m, from_epsg=EPSG, to_epsg=4326)
    return Facility(facility_id="camp-1", names=("Camp",), location_4326=location, kind=FacilityKind.CAMP, **others)


def assessed(
    stack: Stack | None,
    shape_m: BaseGeometry,
    detections: gpd.GeoDataFrame | None = None,
    *,
    params: DetectParams = QUICK,
) -> Assessment:
    table = no_detections(epsg=EPSG) if detections is None else detections
    return assess_facility(stack, facility(shape_m), table, params)


@lru_cache(maxsize=4)
def told(width_m: float, removed: float) -> Assessment:
    """Assess one story around its outline."""
    return assessed(story(width_m, removed), ground(5)[1], params=PARAMS)


def test_a_wall_that_goes_is_indicated_with_the_looks_between_which_it_went() -> None:
    made, site = ground(5)
    found = told(4.0, 1.0)
    assert found.verdict.answer is Answer.INDICATED
    assert found.verdict.probability is not None
    assert found.verdict.probability > 0.8
    assert found.verdict.changed is not None
    after, by = found.verdict.changed
    assert after <= made.stack.days[made.looks_before - 1] < made.stack.days[made.looks_before] <= by
    assert found.ring is not None
    assert not found.ring.is_traced
    assert found.lost_m.intersection(site.exterior.buffer(15)).area == pytest.approx(found.lost_m.area, rel=0.01)


def test_it_becomes_a_detection_that_stays_a_candidate_with_the_same_id_and_what_is_gone_as_its_shape() -> None:
    stack, found = story(4.0, 1.0), told(4.0, 1.0)
    table = desecuritisation_rows("area-1", [found], stack, settings_hash="0123456789ab")
    (row,) = table.to_dict("records")
    assert (row["event"], row["status"], row["facility_id"]) == ("desecuritisation", "candidate", "camp-1")
    assert row["detection_id"] == desecuritisation_id("area-1", "camp-1")
    assert row["detection_id"] != desecuritisation_id("area-2", "camp-1")
    assert row["confidence"] == pytest.approx(found.verdict.probability, abs=1e-4)
    assert (row["looks_before"], row["looks_after"]) == (6, 6)
    evidence = json.loads(row["evidence"])
    assert evidence["answer"] == "indicated"
    assert {"wall_lost", "roofs_lost", "proxies"} <= set(evidence["features"])
    assert row["area_m2"] == pytest.approx(found.lost_m.area)


@pytest.mark.parametrize("removed", [1.0, 0.0], ids=["a fence that goes", "a fence that stays"])
def test_a_fence_is_not_told_whether_it_goes_or_stays_and_is_no_detection(removed: float) -> None:
    stack, found = story(0.1, removed), told(0.1, removed)
    assert (found.verdict.answer, found.verdict.probability) == (Answer.CANNOT_TELL, None)
    assert {arc.state for arc in found.perimeter.arcs} == {ArcState.CANNOT_TELL}
    assert "fence" in found.verdict.reason
    assert UNSEEN in found.verdict.text
    assert desecuritisation_rows("a", [found], stack, settings_hash="0123456789ab").empty


def test_the_table_keeps_what_could_not_be_told_with_its_reason_and_a_row_an_arc() -> None:
    fence, wall = told(0.1, 1.0), told(4.0, 1.0)
    table = perimeter_rows("a", [fence, replace(wall, facility_id="camp-2")], epsg=EPSG, settings_hash="h")
    heads = table[table["arc"] == 0]
    assert list(heads["state"]) == ["cannot_tell", "indicated"]
    assert table["reason"].str.len().min() > 0
    assert heads["text"].str.contains("cannot be seen at 10 m").all()
    assert len(table) == 2 + len(fence.perimeter.arcs) + len(wall.perimeter.arcs)
    arcs = table[(table["arc"] > 0) & (table["facility_id"] == "camp-2")]
    gone = arcs[arcs["state"] == "gone"]
    assert len(gone) >= 0.8 * len(arcs)
    assert gone["changed_by"].notna().all()
    assert arcs["smallest_m"].between(0, 4 * 0.15).all()
    assert arcs["length_m"].sum() == pytest.approx(ground(5)[1].length, rel=0.1)
    assert as_perimeters(table).equals(table)


@pytest.mark.parametrize(
    ("stack", "shape", "reason"),
    [
        (None, None, "too few clear looks"),
        ("seen", box(500_950, 4_799_400, 501_200, 4_799_600), "image"),
        ("seen", Point(900_000, 4_799_500), "image"),
        ("seen", Point(500_010, 4_799_500), "only a point is known"),
    ],
    ids=["no looks", "half outside", "far away", "a point at the edge"],
)
def test_what_cannot_be_looked_at_is_said_with_its_reason(
    stack: str | None, shape: BaseGeometry | None, reason: str
) -> None:
    found = assessed(story(4.0, 1.0) if stack else None, shape or ground(5)[1])
    assert found.verdict.answer is Answer.CANNOT_TELL
    assert reason in found.verdict.reason
    table = perimeter_rows("a", [found], epsg=EPSG, settings_hash="h")
    assert list(table["arc"]) == [0]
    assert reason in table["reason"].iloc[0]


def test_an_outline_wins_and_around_a_point_the_line_is_traced() -> None:
    site = ground(5)[1]
    found = assessed(story(4.0, 0.0), site.centroid)
    assert found.ring is not None
    assert found.ring.is_traced
    off = [site.exterior.distance(Point(place)) for place in found.ring.line_m.coords]
    assert np.median(off) < 10
    assert found.verdict.answer is Answer.CANNOT_TELL
    table = perimeter_rows("a", [found], epsg=EPSG, settings_hash="h")
    assert table["ring"].iloc[0] == "traced"
    assert 0 < table["ring_error_m"].iloc[0] < 30


def test_a_wall_that_goes_around_a_point_is_indicated_too() -> None:
    assert assessed(story(4.0, 1.0), ground(5)[1].centroid, params=PARAMS).verdict.answer is Answer.INDICATED


def test_roofs_that_a_person_rejected_are_no_loss(make_row: Callable[..., dict[str, Any]]) -> None:
    site = ground(5)[1]
    roof = site.centroid.buffer(30)
    answers = {}
    for status in ("confirmed", "rejected"):
        days = ground(5)[0].stack.days
        row = make_row(
            event="demolition",
            status=status,
            geometry=roof,
            area_m2=roof.area,
            area_low_m2=roof.area * 0.8,
            area_high_m2=roof.area * 1.2,
            onset_after=days[2],
            onset_by=days[3],
        )
        found = assessed(story(0.1, 0.0), site, detections_frame([row], epsg=EPSG))
        answers[status] = found.verdict.answer
        lost = total_area_m2(found.roofs)
        assert lost == (
            (pytest.approx(roof.area), pytest.approx(roof.area * 0.8), pytest.approx(roof.area * 1.2))
            if status == "confirmed"
            else (0, 0, 0)
        )
    assert answers == {"confirmed": Answer.INDICATED, "rejected": Answer.CANNOT_TELL}


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (FacilityKind.CAMP, True),
        (FacilityKind.PRISON, True),
        (FacilityKind.FACTORY, False),
        (FacilityKind.OTHER, False),
    ],
)
def test_camps_and_prisons_are_asked_about_and_others_on_request(kind: FacilityKind, *, asked: bool) -> None:
    assert DesecuritisationParams().asks_about("x", kind) is asked
    assert DesecuritisationParams(facilities=("x",)).asks_about("x", kind)
    assert not DesecuritisationParams(kinds=()).asks_about("x", kind)


@pytest.mark.parametrize("wrong", [{"around_m": 0}, {"loss_p": 0}, {"proxy_p": 2}, {"most_values": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DesecuritisationParams(**wrong)  # type: ignore[arg-type]  # that is what is tried


def test_memory_is_bounded_by_looking_at_less_ground() -> None:
    site = ground(5)[1]
    small = replace(QUICK, desecuritisation=DesecuritisationParams(most_values=1000))
    found = assess_facility(story(4.0, 1.0), facility(site), no_detections(epsg=EPSG), small)
    assert "too large for the memory" in found.verdict.reason
