"""Plans of what is implanted into a real series: compounds, halls, single buildings, and what is torn down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt

import numpy as np

from geo.sources.simulated.spectra import Surface
from geo.sources.simulated.structures import Frame, Part, SimulatedEvent, Structure, compound_plan, dated, torn_down

_LONG_AGO = date(2000, 1, 1)
_LEAST_COMPOUND_M2 = 8_000.0
_RUBBLE_DAYS = 45
_ROOFS = (Surface.WHITE_ROOF, Surface.BLUE_ROOF, Surface.GREY_ROOF, Surface.RED_ROOF)
_ROOF_SHARES = (0.32, 0.32, 0.28, 0.08)


class ImplantKind(StrEnum):
    """What is implanted."""

    COMPOUND = "compound"
    """Walled, graded strip by strip, with rows of blocks: a construction. At least 8,000 m2."""
    HALLS = "halls"
    """A plot with one to three halls, as factory parks have: an expansion."""
    BUILDING = "building"
    """One building with little ground around it: a construction."""
    DEMOLITION = "demolition"
    """Any of these, there from the first date on, taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """When something is built or torn down."""

    begin: date
    days: float
    """From the first disturbance of the ground to the last change."""


def plan_implant(
    rng: np.random.Generator, kind: ImplantKind, frame: Frame, *, area_m2: float, works: Works
) -> SimulatedEvent:
    """Plan an implant whose ground measures about `area_m2`, around the centre of `frame`.

    Raises:
        ValueError: A compound smaller than 8,000 m2: no blocks fit between its walls.

    """
    name = f"{kind.value} of {area_m2:,.0f} m2 from {works.begin}"
    if kind is ImplantKind.DEMOLITION:
        kinds = [ImplantKind.HALLS, ImplantKind.BUILDING]
        kinds += [ImplantKind.COMPOUND] if area_m2 >= _LEAST_COMPOUND_M2 else []
        stood = dated(_PLANS[kinds[int(rng.integers(len(kinds)))]](rng, frame, area_m2), begin=_LONG_AGO, days=1.0)
        return SimulatedEvent(name=name, kind="demolition", structures=_cleared(stood, works))
    if kind is ImplantKind.COMPOUND and area_m2 < _LEAST_COMPOUND_M2:
        raise ValueError(f"a compound needs at least {_LEAST_COMPOUND_M2:,.0f} m2; got {area_m2:,.0f}")
    parts = _PLANS[kind](rng, frame, area_m2)
    return SimulatedEvent(
        name=name,
        kind="expansion" if kind is ImplantKind.HALLS else "construction",
        structures=dated(parts, begin=works.begin, days=works.days),
    )


def _cleared(stood: Sequence[Structure], works: Works) -> tuple[Structure, ...]:
    """Take down what rises, one after another, and in the end grade the ground that was left between."""
    end = works.begin + timedelta(days=round(works.days))
    lasting = [part for part in stood if part.stands_until == date.max]
    raised = [part for part in lasting if part.height_m > 0]
    ground = [part for part in lasting if part.height_m == 0]
    left = [replace(part, stands_until=end) for part in ground]
    graded = [Structure(footprint_m=part.footprint_m, surface=Surface.GRADED, stands_from=end) for part in ground]
    return (*left, *torn_down(raised, begin=works.begin, days=max(works.days - _RUBBLE_DAYS, 1)), *graded)


def _compound(rng: np.random.Generator, frame: Frame, area_m2: float) -> list[Part]:
    ratio = float(rng.uniform(1.0, 1.5 if area_m2 < 2 * _LEAST_COMPOUND_M2 else 1.9))
    length_m = sqrt(area_m2 * ratio)
    return compound_plan(rng, frame, length_m=length_m, width_m=area_m2 / length_m)


def _halls(rng: np.random.Generator, frame: Frame, area_m2: float) -> list[Part]:
    """A graded, later paved plot with one to three parallel halls on about half of it."""
    ratio = float(rng.uniform(1.1, 1.9))
    length_m = sqrt(area_m2 * ratio)
    half_u, half_v = length_m / 2, area_m2 / length_m / 2
    count = 1 + int(rng.integers(0, 1 + int(half_v > 25) + int(half_v > 45)))  # noqa: PLR2004 - room for more halls
    rim = max(4.0, 0.08 * half_v)
    pitch = 2 * (half_v - rim) / count
    depth = pitch - (0.0 if count == 1 else 8.0)
    reach = (half_u - rim) * float(rng.uniform(0.8, 1.0))
    roof = _roof(rng)
    plot = frame.box((-half_u, half_u), (-half_v, half_v))
    parts = [Part(footprint_m=plot, surface=Surface.GRADED, begins=0.0, brightness=float(rng.uniform(0.92, 1.04)))]
    for hall in range(count):
        low = -half_v + rim + hall * pitch
        parts += _building_parts(rng, frame, ((-reach, reach), (low, low + depth)), (roof, 0.25 + 0.35 * hall / count))
    paved = Part(footprint_m=plot, surface=Surface.CONCRETE, begins=1.0, brightness=float(rng.uniform(0.6, 0.9)))
    return [parts[0], paved, *parts[1:]] if rng.random() < 0.6 else parts  # noqa: PLR2004 - share of paved plots


def _building(rng: np.random.Generator, frame: Frame, area_m2: float) -> list[Part]:
    """One building on ground that is graded a few metres around it."""
    ratio = float(rng.uniform(1.0, 3.5))
    length_m = sqrt(area_m2 * ratio)
    half_u, half_v = length_m / 2, area_m2 / length_m / 2
    rim = min(5.0, 0.15 * half_v)
    ground = frame.box((-half_u, half_u), (-half_v, half_v))
    inner = ((-half_u + rim, half_u - rim), (-half_v + rim, half_v - rim))
    return [
        Part(footprint_m=ground, surface=Surface.GRADED, begins=0.0, brightness=float(rng.uniform(0.92, 1.04))),
        *_building_parts(rng, frame, inner, (_roof(rng), 0.3)),
    ]


def _building_parts(
    rng: np.random.Generator,
    frame: Frame,
    box: tuple[tuple[float, float], tuple[float, float]],
    look: tuple[Surface, float],
) -> list[Part]:
    """First the slab, then walls and roof."""
    roof, begins = look
    footprint = frame.box(*box)
    return [
        Part(footprint_m=footprint, surface=Surface.CONCRETE, begins=begins, brightness=float(rng.uniform(0.8, 1.05))),
        Part(
            footprint_m=footprint,
            surface=roof,
            begins=begins + 0.35,
            height_m=float(rng.uniform(6, 12)),
            brightness=float(rng.uniform(0.85, 1.1)),
        ),
    ]


def _roof(rng: np.random.Generator) -> Surface:
    return _ROOFS[int(rng.choice(len(_ROOFS), p=_ROOF_SHARES))]


_PLANS: Mapping[ImplantKind, Callable[[np.random.Generator, Frame, float], list[Part]]] = {
    ImplantKind.COMPOUND: _compound,
    ImplantKind.HALLS: _halls,
    ImplantKind.BUILDING: _building,
}
