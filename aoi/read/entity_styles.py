"""Which published list is this, by its headings, and what is known of it?"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aoi.entities import ListingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStyle:
    """How one list is written."""

    list_name: str = ""
    programme: str = ""
    kind: ListingKind | None = None
    """None: told by the words of each row."""
    headings: frozenset[str] = frozenset()
    """In plain form; a list with all of them is of this style."""
    is_packed: bool = False
    """Whether one cell of names may hold several firms."""
    has_lists: bool = False
    """Whether cells hold several values, with semicolons between."""
    is_month_first: bool | None = None
    also_reads: tuple[str, str] | None = None
    """A heading that elsewhere means nothing, and the field that it holds here."""


UFLPA = ListStyle(
    list_name="UFLPA Entity List",
    programme="US-UFLPA",
    kind=ListingKind.IMPORT_BAN,
    headings=frozenset({"name of entity", "effective date"}),
    is_packed=True,
    is_month_first=True,
)
ORDERS = ListStyle(
    list_name="US Withhold Release Orders and Findings",
    programme="US-CBP-WRO",
    kind=ListingKind.IMPORT_BAN,
    headings=frozenset({"entity", "merchandise"}),
    is_packed=True,
    is_month_first=True,
)
SIMPLE = ListStyle(headings=frozenset({"id", "schema", "name", "aliases", "dataset"}), has_lists=True)
SCREENING = ListStyle(
    list_name="US Consolidated Screening List",
    headings=frozenset({"source", "name", "alt names", "programs"}),
    has_lists=True,
    also_reads=("source", "list_name"),
    is_month_first=True,
)
_STYLES = (SIMPLE, SCREENING, UFLPA, ORDERS)
_BANS = r"uflpa|withhold|forced labou?r prevention|us[_-]cbp|us[_-]dhs|import (?:ban|restriction)|\bwro\b|presumption"
_TRANSFERS = r"labou?r[- ]transfers?|transferred workers|pairing|劳务输出|转移就业|poverty alleviation"
_SANCTIONS = (
    r"sanction|\bsdn\b|magnitsky|ofac|designated|entity list|military end|unverified list|denied persons"
    r"|export control|debar|\bsema\b|glomag|\bbis\b"
)
_STUDIES = r"\bshu\b|shu_|sheffield|aspi|research|report|c4ads|forced\.labor|named in|operating in"
_KINDS = (
    (ListingKind.IMPORT_BAN, _BANS),
    (ListingKind.LABOUR_TRANSFER, _TRANSFERS),
    (ListingKind.SANCTION, _SANCTIONS),
    (ListingKind.RESEARCH, _STUDIES),
)


def style_of(headings: AbstractSet[str]) -> ListStyle:
    """Return the style whose headings are all among `headings`; an empty one where none is."""
    if {"entity name", "effective date"} <= headings:
        return UFLPA
    return next((style for style in _STYLES if style.headings <= headings), ListStyle())


def listing_kind(words: str) -> ListingKind:
    """Return why somebody is listed, as far as programme, list and sheet say in words; `OTHER` where they do not."""
    plain = words.lower()
    return next((kind for kind, pattern in _KINDS if re.search(pattern, plain)), ListingKind.OTHER)
