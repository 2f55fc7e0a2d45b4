"""Listed entities from records of FollowTheMoney: who is listed, by whom, since when, where."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from aoi.entities import ListedEntity, ListingKind
from aoi.read.countries import country_code
from aoi.read.entity_styles import listing_kind
from aoi.read.ftm import PARTY_SCHEMATA, FtmFile, FtmRecord
from aoi.read.ids import given_id
from aoi.read.imported import RejectedRow
from aoi.read.values import period
from aoi.suppliers import Address
from geo.errors import AoiError

_REGISTRATIONS = (
    *("registrationNumber", "uscCode", "taxNumber", "vatCode", "leiCode", "idNumber", "licenseNumber", "dunsCode"),
    *("innCode", "ogrnCode", "voenCode", "irsCode", "cikCode", "kppCode", "jibCode", "npiCode", "uniqueEntityId"),
)
_LISTING_TOPIC = re.compile(r"sanction|export\.control|export\.risk|debarment|forced\.labor|invest\.risk|import")
_LINKS = frozenset(("Ownership", "Directorship", "UnknownLink", "Membership", "Employment", "Family", "Associate"))
_SEEN = frozenset(("Sanction", "Address"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    programme: str
    listed_on: date | None
    delisted_on: date | None
    words: str


def entities_of_ftm(
    file: FtmFile, *, kind: ListingKind | None, list_name: str, list_version: str
) -> tuple[tuple[ListedEntity, ...], tuple[RejectedRow, ...], tuple[str, ...]]:
    """Return the listed entities, the records kept aside, and what else was found.

    Listed is who is marked as a target, is sanctioned, or has a topic that says so. Where nobody is, the file is taken
    for a list itself, and all parties in it are listed.
    """
    parties = file.of(*PARTY_SCHEMATA)
    sanctions = _by_party(file, "Sanction")
    listed = [party for party in parties if _is_listed(party, sanctions)]
    notes = [] if listed else [f"{file.path}: nobody is marked as listed; all {len(parties)} parties are taken for it"]
    chosen = {party.record_id for party in (listed or parties)}
    items: list[ListedEntity] = []
    rejected: list[RejectedRow] = []
    for party in parties:
        if party.record_id not in chosen:
            rejected.append(_aside(party, "is not listed: no target, no sanction, no topic of one"))
            continue
        try:
            entity = _entity(party, file, sanctions.get(party.record_id, ()), notes)
        except AoiError as error:
            rejected.append(_aside(party, str(error)))
            continue
        items.append(_told(entity, file, kind=kind, list_name=list_name, list_version=list_version))
    return tuple(items), (*rejected, *_strays(file)), (*notes, *_told_of_others(file))


def _told(
    entity: ListedEntity, file: FtmFile, *, kind: ListingKind | None, list_name: str, list_version: str
) -> ListedEntity:
    return replace(
        entity,
        kind=kind or entity.kind,
        list_name=list_name or entity.list_name,
        list_version=list_version or entity.list_version or file.version[:12],
    )


def _is_listed(party: FtmRecord, sanctions: Mapping[str, Sequence[FtmRecord]]) -> bool:
    topics = " ".join(party.texts("topics"))
    return party.is_target or party.record_id in sanctions or _LISTING_TOPIC.search(topics) is not None


def _by_party(file: FtmFile, schema: str) -> Mapping[str, list[FtmRecord]]:
    found: dict[str, list[FtmRecord]] = {}
    for record in file.of(schema):
        for one in record.texts("entity"):
            found.setdefault(one, []).append(record)
    for party in file.of(*PARTY_SCHEMATA):  # nested files name the sanction in the party, not the other way round
        for one in party.texts("sanctions"):
            told = file.records.get(one)
            if told is not None and told not in found.get(party.record_id, ()):
                found.setdefault(party.record_id, []).append(told)
    return found


def _entity(party: FtmRecord, file: FtmFile, sanctions: Sequence[FtmRecord], notes: list[str]) -> ListedEntity:
    listing = _listing(sanctions, party.where, notes)
    names = party.texts("name")
    weak = party.texts("weakAlias", "abbreviation")
    if weak:
        notes.append(f"{party.where}: the weak aliases {', '.join(weak)} are left out")
    words = f"{listing.words} {' '.join(party.datasets)} {' '.join(party.texts('topics', 'programId', 'program'))}"
    aliases = tuple(alias for alias in party.texts("alias", "previousName") if alias not in names)
    if not names and aliases:
        names, aliases = aliases[:1], aliases[1:]
    return ListedEntity(
        entity_id=given_id(party.record_id, what="entity"),
        names=names,
        aliases=aliases,
        addresses=_addresses(party, file),
        country=_country(party),
        kind=listing_kind(words),
        programme=listing.programme or "; ".join(party.texts("programId", "program")),
        list_name="; ".join(party.datasets),
        list_version=party.last_change,
        listed_on=listing.listed_on,
        delisted_on=listing.delisted_on,
        products=party.texts("sector"),
        registration_numbers=party.texts(*_REGISTRATIONS),
        source=party.where,
    )


def _listing(sanctions: Sequence[FtmRecord], where: str, notes: list[str]) -> _Listing:
    """Return what the sanctions say together: listed since the first, and no more only if all have ended."""
    programmes = dict.fromkeys(
        one for record in sanctions for one in record.texts("programId") or record.texts("program")
    )
    since = [_day(record.texts("listingDate", "startDate", "date"), where, notes, last=False) for record in sanctions]
    until = [_day(record.texts("endDate"), where, notes, last=True) for record in sanctions]
    known = [one for one in since if one is not None]
    ended = [one for one in until if one is not None]
    words = " ".join(
        word for record in sanctions for word in record.texts("program", "programId", "authority", "reason")
    )
    return _Listing(
        programme="; ".join(programmes),
        listed_on=min(known, default=None),
        delisted_on=max(ended) if sanctions and len(ended) == len(sanctions) else None,
        words=words,
    )


def _day(texts: Sequence[str], where: str, notes: list[str], *, last: bool) -> date | None:
    if not texts:
        return None
    found = period(texts[0])
    if found is None:
        notes.append(f"{where}: {texts[0]!r} is no date that can be understood; it is left out")
        return None
    return found[1] if last else found[0]


def _country(party: FtmRecord) -> str:
    codes = [country_code(text) for text in party.texts("jurisdiction", "mainCountry", "country")]
    return next((code for code in codes if code), "")


def _addresses(party: FtmRecord, file: FtmFile) -> tuple[Address, ...]:
    found = [Address(lines=text) for text in party.texts("address")]
    for one in party.texts("addressEntity"):
        record = file.records.get(one)
        if record is not None:
            found.append(_address(record))
    return tuple(dict.fromkeys(address for address in found if address.text))


def _address(record: FtmRecord) -> Address:
    def first(*names: str) -> str:
        return next(iter(record.texts(*names)), "")

    street = ", ".join(record.texts("street", "street2", "postOfficeBox"))
    return Address(
        lines=street or first("full", "summary", "name"),
        town=first("city"),
        province=first("state", "region"),
        postcode=first("postalCode"),
        country=first("country"),
    )


def _strays(file: FtmFile) -> Iterable[RejectedRow]:
    """Return the sanctions of parties that are not in the file."""
    return [
        _aside(record, f"is about {', '.join(record.texts('entity')) or 'nobody'}, who is not in the file")
        for record in file.of("Sanction")
        if record.texts("entity") and not any(one in file.records for one in record.texts("entity"))
    ]


def _told_of_others(file: FtmFile) -> tuple[str, ...]:
    counts = Counter(record.schema for record in file.records.values() if record.schema not in PARTY_SCHEMATA)
    notes = []
    for schema, count in sorted(counts.items()):
        what = "are read into the parties" if schema in _SEEN else "are no parties, and are not read here"
        notes.append(f"{file.path}: {count} {schema} records {'are for read_links' if schema in _LINKS else what}")
    return tuple(notes)


def _aside(record: FtmRecord, reason: str) -> RejectedRow:
    cells = {"id": record.record_id, "schema": record.schema} | {
        name: "; ".join(values) for name, values in record.properties.items()
    }
    return RejectedRow(where=record.where, reason=reason, cells=cells)
