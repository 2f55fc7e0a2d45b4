"""A probability of chance is right where it can be, and never smaller than what the values can bear."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detection.chance.tails import ChanceTail

Draw = Callable[[np.random.Generator, int], np.ndarray]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_t(4, size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "bounded": lambda rng, n: rng.uniform(size=n),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize(("count", "excess"), [(400, 1.9), (4000, 1.4)], ids=["few", "many"])
def test_probabilities_are_uniform_under_chance_and_at_most_a_little_too_small_far_out(
    draw: Draw, count: int, excess: float
) -> None:
    rng = np.random.default_rng(7)
    p = []
    for _ in range(120):
        tail = ChanceTail.of(draw(rng, count))
        p += [tail.p_value(value) for value in draw(rng, 150)]
    found = np.array(p)
    for level in (0.5, 0.1, 0.05):
        assert (found <= level).mean() == pytest.approx(level, rel=0.2)
    assert (found <= 0.001).mean() <= 0.001 * excess + 3 * np.sqrt(0.001 / len(found))


@given(values=arrays(np.float64, st.integers(0, 80), elements=st.floats(-10, 10)), statistic=st.floats(-20, 20))
def test_few_values_give_the_rank(values: np.ndarray, statistic: float) -> None:
    tail = ChanceTail.of(values)
    expected = (1 + (values >= statistic).sum()) / (1 + len(values))
    assert tail.p_value(statistic) == pytest.approx(expected)


def test_a_larger_statistic_is_never_more_probable() -> None:
    tail = ChanceTail.of(np.random.default_rng(1).standard_t(5, size=2000))
    p = [tail.p_value(value) for value in np.linspace(-3, 30, 200)]
    assert (np.diff(p) <= 1e-12).all()
    assert min(p) == tail.smallest_p > 0


@pytest.mark.parametrize("probability", [0.2, 0.05, 0.01, 0.001])
def test_the_critical_value_is_exceeded_as_often_as_said(probability: float) -> None:
    rng = np.random.default_rng(3)
    tail = ChanceTail.of(rng.normal(size=20_000))
    exceeded = (rng.normal(size=400_000) > tail.critical(probability)).mean()
    assert exceeded == pytest.approx(probability, rel=0.35)
    assert tail.p_value(tail.critical(probability)) == pytest.approx(probability, rel=0.25)


def test_what_cannot_be_told_is_not_told() -> None:
    assert ChanceTail.of(np.array([])).p_value(5.0) == 1.0
    assert ChanceTail.of(np.full(10, np.nan)).critical(0.01) == np.inf
    assert np.isnan(ChanceTail.of(np.arange(50.0)).p_value(float("nan")))
    assert ChanceTail.of(np.arange(50.0)).critical(1e-4) == np.inf
