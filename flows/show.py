"""What the command line says: tables, lines and JSON, for people at a terminal and for programs."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO
from unicodedata import category

EXIT_CODES = """\
Exit codes: 0 all areas are done (areas without imagery among others are listed, and no failure);
1 some areas failed or had problems such as an unreadable file, or no area has imagery: the rest is done;
2 wrong usage, settings, watch list or imagery source: nothing was run;
3 nothing could be written, or another run is at work in the workspace; 130 stopped by the user."""


_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Classes of Unicode: control, format (with the signs that turn the direction), halves of pairs, ends of lines."""


class Listener(Protocol):
    """Somebody who wants to know how far a run is."""

    def start(self, total: int) -> None:
        """Take note of how many areas there are."""

    def step(self, label: str) -> None:
        """Take note of one area done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """How to speak to whoever started the command."""

    is_quiet: bool = False
    is_json: bool = False

    def say(self, text: str = "") -> None:
        """Tell a person something on stdout; a program that reads JSON is not told."""
        if not (self.is_quiet or self.is_json):
            sys.stdout.write(f"{visible(text)}\n")

    def document(self, value: dict[str, Any]) -> None:
        """Give a program its one document."""
        if self.is_json:
            sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")

    def trouble(self, text: str, *, kind: str = "problem") -> None:
        """Say on stderr, in one line, what went wrong; also to those who want quiet."""
        sys.stderr.write(f"sitewatch: {kind}: {visible(' '.join(text.split()))}\n")

    @contextmanager
    def progress(self, label: str) -> Iterator["Bar"]:
        """Show how far a run is, where somebody sits at a terminal."""
        if self.is_quiet or self.is_json or not sys.stderr.isatty():
            yield Bar()
            return
        from rich.console import Console  # noqa: PLC0415  # only for terminals
        from rich.progress import Progress  # noqa: PLC0415

        with Progress(console=Console(stderr=True), transient=True) as progress:
            yield _RichBar(progress, progress.add_task(label, total=None))


class Bar:
    """Progress that nobody watches."""

    def start(self, total: int) -> None:
        """Take note of how many areas there are."""

    def step(self, label: str) -> None:
        """Take note of one area done."""


class _RichBar(Bar):
    def __init__(self, progress: Any, task: Any) -> None:  # noqa: ANN401  # rich is imported only where it is shown
        self._progress = progress
        self._task = task

    def start(self, total: int) -> None:
        self._progress.update(self._task, total=total)

    def step(self, label: str) -> None:
        self._progress.update(self._task, advance=1, description=label)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, out: TextIO | None = None) -> None:
    """Print a table: drawn at a terminal, plain text with aligned columns elsewhere."""
    target = out or sys.stdout
    if not target.isatty():
        target.write(plain_table(columns, rows))
        return
    from rich.console import Console  # noqa: PLC0415  # only for terminals
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))  # as Text: no cell is read as markup
    Console(file=target).print(table)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as lines of text."""
    lines = [columns, *([visible(cell) for cell in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def visible(text: str) -> str:
    """Return `text` with what a terminal would obey, or what turns the direction of writing, as an escape.

    Names come from files of others: one may clear the screen, or read the other way round.
    """
    return "".join(one if one in "\n\t" or category(one) not in _OBEYED else _escaped(one) for one in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", errors="backslashreplace").decode()


def plural(count: int, word: str) -> str:
    """Return ``1 area``, ``2 areas``."""
    return f"{count} {word}{'' if count == 1 else 's'}"
