"""Objects of an area that is too large to be looked at as a whole: tile by tile, each object once.

The maps of changes are those of the whole area (`detection.changes`), whatever the tiles. What is told of an object is
told from a window around it: calm ground to compare it with, and placebos, come from its tile and the tile's
surroundings, not from the whole area.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from detection.blocks import Plan, Room, Slices, Window
from detection.chance.detectability import detectable_area_m2
from detection.chance.placebo import weigh_against_placebos
from detection.changes import ChangeMap, block_px_of
from detection.life.lifecycle import distinct_ids
from detection.looks.registered import crop
from detection.objects.outline import Patch, group_patches
from detection.objects.rows import Objects, rows_of
from detection.params import DetectParams
from detection.series.steps import Steps
from geo.grid import Grid
from geo.scene import Stack

MARGIN_M = 1000.0
"""How far beyond a tile is looked: over so much ground calm surroundings, neighbours and placebos are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the tiles of an area say together."""

    rows: list[dict[str, Any]]
    """Of the detections table."""
    observed_share: float
    """Share (0-1) of the area's pixels seen before and after."""
    detectable_area_m2: float
    """Mean over the tiles, by their pixels of the area; NaN where in most of them nothing would have been found."""


def tiles_of(grid: Grid, dates: int, bands: int, params: DetectParams, room: Room | None) -> tuple[Window, ...]:
    """Return the tiles in which objects are looked for: one where the whole area fits."""
    margin_px = ceil(MARGIN_M / grid.pixel_m)
    block_px = block_px_of(dates, bands, params, room)
    return Plan.of(grid.shape, values_a_px=dates * bands, halo_px=margin_px, block_px=block_px).blocks


def tell_in_tiles(  # noqa: PLR0913 - what was seen where, how it is judged, and in which pieces
    area_id: str,
    changes: ChangeMap,
    inside: NDArray[np.bool_],
    params: DetectParams,
    radar: Stack | None,
    *,
    tiles: Sequence[Window],
) -> Told:
    """Tell the objects of an area tile by tile; one that lies across a border is told once, and as a whole.

    Args:
        area_id: The area.
        changes: The maps of the whole area.
        inside: Shape (y, x): the pixels of the area.
        params: How changes are found.
        radar: Radar looks on the same grid, if there are any.
        tiles: From `tiles_of`.

    """
    rows: list[dict[str, Any]] = []
    seen, areas, weights = 0, [], []
    for tile in tiles:
        own = inside[tile.own]
        count = int(np.count_nonzero(own))
        if not count:
            continue
        seen += int(np.count_nonzero(own & np.isfinite(changes.steps.score_z[tile.own])))
        wide = _with_whole_objects(changes, tile, params)
        part = part_of(changes, wide)
        rows += _rows_of(area_id, part, (tile, wide, inside), params, radar)
        here = np.zeros(part.is_changed.shape, dtype=bool)
        here[_within(tile.own, wide)] = own
        areas.append(detectable_area_m2(part, here, params))
        weights.append(count)
    rows.sort(key=lambda row: (-row.pop("_score_z"), row["detection_id"]))
    ids = distinct_ids([row["detection_id"] for row in rows])
    return Told(
        rows=[{**row, "detection_id": name} for row, name in zip(rows, ids, strict=True)],
        observed_share=seen / max(1, sum(weights)),
        detectable_area_m2=_mean_told(np.array(areas), np.array(weights, dtype=np.float64)),
    )


def part_of(changes: ChangeMap, window: Slices) -> ChangeMap:
    """Return the maps within `window`, held in memory."""
    named = {item.name: getattr(changes.steps, item.name) for item in fields(Steps) if item.name != "noise"}
    steps = {name: np.array(layer[..., *window]) for name, layer in named.items()}
    return ChangeMap(
        stack=crop(changes.stack, window),
        values=np.array(changes.values[:, :, *window]),
        trust=changes.trust,
        steps=Steps(noise=changes.steps.noise, **steps),
        is_changed=np.array(changes.is_changed[window]),
    )


