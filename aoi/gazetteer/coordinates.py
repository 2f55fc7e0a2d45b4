"""Coordinates as lists give them: whose datum, and whether they can be meant.

Maps made in China must show positions in GCJ-02, some 100 to 700 m off WGS 84; BD-09 moves them again.
The formulae are the public ones of the datum (an ellipsoid of Krasovsky under a sum of sines); the ways
back are found by iteration, which converges because the shift changes by less than 1 % of a step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import asin, atan2, cos, degrees, hypot, isfinite, pi, radians, sin, sqrt

LonLat = tuple[float, float]

_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_E2 = 0.00669342162296594323
_BD_TURN = pi * 3000.0 / 180.0
_EARTH_RADIUS_M = 6_371_008.8
_GCJ_BOX = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north of where GCJ-02 moves positions at all."""
_SHIFT_M = 700.0
"""The largest shift of GCJ-02 inside China, rounded up; BD-09 adds about 1,000 m more."""
_BD_SHIFT_M = 1700.0
_ZERO_DEG = 0.01
_CENTROID_M = 1500.0
_MIN_DECIMALS = 2


class Problem(StrEnum):
    """What is wrong with a given coordinate."""

    NONE = "none"
    NOT_ON_EARTH = "not on earth"
    ZERO = "zero"
    SWAPPED = "swapped"
    COUNTRY_CENTROID = "country centroid"
    COARSE = "coarse"
    OTHER_COUNTRY = "other country"
    CONTRADICTS_ADDRESS = "contradicts the address"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinateFinding:
    """What a given coordinate is worth."""

    problem: Problem
    lon_lat: LonLat | None
    """WGS 84, put right where it could be (swapped, another datum); None where it must not be used."""
    radius_m: float
    """Within which the true position lies with 95 % as far as datum and digits tell; 0 where `lon_lat` is None."""
    note: str
    """One sentence for the reader."""

    @property
    def is_usable(self) -> bool:
        """Whether a position is left to use."""
        return self.lon_lat is not None


def wgs84_to_gcj02(lon_lat: LonLat) -> LonLat:
    """Return where a map of China draws a WGS 84 position; positions far from China stay."""
    if not _in_gcj_box(lon_lat):
        return lon_lat
    shift_lon, shift_lat = _gcj_shift_deg(lon_lat)
    return (lon_lat[0] + shift_lon, lon_lat[1] + shift_lat)


def gcj02_to_wgs84(lon_lat: LonLat) -> LonLat:
    """Return the WGS 84 position of a GCJ-02 one, to better than a millimetre."""
    return _inverse(wgs84_to_gcj02, lon_lat)


def gcj02_to_bd09(lon_lat: LonLat) -> LonLat:
    """Return the BD-09 position of a GCJ-02 one."""
    lon, lat = lon_lat
    reach = hypot(lon, lat) + 0.00002 * sin(lat * _BD_TURN)
    angle = atan2(lat, lon) + 0.000003 * cos(lon * _BD_TURN)
    return (reach * cos(angle) + 0.0065, reach * sin(angle) + 0.006)


def bd09_to_gcj02(lon_lat: LonLat) -> LonLat:
    """Return the GCJ-02 position of a BD-09 one, to better than a millimetre."""
    return _inverse(gcj02_to_bd09, lon_lat)


def wgs84_to_bd09(lon_lat: LonLat) -> LonLat:
    """Return the BD-09 position of a WGS 84 one."""
    return gcj02_to_bd09(wgs84_to_gcj02(lon_lat))


def bd09_to_wgs84(lon_lat: LonLat) -> LonLat:
    """Return the WGS 84 position of a BD-09 one."""
    return gcj02_to_wgs84(bd09_to_gcj02(lon_lat))


def distance_m(one: LonLat, other: LonLat) -> float:
    """Return the great-circle distance in metres on a sphere (right to 0.5 %)."""
    lon1, lat1, lon2, lat2 = (radians(value) for value in (*one, *other))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(sqrt(min(1.0, chord)))


