"""Which listed entities a supplier may be, by its name."""

from collections.abc import Sequence

from aoi.suppliers import Address
from outputs.matching.compare import Comparison, Zone, compare_parts
from outputs.matching.match import Matching, MatchParams, NameMatch, gazetteer_words, match, match_all, side_of
from outputs.matching.parse import parse_name
from outputs.matching.parts import NameParts, PlaceWords
from outputs.matching.terms import Relation, Term
from outputs.matching.weights import Weights, default_weights, read_weights

__all__ = [
    "Comparison",
    "MatchParams",
    "Matching",
    "NameMatch",
    "NameParts",
    "PlaceWords",
    "Relation",
    "Term",
    "Weights",
    "Zone",
    "compare",
    "default_weights",
    "match",
    "match_all",
    "parse_name",
    "read_weights",
]


def compare(
    name_a: str,
    name_b: str,
    *,
    addresses: tuple[Sequence[Address], Sequence[Address]] = ((), ()),
    place_words: PlaceWords | None = None,
    weights: Weights | None = None,
) -> Comparison:
    """Tell whether two company names belong together, with every finding; the addresses of both help where known.

    Without a register, what is known beforehand says how rare a trade name is.
    """
    words = place_words or gazetteer_words()
    one, other = (side_of(name, list(where), words) for name, where in zip((name_a, name_b), addresses, strict=True))
    return compare_parts(one, other, weights=weights)
