"""The readers of areas and facilities: what they accept, and that every error names file and row."""

import json
import string
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box, mapping
from shapely.geometry.base import BaseGeometry

from aoi.areas import EVENTS, Area, Purpose
from aoi.facilities import Facility, FacilityKind
from aoi.read.vector import areas_frame, facilities_frame, read_areas, read_facilities
from geo.crs import reproject
from geo.errors import AoiError

SQUARE = box(88.25, 43.37, 88.31, 43.40)
BOW_TIE = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])

Feature = tuple[Mapping[str, Any], BaseGeometry | Mapping[str, Any] | None]


def write_geojson(path: Path, *features: Feature) -> Path:
    path.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": dict(cells),
                        "geometry": mapping(shape) if isinstance(shape, BaseGeometry) else shape,
                    }
                    for cells, shape in features
                ],
            }
        ),
        encoding="utf-8",
    )
    return path


def test_every_column_of_an_area_is_read(tmp_path: Path) -> None:
    cells = {
        "ID": "dab",
        "Name": "达坂城",
        "purpose": "Search",
        "events": "construction, desecuritisation",
        "since": "2017-03-02",
        "colour": "red",
    }
    path = write_geojson(tmp_path / "areas.geojson", (cells, SQUARE))
    assert read_areas(path) == (
        Area(
            area_id="dab",
            name="达坂城",
            polygon_4326=SQUARE,
            purpose=Purpose.SEARCH,
            events=("construction", "desecuritisation"),
            since=date(2017, 3, 2),
        ),
    )


def test_every_column_of_a_facility_is_read(tmp_path: Path) -> None:
    cells = {
        "id": 17,
        "name": "Camp one",
        "names": "第一|Camp one; Camp 1",
        "kind": "Industrial park",
        "status": "active",
        "source": "survey",
        "position_error_m": "50",
    }
    path = write_geojson(tmp_path / "facilities.geojson", (cells, Point(88.2, 43.3)))
    assert read_facilities(path) == (
        Facility(
            facility_id="17",
            names=("第一", "Camp one", "Camp 1"),
            location_4326=Point(88.2, 43.3),
            kind=FacilityKind.INDUSTRIAL_PARK,
            status="active",
            source="survey",
            position_error_m=50.0,
        ),
    )


def test_empty_cells_mean_the_defaults(tmp_path: Path) -> None:
    cells = {
        "id": "a",
        "name": None,
        "purpose": "",
        "events": None,
        "since": None,
        "kind": " ",
        "position_error_m": None,
    }
    path = write_geojson(tmp_path / "x.geojson", (cells, SQUARE))
    (area,) = read_areas(path)
    (facility,) = read_facilities(path)
    assert area == Area(area_id="a", name="a", polygon_4326=SQUARE)
    assert facility == Facility(facility_id="a", names=("a",), location_4326=SQUARE)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(["expansion", "construction"], ("expansion", "construction"), id="list"),
        pytest.param('["expansion"]', ("expansion",), id="json-text"),
        pytest.param("Expansion ,construction,", ("expansion", "construction"), id="commas"),
        pytest.param([], EVENTS, id="empty-list"),
    ],
)
def test_events_may_be_a_list_or_text(tmp_path: Path, events: object, expected: tuple[str, ...]) -> None:
    path = write_geojson(tmp_path / "a.geojson", ({"id": "a", "events": events}, SQUARE))
    assert read_areas(path)[0].events == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param({"names": "A | B;C"}, ("A", "B", "C"), id="names"),
        pytest.param({"name": "A|B"}, ("A", "B"), id="several-in-name"),
        pytest.param({"name": "Best", "names": "A|B"}, ("Best", "A", "B"), id="name-comes-first"),
        pytest.param({"name": "B", "names": "A|B"}, ("A", "B"), id="names-keeps-its-order"),
        pytest.param({"names": ["A; B", "C"]}, ("A; B", "C"), id="list-keeps-separators"),
    ],
)
def test_names_may_be_many(tmp_path: Path, cells: Mapping[str, object], expected: tuple[str, ...]) -> None:
    path = write_geojson(tmp_path / "f.geojson", ({"id": "f", **cells}, Point(1, 2)))
    assert read_facilities(path)[0].names == expected


