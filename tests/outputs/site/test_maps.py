import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import Point, box

from outputs.site.maps import Mark, shortened, small_map


def _mark(west: float, south: float, east: float, north: float) -> Mark:
    return Mark(shape_4326=box(west, south, east, north), label="a", kind="seen")


@given(lon=st.floats(-170, 169), lat=st.floats(-75, 74), width=st.floats(0.001, 10), height=st.floats(0.001, 10))
def test_all_of_an_area_is_on_the_map_and_the_bar_is_true(lon: float, lat: float, width: float, height: float) -> None:
    drawn = small_map(
        "k", "t", areas=[_mark(lon, lat, lon + width, min(lat + height, 84))], facilities=[], detections=[]
    )
    assert drawn is not None
    pairs = [tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)", drawn.areas[0].path)]
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in pairs)
    assert 0 < drawn.bar <= 0.25 * drawn.width + 0.1


def test_the_scale_bar_agrees_with_the_ellipsoid() -> None:
    area = _mark(88.25, 43.36, 88.32, 43.40)
    drawn = small_map("k", "t", areas=[area], facilities=[], detections=[])
    assert drawn is not None
    xs = [float(x) for x in re.findall(r"(-?[\d.]+),", drawn.areas[0].path)]
    _, _, width_m = Geod(ellps="WGS84").inv(88.25, 43.38, 88.32, 43.38)
    bar_m = float(drawn.bar_words.split()[0]) * (1000 if drawn.bar_words.endswith("km") else 1)
    assert bar_m / drawn.bar == pytest.approx(width_m / (max(xs) - min(xs)), rel=0.01)


def test_north_is_up_and_east_is_right() -> None:
    points = [Mark(shape_4326=Point(lon, lat), label="p", kind="camp") for lon, lat in ((0.2, 0.2), (0.8, 0.8))]
    drawn = small_map("k", "t", areas=[_mark(0, 0, 1, 1)], facilities=points, detections=[])
    assert drawn is not None
    southwest, northeast = drawn.facilities
    assert southwest.x < northeast.x
    assert southwest.y > northeast.y
    assert southwest.path == ""


def test_a_facility_far_away_is_left_out() -> None:
    far = Mark(shape_4326=Point(50, 50), label="p", kind="camp")
    drawn = small_map("k", "t", areas=[_mark(0, 0, 1, 1)], facilities=[far], detections=[])
    assert drawn is not None
    assert drawn.facilities == ()


def test_holes_are_drawn() -> None:
    ring = Mark(shape_4326=box(0, 0, 1, 1) - box(0.4, 0.4, 0.6, 0.6), label="a", kind="seen")
    drawn = small_map("k", "t", areas=[ring], facilities=[], detections=[])
    assert drawn is not None
    assert drawn.areas[0].path.count("Z") == 2


def test_nothing_to_show_is_no_map() -> None:
    assert small_map("k", "t", areas=[], facilities=[], detections=[]) is None


def test_a_single_point_has_a_map() -> None:
    mark = Mark(shape_4326=Point(88, 43), label="p", kind="camp")
    drawn = small_map("k", "t", areas=[], facilities=[mark], detections=[])
    assert drawn is not None
    assert len(drawn.meridians) >= 2
    assert len({line.label for line in drawn.meridians}) == len(drawn.meridians)


@pytest.mark.parametrize(
    ("label", "room", "shown"),
    [("Dabancheng", 500, "Dabancheng"), ("Dabancheng", 60, "Dabanc…"), ("达坂城区", 60, "达坂城…"), ("", 10, "")],
)
def test_labels_are_cut_to_their_room(label: str, room: float, shown: str) -> None:
    assert shortened(label, room) == shown
