"""What pairs of names and whole lists give."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.entities import ListedEntity
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from aoi.suppliers import Address, Supplier
from geo.errors import ConfigError
from outputs.matching import (
    Comparison,
    MatchParams,
    Relation,
    Zone,
    compare,
    default_weights,
    match,
    match_all,
    read_weights,
)
from outputs.matching.compare import bits_of, probability_of
from outputs.matching.frequencies import Frequencies, count_firms
from outputs.matching.lexicon import load
from outputs.matching.parallel import run_over
from outputs.matching.parse import parse_name, split_scripts
from outputs.matching.places import PlaceList

XINJIANG = Place(place_id="650000", level=Level.PROVINCE, names=("新疆", "Xinjiang"), lon_lat=None, radius_m=1e6)
KORLA = Place(place_id="652801", level=Level.COUNTY, names=("库尔勒", "Korla"), lon_lat=None, radius_m=2e4)
JIANGSU = Place(place_id="320000", level=Level.PROVINCE, names=("江苏", "Jiangsu"), lon_lat=None, radius_m=3e5)
WORDS = PlaceList([XINJIANG, KORLA, JIANGSU])


def pair(one: str, other: str) -> Comparison:
    return compare(one, other, place_words=WORDS)


def supplier(name: str, *, address: str = "", number: str = "", supplier_id: str = "s1") -> Supplier:
    where = (Address(lines=address),) if address else ()
    return Supplier(supplier_id=supplier_id, names=(name,), addresses=where, registration_number=number)


def entity(entity_id: str, *names: str, covers: bool = False, number: str = "") -> ListedEntity:
    numbers = (number,) if number else ()
    return ListedEntity(entity_id=entity_id, names=names, covers_subsidiaries=covers, registration_numbers=numbers)


@pytest.mark.parametrize(
    ("one", "other", "zone", "relation"),
    [
        ("新疆沃隆棉纺织有限公司", "Xinjiang Wolong Cotton Textile Co., Ltd.", Zone.MATCH, Relation.SAME),
        ("新疆沃隆棉纺织有限公司", "新疆沃隆棉纺织有限公司库尔勒分公司", Zone.MATCH, Relation.BRANCH),
        ("沃隆集团有限公司", "新疆沃隆棉纺织有限公司", Zone.REVIEW, Relation.GROUP),
        ("第七师一二五团", "XPCC 7th Division 125th Regiment", Zone.MATCH, Relation.SAME),
        ("第七师一二五团", "XPCC 7th Division 126th Regiment", Zone.NO, Relation.SAME),
        ("第七师", "XPCC 7th Division 125th Regiment", Zone.REVIEW, Relation.BRANCH),
    ],
)
def test_pairs_fall_into_their_zone_and_relation(one: str, other: str, zone: Zone, relation: Relation) -> None:
    found = pair(one, other)
    assert (found.zone, found.relation) == (zone, relation)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("新疆沃隆棉纺织有限公司", "江苏沃隆棉纺织有限公司"),
        ("新疆沃隆棉纺织有限公司", "Xinjiang Wolong Cement Co., Ltd."),
        ("新疆沃隆棉纺织有限公司", "新疆握龙棉纺织有限公司"),
        ("新疆沃隆棉纺织有限公司", "新疆沃成棉纺织有限公司"),
        ("Xinjiang Cotton Textile Co., Ltd.", "Xinjiang Wolong Cotton Textile Co., Ltd."),
        ("Jiangsu Xinjiang Textile Co., Ltd.", "Xinjiang Jiangsu Textile Co., Ltd."),
        ("第五棉纺厂", "第六棉纺厂"),
    ],
    ids=["other place", "other industry", "homophone", "other brand", "no brand", "word order", "other number"],
)
def test_common_words_alone_never_match(one: str, other: str) -> None:
    assert pair(one, other).zone is not Zone.MATCH


@given(
    one=st.sampled_from(
        ["新疆沃隆棉纺织有限公司", "Jiangsu Wolong Silk Co", "沃隆集团", "XPCC 7th Division", "Wolong"]
    ),
    other=st.sampled_from(
        ["新疆沃隆织造厂", "Xinjiang Wolongg Cotton Ltd", "第七师三团", "江苏沃龙丝绸有限公司", "Korla Cotton"]
    ),
)
def test_the_order_of_two_names_does_not_matter(one: str, other: str) -> None:
    there, back = pair(one, other), pair(other, one)
    assert there.probability == pytest.approx(back.probability)
    assert there.relation is back.relation


def test_the_terms_sum_to_the_probability() -> None:
    found = pair("新疆沃隆棉纺织有限公司", "Xinjiang Wolong Cotton Co., Ltd.")
    total = found.base + sum(term.contribution for term in found.terms)
    assert probability_of(total) == pytest.approx(found.probability)
    assert bits_of(found.probability) == pytest.approx(total)
    for term in found.terms:
        assert f"({term.contribution:+.1f})" in found.explanation


def test_a_rare_trade_name_weighs_more_than_a_common_one() -> None:
    names = [[parse_name(f"新疆{brand}棉业有限公司", WORDS)] for brand in ["沃隆"] * 300 + ["犇骉"]]
    counted = count_firms(names)
    assert counted.hanzi_chance("沃隆") > 50 * counted.hanzi_chance("犇骉")
    assert counted.sound_chance("wolong") > counted.hanzi_chance("犇骉")
    assert 0 < Frequencies().hanzi_chance("犇骉") < 1e-3


def test_an_address_far_away_speaks_against_and_one_near_for() -> None:
    names = ("Wolong Cotton Textile", "Wolong Cotton Textile")
    near = compare(*names, addresses=([Address(lines="Korla")], [Address(lines="Korla")]), place_words=WORDS)
    far = compare(*names, addresses=([Address(lines="Korla")], [Address(lines="Jiangsu")]), place_words=WORDS)
    assert far.probability < pair(*names).probability < near.probability


def test_aliases_and_both_scripts_of_a_name_are_tried() -> None:
    listed = ListedEntity(entity_id="e1", names=("Golden Dune Cotton",), aliases=("新疆沃隆棉业有限公司",))
    found = match([supplier("Xinjiang Wolong Cotton Co., Ltd.")], [listed], place_words=WORDS)
    assert [(one.entity_id, one.entity_name) for one in found] == [("e1", "新疆沃隆棉业有限公司")]
    both = "新疆沃隆棉业有限公司 Xinjiang Wolong Cotton Co., Ltd."
    assert split_scripts(both) == ("新疆沃隆棉业有限公司", "Xinjiang Wolong Cotton Co., Ltd")


def test_hanzi_decide_where_both_firms_have_them() -> None:
    own = Supplier(supplier_id="s1", names=("新疆沃隆棉业有限公司", "Xinjiang Wolong Cotton Co., Ltd."))
    listed = [entity("homophone", "新疆握龙棉业有限公司", "Xinjiang Wolong Cotton Co., Ltd.")]
    assert not match([own], listed, place_words=WORDS)


def test_equally_good_entities_compete() -> None:
    listed = [entity("a", "新疆沃隆棉业有限公司"), entity("b", "新疆握龙棉业有限公司")]
    found = match([supplier("Xinjiang Wolong Cotton Co., Ltd.")], listed, place_words=WORDS)
    assert {one.entity_id for one in found} == {"a", "b"}
    assert sum(one.probability for one in found) < 1
    assert all(one.zone is Zone.REVIEW for one in found)
    assert all("rivals" in {term.name for term in one.terms} for one in found)


def test_two_entries_of_one_firm_do_not_compete() -> None:
    listed = [entity("list-1", "新疆沃隆棉业有限公司"), entity("list-2", "新疆沃隆棉业有限责任公司")]
    found = match([supplier("Xinjiang Wolong Cotton Co., Ltd.")], listed, place_words=WORDS)
    assert [one.zone for one in found] == [Zone.MATCH, Zone.MATCH]


def test_a_registration_number_finds_a_firm_under_any_name() -> None:
    number = "91350100M000100Y43"
    own = supplier("Sunrise Holdings", number=number)
    found = match([own], [entity("e1", "新疆沃隆棉业有限公司", number=number)], place_words=WORDS)
    assert len(found) == 1
    assert "registration" in {term.name for term in found[0].terms}


def test_a_list_that_covers_subsidiaries_sends_the_brand_to_review() -> None:
    own = [supplier("江苏沃隆水泥有限公司")]
    assert not match(own, [entity("e1", "新疆沃隆棉业有限公司")], place_words=WORDS)
    found = match(own, [entity("e1", "新疆沃隆棉业有限公司", covers=True)], place_words=WORDS)
    assert [(one.zone, one.relation) for one in found] == [(Zone.REVIEW, Relation.SUBSIDIARY)]


def test_a_geocode_stands_in_for_the_words_of_the_address() -> None:
    own = [supplier("Wolong Cotton Textile", address="Jiangsu")]
    listed = [entity("e1", "新疆沃隆棉纺织有限公司")]
    geocode = Geocode(
        place=KORLA,
        lineage=(XINJIANG, KORLA),
        lon_lat=(86.1, 41.7),
        radius_m=2e4,
        precision=Precision.COUNTY,
        probability=0.9,
    )
    far = match_all(own, listed, place_words=WORDS).matches
    near = match_all(own, listed, place_words=WORDS, geocodes={"s1": (geocode,)}).matches
    assert near[0].probability > max([one.probability for one in far], default=0.0)


def test_what_is_left_out_is_told(caplog: pytest.LogCaptureFixture) -> None:
    listed = [entity(f"e{number}", f"新疆沃隆棉业有限公司第{number}分厂") for number in range(1, 9)]
    own = [supplier("新疆沃隆棉业有限公司")]
    params = MatchParams(most_kept=5)
    matching = match_all(own, listed, place_words=WORDS, params=params)
    assert matching.left_out == {"s1": 3}
    assert len(matching.matches) == 5
    match(own, listed, place_words=WORDS, params=params)
    assert "3 pairs are left out" in caplog.text
    narrow = match_all(own, listed, place_words=WORDS, params=MatchParams(most_compared=4))
    assert narrow.not_compared == 4


def test_an_empty_list_gives_no_matches() -> None:
    assert match([supplier("Wolong")], [], place_words=WORDS) == ()
    assert match([], [entity("e1", "Wolong")], place_words=WORDS) == ()


def test_two_processes_give_what_one_gives() -> None:
    assert run_over(1_200, lambda number: number**2, workers=2) == [number**2 for number in range(1_200)]


def test_a_teams_own_weights_are_read_and_faults_named(tmp_path: Path) -> None:
    own = tmp_path / "weights.toml"
    text = Path(read_weights.__code__.co_filename).with_name("weights.toml").read_text(encoding="utf-8")
    own.write_text(text.replace("match_from = 0.9", "match_from = 0.95"), encoding="utf-8")
    assert read_weights(own) == replace(default_weights(), match_from=0.95)
    own.write_text(text.replace("match_from = 0.9", "match_from = 1.9"), encoding="utf-8")
    with pytest.raises(ConfigError, match="zones"):
        read_weights(own)
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        read_weights(tmp_path / "missing.toml")


def test_the_tables_of_words_hang_together() -> None:
    tables = load()
    for concept, wider in tables.wider.items():
        assert wider <= set(tables.family), concept
    assert tables.latin["coltd"].concept == "limited"
    assert tables.pinyin["fangzhi"].concept == tables.hanzi["纺织"].concept == tables.latin["textile"].concept
