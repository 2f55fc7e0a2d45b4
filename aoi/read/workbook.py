"""The sheets of an XLSX workbook as rows of text.

openpyxl reads the cells; what it leaves out when it reads without holding all in memory (merged cells, formulas
whose value was never stored, sheets that are hidden) is taken from the sheet's XML.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.cell import range_boundaries

from aoi.read.archives import BROKEN_ARCHIVE, check_archive
from aoi.read.delimited import TextRow
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.markup import local_name, xml_events
from geo.errors import AoiError

_BROKEN_WORKBOOK = (
    *BROKEN_ARCHIVE,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    SyntaxError,
    DefusedXmlException,
)
"""What openpyxl lets through from its parsers when a file is damaged; XML errors are syntax errors."""
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_LONGEST_MERGE = 5_000
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table of a file."""

    name: str
    """Empty where the file has one table."""
    rows: tuple[TextRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hints:
    """What the XML of a sheet says beside its values."""

    merged: tuple[tuple[int, int, int, int], ...]
    """First column, first row, last column, last row, from 1."""
    unstored: tuple[str, ...]
    """Cells whose formula has no stored value."""
    hidden_rows: int


def read_workbook(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> tuple[Sheet, ...]:
    """Return every sheet of the workbook at `path`; merged cells have their value in each of their cells.

    Raises:
        AoiError: It is no XLSX, is damaged, encrypted, or too large.

    """
    refuse_old_excel(path)
    members = check_archive(path, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of styles and extensions that hold no values
            return tuple(_sheets(path, frozenset(members), limits))
    except AoiError:
        raise
    except _BROKEN_WORKBOOK as error:
        short = str(error).partition("\n")[0][:200]
        raise AoiError(f"{path}: cannot be read as an XLSX workbook: damaged, or none ({short})") from error


def refuse_old_excel(path: Path) -> None:
    """Refuse the binary workbooks of old Excel and encrypted ones.

    Raises:
        AoiError: It is one, or there is no such file.

    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        raise AoiError(f"{path}: there is no such file") from error
    except OSError as error:
        raise AoiError(f"{path}: cannot be read ({error})") from error
    if start == _OLD_EXCEL:
        raise AoiError(f"{path}: is an XLS workbook of old Excel, or encrypted; save it as XLSX without a password")


def _sheets(path: Path, members: frozenset[str], limits: ReadLimits) -> Iterator[Sheet]:
    parts = _parts(path, members)
    with path.open("rb") as file:  # opened here, for openpyxl leaves it open where it fails
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            part = parts.get(sheet.title)
            hints = _hints(path, part, limits) if part else _Hints(merged=(), unstored=(), hidden_rows=0)
            sheet.reset_dimensions()  # what a file says of its own size may be wrong
            rows = _rows(sheet.iter_rows(values_only=True), where=f"{path}, sheet {sheet.title}", limits=limits)
            yield Sheet(
                name=sheet.title,
                rows=_filled(rows, hints.merged),
                notes=_notes(sheet.title, sheet.sheet_state, hints),
            )


def _rows(values: Iterator[Sequence[Any]], *, where: str, limits: ReadLimits) -> list[TextRow]:
    rows: list[TextRow] = []
    cells_read = 0
    for number, cells in enumerate(values, start=1):
        if number > limits.rows:
            raise AoiError(f"{where}: has more than {limits.rows:,} rows")
        texts = _without_tail([cell_text(cell) for cell in cells[: limits.columns + 1]])
        cells_read += len(texts)
        if cells_read > limits.cells:
            raise AoiError(f"{where}: has more than {limits.cells:,} cells")
        if texts:
            rows.append(TextRow(number=number, cells=texts, trouble=_trouble(cells, texts, limits)))
    return rows


def _trouble(cells: Sequence[Any], texts: Sequence[str], limits: ReadLimits) -> str:
    if len(texts) > limits.columns:
        return f"has {len(cells)} cells; at most {limits.columns} are read"
    if any(len(text) > limits.cell_characters for text in texts):
        return f"has a cell of more than {limits.cell_characters:,} characters"
    return ""


def cell_text(value: Any) -> str:  # noqa: ANN401 - a cell is whatever the workbook holds
    """Return a cell as text: whole numbers without a point, days as 2017-06-10, nothing as an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - exact as a float
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _without_tail(cells: list[str]) -> tuple[str, ...]:
    while cells and not cells[-1].strip():
        cells.pop()
    return tuple(cells)


def _filled(rows: Sequence[TextRow], merged: Sequence[tuple[int, int, int, int]]) -> tuple[TextRow, ...]:
    """Give each row beside a block of merged cells the block's value, in its first column.

    What is merged over columns is a title, or one long text: it stays where it is.
    """
    if not merged:
        return tuple(rows)
    by_number = {row.number: list(row.cells) for row in rows}
    for left, top, _, bottom in merged:
        first = by_number.get(top, [])
        value = first[left - 1] if len(first) >= left else ""
        for number in range(top + 1, bottom + 1) if value else ():
            cells = by_number.get(number)
            if cells is not None:  # a row that holds nothing else stays blank
                cells.extend([""] * (left - len(cells)))
                cells[left - 1] = value
    return tuple(TextRow(number=row.number, cells=tuple(by_number[row.number]), trouble=row.trouble) for row in rows)


def _parts(path: Path, members: frozenset[str]) -> Mapping[str, str]:
    """Return the name of each sheet to the member of the archive that holds it."""
    with zipfile.ZipFile(path) as archive:
        if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= members:
            return {}
        with archive.open("xl/workbook.xml") as file:
            ids = {
                str(element.get(_RELATION_ID)): str(element.get("name"))
                for kind, element in xml_events(file, what=f"{path}: xl/workbook.xml")
                if kind == "start" and local_name(element) == "sheet"
            }
        with archive.open("xl/_rels/workbook.xml.rels") as file:
            targets = {
                str(element.get("Id")): str(element.get("Target"))
                for kind, element in xml_events(file, what=f"{path}: xl/_rels/workbook.xml.rels")
                if kind == "start" and local_name(element) == "Relationship"
            }
    found = {ids[one]: _member(target) for one, target in targets.items() if one in ids}
    return {name: part for name, part in found.items() if part in members}


def _member(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _hints(path: Path, part: str, limits: ReadLimits) -> _Hints:
    merged: list[tuple[int, int, int, int]] = []
    unstored: list[str] = []
    hidden_rows = 0
    with zipfile.ZipFile(path) as archive, archive.open(part) as file:
        for kind, element in xml_events(file, what=f"{path}: {part}"):
            name = local_name(element)
            if kind == "start" and name == "row" and element.get("hidden") in ("1", "true"):
                hidden_rows += 1
            if kind == "end" and name == "c":
                unstored += _unstored(element)
            if kind == "end" and name == "mergeCell":
                merged += _block(str(element.get("ref")), limits)
            if kind == "end" and name in ("row", "mergeCell"):
                element.clear()
    return _Hints(merged=tuple(merged), unstored=tuple(unstored), hidden_rows=hidden_rows)


def _unstored(cell: Any) -> list[str]:  # noqa: ANN401 - an element of ElementTree
    parts = {local_name(child): child.text for child in cell}
    return [str(cell.get("r"))] if "f" in parts and not parts.get("v") else []


def _block(ref: str, limits: ReadLimits) -> list[tuple[int, int, int, int]]:
    if not re.fullmatch(r"[A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7}", ref):
        return []
    left, top, right, bottom = (int(edge or 0) for edge in range_boundaries(ref))
    is_sane = right - left < limits.columns and bottom - top < _LONGEST_MERGE
    return [(left, top, right, bottom)] if is_sane else []


def _notes(name: str, state: str, hints: _Hints) -> tuple[str, ...]:
    notes = []
    if state != "visible":
        notes.append(f"sheet {name}: is hidden, and is read like the others")
    if hints.hidden_rows:
        notes.append(f"sheet {name}: {hints.hidden_rows} hidden rows are read like the others")
    if hints.unstored:
        shown = ", ".join(hints.unstored[:_MOST_NAMED]) + (", ..." if len(hints.unstored) > _MOST_NAMED else "")
        notes.append(
            f"sheet {name}: {len(hints.unstored)} formulas have no stored value and are read as empty ({shown}); "
            "open the file in a spreadsheet program and save it"
        )
    return tuple(notes)
