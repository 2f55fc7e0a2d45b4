"""Where the sun stands when a Sentinel-2 satellite passes."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import asin, atan2, cos, degrees, pi, radians, sin, tan

OVERPASS_SOLAR_HOUR = 10.8
"""Local solar time of the overpass, as for Sentinel-2 at middle northern latitudes."""
_OBLIQUITY_DEG = 23.44
_DAYS_SOLSTICE_TO_YEAR = 10
_ROUGHNESS_SHARE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """The sun's place in the sky, in degrees; azimuth from north over east."""

    elevation_deg: float
    azimuth_deg: float

    def shadow_m(self, height_m: float) -> tuple[float, float]:
        """Return how far east and north the shadow of something `height_m` high reaches, in metres."""
        length_m = height_m / tan(radians(self.elevation_deg))
        away = radians(self.azimuth_deg + 180)
        return (length_m * sin(away), length_m * cos(away))

    @property
    def brightness(self) -> float:
        """How bright rough ground looks against the yearly mean: small shadows darken it under a low sun."""
        return 1 + _ROUGHNESS_SHARE * (sin(radians(self.elevation_deg)) - 0.7)


def sun_on(day: date, *, lat_deg: float) -> Sun:
    """Return the sun's place at the overpass of `day`.

    Declination as a cosine of the day of the year, circular orbit: within about a degree of the truth.
    """
    doy = day.timetuple().tm_yday
    declination = radians(-_OBLIQUITY_DEG * cos(2 * pi * (doy + _DAYS_SOLSTICE_TO_YEAR) / 365.25))
    hour_angle = radians(15 * (OVERPASS_SOLAR_HOUR - 12))
    lat = radians(lat_deg)
    elevation = asin(sin(lat) * sin(declination) + cos(lat) * cos(declination) * cos(hour_angle))
    azimuth = atan2(sin(hour_angle), cos(hour_angle) * sin(lat) - sin(declination) / cos(declination) * cos(lat))
    return Sun(elevation_deg=degrees(elevation), azimuth_deg=(degrees(azimuth) + 180) % 360)


def solar_overpass_utc(lon_deg: float) -> timedelta:
    """Return the time of day, in UTC, of the overpass at `lon_deg`, to the minute."""
    hours = (OVERPASS_SOLAR_HOUR - lon_deg / 15) % 24
    return timedelta(minutes=round(hours * 60))
