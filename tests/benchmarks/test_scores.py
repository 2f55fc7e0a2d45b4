"""The scores of the benchmarks, against slow and obvious ways to get them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import oscd
from benchmarks.scores import area_under_curve, average_precision, best_f1, f1_of, score_objects

PAIRS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=30)


@given(PAIRS)
def test_the_area_under_the_curve_is_the_chance_to_outrank(pairs: list[tuple[int, bool]]) -> None:
    change = [score for score, is_change in pairs if is_change]
    calm = [score for score, is_change in pairs if not is_change]
    found = area_under_curve(
        np.array([score for score, _ in pairs], dtype=np.float32), np.array([is_change for _, is_change in pairs])
    )
    if not (change and calm):
        assert np.isnan(found)
        return
    wins = [1.0 if one > other else 0.5 if one == other else 0.0 for one in change for other in calm]
    assert found == pytest.approx(float(np.mean(wins)))


def test_average_precision_of_a_ranking_worked_by_hand() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32)
    is_change = np.array([True, False, True, False])
    assert average_precision(score, is_change) == pytest.approx((1 / 1 + 2 / 3) / 2)


@given(PAIRS)
def test_no_threshold_beats_the_best_f1(pairs: list[tuple[int, bool]]) -> None:
    rng = np.random.default_rng(len(pairs))
    score = (np.array([score for score, _ in pairs]) + rng.uniform(0, 0.5, len(pairs))).astype(np.float32)
    is_change = np.array([is_change for _, is_change in pairs])
    best, threshold = best_f1(score, is_change)
    assert best == pytest.approx(max(f1_of(score >= level, is_change) for level in score))
    assert f1_of(score >= threshold, is_change) == pytest.approx(best)


def test_objects_are_hit_missed_and_invented() -> None:
    is_change, is_found = np.zeros((20, 20), dtype=bool), np.zeros((20, 20), dtype=bool)
    is_change[2:5, 2:5] = True  # found in part
    is_change[15, 15] = True  # missed
    is_found[2:4, 2:4] = True
    is_found[2:4, 15:17] = True  # far from any label
    scores = score_objects(is_found, is_change)
    assert scores.labelled == {"1-3": 1, "4-9": 1, "10-24": 0, "25-79": 0, ">=80": 0}
    assert (scores.hit["4-9"], scores.hit["1-3"], scores.false) == (1, 0, 1)


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # the labels carry no position
def test_the_labelled_pairs_are_scored_as_the_documentation_says(shared_data: Path, tmp_path: Path) -> None:
    target = tmp_path / "oscd.json"
    assert oscd.main(["--data", str(shared_data / "oscd"), "--cities", "beihai", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert set(figures) == {"cities", "pooled"}
    assert figures["pooled"]["auc"] > 0.87
    assert figures["pooled"]["f1_fixed"] > 0.4
    assert figures["pooled"]["f1_fixed"] <= figures["pooled"]["f1_best"] + 0.03
