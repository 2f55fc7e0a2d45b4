import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from matplotlib.image import imsave

from outputs.site.summary import RunSummary, write_summary

pytestmark = pytest.mark.chromium

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = Path(__file__).with_name("chromium_check.py")


def test_the_page_is_whole_on_a_desk_and_on_a_phone(
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium: {CHROMIUM} is not there")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed (extra 'browser')")
    folder = tmp_path / "run folder 达"
    (folder / "pictures").mkdir(parents=True)
    imsave(folder / "pictures" / "camp.png", np.zeros((700, 1400, 3)))
    areas.loc[0, "name"] = "Averyveryveryverylongnamewithoutanyspaceinit" * 3
    summary = RunSummary(
        run_id="r" * 80,
        title="Dabancheng",
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        detections=detections,
        coverage=coverage,
        areas=areas,
        facilities=facilities,
        failures=(("east", "x" * 300),),
        pictures={"camp": "pictures/camp.png"},
        credit="Contains modified Copernicus Sentinel data 2017-2018",
        version="0.1.0",
        settings_hash="9f2c1e",
    )
    write_summary(folder / "index.html", summary)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(CHROMIUM), str(folder / "index.html"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    for width, report in json.loads(done.stdout).items():
        assert report["complaints"] == [], width
        assert report["requests"], width
        assert all(url.startswith(folder.as_uri()) for url in report["requests"]), report["requests"]
        assert report["images"] == [1400], width
        assert report["page_width"] <= int(width), "the page runs over the right edge"
        assert report["smallest_text_px"] >= 12
