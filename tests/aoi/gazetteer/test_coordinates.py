"""Datums of China's maps, and coordinates that cannot be meant."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.gazetteer.coordinates import (
    Problem,
    bd09_to_gcj02,
    bd09_to_wgs84,
    check_coordinate,
    distance_m,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

IN_CHINA = st.tuples(st.floats(74.0, 134.0), st.floats(19.0, 53.0))
URUMQI = (87.6177, 43.7928)


@given(IN_CHINA)
def test_gcj02_and_bd09_come_back_to_where_they_were(lon_lat: tuple[float, float]) -> None:
    assert distance_m(gcj02_to_wgs84(wgs84_to_gcj02(lon_lat)), lon_lat) < 0.001
    assert distance_m(bd09_to_gcj02(gcj02_to_bd09(lon_lat)), lon_lat) < 0.001
    assert distance_m(bd09_to_wgs84(wgs84_to_bd09(lon_lat)), lon_lat) < 0.001


@given(IN_CHINA)
def test_gcj02_moves_a_place_by_some_hundred_metres(lon_lat: tuple[float, float]) -> None:
    assert 5.0 < distance_m(wgs84_to_gcj02(lon_lat), lon_lat) < 1000.0


def test_the_published_pair_of_tiananmen_is_met() -> None:
    """The example that documentation of the three datums uses again and again (to 5 digits)."""
    gcj, bd = wgs84_to_gcj02((116.404, 39.915)), wgs84_to_bd09((116.404, 39.915))

    assert gcj == pytest.approx((116.41024, 39.91640), abs=2e-5)
    assert gcj02_to_bd09((116.404, 39.915)) == pytest.approx((116.41037, 39.92134), abs=2e-5)
    assert bd == pytest.approx((116.41663, 39.92270), abs=5e-5)


def test_a_peer_moves_points_to_gcj02_alike() -> None:
    peer = pytest.importorskip("fast_geocn.coord")
    for lon_lat in ((87.6, 43.8), (113.9, 22.8), (121.47, 31.23), (79.92, 37.11)):
        assert wgs84_to_gcj02(lon_lat) == pytest.approx(peer.wgs84_to_gcj02(*lon_lat), abs=1e-7)


def test_positions_outside_china_stay() -> None:
    assert wgs84_to_gcj02((-0.13, 51.5)) == (-0.13, 51.5)


def test_a_datum_that_is_not_known_is_taken_as_wgs84() -> None:
    assert to_wgs84(URUMQI, "unknown") == URUMQI
    assert to_wgs84(wgs84_to_gcj02(URUMQI), "GCJ-02") == pytest.approx(URUMQI, abs=1e-7)
    assert to_wgs84(wgs84_to_bd09(URUMQI), "bd09") == pytest.approx(URUMQI, abs=1e-7)


def test_distance_of_a_degree_is_that_of_the_sphere() -> None:
    assert distance_m((0.0, 0.0), (0.0, 1.0)) == pytest.approx(math.radians(1.0) * 6_371_008.8)
    assert distance_m((0.0, 60.0), (1.0, 60.0)) == pytest.approx(55_597.0, rel=1e-3)


@pytest.mark.parametrize(
    ("lon_lat", "problem"),
    [
        pytest.param((0.0, 0.0), Problem.ZERO, id="zero"),
        pytest.param((0.001, -0.002), Problem.ZERO, id="nearly zero"),
        pytest.param((104.195397, 35.86166), Problem.COUNTRY_CENTROID, id="middle of China"),
        pytest.param((35.86166, 104.195397), Problem.COUNTRY_CENTROID, id="middle of China, swapped"),
        pytest.param((200.0, 40.0), Problem.NOT_ON_EARTH, id="no longitude"),
        pytest.param((120.0, 119.0), Problem.NOT_ON_EARTH, id="no latitude"),
        pytest.param((float("nan"), 40.0), Problem.NOT_ON_EARTH, id="not a number"),
    ],
)
def test_a_coordinate_that_stands_for_none_is_refused(lon_lat: tuple[float, float], problem: Problem) -> None:
    finding = check_coordinate(lon_lat, centroids=((104.195397, 35.86166),))

    assert finding.problem is problem
    assert not finding.is_usable
    assert finding.radius_m == 0.0


def near_urumqi(position: tuple[float, float]) -> bool:
    return distance_m(position, URUMQI) < 100_000


def test_swapped_numbers_are_turned() -> None:
    finding = check_coordinate((43.7928, 87.6177), datum="wgs84", plausible=near_urumqi)

    assert finding.problem is Problem.SWAPPED
    assert finding.lon_lat == URUMQI


def test_a_coordinate_far_from_the_address_is_refused_and_says_so() -> None:
    finding = check_coordinate((113.9, 22.8), plausible=near_urumqi)

    assert finding.problem is Problem.CONTRADICTS_ADDRESS
    assert "113.9, 22.8" in finding.note


def test_an_unknown_datum_widens_the_radius_in_china_only() -> None:
    known = check_coordinate(URUMQI, datum="wgs84", plausible=near_urumqi)
    unknown = check_coordinate(URUMQI, plausible=near_urumqi)
    abroad = check_coordinate((90.40744, 23.71042), in_china=False)

    assert known.radius_m == pytest.approx(100.0)
    assert unknown.radius_m == pytest.approx(800.0)
    assert abroad.radius_m == pytest.approx(100.0)


def test_few_digits_make_a_wide_radius() -> None:
    finding = check_coordinate((88.0, 44.0), datum="wgs84", plausible=near_urumqi)

    assert finding.problem is Problem.COARSE
    assert finding.radius_m == pytest.approx(55_500.0)
