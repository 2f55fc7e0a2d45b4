"""On simulated imagery, whose truth is known, what was built is found and quiet places stay quiet."""

from datetime import date
from functools import lru_cache

import numpy as np
import pytest

from detection.detect import Findings, find_changes
from detection.evaluation.evaluate import match_truth
from detection.params import DetectParams
from detection.schema import Outcome
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.simulated import Scenario, SimulatedSource, scenario

BANDS = ("B02", "B03", "B04", "B08")


@lru_cache(maxsize=8)
def watched(name: str, seed: int) -> tuple[Scenario, Findings]:
    """Watch the first area of a simulated world."""
    world = scenario(name, seed=seed)
    source = SimulatedSource(world)
    area = world.areas()[0]
    grid = Grid.around(area.polygon_4326, pixel_m=10, margin_m=300)
    refs = source.search(grid.footprint_4326, first=date(1980, 1, 1), last=date(2100, 1, 1))
    stack = Stack.of([source.read(ref, grid, bands=BANDS) for ref in refs])
    return world, find_changes(stack, area.area_id, grid.is_inside(area.polygon_4326), DetectParams())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_simulated_compound_is_found_confirmed_and_outlined(seed: int) -> None:
    world, findings = watched("compound", seed)
    agreement = match_truth(findings.detections, world.truth())
    (match,) = agreement.matches
    assert match.is_confirmed
    assert match.covered_share > 0.8
    assert match.excess_share < 0.5
    assert agreement.false_confirmed == 0
    (row,) = findings.detections[findings.detections["detection_id"] == match.detection_id].to_dict("records")
    assert row["event"] == "construction"
    assert row["onset_after"].date() <= world.truth()["completed_on"].iloc[0].date()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_quiet_simulated_place_has_no_confirmed_detection(seed: int) -> None:
    _, findings = watched("quiet", seed)
    assert "confirmed" not in set(findings.detections["status"])
    assert not set(findings.detections["event"]) & {"construction", "expansion", "demolition"}
    row = findings.coverage.iloc[0]
    assert findings.outcome in {Outcome.NOTHING_FOUND, Outcome.FOUND}
    assert np.isfinite(row["detectable_contrast"])
    assert row["observed_share"] > 0.95
