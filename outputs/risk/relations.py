"""How a firm has to do with the region, in the categories of due diligence: what its own row and the lists tell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

from aoi.entities import ListedEntity
from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode, Precision
from aoi.suppliers import Supplier
from outputs.matching.match import NameMatch
from outputs.matching.terms import Relation
from outputs.risk.places import FINE, PlaceJoin, PlaceLink
from outputs.risk.score import Factor, Missing, factor_of
from outputs.risk.weights import Product, Weights

COUNTY_OR_FINER = (*FINE, Precision.TOWNSHIP, Precision.COUNTY)
_STATED = 0.95
"""How probable a plain statement of the list is: lists have mistakes."""
_MOST_SITES = 5
"""So many sites of one supplier become factors; the table of links has all."""
_LEAST = 0.01
_KINDS = {"inside": "in", "near": "in or near"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that was gathered before anything is weighed."""

    suppliers: tuple[Supplier, ...]
    geocodes: Mapping[str, Sequence[Geocode]] = field(default_factory=lambda: MappingProxyType({}))
    """Id of a supplier or listed entity to the readings of its address."""
    entities: Mapping[str, ListedEntity] = field(default_factory=lambda: MappingProxyType({}))
    matches: tuple[NameMatch, ...] = ()
    parent_matches: tuple[NameMatch, ...] = ()
    """Of the stated parents; `supplier_id` is the supplier's."""
    places: PlaceJoin | None = None
    """None where no sites were given."""
    sites: Mapping[str, Facility] = field(default_factory=lambda: MappingProxyType({}))
    list_name: str = "supplier list"
    list_version: str = ""
    site_kind: str = "site"
    """`site`, or `detection` where the sites are changes seen from space."""
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Id of a supplier to what was found wrong with its row."""


def own_factors(supplier: Supplier, known: Known, weights: Weights, *, today: date) -> list[Factor]:
    """Return what is known of a supplier itself, without what its chain adds."""
    readings = known.geocodes.get(supplier.supplier_id, ())
    list_ = _Statement(source=known.list_name, reference=supplier.source, version=known.list_version)
    found = [
        *_listed(known.matches, supplier, known, weights, today=today),
        *_listed(known.parent_matches, supplier, known, weights, today=today, parent=supplier.parent),
        *_in_region(readings, weights, list_),
        *_at_sites(supplier, known, weights, list_),
        *_inputs(supplier, readings, weights, list_),
        *_parent_in_region(supplier, weights, list_),
    ]
    return [replace(factor, subject_id=supplier.supplier_id) for factor in found if factor.value >= _LEAST]


def entity_factors(entity: ListedEntity, known: Known, weights: Weights, *, today: date) -> list[Factor]:
    """Return what is known of a listed entity that is no supplier itself, but linked to one."""
    readings = known.geocodes.get(entity.entity_id, ())
    source = _Statement(source=_list_of(entity), reference=entity.source, version=entity.list_version)
    found = [
        _listing(entity, 1.0, f"is listed: {entity.names[0]} ({_list_of(entity)})", weights, today=today),
        *_in_region(readings, weights, source),
    ]
    return [replace(factor, subject_id=entity.entity_id) for factor in found]


def missing_of(
    supplier: Supplier, known: Known, *, has_owner: bool, has_upstream: bool, tier: int | None
) -> tuple[Missing, ...]:
    """Return what should be known of a supplier and is not."""
    readings = known.geocodes.get(supplier.supplier_id, ())
    precisions = {code.precision for code in readings}
    lacks = {
        "place": not precisions & set(COUNTY_OR_FINER),
        "exact_place": not precisions & set(FINE),
        "original_name": _country(supplier, readings) in {"cn", ""} and not any(map(_has_hanzi, supplier.names)),
        "registration": not supplier.registration_number,
        "owner": not supplier.parent and not has_owner,
        "materials": not supplier.products and not supplier.inputs,
        "upstream": not has_upstream,
        "tier": tier is None,
        "lists": not known.entities,
        "sites": known.places is None,
    }
    return tuple(Missing(key=key, what=MISSING_WORDS[key]) for key, is_missing in lacks.items() if is_missing)


MISSING_WORDS: Mapping[str, str] = {
    "place": "an address that can be understood to the county",
    "exact_place": "a street address or a surveyed position",
    "original_name": "its name in Chinese characters, as in the business licence",
    "registration": "its registration number (unified social credit code)",
    "owner": "who owns it",
    "materials": "what it makes and of which inputs",
    "upstream": "from whom it buys",
    "tier": "its tier",
    "lists": "lists of entities to compare with",
    "sites": "flagged sites to compare with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """Whose word a factor is."""

    source: str
    reference: str
    version: str

    def __call__(self, factor: Factor) -> Factor:
        return replace(factor, source=self.source, reference=self.reference, list_version=self.version)


def _listed(  # noqa: PLR0913 - one supplier against one table of matches
    matches: Iterable[NameMatch],
    supplier: Supplier,
    known: Known,
    weights: Weights,
    *,
    today: date,
    parent: str = "",
) -> Iterator[Factor]:
    for match in matches:
        entity = known.entities.get(match.entity_id)
        if match.supplier_id != supplier.supplier_id or entity is None:
            continue
        is_same = match.relation in {Relation.SAME, Relation.BRANCH} or entity.covers_subsidiaries
        share = 1.0 if is_same and not parent else weights.links["unknown_share"]
        sure = "is probably" if match.zone == "match" else "may be"
        who = f"its parent, stated as {parent!r}," if parent else f"{match.supplier_name!r}"
        how = "" if match.relation is Relation.SAME else f" ({match.relation.value})"
        what = f"{who} {sure} {match.entity_name!r}{how} of {_list_of(entity)}"
        yield _listing(entity, match.probability * share, what, weights, today=today)


def _listing(entity: ListedEntity, value: float, what: str, weights: Weights, *, today: date) -> Factor:
    is_over = entity.delisted_on is not None and entity.delisted_on <= today
    return factor_of(
        weights.weights[f"listed_{entity.kind.value}"],
        value * (weights.delisted if is_over else 1.0),
        what=f"{what}, delisted on {entity.delisted_on}" if is_over else what,
        source=_list_of(entity),
        reference=entity.source,
        dated=entity.listed_on,
        list_version=entity.list_version,
        object_id=entity.entity_id,
    )


def _list_of(entity: ListedEntity) -> str:
    return entity.list_name or entity.programme or f"list of {entity.kind.value.replace('_', ' ')}"


def _in_region(readings: Sequence[Geocode], weights: Weights, said: _Statement) -> Iterator[Factor]:
    inside = [code for code in readings if is_in_region(code, weights)]
    if not inside:
        return
    best = max(inside, key=lambda code: code.probability)
    value = min(sum(code.probability for code in inside), _STATED)
    where = f"{best.place.names[0]}, known to the {best.precision.value} (± {best.radius_m / 1000:.3g} km)"
    what = f"has an address in the {weights.region_name}: {where}"
    yield said(factor_of(weights.weights["region_facility"], value, what=what, object_id=best.place.place_id))


def is_in_region(code: Geocode, weights: Weights) -> bool:
    """Say whether a reading of an address lies in the region."""
    return any(
        place.country == weights.region_country and place.place_id.startswith(weights.region_codes)
        for place in code.lineage
    )


def _at_sites(supplier: Supplier, known: Known, weights: Weights, said: _Statement) -> Iterator[Factor]:
    if known.places is None:
        return
    links = [link for link in known.places.links if link.supplier_id == supplier.supplier_id]
    for link in links[:_MOST_SITES]:
        for kind in ("inside", "near"):
            yield said(_at_site(link, kind, known, weights))
    for context in known.places.contexts:
        if context.supplier_id == supplier.supplier_id and context.flagged:
            weight = weights.weights["flagged_unit"]
            share = context.flagged / context.known
            yield said(factor_of(weight, share, what=str(context), object_id=context.place_id))


def _at_site(link: PlaceLink, kind: str, known: Known, weights: Weights) -> Factor:
    site = known.sites[link.site_id]
    value = link.inside if kind == "inside" else link.near
    how = f"its position is known to ± {link.radius_m:.0f} m, {link.distance_m:.0f} m from the outline"
    what = f"lies {_KINDS[kind]} {site.names[0]} ({site.source}) with probability {value:.2f}: {how}"
    return factor_of(weights.weights[f"{kind}_{known.site_kind}"], value, what=what, object_id=link.site_id)


def _inputs(supplier: Supplier, readings: Sequence[Geocode], weights: Weights, said: _Statement) -> Iterator[Factor]:
    texts = (*supplier.inputs, *supplier.products)
    for text in texts:
        if weights.region_words.search(text):
            what = f"states {text!r} as an input or product"
            yield said(factor_of(weights.weights["region_input_stated"], _STATED, what=what))
    is_chinese = _country(supplier, readings) == "cn" or any(_is_chinese(text) for text in texts)
    for product in products_of(texts, weights):
        yield _sector(product, is_chinese=is_chinese, weights=weights)


def products_of(texts: Sequence[str], weights: Weights) -> list[Product]:
    """Return the goods of the products table that stated products and inputs name."""
    return [one for one in weights.products.values() if any(one.pattern.search(text) for text in texts)]


def _sector(product: Product, *, is_chinese: bool, weights: Weights) -> Factor:
    source = f"products table {weights.products_version}"
    if product.share is not None and (is_chinese or not product.of.startswith("China")):
        what = f"deals in {product.name}: the region makes {product.share:.0%} of {product.of} ({product.year})"
        weight, value, reference = weights.weights["sector_input"], product.share, product.source
    else:
        what = f"deals in {product.name}: {product.sector}"
        weight, value, reference = weights.weights["priority_input"], 1.0 if is_chinese else 0.5, product.sector
    dated = None if product.year is None else date(product.year, 12, 31)
    factor = factor_of(weight, value, what=what, object_id=product.key, reference=reference, dated=dated)
    return replace(factor, source=source, list_version=weights.products_version)


def _parent_in_region(supplier: Supplier, weights: Weights, said: _Statement) -> Iterator[Factor]:
    if supplier.parent and weights.region_words.search(supplier.parent):
        what = f"its parent, stated as {supplier.parent!r}, bears the region's name"
        yield said(factor_of(weights.weights["region_affiliate"], weights.links["unknown_share"], what=what))


def _country(supplier: Supplier, readings: Sequence[Geocode]) -> str:
    if readings:
        return readings[0].place.country
    stated = " ".join(address.country for address in supplier.addresses)
    if _is_chinese(stated):
        return "cn"
    return "?" if stated.strip() else ""


def _is_chinese(text: str) -> bool:
    plain = text.casefold().strip()
    return "china" in plain or "中国" in plain or "chinese" in plain or plain in {"cn", "chn", "prc"}


def _has_hanzi(text: str) -> bool:
    return any("\u4e00" <= sign <= "\u9fff" or "\u3400" <= sign <= "\u4dbf" for sign in text)
