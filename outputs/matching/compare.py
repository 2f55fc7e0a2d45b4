"""One pair of names, explained."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import log2

from outputs.matching.frequencies import Frequencies
from outputs.matching.terms import Relation, Side, Term, compare_sides
from outputs.matching.weights import Weights, default_weights

NOMINAL_ENTITIES = 3_000
"""The list is taken to be so long where a pair is compared without one."""
_ODDS_LIMIT = 60.0


class Zone(StrEnum):
    """What to do with a pair."""

    MATCH = "match"
    REVIEW = "review"
    """A person should look."""
    NO = "no"
    """Not linked by the name; that clears nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the comparison of two names says."""

    probability: float
    """0 to 1, that the two belong together as `relation` says."""
    zone: Zone
    relation: Relation
    terms: tuple[Term, ...]
    base: float
    """log2 odds before any finding, calibrated."""

    @property
    def explanation(self) -> str:
        """Say in one line what made the probability, the weightiest finding first; numbers are bits (log2 odds)."""
        ordered = sorted(self.terms, key=lambda term: -abs(term.contribution))
        said = "; ".join(
            f"{term.name} {term.finding.replace('_', ' ')}: {term.value} ({term.contribution:+.1f})" for term in ordered
        )
        kind = "the same firm" if self.relation is Relation.SAME else f"{self.relation.value} of one firm"
        return f"{self.probability:.3f} for {kind}: start {self.base:+.1f}; {said}"


def probability_of(bits: float) -> float:
    """Return the probability of log2 odds."""
    bounded = max(-_ODDS_LIMIT, min(_ODDS_LIMIT, bits))
    return float(1 / (1 + 2.0**-bounded))


def bits_of(probability: float) -> float:
    """Return the log2 odds of a probability."""
    bounded = min(max(probability, 1e-15), 1 - 1e-15)
    return log2(bounded / (1 - bounded))


def zone_of(probability: float, weights: Weights) -> Zone:
    """Return the zone of a probability."""
    if probability >= weights.match_from:
        return Zone.MATCH
    return Zone.REVIEW if probability >= weights.review_from else Zone.NO


def judge(relation: Relation, terms: Iterable[Term], prior_bits: float, weights: Weights) -> Comparison:
    """Weigh findings into a probability: their sum, calibrated."""
    weighed = tuple(terms)
    base = weights.offset + weights.slope * prior_bits
    found = _comparison(relation, weighed, base, weights)
    sister = _sister_term(found, weights)
    return _comparison(relation, (*weighed, sister), base, weights) if sister else found


_AGREES = {"same": True, "wider": True, "partly": True, "related": False, "different": False, "unknown_word": False}


def _sister_term(found: Comparison, weights: Weights) -> Term | None:
    """Return what another firm of the same trade name takes from the odds; None where no trade name is compared."""
    findings = {term.name: term.finding for term in found.terms}
    if found.relation is not Relation.SAME or "brand" not in findings or findings["brand"].startswith("none"):
        return None
    where = findings.get("place")
    place = None if where is None or where == "same_country" else where.startswith("same")
    said = findings.get("industry", "")
    industry = _AGREES.get(said, {"same": True, "different": None}.get(findings.get("tail", "")))
    ratio = weights.sister_ratio(place=place, industry=industry)
    if said in {"wider", "partly"}:  # half an agreement
        ratio = (ratio * weights.sister_ratio(place=place, industry=None)) ** 0.5
    odds = 2 ** sum((found.base, *(term.contribution for term in found.terms)))
    lost = -log2(1 + odds * ratio)
    known = {True: "agrees", False: "differs", None: "unknown"}
    value = f"another firm of the trade name, where place {known[place]} and industry {known[industry]}"
    return Term(name="sister", finding="instead", value=value, weight=lost, contribution=lost)


def _comparison(relation: Relation, terms: tuple[Term, ...], base: float, weights: Weights) -> Comparison:
    probability = probability_of(base + sum(term.contribution for term in terms))
    return Comparison(
        probability=probability, zone=zone_of(probability, weights), relation=relation, terms=terms, base=base
    )


def outbid(found: Comparison, lost_bits: float, weights: Weights) -> Comparison:
    """Return the comparison with the odds that other entities of the list take, which fit the supplier as well."""
    value = "other entities fit as well, and it can be but one"
    term = Term(name="rivals", finding="instead", value=value, weight=-lost_bits, contribution=-lost_bits)
    return _comparison(found.relation, (*found.terms, term), found.base, weights)


def capped(found: Comparison, below: float, weights: Weights) -> Comparison:
    """Return the comparison with a probability just under `below`, and why."""
    excess = bits_of(found.probability) - bits_of(below) + 0.1
    value = "the list covers subsidiaries without naming them: a person decides"
    term = Term(name="cap", finding="review", value=value, weight=-excess, contribution=-excess)
    return _comparison(found.relation, (*found.terms, term), found.base, weights)


def compare_parts(
    one: Side,
    other: Side,
    *,
    frequencies: Frequencies | None = None,
    weights: Weights | None = None,
    entities: int = NOMINAL_ENTITIES,
) -> Comparison:
    """Compare two parsed names; without a register what is known beforehand says how rare their words are."""
    used = weights or default_weights()
    relation, terms = compare_sides(one, other, frequencies or Frequencies(), used)
    return judge(relation, terms, used.prior_bits(entities), used)