def test_ids_are_made_from_names(tmp_path: Path) -> None:
    names = ["Ürümqi No. 3", "达坂城", "和田", "达坂城 camp", "和田 camp"]
    path = write_geojson(tmp_path / "a.geojson", *(({"name": name}, SQUARE) for name in names))
    ids = [area.area_id for area in read_areas(path)]
    assert ids[0] == "urumqi-no-3"
    assert len(set(ids)) == len(names)
    assert ids == [area.area_id for area in read_areas(path)]


def test_a_bare_outline_is_called_after_its_file(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "Beihai Port.geojson", ({}, SQUARE))
    assert [(area.area_id, area.name) for area in read_areas(path)] == [("beihai-port", "Beihai Port")]


def test_a_name_that_looks_like_a_date_stays_as_it_is(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", ({"id": "a", "name": "2017/01/02"}, SQUARE))
    assert read_areas(path)[0].name == "2017/01/02"


def test_height_is_dropped(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "f.geojson", ({"id": "f"}, Point(1, 2, 300)))
    assert read_facilities(path)[0].location_4326 == Point(1, 2)
    assert not read_facilities(path)[0].location_4326.has_z


def test_whole_numbers_beside_an_empty_cell_are_ids_without_a_point(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", ({"id": 7}, SQUARE), ({"id": None, "name": "b"}, SQUARE))
    assert [area.area_id for area in read_areas(path)] == ["7", "b"]


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".kml"])
def test_formats_agree(tmp_path: Path, suffix: str) -> None:
    area = Area(area_id="dab", name="Dabancheng", polygon_4326=SQUARE, events=("expansion",), since=date(2018, 1, 2))
    path = tmp_path / f"areas{suffix}"
    areas_frame([area]).to_file(path)
    (read,) = read_areas(path)
    assert (read.area_id, read.name, read.events, read.since) == ("dab", "Dabancheng", ("expansion",), date(2018, 1, 2))
    assert read.polygon_4326.symmetric_difference(SQUARE).area < 1e-12


def test_a_shapefile_with_cut_column_names_is_understood(tmp_path: Path) -> None:
    facility = Facility(facility_id="f", names=("A", "B"), location_4326=Point(1, 2), position_error_m=12.5)
    frame = facilities_frame([facility]).rename(columns={"position_error_m": "position_e"})
    frame.to_file(tmp_path / "f.shp")
    assert read_facilities(tmp_path / "f.shp") == (facility,)


@pytest.mark.parametrize("epsg", [32645, 3857, 4490])
def test_any_crs_is_converted(tmp_path: Path, epsg: int) -> None:
    path = tmp_path / "areas.gpkg"
    areas_frame([Area(area_id="a", name="a", polygon_4326=SQUARE)]).to_crs(epsg).to_file(path)
    (area,) = read_areas(path)
    expected = reproject(reproject(SQUARE, from_epsg=4326, to_epsg=epsg), from_epsg=epsg, to_epsg=4326)
    assert area.polygon_4326.equals_exact(expected, 1e-9)


def test_kml_folders_are_read_together(tmp_path: Path) -> None:
    placemark = (
        "<Folder><name>{0}</name><Placemark><name>{0}</name><Point>"
        "<coordinates>88,43,5</coordinates></Point></Placemark></Folder>"
    )
    body = placemark.format("north") + placemark.format("south")
    path = tmp_path / "places.kml"
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>')
    assert [facility.facility_id for facility in read_facilities(path)] == ["north", "south"]


def test_of_several_layers_the_one_with_the_right_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "all.gpkg"
    areas_frame([Area(area_id="a", name="a", polygon_4326=SQUARE)]).to_file(path, layer="areas")
    facilities_frame([Facility(facility_id="f", names=("f",), location_4326=Point(1, 2))]).to_file(
        path, layer="facilities"
    )
    assert [area.area_id for area in read_areas(path)] == ["a"]
    assert [facility.facility_id for facility in read_facilities(path)] == ["f"]


def test_several_layers_without_the_right_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.gpkg"
    frame = areas_frame([Area(area_id="a", name="a", polygon_4326=SQUARE)])
    frame.to_file(path, layer="north")
    frame.to_file(path, layer="south")
    with pytest.raises(AoiError, match=r"all\.gpkg: has several layers and none is called 'areas': north, south"):
        read_areas(path)


