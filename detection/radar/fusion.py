"""What does radar say of an object that optical imagery found?

Two sensors that err for different reasons are worth more than one: clouds, haze and the sun's shadows do not reach
radar, and speckle and rain on bare soil do not reach optical imagery. Radar that agrees raises the confidence; radar
that could have seen a step and saw none lowers it, less, for much that is built hardly scatters more than what was
there; radar that is missing, or cannot tell, changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.objects.events import Term
from detection.objects.outline import Patch
from detection.radar.shapes import Shape
from detection.radar.steps import RadarParams, RadarStep, Track, object_step, tracks_of
from detection.schema import Event
from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.scene import Stack

TERM = "radar_step"
EXPECTED = {Event.CONSTRUCTION: 1, Event.EXPANSION: 1, Event.DEMOLITION: -1}
"""Walls and roofs scatter back more than open ground: what is built steps up, what is torn down steps down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionParams:
    """How much radar counts beside optical imagery."""

    weight: float = 2.5
    """What a sure step the right way adds to the log-odds of an event."""

    against: float = 0.4
    """What is taken away, as a share (0-1) of that, where a step would have been seen and there is none."""

    indifferent_t: float = 1.5
    """A score so far in the right way speaks neither for nor against, in sigma of unchanged ground."""

    built_db: float = 2.0
    """Radar that would have found a step this small, in decibel, can speak against an event."""

    min_area_m2: float = 600.0
    """Objects from this size on are reported if both sensors agree, though smaller than what one sensor reports."""

    def __post_init__(self) -> None:
        if self.weight < 0 or not 0 <= self.against <= 1:
            raise ValueError(f"expected weight >= 0 and against in 0 to 1; got {self.weight} and {self.against}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarWitness:
    """The radar looks at one area, ready to be asked about objects."""

    tracks: tuple[Track, ...]
    is_taken: NDArray[np.bool_]
    """Shape (y, x): ground that changed in optical imagery, with which no object is compared."""
    platforms: tuple[str, ...]
    params: RadarParams

    @classmethod
    def of(
        cls, radar: Stack | None, is_changed: NDArray[np.bool_], grid: Grid, params: RadarParams
    ) -> "RadarWitness | None":
        """Return the witness; None without radar.

        Raises:
            GridMismatchError: The radar looks lie on another grid than the optical ones.
            ValueError: The stack is no radar.

        """
        if radar is None:
            return None
        if radar.grid != grid:
            raise GridMismatchError(f"radar lies on {radar.grid}, the optical looks on {grid}")
        return cls(
            tracks=tracks_of(radar),
            is_taken=is_changed,
            platforms=tuple(sorted({str(name) for name in radar.dataset["platform"].to_numpy()})),
            params=params,
        )

    def step(self, patch: Patch, onset: tuple[date, date]) -> RadarStep:
        """Return what radar tells of one object that changed between the two days of `onset`."""
        rows, columns = patch.window
        shape = Shape(mask=patch.is_changed, row=rows.start, column=columns.start)
        return object_step(self.tracks, shape, onset, self.is_taken, self.params)


def agree(step: RadarStep | None, event: Event, params: RadarParams) -> bool:
    """Say whether radar, too, shows the step that `event` should have made."""
    return step is not None and step.steps(params) == EXPECTED.get(event, 0) != 0


def radar_terms(
    step: RadarStep | None, event: Event, params: FusionParams, radar_params: RadarParams
) -> tuple[Term, ...]:
    """Return what radar adds to the log-odds of an event: one term, or none where it tells nothing of such an event.

    The value is 1 for a sure step the right way, 0 where radar is indifferent or could not have seen the step, and
    down to minus `params.against` where it could have and there is none, or one the wrong way.
    """
    if step is None or not step.is_told or event not in EXPECTED:
        return ()
    value = round(_support(step, EXPECTED[event], params, radar_params), 4)
    return (Term(name=TERM, value=value, weight=params.weight, contribution=round(value * params.weight, 4)),)


def _support(step: RadarStep, sign: int, params: FusionParams, radar_params: RadarParams) -> float:
    rightward = sign * step.t - params.indifferent_t
    if rightward > 0:
        # No score counts for more than its rank among copies of the object on unchanged ground allows.
        share = min(rightward / (radar_params.high_t - params.indifferent_t), 1.0)
        return share * min(1.0, radar_params.max_p / step.p)
    if not step.detectable_db(radar_params) <= params.built_db:
        return 0.0
    return max(-1.0, rightward / (2 * params.indifferent_t)) * params.against


def radar_evidence(step: RadarStep, event: Event, params: RadarParams) -> dict[str, Any]:
    """Return what radar tells, as the member ``radar`` of a detection's evidence.

    ``t`` (signed, sigma of unchanged ground), ``p`` (share of copies of the object that step as much), ``step_db``,
    ``detectable_db`` (the step that would have been found four times in five), ``agrees``, ``sure``, ``copies``,
    and for each track its looks and step; where nothing is told, ``why_not``.
    """
    told = {
        "t": round(step.t, 2),
        "p": round(step.p, 4),
        "step_db": round(step.step_db, 2),
        "detectable_db": round(step.detectable_db(params), 2),
        "agrees": agree(step, event, params),
        "sure": step.is_sure(params),
        "copies": round(step.copies),
    }
    return {**(told if step.is_told else {"why_not": step.why_not}), "tracks": _tracks(step)}


def _tracks(step: RadarStep) -> Sequence[dict[str, Any]]:
    return [
        {
            "relative_orbit": track.relative_orbit,
            "looks_before": track.looks_before,
            "looks_after": track.looks_after,
            **({"why_not": track.why_not} if track.why_not else {"t": round(track.t, 2), "step_db": track.step_db}),
        }
        for track in step.tracks
    ]
