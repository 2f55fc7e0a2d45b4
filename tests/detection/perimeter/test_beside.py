"""A strip laid against a standing wall is told from its loss by where the change lies; what it hides is not told."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString

from benchmarks.perimeter_roads import Against, measure_against, run_against
from detection.desecuritisation.verdict import Answer, weigh_desecuritisation
from detection.perimeter import Arc, ArcState, PerimeterParams
from detection.perimeter.beside import change_off_m, without_strips_beside
from detection.perimeter.result import LOSSES

PLACES_M = np.arange(-35, 36, 5, dtype=np.float32)
PARAMS = PerimeterParams(copies=300)


def line_at(place_m: float, contrast: float) -> np.ndarray:
    """Return what lines of one contrast look like across, 15 m wide for the optics, on each of three dates."""
    return contrast * np.exp(-np.square((PLACES_M - place_m) / 8) / 2) * np.ones((3, 1))


@given(wall_m=st.floats(-4, 4), contrast=st.sampled_from([-0.15, -0.03, 0.2]))
def test_a_line_that_goes_is_missed_where_it_stood(wall_m: float, contrast: float) -> None:
    stood = line_at(wall_m, contrast).astype(np.float32)
    assert abs(change_off_m(stood, np.zeros_like(stood), PLACES_M, near_m=5)) < 0.1


@given(wall_m=st.floats(-4, 4), strip_m=st.floats(3, 25), side=st.sampled_from([-1, 1]), share=st.floats(0.3, 1.5))
def test_what_came_beside_it_is_missed_beside_it(wall_m: float, strip_m: float, side: int, share: float) -> None:
    stood = line_at(wall_m, -0.15)
    now = stood + line_at(wall_m + side * strip_m, 0.15 * share)
    found = change_off_m(stood.astype(np.float32), now.astype(np.float32), PLACES_M, near_m=5)
    assert found == pytest.approx(side * strip_m, abs=0.5)


def test_a_look_on_which_a_place_was_not_seen_does_not_count_there() -> None:
    stood = line_at(1, -0.15).astype(np.float32)
    stood[0] = np.nan
    assert abs(change_off_m(stood, np.zeros_like(stood), PLACES_M, near_m=5)) < 0.1
    assert np.isfinite(change_off_m(np.full_like(stood, np.nan), stood, PLACES_M, near_m=5))


def arc(state: ArcState, off_m: float = float("nan")) -> Arc:
    return Arc(
        line_m=LineString([(0, 0), (100, 0)]),
        state=state,
        reason="as it is",
        change_p=0.0001,
        present_before_p=0.001,
        present_after_p=0.3,
        contrast_before=-0.1,
        contrast_after=0.0,
        changed_after=None,
        changed_by=None,
        smallest_m=0.3,
        looks_before=6,
        looks_after=6,
        offset_m=0.0,
        changed_off_m=off_m,
    )


G, P, C = ArcState.GONE, ArcState.PRESENT, ArcState.CANNOT_TELL


@pytest.mark.parametrize(
    ("off_m", "expected"),
    [
        ((None, 0.5, -0.8, 1.2, None), (P, G, G, G, P)),
        ((None, 5.1, 4.4, 1.0, None), (P, C, C, C, P)),
        ((None, 0.5, 0.2, 6.0, None), (P, G, G, C, P)),
        ((0.3, None, 5.0, None, 0.1), (G, P, C, P, G)),
        ((5.0, None, None, 1.0, 6.0), (C, P, P, C, C)),
        ((0.1, 0.1, -0.2, 0.4, 0.0), (G, G, G, G, G)),
    ],
    ids=["a wall", "a strip", "a wall and one noisy arc", "each for itself", "around the ring", "all of it"],
)
def test_neighbours_are_judged_together_and_each_by_itself(
    off_m: tuple[float | None, ...], expected: tuple[ArcState, ...]
) -> None:
    arcs = [arc(P) if off is None else arc(G, off) for off in off_m]
    told = without_strips_beside(arcs, pixel_m=10)
    assert tuple(one.state for one in told) == expected
    assert all("a strip laid beside a wall that stands hides it" in one.reason for one in told if one.state is C)


def test_the_reason_names_the_side() -> None:
    for off_m, side in ((4.0, "outside"), (-4.0, "inside")):
        (told,) = without_strips_beside([arc(G, off_m)], pixel_m=10)
        assert f"4 m beside the line that stood out, {side}" in told.reason
    coarse = without_strips_beside([arc(G, 4.0)], pixel_m=20)
    assert coarse[0].state is G


@pytest.mark.parametrize("seed", [1, 3])
def test_a_strip_against_a_standing_wall_is_no_loss_of_it_and_a_wall_that_goes_is(seed: int) -> None:
    strip, gone = (run_against("simulated", goes=goes, seed=seed, data=None, params=PARAMS) for goes in (False, True))
    assert strip.share(*LOSSES) == 0
    assert weigh_desecuritisation(strip, (), ()).answer is Answer.CANNOT_TELL
    assert gone.share(*LOSSES) >= 0.05
    assert all(abs(one.changed_off_m) <= 2.5 for one in gone.lost_arcs)
    found = weigh_desecuritisation(replace(gone, loss_p=0.0001), (), ())
    assert found.answer is Answer.INDICATED


def test_strips_are_drawn_clear_of_the_wall_on_both_sides() -> None:
    drawn = [Against.drawn(np.random.default_rng(seed)) for seed in range(40)]
    assert {one.side for one in drawn} == {-1, 1}
    assert all(abs(one.off_m) >= (one.wall_m + one.strip_m) / 2 for one in drawn)
    assert all(np.sign(one.off_m) == one.side for one in drawn)


def test_the_benchmark_has_a_row_for_strips_and_one_for_walls_that_go() -> None:
    rows = measure_against("simulated", [1], data=None, params=PARAMS)
    assert [(row["story"], row["runs"]) for row in rows] == [("strip against the wall", 1), ("wall goes", 1)]
    assert rows[0]["lost"] == 0 < rows[1]["lost"]
