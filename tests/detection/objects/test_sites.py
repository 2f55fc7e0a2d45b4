"""Plots of one park are one site that grows; what is doubtful, far or of a town is not."""

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import box

from detection.objects.sites import SiteParams, built_ground, clusters, join_plots
from detection.schema import detections_frame
from geo.grid import Grid

GRID = Grid(epsg=32645, left_m=500_000.0, top_m=4_700_000.0, pixel_m=10.0, width_px=300, height_px=300)
PARAMS = SiteParams()
OPEN_LAND = np.ones(GRID.shape, dtype=np.float32)


def plot(left_px: int, top_px: int = 100, *, onset: int = 6, size_px: int = 10, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of a row
    """Return the row of a square plot built in month `onset` of 2022."""
    left, top = GRID.left_m + 10 * left_px, GRID.top_m - 10 * top_px
    area_m2 = 100.0 * size_px**2
    days = ["2022-01-01", f"2022-{onset:02d}-01"]
    evidence = {
        "features": {"bias": {"value": 1.0, "weight": 1.0, "contribution": 1.0 + left_px}},
        "growth": [[days[0], 0], [days[1], area_m2]],
        "growth_interval": [[days[0], 0, 0], [days[1], area_m2 / 2, area_m2]],
        "buildings": [1, 3],
    }
    row = {
        "detection_id": f"a-{left_px}",
        "area_id": "a",
        "facility_relation": "none",
        "event": "construction",
        "status": "candidate",
        "confidence": 0.8,
        "onset_after": date(2022, onset - 1, 1),
        "onset_by": date(2022, onset, 1),
        "confirmed_on": None,
        "last_seen_on": date(2022, 12, 1),
        "looks_before": onset - 1,
        "looks_after": 13 - onset,
        "area_m2": area_m2,
        "area_low_m2": area_m2 / 2,
        "area_high_m2": area_m2,
        "roofs": 2.0,
        "phase": "active",
        "active_after": date(2022, onset, 1),
        "active_by": date(2022, onset + 1, 1),
        "complete_after": None,
        "complete_by": None,
        "camp_likeness": 0.2,
        "evidence": json.dumps(evidence),
        "sensors": "Sentinel-2A",
        "scene_ids": json.dumps(["one", f"of {left_px}"]),
        "settings_hash": "x",
        "geometry": box(left, top - 10 * size_px, left + 10 * size_px, top),
    }
    return row | changed


def joined(*rows: dict[str, Any], built: NDArray[np.float32] = OPEN_LAND) -> list[dict[str, Any]]:
    found = join_plots(rows, built_ground(built), GRID, PARAMS)
    detections_frame(found, epsg=GRID.epsg)  # still what the contract asks for
    return found


def halls(left_px: int, right_px: int) -> NDArray[np.float32]:
    """Return ground with rows of old halls, no more than 60 m apart, from left to right beside the plots."""
    built = OPEN_LAND.copy()
    for left in range(left_px, right_px, 10):
        built[98:112, left : left + 4] = 6.0
    return built


def test_plots_side_by_side_are_one_site_that_began_with_its_first() -> None:
    late = plot(100, onset=9, confidence=0.9, status="confirmed", confirmed_on=date(2022, 11, 1), camp_likeness=0.5)
    (site,) = joined(late, plot(119, onset=6))
    assert (site["onset_after"], site["onset_by"]) == (date(2022, 5, 1), date(2022, 6, 1))
    assert (site["looks_before"], site["looks_after"]) == (5, 7)
    assert (site["status"], site["confirmed_on"], site["confidence"]) == ("confirmed", date(2022, 11, 1), 0.9)
    assert (site["area_m2"], site["area_low_m2"], site["area_high_m2"]) == (20_000, 10_000, 20_000)
    assert (site["roofs"], site["camp_likeness"]) == (4, 0.5)
    assert site["geometry"].area == pytest.approx(20_000)
    assert json.loads(site["scene_ids"]) == ["one", "of 100", "of 119"]


def test_a_site_tells_its_plots_and_the_sum_of_their_growth() -> None:
    (site,) = joined(plot(100, onset=9, confidence=0.9), plot(119, onset=6))
    told = json.loads(site["evidence"])
    assert told["growth"] == [["2022-01-01", 0], ["2022-06-01", 10_000], ["2022-09-01", 20_000]]
    assert told["growth_interval"][1:] == [["2022-06-01", 5_000, 10_000], ["2022-09-01", 10_000, 20_000]]
    assert [one["onset_by"] for one in told["plots"]] == ["2022-06-01", "2022-09-01"]
    assert told["buildings"] == [2, 6]
    assert told["features"]["bias"]["contribution"] == 101  # of the surest plot
    assert "2 plots" in told["note"]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        pytest.param(("complete", "complete"), "complete", id="all-complete"),
        pytest.param(("complete", "active"), "active", id="one-goes-on"),
        pytest.param(("complete", "site_preparation"), "active", id="one-begins"),
        pytest.param(("site_preparation", "site_preparation"), "site_preparation", id="all-begin"),
    ],
)
def test_a_site_is_complete_when_all_of_it_is(phases: tuple[str, str], expected: str) -> None:
    dates: dict[str, dict[str, Any]] = {
        "complete": {"complete_after": date(2022, 10, 1), "complete_by": date(2022, 11, 1)},
        "active": {},
        "site_preparation": {"active_after": None, "active_by": None},
    }
    first, second = (plot(left, phase=phase, **dates[phase]) for left, phase in zip((100, 115), phases, strict=True))
    (site,) = joined(first, second)
    assert site["phase"] == expected
    assert (site["complete_by"] is not None) == (expected == "complete")
    assert (site["active_by"] is not None) == (expected != "site_preparation")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(plot(131), id="too-far"),
        pytest.param(plot(115, confidence=0.3), id="doubtful"),
        pytest.param(plot(115, event="demolition", roofs=np.nan), id="a-demolition"),
        pytest.param(plot(115, event="surface_change", phase=None, camp_likeness=np.nan), id="a-change-of-the-surface"),
    ],
)
def test_what_is_no_plot_of_the_site_stays_apart(other: dict[str, Any]) -> None:
    rows = [plot(100), other]
    assert joined(*rows) == rows


def test_plots_of_one_park_are_one_site_however_far_apart() -> None:
    first, second = plot(80), plot(140)
    assert len(joined(first, second)) == 2
    assert len(joined(first, second, built=halls(92, 140))) == 1
    assert len(joined(first, second, built=halls(92, 110))) == 2  # the halls end 260 m before the second


def test_a_town_joins_nothing() -> None:
    first, second = plot(80), plot(140)
    town = halls(10, 260)
    assert len(joined(first, second, built=town)) == 2
    assert not clusters(built_ground(town), GRID, PARAMS).any()
    assert clusters(built_ground(halls(92, 140)), GRID, PARAMS).max() == 1


def test_the_order_of_the_rows_and_the_other_rows_stay() -> None:
    quiet = plot(10, top_px=250, event="surface_change", phase=None, camp_likeness=np.nan)
    rows = [plot(100, confidence=0.7), quiet, plot(115, confidence=0.9), plot(250, top_px=20)]
    found = joined(*rows)
    assert [row["geometry"].area for row in found] == [10_000, 20_000, 10_000]
    assert found[0] == quiet
