"""Addresses and positions from the columns of a record."""

import re
from collections.abc import Mapping, Sequence

from aoi.read.columns import plain_heading
from aoi.read.countries import country_code
from aoi.read.degrees import axis, degrees, lon_lat
from aoi.read.ids import plain_text
from aoi.read.listing import Record
from aoi.read.values import said
from aoi.suppliers import Address

_PIECE = re.compile(r"\d$|\b(?:line|street|road|number|house|building|block|floor|unit)\b")
"""Headings of pieces of an address: `address 2`, `street`."""
_SHARED = ("postcode", "country")
_LATITUDE_MOST = 90.0
_LONGITUDE_MOST = 180.0
_METRES = 1_000.0


def addresses_of(record: Record) -> tuple[Address, ...]:
    """Return the addresses that a record gives, one for each language its headings name, the unnamed first.

    Pieces (address line 1 and 2, street) make one; several whole addresses stay several. Where a row has a city and a
    town or a county, the city is taken for one of prefecture level, as in China.
    """
    variants = list(dict.fromkeys(column.variant for column in record.columns if column.field in _PLACE_FIELDS))
    found = [address for variant in sorted(variants) for address in _of_variant(record, variant)]
    return tuple(dict.fromkeys(address for address in found if address.text or address.country))


_PLACE_FIELDS = ("address", "town", "county", "prefecture", "province")


def _of_variant(record: Record, variant: str) -> list[Address]:
    parts = {name: next(iter(record.texts(name, variant)), "") for name in _PLACE_FIELDS[2:]}
    parts |= {name: record.text(name) for name in _SHARED}
    town, city = _towns(record, variant, has_county=bool(parts["county"]))
    parts["prefecture"] = parts["prefecture"] or city
    wholes = _whole_addresses(record, variant)
    if not any((*wholes, town, *(parts[name] for name in _PLACE_FIELDS[2:]))) and variant:
        return []
    first = Address(lines=next(iter(wholes), ""), town=town, **parts)
    more = [Address(lines=lines, country=parts["country"]) for lines in wholes[1:]]
    return [first, *more]


def _whole_addresses(record: Record, variant: str) -> list[str]:
    pieces: list[str] = []
    wholes: list[str] = []
    for column in record.columns:
        text = said(record.cells[column.index])
        if column.field == "address" and column.variant == variant and text:
            (pieces if _PIECE.search(plain_heading(column.heading)) else wholes).append(text)
    if pieces and wholes:  # "Address" with "Address 2": the first is its first line
        return [", ".join(dict.fromkeys((wholes[0], *pieces))), *wholes[1:]]
    return [", ".join(dict.fromkeys(pieces))] if pieces else wholes


def _towns(record: Record, variant: str, *, has_county: bool) -> tuple[str, str]:
    """Return the town, and the city where it is told apart from a town or a county."""
    town, city = "", ""
    for column in record.columns:
        text = said(record.cells[column.index])
        if column.field != "town" or column.variant != variant or not text:
            continue
        is_city = "city" in plain_heading(column.heading).split() and "town" not in plain_heading(column.heading)
        town, city = (town, city or text) if is_city else (town or text, city)
    return (town, city) if town or has_county else (city, "")


def position_of(record: Record) -> tuple[tuple[float, float] | None, str]:
    """Return (longitude, latitude) as given, or None, and what is odd about it; empty where nothing is.

    Nothing is put right here: a position that may be swapped is returned as it stands, and named.
    """
    both = record.text("position")
    texts = record.text("longitude"), record.text("latitude")
    if any(texts):
        return _of_two(*texts)
    if not both:
        return None, ""
    found = lon_lat(both)
    return (None, f"the position {both[:80]!r} cannot be understood") if found is None else (found, oddness(*found))


def _of_two(longitude: str, latitude: str) -> tuple[tuple[float, float] | None, str]:
    values = degrees(longitude), degrees(latitude)
    if values[0] is None or values[1] is None:
        return None, f"latitude {latitude[:40]!r} and longitude {longitude[:40]!r} are not both angles"
    if axis(longitude) == "latitude" or axis(latitude) == "longitude":
        return (values[0], values[1]), f"latitude {latitude!r} and longitude {longitude!r} are swapped by their letters"
    return (values[0], values[1]), oddness(values[0], values[1])


def oddness(longitude: float, latitude: float) -> str:
    """Return why a pair cannot be a position in degrees; empty where it can."""
    if abs(longitude) <= _LONGITUDE_MOST and abs(latitude) <= _LATITUDE_MOST:
        return ""
    said_pair = f"latitude {latitude:g} and longitude {longitude:g} are out of range"
    if abs(longitude) <= _LATITUDE_MOST and abs(latitude) <= _LONGITUDE_MOST:
        return f"{said_pair}: they may be swapped"
    if max(abs(longitude), abs(latitude)) >= _METRES:
        return f"{said_pair}: they may be metres of another coordinate reference system"
    return said_pair


def likely_swapped(positions: Sequence[tuple[float, float] | None], countries: Sequence[str]) -> tuple[int, ...]:
    """Return which positions lie outside the middle of the others of their country, but within it once swapped.

    A swapped position of China (44, 87) is still in the range of degrees: only the other rows tell. The middle is the
    range from the first to the third quartile, made three times as wide; fewer than eight rows tell nothing.
    """
    by_country: dict[str, list[int]] = {}
    for index, pair in enumerate(positions):
        if pair is not None:
            by_country.setdefault(country_code(countries[index]) or plain_text(countries[index]), []).append(index)
    found: list[int] = []
    for indices in by_country.values():
        found += _swapped_among({index: pair for index in indices if (pair := positions[index]) is not None})
    return tuple(sorted(found))


def _swapped_among(positions: Mapping[int, tuple[float, float]]) -> list[int]:
    if len(positions) < 8:  # noqa: PLR2004 - quartiles of fewer say little
        return []
    ranges = [_widened(sorted(pair[place] for pair in positions.values())) for place in (0, 1)]

    def is_in(pair: tuple[float, float]) -> bool:
        return all(low <= value <= high for value, (low, high) in zip(pair, ranges, strict=True))

    return [index for index, pair in positions.items() if not is_in(pair) and is_in((pair[1], pair[0]))]


def _widened(values: Sequence[float]) -> tuple[float, float]:
    low, high = values[len(values) // 4], values[(3 * len(values)) // 4]
    margin = max(high - low, 1.0)
    return low - margin, high + margin
