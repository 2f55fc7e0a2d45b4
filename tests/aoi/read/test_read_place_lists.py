"""Facilities and areas from tables and from OpenStreetMap, through the one door."""

import logging
from pathlib import Path

import openpyxl
import pytest
from pyproj import Geod
from shapely.geometry import MultiPolygon, Point, Polygon, shape

from aoi.facilities import FacilityKind
from aoi.gazetteer.coordinates import wgs84_to_gcj02
from aoi.read.vector import import_areas, import_facilities, read_areas, read_facilities
from geo.errors import AoiError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


TABLE = (
    "name,纬度,经度,kind,status,source,position_error_m\n"
    "营地一|Camp one,43.38385,88.28994,Re-education camp,active,survey,50\n"
    'Prison two,"43°30\'00""N","88°15\'00""E",prison,,,\n'
    "Park three,43.5,88.5,industrial park,,,\n"
    "Wrong,88.5,143.5,factory,,,\n"
    "Swapped,143.5,43.5,factory,,,\n"
    "Metres,4800000,500000,factory,,,\n"
    "Nowhere,,,factory,,,\n"
    "Odd,43.5,88.6,castle,,,\n"
    "Far,43.5,88.7,factory,,,about\n"
)


def test_facilities_of_a_table(tmp_path: Path) -> None:
    found = import_facilities(written(tmp_path / "f.csv", TABLE))
    by_id = {one.facility_id: one for one in found.items}
    camp = next(one for one in found.items if one.kind is FacilityKind.CAMP)
    assert camp.names == ("营地一", "Camp one")
    assert (camp.location_4326, camp.status, camp.source) == (Point(88.28994, 43.38385), "active", "survey")
    assert camp.position_error_m == 50.0
    assert by_id["prison-two"].location_4326.equals(Point(88.25, 43.5))
    assert by_id["park-three"].kind is FacilityKind.INDUSTRIAL_PARK
    assert {row.cells["name"]: row.reason.partition(": ")[2] or row.reason for row in found.rejected} == {
        "Swapped": "they may be swapped",
        "Metres": "they may be metres of another coordinate reference system",
        "Nowhere": "has no position",
        "Far": "position_error_m must be a number of metres of 0 or more; got 'about'",
    }
    assert any("the kind 'castle' is not known" in note for note in found.notes)
    assert found.rows_read == len(found.items) + len(found.rejected) == 9


def test_the_door_of_the_flows_warns_of_rows_that_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        items = read_facilities(written(tmp_path / "f.csv", TABLE))
    assert len(items) == 5
    assert sum("left out" in message for message in caplog.messages) == 4


def test_a_workbook_and_a_csv_say_the_same(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Watch list"],
        ["Name", "Latitude", "Longitude"],
        ["A", 43.5, 88.25],
        ["B", 43.6, 88.35],
    ]
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(tmp_path / "f.xlsx")
    text = written(tmp_path / "f.csv", "\n".join(",".join(map(str, row)) for row in rows[1:]))
    assert read_facilities(tmp_path / "f.xlsx") == read_facilities(text)


def test_positions_of_chinese_maps_are_moved_where_the_list_says_their_datum(tmp_path: Path) -> None:
    true = (87.6, 43.8)
    lon, lat = wgs84_to_gcj02(true)
    found = import_facilities(written(tmp_path / "f.csv", f"name,lat,lon,datum\nA,{lat:.9f},{lon:.9f},GCJ-02\n"))
    place = found.items[0].location_4326
    assert (place.x, place.y) == pytest.approx(true, abs=1e-6)
    assert any("converted from gcj02" in note for note in found.notes)


def test_places_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    items = read_facilities(written(tmp_path / "f.csv", "name,lat,lon\nA,43.5,88.1\nA,43.6,88.2\n"))
    assert len({one.facility_id for one in items}) == 2


def test_a_point_is_an_area_as_far_around_as_its_row_says(tmp_path: Path) -> None:
    text = (
        "name,lat,lon,radius_m,since,events\nA,43.5,88.1,2500,2017-03,construction\nB,43.6,88.2,,,\nC,43.5,88.1,-5,,\n"
    )
    found = import_areas(written(tmp_path / "a.csv", text))
    geod = Geod(ellps="WGS84")
    areas_m2 = [abs(geod.geometry_area_perimeter(one.polygon_4326)[0]) for one in found.items]
    assert areas_m2 == pytest.approx([3.1416 * 2500**2, 3.1416 * 1000**2], rel=0.01)
    assert found.items[0].events == ("construction",)
    assert str(found.items[0].since) == "2017-03-01"
    assert any("the area reaches 1000 m around it" in note for note in found.notes)
    assert "radius_m must be a number of metres" in found.rejected[0].reason


def test_an_outline_in_a_cell_is_read(tmp_path: Path) -> None:
    text = 'name,wkt\nA,"POLYGON ((88 43, 88.1 43, 88.1 43.1, 88 43))"\nB,"POLYGON ((88 43"\nC,"POINT (88.5 43.5)"\n'
    found = import_facilities(written(tmp_path / "f.csv", text))
    assert [one.location_4326.geom_type for one in found.items] == ["Polygon", "Point"]
    assert "well-known text" in found.rejected[0].reason


