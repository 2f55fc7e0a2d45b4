"""How much is a detection worth looking at?

A reader's time goes where it decides most: to what may as well be true as false, to what is large, to what lies at a
known place, to what began lately. The weights are judgements, and each part is told with its own points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

WEIGHTS: Mapping[str, float] = {"uncertain": 0.40, "near": 0.25, "large": 0.20, "recent": 0.15}
"""Of each part, together 1."""
HALF_SIZE_M2 = 5_000.0
"""A detection of this size has half of the points for size."""
HALF_DISTANCE_M = 250.0
"""A detection this far from a known place has half of the points for nearness."""
FIRST_DAY = date(2015, 6, 23)
"""When the first Sentinel-2 was launched: what began then has no points for being recent."""
SPAN_DAYS = 20 * 365.25
"""What began so long after that day has all of them. Fixed days: the order does not change from day to day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The points of a detection, each part between 0 and 1 before it is weighted."""

    uncertain: float
    near: float
    large: float
    recent: float

    @property
    def points(self) -> float:
        """All parts, weighted: 0 to 1."""
        return float(sum(weight * getattr(self, name) for name, weight in WEIGHTS.items()))


def worth_of(row: Mapping[str, Any]) -> Worth:
    """Return the points of a row of the detections table."""
    return Worth(
        uncertain=1.0 - abs(2.0 * float(row["confidence"]) - 1.0),
        near=_nearness(str(row["facility_relation"]), row["facility_distance_m"]),
        large=float(row["area_m2"]) / (float(row["area_m2"]) + HALF_SIZE_M2),
        recent=min(1.0, max(0.0, (pd.Timestamp(row["onset_by"]).date() - FIRST_DAY).days / SPAN_DAYS)),
    )


def why(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what a detection has its points for, the most telling part first."""
    worth = worth_of(row)
    words = {
        "uncertain": f"probability {float(row['confidence']):.2f}",
        "near": f"{row['facility_relation']} {row['facility_id']}" if worth.near else "near no known place",
        "large": f"{float(row['area_m2']):,.0f} m²".replace(",", " "),
        "recent": f"began by {pd.Timestamp(row['onset_by']).date()}",
    }
    points = {name: WEIGHTS[name] * getattr(worth, name) for name in WEIGHTS}
    return tuple(f"{words[name]} ({points[name]:.2f})" for name in sorted(points, key=lambda name: -points[name]))


def _nearness(relation: str, distance_m: float | None) -> float:
    if relation == "inside":
        return 1.0
    if relation == "none" or distance_m is None or pd.isna(distance_m):
        return 0.0
    return HALF_DISTANCE_M / (HALF_DISTANCE_M + float(distance_m))
