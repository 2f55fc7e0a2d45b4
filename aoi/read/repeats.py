"""Rows that stand twice, and ids that several rows share."""

from collections import Counter
from collections.abc import Iterable, Sequence

from aoi.read.ids import content_id, plain_text
from aoi.read.imported import RejectedRow
from aoi.read.listing import Record

_LONGEST_STEM = 48


def without_repeats(records: Iterable[Record], *, by_sheet: bool = False) -> tuple[list[Record], list[RejectedRow]]:
    """Keep the first of the rows that say the same in every column that is read; the others name it.

    Where `by_sheet`, the sheet says something, too: a section of a list, for instance.
    """
    kept: list[Record] = []
    twice: list[RejectedRow] = []
    first: dict[tuple[str, ...], str] = {}
    for record in records:
        said = (f"{column.field}={plain_text(record.cells[column.index])}" for column in record.columns if column.field)
        cells = (record.sheet if by_sheet else "", *said)
        if cells in first:
            twice.append(record.rejected(f"says the same as {first[cells]}"))
            continue
        first[cells] = record.where
        kept.append(record)
    return kept, twice


def ids_apart(ids: Sequence[str], contents: Sequence[Sequence[str]]) -> list[str]:
    """Return `ids`, but for each that several share one made from it and from what its row says; all stay different.

    Whichever row comes first, the same rows get the same ids, unless they are the same to the last sign.
    """
    counts = Counter(ids)
    taken = {one for one, count in counts.items() if count == 1}
    apart = []
    for one, content in zip(ids, contents, strict=True):
        own, number = one, 0
        while counts[one] > 1 and (own == one or own in taken):
            own = content_id(one[:_LONGEST_STEM], (*content, str(number) if number else ""))
            number += 1
        taken.add(own)
        apart.append(own)
    return apart
