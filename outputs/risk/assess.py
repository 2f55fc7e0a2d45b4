"""Put everything that is known of a list together: an account for each supplier, for each site, and for the buyer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, TypeVar

from aoi.entities import CorporateLink, LinkKind
from aoi.gazetteer.place import Precision
from aoi.suppliers import Supplier
from outputs.risk.graph import BUYER, Chain, Path, chain_of, paths_from, tiers_of
from outputs.risk.ground import units_around
from outputs.risk.places import PlaceLink
from outputs.risk.relations import Known, entity_factors, missing_of, own_factors
from outputs.risk.score import LEVEL_WORDS, Factor, Line, Missing, Score, interval, level_of, score
from outputs.risk.weights import Category, Weights

_LEAST_ORIGIN = 0.02
"""A firm whose strongest contribution is less passes nothing on."""
_UNITS = frozenset({Precision.TOWNSHIP, Precision.COUNTY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is told of one supplier."""

    supplier: Supplier
    tier: int | None
    result: Score
    categories: tuple[Category, ...]
    """Of what counts, the weightiest first; `NONE_FOUND` alone where there is nothing."""
    would_change: tuple[str, ...]
    verify: tuple[str, ...]
    """Documents and evidence, those that would clear the weightiest factor first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAccount:
    """What is told of one flagged site."""

    site_id: str
    suppliers: tuple[PlaceLink, ...]
    """The most probable first."""
    expected: float
    """Suppliers in it: the sum of the probabilities."""
    likelihood: float
    """That at least one of the list lies in it."""
    likelihood_low: float
    likelihood_high: float
    severity: int
    unplaced: int
    """Suppliers that are known only to a unit that holds the site or is near it: they may or may not lie in it."""
    completeness: float
    """Share of the suppliers that may lie there whose position is known finely enough to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A way by which exposure of one firm reaches the buyer."""

    origin_id: str
    path: Path
    factor: Factor
    """Of the origin, the strongest."""
    likelihood: float
    """Of the origin's factor times the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All that came of a list."""

    accounts: tuple[Account, ...]
    """In the order of the list."""
    sites: tuple[SiteAccount, ...]
    buyer: Score
    exposures: tuple[Exposure, ...]
    """At the buyer, the most probable first."""
    weights: Weights
    assessed_on: date


def assess(known: Known, links: Sequence[CorporateLink], weights: Weights, *, today: date) -> Assessment:
    """Weigh all that is known."""
    chain = chain_of(known.suppliers, (*links, *_parents(known.suppliers)), weights, today=today)
    own = _own(known, links, weights, today)
    passed, exposures = _passed_on(chain, own, weights)
    tiers = tiers_of(chain, known.suppliers)
    owners, upstream = _neighbours(known.suppliers, chain)
    accounts = []
    for supplier in known.suppliers:
        name = supplier.supplier_id
        lacks = missing_of(supplier, known, has_owner=name in owners, has_upstream=name in upstream, tier=tiers[name])
        factors = [*own.get(name, ()), *passed.get(name, ())]
        accounts.append(_account(supplier, tiers[name], score(factors, lacks, weights)))
    return Assessment(
        accounts=tuple(accounts),
        sites=tuple(_sites(known, weights)),
        buyer=_buyer(passed.get(BUYER, []), accounts, weights),
        exposures=tuple(exposures),
        weights=weights,
        assessed_on=today,
    )


def _buyer(factors: Sequence[Factor], accounts: Sequence[Account], weights: Weights) -> Score:
    """Return the buyer's own account; it is as complete as those of its suppliers are on average."""
    found = score(factors, (), weights)
    known = [one.result.completeness for one in accounts]
    completeness = sum(known) / len(known) if known else 0.0
    return replace(found, completeness=completeness, level=level_of(found.likelihood, completeness, weights))


def _own(known: Known, links: Sequence[CorporateLink], weights: Weights, today: date) -> dict[str, list[Factor]]:
    grouped = _by_supplier(known)
    found = {
        supplier.supplier_id: own_factors(supplier, grouped[supplier.supplier_id], weights, today=today)
        for supplier in known.suppliers
    }
    linked = {end for link in links for end in (link.from_id, link.to_id)} - set(found)
    for entity_id in sorted(linked & set(known.entities)):
        found[entity_id] = entity_factors(known.entities[entity_id], known, weights, today=today)
    return found


def _by_supplier(known: Known) -> dict[str, Known]:
    """Return for each supplier what is known, with only its own matches and links: no list is searched twice."""
    matches, parents = _grouped(known.matches), _grouped(known.parent_matches)
    links = _grouped(known.places.links if known.places else ())
    contexts = _grouped(known.places.contexts if known.places else ())
    return {
        (name := supplier.supplier_id): replace(
            known,
            matches=tuple(matches[name]),
            parent_matches=tuple(parents[name]),
            places=known.places and replace(known.places, links=tuple(links[name]), contexts=tuple(contexts[name])),
        )
        for supplier in known.suppliers
    }


class _OfSupplier(Protocol):
    @property
    def supplier_id(self) -> str: ...


_Row = TypeVar("_Row", bound=_OfSupplier)


def _grouped(rows: Iterable[_Row]) -> defaultdict[str, list[_Row]]:
    groups: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.supplier_id].append(row)
    return groups


def _parents(suppliers: Sequence[Supplier]) -> list[CorporateLink]:
    """Return the ownership that the list states by a parent's name, where the parent is a supplier, too."""
    by_name = {name.casefold().strip(): one.supplier_id for one in reversed(suppliers) for name in one.names}
    found = ((by_name.get(one.parent.casefold().strip()), one) for one in suppliers if one.parent)
    return [
        CorporateLink(from_id=owner, to_id=one.supplier_id, kind=LinkKind.OWNS, source=one.source)
        for owner, one in found
        if owner is not None and owner != one.supplier_id
    ]


