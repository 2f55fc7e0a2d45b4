"""A list as records whose columns are understood: where its headings are, what is a row of it and what is not."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aoi.read.columns import Column, Override, heading_score, overridden, plain_heading, propose
from aoi.read.content import looks_like
from aoi.read.delimited import TextRow
from aoi.read.fields import Field, fields_of
from aoi.read.imported import ColumnChoice, RejectedRow
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.table import Tables, read_tables
from aoi.read.values import amount, said
from aoi.read.workbook import Sheet
from geo.errors import AoiError

_SEARCHED_ROWS = 60
_SAMPLE_ROWS = 500
_LONGEST_HEADING = 100
_SURE_HEADING = 0.6
_LEAST_LIKENESS = 0.8
_MANY_SHORT = 0.05
_TOTAL = re.compile(
    r"^(?:grand |sub)?[- ]?total\b|^sum\b|^(?:合计|总计|小计|總計|合計|共计)|^(?:summe|gesamt|totale?s?)\b",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"^(?:\*|†|©|note|notes|source|sources|disclaimer|last updated|updated|as of|data as of|this list|the above"
    r"|prepared by|page \d|confidential|注|备注|备註|说明|资料来源|数据来源|来源|更新)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a list."""

    where: str
    """File, sheet where there are several, row."""
    sheet: str
    """Name of its sheet; empty in a text."""
    columns: tuple[Column, ...]
    cells: tuple[str, ...]
    """As many as columns."""

    def texts(self, name: str, variant: str | None = None) -> tuple[str, ...]:
        """Return what the columns of field `name` say, in one language where `variant` is given; empty cells not."""
        return tuple(
            text
            for column in self.columns
            if column.field == name and variant in (None, column.variant) and (text := said(self.cells[column.index]))
        )

    def text(self, name: str) -> str:
        """Return what the first column of field `name` that says something says; empty where none does."""
        return next(iter(self.texts(name)), "")

    @property
    def by_heading(self) -> Mapping[str, str]:
        """Heading to cell; headings that stand twice are numbered."""
        return cells_by_heading([column.heading for column in self.columns], self.cells)

    def rejected(self, reason: str) -> RejectedRow:
        """Return the row as one that is kept aside."""
        return RejectedRow(where=self.where, reason=reason, cells=self.by_heading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All records of a file."""

    path: str
    version: str
    records: tuple[Record, ...]
    rejected: tuple[RejectedRow, ...]
    mapping: tuple[ColumnChoice, ...]
    notes: tuple[str, ...]
    sheets: tuple[str, ...]
    """Names of the sheets that were read."""

    @property
    def rows_read(self) -> int:
        """How many rows stand below the headings."""
        return len(self.records) + len(self.rejected)

    def headings(self) -> frozenset[str]:
        """Return the plain forms of all headings."""
        return frozenset(plain_heading(choice.column) for choice in self.mapping)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListParams:
    """How a list is to be read."""

    kind: str
    """`suppliers`, `entities`, `facilities` or `links`: see `aoi.read.fields`."""
    needed: tuple[str, ...]
    """Fields without which a sheet is no such list."""
    override: Override = field(default_factory=dict)
    encoding: str | None = None
    limits: ReadLimits = DEFAULT_LIMITS


def cells_by_heading(headings: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return heading to cell; headings that stand twice are numbered, cells beyond the last heading, too."""
    found: dict[str, str] = {}
    for index, cell in enumerate(cells):
        heading = headings[index] if index < len(headings) else f"column {index + 1}"
        found[heading if heading not in found else f"{heading} ({index + 1})"] = cell
    return found


def open_list(path: Path, params: ListParams) -> Listing:
    """Read the list at `path`.

    Raises:
        AoiError: The file cannot be read, or none of its sheets has the needed columns.

    """
    return list_of(read_tables(path, encoding=params.encoding, limits=params.limits), params)


def list_of(tables: Tables, params: ListParams) -> Listing:
    """Return `tables` as one list; sheets without the needed columns are told in its notes.

    Raises:
        AoiError: No sheet has them.

    """
    filled = [sheet for sheet in tables.sheets if any(map(_said_cells, sheet.rows))]
    notes = [*tables.notes]
    records: list[Record] = []
    rejected: list[RejectedRow] = []
    mapping: list[ColumnChoice] = []
    read: list[str] = []
    for sheet in filled:
        shown = sheet.name if len(filled) > 1 else ""
        one = _Sheet(sheet=sheet, where=f"{tables.path}, {shown}" if shown else tables.path, params=params)
        if missing := one.missing(alone=len(filled) == 1):
            notes.append(f"{one.where}: not read, for no column is understood as {missing}: {one.told()}")
            continue
        found, aside = one.rows()
        records += found
        rejected += aside
        mapping += [column.choice(shown) for column in one.columns]
        read.append(sheet.name)
    if not read:
        raise AoiError(_no_list(tables.path, notes, params.kind))
    return Listing(
        path=tables.path,
        version=tables.version,
        records=tuple(records),
        rejected=tuple(rejected),
        mapping=tuple(mapping),
        notes=tuple(notes),
        sheets=tuple(read),
    )


def _no_list(path: str, notes: Sequence[str], kind: str) -> str:
    told = next((note for note in notes if "not read" in note), "")
    if not told:
        return f"{path}: is empty; expected a list of {kind}"
    return f"{told}; say in a mapping which column is which"


class _Sheet:
    """A sheet whose headings have been found."""

    def __init__(self, *, sheet: Sheet, where: str, params: ListParams) -> None:
        self.where = where
        self.sheet = sheet.name
        self._params = params
        self._fields = fields_of(params.kind)
        self._is_text = not sheet.name
        rows = [row for row in sheet.rows if _said_cells(row) or row.trouble]
        at = _heading_row(rows, self._fields, _all(params.override))
        self._heading_cells = rows[at].cells if at is not None else ()
        self._body = rows[at + 1 :] if at is not None else rows
        self.columns = self._understood()

    def _understood(self) -> tuple[Column, ...]:
        width = len(self._heading_cells) if self._is_text and self._heading_cells else self._widest()
        headings = [_at(self._heading_cells, index).strip() for index in range(width)]
        step = max(1, len(self._body) // _SAMPLE_ROWS)
        sample = [row for row in self._body[::step] if not row.trouble]
        cells = [[_at(row.cells, index) for row in sample] for index in range(width)]
        columns = propose(headings, cells, kind=self._params.kind)
        return overridden(columns, self._params.override, kind=self._params.kind, where=self.where)

    def _widest(self) -> int:
        return max((len(row.cells) for row in (*self._body, TextRow(number=0, cells=self._heading_cells))), default=0)

    def missing(self, *, alone: bool) -> str:
        """Return which needed field no column has; a sheet among others needs one column more than that."""
        held = {column.field for column in self.columns} - {""}
        lacks = [name for name in self._params.needed if not held & set(name.split("|"))]
        if not lacks and not alone and len(held) <= len(self._params.needed):
            return "anything more"
        return lacks[0].replace("|", " or ") if lacks else ""

    def told(self) -> str:
        """Return the headings, for a message."""
        shown = [column.heading for column in self.columns][:12]
        return f"its headings are {', '.join(map(repr, shown))}" if self._heading_cells else "it has no headings"

    def rows(self) -> tuple[list[Record], list[RejectedRow]]:
        """Return the rows that are records, and those that are kept aside."""
        records, aside = [], []
        headings = [column.heading for column in self.columns]
        width_reason = self._width_rule()
        for row in self._body:
            where = f"{self.where}, row {row.number}"
            reason = row.trouble or width_reason(row) or self._no_record(row)
            if reason:
                aside.append(RejectedRow(where=where, reason=reason, cells=cells_by_heading(headings, row.cells)))
                continue
            cells = tuple(_at(row.cells, index) for index in range(len(self.columns)))
            records.append(Record(where=where, sheet=self.sheet, columns=self.columns, cells=cells))
        return records, aside

    def _width_rule(self) -> "_WidthRule":
        width = len(self.columns)
        sound = [row for row in self._body if not row.trouble]
        short = sum(len(row.cells) < width for row in sound)
        return _WidthRule(
            width=width, applies=self._is_text, trims=short > _MANY_SHORT * max(len(sound), 1) or short == 0
        )

    def _no_record(self, row: TextRow) -> str:
        """Return why a row is none of the list's: the headings again, a total, a remark; empty where it is one."""
        cells = _said_cells(row)
        if self._heading_cells and [plain_heading(cell) for cell in row.cells] == [
            plain_heading(cell) for cell in self._heading_cells[: len(row.cells)]
        ]:
            return "the headings again"
        others = [cell for cell in cells[1:] if amount(cell) is None]
        if _TOTAL.match(cells[0]) and not others:
            return "a total, no row of the list"
        if len(cells) == 1 and len(self.columns) > 1 and (_REMARK.match(cells[0]) or len(cells[0]) > _LONGEST_HEADING):
            return "a remark, no row of the list"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _WidthRule:
    width: int
    applies: bool
    """Only in text a missing quote can shift cells."""
    trims: bool
    """Rows are short so often that whoever wrote the file leaves out empty cells at the end."""

    def __call__(self, row: TextRow) -> str:
        cells = len(row.cells)
        is_long = any(cell.strip() for cell in row.cells[self.width :])
        if self.applies and (is_long or (cells < self.width and not self.trims)):
            return f"has {cells} cells, but there are {self.width} headings"
        return ""


def _heading_row(rows: Sequence[TextRow], fields: Sequence[Field], wanted: Iterable[str]) -> int | None:
    """Return the index of the row of headings; None where the table has none."""
    searched = [row if not row.trouble else TextRow(number=row.number, cells=()) for row in rows[:_SEARCHED_ROWS]]
    plain_wanted = {plain_heading(heading) for heading in wanted}
    if plain_wanted:
        hits = [len(plain_wanted & {plain_heading(cell) for cell in row.cells}) for row in searched]
        if max(hits, default=0):
            return hits.index(max(hits))
    scores = [_heading_worth(row, fields) for row in searched]
    best = max(scores, default=0.0)
    if best > 0:
        return scores.index(best)
    return _unknown_headings(searched)


def _heading_worth(row: TextRow, fields: Sequence[Field]) -> float:
    """Return how much a row looks like headings: the sum of how surely each cell is one; 0 where it does not."""
    cells = [cell for cell in _said_cells(row) if len(cell) <= _LONGEST_HEADING and amount(cell) is None]
    best = [
        max(((heading_score(cell, field), bool(field.name)) for field in fields), default=(0.0, False))
        for cell in cells
    ]
    sure = [(score, is_named) for score, is_named in best if score >= _SURE_HEADING]
    is_enough = len(sure) >= min(2, len(_said_cells(row))) and any(is_named for _, is_named in sure)
    if not is_enough or len(sure) * 3 < len(_said_cells(row)):
        return 0.0
    return sum(score for score, _ in sure)


def _unknown_headings(rows: Sequence[TextRow]) -> int | None:
    """Return the first row of the usual width, where its cells look unlike those below it; None where they do not."""
    widths = Counter(len(_said_cells(row)) for row in rows if row.cells)
    if not widths:
        return None
    usual = max(widths, key=lambda width: (widths[width], width))
    at = next((index for index, row in enumerate(rows) if len(_said_cells(row)) >= usual), None)
    if at is None or at + 1 >= len(rows):
        return None
    below = rows[at + 1 :]
    for index, cell in enumerate(rows[at].cells):
        likeness = looks_like([_at(row.cells, index) for row in below])
        own = looks_like([cell])
        if any(own.get(name, 0) >= 1 for name, share in likeness.items() if share >= _LEAST_LIKENESS):
            return None
    return at


def _all(override: Override) -> tuple[str, ...]:
    return tuple(heading for headings in override.values() for heading in headings)


def _said_cells(row: TextRow) -> list[str]:
    return [cell.strip() for cell in row.cells if cell.strip()]


def _at(cells: Sequence[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""
