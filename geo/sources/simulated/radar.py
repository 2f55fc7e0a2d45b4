"""From a world to radar pixels: what a C-band SAR would see of the ground and of what stands on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, cos, exp, inf, isinf, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr
from shapely.affinity import translate
from shapely.geometry import Polygon

from geo.sources.simulated.backscatter import (
    BACKSCATTER,
    MOISTURE_SHARE,
    POLARISATIONS,
    Gamma0,
    RadarTrack,
    double_bounce,
    facing_strips,
)
from geo.sources.simulated.coverage import Patch, coverage, sense_columns, sense_rows, sensor_weights, to_pixels
from geo.sources.simulated.ground import BASE, OVERSAMPLE, FieldState, Ground
from geo.sources.simulated.noise import smooth_field
from geo.sources.simulated.render import Window, cut
from geo.sources.simulated.scenario import Scenario
from geo.sources.simulated.spectra import Crop, Surface, green_share
from geo.sources.simulated.structures import Structure

Image = NDArray[np.float32]
_SPECKLE_STREAM, _RAIN_STREAM, _GAIN_STREAM, _DRIFT_STREAM = 41, 42, 43, 44
_KNOT_DAYS = 30
_DRIFT_LENGTH_PX = 8.0
_PLOUGHED = np.array([10**0.2, 10**0.15], dtype=np.float32)
"""Clods are rough: 2 dB more in VV, 1.5 in VH."""
_RAINS_A_YEAR = 9
_DRYING_DAYS = 7.0
_WETTEST_DOY = 80
_TABLE = np.linspace(-6, 6, 4001)


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarNoise:
    """How unlike the ground a radar image of it is. ``RadarNoise.none()`` shows the ground as it is."""

    looks: float = 4.4
    """Equivalent number of looks: speckle has the standard deviation 1 / sqrt(looks) of the mean. That of
    Sentinel-1's ground-range product; infinity: no speckle."""
    speckle_px: float = 1.2
    """Reach of the correlation of speckle: neighbours at 10 m share about 0.7, next ones 0.25, as measured on a
    real Sentinel-1 window."""
    psf_sigma_px: float = 0.85
    """Blur: the product resolves about 20 m on pixels of 10 m."""
    moisture_db: float = 0.8
    """How far bare soil rises after rain, and half of how far it swings with the season, in decibel."""
    drift_db: float = 0.3
    """Standard deviation of what a place wanders by itself, correlated over about 100 m and a month, in decibel."""
    gain_db: float = 0.15
    """Standard deviation of a whole date's error of calibration."""
    floor: float = 0.0008
    """Linear power that even what scatters nothing shows: the receiver's own noise."""
    texture: float = 1.0
    """Factor on the fixed texture of the ground."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 0 or (name == "looks" and self.looks == 0):
                raise ValueError(f"{name} cannot be negative, and looks not 0; got {getattr(self, name)}")

    @classmethod
    def none(cls) -> "RadarNoise":
        """Return settings that show it as it is: nothing but what scatters, sharp and steady."""
        names = [name for name in cls.__slots__ if name != "looks"]
        return cls(looks=inf, **dict.fromkeys(names, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """What one structure with a height adds to the image of one track, each piece in fine samples."""

    shadow: Patch
    """What it hides: itself and its radar shadow."""
    top: Patch
    """Its roof, displaced towards the radar."""
    strips: tuple[tuple[Patch, Gamma0], ...]
    """The double bounce of its walls."""


class RadarFootprints:
    """Where the structures of a scenario lie in the images of its tracks; each is worked out once."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._flat: dict[int, Patch] = {}
        self._raised: dict[tuple[int, int], _Drawn] = {}

    def flat(self, index: int, part: Structure) -> Patch:
        """Return the patch of the scenario's structure number `index`, which has no height."""
        if index not in self._flat:
            self._flat[index] = self._patch(part.footprint_m)
        return self._flat[index]

    def raised(self, index: int, part: Structure, track: RadarTrack) -> _Drawn:
        """Return what the scenario's structure number `index`, which has a height, shows from `track`."""
        key = (track.relative_orbit, index)
        if key not in self._raised:
            strips = [
                (self._patch(strip), double_bounce(part.height_m, askew_deg))
                for strip, askew_deg in facing_strips(part.footprint_m, track)
            ]
            self._raised[key] = _Drawn(
                shadow=self._patch(part.shadow_m(track.shadow_m(part.height_m))),
                top=self._patch(translate(part.footprint_m, *track.layover_m(part.height_m))),
                strips=tuple(strips),
            )
        return self._raised[key]

    def _patch(self, polygon_m: Polygon) -> Patch:
        return coverage(to_pixels(polygon_m, self._scenario.grid, oversample=OVERSAMPLE))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarView:
    """A scenario as one track sees it."""

    ground: Ground
    footprints: RadarFootprints
    track: RadarTrack
    noise: RadarNoise

    def image(self, day: date, window: Window, bands: Sequence[str]) -> dict[str, Image]:
        """Return linear gamma nought by polarisation on the 10 m pixels of `window`.

        Speckle multiplies what the ground scatters, not the double bounce of walls, which stays from look to look.
        """
        margin_px = 2 * ceil((0.5 + 4 * self.noise.psf_sigma_px) / 2) + 2
        wide = window.grown(margin_px)
        spread, bounced = self._fine(day, wide)
        scenario = self.ground.scenario
        error_db = self.noise.gain_db * scenario.rng(_GAIN_STREAM, self._key, day.toordinal()).normal()
        gain = np.float32(10 ** (error_db / 10))
        wander = self._drift(day)[window.slices]
        images = {}
        for band in dict.fromkeys(bands):
            number = POLARISATIONS.index(band)
            ground, walls = (self._sensed(layer[number], window, margin_px) for layer in (spread, bounced))
            ground += np.float32(self.noise.floor)
            images[band] = gain * (wander * ground * self._speckle(day, number)[window.slices] + walls)
        return images

    @property
    def _key(self) -> int:
        return self.track.relative_orbit

    def _fine(self, day: date, window: Window) -> tuple[Image, Image]:
        """Draw the window in fine samples, shape (polarisation, fine y, fine x): what spreads, and what bounces."""
        rows, columns = window.fine(0), window.fine(1)
        image = self._bare(day, window)
        walls = np.zeros_like(image)
        standing = [(index, part) for index, part in enumerate(self.ground.scenario.structures) if part.stands_on(day)]
        for index, part in standing:
            if part.height_m == 0:
                _blend(image, self.footprints.flat(index, part).clipped(rows=rows, columns=columns), part.surface)
        raised = [
            (part, self.footprints.raised(index, part, self.track)) for index, part in standing if part.height_m > 0
        ]
        hidden = np.zeros(image.shape[1:], dtype=np.float32)
        for _, drawn in raised:
            _add(hidden, drawn.shadow.clipped(rows=rows, columns=columns))
        image *= 1 - np.minimum(hidden, 1)
        for part, drawn in raised:
            _brighten(image, drawn.top.clipped(rows=rows, columns=columns), BACKSCATTER[part.surface])
            for strip, power in drawn.strips:
                _brighten(walls, strip.clipped(rows=rows, columns=columns), power)
        return image, walls

    def _bare(self, day: date, window: Window) -> Image:
        """Return what the ground without structures scatters, in fine samples."""
        table = self._table(day)
        cover, shade = cut(self.ground.cover, window), cut(self.ground.shade, window)
        image = table[:, cover]
        if self.noise.texture > 0:
            image = image * np.exp(np.float32(2 * self.noise.texture) * shade)
        return np.asarray(image, dtype=np.float32)

    def _table(self, day: date) -> Image:
        """Return what each cover scatters on `day`, shape (polarisation, cover)."""
        wet_db = moisture_db(self.ground.scenario, day, self.noise)
        covers = [_moist(surface, wet_db) for surface in BASE]
        green = green_share(Crop.POPLAR, day.timetuple().tm_yday)
        covers[BASE.index(Surface.TREES)] = _mixed(_moist(Surface.SOIL, wet_db), _moist(Surface.TREES, wet_db), green)
        covers += [_field(state, wet_db) for state in self.ground.field_states(day)]
        return np.stack(covers, axis=1)

    def _sensed(self, layer: Image, window: Window, margin_px: int) -> Image:
        rows, columns = (end - first for first, end in (window.rows, window.columns))
        first, weights = sensor_weights(0.0, psf_sigma_px=self.noise.psf_sigma_px, oversample=OVERSAMPLE)
        start = margin_px * OVERSAMPLE + first
        layer = sense_rows(layer, weights, first=start, step=OVERSAMPLE, count=rows)
        return sense_columns(layer, weights, first=start, step=OVERSAMPLE, count=columns)

    def _drift(self, day: date) -> Image:
        """Turn from one smooth random field to the next, one every `_KNOT_DAYS`; a factor around 1 over the grid."""
        scenario = self.ground.scenario
        if self.noise.drift_db == 0:
            return np.ones(scenario.grid.shape, dtype=np.float32)
        knot, into = divmod(day.toordinal(), _KNOT_DAYS)
        turn = into / _KNOT_DAYS * pi / 2
        before, after = (
            smooth_field(scenario.rng(_DRIFT_STREAM, number), scenario.grid.shape, length_px=_DRIFT_LENGTH_PX)
            for number in (knot, knot + 1)
        )
        wandered = self.noise.drift_db * (before * np.float32(cos(turn)) + after * np.float32(sin(turn)))
        return np.asarray(10 ** (wandered / 10), dtype=np.float32)

    def _speckle(self, day: date, number: int) -> Image:
        """Return a gamma field over the native grid, mean 1 and variance 1 / looks, smooth over about a pixel."""
        scenario = self.ground.scenario
        if isinf(self.noise.looks):
            return np.ones(scenario.grid.shape, dtype=np.float32)
        rng = scenario.rng(_SPECKLE_STREAM, self._key, day.toordinal(), number)
        normal = smooth_field(rng, scenario.grid.shape, length_px=self.noise.speckle_px)
        table = gammaincinv(self.noise.looks, ndtr(_TABLE)) / self.noise.looks
        return np.asarray(np.interp(normal, _TABLE, table), dtype=np.float32)


