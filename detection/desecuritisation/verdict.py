"""Was a place opened: walls taken down, buildings demolished, ground turned to other use?

The parts are weighed into a sum of log-odds, each written down with its weight. Weights are set by judgement: there
are no labelled cases at 10 m to fit them to. Proxies alone never make an indication. Where the wall cannot be seen
and nothing was demolished, the answer is that it cannot be told: a mesh fence, wire or a tower may have gone, and
10 m imagery shows nothing of it. There is no answer that says that nothing changed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import exp, isfinite, log10

from detection.desecuritisation.demolition import LostRoof, total_area_m2
from detection.desecuritisation.proxies import Proxy, ProxyKind
from detection.perimeter import ArcState, Perimeter
from detection.perimeter.result import CHANGES

CONFIRM = "An indication from 10 m imagery: confirm it on finer imagery before it is used."
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
    WALL_STANDS = "wall_stands"
    """A wall stands as far as it can be told, and no building was lost that could have been seen."""
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesecuritisationParams:
    """When something is an indication."""

    loss_p: float = 0.001
    """A loss of the wall along some stretch must be rarer than this by chance."""

    least_share: float = 0.05
    """… and at least this share (0-1) of the perimeter must be gone or weakened."""

    least_roof_m2: float = 1000.0
    """Less lost roof than this, at the low end of its interval, is no indication."""

    proxy_p: float = 0.01
    """A proxy rarer than this by chance counts."""

    standing_share: float = 0.5
    """The wall is said to stand only where at least this share (0-1) of the perimeter is seen to."""


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
    return round(value, 5) if isfinite(value) else None


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
    stands = perimeter.share(ArcState.PRESENT) >= params.standing_share
    answer = Answer.INDICATED if is_indicated else Answer.WALL_STANDS if stands else Answer.CANNOT_TELL
    return Desecuritisation(
        answer=answer,
        probability=1 / (1 + exp(-sum(term.contribution for term in terms))) if is_indicated else None,
        changed=_changed(perimeter, roofs) if is_indicated else None,
        terms=terms,
        proxies=tuple(proxies),
        text=_text(answer, perimeter, roofs),
    )


def _lost_share(perimeter: Perimeter) -> float:
    return perimeter.share(ArcState.GONE, ArcState.WEAKENED)


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
    """Return the interval of the earliest sign."""
    arcs = [(arc.changed_after, arc.changed_by) for arc in perimeter.arcs if arc.state in CHANGES - {ArcState.APPEARED}]
    signs = [(after, by) for after, by in arcs if after is not None and by is not None]
    signs += [(roof.gone_after, roof.gone_by) for roof in roofs if roof.is_loss]
    return min(signs, key=lambda sign: sign[1], default=None)


def _text(answer: Answer, perimeter: Perimeter, roofs: Sequence[LostRoof]) -> str:
    if answer is Answer.INDICATED:
        best, low, high = total_area_m2(roofs)
        roof = f" Roofs lost: {best:.0f} m2 ({low:.0f} to {high:.0f})." if best else ""
        return (
            f"{_lost_share(perimeter):.0%} of the perimeter stands out less, or not any more.{roof} {CONFIRM} {UNSEEN}"
        )
    if answer is Answer.WALL_STANDS:
        share = perimeter.share(ArcState.PRESENT)
        return f"A line stands out along {share:.0%} of the perimeter before and after. {UNSEEN}"
    reasons = sorted({arc.reason for arc in perimeter.arcs if arc.state is ArcState.CANNOT_TELL})
    return f"Cannot tell: {perimeter.note or '; '.join(reasons) or 'too little of the perimeter was seen'}. {UNSEEN}"


def proxy_names(found: Desecuritisation, params: DesecuritisationParams | None = None) -> tuple[ProxyKind, ...]:
    """Return the proxies that chance alone would hardly make, to be reported apart from the answer."""
    limit = (params or DesecuritisationParams()).proxy_p
    return tuple(proxy.kind for proxy in found.proxies if proxy.p <= limit)
