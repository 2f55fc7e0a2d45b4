"""Coordinates change their system in the order (x, y), and every place has its zone."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from geo.crs import is_metric, reproject, utm_epsg


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        pytest.param(88.29, 43.38, 32645, id="dabancheng"),
        pytest.param(75.99, 39.47, 32643, id="kashgar"),
        pytest.param(106.5, 29.6, 32648, id="chongqing"),
        pytest.param(-74.0, 40.7, 32618, id="new-york"),
        pytest.param(-43.2, -22.9, 32723, id="rio"),
        pytest.param(174.8, -41.3, 32760, id="wellington"),
        pytest.param(5.3, 60.4, 32632, id="bergen-norway-exception"),
        pytest.param(2.5, 60.4, 32631, id="sea-west-of-norway"),
        pytest.param(15.6, 78.2, 32633, id="longyearbyen-svalbard-exception"),
        pytest.param(8.0, 78.5, 32631, id="west-of-svalbard"),
        pytest.param(22.0, 78.5, 32635, id="east-svalbard-exception"),
        pytest.param(179.9, 10.0, 32660, id="just-west-of-the-date-line"),
        pytest.param(-179.9, 10.0, 32601, id="just-east-of-it"),
    ],
)
def test_known_places_have_their_zone(lon: float, lat: float, epsg: int) -> None:
    assert utm_epsg(Point(lon, lat)) == epsg
    assert utm_epsg(box(lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01)) == epsg


@given(lon=st.floats(-179.99, 179.99), lat=st.floats(-79.9, 55.9))
def test_south_of_the_exceptions_the_zone_is_six_degrees_wide(lon: float, lat: float) -> None:
    if abs(lon / 6 - round(lon / 6)) < 1e-3 or abs(lat) < 1e-3:
        return
    zone = int((lon + 180) // 6) + 1
    assert utm_epsg(Point(lon, lat)) == (32600 if lat > 0 else 32700) + zone


@pytest.mark.parametrize("lat", [86.0, -85.0])
def test_the_poles_have_no_zone(lat: float) -> None:
    with pytest.raises(ValueError, match=f"longitude 10.000, latitude {lat:.3f}"):
        utm_epsg(Point(10, lat))


@given(lon=st.floats(-179, 179), lat=st.floats(-79, 83))
def test_there_and_back_is_the_same_place(lon: float, lat: float) -> None:
    place = box(lon, lat, lon + 0.01, lat + 0.01)
    epsg = utm_epsg(place)
    back = reproject(reproject(place, from_epsg=4326, to_epsg=epsg), from_epsg=epsg, to_epsg=4326)
    np.testing.assert_allclose(shapely.get_coordinates(back), shapely.get_coordinates(place), atol=1e-7)


def test_x_is_east_and_y_is_north() -> None:
    metres = reproject(Point(87.0, 43.0), from_epsg=4326, to_epsg=32645)
    assert metres.x == pytest.approx(500_000, abs=1e-3)  # on the central meridian of zone 45
    assert metres.y == pytest.approx(4_760_815, abs=5)
    assert reproject(Point(88.0, 43.0), from_epsg=4326, to_epsg=32645).x > metres.x


def test_a_square_kilometre_on_the_ground_stays_one() -> None:
    square = box(600_000, 4_800_000, 601_000, 4_801_000)
    turned = reproject(square, from_epsg=32645, to_epsg=4326)
    south, north = turned.bounds[1], turned.bounds[3]
    assert (north - south) * 111_100 == pytest.approx(1000, rel=0.03)


def test_the_same_system_gives_the_same_shape_and_kinds_are_kept() -> None:
    hole = Polygon([(88, 43), (88.1, 43), (88.1, 43.1)], [[(88.05, 43.02), (88.08, 43.02), (88.08, 43.05)]])
    assert reproject(hole, from_epsg=4326, to_epsg=4326) is hole
    many = reproject(MultiPolygon([hole]), from_epsg=4326, to_epsg=32645)
    assert isinstance(many, MultiPolygon)
    assert len(many.geoms[0].interiors) == 1


@pytest.mark.parametrize(
    ("epsg", "expected"), [(32645, True), (3035, True), (4326, False), (2263, False), (4978, False)]
)
def test_only_projected_metres_are_metric(epsg: int, *, expected: bool) -> None:
    assert is_metric(epsg) is expected
