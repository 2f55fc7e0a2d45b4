"""Which piece of which images to show."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.scene import RGB_BANDS, Stack

MIN_CLEAR_SHARE = 0.9
SAME_SEASON_DAYS = 45
LONGEST_WAY_BACK = timedelta(days=3 * 365)
"""Beyond this, an older look of the same season says less about the start than a newer one of another."""
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """All looks at the surroundings of one detection."""

    rgb: NDArray[np.float32]
    """Shape (time, y, x, 3), in the units of the bands; NaN where the ground was not clearly seen."""
    grid: Grid
    days: tuple[date, ...]
    """The day of each look, ascending."""
    clear_share: NDArray[np.float64]
    """Shape (time,): seen part (0-1) of the chip or of the outline, whichever is less."""
    is_true_colour: bool
    """False: one band in grey, because the imagery has no B04, B03 and B02."""


def chip_grid(grid: Grid, outline_m: BaseGeometry, *, margin_m: float) -> Grid:
    """Return the square part of `grid` around `outline_m` with at least `margin_m` on each side.

    Square, so that pictures of one run look alike; cut off where `grid` ends.

    Raises:
        GridMismatchError: `outline_m` lies outside `grid`.

    """
    left, bottom, right, top = outline_m.bounds
    half_m = max(right - left, top - bottom) / 2 + margin_m
    middle_x, middle_y = (left + right) / 2, (bottom + top) / 2
    edge_left, edge_bottom, edge_right, edge_top = grid.bounds_m
    inner_m = (
        max(middle_x - half_m, edge_left),
        max(middle_y - half_m, edge_bottom),
        min(middle_x + half_m, edge_right),
        min(middle_y + half_m, edge_top),
    )
    if inner_m[0] >= inner_m[2] or inner_m[1] >= inner_m[3]:
        raise GridMismatchError(
            f"the outline at {outline_m.bounds} lies outside the grid, which covers {grid.bounds_m}"
        )
    first_col, first_row = _steps(inner_m[0] - edge_left, grid), _steps(edge_top - inner_m[3], grid)
    last_col, last_row = -_steps(edge_left - inner_m[2], grid), -_steps(inner_m[1] - edge_top, grid)
    return Grid(
        epsg=grid.epsg,
        left_m=grid.left_m + first_col * grid.pixel_m,
        top_m=grid.top_m - first_row * grid.pixel_m,
        pixel_m=grid.pixel_m,
        width_px=last_col - first_col,
        height_px=last_row - first_row,
    )


def chip(stack: Stack, outline_m: BaseGeometry, *, margin_m: float) -> Chip:
    """Cut the surroundings of `outline_m`, which lies in the CRS of the stack's grid, out of every look.

    Raises:
        GridMismatchError: `outline_m` lies outside the stack's grid.

    """
    window = chip_grid(stack.grid, outline_m, margin_m=margin_m)
    rows, columns = window_of(stack.grid, window)
    part = stack.dataset.isel(y=rows, x=columns)
    is_true_colour = all(name in stack.bands for name in RGB_BANDS)
    names = RGB_BANDS if is_true_colour else (stack.bands[0],) * 3
    rgb = np.stack([part[name].to_numpy() for name in names], axis=-1).astype(np.float32)
    return Chip(
        rgb=rgb,
        grid=window,
        days=stack.days,
        clear_share=_clear_share(rgb, window, outline_m),
        is_true_colour=is_true_colour,
    )


def window_of(grid: Grid, part: Grid) -> tuple[slice, slice]:
    """Return the rows and columns of `grid` that `part` of it covers."""
    top_row = round((grid.top_m - part.top_m) / part.pixel_m)
    left_col = round((part.left_m - grid.left_m) / part.pixel_m)
    return slice(top_row, top_row + part.height_px), slice(left_col, left_col + part.width_px)


def choose_looks(looks: Chip, *, onset_after: date, onset_by: date, last_on: date | None = None) -> tuple[int, int]:
    """Return which look shows the place best before the change, and which one after it.

    After: the latest look of [`onset_by`, `last_on`] in which at least `MIN_CLEAR_SHARE` is seen.
    Before: the latest such look until `onset_after`, or rather the latest one of the same season as the look after,
    where there is one: otherwise grass and shadows differ more than what was built.
    Where no look is as clear as that, the clearest is taken, the latest of equals.

    Raises:
        ValueError: There is no look at all on one side.

    """
    before = [index for index, day in enumerate(looks.days) if day <= onset_after]
    after = [index for index, day in enumerate(looks.days) if onset_by <= day <= (last_on or date.max)]
    if not before or not after:
        raise ValueError(
            f"a look until {onset_after} and one from {onset_by} on is needed; "
            f"the looks are {', '.join(map(str, looks.days))}"
        )
    shown_after = _latest_clear(looks, after)
    alike = [
        index
        for index in before
        if looks.clear_share[index] >= MIN_CLEAR_SHARE
        and days_apart_in_season(looks.days[index], looks.days[shown_after]) <= SAME_SEASON_DAYS
        and onset_after - looks.days[index] <= LONGEST_WAY_BACK
    ]
    return (_latest_clear(looks, alike or before), shown_after)


def days_apart_in_season(first: date, second: date) -> int:
    """Return how many days lie between two days of the year, 0 to 183, whatever the years."""
    apart = abs((first - second).days) % _YEAR_DAYS
    return round(min(apart, _YEAR_DAYS - apart))


def _latest_clear(looks: Chip, indices: list[int]) -> int:
    clear = [index for index in indices if looks.clear_share[index] >= MIN_CLEAR_SHARE]
    if clear:
        return clear[-1]
    return max(indices, key=lambda index: (looks.clear_share[index], index))


def _clear_share(rgb: NDArray[np.float32], window: Grid, outline_m: BaseGeometry) -> NDArray[np.float64]:
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(rgb).all(axis=-1))
    # all_touched: an outline narrower than a pixel still has pixels
    is_inside = geometry_mask(
        [outline_m], out_shape=window.shape, transform=window.transform, invert=True, all_touched=True
    )
    whole: NDArray[np.float64] = is_seen.mean(axis=(1, 2))
    if not is_inside.any():
        return whole
    outlined: NDArray[np.float64] = is_seen[:, is_inside].mean(axis=1)
    return np.minimum(whole, outlined)


def _steps(distance_m: float, grid: Grid) -> int:
    """Return the whole pixels in `distance_m`, rounded down, unmoved by the last digit of a float."""
    return int(np.floor(distance_m / grid.pixel_m + 1e-6))
