"""What kind of event do the measured features speak for, how surely, and why?

Every decision is a short sum of measured evidence that is handed on with the detection, so that an analyst can
see which measurement spoke for what.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log, log10, sqrt
from typing import Any

from detection.objects.features import Features
from detection.objects.shape import Shape, Trait
from detection.schema import Event

BUILT_EVENTS = frozenset({Event.CONSTRUCTION, Event.EXPANSION, Event.DEMOLITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParams:
    """When an event has that name."""

    least_built: float = -0.4
    """Log-odds from which an object counts as built…"""

    least_gone: float = -0.6
    """… or as taken down; of two, the larger names it."""

    strip_elongation: float = 8.0
    """What is so many times longer than wide, and narrow, is a road or a track, no building."""

    strip_width_m: float = 60.0
    """What is narrower than this is narrow."""

    least_backed_share: float = 0.25
    """Something has been taken down only where at least this share (0-1) of the object was seen standing on three
    looks: one odd look at the beginning is no building. With fewer than six looks it cannot be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One measured feature and what it adds to the log-odds that the event is real and rightly named."""

    name: str
    value: float
    weight: float
    contribution: float


def name_event(features: Features, params: EventParams) -> Event:
    """Name what happened: built, demolished, or a change of the surface that is neither."""
    if _is_strip(features, params):
        return Event.SURFACE_CHANGE
    built, gone = (log_odds(speaks_for(features, event)) for event in (Event.CONSTRUCTION, Event.DEMOLITION))
    is_gone = gone >= params.least_gone and _stood(features, params)
    if built >= params.least_built and not (is_gone and gone > built):
        return Event.CONSTRUCTION
    return Event.DEMOLITION if is_gone else Event.SURFACE_CHANGE


def speaks_for(features: Features, event: Event) -> tuple[Term, ...]:
    """Return the terms whose sum is the log-odds that something was built, or that it was taken down.

    Something built has a sharp outline where there was none, stays, and is not green in any season; nothing else does
    all of this. Each value lies in 0 to 1.
    """
    is_gone = event is Event.DEMOLITION
    turn = -1.0 if is_gone else 1.0
    outline = turn * log(max(features.outline_after, 1e-3) / max(features.outline_before, 1e-3))
    structure = turn * log(max(features.structure_after, 1e-3) / max(features.structure_before, 1e-3))
    green = _green(features)
    values = {
        "bias": 1.0,
        "outline": _ramp(outline, -0.5, 1.0) if is_gone else _ramp(outline, 0.0, 1.5),
        "structure": _ramp(structure, -0.5, 1.0) if is_gone else _ramp(structure, 0.0, 1.5),
        "stood": _ramp(log(max(features.outline_before, 1e-3)), log(1.5), log(6.0)) if is_gone else 0.0,
        "green": green,
        "sealed": 0.0 if is_gone else _sealed(features) * (1 - green),
        "lasting": _ramp(features.persistence, 0.85, 1.0),
        "rectangular": _ramp(features.rectangularity, 0.4, 0.8),
        "at_edge": _ramp(features.edge_share, 0.0, 0.3),
        "long": _ramp(log(max(features.elongation, 1.0)), log(3.0), log(9.0)),
    }
    return _weighted(values, NAMING[Event.DEMOLITION if is_gone else Event.CONSTRUCTION])


NAMING: Mapping[Event, Mapping[str, float]] = {
    Event.CONSTRUCTION: {
        "bias": -1.5,
        "outline": 3.8,
        "structure": 0.3,
        "stood": 0.0,
        "green": -2.6,
        "sealed": 2.4,
        "lasting": 0.2,
        "rectangular": 0.1,
        "at_edge": -1.3,
        "long": -0.2,
    },
    Event.DEMOLITION: {
        "bias": -4.4,
        "outline": 2.0,
        "structure": 0.2,
        "stood": 3.2,
        "green": -0.4,
        "sealed": 0.0,
        "lasting": 1.2,
        "rectangular": 0.1,
        "at_edge": -1.8,
        "long": -0.6,
    },
}
"""What each term adds when it is 1, fitted by ridge logistic regression, signs kept, on implants of training seeds and
on what else changed in the same series."""


def log_odds(terms: Sequence[Term]) -> float:
    """Return the sum of the terms."""
    return sum(term.contribution for term in terms)


def _weighted(values: Mapping[str, float], weights: Mapping[str, float]) -> tuple[Term, ...]:
    return tuple(
        Term(name=name, value=round(value, 4), weight=weights[name], contribution=round(value * weights[name], 4))
        for name, value in values.items()
    )


def _green(features: Features) -> float:
    """Return 1 for ground that turns green in some season, or greener where only colours tell; 0 for what does not."""
    if features.has_near_infrared:
        return _ramp(features.greenness_most or 0.0, 0.35, 0.7)
    return _ramp(features.greenness_change or 0.0, 0.02, 0.06)


def _sealed(features: Features) -> float:
    """Return 1 where vegetation gave way to bare ground."""
    return _ramp(-(features.greenness_change or 0.0), 0.1, 0.5) if features.has_near_infrared else 0.0


def _is_strip(features: Features, params: EventParams) -> bool:
    width_m = sqrt(features.area_m2 / max(features.elongation, 1.0))
    return features.elongation >= params.strip_elongation and width_m < params.strip_width_m


def _stood(features: Features, params: EventParams) -> bool:
    can_be_backed = features.looks_before + features.looks_after >= 6  # noqa: PLR2004 - three looks on either side
    return features.backed_share >= params.least_backed_share or not can_be_backed


def weigh(features: Features, event: Event) -> tuple[Term, ...]:
    """Return the terms whose sum is the log-odds of the event; each value lies in 0 to 1."""
    smallness = 1 - _ramp(log10(max(features.area_m2, 1.0)), 3.2, 4.0)
    values = {
        "bias": 1.0,
        "clearness": _ramp(log(max(features.peak_z, 1.0)), log(5.0), log(50.0)),
        "name": _ramp(log_odds(speaks_for(features, event)), -1.0, 3.0) if event in BUILT_EVENTS else 0.0,
        "persistence": _ramp(features.persistence, 0.5, 1.0),
        "backed": _ramp(features.backed_share, 0.0, 0.5),
        "looks_after": _ramp(log(max(features.looks_after, 1)), 0.0, log(12.0)),
        "looks_before": _ramp(log(max(features.looks_before, 1)), 0.0, log(12.0)),
        "size": _ramp(log10(max(features.area_m2, 1.0)), 3.0, 5.0),
        "alone_and_small": smallness * features.isolation,
        "at_edge": features.edge_share,
    }
    return _weighted(values, WEIGHTS)


WEIGHTS = {
    "bias": -14.65,
    "clearness": 1.36,
    "name": 5.37,
    "persistence": 9.24,
    "backed": 1.86,
    "looks_after": 1.24,
    "looks_before": 0.21,
    "size": 2.21,
    "alone_and_small": -1.03,
    "at_edge": -13.02,
}
"""What each term adds when it is 1.

