"""Which pixels changed for good?"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.blocks import EXACT_VALUES, Maps, Plan, Room, Slices, Window, run_blocks
from detection.looks.context import Noise
from detection.looks.normalise import light_ratios, light_residual, reference_image, relight
from detection.looks.registered import Registration
from detection.objects.outline import connected_pixels, sharp_pixels
from detection.params import DetectParams
from detection.series.steps import Asked, Steps, steps_in_stages
from detection.series.steps import fine_contrast as contrast_of
from geo.coregister import coregister
from geo.grid import Grid
from geo.scene import Stack

_SPLINE_PX = 18
"""How far moving an image reaches: three pixels at most, and a cubic spline around that."""
_NEAR_PX = 20
"""How far all that is looked for within some pixels reaches together, patches left out."""
_COPIES, _CUT_MAPS, _MAPS = 5, 8, 40
"""How many times about all values, a map for each cut, and single maps are held of a block: counted from the code."""
_STRIP_PX = 64
_OVERHEAD_MB = 300.0
"""What the program itself needs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeMap:
    """Changes pixel by pixel: what detections are made from and what a pixel-wise benchmark scores."""

    stack: Stack
    """Co-registered."""
    values: NDArray[np.float32]
    """The same in the light of one reference, shape (time, band, y, x); NaN where not clearly seen."""
    steps: Steps
    is_changed: NDArray[np.bool_]
    """Shape (y, x); at the detector's own operating point."""

    @property
    def clear_looks(self) -> NDArray[np.int16]:
        """On how many dates each pixel was clearly seen in all bands, shape (y, x)."""
        counts = np.empty(self.is_changed.shape, dtype=np.int16)
        for top in range(0, len(counts), _STRIP_PX):
            rows = slice(top, top + _STRIP_PX)
            counts[rows] = np.isfinite(self.values[:, :, rows]).all(axis=1).sum(axis=0, dtype=np.int16)
        return counts


def map_changes(stack: Stack, params: DetectParams, *, room: Room | None = None) -> ChangeMap:
    """Find which pixels changed for good.

    Args:
        stack: Two dates at least.
        params: How changes are found.
        room: The memory that may be used: larger areas are worked on in blocks, with the same result. None: all
            that is needed.

    """
    grid, days = stack.grid, stack.days
    values_a_px = len(days) * len(stack.bands)
    is_large = values_a_px * grid.width_px * grid.height_px > EXACT_VALUES
    registration = Registration.of(stack, params.coregister) if is_large else None
    registered = registration.as_stack() if registration else coregister(stack, params.coregister)
    plan = Plan.of(
        grid.shape,
        values_a_px=values_a_px,
        halo_px=_halo_px(params, grid),
        block_px=_block_px(room, len(days), len(stack.bands), params),
    )

    maps = Maps(room=room)

    def read(window: Slices) -> NDArray[np.float32]:
        if registration:
            values = registration.read(window)
            maps.release()
            return values
        return np.stack([registered.dataset[name][:, *window].to_numpy() for name in registered.bands], axis=1)

    made = _Made(shape=grid.shape, maps=maps)
    run_blocks(plan, lambda window: _look(read(window.wide), days, grid, params), made.keep)
    steps = made.steps()
    is_changed = connected_pixels(steps.score_z, seed_z=params.seed_z, grow_z=params.grow_z)
    is_changed &= made.arrays["is_sharp"]
    made.maps.release()
    return ChangeMap(stack=registered, values=made.arrays["values"], steps=steps, is_changed=is_changed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Looked:
    """What came of one window."""

    values: NDArray[np.float32]
    steps: Steps
    is_sharp: NDArray[np.bool_]


def _look(
    values: NDArray[np.float32], days: Sequence[date], grid: Grid, params: DetectParams
) -> Generator[Asked, Sequence[Noise], _Looked]:
    """Find the steps of one window; ask in between for the noise of the whole area."""
    context_px = params.context_px(grid)
    reference = reference_image(values)
    ratios = light_ratios(values, reference, context_px=context_px)
    pairs = list(np.ndindex(*values.shape[:2]))
    noises = yield Asked(
        maps=[partial(light_residual, values[place], reference[place[1]], ratios[place]) for place in pairs]
    )
    limits = np.array([noise.outlier_limit for noise in noises]).reshape(values.shape[:2])
    values = relight(values, reference, ratios, limits, context_px=context_px)
    steps = yield from steps_in_stages(values, days, patch_px=params.patch_px(grid), params=params.steps)
    fine = fine_contrast(steps)
    (noise,) = yield Asked(maps=[partial(np.asarray, fine)], sigma_floor=params.steps.sigma_floor)
    return _Looked(values=values, steps=steps, is_sharp=sharp_pixels(noise.z(fine), grow_z=params.grow_z))


@dataclass(slots=True, kw_only=True, eq=False)
class _Made:
    """The maps of the whole area, as the blocks fill them."""

    shape: tuple[int, int]
    maps: Maps
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    noise: list[Noise] = field(default_factory=list)
    """That of every block: the same, for it is that of the whole area."""

    def keep(self, window: Window, looked: _Looked) -> None:
        """Put the own pixels of a block in their place."""
        named = {item.name: getattr(looked.steps, item.name) for item in fields(Steps)}
        self.noise.append(named.pop("noise"))
        for name, values in {**named, "values": looked.values, "is_sharp": looked.is_sharp}.items():
            if window.own == (slice(0, self.shape[0]), slice(0, self.shape[1])):
                self.arrays[name] = values
                continue
            if name not in self.arrays:
                self.arrays[name] = self.maps.empty(name, (*values.shape[:-2], *self.shape), values.dtype)
            self.arrays[name][..., *window.own] = values[..., *window.inner]
        self.maps.release()

    def steps(self) -> Steps:
        """Return the steps of the whole area."""
        names = [item.name for item in fields(Steps) if item.name != "noise"]
        return Steps(noise=self.noise[0], **{name: self.arrays[name] for name in names})


def _halo_px(params: DetectParams, grid: Grid) -> int:
    """Return how far away a pixel can lie and still matter: the surroundings twice, the patch thrice, small things."""
    return _SPLINE_PX + 2 * (params.context_px(grid) // 2) + 3 * (params.patch_px(grid) // 2) + _NEAR_PX


def _block_px(room: Room | None, dates: int, bands: int, params: DetectParams) -> float:
    """Return how many pixels a block may have, its surroundings included."""
    if room is None:
        return np.inf
    cuts = min(dates - 1, params.steps.max_cuts)
    bytes_a_px = 4 * (_COPIES * dates * bands + _CUT_MAPS * cuts + _MAPS + 4 * bands)
    return max(room.memory_mb - _OVERHEAD_MB, 0.0) * 1e6 / bytes_a_px


def fine_contrast(steps: Steps) -> NDArray[np.float32]:
    """Return the contrast of before and after over 3 x 3 pixels, shape (y, x): what the outline is sharpened by."""
    return contrast_of(steps.before, steps.after)
