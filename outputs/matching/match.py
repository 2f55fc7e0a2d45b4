"""Suppliers against a list of entities."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2

from aoi.entities import ListedEntity
from aoi.gazetteer.place import Geocode
from aoi.suppliers import Address, Supplier
from outputs.matching.compare import Comparison, Zone, bits_of, capped, judge, outbid
from outputs.matching.frequencies import Frequencies, count_firms
from outputs.matching.index import candidates
from outputs.matching.names_hanzi import words_of
from outputs.matching.parallel import run_over
from outputs.matching.parse import parse_name, split_scripts
from outputs.matching.parts import NameParts, PlaceWords, finest
from outputs.matching.places import code_path, path_of
from outputs.matching.registration import admin_code, tidy
from outputs.matching.terms import Relation, Side, Term, compare_sides
from outputs.matching.text import Script, simplify
from outputs.matching.weights import Weights, default_weights

_log = logging.getLogger(__name__)

_SURE_GEOCODE = 0.5
_MOST_RIVALS = 10
_ONE_FIRM = 0.5
_NOTHING = 0.01
_MIN_NUMBER = 6
"""Shorter registration numbers are row numbers rather than identifiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchParams:
    """How to match."""

    weights: Weights | None = None
    """None: those that come with the package."""
    most_compared: int = 60
    """So many names of the list are compared for each name of a supplier, those with the likest trade names."""
    workers: int | None = None
    """Processes; None takes two for long lists where that is safe, else one."""
    most_kept: int = 50
    """So many matches of one supplier are kept, the likeliest; how many were left out is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMatch:
    """One supplier and one listed entity that may belong together by their names."""

    supplier_id: str
    entity_id: str
    probability: float
    """0 to 1, that they belong together as `relation` says."""
    zone: Zone
    relation: Relation
    supplier_name: str
    """The name that fitted best."""
    entity_name: str
    terms: tuple[Term, ...]
    """Every finding; their contributions and `base` sum to the log2 odds of the probability."""
    base: float
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """All that a comparison of two lists gave."""

    matches: tuple[NameMatch, ...]
    """Matches and reviews, the likeliest of each supplier first."""
    left_out: Mapping[str, int]
    """How many more pairs to review a supplier had than are kept."""
    not_compared: int
    """So many pairs had somewhat alike trade names, but were not among the likest of their supplier."""


@dataclass(frozen=True, slots=True)
class _Firm:
    firm_id: str
    sides: tuple[Side, ...]
    covers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    its: _Firm
    comparison: Comparison
    my_side: Side
    side: Side


def match(
    suppliers: Sequence[Supplier],
    entities: Sequence[ListedEntity],
    *,
    place_words: PlaceWords | None = None,
    geocodes: Mapping[str, Sequence[Geocode]] | None = None,
    params: MatchParams | None = None,
) -> tuple[NameMatch, ...]:
    """Return which listed entities each supplier may be: every pair from the review threshold on.

    Args:
        suppliers: Names in any script, addresses and registration numbers where they are known.
        entities: The list; aliases count as names.
        place_words: What finds place words in a name; None takes the gazetteer.
        geocodes: Where suppliers and entities are, by their ids; what is missing is read from the addresses' words.
        params: How to match.
    """
    matching = match_all(suppliers, entities, place_words=place_words, geocodes=geocodes, params=params)
    if matching.left_out:
        _log.warning(
            "%d suppliers have more pairs to review than are kept; %d pairs are left out, for instance of %s",
            len(matching.left_out),
            sum(matching.left_out.values()),
            next(iter(matching.left_out)),
        )
    return matching.matches


def match_all(
    suppliers: Sequence[Supplier],
    entities: Sequence[ListedEntity],
    *,
    place_words: PlaceWords | None = None,
    geocodes: Mapping[str, Sequence[Geocode]] | None = None,
    params: MatchParams | None = None,
) -> Matching:
    """Return the matches, and what was left out of them; arguments as for `match`."""
    settings = params or MatchParams()
    reader = _Reader(place_words or gazetteer_words(), geocodes or {})
    workers = settings.workers
    asking = run_over(len(suppliers), lambda place: reader.supplier(suppliers[place]), workers=workers)
    listed = run_over(len(entities), lambda place: reader.entity(entities[place]), workers=workers)
    frequencies = count_firms([[side.name for side in firm.sides] for firm in listed])
    pairs, cut = _pairs(asking, listed, settings.most_compared)
    weigher = _Weigher(frequencies, settings.weights or default_weights(), len(listed))
    order = sorted(pairs)
    weighed = run_over(
        len(order),
        lambda place: weigher.supplier(asking[order[place]], [listed[its] for its in sorted(pairs[order[place]])]),
        workers=workers,
    )
    matches: list[NameMatch] = []
    left_out: dict[str, int] = {}
    for mine, found in zip(order, weighed, strict=True):
        if len(found) > settings.most_kept:
            left_out[asking[mine].firm_id] = len(found) - settings.most_kept
        matches += found[: settings.most_kept]
    return Matching(matches=tuple(matches), left_out=left_out, not_compared=cut)


def gazetteer_words() -> PlaceWords:
    """Return the gazetteer as a finder of place words."""
    from aoi.gazetteer import Gazetteer  # noqa: PLC0415 (its index takes a second: only where no other is given)

    return Gazetteer.load().place_words


def side_of(name: str, addresses: Sequence[Address], place_words: PlaceWords) -> Side:
    """Return one name and its addresses as a side of a comparison."""
    reader = _Reader(place_words, {})
    where = tuple(dict.fromkeys(path for address in addresses for path in reader.address(address.text)))
    return Side(name=parse_name(name, place_words), address_paths=where)


class _Reader:
    """Takes suppliers and entities apart."""

    def __init__(self, place_words: PlaceWords, geocodes: Mapping[str, Sequence[Geocode]]) -> None:
        self._place_words = place_words
        self._geocodes = geocodes
        self._addresses: dict[str, tuple[str, ...]] = {}

    def supplier(self, supplier: Supplier) -> _Firm:
        numbers = _numbers([supplier.registration_number])
        where = self._where(supplier.supplier_id, supplier.addresses, numbers)
        return _Firm(supplier.supplier_id, self._sides(supplier.names, where, numbers))

    def entity(self, entity: ListedEntity) -> _Firm:
        numbers = _numbers(entity.registration_numbers)
        where = self._where(entity.entity_id, entity.addresses, numbers)
        sides = self._sides((*entity.names, *entity.aliases), where, numbers)
        return _Firm(entity.entity_id, sides, entity.covers_subsidiaries)

    def _sides(self, names: Iterable[str], where: tuple[str, ...], numbers: frozenset[str]) -> tuple[Side, ...]:
        each = dict.fromkeys(part for name in names if name.strip() for part in split_scripts(name))
        return tuple(
            Side(name=parse_name(name, self._place_words), address_paths=where, numbers=numbers) for name in each
        )

    def _where(self, firm_id: str, addresses: Sequence[Address], numbers: Iterable[str]) -> tuple[str, ...]:
        """Return where the firm is: by geocode, else by the place words of its addresses, else by its number."""
        geocodes = self._geocodes.get(firm_id, ())
        if geocodes and geocodes[0].probability >= _SURE_GEOCODE:
            return (path_of(geocodes[0].place),)
        found = [path for address in addresses for path in self.address(address.text)]
        if not found:
            found = [code_path(code) for number in numbers if (code := admin_code(number))]
        return tuple(dict.fromkeys(found))

    def address(self, text: str) -> tuple[str, ...]:
        """Return where an address lies by its place words."""
        if text not in self._addresses:
            spans = words_of(simplify(text), self._place_words)
            # The widest place leads: it tells which of several homonyms of the others is meant.
            ordered = sorted((paths for _, _, paths in spans), key=lambda paths: min(path.count("/") for path in paths))
            self._addresses[text] = finest(tuple(ordered))
        return self._addresses[text]


def _numbers(given: Iterable[str]) -> frozenset[str]:
    return frozenset(number for one in given if len(number := tidy(one)) >= _MIN_NUMBER)


def _pairs(asking: Sequence[_Firm], listed: Sequence[_Firm], most: int) -> tuple[dict[int, set[int]], int]:
    """Return which entities to compare with which supplier, by place in the lists: by trade name or number."""
    my_names, my_owner = _flat(asking)
    its_names, its_owner = _flat(listed)
    found = candidates(my_names, its_names, most=most)
    pairs: dict[int, set[int]] = defaultdict(set)
    for row, column in zip(found.rows.tolist(), found.columns.tolist(), strict=True):
        pairs[my_owner[row]].add(its_owner[column])
    by_number: dict[str, list[int]] = defaultdict(list)
    for its, firm in enumerate(listed):
        for number in firm.sides[0].numbers:
            by_number[number].append(its)
    for mine, firm in enumerate(asking):
        for number in firm.sides[0].numbers:
            pairs[mine].update(by_number.get(number, ()))
    return pairs, found.cut


def _flat(firms: Sequence[_Firm]) -> tuple[list[NameParts], list[int]]:
    names = [(side.name, place) for place, firm in enumerate(firms) for side in firm.sides]
    return [name for name, _ in names], [place for _, place in names]


class _Weigher:
    """Compares one supplier with its candidates and lets them compete."""

    def __init__(self, frequencies: Frequencies, weights: Weights, entities: int) -> None:
        self._frequencies = frequencies
        self._weights = weights
        self._prior = weights.prior_bits(entities)

    def supplier(self, mine: _Firm, theirs: Sequence[_Firm]) -> list[NameMatch]:
        """Return the matches and reviews of one supplier, the likeliest first."""
        found = [_Found(its, *self._best(mine, its)) for its in theirs]
        found = [one for one in found if one.comparison.probability >= self._weights.review_from]
        found.sort(key=lambda one: (-one.comparison.probability, one.its.firm_id))
        rivals = [one for one in found if one.comparison.relation is Relation.SAME][:_MOST_RIVALS]
        matches = [self._match(mine, one, self._lost_bits(one, rivals)) for one in found]
        return sorted(matches, key=lambda one: (-one.probability, one.entity_id))

    def _best(self, mine: _Firm, its: _Firm) -> tuple[Comparison, Side, Side]:
        """Return the comparison of the two names that fit best.

        Where both firms have names in Hanzi, those decide: equal letters do not outweigh other characters.
        """
        pairs = [(one, other) for one in mine.sides for other in its.sides]
        hanzi = [pair for pair in pairs if all(side.name.script is Script.HANZI and side.name.brand for side in pair)]
        compared = [(self._compare(one, other), one, other) for one, other in hanzi or pairs]
        best = max(compared, key=lambda one: one[0].probability)
        if its.covers and best[0].zone is Zone.NO:
            best = (self._as_subsidiary(best[1], best[2]), best[1], best[2])
        return best

    def _compare(self, one: Side, other: Side, relation: Relation | None = None) -> Comparison:
        found, terms = compare_sides(one, other, self._frequencies, self._weights, relation=relation)
        return judge(found, terms, self._prior, self._weights)

    def _as_subsidiary(self, one: Side, other: Side) -> Comparison:
        """Suppose a subsidiary: the list names all of them, and a person decides which firm of the brand is one."""
        found = self._compare(one, other, Relation.SUBSIDIARY)
        if found.zone is not Zone.MATCH:
            return found
        return capped(found, self._weights.match_from, self._weights)

    def _lost_bits(self, one: _Found, rivals: Sequence[_Found]) -> float:
        """Return by how many bits other entities that fit as well take from the odds: the supplier is one of them."""
        if one.comparison.relation is not Relation.SAME:
            return 0.0
        others = [other for other in rivals if other is not one and not self._are_one(one, other)]
        odds = sum(2 ** bits_of(other.comparison.probability) for other in others)
        return log2(1 + odds)

    def _are_one(self, one: _Found, other: _Found) -> bool:
        """Whether two entries of the list are one firm, so that they do not compete."""
        if one.side.numbers & other.side.numbers:
            return True
        return self._compare(one.side, other.side).probability >= _ONE_FIRM

    def _match(self, mine: _Firm, one: _Found, lost_bits: float) -> NameMatch:
        comparison = one.comparison if lost_bits < _NOTHING else outbid(one.comparison, lost_bits, self._weights)
        return NameMatch(
            supplier_id=mine.firm_id,
            entity_id=one.its.firm_id,
            probability=comparison.probability,
            zone=comparison.zone,
            relation=comparison.relation,
            supplier_name=one.my_side.name.text,
            entity_name=one.side.name.text,
            terms=comparison.terms,
            base=comparison.base,
            explanation=comparison.explanation,
        )
