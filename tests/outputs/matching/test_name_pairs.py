"""The constructed pairs and a small made-up register, with the real gazetteer."""

import pytest

from benchmarks.matching_register import make_register
from benchmarks.names import HELD_OUT, MAIN, Pair, is_right, judged, measure, read_pairs
from outputs.matching import Relation, Zone, compare, match_all
from outputs.matching.lexicon import load
from outputs.matching.text import squash


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return read_pairs(MAIN)


def test_matches_are_right_and_few_are_missed(pairs: list[Pair]) -> None:
    own = measure(pairs)[0][0]
    assert own.precision >= 0.98
    assert own.recall >= 0.9
    assert own.related_recall >= 0.9


def test_whole_name_likeness_could_not_do_it(pairs: list[Pair]) -> None:
    own, *peers = measure(pairs)[0]
    assert max(peer.recall for peer in peers) < own.recall / 2
    assert max(peer.precision for peer in peers) < own.precision / 2


def test_the_sets_of_pairs_are_large_and_apart() -> None:
    main, held_out = read_pairs(MAIN), read_pairs(HELD_OUT)
    assert len(main) >= 220
    assert len(held_out) >= 80
    assert not {pair.name_a for pair in main} & {pair.name_a for pair in held_out}
    assert {pair.label for pair in main} == {"same", "related", "different"}


def test_no_trade_name_of_the_pairs_stands_in_a_table_of_words() -> None:
    tables = load()
    for brand in ("润禾", "恒晟", "骏腾", "海硕", "沐泽", "棠舟"):
        assert brand not in tables.hanzi
    for brand in ("Runhe", "Hengsheng", "Junteng", "Muze", "Golden Camel", "Silver Deer", "Venus"):
        assert squash(brand) not in tables.latin


def test_a_related_pair_called_the_same_firm_counts_as_wrong() -> None:
    branch = next(pair for pair in read_pairs(MAIN) if pair.kind == "branch")
    found = judged(branch)
    assert found.relation is Relation.BRANCH
    assert is_right(branch, found)
    same = compare(branch.name_a, branch.name_a)
    assert not is_right(branch, same)


def test_a_made_up_register_is_matched_well() -> None:
    register = make_register(31, suppliers=200, entities=2_000)
    matching = match_all(register.suppliers, register.entities)
    sure = {(one.supplier_id, one.entity_id) for one in matching.matches if one.zone is Zone.MATCH}
    assert len(sure & register.truth) / len(sure) >= 0.97
    assert len(sure & register.truth) / len(register.truth) >= 0.75
