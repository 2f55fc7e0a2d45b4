"""What became of each detection from run to run, and why?

A run finds what the looks of today speak for. This module sets that beside what was known before: what is found
again goes on, what later clear looks do not show is dropped, what has not been seen clearly for long is not
observable, what is complete and at rest is closed, and what a person decided stays decided. Every move is handed on
with its date and its cause, and nothing leaves the table in silence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from detection.life.lifecycle import LifecycleParams, shared_share
from detection.schema import Event, Phase, Status, Verdict, as_detections

_SAME_PLACE_SHARE = 0.3
_REGROWN = 1.2
"""A closed site that has grown by more than this factor is opened again."""
_OPEN = frozenset({Status.CANDIDATE, Status.CONFIRMED, Status.NOT_OBSERVABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step in the life of a detection."""

    detection_id: str
    on: date
    """The look that tells, or the day of the review."""
    status_from: Status | None
    """None: it was not known before."""
    status_to: Status
    cause: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {name: None if value is None else str(value) for name, value in asdict(self).items()}

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> "Move":
        """Return the move that `as_json` made `document` of."""
        before = document["status_from"]
        return cls(
            detection_id=document["detection_id"],
            on=date.fromisoformat(document["on"]),
            status_from=None if before is None else Status(before),
            status_to=Status(document["status_to"]),
            cause=document["cause"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person decided about one detection."""

    detection_id: str
    verdict: Verdict
    reviewer: str
    at: datetime
    """Aware, in UTC."""
    note: str = ""
    event: Event | None = None
    """What happened instead, where the reviewer corrected it."""
    outline_4326: BaseGeometry | None = None
    """Its outline, where the reviewer corrected it."""
    settles: bool = False
    """Whether it takes the place of all earlier verdicts on the detection."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circumstances:
    """Under which circumstances a run looked at an area."""

    last_look: date
    """The newest look that was offered, clear or not."""
    seen_on: Callable[[BaseGeometry], Sequence[date]]
    """The days on which a place, in the CRS of the table, was clearly seen, ascending."""
    settings_hash: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """The table of an area after a run, and what moved in it."""

    detections: gpd.GeoDataFrame
    moves: tuple[Move, ...]


def follow_up(
    found: gpd.GeoDataFrame,
    previous: gpd.GeoDataFrame | None,
    reviews: Sequence[Review],
    now: Circumstances,
    params: LifecycleParams,
) -> Followed:
    """Set what a run found beside what was known.

    Args:
        found: The detections of this run, with the ids that `carry_ids` gave them.
        previous: The table that the last run left, or None.
        reviews: All verdicts on detections of this area, oldest first; the newest on a detection counts.
        now: How the area was seen this time.
        params: When something is dropped, not observable or closed.

    """
    known = {} if previous is None else _by_id(previous.to_crs(found.crs))
    verdicts = {review.detection_id: review for review in reviews}
    rows, moves = [], []
    for row, before, cause in _pairs(found, known, now, params):
        before_status = None if before is None else Status(before["status"])
        reviewed = _reviewed(row, cause, verdicts.get(row["detection_id"]), now)
        rows.append(reviewed.row)
        status = Status(reviewed.row["status"])
        if status is not before_status:
            moves.append(
                Move(
                    detection_id=row["detection_id"],
                    on=reviewed.on,
                    status_from=before_status,
                    status_to=status,
                    cause=reviewed.cause,
                )
            )
    return Followed(detections=_table(rows, found), moves=tuple(moves))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reviewed:
    row: dict[str, Any]
    cause: str
    on: date


def _pairs(
    found: gpd.GeoDataFrame, known: dict[str, dict[str, Any]], now: Circumstances, params: LifecycleParams
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None, str]]:
    """Yield each row of the new table, the row it had before, and why its status is what it is."""
    rows = _by_id(found)
    for detection_id, row in rows.items():
        before = known.get(detection_id)
        after, cause = _found(row, before, now, params)
        yield after, before, cause
    for detection_id, before in known.items():
        if detection_id not in rows:
            after, cause = _not_found(before, found, now, params)
            yield after, before, cause


def _found(
    row: dict[str, Any], before: dict[str, Any] | None, now: Circumstances, params: LifecycleParams
) -> tuple[dict[str, Any], str]:
    """Return what becomes of a detection that this run found."""
    if before is not None and row["status"] == Status.CONFIRMED and not pd.isna(before["confirmed_on"]):
        row = row | {"confirmed_on": min(row["confirmed_on"], before["confirmed_on"])}
    if _is_unseen(row, now, params):
        status = {"status": Status.NOT_OBSERVABLE.value, "not_observable_since": row["last_seen_on"]}
        return row | status, f"not seen clearly since {_day(row['last_seen_on'])}"
    if before is not None and (why := _why_over(row, before, params)):
        return row | {"status": Status.CLOSED.value}, why
    looks = f"{row['looks_after']} clear looks with it, {row['looks_before']} without it before"
    return row, f"{looks}; confidence {row['confidence']:.2f}"


def _not_found(
    before: dict[str, Any], found: gpd.GeoDataFrame, now: Circumstances, params: LifecycleParams
) -> tuple[dict[str, Any], str]:
    """Return what becomes of a detection that this run did not find."""
    if Status(before["status"]) not in _OPEN:
        return before, ""
    heir = _heir(before, found)
    if heir is not None:
        return before | {"status": Status.CLOSED.value}, f"grown together with {heir}"
    later = [day for day in now.seen_on(before["geometry"]) if day > _day(before["last_seen_on"])]
    if len(later) >= params.drop_looks:
        cause = f"{len(later)} clear looks from {later[0]} to {later[-1]} do not show it"
        return before | {"status": Status.DROPPED.value, "not_observable_since": pd.NaT}, cause
    if before["settings_hash"] != now.settings_hash:
        cause = f"not found with other settings ({before['settings_hash']} became {now.settings_hash})"
        return before | {"status": Status.DROPPED.value, "not_observable_since": pd.NaT}, cause
    if not later and _is_unseen(before, now, params):
        status = {"status": Status.NOT_OBSERVABLE.value, "not_observable_since": before["last_seen_on"]}
        return before | status, f"not seen clearly since {_day(before['last_seen_on'])}"
    return before, ""


def _heir(before: dict[str, Any], found: gpd.GeoDataFrame) -> str | None:
    """Return the detection of this run that took the place of `before` without being its successor."""
    near = found.iloc[np.sort(found.sindex.query(before["geometry"], predicate="intersects"))]
    shares = {
        str(row.detection_id): shared_share(before["geometry"], row.geometry)
        for row in near.itertuples()
        if row.event == before["event"]
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _SAME_PLACE_SHARE else None


def _reviewed(row: dict[str, Any], cause: str, review: Review | None, now: Circumstances) -> _Reviewed:
    """Let a verdict stand above what was computed."""
    if review is None:
        return _Reviewed(row=row, cause=cause, on=now.last_look)
    row = row | {"verdict": review.verdict.value}
    day = review.at.date()
    by = f"{review.verdict.value} by {review.reviewer}" + (f": {review.note}" if review.note else "")
    if review.verdict is Verdict.REJECTED:
        return _Reviewed(row=row | {"status": Status.REJECTED.value}, cause=by, on=day)
    if review.verdict is Verdict.CONFIRMED:
        row = row | {"confirmed_on": pd.Timestamp(day) if pd.isna(row["confirmed_on"]) else row["confirmed_on"]}
        if Status(row["status"]) in {Status.CANDIDATE, Status.DROPPED}:
            return _Reviewed(row=row | {"status": Status.CONFIRMED.value}, cause=by, on=day)
    return _Reviewed(row=row, cause=cause, on=now.last_look)


def _is_unseen(row: dict[str, Any], now: Circumstances, params: LifecycleParams) -> bool:
    return bool(now.last_look - _day(row["last_seen_on"]) > timedelta(days=params.unseen_days))


def _why_over(row: dict[str, Any], before: dict[str, Any], params: LifecycleParams) -> str:
    """Say why there is nothing more to wait for; empty where there is, or where no look is new since the last run."""
    seen = _day(row["last_seen_on"])
    if before["status"] == Status.CLOSED and row["area_m2"] <= _REGROWN * before["area_m2"]:
        return "at rest"
    if seen <= _day(before["last_seen_on"]):
        return ""
    if row["status"] == Status.CONFIRMED:
        is_complete = row["phase"] == Phase.COMPLETE and not pd.isna(row["complete_by"])
        if is_complete and seen - _day(row["complete_by"]) >= timedelta(days=params.close_days):
            return f"complete by {_day(row['complete_by'])}, and at rest for {params.close_days} days"
        return ""
    if seen - _day(row["onset_by"]) >= timedelta(days=params.expire_days):
        return f"not confirmed within {params.expire_days} days"
    return ""


def _day(value: Any) -> date:  # noqa: ANN401 - a date of a table or of a row
    return pd.Timestamp(value).date()


def _by_id(table: gpd.GeoDataFrame) -> dict[str, dict[str, Any]]:
    return {str(row["detection_id"]): row for row in table.to_dict("records")}


def _table(rows: Sequence[dict[str, Any]], like: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if not rows:
        return like
    return as_detections(gpd.GeoDataFrame(list(rows), geometry="geometry", crs=like.crs))
