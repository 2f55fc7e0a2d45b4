"""How well do detections agree with what is known to have happened?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from detection.schema import Event, Status

_BUILT = frozenset({Event.CONSTRUCTION.value, Event.EXPANSION.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthMatch:
    """What became of one true event."""

    name: str
    event: str
    detection_id: str | None
    """The detection of the same kind that covers most of it; None: missed."""
    is_confirmed: bool
    covered_share: float
    """Share (0-1) of the true footprint that the detection covers."""
    excess_share: float
    """Ground of the detection outside the true footprint, relative to the footprint."""
    onset_after: date | None
    onset_by: date | None
    started_on: date
    is_onset_right: bool
    """Whether the true start lies in (onset_after, onset_by]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """All true events and all detections, compared."""

    matches: tuple[TruthMatch, ...]
    false: gpd.GeoDataFrame
    """Detections of built or demolished ground that touch no true footprint of their kind."""

    @property
    def found(self) -> int:
        """How many true events were found."""
        return sum(match.detection_id is not None for match in self.matches)

    @property
    def false_confirmed(self) -> int:
        """How many false detections were even called confirmed."""
        return int((self.false["status"] == Status.CONFIRMED.value).sum())


def match_truth(detections: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, *, min_covered_share: float = 0.2) -> Agreement:
    """Compare detections with a table of true events.

    Args:
        detections: A detections table.
        truth: One row an event: `event`, `name`, `started_on` (date) and geometry, in any CRS.
        min_covered_share: A detection that covers less of the true footprint (0-1) has not found it.

    """
    known = truth.to_crs(detections.crs)
    matches = tuple(
        _match(row, detections[_same_kind(detections["event"], str(row["event"]))], min_covered_share)
        for _, row in known.iterrows()
    )
    is_claim = detections["event"] != Event.SURFACE_CHANGE.value
    is_true = [
        any(known.geometry[_same_kind(known["event"], event)].intersects(outline))
        for outline, event in zip(detections.geometry, detections["event"], strict=True)
    ]
    return Agreement(
        matches=matches, false=detections[is_claim & ~pd.Series(is_true, index=detections.index, dtype=bool)]
    )


def _match(event: pd.Series, candidates: gpd.GeoDataFrame, min_covered_share: float) -> TruthMatch:
    footprint: BaseGeometry = event["geometry"]
    covered = candidates.geometry.intersection(footprint).area / footprint.area
    is_found = bool(len(covered)) and float(covered.max()) >= min_covered_share
    best = candidates.loc[covered.idxmax()] if is_found else None
    started_on = pd.Timestamp(event["started_on"]).date()
    onset = (None, None) if best is None else (best["onset_after"].date(), best["onset_by"].date())
    return TruthMatch(
        name=str(event["name"]),
        event=str(event["event"]),
        detection_id=None if best is None else str(best["detection_id"]),
        is_confirmed=best is not None and best["status"] == Status.CONFIRMED.value,
        covered_share=float(covered.max()) if is_found else 0.0,
        excess_share=0.0 if best is None else float(best.geometry.difference(footprint).area / footprint.area),
        onset_after=onset[0],
        onset_by=onset[1],
        started_on=started_on,
        is_onset_right=best is not None and _lies_in(started_on, onset),
    )


def _lies_in(day: date, onset: Sequence[date | None]) -> bool:
    after, by = onset
    return after is not None and by is not None and after < day <= by


def _kind(event: str) -> str:
    return "built" if event in _BUILT else event


def _same_kind(events: pd.Series, event: str) -> pd.Series:
    return events.map(_kind) == _kind(event)
