"""Which roofs inside a perimeter are gone, how much of them, and was anything built in their place?

Made from the detections that there are: those of demolition that lie inside. Their area has an interval, radar is asked
where it told something, and what is followed by construction on the same ground within some months is a renewal, not
a loss. While those months have not passed, the answer is open.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import geopandas as gpd
import pandas as pd
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from detection.schema import Event, Status

_OPEN_STATES = frozenset({Status.REJECTED.value, Status.DROPPED.value})
_BUILT = frozenset({Event.CONSTRUCTION.value, Event.EXPANSION.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class DemolitionParams:
    """What counts as a lost roof."""

    renewal_days: int = 120
    """What is built on the same ground within so many days after the loss replaces it."""

    renewal_share: float = 0.25
    """… if it covers at least this share (0-1) of it."""

    least_inside_share: float = 0.5
    """A detection belongs to the perimeter when this share (0-1) of it lies inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRoof:
    """One demolition inside a perimeter."""

    detection_id: str
    area_m2: float
    """Inside the perimeter."""
    area_low_m2: float
    """Of the 95 % interval; as `area_m2` where none was measured."""
    area_high_m2: float
    gone_after: date
    gone_by: date
    confidence: float
    radar_agrees: bool | None
    """Whether radar shows the step down, too; None where it tells nothing."""
    replaced_by: tuple[str, ...]
    """Ids of what was built on the same ground soon after."""
    is_open: bool
    """Whether it is too early to say that nothing replaces it."""

    @property
    def is_loss(self) -> bool:
        """Whether it is gone and was not replaced while that could be seen."""
        return not self.replaced_by and not self.is_open


def lost_roofs(
    detections: gpd.GeoDataFrame, inside_m: Polygon, last_look: date, params: DemolitionParams | None = None
) -> tuple[LostRoof, ...]:
    """Return the demolitions inside a perimeter, the largest first.

    Args:
        detections: By the schema of detections.
        inside_m: What the perimeter encloses, in the CRS of `detections`.
        last_look: The last day on which the place was clearly seen.
        params: What counts.

    """
    params = params or DemolitionParams()
    valid = detections[~detections["status"].isin(_OPEN_STATES)]
    built = valid[valid["event"].isin(_BUILT)]
    gone = valid[valid["event"] == Event.DEMOLITION.value]
    shares = gone.intersection(inside_m).area / gone.area
    found = [
        _lost(row, float(share), built, last_look, params)
        for (_, row), share in zip(gone.iterrows(), shares, strict=True)
        if share >= params.least_inside_share
    ]
    return tuple(sorted(found, key=lambda roof: -roof.area_m2))


def _lost(row: pd.Series, share: float, built: gpd.GeoDataFrame, last_look: date, params: DemolitionParams) -> LostRoof:
    gone_after, gone_by = row["onset_after"].date(), row["onset_by"].date()
    until = gone_by + timedelta(days=params.renewal_days)
    low, high = (row[name] if pd.notna(row[name]) else row["area_m2"] for name in ("area_low_m2", "area_high_m2"))
    return LostRoof(
        detection_id=str(row["detection_id"]),
        area_m2=share * float(row["area_m2"]),
        area_low_m2=share * float(low),
        area_high_m2=share * float(high),
        gone_after=gone_after,
        gone_by=gone_by,
        confidence=float(row["confidence"]),
        radar_agrees=_radar(row["evidence"]),
        replaced_by=_replaced(row.geometry, built, (gone_after, until), params),
        is_open=last_look < until,
    )


def _radar(evidence: str) -> bool | None:
    told = json.loads(evidence).get("radar", {})
    return bool(told["agrees"]) if "agrees" in told else None


def _replaced(
    shape: BaseGeometry, built: gpd.GeoDataFrame, period: tuple[date, date], params: DemolitionParams
) -> tuple[str, ...]:
    first, last = (pd.Timestamp(day) for day in period)
    is_then = (built["onset_by"] >= first) & (built["onset_after"] <= last)
    is_there = built.intersection(shape).area >= params.renewal_share * shape.area
    return tuple(built.loc[is_then & is_there, "detection_id"].astype(str))


def total_area_m2(roofs: Sequence[LostRoof]) -> tuple[float, float, float]:
    """Return the area that is lost and not replaced: best, low and high; their errors are taken to go together."""
    lost = [roof for roof in roofs if roof.is_loss]
    sums = (sum(getattr(roof, name) for roof in lost) for name in ("area_m2", "area_low_m2", "area_high_m2"))
    best, low, high = sums
    return best, low, high
