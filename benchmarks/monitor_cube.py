"""The made-up cube on which monitors are compared: seasons, noise that remembers, clouds, steps of known size and date.

One index (0-1), as the peers take one. Every pixel has a level and a season of its own kind of ground: seasons are
no pure harmonic, and come earlier or later from year to year. Noise of successive dates is alike, the more so the
closer they lie. Clouds come in blobs. Square sites change for good, up or down, in the first half of the dates that
are monitored.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FIRST_DAY = date(2019, 1, 7)
_SITE_PX = 8
_SITE_SHARE = 0.1
_DAYS_A_YEAR = 365.2425


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeParams:
    """What the cube is like."""

    size_px: int = 256
    dates: int = 60
    history: int = 40
    span_days: int = 1100
    memory_days: float = 25.0
    """Noise is alike over so many days; 0: noise of every date is its own."""
    hidden_share: float = 0.25
    """Share of each date behind clouds, on average."""
    site_px: int = _SITE_PX
    """Side of a site that changes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cube:
    """The cube and its truth."""

    values: NDArray[np.float32]
    """Shape (date, y, x), NaN behind clouds."""
    days: tuple[date, ...]
    history: int
    """So many dates come before monitoring."""
    step_at: NDArray[np.int64]
    """Index of the first date after the step, shape (y, x); -1 where there is none."""
    step: NDArray[np.float32]
    """Its size, shape (y, x)."""

    def sample(self, size_px: int) -> "Cube":
        """Return `size_px` x `size_px` pixels of it, evenly spaced."""
        every = max(1, len(self.step) // size_px)
        part = (slice(0, every * size_px, every),) * 2
        return Cube(
            values=self.values[:, *part],
            days=self.days,
            history=self.history,
            step_at=self.step_at[part],
            step=self.step[part],
        )


def make_cube(seed: int, params: CubeParams) -> Cube:
    """Return the cube of `seed`."""
    rng = np.random.default_rng(seed)
    offsets = np.sort(rng.choice(params.span_days, params.dates, replace=False))
    days = tuple(FIRST_DAY + timedelta(days=int(offset)) for offset in offsets)
    shape = (params.size_px, params.size_px)
    ground = ndimage.zoom(rng.integers(0, 4, (params.size_px // 16 + 1,) * 2), 16, order=0)[: shape[0], : shape[1]]
    clean = _season(rng, offsets, ground)
    sigma = rng.uniform(0.015, 0.04, shape).astype(np.float32)
    step_at, step = _steps(rng, params)
    values = clean + sigma * _noise(rng, offsets, shape, params.memory_days)
    is_after = (step_at >= 0) & (np.arange(params.dates)[:, None, None] >= step_at)
    values = np.where(is_after, values + step, values).astype(np.float32)
    values[_clouds(rng, params)] = np.nan
    return Cube(values=values, days=days, history=params.history, step_at=step_at, step=step)


def _season(rng: np.random.Generator, offsets: NDArray[np.int64], ground: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what the ground looks like without noise: rise and fall of a green season that differs by year."""
    kinds = int(ground.max()) + 1
    level = rng.uniform(0.1, 0.5, kinds)
    height = np.array([0.0, 0.08, 0.2, 0.3])[:kinds]
    years = int(offsets[-1] // _DAYS_A_YEAR) + 1
    early = rng.normal(0, 8, (years, kinds))
    year = (offsets // _DAYS_A_YEAR).astype(int)
    day = (offsets % _DAYS_A_YEAR)[:, None] - early[year]
    green = 1 / (1 + np.exp(-(day - 120) / 22)) - 1 / (1 + np.exp(-(day - 280) / 26))
    own = rng.uniform(0.8, 1.2, ground.shape)
    return np.asarray(level[ground] + (height * green)[:, ground] * own, dtype=np.float32)


def _noise(
    rng: np.random.Generator, offsets: NDArray[np.int64], shape: tuple[int, int], memory_days: float
) -> NDArray[np.float32]:
    """Return noise of unit variance whose likeness falls off with the days between two dates."""
    fresh = rng.standard_normal((len(offsets), *shape), dtype=np.float32)
    if memory_days <= 0:
        return fresh
    noise = fresh.copy()
    for index in range(1, len(offsets)):
        likeness = np.float32(np.exp(-(offsets[index] - offsets[index - 1]) / memory_days))
        noise[index] = likeness * noise[index - 1] + np.sqrt(1 - likeness**2) * fresh[index]
    return noise


def _clouds(rng: np.random.Generator, params: CubeParams) -> NDArray[np.bool_]:
    """Return what clouds hide, shape (date, y, x): blobs, and now and then a whole date."""
    shape = (params.dates, params.size_px, params.size_px)
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0, 12, 12), mode="wrap")
    share = np.clip(rng.beta(0.5, 0.5 * (1 - params.hidden_share) / params.hidden_share, params.dates), 0, 1)
    limits = np.array([np.quantile(layer, 1 - part) for layer, part in zip(field, share, strict=True)])
    return np.asarray(field >= limits[:, None, None]) & (share > 0)[:, None, None]


def _steps(rng: np.random.Generator, params: CubeParams) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    side = params.size_px // params.site_px
    is_site = rng.random((side, side)) < _SITE_SHARE
    first, beyond = params.history, params.history + (params.dates - params.history) // 2
    at = np.where(is_site, rng.integers(first, beyond, (side, side)), -1)
    size = rng.uniform(0.06, 0.2, (side, side)) * rng.choice([-1.0, 1.0], (side, side))
    step_at = np.full((params.size_px,) * 2, -1, dtype=np.int64)
    step = np.zeros((params.size_px,) * 2, dtype=np.float32)
    whole = side * params.site_px
    step_at[:whole, :whole] = np.kron(at, np.ones((params.site_px,) * 2, dtype=np.int64))
    step[:whole, :whole] = np.kron(np.where(is_site, size, 0), np.ones((params.site_px,) * 2))
    return step_at, step
