"""What a place is, and how exactly an address tells one."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What kind of unit a place is, from the widest."""

    COUNTRY = "country"
    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    TOWNSHIP = "township"
    PARK = "park"
    """An industrial park, or a regiment of the production and construction corps."""
    CITY = "city"
    """A town outside China, without its administrative rank."""


class Precision(StrEnum):
    """How exactly an address is known, from the finest."""

    BUILDING = "building"
    STREET = "street"
    PARK = "park"
    TOWNSHIP = "township"
    COUNTY = "county"
    PREFECTURE = "prefecture"
    PROVINCE = "province"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One unit of the gazetteer."""

    place_id: str
    """In China the code of the unit (`650502`), with a suffix for what has no code of its own."""
    level: Level
    names: tuple[str, ...]
    """In every script that is known; the official name in its own script first."""
    lon_lat: tuple[float, float] | None
    """Of its seat or centre, WGS 84."""
    radius_m: float
    """Within which 95 % of the unit's firms lie around `lon_lat`."""
    parent_id: str = ""
    country: str = "cn"
    """ISO 3166-1 alpha-2, lower case."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geocode:
    """One reading of an address."""

    place: Place
    """The finest unit that was recognised."""
    lineage: tuple[Place, ...]
    """From the country down to `place`."""
    lon_lat: tuple[float, float]
    """WGS 84."""
    radius_m: float
    """Within which the true position lies with 95 %."""
    precision: Precision
    probability: float
    """0 to 1, calibrated, that the true position lies in `place`; of all readings and of none together 1."""
    evidence: tuple[str, ...] = ()
    """Which words told what, for the reader."""

    def code(self, level: Level) -> str:
        """Return the id of the unit of `level` that it lies in; empty where that is not known."""
        return next((place.place_id for place in self.lineage if place.level is level), "")
