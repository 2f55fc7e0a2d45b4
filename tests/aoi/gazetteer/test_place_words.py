"""Words of company names that can name places."""

import time

import pytest

from aoi.gazetteer import Gazetteer, Level

GAZETTEER = Gazetteer.load()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("新疆天山水泥股份有限公司", [("新疆", "650000"), ("天山", "650102")]),
        ("烏魯木齊市經濟技術開發區建設公司", [("烏魯木齊市", "650100")]),
        ("Hetian Taida Apparel Co., Ltd.", [("Hetian", "653200")]),
        ("Yarkand County Textile", [("Yarkand County", "653125")]),
        ("Lop County Meixin Hair Products", [("Lop County", "653224")]),
        ("Chang Zhou Shi Wu Jin Qu Feilong Plastic", [("Chang Zhou Shi", "320400"), ("Wu Jin Qu", "320412")]),
        ("قەشقەر شەھىرى پاختا زاۋۇتى", [("قەشقەر شەھىرى", "653101")]),
        ("新疆生产建设兵团第八师一二一团棉花加工厂", [("新疆", "650000"), ("第八师一二一团", "659001-xpcc-121")]),
        ("Acme Widgets Inc.", []),
    ],
)
def test_place_words_are_found_in_every_script(name: str, words: list[tuple[str, str]]) -> None:
    found = [
        (name[one.start : one.end], {place.place_id for place in one.places}) for one in GAZETTEER.place_words(name)
    ]

    assert [text for text, _ in found] == [text for text, _ in words]
    assert all(code in ids for (_, ids), (_, code) in zip(found, words, strict=True))


def test_all_homonyms_are_told_widest_first() -> None:
    (word,) = GAZETTEER.place_words("Xinjiang")

    assert [place.level for place in word.places] == [Level.PROVINCE, Level.COUNTY]


@pytest.mark.parametrize(
    ("name", "full"), [("武进区飞龙厂", True), ("武进飞龙厂", False), ("Wujin District", True), ("Wujin", False)]
)
def test_whether_the_unit_is_said_is_told(name: str, full: bool) -> None:  # noqa: FBT001 - a case's expectation
    assert GAZETTEER.place_words(name)[0].is_full is full


def test_misspelt_names_are_not_taken_for_places() -> None:
    assert GAZETTEER.place_words("Changzou Feilong") == ()


def test_a_thousand_names_take_well_under_a_second() -> None:
    """100,000 names shall take about 10 s of one core; here with three times the room."""
    names = [
        "新疆天山水泥股份有限公司",
        "Xinjiang Daqo New Energy Co., Ltd.",
        "常州市武进区飞龙塑料制品有限公司",
        "Jiangsu Feilong Plastic Textile Co., Ltd.",
    ] * 250
    GAZETTEER.place_words(names[0])
    started = time.process_time()
    for name in names:
        GAZETTEER.place_words(name)

    assert time.process_time() - started < 0.3
