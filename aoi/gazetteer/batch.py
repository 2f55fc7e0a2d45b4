"""Geocode a whole supplier list."""

import logging
from collections.abc import Iterable

from aoi.gazetteer.gazetteer import Gazetteer
from aoi.gazetteer.online import OnlineGeocoder, refine
from aoi.gazetteer.place import Geocode
from aoi.suppliers import Supplier

_log = logging.getLogger(__name__)


def geocode_suppliers(
    suppliers: Iterable[Supplier], gazetteer: Gazetteer, *, online: OnlineGeocoder | None = None
) -> dict[str, tuple[Geocode, ...]]:
    """Return the readings of where each supplier is, best first, by supplier id; empty for those that cannot be told.

    Of several addresses (the same one in two scripts, say) the one that tells most surely counts. A name is never read
    as an address: a firm called after a place need not be there. 10,000 suppliers take some 15 s of one core.

    Args:
        suppliers: The list.
        gazetteer: Where places are looked up.
        online: Asked for a finer position where the address has been understood; never needed.

    """
    found: dict[str, tuple[Geocode, ...]] = {}
    for supplier in suppliers:
        geocodes = _surest(supplier, gazetteer)
        if online is not None and geocodes:
            geocodes = refine(geocodes, supplier.addresses[0], online)
        found[supplier.supplier_id] = geocodes
    silent = sum(1 for geocodes in found.values() if not geocodes)
    _log.info("Geocoded %d suppliers; %d have no address that tells a place", len(found), silent)
    return found


def _surest(supplier: Supplier, gazetteer: Gazetteer) -> tuple[Geocode, ...]:
    readings = [
        gazetteer.geocode(address, lon_lat=supplier.lon_lat, datum=supplier.datum) for address in supplier.addresses
    ]
    return max(readings, key=_telling, default=())


def _telling(geocodes: tuple[Geocode, ...]) -> tuple[int, float]:
    """How much readings tell: how fine the best one is, and how likely."""
    return (len(geocodes[0].lineage), geocodes[0].probability) if geocodes else (0, 0.0)
