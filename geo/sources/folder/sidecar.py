"""What is said beside the images: ``scenes.csv`` and the ``dates.txt`` of change-detection pairs.

``scenes.csv`` is a table, commas or semicolons, in any folder of the imagery; its rows hold for the files of that
folder and below, and win over what file names and GeoTIFF tags say. Empty cells say nothing. The columns, of which
only ``file`` must be there:

==========  ==========================================================================================
file        path from the table's folder, with ``/``; ``*`` and ``?`` stand for any characters
date        when it was taken, UTC: ``2017-02-16``, ``20170216T102101``, ``2017-02-16T10:21:01Z``
bands       the bands in the file's order, with blanks between: ``B04 B03 B02 B08 SCL``, ``VV VH``; ``-`` leaves one
            out
scene       the scene's id
platform    such as ``sentinel-2a``
scale       reflectance = number x scale + offset: ``0.0001`` for products times 10000
offset      added after scaling: ``-0.1`` for Sentinel-2 products of processing baseline 04.00 and later
nodata      the number that stands for "not recorded", or ``none``
quantity    ``reflectance`` or ``display``; with a scale, ``reflectance`` is meant if nothing is said; radar is
            always backscatter
crs         of a cube that does not tell its own: ``EPSG:32631``
units       of radar bands, after scale and offset: ``db``, ``linear``, or ``db83`` for dB = 20 log10(number) - 83
note        for people
==========  ==========================================================================================

``dates.txt`` has lines such as ``date_1: 20160120``, which date the folder ``imgs_1`` beside it, or
``autumn: 2016-01-20``, which date the folder ``autumn``.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from math import isfinite, nan
from pathlib import Path
from typing import TypeVar

from rasterio.crs import CRS
from rasterio.errors import CRSError

from geo.crs import named_crs
from geo.errors import SourceError
from geo.scene import Quantity
from geo.sources.folder.names import any_band_id, read_time

SIDECAR_NAME = "scenes.csv"
DATES_NAME = "dates.txt"
COLUMNS = (
    "file",
    "date",
    "bands",
    "scene",
    "platform",
    "scale",
    "offset",
    "nodata",
    "quantity",
    "crs",
    "units",
    "note",
)

_DATED_FOLDER = re.compile(r"date_(\w+)")

Value = TypeVar("Value")


class Units(StrEnum):
    """What the numbers of radar bands are."""

    DB = "db"
    LINEAR = "linear"
    DB83 = "db83"
    """Whole numbers, of which dB = 20 log10(number) - 83."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarRow:
    """One row of ``scenes.csv``; None where it says nothing."""

    where: str
    """File and line, for messages."""
    pattern: str
    observed_at: datetime | None = None
    bands: tuple[str | None, ...] | None = None
    """One a band of the file, None for a band to leave out."""
    scene: str | None = None
    platform: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    """NaN says that no number stands for nodata."""
    quantity: Quantity | None = None
    crs: str | None = None
    units: Units | None = None
    text: str = ""
    """The row as it stands."""

    @property
    def is_exact(self) -> bool:
        """Whether it names one file, rather than a pattern."""
        return not any(sign in self.pattern for sign in "*?[")

    def fits(self, relative: str) -> bool:
        """Say whether it speaks of the file at `relative`, a path from the table's folder."""
        return relative == self.pattern or (not self.is_exact and fnmatchcase(relative, self.pattern))


def read_sidecar(path: Path) -> tuple[SidecarRow, ...]:
    """Read a ``scenes.csv``.

    Raises:
        SourceError: It cannot be read, has an unknown column, or a wrong cell; names file and line.

    """
    text = _text(path)
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    if "file" not in names or (unknown := sorted(set(names) - {*COLUMNS, "band"})):
        got = f"unknown: {', '.join(unknown)}" if "file" in names else f"got {', '.join(names) or 'nothing'}"
        raise SourceError(f"{path}: the columns are {', '.join(COLUMNS)}, of which file must be there; {got}")
    reader.fieldnames = ["bands" if name == "band" else name for name in names]
    return tuple(_row(cells, where=f"{path}, line {reader.line_num}") for cells in reader)


