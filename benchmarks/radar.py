"""Measure the radar step test: false alarms on real no-change series, and power on labelled and simulated change.

    python -m benchmarks.radar --data DIR [--objects 2000] [--seeds 200 201 ...] [--json FILE]

`DIR` holds ``sentinel1_rtc`` and ``belgium_village_s1_s2`` (series in which nothing was built), and
``oscd_sentinel1`` with the ``oscd`` labels (two looks a city). Placebo objects are rectangles of random size, place
and onset. Simulated sites are watched on both tracks with their true outline and onset.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from scipy import ndimage

from benchmarks.oscd import first_band, read_labels
from benchmarks.scores import area_under_curve
from detection.radar.joint import two_sided_p
from detection.radar.shapes import Shape, free_places
from detection.radar.steps import RadarParams, RadarStep, Track, object_step, pixel_steps, tracks_of
from geo.scene import Stack
from geo.sources.simulated import SimulatedRadarSource, scenario

QUIET = {
    "California": "sentinel1_rtc/dist_s1_T137-292319-IW2",
    "Papua (smoothed)": "sentinel1_rtc/distmetrics/T009_019294_IW2_cropped_tv",
    "Belgium (monthly)": "belgium_village_s1_s2/worldcereal_preprocessed_inputs.nc",
}
CITIES = {"abudhabi": 130, "mumbai": 34}
SIZES_PX = ((2, 4), (4, 8), (8, 16))
"""Sides of placebo rectangles, from and below."""
_LEAST_LABEL_PX = 4
_COPIES = 10
_EVER = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}


def quiet_track(path: Path) -> Track:
    """Read a series in which nothing was built: a folder of OPERA RTC GeoTIFFs, or a cube of decibel numbers."""
    power, days = _cube(path) if path.suffix == ".nc" else _tiles(path)
    return Track.of(np.ascontiguousarray(np.moveaxis(power, (0, 1), (2, 3))), days)


def _tiles(folder: Path) -> tuple[NDArray[np.float64], list[date]]:
    files = sorted(folder.glob("*_VV*.tif"), key=lambda path: path.name.split("_")[4])
    if not files:
        raise SystemExit(f"{folder}: no *_VV*.tif")
    days = [datetime.strptime(path.name.split("_")[4][:8], "%Y%m%d").date() for path in files]  # noqa: DTZ007 - a day
    pairs = [[path, path.with_name(path.name.replace("_VV", "_VH"))] for path in files]
    return np.stack([np.stack([_raster(path) for path in pair]) for pair in pairs]), days


def _cube(path: Path) -> tuple[NDArray[np.float64], list[date]]:
    """Return a cube of numbers n that stand for 20 log10(n) - 83 decibel."""
    with xr.open_dataset(path, mask_and_scale=False) as cube:
        numbers = np.stack([cube[f"S1-SIGMA0-{name}"].to_numpy().astype(float) for name in ("VV", "VH")], axis=1)
        days = [stamp.astype("datetime64[D]").item() for stamp in cube["t"].to_numpy()]
    return np.square(np.maximum(numbers, 1)) * 10**-8.3, days


def _raster(path: Path) -> NDArray[np.float64]:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1), dtype=np.float64)


def placebo_steps(
    track: Track, params: RadarParams, *, count: int, seed: int
) -> Iterator[tuple[tuple[int, int], RadarStep]]:
    """Yield the size class and the step of random rectangles at random onsets."""
    rng = np.random.default_rng(seed)
    height, width = track.shape
    nothing = np.zeros((height, width), dtype=bool)
    for index in range(count):
        sizes = SIZES_PX[index % len(SIZES_PX)]
        rows, columns = rng.integers(*sizes, size=2)
        shape = Shape(
            mask=np.ones((rows, columns), dtype=bool),
            row=int(rng.integers(height - rows)),
            column=int(rng.integers(width - columns)),
        )
        cut = int(rng.integers(params.least_looks, len(track.days) - params.least_looks + 1))
        yield sizes, object_step([track], shape, (track.days[cut - 1], track.days[cut]), nothing, params)


def measure_quiet(data: Path, params: RadarParams, *, count: int) -> list[dict[str, Any]]:
    """Return, for each series and size, how often a step was called where there is none."""
    rows = []
    for name, folder in QUIET.items():
        track = quiet_track(data / folder)
        began = time.process_time()
        found = list(placebo_steps(track, params, count=count, seed=1))
        cpu_s = (time.process_time() - began) / count
        for sizes in (*SIZES_PX, None):
            steps = [step for one, step in found if sizes in (one, None)]
            rows.append(
                {
                    "series": name,
                    "sides_px": "all" if sizes is None else f"{sizes[0]}-{sizes[1] - 1}",
                    "objects": len(steps),
                    "low": float(np.mean([step.steps(params) != 0 for step in steps])),
                    "sure": float(np.mean([step.is_sure(params) for step in steps])),
                    "t_above_low": float(np.mean([abs(step.t) > params.low_t for step in steps])),
                    "detectable_db": float(np.median([step.detectable_db(params) for step in steps])),
                    "cpu_s_an_object": cpu_s,
                }
            )
    return rows


def measure_pixels(data: Path, params: RadarParams) -> list[dict[str, Any]]:
    """Return, for each series without change, how often a pixel's joint p is small: it should be as often as it says.

    The power is that of steps put into squares of 5 x 5 pixels, by factors of VV and VH, at the third sigma.
    """
    rows = []
    for name, folder in QUIET.items():
        track = quiet_track(data / folder)
        cuts = (5, len(track.days) // 2, len(track.days) - 4)
        chances = np.concatenate([_pixel_p(track, cut, params).ravel() for cut in cuts])
        row: dict[str, Any] = {"series": name, "pixels": len(chances)}
        row |= {f"p < {share:g}": float((chances < share).mean()) for share in (0.05, 0.01, 0.001)}
        for label, factors in _FACTORS.items():
            row[label] = float(np.mean([_pixel_power(track, cut, factors, params) for cut in cuts]))
        rows.append(row)
    return rows


_FACTORS = {"both up 2 dB": (1.6, 1.6), "VV up 2 dB": (1.6, 1.0), "VV up, VH down": (1.6, 0.625)}
_SQUARE_PX = 5
_SQUARES = 12


def _pixel_p(track: Track, cut: int, params: RadarParams) -> NDArray[np.float64]:
    z = pixel_steps([track], (track.days[cut - 1], track.days[cut]), patch_px=3, params=params)
    return two_sided_p(z.astype(np.float64))


def _pixel_power(track: Track, cut: int, factors: tuple[float, float], params: RadarParams) -> float:
    """Return the share of the inner pixels of squares whose step is found at p < 0.001."""
    rng, power = np.random.default_rng(cut), track.power.copy()
    is_inner = np.zeros(track.shape, dtype=bool)
    for _ in range(_SQUARES):
        row, column = (int(rng.integers(1, size - _SQUARE_PX)) for size in track.shape)
        power[row : row + _SQUARE_PX, column : column + _SQUARE_PX, cut:] *= np.array(factors)
        is_inner[row + 1 : row + _SQUARE_PX - 1, column + 1 : column + _SQUARE_PX - 1] = True
    built = Track.of(np.where(power > 0, power, np.nan), track.days)
    return float((_pixel_p(built, cut, params)[is_inner] < 0.001).mean())  # noqa: PLR2004 - about three sigma


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledCity:
    """Two looks at a city, and its labelled change, on the grid of the labels."""

    track: Track
    is_change: NDArray[np.bool_]


def read_city(data: Path, city: str) -> LabelledCity:
    """Bring the two mean radar images of a city (decibel, scaled from [-25, 5] to [0, 1]) to the grid of its labels."""
    with rasterio.open(first_band(data / "oscd" / "images" / city)) as like:
        shape, transform, crs = like.shape, like.transform, like.crs
    layers = []
    for when in ("t1", "t2"):
        target = np.full(shape, np.nan, dtype=np.float32)
        with rasterio.open(data / "oscd_sentinel1" / f"sentinel1_{city}_{CITIES[city]}_{when}.tif") as dataset:
            reproject(
                10 ** (dataset.read(1) * 3.0 - 2.5).astype(np.float32),
                target,
                src_transform=dataset.transform,
                src_crs=dataset.crs,
                dst_transform=transform,
                dst_crs=crs,
                dst_nodata=np.nan,
                resampling=Resampling.bilinear,
            )
        layers.append(target[None])
    labels = read_labels(data / "oscd" / "labels" / city / "cm" / f"{city}-cm.tif", shape)
    values = np.moveaxis(np.stack(layers), (0, 1), (2, 3))
    track = Track.of(values, (date(2016, 1, 1), date(2018, 1, 1)), relative_orbit=CITIES[city])
    return LabelledCity(track=track, is_change=labels == 2)  # noqa: PLR2004 - the code of change in these masks


def measure_labelled(data: Path, params: RadarParams) -> list[dict[str, Any]]:
    """Return, for each city, how well the step tells labelled objects from the same shapes elsewhere."""
    pair = replace(params, least_looks=1)
    return [_measure_city(city, read_city(data, city), pair) for city in CITIES]


def _measure_city(city: str, seen: LabelledCity, params: RadarParams) -> dict[str, Any]:
    taken = ndimage.binary_dilation(seen.is_change, iterations=2)
    labels, count = ndimage.label(seen.is_change, structure=np.ones((3, 3)))
    onset = (seen.track.days[0], seen.track.days[-1])
    real: list[RadarStep] = []
    placebo: list[RadarStep] = []
    sizes: list[int] = []
    for number in range(1, count + 1):
        shape = Shape.of(labels == number)
        if shape.mask.sum() < _LEAST_LABEL_PX:
            continue
        real.append(object_step([seen.track], shape, onset, taken, params))
        sizes.append(int(shape.mask.sum()))
        places = free_places(shape, taken, most=_COPIES)
        for row, column in zip(places.rows.tolist(), places.columns.tolist(), strict=True):
            copy = replace(places.shape, row=row, column=column)
            placebo.append(object_step([seen.track], copy, onset, taken, params))
    return {"city": city, "objects": len(real)} | _separation(real, placebo, np.array(sizes), params)


def _separation(
    real: Sequence[RadarStep], placebo: Sequence[RadarStep], sizes: NDArray[np.int64], params: RadarParams
) -> dict[str, Any]:
    real_t, placebo_t = np.array([step.t for step in real]), np.array([step.t for step in placebo])
    large = real_t[sizes >= 25]  # noqa: PLR2004 - a quarter of a hectare

    def auc(changed: NDArray[np.float64], still: NDArray[np.float64]) -> float:
        both = np.nan_to_num(np.concatenate([changed, still])).astype(np.float32)
        return area_under_curve(both, np.arange(len(both)) < len(changed))

    return {
        "placebos": len(placebo),
        "auc_signed": auc(real_t, placebo_t),
        "auc_either_way": auc(np.abs(real_t), np.abs(placebo_t)),
        "auc_signed_25_px": auc(large, placebo_t),
        "median_step_db": float(np.nanmedian([step.step_db for step in real])),
        "up": float(np.mean([step.steps(params) > 0 for step in real])),
        "down": float(np.mean([step.steps(params) < 0 for step in real])),
        "false": float(np.mean([step.steps(params) != 0 for step in placebo])),
    }


def measure_simulated(params: RadarParams, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return, for each scenario, how often the true event steps in its own direction, beyond doubt, or against it."""
    rows = []
    for name, sign in (("compound", 1), ("park", 1), ("removal", -1), ("quiet", 0)):
        steps = [simulated_step(name, seed, params) for seed in seeds]
        expected = [step.steps(params) * (sign or 1) for step in steps]
        rows.append(
            {
                "scenario": name,
                "worlds": len(steps),
                "right_way": float(np.mean([one > 0 for one in expected])),
                "sure": float(np.mean([step.is_sure(params) for step in steps])),
                "wrong_way": float(np.mean([one < 0 for one in expected])),
                "median_t": float(np.median([step.t for step in steps])),
                "median_step_db": float(np.median([step.step_db for step in steps])),
            }
        )
    return rows


