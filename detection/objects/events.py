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
    """What the features must be for an event to have that name."""

    built_structure: float = 2.0
    """Built ground has at least this much structure, in units of calm ground's: after a construction, before a
    demolition."""

    structure_ratio: float = 1.4
    """Building raises, and demolition lowers, the structure by at least this factor."""

    smooth_ratio: float = 2.0
    """On ground smoother than that around it, raising the structure by this factor is building…"""

    smooth_structure: float = 1.5
    """… if it reaches at least this, in units of calm ground's."""

    part_ratio: float = 1.1
    """Among buildings, where the structure of the whole hardly changes, this factor is enough…"""

    part_share: float = 0.1
    """… if at least this share (0-1) of the object turned from open to built ground, or back…"""

    part_purity: float = 5.0
    """… and this many times less ground the other way round."""

    gone_share: float = 0.25
    """For what is gone among buildings the share must be larger: shadows and new coats of paint smooth, too."""

    strip_elongation: float = 8.0
    """What is so many times longer than wide, and narrow, is a road or a track, no building."""

    strip_width_m: float = 60.0
    """What is narrower than this is narrow."""

    least_backed_share: float = 0.25
    """Something has been taken down only where at least this share (0-1) of the object was seen standing on three
    looks: one odd look at the beginning is no building. With fewer than six looks it cannot be asked for."""

    green_ndvi: float = 0.4
    """Greener than this afterwards (NDVI) is not a building…"""

    amid_green_structure: float = 4.0
    """… unless it has at least this much structure, in units of calm ground's, and became less green: roofs among
    trees share their pixels with them. What was taken down there must have had as much."""

    amid_green_loss: float = 0.15
    """By how much (NDVI) it must have become less green."""

    sealed_ndvi: float = 0.2
    """Ground that is less green than this (NDVI)…"""

    sealed_loss: float = 0.4
    """… and was greener by at least this has been sealed, if some structure rose on it: a wide yard, low roofs."""

    sealed_share: float = 0.2
    """The share (0-1) of the object on which structure must have risen; a ploughed field has none."""

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
    if _is_strip(features, params):
        return Event.SURFACE_CHANGE
    is_green = _is_green(features, params)
    may_be_built = not is_green or _is_built_amid_green(features, params)
    if may_be_built and _is_built(features, params):
        return Event.CONSTRUCTION
    may_be_gone = not is_green or features.structure_before >= params.amid_green_structure
    is_gone = may_be_gone and _has_fallen(features, params) and _stood(features, params)
    return Event.DEMOLITION if is_gone else Event.SURFACE_CHANGE


def _is_built(features: Features, params: EventParams) -> bool:
    return _has_risen(features, params) or _rose_from_smooth(features, params) or _is_sealed(features, params)


def _has_fallen(features: Features, params: EventParams) -> bool:
    return features.structure_before >= params.built_structure and _is_more(
        features.structure_after,
        features.structure_before,
        is_in_part=features.fallen_share >= max(params.gone_share, params.part_purity * features.risen_share),
        params=params,
    )


def _has_risen(features: Features, params: EventParams) -> bool:
    return features.structure_after >= params.built_structure and _is_more(
        features.structure_before,
        features.structure_after,
        is_in_part=features.risen_share >= max(params.part_share, params.part_purity * features.fallen_share),
        params=params,
    )


def _is_sealed(features: Features, params: EventParams) -> bool:
    """Say whether vegetation gave way to bare ground on which something stands."""
    if not features.has_near_infrared or features.greenness_after is None or features.greenness_change is None:
        return False
    return (
        features.greenness_after <= params.sealed_ndvi
        and features.greenness_change <= -params.sealed_loss
        and features.structure_after >= params.smooth_structure
        and features.risen_share >= params.sealed_share
    )


def _is_built_amid_green(features: Features, params: EventParams) -> bool:
    is_less_green = features.greenness_change is not None and features.greenness_change <= -params.amid_green_loss
    return is_less_green and features.structure_after >= params.amid_green_structure


def _is_more(low: float, high: float, *, is_in_part: bool, params: EventParams) -> bool:
    """Say whether the structure `high` exceeds `low` as only building does: as a whole, or in a part of the object."""
    return high >= (params.part_ratio if is_in_part else params.structure_ratio) * low


