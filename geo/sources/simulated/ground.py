"""The simulated ground without what is built on it: desert, fields, old towns, and their fixed texture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry import Polygon

from geo.grid import Grid
from geo.sources.simulated.noise import Field as RandomField
from geo.sources.simulated.noise import fractal_field, streaked_field
from geo.sources.simulated.scenario import Scenario
from geo.sources.simulated.spectra import ROTATION, SPECTRA, Crop, Surface, green_share, mix

OVERSAMPLE = 4
"""Fine samples along each side of a 10 m pixel."""
_TEXTURE_STREAM, _TOWN_STREAM, _FIELD_STREAM, _CROP_STREAM, _WATER_STREAM = 11, 12, 13, 14, 15
BASE = (Surface.GRAVEL, Surface.SOIL, Surface.MUD_BRICK, Surface.CONCRETE, Surface.TREES, Surface.GREY_ROOF)
"""The first covers, before the fields."""
_BASE_TEXTURE = (1.0, 0.35, 0.5, 0.4, 0.4, 0.3)
_FIELD_TEXTURE = 0.35
_FIRST_FIELD = len(BASE)
_TOWN_SHARES = (0.0, 0.20, 0.50, 0.12, 0.12, 0.06)
_TOWN_CELL_M = 11.0
_TOWN_LANE_M = 63.0
_DESERT_EVERGREEN = (Crop.ORCHARD, Crop.POPLAR)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """The fixed rasters of a scenario at `OVERSAMPLE` samples a pixel, and what its covers reflect on a day.

    `cover` numbers the rows of `spectra_on`; `shade` and `hue` are relative deviations of brightness and of
    redness, `grain` is the brightness texture of what is built. All have the shape (fine y, fine x) of the
    scenario's native grid.
    """

    scenario: Scenario
    cover: NDArray[np.uint16]
    shade: RandomField
    hue: RandomField
    grain: RandomField

    @classmethod
    def of(cls, scenario: Scenario) -> "Ground":
        """Lay out the ground of `scenario`: the costly part, done once a source."""
        cover = _cover(scenario)
        amplitude = np.full(_FIRST_FIELD + len(scenario.fields), _FIELD_TEXTURE, dtype=np.float32)
        amplitude[:_FIRST_FIELD] = _BASE_TEXTURE
        amplitude *= scenario.noise.texture
        shade, hue = _texture(scenario)
        plain = _plain_texture(scenario)
        is_desert = cover == 0
        amount = amplitude[cover]
        return cls(
            scenario=scenario,
            cover=cover,
            shade=amount * np.where(is_desert, shade, plain),
            hue=amount * hue,
            grain=plain * np.float32(scenario.noise.texture),
        )

    def spectra_on(self, day: date) -> NDArray[np.float32]:
        """Return what each cover reflects on `day`, shape (cover, band)."""
        base = [SPECTRA[surface] for surface in BASE]
        trees = mix(SPECTRA[Surface.SOIL], SPECTRA[Surface.TREES], green_share(Crop.POPLAR, day.timetuple().tm_yday))
        base[BASE.index(Surface.TREES)] = trees
        return np.stack([*base, *self._field_spectra(day)])

    def field_states(self, day: date) -> list["FieldState"]:
        """Return what each field of the scenario is like on `day`."""
        count = len(self.scenario.fields)
        doy = day.timetuple().tm_yday
        rotation = self.scenario.rng(_CROP_STREAM, day.year).integers(len(ROTATION), size=count)
        is_wet = self.scenario.rng(_WATER_STREAM, day.toordinal()).random(count) < 0.25  # noqa: PLR2004 - share
        states = []
        for index, land in enumerate(self.scenario.fields):
            crop = ROTATION[rotation[index]] if land.crop == "rotation" else Crop(land.crop)
            habit = self._habits[index]
            green = green_share(crop, doy - 7 * habit[0]) * (1 - 0.12 * abs(habit[1]))
            states.append(
                FieldState(
                    crop=crop,
                    green=green,
                    days_since_ploughing=(doy - 300 - 9 * habit[2]) % 365,
                    is_wet=bool(is_wet[index]) and green > 0.05,  # noqa: PLR2004 - watered while something grows
                    brightness=1 + 0.05 * habit[3],
                )
            )
        return states

    def _field_spectra(self, day: date) -> list[NDArray[np.float32]]:
        spectra = []
        for state in self.field_states(day):
            spectra.append(_field_spectrum(state))
            spectra[-1] *= state.brightness
        return spectra

    @cached_property
    def _habits(self) -> NDArray[np.float32]:
        """Standard normal traits of each field: earliness, vigour, ploughing date, brightness of its soil."""
        rng = self.scenario.rng(_FIELD_STREAM)
        return np.clip(rng.standard_normal((len(self.scenario.fields), 4)), -2, 2).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldState:
    """What a field is like on a day."""

    crop: Crop
    green: float
    """The share of its ground under leaves, 0-1."""
    days_since_ploughing: float
    is_wet: bool
    """Irrigated a short time ago."""
    brightness: float
    """Factor on what it reflects, of its own soil."""

    @property
    def is_freshly_ploughed(self) -> bool:
        """Whether clods lie on it: for a month, until they have weathered."""
        return self.days_since_ploughing < 30 and self.crop not in _DESERT_EVERGREEN  # noqa: PLR2004 - a month

    @property
    def leaves(self) -> Surface:
        """What grows on it."""
        return Surface.TREES if self.crop in _DESERT_EVERGREEN else Surface.CROP


def _field_spectrum(state: FieldState) -> NDArray[np.float32]:
    """Mix leaves and soil; soil is moist after irrigation in the season, and dark for a month after ploughing."""
    soil = SPECTRA[Surface.SOIL]
    if state.is_wet:
        soil = mix(soil, SPECTRA[Surface.MOIST_SOIL], 0.7)
    if state.is_freshly_ploughed:
        soil = soil * np.float32(0.86)
    return mix(soil, SPECTRA[state.leaves], state.green)


def fine_transform(grid: Grid) -> Affine:
    """Return the affine map of the fine samples of `grid`."""
    size_m = grid.pixel_m / OVERSAMPLE
    return Affine(size_m, 0, grid.left_m, 0, -size_m, grid.top_m)


def _fine_shape(grid: Grid) -> tuple[int, int]:
    return (grid.height_px * OVERSAMPLE, grid.width_px * OVERSAMPLE)


def _cover(scenario: Scenario) -> NDArray[np.uint16]:
    """Number the covers: 0 is desert, then the other base surfaces, then one number a field."""
    shape, transform = _fine_shape(scenario.grid), fine_transform(scenario.grid)
    cover = np.zeros(shape, dtype=np.uint16)
    numbered = [(land.outline_m, _FIRST_FIELD + index) for index, land in enumerate(scenario.fields)]
    if numbered:
        rasterize(numbered, out=cover, transform=transform)
    if scenario.towns:
        is_town = _burnt(scenario.towns, shape, transform)
        cover[is_town] = _town_fabric(scenario)[is_town]
    return cover


def _burnt(polygons: Iterable[Polygon], shape: tuple[int, int], transform: Affine) -> NDArray[np.bool_]:
    burnt: NDArray[np.uint8] = rasterize([(polygon, 1) for polygon in polygons], out_shape=shape, transform=transform)
    return burnt.astype(bool)


def _town_fabric(scenario: Scenario) -> NDArray[np.uint16]:
    """Draw an old town: courtyard houses, roofs and trees in small cells, with lanes between rows of them."""
    grid = scenario.grid
    rng = scenario.rng(_TOWN_STREAM)
    turn = rng.uniform(0, np.pi / 2)
    size_m = grid.pixel_m / OVERSAMPLE
    height, width = _fine_shape(grid)
    right = np.arange(width, dtype=np.float32)[None, :] * size_m
    down = np.arange(height, dtype=np.float32)[:, None] * size_m
    u = right * np.cos(turn, dtype=np.float32) + down * np.sin(turn, dtype=np.float32)
    v = down * np.cos(turn, dtype=np.float32) - right * np.sin(turn, dtype=np.float32)
    table = rng.choice(len(BASE), size=(997, 991), p=_TOWN_SHARES).astype(np.uint16)
    fabric = table[(u // _TOWN_CELL_M).astype(np.int32) % 997, (v // _TOWN_CELL_M).astype(np.int32) % 991]
    is_lane = (u % _TOWN_LANE_M < 5) | (v % (1.7 * _TOWN_LANE_M) < 6)  # noqa: PLR2004 - widths in metres
    is_street = (u % (4 * _TOWN_LANE_M) < 9) | (v % (3.4 * _TOWN_LANE_M) < 9)  # noqa: PLR2004
    soil, street = (np.uint16(BASE.index(surface)) for surface in (Surface.SOIL, Surface.GREY_ROOF))
    return np.where(is_street, street, np.where(is_lane, soil, fabric))


def _texture(scenario: Scenario) -> tuple[RandomField, RandomField]:
    """Return brightness and redness of gravel plains: fans, dry washes, and a fractal rest.

    Made at half the fine sampling and repeated: a sensor's pixel spans several samples in any case.
    """
    height, width = _fine_shape(scenario.grid)
    shape = (height // 2, width // 2)
    rng = scenario.rng(_TEXTURE_STREAM)
    angle = float(rng.uniform(55, 125))
    fans = streaked_field(rng, shape, length_px=120, stretch=5, angle_deg=angle)
    washes = streaked_field(rng, shape, length_px=90, stretch=3.5, angle_deg=angle + 8)
    rest = fractal_field(rng, shape, longest_px=50, slope=2.6)
    shade = 0.10 * np.tanh(1.5 * fans) + 0.26 * np.exp(-((washes / 0.09) ** 2)) + 0.085 * rest - 0.02
    hue = 0.055 * np.tanh(1.5 * fans) + 0.02 * fractal_field(rng, shape, longest_px=150, slope=2.6)
    return _doubled(shade), _doubled(hue)


def _plain_texture(scenario: Scenario) -> RandomField:
    """Return the brightness texture of everything that is not desert."""
    height, width = _fine_shape(scenario.grid)
    rng = scenario.rng(_TEXTURE_STREAM, 1)
    return _doubled(0.10 * fractal_field(rng, (height // 2, width // 2), longest_px=30, slope=1.6))


def _doubled(values: RandomField) -> RandomField:
    return values.astype(np.float32).repeat(2, axis=0).repeat(2, axis=1)


def hue_weights(bands: Sequence[str]) -> NDArray[np.float32]:
    """Return how much redness changes each of `bands`, shape (band,)."""
    weights = {"B02": -0.6, "B03": -0.15, "B04": 0.35, "B08": 0.3, "B11": 0.45, "B12": 0.4}
    return np.array([weights[band] for band in bands], dtype=np.float32)
