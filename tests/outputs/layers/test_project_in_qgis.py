import shutil
import sqlite3
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from matplotlib.image import imread

from detection.schema import Event, Status, Verdict
from outputs.layers.drawn import drawn_rasters
from outputs.layers.geopackage import write_geopackage
from outputs.layers.project import fitted, write_run_project
from outputs.rasters.ramps import as_qml, spread_stops
from outputs.vocabulary import EVENT_WORDS

SCRIPT = Path(__file__).with_name("qgis_project_check.py")
MADE = datetime(2024, 5, 6, tzinfo=UTC)
InQgis = Callable[..., Mapping[str, Any]]


def _raster(path: Path, dtype: str, bands: tuple[str, ...], *, scale: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(bands)).integers(500, 3000, (len(bands), 60, 80)).astype(dtype)
    head = {"height": 60, "width": 80, "count": len(bands), "dtype": dtype, "crs": 32645, "driver": "GTiff"}
    with rasterio.open(path, "w", transform=Affine(10, 0, 601_500, 0, -10, 4_804_500), nodata=0, **head) as image:
        image.write(values)
        image.descriptions = bands
        image.scales = [scale] * len(bands)


@pytest.fixture
def run_folder(  # noqa: PLR0913, PLR0917 - one fixture a layer
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    perimeters: gpd.GeoDataFrame,
) -> Path:
    folder = tmp_path / "first place" / "run"
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    folder.mkdir(parents=True)
    write_geopackage(folder / "sitewatch.gpkg", {**tables, "perimeters": perimeters})
    for name in ("before", "after"):
        _raster(folder / "rasters" / "home" / f"{name}.tif", "uint16", ("B02", "B03", "B04", "B08"), scale=1e-4)
    _raster(folder / "rasters" / "home" / "onset.tif", "int32", ("onset",))
    (folder / "rasters" / "home" / "onset.qml").write_text(as_qml(spread_stops(500, 3000), ["a", "b", "c", "d", "e"]))
    write_run_project(folder, title="Six <changes> & more", credit="Somebody, 2017", made_at=MADE)
    return folder


@pytest.mark.qgis
def test_a_moved_project_opens_with_every_layer_theme_and_layout_and_without_a_word_of_complaint(
    run_folder: Path, tmp_path: Path, in_qgis: InQgis
) -> None:
    moved = tmp_path / "another place" / "copy"
    shutil.copytree(run_folder, moved)
    shutil.rmtree(run_folder)
    report = in_qgis(SCRIPT, moved / "sitewatch.qgz", tmp_path, "2017-03-10", "2017-01-01")
    layers = report["layers"]
    assert report["read"]
    assert (report["error"], report["messages"], report["title"]) == ("", [], "Six <changes> & more")
    assert [one["name"] for one in layers.values() if not one["valid"]] == []
    assert all(one["source"].startswith(str(moved)) for one in layers.values())
    assert report["groups"] == [
        "Facilities",
        "Perimeters",
        "Detections by event",
        "Coverage",
        "Rasters",
        "Dabancheng 达坂城",
    ]
    _layers_are_as_styled(layers)
    _themes_and_time_work(report)
    _layouts_are_whole(report, tmp_path)


def _layers_are_as_styled(layers: Mapping[str, Any]) -> None:
    everything = layers["sitewatch_detections_all"]
    assert everything["categories"][:2] == ["construction/confirmed", "construction/candidate"]
    assert len(everything["categories"]) == 2 * len(Event) + 4
    assert everything["labels"] == "QgsRuleBasedLabeling"
    assert everything["values"]["event"] == [event.value for event in Event]
    assert everything["values"]["verdict"][1:] == [one.value for one in Verdict]
    assert everything["values"]["status"] == [one.value for one in Status]
    assert everything["aliases"]["onset_by"] == "First clear look with it"
    assert everything["tabs"] == ["What and since when", "Where and how large", "Work", "Evidence"]
    assert all(one["read_only"] for one in layers.values() if "read_only" in one)
    demolished = layers["sitewatch_detections_demolition"]
    assert demolished["features"] == 1
    assert demolished["categories"][0] == "demolition/confirmed"
    assert not any(value.startswith("construction") for value in demolished["categories"])
    kinds = {one["name"]: one["renderer"] for one in layers.values() if "renderer" in one}
    assert kinds == {"Before": "multibandcolor", "After": "multibandcolor", "Onset": "singlebandpseudocolor"}


