"""Did a place step in any of several tests, and how surely, all of them together?

The tests are the polarisations of each track. Their scores are brought to one scale first: a t of few looks has heavy
tails, so that each is replaced by the normal deviate of the same probability. Then Hotelling's T2 (1931) weighs them
by the correlation that they have where nothing changed, which is most of the scene: a step in one polarisation alone,
or up in one and down in the other, is not averaged away as it is in a sum.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
_MAD_TO_SIGMA = 1.4826
_CLIP = 3.0
"""In sigma: what changed says nothing of how tests hang together where nothing did."""
_LEAST_TO_CORRELATE = 30
_LEAST_CHANCE = 1e-300


def as_normal(t: Floats, freedom: Floats) -> Floats:
    """Return the normal deviates that are as rare as values `t` of Student's t with `freedom`; NaN stays."""
    rare = np.maximum(stats.t.sf(np.abs(t), np.maximum(freedom, 1)), _LEAST_CHANCE)
    return np.asarray(np.sign(t) * stats.norm.isf(rare))


def joint_z(scores: Floats) -> Floats:
    """Return one normal deviate a place from several tests; two-sided p is that of its size.

    Args:
        scores: Shape (place, test), normal deviates where nothing changed but for their scale; NaN where a test tells
            nothing of a place. Most places unchanged.

    Returns:
        Shape (place,): as rare, where nothing changed, as all tests together, with the sign of their sum; NaN where no
        test tells anything.

    """
    standard = np.stack([on_own_scale(test) for test in scores.T], axis=1)
    correlation = _correlation(standard)
    result = np.full(len(standard), np.nan)
    told = np.isfinite(standard)
    for which in np.unique(told[told.any(axis=1)], axis=0):
        here = (told == which).all(axis=1)
        part = standard[here][:, which]
        inverse = np.linalg.inv(correlation[np.ix_(which, which)])
        distance = np.einsum("pi,ij,pj->p", part, inverse, part)
        rare = np.maximum(stats.chi2.sf(distance, int(which.sum())) / 2, _LEAST_CHANCE)
        result[here] = np.where(part.sum(axis=1) < 0, -1, 1) * stats.norm.isf(rare)
    return result


def two_sided_p(z: Floats) -> Floats:
    """Return how often (0-1) a normal deviate is as far off as `z`, either way."""
    return np.asarray(2 * stats.norm.sf(np.abs(z)))


def on_own_scale(scores: Floats) -> Floats:
    """Return scores about their median, in units of their robust sigma where that is above 1; shape (place,)."""
    seen = scores[np.isfinite(scores)]
    if not seen.size:
        return scores
    middle = float(np.median(seen))
    return np.asarray((scores - middle) / max(1.0, _MAD_TO_SIGMA * float(np.median(np.abs(seen - middle)))))


def _correlation(standard: Floats) -> Floats:
    """Return how tests hang together at the places of which all of them tell; not at all where those are few."""
    tests = standard.shape[1]
    whole = np.clip(standard[np.isfinite(standard).all(axis=1)], -_CLIP, _CLIP)
    if tests == 1 or len(whole) < _LEAST_TO_CORRELATE or not (whole.std(axis=0) > 0).all():
        return np.eye(tests)
    # A tenth of disbelief keeps two nearly equal tests from being told apart by noise.
    return np.asarray(0.9 * np.corrcoef(whole.T) + 0.1 * np.eye(tests))
