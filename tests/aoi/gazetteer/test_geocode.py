"""Addresses as lists write them, and words that must not lead astray."""

import pytest

from aoi.gazetteer import Gazetteer, Geocode, Level, Precision
from aoi.gazetteer.chances import chance_in, finest_sure
from aoi.gazetteer.coordinates import distance_m, wgs84_to_gcj02
from aoi.suppliers import Address

GAZETTEER = Gazetteer.load()
HOTAN_CITY = (79.916, 37.112)


def read(text: str, country: str = "China") -> tuple[Geocode, ...]:
    return GAZETTEER.geocode(Address(lines=text, country=country))


@pytest.mark.parametrize(
    "text",
    [
        "江苏省常州市武进区牛塘镇湖滨南路158号",
        "江蘇省常州市武進區牛塘鎮湖濱南路158號",
        "常州武进牛塘镇",
        "武进区湖滨南路158号",
        "NO.158 HUBIN SOUTH ROAD ,LUJIAXIANG, NIUTANG TOWN, WUJIN DISTRICT, ChangZhou, 213168, Jiangsu",
        "158 Hubin Nan Lu, Wu Jin Qu, Chang Zhou Shi, Jiang Su Sheng",
        "Wǔjìn Qū, Chángzhōu Shì, Jiāngsū Shěng",
        "Hubin South Rd., Wujin Dist., Changzhou",
        "WUJINDISTRICT,CHANGZHOUCITY,JIANGSUPROVINCE",
        "WuJin, ChangZhou, JiangSu",
        "Niutang Town (牛塘镇), Wujin, Jiangsu",
        "Wujinn District, Changzou, Jiangsu",
        "Wujin Qu, Changzhou 213168",
        "Jiangsu Province Changzhou City Wujin District Niutang Town",
    ],
)
def test_one_place_is_read_from_many_ways_to_write_it(text: str) -> None:
    best = read(text)[0]

    assert best.code(Level.COUNTY) == "320412"
    assert best.code(Level.PREFECTURE) == "320400"
    assert best.code(Level.PROVINCE) == "320000"
    assert best.evidence


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Xinjiang Road 12, Dongguan, Guangdong", "441900"),
        ("东莞市长安镇新疆路12号", "441900"),
        ("江苏省昆山市新疆路12号", "320583"),
        ("Xinjiang Road, Zhabei, Shanghai", "310000"),
        ("No. 5, Xinjiang County, Yuncheng, Shanxi", "140825"),
        ("山西省运城市新绛县龙兴镇", "140825"),
        ("Yiwu, Zhejiang", "330782"),
        ("浙江省义乌市", "330782"),
        ("Yutian County, Tangshan, Hebei", "130229"),
        ("Baicheng, Jilin", "220800"),
        ("Qinghe County, Xingtai, Hebei", "130534"),
        ("Shawan Town, Panyu, Guangzhou", "440113"),
        ("Xinhe County, Xingtai", "130530"),
        ("Yizhou District, Hechi, Guangxi", "451203"),
        ("Tianshan Road, Changning District, Shanghai", "310105"),
        ("广东省东莞市厚街镇天山路8号", "441900"),
        ("Dongfang Industrial Zone, Humen Town, Dongguan", "441900"),
        ("和平路1号, 温州市瓯海区", "330304"),
        ("Xinjiang Textile Building, 22 Humen Road, Dongguan", "441900"),
        ("Urumqi Road North 5, Jing'an, Shanghai", "310106"),
        ("Kashgar Road, Keqiao District, Shaoxing, Zhejiang", "330603"),
        ("新疆天山大厦, 浙江省绍兴市柯桥区", "330603"),
        ("Yili Road, Changning, Shanghai", "310105"),
        ("Shanshan Avenue, Yinzhou, Ningbo", "330212"),
        ("杉杉工业园, 宁波市鄞州区", "330212"),
        ("Hami Road, Changning District, Shanghai 200335", "310105"),
    ],
)
def test_a_shared_word_leads_nobody_into_the_uyghur_region(text: str, code: str) -> None:
    found = read(text)

    assert code in {place.place_id for place in found[0].lineage}
    assert chance_in(found, "650000") < 0.1


@pytest.mark.parametrize(
    "word", ["天山", "东方", "和平", "新华", "朝阳", "长安", "Tianshan", "Dongfang", "Heping", "Xinjiang"]
)
def test_the_street_alone_tells_no_place(word: str) -> None:
    street = f"{word}路1号" if not word.isascii() else f"No. 1 {word} Road"
    sure = finest_sure(read(street))

    assert sure is None or sure.place_id == "cn"
    assert chance_in(read(street), "650000") < 0.1


@pytest.mark.parametrize("text", ["", "   ", "asdf qwer", "12345", "---", "No. 5, 3rd floor", "\U0001f600", "一二三"])
def test_nothing_is_said_where_nothing_is_told(text: str) -> None:
    assert read(text, country="") == ()


def test_a_homonym_keeps_its_alternatives_with_their_chances() -> None:
    found = read("Suzhou")

    assert {"320500", "341300"} <= {one.place.place_id for one in found}
    assert found[0].probability < 0.8
    assert finest_sure(found) is None or finest_sure(found) == GAZETTEER.catalogue.places[0]


def test_a_postcode_decides_between_homonyms() -> None:
    assert read("Suzhou 215000")[0].code(Level.PREFECTURE) == "320500"
    assert read("Suzhou 234000")[0].code(Level.PREFECTURE) == "341300"
    assert chance_in(read("Suzhou 215000"), "320000") > 0.9


