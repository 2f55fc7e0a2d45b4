"""Draw structures into a real series, so that what is to be found is known and all the rest is real.

Each date keeps its own pixels, clouds, light, noise and place: a structure covers shares of pixels, exactly, through
the blur of the optics, lies as far off its place as the date does, throws its shadow by the sun of the day, and is as
bright as the light of the date (`light.Light`) makes it. Where the mask hid the ground the implant is hidden too.

What is mixed: the recorded pixel stands for all the ground in it, so ground that is not covered keeps its value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil, floor
from zlib import crc32

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.simulated.coverage import Patch, coverage, sense_columns, sense_rows, sensor_weights, to_pixels
from geo.sources.simulated.light import Light
from geo.sources.simulated.noise import fractal_field
from geo.sources.simulated.spectra import BANDS, COARSE_BANDS, SHADOW_LIGHT, SPECTRA, Surface
from geo.sources.simulated.structures import SimulatedEvent, Structure
from geo.sun import Sun, sun_on

Image = NDArray[np.float32]

OVERSAMPLE = 4
"""Fine samples along each side of a pixel."""
_MARGIN_PX = 6
"""Pixels drawn around a structure and its shadow: blur and misregistration carry it no farther."""
_LARGEST_SHIFT_PX = 3.0
_TEXTURE = {Surface.GRADED: 0.08, Surface.RUBBLE: 0.16, Surface.CONCRETE: 0.06}
_PLAIN_TEXTURE = 0.03
_GREY_OF_A_BRIGHT_ROOF = 0.22
_CLOUD = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplantParams:
    """How implants are drawn."""

    psf_sigma_px: float = 0.42
    """Blur of the optics, in pixels of the band."""

    scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Band to (gain, offset) that make reflectance of a surface what the series records on its usual date; missing:
    reflectance as it is."""

    texture: float = 1.0
    """Factor on the brightness texture of what is drawn."""

    eaten_share: float = 0.0
    """Share (0-1) of the dates on which the mask takes bright roofs for cloud and hides them."""

    seed: int = 0
    """Draws the dates on which roofs are eaten."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Veneer:
    """What is drawn over a window of the pixels of one date."""

    window: tuple[slice, slice]
    kept: Image
    """Shape (band, y, x): share of the ground's light that is still recorded; 1 where nothing is drawn."""
    added: Image
    """Shape (band, y, x): reflectance of what is drawn, times the share of the pixel that it covers."""
    covered: Image
    """Shape (band, y, x): the share of the pixel that is covered, 0-1."""


def implanted(
    stack: Stack,
    events: Sequence[SimulatedEvent],
    lights: Sequence[Light],
    params: ImplantParams | None = None,
) -> Stack:
    """Return `stack` with `events` drawn into it.

    Args:
        stack: A real series. Its `shifts_px`, if it has them, tell how far each date lies off its place (a date moves
            by that to lie right, so it lies off by the opposite); where they are NaN or missing a date lies right.
        events: What is built or torn down, in the CRS of the stack's grid, in metres.
        lights: The light of each date, from `light.measure_lights`.
        params: How implants are drawn.

    Raises:
        ValueError: A band of the stack is none that surfaces have a spectrum for.

    """
    params = params or ImplantParams()
    strange = [band for band in stack.bands if band not in BANDS]
    if strange:
        raise ValueError(f"no simulated surface has a spectrum for {', '.join(strange)}; they have {', '.join(BANDS)}")
    parts = [part for event in events for part in event.structures]
    values = stack.values
    latitude = stack.grid.footprint_4326.centroid.y
    for index, (day, light) in enumerate(zip(stack.days, lights, strict=True)):
        standing = [part for part in parts if part.stands_on(day)]
        veneer = _drawn(standing, stack, _off_px(stack, index), sun_on(day, lat_deg=latitude), params)
        if veneer is not None:
            values[index] = _blended(values[index], veneer, light, stack.bands, params)
            _eat(values[index], veneer, day, stack.bands, params)
    return stack.with_values(values)


def truth_of(events: Sequence[SimulatedEvent], *, epsg: int, first: date, last: date) -> gpd.GeoDataFrame:
    """Return what really happened in (first, last]: one row an event, as `Scenario.truth`, with its phases.

    Columns: ``event``, ``name``, ``started_on`` (first disturbance of the ground), ``active_on`` (first thing that
    rises; NaT where none does), ``completed_on`` (last change), ``area_m2``, ``built_area_m2`` (of what rises, or rose)
    and ``geometry`` (all that changed), in EPSG:4326.
    """
    happened = [event for event in events if event.change_days(first, last)]
    days = {
        "started_on": [event.change_days(first, last)[0] for event in happened],
        "active_on": [_first_rise(event, first, last) for event in happened],
        "completed_on": [event.change_days(first, last)[-1] for event in happened],
    }
    shapes = [event.footprint_m(first, last) for event in happened]
    return gpd.GeoDataFrame(
        {
            "event": [event.kind for event in happened],
            "name": [event.name for event in happened],
            **{name: np.array(column, dtype="datetime64[s]") for name, column in days.items()},
            "area_m2": [float(shape.area) for shape in shapes],
            "built_area_m2": [_built_area_m2(event) for event in happened],
        },
        geometry=[reproject(shape, from_epsg=epsg, to_epsg=LON_LAT_EPSG) for shape in shapes],
        crs=LON_LAT_EPSG,
    )


