"""Small areas whose maps are known pixel by pixel."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from detection.changes import ChangeMap
from detection.looks.context import Noise
from detection.series.steps import Steps
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from outputs.rasters.maps import Further, Maps

DAYS = (date(2017, 3, 2), date(2017, 6, 10), date(2018, 4, 29), date(2018, 10, 11))
BANDS = ("B02", "B03", "B04", "B08")


def grid_of(rows: int = 40, columns: int = 60) -> Grid:
    """Return a grid in UTM zone 45 north."""
    return Grid(epsg=32645, left_m=604_000, top_m=4_804_000, pixel_m=10, width_px=columns, height_px=rows)


def stack_of(
    values: NDArray[np.float32], grid: Grid, *, days: Sequence[date] = DAYS, quantity: Quantity = Quantity.REFLECTANCE
) -> Stack:
    """Return looks of `values`, shape (time, band, y, x), NaN where not seen."""
    return Stack.of(
        [
            Scene(
                scene_id=f"S2A_{day:%Y%m%d}",
                observed_at=datetime(day.year, day.month, day.day, 5, 30, tzinfo=UTC),
                platform="sentinel-2a",
                quantity=quantity,
                grid=grid,
                bands=dict(zip(BANDS, look, strict=False)),
                is_clear=np.isfinite(look).all(axis=0),
            )
            for day, look in zip(days, values, strict=True)
        ]
    )


def changes_of(stack: Stack) -> ChangeMap:
    """Return a change map whose every number differs from its neighbours'."""
    shape = stack.grid.shape
    count = shape[0] * shape[1]
    score = np.linspace(-1, 30, count, dtype=np.float32).reshape(shape)
    score[0, 0] = np.nan
    onset = (np.arange(count).reshape(shape) % len(stack.days)).astype(np.int16)
    onset[:, 0] = -1
    filler = np.zeros(shape, dtype=np.float32)
    bands = np.zeros((len(stack.bands), *shape), dtype=np.float32)
    steps = Steps(
        score_z=score,
        contrast=filler,
        onset=onset,
        persistence=filler,
        season_persistence=filler,
        agreeing_looks=np.zeros((2, *shape), dtype=np.int16),
        before=bands,
        after=bands,
        noise=Noise(middle=0.0, sigma=1.0),
        own_noise=filler,
    )
    is_changed = np.zeros(shape, dtype=bool)
    is_changed[5:20, :30] = True
    trust = np.ones(len(stack.bands), dtype=np.float32)
    return ChangeMap(stack=stack, values=stack.values, trust=trust, steps=steps, is_changed=is_changed)


def maps_of(stack: Stack, *, further: Further | None = None, credit: str = "Contains modified Copernicus data") -> Maps:
    """Return the maps of an area with a name in three scripts."""
    shares = stack.is_clear.mean(axis=(1, 2))
    return Maps(
        area_id="home",
        area_name="Dabancheng 达坂城",
        stack=stack,
        changes=changes_of(stack),
        clear_shares=dict(zip(stack.scene_ids, shares.tolist(), strict=True)),
        credit=lambda years: f"{credit} {', '.join(map(str, sorted(set(years))))}",
        software="sitewatch 0.0",
        further=further,
    )


def looks(grid: Grid, *, count: int = len(DAYS), seed: int = 3) -> NDArray[np.float32]:
    """Return textured ground, shape (time, band, y, x), in reflectance."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.02, 0.6, (count, len(BANDS), *grid.shape)).astype(np.float32)
