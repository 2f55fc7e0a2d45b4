"""How evidence becomes a likelihood, a score and a level.

A factor contributes weight times how probable its evidence is. Of one source the strongest factor counts; independent
sources combine as independent reasons: the likelihood is one less the product of all that they leave open. In points,
-10·log10(1 - contribution), the same is a sum: the score. Ten points leave one tenth open, twenty a hundredth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import exp, log10

from outputs.risk.weights import Category, Weight, Weights

MOST = 0.999
"""No evidence leaves less than a thousandth open: thirty points."""


class Level(StrEnum):
    """How far a supplier should be looked into. There is no level that means `clear`."""

    HIGH = "high"
    ELEVATED = "elevated"
    SOME = "some"
    NONE_FOUND = "none_found"
    """Looked for with the data at hand, and not found."""
    NOT_ASSESSABLE = "not_assessable"
    """Not found, but too little is known to say so."""


LEVEL_WORDS: Mapping[str, str] = {
    Level.HIGH: "High",
    Level.ELEVATED: "Elevated",
    Level.SOME: "Some",
    Level.NONE_FOUND: "None found",
    Level.NOT_ASSESSABLE: "Not assessable: too little is known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One reason, with all that is needed to check it."""

    subject_id: str
    """Of the supplier."""
    key: str
    """Of the table of weights."""
    category: Category
    what: str
    """One sentence."""
    value: float
    """0 to 1: how probable the evidence is."""
    value_low: float
    value_high: float
    weight: float
    """0 to 1: how probable exposure is if the evidence holds."""
    severity: int
    confidence: str
    source: str
    """Who says so. Of one source the strongest factor counts."""
    reference: str = ""
    """File and row, or address."""
    dated: date | None = None
    list_version: str = ""
    clears: tuple[str, ...] = ()
    object_id: str = ""
    """Of the site, entity or firm on the other side."""
    path: tuple[str, ...] = ()
    """From the firm at which it was found to this one; empty where it was found here."""

    @property
    def contribution(self) -> float:
        """0 to `MOST`."""
        return min(self.value * self.weight, MOST)

    @property
    def points(self) -> float:
        """What it adds to the score, if it counts."""
        return points_of(self.contribution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that should be known of a supplier and is not."""

    key: str
    """Of the table of completeness."""
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One factor in its supplier's account."""

    factor: Factor
    counts: bool
    """Whether it is the strongest of its source."""
    score_without: float
    level_without: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What comes of all factors of one supplier."""

    score: float
    """Points: the sum over the factors that count."""
    likelihood: float
    """0 to 1."""
    likelihood_low: float
    likelihood_high: float
    """What is missing widens it upwards."""
    level: Level
    severity: int
    """1 to 4, of the worst that is more than `some`; 0 where nothing was found."""
    completeness: float
    """0 to 1."""
    lines: tuple[Line, ...]
    """The strongest first."""
    missing: tuple[Missing, ...]


def factor_of(weight: Weight, value: float, **told: object) -> Factor:
    """Return a factor of one kind of evidence; its interval is as wide as the kind's confidence says."""
    value = min(max(value, 0.0), 1.0)
    low, high = interval(value, weight.half_width)
    plain = Factor(
        subject_id="",
        key=weight.key,
        category=weight.category,
        what=weight.what,
        value=value,
        value_low=low,
        value_high=high,
        weight=weight.weight,
        severity=weight.severity,
        confidence=weight.confidence,
        source="",
        clears=weight.clears,
    )
    return replace(plain, **told)  # type: ignore[arg-type]  # the caller's names are fields of Factor


def interval(value: float, half_width: float) -> tuple[float, float]:
    """Return the interval of a probability that is uncertain by `half_width` in log-odds; 0 stays 0."""
    if value <= 0:
        return 0.0, 0.0
    sure = min(value, MOST)
    low, high = (_shifted(sure, way * half_width) for way in (-1, 1))
    return low, max(high, value)


def _shifted(value: float, log_odds: float) -> float:
    odds = value / (1 - value) * exp(log_odds)
    return odds / (1 + odds)


def points_of(contribution: float) -> float:
    """Return the points of a contribution: -10·log10(1 - contribution)."""
    return -10 * log10(1 - min(contribution, MOST)) if contribution > 0 else 0.0


def likelihood_of(score: float) -> float:
    """Return the likelihood that a score means."""
    return 1 - float(10 ** (-score / 10))


def score(factors: Sequence[Factor], missing: Sequence[Missing], weights: Weights) -> Score:
    """Weigh all factors of one supplier."""
    strongest = counted(factors)
    total = sum(factor.points for factor in strongest.values())
    completeness = completeness_of(missing, weights)
    level = level_of(likelihood_of(total), completeness, weights)
    middle = likelihood_of(total)
    low = likelihood_of(sum(points_of(part) for part in _by_source(factors, low=True).values()))
    high_parts = [*_by_source(factors, low=False).values(), *(_possible(one, weights) for one in missing)]
    high = likelihood_of(sum(points_of(part) for part in high_parts))
    lines = [_line(factor, factors, strongest, (completeness, weights)) for factor in factors]
    return Score(
        score=round(total, 4),
        likelihood=middle,
        likelihood_low=min(low, middle),
        likelihood_high=max(high, middle),
        level=level,
        severity=_severity(factors, weights),
        completeness=completeness,
        lines=tuple(sorted(lines, key=lambda line: (-line.factor.contribution, line.factor.key, line.factor.what))),
        missing=tuple(missing),
    )


def counted(factors: Iterable[Factor]) -> dict[str, Factor]:
    """Return the strongest factor of each source; of equally strong ones the first."""
    strongest: dict[str, Factor] = {}
    for factor in factors:
        if factor.source not in strongest or factor.contribution > strongest[factor.source].contribution:
            strongest[factor.source] = factor
    return {source: factor for source, factor in strongest.items() if factor.contribution > 0}


def completeness_of(missing: Iterable[Missing], weights: Weights) -> float:
    """Return which share of what should be known is known, weighed."""
    total = sum(weights.completeness.values())
    lacking = sum(weights.completeness[key] for key in {one.key for one in missing})
    return 1 - lacking / total if total else 1.0


def level_of(likelihood: float, completeness: float, weights: Weights) -> Level:
    """Return the level of a likelihood; with too little known, nothing found means nothing."""
    for level in (Level.HIGH, Level.ELEVATED, Level.SOME):
        if likelihood >= weights.levels[level.value]:
            return level
    return Level.NONE_FOUND if completeness >= weights.levels["least_completeness"] else Level.NOT_ASSESSABLE


def _by_source(factors: Iterable[Factor], *, low: bool) -> dict[str, float]:
    parts: dict[str, float] = {}
    for factor in factors:
        part = (factor.value_low if low else factor.value_high) * factor.weight
        parts[factor.source] = max(part, parts.get(factor.source, 0.0))
    return parts


_WOULD_SHOW: Mapping[str, str] = {
    "place": "region_facility",
    "exact_place": "inside_site",
    "original_name": "listed_import_ban",
    "registration": "listed_import_ban",
    "owner": "region_affiliate",
    "materials": "region_input_stated",
    "upstream": "region_facility",
    "tier": "priority_input",
    "lists": "listed_import_ban",
    "sites": "inside_site",
}
"""What is missing to the evidence that it could have given."""


def _possible(missing: Missing, weights: Weights) -> float:
    return weights.missing[missing.key] * weights.weights[_WOULD_SHOW[missing.key]].weight


def _severity(factors: Iterable[Factor], weights: Weights) -> int:
    least = weights.levels["some"]
    return max((factor.severity for factor in factors if factor.contribution >= least), default=0)


def _line(
    factor: Factor, factors: Sequence[Factor], strongest: Mapping[str, Factor], known: tuple[float, Weights]
) -> Line:
    completeness, weights = known
    counts = strongest.get(factor.source) is factor
    rest = strongest if not counts else counted(other for other in factors if other is not factor)
    without = sum(other.points for other in rest.values())
    return Line(
        factor=factor,
        counts=counts,
        score_without=round(without, 4),
        level_without=level_of(likelihood_of(without), completeness, weights),
    )
