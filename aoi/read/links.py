"""Who owns, directs or supplies whom: from FollowTheMoney, or from any table with an owner and what is owned."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from aoi.entities import CorporateLink, LinkKind
from aoi.read.columns import Said, load_override
from aoi.read.content import share_passing
from aoi.read.ftm import is_ftm, read_ftm
from aoi.read.ftm_links import links_of_ftm
from aoi.read.imported import Import
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.listing import ListParams, Record, open_list
from aoi.read.parties import Parties, finder
from aoi.read.repeats import without_repeats
from aoi.read.values import period, share
from geo.errors import AoiError

_KINDS = {
    LinkKind.OWNS: (
        "own",
        "parent",
        "subsid",
        "sharehold",
        "equity",
        "asset",
        "holding",
        "invest",
        "控股",
        "股",
        "子公司",
    ),
    LinkKind.SUPPLIES: ("suppl", "sell", "vendor", "customer", "buy", "purchase", "供应", "采购"),
}
_HUNDRED_SHARE = 0.5


def read_links(
    path: Path,
    mapping: Said = None,
    *,
    parties: Parties | None = None,
    encoding: str | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Import[CorporateLink]:
    """Read the links between firms in the file at `path`.

    Args:
        path: FollowTheMoney as JSON lines (Ownership; Directorship and the like are kept aside), or a table with two
            firms a row.
        mapping: Field to heading, or a TOML file of such lines. Fields: owner, owned, share, since, until, source,
            kind.
        parties: Suppliers and listed entities; names and ids are turned into theirs. None: what the file says are ids.
        encoding: Of a table; None: found out.
        limits: How large the file may be.

    Returns:
        Every row as a link, or as a rejected row: also where one of the firms is not known, or stands for several.

    Raises:
        AoiError: The file cannot be read, or two columns of firms are not found.

    """
    path = Path(path)
    if is_ftm(path):
        return links_of_ftm(read_ftm(path, limits), parties)
    listing = open_list(
        path,
        ListParams(
            kind="links", needed=("owner", "owned"), override=load_override(mapping), encoding=encoding, limits=limits
        ),
    )
    records, twice = without_repeats(listing.records)
    find = finder(parties)
    is_percent = _in_percent(records)
    items, rejected, notes = [], [], list[str]()
    for record in records:
        try:
            items.append(_link(record, find, notes, in_percent=is_percent))
        except AoiError as error:
            rejected.append(record.rejected(str(error)))
    return Import(
        path=str(path),
        items=tuple(items),
        rejected=(*listing.rejected, *rejected, *twice),
        mapping=listing.mapping,
        notes=(*listing.notes, *notes),
        version=listing.version,
        rows_read=listing.rows_read,
    )


def _in_percent(records: Iterable[Record]) -> bool | None:
    """Return whether the shares of a table are percent: some plain number is above one. None where no number stands."""
    texts = [record.text("share") for record in records if record.text("share")]
    if not texts or share_passing(texts, "share") < _HUNDRED_SHARE:
        return None
    shares = [share(text, in_percent=False) for text in texts if not text.endswith("%")]
    return any(one is None for one in shares) if shares else None


def _link(record: Record, find: Callable[[str], str], notes: list[str], *, in_percent: bool | None) -> CorporateLink:
    owner, owned = record.text("owner"), record.text("owned")
    if not owner or not owned:
        raise AoiError(f"names no {'owner' if not owner else 'firm that is owned'}")
    return CorporateLink(
        from_id=find(owner),
        to_id=find(owned),
        kind=_kind(record.text("kind")),
        share=_share(record, notes, in_percent=in_percent),
        since=_day(record, "since", notes, last=False),
        until=_day(record, "until", notes, last=True),
        source="; ".join(filter(None, (record.text("source"), record.where))),
    )


def _kind(text: str) -> LinkKind:
    """Return the kind that `text` names; ownership where the list has no such column.

    Raises:
        AoiError: It names another relation.

    """
    plain = text.lower()
    found = [kind for kind, words in _KINDS.items() if any(word in plain for word in words)]
    if text and len(found) != 1:
        raise AoiError(f"the relation {text!r} is neither ownership nor supply")
    return found[0] if found else LinkKind.OWNS


def _share(record: Record, notes: list[str], *, in_percent: bool | None) -> float | None:
    text = record.text("share")
    found = share(text, in_percent=in_percent) if text else None
    if text and found is None:
        notes.append(f"{record.where}: the share {text!r} is left out, for it is none of 0 to 100 %")
    return found


def _day(record: Record, name: str, notes: list[str], *, last: bool) -> date | None:
    text = record.text(name)
    found = period(text) if text else None
    if text and found is None:
        notes.append(
            f"{record.where}: {name} {text!r} is left out, for it is no date that can be understood for certain"
        )
    return None if found is None else found[1 if last else 0]
