"""The page of a run leads to everything that was drawn of a change."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pytest

from outputs.site.beside import pictures_beside
from outputs.site.summary import RunSummary, page_of


def test_only_what_is_there_is_named(tmp_path: Path) -> None:
    for name in ("series/a.png", "timelapse/a.webp", "pictures/a-swir.png", "pictures/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert pictures_beside(tmp_path, ["a", "b"]) == {
        "a": (
            ("Short-wave infrared", "pictures/a-swir.png"),
            ("Course in time", "series/a.png"),
            ("Time-lapse", "timelapse/a.webp"),
        ),
        "b": (),
    }


@pytest.fixture
def summary(
    detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> RunSummary:
    return RunSummary(
        run_id="r",
        title="t",
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        detections=detections,
        coverage=coverage,
        areas=areas,
        facilities=facilities,
        failures=(),
        pictures={},
        credit="Contains modified Copernicus Sentinel data 2017-2018",
        version="0.1.0",
        settings_hash="9f2c1e",
    )


def test_the_page_links_the_course_and_the_time_lapse(summary: RunSummary) -> None:
    name = str(summary.detections["detection_id"].iloc[0])
    shown = {name: (("Course in time", "series/a #1.png"), ("Time-lapse", "timelapse/a.webp"))}
    page = page_of(replace(summary, more_pictures=shown))
    assert '<a href="series/a%20%231.png">Course in time</a>' in page
    assert page.count("Time-lapse") == 1
    assert "Time-lapse" not in page_of(summary)


@pytest.mark.parametrize("path", ["/etc/x.png", "../x.png", "http://x/y.png"])
def test_nothing_outside_the_folder_of_the_page_is_linked(summary: RunSummary, path: str) -> None:
    with pytest.raises(ValueError, match="beside or below"):
        replace(summary, more_pictures={"a": (("Time-lapse", path),)})
