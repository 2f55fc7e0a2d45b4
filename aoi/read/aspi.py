"""What does the published table of detention facilities in Xinjiang (ASPI) say of each, and of what was taken away?

The table is not part of sitewatch: it has no licence that would allow it. It is read where the user has it.
Spreadsheets have been at it: "20-Mar" is March 2020, and ``#N/A``, ``N/A`` and an empty cell all mean that nothing
is known. A row that cannot be used is kept aside and named; a cell that cannot be read is left out and named.
"""

import calendar
import csv
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from shapely.geometry import Point

from aoi.facilities import Facility, FacilityKind
from aoi.read.imported import RejectedRow
from geo.errors import AoiError

logger = logging.getLogger(__name__)

SOURCE = "ASPI Xinjiang Data Project, version 1"
POSITION_ERROR_M = 300.0
"""The points lie somewhere in or beside their facility, which are some 300 m wide."""

_MISSING = frozenset({"", "#n/a", "n/a", "na", "none", "none known", "?", "??"})
_YEARS = (2017, 2018, 2019, 2020)
_COLUMNS = (
    "Number",
    "Name_Code",
    "Lat",
    "Long",
    "Prefecture",
    "County",
    "Tier",
    "Watchtowers",
    "Interior Fencing",
    "External Wall",
    "Security Features Changed",
    "Security features changed when",
    "Any signs of decomissioning",
    "Decomissioning signs",
    *(f"Number of Buildings in {year}" for year in _YEARS),
    "Date of Latest Sat Imagery",
    "Desecuritisation",
)
_PRISON_TIER = 4
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}


class Removed(StrEnum):
    """What a note says was taken away."""

    PERIMETER_WALL = "perimeter_wall"
    """An outer wall, or parts of it."""
    WALL_LOWERED = "wall_lowered"
    """An outer wall stands, but lower."""
    BUILDING = "building"
    INTERNAL_BARRIER = "internal_barrier"
    """Fences of any place, and walls within."""
    WATCHTOWER = "watchtower"
    OTHER = "other"
    """Something is said to be gone, but not what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of the table."""

    facility: Facility
    tier: int
    """From 1, re-education, to 4, prison."""
    prefecture: str | None
    county: str | None
    has_wall: bool | None
    """At the time of the latest image; None where nothing is known. So are the next two."""
    has_internal_fencing: bool | None
    has_watchtowers: bool | None
    buildings: Mapping[int, int]
    """Year to the number of buildings, for the years that are known."""
    is_desecuritised: bool | None
    security_note: str
    """Which security features changed; empty where nothing is said."""
    changed: tuple[date, date] | None
    """First and last day on which they may have."""
    decommissioning_note: str
    latest_image: tuple[date, date] | None
    remarks: tuple[str, ...]
    """Cells that could not be read, and what is odd about the row."""

    @property
    def removed(self) -> frozenset[Removed]:
        """What the notes say was taken away."""
        return removals(self.security_note) | removals(self.decommissioning_note)

    @property
    def removed_in_part(self) -> bool:
        """Whether only parts of a wall are said to be gone."""
        says_parts = re.search(r"\b(?:parts?|some)\b[^.,]*\bwalls?\b|\bsegments\b", self.security_note.lower())
        return Removed.PERIMETER_WALL in self.removed and says_parts is not None

    @property
    def buildings_lost(self) -> int:
        """How many buildings fewer there are at the last count than at the highest."""
        counts = [self.buildings[year] for year in sorted(self.buildings)]
        return max(counts) - counts[-1] if counts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AspiTable:
    """All rows."""

    records: tuple[Record, ...]
    aside: tuple[RejectedRow, ...]

    @property
    def facilities(self) -> tuple[Facility, ...]:
        """The places."""
        return tuple(record.facility for record in self.records)


