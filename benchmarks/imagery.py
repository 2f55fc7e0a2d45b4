"""Measure how fast and how lean scenes are read from a STAC catalogue, beside a plain load with odc-stac.

    python -m benchmarks.imagery [--dates 12] [--side 500] [--large 6000] [--limit-mb 1600] [--json FILE]

Both read the same scenes from the same server on this machine in the same run, each in processes of its own that take
turns: reflectance of four bands and the classification, on the file's own pixels and beside them. odc-stac brings
numbers; ours also brings offsets, masks grown around clouds, reasons, and errors that name what failed. Then one date
of a large area goes through the source and the store of kept imagery, and its peak of memory is held against a limit.

odc-stac is needed for this benchmark alone: the optional dependencies `bench` install it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from affine import Affine
from shapely.geometry import box, mapping

from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid

EPSG = 32645
LEFT_M, TOP_M = 500_000.0, 4_800_000.0
PIXEL_M = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "SCL": 20}
BANDS = tuple(PIXEL_M)
FIRST = datetime(2022, 1, 5, 5, 20, tzinfo=UTC)
TURNS = 3
BYTES_PER_MB = 1e6
KB = 1024
CLASSES = 5
"""SCL where nothing hides the ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is read, by whom, from where."""

    reader: str
    """One of `READERS`."""
    url: str
    dates: int
    side_px: int
    shift_m: float
    """How far the wanted pixels lie beside the files' own."""

    @property
    def grid(self) -> Grid:
        """The wanted pixels, in the middle of the tile or all of it."""
        return Grid(
            epsg=EPSG,
            left_m=LEFT_M + 400 + self.shift_m,
            top_m=TOP_M - 400 - self.shift_m,
            pixel_m=10,
            width_px=self.side_px,
            height_px=self.side_px,
        )


# --- the scenes --------------------------------------------------------------------------------------


