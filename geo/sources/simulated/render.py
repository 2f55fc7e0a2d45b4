"""From a world to pixels: draw the ground and what stands on it finely, look at it as a sensor does, add the sky."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.sources.simulated.coverage import Patch, coverage, sense_columns, sense_rows, sensor_weights, to_pixels
from geo.sources.simulated.ground import OVERSAMPLE, Ground, hue_weights
from geo.sources.simulated.scenario import LARGEST_SHIFT_PX, Scenario
from geo.sources.simulated.spectra import (
    BANDS,
    COARSE_BANDS,
    SHADOW_LIGHT,
    SPECTRA,
    Surface,
)
from geo.sources.simulated.structures import Structure

Image = NDArray[np.float32]
_GRAIN = {Surface.GRADED: 0.6, Surface.RUBBLE: 1.6, Surface.POND_BED: 0.6}
_PLAIN_GRAIN = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows and columns ``[first, end)`` of the native grid; all even, so that 20 m pixels stay whole."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    def __post_init__(self) -> None:
        if any(edge % 2 for edge in (*self.rows, *self.columns)):
            raise ValueError(f"the edges of a window must be even; got rows {self.rows}, columns {self.columns}")

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array of the native grid."""
        return (slice(*self.rows), slice(*self.columns))

    def grown(self, margin_px: int) -> "Window":
        """Return it with a margin on all sides; it may leave the grid."""
        return Window(
            rows=(self.rows[0] - margin_px, self.rows[1] + margin_px),
            columns=(self.columns[0] - margin_px, self.columns[1] + margin_px),
        )

    def fine(self, axis: int) -> tuple[int, int]:
        """Return its edges along `axis` (0 rows, 1 columns) in fine samples."""
        first, end = (self.rows, self.columns)[axis]
        return (first * OVERSAMPLE, end * OVERSAMPLE)


class Footprints:
    """The exact share of each fine sample that each structure covers; worked out once, as structures do not move."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._patches: dict[int, Patch] = {}

    def of(self, index: int, structure: Structure) -> Patch:
        """Return the patch of the scenario's structure number `index`."""
        if index not in self._patches:
            self._patches[index] = coverage(
                to_pixels(structure.footprint_m, self._scenario.grid, oversample=OVERSAMPLE)
            )
        return self._patches[index]


