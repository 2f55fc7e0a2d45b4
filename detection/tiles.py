"""Objects of an area that is too large to be looked at as a whole: tile by tile, each object once.

The maps of changes are those of the whole area (`detection.changes`), whatever the tiles. What is told of an object is
told from a window around it: the calm ground that it is compared with is that of its tile and the tile's surroundings.
Plots of one site are joined, and claims put beside placebos, once, over the whole area.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from detection.blocks import Plan, Slices, Window
from detection.chance.detectability import detectable_area_m2
from detection.chance.placebo import weigh_against_placebos
from detection.changes import ChangeMap, block_px_of
from detection.looks.registered import crop
from detection.objects.outline import Patch, group_patches
from detection.objects.rows import Objects, as_sites, row_of
from detection.objects.sites import Row, built_ground
from detection.params import DetectParams
from detection.room import Maps, Room
from detection.series.steps import Steps
from geo.grid import Grid
from geo.scene import Stack

MARGIN_M = 1000.0
"""How far beyond a tile is looked: over so much ground calm surroundings and neighbours are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the tiles of an area say together."""

    rows: list[Row]
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


def tell_in_tiles(  # noqa: PLR0913 - what was seen where, how it is judged, in which pieces and with what means
    area_id: str,
    changes: ChangeMap,
    inside: NDArray[np.bool_],
    params: DetectParams,
    radar: Stack | None,
    *,
    tiles: Sequence[Window],
    room: Room | None = None,
) -> Told:
    """Tell the objects of an area tile by tile; one that lies across a border is told once, and as a whole.

    Plots are joined, and claims put beside placebos, for all tiles together.

    Args:
        area_id: The area.
        changes: The maps of the whole area.
        inside: Shape (y, x): the pixels of the area.
        params: How changes are found.
        radar: Radar looks on the same grid, if there are any.
        tiles: From `tiles_of`.
        room: The memory that may be used for further maps.

    """
    teller = InTiles.of(area_id, changes, params, tiles=tiles, room=room)
    seen, areas, weights = 0, [], []
    for tile, wide, part in teller.parts():
        teller.add(tile, wide, part, radar)
        own = inside[tile.own]
        count = int(np.count_nonzero(own))
        if not count:
            continue
        seen += int(np.count_nonzero(own & np.isfinite(changes.steps.score_z[tile.own])))
        here = np.zeros(part.is_changed.shape, dtype=bool)
        here[_within(tile.own, wide)] = own
        areas.append(detectable_area_m2(part, here, params))
        weights.append(count)
    return Told(
        rows=weigh_against_placebos(teller.rows(inside), teller, inside, params, room=room),
        observed_share=seen / max(1, sum(weights)),
        detectable_area_m2=_mean_told(np.array(areas), np.array(weights, dtype=np.float64)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """One object of the whole area, and what was told of it."""

    patch: Patch
    """Its window is one of the whole grid."""
    score_z: float
    """Its clearest pixel: as in the whole, the clearest object comes first."""
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InTiles:
    """Tells the objects of one change map tile by tile: each in the tile in which its first row and column lie."""

    area_id: str
    changes: ChangeMap
    params: DetectParams
    tiles: Sequence[Window]
    room: Room | None
    maps: Maps
    is_built: NDArray[np.bool_]
    """Where buildings stood before any change, shape (y, x), in units of the calm ground of each tile."""
    objects: list[_Object] = field(default_factory=list)

    @classmethod
    def of(
        cls, area_id: str, changes: ChangeMap, params: DetectParams, *, tiles: Sequence[Window], room: Room | None
    ) -> "InTiles":
        """Begin, with nothing told yet."""
        maps = Maps(room=room)
        is_built = maps.empty("built", changes.is_changed.shape, np.bool_)
        return cls(
            area_id=area_id, changes=changes, params=params, tiles=tiles, room=room, maps=maps, is_built=is_built
        )

    def parts(self) -> Iterator[tuple[Window, Slices, ChangeMap]]:
        """Yield each tile, the window around it in which its objects lie whole, and the maps there."""
        for tile in self.tiles:
            wide = _with_whole_objects(self.changes, tile, self.params)
            yield tile, wide, part_of(self.changes, wide)
            self.maps.release()

    def add(self, tile: Window, wide: Slices, part: ChangeMap, radar: Stack | None) -> None:
        """Tell the objects that belong to a tile."""
        objects = Objects.of(part, self.params, None if radar is None else crop(radar, wide))
        built = built_ground(objects.watch.maps.structure_before[_within(tile.own, wide)])
        self.maps.put("built", self.is_built, tile.own, built)
        for number, patch in enumerate(objects.patches):
            placed = replace(patch, window=_shifted(patch.window, wide))
            if not _holds(tile.own, (placed.window[0].start, placed.window[1].start)):
                continue
            row = row_of(self.area_id, number, objects, self.params)
            if row is not None:
                score_z = float(np.nanmax(part.steps.score_z[patch.window][patch.is_member]))
                self.objects.append(_Object(patch=placed, score_z=score_z, row=row))

    def rows(self, here: NDArray[np.bool_]) -> list[Row]:
        """Return one row of the detections table for each object that touches `here`, shape (y, x)."""
        touching = [one for one in self.objects if one.patch.touches(here)]
        touching.sort(key=lambda one: (-one.score_z, one.patch.window[0].start, one.patch.window[1].start))
        return as_sites([one.row for one in touching], self.is_built, self.changes.stack.grid, self.params)

    def anew(self, changes: ChangeMap) -> "InTiles":
        """Return the same for another map of the same ground, without radar."""
        other = InTiles.of(self.area_id, changes, self.params, tiles=self.tiles, room=self.room)
        for tile, wide, part in other.parts():
            other.add(tile, wide, part, None)
        return other


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


def _shifted(window: Slices, wide: Slices) -> Slices:
    """Return where a window of `wide` lies in the whole grid."""
    rows, columns = (
        slice(own.start + side.start, own.stop + side.start) for own, side in zip(window, wide, strict=True)
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
