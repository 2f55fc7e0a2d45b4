"""What do the maps and the pictures of an area cost beside finding its changes: processor seconds, MB on disk?

    python -m benchmarks.rasters [--sides 128 256 1024] [--dates 24] [--json FILE]

Made-up ground (texture, light and noise like real ones, one built-up site) in 4 bands, looks in memory. `find` is
what the detector takes; `maps` the five GeoTIFFs; `pictures` one detection's: true and false colour, time series,
time-lapse. Memory is what writing the maps added to the most that was ever held, in MB.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.areas import Area
from benchmarks.speed import ground
from detection.detect import Findings, find_changes
from detection.params import DetectParams
from flows.area.pictures import Folders, Surroundings, draw_pictures
from flows.area.rasters import draw_rasters
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

BANDS = ("B02", "B03", "B04", "B08")
CREDIT = "Simulated imagery, not an observation"
_BLOCKS = (slice(40, 70), slice(40, 80))
_EVERY_DAYS = 30


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 256, 1024], metavar="PX")
    parser.add_argument("--dates", type=int, default=24)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    measure(96, args.dates)  # compiles what is compiled once, and loads what is loaded once
    rows = [measure(side, args.dates) for side in args.sides]
    print(f"{'side px':>8}{'find s':>9}{'maps s':>9}{'share':>8}{'MB':>8}{'+MB held':>10}{'pictures s':>12}{'MB':>8}")
    for row in rows:
        print(
            f"{row['side_px']:>8}{row['find_s']:>9.2f}{row['maps_s']:>9.2f}{row['maps_s'] / row['find_s']:>8.1%}"
            f"{row['maps_mb']:>8.2f}{row['held_mb']:>10.0f}{row['pictures_s']:>12.2f}{row['pictures_mb']:>8.2f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(side: int, dates: int) -> dict[str, Any]:
    """Return what one area costs."""
    stack = made_up(side, dates)
    area = Area(area_id="area", name="Area", polygon_4326=stack.grid.footprint_4326)
    inside = np.ones(stack.grid.shape, dtype=bool)
    found, find_s = timed(lambda: find_changes(stack, "area", inside, DetectParams()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = _peak_mb()
        _, maps_s = timed(lambda: draw_rasters(folder / "maps", area, found, credit=CREDIT, further=None))
        held_mb = _peak_mb() - held
        _, pictures_s = timed(lambda: _pictures(folder / "pictures", found))
        maps_mb, pictures_mb = (_size_mb(folder / part) for part in ("maps", "pictures"))
    return {
        "side_px": side,
        "dates": dates,
        "find_s": find_s,
        "maps_s": maps_s,
        "maps_mb": maps_mb,
        "held_mb": held_mb,
        "pictures_s": pictures_s,
        "pictures_mb": pictures_mb,
        "detections": len(found.detections),
    }


def _pictures(folder: Path, found: Findings) -> None:
    if found.registered is None:
        return
    names = {name: folder / name for name in ("pictures", "series", "timelapses")}
    surroundings = Surroundings(area_name="Area", facilities=(), credit=CREDIT)
    draw_pictures(Folders(**names, formats=("webp",)), found.detections.iloc[:1], found.registered, surroundings)


def made_up(side: int, dates: int) -> Stack:
    """Return looks at ground on which something is built half way through."""
    rng = np.random.default_rng(1)
    grid = Grid(epsg=32645, left_m=600_000, top_m=4_800_000, pixel_m=10, width_px=side, height_px=side)
    still = ground(side, len(BANDS))
    scenes = []
    for index in range(dates):
        look = (still + rng.normal(0, 0.004, still.shape)).astype(np.float32)
        if index >= dates // 2:
            rows, columns = np.indices((30, 40))
            look[:, *_BLOCKS] = np.where((rows // 3 + columns // 5) % 2, np.float32(0.45), np.float32(0.12))
        day = date(2017, 1, 1) + timedelta(days=_EVERY_DAYS * index)
        scenes.append(_scene(look, day, grid))
    return replace(Stack.of(scenes), resample=None)


def _scene(look: NDArray[np.float32], day: date, grid: Grid) -> Scene:
    return Scene(
        scene_id=f"S2A_{day:%Y%m%d}",
        observed_at=datetime(day.year, day.month, day.day, 5, tzinfo=UTC),
        platform="sentinel-2a",
        quantity=Quantity.REFLECTANCE,
        grid=grid,
        bands=dict(zip(BANDS, look, strict=True)),
        is_clear=np.ones(grid.shape, dtype=bool),
    )


def timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `task` gives, and the processor seconds of all its threads."""
    began = time.process_time()
    result = task()
    return result, time.process_time() - began


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
