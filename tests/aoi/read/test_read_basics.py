"""Encodings, delimiters, numbers, days, degrees, countries, ids: the small parts of reading a list."""

# ruff: noqa: RUF001 - signs of other scripts, and how they differ from ASCII, are what is tested
import csv
import io
from datetime import date
from pathlib import Path

import pytest
from babel import Locale
from hypothesis import example, given
from hypothesis import strategies as st

from aoi.read.countries import country_code
from aoi.read.degrees import axis, degrees, lon_lat
from aoi.read.delimited import split_rows
from aoi.read.encodings import decode
from aoi.read.ids import content_id, given_id, slug
from aoi.read.imported import ColumnChoice, formula_safe, mapping_lines
from aoi.read.repeats import ids_apart
from aoi.read.table import read_tables
from aoi.read.values import amount, day, period, share
from geo.errors import AoiError

CHINESE = (
    "供应商名称,地址\n新疆天山毛纺织股份有限公司,乌鲁木齐市\n洛浦县美馨发制品有限公司,和田地区洛浦县北京工业园区\n"
)
TAIWANESE = "供應商名稱,地址\n東莞市長安製鞋廠有限公司,廣東省東莞市長安鎮烏沙社區\n"
WESTERN = "country,name\nFR,Société Générale d'Été\nES,Químicas Peñón S.L.\nDE,Müller Straße GmbH\n"
JAPANESE = "名前,住所\n株式会社テスト,東京都千代田区\nカタカナのなまえ,大阪府\n"
UYGHUR = "ئىسمى,ئادرېس\nقەشقەر شەھىرى,شىنجاڭ\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", CHINESE),
        ("utf-8-sig", CHINESE),
        ("utf-8", UYGHUR),
        ("utf-16", CHINESE),
        ("utf-16-le", CHINESE),
        ("utf-16-be", CHINESE),
        ("utf-16-le", WESTERN),
        ("utf-32", CHINESE),
        ("gb18030", CHINESE),
        ("gbk", CHINESE),
        ("big5", TAIWANESE),
        ("latin-1", WESTERN),
        ("cp1252", f"{WESTERN}IT,“Carta” – 5 €\n"),
        ("shift_jis", JAPANESE),
    ],
)
def test_the_text_of_any_usual_encoding_is_found(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_a_guess_is_told_and_utf8_is_none() -> None:
    assert decode(CHINESE.encode()).note == ""
    assert "GB18030" in decode(CHINESE.encode("gb18030")).note


def test_bytes_that_are_no_text_keep_only_their_row_aside(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(("name,town\n" + "新疆厂,乌鲁木齐市\n" * 20).encode() + "Müller,x\n".encode("latin-1"))
    tables = read_tables(path)
    rows = tables.sheets[0].rows
    assert [row.number for row in rows if row.trouble] == [22]
    assert rows[-1].cells[0] == "M\\udcfcller"
    assert "1 bytes are no UTF-8" in tables.notes[0]


def test_an_encoding_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name\nŁódź\n".encode("cp1250"))
    assert read_tables(path, encoding="cp1250").sheets[0].rows[1].cells == ("Łódź",)
    with pytest.raises(AoiError, match="there is no encoding called 'klingon'"):
        read_tables(path, encoding="klingon")


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
grids = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(grid=grids, delimiter=st.sampled_from([",", ";", "\t", "|"]))
def test_what_a_csv_writer_writes_is_read_back(grid: list[list[str]], delimiter: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(grid)
    rows = list(split_rows(buffer.getvalue(), delimiter=delimiter))
    assert [list(row.cells) for row in rows] == grid
    assert not any(row.trouble for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found(delimiter: str, end: str) -> None:
    text = end.join(delimiter.join(row) for row in (["name", "town", "n"], ["A & B", "Hefei", "1"], ["C", "Wuxi", "2"]))
    assert [row.cells for row in split_rows(text)][1] == ("A & B", "Hefei", "1")


def test_a_quote_that_never_closes_costs_one_row() -> None:
    rows = list(split_rows('a,b\n1,"never closed\n2,ok\n3,"two\nlines"\n'))
    assert [(row.number, bool(row.trouble)) for row in rows] == [(1, False), (2, True), (3, False), (4, False)]
    assert rows[3].cells == ("3", "two\nlines")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("43.38385", 43.38385),
        ("43,38385", 43.38385),
        ("43°23'01.9\"N", 43 + 23 / 60 + 1.9 / 3600),
        ("43° 23′ 1.9″ N", 43 + 23 / 60 + 1.9 / 3600),
        ("N 43 23 1.9", 43 + 23 / 60 + 1.9 / 3600),
        ("12°30' S", -12.5),
        ("-12.5", -12.5),
        ("\u221212.5", -12.5),
        ("北纬43°30′", 43.5),
        ("西经88°30′", -88.5),
        ("43 61", None),
        ("43.5 30", None),
        ("N 43 S", None),
        ("Urumqi", None),
        ("", None),
        ("1.2.3", None),
    ],
)
def test_degrees_are_read_in_every_way_people_write_them(text: str, expected: float | None) -> None:
    found = degrees(text)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@given(
    degree=st.integers(0, 89),
    minute=st.integers(0, 59),
    second=st.integers(0, 59),
    sign=st.sampled_from(["N", "S", "E", "W"]),
)
def test_degrees_minutes_seconds_add_up(degree: int, minute: int, second: int, sign: str) -> None:
    text = f"{degree}°{minute:02d}'{second:02d}\"{sign}"
    expected = (degree * 3600 + minute * 60 + second) / 3600 * (-1 if sign in "SW" else 1)
    assert degrees(text) == pytest.approx(expected, abs=1e-9)
    assert axis(text) == ("latitude" if sign in "NS" else "longitude")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("43.38, 88.29", (88.29, 43.38)),
        ("(43.38;88.29)", (88.29, 43.38)),
        ("119.9 31.6", (119.9, 31.6)),
        ("43°30'N 88°15'E", (88.25, 43.5)),
        ("E88°15', N43°30'", (88.25, 43.5)),
        ("北纬43°30′ 东经88°15′", (88.25, 43.5)),
        ("POINT (88.29 43.38)", (88.29, 43.38)),
        ("https://maps.example.org/maps/@43.38,88.29,17z", (88.29, 43.38)),
        ("43.38", None),
        ("nowhere", None),
    ],
)
def test_both_angles_in_one_cell_are_told_apart(text: str, expected: tuple[float, float] | None) -> None:
    found = lon_lat(text)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("1 234", 1234),
        ("1'234'567", 1234567),
        ("$2.5m", 2.5e6),
        ("€ 12,50", 12.5),
        ("30万", 300_000),
        ("¥1,200,000", 1.2e6),
        ("1,234", 1234),
        ("-5", -5),
        ("about 5", None),
        ("5 apples", None),
        ("", None),
    ],
)
def test_amounts(text: str, expected: float | None) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize(
    ("text", "in_percent", "expected"),
    [
        *[("51%", None, 0.51), ("51", None, 0.51), ("0.51", None, 0.51), ("0.51", True, 0.0051), ("1", True, 0.01)],
        *[("1", None, 1.0), ("150%", None, None), ("-1%", None, None), ("half", None, None), ("30,5%", None, 0.305)],
    ],
)
def test_shares(text: str, *, in_percent: bool | None, expected: float | None) -> None:
    assert share(text, in_percent=in_percent) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-06-21", date(2022, 6, 21)),
        ("2022/6/21", date(2022, 6, 21)),
        ("20220621", date(2022, 6, 21)),
        ("June 21, 2022", date(2022, 6, 21)),
        ("21 Jun 2022", date(2022, 6, 21)),
        ("2022年6月21日", date(2022, 6, 21)),
        ("6/21/2022", date(2022, 6, 21)),
        ("21.06.2022", date(2022, 6, 21)),
        ("2022-06-21 00:00:00", date(2022, 6, 21)),
        ("2022-06-21T10:00:00Z", date(2022, 6, 21)),
        ("6/7/2022", None),
        ("2022-02-30", None),
        ("soon", None),
    ],
)
def test_days(text: str, expected: date | None) -> None:
    assert day(text) == expected


