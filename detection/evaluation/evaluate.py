"""How well do detections agree with what is known to have happened?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry.base import BaseGeometry

from detection.evaluation.association import AssociationParams, Scores, Site, Worth, associate
from detection.schema import Event, Status
from geo.grid import Grid

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
    """Ground of the detection outside the true footprint and its margin, relative to both together."""
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


def match_truth(
    detections: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, *, min_covered_share: float = 0.2, margin_m: float = 0.0
) -> Agreement:
    """Compare detections with a table of true events.

    Args:
        detections: A detections table.
        truth: One row an event: `event`, `name`, `started_on` (date) and geometry, in any CRS.
        min_covered_share: A detection that covers less of the true footprint (0-1) has not found it.
        margin_m: Ground so near to a true footprint is not counted as excess: a pixel that a wall only touches changes
            whole.

    """
    known = truth.to_crs(detections.crs)
    matches = tuple(
        _match(row, detections[_same_kind(detections["event"], str(row["event"]))], min_covered_share, margin_m)
        for _, row in known.iterrows()
    )
    is_claim = detections["event"] != Event.SURFACE_CHANGE.value
    is_true = [
        any(known.geometry[_bears_out(known["event"], event)].intersects(outline))
        for outline, event in zip(detections.geometry, detections["event"], strict=True)
    ]
    return Agreement(
        matches=matches, false=detections[is_claim & ~pd.Series(is_true, index=detections.index, dtype=bool)]
    )


def _match(event: pd.Series, candidates: gpd.GeoDataFrame, min_covered_share: float, margin_m: float) -> TruthMatch:
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
        excess_share=0.0 if best is None else _excess(best.geometry, footprint, margin_m),
        onset_after=onset[0],
        onset_by=onset[1],
        started_on=started_on,
        is_onset_right=best is not None and _lies_in(started_on, onset),
    )


def _excess(outline: BaseGeometry, footprint: BaseGeometry, margin_m: float) -> float:
    nearby = footprint.buffer(margin_m)
    return float(outline.difference(nearby).area / nearby.area)


def _lies_in(day: date, onset: Sequence[date | None]) -> bool:
    after, by = onset
    return after is not None and by is not None and after < day <= by


def _kind(event: str) -> str:
    return "built" if event in _BUILT else event


def _bears_out(events: pd.Series, event: str) -> pd.Series:
    """Say which true events make a detection of `event` true: what is demolished opens a place, too."""
    is_opened = event == Event.DESECURITISATION.value
    return _same_kind(events, event) | (is_opened & (events == Event.DEMOLITION.value))


def _same_kind(events: pd.Series, event: str) -> pd.Series:
    return events.map(_kind) == _kind(event)


# --- in space and time: sites from tables, from SMART, from labels ------------------------------------


def evaluate(
    detections: gpd.GeoDataFrame,
    truth: gpd.GeoDataFrame,
    *,
    until: date,
    params: AssociationParams | None = None,
    is_claims_only: bool = True,
) -> Scores:
    """Associate a detections table with a table of true events and score both.

    Args:
        detections: A detections table, in a projected CRS.
        truth: As for `sites_of_truth`, in any CRS.
        until: The last day that was looked at.
        params: When a detection and a true site belong together.
        is_claims_only: Leave out changes of the surface, which claim no event.

    """
    claims = detections[detections["event"] != Event.SURFACE_CHANGE.value] if is_claims_only else detections
    epsg = int(detections.crs.to_epsg())
    return associate(sites_of_detections(claims, epsg=epsg), sites_of_truth(truth, epsg=epsg, until=until), params)


def sites_of_truth(truth: gpd.GeoDataFrame, *, epsg: int, until: date) -> tuple[Site, ...]:
    """Return the sites of a table of true events.

    Args:
        truth: One row an event: ``event``, ``name``, ``started_on``, geometry; and, where known, ``started_after``,
            ``active_on``, ``completed_on``, ``worth``, ``outlines`` (pairs of day and outline in the CRS of the
            table) and ``observed_on`` (days). What has no beginning counts neither way.
        epsg: A projected CRS in which areas are compared.
        until: The last day that was looked at: what is not complete by then was active until then.

    """
    moved = truth.to_crs(epsg)
    return tuple(_true_site(row, truth, epsg, until) for row in moved.to_dict("records"))


def _true_site(row: Mapping[str, Any], truth: gpd.GeoDataFrame, epsg: int, until: date) -> Site:
    outlines = row.get("outlines")
    completed_on = _day(row.get("completed_on"))
    stated = _day(row["started_on"])
    started_on = stated or date.min
    dated = (
        tuple((day, _moved(outline, truth, epsg)) for day, outline in outlines) if isinstance(outlines, tuple) else ()
    )
    observed = row.get("observed_on")
    return Site(
        site_id=str(row["name"]),
        event=str(row["event"]),
        outlines=dated or ((None, row["geometry"]),),
        started_on=started_on,
        ended_on=max(completed_on or until, started_on),
        active_on=_day(row.get("active_on")),
        completed_on=completed_on,
        started_after=_day(row.get("started_after")),
        worth=Worth.IGNORE if stated is None else Worth(str(row.get("worth", Worth.POSITIVE.value))),
        observed_on=observed if isinstance(observed, tuple) else (),
    )


def _moved(outline: BaseGeometry, truth: gpd.GeoDataFrame, epsg: int) -> BaseGeometry:
    shape: BaseGeometry = gpd.GeoSeries([outline], crs=truth.crs).to_crs(epsg).iloc[0]
    return shape


def sites_of_detections(detections: gpd.GeoDataFrame, *, epsg: int) -> tuple[Site, ...]:
    """Return the sites of a detections table: from the first look with the change to rest, or to the last look."""
    return tuple(
        Site(
            site_id=str(row["detection_id"]),
            event=str(row["event"]),
            outlines=((None, row["geometry"]),),
            started_on=_sure_day(row["onset_by"]),
            ended_on=max(_day(row.get("complete_by")) or _sure_day(row["last_seen_on"]), _sure_day(row["onset_by"])),
            active_on=_day(row.get("active_by")),
            completed_on=_day(row.get("complete_by")),
            started_after=_day(row["onset_after"]),
            confirmed_on=_day(row["confirmed_on"]),
        )
        for row in detections.to_crs(epsg).to_dict("records")
    )


def _sure_day(value: Any) -> date:  # noqa: ANN401 - a cell of a table
    day = _day(value)
    if day is None:
        raise ValueError("a detection without its dates")
    return day


def _day(value: Any) -> date | None:  # noqa: ANN401 - a cell of a table
    return None if value is None or pd.isna(value) else pd.Timestamp(value).date()


def truth_of_labels(
    is_change: NDArray[np.bool_], grid: Grid, *, span: tuple[date, date], event: Event = Event.CONSTRUCTION
) -> gpd.GeoDataFrame:
    """Return each 8-connected object of a mask of labelled change as a true event, in the CRS of `grid`.

    Args:
        is_change: Shape (y, x).
        grid: Where the pixels lie.
        span: The days of both dates between which the change lies: it began after the first and by the second.
        event: What the labels call change.

    """
    outlines = [
        shapely.geometry.shape(outline)
        for outline, value in shapes(is_change.astype(np.uint8), connectivity=8, transform=grid.transform)
        if value
    ]
    count = len(outlines)
    return gpd.GeoDataFrame(
        {
            "event": [event.value] * count,
            "name": [f"label {number}" for number in range(1, count + 1)],
            "started_after": np.array([span[0]] * count, dtype="datetime64[s]"),
            "started_on": np.array([span[1]] * count, dtype="datetime64[s]"),
            "completed_on": np.array([span[1]] * count, dtype="datetime64[s]"),
            "area_m2": [float(outline.area) for outline in outlines],
        },
        geometry=outlines,
        crs=grid.epsg,
    )