def _themes_and_time_work(report: Mapping[str, Any]) -> None:
    themes = report["themes"]
    events = {EVENT_WORDS[event] for event in Event}
    assert set(themes) == {*events, "All changes", "Before imagery", "After imagery", "Onset"}
    for event in Event:
        shown = [key for key in themes[EVENT_WORDS[event]] if "detections" in key]
        assert shown == [f"sitewatch_detections_{event}"]
    assert "sitewatch_raster_0000_before" in themes["Before imagery"]
    assert "sitewatch_raster_0001_after" not in themes["Before imagery"]
    assert report["errors"] == {name: [] for name in themes}
    assert report["layers"]["sitewatch_detections_all"]["temporal"] == ["onset_after", "onset_by"]
    assert report["period"] == ["2017-03-02", "2017-06-10"]
    assert report["seen_until"] == {"2017-03-10": 6, "2017-01-01": 0}


def _layouts_are_whole(report: Mapping[str, Any], folder: Path) -> None:
    wanted = {"map": 1, "legend": 1, "scale bar": 1, "picture": 1, "label": 3}
    whole = report["layouts"]["Map"]
    assert (whole["items"], whole["exported"]) == (wanted, 0)
    assert any("Somebody, 2017" in text for text in whole["texts"])
    assert "imagery of 2017-03-02 to 2018-10-11; map made 2024-05-06" in whole["texts"]
    pages = report["layouts"]["Before and after, one page a detection"]
    assert pages["exported"] == 0
    assert "Construction, confirmed (confidence 0.93)" in pages["texts"]
    red, green, blue = np.moveaxis(imread(folder / "layout-Map.png")[..., :3], -1, 0)
    assert np.count_nonzero((red > 0.75) & (green < 0.25) & (blue > 0.25) & (blue < 0.6)) > 200, "no construction drawn"
    assert np.count_nonzero((red > 0.6) & (green > 0.2) & (green < 0.4) & (blue < 0.15)) > 500, "no hatching drawn"


def test_the_same_run_gives_the_same_project_with_relative_paths_alone(run_folder: Path) -> None:
    first = (run_folder / "sitewatch.qgz").read_bytes()
    write_run_project(run_folder, title="Six <changes> & more", credit="Somebody, 2017", made_at=MADE)
    assert (run_folder / "sitewatch.qgz").read_bytes() == first
    with zipfile.ZipFile(run_folder / "sitewatch.qgz") as archive:
        document = ET.fromstring(archive.read("sitewatch.qgs"))  # noqa: S314 - our own text
    sources = {str(one.text) for one in document.iter("datasource")}
    assert len(sources) == len(Event) + 6 + 3
    assert all(source.startswith("./") for source in sources)


def test_pictures_before_and_after_are_stretched_alike_in_the_unit_of_their_bands(run_folder: Path) -> None:
    before, after, onset = drawn_rasters(run_folder)
    assert (before.low, before.high) == (after.low, after.high)
    assert before.bands == (3, 2, 1)
    assert 0.05 <= before.low < before.high <= 0.3  # counts of 500 to 3000, at 1e-4
    assert "colorrampshader" in onset.pipe


def test_suppliers_risk_beside_a_run_is_taken_in(run_folder: Path) -> None:
    shutil.copyfile(run_folder / "sitewatch.gpkg", run_folder / "risk.gpkg")
    with closing(sqlite3.connect(run_folder / "risk.gpkg")) as database, database:
        database.execute("DELETE FROM layer_styles WHERE f_table_name <> 'areas'")
    write_run_project(run_folder, title="T", credit="", made_at=MADE)
    with zipfile.ZipFile(run_folder / "sitewatch.qgz") as archive:
        assert "./risk.gpkg|layername=areas" in archive.read("sitewatch.qgs").decode()


@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        pytest.param((0, 0, 10, 10), (-5, 0, 15, 10), id="wider"),
        pytest.param((0, 0, 40, 10), (0, -5, 40, 15), id="higher"),
    ],
)
def test_a_maps_extent_grows_into_the_shape_of_the_page(
    extent: tuple[float, float, float, float], expected: tuple[float, float, float, float]
) -> None:
    assert fitted(extent, 20, 10) == expected
