"""What radar adds to an event: raises where it agrees, lowers where it could have seen and did not, else nothing."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.detect import find_changes
from detection.params import DetectParams
from detection.radar.fusion import FusionParams, RadarWitness, agree, radar_evidence, radar_terms
from detection.radar.steps import RadarParams, RadarStep, TrackStep
from detection.schema import Event
from geo.errors import GridMismatchError
from geo.scene import Stack
from geo.sources.simulated import SimulatedRadarSource, SimulatedSource, scenario

RADAR, FUSION = RadarParams(), FusionParams()


def told(t: float, *, p: float = 0.005, sigma_db: float = 0.2) -> RadarStep:
    track = TrackStep(relative_orbit=7, looks_before=9, looks_after=8, step_db=(1.0, 1.0), t=t, sigma_db=sigma_db)
    return RadarStep(tracks=(track,), t=t, p=p, step_db=t * sigma_db, sigma_db=sigma_db, copies=200)


def added(step: RadarStep | None, event: Event = Event.CONSTRUCTION) -> float:
    return sum(term.contribution for term in radar_terms(step, event, FUSION, RADAR))


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        pytest.param(told(9.0), Event.CONSTRUCTION, 2.5, id="up-for-construction"),
        pytest.param(told(9.0), Event.EXPANSION, 2.5, id="up-for-expansion"),
        pytest.param(told(-9.0), Event.DEMOLITION, 2.5, id="down-for-demolition"),
        pytest.param(told(9.0), Event.DEMOLITION, -1.0, id="up-against-demolition"),
        pytest.param(told(1.5), Event.CONSTRUCTION, 0.0, id="indifferent"),
        pytest.param(told(0.0), Event.CONSTRUCTION, -0.5, id="no-step-that-would-have-been-seen"),
        pytest.param(told(0.0, sigma_db=1.0), Event.CONSTRUCTION, 0.0, id="no-step-but-blind"),
        pytest.param(told(9.0, p=0.2), Event.CONSTRUCTION, 0.25, id="many-copies-step-as-much"),
        pytest.param(told(9.0), Event.SURFACE_CHANGE, 0.0, id="nothing-built"),
        pytest.param(RadarStep(tracks=()), Event.CONSTRUCTION, 0.0, id="nothing-told"),
        pytest.param(None, Event.CONSTRUCTION, 0.0, id="no-radar"),
    ],
)
def test_what_radar_adds(step: RadarStep | None, event: Event, expected: float) -> None:
    assert added(step, event) == pytest.approx(expected, abs=1e-3)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_clearer_step_never_adds_less(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert added(told(low)) <= added(told(high))
    assert -1.0 <= added(told(low)) <= 2.5


def test_both_agree_only_on_a_step_the_right_way() -> None:
    assert agree(told(4.0), Event.CONSTRUCTION, RADAR)
    assert not agree(told(-4.0), Event.CONSTRUCTION, RADAR)
    assert not agree(told(4.0), Event.SURFACE_CHANGE, RADAR)
    assert not agree(told(4.0, p=0.2), Event.CONSTRUCTION, RADAR)
    assert not agree(None, Event.CONSTRUCTION, RADAR)


def test_the_evidence_says_what_was_measured_or_why_nothing_was() -> None:
    said = radar_evidence(told(4.0), Event.CONSTRUCTION, RADAR)
    assert said["agrees"]
    assert (said["t"], said["p"], said["tracks"][0]["looks_before"]) == (4.0, 0.005, 9)
    silent = replace(told(4.0).tracks[0], t=np.nan, why_not="track 7: too few")
    said = radar_evidence(RadarStep(tracks=(silent,)), Event.CONSTRUCTION, RADAR)
    assert said["why_not"] == "track 7: too few"
    assert "t" not in said


def stacks(seed: int, *, name: str = "park") -> tuple[Stack, Stack, np.ndarray]:
    """Return optical and radar looks at the middle of a simulated place."""
    world = scenario(name, seed=seed)
    grid = replace(
        world.grid,
        left_m=world.grid.left_m + 500,
        top_m=world.grid.top_m - 200,
        width_px=100,
        height_px=100,
    )
    ever = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}
    optical, radar = SimulatedSource(world), SimulatedRadarSource(world)
    return (
        Stack.of(
            [
                optical.read(ref, grid, bands=("B02", "B03", "B04", "B08"))
                for ref in optical.search(grid.footprint_4326, **ever)
            ]
        ),
        Stack.of([radar.read(ref, grid, bands=("VV", "VH")) for ref in radar.search(grid.footprint_4326, **ever)]),
        np.ones(grid.shape, dtype=bool),
    )


@pytest.mark.slow
def test_radar_raises_what_was_built_and_is_written_into_the_evidence() -> None:
    optical, radar, inside = stacks(1)
    alone = find_changes(optical, "park", inside, DetectParams()).detections
    both = find_changes(optical, "park", inside, DetectParams(), radar=radar).detections
    built = both[both["event"] == "construction"]
    assert len(built)
    assert built["evidence"].str.contains('"radar": {"t"').all()
    assert not alone["evidence"].str.contains('"radar"').any()
    assert built["confidence"].max() > alone["confidence"].max()


def test_radar_on_another_grid_is_refused() -> None:
    world = scenario("quiet", seed=1)
    source = SimulatedRadarSource(world)
    grid = replace(world.grid, width_px=20, height_px=20)
    ref = source.search(grid.footprint_4326, first=date(2000, 1, 1), last=date(2100, 1, 1))[0]
    stack = Stack.of([source.read(ref, grid, bands=("VV",))])
    with pytest.raises(GridMismatchError, match="radar lies on"):
        RadarWitness.of(stack, np.zeros((4, 4), dtype=bool), world.grid, RADAR)
    assert RadarWitness.of(None, np.zeros((4, 4), dtype=bool), world.grid, RADAR) is None


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="against"):
        FusionParams(against=2.0)
