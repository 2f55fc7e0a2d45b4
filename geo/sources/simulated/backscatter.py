"""What simulated surfaces scatter back to a C-band radar, as gamma nought in VV and VH.

The numbers are the project's own plausible values, oriented on what published Sentinel-1 statistics show for such
surfaces. None of them is a measurement, and none may be used as one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import cos, exp, radians, sin, tan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from geo.sources.simulated.spectra import Surface

POLARISATIONS = ("VV", "VH")
"""The order of every pair of numbers here."""

Gamma0 = NDArray[np.float32]
"""Linear gamma nought, shape (polarisation,)."""

STRIP_M = 5.0
"""The double bounce of a wall is drawn as a strip of this width on the ground before it."""
_ALIGNED_DEG = 15.0
_GRAZING = 1e-6
"""A wall seen along itself is not seen, whatever rounding says."""
_ALIGNED = (2.0, 0.16)
_ASKEW = (0.30, 0.12)
"""Double bounce of a wall along the orbit, and of one askew to it, by polarisation: linear, for each metre of height
and metre of strip. A wall more than `_ALIGNED_DEG` off the orbit sends most of its power elsewhere."""


def gamma0_of(*decibel: float) -> Gamma0:
    """Return decibel as linear power."""
    values = np.asarray(10 ** (np.array(decibel) / 10), dtype=np.float32)
    values.flags.writeable = False
    return values


BACKSCATTER: Mapping[Surface, Gamma0] = MappingProxyType(
    {
        Surface.GRAVEL: gamma0_of(-12.5, -21.0),
        Surface.SAND: gamma0_of(-17.0, -26.0),
        Surface.SOIL: gamma0_of(-12.0, -20.0),
        Surface.MOIST_SOIL: gamma0_of(-8.5, -17.0),
        Surface.GRADED: gamma0_of(-15.0, -24.0),
        Surface.RUBBLE: gamma0_of(-8.0, -16.0),
        Surface.TRACK: gamma0_of(-15.0, -23.0),
        Surface.ASPHALT: gamma0_of(-18.0, -27.0),
        Surface.NEW_ASPHALT: gamma0_of(-18.5, -27.5),
        Surface.CONCRETE: gamma0_of(-15.0, -24.0),
        Surface.WALL: gamma0_of(-9.0, -18.0),
        Surface.WHITE_ROOF: gamma0_of(-10.0, -19.0),
        Surface.BLUE_ROOF: gamma0_of(-10.0, -19.0),
        Surface.GREY_ROOF: gamma0_of(-8.0, -17.0),
        Surface.RED_ROOF: gamma0_of(-8.0, -17.0),
        Surface.MUD_BRICK: gamma0_of(-7.0, -15.0),
        Surface.WATER: gamma0_of(-21.0, -29.0),
        Surface.POND_BED: gamma0_of(-16.0, -25.0),
        Surface.CROP: gamma0_of(-9.5, -15.0),
        Surface.TREES: gamma0_of(-8.0, -13.5),
    }
)
"""Snow and clouds have no place here: the radar looks through clouds, and snow is not simulated for it."""

MOISTURE_SHARE: Mapping[Surface, float] = MappingProxyType(
    {Surface.SOIL: 1.0, Surface.GRAVEL: 0.8, Surface.MOIST_SOIL: 0.3, Surface.CROP: 0.4, Surface.TREES: 0.2}
)
"""How much of the soil's rise after rain, in decibel, a surface shows; the others none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarTrack:
    """A relative orbit from which a place is seen, always in the same way."""

    relative_orbit: int
    look_azimuth_deg: float
    """Whither the radar looks over the ground, from north over east: about 80 ascending, 280 descending."""
    incidence_deg: float
    """Between its ray and the vertical."""
    solar_hour: float
    """Local solar time of the overpass."""
    first_day: int
    """The day of the first look, counted from the scenario's."""

    @property
    def look(self) -> tuple[float, float]:
        """East and north of the look, a unit vector."""
        azimuth = radians(self.look_azimuth_deg)
        return (sin(azimuth), cos(azimuth))

    def layover_m(self, height_m: float) -> tuple[float, float]:
        """Return how far east and north the top of something `height_m` high is displaced: towards the radar."""
        reach_m = height_m / tan(radians(self.incidence_deg))
        return (-reach_m * self.look[0], -reach_m * self.look[1])

    def shadow_m(self, height_m: float) -> tuple[float, float]:
        """Return how far east and north the radar shadow of something `height_m` high reaches: away from the radar."""
        reach_m = height_m * tan(radians(self.incidence_deg))
        return (reach_m * self.look[0], reach_m * self.look[1])


TRACKS = (
    RadarTrack(relative_orbit=114, look_azimuth_deg=80.0, incidence_deg=38.0, solar_hour=18.2, first_day=3),
    RadarTrack(relative_orbit=48, look_azimuth_deg=280.0, incidence_deg=41.0, solar_hour=5.9, first_day=8),
)
"""One ascending and one descending."""


def facing_strips(footprint_m: Polygon, track: RadarTrack) -> list[tuple[Polygon, float]]:
    """Return the strip of ground before each wall of a convex footprint that faces the radar, and how it lies.

    The second number is the angle, in degrees, between the wall's normal and the direction to the radar.
    """
    corners = list(footprint_m.exterior.coords)
    is_left_turning = footprint_m.exterior.is_ccw
    strips = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        length = float(np.hypot(x1 - x0, y1 - y0))
        if length == 0:
            continue
        side = 1 if is_left_turning else -1
        normal = (side * (y1 - y0) / length, -side * (x1 - x0) / length)
        facing = -(normal[0] * track.look[0] + normal[1] * track.look[1])
        if facing <= _GRAZING:
            continue
        east, north = STRIP_M * normal[0], STRIP_M * normal[1]
        strip = Polygon([(x0, y0), (x1, y1), (x1 + east, y1 + north), (x0 + east, y0 + north)])
        strips.append((strip, float(np.degrees(np.arccos(min(facing, 1.0))))))
    return strips


def double_bounce(height_m: float, askew_deg: float) -> Gamma0:
    """Return what the strip before a wall scatters back by double bounce, linear, shape (polarisation,)."""
    share = exp(-((askew_deg / _ALIGNED_DEG) ** 2))
    power = [askew + share * (aligned - askew) for aligned, askew in zip(_ALIGNED, _ASKEW, strict=True)]
    return np.array([height_m / STRIP_M * one for one in power], dtype=np.float32)
