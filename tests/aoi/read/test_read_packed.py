"""Cells of authorities' lists that hold several firms."""

# ruff: noqa: RUF001 - brackets and quotes of other scripts are what is tested
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.read.packed import PackedName, is_packed, unpack

FORMS = ("{name} Co., Ltd.", "{name} Textile Co. Ltd", "{name} Group", "{name} Technology Co., Ltd")
WORDS = ("Akesu", "Korla", "Hetian", "Lop", "Turpan", "Bingtuan", "Yili", "Changji")
COUNTS = ("one", "two", "three", "four")


def only(cell: str) -> PackedName:
    (found,) = unpack(cell)
    return found


@pytest.mark.parametrize(
    ("cell", "name", "aliases", "covers"),
    [
        ("Camel Group Co., Ltd.", "Camel Group Co., Ltd.", (), False),
        ("A Textile Co. Ltd. (and one alias: B Textile)", "A Textile Co. Ltd.", ("B Textile",), False),
        ("A Co. Ltd. (and two aliases: B Hair; and C Hair)", "A Co. Ltd.", ("B Hair", "C Hair"), False),
        ("A Co. (including two aliases: Akesu B and Aksu C D Yarn)", "A Co.", ("Akesu B", "Aksu C D Yarn"), False),
        ("A Co. (including two aliases: B, Inc. and C and D Co.)", "A Co.", ("B, Inc.", "C and D Co."), False),
        (
            "A (Shanshan) Co., Ltd (including one alias: B (Shanshan) Co.) and subsidiaries",
            "A (Shanshan) Co., Ltd",
            ("B (Shanshan) Co.",),
            True,
        ),
        (
            "A Corps (including three aliases: X; B Corps; and Bingtuan) and its subordinate and affiliated entities",
            "A Corps",
            ("X", "B Corps", "Bingtuan"),
            True,
        ),
        ("A Silicon Co. Ltd., and Subsidiaries", "A Silicon Co. Ltd.", (), True),
        ("FGV Holdings Berhad and its subsidiaries and joint ventures", "FGV Holdings Berhad", (), True),
        ("A’s Co. Ltd. (also known as B Co., Ltd.)", "A’s Co. Ltd.", ("B Co., Ltd.",), False),
        (
            "A Co., Ltd. (formerly known as B Co., Ltd.; and formerly known as C)",
            "A Co., Ltd.",
            ("B Co., Ltd.", "C"),
            False,
        ),
        ("Iron Factory, a/k/a B Fittings, a/k/a No. 2 Prison", "Iron Factory", ("B Fittings", "No. 2 Prison"), False),
        ("Wulin (or Wuling) Works", "Wulin Works", ("Wuling Works",), False),
        ("Production Corporation (XPCC) and its subordinates", "Production Corporation", ("XPCC",), True),
        ("Fishing Vessel: Da Wang", "Da Wang", (), False),
        (
            "B Farm, Industry, and Trade Co., Ltd.",
            "B Farm, Industry, and Trade Co., Ltd.",
            (),
            False,
        ),
        ("新疆甲有限公司（including one alias: 甲）", "新疆甲有限公司", ("甲",), False),
        ("A Co. (including one alias: never closed", "A Co.", ("never closed",), False),
    ],
)
def test_one_firm_with_its_aliases(cell: str, name: str, aliases: tuple[str, ...], *, covers: bool) -> None:
    found = only(cell)
    assert (found.name, found.aliases, found.covers_subsidiaries) == (name, aliases, covers)


def test_subsidiaries_that_are_named_stand_under_their_head() -> None:
    cell = "N Corp and its three Zhuhai-based subsidiaries, which include Z A Co. Ltd., Z B Co., Ltd., and G Inc."
    head, *others = unpack(cell)
    assert head == PackedName(name="N Corp")
    assert [(one.name, one.under) for one in others] == [("Z A Co. Ltd.", 0), ("Z B Co., Ltd.", 0), ("G Inc.", 0)]


def test_subsidiaries_that_are_counted_but_not_named_are_covered() -> None:
    head, *others = unpack(
        "N Corp. and its eight Zhuhai-based subsidiaries, which include Z A Co. Ltd., and G Co., Ltd."
    )
    assert head.covers_subsidiaries
    assert len(others) == 2
    assert "says eight names, but 2" in head.remarks[0]


def test_a_count_that_does_not_fit_is_told() -> None:
    assert "says three names, but 2" in only("A Co. (including three aliases: B; and C)").remarks[0]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Yili A Co., Ltd. and Baoding B Co., Ltd.", ["Yili A Co., Ltd.", "Baoding B Co., Ltd."]),
        ("Fuchu Prison; Union Kogyo Co., Ltd.", ["Fuchu Prison", "Union Kogyo Co., Ltd."]),
        (
            "K Carpet Pvt., S Carpet Pvt., Ltd., A Carpet, and K.K. Carpets; Kathmandu.",
            ["K Carpet Pvt.", "S Carpet Pvt., Ltd."],
        ),
    ],
)
def test_firms_that_stand_side_by_side_belong_to_none_of_each_other(cell: str, names: list[str]) -> None:
    found = unpack(cell)
    assert [one.name for one in found][: len(names)] == names
    assert all(one.under is None for one in found)


def test_subsidiaries_of_a_pair_are_covered_for_both() -> None:
    found = unpack("Agro T S.A. de C.V. and Horti T S.A. de C.V. and their subsidiaries")
    assert [(one.name, one.covers_subsidiaries) for one in found] == [
        ("Agro T S.A. de C.V.", True),
        ("Horti T S.A. de C.V.", True),
    ]


def test_a_group_that_is_named_last_is_the_head() -> None:
    head, *others = unpack("B Holdings Sdn Bhd, L (M) Sdn Bhd, and P (M) Sdn Bhd (collectively, B Group)")
    assert head.name == "B Group"
    assert [(one.name, one.under) for one in others] == [
        ("B Holdings Sdn Bhd", 0),
        ("L (M) Sdn Bhd", 0),
        ("P (M) Sdn Bhd", 0),
    ]


def test_places_behind_a_name_are_places() -> None:
    assert only("Imaizumi Tea Co., Ltd. (of Nagoya, Japan)").place == "Nagoya, Japan"
    found = only("State Penitentiary, Ciudad Victoria, Tamaulipas, Mexico")
    assert (found.name, found.place) == ("State Penitentiary", "Ciudad Victoria, Tamaulipas, Mexico")


names = st.builds(lambda word, form: form.format(name=word), st.sampled_from(WORDS), st.sampled_from(FORMS))


@given(name=names, aliases=st.lists(names, min_size=1, max_size=4, unique=True), covers=st.booleans())
def test_what_is_packed_comes_apart(name: str, aliases: list[str], *, covers: bool) -> None:
    listed = "; ".join(aliases[:-1]) + ("; and " if len(aliases) > 1 else "") + aliases[-1]
    count = f"{COUNTS[len(aliases) - 1]} alias{'es' if len(aliases) > 1 else ''}"
    tail = " and its subordinate and affiliated entities" if covers else ""
    found = only(f"{name} (including {count}: {listed}){tail}")
    assert (found.name, found.aliases, found.covers_subsidiaries) == (name, tuple(aliases), covers)
    assert is_packed(f"{name} (including {count}: {listed}){tail}")
    assert not found.remarks


@given(st.text())
def test_any_text_is_taken_apart_without_harm(text: str) -> None:
    found = unpack(text)
    assert all(one.name for one in found)
    assert all(one.under is None or one.under < len(found) for one in found)


def test_an_empty_cell_names_nobody() -> None:
    assert unpack("") == unpack("  \n ") == ()
