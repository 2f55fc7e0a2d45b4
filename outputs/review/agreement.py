"""How well do two readers agree, beyond what chance would give?

Cohen's kappa with its large-sample standard error (Fleiss, Cohen & Everitt 1969, Psychological Bulletin 72:323-327).
Only the first verdict of each reader counts: a later one may have been given knowing the other's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from detection.life.history import Review
from detection.schema import Verdict

VERDICTS = tuple(Verdict)
_Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two readers judged the same detections."""

    readers: tuple[str, str]
    counts: tuple[tuple[int, ...], ...]
    """A row a verdict of the first, a column a verdict of the second, in the order of `VERDICTS`."""
    both: int
    """Detections that both have judged."""
    agreed: int
    kappa: float | None
    """None where it is not defined: nothing was judged by both, or both gave one and the same verdict to all."""
    low: float | None
    """Of the 95 % interval, not below -1."""
    high: float | None


def agreements(reviews: Iterable[Review]) -> list[Agreement]:
    """Return how each two readers agree who have judged at least one detection in common, by their names."""
    first: dict[str, dict[str, Verdict]] = {}
    for review in sorted(reviews, key=lambda given: given.at):
        first.setdefault(review.reviewer, {}).setdefault(review.detection_id, review.verdict)
    found = []
    for one, other in combinations(sorted(first), 2):
        common = sorted(first[one].keys() & first[other].keys())
        if common:
            pairs = [(first[one][name], first[other][name]) for name in common]
            found.append(agreement((one, other), pairs))
    return found


def agreement(readers: tuple[str, str], pairs: Sequence[tuple[Verdict, Verdict]]) -> Agreement:
    """Return how two readers agree about what both have judged."""
    counts = np.zeros((len(VERDICTS), len(VERDICTS)), dtype=np.int64)
    for one, other in pairs:
        counts[VERDICTS.index(one), VERDICTS.index(other)] += 1
    kappa, low, high = kappa_of(counts)
    return Agreement(
        readers=readers,
        counts=tuple(tuple(int(count) for count in row) for row in counts),
        both=len(pairs),
        agreed=int(np.trace(counts)),
        kappa=kappa,
        low=low,
        high=high,
    )


def kappa_of(counts: NDArray[np.int64]) -> tuple[float | None, float | None, float | None]:
    """Return kappa and the ends of its 95 % interval from a square table of counts; None where it is not defined."""
    total = int(counts.sum())
    if total == 0:
        return None, None, None
    share = counts / total
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, chance = float(np.trace(share)), float(rows @ columns)
    if np.isclose(chance, 1.0):
        return None, None, None
    kappa = (observed - chance) / (1 - chance)
    on = float((np.diag(share) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum())
    weights = (columns[:, None] + rows[None, :]) ** 2
    off = (1 - kappa) ** 2 * float((share * weights).sum() - (np.diag(share) * np.diag(weights)).sum())
    variance = max(0.0, on + off - (kappa - chance * (1 - kappa)) ** 2) / (total * (1 - chance) ** 2)
    reach = _Z95 * variance**0.5
    return kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach)
