"""Error models integrated over polygons, held against numerical integration."""

from math import exp

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod
from scipy.integrate import dblquad
from shapely.geometry import Polygon, box

from outputs.risk.kernels import Form, Outlines, areas_m2, density, mass, metres_a_degree, offsets_m

LON, LAT = 81.2, 41.7
EAST, NORTH = (float(one) for one in metres_a_degree(np.array(LAT)))


def in_degrees(shape_m: Polygon) -> Polygon:
    """Return a shape given in metres around the middle."""
    return shapely.transform(shape_m, lambda xy: np.column_stack([LON + xy[:, 0] / EAST, LAT + xy[:, 1] / NORTH]))


def share(shape_m: Polygon, width_m: float, form: Form, at: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the share of a component that lies in one shape."""
    outlines = Outlines.of(np.array([in_degrees(shape_m)], dtype=object))
    centre = np.array([[LON + at[0] / EAST, LAT + at[1] / NORTH]])
    return float(mass(centre, np.array([width_m]), outlines, np.array([0]), form)[0])


def quadrature(bounds: tuple[float, ...], width_m: float, form: Form) -> float:
    """Return the same for a box by adaptive quadrature of the density."""
    west, south, east, north = bounds

    def at(y: float, x: float) -> float:
        return float(density(np.array(np.hypot(x, y)), np.array(width_m), form))

    return float(dblquad(at, west, east, south, north, epsabs=1e-9)[0])


BOXES = [(-100.0, -50.0, 200.0, 250.0), (150.0, 30.0, 500.0, 400.0), (-900.0, -20.0, 900.0, 20.0)]


@pytest.mark.parametrize("form", [Form.GAUSSIAN, Form.STUDENT])
@pytest.mark.parametrize("bounds", BOXES, ids=["around the centre", "beside it", "a long strip"])
def test_the_share_in_a_box_is_that_of_numerical_integration(form: Form, bounds: tuple[float, ...]) -> None:
    expected = quadrature(bounds, 220.0, form)
    assert share(box(*bounds), 220.0, form) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("bounds", BOXES, ids=["around the centre", "beside it", "a long strip"])
def test_the_share_of_a_disc_is_the_area_that_it_has_in_common(bounds: tuple[float, ...]) -> None:
    disc = shapely.Point(0, 0).buffer(260.0, quad_segs=2000)
    expected = disc.intersection(box(*bounds)).area / disc.area
    assert share(box(*bounds), 260.0, Form.DISC) == pytest.approx(expected, abs=2e-5)


def test_a_hole_is_left_out_and_counts_for_what_lies_in_it() -> None:
    outer, inner = box(-300, -300, 300, 300), box(-100, -50, 80, 120)
    ring = Polygon(outer.exterior, [inner.exterior])
    parts = [share(one, 150.0, Form.GAUSSIAN) for one in (outer, inner, ring)]
    assert parts[2] == pytest.approx(parts[0] - parts[1], abs=1e-9)


def test_a_multipolygon_holds_what_its_parts_hold() -> None:
    parts = [box(-300, -100, -50, 100), box(60, -20, 200, 300)]
    together = Outlines.of(np.array([shapely.MultiPolygon([in_degrees(one) for one in parts])], dtype=object))
    found = mass(np.array([[LON, LAT]]), np.array([200.0]), together, np.array([0]), Form.GAUSSIAN)[0]
    assert found == pytest.approx(sum(share(one, 200.0, Form.GAUSSIAN) for one in parts), abs=1e-9)


def test_a_large_circle_holds_95_percent_within_its_radius() -> None:
    circle = shapely.Point(0, 0).buffer(500.0, quad_segs=500)
    assert share(circle, 500.0 / 2.447746830680816, Form.GAUSSIAN) == pytest.approx(0.95, abs=1e-5)


def test_the_t_of_two_degrees_holds_half_within_the_root_of_two_widths() -> None:
    # F(r) = 1 - (1 + r²/2c²)⁻¹, so F(√2·c) = 1/2.
    circle = shapely.Point(0, 0).buffer(np.sqrt(2) * 400.0, quad_segs=500)
    assert share(circle, 400.0, Form.STUDENT) == pytest.approx(0.5, abs=1e-5)


@given(x=st.floats(-800, 800), y=st.floats(-800, 800), width=st.floats(20, 900), angle=st.floats(0, 3.1))
def test_halves_of_a_shape_add_up_wherever_the_centre_lies(x: float, y: float, width: float, angle: float) -> None:
    whole = shapely.affinity.rotate(box(-200, -150, 260, 310), angle, use_radians=True, origin=(0, 0))
    line = shapely.LineString([(-5000, 17.0), (5000, -33.0)])
    parts = shapely.ops.split(whole, line).geoms
    for form in Form:
        together = share(whole, width, form, at=(x, y))
        # The plane of metres is bent by a millionth: a point more on an edge shifts that much.
        assert sum(share(part, width, form, at=(x, y)) for part in parts) == pytest.approx(together, abs=2e-5)
        assert 0 <= together <= 1


def test_distances_are_those_on_the_ellipsoid() -> None:
    points: NDArray[np.float64] = np.array([[81.3, 41.75], [81.19, 41.6], [81.2, 41.9]])
    found = np.hypot(*offsets_m(np.array([LON, LAT]), points).T)
    _, _, expected = Geod(ellps="WGS84").inv([LON] * 3, [LAT] * 3, points[:, 0], points[:, 1])
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_shorter_way_around_the_globe_is_taken() -> None:
    found = offsets_m(np.array([179.999, 10.0]), np.array([-179.999, 10.0]))
    assert found[0] == pytest.approx(0.002 * metres_a_degree(np.array(10.0))[0])


def test_areas_are_those_on_the_ellipsoid() -> None:
    shape = in_degrees(box(-400, -300, 700, 500))
    geodesic, _ = Geod(ellps="WGS84").geometry_area_perimeter(shape)
    assert areas_m2(np.array([shape], dtype=object))[0] == pytest.approx(abs(geodesic), rel=1e-3)


def test_the_gaussian_density_is_the_textbooks() -> None:
    assert density(np.array(100.0), np.array(50.0), Form.GAUSSIAN) == pytest.approx(exp(-2) / (2 * np.pi * 2500))
