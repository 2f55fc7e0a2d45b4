"""What is held at once is bounded by the setting, not by the size of the area: measured, not counted."""

import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from detection.changes import map_changes
from detection.looks.registered import mapped
from detection.params import DetectParams
from detection.room import Maps, Room
from geo.grid import Grid
from geo.scene import Quantity, Stack

OVERHEAD_MB = 300
"""What is set aside for the program itself, which is not measured here."""


def stack_in_files(folder: Path, *, side: int, dates: int, bands: int) -> Stack:
    """Return textured ground that lies in files."""
    rng = np.random.default_rng(0)
    maps = Maps(room=Room(memory_mb=1, folder=folder))
    texture = 0.2 + 0.03 * rng.standard_normal((side, side), dtype=np.float32)
    layers = {}
    for band in range(bands):
        name = f"B0{band + 2}"
        layers[name] = maps.empty(name, (dates, side, side), np.float32)
        for index in range(dates):
            layers[name][index] = texture + 0.004 * rng.standard_normal((side, side), dtype=np.float32)
            layers[name][index, :40, index * 10 : index * 10 + 30] = np.nan
    maps.close()
    grid = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10, width_px=side, height_px=side)
    stamps = [datetime(2020, 1, 3) + timedelta(days=30 * index) for index in range(dates)]  # noqa: DTZ001 - as in a stack
    dataset = xr.Dataset(
        {name: (("time", "y", "x"), mapped(layer)) for name, layer in layers.items()},
        coords={
            "time": np.array(stamps, dtype="datetime64[ns]"),
            "scene_id": ("time", [f"s{index}" for index in range(dates)]),
            "platform": ("time", ["sentinel-2a"] * dates),
        },
    )
    return Stack(dataset=dataset, grid=grid, quantity=Quantity.REFLECTANCE)


def peak_mb(stack: Stack, room: Room) -> float:
    tracemalloc.start()
    try:
        map_changes(stack, DetectParams(), room=room)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dates", "bands", "room_mb", "sides"),
    [pytest.param(2, 4, 60, (500, 1_500), id="pair"), pytest.param(12, 2, 90, (300, 900), id="series")],
)
def test_nine_times_the_area_takes_no_more_than_is_allowed(
    tmp_path: Path, dates: int, bands: int, room_mb: int, sides: tuple[int, int]
) -> None:
    room = Room(memory_mb=OVERHEAD_MB + room_mb, folder=tmp_path)
    map_changes(stack_in_files(tmp_path, side=200, dates=dates, bands=bands), DetectParams(), room=room)
    peaks = [peak_mb(stack_in_files(tmp_path, side=side, dates=dates, bands=bands), room) for side in sides]
    assert max(peaks) <= room_mb
    assert max(peaks) >= room_mb / 4, "the estimate is far too careful: blocks are smaller than they need be"
