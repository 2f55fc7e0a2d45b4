"""Posteriors of places: hand-worked cases, the base rate, calibration, and what coarse geocodes may never do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from benchmarks.joins import WORLDS, Size, calibration_error, measure, simulate
from outputs.risk.kernels import SIGMAS_AT_95, Form, Outlines, mass, metres_a_degree
from outputs.risk.places import Located, join_places
from outputs.risk.rates import PlaceParams

LON, LAT = 86.15, 41.75
EAST, NORTH = (float(one) for one in metres_a_degree(np.array(LAT)))


def at(x_m: float, y_m: float) -> tuple[float, float]:
    """Return longitude and latitude of a place given in metres."""
    return LON + x_m / EAST, LAT + y_m / NORTH


def site(name: str, west: float, south: float, east: float, north: float) -> Facility:
    """Return a box given in metres as a facility."""
    return Facility(facility_id=name, names=(name,), location_4326=box(*at(west, south), *at(east, north)))


def reading(
    x_m: float,
    y_m: float,
    radius_m: float = 600.0,
    precision: Precision = Precision.STREET,
    probability: float = 1.0,
) -> Geocode:
    """Return a reading of an address, in metres."""
    place = Place(place_id="652801", level=Level.COUNTY, names=("库尔勒市",), lon_lat=at(x_m, y_m), radius_m=radius_m)
    return Geocode(
        place=place,
        lineage=(place,),
        lon_lat=at(x_m, y_m),
        radius_m=radius_m,
        precision=precision,
        probability=probability,
    )


def one(*readings: Geocode, name: str = "s") -> Located:
    """Return a supplier with readings."""
    return Located(supplier_id=name, geocodes=readings)


def inside(*located: Located, sites: list[Facility], plots: list[Facility] | None = None) -> float:
    """Return how probably the first supplier lies in the first site."""
    links = join_places(located, sites, plots or []).links
    return next(
        (link.inside for link in links if link.supplier_id == "s" and link.site_id == sites[0].facility_id), 0.0
    )


FLAGGED = site("flagged", 200, -150, 500, 150)


def test_one_supplier_and_one_site_are_weighed_as_by_hand() -> None:
    # With one supplier the presumed shares hold, up to what the one says itself: one firm on the site against two on
    # each square kilometre elsewhere. EM shifts this by the one supplier: e = (q + 2) / (0 + 2), d = (u + 2) / (1 + 2).
    params = PlaceParams(place_strength=1e9)  # so that nothing is learnt
    found = join_places([one(reading(0, 0))], [FLAGGED], params=params).links[0]
    sigma, ladder = 600 / SIGMAS_AT_95, params.ladder
    outline = Outlines.of(np.array([FLAGGED.location_4326], dtype=object))
    steps = [min(step * sigma, 2000.0) for step in (0.5, 1, 2, 4, 8, 20)]
    shares = [
        mass(np.array([[LON, LAT]]), np.array([width]), outline, np.array([0]), Form.GAUSSIAN)[0] for width in steps
    ]
    far = mass(np.array([[LON, LAT]]), np.array([15_000.0]), outline, np.array([0]), Form.STUDENT)[0]
    whole = float(np.dot(ladder, [*shares, far]))
    per_m2 = whole / (300 * 300)
    expected = (per_m2 + 2e-6 * whole) / (per_m2 + 2e-6)
    assert found.alone == pytest.approx(whole, rel=2e-3)
    assert found.inside == pytest.approx(expected, rel=0.02)
    assert found.distance_m == pytest.approx(200, abs=1)
    assert found.inside <= found.near


def test_another_known_place_takes_its_share() -> None:
    alone = inside(one(reading(0, 0)), sites=[FLAGGED])
    shared = inside(one(reading(0, 0)), sites=[FLAGGED], plots=[site("other", -500, -150, -200, 150)])
    assert shared < alone
    # Mirror images: as probable as each other.
    both = join_places([one(reading(0, 0))], [FLAGGED, site("twin", -500, -150, -200, 150)]).links
    assert both[0].inside == pytest.approx(both[1].inside, rel=1e-6)


def test_an_exact_position_in_the_middle_of_a_large_site_is_in_it() -> None:
    large = site("park", -2_000, -2_000, 2_000, 2_000)
    assert inside(one(reading(0, 0, 40, Precision.BUILDING)), sites=[large]) > 0.93


@pytest.mark.parametrize(
    "precision", [Precision.TOWNSHIP, Precision.COUNTY, Precision.PREFECTURE, Precision.PROVINCE, Precision.COUNTRY]
)
def test_a_coarse_geocode_is_never_put_on_a_site(precision: Precision) -> None:
    others = [site(f"o{number}", 1_000 * number, 0, 1_000 * number + 200, 200) for number in range(1, 5)]
    joined = join_places([one(reading(350, 0, 15_000, precision))], [FLAGGED], others)
    assert joined.links == ()
    assert "s" not in joined.flagged
    contexts = [(context.flagged, context.known) for context in joined.contexts]
    is_told = precision in {Precision.TOWNSHIP, Precision.COUNTY, Precision.PREFECTURE}
    assert contexts == ([(1, 5)] if is_told else [])
    if is_told:
        assert "1 flagged of 5 known places" in str(joined.contexts[0])


def test_within_the_outline_of_a_unit_places_are_counted_by_it() -> None:
    unit: Polygon = box(*at(-100, -200), *at(1_100, 200))
    others = [site("in", 900, 0, 1_000, 100), site("out", 5_000, 0, 5_100, 100)]
    located = [one(reading(0, 0, 15_000, Precision.COUNTY))]
    context = join_places(located, [FLAGGED], others, units={"652801": unit}).contexts[0]
    assert (context.flagged, context.known, context.is_outlined) == (1, 2, True)


def test_readings_count_by_their_probability() -> None:
    whole = inside(one(reading(0, 0)), sites=[FLAGGED])
    params = PlaceParams(place_strength=1e12, ladder_strength=1e12)
    half = join_places([one(reading(0, 0, probability=0.5))], [FLAGGED], params=params).links[0].inside
    full = join_places([one(reading(0, 0))], [FLAGGED], params=params).links[0].inside
    assert half == pytest.approx(full / 2, rel=1e-6)
    assert 0 < whole < 1


def test_a_site_known_as_a_point_is_a_circle_blurred_by_its_own_error() -> None:
    sharp = Facility(facility_id="p", names=("p",), location_4326=Point(at(0, 0)))
    vague = Facility(facility_id="p", names=("p",), location_4326=Point(at(0, 0)), position_error_m=3_000)
    exact = one(reading(0, 0, 50, Precision.BUILDING))
    assert inside(exact, sites=[sharp]) > 0.9 > inside(exact, sites=[vague])


def test_nothing_to_join_gives_nothing() -> None:
    assert join_places([], [FLAGGED]).links == ()
    joined = join_places([one(reading(0, 0))], [])
    assert joined.links == ()
    assert joined.flagged["s"].inside == 0
    assert join_places([one()], [FLAGGED]).flagged == {}


@settings(max_examples=15)
@given(x=st.floats(-3_000, 3_000), y=st.floats(-3_000, 3_000), radius=st.floats(30, 4_000))
def test_probabilities_stay_probabilities(x: float, y: float, radius: float) -> None:
    sites = [FLAGGED, site("b", -400, -900, 0, -300)]
    joined = join_places([one(reading(x, y, radius))], sites, [site("c", 600, 600, 900, 900)])
    for link in joined.links:
        assert 0 <= link.inside <= link.near <= 1
    assert sum(link.inside for link in joined.links) <= 1 + 1e-9
    assert 0 <= joined.flagged["s"].inside <= joined.flagged["s"].near <= 1


def test_farther_away_is_less_probable() -> None:
    found = [inside(one(reading(x, 0, 300)), sites=[FLAGGED]) for x in (350, 0, -300, -900)]
    assert found == sorted(found, reverse=True)


@pytest.fixture(scope="module")
def size() -> Size:
    """Return a list small enough for a test, in a sparser world than the benchmark's."""
    return Size(suppliers=2_500, plots=5_000, sites=400)


