"""How a large area is cut into requests, and where one grid lies in another."""

from dataclasses import replace
from itertools import pairwise, product

from geo.grid import Grid
from geo.sources.sentinelhub.options import MAX_SIDE_PX

_ALIGNED_SHARE = 1e-6


def split(grid: Grid, *, max_side_px: int = MAX_SIDE_PX) -> list[Grid]:
    """Return `grid` cut along whole pixels into the fewest parts no longer than `max_side_px`, about equal in size.

    The parts come row by row and lie on the pixels of `grid`; together they are `grid`, and none overlaps another.
    """
    rows, columns = (_cuts(side, max_side_px) for side in grid.shape)
    return [
        replace(
            grid,
            left_m=grid.left_m + left * grid.pixel_m,
            top_m=grid.top_m - top * grid.pixel_m,
            width_px=right - left,
            height_px=bottom - top,
        )
        for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns))
    ]


def _cuts(side_px: int, max_side_px: int) -> list[int]:
    parts = -(-side_px // max_side_px)
    return [side_px * index // parts for index in range(parts + 1)]


def offset_px(inner: Grid, outer: Grid) -> tuple[int, int] | None:
    """Return the (row, column) of the first pixel of `inner` in `outer`; None unless all of it lies on its pixels."""
    if not share_pixels(inner, outer):
        return None
    row = round((outer.top_m - inner.top_m) / outer.pixel_m)
    column = round((inner.left_m - outer.left_m) / outer.pixel_m)
    is_inside = (
        row >= 0
        and column >= 0
        and row + inner.height_px <= outer.height_px
        and column + inner.width_px <= outer.width_px
    )
    return (row, column) if is_inside else None


def share_pixels(one: Grid, other: Grid) -> bool:
    """Say whether the pixels of both are those of one larger grid."""
    if (one.epsg, one.pixel_m) != (other.epsg, other.pixel_m):
        return False
    steps = ((one.left_m - other.left_m) / one.pixel_m, (one.top_m - other.top_m) / one.pixel_m)
    return all(abs(step - round(step)) < _ALIGNED_SHARE for step in steps)
