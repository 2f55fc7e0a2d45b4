"""What the columns of each kind of list may hold, and under which headings it goes (`headings.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something a column may hold."""

    name: str
    """Empty: known, and not read."""
    headings: frozenset[str]
    """In the plain form of `aoi.read.columns.plain_heading`."""
    is_many: bool = False
    """Whether several columns may hold it."""
    content: str = ""
    """Which test of `aoi.read.content` its cells should pass; empty: none."""


_PLACE = ("address", "town", "county", "prefecture", "province", "postcode", "country", "latitude", "longitude", "position", "datum")  # fmt: skip # noqa: E501
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "suppliers": (
        "name",
        "id",
        *_PLACE,
        "tier",
        "parent",
        "buys_from",
        "sells_to",
        "products",
        "inputs",
        "registration_number",
        "spend",
    ),
    "entities": (
        "name",
        "alias",
        "id",
        *_PLACE,
        "programme",
        "listed_on",
        "delisted_on",
        "list_name",
        "list_version",
        "status",
        "order",
        "products",
        "registration_number",
    ),
    "facilities": (
        "name",
        "id",
        *_PLACE,
        "kind",
        "status",
        "source",
        "position_error_m",
        "radius_m",
        "purpose",
        "events",
        "since",
        "cadence",
    ),
    "links": ("owner", "owned", "share", "since", "until", "source", "kind"),
}
_SHARED = ("name", "id", "products", "registration_number")
"""Fields whose headings are the same in every kind of list."""
_MANY = frozenset({"name", "alias", "address", "town", "buys_from", "sells_to", "products", "inputs", "registration_number", ""})  # fmt: skip # noqa: E501
_CONTENT: Mapping[str, str] = {
    "name": "name",
    "id": "id",
    "town": "words",
    "county": "words",
    "prefecture": "words",
    "province": "words",
    "postcode": "postcode",
    "country": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "position": "position",
    "tier": "tier",
    "spend": "number",
    "listed_on": "date",
    "delisted_on": "date",
    "since": "date",
    "until": "date",
    "share": "share",
    "position_error_m": "number",
    "radius_m": "number",
}


def fields_of(kind: str) -> tuple[Field, ...]:
    """Return the fields of a kind of list: `suppliers`, `entities`, `facilities` or `links`."""
    named = tuple(_field(kind, name) for name in _FIELDS[kind])
    known = _field(kind, "")
    return (*named, replace(known, headings=known.headings.difference(*(field.headings for field in named))))


def _field(kind: str, name: str) -> Field:
    words = _headings(kind, name or "not_read") | _headings("place", name)
    if name in _SHARED and kind != "links":
        words |= _headings("common", name)
    elif not name:
        words |= _headings("common", "not_read")
    return Field(name=name, headings=words, is_many=name in _MANY, content=_CONTENT.get(name, ""))


@cache
def _headings(section: str, name: str) -> frozenset[str]:
    text = _table().get(section, {}).get(name, {}).get("headings", "")
    return frozenset(part.strip() for part in text.replace("\n", "|").split("|") if part.strip())


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    text = (files("aoi.read") / "headings.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
