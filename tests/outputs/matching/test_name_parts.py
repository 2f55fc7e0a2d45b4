"""Names are taken apart as a reader would."""

import pytest

from aoi.gazetteer.place import Level, Place
from outputs.matching import NameParts, parse_name
from outputs.matching.numbers import hanzi_number, latin_number
from outputs.matching.parts import Corps, UnitKind, finest
from outputs.matching.places import PlaceList, code_path, path_of
from outputs.matching.registration import admin_code, check_digit, is_credit_code
from outputs.matching.text import romanise_uyghur, simplify, skeleton, sounds, squash, syllables


def place(place_id: str, level: Level, *names: str) -> Place:
    return Place(place_id=place_id, level=level, names=names, lon_lat=None, radius_m=10_000)


WORDS = PlaceList(
    [
        place("650000", Level.PROVINCE, "新疆", "新疆维吾尔自治区", "Xinjiang", "Shinjang"),
        place("140825", Level.COUNTY, "新绛", "新绛县", "Xinjiang"),
        place("653100", Level.PREFECTURE, "喀什", "喀什地区", "Kashgar", "Qeshqer"),
        place("652801", Level.COUNTY, "库尔勒", "库尔勒市", "Korla"),
        place("650102", Level.COUNTY, "天山", "天山区", "Tianshan"),
        place("320000", Level.PROVINCE, "江苏", "Jiangsu"),
        place("441900", Level.PREFECTURE, "东莞", "东莞市", "Dongguan"),
    ]
)


def parse(name: str) -> NameParts:
    return parse_name(name, WORDS)


@pytest.mark.parametrize(
    ("name", "brand", "industries", "form"),
    [
        ("新疆沃隆棉纺织有限公司", "沃隆", {"cotton_textile"}, "limited"),
        ("Xinjiang Wolong Cotton Textile Co., Ltd.", "wolong", {"cotton_textile"}, "limited"),
        ("Xinjiang Wolong Mianfangzhi Youxian Gongsi", "wolong", {"cotton_textile"}, "limited"),
        ("Wolong Cotton Textile (Xinjiang) Company Limited", "wolong", {"cotton_textile"}, "limited"),
        ("东莞市沃隆皮具厂", "沃隆", {"leather"}, "works"),
        ("江蘇沃隆機械製造股份有限公司", "沃隆", {"machinery"}, "joint_stock"),
        ("DongGuan WoLong Shoes Co Ltd", "wo long", {"shoe"}, "limited"),
        ("Dong Guan Wo Long Shoes Co Ltd", "wo long", {"shoe"}, "limited"),
        ("شىنجاڭ نۇرۇم يېمەكلىكلىرى چەكلىك شىركىتى", "nurum", {"food"}, "limited"),
    ],
)
def test_place_brand_industry_and_form_are_told_apart(name: str, brand: str, industries: set[str], form: str) -> None:
    parts = parse(name)
    assert (parts.brand, parts.industries, parts.form) == (brand, frozenset(industries), form)
    assert parts.paths


def test_an_ambiguous_place_keeps_every_reading_until_another_word_decides() -> None:
    assert set(parse("Xinjiang Wolong Co Ltd").paths) == {"cn/65", "cn/14/1408/140825"}
    assert parse("Kashgar (Xinjiang) Wolong Textile Co Ltd").paths == ("cn/65/6531",)


def test_a_brand_that_is_a_place_is_the_brand_where_nothing_else_can_be() -> None:
    parts = parse("新疆天山水泥股份有限公司")
    assert (parts.brand, parts.brand_paths, parts.paths) == ("天山", ("cn/65/6501/650102",), ("cn/65",))
    other = parse("新疆天山水业水泥有限公司")
    assert parse("新疆水泥有限公司").brand == ""
    assert other.brand != ""


def test_the_first_of_two_provinces_is_the_place_and_the_second_the_brand() -> None:
    assert parse("Jiangsu Kashgar Fruit Co Ltd").brand == "kashgar"
    assert parse("喀什江苏果业有限公司").brand == "江苏"