def test_a_mapping_may_be_said_for_places(tmp_path: Path) -> None:
    path = written(tmp_path / "f.csv", "Bezeichnung,B,L\nA,43.5,88.25\n")
    found = import_facilities(path, {"name": "Bezeichnung", "latitude": "B", "longitude": "L"})
    assert found.items[0].location_4326 == Point(88.25, 43.5)


def test_a_table_without_positions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match="no column is understood as latitude or position"):
        read_areas(written(tmp_path / "a.csv", "name,colour\nA,red\n"))


def test_bad_rows_of_a_vector_file_are_kept_aside_by_the_importing_door(tmp_path: Path) -> None:
    path = written(
        tmp_path / "f.geojson",
        '{"type": "FeatureCollection", "features": ['
        '{"type": "Feature", "properties": {"id": "a"}, "geometry": {"type": "Point", "coordinates": [88, 43]}},'
        '{"type": "Feature", "properties": {"id": "b"}, "geometry": null},'
        '{"type": "Feature", "properties": {"id": "a"}, "geometry": {"type": "Point", "coordinates": [88, 44]}}]}',
    )
    found = import_facilities(path)
    assert [one.facility_id for one in found.items] == ["a"]
    assert [row.reason for row in found.rejected] == ["has no geometry", "the id 'a' stands already in row 1"]
    with pytest.raises(AoiError, match="row 2"):
        read_facilities(path)


NODES = {1: (0, 0), 2: (4, 0), 3: (4, 4), 4: (0, 4), 5: (1, 1), 6: (2, 1), 7: (2, 2), 8: (1, 2), 9: (9, 9)}


def osm(*objects: str) -> str:
    nodes = "".join(f'<node id="{own}" lat="{lat}" lon="{lon}"/>' for own, (lon, lat) in NODES.items() if own != 9)
    return f'<?xml version="1.0"?><osm version="0.6">{nodes}{"".join(objects)}</osm>'


def way(own: int, refs: list[int], **tags: str) -> str:
    inside = "".join(f'<nd ref="{ref}"/>' for ref in refs) + "".join(
        f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in tags.items()
    )
    return f'<way id="{own}">{inside}</way>'


SQUARE, HOLE = [1, 2, 3, 4, 1], [5, 6, 7, 8, 5]


def test_objects_of_openstreetmap_become_facilities(tmp_path: Path) -> None:
    text = osm(
        way(10, SQUARE, amenity="prison", prison_camp="re-education", name="甲", name__en="A; B", name__ug="ئا"),
        way(11, SQUARE, landuse="industrial"),
        way(12, SQUARE, building="factory", disused__building="yes"),
        '<node id="9" lat="9" lon="9"><tag k="amenity" v="prison"/></node>',
    )
    found = import_facilities(written(tmp_path / "f.osm", text))
    by_id = {one.facility_id: one for one in found.items}
    camp = by_id["osm-way-10"]
    assert (camp.kind, camp.names) == (FacilityKind.CAMP, ("甲", "A", "B", "ئا"))
    assert camp.location_4326.equals(shape({"type": "Polygon", "coordinates": [[NODES[ref] for ref in SQUARE]]}))
    assert (by_id["osm-way-11"].kind, by_id["osm-way-11"].names) == (FacilityKind.INDUSTRIAL_PARK, ("way 11",))
    assert (by_id["osm-way-12"].kind, by_id["osm-way-12"].status) == (FacilityKind.FACTORY, "disused")
    assert (by_id["osm-node-9"].kind, by_id["osm-node-9"].location_4326) == (FacilityKind.PRISON, Point(9, 9))


def test_what_is_no_facility_in_openstreetmap_is_named(tmp_path: Path) -> None:
    text = osm(
        way(10, SQUARE, barrier="wall"),
        way(11, [1, 2, 3], amenity="prison"),
        way(12, [1, 2, 77, 1], amenity="prison"),
        way(13, [1, 2, 1, 1], amenity="prison"),
        way(14, SQUARE),
    )
    found = import_facilities(written(tmp_path / "f.osm", text))
    assert found.items == ()
    assert [row.reason.partition(":")[0] for row in found.rejected] == [
        "its tags tell of no facility",
        "is an open line, no outline",
        "reaches beyond the extract",
        "its outline encloses nothing",
    ]
    assert found.rows_read == 4


def test_a_multipolygon_has_its_hole(tmp_path: Path) -> None:
    relation = (
        '<relation id="20"><member type="way" ref="10" role="outer"/><member type="way" ref="11" role="outer"/>'
        '<member type="way" ref="12" role="inner"/>'
        '<tag k="type" v="multipolygon"/><tag k="amenity" v="prison"/></relation>'
    )
    text = osm(way(10, [1, 2, 3]), way(11, [3, 4, 1]), way(12, HOLE), relation)
    (one,) = read_facilities(written(tmp_path / "f.osm", text))
    assert isinstance(one.location_4326, Polygon | MultiPolygon)
    assert one.location_4326.area == pytest.approx(16 - 1)
    assert not one.location_4326.contains(Point(1.5, 1.5))


def test_areas_come_from_openstreetmap_as_well(tmp_path: Path) -> None:
    (one,) = read_areas(written(tmp_path / "a.osm", osm(way(10, SQUARE, amenity="prison", name="A"))))
    assert (one.area_id, one.name) == ("osm-way-10", "A")


def test_xml_that_is_no_extract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match="is no extract of OpenStreetMap"):
        read_facilities(written(tmp_path / "a.osm", "<gpx><osm/></gpx>"))
