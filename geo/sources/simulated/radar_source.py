"""The simulated world as a source of radar imagery: the same ground and the same truth as `SimulatedSource`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256

import numpy as np
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef
from geo.sources.simulated.backscatter import POLARISATIONS, TRACKS, RadarTrack
from geo.sources.simulated.ground import Ground
from geo.sources.simulated.radar import RadarFootprints, RadarNoise, RadarView
from geo.sources.simulated.scenario import Scenario
from geo.sources.simulated.source import PLATFORM, interpolated, native_places, window_around

REVISIT_DAYS = 12
"""One satellite passes on the same track every twelve days."""
_RENDERING = 1
"""To be raised when the same scenario is drawn with other pixels than before."""


class SimulatedRadarSource:
    """Radar imagery of a `Scenario`: Sentinel-1-like linear gamma nought in VV and VH from one or more tracks.

    The same scenario gives the same bits, in whatever order and through whatever window it is read.
    """

    def __init__(
        self, scenario: Scenario, *, noise: RadarNoise | None = None, tracks: Sequence[RadarTrack] = TRACKS
    ) -> None:
        self.scenario = scenario
        self.noise = noise or RadarNoise()
        self.tracks = tuple(tracks)

    @property
    def credit(self) -> str:
        """The line that keeps simulated pictures from being taken for observations."""
        return "Simulated imagery, not an observation"

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the looks of [first, last] on all tracks, ascending; none if the scenario does not touch the shape."""
        if not self.scenario.grid.footprint_4326.intersects(shape_4326):
            return []
        refs = [self._ref(track, day) for track in self.tracks for day in self._days(track) if first <= day <= last]
        return sorted(refs, key=lambda ref: ref.observed_at)

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return the look `ref` on `grid`: cropped if `grid` is aligned with the native one, else resampled bilinearly.

        Outside the scenario gamma nought is NaN and nothing is clear.

        Raises:
            SourceError: `ref` is not of this scenario, or a band is not offered.

        """
        track, day = self._look(ref)
        missing = [band for band in bands if band not in POLARISATIONS]
        if missing:
            raise SourceError(f"{ref.scene_id}: no band {', '.join(missing)}; it offers {', '.join(POLARISATIONS)}")
        down, right = native_places(grid, self.scenario.grid)
        window = window_around(down, right, self.scenario.grid)
        if window is None:
            layers = {band: np.full(grid.shape, np.nan, dtype=np.float32) for band in bands}
        else:
            seen = self._view(track).image(day, window, bands)
            places = np.stack([down - window.rows[0], right - window.columns[0]])
            layers = {band: interpolated(seen[band], places) for band in bands}
        return Scene(
            scene_id=ref.scene_id,
            observed_at=ref.observed_at,
            platform=PLATFORM,
            quantity=Quantity.GAMMA0,
            grid=grid,
            bands=layers,
            is_clear=np.logical_and.reduce([np.isfinite(layer) for layer in layers.values()]),
            processing_baseline=PLATFORM,
            relative_orbit=track.relative_orbit,
        )

    @cached_property
    def _ground(self) -> Ground:
        return Ground.of(self.scenario)

    @cached_property
    def _footprints(self) -> RadarFootprints:
        return RadarFootprints(self.scenario)

    def _view(self, track: RadarTrack) -> RadarView:
        return RadarView(ground=self._ground, footprints=self._footprints, track=track, noise=self.noise)

    @cached_property
    def _fingerprint(self) -> str:
        world = self.scenario
        shapes = [part.footprint_m for part in world.structures] + [land.outline_m for land in world.fields]
        told = f"{_RENDERING}{world}{self.noise}{self.tracks}".encode()
        return sha256(told + b"".join(shape.wkb for shape in (*shapes, *world.towns))).hexdigest()[:16]

    def _days(self, track: RadarTrack) -> list[date]:
        begin = self.scenario.first + timedelta(days=track.first_day)
        count = max(0, (self.scenario.last - begin).days // REVISIT_DAYS + 1)
        return [begin + timedelta(days=index * REVISIT_DAYS) for index in range(count)]

    def _ref(self, track: RadarTrack, day: date) -> SceneRef:
        hours = (track.solar_hour - self.scenario.centre_lon / 15) % 24
        return SceneRef(
            scene_id=f"SIMSAR_{self.scenario.name}_{track.relative_orbit:03d}_{day:%Y%m%d}",
            observed_at=datetime.combine(day, time(), UTC) + timedelta(minutes=round(hours * 60)),
            platform=PLATFORM,
            bands=POLARISATIONS,
            fingerprint=f"{self._fingerprint}-{track.relative_orbit:03d}-{day:%Y%m%d}",
            quantity=Quantity.GAMMA0,
            relative_orbit=track.relative_orbit,
        )

    def _look(self, ref: SceneRef) -> tuple[RadarTrack, date]:
        day = ref.observed_at.astimezone(UTC).date()
        for track in self.tracks:
            if day in self._days(track) and ref.scene_id == self._ref(track, day).scene_id:
                return track, day
        raise SourceError(f"{ref.scene_id}: no radar look of the simulated scenario {self.scenario.name}")
