"""What simulated surfaces reflect, and how green a simulated field is on a day.

The numbers are the project's own plausible values, oriented on what public spectral libraries and arid Sentinel-2
scenes show for such surfaces. None of them is a measurement, and none may be used as one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
"""The reflectance bands that are simulated, in the order of every spectrum here."""
COARSE_BANDS = frozenset({"B11", "B12"})
"""The bands whose true pixels are 20 m wide."""

Spectrum = NDArray[np.float32]
"""Reflectance, shape (band,), in the order of `BANDS`."""


class Surface(StrEnum):
    """What the ground, or what stands on it, is made of."""

    GRAVEL = "gravel"
    SAND = "sand"
    SOIL = "soil"
    MOIST_SOIL = "moist_soil"
    GRADED = "graded"
    RUBBLE = "rubble"
    TRACK = "track"
    ASPHALT = "asphalt"
    NEW_ASPHALT = "new_asphalt"
    CONCRETE = "concrete"
    WALL = "wall"
    WHITE_ROOF = "white_roof"
    BLUE_ROOF = "blue_roof"
    GREY_ROOF = "grey_roof"
    RED_ROOF = "red_roof"
    MUD_BRICK = "mud_brick"
    WATER = "water"
    POND_BED = "pond_bed"
    CROP = "crop"
    TREES = "trees"
    SNOW = "snow"
    CLOUD = "cloud"


def _spectrum(*reflectance: float) -> Spectrum:
    values = np.array(reflectance, dtype=np.float32)
    values.flags.writeable = False
    return values


SPECTRA: Mapping[Surface, Spectrum] = MappingProxyType(
    {
        Surface.GRAVEL: _spectrum(0.108, 0.131, 0.152, 0.186, 0.236, 0.218),
        Surface.SAND: _spectrum(0.128, 0.162, 0.196, 0.240, 0.305, 0.285),
        Surface.SOIL: _spectrum(0.112, 0.145, 0.178, 0.236, 0.305, 0.272),
        Surface.MOIST_SOIL: _spectrum(0.075, 0.098, 0.121, 0.172, 0.200, 0.160),
        Surface.GRADED: _spectrum(0.146, 0.182, 0.214, 0.262, 0.330, 0.310),
        Surface.RUBBLE: _spectrum(0.152, 0.178, 0.199, 0.232, 0.272, 0.256),
        Surface.TRACK: _spectrum(0.126, 0.156, 0.184, 0.224, 0.284, 0.264),
        Surface.ASPHALT: _spectrum(0.086, 0.097, 0.107, 0.124, 0.146, 0.138),
        Surface.NEW_ASPHALT: _spectrum(0.050, 0.055, 0.060, 0.069, 0.082, 0.078),
        Surface.CONCRETE: _spectrum(0.196, 0.228, 0.252, 0.288, 0.325, 0.305),
        Surface.WALL: _spectrum(0.250, 0.276, 0.292, 0.322, 0.345, 0.325),
        Surface.WHITE_ROOF: _spectrum(0.410, 0.436, 0.448, 0.466, 0.405, 0.350),
        Surface.BLUE_ROOF: _spectrum(0.262, 0.204, 0.146, 0.226, 0.245, 0.212),
        Surface.GREY_ROOF: _spectrum(0.142, 0.154, 0.163, 0.184, 0.205, 0.198),
        Surface.RED_ROOF: _spectrum(0.098, 0.112, 0.226, 0.266, 0.272, 0.246),
        Surface.MUD_BRICK: _spectrum(0.130, 0.164, 0.197, 0.250, 0.318, 0.290),
        Surface.WATER: _spectrum(0.056, 0.066, 0.050, 0.030, 0.015, 0.012),
        Surface.POND_BED: _spectrum(0.150, 0.185, 0.214, 0.254, 0.300, 0.255),
        Surface.CROP: _spectrum(0.030, 0.062, 0.036, 0.410, 0.200, 0.105),
        Surface.TREES: _spectrum(0.030, 0.052, 0.038, 0.320, 0.175, 0.090),
        Surface.SNOW: _spectrum(0.720, 0.735, 0.730, 0.680, 0.120, 0.095),
        Surface.CLOUD: _spectrum(0.640, 0.630, 0.625, 0.655, 0.430, 0.340),
    }
)

SHADOW_LIGHT = _spectrum(0.40, 0.34, 0.30, 0.26, 0.20, 0.18)
"""The share of the light that ground in a shadow still gets, from the sky: most in the blue."""
HAZE_PATH = _spectrum(0.060, 0.048, 0.038, 0.024, 0.008, 0.004)
"""What haze of strength 1 adds: path radiance as reflectance, falling with wavelength."""
DUST_PATH = _spectrum(0.050, 0.070, 0.095, 0.120, 0.110, 0.090)
"""What dust of strength 1 adds: yellowish, and it reaches into the near infrared."""


class Crop(StrEnum):
    """What grows on a field."""

    COTTON = "cotton"
    WHEAT = "wheat"
    MAIZE = "maize"
    MELON = "melon"
    VINE = "vine"
    ORCHARD = "orchard"
    POPLAR = "poplar"
    FALLOW = "fallow"


ROTATION = (Crop.COTTON, Crop.COTTON, Crop.WHEAT, Crop.MAIZE, Crop.MELON, Crop.FALLOW)
"""What a field may change to from year to year; cotton twice as often as the others."""
PERENNIAL = frozenset({Crop.VINE, Crop.ORCHARD, Crop.POPLAR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """When a crop greens up and fades: the days of the year at half height, and the highest green cover (0-1)."""

    green_up_doy: float
    fade_doy: float
    cover_share: float


SEASONS: Mapping[Crop, Season] = MappingProxyType(
    {
        Crop.COTTON: Season(green_up_doy=165, fade_doy=275, cover_share=0.90),
        Crop.WHEAT: Season(green_up_doy=98, fade_doy=172, cover_share=0.92),
        Crop.MAIZE: Season(green_up_doy=170, fade_doy=262, cover_share=0.92),
        Crop.MELON: Season(green_up_doy=150, fade_doy=232, cover_share=0.60),
        Crop.VINE: Season(green_up_doy=125, fade_doy=288, cover_share=0.70),
        Crop.ORCHARD: Season(green_up_doy=112, fade_doy=298, cover_share=0.62),
        Crop.POPLAR: Season(green_up_doy=108, fade_doy=300, cover_share=0.80),
        Crop.FALLOW: Season(green_up_doy=120, fade_doy=250, cover_share=0.05),
    }
)
_RISE_DAYS = 8.0
_FALL_DAYS = 9.0


def green_share(crop: Crop, doy: float) -> float:
    """Return the share of the ground that `crop` covers with green leaves on day `doy` of the year (0-1).

    A double logistic curve, the usual model of a season's course.
    """
    season = SEASONS[crop]
    rise = 1 / (1 + np.exp(-(doy - season.green_up_doy) / _RISE_DAYS))
    fall = 1 / (1 + np.exp(-(doy - season.fade_doy) / _FALL_DAYS))
    return float(season.cover_share * max(0.0, rise - fall))


def mix(first: Spectrum, second: Spectrum, second_share: float) -> Spectrum:
    """Return the spectrum of ground of which `second_share` (0-1) is `second` and the rest `first`."""
    return (first + np.float32(second_share) * (second - first)).astype(np.float32)
