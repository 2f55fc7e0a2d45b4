"""The tables of facts hold together, and nothing of them is lost on the way to a user."""

import re

import pytest

from aoi.gazetteer import Gazetteer, Level
from aoi.gazetteer.names import has_arabic, is_hanzi, spellings, squash, stem_of
from aoi.gazetteer.tables import FACTS, read_table, read_words
from geo.errors import AoiError

GAZETTEER = Gazetteer.load()
PLACES = {place.place_id: place for place in GAZETTEER.catalogue.places}


def test_every_place_lies_in_one_that_is_known_and_ends_in_china() -> None:
    for position, place in enumerate(GAZETTEER.catalogue.places):
        lineage = [GAZETTEER.catalogue.places[one] for one in GAZETTEER.catalogue.lineage(position)]
        assert lineage[0].place_id == "cn", place
        ranks = [list(Level).index(one.level) for one in lineage]
        assert ranks == sorted(set(ranks)), place


def test_there_are_as_many_units_as_china_has() -> None:
    """Of the mainland: 31 provinces, 333 prefectures; the number of counties moves around 2,850 from year to year."""
    assert len(GAZETTEER.units(Level.PROVINCE)) == 31
    assert len(GAZETTEER.units(Level.PREFECTURE)) == 333
    assert 2830 <= len(GAZETTEER.units(Level.COUNTY)) <= 2870
    assert len(GAZETTEER.units(Level.TOWNSHIP)) > 38_000


def test_every_unit_has_a_seat_in_china_and_a_radius() -> None:
    for level in (Level.PROVINCE, Level.PREFECTURE, Level.COUNTY):
        for place in GAZETTEER.units(level):
            assert place.lon_lat is not None
            assert 73 < place.lon_lat[0] < 136
            assert 3 < place.lon_lat[1] < 54
            assert 10_000 <= place.radius_m < 2_000_000


def test_codes_of_units_nest() -> None:
    for place in GAZETTEER.units(Level.COUNTY):
        assert re.fullmatch(r"\d{6}", place.place_id)
        parent = PLACES[place.parent_id]
        digits = 4 if parent.level is Level.PREFECTURE else 2
        assert place.place_id[:digits] == parent.place_id[:digits]


def test_the_table_of_the_uyghur_region_names_each_of_its_units_once() -> None:
    rows = read_table("xinjiang.csv")
    codes = [row["code"] for row in rows]
    units = [place.place_id for place in PLACES.values() if re.fullmatch(r"65\d{4}", place.place_id)]

    assert sorted(codes) == sorted(units)
    for row in rows:
        assert row["english"], row
        assert all(has_arabic(name) for name in filter(None, row["uyghur"].split("|"))), row
        assert all(squash(name) for name in filter(None, row["uyghur_latin"].split("|"))), row


@pytest.mark.parametrize(
    "table", ["parks.csv", "corps.csv", "seats.csv", "english.csv", "former.csv", "former_own.csv", "moved.csv"]
)
def test_every_row_of_a_table_speaks_of_a_unit_that_exists(table: str) -> None:
    for row in read_table(table):
        code = row.get("seat") or row["code"]
        assert code in PLACES or code == "542500", row


def test_parks_and_seats_lie_near_their_units() -> None:
    from aoi.gazetteer.coordinates import distance_m  # noqa: PLC0415 - beside its only use

    for row in read_table("parks.csv"):
        unit = PLACES[row["code"]]
        if row["lon"] and unit.lon_lat:
            apart_m = distance_m((float(row["lon"]), float(row["lat"])), unit.lon_lat)
            assert apart_m < max(60_000, 1.5 * unit.radius_m), row


def test_postcodes_stand_for_units_of_the_province_that_their_first_digits_stand_for() -> None:
    provinces = {digits: row["code"] for row in read_table("provinces.csv") for digits in row["postcodes"].split()}
    astray = [
        (row["prefix"], code)
        for row in read_table("postcodes.csv")
        for code in row["codes"].split()
        if provinces.get(row["prefix"][:2], "")[:2] != code[:2]
    ]

    assert {code[:2] for _, code in astray} <= {"15"}, "Inner Mongolia takes 13 and 75 of its neighbours"


def test_the_corps_divisions_and_regiments_are_places() -> None:
    divisions = [row for row in read_table("corps.csv") if row["english"]]
    assert [int(row["division"]) for row in divisions] == list(range(1, 15))
    regiments = {number for row in divisions for number in row["regiments"].split()}
    assert len(regiments) == sum(len(row["regiments"].split()) for row in divisions), "no number in two divisions"
    assert {"1", "36", "53", "79", "121", "150", "170", "190", "224"} <= regiments


def test_a_missing_table_is_named() -> None:
    with pytest.raises(AoiError, match=r"no-such\.csv"):
        read_table("no-such.csv")


def test_word_lists_share_no_word_between_kinds_of_surroundings() -> None:
    seen: dict[str, str] = {}
    for kind, words in read_words()["around"].items():
        for word in words:
            assert seen.setdefault(word, kind) == kind, word


def test_all_tables_are_text_that_a_person_can_read() -> None:
    for path in FACTS.iterdir():
        assert path.suffix in {".csv", ".toml"}
        path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("武进区", "武进"),
        ("和田县", "和田"),
        ("单县", "单县"),
        ("内蒙古自治区", "内蒙古"),
        ("察布查尔锡伯自治县", "察布查尔"),
        ("伊犁哈萨克自治州", "伊犁"),
        ("浦东新区", "浦东"),
        ("万柏林区", "万柏林"),
        ("阿克苏地区", "阿克苏"),
        ("牛塘镇", "牛塘"),
        ("新疆维吾尔自治区", "新疆"),
        ("塔什库尔干塔吉克自治县", "塔什库尔干"),
        ("管城回族区", "管城"),
        ("东莞市", "东莞"),
    ],
)
def test_the_stem_of_a_name_is_what_people_say(name: str, stem: str) -> None:
    assert stem_of(name) == stem
    assert is_hanzi(stem)


def test_the_letter_v_of_pinyin_is_typed_in_four_ways() -> None:
    assert set(spellings("lv shun")) == {"lvshun", "lushun", "lyushun", "lueshun"}
