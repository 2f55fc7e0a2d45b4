"""On the real frames of Dabancheng the compound that was built is found, and the ground beside it stays silent."""

import json
from datetime import date
from pathlib import Path

import pytest
from pyproj import Transformer
from shapely.geometry import Point, box

from detection.detect import Findings, find_changes
from detection.params import DetectParams
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.folder import FolderSource

pytestmark = pytest.mark.realdata

AREA = box(88.262, 43.374, 88.305, 43.394)
BUILT_2017 = (88.28994, 43.38385)
BUILT_2019 = (88.272503, 43.378749)


@pytest.fixture(scope="module")
def findings(shared_data: Path) -> Findings:
    source = FolderSource(shared_data / "dabancheng" / "rgb_series")
    grid = Grid.around(AREA, pixel_m=10, margin_m=300)
    refs = source.search(grid.footprint_4326, first=date(1980, 1, 1), last=date(2100, 1, 1))
    stack = Stack.of([source.read(ref, grid, bands=("B04", "B03", "B02")) for ref in refs])
    return find_changes(stack, "dabancheng", grid.is_inside(AREA), DetectParams())


def place(findings: Findings, lon_lat: tuple[float, float]) -> Point:
    return Point(Transformer.from_crs(4326, findings.detections.crs, always_xy=True).transform(*lon_lat))


def test_one_confirmed_construction_holds_the_compound(findings: Findings) -> None:
    holds = findings.detections[findings.detections.contains(place(findings, BUILT_2017))]
    (row,) = holds.to_dict("records")
    assert (row["event"], row["status"]) == ("construction", "confirmed")
    assert row["onset_after"].date() == date(2017, 3, 2)
    # building shows to the eye from 2017-06-10 on; how much of it is certain then hangs on a few pixels at the rim
    assert row["onset_by"].date() in {date(2017, 6, 10), date(2017, 7, 8)}
    assert row["looks_before"] == 1


def test_in_pictures_prepared_ground_alone_confirms_nothing(findings: Findings) -> None:
    confirmed = findings.detections[findings.detections["status"] == "confirmed"]
    assert len(confirmed) <= 2  # the compound, and the works yard north-west of it
    assert not (confirmed["phase"] == "site_preparation").any()


def test_the_compound_grows_and_never_shrinks(findings: Findings) -> None:
    (row,) = findings.detections[findings.detections.contains(place(findings, BUILT_2017))].to_dict("records")
    growth = dict(json.loads(row["evidence"])["growth"])
    areas = [growth[day] for day in sorted(growth)]
    assert areas == sorted(areas)
    assert growth["2017-03-02"] == 0
    assert growth["2017-08-29"] < growth["2018-03-22"] < growth["2018-05-26"] < growth["2018-07-23"]
    assert growth["2018-10-11"] > 3 * growth["2017-08-29"]


def test_nothing_is_called_built_or_gone_where_building_began_later(findings: Findings) -> None:
    is_claim = findings.detections["event"] != "surface_change"
    distances_m = findings.detections[is_claim].distance(place(findings, BUILT_2019))
    assert (distances_m > 150).all()


def test_all_frames_count_and_the_whole_area_is_seen(findings: Findings) -> None:
    row = findings.coverage.iloc[0]
    assert (row["looks"], row["clear_looks"]) == (12, 12)
    assert row["observed_share"] > 0.97
