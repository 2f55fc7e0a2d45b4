"""Stacks and tables made by hand for the tests of detection."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

EPSG = 32645
LEFT_M, TOP_M = 600_000.0, 4_805_000.0


def grid_of(height_px: int, width_px: int) -> Grid:
    """Return a grid of 10 m pixels near Urumqi."""
    return Grid(epsg=EPSG, left_m=LEFT_M, top_m=TOP_M, pixel_m=10.0, width_px=width_px, height_px=height_px)


class MakeStack(Protocol):
    """Makes a stack of `values` (time, band, y, x), NaN where not clearly seen."""

    def __call__(
        self, values: NDArray[np.floating], days: Sequence[date] | None = None, *, gap_days: int = 25
    ) -> Stack: ...


class MakeRow(Protocol):
    """Makes a row of a detections table, with other values for the columns named."""

    def __call__(self, detection_id: str = "a-1", **others: object) -> dict[str, Any]: ...


@pytest.fixture
def make_stack() -> MakeStack:
    """Return the maker of stacks: bands B02 B03 B04…, a look every `gap_days`."""

    def make(values: NDArray[np.floating], days: Sequence[date] | None = None, *, gap_days: int = 25) -> Stack:
        names = ("B02", "B03", "B04", "B08")[: values.shape[1]]
        on = days or [date(2022, 1, 5) + timedelta(days=gap_days * index) for index in range(len(values))]
        scenes = [
            Scene(
                scene_id=f"look-{index}",
                observed_at=datetime.combine(day, time(5, 0), tzinfo=UTC),
                platform="made-up",
                quantity=Quantity.REFLECTANCE,
                grid=grid_of(*values.shape[2:]),
                bands={name: layer.astype(np.float32) for name, layer in zip(names, image, strict=True)},
                is_clear=np.isfinite(image).all(axis=0),
            )
            for index, (day, image) in enumerate(zip(on, values, strict=True))
        ]
        return Stack.of(scenes)

    return make


@pytest.fixture(scope="session")
def make_row() -> MakeRow:
    """Return the maker of rows: a confirmed construction of 100 x 100 m."""

    def make(detection_id: str = "a-1", **others: object) -> dict[str, Any]:
        square: Polygon = box(LEFT_M, TOP_M - 100, LEFT_M + 100, TOP_M)
        row = {
            "detection_id": detection_id,
            "area_id": "a",
            "facility_id": None,
            "facility_relation": "none",
            "facility_distance_m": np.nan,
            "event": "construction",
            "status": "confirmed",
            "confidence": 0.9,
            "onset_after": date(2022, 3, 1),
            "onset_by": date(2022, 4, 1),
            "confirmed_on": date(2022, 6, 1),
            "last_seen_on": date(2022, 9, 1),
            "looks_before": 4,
            "looks_after": 9,
            "area_m2": 10_000.0,
            "evidence": json.dumps({"features": {}, "growth": [], "note": "营地"}),
            "sensors": "sentinel-2a",
            "scene_ids": json.dumps(["x"]),
            "settings_hash": "0123456789ab",
            "geometry": square,
        }
        return row | others

    return make
