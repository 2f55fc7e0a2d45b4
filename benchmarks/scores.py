"""Scores of a change map against a mask of labelled change."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

SIZE_CLASSES_PX = ((1, 4), (4, 10), (10, 25), (25, 80), (80, 10**9))
_HIT_SHARE = 0.25
_FAR_PX = 2


def area_under_curve(score: NDArray[np.float32], is_change: NDArray[np.bool_]) -> float:
    """Return the area under the receiver operating characteristic: the chance that change outranks no change."""
    positives, negatives = int(is_change.sum()), int((~is_change).sum())
    if not (positives and negatives):
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[is_change].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(score: NDArray[np.float32], is_change: NDArray[np.bool_]) -> float:
    """Return the area under precision over recall, step by step."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_change[order])
    precision = hits / np.arange(1, len(hits) + 1)
    return float(precision[is_change[order]].sum() / max(int(hits[-1]), 1))


def best_f1(score: NDArray[np.float32], is_change: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the best F1 that any one threshold on `score` reaches, and that threshold."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_change[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + max(int(hits[-1]), 1))
    best = int(np.argmax(f1))
    return float(f1[best]), float(score[order][best])


def f1_of(is_found: NDArray[np.bool_], is_change: NDArray[np.bool_]) -> float:
    """Return F1 of a mask."""
    return float(2 * (is_found & is_change).sum() / max(int(is_found.sum() + is_change.sum()), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScores:
    """What became of whole objects."""

    labelled: dict[str, int]
    """Labelled objects by size class (pixels)."""
    hit: dict[str, int]
    """Those of which at least a quarter lies within a pixel of something found."""
    false: int
    """Found objects farther than two pixels from any label. Labels omit real changes: an upper bound."""


def score_objects(is_found: NDArray[np.bool_], is_change: NDArray[np.bool_]) -> ObjectScores:
    """Compare labelled and found objects, both 8-connected, shape (y, x)."""
    eight = np.ones((3, 3), dtype=bool)
    labels, count = ndimage.label(is_change, structure=eight)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    near = ndimage.binary_dilation(is_found, structure=eight)
    covered = np.bincount(labels.ravel(), weights=near.ravel(), minlength=count + 1)
    labelled, hit = {}, {}
    for low, high in SIZE_CLASSES_PX:
        members = [index for index in range(1, count + 1) if low <= sizes[index] < high]
        name = f"{low}-{high - 1}" if high < 10**9 else f">={low}"
        labelled[name] = len(members)
        hit[name] = sum(covered[index] >= _HIT_SHARE * sizes[index] for index in members)
    found, number = ndimage.label(is_found, structure=eight)
    around = ndimage.binary_dilation(is_change, structure=eight, iterations=_FAR_PX)
    touching = np.unique(found[around & (found > 0)])
    return ObjectScores(labelled=labelled, hit=hit, false=int(number - len(touching)))