Fitted by `python -m benchmarks.calibration` on 2026-11-22: 344 claims of training seeds (below 130) of
`benchmarks.implants`, `benchmarks.simulated` and `benchmarks.silent`, signs kept, ridge, factor and shift chosen by
leaving whole backgrounds out. Terms near 0.21 told nothing beside the others.
"""


def confidence(terms: Sequence[Term]) -> float:
    """Return the probability (0-1) that the terms add up to."""
    return 1.0 / (1.0 + exp(-log_odds(terms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a decision rests on."""

    features: Features
    """Everything measured."""
    terms: Sequence[Term]
    """What entered the confidence."""
    growth: Sequence[tuple[date, float]]
    """Changed ground (m2) on each clear look."""
    growth_interval: Sequence[tuple[date, float, float]]
    """The least and the most of it (m2) on each of these looks."""
    shape: Shape
    camp: Sequence[Trait]
    """What entered the likeness to a camp; empty where nothing was built or taken down."""
    note: str
    """One sentence for the reader."""
    radar: Mapping[str, Any] | None = None
    """What radar tells (`detection.radar.fusion`); None without radar."""
    buildings: tuple[int, int] | None = None
    """How many buildings at least and at most stand behind the clumps of roofs; None where nothing was built."""

    def as_json(self) -> str:
        """Return it as the text of the detections table."""
        radar = {} if self.radar is None else {"radar": self.radar}
        buildings = {} if self.buildings is None else {"buildings": self.buildings}
        return json.dumps(
            {
                "features": {term.name: _sum_of(term) for term in self.terms},
                "measured": _rounded(self.features),
                "shape": _rounded(self.shape),
                "camp_likeness": {trait.name: _sum_of(trait) for trait in self.camp},
                "growth": [[day.isoformat(), round(area_m2)] for day, area_m2 in self.growth],
                "growth_interval": [
                    [day.isoformat(), round(low_m2), round(high_m2)] for day, low_m2, high_m2 in self.growth_interval
                ],
                "note": self.note,
                **radar,
                **buildings,
            }
        )


def _sum_of(term: Term | Trait) -> dict[str, float]:
    return {"value": term.value, "weight": term.weight, "contribution": round(term.contribution, 4)}


def _rounded(measured: Features | Shape) -> dict[str, float | None]:
    values = {name: getattr(measured, name) for name in measured.__slots__}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _ramp(value: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and in between what lies on the straight."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
