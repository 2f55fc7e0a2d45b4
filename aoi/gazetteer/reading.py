"""Weigh what an address says: which of the places it may name are consistent with each other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from aoi.gazetteer import weights
from aoi.gazetteer.catalogue import Catalogue
from aoi.gazetteer.place import Level
from aoi.gazetteer.words import Mention

_PROVINCE = 1
"""Where the province stands in a lineage."""
_ENOUGH = 0.45
"""Share of the chance of a unit that one inside it must have to be named instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one part of an address says about the places that it may name."""

    words: str
    what: str
    """For the reader: which words, and how they were taken."""
    by_place: Mapping[int, float]
    """Nats for each place; also for all that lie inside it."""
    elsewhere: float = 0.0
    """Nats for every place that is not listed."""
    is_hint: bool = False
    """Whether it only backs or weakens places that something else names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to take an address."""

    place: int
    probability: float
    evidence: tuple[str, ...]


def mention_evidence(mention: Mention, catalogue: Catalogue, *, bonus: Mapping[Level, float] | None = None) -> Evidence:
    """Return what a mention says about each place that its words can name.

    Args:
        mention: The words.
        catalogue: Where the places are.
        bonus: What places of a level gain because the words stand in a field meant for that level.

    """
    by_place: dict[int, float] = {}
    for name in mention.names:
        place = catalogue.places[name.place]
        weight = weights.mention_weight(mention, name.kind, place)
        if weight > 0:
            by_place[name.place] = weight + (bonus or {}).get(place.level, 0.0)
    how = f" before a word for a {mention.around}" if mention.around.value not in {"nothing", "town"} else ""
    return Evidence(words=mention.text, what=f"'{mention.text}'{how}", by_place=by_place)


def read(evidence: Sequence[Evidence], catalogue: Catalogue, *, in_china: bool) -> list[Reading]:
    """Return the readings of an address, the likeliest first; with the chance of none of them they add up to 1.

    Every place that is named is a hypothesis: the firm lies in it, and nothing finer inside it is named. A piece of
    evidence counts for a hypothesis as much as it says for the place or for anything that it lies in; what
    names other places is a coincidence and counts nothing.
    """
    candidates = sorted({place for one in evidence for place in one.by_place})
    scores: dict[int, float] = {}
    for place in candidates:
        lineage = catalogue.lineage(place)
        scores[place] = catalogue.log_prior[place] + _support(lineage, evidence, catalogue)
    if in_china:
        scores[0] = weights.COUNTRY_ONLY + sum(min(0.0, one.elsewhere) for one in evidence)
    none = weights.NONE + sum(min(0.0, one.elsewhere) for one in evidence)
    top = max([none, *scores.values()])
    shares = {place: exp(weights.CALIBRATION * (score - top)) for place, score in scores.items()}
    total = sum(shares.values()) + exp(weights.CALIBRATION * (none - top))
    chances = _as_lists_hold({place: share / total for place, share in shares.items()}, catalogue)
    first = _descend(chances, catalogue)
    found = sorted(chances.items(), key=lambda one: (one[0] != first, -one[1], one[0]))
    return [
        Reading(place=place, probability=chance, evidence=_words(catalogue.lineage(place), evidence))
        for place, chance in found
    ]


def _descend(chances: Mapping[int, float], catalogue: Catalogue) -> int:
    """Return the reading to put first: from the country down to the likelier unit, while one has enough of the chance.

    So that two counties of one prefecture do not both lose against a third elsewhere.
    """
    inside: dict[int, float] = defaultdict(float)
    below: dict[int, set[int]] = defaultdict(set)
    for place, chance in chances.items():
        lineage = catalogue.lineage(place)
        for parent, unit in zip((-1, *lineage), lineage, strict=False):
            inside[unit] += chance
            below[parent].add(unit)
    at = -1
    while below[at]:
        best = max(below[at], key=lambda unit: (inside[unit], -unit))
        finer = max(chances.get(unit, 0.0) for unit in below[at])
        if at >= 0 and inside[best] < _ENOUGH * inside[at] and chances.get(at, 0.0) >= finer:
            break
        at = best
    return at


def _as_lists_hold(chances: Mapping[int, float], catalogue: Catalogue) -> dict[int, float]:
    """Move from each reading to the wider units what lists are wrong about at its level (`weights.HOLDS`)."""
    held: dict[int, float] = defaultdict(float)
    for place, chance in chances.items():
        inner = 0.0
        for unit in reversed(catalogue.lineage(place)):
            holds = max(inner, weights.HOLDS[catalogue.places[unit].level])
            held[unit] += chance * (holds - inner)
            inner = holds
    return held


def _support(lineage: Sequence[int], evidence: Iterable[Evidence], catalogue: Catalogue) -> float:
    """Sum what the evidence says for a place or what it lies in; a place's second mention counts less."""
    total = 0.0
    seen: dict[int, int] = defaultdict(int)
    for one in evidence:
        best = max(((one.by_place[place], place) for place in lineage if place in one.by_place), default=None)
        if best is None:
            total += one.elsewhere + _beside(lineage, one, catalogue)
            continue
        if one.is_hint:
            total += best[0]
            continue
        total += best[0] * (weights.REPEATED if seen[best[1]] else 1.0)
        seen[best[1]] += 1
    return total


def _beside(lineage: Sequence[int], one: Evidence, catalogue: Catalogue) -> float:
    """Return what the name of another place says: of the same province a little, beside a named town's county more."""
    if one.is_hint or len(lineage) <= _PROVINCE:
        return 0.0
    is_town = catalogue.places[lineage[-1]].level is Level.TOWNSHIP
    before = frozenset[int]().union(*(catalogue.formerly_in.get(place, ()) for place in lineage))
    best = 0.0
    for place, weight in one.by_place.items():
        if place in before:
            best = max(best, weights.FORMERLY_IN * weight)
        elif is_town and catalogue.parents[place] == catalogue.parents[lineage[-2]] and _is_county(place, catalogue):
            best = max(best, weights.NEIGHBOUR * weight)
        elif lineage[_PROVINCE] in catalogue.lineage(place):
            best = max(best, min(weights.SAME_PROVINCE, weight / 2))
    return best


def _is_county(place: int, catalogue: Catalogue) -> bool:
    return catalogue.places[place].level is Level.COUNTY


def _words(lineage: Sequence[int], evidence: Iterable[Evidence]) -> tuple[str, ...]:
    found = [one.what for one in evidence if any(place in one.by_place for place in lineage)]
    return tuple(dict.fromkeys(found))