def _passed_on(
    chain: Chain, own: Mapping[str, Sequence[Factor]], weights: Weights
) -> tuple[dict[str, list[Factor]], list[Exposure]]:
    """Return what reaches each firm from others, and the ways to the buyer."""
    passed: dict[str, list[Factor]] = {}
    exposures = []
    for origin, factors in own.items():
        strongest = max(factors, key=lambda factor: factor.contribution, default=None)
        if strongest is None or strongest.contribution < _LEAST_ORIGIN:
            continue
        for target, path in paths_from(chain, origin, weights).items():
            factor = along(strongest, path, weights)
            passed.setdefault(target, []).append(factor)
            if target == BUYER:
                exposures.append(
                    Exposure(origin_id=origin, path=path, factor=strongest, likelihood=factor.contribution)
                )
    return passed, sorted(exposures, key=lambda one: (-one.likelihood, one.origin_id))


def along(factor: Factor, path: Path, weights: Weights) -> Factor:
    """Return what a factor of the first firm of `path` is worth at its last."""
    share = path.probability
    moved = replace(
        factor,
        subject_id=path.ids[-1],
        value=factor.value * share,
        value_low=factor.value_low * share,
        value_high=factor.value_high * share,
        what=f"{path.ids[0]} {factor.what}; reaches it by: {path}",
        path=path.ids,
    )
    if factor.category is not Category.REGION_FACILITY:
        return moved
    if not path.is_ownership:
        return replace(moved, category=Category.REGION_INPUT)
    weight = weights.weights["region_affiliate"]
    low, high = interval(moved.value, weight.half_width)
    return replace(
        moved,
        key=weight.key,
        category=weight.category,
        weight=weight.weight,
        severity=weight.severity,
        confidence=weight.confidence,
        clears=weight.clears,
        value_low=min(low, moved.value_low),
        value_high=max(high, moved.value_high),
    )


def _neighbours(suppliers: Sequence[Supplier], chain: Chain) -> tuple[set[str], set[str]]:
    """Return the suppliers of whom an owner is known, and those of whom a seller is known."""
    owners: set[str] = set()
    upstream: set[str] = set()
    for supplier in suppliers:
        for one in chain.predecessors(supplier.supplier_id):
            step = chain.edges[one, supplier.supplier_id]["step"]
            (upstream if step.is_sale else owners).add(supplier.supplier_id)
    return owners, upstream


def _account(supplier: Supplier, tier: int | None, result: Score) -> Account:
    counting = [line.factor for line in result.lines if line.factor.contribution > 0]
    categories = tuple(dict.fromkeys(factor.category for factor in counting)) or (Category.NONE_FOUND,)
    documents = dict.fromkeys(text for factor in counting for text in factor.clears)
    return Account(
        supplier=supplier,
        tier=tier,
        result=result,
        categories=categories,
        would_change=tuple(_would_change(result)),
        verify=tuple(documents),
    )


def _would_change(result: Score) -> list[str]:
    """Say which single finding, proven wrong, or which missing fact, once known, would change the level."""
    told = [_without(line, result) for line in result.lines if line.counts]
    return [*told, *(_would_tell(one) for one in result.missing)]


def _without(line: Line, result: Score) -> str:
    scores = f"the score is {line.score_without:.1f} instead of {result.score:.1f}"
    level = "the level stays"
    if line.level_without != result.level:
        level = f"the level is {LEVEL_WORDS[line.level_without]} instead of {LEVEL_WORDS[result.level]}"
    return f"Without “{line.factor.what}” {scores}; {level}"


def _would_tell(missing: Missing) -> str:
    return f"Not known: {missing.what}; it may raise the level, and would make it surer"


def _sites(known: Known, weights: Weights) -> Iterable[SiteAccount]:
    if known.places is None:
        return
    by_site: defaultdict[str, list[PlaceLink]] = defaultdict(list)
    for link in known.places.links:
        by_site[link.site_id].append(link)
    unplaced = _unplaced(known)
    for site_id in known.sites:
        links = sorted(by_site[site_id], key=lambda link: (-link.inside, -link.near, link.supplier_id))
        yield _site(site_id, links, unplaced.get(site_id, 0), weights)


def _site(site_id: str, links: Sequence[PlaceLink], unplaced: int, weights: Weights) -> SiteAccount:
    weight = weights.weights["inside_site"]
    low, middle, high = 1.0, 1.0, 1.0
    for link in links:
        below, above = interval(link.inside, weight.half_width)
        low, middle, high = low * (1 - below), middle * (1 - link.inside), high * (1 - above)
    likely = sum(link.near for link in links)
    return SiteAccount(
        site_id=site_id,
        suppliers=tuple(links),
        expected=sum(link.inside for link in links),
        likelihood=1 - middle,
        likelihood_low=1 - low,
        likelihood_high=1 - high,
        severity=weight.severity if links else 0,
        unplaced=unplaced,
        completeness=likely / (likely + unplaced) if likely + unplaced else 1.0,
    )


def _unplaced(known: Known) -> dict[str, int]:
    """Count for each site the suppliers of which no more is known than a unit around it."""
    best = [known.geocodes.get(supplier.supplier_id, ())[:1] for supplier in known.suppliers]
    units = [code for codes in best for code in codes if code.precision in _UNITS]
    return units_around(known.sites, units)