GOOD: Feature = ({"id": "good"}, SQUARE)


@pytest.mark.parametrize(
    ("cells", "shape", "words"),
    [
        pytest.param({"id": "bow"}, BOW_TIE, r"not valid: Self-intersection", id="crosses-itself"),
        pytest.param({"id": "none"}, None, "has no geometry", id="no-geometry"),
        pytest.param({"id": "e"}, {"type": "Polygon", "coordinates": []}, "geometry is empty", id="empty-geometry"),
        pytest.param(
            {"id": "open"},
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]},
            "geometry cannot be used: .*closed",
            id="open-ring",
        ),
        pytest.param({"id": "line"}, {"type": "LineString", "coordinates": [[0, 0], [1, 0]]}, "LineString", id="line"),
        pytest.param({"id": "good"}, SQUARE, "id 'good' stands already in row 1", id="duplicate"),
        pytest.param({"id": "a b"}, SQUARE, "an id has 1 to 64 letters", id="bad-id"),
        pytest.param({"id": "m"}, box(500000, 4800000, 501000, 4801000), "longitude", id="metres"),
        pytest.param({"id": "far"}, box(43, 88, 44, 93), "latitude", id="latitude-first"),
        pytest.param({"colour": "red"}, SQUARE, "needs an id or a name", id="nameless"),
    ],
)
@pytest.mark.parametrize("read", [read_areas, read_facilities])
def test_a_wrong_row_is_named(
    tmp_path: Path,
    read: Callable[[Path], object],
    cells: Mapping[str, object],
    shape: BaseGeometry | Mapping[str, Any] | None,
    words: str,
) -> None:
    path = write_geojson(tmp_path / "sites.geojson", GOOD, (cells, shape))
    label = rf" \({cells['id']}\)" if "id" in cells else ""
    with pytest.raises(AoiError, match=rf"sites\.geojson, row 2{label}: .*{words}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        pytest.param({"purpose": "spy"}, "purpose must be among search, site; got 'spy'", id="purpose"),
        pytest.param({"events": "construction,party"}, "events must be among .*; got party", id="event"),
        pytest.param({"since": "spring 2017"}, "since must be a date .*; got 'spring 2017'", id="date"),
        pytest.param({"since": "2017-02-30"}, "since must be a date", id="no-such-day"),
    ],
)
def test_a_wrong_cell_of_an_area_is_named(tmp_path: Path, cells: Mapping[str, object], words: str) -> None:
    path = write_geojson(tmp_path / "areas.geojson", ({"id": "a"}, SQUARE), ({"id": "b", **cells}, SQUARE))
    with pytest.raises(AoiError, match=rf"areas\.geojson, row 2 \(b\): {words}"):
        read_areas(path)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        pytest.param({"kind": "castle"}, "kind must be among camp, prison, .*; got 'castle'", id="kind"),
        pytest.param(
            {"position_error_m": "near"}, "position_error_m must be a number of metres; got 'near'", id="text"
        ),
        pytest.param({"position_error_m": -1}, "position_error_m cannot be negative", id="negative"),
    ],
)
def test_a_wrong_cell_of_a_facility_is_named(tmp_path: Path, cells: Mapping[str, object], words: str) -> None:
    path = write_geojson(tmp_path / "f.geojson", ({"id": "a"}, SQUARE), ({"id": "b", **cells}, SQUARE))
    with pytest.raises(AoiError, match=rf"f\.geojson, row 2 \(b\): .*{words}"):
        read_facilities(path)


