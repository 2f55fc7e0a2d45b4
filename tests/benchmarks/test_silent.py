"""Real places where nothing was built raise no confirmed detection, whenever a run meets them."""

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from benchmarks.backgrounds import Background, read_backgrounds
from benchmarks.silent import Watched, figures, lines_of, watch
from detection.objects.events import BUILT_EVENTS
from detection.params import DetectParams
from detection.schema import Status

if TYPE_CHECKING:
    from benchmarks.trials import TrialResult

CLAIMS = [event.value for event in BUILT_EVENTS]


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    [
        "belgium",
        "flanders",
        "flanders-spring",
        "flanders-autumn",
        pytest.param("romania", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_confirmed_where_nothing_was_built(shared_data: Path, name: str) -> None:
    (background,) = read_backgrounds(name, shared_data)
    place = watch(name, background, DetectParams())
    assert len(place.results) >= 5
    assert place.raised(CLAIMS, status=Status.CONFIRMED) == 0
    assert place.site_years > 0
    assert figures(name, [place])["confirmed"] == 0


class _Found:
    def __init__(self, detections: gpd.GeoDataFrame) -> None:
        self.detections = detections


class _Result:
    """Enough of a result to count what it raised."""

    def __init__(self, detections: gpd.GeoDataFrame) -> None:
        self.findings = _Found(detections)


def _table(*squares: tuple[float, str, str]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"event": [event for _, event, _ in squares], "status": [status for _, _, status in squares]},
        geometry=[box(left, 0, left + 10, 10) for left, _, _ in squares],
        crs=32631,
    )


def test_what_touches_in_different_runs_is_one_false_alarm() -> None:
    tables = (
        _table((0, "construction", "candidate"), (100, "surface_change", "candidate")),
        _table(),
        _table((5, "construction", "confirmed"), (200, "demolition", "candidate"), (300, "expansion", "confirmed")),
    )
    results: tuple[TrialResult, ...] = tuple(_Result(table) for table in tables)  # type: ignore[misc] # enough of one
    place = Watched(series="x", background="x", years=2.0, area_m2=5e5, results=results)
    assert place.objects["object"].nunique() == 4
    assert place.raised(CLAIMS) == 3
    assert place.raised(CLAIMS, status=Status.CONFIRMED) == 2
    assert place.site_years == pytest.approx(1.0)


@pytest.mark.realdata
def test_each_detection_is_written_with_its_place(shared_data: Path) -> None:
    (background,) = read_backgrounds("flanders-spring", shared_data)
    assert isinstance(background, Background)
    lines = lines_of([watch("flanders-spring", background, DetectParams())])
    assert lines[0]["row"] == "place"
    assert lines[0]["km2_years"] == pytest.approx(background.years * background.inside.sum() / 1e4)
    assert {line["row"] for line in lines[1:]} <= {"detection"}
    assert all(np.isfinite(line["confidence"]) and line["truth"] == "false" for line in lines[1:])
