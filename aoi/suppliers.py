"""The firms that a buyer says it buys from."""

from dataclasses import dataclass
from math import isfinite

from aoi.areas import check_id
from geo.errors import AoiError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where somebody says to be, in the words of the source. Whatever was not said is empty."""

    lines: str = ""
    """The free text: street, number, town, in any script."""
    town: str = ""
    county: str = ""
    prefecture: str = ""
    province: str = ""
    postcode: str = ""
    country: str = ""
    """As stated: a name in any language, or an ISO code."""

    @property
    def text(self) -> str:
        """The whole address, the finest part first; empty where nothing was said."""
        parts = (self.lines, self.town, self.county, self.prefecture, self.province, self.postcode)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """One row of a supplier list."""

    supplier_id: str
    names: tuple[str, ...]
    """In any script, the one the list leads with first."""
    addresses: tuple[Address, ...] = ()
    lon_lat: tuple[float, float] | None = None
    """As given, not yet checked: it may be swapped, a country's centroid or in another datum."""
    datum: str = "unknown"
    """Of `lon_lat`: `wgs84`, `gcj02`, `bd09` or `unknown`."""
    tier: int | None = None
    """1 sells to the buyer; None where the list does not say."""
    parent: str = ""
    """The name of the firm that owns it, as stated."""
    buys_from: tuple[str, ...] = ()
    """Ids of the suppliers that it buys from, where the list says so."""
    products: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    registration_number: str = ""
    """For instance a unified social credit code."""
    spend: float | None = None
    """Yearly, in the list's currency."""
    source: str = ""
    """File and row."""

    def __post_init__(self) -> None:
        what = f"supplier {self.supplier_id}"
        check_id(self.supplier_id, what="supplier")
        if not any(name.strip() for name in self.names):
            raise AoiError(f"{what}: a supplier needs at least one name")
        if self.lon_lat is not None and not all(isfinite(value) for value in self.lon_lat):
            raise AoiError(f"{what}: longitude and latitude must be numbers; got {self.lon_lat}")
        if self.tier is not None and self.tier < 1:
            raise AoiError(f"{what}: tiers count from 1; got {self.tier}")
        if self.spend is not None and not (isfinite(self.spend) and self.spend >= 0):
            raise AoiError(f"{what}: spend must be a number of 0 or more; got {self.spend}")
