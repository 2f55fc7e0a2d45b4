"""The simulated world as a source of imagery."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import map_coordinates
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef
from geo.sources.simulated.ground import Ground
from geo.sources.simulated.render import Footprints, Window, surface_image
from geo.sources.simulated.scenario import Scenario
from geo.sources.simulated.sky import SCL_BANDS, SceneClass, classify, through_sky, without_edges
from geo.sources.simulated.spectra import BANDS
from geo.sources.simulated.weather import Weather, weather_on, white_noise
from geo.sun import solar_overpass_utc

OFFERED = (*BANDS, "SCL")
PLATFORM = "simulated"
_ALIGNED_PX = 1e-6
_RENDERING = 2
"""To be raised when the same scenario is drawn with other pixels than before."""
_OUTSIDE = int(SceneClass.NO_DATA)


MASK = MaskParams()
"""Clouds are grown by this before the ground counts as clearly seen, as with real imagery."""


class SimulatedSource:
    """Imagery of a `Scenario`: Sentinel-2-like reflectance of ground whose truth is known.

    The same scenario gives the same bits, in whatever order and through whatever window it is read. The fixed ground
    is laid out at the first read and kept: about 0.2 kB a pixel of the scenario.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @property
    def credit(self) -> str:
        """The line that keeps simulated pictures from being taken for observations."""
        return "Simulated imagery, not an observation"

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the looks of [first, last], ascending; none if the scenario does not touch `shape_4326`."""
        if not self.scenario.grid.footprint_4326.intersects(shape_4326):
            return []
        return [self._ref(day) for day in self.scenario.days if first <= day <= last]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return the look `ref` on `grid`: cropped if `grid` is aligned with the native one, else resampled bilinearly.

        Outside the scenario reflectance is NaN, SCL is 0 and nothing is clear. Where `grid` is coarser than 10 m,
        pixels are picked, not averaged.

        Raises:
            SourceError: `ref` is not of this scenario, or a band is not offered.

        """
        day = self._day(ref)
        missing = [band for band in bands if band not in OFFERED]
        if missing:
            raise SourceError(f"{ref.scene_id}: no band {', '.join(missing)}; it offers {', '.join(OFFERED)}")
        wanted = tuple(dict.fromkeys(band for band in bands if band != "SCL"))
        layers, classes = self._layers(day, _widened(grid, MASK.buffer_px), wanted)
        inner = np.s_[MASK.buffer_px : MASK.buffer_px + grid.height_px, MASK.buffer_px : MASK.buffer_px + grid.width_px]
        layers["SCL"] = classes.astype(np.float32)
        return Scene(
            scene_id=ref.scene_id,
            observed_at=ref.observed_at,
            platform=PLATFORM,
            quantity=Quantity.REFLECTANCE,
            grid=grid,
            bands={band: layers[band][inner] for band in bands},
            is_clear=clear_from_scl(layers["SCL"], MASK)[inner],
            processing_baseline=PLATFORM,
        )

    @cached_property
    def _ground(self) -> Ground:
        return Ground.of(self.scenario)

    @cached_property
    def _footprints(self) -> Footprints:
        return Footprints(self.scenario)

    @cached_property
    def _fingerprint(self) -> str:
        world = self.scenario
        shapes = [part.footprint_m for part in world.structures] + [land.outline_m for land in world.fields]
        told = f"{_RENDERING}{world}".encode() + b"".join(shape.wkb for shape in (*shapes, *world.towns))
        return sha256(told).hexdigest()[:16]

    def _ref(self, day: date) -> SceneRef:
        return SceneRef(
            scene_id=f"SIM_{self.scenario.name}_{day:%Y%m%d}",
            observed_at=datetime.combine(day, time(), UTC) + solar_overpass_utc(self.scenario.centre_lon),
            platform=PLATFORM,
            bands=OFFERED,
            fingerprint=f"{self._fingerprint}-{day:%Y%m%d}",
        )

    def _day(self, ref: SceneRef) -> date:
        day = ref.observed_at.astimezone(UTC).date()
        if day not in self.scenario.days or ref.scene_id != f"SIM_{self.scenario.name}_{day:%Y%m%d}":
            raise SourceError(f"{ref.scene_id}: no look of the simulated scenario {self.scenario.name}")
        return day

    def _layers(
        self, day: date, grid: Grid, bands: Sequence[str]
    ) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.uint8]]:
        """Return reflectance by band and SCL of `day` on `grid`."""
        down, right = native_places(grid, self.scenario.grid)
        window = window_around(down, right, self.scenario.grid)
        if window is None:
            nothing = {band: np.full(grid.shape, np.nan, dtype=np.float32) for band in bands}
            return nothing, np.full(grid.shape, _OUTSIDE, dtype=np.uint8)
        seen, classes = self._seen(day, window, bands)
        places = np.stack([down - window.rows[0], right - window.columns[0]])
        return {band: interpolated(seen[band], places) for band in bands}, _nearest(classes, places)

    def _seen(
        self, day: date, window: Window, bands: Sequence[str]
    ) -> tuple[Mapping[str, NDArray[np.float32]], NDArray[np.uint8]]:
        """Return reflectance by band and SCL of `day` on the native pixels of `window`."""
        needed = tuple(dict.fromkeys((*bands, *SCL_BANDS)))
        surfaces = surface_image(self._ground, self._footprints, day, window, needed)
        whole = weather_on(self.scenario, day)
        weather = _cut(whole, window, brightness=self.scenario.sun(day).brightness)
        seen = {
            band: through_sky(
                surfaces[band], band, weather, white_noise(self.scenario, day, band)[window.slices], self.scenario.noise
            )
            for band in needed
        }
        if whole.misses_cloud_edges:
            weather = replace(weather, cloud=without_edges(whole.cloud)[window.slices])
        return seen, classify(seen, weather)


