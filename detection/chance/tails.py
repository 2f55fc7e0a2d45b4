"""How rare is a value among values that chance alone made?

By rank, where there are enough of them; beyond, by a generalised Pareto distribution fitted to the largest tenth with
L-moments (Hosking and Wallis 1987, doi:10.1080/00401706.1987.10488243), if that fit holds.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import genpareto, kstest

_TAIL_SHARE = 0.1
_LEAST_TAIL = 30
_ENOUGH = 10
"""So many values beyond tell more than any fit."""
_LEAST_FIT_P = 0.05
"""A fit that a Kolmogorov-Smirnov test finds less likely than this is not used. Its parameters were fitted to the same
values, so that the test is lenient: it catches tails of the wrong kind, no small misfit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChanceTail:
    """What chance makes of a statistic."""

    ordered: NDArray[np.float64]
    """All values, ascending."""
    threshold: float
    """Where the fitted tail begins; infinite where there is none."""
    scale: float
    shape: float

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Self:
        """Learn it from values of places where nothing happened; NaN is left out."""
        ordered = np.sort(np.asarray(values[np.isfinite(values)], dtype=np.float64))
        count = int(len(ordered) * _TAIL_SHARE)
        if count < _LEAST_TAIL:
            return cls(ordered=ordered, threshold=np.inf, scale=np.nan, shape=np.nan)
        threshold = float(ordered[-count - 1])
        beyond = ordered[-count:] - threshold
        first = beyond.mean()
        rank = (np.arange(count) + 1 - 0.35) / count
        second = float(np.mean(beyond * (1 - rank)))
        if second <= 0 or first <= 2 * second:
            return cls(ordered=ordered, threshold=np.inf, scale=np.nan, shape=np.nan)
        shape = max(2 - first / (first - 2 * second), 0.0)  # a tail that ends somewhere cannot be told from few values
        scale = first * (1 - shape)
        if kstest(beyond, genpareto(shape, scale=scale).cdf).pvalue < _LEAST_FIT_P:
            return cls(ordered=ordered, threshold=np.inf, scale=np.nan, shape=np.nan)
        return cls(ordered=ordered, threshold=threshold, scale=float(scale), shape=float(shape))

    @property
    def count(self) -> int:
        """How many values it rests on."""
        return len(self.ordered)

    @property
    def smallest_p(self) -> float:
        """The smallest probability that can be told.

        Without a fitted tail one over the number of values, with it a tenth of that, for no fit can be trusted far
        beyond what it was fitted to.
        """
        rank_floor = 1.0 / (self.count + 1)
        return rank_floor if np.isinf(self.threshold) else rank_floor / 10

    def p_value(self, statistic: float) -> float:
        """Return how probably chance makes as much or more; NaN for NaN, 1 where nothing is known."""
        if np.isnan(statistic):
            return float("nan")
        if not self.count:
            return 1.0
        at_least = self.count - int(np.searchsorted(self.ordered, statistic, side="left"))
        by_rank = (1 + at_least) / (1 + self.count)
        if at_least >= _ENOUGH or statistic <= self.threshold:
            return by_rank
        tail = float(genpareto(self.shape, scale=self.scale).sf(statistic - self.threshold))
        share = float((self.ordered > self.threshold).mean())
        return min(max(share * tail, self.smallest_p), _ENOUGH / (1 + self.count))

    def critical(self, probability: float) -> float:
        """Return the value that chance exceeds with `probability`; infinite where that cannot be told."""
        if probability < self.smallest_p or not self.count:
            return float("inf")
        share = float((self.ordered > self.threshold).mean())
        if np.isfinite(self.threshold) and probability < share and probability * self.count < _ENOUGH:
            return self.threshold + float(genpareto(self.shape, scale=self.scale).isf(probability / share))
        return float(np.quantile(self.ordered, 1 - probability))