def read_aspi(path: Path) -> AspiTable:
    """Read the table.

    Raises:
        AoiError: The file is missing, cannot be read as CSV in UTF-8, is empty, or lacks a column.

    """
    rows = _rows(Path(path))
    records, aside, seen = [], [], dict[tuple[float, float], str]()
    for line, row in rows:
        where = f"{path}, row {line} ({row['Name_Code'].strip() or 'without a name'})"
        try:
            record = _record(row)
        except AoiError as error:
            aside.append(RejectedRow(where=where, reason=str(error), cells=row))
            logger.warning("%s: left out: %s", where, error)
            continue
        place = (record.facility.location_4326.x, record.facility.location_4326.y)
        records.append(_remarked(record, f"lies exactly where {seen[place]} does") if place in seen else record)
        seen.setdefault(place, record.facility.names[0])
    twice = _twice(records)
    if twice:
        raise AoiError(f"{path}: the number {twice} stands twice")
    return AspiTable(records=tuple(records), aside=tuple(aside))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError as error:
        raise AoiError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AoiError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    if missing:
        raise AoiError(f"{path}: lacks the columns {', '.join(missing)}")
    if not rows:
        raise AoiError(f"{path}: has no rows")
    return rows


def _record(row: Mapping[str, str]) -> Record:
    remarks: list[str] = []
    number = _count(row, "Number", remarks)
    tier = _count(row, "Tier", remarks)
    name = _text(row, "Name_Code")
    if number is None or name is None:
        raise AoiError(f"expected a number and a name; got {row['Number']!r} and {row['Name_Code']!r}")
    if tier is None or not 1 <= tier <= _PRISON_TIER:
        raise AoiError(f"Tier must be 1 to {_PRISON_TIER}; got {row['Tier']!r}")
    counts = {year: _count(row, f"Number of Buildings in {year}", remarks) for year in _YEARS}
    return Record(
        facility=Facility(
            facility_id=f"aspi-{number}",
            names=(name,),
            location_4326=_point(row),
            kind=FacilityKind.PRISON if tier == _PRISON_TIER else FacilityKind.CAMP,
            source=SOURCE,
            position_error_m=POSITION_ERROR_M,
        ),
        tier=tier,
        prefecture=_text(row, "Prefecture"),
        county=_text(row, "County"),
        has_wall=_flag(row, "External Wall", remarks),
        has_internal_fencing=_flag(row, "Interior Fencing", remarks),
        has_watchtowers=_flag(row, "Watchtowers", remarks),
        buildings={year: count for year, count in counts.items() if count is not None},
        is_desecuritised=_flag(row, "Desecuritisation", remarks),
        security_note=_text(row, "Security Features Changed") or "",
        changed=_period(row, "Security features changed when", remarks),
        decommissioning_note=_text(row, "Decomissioning signs") or "",
        latest_image=_period(row, "Date of Latest Sat Imagery", remarks),
        remarks=tuple(remarks),
    )


def _point(row: Mapping[str, str]) -> Point:
    try:
        return Point(float(row["Long"]), float(row["Lat"]))
    except ValueError as error:
        raise AoiError(f"Lat and Long must be degrees; got {row['Lat']!r} and {row['Long']!r}") from error


def _text(row: Mapping[str, str], column: str) -> str | None:
    text = row[column].strip()
    return None if text.lower() in _MISSING else text


def _count(row: Mapping[str, str], column: str, remarks: list[str]) -> int | None:
    text = _text(row, column)
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    remarks.append(f"{column}: expected a whole number, got {text!r}")
    return None


def _flag(row: Mapping[str, str], column: str, remarks: list[str]) -> bool | None:
    text = _text(row, column)
    if text in {"0", "1", None}:
        return None if text is None else text == "1"
    remarks.append(f"{column}: expected 0 or 1, got {text!r}")
    return None


def _period(row: Mapping[str, str], column: str, remarks: list[str]) -> tuple[date, date] | None:
    text = _text(row, column)
    if text is None:
        return None
    try:
        return period(text)
    except ValueError:
        remarks.append(f"{column}: {text!r} is no date that is understood")
        return None


def period(text: str) -> tuple[date, date]:
    """Return the first and the last day of what the table calls by a name such as ``3rdQt2018``.

    Others are ``2019``, ``2018-2019``, ``2ndHf2019``, ``Mid-2018``, ``Mar-19`` and, mangled by a
    spreadsheet, ``20-Mar``.

    Raises:
        ValueError: It is none of these.

    """
    plain = text.strip().lower()
    for pattern, months in _PERIODS:
        found = re.fullmatch(pattern, plain)
        if found:
            first, last = months(found.groupdict())
            return date(*first, 1), date(*last, calendar.monthrange(*last)[1])
    raise ValueError(f"{text!r} is no date that is understood")


