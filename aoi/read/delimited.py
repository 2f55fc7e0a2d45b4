"""A text of cells between commas, semicolons, tabs or bars, as rows; what cannot be taken apart is named."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aoi.read.limits import DEFAULT_LIMITS, ReadLimits

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One row of cells."""

    number: int
    """From 1, as a spreadsheet counts rows."""
    cells: tuple[str, ...]
    trouble: str = ""
    """Why the row cannot be used; empty where it can."""


def split_rows(text: str, *, delimiter: str | None = None, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[TextRow]:
    """Yield the rows of `text`; a row whose quotes do not close comes alone, with its trouble, and the next goes on.

    Args:
        text: With any line ends.
        delimiter: None: the one that gives the most even table.
        limits: Bounds of rows and cells; what lies beyond `limits.rows` is told by one last row with trouble.

    """
    lines = list(io.StringIO(text, newline=""))  # ends lines at CR, LF or both; all else is part of a cell
    sign = delimiter or likeliest_delimiter(lines, limits)
    for number, row in enumerate(_rows(lines, sign, limits), start=1):
        if number > limits.rows:
            yield TextRow(number=number, cells=(), trouble=f"more than {limits.rows:,} rows; the rest is not read")
            return
        yield TextRow(number=number, cells=row.cells, trouble=row.trouble or _trouble(row.cells, limits))


def likeliest_delimiter(lines: Sequence[str], limits: ReadLimits = DEFAULT_LIMITS) -> str:
    """Return the delimiter with which most of the first rows have the same number of cells, and more than one."""
    scores = {sign: _evenness(lines[:_SAMPLE_ROWS], sign, limits) for sign in DELIMITERS}
    return max(scores, key=lambda sign: scores[sign])


def _evenness(lines: Sequence[str], sign: str, limits: ReadLimits) -> tuple[float, int]:
    widths = Counter(len(row.cells) for row in _rows(lines, sign, limits) if len(row.cells) > 1 and not row.trouble)
    if not widths:
        return 0.0, 0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return count / max(len(lines), 1), width


class _Feed:
    """Lines, one after the other, which knows those of the row that is being read."""

    def __init__(self, lines: Sequence[str], most: int) -> None:
        self._lines = lines
        self._most = most
        self.at = 0
        self.row_began = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self.at >= len(self._lines):
            raise StopIteration
        if self.at - self.row_began >= self._most:
            raise csv.Error(f"a quoted cell that runs over more than {self._most} lines was never closed")
        self.at += 1
        return self._lines[self.at - 1]

    def first_line_only(self) -> str:
        """Go back to behind the first line of the row; return that line."""
        self.at = self.row_began + 1
        return self._lines[self.row_began].rstrip("\r\n")


def _rows(lines: Sequence[str], sign: str, limits: ReadLimits) -> Iterator[TextRow]:
    feed = _Feed(lines, limits.lines_in_cell)
    reader = csv.reader(feed, delimiter=sign, strict=True, skipinitialspace=True)
    while feed.at < len(lines):
        feed.row_began = feed.at
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield TextRow(number=0, cells=(feed.first_line_only(),), trouble=f"cannot be taken apart ({error})")
            continue
        yield TextRow(number=0, cells=tuple(cells))


def _trouble(cells: Sequence[str], limits: ReadLimits) -> str:
    if any("\x00" in cell for cell in cells):
        return "holds NUL bytes"
    if len(cells) > limits.columns:
        return f"has {len(cells)} cells; at most {limits.columns} are read"
    if any(len(cell) > limits.cell_characters for cell in cells):
        return f"has a cell of more than {limits.cell_characters:,} characters"
    return ""
