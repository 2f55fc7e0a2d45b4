"""What is handed over reads back the same in independent readers, and carries who must be named."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from defusedxml import ElementTree
from shapely.geometry import Point, Polygon

from detection.schema import as_detections
from geo.errors import ConfigError, OutputError
from outputs.layers.handover import SHAPEFILE_NAMES, WRITERS, write_handover
from outputs.layers.kml import NAMESPACE

CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"
KML = {"k": NAMESPACE}


def _parquet(path: Path) -> gpd.GeoDataFrame:
    pytest.importorskip("pyarrow")
    return gpd.read_parquet(path)


def _ogr(path: Path) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path)


READERS: Mapping[str, Callable[[Path], gpd.GeoDataFrame]] = {".fgb": _ogr, ".geojson": _ogr, ".parquet": _parquet}


def differing(read: gpd.GeoDataFrame, expected: gpd.GeoDataFrame) -> float:
    """Return the largest area, in square degrees, by which two outlines in the same row differ."""
    both = shapely.symmetric_difference(read.geometry.to_numpy(), expected.geometry.to_numpy())
    return float(shapely.area(both).max())


def text_of(element: Element, path: str) -> str:
    found = element.findtext(path, namespaces=dict(KML))
    assert found is not None, path
    return found


@pytest.mark.parametrize("suffix", READERS)
def test_every_value_and_outline_comes_back(suffix: str, detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"detections{suffix}"
    write_handover(path, detections.to_crs(32645), credit=CREDIT)
    read = READERS[suffix](path)
    assert read.crs.to_epsg() == 4326
    assert set(read["attribution"]) == {CREDIT}
    back = as_detections(read.drop(columns="attribution")).set_index("detection_id").loc[detections["detection_id"]]
    expected = detections.set_index("detection_id")
    assert differing(back, expected) < 1e-9
    names = [name for name in expected.columns if name not in {"geometry", "evidence", "scene_ids"}]
    pd.testing.assert_frame_equal(pd.DataFrame(back[names]), pd.DataFrame(expected[names]), check_dtype=False)


def test_a_shapefile_keeps_what_it_can_hold_and_says_what_not(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    long = detections.assign(evidence=["x" * 300] * len(detections))
    write_handover(tmp_path / "out.shp", long, credit=CREDIT)
    read = pyogrio.read_dataframe(tmp_path / "out.shp" / "out.shp")
    assert len(read) == 6
    assert set(read["credit"]) == {CREDIT}
    assert dict(zip(read["id"], read["event"], strict=True)) == dict(
        zip(detections["detection_id"], detections["event"], strict=True)
    )
    told = pd.read_csv(tmp_path / "out.shp" / "columns.csv").set_index("means")["column"]
    assert told["evidence"].startswith("(left out")
    assert set(read.columns) == set(told[~told.str.startswith("(")])
    assert all(len(name) <= 10 for name in read.columns if name != "geometry")


def test_no_column_of_the_schema_is_cut_by_a_shapefile(detections: gpd.GeoDataFrame) -> None:
    names = [SHAPEFILE_NAMES.get(name, name) for name in [*detections.columns, "attribution"] if name != "geometry"]
    assert max(map(len, names)) <= 10
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_kml_reads_back_by_gdal_with_the_same_outlines(
    suffix: str, detections: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = tmp_path / f"out{suffix}"
    write_handover(path, detections, credit=CREDIT)
    layers = pd.concat([pyogrio.read_dataframe(path, layer=name) for name in pyogrio.list_layers(path)[:, 0]])
    read = layers.set_index("detection_id").loc[detections["detection_id"]]
    assert differing(read, detections) < 1e-9
    assert [float(value) for value in read["confidence"]] == pytest.approx(list(detections["confidence"]))


def test_a_kmz_carries_time_style_and_the_picture_of_each(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    picture = tmp_path / "camp.png"
    picture.write_bytes(b"\x89PNG of the camp")
    path = tmp_path / "out.kmz"
    write_handover(path, detections, credit=CREDIT, pictures={"camp": picture})
    with zipfile.ZipFile(path) as archive:
        assert archive.read("pictures/camp.png") == picture.read_bytes()
        root = ElementTree.fromstring(archive.read("doc.kml"))
    styles = {style.get("id") for style in root.iterfind(".//k:Style", KML)}
    marks = {mark.get("id"): mark for mark in root.iterfind(".//k:Placemark", KML)}
    assert len(marks) == 6
    for mark in marks.values():
        assert text_of(mark, "k:styleUrl").removeprefix("#") in styles
        assert text_of(mark, "k:TimeSpan/k:begin") == "2017-03-02"
        balloon = text_of(mark, "k:description")
        assert CREDIT in balloon
        assert "after 2017-03-02, by 2017-06-10" in balloon
        assert "not proof" in balloon
    assert "pictures/camp.png" in text_of(marks["d-camp"], "k:description")
    assert "<img" not in text_of(marks["d-park"], "k:description")


def test_the_same_detections_give_the_same_bytes(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    for name in ("a.kmz", "b.kmz"):
        write_handover(tmp_path / name, detections, credit=CREDIT)
    assert (tmp_path / "a.kmz").read_bytes() == (tmp_path / "b.kmz").read_bytes()


def test_a_hole_stays_a_hole_and_markup_stays_text(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    ring = Point(88.3, 43.4).buffer(0.01)
    one = detections.iloc[:1].assign(
        area_id="</description><script>x\x00", geometry=Polygon(ring.exterior, [ring.buffer(-0.005).exterior])
    )
    write_handover(tmp_path / "out.kml", one, credit=f"{CREDIT} <b>&</b>")
    read = pyogrio.read_dataframe(tmp_path / "out.kml")
    assert read.geometry.iloc[0].area == pytest.approx(one.geometry.iloc[0].area, rel=1e-4)
    assert read["area_id"].iloc[0] == "</description><script>x"
    assert b"<script>" not in (tmp_path / "out.kml").read_bytes()


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_no_detection_is_a_file_all_the_same(suffix: str, detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    write_handover(tmp_path / f"out{suffix}", detections.iloc[:0], credit=CREDIT)
    assert (tmp_path / f"out{suffix}").exists()


def test_an_unknown_suffix_is_named(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.dwg: expected a name that ends in one of \.fgb, \.geojson"):
        write_handover(tmp_path / "out.dwg", detections, credit=CREDIT)


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_what_the_disk_refuses_is_named(suffix: str, detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="nowhere"):
        write_handover(tmp_path / "nowhere" / f"out{suffix}", detections, credit=CREDIT)