def native_places(grid: Grid, native: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return row and column, in pixels of `native` counted from pixel centres, of each pixel of `grid`."""
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    if grid.epsg != native.epsg:
        x, y = Transformer.from_crs(grid.epsg, native.epsg, always_xy=True).transform(x, y)
    down = (native.top_m - y) / native.pixel_m - 0.5
    right = (x - native.left_m) / native.pixel_m - 0.5
    return _snapped(down), _snapped(right)


def _snapped(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Free aligned places of rounding errors, so that they are cropped bit by bit."""
    whole = np.round(places)
    return np.where(np.abs(places - whole) < _ALIGNED_PX, whole, places)


def window_around(down: NDArray[np.float64], right: NDArray[np.float64], native: Grid) -> Window | None:
    """Return the even window of the native grid that all interpolation between `down` and `right` needs."""
    edges = []
    for places, size in ((down, native.height_px), (right, native.width_px)):
        first = max(0, int(np.floor(places.min())) // 2 * 2)
        end = min(size, -(-(int(np.ceil(places.max())) + 1) // 2) * 2)
        if first >= end:
            return None
        edges.append((first, end))
    return Window(rows=edges[0], columns=edges[1])


def _cut(weather: Weather, window: Window, *, brightness: float) -> Weather:
    """Cut the fields of `weather` to `window`, and put the sun's `brightness` into its gain."""
    fields = ("drift", "haze", "cloud", "cloud_shadow", "snow")
    cut = {name: getattr(weather, name)[window.slices] for name in fields}
    return replace(weather, gain=weather.gain * np.float32(brightness), **cut)


def interpolated(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return `values`, shape (y, x), between pixels: at `places`, shape (2, ...), row and column; NaN beyond them."""
    result: NDArray[np.float32] = map_coordinates(values, places, output=np.float32, order=1, cval=np.nan)
    return result


def _nearest(values: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = map_coordinates(values, np.rint(places), order=0, cval=_OUTSIDE)
    return result


def _widened(grid: Grid, rim_px: int) -> Grid:
    """Return `grid` with `rim_px` more pixels on each side: clouds beyond the edge reach in."""
    return replace(
        grid,
        left_m=grid.left_m - rim_px * grid.pixel_m,
        top_m=grid.top_m + rim_px * grid.pixel_m,
        width_px=grid.width_px + 2 * rim_px,
        height_px=grid.height_px + 2 * rim_px,
    )