def _years(part: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (int(part["first"]), 1), (int(part.get("last") or part["first"]), 12)


def _half(part: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    return _months(int(part["year"]), int(part["number"]), of=2)


def _quarter(part: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    return _months(int(part["year"]), int(part["number"]), of=4)


def _months(year: int, number: int, *, of: int) -> tuple[tuple[int, int], tuple[int, int]]:
    each = 12 // of
    if not 1 <= number <= of:
        raise ValueError(f"a year has no part {number} of {of}")
    return (year, each * (number - 1) + 1), (year, each * number)


def _middle(part: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (int(part["year"]), 5), (int(part["year"]), 8)


def _month(part: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    if part["month"] not in _MONTHS:
        raise ValueError(f"{part['month']!r} is no month")
    month = (2000 + int(part["year"]), _MONTHS[part["month"]])
    return month, month


_PERIODS = (
    (r"(?P<first>20\d\d)(?:[-/](?P<last>20\d\d))?", _years),
    (r"(?P<number>\d)(?:st|nd)hf(?P<year>20\d\d)", _half),
    (r"(?P<number>\d)(?:st|nd|rd|th)qt(?P<year>20\d\d)", _quarter),
    (r"mid-(?P<year>20\d\d)", _middle),
    (r"(?P<year>\d\d)-(?P<month>[a-z]{3})", _month),
    (r"(?P<month>[a-z]{3})-(?P<year>\d\d)", _month),
)

_FEATURES: Mapping[Removed, str] = {
    Removed.INTERNAL_BARRIER: r"(?:internal|interior|inner|dividing)\s+(?:\w+\s+)?(?:walls?|fenc\w*)|fenc\w*",
    Removed.WATCHTOWER: r"watch\s*towers?",
    Removed.PERIMETER_WALL: r"walls?|segments",
    Removed.BUILDING: r"buildings?|wings?|factor(?:y|ies)",
    Removed.OTHER: r"facilit(?:y|ies)",
}
_GONE = r"removed|dismantled|demolished|no more|substituted|desecuritised"
_LOWERED = r"lowered"
_MADE = r"added|built|expanded|extended|completed|reconstructed|replaced|construction"
_WORDS = re.compile(
    "|".join(
        [f"(?P<{kind.name}>{pattern})" for kind, pattern in _FEATURES.items()]
        + [rf"(?P<gone>\b(?:{_GONE})\b)", rf"(?P<lowered>\b(?:{_LOWERED})\b)", rf"(?P<made>\b(?:{_MADE})\b)"]
    )
)
_ASIDES = re.compile(
    r"\bfrom outside residential buildings|\bto include [^.,]*|\bto connect [^.,]*|\bnext to buildings"
    r"|\bwith (?:a |an )?(?:fenc\w*|expansion)|separating\b.*?(?=\bha(?:s|ve)\b)|\bof the facility\b"
)


def removals(note: str) -> frozenset[Removed]:
    """Return what `note` says was taken away; nothing where it tells only of what was added.

    A verb is about the things named since the verb before it, or, where none are, about the same things.
    """
    named: list[Removed] = []
    about: list[Removed] = []
    found: set[Removed] = set()
    for word in _WORDS.finditer(_ASIDES.sub(" ", note.lower())):
        kind = str(word.lastgroup)
        if kind in Removed.__members__:
            named.append(Removed[kind])
            continue
        about, named = named or about, []
        found |= _fate(kind, about, says_no_more="no more" in word.group())
        if "no more" in word.group():
            found |= _fate("gone", _first_after(note.lower(), word.group()), says_no_more=False)
    return frozenset(found)


def _fate(kind: str, about: Sequence[Removed], *, says_no_more: bool) -> set[Removed]:
    if kind == "gone" and not says_no_more:
        return set(about) or {Removed.OTHER}
    is_wall_lowered = kind == "lowered" and Removed.PERIMETER_WALL in about
    return {Removed.WALL_LOWERED} if is_wall_lowered else set()


def _first_after(note: str, words: str) -> list[Removed]:
    """Return what is named first after `words`: "no more walls"."""
    for word in _WORDS.finditer(note.partition(words)[2]):
        if word.lastgroup in Removed.__members__:
            return [Removed[str(word.lastgroup)]]
    return []


def _remarked(record: Record, remark: str) -> Record:
    return replace(record, remarks=(*record.remarks, remark))


def _twice(records: Sequence[Record]) -> str | None:
    ids = [record.facility.facility_id for record in records]
    return next((one for one in ids if ids.count(one) > 1), None)
