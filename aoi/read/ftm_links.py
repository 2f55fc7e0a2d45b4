"""Corporate links from records of FollowTheMoney."""

from collections.abc import Callable
from datetime import date

from aoi.entities import CorporateLink, LinkKind
from aoi.read.ftm import PARTY_SCHEMATA, FtmFile, FtmRecord
from aoi.read.ids import given_id
from aoi.read.imported import Import, RejectedRow
from aoi.read.parties import Parties, finder
from aoi.read.values import period, share
from geo.errors import AoiError

_LINK_SCHEMATA = ("Ownership", "Directorship", "UnknownLink", "Membership", "Employment", "Family", "Associate")


def links_of_ftm(file: FtmFile, parties: Parties | None) -> Import[CorporateLink]:
    """Return every ownership as a link; other relations, and those of parties nobody knows, are kept aside."""
    find = _ftm_finder(file, parties)
    items: list[CorporateLink] = []
    rejected = list(file.rejected)
    notes = list(file.notes)
    for record in _link_records(file):
        try:
            items += _ftm_links(record, find, notes)
        except AoiError as error:
            rejected.append(_aside(record, str(error)))
    others = sum(record.schema not in _LINK_SCHEMATA for record in file.records.values())
    return Import(
        path=file.path,
        items=tuple(items),
        rejected=tuple(rejected),
        notes=(*notes, f"{file.path}: {others} records are of parties, not of links; read_entities reads them"),
        version=file.version,
        rows_read=file.rows_read,
    )


def _link_records(file: FtmFile) -> tuple[FtmRecord, ...]:
    return file.of(*_LINK_SCHEMATA)


def _ftm_links(record: FtmRecord, find: Callable[[str], str], notes: list[str]) -> list[CorporateLink]:
    if record.schema != "Ownership":
        raise AoiError(f"a {record.schema} is neither ownership nor supply")
    owners, assets = record.texts("owner"), record.texts("asset")
    if not owners or not assets:
        raise AoiError(f"names no {'owner' if not owners else 'asset'}")
    percentage = next(iter(record.texts("percentage")), "")
    part = share(percentage, in_percent=True) if percentage else None
    if percentage and part is None:
        notes.append(f"{record.where}: the percentage {percentage!r} is left out, for it is none of 0 to 100")
    since, until = (_ftm_period(record, name, notes) for name in ("startDate", "endDate"))
    return [
        CorporateLink(
            from_id=find(owner),
            to_id=find(asset),
            kind=LinkKind.OWNS,
            share=part,
            since=since[0] if since else None,
            until=until[1] if until else None,
            source="; ".join((*record.texts("sourceUrl"), record.where)),
        )
        for owner in owners
        for asset in assets
    ]


def _ftm_period(record: FtmRecord, name: str, notes: list[str]) -> tuple[date, date] | None:
    text = next(iter(record.texts(name)), "")
    found = period(text) if text else None
    if text and found is None:
        notes.append(f"{record.where}: {name} {text!r} is left out, for it is no date")
    return found


def _ftm_finder(file: FtmFile, parties: Parties | None) -> Callable[[str], str]:
    """Return how the id of a record becomes the id of a party: of a given one by id, else by name, else of the file."""
    by_name = finder(parties) if parties is not None else None
    known = {given_id(party.record_id, what="entity"): party for party in file.of(*PARTY_SCHEMATA)}
    given = parties.ids if parties else frozenset()

    def find(text: str) -> str:
        own = given_id(text, what="entity")
        if own in given:
            return own
        party = known.get(own)
        for name in party.texts("name", "alias") if party and by_name else ():
            try:
                return by_name(name) if by_name else own
            except AoiError:
                continue
        if party is None:
            raise AoiError(f"{text!r} is neither in the file nor among the parties given")
        return own

    return find


def _aside(record: FtmRecord, reason: str) -> RejectedRow:
    cells = {name: "; ".join(values) for name, values in record.properties.items()}
    return RejectedRow(
        where=record.where, reason=reason, cells={"id": record.record_id, "schema": record.schema} | cells
    )
