"""The tables of a saved web page, each under the words that stand before it."""

from collections.abc import Sequence
from html.parser import HTMLParser

from aoi.read.delimited import TextRow
from aoi.read.workbook import Sheet

_SKIPPED = frozenset({"script", "style", "template", "noscript"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "strong", "caption", "li"})
_LONGEST_NAME = 300
_MOST_COLUMNS = 1_000
_MOST_SPAN = 200


class _Tables(HTMLParser):
    """Collects the rows of tables; of tables in tables, the inner ones stand for themselves."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[list[str]]]] = []
        self._open: list[tuple[str, list[list[str]]]] = []
        self._cell: list[str] | None = None
        self._span = 1
        self._words: list[str] = []
        self._heading = ""
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag in _SKIPPED:
            self._skipped += 1
        elif tag == "table":
            self._open.append((self._heading, []))
        elif tag == "tr" and self._open:
            self._end_cell()
            self._open[-1][1].append([])
        elif tag in ("td", "th") and self._open:
            self._end_cell()
            self._cell, self._span = [], _span(dict(attrs).get("colspan"))
        elif tag == "br" and self._cell is not None:
            self._cell.append(" ")
        elif tag in _HEADINGS:
            self._words = []

    def handle_endtag(self, tag: str) -> None:
        """End a table, a row or a cell."""
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        elif tag in ("td", "th", "tr"):
            self._end_cell()
        elif tag == "table" and self._open:
            self._end_cell()
            self.found.append(self._open.pop())
        elif tag in _HEADINGS and (words := _plain(self._words)):
            self._heading, self._words = words[:_LONGEST_NAME], []

    def handle_data(self, data: str) -> None:
        """Take in text."""
        if self._skipped:
            return
        if self._cell is not None:
            self._cell.append(data)
        elif not self._open:
            self._words.append(data)

    def finish(self) -> None:
        """End whatever the page left open."""
        self.close()
        self._end_cell()
        self.found.extend(reversed(self._open))
        self._open = []

    def _end_cell(self) -> None:
        if self._cell is None or not self._open:
            return
        rows = self._open[-1][1] or [[]]
        if not self._open[-1][1]:
            self._open[-1][1].append(rows[0])
        if len(rows[-1]) < _MOST_COLUMNS:
            rows[-1].extend([_plain(self._cell), *[""] * (self._span - 1)])
        self._cell, self._span = None, 1


def page_tables(text: str) -> tuple[Sheet, ...]:
    """Return the tables of the page `text`, in its order, named after the words that stand before each."""
    parser = _Tables()
    parser.feed(text)
    parser.finish()
    return tuple(
        Sheet(name=heading or f"table {number}", rows=_rows(rows))
        for number, (heading, rows) in enumerate(parser.found, start=1)
    )


def _rows(rows: Sequence[Sequence[str]]) -> tuple[TextRow, ...]:
    return tuple(TextRow(number=number, cells=tuple(row)) for number, row in enumerate(rows, start=1))


def _plain(pieces: Sequence[str]) -> str:
    return " ".join("".join(pieces).split())


def _span(text: str | None) -> int:
    return min(int(text), _MOST_SPAN) if text and text.isascii() and text.isdecimal() and int(text[:4]) > 0 else 1
