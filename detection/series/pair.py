"""The step between two dates: no season, no noise in time, one cut, and so each map in one pass.

Gives what `detection.series.steps` gives for two dates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.kernels import pair as kernels
from detection.kernels.threads import spread
from detection.looks.context import Noise, mean_of_seen

_STRIP_PX = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairStep:
    """What is known of the step of each pixel; arrays of shape (y, x) unless said otherwise."""

    score_z: NDArray[np.float32]
    """Contrast in sigma of unchanged ground; NaN where it was not seen on both dates."""
    before: NDArray[np.float32]
    """The first look, shape (band, y, x); where only one look saw the pixel, that one, here and in `after`."""
    after: NDArray[np.float32]
    persistence: NDArray[np.float32]
    """Share (0-1) of the two looks that lie on the right side of the step: 0.5 where they do not differ at all."""
    agreeing_looks: NDArray[np.int16]
    """Looks on the right side, before and after, shape (2, y, x)."""


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far two images, shape (band, y, x), lie apart, mean over bands; NaN where a band was not seen."""
    result = np.empty(one.shape[1:], dtype=np.float32)
    by_rows(lambda rows: kernels.mean_distance(one, other, result, rows), len(result))
    return result


def pair_strength(values: NDArray[np.float32], patch_px: int) -> NDArray[np.float32]:
    """Return how far two dates, shape (2, band, y, x), lie apart, averaged over a patch; NaN where not seen on both."""
    return mean_of_seen(distance(values[0], values[1]), patch_px)


def pair_step(values: NDArray[np.float32], strength: NDArray[np.float32], noise: Noise) -> PairStep:
    """Tell the step of every pixel from the noise of unchanged ground.

    Args:
        values: Shape (2, band, y, x); NaN where not seen. What is told of both sides lies in their place.
        strength: From `pair_strength`.
        noise: Of `strength`.

    """
    shape = strength.shape
    score_z = noise.z(strength)
    by_rows(lambda rows: kernels.fill_sides(values, score_z, rows), shape[0])
    before, after = values
    persistence = np.empty(shape, dtype=np.float32)
    agreeing = np.empty((2, *shape), dtype=np.int16)
    by_rows(lambda rows: kernels.agreement(score_z, before, after, persistence, agreeing, rows), shape[0])
    return PairStep(score_z=score_z, before=before, after=after, persistence=persistence, agreeing_looks=agreeing)


def by_rows(task: Callable[[tuple[int, int]], None], height: int) -> None:
    """Call `task` with the first row, and the one after the last, of strips of an image, on all cores."""
    spread(task, [((top, min(top + _STRIP_PX, height)),) for top in range(0, height, _STRIP_PX)])
