"""What a project must know of a GeoPackage of a run: where, when, and how its areas are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from geo.errors import StateError

_WORLD = (-180.0, -60.0, 180.0, 75.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a project says of itself."""

    title: str
    credit: str
    made_at: datetime
    bounds: tuple[float, float, float, float]
    """West, south, east and north of what it shows, in degrees."""
    period: tuple[date, date] | None = None
    """From the first to the last day that the time slider passes through."""
    seen: str = ""
    """From when to when imagery was looked at, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the tables of a run tell."""

    bounds: tuple[float, float, float, float]
    names: Mapping[str, str]
    """Area id to name."""
    period: tuple[date, date] | None
    seen: tuple[date, date] | None

    def about(self, *, title: str, credit: str, made_at: datetime) -> About:
        """Return what a project says of itself."""
        seen = f"imagery of {self.seen[0].isoformat()} to {self.seen[1].isoformat()}" if self.seen else ""
        return About(title=title, credit=credit, made_at=made_at, bounds=self.bounds, period=self.period, seen=seen)


def facts_of(package: Path) -> Facts:
    """Read them from a GeoPackage that `outputs.layers.geopackage` wrote.

    Raises:
        StateError: It cannot be read.

    """
    try:
        areas = pyogrio.read_dataframe(package, layer="areas")
        detections = pyogrio.read_dataframe(package, layer="detections", read_geometry=False)
        coverage = pyogrio.read_dataframe(package, layer="coverage", read_geometry=False)
    except (DataSourceError, DataLayerError) as error:
        raise StateError(f"{package}: expected a GeoPackage of a run; {error}") from error
    west, south, east, north = (float(value) for value in areas.total_bounds)
    is_placed = bool(np.isfinite([west, south, east, north]).all())
    return Facts(
        bounds=(west, south, east, north) if is_placed else _WORLD,
        names={str(row.id): str(row.name_ or row.id) for row in areas.rename(columns={"name": "name_"}).itertuples()},
        period=_span(detections["onset_after"], detections["onset_by"]),
        seen=_span(coverage["period_start"], coverage["period_end"]),
    )


def _span(first: pd.Series, last: pd.Series) -> tuple[date, date] | None:
    days = pd.to_datetime(pd.concat([first, last])).dropna()
    return (days.min().date(), days.max().date()) if len(days) else None