def test_an_area_cannot_be_a_point(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", ({"id": "p"}, Point(1, 2)))
    with pytest.raises(AoiError, match=r"row 1 \(p\): area p: a polygon is needed; got a Point"):
        read_areas(path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("a.geojson", '{"type": "FeatureColl', "cannot be read as GeoJSON", id="cut-json"),
        pytest.param("a.geojson", "", "cannot be read as GeoJSON", id="nothing"),
        pytest.param("a.gpkg", "not a database", "cannot be read as GeoJSON", id="not-a-geopackage"),
        pytest.param("a.shp", "\x00\x00", "cannot be read as GeoJSON", id="broken-shapefile"),
        pytest.param("a.txt", "hello", "cannot be read as GeoJSON", id="no-vector-file"),
        pytest.param("a.csv", "id,name\na,b\n", "not read, for no column is understood as latitude", id="table"),
        pytest.param("a.geojson", '{"type": "FeatureCollection", "features": []}', "is empty", id="no-features"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(AoiError, match=rf"{name}: {words}") as caught:
        read_areas(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match=r"nowhere\.geojson: there is no such file"):
        read_areas(tmp_path / "nowhere.geojson")


def test_a_shapefile_without_crs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.shp"
    areas_frame([Area(area_id="a", name="a", polygon_4326=SQUARE)]).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(AoiError, match=r"a\.shp: has no coordinate reference system"):
        read_areas(path)


def test_no_areas_and_no_facilities_still_have_their_columns() -> None:
    for frame in (areas_frame([]), facilities_frame([])):
        assert frame.empty
        assert frame.crs.to_epsg() == 4326
        assert "id" in frame.columns


ids = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12).map(lambda text: f"x{text}")
texts = (
    st.text(st.characters(blacklist_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda text: text and text[0] not in "[{")  # GDAL writes text that is JSON as JSON
)
boxes = st.builds(
    lambda west, south, width, height: box(west, south, west + width, south + height),
    st.floats(-179, 170),
    st.floats(-89, 80),
    st.floats(1e-4, 9),
    st.floats(1e-4, 9),
)
outlines = boxes | boxes.map(lambda one: MultiPolygon([one]))
areas = st.builds(
    Area,
    area_id=ids,
    name=texts,
    polygon_4326=outlines,
    purpose=st.sampled_from(Purpose),
    events=st.lists(st.sampled_from(EVENTS), min_size=1, unique=True).map(tuple),
    since=st.none() | st.dates(date(1984, 1, 1), date(2100, 1, 1)),
)
facilities = st.builds(
    Facility,
    facility_id=ids,
    names=st.lists(texts, min_size=1, max_size=3).map(tuple),
    location_4326=outlines | st.builds(Point, st.floats(-180, 180), st.floats(-90, 90)),
    kind=st.sampled_from(FacilityKind),
    status=texts,
    source=texts,
    position_error_m=st.floats(0, 1e5),
)


def assert_same(read: Area | Facility, written: Area | Facility, column: str) -> None:
    for name in written.__dataclass_fields__:
        if name == column:
            assert getattr(read, name).equals_exact(getattr(written, name), 1e-9)
        else:
            assert getattr(read, name) == getattr(written, name)


def through_a_file(frame: gpd.GeoDataFrame, folder: Path) -> Path:
    path = folder / "rows.geojson"
    frame.to_file(path, driver="GeoJSON")
    return path


@settings(max_examples=20)
@given(written=st.lists(areas, min_size=1, max_size=4, unique_by=lambda area: area.area_id))
def test_areas_written_are_areas_read(tmp_path_factory: pytest.TempPathFactory, written: list[Area]) -> None:
    path = through_a_file(areas_frame(written), tmp_path_factory.mktemp("areas"))
    for got, expected in zip(read_areas(path), written, strict=True):
        assert_same(got, expected, "polygon_4326")


@settings(max_examples=20)
@given(written=st.lists(facilities, min_size=1, max_size=4, unique_by=lambda facility: facility.facility_id))
def test_facilities_written_are_facilities_read(
    tmp_path_factory: pytest.TempPathFactory, written: list[Facility]
) -> None:
    path = through_a_file(facilities_frame(written), tmp_path_factory.mktemp("facilities"))
    for got, expected in zip(read_facilities(path), written, strict=True):
        assert_same(got, expected, "location_4326")


@pytest.mark.realdata
@pytest.mark.parametrize("city", ["beihai", "abudhabi", "paris"])
def test_the_outlines_of_cities_are_areas(shared_data: Path, city: str) -> None:
    path = shared_data / "oscd" / "images" / city / f"{city}.geojson"
    (area,) = read_areas(path)
    assert area.area_id == city
    assert area.polygon_4326.equals(gpd.read_file(path).geometry[0])
