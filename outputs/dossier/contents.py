"""What a dossier tells, checked once; and the curve of built area, from detections."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.schema import Event
from geo.errors import GridMismatchError
from geo.grid import Grid

_SIGNS = {Event.CONSTRUCTION.value: 1, Event.EXPANSION.value: 1, Event.DEMOLITION.value: -1}
_OVER = frozenset({"rejected", "dropped"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One look at the place."""

    day: date
    rgb: NDArray[np.float32]
    """Shape (y, x, 3), in the unit of all frames; NaN where the ground was not clearly seen."""

    @property
    def clear_share(self) -> float:
        """The share (0-1) of the picture that was clearly seen."""
        return float(np.isfinite(self.rgb).all(axis=-1).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One acquisition, whether or not it could be used."""

    day: date
    is_used: bool
    clear_share: float | None
    """Of the area, 0-1; None where it was not read."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How much was built, less what was pulled down, since the first look."""

    day: date
    area_m2: float
    low_m2: float
    high_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the facility beforehand."""

    facility_id: str
    names: tuple[str, ...]
    kind: str
    status: str
    source: str
    position_error_m: float
    lon_lat: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """From what, when and by what the dossier was made."""

    created_at: datetime
    """Aware."""
    run_id: str
    area_id: str
    area_name: str
    credit: str
    version: str
    settings_hash: str
    night_credit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dossier:
    """Everything that one dossier tells. Tables are in the CRS of the grid."""

    known: Known
    made: Made
    grid: Grid
    """Of the frames."""
    outline_m: BaseGeometry
    """What is known of where the facility lies: a point, or an outline."""
    frames: tuple[Frame, ...]
    """Ascending in time."""
    frames_left_out: tuple[str, ...]
    """What is not shown, and why."""
    looks: tuple[Look, ...]
    """Ascending in time."""
    detections: gpd.GeoDataFrame
    """By `detection.schema`: those of this place."""
    perimeters: gpd.GeoDataFrame
    """By `detection.schema.PERIMETER_COLUMNS`: the rows of this facility; none where its perimeter is not watched."""
    coverage: Mapping[str, Any]
    """The area's row."""
    is_true_colour: bool = True

    def __post_init__(self) -> None:
        for frame in self.frames:
            if frame.rgb.shape != (*self.grid.shape, 3):
                raise GridMismatchError(
                    f"{self.known.facility_id}: the frame of {frame.day} has shape {frame.rgb.shape}, "
                    f"its grid asks for {(*self.grid.shape, 3)}"
                )

    @property
    def name(self) -> str:
        """The name it is best known by."""
        return self.known.names[0]

    @property
    def arcs(self) -> list[dict[str, Any]]:
        """The rows of its arcs, in their order."""
        return [_row(row) for row in self.perimeters.to_dict("records") if row["arc"] > 0]

    @property
    def answer(self) -> dict[str, Any] | None:
        """The row of the facility itself; None where its perimeter is not watched."""
        return next((_row(row) for row in self.perimeters.to_dict("records") if row["arc"] == 0), None)


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with None for what is missing."""
    return {str(name): None if _is_missing(value) else value for name, value in row.items()}


def _is_missing(value: object) -> bool:
    return not isinstance(value, BaseGeometry) and bool(pd.isna(value))  # type: ignore[call-overload]  # one cell of a table, of whatever type


def built_curve(detections: gpd.GeoDataFrame) -> tuple[Built, ...]:
    """Return how the built area changed from look to look since the first one, ascending; nothing where nothing did.

    What was built counts, what was pulled down is taken off; changes of the surface and what was dropped or rejected
    are left out. Errors of several detections are taken to go together.
    """
    courses = [
        course
        for row in detections.to_dict("records")
        if row["event"] in _SIGNS and row["status"] not in _OVER and (course := _course(row))
    ]
    days = sorted({step.day for course in courses for step in course})
    return tuple(
        Built(
            day=day,
            area_m2=sum(_at(course, day).area_m2 for course in courses),
            low_m2=sum(_at(course, day).low_m2 for course in courses),
            high_m2=sum(_at(course, day).high_m2 for course in courses),
        )
        for day in days
    )


def _course(row: Mapping[Any, Any]) -> list[Built]:
    """Return the growth of one detection with the interval of its whole area in proportion."""
    grown = json.loads(row["evidence"]).get("growth") or []
    area_m2 = float(row["area_m2"])
    low, high = (row[name] if pd.notna(row[name]) else area_m2 for name in ("area_low_m2", "area_high_m2"))
    sign = _SIGNS[row["event"]]
    steps = []
    for day, value in grown:
        ends = sorted(sign * float(value) * float(edge) / area_m2 for edge in (low, high))
        steps.append(Built(day=date.fromisoformat(day), area_m2=sign * float(value), low_m2=ends[0], high_m2=ends[1]))
    return steps


def _at(course: Sequence[Built], day: date) -> Built:
    """Return the newest step until `day`; none yet is no area."""
    before = [step for step in course if step.day <= day]
    return before[-1] if before else Built(day=day, area_m2=0.0, low_m2=0.0, high_m2=0.0)