def _rows_of(
    area_id: str,
    part: ChangeMap,
    where: tuple[Window, Slices, NDArray[np.bool_]],
    params: DetectParams,
    radar: Stack | None,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the objects that belong to a tile, with their score."""
    tile, wide, inside = where
    heard = None if radar is None else crop(radar, wide)
    objects = Objects.of(part, params, heard)
    rows = rows_of(area_id, objects, inside[wide], params)
    for row in weigh_against_placebos(rows, objects, inside[wide], params):
        left, _, _, top = row["geometry"].bounds
        grid = part.stack.grid
        place = (
            wide[0].start + round((grid.top_m - top) / grid.pixel_m),
            wide[1].start + round((left - grid.left_m) / grid.pixel_m),
        )
        if _holds(tile.own, place):
            here = gpd.GeoSeries([row["geometry"]], crs=grid.epsg)
            yield {**row, "_score_z": _highest(part, here)}


def _highest(part: ChangeMap, outline: gpd.GeoSeries) -> float:
    left, bottom, right, top = outline.total_bounds
    grid = part.stack.grid
    rows = slice(round((grid.top_m - top) / grid.pixel_m), round((grid.top_m - bottom) / grid.pixel_m))
    columns = slice(round((left - grid.left_m) / grid.pixel_m), round((right - grid.left_m) / grid.pixel_m))
    return float(np.nanmax(np.nan_to_num(part.steps.score_z[rows, columns], nan=-np.inf)))


def _with_whole_objects(changes: ChangeMap, tile: Window, params: DetectParams) -> Slices:
    """Return the window of a tile, made wider until it holds all objects that begin in the tile, with a margin."""
    grid = changes.stack.grid
    margin_px = ceil(MARGIN_M / grid.pixel_m)
    wide = tile.wide
    while True:
        needed = [_needed(patch, wide, margin_px, grid.shape) for patch in _own_patches(changes, tile, wide, params)]
        wider = tuple(
            slice(
                min([side.start, *(one[axis].start for one in needed)]),
                max([side.stop, *(one[axis].stop for one in needed)]),
            )
            for axis, side in enumerate(wide)
        )
        if wider == wide:
            return wide
        wide = (wider[0], wider[1])


def _own_patches(changes: ChangeMap, tile: Window, wide: Slices, params: DetectParams) -> Iterator[Patch]:
    """Yield the objects within `wide` whose first row and column lie in the tile itself."""
    is_changed = np.array(changes.is_changed[wide])
    score_z = np.array(changes.steps.score_z[wide])
    grid = replace(changes.stack.grid, height_px=is_changed.shape[0], width_px=is_changed.shape[1])
    for patch in group_patches(is_changed, score_z, grid, gap_m=params.gap_m, min_area_m2=params.min_area_m2):
        if _holds(tile.own, (wide[0].start + patch.window[0].start, wide[1].start + patch.window[1].start)):
            yield patch


def _needed(patch: Patch, wide: Slices, margin_px: int, shape: tuple[int, int]) -> Slices:
    rows, columns = (
        slice(max(0, side.start + own.start - margin_px), min(size, side.start + own.stop + margin_px))
        for own, side, size in zip(patch.window, wide, shape, strict=True)
    )
    return rows, columns


def _within(own: Slices, wide: Slices) -> Slices:
    rows, columns = (
        slice(one.start - other.start, one.stop - other.start) for one, other in zip(own, wide, strict=True)
    )
    return rows, columns


def _holds(window: Slices, place: tuple[int, int]) -> bool:
    return all(side.start <= index < side.stop for side, index in zip(window, place, strict=True))


def _mean_told(areas: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    is_told = np.isfinite(areas)
    if not weights.size or weights[is_told].sum() <= 0.5 * weights.sum():
        return float("nan")
    return float(np.average(areas[is_told], weights=weights[is_told]))
