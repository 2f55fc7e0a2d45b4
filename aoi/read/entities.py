"""Listed entities from the lists of authorities and researchers, each in the form in which it is published."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aoi.entities import ListedEntity, ListingKind
from aoi.read.columns import Said, load_override, plain_heading
from aoi.read.entity_rows import RowContext, entities_of_row
from aoi.read.entity_styles import style_of
from aoi.read.ftm import is_ftm, read_ftm
from aoi.read.ftm_entities import entities_of_ftm
from aoi.read.imported import Import, RejectedRow
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.listing import Listing, ListParams, open_list
from aoi.read.repeats import ids_apart, without_repeats
from geo.errors import AoiError


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityParams:
    """What the user knows of a list that its file may not say."""

    kind: ListingKind | None = None
    """None: told by the list's own words."""
    list_name: str = ""
    """Empty: the list's usual name, else the file's."""
    list_version: str = ""
    """Empty: the list's own date where it has one, else the file's checksum."""
    encoding: str | None = None
    limits: ReadLimits = field(default=DEFAULT_LIMITS)


DEFAULT_PARAMS = EntityParams()


def read_entities(path: Path, mapping: Said = None, params: EntityParams = DEFAULT_PARAMS) -> Import[ListedEntity]:
    """Read the listed entities in the file at `path`.

    Understood are OpenSanctions' ``targets.simple.csv``; FollowTheMoney as JSON lines; the tables of the UFLPA Entity
    List (the saved page, or CSV); withhold-release orders and findings (CSV); the US Consolidated Screening List (CSV);
    the workbooks of Sheffield Hallam University; and any other table with a column of names.

    Args:
        path: The file.
        mapping: Field to heading or headings, or a TOML file of such lines. Fields: name, alias, id, address, town,
            county, prefecture, province, postcode, country, programme, listed_on, delisted_on, products,
            registration_number.
        params: What the file may not say.

    Returns:
        Every row as one or more entities, or as a rejected row.

    Raises:
        AoiError: The file cannot be read, or no column is understood as a name.

    """
    path = Path(path)
    if is_ftm(path):
        return _from_ftm(path, params)
    override = load_override(mapping)
    listing = open_list(
        path,
        ListParams(
            kind="entities", needed=("name",), override=override, encoding=params.encoding, limits=params.limits
        ),
    )
    style = style_of(listing.headings())
    if style.also_reads and style.also_reads[1] not in override:
        heading, name = style.also_reads
        shown = next(choice.column for choice in listing.mapping if plain_heading(choice.column) == heading)
        return read_entities(path, {**override, name: (shown,)}, params)
    return _from_listing(listing, params)


def _from_listing(listing: Listing, params: EntityParams) -> Import[ListedEntity]:
    style = style_of(listing.headings())
    context = RowContext(
        style=style,
        kind=params.kind,
        list_name=params.list_name or style.list_name or Path(listing.path).stem,
        list_version=params.list_version or listing.version[:12],
        says_version=bool(params.list_version),
    )
    records, twice = without_repeats(listing.records, by_sheet=True)
    notes: list[str] = []
    rejected: list[RejectedRow] = []
    groups: list[tuple[ListedEntity, ...]] = []
    contents: list[Sequence[str]] = []
    for record in records:
        found: list[str] = []
        try:
            groups.append(entities_of_row(record, context, found))
        except AoiError as error:
            rejected.append(record.rejected(str(error)))
            continue
        contents.append(record.cells)
        notes += [f"{record.where}: {remark}" for remark in found]
    return Import(
        path=listing.path,
        items=_apart(groups, contents),
        rejected=(*listing.rejected, *rejected, *twice),
        mapping=listing.mapping,
        notes=(*listing.notes, *notes),
        version=listing.version,
        rows_read=listing.rows_read,
    )


def _apart(groups: Sequence[Sequence[ListedEntity]], contents: Sequence[Sequence[str]]) -> tuple[ListedEntity, ...]:
    """Give entities of different rows that share an id one each; what was packed in a cell stays under its head."""
    flat = [(entity, content) for group, content in zip(groups, contents, strict=True) for entity in group]
    own = ids_apart(
        [entity.entity_id for entity, _ in flat],
        [(*content, *entity.names, entity.part_of) for entity, content in flat],
    )
    items: list[ListedEntity] = []
    at = 0
    for group in groups:
        new = {entity.entity_id: own[at + place] for place, entity in reversed(list(enumerate(group)))}
        for place, entity in enumerate(group):
            items.append(replace(entity, entity_id=own[at + place], part_of=new.get(entity.part_of, "")))
        at += len(group)
    return tuple(items)


def _from_ftm(path: Path, params: EntityParams) -> Import[ListedEntity]:
    file = read_ftm(path, params.limits)
    items, rejected, notes = entities_of_ftm(
        file, kind=params.kind, list_name=params.list_name, list_version=params.list_version
    )
    return Import(
        path=file.path,
        items=items,
        rejected=(*file.rejected, *rejected),
        notes=(*file.notes, *notes),
        version=file.version,
        rows_read=file.rows_read,
    )
