"""The findings of a comparison of two names, each with what it is worth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from rapidfuzz.distance import OSA

from outputs.matching import lexicon
from outputs.matching.brands import BrandFinding, compare_brands
from outputs.matching.frequencies import Frequencies
from outputs.matching.parts import Corps, NameParts, finest, nested
from outputs.matching.text import has_hanzi
from outputs.matching.weights import Weights


class Relation(StrEnum):
    """What two names are to each other, should they belong together."""

    SAME = "same"
    BRANCH = "branch"
    """One is a branch, works, office or lower unit of the other, or both are of one firm."""
    SUBSIDIARY = "subsidiary"
    GROUP = "group"
    """One names the group under the other's trade name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One finding."""

    name: str
    """Of the table of weights: brand, place, industry, ..."""
    finding: str
    """Of the table of weights: same_hanzi, other_province, ..."""
    value: str
    """What was compared, for the reader."""
    weight: float
    """log2 odds before calibration: above 0 speaks for the pair."""
    contribution: float = 0.0
    """log2 odds after calibration; with the base they sum to those of the probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One name and what else is known of its firm."""

    name: NameParts
    address_paths: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    """Registration numbers, tidied."""

    paths: tuple[str, ...] = field(init=False)
    """Where the firm is by its name and its addresses, one telling which reading of the other is meant."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", _where(self.name.paths, self.address_paths))


def _where(by_name: tuple[str, ...], by_address: tuple[str, ...]) -> tuple[str, ...]:
    if not by_name or not by_address:
        return by_name or by_address
    if any(nested(here, there) for here in by_name for there in by_address):
        return finest((by_name, by_address))
    # A small place that the firm's own address contradicts is rather a homonym (江南 is a region and many districts).
    is_small = all(path.count("/") >= _COUNTY_DEPTH for path in by_name)
    return by_address if is_small else by_name + by_address


_COUNTY_DEPTH = 3
_LOOSE = 0.3
_ALIKE = 0.75
_STEM = 4
_LEVELS = ("country", "province", "prefecture", "county")


def compare_sides(
    one: Side, other: Side, frequencies: Frequencies, weights: Weights, *, relation: Relation | None = None
) -> tuple[Relation, list[Term]]:
    """Return what the two are to each other, and every finding with its weight.

    `relation` supposes what they are, instead of reading it off the names.
    """
    supposed = relation is not None
    relation = relation or relation_of(one.name, other.name)
    terms: list[Term] = []

    def add(name: str, finding: str, value: str, counted: float = 0.0, scale: float = 1.0) -> None:
        bits = scale * weights.bits(name, finding, counted)
        terms.append(Term(name=name, finding=finding, value=value, weight=bits, contribution=weights.slope * bits))

    brand = _add_identity(add, one.name, other.name, frequencies)
    # A group's name tells neither the place nor the trade of its members.
    loose = _LOOSE if relation in {Relation.GROUP, Relation.SUBSIDIARY} else 1.0
    loose = 0.0 if supposed else loose
    _add_place(add, one, other, frequencies, loose)
    _add_industry(add, one.name, other.name, frequencies, loose)
    _add_tail(add, one.name, other.name, brand)
    _add_rest(add, one.name, other.name)
    _add_registration(add, one.numbers, other.numbers)
    if relation is not Relation.SAME:
        add("relation", relation.value, "by the words of the names")
    return relation, terms


def relation_of(one: NameParts, other: NameParts) -> Relation:
    """Return what two names say to be to each other."""
    if one.is_subsidiary != other.is_subsidiary:
        return Relation.SUBSIDIARY
    if one.unit != other.unit and not _one_unit(one, other):
        return Relation.BRANCH
    if one.corps is not None and other.corps is not None and _is_below(one, other):
        return Relation.BRANCH
    if one.is_group != other.is_group:
        return Relation.GROUP
    return Relation.SAME


def _one_unit(one: NameParts, other: NameParts) -> bool:
    """Whether two names speak of one unit, though not in the same words."""
    if one.unit is None or other.unit is None or one.unit.kind is not other.unit.kind:
        return False
    places = not (one.unit.paths and other.unit.paths) or any(
        nested(here, there) for here in one.unit.paths for there in other.unit.paths
    )
    return one.unit.number == other.unit.number and places


def _is_below(one: NameParts, other: NameParts) -> bool:
    if one.corps is None or other.corps is None:
        return False
    deeper = [mine is None for mine in one.corps.numbers[1:]] != [its is None for its in other.corps.numbers[1:]]
    return deeper or _depth(one.corps) != _depth(other.corps) or _has_body(one) != _has_body(other)


def _depth(corps: Corps) -> int:
    """Return 0 for the corps, 1 for a division, 2 for a regiment, 3 for a company."""
    return max((level for level, number in enumerate(corps.numbers, start=1) if number is not None), default=0)


def _has_body(name: NameParts) -> bool:
    return bool(name.brand or name.industries or name.form)


Add = Callable[..., None]


def _add_identity(add: Add, one: NameParts, other: NameParts, frequencies: Frequencies) -> BrandFinding | None:
    """Add the term of the trade name, or of the unit of the corps that stands in its place."""
    if one.corps is not None or other.corps is not None:
        _add_corps(add, one, other)
        if not one.brand and not other.brand:
            return None
    brand = compare_brands(one, other, frequencies)
    add("brand", brand.finding, brand.value, brand.chance)
    return brand


def _add_corps(add: Add, one: NameParts, other: NameParts) -> None:
    if one.corps is None or other.corps is None:
        add("corps", "one_missing", "only one is of the corps")
        return
    pairs = list(zip(one.corps.numbers, other.corps.numbers, strict=True))
    value = " / ".join(_corps_text(name.corps) for name in (one, other) if name.corps)
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        add("corps", "other_unit", value)
    elif _depth(one.corps) != _depth(other.corps):
        add("corps", "under_it", value)
    elif one.corps == other.corps:
        add("corps", "same_unit", value)
    else:
        add("corps", "same_number", value)
    if one.industries and other.industries and not one.industries & other.industries and not one.brand:
        add("corps", "other_unit", "another works of the unit")


def _corps_text(corps: Corps) -> str:
    named = zip(("division", "regiment", "company"), corps.numbers, strict=True)
    return " ".join(f"{level} {number}" for level, number in named if number is not None) or "the corps"


def _add_place(add: Add, one: Side, other: Side, frequencies: Frequencies, loose: float) -> None:
    """Add how the places agree: those in the names, else those of the addresses."""
    by_name = _best(one.name.paths, other.name.paths)
    anywhere = _best(one.paths, other.paths)
    if anywhere is None:
        return
    finding, path = anywhere
    if by_name is not None and by_name[0].startswith("other"):
        add("place", by_name[0], by_name[1], 0.0, loose)
        if finding in {"same_county", "same_prefecture"}:
            add("place", finding, f"{path} (by address)", frequencies.place_chance(path))
    elif finding.startswith("same"):
        add("place", finding, path, frequencies.place_chance(path))
    else:
        add("place", f"address_{finding}", path, 0.0, loose)


def _best(mine: Iterable[str], its: Iterable[str]) -> tuple[str, str] | None:
    """Return the closest relation of two sets of places as (finding, path); None where one is empty.

    A place within the other agrees at the wider one's level. Where homonyms agree in several readings, the widest
    counts: that two names say "Xinjiang" is no agreement on the county in Shanxi.
    """
    found: tuple[tuple[int, int], str, str] | None = None
    others = tuple(its)
    for here in mine:
        for there in others:
            rank, finding, path = _relate(here, there)
            if found is None or rank > found[0]:
                found = (rank, finding, path)
    return found[1:] if found else None


def _relate(here: str, there: str) -> tuple[tuple[int, int], str, str]:
    if nested(here, there):
        path = min(here, there, key=len)
        depth = min(path.count("/"), 3)
        return (1, -depth if depth else -9), f"same_{_LEVELS[depth]}", path
    steps = zip(here.split("/"), there.split("/"), strict=False)
    common = next(depth for depth, (a, b) in enumerate(steps) if a != b)
    return (0, common), f"other_{_LEVELS[min(common, 3)]}", f"{here} / {there}"


def _add_industry(add: Add, one: NameParts, other: NameParts, frequencies: Frequencies, loose: float) -> None:
    mine, its = one.industries, other.industries
    if not mine and not its:
        return
    value = " / ".join(", ".join(sorted(side)) or "none" for side in (mine, its))
    if not mine or not its:
        unknown = one.tail if not mine else other.tail
        add("industry", "unknown_word" if unknown else "one_missing", " ".join((value, *unknown)), 0.0, loose)
        return
    finding = _industry_finding(mine, its)
    counted = frequencies.industry_chance(mine | its)
    add("industry", finding, value, counted, 1.0 if finding in {"same", "wider", "partly"} else loose)


def _industry_finding(mine: frozenset[str], its: frozenset[str]) -> str:
    table = lexicon.load()
    if mine == its:
        return "same"
    my_wider = frozenset().union(*(table.wider[concept] for concept in mine))
    its_wider = frozenset().union(*(table.wider[concept] for concept in its))
    if mine <= its_wider or its <= my_wider:
        return "wider"
    if mine & its:
        return "partly"
    families = {table.family[concept] for concept in mine} & {table.family[concept] for concept in its}
    if families or my_wider & its_wider:
        return "related"
    return "different"


def _add_tail(add: Add, one: NameParts, other: NameParts, brand: BrandFinding | None) -> None:
    """Add words behind the brand that no table knows, where the industries do not speak for themselves."""
    mine, its = brand.rests if brand else (one.tail, other.tail)
    if mine and its:
        add("tail", "same" if _share_word(mine, its) else "different", f"{' '.join(mine)} / {' '.join(its)}")
    elif (mine or its) and one.script is other.script and bool(one.industries) == bool(other.industries):
        add("tail", "one_missing", " ".join(mine or its))


def _share_word(mine: tuple[str, ...], its: tuple[str, ...]) -> bool:
    """Whether two tails have a word in common, in Latin letters up to an ending or an error of typing."""
    if has_hanzi(mine[0]) and has_hanzi(its[0]):
        return bool(set("".join(mine)) & set("".join(its)) - {"业", "品"})
    return any(_alike(word, other) for word in mine for other in its)


def _alike(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return (len(short) >= _STEM and long.startswith(short)) or OSA.normalized_similarity(word, other) >= _ALIKE


def _add_rest(add: Add, one: NameParts, other: NameParts) -> None:
    """Add the legal form and the number of a works."""
    if one.form and other.form and "company" not in {one.form, other.form}:
        add("form", "same" if one.form == other.form else "other", f"{one.form} / {other.form}")
    if one.ordinal is not None or other.ordinal is not None:
        both = one.ordinal is not None and other.ordinal is not None
        finding = ("same" if one.ordinal == other.ordinal else "other") if both else "one_missing"
        add("number", finding, f"{one.ordinal} / {other.ordinal}")


def _add_registration(add: Add, mine: frozenset[str], its: frozenset[str]) -> None:
    if not mine or not its:
        return
    shared = mine & its
    add("registration", "same" if shared else "other", ", ".join(sorted(shared)) or "other numbers")
