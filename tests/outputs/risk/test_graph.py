"""Supply chains: tiers, paths, circles, and what each step is worth."""

from datetime import date

import pytest

from aoi.entities import CorporateLink, LinkKind
from aoi.suppliers import Supplier
from outputs.risk.graph import BUYER, chain_of, paths_from, tiers_of
from outputs.risk.weights import load_weights

WEIGHTS = load_weights()
TODAY = date(2026, 9, 30)


def firm(name: str, *, tier: int | None = None, buys_from: tuple[str, ...] = ()) -> Supplier:
    """Return a supplier."""
    return Supplier(supplier_id=name, names=(name,), tier=tier, buys_from=buys_from)


def owns(owner: str, owned: str, share: float | None = None, until: date | None = None) -> CorporateLink:
    """Return an ownership."""
    return CorporateLink(from_id=owner, to_id=owned, kind=LinkKind.OWNS, share=share, until=until, source="x")


def test_a_third_tier_reaches_the_buyer_by_the_steps_between() -> None:
    firms = [firm("a", tier=1, buys_from=("b",)), firm("b", tier=2, buys_from=("c",)), firm("c", tier=3)]
    chain = chain_of(firms, [], WEIGHTS, today=TODAY)
    path = paths_from(chain, "c", WEIGHTS)[BUYER]
    assert path.ids == ("c", "b", "a", BUYER)
    assert path.probability == pytest.approx(0.9 * 0.9 * 1.0)
    assert "c sells to b (0.90)" in str(path)


def test_exposure_does_not_travel_upstream() -> None:
    firms = [firm("a", tier=1, buys_from=("b",)), firm("b", tier=2)]
    chain = chain_of(firms, [], WEIGHTS, today=TODAY)
    assert set(paths_from(chain, "a", WEIGHTS)) == {BUYER}


def test_circles_end_and_keep_the_best_way() -> None:
    firms = [firm("a", tier=1, buys_from=("b",)), firm("b", buys_from=("c",)), firm("c", buys_from=("b", "a"))]
    links = [owns("a", "b", 0.8), owns("b", "a", 0.1), owns("c", "c2", 1.0), owns("c2", "c", 0.2)]
    paths = paths_from(chain_of(firms, links, WEIGHTS, today=TODAY), "c", WEIGHTS)
    assert paths["b"].ids == ("c", "b")
    assert paths["a"].ids == ("c", "b", "a")
    assert paths["a"].probability == pytest.approx(0.9 * 0.95)


def test_ownership_carries_both_ways_by_its_share() -> None:
    firms = [firm("sub", tier=1), firm("sister", tier=1)]
    links = [owns("parent", "sub", 0.6), owns("parent", "sister", 0.2), owns("other", "sister")]
    chain = chain_of(firms, links, WEIGHTS, today=TODAY)
    assert paths_from(chain, "parent", WEIGHTS)["sub"].probability == pytest.approx(0.95)
    assert paths_from(chain, "sub", WEIGHTS)["sister"].probability == pytest.approx(0.95 * 0.5)
    assert paths_from(chain, "other", WEIGHTS)["sister"].probability == pytest.approx(0.7)
    assert paths_from(chain, "sub", WEIGHTS)["parent"].is_ownership
    assert not paths_from(chain, "sub", WEIGHTS)[BUYER].is_ownership


def test_an_ownership_that_ended_counts_less() -> None:
    chain = chain_of([firm("sub")], [owns("p", "sub", 1.0, until=date(2020, 1, 1))], WEIGHTS, today=TODAY)
    assert paths_from(chain, "p", WEIGHTS)["sub"].probability == pytest.approx(0.95 * 0.3)


def test_tiers_are_counted_where_the_list_is_silent() -> None:
    firms = [
        firm("a", tier=1, buys_from=("b",)),
        firm("b", buys_from=("c",)),
        firm("c", buys_from=("d",)),
        firm("d"),
        firm("lost", tier=3),
    ]
    tiers = tiers_of(chain_of(firms, [], WEIGHTS, today=TODAY), firms)
    assert tiers == {"a": 1, "b": 2, "c": 3, "d": 4, "lost": 3}


def test_a_supplier_of_a_stated_tier_without_a_known_way_still_reaches_the_buyer() -> None:
    chain = chain_of([firm("far", tier=3)], [], WEIGHTS, today=TODAY)
    path = paths_from(chain, "far", WEIGHTS)[BUYER]
    assert path.probability == pytest.approx(0.9)
    assert "tier 3, by ways not stated" in str(path)


def test_a_firm_of_which_nothing_is_known_passes_nothing() -> None:
    assert paths_from(chain_of([], [], WEIGHTS, today=TODAY), "nobody", WEIGHTS) == {}