def check_coordinate(
    lon_lat: LonLat,
    *,
    datum: str = "unknown",
    centroids: Sequence[LonLat] = (),
    plausible: Callable[[LonLat], bool] | None = None,
    in_china: bool = True,
) -> CoordinateFinding:
    """Tell whether a given coordinate can be meant, and where it is in WGS 84.

    Args:
        lon_lat: As given, degrees.
        datum: `wgs84`, `gcj02`, `bd09` or `unknown`; outside China all are taken as WGS 84.
        centroids: Of countries and other wide units: what geocoders hand out when they found nothing.
        plausible: Whether a WGS 84 position agrees with what else is known (the address, the country);
            None where nothing else is known. It also decides whether the two numbers were swapped.
        in_china: Whether the address is in China, so that an unknown datum may be off by its shift.

    """
    if problem := _unusable(lon_lat, centroids):
        return problem
    agrees = plausible or (lambda _: True)
    position = to_wgs84(lon_lat, datum)
    radius_m = _datum_radius_m(position, datum, in_china=in_china) + _digits_radius_m(lon_lat)
    if abs(lon_lat[1]) <= 90 and agrees(position):  # noqa: PLR2004 - a latitude's bound
        return _finding(position, radius_m)
    turned = to_wgs84((lon_lat[1], lon_lat[0]), datum)
    if abs(lon_lat[0]) <= 90 and agrees(turned):  # noqa: PLR2004 - a latitude's bound
        note = "longitude and latitude were swapped; they have been turned"
        return CoordinateFinding(problem=Problem.SWAPPED, lon_lat=turned, radius_m=radius_m, note=note)
    note = f"({lon_lat[0]:g}, {lon_lat[1]:g}) lies far from what the address says"
    return _refused(Problem.CONTRADICTS_ADDRESS, note)


def to_wgs84(lon_lat: LonLat, datum: str) -> LonLat:
    """Return a position of a named datum in WGS 84; an unknown datum is taken as WGS 84."""
    back = {"gcj02": gcj02_to_wgs84, "bd09": bd09_to_wgs84}.get(datum.lower().replace("-", ""))
    return back(lon_lat) if back else lon_lat


def _unusable(lon_lat: LonLat, centroids: Sequence[LonLat]) -> CoordinateFinding | None:
    lon, lat = lon_lat
    small, large = sorted((abs(lon), abs(lat)))
    if not (isfinite(lon) and isfinite(lat)) or small > 90 or large > 180:  # noqa: PLR2004 - bounds of degrees
        return _refused(Problem.NOT_ON_EARTH, f"({lon:g}, {lat:g}) is no longitude and latitude")
    if large < _ZERO_DEG:
        return _refused(Problem.ZERO, "0, 0 stands for a coordinate that is missing")
    for one in (lon_lat, (lat, lon)):
        if any(distance_m(one, centroid) < _CENTROID_M for centroid in centroids):
            note = f"({lon:g}, {lat:g}) is the middle of a whole country or province, not a place in it"
            return _refused(Problem.COUNTRY_CENTROID, note)
    return None


def _finding(position: LonLat, radius_m: float) -> CoordinateFinding:
    if radius_m > 1000 * _MIN_DECIMALS:
        note = f"given so coarsely, or in a datum so unclear, that it is known to {radius_m / 1000:.0f} km only"
        return CoordinateFinding(problem=Problem.COARSE, lon_lat=position, radius_m=radius_m, note=note)
    note = f"agrees with the address; known to {radius_m:.0f} m"
    return CoordinateFinding(problem=Problem.NONE, lon_lat=position, radius_m=radius_m, note=note)


def _refused(problem: Problem, note: str) -> CoordinateFinding:
    return CoordinateFinding(problem=problem, lon_lat=None, radius_m=0.0, note=note)


def _datum_radius_m(position: LonLat, datum: str, *, in_china: bool) -> float:
    """How far off the position may be because the datum was not said."""
    if datum.lower() == "unknown" and in_china and _in_gcj_box(position):
        return _SHIFT_M
    return 0.0


def _digits_radius_m(lon_lat: LonLat) -> float:
    """Half a step of the last digit given; a floor of 100 m stands for the geocoder's own error."""
    decimals = max(len(f"{abs(value):.6f}".rstrip("0").partition(".")[2]) for value in lon_lat)
    return max(100.0, 0.5 * 111_000.0 * 10.0**-decimals)


def _in_gcj_box(lon_lat: LonLat) -> bool:
    west, south, east, north = _GCJ_BOX
    return west <= lon_lat[0] <= east and south <= lon_lat[1] <= north


def _gcj_shift_deg(lon_lat: LonLat) -> LonLat:
    """By how much GCJ-02 moves a WGS 84 position: degrees east and north."""
    x, y = lon_lat[0] - 105.0, lon_lat[1] - 35.0
    common = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + common
    north_m += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north_m += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + common
    east_m += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east_m += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    phi = radians(lon_lat[1])
    flat = 1.0 - _KRASOVSKY_E2 * sin(phi) ** 2
    meridian_m = _KRASOVSKY_A_M * (1.0 - _KRASOVSKY_E2) / flat**1.5
    normal_m = _KRASOVSKY_A_M / sqrt(flat)
    return (degrees(east_m / (normal_m * cos(phi))), degrees(north_m / meridian_m))


def _inverse(forward: Callable[[LonLat], LonLat], target: LonLat) -> LonLat:
    """Find what `forward` moves to `target`."""
    lon, lat = target
    for _ in range(12):
        there = forward((lon, lat))
        lon, lat = lon + target[0] - there[0], lat + target[1] - there[1]
    return (lon, lat)
