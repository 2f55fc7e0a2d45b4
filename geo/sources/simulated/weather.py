"""What stands between the ground and the sensor on a day: clouds, their shadows, haze, dust, snow, noise."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from geo.sources.simulated.noise import Field, fractal_field, smooth_field
from geo.sources.simulated.scenario import NATIVE_PIXEL_M, Scenario
from geo.sources.simulated.spectra import BANDS

_DAY_STREAM, _DRIFT_STREAM, _SNOW_STREAM, _WHITE_STREAM = 21, 22, 23, 24
_KNOT_DAYS = 30
_DRIFT_LENGTH_PX = 8.0
_WINTER_STARTS = (11, 20)
_WINTER_DAYS = 100
_SNOW_SPELLS_A_WINTER = 1.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weather:
    """The sky and the noise of one day over the whole native grid; every field has the shape (y, x)."""

    gain: NDArray[np.float32]
    """Factor of each band of `spectra.BANDS`, shape (band,)."""
    drift: Field
    """Relative error of brightness, correlated in space and time."""
    haze: Field
    dust: float
    cloud: Field
    """How much a cloud hides, 0-1."""
    cloud_shadow: Field
    """How much of the sunlight a cloud takes away, 0-1."""
    snow: Field
    """The share of the ground under snow, 0-1."""
    misses_cloud_edges: bool
    """The classification loses a pixel at the edges of clouds on this day."""
    mistakes_bright_roofs: bool
    """The classification takes the brightest roofs for clouds on this day."""


def weather_on(scenario: Scenario, day: date) -> Weather:
    """Draw the weather of `day`: the same for the same scenario, whatever else was drawn before."""
    shape = scenario.grid.shape
    noise = scenario.noise
    rng = scenario.rng(_DAY_STREAM, day.toordinal())
    common, own = rng.normal(0, 1), rng.normal(0, 0.35, len(BANDS))
    haze_level, is_dusty, is_cloudy = rng.gamma(1.3, 1 / 1.3), rng.random() < noise.dust_share, rng.random()
    edges, roofs, dust = rng.random() < 0.5, rng.random() < 0.15, rng.uniform(0.4, 0.9)  # noqa: PLR2004 - shares of days
    haze = noise.haze * haze_level * np.clip(1 + 0.25 * smooth_field(rng, shape, length_px=70), 0, None)
    cloud = _clouds(rng, shape) if is_cloudy < scenario.cloudiness else np.zeros(shape, dtype=np.float32)
    return Weather(
        gain=(1 + noise.gain_sd * (common + own)).astype(np.float32),
        drift=_drift(scenario, day),
        haze=np.clip(haze, 0, 1.5).astype(np.float32),
        dust=float(dust) if is_dusty else 0.0,
        cloud=cloud,
        cloud_shadow=_cloud_shadow(rng, cloud, scenario, day),
        snow=_snow(scenario, day),
        misses_cloud_edges=edges,
        mistakes_bright_roofs=roofs,
    )


def white_noise(scenario: Scenario, day: date, band: str) -> Field:
    """Return the sensor's white noise, mean 0 and sd 1, over the native grid."""
    rng = scenario.rng(_WHITE_STREAM, day.toordinal(), BANDS.index(band))
    return rng.standard_normal(scenario.grid.shape, dtype=np.float32)


def _clouds(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Draw clouds that cover a random share of the sky, thin at their edges."""
    cover_share = float(np.clip(rng.beta(0.9, 1.1), 0.03, 1.0))
    billows = fractal_field(rng, shape, longest_px=120, slope=3.6)
    wisps = fractal_field(rng, shape, longest_px=30, slope=4.2)
    billows = billows + np.float32(0.22) * wisps
    border = np.quantile(billows, 1 - cover_share)
    cloud: Field = np.clip((billows - border) / np.float32(1.1), 0, 1).astype(np.float32)
    return cloud


def _cloud_shadow(rng: np.random.Generator, cloud: Field, scenario: Scenario, day: date) -> Field:
    """Move the clouds along the sun's rays to the ground; what leaves one edge comes in at the other."""
    height_m = float(rng.uniform(600, 1800))
    if not cloud.any():
        return np.zeros_like(cloud)
    east_m, north_m = scenario.sun(day).shadow_m(height_m)
    move = (round(-north_m / NATIVE_PIXEL_M), round(east_m / NATIVE_PIXEL_M))
    return np.roll(cloud, move, axis=(0, 1)) * np.float32(0.85)


def _drift(scenario: Scenario, day: date) -> Field:
    """Turn from one random field to the next, one every `_KNOT_DAYS`: near days are alike, the sd stays."""
    if scenario.noise.drift_sd == 0:
        return np.zeros(scenario.grid.shape, dtype=np.float32)
    knot, into = divmod(day.toordinal(), _KNOT_DAYS)
    turn = into / _KNOT_DAYS * pi / 2
    before, after = (
        smooth_field(
            scenario.rng(_DRIFT_STREAM, number),
            scenario.grid.shape,
            length_px=_DRIFT_LENGTH_PX,
        )
        for number in (knot, knot + 1)
    )
    mixed = before * np.float32(cos(turn)) + after * np.float32(sin(turn))
    return np.clip(mixed * np.float32(scenario.noise.drift_sd), -0.2, 0.2).astype(np.float32)


def _snow(scenario: Scenario, day: date) -> Field:
    """Return the snow that still lies of the winter's spells: patchy, and thinner each day."""
    shape = scenario.grid.shape
    depth = max((_spell_depth(day, *spell) for spell in _snow_spells(scenario, day)), default=0.0)
    if depth <= 0:
        return np.zeros(shape, dtype=np.float32)
    winter = (day + timedelta(days=60)).year
    rng = scenario.rng(_SNOW_STREAM, winter, 1)
    patches = fractal_field(rng, shape, longest_px=60, slope=3.4)
    snow: Field = np.clip(0.5 + 0.35 * patches + 1.6 * (depth - 0.5), 0, 0.97).astype(np.float32)
    return snow


def _snow_spells(scenario: Scenario, day: date) -> list[tuple[date, int]]:
    """Return first day and length of each snowy spell of the winter around `day`."""
    year = (day - timedelta(days=200)).year
    rng = scenario.rng(_SNOW_STREAM, year)
    count = rng.poisson(_SNOW_SPELLS_A_WINTER * scenario.noise.snow)
    begin = date(year, *_WINTER_STARTS)
    return [(begin + timedelta(days=int(rng.integers(_WINTER_DAYS))), int(rng.integers(6, 22))) for _ in range(count)]


def _spell_depth(day: date, begin: date, length_days: int) -> float:
    age = (day - begin).days
    return 1 - age / length_days if 0 <= age < length_days else 0.0
