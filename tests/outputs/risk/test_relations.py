"""How a firm has to do with the region: each category from its own evidence, and from nothing else."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from aoi.entities import CorporateLink, LinkKind, ListedEntity, ListingKind
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from aoi.suppliers import Address, Supplier
from outputs.matching.compare import Zone
from outputs.matching.match import NameMatch
from outputs.matching.terms import Relation
from outputs.risk.assess import Assessment, assess
from outputs.risk.layer import area_of, style_of_risk
from outputs.risk.portfolio import indicators
from outputs.risk.relations import Known, own_factors
from outputs.risk.score import Factor
from outputs.risk.weights import Category, load_weights

WEIGHTS = load_weights()
TODAY = date(2026, 9, 30)


def code(place_id: str, probability: float = 1.0, country: str = "cn", radius_m: float = 20_000) -> Geocode:
    """Return a reading that tells a county."""
    place = Place(
        place_id=place_id, level=Level.COUNTY, names=(place_id,), lon_lat=(86.0, 41.7), radius_m=radius_m,
        country=country,
    )  # fmt: skip
    return Geocode(
        place=place, lineage=(place,), lon_lat=(86.0, 41.7), radius_m=radius_m, precision=Precision.COUNTY,
        probability=probability,
    )  # fmt: skip


def firm(name: str = "s", **told: object) -> Supplier:
    """Return a supplier."""
    return Supplier(**{"supplier_id": name, "names": (f"Firm {name}",), **told})  # type: ignore[arg-type]  # fields


def factors(supplier: Supplier, codes: Sequence[Geocode] = (), **told: object) -> dict[str, Factor]:
    """Return the factors of one supplier by their key, the strongest of each."""
    known = Known(suppliers=(supplier,), geocodes={supplier.supplier_id: codes}, **told)  # type: ignore[arg-type]
    found = sorted(own_factors(supplier, known, WEIGHTS, today=TODAY), key=lambda one: one.contribution)
    return {one.key: one for one in found}


def assessed(
    *suppliers: Supplier, codes: Mapping[str, Sequence[Geocode]], links: Sequence[CorporateLink] = ()
) -> Assessment:
    """Return the assessment of some suppliers."""
    return assess(Known(suppliers=suppliers, geocodes=codes), links, WEIGHTS, today=TODAY)


def test_readings_in_the_region_add_up_and_others_do_not_count() -> None:
    found = factors(firm(), [code("652801", 0.6), code("653101", 0.2), code("441900", 0.15)])
    assert found["region_facility"].value == pytest.approx(0.8)
    assert "region_facility" not in factors(firm(), [code("441900")])
    assert "region_facility" not in factors(firm(), [code("6500", country="us")])


def test_a_name_that_bears_the_region_is_no_address_there() -> None:
    assert factors(firm(names=("Xinjiang Road Trading (Dongguan)",)), [code("441900")]) == {}


@pytest.mark.parametrize(
    ("told", "keys"),
    [
        ({"inputs": ("Xinjiang cotton",)}, {"region_input_stated", "priority_input"}),
        ({"inputs": ("新疆长绒棉",)}, {"region_input_stated", "priority_input"}),
        ({"products": ("Cotton yarn",), "addresses": (Address(country="China"),)}, {"sector_input"}),
        ({"products": ("Cotton yarn",), "addresses": (Address(country="India"),)}, {"priority_input"}),
        ({"products": ("Polysilicon",)}, {"sector_input"}),
        ({"products": ("Rubber ducks",)}, set()),
    ],
    ids=["stated", "stated in Hanzi", "cotton of China", "cotton of India", "a share of the world", "nothing known"],
)
def test_inputs_count_by_what_is_said_of_them(told: dict[str, Any], keys: set[str]) -> None:
    assert set(factors(firm(**told))) == keys


def listing(**told: object) -> dict[str, Any]:
    """Return a listed entity with a match of its name."""
    entity = ListedEntity(
        **{"entity_id": "L", "names": ("L",), "kind": ListingKind.IMPORT_BAN, "list_name": "Bans", **told}  # type: ignore[arg-type]
    )
    match = NameMatch(
        supplier_id="s", entity_id="L", probability=0.8, zone=Zone.MATCH, relation=Relation.GROUP, supplier_name="S",
        entity_name="L", terms=(), base=0.0, explanation="",
    )  # fmt: skip
    return {"entities": {"L": entity}, "matches": (match,)}


def test_a_group_of_a_listed_firm_counts_in_full_only_where_the_list_covers_subsidiaries() -> None:
    assert factors(firm(), **listing())["listed_import_ban"].value == pytest.approx(0.8 * 0.7)
    assert factors(firm(), **listing(covers_subsidiaries=True))["listed_import_ban"].value == pytest.approx(0.8)


def test_a_delisted_entity_counts_less_and_says_so() -> None:
    found = factors(firm(), **listing(covers_subsidiaries=True, delisted_on=date(2025, 1, 1)))["listed_import_ban"]
    assert found.value == pytest.approx(0.8 * 0.3)
    assert "delisted on 2025-01-01" in found.what


def test_ownership_in_the_region_is_an_affiliate_and_a_purchase_is_an_input() -> None:
    owns = CorporateLink(from_id="p", to_id="s", kind=LinkKind.OWNS, share=0.7, source="register")
    found = assessed(firm("s"), firm("p"), firm("b", buys_from=("p",)), codes={"p": [code("652801")]}, links=[owns])
    by_id = {one.supplier.supplier_id: one for one in found.accounts}
    assert by_id["p"].categories[0] is Category.REGION_FACILITY
    assert by_id["s"].categories == (Category.REGION_AFFILIATE,)
    assert by_id["b"].categories == (Category.REGION_INPUT,)
    assert by_id["s"].result.lines[0].factor.weight == WEIGHTS.weights["region_affiliate"].weight
    assert found.buyer.likelihood > 0.5


def test_a_listed_parent_that_is_no_supplier_passes_its_listing_on() -> None:
    entity = ListedEntity(entity_id="L", names=("L",), kind=ListingKind.LABOUR_TRANSFER, list_name="Transfers")
    owns = CorporateLink(from_id="L", to_id="s", kind=LinkKind.OWNS, share=0.6)
    known = Known(suppliers=(firm(),), entities={"L": entity})
    account = assess(known, [owns], WEIGHTS, today=TODAY).accounts[0]
    factor = account.result.lines[0].factor
    assert factor.value == pytest.approx(0.95)
    assert factor.path == ("L", "s")
    assert Category.LISTED_ENTITY in account.categories


def test_a_parent_among_the_suppliers_is_found_by_its_name() -> None:
    found = assessed(firm("s", parent="firm P"), firm("P"), codes={"P": [code("652801")]})
    assert found.accounts[0].result.lines[0].factor.path == ("P", "s")


def test_nothing_found_is_said_with_its_caveat() -> None:
    account = assessed(firm(), codes={}).accounts[0]
    assert account.categories == (Category.NONE_FOUND,)
    assert account.would_change
    assert all("may raise the level" in text for text in account.would_change)


def test_indicators_without_spend_count_suppliers() -> None:
    found = assessed(firm("s"), firm("p"), codes={"p": [code("652801")]})
    rows = indicators(found, Known(suppliers=(firm("s"), firm("p"))), quarter="2026Q3")
    target = {row["indicator"]: row for row in rows if row["indicator"].startswith("diversification")}
    assert target["diversification: at elevated or high"]["value"] == pytest.approx(0.5)
    assert target["diversification: still to move"]["value"] == pytest.approx(0.45)
    assert {row["of"] for row in target.values()} == {"of suppliers"}


def test_what_is_known_to_a_country_is_drawn_nowhere() -> None:
    assert area_of(code("652801", radius_m=2e6), {}) is None
    assert area_of(None, {}) is None
    assert area_of(code("652801"), {}) is not None


@pytest.mark.parametrize("layer", ["supplier_areas", "flagged_sites"])
def test_styles_are_well_formed(layer: str) -> None:
    text = style_of_risk(layer)
    root = ET.fromstring(text[text.index("<qgis") :])  # noqa: S314 - our own text
    assert root.find("renderer-v2") is not None