def test_a_day_that_two_readings_give_is_taken_as_the_list_writes_it() -> None:
    assert day("6/7/2022", month_first=True) == date(2022, 6, 7)
    assert day("6/7/2022", month_first=False) == date(2022, 7, 6)
    assert period("2022-02") == (date(2022, 2, 1), date(2022, 2, 28))
    assert period("2020") == (date(2020, 1, 1), date(2020, 12, 31))


@given(one=st.dates(date(1950, 1, 1), date(2099, 12, 31)))
def test_written_days_are_read(one: date) -> None:
    for form in ("%Y-%m-%d", "%B %d, %Y", "%d %b %Y", "%Y年%m月%d日"):
        assert day(one.strftime(form)) == one


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[("China", "cn"), ("CHINA", "cn"), ("CN", "cn"), ("CHN", "cn"), ("中国", "cn"), ("中國", "cn")],
        *[("P.R. China", "cn"), ("Mainland China", "cn"), ("جۇڭگو", "cn"), ("Viet Nam", "vn"), ("Türkiye", "tr")],
        *[("Turkey", "tr"), ("Sp'ain", "es"), ("Korea, Republic of", "kr"), ("UK", "gb"), ("Côte d’Ivoire", "ci")],
        *[("Deutschland", "de"), ("Lao PDR", "la"), ("", ""), ("Xinjiang", ""), ("Apparel", "")],
        ("No. 5 Road, China", ""),
    ],
)
def test_countries_are_known_by_their_many_names(text: str, code: str) -> None:
    assert country_code(text) == code