def moisture_db(scenario: Scenario, day: date, noise: RadarNoise) -> float:
    """Return by how much bare soil is brighter on `day` than in the yearly mean, all over the scene, in decibel.

    A swing of the season, and a jump after each rain that dries away within weeks.
    """
    season = 0.5 * sin(2 * pi * (day.timetuple().tm_yday - _WETTEST_DOY) / 365.25 + pi / 2)
    wet = 0.0
    for year in (day.year - 1, day.year):
        rng = scenario.rng(_RAIN_STREAM, year)
        for _ in range(_RAINS_A_YEAR):
            age_days = (day - date(year, 1, 1)).days - int(rng.integers(365))
            amount = rng.random()
            wet = max(wet, amount * exp(-age_days / _DRYING_DAYS) if age_days >= 0 else 0.0)
    return noise.moisture_db * (season + 2 * wet)


def _moist(surface: Surface, wet_db: float) -> Gamma0:
    return BACKSCATTER[surface] * np.float32(10 ** (MOISTURE_SHARE.get(surface, 0.0) * wet_db / 10))


def _mixed(first: Gamma0, second: Gamma0, second_share: float) -> Gamma0:
    return np.asarray(first + np.float32(second_share) * (second - first), dtype=np.float32)


def _field(state: FieldState, wet_db: float) -> Gamma0:
    """Mix leaves, whose volume tells in VH, and soil, which irrigation and the plough brighten."""
    soil = _moist(Surface.SOIL, wet_db)
    if state.is_wet:
        soil = _mixed(soil, _moist(Surface.MOIST_SOIL, wet_db), 0.7)
    if state.is_freshly_ploughed:
        soil = soil * _PLOUGHED
    return _mixed(soil, _moist(state.leaves, wet_db), state.green)


def _blend(image: Image, seen: Patch | None, surface: Surface) -> None:
    if seen is not None:
        below = image[(slice(None), *seen.window)]
        below += seen.share * (BACKSCATTER[surface][:, None, None] - below)


def _brighten(image: Image, seen: Patch | None, power: Gamma0) -> None:
    if seen is not None:
        image[(slice(None), *seen.window)] += seen.share * power[:, None, None]


def _add(layer: Image, seen: Patch | None) -> None:
    if seen is not None:
        layer[seen.window] += seen.share
