"""What did a reviewer look at, and what did the reviewer say of it?

A verdict is given on a detection as it was shown. Its mark names that state, so that a verdict can be refused where
the detection has become another one since.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from detection.schema import Event, Verdict

SEEN_COLUMNS = ("event", "status", "onset_after", "onset_by", "phase", "area_m2", "verdict")
"""What of a row, beside its outline, a reviewer judges by."""
_DECIMALS = 7
"""Of the degrees of an outline: about a centimetre."""
_MARK_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetRow:
    """What one reviewer says of one detection."""

    detection_id: str
    base_version: str
    """`detection_mark` of the detection as the reviewer saw it."""
    verdict: Verdict
    reviewer: str
    """A name or initials."""
    reviewed_at: datetime
    """Aware; kept in UTC."""
    event_corrected: Event | None = None
    """What happened instead; None where the detection's own event stands."""
    outline_corrected: BaseGeometry | None = None
    """Polygons in EPSG:4326; None where the detection's own outline stands."""
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("detection_id", "base_version", "reviewer"):
            if not str(getattr(self, name)).strip():
                raise ValueError(f"{name} is empty")
        if self.reviewed_at.tzinfo is None:
            raise ValueError("reviewed_at has no time zone")
        outline = self.outline_corrected
        if outline is not None and not is_outline(outline):
            raise ValueError("outline_corrected must be a valid polygon in longitude and latitude, not empty")


def is_outline(shape: BaseGeometry) -> bool:
    """Say whether `shape` can be a detection's outline in longitude and latitude."""
    if shape.geom_type not in {"Polygon", "MultiPolygon"} or shape.is_empty or not shape.is_valid:
        return False
    return bool(shapely.box(-180, -90, 180, 90).covers(shape))


def detection_mark(row: Mapping[str, Any]) -> str:
    """Return the mark of a detection's content as a reviewer sees it, in 16 hexadecimal digits.

    The same row has the same mark whether it comes from the store, a GeoPackage or a table in memory: the kinds of
    missing values, the order of vertices and single polygons in place of multi-polygons make no difference. Tables
    that round coordinates, such as GeoJSON, may give other marks: hand the mark on instead of computing it again.

    Args:
        row: A row of the detections table, its `geometry` in EPSG:4326.

    """
    content = json.dumps([_plain(row.get(name)) for name in SEEN_COLUMNS], ensure_ascii=False).encode()
    return hashlib.sha256(content + _outline(row["geometry"])).hexdigest()[:_MARK_LENGTH]


def _plain(value: Any) -> str | float | None:  # noqa: ANN401 - a table's cell may hold anything
    if value is None or pd.isna(value):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, date | np.datetime64):
        return pd.Timestamp(value).date().isoformat()
    return round(float(value), 1)


def _outline(shape: BaseGeometry) -> bytes:
    parts = shapely.get_parts(shapely.force_2d(shape))
    rounded = shapely.transform(shapely.multipolygons(parts), lambda xy: np.round(xy, _DECIMALS) + 0.0)
    return bytes(shapely.to_wkb(shapely.normalize(rounded), byte_order=1))
