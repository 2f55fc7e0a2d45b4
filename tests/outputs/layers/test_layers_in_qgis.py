import json
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from matplotlib.image import imread

from outputs.layers.geopackage import LAYERS, write_geopackage

pytestmark = pytest.mark.qgis

INTERPRETER = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("qgis_check.py")


@lru_cache(maxsize=1)
def _why_no_qgis() -> str:
    try:
        tried = subprocess.run([INTERPRETER, "-c", "import qgis.core"], capture_output=True, timeout=120, check=False)
    except OSError as error:
        return f"{INTERPRETER}: {error}"
    return "" if tried.returncode == 0 else f"{INTERPRETER} cannot import qgis"


@pytest.fixture
def report(  # noqa: PLR0913, PLR0917 - one fixture a layer
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    perimeters: gpd.GeoDataFrame,
) -> Mapping[str, Any]:
    if _why_no_qgis():
        pytest.skip(f"no QGIS: {_why_no_qgis()}")
    path = tmp_path / "run.gpkg"
    detections = detections.assign(
        area_low_m2=[np.nan, 300_000.0, np.nan, 100_000.0, np.nan, np.nan],
        area_high_m2=[np.nan, 700_000.0, np.nan, 260_000.0, np.nan, np.nan],
    )
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    write_geopackage(path, {**tables, "perimeters": perimeters})
    done = subprocess.run(
        [INTERPRETER, str(SCRIPT), str(path), str(tmp_path / "map.png")],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def test_qgis_opens_every_layer_styled_without_a_word_of_complaint(
    report: Mapping[str, Any], tmp_path: Path, perimeters: gpd.GeoDataFrame
) -> None:
    layers = report["layers"]
    assert set(layers) == set(LAYERS)
    assert all(layer["valid"] and layer["crs"] == "EPSG:4326" for layer in layers.values())
    assert report["messages"] == []
    assert report["errors"] == []
    assert {name: layer["undrawn"] for name, layer in layers.items()} == dict.fromkeys(LAYERS, 0)
    assert {name: layer["features"] for name, layer in layers.items()} == {
        "detections": 6, "coverage": 4, "areas": 4, "facilities": 3, "facility_outlines": 1,
        "perimeters": len(perimeters),
    }  # fmt: skip
    assert layers["detections"]["renderer"] == "categorizedSymbol"
    assert layers["detections"]["categories"]["construction/candidate"] == "Construction, candidate"
    assert layers["coverage"]["categories"]["not_observed"] == "Not observed"
    assert layers["areas"]["renderer"] == "singleSymbol"
    assert layers["detections"]["fields"]["onset_after"] == "Date"
    assert layers["detections"]["aliases"]["onset_by"] == "First clear look with it"
    assert layers["detections"]["label"] == "Construction (rejected)\n2017-03-02 to 2017-06-10\nconfidence 0.50"
    assert layers["facilities"]["label"] == "Facility 1 达坂城区"
    red, green, blue = np.moveaxis(imread(tmp_path / "map.png")[..., :3], -1, 0)
    magenta = (red > 0.75) & (green < 0.25) & (blue > 0.25) & (blue < 0.6)
    warning = (red > 0.6) & (green > 0.2) & (green < 0.4) & (blue < 0.15)
    assert np.count_nonzero(magenta) > 100, "the confirmed construction is not outlined"
    assert np.count_nonzero(warning) > 1000, "what was not seen is not hatched"
    assert len(layers["detections"]["bands_m2"]) == 2, "a band where the interval is known, and nowhere else"
    for band_m2, low_m2, high_m2 in layers["detections"]["bands_m2"]:
        assert band_m2 == pytest.approx(high_m2 - low_m2, rel=0.05)
