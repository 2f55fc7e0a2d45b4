"""The newest run as OGC API Features: asked as GIS programs ask, and held against the published GeoPackage."""

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry import box

from outputs.layers.geopackage import write_geopackage

pytest.importorskip("pygeoapi", reason="pygeoapi is not installed (extra 'ogc')")

SYSTEM_PYTHON = Path("/usr/bin/python3")
LEFT, BOTTOM, RIGHT, TOP = WINDOW = (88.27, 43.37, 88.30, 43.385)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the workspace."""
    return tmp_path_factory.mktemp("watch")


@pytest.fixture
def layers(
    root: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> Path:
    """Return the published GeoPackage of a workspace."""
    folder = root / "runs" / "one"
    if not folder.exists():
        folder.mkdir(parents=True)
        (root / "sitewatch.toml").write_text("", encoding="utf-8")
        tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
        write_geopackage(folder / "sitewatch.gpkg", tables)
        (folder / "coverage.geojson").write_text('{"attribution": "Simulated imagery"}', encoding="utf-8")
        (root / "latest").symlink_to("runs/one")
    return folder / "sitewatch.gpkg"


_STARTED: dict[Path, tuple["subprocess.Popen[str]", str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _ended(root: Path) -> Iterator[None]:
    yield
    if root in _STARTED:
        process, _ = _STARTED.pop(root)
        process.terminate()
        process.communicate()


@pytest.fixture
def url(root: Path, layers: Path) -> str:  # noqa: ARG001  # it must be there before the server
    """Start the real command once for all tests, and return its address."""
    if root not in _STARTED:
        command = [sys.executable, "-m", "flows.cli", "ogc", "serve", "-w", str(root), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        _STARTED[root] = (process, process.stdout.readline().strip().rpartition(" ")[2])
    return _STARTED[root][1]


pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


def get(url: str, **headers: str) -> Any:  # noqa: ANN401  # JSON
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310  # a loopback address
        return json.load(answer)


def refused(url: str, method: str = "GET", **headers: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers))  # noqa: S310  # a loopback address
    refusal.value.close()
    return refusal.value.code


def ids(answer: dict[str, Any]) -> set[str]:
    return {feature["id"] for feature in answer["features"]}


def test_gdal_reads_the_same_features_as_from_the_file(url: str, layers: Path) -> None:
    # GDAL is asked in a process of its own: it opens sockets that the tests may not.
    code = (
        "import sys, pyogrio\n"
        "table = pyogrio.read_dataframe('OAPIF:' + sys.argv[1], layer='detections')\n"
        "sys.stdout.write(table.to_json(default=str))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    read = gpd.GeoDataFrame.from_features(json.loads(done.stdout)).set_index("detection_id").sort_index()
    there = pyogrio.read_dataframe(layers, layer="detections").set_index("detection_id").sort_index()
    assert list(read.index) == list(there.index)
    assert shapely.hausdorff_distance(read.geometry.values, there.geometry.values).max() < 1e-7
    for column in ("event", "status", "area_id", "facility_id"):
        assert read[column].where(read[column].notna(), None).tolist() == there[column].where(
            there[column].notna(), None
        ).tolist()  # fmt: skip
    np.testing.assert_allclose(read["confidence"].astype(float), there["confidence"])
    np.testing.assert_allclose(read["area_m2"].astype(float), there["area_m2"])


@pytest.mark.qgis
def test_qgis_reads_the_same_features(url: str, layers: Path) -> None:
    code = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsVectorLayer
app = QgsApplication([], False)
app.initQgis()
layer = QgsVectorLayer(f"url='{sys.argv[1]}' typename='detections' pageSize='2'", "detections", "OAPIF")
assert layer.isValid(), layer.error().message()
print(sorted((f["detection_id"], round(f["confidence"], 6), f["event"]) for f in layer.getFeatures()))
del layer
app.exitQgis()
"""
    has_qgis = SYSTEM_PYTHON.exists() and not subprocess.run(
        [SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not has_qgis:
        pytest.skip("QGIS is not installed")
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", code, url], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    there = pyogrio.read_dataframe(layers, layer="detections")
    rows = sorted(zip(there["detection_id"], there["confidence"].round(6), there["event"], strict=True))
    assert str([(name, float(sure), event) for name, sure, event in rows]) in done.stdout, done.stderr


def test_a_window_gives_what_meets_it(url: str, detections: gpd.GeoDataFrame) -> None:
    asked = get(f"{url}/collections/detections/items?bbox={LEFT},{BOTTOM},{RIGHT},{TOP}")
    met = detections[detections.intersects(box(*WINDOW))]
    assert 0 < len(met) < len(detections)
    assert ids(asked) == set(met["detection_id"])
    assert asked["numberMatched"] == len(met)


def test_a_window_across_the_180th_meridian_is_understood(url: str) -> None:
    assert ids(get(f"{url}/collections/detections/items?bbox=88.3,40,-170,50"))
    assert ids(get(f"{url}/collections/detections/items?bbox=170,40,-170,50")) == set()


def test_pages_follow_each_other_without_a_gap_or_a_repetition(url: str, detections: gpd.GeoDataFrame) -> None:
    found: list[str] = []
    page = f"{url}/collections/detections/items?limit=4"
    while page:
        answer = get(page)
        assert answer["numberMatched"] == len(detections)
        found += [feature["id"] for feature in answer["features"]]
        page = next((link["href"] for link in answer["links"] if link["rel"] == "next"), "")
    assert sorted(found) == sorted(detections["detection_id"])


@pytest.mark.parametrize(
    ("datetime_", "count"),
    [
        ("2017-05-01", 6),
        ("2017-05-01T00:00:00Z", 6),
        ("2017-06-11/..", 0),
        ("2017-06-10/..", 6),
        ("../2017-03-01", 0),
        ("../2017-03-02", 6),
        ("2016-01-01/2019-01-01", 6),
        ("2019-01-01/2020-01-01", 0),
    ],
)
def test_a_time_gives_what_may_have_begun_then(url: str, datetime_: str, count: int) -> None:
    """All began after 2017-03-02 and by 2017-06-10."""
    assert get(f"{url}/collections/detections/items?datetime={datetime_}")["numberMatched"] == count


@pytest.mark.parametrize(
    "query", ["datetime=yesterday", "datetime=2018-01-01/2017-01-01", "bbox=1,2,3", "limit=x", "q=camp", "f=html"]
)
def test_a_wrong_question_is_refused(url: str, query: str) -> None:
    assert refused(f"{url}/collections/detections/items?{query}") == 400


def test_columns_are_asked_for_sorted_and_chosen(url: str, detections: gpd.GeoDataFrame) -> None:
    asked = get(f"{url}/collections/detections/items?event=construction&sortby=-confidence&properties=confidence,event")
    there = detections[detections["event"] == "construction"].sort_values("confidence", ascending=False)
    assert {feature["id"] for feature in asked["features"]} == set(there["detection_id"])
    sure = [feature["properties"]["confidence"] for feature in asked["features"]]
    assert sure == sorted(sure, reverse=True)
    assert all(set(feature["properties"]) == {"confidence", "event"} for feature in asked["features"])


@pytest.mark.parametrize("value", ["x' OR '1'='1", 'x" OR 1', "%"])
def test_a_value_is_never_taken_for_a_command(url: str, value: str) -> None:
    quoted = urllib.parse.quote(value)
    assert get(f"{url}/collections/detections/items?event={quoted}")["numberMatched"] == 0


def test_one_feature_is_found_by_its_id(url: str) -> None:
    found = get(f"{url}/collections/detections/items/camp")
    assert found["id"] == "camp"
    assert found["properties"]["onset_by"] == "2017-06-10"
    assert found["properties"]["evidence"]["features"]["brightness_step"]["value"] == 0.142
    assert found["properties"]["verdict"] is None
    assert refused(f"{url}/collections/detections/items/nobody") == 404


@pytest.mark.parametrize("name", ["coverage", "facilities"])
def test_coverage_and_facilities_are_served_too(url: str, layers: Path, name: str) -> None:
    assert get(f"{url}/collections/{name}/items")["numberMatched"] == pyogrio.read_info(layers, layer=name)["features"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/collections/detections/items", "/collections/detections/items/camp", "/admin/config"]
)
def test_nothing_can_be_written(url: str, method: str, path: str) -> None:
    assert refused(url + path, method) == 405


@pytest.mark.parametrize("path", ["/processes", "/jobs", "/stac", "/admin/config", "/collections/areas/items"])
def test_nothing_else_is_offered(url: str, path: str) -> None:
    assert refused(url + path) == 404


def test_another_host_name_is_refused(url: str) -> None:
    assert refused(url, Host="evil.example") == 400


def test_the_server_says_what_it_is_and_what_is_not_taken_out(url: str, detections: gpd.GeoDataFrame) -> None:
    browser = get(url, Accept="text/html,*/*")  # a browser is answered in JSON as well
    assert "exact places" in browser["description"]
    assert "Simulated imagery" in browser["description"]
    collections = {one["id"]: one for one in get(f"{url}/collections")["collections"]}
    assert set(collections) == {"detections", "coverage", "facilities"}
    assert "not proof" in collections["detections"]["description"]
    bounds = collections["detections"]["extent"]["spatial"]["bbox"][0]
    assert bounds == pytest.approx(list(detections.total_bounds))
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in get(f"{url}/conformance")["conformsTo"]


def test_the_settings_for_another_server_are_written(url: str, root: Path) -> None:
    config = json.loads((root / "state" / "ogc" / "pygeoapi.yml").read_text(encoding="utf-8"))
    assert config["server"]["url"] == url
    assert all(not one["providers"][0]["editable"] for one in config["resources"].values())
