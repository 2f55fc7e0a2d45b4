"""How much a list may hold before it is taken for damaged or hostile."""

from dataclasses import dataclass

from geo.errors import AoiError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """Bounds of one file. The defaults leave room for the largest public lists."""

    file_bytes: int = 4_000_000_000
    """Of a file that is read line by line."""
    document_bytes: int = 300_000_000
    """Of a file that is held in memory whole: a table as text, a page, an XML document, a workbook unpacked."""
    expansion: float = 200.0
    """How many times its packed size a ZIP (XLSX, KMZ) may unpack to, above `small_bytes`."""
    small_bytes: int = 20_000_000
    """Unpacked sizes below this are harmless at any ratio."""
    rows: int = 1_048_576
    """Of one table or sheet, blank ones counted: what a spreadsheet can hold."""
    records: int = 5_000_000
    """Of a file of JSON lines."""
    columns: int = 1_000
    cells: int = 50_000_000
    cell_characters: int = 100_000
    lines_in_cell: int = 500
    """A quoted cell that runs over more lines was never closed."""

    def __post_init__(self) -> None:
        wrong = [name for name in self.__slots__ if getattr(self, name) <= 0]
        if wrong:
            raise AoiError(f"limits must be above zero: {', '.join(wrong)}")


DEFAULT_LIMITS = ReadLimits()
