"""The published table is read with its hazards, bad rows are named and kept aside, and notes are understood."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.facilities import FacilityKind
from aoi.read.aspi import Record, Removed, period, read_aspi, removals
from geo.errors import AoiError

ROW = {
    "Number": "7",
    "Name_Code": "Somewhere Facility #1",
    "Lat": "43.5",
    "Long": "88.25",
    "Prefecture": "P",
    "County": "C",
    "Tier": "2",
    "Watchtowers": "1",
    "Interior Fencing": "",
    "External Wall": "0",
    "Security Features Changed": "an external wall was removed",
    "Security features changed when": "2ndHf2019",
    "Any signs of decomissioning": "0",
    "Decomissioning signs": "N/A",
    "Number of Buildings in 2017": "#N/A",
    "Number of Buildings in 2018": "12",
    "Number of Buildings in 2019": "9",
    "Number of Buildings in 2020": "N/A",
    "Date of Latest Sat Imagery": "20-Mar",
    "Desecuritisation": "1",
}


def written(folder: Path, *changes: dict[str, str]) -> Path:
    path = folder / "table.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows(ROW | change for change in changes)
    return path


def only(folder: Path, **change: str) -> Record:
    (record,) = read_aspi(written(folder, change)).records
    return record


def test_a_row_is_read_with_what_is_not_known_left_out(tmp_path: Path) -> None:
    record = only(tmp_path)
    assert record.facility.facility_id == "aspi-7"
    assert record.facility.kind is FacilityKind.CAMP
    assert (record.has_wall, record.has_internal_fencing, record.has_watchtowers) == (False, None, True)
    assert record.buildings == {2018: 12, 2019: 9}
    assert record.buildings_lost == 3
    assert record.is_desecuritised is True
    assert record.latest_image == (date(2020, 3, 1), date(2020, 3, 31))
    assert record.changed == (date(2019, 7, 1), date(2019, 12, 31))
    assert record.removed == {Removed.PERIMETER_WALL}
    assert not record.removed_in_part
    assert record.remarks == ()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("20-Mar", date(2020, 3, 1), date(2020, 3, 31)),
        ("Mar-19", date(2019, 3, 1), date(2019, 3, 31)),
        ("2019", date(2019, 1, 1), date(2019, 12, 31)),
        ("2018-2019", date(2018, 1, 1), date(2019, 12, 31)),
        ("2018/2019", date(2018, 1, 1), date(2019, 12, 31)),
        ("1stHf2020", date(2020, 1, 1), date(2020, 6, 30)),
        ("2ndhf2017", date(2017, 7, 1), date(2017, 12, 31)),
        ("3rdQt2018", date(2018, 7, 1), date(2018, 9, 30)),
        ("Mid-2018", date(2018, 5, 1), date(2018, 8, 31)),
    ],
)
def test_the_tables_own_dates_are_understood(text: str, first: date, last: date) -> None:
    assert period(text) == (first, last)


@given(st.text(max_size=12))
def test_any_other_text_is_a_date_or_refused_never_something_else(text: str) -> None:
    try:
        first, last = period(text)
    except ValueError:
        return
    assert first <= last


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("an external wall and watchtower were removed", {Removed.PERIMETER_WALL, Removed.WATCHTOWER}),
        ("the external wall was expanded and some interior fencing was removed", {Removed.INTERNAL_BARRIER}),
        ("watchtowers were removed and an external wall was expanded", {Removed.WATCHTOWER}),
        ("an external wall was extended", set()),
        ("an external wall was lowered", {Removed.WALL_LOWERED}),
        ("the external wall was substituted with fencing, watchtower were removed", "wall and tower"),
        ("some of the external walls were removed and replaced with fences.", {Removed.PERIMETER_WALL}),
        ("parts of the internal wall were removed and some interior fencing were added", {Removed.INTERNAL_BARRIER}),
        ("some internal fencing were removed from outside residential buildings", {Removed.INTERNAL_BARRIER}),
        ("No more perimetral wall, cars next to buildings", {Removed.PERIMETER_WALL}),
        ("7 factories were removed", {Removed.BUILDING}),
        ("The prison wing in the East of the facility has been demolished since August 2019.", {Removed.BUILDING}),
        ("the facility has largely been desecuritised", {Removed.OTHER}),
        ("", set()),
    ],
)
def test_notes_tell_what_was_taken_away_and_not_what_was_added(note: str, expected: set[Removed] | str) -> None:
    if isinstance(expected, str):
        expected = {Removed.PERIMETER_WALL, Removed.WATCHTOWER}
    assert removals(note) == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [({"Lat": "north"}, "Lat"), ({"Lat": "143"}, "143"), ({"Tier": "9"}, "Tier"), ({"Number": "#N/A"}, "number")],
    ids=["no number", "beyond the pole", "no such tier", "without a number"],
)
def test_a_row_that_cannot_be_used_is_named_and_the_others_are_read(
    tmp_path: Path, change: dict[str, str], named: str
) -> None:
    table = read_aspi(written(tmp_path, {}, {"Number": "8", "Lat": "44"} | change))
    assert [record.facility.facility_id for record in table.records] == ["aspi-7"]
    (aside,) = table.aside
    assert "row 3 (Somewhere Facility #1)" in aside.where
    assert named in aside.reason


def test_a_cell_that_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    record = only(tmp_path, **{"Number of Buildings in 2019": "many", "Date of Latest Sat Imagery": "soon"})
    assert record.buildings == {2018: 12}
    assert record.latest_image is None
    assert len(record.remarks) == 2


def test_rows_at_the_very_same_place_are_remarked(tmp_path: Path) -> None:
    first, second = read_aspi(written(tmp_path, {}, {"Number": "8", "Name_Code": "Other"})).records
    assert first.remarks == ()
    assert "Somewhere Facility #1" in second.remarks[0]


def test_what_is_no_such_table_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match="no such file"):
        read_aspi(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(AoiError, match=r"other\.csv: lacks the columns Number"):
        read_aspi(tmp_path / "other.csv")
    with pytest.raises(AoiError, match="7 stands twice"):
        read_aspi(written(tmp_path, {}, {"Lat": "44"}))


@pytest.mark.realdata
def test_the_real_table_is_read_whole(shared_data: Path) -> None:
    table = read_aspi(shared_data / "reference" / "facilities" / "aspi_xjdp_CampDataset_v1.csv")
    assert (len(table.records), len(table.aside)) == (380, 0)
    assert sum("exactly where" in remark for record in table.records for remark in record.remarks) == 7
    flagged = [record for record in table.records if record.is_desecuritised]
    removed = Counter(kind for record in flagged for kind in record.removed)
    assert len(flagged) == 59
    assert removed[Removed.PERIMETER_WALL] == 10
    assert removed[Removed.BUILDING] == 6
    assert removed[Removed.WATCHTOWER] == 16
    assert removed[Removed.INTERNAL_BARRIER] == 22
    assert sum(not record.removed for record in flagged) == 17
