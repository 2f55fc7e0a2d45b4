"""The listed entities of one row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from aoi.entities import ListedEntity, ListingKind
from aoi.read.addresses import addresses_of
from aoi.read.columns import plain_heading
from aoi.read.countries import country_code
from aoi.read.entity_styles import ORDERS, SIMPLE, UFLPA, ListStyle, listing_kind
from aoi.read.ids import content_id, given_id
from aoi.read.listing import Record
from aoi.read.packed import PackedName, is_packed, unpack
from aoi.read.values import period, said
from aoi.suppliers import Address
from geo.errors import AoiError

_LONGEST_PLACE = 120
_SHORT_ID = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContext:
    """What is known of the whole list."""

    style: ListStyle
    kind: ListingKind | None
    list_name: str
    list_version: str
    says_version: bool


def entities_of_row(record: Record, context: RowContext, notes: list[str]) -> tuple[ListedEntity, ...]:
    """Return the entities that one row names, the leading one first.

    Raises:
        AoiError: It names none.

    """
    packed = _names(record, context.style, notes)
    if not packed:
        raise AoiError("has no name")
    head = _head(record, context, packed[0], notes)
    if len(packed) == 1:
        return (head,)
    ids = [head.entity_id, *(content_id(head.entity_id[:48], (one.name,)) for one in packed[1:])]
    others = [_under(head, one, own, ids) for one, own in zip(packed[1:], ids[1:], strict=True)]
    return (head, *others)


def _names(record: Record, style: ListStyle, notes: list[str]) -> tuple[PackedName, ...]:
    texts = tuple(dict.fromkeys(record.texts("name")))
    if not texts:
        return ()
    if style.is_packed or is_packed(texts[0]):
        packed = unpack(texts[0])
        notes += [remark for one in packed for remark in one.remarks]
        aliases = tuple(dict.fromkeys((*packed[0].aliases, *texts[1:]))) if packed else ()
        return (_with_aliases(packed[0], aliases), *packed[1:]) if packed else ()
    return (PackedName(name=texts[0], aliases=texts[1:]),)


def _with_aliases(one: PackedName, aliases: tuple[str, ...]) -> PackedName:
    return PackedName(
        name=one.name, aliases=aliases, place=one.place, covers_subsidiaries=one.covers_subsidiaries, under=one.under
    )


def _head(record: Record, context: RowContext, one: PackedName, notes: list[str]) -> ListedEntity:
    style = context.style
    list_name = _list_name(record, context)
    addresses = _addresses(record, style)
    codes = _countries(record, addresses, notes)
    programme = _programme(record, style)
    own_id = record.text("id")
    return ListedEntity(
        entity_id=_entity_id(own_id, list_name, one.name, style),
        names=(one.name, *(one.aliases if _are_names(record) else ())),
        aliases=_aliases(record, one, style),
        addresses=(*addresses, *_place(one)),
        country=codes,
        kind=context.kind
        or style.kind
        or listing_kind(f"{programme} {list_name} {record.sheet} {record.text('programme')}"),
        programme=programme,
        list_name=list_name,
        list_version=_version(record, context),
        listed_on=_day(record, "listed_on", style, notes),
        delisted_on=_day(record, "delisted_on", style, notes),
        products=_products(record, style),
        registration_numbers=_parts(record.texts("registration_number")),
        covers_subsidiaries=one.covers_subsidiaries,
        source=record.where,
    )


def _under(head: ListedEntity, one: PackedName, own: str, ids: Sequence[str]) -> ListedEntity:
    """Return a further firm of the same cell; one that stands for itself is part of no other."""
    return ListedEntity(
        entity_id=own,
        names=(one.name,),
        aliases=one.aliases,
        addresses=_place(one),
        country=head.country,
        kind=head.kind,
        programme=head.programme,
        list_name=head.list_name,
        list_version=head.list_version,
        listed_on=head.listed_on,
        delisted_on=head.delisted_on,
        products=head.products,
        covers_subsidiaries=one.covers_subsidiaries,
        part_of=ids[one.under] if one.under is not None and one.under < len(ids) else head.entity_id,
        source=head.source,
    )


def _are_names(record: Record) -> bool:
    """Return whether several columns hold names: then all are names, none is an alias."""
    return len(set(record.texts("name"))) > 1


def _aliases(record: Record, one: PackedName, style: ListStyle) -> tuple[str, ...]:
    told = _parts(record.texts("alias")) if style.has_lists or record.texts("alias") else ()
    own = () if _are_names(record) else one.aliases
    return tuple(dict.fromkeys(alias for alias in (*own, *told) if alias != one.name))


def _parts(texts: Sequence[str]) -> tuple[str, ...]:
    pieces = [said(piece) for text in texts for piece in text.split(";")]
    return tuple(dict.fromkeys(piece for piece in pieces if piece))


def _addresses(record: Record, style: ListStyle) -> tuple[Address, ...]:
    if not style.has_lists:
        return addresses_of(record)
    return tuple(Address(lines=text) for text in _parts(record.texts("address")))


def _place(one: PackedName) -> tuple[Address, ...]:
    return (Address(lines=one.place),) if one.place else ()


def _countries(record: Record, addresses: Sequence[Address], notes: list[str]) -> str:
    """Return the code of the first country that the row names; others are told."""
    told = _parts(record.texts("country"))
    codes = tuple(dict.fromkeys(code for one in told if (code := country_code(one))))
    unknown = [one for one in told if not country_code(one)]
    if unknown:
        notes.append(f"the country {', '.join(unknown)!r} is not known")
    if len(codes) > 1:
        notes.append(f"names the countries {', '.join(codes)}; {codes[0]} is kept")
    if not codes:
        last = (address.lines.rsplit(",", 1)[-1] for address in addresses if len(address.lines) > _SHORT_ID)
        codes = tuple(code for one in last if (code := country_code(one)))
    return codes[0] if codes else ""


def _list_name(record: Record, context: RowContext) -> str:
    if context.style is UFLPA and record.sheet and not record.sheet.startswith("table "):
        return f"{context.list_name}: {record.sheet[:_LONGEST_PLACE]}"
    return record.text("list_name") or context.list_name


def _programme(record: Record, style: ListStyle) -> str:
    if style is not ORDERS:
        return style.programme or record.text("programme")
    what, status = record.text("order").lower(), record.text("status")
    known = "US-CBP-FINDING" if "finding" in what and "wro" not in what else style.programme
    return f"{known} ({status})" if status and status.lower() != "active" else known


def _version(record: Record, context: RowContext) -> str:
    return context.list_version if context.says_version else record.text("list_version") or context.list_version


def _products(record: Record, style: ListStyle) -> tuple[str, ...]:
    """Return what is made; of orders, the goods that are held and not the industry."""
    texts = record.texts("products")
    if style is ORDERS:
        goods = [column for column in record.columns if plain_heading(column.heading) == "merchandise"]
        texts = tuple(text for column in goods if (text := said(record.cells[column.index])))
    return _parts(texts)


def _day(record: Record, name: str, style: ListStyle, notes: list[str]) -> date | None:
    text = record.text(name)
    if not text:
        return None
    found = period(text, month_first=style.is_month_first)
    if found is None:
        notes.append(f"{name}: {text!r} is no date that can be understood for certain; it is left out")
        return None
    if found[0] != found[1]:
        notes.append(f"{name}: {text!r} names no day; its {'first' if name == 'listed_on' else 'last'} day is kept")
    return found[0] if name == "listed_on" else found[1]


def _entity_id(own: str, list_name: str, name: str, style: ListStyle) -> str:
    """Return the id given, with the list's name before it where it is so short that other lists may have it, too."""
    if not own:
        return content_id("e", (list_name, name))
    is_short = own.isdecimal() or len(own) < _SHORT_ID
    return given_id(f"{list_name} {own}" if is_short and style is not SIMPLE else own, what="entity")
