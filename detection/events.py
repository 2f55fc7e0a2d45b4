"""What kind of event do the measured features speak for, how surely, and why?

Every decision is a short sum of measured evidence that is handed on with the detection, so that an analyst can
see which measurement spoke for what.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log, log10

from detection.features import Features
from detection.schema import Event

BUILT_EVENTS = frozenset({Event.CONSTRUCTION, Event.EXPANSION, Event.DEMOLITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParams:
    """What the features must be for an event to have that name."""

    built_structure: float = 2.0
    """Built ground has at least this much structure, in units of calm ground's: after a construction, before a
    demolition."""

    structure_ratio: float = 1.4
    """Building raises, and demolition lowers, the structure by at least this factor."""

    green_ndvi: float = 0.4
    """Greener than this afterwards (NDVI) is not a building."""

    greening_visible: float = 0.03
    """Without near infrared: a rise of visible greenness by this much is not a building."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One measured feature and what it adds to the log-odds that the event is real and rightly named."""

    name: str
    value: float
    weight: float
    contribution: float


def name_event(features: Features, params: EventParams) -> Event:
    """Name what happened: built, demolished, or a change of the surface that is neither."""
    if _is_greener(features, params):
        return Event.SURFACE_CHANGE
    gain = features.structure_after / max(features.structure_before, 1e-6)
    if gain >= params.structure_ratio and features.structure_after >= params.built_structure:
        return Event.CONSTRUCTION
    if gain <= 1 / params.structure_ratio and features.structure_before >= params.built_structure:
        return Event.DEMOLITION
    return Event.SURFACE_CHANGE


def weigh(features: Features, event: Event) -> tuple[Term, ...]:
    """Return the terms whose sum is the log-odds of the event."""
    gain = abs(log(max(features.structure_after, 1e-3) / max(features.structure_before, 1e-3)))
    values = {
        "bias": 1.0,
        "clearness": log(max(features.peak_z, 1.0)),
        "structure": min(gain, 2.0) if event in BUILT_EVENTS else 0.0,
        "persistence": features.persistence - 0.75,
        "looks_after": log(min(features.looks_after, 12)) if features.looks_after else 0.0,
        "looks_before": log(min(features.looks_before, 12)) if features.looks_before else -1.0,
        "size": log10(max(features.area_m2, 100.0) / 10_000.0),
        "at_edge": features.edge_share,
    }
    return tuple(
        Term(name=name, value=round(value, 4), weight=_WEIGHTS[name], contribution=round(value * _WEIGHTS[name], 4))
        for name, value in values.items()
    )


_WEIGHTS = {
    "bias": -4.0,
    "clearness": 1.0,
    "structure": 1.2,
    "persistence": 3.0,
    "looks_after": 0.7,
    "looks_before": 0.4,
    "size": 0.6,
    "at_edge": -3.0,
}


def confidence(terms: Sequence[Term]) -> float:
    """Return the probability (0-1) that the terms add up to."""
    return 1.0 / (1.0 + exp(-sum(term.contribution for term in terms)))


def evidence_json(features: Features, terms: Sequence[Term], growth: Sequence[tuple[date, float]], *, note: str) -> str:
    """Write the evidence as the JSON text of the detections table.

    Args:
        features: Everything measured.
        terms: What entered the confidence.
        growth: Changed ground (m2) on each clear look.
        note: One sentence for the reader.

    """
    measured = {name: getattr(features, name) for name in features.__slots__}
    return json.dumps(
        {
            "features": {
                term.name: {"value": term.value, "weight": term.weight, "contribution": term.contribution}
                for term in terms
            },
            "measured": {
                name: round(value, 4) if isinstance(value, float) else value for name, value in measured.items()
            },
            "growth": [[day.isoformat(), round(area_m2)] for day, area_m2 in growth],
            "note": note,
        }
    )


def _is_greener(features: Features, params: EventParams) -> bool:
    if features.greenness_after is None or features.greenness_change is None:
        return False
    if features.has_near_infrared:
        return features.greenness_after >= params.green_ndvi
    return features.greenness_change >= params.greening_visible
