"""Stated probabilities hold, whatever comes in."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.gazetteer import Gazetteer, Geocode, Level
from aoi.gazetteer.chances import chance_in, finest_sure
from aoi.suppliers import Address
from benchmarks.simulated_addresses import Habits, Simulated, simulate

GAZETTEER = Gazetteer.load()
WORDS = st.sampled_from(
    [
        "新疆",
        "Xinjiang",
        "和田",
        "Hotan City",
        "路",
        "Road",
        "No. 5",
        "215000",
        ",",
        "工业园",
        "قەشقەر",
        "Wu",
        "Jin",
        "District",
        "東莞市",
        "第八师",
        "121团",
        "Aksu",
        "Shi",
        "Co., Ltd.",
        "\n",
        "()",
        "Sub-district",
        "Shan County",
        "China",
        "中国",
    ]
)


@given(
    st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)),
    st.sampled_from(["", "CN", "China", "VN", "??"]),
)
def test_any_text_gives_chances_of_readings_that_exclude_each_other(text: str, country: str) -> None:
    found = GAZETTEER.geocode(Address(lines=text, country=country))

    assert sum(one.probability for one in found) <= 1.0 + 1e-9
    assert all(0.0 <= one.probability <= 1.0 for one in found)
    assert len({one.place.place_id for one in found}) == len(found)
    for one in found:
        assert one.lineage[-1] == one.place
        assert one.radius_m > 0


@given(
    st.lists(WORDS, min_size=1, max_size=8).map(" ".join),
    st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
    st.sampled_from(["unknown", "wgs84", "gcj02", "bd09"]),
)
def test_any_coordinate_beside_an_address_keeps_chances_in_bounds(
    text: str, lon_lat: tuple[float, float], datum: str
) -> None:
    found = GAZETTEER.geocode(Address(lines=text, country="CN"), lon_lat=lon_lat, datum=datum)

    assert sum(one.probability for one in found) <= 1.0 + 1e-9


@given(st.text(max_size=80))
def test_place_words_are_parts_of_the_text_in_order(text: str) -> None:
    last = 0
    for word in GAZETTEER.place_words(text):
        assert last <= word.start < word.end <= len(text)
        assert word.places
        last = word.end


def readings(simulated: list[Simulated]) -> list[tuple[Simulated, tuple[Geocode, ...]]]:
    return [(one, GAZETTEER.geocode(one.address)) for one in simulated]


def holds(code: str, place_id: str) -> bool:
    digits = 2 if place_id.endswith("0000") else (4 if place_id.endswith("00") else 6)
    return code[:digits] == place_id[:digits]


def test_addresses_of_known_counties_are_read_right() -> None:
    """Incomplete, misspelt, in three scripts, and with streets named after other places."""
    judged = readings(simulate(GAZETTEER, count=1500, seed=61))
    province = sum(bool(found) and holds(one.stated, found[0].code(Level.PROVINCE)) for one, found in judged)
    gave = [(one, found[0].code(Level.COUNTY)) for one, found in judged if found and found[0].code(Level.COUNTY)]
    county = sum(one.stated == code for one, code in gave)

    assert province / len(judged) >= 0.975
    assert len(gave) / len(judged) >= 0.85
    assert county / len(gave) >= 0.96


@pytest.mark.parametrize("seed", [7, 8])
def test_what_is_said_for_sure_is_right(seed: int) -> None:
    """One firm in twelve lies in another county of the prefecture than its address says."""
    said = right = 0
    for one, found in readings(simulate(GAZETTEER, count=800, seed=seed, habits=Habits(elsewhere=0.08))):
        sure = finest_sure(found)
        if sure is not None and sure.level is not Level.COUNTRY:
            said += 1
            right += holds(one.county, sure.place_id[:6])

    assert said / 800 > 0.9
    assert right / said >= 0.97


def test_stated_chances_hold_within_a_tenth_on_addresses_that_are_often_wrong() -> None:
    """Of ten classes of stated chance, counted over provinces, prefectures and counties of the first reading."""
    stated: dict[int, list[float]] = defaultdict(list)
    came: dict[int, list[bool]] = defaultdict(list)
    for one, found in readings(simulate(GAZETTEER, count=1500, seed=62, habits=Habits(elsewhere=0.1))):
        for place in found[0].lineage[1:] if found else ():
            if place.level in {Level.PROVINCE, Level.PREFECTURE, Level.COUNTY}:
                chance = min(0.999, chance_in(found, place.place_id))
                stated[int(chance * 10)].append(chance)
                came[int(chance * 10)].append(holds(one.county, place.place_id))
    total = sum(len(chances) for chances in stated.values())
    error = sum(abs(sum(stated[key]) - sum(came[key])) for key in stated) / total

    assert error < 0.1
    for key, chances in stated.items():
        if len(chances) >= 100:
            assert sum(came[key]) / len(chances) >= sum(chances) / len(chances) - 0.05, "no class promises too much"


def test_a_prefecture_is_at_least_as_likely_as_its_county() -> None:
    found = GAZETTEER.geocode(Address(lines="常州市武进区", country="CN"))

    chances = [chance_in(found, code) for code in ("320412", "320400", "320000", "cn")]
    assert chances == sorted(chances)
    assert chances[-1] > 0.98
