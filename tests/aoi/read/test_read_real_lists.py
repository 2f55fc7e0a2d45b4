"""Real lists: as many rows as another reader counts, and none lost."""

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from aoi.facilities import FacilityKind
from aoi.read.packed import unpack
from aoi.read.suppliers import read_suppliers
from aoi.read.vector import import_facilities

pytestmark = pytest.mark.realdata


def reference(shared_data: Path) -> Path:
    return shared_data / "reference"


def supplier_csvs(shared_data: Path) -> list[Path]:
    found = sorted((reference(shared_data) / "suppliers" / "open_supply_hub" / "geocoded").glob("*.csv"))
    assert found, "the folder is there, but its lists are not"
    return found


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_every_row_of_the_open_supply_hub_lists_is_a_supplier_or_named(shared_data: Path) -> None:
    total = 0
    for path in supplier_csvs(shared_data):
        rows = list(rows_of(path))
        found = read_suppliers(path)
        total += len(rows)
        assert len(found.items) + len(found.rejected) == len(rows), path.name
        assert all("says the same as" in row.reason for row in found.rejected), path.name
        told = {(" ".join(row["name"].split()), float(row["lat"]), float(row["lng"])) for row in rows if row["lat"]}
        read = {(item.names[0], item.lon_lat[1], item.lon_lat[0]) for item in found.items if item.lon_lat}
        assert read == told, path.name
        assert all(item.addresses[0].lines and item.addresses[0].country for item in found.items), path.name
    assert total > 700


def test_repeats_in_the_open_supply_hub_lists_are_repeats(shared_data: Path) -> None:
    for path in supplier_csvs(shared_data):
        plain = [tuple(" ".join(cell.casefold().split()) for cell in row.values()) for row in rows_of(path)]
        assert len(read_suppliers(path).rejected) == len(plain) - len(set(plain)), path.name


def test_the_workbook_says_what_its_csv_says(shared_data: Path) -> None:
    folder = reference(shared_data) / "suppliers" / "open_supply_hub"
    book = openpyxl.load_workbook(folder / "12.xlsx")
    count = sum(1 for row in book.worksheets[0].iter_rows(min_row=2, values_only=True) if any(row))
    found = read_suppliers(folder / "12.xlsx")
    assert len(found.items) + len(found.rejected) == count
    of_csv = read_suppliers(folder / "geocoded" / "12.csv")
    assert [item.names for item in found.items] == [item.names for item in of_csv.items]


def test_the_current_upload_form_is_read(shared_data: Path) -> None:
    path = reference(shared_data) / "formats" / "open_supply_hub_api" / "e2e_upload_sample.csv"
    found = read_suppliers(path)
    assert len(found.items) == len(list(rows_of(path)))
    assert all(item.parent for item in found.items)


def test_all_facilities_of_the_aspi_table_are_read(shared_data: Path) -> None:
    path = reference(shared_data) / "facilities" / "aspi_xjdp_CampDataset_v1.csv"
    found = import_facilities(path)
    assert len(found.items) == len(list(rows_of(path))) == 380
    assert found.rejected == ()


def test_all_camps_of_the_openstreetmap_extract_are_read(shared_data: Path) -> None:
    path = reference(shared_data) / "facilities" / "osm_reeducation_camps_2021-03-15.osm"
    tagged = [
        {tag.get("k"): tag.get("v") for tag in element.iter("tag")}
        for element in ET.parse(path).getroot()  # noqa: S314 - a file of our own folder
        if element.find("tag") is not None
    ]
    camps = [tags for tags in tagged if "prison_camp" in tags]
    found = import_facilities(path)
    assert len(found.items) == len(camps)
    assert len(found.items) + len(found.rejected) == len(tagged)
    assert {one.kind for one in found.items} == {FacilityKind.CAMP}
    areas = [one.location_4326 for one in found.items if one.location_4326.geom_type == "Polygon"]
    assert len(areas) >= 109


def test_the_names_of_real_orders_come_apart_as_people_took_them_apart(shared_data: Path) -> None:
    """Cells with the names that OpenSanctions' editors found in them; some acronyms in brackets they left in."""
    yaml = pytest.importorskip("yaml")
    path = reference(shared_data) / "entities" / "opensanctions_us_cbp_forced_labor.yml"
    options = yaml.safe_load(path.read_text(encoding="utf-8"))["lookups"]["name"]["options"]
    right = 0
    for option in options:
        expected = {
            _bare(name) for one in option["entities"] for key in ("name", "alias") for name in _many(one.get(key))
        }
        right += expected <= {_bare(name) for one in unpack(option["match"]) for name in (one.name, *one.aliases)}
    assert len(options) >= 70
    assert right >= 0.94 * len(options)


def _many(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _bare(text: str) -> str:
    return " ".join(text.strip(" ;,.").split())
