"""Every unit of the Uyghur Region is found under each of its usual names."""

import csv
from pathlib import Path

import pytest

from aoi.gazetteer import Gazetteer, Level, Place
from aoi.gazetteer.tables import read_table
from aoi.suppliers import Address

GAZETTEER = Gazetteer.load()
ROWS = {row["code"]: row for row in read_table("xinjiang.csv")}
UNITS = [place for level in (Level.PREFECTURE, Level.COUNTY) for place in GAZETTEER.units(level, "65")]
PINYIN = {row["code"]: row["pinyin"] for row in read_table("units.csv")}


def ids(places: tuple[Place, ...]) -> set[str]:
    return {place.place_id for place in places}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.names[0])
def test_a_unit_is_found_by_hanzi_pinyin_english_and_uyghur(unit: Place) -> None:
    row = ROWS[unit.place_id]
    names = [unit.names[0], PINYIN[unit.place_id], PINYIN[unit.place_id].replace(" ", "").title()]
    for column in ("english", "uyghur_latin", "uyghur"):
        names += [name for name in row[column].split("|") if name]

    for name in names:
        assert unit.place_id in ids(GAZETTEER.find(name)), f"{name} does not find {unit.names[0]}"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.names[0])
def test_a_unit_is_where_an_address_in_the_region_goes(unit: Place) -> None:
    best = GAZETTEER.geocode(Address(lines=f"新疆{unit.names[0]}", country="CN"))[0]

    assert unit.place_id in {place.place_id for place in best.lineage} or unit.parent_id == best.place.place_id
    assert best.code(Level.PROVINCE) == "650000"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Karakash", "653222"),
        ("Guma", "653223"),
        ("Keriye", "653226"),
        ("Niye", "653227"),
        ("Chira", "653225"),
        ("Lop", "653224"),
        ("Maralbeshi", "653130"),
        ("Peyziwat", "653129"),
        ("Konasheher", "653121"),
        ("Yarkant", "653125"),
        ("Kargilik", "653126"),
        ("Poskam", "653124"),
        ("Mekit", "653127"),
        ("Kucha", "652902"),
        ("Toqsu", "652925"),
        ("Bay", "652926"),
        ("Onsu", "652922"),
        ("Uchturpan", "652927"),
        ("Bugur", "652822"),
        ("Lopnur", "652823"),
        ("Cherchen", "652825"),
        ("Chaqiliq", "652824"),
        ("Karashahar", "652826"),
        ("Baghrash", "652829"),
        ("Qumul", "650500"),
        ("Pichan", "650421"),
        ("Sanji", "652301"),
        ("Shihu", "654202"),
        ("Dorbiljin", "654221"),
        ("Ghulja", "654002"),
        ("Kunes", "654025"),
        ("Mongolkure", "654026"),
        ("Tokkuztara", "654024"),
        ("Qaba", "654324"),
        ("Burchin", "654321"),
        ("Burultoqay", "654323"),
        ("Koktogay", "654322"),
        ("Chinggil", "654325"),
        ("Maytagh", "650202"),
        ("Tumshuq", "659003"),
        ("Kashgar", "653101"),
        ("Hotan", "653201"),
        ("Turfan", "650400"),
        ("Karamay", "650200"),
        ("Khotan", "653200"),
        ("Kuldja", "654002"),
        ("Sinkiang", "650000"),
        ("قەشقەر", "653100"),
        ("خوتەن ۋىلايىتى", "653200"),
        ("ئۈرۈمچى", "650100"),
        ("كورلا", "652801"),
    ],
)
def test_names_of_english_and_uyghur_sources_are_known(name: str, code: str) -> None:
    assert code in ids(GAZETTEER.find(name))


