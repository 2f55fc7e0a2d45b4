"""Suppliers from any table: Open Supply Hub (old and current headings, downloads), brands' lists, a buyer's own."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aoi.read.addresses import addresses_of, likely_swapped, position_of
from aoi.read.columns import Said, load_override
from aoi.read.ids import content_id, given_id, plain_text
from aoi.read.imported import Import, RejectedRow
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.listing import ListParams, Record, list_of
from aoi.read.locations import is_locations, location_tables
from aoi.read.repeats import ids_apart, without_repeats
from aoi.read.table import read_tables
from aoi.read.values import amount, said
from aoi.suppliers import Supplier
from geo.errors import AoiError

_BETWEEN_VALUES = re.compile(r"[|;；\n]")  # noqa: RUF001 - a semicolon of Chinese
_BETWEEN_PRODUCTS = re.compile(r"[|;；\n,，、]")  # noqa: RUF001 - signs of Chinese
_DATUMS: Mapping[str, str] = {
    "wgs84": "wgs84", "wgs 84": "wgs84", "wgs-84": "wgs84", "epsg:4326": "wgs84", "4326": "wgs84", "gps": "wgs84",
    "gcj02": "gcj02", "gcj-02": "gcj02", "gcj 02": "gcj02", "amap": "gcj02", "gaode": "gcj02", "高德": "gcj02",
    "bd09": "bd09", "bd-09": "bd09", "bd 09": "bd09", "baidu": "bd09", "百度": "bd09",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A supplier whose relations are still names, not ids."""

    record: Record
    supplier: Supplier
    has_own_id: bool
    buys_from: tuple[str, ...]
    sells_to: tuple[str, ...]


