"""A claim is put beside what nothing at all looks like, and a restless place needs stronger evidence."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from shapely.affinity import translate
from shapely.geometry import box

from detection.chance.placebo import (
    MOST_PLACEBOS,
    NOTHING,
    POOLED,
    POOLED_KM2_YEARS,
    Exposure,
    cell_scores,
    earlier_map,
    false_alert_rate,
    needed_rates,
    p_value,
    weigh_against_placebos,
)
from detection.changes import map_changes
from detection.detect import find_changes
from detection.objects.rows import Whole
from detection.params import DetectParams

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

SIDE = 96
PARAMS = DetectParams()
MIDDLE = np.zeros((SIDE, SIDE), dtype=bool)
MIDDLE[30:66, 30:66] = True
ROOFS = np.s_[42:54, 42:54]


def ground(dates: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.standard_normal((4, SIDE, SIDE)), (0, 1.2, 1.2))
    values = 0.22 + 0.02 * texture / texture.std() + 0.004 * rng.standard_normal((dates, 4, SIDE, SIDE))
    return np.asarray(values, dtype=np.float32)


def roofs(values: NDArray[np.float32], place: tuple[slice, slice], onset: int) -> None:
    """Put rows of roofs at `place`, from date `onset` on."""
    block = np.zeros((place[0].stop - place[0].start, place[1].stop - place[1].start), dtype=np.float32)
    block[::4] = block[1::4] = 0.2
    block[:, ::6] = -0.08
    values[onset:, :, *place] += block


def judged(make_stack: "MakeStack", values: NDArray[np.float32]) -> dict[str, Any]:
    (row,) = find_changes(make_stack(values), "a", MIDDLE, PARAMS).detections.to_dict("records")
    return {**row, **json.loads(row["evidence"])["placebo"]}


def test_a_building_in_quiet_ground_beats_all_its_placebos(make_stack: "MakeStack") -> None:
    values = ground(30)
    roofs(values, ROOFS, 20)
    row = judged(make_stack, values)
    assert row["placebos_in_space"] > 15
    assert row["placebos_in_time"] > 15
    assert row["p"] == pytest.approx(1 / (1 + row["placebos_in_space"] + row["placebos_in_time"]), abs=1e-4)
    assert row["own_alerts"] == 0
    assert 0 < row["false_alerts_per_site_year"] <= 0.1
    assert row["status"] == "confirmed"


def test_the_same_around_the_site_makes_it_doubtful(make_stack: "MakeStack") -> None:
    quiet, restless = ground(30), ground(30)
    for values in (quiet, restless):
        roofs(values, ROOFS, 20)
    for top in (6, 42, 78):
        for left in (6, 78):
            roofs(restless, (slice(top, top + 12), slice(left, left + 12)), 16)
    before, after = judged(make_stack, quiet), judged(make_stack, restless)
    assert after["own_alerts"] > 0
    assert after["p"] > before["p"]
    assert after["false_alerts_per_site_year"] > 2 * before["false_alerts_per_site_year"]
    assert after["status"] == "candidate"
    assert after["confirmed_on"] is None or after["confirmed_on"] != after["confirmed_on"]


def test_an_alarm_in_earlier_years_counts_as_well(make_stack: "MakeStack") -> None:
    values = ground(50)
    values[8:20, :, *ROOFS] += np.random.default_rng(1).uniform(0, 0.3, (12, 12)).astype(np.float32)
    roofs(values, (slice(40, 56), slice(40, 56)), 44)
    stack = make_stack(values)
    changes = map_changes(stack, PARAMS)
    rows = Whole.of("a", changes, PARAMS).rows(MIDDLE)
    earlier = earlier_map(changes, [{"onset_after": stack.days[43]}], PARAMS)
    assert earlier is not None
    assert earlier.stack.days[-1] <= stack.days[43]
    assert (stack.days[-1] - earlier.stack.days[-1]).days >= 365
    assert rows


def test_too_few_looks_before_the_claim_give_no_placebo_in_time(make_stack: "MakeStack") -> None:
    values = ground(14)
    roofs(values, ROOFS, 4)
    row = judged(make_stack, values)
    assert row["placebos_in_time"] == 0
    assert row["placebos_in_space"] > 15


def test_what_claims_nothing_built_is_left_alone(make_stack: "MakeStack", make_row: Any) -> None:  # noqa: ANN401 - a fixture
    changes = map_changes(make_stack(ground(8)), PARAMS)
    row = make_row(event="surface_change", status="candidate")
    assert weigh_against_placebos([row], Whole.of("a", changes, PARAMS), MIDDLE, PARAMS) == [row]


@given(st.floats(-6, 12), st.floats(-6, 12), st.lists(st.floats(-6, 12), max_size=6), st.floats(0, 50))
def test_stronger_evidence_is_never_more_often_false(
    first: float, second: float, raised: list[float], km2_years: float
) -> None:
    exposure = Exposure(log_odds=tuple(raised), km2_years=km2_years)
    weak, strong = sorted((first, second))
    assert false_alert_rate(strong, exposure) <= false_alert_rate(weak, exposure) + 1e-12
    assert false_alert_rate(strong, exposure) > 0


def test_the_rate_is_the_pooled_one_until_the_site_has_been_watched_for_long() -> None:
    level, pooled = POOLED[1]
    assert false_alert_rate(level, NOTHING) == pytest.approx(pooled)
    once = Exposure(log_odds=(level + 1,), km2_years=2.0)
    assert false_alert_rate(level, once) == pytest.approx((pooled * POOLED_KM2_YEARS + 1) / (POOLED_KM2_YEARS + 2))
    long = Exposure(log_odds=(level + 1,) * 40, km2_years=400.0)
    assert false_alert_rate(level, long) == pytest.approx(0.1, rel=0.1 + pooled * POOLED_KM2_YEARS / 40)


def test_the_pooled_rates_fall_and_are_never_zero() -> None:
    levels, rates = zip(*POOLED, strict=True)
    assert list(levels) == sorted(levels)
    assert list(rates) == sorted(rates, reverse=True)
    assert rates[-1] > 0


@pytest.mark.parametrize(
    ("area_m2", "apart_m", "doubtful"),
    [
        pytest.param(2000, 100, True, id="small"),
        pytest.param(2000, 900, True, id="small-and-apart"),
        pytest.param(5000, 900, True, id="apart-and-not-large"),
        pytest.param(5000, 100, False, id="beside-another"),
        pytest.param(9000, 900, False, id="large"),
    ],
)
def test_what_is_small_or_stands_apart_needs_stronger_evidence(area_m2: float, apart_m: float, doubtful: bool) -> None:  # noqa: FBT001 - a table
    row = {"area_m2": area_m2, "geometry": box(0, 0, 50, 50)}
    other = {"area_m2": 9e4, "geometry": translate(row["geometry"], 50 + apart_m)}
    assert needed_rates([row, other], PARAMS)[0] == pytest.approx(0.1 / 3 if doubtful else 0.1)


def test_the_p_value_counts_the_object_itself() -> None:
    assert p_value(5.0, np.array([1.0, 2.0, 6.0])) == 0.5
    assert p_value(9.0, np.arange(9.0)) == pytest.approx(0.1)
    assert p_value(5.0, np.zeros(0)) is None


def test_cells_hold_the_highest_place_of_the_object_in_each() -> None:
    score = np.zeros((12, 12), dtype=np.float32)
    score[2:4, 2:4] = 8.0
    shape = np.ones((2, 2), dtype=bool)
    everywhere = np.ones((12, 12), dtype=bool)
    scores = cell_scores(score, shape, everywhere)
    assert scores.shape == (36,)
    assert scores.max() == pytest.approx(8.0, abs=1e-4)
    assert (scores > 1e-3).sum() <= 4
    beyond = everywhere.copy()
    beyond[:6] = False
    assert cell_scores(score, shape, beyond).max() == pytest.approx(0.0, abs=1e-4)
    assert cell_scores(score, np.ones((20, 20), dtype=bool), everywhere).size == 0


@pytest.mark.parametrize("seed", range(3))
def test_p_values_are_uniform_where_nothing_happens(seed: int) -> None:
    """The object is the highest cell of its neighbourhood, as a detection is; so are its placebos."""
    rng = np.random.default_rng(seed)
    score = ndimage.gaussian_filter(rng.standard_normal((200, 200)), 2).astype(np.float32)
    shape = np.ones((8, 8), dtype=bool)
    everywhere = np.ones(score.shape, dtype=bool)
    all_cells = cell_scores(score, shape, everywhere)
    ps = [p_value(own, np.delete(all_cells, index)) for index, own in enumerate(all_cells)]
    assert np.mean([p is not None and p <= 0.1 for p in ps]) == pytest.approx(0.1, abs=0.01)


def test_the_earlier_map_stops_before_the_claims(make_stack: "MakeStack") -> None:
    stack = make_stack(ground(12))
    changes = map_changes(stack, PARAMS)
    assert earlier_map(changes, [{"onset_after": stack.days[3]}], PARAMS) is None
    earlier = earlier_map(
        changes, [{"onset_after": stack.days[9]}], replace(PARAMS, placebo=replace(PARAMS.placebo, least_looks=3))
    )
    assert earlier is None or earlier.stack.days[-1] <= stack.days[9]


def test_cells_agree_with_every_mean_worked_out_by_hand() -> None:
    rng = np.random.default_rng(3)
    score = rng.standard_normal((17, 23)).astype(np.float32)
    score[3:6, 4:9] = np.nan
    is_free = rng.random(score.shape) > 0.1
    shape = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
    allowed = is_free & np.isfinite(score)
    expected = []
    for top, left in np.ndindex(17 // 4, 23 // 3):
        means = []
        for y, x in np.ndindex(4, 3):
            row, column = top * 4 + y, left * 3 + x
            under = [(row - 2 + down, column - 1 + right) for down, right in zip(*np.nonzero(shape), strict=True)]
            here = [place for place in under if 0 <= place[0] < 17 and 0 <= place[1] < 23 and allowed[place]]
            if allowed[row, column] and len(here) >= 0.8 * shape.sum():
                means.append(np.mean([score[place] for place in here]))
        if means and allowed[top * 4 : top * 4 + 4, left * 3 : left * 3 + 3].mean() >= 0.8:
            expected.append(max(means))
    assert len(expected) > 10
    assert cell_scores(score, shape, is_free) == pytest.approx(expected, abs=1e-6)


def test_of_many_cells_as_many_are_drawn_as_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    score = ndimage.gaussian_filter(np.random.default_rng(2).standard_normal((600, 600)), 2).astype(np.float32)
    shape, everywhere = np.ones((4, 4), dtype=bool), np.ones(score.shape, dtype=bool)
    drawn = cell_scores(score, shape, everywhere)
    monkeypatch.setattr("detection.chance.placebo.MOST_PLACEBOS", 10**6)
    every = cell_scores(score, shape, everywhere)
    assert (drawn.size, every.size) == (MOST_PLACEBOS, 150 * 150)
    assert (drawn > np.quantile(every, 0.9)).mean() == pytest.approx(0.1, abs=0.03)