@pytest.mark.parametrize(
    ("old", "code"),
    [
        ("库车县", "652902"),
        ("沙湾县", "654203"),
        ("吐鲁番地区", "650400"),
        ("哈密地区", "650500"),
        ("哈密市", "650502"),
        ("米泉市", "650109"),
        ("昌吉县", "652301"),
        ("阿克苏县", "652901"),
        ("乌苏县", "654202"),
        ("吐鲁番市", "650402"),
    ],
)
def test_old_names_find_the_unit_of_today(old: str, code: str) -> None:
    assert code in ids(GAZETTEER.find(old))


@pytest.mark.parametrize(
    ("one", "other"),
    [("654002", "654021"), ("653201", "653221"), ("650100", "650121")],
    ids=["yining", "hotan", "urumqi"],
)
def test_a_city_and_a_county_of_one_name_are_kept_apart(one: str, other: str) -> None:
    city, county = (next(place for place in UNITS if place.place_id == code) for code in (one, other))
    for place, twin in ((city, county), (county, city)):
        english = ROWS[place.place_id]["english"].split("|")[0]
        for text in (place.names[0], english if "C" in english[1:] else f"{english} City"):
            best = GAZETTEER.geocode(Address(lines=text, country="CN"))[0]
            assert best.place.place_id == place.place_id, (text, twin.names[0])


def test_xinjiang_is_a_region_and_a_county_of_shanxi() -> None:
    assert ids(GAZETTEER.find("Xinjiang")) == {"650000", "140825"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("新疆生产建设兵团第八师一二一团", "659001"),
        ("第八师121团", "659001"),
        ("兵团第一师十六团", "659002"),
        ("36th Regiment, Second Division, XPCC", "659006"),
        ("224团", "659009"),
        ("第六师芳草湖农场", "659004"),
        ("兵团第十三师红星一场", "659011"),
        ("新疆石河子市", "659001"),
        ("Alar City, Xinjiang", "659002"),
        ("Tumxuk, Xinjiang", "659003"),
        ("新疆草湖市", "659013"),
        ("可克达拉市", "659008"),
        ("Wujiaqu", "659004"),
    ],
)
def test_cities_divisions_and_regiments_of_the_corps_are_found(text: str, code: str) -> None:
    best = GAZETTEER.geocode(Address(lines=text, country="China"))[0]

    assert best.code(Level.COUNTY) == code
    assert best.code(Level.PROVINCE) == "650000"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("新疆和田地区洛浦县北京工业园区", "653224"),
        ("新疆阿克苏纺织工业城(开发区)", "652901"),
        ("喀什地区疏附县广州工业城", "653121"),
        ("新疆图木舒克市前海镇", "659003"),
        ("No. 8 Xinxing Rd, Shihezi Economic Development Zone, Xinjiang", "659001"),
        ("Korla Economic and Technological Development Zone, Bayingolin, Xinjiang Uygur Autonomous Region", "652801"),
        ("新疆伊犁州伊宁县家纺服装产业园", "654021"),
        ("Zhundong Economic and Technological Development Zone", "652327"),
        ("Hotan Textile Industrial Park, Lop County", "653224"),
        ("新疆维吾尔自治区阿克苏地区库车市经济技术开发区", "652902"),
    ],
)
def test_parks_tell_their_county(text: str, code: str) -> None:
    assert GAZETTEER.geocode(Address(lines=text, country="China"))[0].code(Level.COUNTY) == code


@pytest.mark.realdata
def test_every_county_name_of_the_camp_list_is_resolved(shared_data: Path) -> None:
    """380 points, 100 spellings; the six names that polygons split belong to cities cut out of the county later."""
    path = shared_data / "reference" / "facilities" / "aspi_xjdp_CampDataset_v1.csv"
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Number"]]

    assert len(rows) == 380
    for row in rows:
        found = GAZETTEER.find(row["County"])
        assert any(place.place_id.startswith("65") for place in found), row["County"]
        best = GAZETTEER.geocode(Address(county=row["County"], prefecture=row["Prefecture"], country="China"))[0]
        assert best.code(Level.PROVINCE) == "650000", (row["County"], best.place.names[0])