def test_every_english_name_of_a_country_is_known() -> None:
    names = {code: str(name) for code, name in Locale("en").territories.items() if len(code) == 2}
    made_up = {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}
    wrong = {code: name for code, name in names.items() if code not in made_up and country_code(name) != code.lower()}
    assert wrong == {}


def test_ids_are_kept_where_they_can_be_and_made_where_they_cannot() -> None:
    assert given_id("CN2021250D1DTN7", what="supplier") == "CN2021250D1DTN7"
    assert given_id("7 / 8", what="supplier") == "7-8"
    assert given_id("工厂", what="supplier") != given_id("公司", what="supplier")
    assert content_id("s", ["Ａ  Co", "x"]) == content_id("s", ["a co", "X"])
    assert content_id("s", ["a", "b"]) != content_id("s", ["ab", ""])
    assert len(given_id("x" * 500, what="supplier")) <= 64


@example("-")  # an id of signs alone is none
@given(st.text(min_size=1))
def test_every_text_gives_an_id_that_is_allowed(text: str) -> None:
    for one in (given_id(text, what="x"), slug(text, what="x"), content_id("x", [text])):
        assert one.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert len(one) <= 64
        assert not one.startswith(".")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), unique=True))
def test_ids_that_rows_share_come_apart_whatever_the_order(rows: list[tuple[str, int]]) -> None:
    def named(ordered: list[tuple[str, int]]) -> dict[tuple[str, int], str]:
        own = ids_apart([one for one, _ in ordered], [(one, str(number)) for one, number in ordered])
        return dict(zip(ordered, own, strict=True))

    found = named(rows)
    assert len(set(found.values())) == len(rows)
    assert found == named(rows[::-1])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert formula_safe(text) == f"'{text}"
    assert formula_safe("A=1") == "A=1"


def test_the_mapping_is_told_line_by_line() -> None:
    lines = mapping_lines(
        [
            ColumnChoice(sheet="A", column="Factory", field="name", confidence=0.95, reason="heading"),
            ColumnChoice(sheet="", column="Phone", field="", confidence=0, reason="not read: known"),
        ]
    )
    assert lines == ("A: Factory -> name (95%; heading)", "Phone -> - (not read: known)")