def choose_rows(rows: tuple[SidecarRow, ...], relatives: list[str]) -> dict[str, SidecarRow]:
    """Return which row speaks of which file; a row that names the file wins over a pattern.

    Raises:
        SourceError: A row speaks of no file, or two rows speak alike of one.

    """
    chosen: dict[str, SidecarRow] = {}
    for row in sorted(rows, key=lambda row: row.is_exact):
        fitting = [relative for relative in relatives if row.fits(relative)]
        if not fitting:
            raise SourceError(f"{row.where}: there is no GeoTIFF, JPEG 2000 file or cube {row.pattern}")
        for relative in fitting:
            other = chosen.get(relative)
            if other is not None and other.is_exact == row.is_exact:
                raise SourceError(f"{row.where}: {relative} is described already in {other.where}")
            chosen[relative] = row
    return chosen


def read_dates(path: Path) -> dict[str, datetime]:
    """Read a ``dates.txt``: its keys to times.

    Raises:
        SourceError: A line has no date; names file and line.

    """
    dates = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        key, colon, value = line.partition(":")
        if not line.strip():
            continue
        try:
            dates[key.strip()] = read_time(value)
        except ValueError as error:
            reason = error if colon else "expected such as 'date_1: 20160120'"
            raise SourceError(f"{path}, line {number}: {reason}") from error
    return dates


def dated_folder(dates: Mapping[str, datetime], folder: str) -> datetime | None:
    """Return the date that a ``dates.txt`` gives the folder of that name beside it, or None."""
    for key, stamp in dates.items():
        numbered = _DATED_FOLDER.fullmatch(key)
        if folder == key or (numbered and re.fullmatch(rf".*_{re.escape(numbered.group(1))}(?:_rect)?", folder)):
            return stamp
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as UTF-8 text") from error


def _row(cells: Mapping[str | None, str | list[str] | None], *, where: str) -> SidecarRow:
    if None in cells:
        raise SourceError(f"{where}: has more cells than there are columns")
    said = {str(name): cell.strip() for name, cell in cells.items() if isinstance(cell, str) and cell.strip()}
    if "file" not in said:
        raise SourceError(f"{where}: file is empty")

    def cell(name: str, parse: Callable[[str], Value]) -> Value | None:
        try:
            return parse(said[name]) if name in said else None
        except ValueError as error:
            raise SourceError(f"{where}, {name}: {error}") from error

    return SidecarRow(
        where=where,
        pattern=said["file"].replace("\\", "/").removeprefix("./"),
        observed_at=cell("date", read_time),
        bands=cell("bands", _bands),
        scene=said.get("scene"),
        platform=said.get("platform"),
        scale=cell("scale", _number),
        offset=cell("offset", _number),
        nodata=cell("nodata", _nodata),
        quantity=cell("quantity", _quantity),
        crs=cell("crs", _crs),
        units=cell("units", _units),
        text=repr(sorted(said.items())),
    )


def _bands(text: str) -> tuple[str | None, ...]:
    words = re.split(r"[\s;,|]+", text.strip())
    bands = tuple(None if word == "-" else any_band_id(word) for word in words)
    named = [band for band in bands if band]
    if not named or len(set(named)) < len(named):
        raise ValueError(f"expected each band once, and at least one; got {text!r}")
    return bands


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not isfinite(number):
        raise ValueError(f"{text!r} is not a finite number")
    return number


def _nodata(text: str) -> float:
    return nan if text.lower() in {"none", "nan"} else _number(text)


def _quantity(text: str) -> Quantity:
    try:
        return Quantity(text.lower())
    except ValueError:
        raise ValueError(f"{text!r} is neither of {', '.join(Quantity)}") from None


def _crs(text: str) -> str:
    try:
        CRS.from_user_input(named_crs(text))
    except (CRSError, ValueError):
        raise ValueError(f"{text!r} is no coordinate reference system such as EPSG:32631") from None
    return text


def _units(text: str) -> Units:
    try:
        return Units(text.lower())
    except ValueError:
        raise ValueError(f"{text!r} is neither of {', '.join(Units)}") from None