def write_catalogue(folder: Path, url: str, *, dates: int, side_px: int) -> None:
    """Write a static STAC catalogue of tiles of `side_px` pixels of 10 m, as the public ones hold them."""
    from rasterio.io import MemoryFile  # noqa: PLC0415
    from rasterio.shutil import copy  # noqa: PLC0415

    outline = reproject(
        box(LEFT_M, TOP_M - side_px * 10, LEFT_M + side_px * 10, TOP_M), from_epsg=EPSG, to_epsg=LON_LAT_EPSG
    )
    for index in range(dates):
        at = FIRST + timedelta(days=5 * index)
        item_id = f"S2A_45TXN_{at:%Y%m%d}_0_L2A"
        (folder / item_id).mkdir(parents=True)
        assets = {}
        for band, pixel_m in PIXEL_M.items():
            with MemoryFile() as memory:
                with memory.open(**_profile(band, side_px * 10 // pixel_m, pixel_m)) as image:
                    image.write(_ground(band, side_px * 10 // pixel_m, index), 1)
                copy(memory.name, folder / item_id / f"{band}.tif", driver="COG", blocksize=512, compress="deflate")
            assets[band] = {
                "href": f"{url}/{folder.name}/{item_id}/{band}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "proj:shape": [side_px * 10 // pixel_m] * 2,
                "proj:transform": [pixel_m, 0, LEFT_M, 0, -pixel_m, TOP_M],
                "raster:bands": [{"data_type": "uint16", "nodata": 0, "scale": 1e-4, "offset": -0.1}],
            }
        (folder / f"{item_id}.json").write_text(json.dumps(_item(item_id, at, outline, assets)), encoding="utf-8")
    links = [{"rel": "item", "href": f"./{path.name}"} for path in sorted(folder.glob("*_L2A.json"))]
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "bench", "description": "of a benchmark", "links": links}
    (folder / "catalog.json").write_text(json.dumps(root), encoding="utf-8")


def _item(item_id: str, at: datetime, outline: Any, assets: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401  # a shape
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "id": item_id,
        "collection": "sentinel-2-l2a",
        "geometry": mapping(outline),
        "bbox": list(outline.bounds),
        "properties": {
            "datetime": at.isoformat(),
            "platform": "sentinel-2a",
            "proj:epsg": EPSG,
            "s2:processing_baseline": "05.10",
        },
        "links": [],
        "assets": dict(assets),
    }


def _profile(band: str, side_px: int, pixel_m: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "dtype": "uint8" if band == "SCL" else "uint16",
        "count": 1,
        "width": side_px,
        "height": side_px,
        "crs": f"EPSG:{EPSG}",
        "transform": Affine(pixel_m, 0, LEFT_M, 0, -pixel_m, TOP_M),
        "nodata": 0,
    }


def _ground(band: str, side_px: int, index: int) -> Any:  # noqa: ANN401  # an array
    """Return smooth ground with some noise, as well compressed as real imagery is, or classes with some cloud."""
    rng = np.random.default_rng([index, *band.encode()])
    if band == "SCL":
        classes = np.full((side_px, side_px), CLASSES, np.uint8)
        corner = 37 * index % max(side_px - 60, 1)
        classes[corner : corner + 50, corner : corner + 60] = 9
        return classes
    ramp = np.sin(np.arange(side_px, dtype=np.float32) / 57) * 700
    noise = rng.integers(0, 64, (side_px, side_px), dtype=np.uint16)
    return (ramp[:, None] + ramp[None, :] + 3600).astype(np.uint16) + noise


# --- those who read them: each in a process of its own -----------------------------------------------


def read_ours(task: Task) -> int:
    """Read with the `stac` source; return how many scenes."""
    from geo.sources.stac import StacOptions, StacSource  # noqa: PLC0415

    source = StacSource(StacOptions(url=task.url))
    refs = source.search(task.grid.footprint_4326, first=date(2015, 7, 1), last=date(2030, 1, 1))
    for ref in refs:
        source.read(ref, task.grid, bands=BANDS)
    return len(refs)


def read_odc(task: Task) -> int:
    """Read with odc-stac, as its guide shows; return how many scenes."""
    try:
        import odc.stac  # noqa: PLC0415
        from odc.geo.geobox import GeoBox  # noqa: PLC0415
    except ImportError:
        raise SystemExit("odc-stac is not installed; the optional dependencies `bench` have it") from None
    import pystac  # noqa: PLC0415

    items = list(pystac.Catalog.from_file(task.url).get_items())
    geobox = GeoBox(task.grid.shape, task.grid.transform, f"EPSG:{EPSG}")
    resampling = {"*": "bilinear", "SCL": "nearest"}
    odc.stac.configure_rio(cloud_defaults=True)
    loaded = odc.stac.load(items, bands=BANDS, geobox=geobox, resampling=resampling, pool=4)
    return int(loaded.sizes["time"])


def keep_ours(task: Task) -> int:
    """Read with the `stac` source into a store and out of it; return how many scenes."""
    from geo.cache import CachedSource, ImageStore  # noqa: PLC0415
    from geo.sources.stac import StacOptions, StacSource  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        source = CachedSource(StacSource(StacOptions(url=task.url)), ImageStore(Path(folder)), name="bench")
        refs = source.search(task.grid.footprint_4326, first=date(2015, 7, 1), last=date(2030, 1, 1))
        for ref in refs:
            source.read(ref, task.grid, bands=BANDS)
    return len(refs)


READERS: Mapping[str, Callable[[Task], int]] = {"ours": read_ours, "odc": read_odc, "keep": keep_ours}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What reading cost."""

    scenes: int
    seconds: float
    cpu_s: float
    """From after the imports of a first, discarded reading on."""
    start_s: float
    """CPU of the imports and the first reading."""
    peak_mb: float
    """Of the whole process."""


def measure(task: Task) -> Cost:
    """Read once to warm up, unless memory is what matters, and once to be measured."""
    read = READERS[task.reader]
    if task.reader != "keep":
        read(task)
    start_s, started, before = time.process_time(), time.monotonic(), time.process_time()
    scenes = read(task)
    return Cost(
        scenes=scenes,
        seconds=time.monotonic() - started,
        cpu_s=time.process_time() - before,
        start_s=start_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB / BYTES_PER_MB,
    )


def in_own_process(task: Task) -> dict[str, float]:
    """Measure a task in a process of its own; return its `Cost`."""
    said = json.dumps({name: getattr(task, name) for name in Task.__slots__})
    done = subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, "-m", "benchmarks.imagery", "--child", said],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "a reader failed")
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


# --- the benchmark -----------------------------------------------------------------------------------


def compare(url: str, *, dates: int, side_px: int) -> list[dict[str, Any]]:
    """Let both read, in turns; return a row a reader and placement, each number the median of the turns."""
    rows = []
    for name, shift_m in (("own pixels", 0.0), ("beside", 3.0)):
        tasks = [
            Task(reader=reader, url=url, dates=dates, side_px=side_px, shift_m=shift_m) for reader in ("ours", "odc")
        ]
        costs = [[in_own_process(task) for task in tasks] for _ in range(TURNS)]
        for index, task in enumerate(tasks):
            own = {key: median(turn[index][key] for turn in costs) for key in costs[0][index]}
            rows.append(
                {
                    "pixels": name,
                    "reader": task.reader,
                    "scenes_per_minute": round(60 * own["scenes"] / own["seconds"], 1),
                    "cpu_ms_per_scene": round(1e3 * own["cpu_s"] / own["scenes"], 2),
                    "start_cpu_s": round(own["start_s"], 2),
                    "peak_mb": round(own["peak_mb"], 1),
                }
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if memory went over its limit, or reading cost more than odc-stac's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--side", type=int, default=500, help="side of the wanted image, in pixels")
    parser.add_argument("--large", type=int, default=6_000, help="side of the large image, in pixels; 0: leave it out")
    parser.add_argument("--limit-mb", type=float, default=1_600.0)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        cost = measure(Task(**json.loads(asked.child)))
        sys.stdout.write(json.dumps({name: getattr(cost, name) for name in Cost.__slots__}))
        return 0
    result = benchmark(asked)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    cpu_ms = {(row["pixels"], row["reader"]): row["cpu_ms_per_scene"] for row in result["compared"]}
    is_dearer = any(cpu_ms[pixels, "ours"] > cpu_ms[pixels, "odc"] for pixels, _ in cpu_ms)
    return int(is_dearer or result.get("large", {}).get("peak_mb", 0.0) > asked.limit_mb)


def benchmark(asked: argparse.Namespace) -> dict[str, Any]:
    """Serve, read, print; return all that was measured."""
    from tests.standin.files import serving  # noqa: PLC0415

    with TemporaryDirectory() as folder, serving(Path(folder)) as files:
        write_catalogue(Path(folder) / "small", files.url, dates=asked.dates, side_px=asked.side + 548)
        rows = compare(f"{files.url}/small/catalog.json", dates=asked.dates, side_px=asked.side)
        print(f"{asked.dates} dates of {asked.side} x {asked.side} px, {len(BANDS) - 1} bands and SCL, {TURNS} turns")
        for row in rows:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
        result: dict[str, Any] = {"compared": rows}
        if asked.large:
            write_catalogue(Path(folder) / "large", files.url, dates=1, side_px=asked.large + 80)
            task = Task(reader="keep", url=f"{files.url}/large/catalog.json", dates=1, side_px=asked.large, shift_m=0.0)
            cost = in_own_process(task)
            one_mb = 4 * asked.large**2 / BYTES_PER_MB
            result["large"] = {**cost, "limit_mb": asked.limit_mb, "one_layer_mb": one_mb}
            print(
                f"one date of {asked.large} x {asked.large} px through source and store: {cost['seconds']:.1f} s, ",
                end="",
            )
            print(f"{cost['cpu_s']:.1f} s CPU, peak {cost['peak_mb']:,.0f} MB (limit {asked.limit_mb:,.0f}; ", end="")
            print(f"one layer as float32 is {one_mb:,.0f} MB)")
    return result


if __name__ == "__main__":
    sys.exit(main())
