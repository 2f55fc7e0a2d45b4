"""Kappa and Wilson intervals against values worked by hand and by others."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from detection.life.history import Review
from detection.schema import Verdict
from outputs.review.agreement import VERDICTS, agreement, agreements, kappa_of
from outputs.review.feedback import bin_of, wilson

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIRMED, REJECTED, UNSURE = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNSURE


def test_kappa_of_a_table_worked_by_hand() -> None:
    # 50 detections: 20 both confirm, 15 both reject, 5 and 10 differ. Observed 0.7; chance 0.5 x 0.6 + 0.5 x 0.4 = 0.5.
    kappa, low, high = kappa_of(np.array([[20, 5], [10, 15]]))
    assert kappa == pytest.approx((0.7 - 0.5) / 0.5)
    # Fleiss, Cohen & Everitt by hand: the cells on the diagonal, then those off it.
    on = 0.4 * (1 - (0.5 + 0.6) * 0.6) ** 2 + 0.3 * (1 - (0.5 + 0.4) * 0.6) ** 2
    off = 0.36 * (0.1 * (0.6 + 0.5) ** 2 + 0.2 * (0.4 + 0.5) ** 2)
    error = ((on + off - (0.4 - 0.5 * 0.6) ** 2) / (50 * 0.25)) ** 0.5
    assert low is not None
    assert high is not None
    assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)


def test_the_published_example_of_fleiss_has_its_kappa_and_standard_error() -> None:
    kappa, low, high = kappa_of(np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert kappa == pytest.approx(0.676, abs=5e-4)
    assert low is not None
    assert high is not None
    assert (high - low) / 2 / 1.959964 == pytest.approx(0.0877, abs=2e-3)


def test_kappa_is_that_of_another_implementation() -> None:
    chance = np.random.default_rng(5)
    for _ in range(20):
        first = chance.integers(0, 3, 40)
        second = np.where(chance.random(40) < 0.6, first, chance.integers(0, 3, 40))
        pairs = [(VERDICTS[one], VERDICTS[other]) for one, other in zip(first, second, strict=True)]
        assert agreement(("a", "b"), pairs).kappa == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_is_not_defined_where_both_say_the_same_of_everything() -> None:
    found = agreement(("a", "b"), [(CONFIRMED, CONFIRMED)] * 4)
    assert (found.agreed, found.kappa, found.low) == (4, None, None)
    assert agreement(("a", "b"), []).kappa is None


def review(name: str, who: str, verdict: Verdict, *, hour: int) -> Review:
    return Review(detection_id=name, verdict=verdict, reviewer=who, at=START + timedelta(hours=hour))


def test_only_the_first_verdict_of_each_reader_counts_and_only_what_both_have_judged() -> None:
    given = [
        review("a", "ben", REJECTED, hour=1),
        review("a", "ayse", CONFIRMED, hour=0),
        review("a", "ben", CONFIRMED, hour=2),  # after having seen the other's
        review("b", "ayse", UNSURE, hour=3),
    ]
    (found,) = agreements(given)
    assert (found.readers, found.both, found.agreed) == (("ayse", "ben"), 1, 0)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
    ids=["eight of ten", "none of ten", "all of ten", "nothing"],
)
def test_the_interval_of_wilson_is_the_published_one(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("confidence", "name"), [(0.0, "0.0-0.2"), (0.2, "0.2-0.4"), (0.79, "0.6-0.8"), (1.0, "0.8-1.0")]
)
def test_an_edge_belongs_to_the_bin_above_it_and_one_to_the_last(confidence: float, name: str) -> None:
    assert bin_of(confidence) == name