def _rose_from_smooth(features: Features, params: EventParams) -> bool:
    ratio = features.structure_after / max(features.structure_before, 1e-6)
    return features.structure_after >= params.smooth_structure and ratio >= params.smooth_ratio


def _is_strip(features: Features, params: EventParams) -> bool:
    width_m = sqrt(features.area_m2 / max(features.elongation, 1.0))
    return features.elongation >= params.strip_elongation and width_m < params.strip_width_m


def _stood(features: Features, params: EventParams) -> bool:
    can_be_backed = features.looks_before + features.looks_after >= 6  # noqa: PLR2004 - three looks on either side
    return features.backed_share >= params.least_backed_share or not can_be_backed


def weigh(features: Features, event: Event) -> tuple[Term, ...]:
    """Return the terms whose sum is the log-odds of the event; each value lies in 0 to 1."""
    gain = abs(log(max(features.structure_after, 1e-3) / max(features.structure_before, 1e-3)))
    smallness = 1 - _ramp(log10(max(features.area_m2, 1.0)), 3.2, 4.0)
    values = {
        "bias": 1.0,
        "clearness": _ramp(log(max(features.peak_z, 1.0)), log(5.0), log(50.0)),
        "structure": _ramp(gain, 0.0, 2.0) if event in BUILT_EVENTS else 0.0,
        "persistence": _ramp(features.persistence, 0.5, 1.0),
        "backed": _ramp(features.backed_share, 0.0, 0.5),
        "looks_after": _ramp(log(max(features.looks_after, 1)), 0.0, log(12.0)),
        "looks_before": _ramp(log(max(features.looks_before, 1)), 0.0, log(12.0)),
        "size": _ramp(log10(max(features.area_m2, 1.0)), 3.0, 5.0),
        "alone_and_small": smallness * features.isolation,
        "at_edge": features.edge_share,
    }
    return tuple(
        Term(name=name, value=round(value, 4), weight=WEIGHTS[name], contribution=round(value * WEIGHTS[name], 4))
        for name, value in values.items()
    )


WEIGHTS = {
    "bias": -10.76,
    "clearness": 1.12,
    "structure": 4.08,
    "persistence": 7.91,
    "backed": 0.33,
    "looks_after": 2.7,
    "looks_before": 0.15,
    "size": 0.15,
    "alone_and_small": -4.15,
    "at_edge": -18.64,
}
"""What each term adds when it is 1.

Fitted by `python -m benchmarks.calibration` on 2026-11-21: 269 claims of training seeds (below 100) of
`benchmarks.implants`, `benchmarks.simulated` and `benchmarks.silent`, signs kept, ridge and shrinkage chosen by leaving
whole backgrounds out. Terms near 0.15 told nothing beside the others.
"""


def confidence(terms: Sequence[Term]) -> float:
    """Return the probability (0-1) that the terms add up to."""
    return 1.0 / (1.0 + exp(-sum(term.contribution for term in terms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a decision rests on."""

    features: Features
    """Everything measured."""
    terms: Sequence[Term]
    """What entered the confidence."""
    growth: Sequence[tuple[date, float]]
    """Changed ground (m2) on each clear look."""
    shape: Shape
    camp: Sequence[Trait]
    """What entered the likeness to a camp; empty where nothing was built or taken down."""
    note: str
    """One sentence for the reader."""
    radar: Mapping[str, Any] | None = None
    """What radar tells (`detection.radar.fusion`); None without radar."""

    def as_json(self) -> str:
        """Return it as the text of the detections table."""
        radar = {} if self.radar is None else {"radar": self.radar}
        return json.dumps(
            {
                "features": {term.name: _sum_of(term) for term in self.terms},
                "measured": _rounded(self.features),
                "shape": _rounded(self.shape),
                "camp_likeness": {trait.name: _sum_of(trait) for trait in self.camp},
                "growth": [[day.isoformat(), round(area_m2)] for day, area_m2 in self.growth],
                "note": self.note,
                **radar,
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


def _is_green(features: Features, params: EventParams) -> bool:
    if features.greenness_after is None or features.greenness_change is None:
        return False
    if features.has_near_infrared:
        return features.greenness_after >= params.green_ndvi
    return features.greenness_change >= params.greening_visible