def _first_rise(event: SimulatedEvent, first: date, last: date) -> date | None:
    rises = [part.stands_from for part in event.structures if part.height_m > 0 and first < part.stands_from <= last]
    return min(rises, default=None)


def _built_area_m2(event: SimulatedEvent) -> float:
    return float(sum(part.footprint_m.area for part in event.structures if part.height_m > 0))


def _off_px(stack: Stack, index: int) -> tuple[float, float]:
    """Return how far (down, right) the date lies off its place."""
    if stack.shifts_px is None:
        return (0.0, 0.0)
    down, right = np.clip(np.nan_to_num(-stack.shifts_px[index]), -_LARGEST_SHIFT_PX, _LARGEST_SHIFT_PX)
    return (float(down), float(right))


# --- drawing: fine samples of a window, looked at as a sensor does ------------------------------------


def _drawn(
    standing: Sequence[Structure], stack: Stack, off_px: tuple[float, float], sun: Sun, params: ImplantParams
) -> Veneer | None:
    """Draw what stands; None where nothing does, or nothing of it lies on the grid."""
    if not standing:
        return None
    shapes = [part.footprint_m for part in standing]
    shadows = [part.shadow_m(sun.shadow_m(part.height_m)) for part in standing if part.height_m > 0]
    rows, columns = _bounds_px([*shapes, *shadows], stack.grid)
    window = _window(rows, columns, stack.grid)
    if window is None:
        return None
    canvas = _Canvas.empty(rows, columns, stack.bands, texture=params.texture)
    for part in standing:
        if part.height_m == 0:
            canvas.paint(part, stack.grid)
    canvas.darken([coverage(to_pixels(shadow, stack.grid, oversample=OVERSAMPLE)) for shadow in shadows])
    for part in standing:
        if part.height_m > 0:
            canvas.paint(part, stack.grid)
    return canvas.sensed(window, off_px, psf_sigma_px=params.psf_sigma_px)


