"""Which pixels changed for good?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.context import Noise, mean_of_seen
from detection.normalise import normalise, reference_image
from detection.outline import changed_pixels
from detection.params import DetectParams
from detection.steps import Steps, find_steps
from geo.coregister import coregister
from geo.scene import Stack

_FINE_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeMap:
    """Changes pixel by pixel: what detections are made from and what a pixel-wise benchmark scores."""

    stack: Stack
    """Co-registered."""
    steps: Steps
    is_changed: NDArray[np.bool_]
    """Shape (y, x); at the detector's own operating point."""


def map_changes(stack: Stack, params: DetectParams) -> ChangeMap:
    """Find which pixels changed for good.

    Args:
        stack: Two dates at least.
        params: How changes are found.

    """
    grid = stack.grid
    registered = coregister(stack, params.coregister)
    values = registered.values
    values = normalise(values, reference_image(values), context_px=params.context_px(grid))
    steps = find_steps(values, stack.days, patch_px=params.patch_px(grid), params=params.steps)
    fine = mean_of_seen(np.abs(steps.after - steps.before).mean(axis=0), _FINE_PX)
    fine_z = Noise.of(fine, sigma_floor=params.steps.sigma_floor).z(fine)
    is_changed = changed_pixels(steps.score_z, fine_z, seed_z=params.seed_z, grow_z=params.grow_z)
    return ChangeMap(stack=registered, steps=steps, is_changed=is_changed)