def surface_image(
    ground: Ground, footprints: Footprints, day: date, window: Window, bands: Sequence[str]
) -> dict[str, Image]:
    """Return what a sensor would see without any sky, by band, on the 10 m pixels of `window`.

    The image is moved by the day's misregistration; 20 m bands come as 2 x 2 equal pixels.
    """
    scenario = ground.scenario
    fine = _Fine.around(scenario, window)
    layers = _drawn(ground, footprints, day, fine.window, bands)
    return {band: fine.sensed(layer, band, scenario.shift_px(day)) for band, layer in zip(bands, layers, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fine:
    """A window and the wider one that must be drawn so that blur and shift at its edges are right."""

    wanted: Window
    window: Window
    margin_px: int
    psf_sigma_px: float

    @classmethod
    def around(cls, scenario: Scenario, window: Window) -> "_Fine":
        psf_sigma_px = scenario.noise.psf_sigma_px
        reach = 2 * (0.5 + 4 * psf_sigma_px) + LARGEST_SHIFT_PX
        margin_px = 2 * int(np.ceil(reach / 2)) + 2
        return cls(wanted=window, window=window.grown(margin_px), margin_px=margin_px, psf_sigma_px=psf_sigma_px)

    def sensed(self, layer: Image, band: str, shift_px: tuple[float, float]) -> Image:
        factor = 2 if band in COARSE_BANDS else 1
        step = OVERSAMPLE * factor
        rows, columns = (end - first for first, end in (self.wanted.rows, self.wanted.columns))
        start = self.margin_px * OVERSAMPLE
        for sense, shift, count in ((sense_rows, shift_px[0], rows), (sense_columns, shift_px[1], columns)):
            first, weights = sensor_weights(shift / factor, psf_sigma_px=self.psf_sigma_px, oversample=step)
            layer = sense(layer, weights, first=start + first, step=step, count=count // factor)
        return layer.repeat(factor, axis=0).repeat(factor, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Canvas:
    """An image in fine samples, shape (band, fine y, fine x), that is painted on."""

    image: Image
    grain: Image
    window: Window
    numbers: tuple[int, ...]
    """Which of `spectra.BANDS` its bands are."""

    def paint(self, patch: Patch, part: Structure) -> None:
        """Lay `part` over the image, each fine sample by the share that it covers."""
        seen = patch.clipped(rows=self.window.fine(0), columns=self.window.fine(1))
        if seen is None:
            return
        below = self.image[(slice(None), *seen.window)]
        amount = np.float32(_GRAIN.get(part.surface, _PLAIN_GRAIN))
        colour = SPECTRA[part.surface][list(self.numbers)] * np.float32(part.brightness)
        below += seen.share * (colour[:, None, None] * (1 + amount * self.grain[seen.window]) - below)

    def darken(self, shade: Image) -> None:
        """Put the share `shade` of each fine sample into shadow."""
        for place, number in enumerate(self.numbers):  # band by band: a temporary of all bands would be large
            self.image[place] *= 1 - shade * (1 - SHADOW_LIGHT[number])


def _drawn(ground: Ground, footprints: Footprints, day: date, window: Window, bands: Sequence[str]) -> Image:
    """Draw ground and structures in fine samples, shape (band, fine y, fine x): flat things, shadows, high things."""
    canvas = _Canvas(
        image=_bare(ground, day, window, bands),
        grain=cut(ground.grain, window),
        window=window,
        numbers=tuple(BANDS.index(band) for band in bands),
    )
    standing = [(index, part) for index, part in enumerate(ground.scenario.structures) if part.stands_on(day)]
    raised = [(index, part) for index, part in standing if part.height_m > 0]
    for index, part in standing:
        if part.height_m == 0:
            canvas.paint(footprints.of(index, part), part)
    canvas.darken(_shade(ground.scenario, [part for _, part in raised], day, window))
    for index, part in raised:
        canvas.paint(footprints.of(index, part), part)
    return canvas.image


def _bare(ground: Ground, day: date, window: Window, bands: Sequence[str]) -> Image:
    table = ground.spectra_on(day)
    cover, shade, hue = (cut(layer, window) for layer in (ground.cover, ground.shade, ground.hue))
    image = np.empty((len(bands), *cover.shape), dtype=np.float32)
    lit = 1 + shade
    for place, (band, weight) in enumerate(zip(bands, hue_weights(bands), strict=True)):
        np.take(table[:, BANDS.index(band)].copy(), cover, out=image[place])
        image[place] *= lit + weight * hue
    return image


def _shade(scenario: Scenario, raised: Sequence[Structure], day: date, window: Window) -> Image:
    """Return how much of each fine sample of `window` lies in the shadow of `raised`, 0-1."""
    rows, columns = window.fine(0), window.fine(1)
    shade = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), dtype=np.float32)
    sun = scenario.sun(day)
    for part in raised:
        shadow = to_pixels(part.shadow_m(sun.shadow_m(part.height_m)), scenario.grid, oversample=OVERSAMPLE)
        if not _touches(shadow.bounds, rows, columns):
            continue
        seen = coverage(shadow).clipped(rows=rows, columns=columns)
        if seen is not None:
            shade[seen.window] += seen.share
    return np.minimum(shade, 1)


def _touches(bounds: tuple[float, float, float, float], rows: tuple[int, int], columns: tuple[int, int]) -> bool:
    left, top, right, bottom = bounds
    return left < columns[1] and right > columns[0] and top < rows[1] and bottom > rows[0]


def cut(layer: NDArray[Any], window: Window) -> NDArray[Any]:
    """Cut `window` out of a fine raster of the native grid; beyond the grid the edge goes on."""
    (top, bottom), (left, right) = window.fine(0), window.fine(1)
    height, width = layer.shape
    inside = layer[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    beyond = ((max(-top, 0), max(bottom - height, 0)), (max(-left, 0), max(right - width, 0)))
    return np.pad(inside, beyond, mode="edge") if np.any(beyond) else inside
