"""Was a place opened: walls taken down, buildings demolished, ground turned to other use?

The parts are weighed into a sum of log-odds, each written down with its weight. Weights are set by judgement: there
are no labelled cases at 10 m to fit them to. Proxies alone never make an indication. Where the wall cannot be seen
and nothing was demolished, the answer is that it cannot be told: a mesh fence, wire or a tower may have gone, and
10 m imagery shows nothing of it. Nor does a line that still stands out prove a wall: a road or a bank beside it looks
alike. So there is no answer that says that nothing changed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from math import exp, isfinite, log10

from aoi.facilities import FacilityKind
from detection.desecuritisation.demolition import DemolitionParams, LostRoof, total_area_m2
from detection.desecuritisation.proxies import Proxy
from detection.perimeter import ArcState, Perimeter
from detection.perimeter.result import LOSSES

CONFIRM = "An indication from 10 m imagery: confirm it on finer imagery before it is used."
CONFIRM_ANY = "What 10 m imagery leaves open, finer imagery may tell."
UNSEEN = "Mesh fences, wire, gates and watchtowers cannot be seen at 10 m: they may have been removed or not."

WEIGHTS = {
    "bias": -3.0,
    "wall_lost": 4.5,
    "wall_lost_share": 1.5,
    "roofs_lost": 2.5,
    "radar": 1.0,
    "proxies": 1.0,
}
"""What each term adds to the log-odds when it is 1."""


class Answer(StrEnum):
    """What can be said."""

    INDICATED = "indicated"
    """Wall or buildings are gone, beyond chance."""
    CANNOT_TELL = "cannot_tell"
    """Nothing beyond chance is gone of what could be seen, or nothing could be seen: the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesecuritisationParams:
    """Which facilities are asked about, and when something is an indication."""

    kinds: tuple[FacilityKind, ...] = (FacilityKind.CAMP, FacilityKind.PRISON)
    """Facilities of these kinds are asked about; an empty list and no `facilities`: none is."""

    facilities: tuple[str, ...] = ()
    """Ids of further facilities that are asked about, of whatever kind."""

    around_m: float = 800.0
    """So much of the surroundings of a perimeter is looked at: its copies lie there."""

    most_values: int = 60_000_000
    """Of imagery (looks x bands x pixels) that one perimeter may take: fewer surroundings are looked at then."""

    loss_p: float = 0.001
    """A loss of the wall along some stretch must be rarer than this by chance."""

    least_share: float = 0.05
    """… and at least this share (0-1) of the perimeter must be gone or weakened."""

    least_roof_m2: float = 1000.0
    """Less lost roof than this, at the low end of its interval, is no indication."""

    proxy_p: float = 0.01
    """A proxy rarer than this by chance counts."""

    roofs: DemolitionParams = field(default_factory=DemolitionParams)

    def __post_init__(self) -> None:
        if self.around_m <= 0 or self.most_values <= 0:
            raise ValueError(f"around_m and most_values must be above 0; got {self.around_m} and {self.most_values}")
        for name in ("loss_p", "proxy_p", "least_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie above 0 and not above 1; got {getattr(self, name)}")

    def asks_about(self, facility_id: str, kind: FacilityKind) -> bool:
        """Say whether a facility is asked about."""
        return kind in self.kinds or facility_id in self.facilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One measured part and what it adds to the log-odds."""

    name: str
    value: float
    """0 to 1."""
    weight: float

    @property
    def contribution(self) -> float:
        """What it adds."""
        return self.value * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Desecuritisation:
    """The answer for one facility."""

    answer: Answer
    probability: float | None
    """0 to 1, of an indication; None where there is none."""
    changed: tuple[date, date] | None
    """The last look without the earliest sign and the first look with it."""
    terms: tuple[Term, ...]
    proxies: tuple[Proxy, ...]
    reason: str
    """What the answer rests on, or why there is none."""
    text: str
    """For the reader: the reason, what cannot be seen, and that it must be confirmed."""

    def as_json(self) -> str:
        """Return the evidence as text."""
        return json.dumps(
            {
                "answer": self.answer.value,
                "probability": self.probability,
                "changed": None if self.changed is None else [day.isoformat() for day in self.changed],
                "features": {
                    term.name: {
                        "value": round(term.value, 4),
                        "weight": term.weight,
                        "contribution": round(term.contribution, 4),
                    }
                    for term in self.terms
                },
                "proxies": {
                    proxy.kind.value: {"p": _number(proxy.p), "change": _number(proxy.change), "note": proxy.note}
                    for proxy in self.proxies
                },
                "note": self.text,
            }
        )


def _number(value: float) -> float | None:
    return float(f"{value:.3g}") if isfinite(value) else None


def weigh_desecuritisation(
    perimeter: Perimeter,
    roofs: Sequence[LostRoof],
    proxies: Sequence[Proxy],
    params: DesecuritisationParams | None = None,
) -> Desecuritisation:
    """Combine what was found of a perimeter, of the roofs inside, and beside it.

    Args:
        perimeter: From `detection.perimeter.watch_perimeter`.
        roofs: From `detection.desecuritisation.demolition.lost_roofs`.
        proxies: From `detection.desecuritisation.proxies`; they add to an indication, and are none.
        params: When something is an indication.

    """
    params = params or DesecuritisationParams()
    is_wall_lost, is_roof_lost = _wall_is_lost(perimeter, params), _roof_is_lost(roofs, params)
    terms = _terms(perimeter, roofs, proxies, params)
    is_indicated = is_wall_lost or is_roof_lost
    answer = Answer.INDICATED if is_indicated else Answer.CANNOT_TELL
    return Desecuritisation(
        answer=answer,
        probability=1 / (1 + exp(-sum(term.contribution for term in terms))) if is_indicated else None,
        changed=_changed(perimeter, roofs) if is_indicated else None,
        terms=terms,
        proxies=tuple(proxies),
        reason=why(perimeter, roofs, params) if is_indicated else why_not(perimeter, roofs),
        text=_text(answer, perimeter, roofs, params),
    )


def _lost_share(perimeter: Perimeter) -> float:
    return perimeter.share(*LOSSES)


def _wall_is_lost(perimeter: Perimeter, params: DesecuritisationParams) -> bool:
    return perimeter.loss_p <= params.loss_p and _lost_share(perimeter) >= params.least_share


def _roof_is_lost(roofs: Sequence[LostRoof], params: DesecuritisationParams) -> bool:
    return total_area_m2(roofs)[1] >= params.least_roof_m2


def _terms(
    perimeter: Perimeter, roofs: Sequence[LostRoof], proxies: Sequence[Proxy], params: DesecuritisationParams
) -> tuple[Term, ...]:
    surprise = -log10(max(perimeter.loss_p, 1e-4)) if isfinite(perimeter.loss_p) else 0.0
    lost = [roof for roof in roofs if roof.is_loss]
    area_m2 = total_area_m2(roofs)[1]
    told = [roof.radar_agrees for roof in lost if roof.radar_agrees is not None]
    confidence = max((roof.confidence for roof in lost), default=0.0)
    values = {
        "bias": 1.0,
        "wall_lost": _ramp(surprise, 1.5, 4.0),
        "wall_lost_share": _lost_share(perimeter),
        "roofs_lost": confidence * _ramp(log10(max(area_m2, 1.0)), 2.5, 4.0),
        "radar": sum(1 if agrees else -1 for agrees in told) / len(told) if told else 0.0,
        "proxies": min(1.0, sum(proxy.p <= params.proxy_p for proxy in proxies) / 3),
    }
    return tuple(Term(name=name, value=value, weight=WEIGHTS[name]) for name, value in values.items())


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _changed(perimeter: Perimeter, roofs: Sequence[LostRoof]) -> tuple[date, date] | None:
    """Return the interval of the earliest sign; arcs that went are dated together, where they could be."""
    arcs = [(arc.changed_after, arc.changed_by) for arc in perimeter.lost_arcs]
    signs = [(after, by) for after, by in arcs if after is not None and by is not None]
    signs = [perimeter.changed] if perimeter.changed is not None else signs
    signs += [(roof.gone_after, roof.gone_by) for roof in roofs if roof.is_loss]
    return min(signs, key=lambda sign: sign[1], default=None)


def _text(answer: Answer, perimeter: Perimeter, roofs: Sequence[LostRoof], params: DesecuritisationParams) -> str:
    if answer is Answer.INDICATED:
        return f"{why(perimeter, roofs, params).capitalize()}. {CONFIRM} {UNSEEN}"
    return f"Cannot tell: {why_not(perimeter, roofs)}. {CONFIRM_ANY} {UNSEEN}"


def why(perimeter: Perimeter, roofs: Sequence[LostRoof], params: DesecuritisationParams) -> str:
    """Say what an indication rests on, and what beside it is none by itself."""
    best, low, high = total_area_m2(roofs)
    roof = f"roofs of {best:,.0f} m2 ({low:,.0f} to {high:,.0f}) are gone and were not replaced" if best else ""
    lost = _lost_share(perimeter)
    wall = f"{lost:.0%} of the perimeter stands out less, or not any more (p = {perimeter.loss_p:.2g})" if lost else ""
    is_known = {roof: _roof_is_lost(roofs, params), wall: _wall_is_lost(perimeter, params)}
    parts = [part for part in (wall, roof) if part]
    firm = [part for part in parts if is_known[part]]
    return "; ".join([*firm, *(f"{part}, which is no indication by itself" for part in parts if not is_known[part])])


def why_not(perimeter: Perimeter, roofs: Sequence[LostRoof]) -> str:
    """Say why there is no indication: what stands, what is not known, what was lost and does not suffice."""
    reasons = [perimeter.note] if perimeter.note else []
    if standing := perimeter.share(ArcState.PRESENT):
        reasons.append(
            f"along {standing:.0%} of the perimeter a line stands out before and after, which may be a wall, or a bank "
            "or road beside it"
        )
    if lost := _lost_share(perimeter):
        reasons.append(f"along {lost:.0%} a line stands out less, which chance makes with p = {perimeter.loss_p:.2g}")
    unknown = sorted({arc.reason for arc in perimeter.arcs if arc.state is ArcState.CANNOT_TELL} - {perimeter.note})
    reasons += [f"along {_share_of(perimeter, reason):.0%}, {reason}" for reason in unknown]
    if any(roof.is_open for roof in roofs):
        reasons.append("a roof was lost so lately that something may still be built in its place")
    if any(roof.replaced_by for roof in roofs):
        reasons.append("a roof was lost and built anew")
    return "; ".join(reasons) or "too little of the perimeter was seen"


def _share_of(perimeter: Perimeter, reason: str) -> float:
    """Return the share (0-1) of the perimeter's length whose state has this reason."""
    total = sum(arc.line_m.length for arc in perimeter.arcs)
    return sum(arc.line_m.length for arc in perimeter.arcs if arc.reason == reason) / total if total else 0.0
