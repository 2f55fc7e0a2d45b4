"""What does finding changes cost, in processor time and memory, and how far is that from what the machine allows?

    python -m benchmarks.speed [--cases site pair area objects] [--side 10980] [--kilometres 4 12.65] [--json FILE]

Each case runs in a process of its own: seconds are of all its threads together. Memory is the most it ever held:
``peak_mb`` with the pages of files that are mapped, which the system takes back when it needs them, ``anonymous_mb``
without them, looked at every few milliseconds.
``site`` is a usual place, 256 x 256 pixels on 60 dates in 6 bands, from looks in memory to tables, again and again.
``pair`` is two dates of a whole Sentinel-2 tile, 10,980 x 10,980 pixels in 4 bands, read strip by strip from
cloud-optimised GeoTIFFs into the maps that outlines are made from; reading the same without looking at it is measured
beside it. The ``area`` cases go from a folder of GeoTIFFs on 12 dates to the tables, as a run does, with `--limit-mb`
allowed: the second has ten times the ground of the first, and should not take more memory than is allowed for that.
``objects`` does the same on 24 dates with a given number of buildings, one on each 180 m square: twice the ground
holds twice the objects, and an object should cost the same whatever their number; `--objects-limit-mb` is what it
may take. The floor is what the machine needs to copy all values once, and to write the maps that are kept to new files.
The imagery is made up: texture, light and noise like real ones, and some hundred buildings.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow
from scipy import ndimage

from detection.changes import map_changes
from detection.detect import find_changes
from detection.params import DetectParams
from detection.room import Maps, Room
from flows.reading.blocks import check_blocks, read_area, reading_blocks, room_for
from geo.grid import Grid
from geo.scene import Quantity, Stack
from geo.sources.folder import FolderSource

CASES = ("site", "pair", "area", "objects")
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
TEXTURE_PX = 1098
BLOCK_PX = 512
SCALE = 10_000
_LOOK_EVERY_S = 0.02
_SITE_REPEATS = 9
AREA_BANDS = 4
AREA_DATES = 12
OBJECT_DATES = 24
PX_AN_OBJECT = 1800
"""Ground for each: as 5,000 of them on 30 x 30 km."""
OBJECT_PX = 7
KEPT_MAPS = 21
"""Maps of a pair, in units of four bytes a pixel, that are kept: looks in one light, before and after, scores."""


def ground(side: int, bands: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Return textured ground, shape (band, y, x): fields, edges and grain, in reflectance."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.standard_normal((side, side)), 12, mode="wrap") * 12
    detail = ndimage.gaussian_filter(rng.standard_normal((side, side)), 1.2, mode="wrap")
    return (
        np.stack(
            [
                0.15 + 0.02 * band + 0.03 * np.sign(fields) + 0.02 * detail + 0.008 * rng.standard_normal((side, side))
                for band in range(bands)
            ]
        )
        .clip(0.02, 0.9)
        .astype(np.float32)
    )


def site_stack(side: int = 256, dates: int = 60) -> Stack:
    """Return a usual place in memory: six bands, clouds on half of the dates, a compound and a shed."""
    rng = np.random.default_rng(3)
    base = ground(side, len(BANDS))
    when = [datetime(2020, 1, 3) + timedelta(days=12 * index) for index in range(dates)]  # noqa: DTZ001 - as in a stack
    values = np.empty((dates, *base.shape), dtype=np.float32)
    for index, day in enumerate(when):
        season = 1 + 0.05 * np.cos(2 * np.pi * day.timetuple().tm_yday / 365.25)
        values[index] = base * np.float32(season * rng.uniform(0.9, 1.1))
        values[index] += 0.004 * rng.standard_normal(base.shape, dtype=np.float32)
        if index >= dates // 2:
            values[index, :, 100:130, 60:95] += 0.15
        if index >= dates // 4:
            values[index, :, 180:190, 160:190] += 0.1
        if index % 2:
            cloud = ndimage.gaussian_filter(rng.standard_normal((side, side)), 12)
            values[index, :, cloud > rng.uniform(0, 0.04)] = np.nan
    return stack_of(dict(zip(BANDS, np.moveaxis(values, 1, 0), strict=True)), when)


def stack_of(layers: Mapping[str, NDArray[np.float32]], when: Sequence[datetime]) -> Stack:
    """Return a stack of `layers`, shape (time, y, x), by band."""
    dates, height, width = next(iter(layers.values())).shape
    grid = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10.0, width_px=width, height_px=height)
    dataset = xr.Dataset(
        {name: (("time", "y", "x"), layer) for name, layer in layers.items()},
        coords={
            "time": np.array(when, dtype="datetime64[ns]"),
            "y": grid.y_m,
            "x": grid.x_m,
            "scene_id": ("time", [f"date-{index}" for index in range(dates)]),
            "platform": ("time", ["sentinel-2a"] * dates),
        },
    )
    return Stack(dataset=dataset, grid=grid, quantity=Quantity.REFLECTANCE)


def scattered(side: int) -> list[tuple[slice, slice]]:
    """Return some places for buildings anywhere in a tile."""
    places = np.random.default_rng(5).integers(0, max(1, side - 40), (max(1, (side // 500) ** 2), 2))
    return [(slice(row, row + 14), slice(column, column + 20)) for row, column in places.tolist()]


def one_a_cell(count: int) -> tuple[int, list[tuple[slice, slice]]]:
    """Return the side of an area, and places for `count` small buildings on it, each somewhere in a cell of its own."""
    across = ceil(sqrt(count))
    cell_px = round(sqrt(PX_AN_OBJECT))
    rng = np.random.default_rng(6)
    cells = rng.permutation(across * across)[:count]
    corners = np.stack(divmod(cells, across), axis=1) * cell_px
    corners += rng.integers(10, cell_px - OBJECT_PX - 10, corners.shape)
    places = [(slice(row, row + OBJECT_PX), slice(column, column + OBJECT_PX)) for row, column in corners.tolist()]
    return across * cell_px, places


def write_tile(
    folder: Path, *, side: int, dates: int, bands: int, places: Sequence[tuple[slice, slice]] | None = None
) -> list[datetime]:
    """Write made-up dates of one tile, a GeoTIFF a date and band, tiled and deflated; return the days.

    Something was built at `places`, rows and columns: `scattered` ones unless they are given.
    """
    texture = ground(TEXTURE_PX, bands)
    rng = np.random.default_rng(5)
    when = [datetime(2021, 5, 1) + timedelta(days=30 * index) for index in range(dates)]  # noqa: DTZ001 - as in a stack
    places = scattered(side) if places is None else places
    profile = {
        "driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint16", "tiled": True,
        "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX, "compress": "deflate", "predictor": 2, "zlevel": 1,
        "crs": "EPSG:32631",
        "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_700_000),
    }  # fmt: skip
    for index in range(dates):
        shift = (0.0, 0.0) if index == 0 else (0.3, -0.2)
        for band in range(bands):
            moved = ndimage.shift(texture[band], shift, order=1, mode="wrap") * rng.uniform(0.9, 1.1)
            with rasterio.open(folder / f"{index}-{BANDS[band]}.tif", "w", **profile) as file:
                for top in range(0, side, TEXTURE_PX):
                    rows = min(TEXTURE_PX, side - top)
                    strip = np.tile(moved, (1, -(-side // TEXTURE_PX)))[:rows, :side]
                    strip = strip * SCALE + 40 * rng.standard_normal(strip.shape, dtype=np.float32)
                    for down, right in places if index >= dates // 2 else ():
                        strip[max(0, down.start - top) : max(0, down.stop - top), right] += 1_500
                    file.write(strip.clip(1, 65_535).astype(np.uint16), 1, window=RasterWindow(0, top, side, rows))
    return when


def read_blocks(  # noqa: PLR0913 - from where, to where, how much
    folder: Path, maps: Maps, *, side: int, dates: int, bands: int, keep: bool
) -> dict[str, Any]:
    """Read a tile strip by strip into maps of reflectance; without `keep`, decode only."""
    shape = (dates, side, side)
    layers = {name: maps.empty(name, shape, np.float32) for name in BANDS[: bands if keep else 0]}
    step = BLOCK_PX
    for index in range(dates):
        for name in BANDS[:bands]:
            with rasterio.open(folder / f"{index}-{name}.tif") as file:
                for top in range(0, side, step):
                    rows = min(step, side - top)
                    values = file.read(1, window=RasterWindow(0, top, side, rows))
                    if keep:
                        own = (slice(top, top + rows), slice(0, side))
                        maps.put(name, layers[name], own, values * np.float32(1 / SCALE), at=(index,))
                maps.release()
    maps.close()
    return layers


def run_site() -> dict[str, float]:
    """Look at a usual place several times: the first time shows what compiling costs, and asking for memory."""
    stack = site_stack()
    inside = np.ones(stack.grid.shape, dtype=bool)
    seconds = []
    for _ in range(1 + _SITE_REPEATS):
        began = time.process_time()
        found = find_changes(stack, "site", inside, DetectParams())
        seconds.append(time.process_time() - began)
    first, *later = seconds
    return {
        "cpu_s_first": first,
        "cpu_s": float(np.median(later)),
        "cpu_s_least": min(later),
        "cpu_s_most": max(later),
        "detections": float(len(found.detections)),
    }


def run_tile(folder: Path, *, side: int, dates: int, bands: int, memory_mb: float) -> dict[str, float]:
    """Look at a tile that is read block by block."""
    figures = {}
    began = time.process_time()
    read_blocks(folder, Maps(), side=side, dates=dates, bands=bands, keep=False)
    figures["decode_s"] = time.process_time() - began
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        room = Room(memory_mb=memory_mb, folder=Path(scratch))
        began = time.process_time()
        layers = read_blocks(folder, Maps(room=room), side=side, dates=dates, bands=bands, keep=True)
        figures["read_s"] = time.process_time() - began
        when = [datetime(2021, 5, 1) + timedelta(days=30 * index) for index in range(dates)]  # noqa: DTZ001
        stack = stack_of(layers, when)
        began, wall = time.process_time(), time.perf_counter()
        changes = map_changes(stack, DetectParams(), room=room)
        figures["maps_s"], figures["maps_wall_s"] = time.process_time() - began, time.perf_counter() - wall
        figures["cpu_s_after_decoding"] = figures["read_s"] + figures["maps_s"] - figures["decode_s"]
        figures["changed_px"] = float(np.count_nonzero(changes.is_changed))
    return figures


def floor_of(values: int) -> dict[str, float]:
    """Return what the machine needs at least: to copy as many float32 values, and to write them to a new file."""
    part = np.ones(1 << 24, dtype=np.float32)
    other = np.zeros_like(part)
    began = time.process_time()
    for _ in range(8):
        np.copyto(other, part)
    copied = time.process_time() - began
    with tempfile.TemporaryFile() as file:
        began = time.process_time()
        for _ in range(8):
            file.write(part.data)
        written = time.process_time() - began
    return {"copy_s": copied / 8 / part.size * values, "write_s": written / 8 / part.size * values}


def run_area(folder: Path, *, side: int, limit_mb: int) -> dict[str, float]:
    """Read and look at an area as a run does, from search to tables."""
    grid = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10.0, width_px=side, height_px=side)
    source = FolderSource(folder)
    refs = source.search(grid.footprint_4326, first=date.min, last=date.max)
    check_blocks("area", refs, grid, limit_mb=limit_mb)
    began, wall = time.process_time(), time.perf_counter()
    with room_for(refs, grid, limit_mb=limit_mb, folder=folder / "state") as room:
        looks = read_area(source, refs, grid, area_id="area", room=room)
        read_s = time.process_time() - began
        if looks.stack is None:
            raise RuntimeError("nothing was read")
        inside = np.ones(grid.shape, dtype=bool)
        found = find_changes(looks.stack, "area", inside, DetectParams(), room=room)
    return {
        "blocks": float(len(reading_blocks(refs, grid, limit_mb=limit_mb))),
        "read_s": read_s,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - began,
        "detections": float(len(found.detections)),
    }


def objects_case(count: int, limit_mb: int) -> dict[str, float]:
    """Write an area with so many buildings and run over it."""
    side, places = one_a_cell(count)
    figures = area_case(side, OBJECT_DATES, limit_mb, places)
    return {"objects": float(count), "ms_an_object": 1e3 * figures["cpu_s"] / figures["detections"]} | figures


def area_case(
    side: int, dates: int, limit_mb: int, places: Sequence[tuple[slice, slice]] | None = None
) -> dict[str, float]:
    """Write an area as a folder of GeoTIFFs and run over it."""
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        when = write_tile(Path(folder), side=side, dates=dates, bands=AREA_BANDS, places=places)
        for index, day in enumerate(when):
            for name in BANDS[:AREA_BANDS]:
                Path(folder, f"{index}-{name}.tif").rename(Path(folder, f"{day:%Y%m%d}_{name}.tif"))
        figures = measured(partial(run_area, Path(folder), side=side, limit_mb=limit_mb))
    return {"megapixels": side * side / 1e6, "values": float(side * side * dates * AREA_BANDS)} | figures


def measured(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Run `work` in a fresh process; add the most memory it held."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_with_peak, (work,))


def _with_peak(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    done, highest = Event(), [0.0]

    def watch() -> None:
        while not done.wait(_LOOK_EVERY_S):
            highest[0] = max(highest[0], anonymous_mb())

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    figures = work()
    done.set()
    watcher.join()
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["anonymous_mb"] = highest[0]
    return figures


def anonymous_mb() -> float:
    """Return how much memory this process holds now that belongs to no file; NaN where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    held = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(held[0]) / 1024 if held else float("nan")