def read_suppliers(
    path: Path,
    mapping: Said = None,
    *,
    encoding: str | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Import[Supplier]:
    """Read the suppliers in the table at `path`.

    Args:
        path: CSV, TSV, XLSX, a saved web page, or locations as the Open Supply Hub API gives them (JSON).
        mapping: Field to heading or headings, or a TOML file of such lines, where the proposal is wrong. Fields: name,
            id, address, town, county, prefecture, province, postcode, country, latitude, longitude, position, datum,
            tier, parent, buys_from, sells_to, products, inputs, registration_number, spend.
        encoding: As Python calls it; None: found out.
        limits: How large the file may be.

    Returns:
        Every row as a supplier or as a rejected row. Ids are those given; else they are made from name, address and
        country, and so do not change when rows are sorted or added. An id that several different rows share gets a
        part made from each row.

    Raises:
        AoiError: The file cannot be read, or no column is understood as a name.

    """
    path = Path(path)
    params = ListParams(
        kind="suppliers", needed=("name",), override=load_override(mapping), encoding=encoding, limits=limits
    )
    tables = (
        location_tables(path, limits) if is_locations(path) else read_tables(path, encoding=encoding, limits=limits)
    )
    listing = list_of(tables, params)
    notes: list[str] = []
    records, twice = without_repeats(listing.records)
    drafts, rejected = _drafts(records, notes)
    kept = _with_ids_apart(drafts, notes)
    return Import(
        path=str(path),
        items=_with_relations(kept, notes),
        rejected=(*listing.rejected, *rejected, *twice),
        mapping=listing.mapping,
        notes=(*listing.notes, *notes, *_swapped(kept)),
        version=listing.version,
        rows_read=listing.rows_read,
    )


def _drafts(records: Iterable[Record], notes: list[str]) -> tuple[list[_Draft], list[RejectedRow]]:
    drafts, rejected = [], []
    for record in records:
        found: list[str] = []
        try:
            drafts.append(_draft(record, found))
        except AoiError as error:
            rejected.append(record.rejected(str(error)))
            continue
        notes += [f"{record.where}: {remark}" for remark in found]
    return drafts, rejected


def _draft(record: Record, notes: list[str]) -> _Draft:
    names = tuple(dict.fromkeys(record.texts("name")))
    if not names:
        raise AoiError("has no name")
    addresses = addresses_of(record)
    lon_lat, odd = position_of(record)
    notes += [odd] if odd else []
    own_id = record.text("id")
    parts = (*names, *(address.text for address in addresses), *(address.country for address in addresses))
    supplier = Supplier(
        supplier_id=given_id(own_id, what="supplier") if own_id else content_id("s", parts),
        names=names,
        addresses=addresses,
        lon_lat=lon_lat,
        datum=_datum(record.text("datum"), notes),
        tier=_tier(record.text("tier"), notes),
        parent=record.text("parent"),
        products=_several(record.texts("products"), _BETWEEN_PRODUCTS),
        inputs=_several(record.texts("inputs"), _BETWEEN_PRODUCTS),
        registration_number="; ".join(record.texts("registration_number")),
        spend=_spend(record.text("spend"), notes),
        source=record.where,
    )
    return _Draft(
        record=record,
        supplier=supplier,
        has_own_id=bool(own_id),
        buys_from=_several(record.texts("buys_from"), _BETWEEN_VALUES),
        sells_to=_several(record.texts("sells_to"), _BETWEEN_VALUES),
    )


def _several(texts: Iterable[str], between: re.Pattern[str]) -> tuple[str, ...]:
    parts = (said(part) for text in texts for part in between.split(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def _datum(text: str, notes: list[str]) -> str:
    if not text:
        return "unknown"
    known = _DATUMS.get(text.lower())
    if known is None:
        notes.append(f"the datum {text!r} is not known; there are wgs84, gcj02 and bd09")
    return known or "unknown"


def _tier(text: str, notes: list[str]) -> int | None:
    if not text:
        return None
    found = re.findall(r"\d+", text)
    if len(found) != 1 or not 1 <= int(found[0][:3]) <= 99:  # noqa: PLR2004 - a tier of two digits is already far
        notes.append(f"the tier {text!r} is left out, for it is no number from 1")
        return None
    return int(found[0])


def _spend(text: str, notes: list[str]) -> float | None:
    value = amount(text) if text else None
    if text and (value is None or value < 0):
        notes.append(f"the spend {text!r} is left out, for it is no amount of 0 or more")
        return None
    return value


def _with_ids_apart(drafts: Sequence[_Draft], notes: list[str]) -> list[_Draft]:
    """Give rows that differ but share an id one each, from the id and all that the row says."""
    given = [draft.supplier.supplier_id for draft in drafts]
    own = ids_apart(given, [draft.record.cells for draft in drafts])
    for draft, old, new in zip(drafts, given, own, strict=True):
        if draft.has_own_id and old != new:
            notes.append(f"{draft.record.where}: shares the id {old!r} with other rows; it is called {new!r}")
    return [
        replace(draft, supplier=replace(draft.supplier, supplier_id=new))
        for draft, new in zip(drafts, own, strict=True)
    ]


def _with_relations(drafts: Sequence[_Draft], notes: list[str]) -> tuple[Supplier, ...]:
    """Turn who buys from whom into ids; a firm that is not in the list, or stands for several, is named."""
    find = _finder(drafts)
    buys: dict[str, list[str]] = {draft.supplier.supplier_id: [] for draft in drafts}
    for draft in drafts:
        own = draft.supplier.supplier_id
        for name in draft.buys_from:
            buys[own] += find(name, draft.record.where, "buys from", notes)
        for name in draft.sells_to:
            for buyer in find(name, draft.record.where, "sells to", notes):
                buys[buyer].append(own)
    return tuple(
        replace(draft.supplier, buys_from=tuple(dict.fromkeys(one for one in buys[own] if one != own)))
        for draft in drafts
        for own in (draft.supplier.supplier_id,)
    )


def _finder(drafts: Sequence[_Draft]) -> Callable[[str, str, str, list[str]], list[str]]:
    known: dict[str, list[str]] = {}
    for draft in drafts:
        own = draft.supplier.supplier_id
        for key in {plain_text(own), *map(plain_text, draft.supplier.names), plain_text(draft.record.text("id"))} - {
            ""
        }:
            known.setdefault(key, []).append(own)

    def find(name: str, where: str, how: str, notes: list[str]) -> list[str]:
        ids = known.get(plain_text(name), [])
        if len(ids) == 1:
            return ids
        reason = "is not in this list" if not ids else f"stands for {len(ids)} rows of this list"
        notes.append(f"{where}: {how} {name!r}, which {reason}; the relation is left out")
        return []

    return find


def _swapped(drafts: Sequence[_Draft]) -> list[str]:
    suspects = likely_swapped(
        [draft.supplier.lon_lat for draft in drafts], [draft.record.text("country") for draft in drafts]
    )
    return [
        f"{drafts[index].record.where}: latitude and longitude may be swapped: "
        "the other way round it would lie among the other rows of its country"
        for index in suspects
    ]
