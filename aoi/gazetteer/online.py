"""The door for an online geocoder; never needed, and never believed against the address itself.

Sending addresses away tells somebody else whom a buyer buys from: that is the caller's decision.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aoi.gazetteer.coordinates import LonLat, distance_m, to_wgs84
from aoi.gazetteer.place import Geocode, Precision
from aoi.suppliers import Address
from geo.errors import SourceUnavailableError

_log = logging.getLogger(__name__)
_REACH = 1.5
_OWN_RADIUS_M = 1000.0
"""How far an online position is trusted when the service does not say: no service tells its precision in one way."""


class OnlineGeocoder(Protocol):
    """Anything that can answer: where is this address?"""

    @property
    def name(self) -> str:
        """Shown as the source of a position."""
        ...

    def locate(self, address: str) -> LonLat | None:
        """Return a WGS 84 position; None where the service knows none.

        Raises:
            SourceUnavailableError: The service did not answer.

        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeopyGeocoder:
    """A geocoder of the geopy package (extra `online`), for instance `geopy.geocoders.Nominatim(user_agent=...)`."""

    geopy: Any
    """An object with `geocode(query)`, as all of geopy's geocoders have."""
    datum: str = "wgs84"
    """In which the service answers: Amap in `gcj02`, Baidu in `bd09`."""
    name: str = "online geocoder"

    def locate(self, address: str) -> LonLat | None:
        """Ask the service; see `OnlineGeocoder`."""
        from geopy.exc import (  # type: ignore[import-untyped]  # noqa: PLC0415 - optional: who comes here has it
            GeopyError,
        )

        try:
            answer = self.geopy.geocode(address)
        except GeopyError as error:
            raise SourceUnavailableError(f"{self.name}: {type(error).__name__}: {error}") from error
        if answer is None:
            return None
        return to_wgs84((float(answer.longitude), float(answer.latitude)), self.datum)


def refine(geocodes: tuple[Geocode, ...], address: Address, online: OnlineGeocoder) -> tuple[Geocode, ...]:
    """Move the best reading onto an online position that lies in its unit; leave it where the two contradict.

    A service that does not answer, or that answers a place outside of the unit, changes nothing but the evidence.
    """
    if not geocodes:
        return ()
    best = geocodes[0]
    try:
        position = online.locate(address.text)
    except SourceUnavailableError as error:
        _log.warning("Address kept as the gazetteer reads it: %s", error)
        return geocodes
    if position is None:
        return geocodes
    if distance_m(position, best.lon_lat) > _REACH * best.radius_m:
        note = (
            f"{online.name} answered {position[1]:.4f}, {position[0]:.4f}, outside of {best.place.names[0]}: not used"
        )
        return (replace(best, evidence=(*best.evidence, note)), *geocodes[1:])
    if best.radius_m <= _OWN_RADIUS_M:
        return geocodes
    moved = replace(
        best,
        lon_lat=position,
        radius_m=_OWN_RADIUS_M,
        precision=Precision.STREET,
        evidence=(*best.evidence, f"position from {online.name}"),
    )
    return (moved, *geocodes[1:])