def tile_case(side: int, dates: int, bands: int, memory_mb: float) -> dict[str, float]:
    """Write a tile and look at it."""
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        write_tile(Path(folder), side=side, dates=dates, bands=bands)
        figures = measured(partial(run_tile, Path(folder), side=side, dates=dates, bands=bands, memory_mb=memory_mb))
    return {"megapixels": side * side / 1e6, "values": float(side * side * dates * bands)} | figures


def with_floor(figures: dict[str, float], kept: float) -> dict[str, float]:
    """Add what the machine needs at least; `kept` values are written."""
    floor = floor_of(1)
    return figures | {"floor_copy_s": floor["copy_s"] * figures["values"], "floor_write_s": floor["write_s"] * kept}


def run_cases(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run the cases that were asked for."""
    figures: dict[str, dict[str, float]] = {}
    if "site" in options.cases:
        figures["site"] = with_floor(measured(run_site) | {"values": 256.0 * 256 * 60 * 6}, 0)
    if "pair" in options.cases:
        figures["pair"] = with_floor(tile_case(options.side, 2, 4, options.memory_mb), KEPT_MAPS * options.side**2)
    for kilometres in options.kilometres if "area" in options.cases else ():
        figures[f"{kilometres:g} km"] = area_case(round(kilometres * 100), AREA_DATES, options.limit_mb)
    for count in options.objects if "objects" in options.cases else ():
        figures[f"{count} obj"] = objects_case(count, options.objects_limit_mb)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=str(__doc__).splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=CASES[:3], choices=CASES)
    parser.add_argument("--side", type=int, default=10_980, help="pixels a side of the pair")
    parser.add_argument("--kilometres", nargs="+", type=float, default=[4, 12.65], help="sides of the areas")
    parser.add_argument("--memory-mb", type=float, default=1_700, help="that the pair may take")
    parser.add_argument("--limit-mb", type=int, default=600, help="that an area may take")
    parser.add_argument("--objects", nargs="+", type=int, default=[100, 400, 1600], help="how many there are")
    parser.add_argument("--objects-limit-mb", type=int, default=2_000, help="that an area of objects may take")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    figures = run_cases(options)
    for name, row in figures.items():
        print(f"{name:>8}  " + "  ".join(f"{key} {value:,.2f}" for key, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