@pytest.mark.parametrize(
    ("name", "kind", "number", "where"),
    [
        ("新疆沃隆棉业有限公司库尔勒分公司", UnitKind.BRANCH, None, ("cn/65/6528/652801",)),
        ("Xinjiang Wolong Cotton Co., Ltd. Korla Branch", UnitKind.BRANCH, None, ("cn/65/6528/652801",)),
        ("新疆沃隆棉业有限公司第三分厂", UnitKind.WORKS, 3, ()),
        ("Xinjiang Wolong Cotton Co., Ltd. No. 3 Factory", UnitKind.WORKS, 3, ()),
        ("新疆沃隆棉业有限公司东莞办事处", UnitKind.OFFICE, None, ("cn/44/4419",)),
    ],
)
def test_branches_works_and_offices_are_units(
    name: str, kind: UnitKind, number: int | None, where: tuple[str, ...]
) -> None:
    unit = parse(name).unit
    assert unit is not None
    assert (unit.kind, unit.number, unit.paths) == (kind, number, where)
    assert parse(name).brand in {"沃隆", "wolong"}


@pytest.mark.parametrize(
    ("name", "corps"),
    [
        ("新疆生产建设兵团第七师一二五团", Corps(division=7, regiment=125)),
        ("农七师125团", Corps(division=7, regiment=125)),
        ("XPCC 7th Division 125th Regiment", Corps(division=7, regiment=125)),
        ("Bingtuan Seventh Division", Corps(division=7)),
        ("第七师一二五团三连", Corps(division=7, regiment=125, company=3)),
        ("Xinjiang Production and Construction Corps", Corps()),
    ],
)
def test_units_of_the_corps_are_read_by_their_numbers(name: str, corps: Corps) -> None:
    assert parse(name).corps == corps


def test_other_firms_are_not_of_the_corps() -> None:
    assert parse("江苏沃隆集团有限公司").corps is None
    assert parse("Jiangsu Wolong Group Co Ltd").corps is None
    assert parse("江苏沃隆集团有限公司").is_group
    assert parse("Jiangsu Wolong Group Co Ltd").is_group


def test_a_numbered_works_without_a_brand_goes_by_its_number() -> None:
    assert parse("第五棉纺厂").ordinal == 5
    assert parse("No. 5 Cotton Mill").ordinal == 5


@pytest.mark.parametrize("text", ["一四七", "147", "一百四十七"])
def test_hanzi_write_one_number_in_several_ways(text: str) -> None:
    assert hanzi_number(text) == 147


def test_numbers_that_are_none_are_told() -> None:
    assert hanzi_number("天") is None
    assert [latin_number(word) for word in ("147th", "second", "wolong")] == [147, 2, None]


def test_every_usual_reading_of_a_character_is_kept() -> None:
    assert {"changrong", "zhangrong"} <= set(sounds("长荣"))
    assert sounds("吕") == ("lu",)
    assert squash("Lv Ye") == "luye"


def test_pinyin_is_told_from_other_words() -> None:
    assert syllables("runhe") == ("run", "he")
    assert not syllables("textile")
    assert syllables("xian") == ("xian",)


def test_a_foreign_word_in_hanzi_has_the_same_consonants() -> None:
    assert skeleton(sounds("帕提古丽")[0], is_pinyin=True) == skeleton("patigul", is_pinyin=False)
    assert skeleton(sounds("帕提古丽")[0], is_pinyin=True) != skeleton("tursun", is_pinyin=False)


def test_traditional_hanzi_become_simplified() -> None:
    assert simplify("紡織") == "纺织"


def test_the_check_digit_follows_the_standard() -> None:
    # Worked by hand from the standard's weights 3^i modulo 31 over `91350100M000100Y4` (its own example ends in 3).
    assert check_digit("91350100M000100Y4") == "3"
    assert is_credit_code("91350100M000100Y43")
    assert not is_credit_code("91350100M000100Y44")
    assert admin_code("9135 0100-M000100Y43") == "350100"
    assert admin_code("91350100M000100Y44") == ""


def test_paths_run_from_the_country_down() -> None:
    assert path_of(place("650102", Level.COUNTY, "x")) == "cn/65/6501/650102"
    assert path_of(place("659001", Level.COUNTY, "x")) == "cn/65/659001"
    assert code_path("653100") == "cn/65/6531"
    assert finest((("cn/65", "cn/14/1408/140825"), ("cn/65/6531",))) == ("cn/65/6531",)


@pytest.mark.parametrize(
    ("uyghur", "latin"),
    [
        ("قەشقەر شەھىرى", "qeshqer shehiri"),
        ("ئۈرۈمچى", "ürümchi"),
        ("شىنجاڭ ئۇيغۇر", "shinjang uyghur"),
        ("سانئەت", "san'et"),
        ("غۇلجا ناھىيىسى", "ghulja nahiyisi"),
        ("ژۇرنال", "zhurnal"),
    ],
)
def test_uyghur_letters_are_written_in_the_uyghur_latin_alphabet(uyghur: str, latin: str) -> None:
    assert romanise_uyghur(uyghur) == latin