def test_the_base_rate_is_learnt_from_the_list(size: Size) -> None:
    world = simulate(WORLDS["as presumed"], size, 11)
    joined = join_places(world.located, world.sites, world.plots)
    fine = world.classes < 2
    assert joined.rates.flagged_share == pytest.approx(float((world.site >= 0)[fine].mean()), abs=0.035)
    few = simulate(WORLDS["few flagged"], size, 11)
    assert join_places(few.located, few.sites, few.plots).rates.flagged_share < 0.06


@pytest.mark.parametrize(("name", "most"), [("as presumed", 0.05), ("heavier tails", 0.07)])
def test_probabilities_are_true_and_beat_circles(size: Size, name: str, most: float) -> None:
    world = simulate(WORLDS[name], size, 5)
    found = measure(world, join_places(world.located, world.sites, world.plots))
    assert found["ece"] < most  # of 1,100 suppliers: chance alone makes about 0.02; the benchmark measures more
    assert found["coarse_named"] == 0
    rules = {row["rule"]: row for row in found["rules"]}
    assert rules["posterior >= 0.5"]["precision"] > rules["buffer 5 km"]["precision"] + 0.2
    assert rules["posterior >= 0.5"]["f1"] > rules["point in polygon"]["f1"]


def test_the_calibration_error_is_that_of_bins() -> None:
    stated = np.array([0.05, 0.05, 0.95, 0.95])
    truth = np.array([False, True, True, True])
    # First bin: 0.1 stated against 1 true of two; last: 1.9 against 2.
    assert calibration_error(stated, truth) == pytest.approx((0.9 + 0.1) / 4)
