"""Tables as CSV and as one workbook, in which no cell can become a formula."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from aoi.read.imported import formula_safe
from geo.atomic import atomic_file

Row = Mapping[str, Any]
Sheet = Any
"""A sheet that is only written; the library's own type lacks its members."""
_LONGEST_CELL = 32_000
"""A workbook holds 32,767 signs in a cell."""
_WIDE = frozenset({"what", "would_change", "verify", "missing", "explanation", "strongest_factor", "value", "cells"})


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write one table as UTF-8 with a byte-order mark, which spreadsheets need to know it.

    Raises:
        OutputError: The file cannot be written.

    """
    with atomic_file(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_safe(row.get(column)) for column in columns] for row in rows)


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[str], Sequence[Row]]]) -> None:
    """Write several tables as the sheets of one workbook, headings frozen and bold.

    Raises:
        OutputError: The file cannot be written.

    """
    book = Workbook(write_only=True)
    for name, (columns, rows) in sheets.items():
        sheet = book.create_sheet(name)
        _fill(sheet, columns, rows)
    with atomic_file(path) as part:
        book.save(part)


def _fill(sheet: Sheet, columns: Sequence[str], rows: Sequence[Row]) -> None:
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = 60 if column in _WIDE else 18
    sheet.append([_heading(sheet, column) for column in columns])
    for row in rows:
        sheet.append([_fitting(_safe(row.get(column))) for column in columns])


def _heading(sheet: Sheet, text: str) -> Any:  # noqa: ANN401  # the library has no type for it
    cell = WriteOnlyCell(sheet, value=text)
    cell.font = Font(bold=True)
    return cell


def _fitting(value: object) -> object:
    """Return text without the signs that a workbook cannot hold, and no longer than a cell."""
    return ILLEGAL_CHARACTERS_RE.sub("", value)[:_LONGEST_CELL] if isinstance(value, str) else value


def _safe(value: object) -> object:
    """Return text so that it stays text; numbers stay numbers."""
    if value is None:
        return ""
    return formula_safe(value) if isinstance(value, str) else value
