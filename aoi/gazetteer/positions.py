"""Put what an address says and a given coordinate together."""

from dataclasses import replace
from functools import cache

from aoi.gazetteer.coordinates import CoordinateFinding, LonLat, check_coordinate, distance_m
from aoi.gazetteer.place import Geocode, Precision
from aoi.gazetteer.tables import read_table

_REACH = 1.5
"""How many radii of a unit a coordinate may lie from its seat; the radius holds 95 % of its firms."""
_BUILDING_M = 250.0
_AGREED = 0.97
"""The most that a coordinate and an address that agree prove together: one may have been made from the other."""
_TOLD = 0.05
"""Readings less likely than this excuse no coordinate."""


@cache
def centroids() -> tuple[LonLat, ...]:
    """Return the middles of countries and regions that stand for a failed search."""
    return tuple((float(row["lon"]), float(row["lat"])) for row in read_table("centroids.csv"))


def judge(geocodes: tuple[Geocode, ...], lon_lat: LonLat, datum: str, *, in_china: bool) -> CoordinateFinding:
    """Tell whether a given coordinate agrees with what the address says (see `check_coordinate`)."""
    told = [geocode for geocode in geocodes if geocode.probability >= _TOLD]

    def plausible(position: LonLat) -> bool:
        return not told or any(_reaches(geocode, position) for geocode in told)

    return check_coordinate(lon_lat, datum=datum, centroids=centroids(), plausible=plausible, in_china=in_china)


def with_coordinate(
    geocodes: tuple[Geocode, ...], lon_lat: LonLat, datum: str, *, in_china: bool
) -> tuple[Geocode, ...]:
    """Return the readings that agree with a coordinate, moved onto it; unchanged where it must not be used.

    Readings that the coordinate lies far from lose their share to those that it agrees with, and wide units theirs to
    narrow ones: a position hits a narrow unit by chance less often (in proportion to the area). A coordinate without
    any reading gives no geocode: which unit it lies in cannot be told without the address.
    """
    if not geocodes:
        return ()
    finding = judge(geocodes, lon_lat, datum, in_china=in_china)
    if finding.lon_lat is None:
        note = f"given coordinate not used: {finding.note}"
        return tuple(replace(one, evidence=(*one.evidence, note)) for one in geocodes)
    position = finding.lon_lat
    agree = [one for one in geocodes if _reaches(one, position)]
    if not agree:
        return geocodes
    fits = [one.probability / one.radius_m**2 for one in agree]
    whole = min(_AGREED, sum(one.probability for one in geocodes)) / sum(fits)
    note = f"given coordinate: {finding.note}"
    return tuple(
        replace(
            one,
            lon_lat=position,
            radius_m=finding.radius_m,
            precision=Precision.BUILDING if finding.radius_m <= _BUILDING_M else Precision.STREET,
            probability=fit * whole,
            evidence=(*one.evidence, note),
        )
        for one, fit in sorted(zip(agree, fits, strict=True), key=lambda pair: -pair[1])
    )


def _reaches(geocode: Geocode, position: LonLat) -> bool:
    return distance_m(geocode.lon_lat, position) <= _REACH * geocode.radius_m
