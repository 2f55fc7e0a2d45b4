"""Whole lists, and the door for an online geocoder."""

import logging
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from aoi.gazetteer import Gazetteer, Level, Precision
from aoi.gazetteer.batch import geocode_suppliers
from aoi.gazetteer.online import GeopyGeocoder, refine
from aoi.suppliers import Address, Supplier
from benchmarks.simulated_addresses import simulate
from geo.errors import SourceUnavailableError

GAZETTEER = Gazetteer.load()
WUJIN = Address(lines="Wujin District, Changzhou, Jiangsu", country="China")
NIUTANG = (119.90, 31.73)


def supplier(supplier_id: str, *addresses: Address, name: str = "Feilong") -> Supplier:
    return Supplier(supplier_id=supplier_id, names=(name,), addresses=addresses)


def test_every_supplier_is_answered_and_those_that_tell_no_place_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    rows = [supplier("a", WUJIN), supplier("b"), supplier("c", Address(lines="???"))]
    with caplog.at_level(logging.INFO):
        found = geocode_suppliers(rows, GAZETTEER)

    assert found["a"][0].code(Level.COUNTY) == "320412"
    assert found["b"] == found["c"] == ()
    assert "3 suppliers; 2 have no address" in caplog.text


def test_of_several_addresses_the_one_that_tells_most_counts() -> None:
    found = geocode_suppliers([supplier("a", Address(lines="China"), Address(lines="常州市武进区牛塘镇"))], GAZETTEER)

    assert found["a"][0].precision is Precision.TOWNSHIP


def test_a_name_is_no_address() -> None:
    assert geocode_suppliers([supplier("a", name="新疆天山水泥股份有限公司")], GAZETTEER)["a"] == ()


def test_the_coordinate_of_a_row_is_used() -> None:
    row = Supplier(supplier_id="a", names=("x",), addresses=(WUJIN,), lon_lat=NIUTANG, datum="wgs84")

    assert geocode_suppliers([row], GAZETTEER)["a"][0].lon_lat == NIUTANG


def test_a_list_of_a_thousand_is_read_in_a_tenth_of_the_time_allowed_for_ten_thousand() -> None:
    rows = [supplier(f"s{n}", one.address) for n, one in enumerate(simulate(GAZETTEER, count=1000, seed=3))]
    started = time.process_time()
    geocode_suppliers(rows, GAZETTEER)

    assert time.process_time() - started < 3.0


@dataclass
class FakeGeopy:
    """What geopy's geocoders look like."""

    answer: object
    asked: str = ""

    def geocode(self, query: str) -> object:
        self.asked = query
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def at(lon: float, lat: float) -> object:
    return SimpleNamespace(longitude=lon, latitude=lat)


def test_an_online_position_inside_the_unit_makes_the_reading_finer() -> None:
    fake = FakeGeopy(at(*NIUTANG))
    found = geocode_suppliers([supplier("a", WUJIN)], GAZETTEER, online=GeopyGeocoder(geopy=fake, name="test service"))

    assert fake.asked == WUJIN.text
    assert found["a"][0].lon_lat == NIUTANG
    assert found["a"][0].precision is Precision.STREET
    assert "position from test service" in found["a"][0].evidence


def test_an_online_position_elsewhere_is_not_believed() -> None:
    before = GAZETTEER.geocode(WUJIN)
    after = refine(before, WUJIN, GeopyGeocoder(geopy=FakeGeopy(at(87.6, 43.8))))

    assert after[0].lon_lat == before[0].lon_lat
    assert "not used" in after[0].evidence[-1]


def test_a_service_that_knows_nothing_changes_nothing() -> None:
    before = GAZETTEER.geocode(WUJIN)

    assert refine(before, WUJIN, GeopyGeocoder(geopy=FakeGeopy(None))) == before
    assert refine((), WUJIN, GeopyGeocoder(geopy=FakeGeopy(None))) == ()


def test_a_service_that_fails_is_reported_and_the_reading_kept(caplog: pytest.LogCaptureFixture) -> None:
    geopy_errors = pytest.importorskip("geopy.exc")
    online = GeopyGeocoder(geopy=FakeGeopy(geopy_errors.GeocoderTimedOut("too slow")), name="test service")
    before = GAZETTEER.geocode(WUJIN)

    with pytest.raises(SourceUnavailableError, match="test service: GeocoderTimedOut: too slow"):
        online.locate("x")
    with caplog.at_level(logging.WARNING):
        assert refine(before, WUJIN, online) == before
    assert "too slow" in caplog.text


def test_a_chinese_service_answers_in_the_chinese_datum() -> None:
    online = GeopyGeocoder(geopy=FakeGeopy(at(116.41024, 39.91640)), datum="gcj02")

    assert online.locate("x") == pytest.approx((116.404, 39.915), abs=2e-5)
