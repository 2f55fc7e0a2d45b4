"""Copies of a perimeter where no wall was removed: the same line, displaced and turned, in the same images."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LinearRing

from detection.perimeter.lines import Line
from detection.perimeter.result import PerimeterParams
from geo.grid import Grid

_MOST_POINTS = 2_000_000
_LEAST_COPIES = 60
_TURNS_A_COPY = 20
"""Places that are tried for each copy wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """The perimeter and its copies as one line."""

    line: Line
    count: int
    """Copies, the perimeter itself as the first."""
    is_free: NDArray[np.bool_]
    """Shape (copy, arc): the arc lies clear of the true perimeter and of the image's edge."""


def copies_of(line: Line, grid: Grid, params: PerimeterParams) -> Copies | None:
    """Return the perimeter and its copies, always the same ones; None where the grid has no room for any."""
    rng = np.random.default_rng(crc32(np.round(line.place_m).tobytes()))
    wanted = int(min(params.copies, max(_LEAST_COPIES, _MOST_POINTS // len(line.place_m))))
    true = LinearRing(line.place_m)
    shapely.prepare(true)
    lines, free = [line], [np.zeros(line.arcs, dtype=bool)]
    for _ in range(_TURNS_A_COPY * wanted):
        if len(lines) > wanted:
            break
        moved = _moved(line, grid, rng)
        is_free = _free_arcs(moved, grid, true, params)
        if is_free.any():
            lines.append(moved)
            free.append(is_free)
    if len(lines) == 1:
        return None
    together = Line(
        place_m=np.concatenate([one.place_m for one in lines]),
        outwards=np.concatenate([one.outwards for one in lines]),
        arc=np.concatenate([one.arc + index * line.arcs for index, one in enumerate(lines)]),
    )
    return Copies(line=together, count=len(lines), is_free=np.stack(free))


def _moved(line: Line, grid: Grid, rng: np.random.Generator) -> Line:
    left, bottom, right, top = grid.bounds_m
    place = (float(rng.uniform(left, right)), float(rng.uniform(bottom, top)))
    return line.moved(turn_rad=float(rng.uniform(0, 2 * np.pi)), to_m=place)


def _free_arcs(moved: Line, grid: Grid, true: LinearRing, params: PerimeterParams) -> NDArray[np.bool_]:
    """Return which arcs of a copy lie inside the image and clear of the true perimeter."""
    left, bottom, right, top = grid.bounds_m
    room = params.reach_m + params.outline_error_m
    x, y = moved.place_m.T
    is_in = (x > left + room) & (y > bottom + room) & (x < right - room) & (y < top - room)
    is_away = ~shapely.dwithin(true, shapely.points(moved.place_m), params.reach_m)
    blocked = np.bincount(moved.arc, ~(is_in & is_away), moved.arcs)
    return np.asarray(blocked == 0)
