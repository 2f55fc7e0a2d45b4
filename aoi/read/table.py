"""One door for tables: CSV, TSV, XLSX and the tables of a saved web page, as sheets of rows of text."""

from dataclasses import dataclass, replace
from pathlib import Path

from aoi.read.delimited import TextRow, split_rows
from aoi.read.encodings import decode, has_undecoded, readable
from aoi.read.imported import checksum
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.pages import page_tables
from aoi.read.workbook import Sheet, read_workbook, refuse_old_excel
from geo.errors import AoiError

WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm"})
PAGE_SUFFIXES = frozenset({".html", ".htm"})
TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab"})
TABLE_SUFFIXES = WORKBOOK_SUFFIXES | PAGE_SUFFIXES | TEXT_SUFFIXES
_OLD_SUFFIXES = frozenset({".xls", ".xlsb", ".ods", ".numbers"})
_ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """All tables of a file."""

    path: str
    sheets: tuple[Sheet, ...]
    version: str
    """SHA-256 of the file."""
    encoding: str = ""
    """Empty for workbooks."""
    notes: tuple[str, ...] = ()


def read_tables(path: Path, *, encoding: str | None = None, limits: ReadLimits = DEFAULT_LIMITS) -> Tables:
    """Return the tables that the file at `path` holds; which kind it is, its content tells, not its name alone.

    Args:
        path: A CSV or TSV of any usual encoding and delimiter, an XLSX, or a web page.
        encoding: Of a text or a page; None: found out.
        limits: How large it may be.

    Raises:
        AoiError: The file is missing, too large, of another kind, or damaged.

    """
    version = checksum(path)
    suffix = path.suffix.lower()
    if suffix in _OLD_SUFFIXES:
        raise AoiError(f"{path}: {suffix} is not read; save it as XLSX or as CSV in UTF-8")
    refuse_old_excel(path)
    if suffix in WORKBOOK_SUFFIXES or _starts_with(path, _ZIP_START):
        sheets = read_workbook(path, limits)
        notes = tuple(note for sheet in sheets for note in sheet.notes)
        return Tables(path=str(path), sheets=sheets, version=version, notes=notes)
    text, name, note = read_text(path, encoding=encoding, limits=limits)
    if suffix in PAGE_SUFFIXES or text.lstrip()[:200].lower().startswith(("<!doctype html", "<html")):
        sheets = page_tables(text)
    else:
        delimiter = "\t" if suffix in {".tsv", ".tab"} else None
        sheets = (Sheet(name="", rows=tuple(split_rows(text, delimiter=delimiter, limits=limits))),)
    notes = (note,) if note else ()
    return Tables(path=str(path), sheets=tuple(map(_named_bytes, sheets)), version=version, encoding=name, notes=notes)


def read_text(path: Path, *, encoding: str | None = None, limits: ReadLimits = DEFAULT_LIMITS) -> tuple[str, str, str]:
    """Return the text of a file, the encoding it is in, and a note where that was guessed.

    Raises:
        AoiError: It is missing, too large, binary, or there is no such encoding.

    """
    try:
        size = path.stat().st_size
        if size > limits.document_bytes:
            raise AoiError(f"{path}: has {size:,} bytes; at most {limits.document_bytes:,} are read at once")
        found = decode(path.read_bytes(), encoding)
    except FileNotFoundError as error:
        raise AoiError(f"{path}: there is no such file") from error
    except OSError as error:
        raise AoiError(f"{path}: cannot be read ({error})") from error
    except LookupError as error:
        raise AoiError(f"{path}: there is no encoding called {encoding!r}") from error
    if found.text.count("\x00") * 100 > len(found.text):
        raise AoiError(f"{path}: is no text: more than one of a hundred characters is NUL")
    return found.text, found.encoding, f"{path}: {found.note}" if found.note else ""


def _starts_with(path: Path, sign: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(sign)) == sign


def _named_bytes(sheet: Sheet) -> Sheet:
    """Give rows that hold what could not be decoded their trouble, and make them fit to be shown."""
    return replace(sheet, rows=tuple(_named_row(row) for row in sheet.rows))


def _named_row(row: TextRow) -> TextRow:
    if not any(map(has_undecoded, row.cells)):
        return row
    trouble = row.trouble or "holds bytes that are no text in the file's encoding"
    return replace(row, cells=tuple(map(readable, row.cells)), trouble=trouble)
