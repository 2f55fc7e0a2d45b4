"""What came of reading a list: what it holds, what was kept aside and why, and how its columns were understood."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from geo.errors import AoiError

Item = TypeVar("Item")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width, too
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that was kept aside."""

    where: str
    """File, sheet where there are several, and row as a spreadsheet counts it."""
    reason: str
    cells: Mapping[str, str]
    """Column to text, as the file has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    """As what one column is read."""

    sheet: str
    """Empty where the file has one table."""
    column: str
    """The heading as it stands; `column 3` where there is none."""
    field: str
    """As what it is read, for instance `name`; empty where it is not read."""
    confidence: float
    """0 to 1; 1 where the user said so."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Generic[Item]):
    """All of a list. Each row stands in `items` (one row may make several) or in `rejected`."""

    path: str
    items: tuple[Item, ...]
    rejected: tuple[RejectedRow, ...] = ()
    mapping: tuple[ColumnChoice, ...] = ()
    """One entry a column; none for formats whose columns are fixed."""
    notes: tuple[str, ...] = ()
    """What else was found: the encoding, cells that could not be read, sheets without a list."""
    version: str
    """SHA-256 of the file, hexadecimal."""
    rows_read: int
    """Rows below the headings, blank ones not counted."""

    @property
    def unread_columns(self) -> tuple[str, ...]:
        """Headings of the columns that are read as nothing."""
        return tuple(choice.column for choice in self.mapping if not choice.field)


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file at `path`.

    Raises:
        AoiError: There is no such file, or it cannot be read.

    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise AoiError(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise AoiError(f"{path}: cannot be read ({error})") from error
    return digest.hexdigest()


def mapping_lines(mapping: Sequence[ColumnChoice]) -> tuple[str, ...]:
    """Return one line a column: heading, what it is read as, how sure that is and why."""
    lines = []
    for choice in mapping:
        sheet = f"{choice.sheet}: " if choice.sheet else ""
        said = f"{choice.field} ({choice.confidence:.0%}; {choice.reason})" if choice.field else f"- ({choice.reason})"
        lines.append(f"{sheet}{choice.column} -> {said}")
    return tuple(lines)


def formula_safe(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: with an apostrophe before it where it would."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
