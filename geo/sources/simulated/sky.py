"""What the sky does to an image, and what a scene classification makes of it, with its usual mistakes."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from geo.sources.simulated.noise import Field
from geo.sources.simulated.scenario import NoiseSettings
from geo.sources.simulated.spectra import BANDS, COARSE_BANDS, DUST_PATH, HAZE_PATH, SPECTRA, Surface
from geo.sources.simulated.weather import Weather

Image = NDArray[np.float32]
SCL_BANDS = ("B02", "B03", "B04", "B08")
"""The bands that the simulated classification looks at."""

_HAZE_LOSS = 0.30
_CLOUD_SHADOW_LIGHT = 0.35
_SIGNAL_NOISE_SHARE = 0.005
_DARKEST, _BRIGHTEST = 0.0005, 1.0


class SceneClass(IntEnum):
    """The classes of Sentinel-2's scene classification layer (SCL)."""

    NO_DATA = 0
    SATURATED = 1
    DARK = 2
    CLOUD_SHADOW = 3
    VEGETATION = 4
    BARE = 5
    WATER = 6
    UNCLASSIFIED = 7
    CLOUD_MEDIUM = 8
    CLOUD_HIGH = 9
    CIRRUS = 10
    SNOW = 11


_GREY_NDVI, _GREEN_NDVI = 0.06, 0.36
_BRIGHT_BLUE, _ROOF_BLUE, _DARK_INFRARED = 0.20, 0.31, 0.10
_SHADOW_SEEN, _SNOW_SEEN = 0.30, 0.28
_CLOUDS_SEEN = ((0.10, SceneClass.CIRRUS), (0.22, SceneClass.CLOUD_MEDIUM), (0.60, SceneClass.CLOUD_HIGH))


def through_sky(surface: Image, band: str, weather: Weather, white: Field, noise: NoiseSettings) -> Image:
    """Return what is recorded of `surface` in `band`: snow, cloud shadow, brightness errors, haze, cloud, noise.

    All arrays have one shape (y, x). `weather` is cut to it. The result lies in 0 to 1; 20 m bands stay 2 x 2 equal.
    """
    number = BANDS.index(band)
    image = surface + weather.snow * (SPECTRA[Surface.SNOW][number] - surface)
    image *= 1 - weather.cloud_shadow * np.float32(1 - _CLOUD_SHADOW_LIGHT)
    image *= weather.gain[number] * (1 + weather.drift)
    path = HAZE_PATH[number] * weather.haze + DUST_PATH[number] * np.float32(weather.dust)
    veil = np.minimum(np.float32(_HAZE_LOSS) * (weather.haze * HAZE_PATH[number] / HAZE_PATH[0] + weather.dust), 0.8)
    image += path - veil * image
    image += weather.cloud * (SPECTRA[Surface.CLOUD][number] - image)
    factor = 2 if band in COARSE_BANDS else 1
    if noise.sensor_sd > 0:
        image += np.float32(factor) * white * (np.float32(noise.sensor_sd) + np.float32(_SIGNAL_NOISE_SHARE) * image)
    return np.clip(_coarse(image, factor), _DARKEST, _BRIGHTEST).astype(np.float32)


def classify(bands: Mapping[str, Image], weather: Weather) -> NDArray[np.uint8]:
    """Return the scene classification, shape (y, x), made on 20 m pixels.

    It sees clouds only from some thickness on, loses their edges on some days, leaves thin haze as clear ground,
    and on a few days takes the brightest roofs for clouds.

    Args:
        bands: What was recorded in `SCL_BANDS`, shape (y, x), both even.
        weather: What hides the ground, on the same pixels. Cloud edges are eroded before the window is cut.

    """
    blue, green, red, infrared = (_coarse(bands[name], 2)[::2, ::2] for name in SCL_BANDS)
    cloud, shadow, snow = (_coarse(layer, 2)[::2, ::2] for layer in (weather.cloud, weather.cloud_shadow, weather.snow))
    ndvi = (infrared - red) / (infrared + red)
    classes = np.full(blue.shape, SceneClass.BARE, dtype=np.uint8)
    classes[(ndvi < _GREY_NDVI) & (blue > _BRIGHT_BLUE)] = SceneClass.UNCLASSIFIED
    classes[infrared < _DARK_INFRARED] = SceneClass.DARK
    classes[(infrared < _DARK_INFRARED) & (green > infrared)] = SceneClass.WATER
    classes[ndvi > _GREEN_NDVI] = SceneClass.VEGETATION
    if weather.mistakes_bright_roofs:
        classes[blue > _ROOF_BLUE] = SceneClass.CLOUD_MEDIUM
    classes[shadow > _SHADOW_SEEN] = SceneClass.CLOUD_SHADOW
    classes[snow > _SNOW_SEEN] = SceneClass.SNOW
    for least, name in _CLOUDS_SEEN:
        classes[cloud > least] = name
    return classes.repeat(2, axis=0).repeat(2, axis=1)


def without_edges(cloud: Field) -> Field:
    """Return `cloud` as a classification sees it that loses one 20 m pixel all around."""
    is_core = binary_erosion(cloud > 0, iterations=2)
    return np.where(is_core, cloud, 0).astype(np.float32)


def _coarse(image: Image, factor: int) -> Image:
    """Average blocks of `factor` x `factor` pixels and give each pixel its block's mean."""
    if factor == 1:
        return image
    height, width = image.shape
    rows = image[0::2] + image[1::2]
    means = ((rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)).reshape(height // 2, width // 2)
    return means.repeat(2, axis=0).repeat(2, axis=1)
