"""Score the pair detector on labelled Sentinel-2 pairs (Onera Satellite Change Detection, Daudt et al. 2018).

    python -m benchmarks.oscd --data DIR [--cities beihai paris] [--json FILE]

`DIR` holds ``images/<city>/imgs_1`` and ``imgs_2`` (one GeoTIFF a band) and ``labels/<city>/cm/<city>-cm.tif``
(1 no change, 2 change) on the grid of the first date's 10 m bands. The labels (CC BY-NC-SA) score, they train nothing.
The detector runs as in the product, on the UTM grid of the scene, with its default settings for all cities; its score
is then brought back to the grid of the labels.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from benchmarks.scores import ObjectScores, area_under_curve, average_precision, best_f1, f1_of, score_objects
from detection.changes import ChangeMap, map_changes
from detection.params import DETECTION_BANDS, DetectParams
from geo.crs import LON_LAT_EPSG
from geo.crs import reproject as reproject_shape
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.folder import FolderSource

PIXEL_AREA_KM2 = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CityScores:
    """Score, decision and truth of every labelled pixel of one city, and what it cost."""

    score: NDArray[np.float32]
    is_found: NDArray[np.bool_]
    is_change: NDArray[np.bool_]
    objects: ObjectScores
    cpu_s: float
    megapixels: float


def score_city(data: Path, city: str, params: DetectParams) -> CityScores:
    """Run the detector on one city and bring its score to the grid of the labels."""
    stack = read_pair(data / "images" / city)
    started = time.process_time()
    changes = map_changes(stack, params)
    cpu_s = time.process_time() - started
    score, is_found = on_label_grid(changes, first_band(data / "images" / city))
    labels = read_labels(data / "labels" / city / "cm" / f"{city}-cm.tif", score.shape)
    is_scored = np.isfinite(score) & (labels > 0)
    is_change = labels == 2  # noqa: PLR2004 - the code of change in these masks
    return CityScores(
        score=score[is_scored],
        is_found=is_found[is_scored],
        is_change=is_change[is_scored],
        objects=score_objects(is_found & is_scored, is_change & is_scored),
        cpu_s=cpu_s,
        megapixels=stack.grid.width_px * stack.grid.height_px / 1e6,
    )


def read_pair(folder: Path) -> Stack:
    """Read both dates of a city on its UTM grid, as the product does."""
    source = FolderSource(folder)
    footprint = footprint_4326(first_band(folder))
    grid = Grid.around(footprint, pixel_m=10.0)
    refs = source.search(footprint, first=date.min, last=date.max)
    return Stack.of([source.read(ref, grid, bands=DETECTION_BANDS) for ref in refs])


def first_band(folder: Path) -> Path:
    """Return the blue band of the first date: its grid is that of the labels."""
    found = sorted((folder / "imgs_1").glob("*B02.tif"))
    if not found:
        raise SystemExit(f"{folder}: no imgs_1/*B02.tif")
    return found[0]


def footprint_4326(path: Path) -> BaseGeometry:
    """Return the outline of a raster in longitude and latitude."""
    with rasterio.open(path) as dataset:
        return reproject_shape(box(*dataset.bounds), from_epsg=dataset.crs.to_epsg(), to_epsg=LON_LAT_EPSG)


def on_label_grid(changes: ChangeMap, like: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Resample score (bilinear) and decision (nearest) to the grid of `like`."""
    grid = changes.stack.grid
    with rasterio.open(like) as dataset:
        shape, transform, crs = dataset.shape, dataset.transform, dataset.crs

    def warp(values: NDArray[np.float32], resampling: Resampling) -> NDArray[np.float32]:
        target = np.full(shape, np.nan, dtype=np.float32)
        reproject(
            values.astype(np.float32),
            target,
            src_transform=grid.transform,
            src_crs=f"EPSG:{grid.epsg}",
            src_nodata=np.nan,
            dst_transform=transform,
            dst_crs=crs,
            dst_nodata=np.nan,
            resampling=resampling,
        )
        return target

    found = warp(changes.is_changed.astype(np.float32), Resampling.nearest)
    return warp(changes.steps.score_z, Resampling.bilinear), np.nan_to_num(found) > 0


def read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a mask of labels; refuse one that does not lie on the first date's grid."""
    with rasterio.open(path) as dataset:
        labels: NDArray[np.uint8] = dataset.read(1)
    if labels.shape != shape:
        raise SystemExit(f"{path}: {labels.shape} pixels, the images of the first date have {shape}")
    return labels


def summarise(cities: dict[str, CityScores]) -> dict[str, Any]:
    """Return all figures, per city and pooled over the pixels of all cities."""
    return {
        "cities": {name: _figures([scores]) for name, scores in cities.items()},
        "pooled": _figures(list(cities.values())),
    }


def _figures(parts: Sequence[CityScores]) -> dict[str, Any]:
    score, is_found, is_change = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("score", "is_found", "is_change")
    )
    f1_best, threshold = best_f1(score, is_change)
    labelled = {size: sum(part.objects.labelled[size] for part in parts) for size in parts[0].objects.labelled}
    hit = {size: int(sum(part.objects.hit[size] for part in parts)) for size in labelled}
    area_km2 = len(score) * PIXEL_AREA_KM2
    return {
        "auc": area_under_curve(score, is_change),
        "average_precision": average_precision(score, is_change),
        "f1_fixed": f1_of(is_found, is_change),
        "f1_best": f1_best,
        "best_threshold_z": threshold,
        "change_share": float(is_change.mean()),
        "object_recall": {size: hit[size] / count if count else None for size, count in labelled.items()},
        "objects": labelled,
        "false_objects_per_km2": sum(part.objects.false for part in parts) / area_km2,
        "cpu_s_per_mpx": sum(part.cpu_s for part in parts) / sum(part.megapixels for part in parts),
    }


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a plain table."""
    rows = {**figures["cities"], "pooled": figures["pooled"]}
    sizes = list(figures["pooled"]["object_recall"])
    head = ["city", "AUC", "AP", "F1 fixed", "F1 best", "at z", "false/km2", "CPU s/Mpx", *(f"{s} px" for s in sizes)]
    lines = [head]
    for name, row in rows.items():
        recalls = [row["object_recall"][size] for size in sizes]
        numbers = [row[key] for key in ("auc", "average_precision", "f1_fixed", "f1_best")]
        lines.append(
            [
                name,
                *(f"{number:.3f}" for number in numbers),
                f"{row['best_threshold_z']:.1f}",
                f"{row['false_objects_per_km2']:.2f}",
                f"{row['cpu_s_per_mpx']:.2f}",
                *("-" if recall is None else f"{recall:.2f}" for recall in recalls),
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oscd", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and labels/")
    parser.add_argument("--cities", nargs="+", help="only these; default: every city with labels")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    logging.getLogger("rasterio").setLevel(logging.ERROR)
    names = options.cities or sorted(path.parent.parent.name for path in options.data.glob("labels/*/cm/*-cm.tif"))
    if not names:
        parser.error(f"{options.data}: no labels/<city>/cm/<city>-cm.tif")
    figures = summarise({name: score_city(options.data, name, DetectParams()) for name in names})
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
