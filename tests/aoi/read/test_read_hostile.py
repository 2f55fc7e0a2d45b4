"""Hostile and damaged lists: an error in one line or a correct import, and nothing else."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.read.entities import read_entities
from aoi.read.imported import Import
from aoi.read.limits import ReadLimits
from aoi.read.links import read_links
from aoi.read.suppliers import read_suppliers
from aoi.read.table import read_tables
from aoi.read.vector import import_areas, import_facilities
from geo.errors import AoiError, SitewatchError

Reader = Callable[[Path], Import[Any]]

SUPPLIERS = (
    "country,name,address,sector,lat,lng\n"
    'China,"Anhui A Textile Co., Ltd.","No. 1 Road, Hefei",Apparel,31.82,117.22\n'
    'CN,"B, Inc.","Two\nlines",Apparel|Toys,,\n'
    "中国,新疆丙厂,和田地区,服装,37.11,79.92\n"
)
UFLPA_PAGE = (
    "<html><p>Section A</p><table><tr><th>Name of Entity</th><th>Effective Date</th></tr>"
    "<tr><td>A Co., Ltd. (including two aliases: B; and C) and subsidiaries</td><td>June 21, 2022</td></tr></table>"
)
LINES = "\n".join(
    json.dumps(one)
    for one in (
        {"id": "c1", "schema": "Company", "target": True, "properties": {"name": ["A Co."], "addressEntity": ["a1"]}},
        {"id": "a1", "schema": "Address", "properties": {"full": ["No. 1"], "country": ["cn"]}},
        {"id": "s1", "schema": "Sanction", "properties": {"entity": ["c1"], "startDate": ["2022-06-21"]}},
        {"id": "c2", "schema": "Company", "properties": {"name": ["B Co."]}},
        {"id": "o1", "schema": "Ownership", "properties": {"owner": ["c2"], "asset": ["c1"], "percentage": ["51"]}},
    )
)
OSM = (
    '<?xml version="1.0"?><osm version="0.6"><node id="1" lat="39.0" lon="76.0"/><node id="2" lat="39.0" lon="76.01"/>'
    '<node id="3" lat="39.01" lon="76.01"/><way id="9"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/>'
    '<tag k="amenity" v="prison"/><tag k="name" v="监狱"/></way></osm>'
)
KML = (
    '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>A</name>'
    "<Point><coordinates>88.2,43.3</coordinates></Point></Placemark></Document></kml>"
)
PLACES = 'name,latitude,longitude,kind\nA,43.38,88.29,camp\nB,"43°23\'02""N","88°17\'E",factory\n'
LINKS = "owner,owned,share,since\nA,B,51%,2019-01-01\nB,C,12,2020\n"


def workbook_bytes() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["A brand's list"])
    sheet.append(["Factory Name", "Address", "Country"])
    sheet.append(["A Co., Ltd.", "No. 1 Road", "China"])
    sheet.append(["B Co., Ltd.", "No. 2 Road", "China"])
    sheet.merge_cells("C3:C4")
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


VALID: tuple[tuple[str, bytes, Reader], ...] = (
    ("s.csv", SUPPLIERS.encode(), read_suppliers),
    ("s.tsv", SUPPLIERS.replace(",", "\t").encode("gb18030"), read_suppliers),
    ("s.xlsx", workbook_bytes(), read_suppliers),
    ("s.json", json.dumps([{"name": "A", "country": {"alpha_2": "CN"}, "os_id": "CN1"}]).encode(), read_suppliers),
    ("e.html", UFLPA_PAGE.encode(), read_entities),
    ("e.csv", b"Name of Entity,Effective Date\nA (and one alias: B),6/21/2022\n", read_entities),
    ("e.ftm.json", LINES.encode(), read_entities),
    ("l.ftm.json", LINES.encode(), read_links),
    ("l.csv", LINKS.encode(), read_links),
    ("f.osm", OSM.encode(), import_facilities),
    ("f.kml", KML.encode(), import_facilities),
    ("f.csv", PLACES.encode("utf-16"), import_facilities),
    ("a.csv", PLACES.encode(), import_areas),
)
IDS = [f"{name}-{reader.__name__}" for name, _, reader in VALID]


def attempt(path: Path, data: bytes, reader: Reader) -> Import[Any] | None:
    """Read `data`; an error must be of this project, in one line, and name the file."""
    path.write_bytes(data)
    try:
        found = reader(path)
    except SitewatchError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert path.name in message
        assert "\n" not in message
        return None
    assert found.rows_read >= len(found.rejected)
    assert all(row.reason and row.where for row in found.rejected)
    return found


@pytest.mark.parametrize(("name", "data", "reader"), VALID, ids=IDS)
def test_the_files_that_are_damaged_below_are_whole(tmp_path: Path, name: str, data: bytes, reader: Reader) -> None:
    found = attempt(tmp_path / name, data, reader)
    assert found is not None
    assert found.items


@pytest.mark.parametrize(("name", "data", "reader"), VALID, ids=IDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.data())
def test_a_damaged_file_is_an_error_or_an_import(
    tmp_path: Path, name: str, data: bytes, reader: Reader, noise: st.DataObject
) -> None:
    at = noise.draw(st.integers(0, len(data)))
    gone = noise.draw(st.integers(0, 40))
    put = noise.draw(
        st.binary(max_size=40) | st.sampled_from([b'"', b"\x00", b",", b"\n", b"<", b"{", b"\xff", b"[" * 40])
    )
    attempt(tmp_path / name, data[:at] + put + data[at + gone :], reader)


@pytest.mark.parametrize(("name", "data", "reader"), VALID, ids=IDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300))
def test_noise_is_an_error_or_an_import(tmp_path: Path, name: str, data: bytes, reader: Reader, noise: bytes) -> None:
    assert noise != data
    attempt(tmp_path / name, noise, reader)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"]), noise=st.data())
def test_damage_inside_a_workbook_is_an_error_or_an_import(tmp_path: Path, part: str, noise: st.DataObject) -> None:
    source = zipfile.ZipFile(io.BytesIO(workbook_bytes()))
    text = source.read(part)
    at = noise.draw(st.integers(0, len(text)))
    put = noise.draw(
        st.sampled_from([b"", b'"', b"</c>", b"99999999", b"<row r='5'>", b"ZZZZ1", b"&x;", b"<f>A1</f>", b"-"])
    )
    damaged = text[:at] + put + text[at + noise.draw(st.integers(0, 10)) :]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name, damaged if name == part else source.read(name))
    attempt(tmp_path / "d.xlsx", buffer.getvalue(), read_suppliers)


def refused(path: Path, data: bytes, reader: Reader) -> str:
    path.write_bytes(data)
    with pytest.raises(AoiError) as caught:
        reader(path)
    assert path.name in str(caught.value)
    return str(caught.value)


LAUGHS = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "f.osm", f'{LAUGHS}<osm><node id="1" lat="1" lon="1"><tag k="name" v="&c;"/></node></osm>', id="osm"
        ),
        pytest.param("f.kml", f"{LAUGHS}<kml><Placemark><name>&c;</name></Placemark></kml>", id="kml"),
        pytest.param(
            "f.osm",
            '<?xml version="1.0"?><!DOCTYPE o [<!ENTITY f SYSTEM "file:///etc/passwd">]><osm><note>&f;</note></osm>',
            id="a-file-beside",
        ),
    ],
)
def test_xml_that_defines_entities_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert "entities" in refused(tmp_path / name, text.encode(), import_facilities)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_workbook_that_defines_entities_is_refused(tmp_path: Path) -> None:
    source = zipfile.ZipFile(io.BytesIO(workbook_bytes()))
    members = {name: source.read(name) for name in source.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].decode()
    head = "" if sheet.startswith("<?xml") else LAUGHS
    members["xl/worksheets/sheet1.xml"] = (head + sheet.replace("No. 1", "&c;")).encode()
    assert refused(tmp_path / "s.xlsx", zipped(**members), read_suppliers)


@pytest.mark.parametrize(
    ("name", "member", "reader"),
    [
        pytest.param("s.xlsx", "xl/worksheets/sheet1.xml", read_suppliers, id="workbook"),
        pytest.param("f.kmz", "doc.kml", import_facilities, id="kmz"),
    ],
)
def test_an_archive_that_blows_up_is_refused(tmp_path: Path, name: str, member: str, reader: Reader) -> None:
    bomb = zipped(**{member: b"<a>" + b" " * 60_000_000})
    assert len(bomb) < 100_000
    assert "times its size" in refused(tmp_path / name, bomb, reader)


@pytest.mark.parametrize("member", ["../doc.kml", "/etc/doc.kml", "a/../../doc.kml", "C:/doc.kml", "..\\doc.kml"])
def test_an_archive_whose_paths_lead_out_is_refused(tmp_path: Path, member: str) -> None:
    assert "leads out" in refused(tmp_path / "f.kmz", zipped(**{member: KML.encode()}), import_facilities)


def test_a_kmz_is_read(tmp_path: Path) -> None:
    found = attempt(tmp_path / "f.kmz", zipped(**{"doc.kml": KML.encode()}), import_facilities)
    assert found is not None
    assert found.items[0].names == ("A",)


def test_entities_in_a_kmz_are_refused(tmp_path: Path) -> None:
    text = f"{LAUGHS}<kml><Placemark><name>&c;</name></Placemark></kml>"
    assert "entities" in refused(tmp_path / "f.kmz", zipped(**{"doc.kml": text.encode()}), import_facilities)


def test_a_virtual_layer_is_refused(tmp_path: Path) -> None:
    text = '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/hosts</SrcDataSource></OGRVRTLayer>'
    assert "virtual layer" in refused(tmp_path / "f.geojson", text.encode(), import_facilities)


def test_more_rows_than_allowed_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,country\n" + "A,China\n" * 50)
    found = read_suppliers(path, limits=ReadLimits(rows=10))
    assert any("more than 10 rows" in row.reason for row in found.rejected)


def test_a_sheet_that_claims_a_billion_rows_is_refused_soon(tmp_path: Path) -> None:
    source = zipfile.ZipFile(io.BytesIO(workbook_bytes()))
    members = {name: source.read(name) for name in source.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].decode()
    members["xl/worksheets/sheet1.xml"] = sheet.replace('<row r="4"', '<row r="999999999"').encode()
    assert "rows" in refused(tmp_path / "s.xlsx", zipped(**members), read_suppliers)


def test_a_file_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name\n" + "A\n" * 1000)
    with pytest.raises(AoiError, match=r"s\.csv: has 2,005 bytes; at most 100"):
        read_tables(path, limits=ReadLimits(document_bytes=100))


def test_a_cell_of_a_megabyte_is_kept_aside_and_the_rows_around_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"name,country\nA,China\n{'x' * 1_000_000},China\nB,China\n")
    found = read_suppliers(path)
    assert [item.names for item in found.items] == [("A",), ("B",)]
    assert [row.where for row in found.rejected] == [f"{path}, row 3"]


def test_a_row_with_nul_is_kept_aside_and_a_file_of_nul_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"name,country\nA,China\nB\x00,China\n" + b"C,China\n" * 60)
    found = read_suppliers(path)
    assert [row.reason for row in found.rejected if row.where.endswith("row 3")] == ["holds NUL bytes"]
    assert "NUL" in refused(tmp_path / "z.csv", b"\x00" * 500, read_suppliers)


def test_old_workbooks_are_refused_by_name_and_by_content(tmp_path: Path) -> None:
    assert "save it as XLSX" in refused(tmp_path / "s.xls", b"anything", read_suppliers)
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 100
    assert "old Excel, or encrypted" in refused(tmp_path / "s.xlsx", old, read_suppliers)


def test_deep_json_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text('{"id": "a", "schema": "Company", "properties": {"name": ["A"]}}\n' + "[" * 100_000 + "\n")
    found = read_entities(path)
    assert len(found.items) == 1
    assert len(found.rejected) == 1