def test_a_road_named_like_a_county_weighs_little_beside_the_city() -> None:
    for text in (
        "Xiangyang Road 5, Ningbo",
        "南京东路100号, 上海",
        "Qing Yang North Road, Changzhou",
        "Beijing Road, Guangzhou",
    ):
        best = read(text)[0]
        assert best.code(Level.PROVINCE) in {"330000", "310000", "320000", "440000"}, text
        assert best.probability > 0.7, text


def test_fields_are_used_where_they_are_given() -> None:
    address = Address(
        lines="No. 8 Xinxing Road", town="Gaobu", prefecture="Dongguan", province="Guangdong", country="CN"
    )

    assert GAZETTEER.geocode(address)[0].code(Level.PREFECTURE) == "441900"


def test_a_city_column_may_hold_a_county_level_city() -> None:
    address = Address(lines="No. 1 Road", prefecture="Kunshan", province="Jiangsu", country="China Mainland")

    assert GAZETTEER.geocode(address)[0].code(Level.COUNTY) == "320583"


def test_an_old_prefecture_does_not_drive_a_county_out() -> None:
    """枞阳 was run by Anqing until 2015, by Tongling since."""
    assert read("Zongyang County, Anqing, Anhui")[0].code(Level.COUNTY) == "340722"


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("新疆", Precision.PROVINCE),
        ("江苏省常州市", Precision.PREFECTURE),
        ("常州市武进区", Precision.COUNTY),
        ("常州市武进区牛塘镇", Precision.TOWNSHIP),
        ("China", Precision.COUNTRY),
        ("石河子经济技术开发区", Precision.PARK),
    ],
)
def test_the_precision_says_how_much_was_told(text: str, precision: Precision) -> None:
    assert read(text)[0].precision is precision


def test_a_finer_reading_has_a_smaller_radius() -> None:
    radii = [
        read(text)[0].radius_m for text in ("江苏省", "江苏省常州市", "江苏省常州市武进区", "江苏省常州市武进区牛塘镇")
    ]

    assert radii == sorted(radii, reverse=True)


def test_a_county_is_never_told_as_a_building() -> None:
    assert all(one.precision not in {Precision.BUILDING, Precision.STREET} for one in read("Lop County, Hotan 5 Road"))


class TestCoordinates:
    """A given coordinate beside an address."""

    address = Address(lines="Hotan City, Xinjiang", country="CN")

    def test_one_that_agrees_makes_the_position_exact(self) -> None:
        best = GAZETTEER.geocode(self.address, lon_lat=HOTAN_CITY, datum="wgs84")[0]

        assert best.precision is Precision.BUILDING
        assert best.radius_m == pytest.approx(100.0)
        assert best.lon_lat == HOTAN_CITY
        assert best.probability > 0.9
        assert best.place.place_id == "653201"

    def test_an_unknown_datum_costs_precision(self) -> None:
        best = GAZETTEER.geocode(self.address, lon_lat=HOTAN_CITY)[0]

        assert best.precision is Precision.STREET
        assert best.radius_m > 700

    def test_a_map_datum_is_turned_back(self) -> None:
        best = GAZETTEER.geocode(self.address, lon_lat=wgs84_to_gcj02(HOTAN_CITY), datum="gcj02")[0]

        assert distance_m(best.lon_lat, HOTAN_CITY) < 1.0

    @pytest.mark.parametrize(
        "lon_lat",
        [(0.0, 0.0), (104.195397, 35.86166), (113.9, 22.8)],
        ids=["zero", "middle of China", "Dongguan"],
    )
    def test_one_that_cannot_be_meant_changes_nothing_but_the_evidence(self, lon_lat: tuple[float, float]) -> None:
        with_it, without = GAZETTEER.geocode(self.address, lon_lat=lon_lat)[0], GAZETTEER.geocode(self.address)[0]

        assert with_it.lon_lat == without.lon_lat
        assert with_it.radius_m == without.radius_m
        assert any("not used" in words for words in with_it.evidence)

    def test_swapped_numbers_are_turned(self) -> None:
        best = GAZETTEER.geocode(self.address, lon_lat=(37.112, 79.916), datum="wgs84")[0]

        assert best.lon_lat == HOTAN_CITY
        assert any("swapped" in words for words in best.evidence)

    def test_it_decides_between_homonyms(self) -> None:
        found = GAZETTEER.geocode(Address(lines="Suzhou", country="CN"), lon_lat=(116.97, 33.64), datum="wgs84")

        assert found[0].code(Level.PREFECTURE) == "341300"

    def test_without_an_address_it_gives_no_unit(self) -> None:
        assert GAZETTEER.geocode(Address(), lon_lat=HOTAN_CITY) == ()


@pytest.mark.parametrize(
    ("text", "country", "code", "name"),
    [
        ("Plot 5, Ashulia, Savar, Dhaka 1341", "Bangladesh", "bd", "Dhaka|Savar"),
        ("Cau Giay, Hanoi", "Vietnam", "vn", "Hanoi"),
        ("Taipei", "TW", "tw", "Taipei"),
        ("5 Kwun Tong Road, Kowloon", "HK", "hk", "Kowloon"),
        ("Tiruppur 641601", "IN", "in", "Tirup"),
        ("Ho Chi Minh City, Vietnam", "", "vn", "Ho Chi Minh"),
        ("Via Verdi 5, Prato, Italy", "", "it", "Prato"),
    ],
)
def test_cities_elsewhere_are_found(text: str, country: str, code: str, name: str) -> None:
    best = GAZETTEER.geocode(Address(lines=text, country=country))[0]

    assert best.place.country == code
    assert any(best.place.names[0].startswith(one) for one in name.split("|"))


def test_a_country_alone_is_told_as_such() -> None:
    best = GAZETTEER.geocode(Address(lines="Unit 5", country="Bangladesh"))[0]

    assert best.precision is Precision.COUNTRY
    assert best.place.place_id == "bd"