def simulated_step(name: str, seed: int, params: RadarParams) -> RadarStep:
    """Watch one simulated site by radar, with its true outline and an onset known to a month."""
    world = scenario(name, seed=seed)
    source = SimulatedRadarSource(world)
    grid = world.grid
    refs = source.search(grid.footprint_4326, **_EVER)
    stack = Stack.of([source.read(ref, grid, bands=("VV", "VH")) for ref in refs])
    truth = world.truth()
    is_changed = world.truth_mask(grid, world.last)
    if truth.empty:
        is_changed[60:80, 90:115] = True
        begun = world.first + (world.last - world.first) / 2
    else:
        begun = truth["started_on"].iloc[0].date()
    onset = (begun - timedelta(days=15), begun + timedelta(days=15))
    return object_step(tracks_of(stack), Shape.of(is_changed), onset, is_changed, params)


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows of figures under their names."""
    print(f"\n{title}")
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and write the JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(200, 206)))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    params = RadarParams()
    parts = {"quiet": measure_quiet(chosen.data, params, count=chosen.objects)}
    show("No change: share of placebo objects called a step", parts["quiet"])
    parts["pixels"] = measure_pixels(chosen.data, params)
    show(
        "No change, pixel by pixel: share of pixels with small p; and of pixels of steps put in found", parts["pixels"]
    )
    parts["labelled"] = measure_labelled(chosen.data, params)
    show("Labelled change against the same shapes elsewhere (one look a side)", parts["labelled"])
    if chosen.seeds:
        parts["simulated"] = measure_simulated(params, chosen.seeds)
        show("Simulated sites, true outline and onset", parts["simulated"])
    if chosen.json:
        chosen.json.write_text(json.dumps(parts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
