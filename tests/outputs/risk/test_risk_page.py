"""The worked example of docs/risk.md, recomputed: each figure of the page is what the code says."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from shapely.geometry import box

from aoi.entities import ListedEntity, ListingKind
from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from aoi.suppliers import Supplier
from outputs.matching.compare import Zone
from outputs.matching.match import NameMatch
from outputs.matching.terms import Relation
from outputs.risk.assess import Assessment, assess
from outputs.risk.kernels import metres_a_degree
from outputs.risk.places import Located, PlaceLink, join_places
from outputs.risk.rates import PlaceParams
from outputs.risk.relations import Known
from outputs.risk.weights import load_weights

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "risk.md").read_text(encoding="utf-8")
WEIGHTS = load_weights()
LON, LAT = 86.15, 41.75


def place(code: str, name: str, level: Level) -> Place:
    """Return a unit."""
    return Place(place_id=code, level=level, names=(name,), lon_lat=(LON, LAT), radius_m=36_000)


def reading(code: str, name: str, probability: float) -> Geocode:
    """Return a reading of an address that tells a county."""
    found = place(code, name, Level.COUNTY)
    return Geocode(
        place=found,
        lineage=(found,),
        lon_lat=(LON, LAT),
        radius_m=36_000,
        precision=Precision.COUNTY,
        probability=probability,
    )


@pytest.fixture(scope="module")
def example() -> Assessment:
    """Return the assessment of the page's three suppliers."""
    shirts = Supplier(supplier_id="A", names=("Invented Shirts",), tier=1, buys_from=("B",))
    fabrics = Supplier(supplier_id="B", names=("Invented Fabrics",), tier=2, buys_from=("C",))
    spinning = Supplier(supplier_id="C", names=("Imaginary Spinning",), tier=3, inputs=("Xinjiang cotton",))
    entity = ListedEntity(
        entity_id="L1", names=("Imaginary Spinning Mill",), kind=ListingKind.IMPORT_BAN, list_name="List of bans",
        listed_on=date(2024, 1, 15),
    )  # fmt: skip
    match = NameMatch(
        supplier_id="C", entity_id="L1", probability=0.7, zone=Zone.REVIEW, relation=Relation.SAME,
        supplier_name="Imaginary Spinning", entity_name="Imaginary Spinning Mill", terms=(), base=0.0, explanation="",
    )  # fmt: skip
    known = Known(
        suppliers=(shirts, fabrics, spinning),
        geocodes={"C": (reading("652801", "Korla", 0.9), reading("330603", "Keqiao", 0.06))},
        entities={"L1": entity},
        matches=(match,),
    )
    return assess(known, (), WEIGHTS, today=date(2026, 9, 30))


@pytest.fixture(scope="module")
def link() -> PlaceLink:
    """Return what is said of the page's supplier D and the flagged works."""
    east, north = (float(one) for one in metres_a_degree(np.array(LAT)))

    def square(name: str, west: float) -> Facility:
        corners = box(LON + west / east, LAT - 150 / north, LON + (west + 300) / east, LAT + 150 / north)
        return Facility(facility_id=name, names=(name,), location_4326=corners)

    at = place("652801", "Korla", Level.COUNTY)
    street = Geocode(
        place=at, lineage=(at,), lon_lat=(LON, LAT), radius_m=600, precision=Precision.STREET, probability=1.0
    )
    located = [Located(supplier_id="D", geocodes=(street,))]
    params = PlaceParams(place_strength=1e12, ladder_strength=1e12)
    return join_places(located, [square("works", 200)], [square("other", -400)], params).links[0]


def says(text: str) -> None:
    """Hold a sentence against the page, whatever its line breaks."""
    assert " ".join(text.split()) in " ".join(PAGE.split()), text


def test_each_row_of_the_account_is_what_the_code_says(example: Assessment) -> None:
    account = example.accounts[2]
    for line in account.result.lines:
        factor = line.factor
        counts = "yes" if line.counts else "no"
        says(
            f"| `{factor.key}` | {factor.value:.2f} | {factor.weight:.2f} | {factor.contribution:.3f} "
            f"| {factor.points:.2f} | {counts} | {line.score_without:.2f} |"
        )
    assert len(account.result.lines) == 4
    says(f"score of C is {account.result.score:.2f} points")
    says(f"likelihood of {account.result.likelihood:.3f}")
    says(f"from {account.result.likelihood_low:.3f} to {account.result.likelihood_high:.3f}")
    says(f"severity is {account.result.severity} of 4")
    says(f"completeness is {account.result.completeness:.2f}")


def test_the_likelihood_is_the_product_written_there() -> None:
    product = 1 - (1 - 0.76) * (1 - 0.665) * (1 - 0.3185)
    says(f"1 - (1 - 0.760) · (1 - 0.665) · (1 - 0.319) = {product:.3f}")


def test_the_way_up_the_chain_is_what_the_code_says(example: Assessment) -> None:
    brand = next(one for one in example.exposures if one.origin_id == "C")
    says(f"0.90 · 0.90 · 1.00 = {brand.path.probability:.2f}")
    says(f"0.760 · 0.81 = {brand.likelihood:.3f}")
    shirts = example.accounts[0].result
    says(f"A has a score of {shirts.score:.2f} points")


def test_the_place_is_weighed_as_written(link: PlaceLink) -> None:
    sigma = 600 / np.sqrt(-2 * np.log(0.05))
    core = (norm.cdf(500 / sigma) - norm.cdf(200 / sigma)) * (norm.cdf(150 / sigma) - norm.cdf(-150 / sigma))
    says(f"standard deviation of {sigma:.0f} m")
    says(f"holds {core:.3f} of it")
    says(f"{link.alone:.3f} of the whole error model")
    says(f"probability that D stands on the flagged works is {link.inside:.2f}")
    says(f"in or within 500 m of it {link.near:.2f}")