def _bounds_px(shapes: Sequence[object], grid: Grid) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return rows and columns ``[first, end)`` of the pixels that `shapes` touch, with a margin; may leave the grid."""
    bounds = np.array([to_pixels(shape, grid).bounds for shape in shapes])
    left, top = (floor(edge) - _MARGIN_PX for edge in bounds[:, :2].min(axis=0))
    right, bottom = (ceil(edge) + _MARGIN_PX for edge in bounds[:, 2:].max(axis=0))
    return (top, bottom), (left, right)


def _window(rows: tuple[int, int], columns: tuple[int, int], grid: Grid) -> tuple[slice, slice] | None:
    top, bottom = max(rows[0], 0), min(rows[1], grid.height_px)
    left, right = max(columns[0], 0), min(columns[1], grid.width_px)
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Canvas:
    """Fine samples of a window of pixels: what is kept of the ground, what is added, what is covered."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    bands: tuple[str, ...]
    kept: Image
    added: Image
    covered: Image
    grain: Image

    @classmethod
    def empty(
        cls, rows: tuple[int, int], columns: tuple[int, int], bands: tuple[str, ...], *, texture: float
    ) -> "_Canvas":
        shape = ((rows[1] - rows[0]) * OVERSAMPLE, (columns[1] - columns[0]) * OVERSAMPLE)
        rng = np.random.default_rng([rows[0] % 2**32, columns[0] % 2**32])
        return cls(
            rows=rows,
            columns=columns,
            bands=bands,
            kept=np.ones((len(bands), *shape), dtype=np.float32),
            added=np.zeros((len(bands), *shape), dtype=np.float32),
            covered=np.zeros(shape, dtype=np.float32),
            grain=fractal_field(rng, shape, longest_px=100, slope=2.4) * np.float32(texture),
        )

    @property
    def _numbers(self) -> list[int]:
        return [BANDS.index(band) for band in self.bands]

    def _clipped(self, patch: Patch) -> Patch | None:
        rows, columns = ((first * OVERSAMPLE, end * OVERSAMPLE) for first, end in (self.rows, self.columns))
        return patch.clipped(rows=rows, columns=columns)

    def paint(self, part: Structure, grid: Grid) -> None:
        """Lay `part` over everything, each fine sample by the share that it covers."""
        seen = self._clipped(coverage(to_pixels(part.footprint_m, grid, oversample=OVERSAMPLE)))
        if seen is None:
            return
        place = (slice(None), *seen.window)
        colour = SPECTRA[part.surface][self._numbers] * np.float32(part.brightness)
        amount = np.float32(_TEXTURE.get(part.surface, _PLAIN_TEXTURE))
        textured = colour[:, None, None] * (1 + amount * self.grain[seen.window])
        self.kept[place] *= 1 - seen.share
        self.added[place] += seen.share * (textured - self.added[place])
        self.covered[seen.window] += seen.share * (1 - self.covered[seen.window])

    def darken(self, shadows: Sequence[Patch]) -> None:
        """Put what lies below `shadows` into shadow; where two fall it is no darker."""
        shade = np.zeros_like(self.covered)
        for patch in shadows:
            seen = self._clipped(patch)
            if seen is not None:
                shade[seen.window] = np.maximum(shade[seen.window], seen.share)
        for place, number in enumerate(self._numbers):
            light = 1 - shade * (1 - SHADOW_LIGHT[number])
            self.kept[place] *= light
            self.added[place] *= light

    def sensed(self, window: tuple[slice, slice], off_px: tuple[float, float], *, psf_sigma_px: float) -> Veneer:
        """Return the pixels of `window` as a sensor whose image lies `off_px` (down, right) off its place sees them."""
        layers = [
            np.stack([self.kept[index], self.added[index], self.covered], axis=0) for index in range(len(self.bands))
        ]
        pixels = np.stack(
            [
                self._looked_at(layer, off_px, factor=2 if band in COARSE_BANDS else 1, psf_sigma_px=psf_sigma_px)
                for band, layer in zip(self.bands, layers, strict=True)
            ],
            axis=1,
        )
        rows = slice(window[0].start - self.rows[0], window[0].stop - self.rows[0])
        columns = slice(window[1].start - self.columns[0], window[1].stop - self.columns[0])
        kept, added, covered = pixels[:, :, rows, columns]
        return Veneer(window=window, kept=kept, added=added, covered=covered)

    def _looked_at(self, layer: Image, off_px: tuple[float, float], *, factor: int, psf_sigma_px: float) -> Image:
        """Return pixels of layers (kept, added, covered); those of 20 m are centred on each pixel of 10 m."""
        rim = _MARGIN_PX * OVERSAMPLE * 2
        padded = np.pad(layer, ((0, 0), (rim, rim), (rim, rim)), mode="edge")
        for sense, off, (first_px, end_px) in (
            (sense_rows, off_px[0], self.rows),
            (sense_columns, off_px[1], self.columns),
        ):
            first, weights = sensor_weights(off / factor, psf_sigma_px=psf_sigma_px, oversample=OVERSAMPLE * factor)
            centred = first + rim - (factor - 1) * OVERSAMPLE // 2
            padded = sense(padded, weights, first=centred, step=OVERSAMPLE, count=end_px - first_px)
        return padded


# --- blending: reflectance in the light of the date ---------------------------------------------------


def _blended(image: Image, veneer: Veneer, light: Light, bands: Sequence[str], params: ImplantParams) -> Image:
    """Return `image` (band, y, x) with `veneer` over it; what is not touched keeps its value, NaN stays NaN."""
    ground = image[(slice(None), *veneer.window)]
    scale = np.array([params.scale.get(band, (1.0, 0.0)) for band in bands], dtype=np.float32)[:, :, None, None]
    gain, offset = light.gain[:, None, None], light.offset[:, None, None]
    noise = light.noise[(slice(None), *veneer.window)]
    veil, lit = light.veil[veneer.window], light.lit[veneer.window]
    usual = scale[:, 0] * veneer.added + scale[:, 1] * veneer.covered
    through = gain * lit * usual + offset * veneer.covered
    cloudy = through + veil * (np.float32(_CLOUD) * veneer.covered - through)
    path = np.clip(offset + scale[:, 1], 0, np.nan_to_num(ground))
    kept = (ground - path) * veneer.kept + path * (1 - veneer.covered)
    seen = np.clip(kept + cloudy + noise * veneer.covered, 1e-4, None)
    is_touched = (veneer.covered > _NOTHING) | (veneer.kept < 1 - _NOTHING)
    result = image.copy()
    result[(slice(None), *veneer.window)] = np.where(is_touched, seen, ground)
    return result


_NOTHING = 1e-5


def _eat(image: Image, veneer: Veneer, day: date, bands: Sequence[str], params: ImplantParams) -> None:
    """Hide, on the dates drawn for it, what a mask takes for cloud: pixels mostly covered by something bright."""
    if params.eaten_share <= 0:
        return
    rng = np.random.default_rng([params.seed, day.toordinal(), crc32(b"eaten")])
    if rng.random() >= params.eaten_share:
        return
    visible = [index for index, band in enumerate(bands) if band in ("B02", "B03", "B04")]
    is_bright = (veneer.added[visible].mean(axis=0) > _GREY_OF_A_BRIGHT_ROOF) & (veneer.covered[visible[0]] > 0.5)  # noqa: PLR2004 - most of it
    image[(slice(None), *veneer.window)] = np.where(is_bright, np.nan, image[(slice(None), *veneer.window)])
