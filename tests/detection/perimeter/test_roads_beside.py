"""A road or strip beside the line is never told as a wall that went or came; what cannot be parted is not told."""

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pytest
from shapely.geometry import Point

from benchmarks.perimeter_roads import Case, measure, run
from detection.desecuritisation.assess import CHOSEN_ARC, CHOSEN_RING, watch_ring
from detection.desecuritisation.verdict import Answer, weigh_desecuritisation
from detection.perimeter import ArcState, Perimeter, PerimeterParams
from detection.perimeter.result import LOSSES
from detection.perimeter.ring import Ring, outline_ring
from detection.perimeter.scan import scan_cuts

PARAMS = PerimeterParams(copies=400)


@lru_cache(maxsize=16)
def told(story: str, road: str, off_m: float, seed: int = 1) -> Perimeter:
    return run(Case(story=story, road=road, off_m=off_m), seed=seed, data=None, params=PARAMS)


@pytest.mark.parametrize("road", ["bright", "asphalt"])
@pytest.mark.parametrize("off_m", [15.0, 25.0])
def test_a_road_built_a_pixel_and_more_beside_a_standing_wall_is_no_loss_of_it(road: str, off_m: float) -> None:
    found = told("wall stays", road, off_m)
    assert found.share(*LOSSES) == 0
    assert weigh_desecuritisation(found, (), ()).answer is Answer.CANNOT_TELL
    assert found.share(ArcState.PRESENT) > 0.5


@pytest.mark.parametrize("road", ["bright", "asphalt"])
def test_a_road_built_on_the_line_of_a_fence_cannot_be_told_from_a_wall(road: str) -> None:
    found = told("fence only", road, 5.0)
    assert weigh_desecuritisation(found, (), ()).answer is Answer.CANNOT_TELL
    came = [arc for arc in found.arcs if "where none did before" in arc.reason]
    assert len(came) >= 2
    assert {arc.state for arc in came} == {ArcState.CANNOT_TELL}
    text = weigh_desecuritisation(found, (), ()).text
    assert "a wall that was built, a road or strip beside it, or one that a wall had hidden, look alike" in text


@pytest.mark.parametrize("off_m", [0.0, 10.0])
def test_where_a_wall_went_beside_a_road_that_stays_no_arc_is_said_to_stand(off_m: float) -> None:
    found = told("wall goes", "bright", off_m)
    assert found.share(ArcState.PRESENT) == 0
    assert found.share(*LOSSES) > 0.3


def test_a_removal_far_from_any_road_is_found_whole() -> None:
    assert told("wall goes", "bright", 30.0).share(*LOSSES) >= 0.8


def test_the_benchmark_counts_what_was_found() -> None:
    row = measure(Case(story="wall stays", road="asphalt", off_m=15.0), [1], data=None, params=PARAMS)
    found = told("wall stays", "asphalt", 15.0)
    assert (row["arcs"], row["lost"], row["runs"]) == (len(found.arcs), 0, 1)
    assert row["present"] == sum(arc.state is ArcState.PRESENT for arc in found.arcs)


def test_the_looks_that_are_compared_have_a_counterpart_of_their_season() -> None:
    days = [date(2020, month, 1) for month in (1, 2, 3, 6)] + [date(2021, month, 1) for month in (1, 2, 3)]
    days += [date(2021, 6, 1) + timedelta(days=150)]
    contrast = np.random.default_rng(1).normal(size=(8, 5, 4)).astype(np.float32)
    scan = scan_cuts(contrast, days, PARAMS)
    at = scan.cuts.index(4)
    assert scan.compared[0, at].tolist() == [True, True, True, False, False, False, False, False]
    assert scan.compared[1, at].tolist() == [False, False, False, False, True, True, True, False]


def test_a_ring_that_was_traced_must_be_rarer_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    drawn = told("wall stays", "asphalt", 15.0)

    def watch(*_: object, chosen: float = 1.0) -> Perimeter:
        asked.append(chosen)
        return replace(drawn, loss_p=0.002, gain_p=0.5)

    monkeypatch.setattr("detection.desecuritisation.assess.watch_perimeter", watch)
    outline = outline_ring(Point(500_500, 4_799_500).buffer(100))
    traced = Ring(
        line_m=outline.line_m,
        uncertainty_m=outline.uncertainty_m,
        is_traced=True,
        clearness=1.0,
        rival_m=0.0,
    )
    stack = None
    assert watch_ring(stack, outline, PARAMS).loss_p == 0.002  # type: ignore[arg-type]  # the stand-in reads no looks
    found = watch_ring(stack, traced, PARAMS)  # type: ignore[arg-type]  # as above
    assert found.loss_p == pytest.approx(0.002 * CHOSEN_RING)
    assert found.gain_p == 1.0
    assert asked == [1.0, CHOSEN_ARC]
