"""The firms and persons that an authority or a researcher has listed, and who owns whom."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from aoi.areas import check_id
from aoi.suppliers import Address
from geo.errors import AoiError


class ListingKind(StrEnum):
    """Why somebody stands on a list."""

    IMPORT_BAN = "import_ban"
    """Goods are presumed to be made with forced labour, or held at the border."""
    LABOUR_TRANSFER = "labour_transfer"
    """Named as taking workers in state transfer schemes."""
    SANCTION = "sanction"
    RESEARCH = "research"
    """Named by researchers, not by an authority."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntity:
    """One entity of one list."""

    entity_id: str
    names: tuple[str, ...]
    """Names in any script, the list's own heading first."""
    aliases: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    country: str = ""
    """ISO 3166-1 alpha-2, lower case; empty where the list does not say."""
    kind: ListingKind = ListingKind.OTHER
    programme: str = ""
    """For instance `US-UFLPA`."""
    list_name: str = ""
    list_version: str = ""
    """The list's own date or number, else the file's checksum."""
    listed_on: date | None = None
    delisted_on: date | None = None
    products: tuple[str, ...] = ()
    registration_numbers: tuple[str, ...] = ()
    covers_subsidiaries: bool = False
    """The list names its subsidiaries, too, without naming them one by one."""
    part_of: str = ""
    """Id of the entity under which this one was packed into the same cell."""
    source: str = ""
    """File and row, or the address of the record."""

    def __post_init__(self) -> None:
        check_id(self.entity_id, what="listed entity")
        if not any(name.strip() for name in self.names):
            raise AoiError(f"listed entity {self.entity_id}: needs at least one name")


class LinkKind(StrEnum):
    """How one firm has to do with another."""

    OWNS = "owns"
    """`from_id` owns a part of `to_id`."""
    SUPPLIES = "supplies"
    """`from_id` sells to `to_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateLink:
    """That one firm owns or supplies another, as somebody states it. Ids are of suppliers or of listed entities."""

    from_id: str
    to_id: str
    kind: LinkKind
    share: float | None = None
    """Of what is owned, 0 to 1; None where the source does not say."""
    since: date | None = None
    until: date | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.from_id or not self.to_id or self.from_id == self.to_id:
            raise AoiError(f"a corporate link joins two firms; got {self.from_id!r} and {self.to_id!r} ({self.source})")
        if self.share is not None and not 0 <= self.share <= 1:
            raise AoiError(f"{self.from_id} owns a share of 0 to 1 of {self.to_id}; got {self.share} ({self.source})")
