"""Each detection is joined to the facility that is truly nearest, and only factories expand."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import isnan

import geopandas as gpd
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import Point, Polygon, box

from aoi.facilities import Facility, FacilityKind
from detection.schema import check_detections, detections_frame
from outputs.risk.join import JoinParams, join_facilities

EPSG = 32645
CORNER = (600_000.0, 4_800_000.0)
PARAMS = JoinParams()
TO_DEGREES = Transformer.from_crs(EPSG, 4326, always_xy=True)


def square(x_m: float, y_m: float, side_m: float = 100.0) -> Polygon:
    return box(CORNER[0] + x_m, CORNER[1] + y_m, CORNER[0] + x_m + side_m, CORNER[1] + y_m + side_m)


def in_degrees(shape_m: Polygon | Point) -> Polygon | Point:
    if isinstance(shape_m, Point):
        return Point(TO_DEGREES.transform(shape_m.x, shape_m.y))
    return Polygon([TO_DEGREES.transform(*corner) for corner in shape_m.exterior.coords])


def facility(
    name: str, shape_m: Polygon | Point, kind: FacilityKind = FacilityKind.CAMP, error_m: float = 0
) -> Facility:
    return Facility(
        facility_id=name, names=(name,), location_4326=in_degrees(shape_m), kind=kind, position_error_m=error_m
    )


def at(x_m: float, y_m: float = 50.0) -> Point:
    return Point(CORNER[0] + x_m, CORNER[1] + y_m)


def detections(*shapes: Polygon, event: str = "construction") -> gpd.GeoDataFrame:
    rows = [
        {
            "detection_id": f"a-{index}",
            "area_id": "a",
            "facility_id": None,
            "facility_relation": "none",
            "facility_distance_m": np.nan,
            "event": event,
            "status": "candidate",
            "confidence": 0.5,
            "onset_after": date(2022, 3, 1),
            "onset_by": date(2022, 4, 1),
            "confirmed_on": None,
            "last_seen_on": date(2022, 9, 1),
            "looks_before": 4,
            "looks_after": 9,
            "area_m2": shape.area,
            "evidence": "{}",
            "sensors": "sentinel-2a",
            "scene_ids": json.dumps(["x"]),
            "settings_hash": "0123456789ab",
            "geometry": shape,
        }
        for index, shape in enumerate(shapes)
    ]
    return detections_frame(rows, epsg=EPSG)


def joined(
    facilities: Sequence[Facility], *shapes: Polygon, event: str = "construction", params: JoinParams = PARAMS
) -> list[tuple[str | None, str, float, str]]:
    found = join_facilities(detections(*shapes or (square(0, 0),), event=event), facilities, params)
    check_detections(found)
    columns = ["facility_id", "facility_relation", "facility_distance_m", "event"]
    return [tuple(row) for row in found[columns].to_numpy()]


@pytest.mark.parametrize(
    ("place", "relation", "distance_m"),
    [
        pytest.param(at(50), "inside", 0.0, id="point-in-the-outline"),
        pytest.param(at(130), "near", 30.0, id="point-beside"),
        pytest.param(at(599), "near", 499.0, id="point-just-near"),
        pytest.param(square(50, 50, 400), "inside", 0.0, id="outline-that-overlaps"),
        pytest.param(square(-100, -100, 400), "inside", 0.0, id="outline-around"),
        pytest.param(square(300, 0), "near", 200.0, id="outline-beside"),
        pytest.param(square(130, 140), "near", 50.0, id="outline-across-the-corner"),
    ],
)
def test_a_detection_lies_in_or_near_its_facility(place: Polygon | Point, relation: str, distance_m: float) -> None:
    ((name, found, distance, event),) = joined([facility("f", place)])
    assert (name, found, event) == ("f", relation, "construction")
    assert distance == pytest.approx(distance_m, abs=0.1)


@pytest.mark.parametrize("facilities", [[], [facility("f", at(602))]], ids=["none-known", "too-far"])
def test_without_a_facility_near_there_is_none(facilities: list[Facility]) -> None:
    ((name, relation, distance, _),) = joined(facilities)
    assert (name, relation) == (None, "none")
    assert isnan(distance)


def test_the_nearer_of_two_is_taken_and_of_equals_the_first_by_id() -> None:
    assert joined([facility("far", at(300)), facility("close", at(200))])[0][0] == "close"
    same = at(200)
    assert joined([facility("b", same), facility("a", same)])[0][0] == "a"


@pytest.mark.parametrize(
    ("error_m", "relation", "distance_m"),
    [(0, "near", 100.0), (60, "near", 40.0), (100.5, "inside", 0.0), (900, "inside", 0.0)],
)
def test_the_position_error_is_taken_off_the_distance(error_m: float, relation: str, distance_m: float) -> None:
    ((_, found, distance, _),) = joined([facility("f", at(200), error_m=error_m)])
    assert found == relation
    assert distance == pytest.approx(distance_m, abs=0.1)


@pytest.mark.parametrize(
    ("kind", "x_m", "event", "expected"),
    [
        pytest.param(FacilityKind.FACTORY, 150, "construction", "expansion", id="beside-a-factory"),
        pytest.param(FacilityKind.INDUSTRIAL_PARK, 50, "construction", "expansion", id="in-a-park"),
        pytest.param(FacilityKind.FACTORY, 199, "construction", "expansion", id="just-beside"),
        pytest.param(FacilityKind.FACTORY, 201, "construction", "construction", id="near-but-not-beside"),
        pytest.param(FacilityKind.CAMP, 50, "construction", "construction", id="in-a-camp"),
        pytest.param(FacilityKind.FACTORY, 50, "demolition", "demolition", id="a-demolition-stays-one"),
        pytest.param(FacilityKind.FACTORY, 50, "surface_change", "surface_change", id="a-surface-stays-one"),
    ],
)
def test_only_what_is_built_beside_industry_is_an_expansion(
    kind: FacilityKind, x_m: float, event: str, expected: str
) -> None:
    assert joined([facility("f", at(x_m), kind)], event=event)[0][3] == expected


def test_an_expansion_joined_again_without_facilities_keeps_its_name() -> None:
    assert joined([], event="expansion")[0][3] == "expansion"


def test_each_detection_has_its_own_neighbour_and_keeps_all_else() -> None:
    places = [facility("west", at(-50)), facility("east", at(1150))]
    before = detections(square(0, 0), square(1000, 0), square(5000, 5000))
    after = join_facilities(before, places, PARAMS)
    assert after["facility_id"].tolist() == ["west", "east", None]
    same = [name for name in before.columns if not name.startswith("facility")]
    assert_geodataframe_equal(after[same], before[same])
    assert before["facility_id"].isna().all()


def test_an_empty_table_stays_empty_and_checked() -> None:
    empty = detections(square(0, 0)).iloc[:0]
    found = join_facilities(empty, [facility("f", at(0))], PARAMS)
    assert found.empty
    check_detections(found)


@given(
    places=st.lists(
        st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.floats(0, 300), st.sampled_from([0.0, 20.0, 150.0])),
        min_size=1,
        max_size=6,
    )
)
def test_the_neighbour_is_shapelys_nearest(places: list[tuple[float, float, float, float]]) -> None:
    shapes = [at(x, y) if side < 50 else square(x, y, side) for x, y, side, _ in places]
    facilities = [facility(f"f{n}", shape, error_m=places[n][3]) for n, shape in enumerate(shapes)]
    ((name, relation, distance, _),) = joined(facilities)
    ranges = [max(0.0, square(0, 0).distance(shape) - places[n][3]) for n, shape in enumerate(shapes)]
    if min(ranges) > PARAMS.near_m + 0.2:
        assert (name, relation) == (None, "none")
    elif min(ranges) < PARAMS.near_m - 0.2:
        assert name is not None
        assert ranges[int(name[1:])] == pytest.approx(min(ranges), abs=0.2)
        assert distance == pytest.approx(min(ranges), abs=0.2)
        assert (relation == "inside") == (distance < 0.05) or min(ranges) < 0.2


@given(lon=st.floats(-179.9, 179.8), lat=st.floats(-80, 80))
@example(lon=172.59, lat=1.3125)  # partly beyond what the projection can place
@example(lon=170.19, lat=5.0)
def test_a_facility_anywhere_else_on_earth_is_never_near(lon: float, lat: float) -> None:
    if abs(lon - 88.2) < 1 and abs(lat - 43.3) < 1:
        return
    for location in (Point(lon, lat), box(lon, lat, lon + 0.05, lat + 0.05)):
        away = replace(facility("f", at(0)), location_4326=location)
        assert joined([away])[0][:2] == (None, "none")


@pytest.mark.parametrize(("expansion_m", "near_m"), [(600, 500), (-1, 500)])
def test_settings_that_contradict_each_other_are_refused(expansion_m: float, near_m: float) -> None:
    with pytest.raises(ValueError, match="0 <= expansion_m <= near_m"):
        JoinParams(expansion_m=expansion_m, near_m=near_m)
