"""Which pixels changed for good?"""

from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import partial
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.blocks import EXACT_VALUES, Crew, Plan, Slices, Window, Worked, run_blocks
from detection.kernels.memory import memory_kept
from detection.kernels.threads import spread
from detection.looks.context import Noise
from detection.looks.normalise import expected_lights, light_residual, reference_image, relight
from detection.looks.registered import WINDOW_PX, Registration
from detection.objects.outline import connected_pixels, sharp_pixels
from detection.params import DetectParams
from detection.room import Maps, Room
from detection.series.steps import Asked, Steps, steps_in_stages
from detection.series.steps import fine_contrast as contrast_of
from geo.coregister import coregister
from geo.scene import Stack

_NEAR_PX = 20
"""How far all that is looked for within some pixels reaches together, patches left out."""
_LIGHT_COPIES, _LIGHT_MAPS = 2.5, 8
"""How many times one band of all dates, and single maps, are held while a block is given one light: a test measures
it."""
_COPIES, _CUT_MAPS, _MAPS = 6, 8, 40
"""The same, of all bands, a map for each cut, and single maps, while steps are looked for…"""
_PAIR_COPIES, _PAIR_MAPS = 2.5, 24
"""… and between two dates."""
_REGISTERED_COPIES = 7
"""How many times a stack is held while it is moved as a whole."""
_MEASURED_BYTES = 16
"""What is held of each value while the noise of all is measured, with as much again for what is at work."""
_ENOUGH_PX = 1 << 14
"""So many pixels tell how far a date usually lies off what its light lets expect."""
_LEAST_WINDOW_PX = 160
"""Side of the smallest window on which shifts are measured."""
_A_PAIR = 2
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
    trust: NDArray[np.float32]
    """How much each band counts, mean 1, shape (band,): what is restless everywhere tells little."""
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
    with memory_kept() if len(stack.days) == _A_PAIR else nullcontext():
        ground = _Ground.of(stack, params, room)
        values, trust = _lit_values(ground, params)
        steps, is_sharp = _all_steps(values, trust, ground, params)
    is_changed = connected_pixels(steps.score_z, seed_z=params.seed_z, grow_z=params.grow_z)
    is_changed &= is_sharp
    ground.maps.release()
    ground.maps.close()
    return ChangeMap(stack=ground.registered, values=values, trust=trust, steps=steps, is_changed=is_changed)


def map_until(changes: ChangeMap, looks: int, params: DetectParams, *, room: Room | None = None) -> ChangeMap:
    """Return the map of the first `looks` looks of `changes` alone, on the place and in the light that they have.

    Args:
        changes: The map of all looks.
        looks: Two at least.
        params: How changes are found.
        room: As in `map_changes`.

    """
    stack = replace(changes.stack, dataset=changes.stack.dataset.isel(time=slice(looks)), shifts_px=None)
    ground = _Ground(registered=stack, registration=None, maps=Maps(room=room))
    values = changes.values[:looks]
    steps, is_sharp = _all_steps(values, changes.trust, ground, params)
    is_changed = connected_pixels(steps.score_z, seed_z=params.seed_z, grow_z=params.grow_z) & is_sharp
    ground.maps.release()
    ground.maps.close()
    return ChangeMap(stack=stack, values=values, trust=changes.trust, steps=steps, is_changed=is_changed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """All looks, each on its place, and the room to work on them."""

    registered: Stack
    registration: Registration | None
    """How the looks are moved when they are read; None where they have been."""
    maps: Maps

    @property
    def crew(self) -> Crew | None:
        """Who else works on the blocks: nobody where the looks were moved as a whole, and are held in this process."""
        return None if self.maps.room is None or self.registration is None else self.maps.room.crew

    @classmethod
    def of(cls, stack: Stack, params: DetectParams, room: Room | None) -> "_Ground":
        """Move a stack as a whole where it is small, else measure how it is to be moved."""
        count = len(stack.days) * len(stack.bands) * stack.grid.width_px * stack.grid.height_px
        is_small = room is None or _REGISTERED_COPIES * 4e-6 * count <= room.memory_mb - _OVERHEAD_MB
        if count <= EXACT_VALUES and is_small:
            return cls(registered=coregister(stack, params.coregister), registration=None, maps=Maps(room=room))
        registration = Registration.of(stack, params.coregister, window_px=_window_px(stack, room))
        return cls(registered=registration.as_stack(), registration=registration, maps=Maps(room=room))

    def plan(self, halo_px: int, bytes_a_px: float) -> Plan:
        """Cut the area into blocks that fit."""
        room, stack = self.maps.room, self.registered
        values_a_px = len(stack.days) * len(stack.bands)
        return Plan.of(
            stack.grid.shape,
            values_a_px=values_a_px,
            halo_px=halo_px,
            block_px=np.inf if room is None else _block_px(room, bytes_a_px),
            exact_values=_exact_values(room, values_a_px * _sampled_px(stack.grid.shape, halo_px)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lighting:
    """Gives the dates of one band one light, window by window."""

    stack: Stack
    """Registered."""
    registration: Registration | None
    band: int
    context_px: int

    def __call__(self, window: Window) -> Generator[Asked, Sequence[Noise], Worked]:
        every = max(1, int(sqrt(prod(self.stack.grid.shape) / _ENOUGH_PX)))
        return _in_one_light(self._read(window.wide)[:, None], self.context_px, window, every)

    def _read(self, window: Slices) -> NDArray[np.float32]:
        """Return the band on all dates within `window`, shape (time, y, x)."""
        moving = self.registration
        if moving is None:
            return np.asarray(self.stack.dataset[self.stack.bands[self.band]].to_numpy()[:, *window])
        rows, columns = window
        shape = (len(self.stack.days), rows.stop - rows.start, columns.stop - columns.start)
        values = np.empty(shape, dtype=np.float32)

        def one(date_index: int) -> None:
            values[date_index] = moving.read_date(date_index, window, self.band)[0]

        spread(one, [(index,) for index in range(shape[0])])
        return values


def _lit_values(ground: _Ground, params: DetectParams) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return all looks in the light of one reference, and how far each band is to be trusted.

    Shapes (time, band, y, x) and (band,); worked out band by band and block by block.
    """
    stack, context_px = ground.registered, params.context_px(ground.registered.grid)
    dates, bands, maps = len(stack.days), len(stack.bands), ground.maps
    values = maps.empty("values", (dates, bands, *stack.grid.shape), np.float32)
    plan = ground.plan(2 * (context_px // 2), 4 * (_LIGHT_COPIES * dates + _LIGHT_MAPS))

    unrest = np.zeros(bands)

    def work_on(band: int) -> None:
        lighting = _Lighting(stack=stack, registration=ground.registration, band=band, context_px=context_px)

        def begin(window: Window) -> Generator[Asked, Sequence[Noise], Worked]:
            run = lighting(window)
            maps.touched(4 * dates * prod(window.wide_shape))
            maps.release()  # what was read is enough
            return run

        def keep(window: Window, lit: Worked) -> None:
            for index in range(dates):
                maps.put("values", values, window.own, lit.arrays["values"][index], at=(index, band))
            unrest[band] = lit.facts
            maps.release()

        if ground.crew is None:
            run_blocks(plan, begin, keep)
        else:
            run_blocks(plan, lighting, keep, stage=_light(band), crew=ground.crew)

    for band in range(bands):
        work_on(band)
    return values, _trust(unrest, dates)


def _light(band: int) -> str:
    return f"light-{band}"


def _trust(unrest: NDArray[np.float64], dates: int) -> NDArray[np.float32]:
    """Return how much each band counts, mean 1: the inverse of its unrest; all the same in a pair.

    Between two dates nothing tells a restless band from one in which much was built.
    """
    known = np.isfinite(unrest) & (unrest > 0)
    if dates == _A_PAIR or not known.all():
        return np.ones(len(unrest), dtype=np.float32)
    inverse = 1 / unrest
    return np.asarray(inverse / inverse.mean(), dtype=np.float32)


def _in_one_light(
    values: NDArray[np.float32], context_px: int, window: Window, every: int
) -> Generator[Asked, Sequence[Noise], Worked]:
    """Give all dates of one band, shape (time, 1, y, x), one light; ask in between for the noise of the whole area.

    `every` so-many-th pixel tells that: it does no more than say which pixels are so odd that they hardly count.

    What comes of it: ``values``, shape (time, y, x), and as a fact how far a usual pixel of the whole area lies off the
    reference on a usual date.
    """
    reference = reference_image(values)
    expected = expected_lights(values, reference, context_px=context_px)
    noises = yield Asked(
        maps=[
            partial(light_residual, values[date_index, 0], expected[date_index, 0]) for date_index in range(len(values))
        ],
        every=every,
    )
    limits = np.array([noise.outlier_limit for noise in noises])[:, None]
    lit = relight(values, reference, expected, limits, context_px=context_px)
    unrest = float(np.median([noise.middle for noise in noises]))
    return Worked(arrays={"values": lit[:, 0, *window.inner]}, facts=unrest)


def _all_steps(
    values: NDArray[np.float32], trust: NDArray[np.float32], ground: _Ground, params: DetectParams
) -> tuple[Steps, NDArray[np.bool_]]:
    """Return the steps of the whole area, and what of it is sharp."""
    stack = ground.registered
    plan = ground.plan(
        3 * (params.patch_px(stack.grid) // 2) + _NEAR_PX, _bytes_a_px(values.shape[0], values.shape[1], params)
    )
    made = _Made(shape=stack.grid.shape, maps=ground.maps)

    def begin(window: Window) -> Generator[Asked, Sequence[Noise], Worked]:
        part = weighed(values[:, :, *window.wide], trust)
        ground.maps.touched(part.nbytes)
        ground.maps.release()  # the copy is enough
        return looking.look(part, window, is_own=not np.may_share_memory(part, values))

    looking = _Looking(trust=trust, days=stack.days, patch_px=params.patch_px(stack.grid), params=params)
    if ground.crew is None:
        run_blocks(plan, begin, made.keep)
    else:
        shape = (values.shape[0], *values.shape[2:])
        laid = tuple(ground.crew.array(_light(band), "values", shape) for band in range(values.shape[1]))
        run_blocks(plan, replace(looking, laid=laid), made.keep, stage="steps", crew=ground.crew)
    return made.steps(), made.arrays["is_sharp"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Looking:
    """Finds the steps of windows."""

    trust: NDArray[np.float32]
    days: tuple[date, ...]
    patch_px: int
    params: DetectParams
    laid: tuple[Any, ...] = ()
    """Where a crew works: each band in one light, shape (time, y, x), to be read piece by piece."""

    def __call__(self, window: Window) -> Generator[Asked, Sequence[Noise], Worked]:
        part = np.stack([band[:, *window.wide] for band in self.laid], axis=1)
        return self.look(weighed(part, self.trust), window, is_own=True)

    def look(
        self, values: NDArray[np.float32], window: Window, *, is_own: bool
    ) -> Generator[Asked, Sequence[Noise], Worked]:
        """Find the steps of a window; ask in between for the noise of the whole area.

        Args:
            values: What is seen within its `wide` part, weighed, shape (time, band, y, x).
            window: The window.
            is_own: Whether `values` may be changed.

        """
        params = self.params
        steps = yield from steps_in_stages(
            values, self.days, patch_px=self.patch_px, params=params.steps, is_own=is_own
        )
        fine = contrast_of(steps.before, steps.after)
        (noise,) = yield Asked(maps=[partial(np.asarray, fine)], sigma_floor=params.steps.sigma_floor)
        is_sharp = sharp_pixels(noise.z(fine), grow_z=params.grow_z)
        told = in_units_of_bands(steps, self.trust)
        named = {item.name: getattr(told, item.name) for item in fields(Steps) if item.name != "noise"}
        arrays = {name: values[..., *window.inner] for name, values in {**named, "is_sharp": is_sharp}.items()}
        return Worked(arrays=arrays, facts=told.noise)


def weighed(values: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `values` (..., band, y, x), contiguous, each band times its trust; not copied where all count alike."""
    if (trust == 1).all():
        return np.ascontiguousarray(values)
    return np.asarray(values * trust[:, None, None], dtype=np.float32)


def in_units_of_bands(steps: Steps, trust: NDArray[np.float32]) -> Steps:
    """Return steps that were found in `weighed` values, with the looks before and after as they are."""
    if (trust == 1).all():
        return steps
    back = (1 / trust).astype(np.float32)
    return replace(steps, before=weighed(steps.before, back), after=weighed(steps.after, back))


@dataclass(slots=True, kw_only=True, eq=False)
class _Made:
    """The maps of the whole area, as the blocks fill them."""

    shape: tuple[int, int]
    maps: Maps
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    noise: list[Noise] = field(default_factory=list)
    """That of every block: the same, for it is that of the whole area."""

    def keep(self, window: Window, looked: Worked) -> None:
        """Put the own pixels of a block in their place."""
        self.noise.append(looked.facts)
        for name, values in looked.arrays.items():
            if window.own == (slice(0, self.shape[0]), slice(0, self.shape[1])):
                self.arrays[name] = values
                continue
            if name not in self.arrays:
                self.arrays[name] = self.maps.empty(name, (*values.shape[:-2], *self.shape), values.dtype)
            self.maps.put(name, self.arrays[name], window.own, values)
        self.maps.release()

    def steps(self) -> Steps:
        """Return the steps of the whole area."""
        names = [item.name for item in fields(Steps) if item.name != "noise"]
        return Steps(noise=self.noise[0], **{name: self.arrays[name] for name in names})


def _exact_values(room: Room | None, sampled: float) -> float:
    """Return up to how many values the noise of all is measured; a sample of more of them, `sampled`, saves nothing."""
    return min(max(EXACT_VALUES, sampled), np.inf if room is None else _free_bytes(room) / _MEASURED_BYTES)


def _sampled_px(shape: tuple[int, int], halo_px: int) -> int:
    """Return how many pixels are looked at for a sample of an area."""
    plan = Plan.of(shape, values_a_px=1, halo_px=halo_px, block_px=np.inf, exact_values=0)
    return sum(prod(window.wide_shape) for window in plan.samples)


def _window_px(stack: Stack, room: Room | None) -> int:
    """Return the side of the windows on which shifts are measured."""
    bytes_a_px = 4 * _REGISTERED_COPIES * len(stack.days) * len(stack.bands)
    fits_px = WINDOW_PX if room is None else int(sqrt(_free_bytes(room) / bytes_a_px))
    return min(WINDOW_PX, max(_LEAST_WINDOW_PX, fits_px))


def _bytes_a_px(dates: int, bands: int, params: DetectParams) -> float:
    """Return how much is held of each pixel while steps are looked for."""
    if dates == _A_PAIR:
        return 4 * (_PAIR_COPIES * dates * bands + _PAIR_MAPS)
    cuts = min(dates - 1, params.steps.max_cuts)
    solved = 2 * (6 + 3 * bands)  # the season's equations, in double precision
    return 4 * (_COPIES * dates * bands + _CUT_MAPS * cuts + _MAPS + 4 * bands + solved)


def block_px_of(dates: int, bands: int, params: DetectParams, room: Room | None) -> float:
    """Return how many pixels of a series a block may have, its surroundings included; infinite where all may."""
    return np.inf if room is None else _block_px(room, _bytes_a_px(dates, bands, params))


def _block_px(room: Room, bytes_a_px: float) -> float:
    return _free_bytes(room) / bytes_a_px


def _free_bytes(room: Room) -> float:
    return max(room.memory_mb - _OVERHEAD_MB, 0.0) * 1e6


def fine_contrast(steps: Steps, trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the contrast of before and after over 3 x 3 pixels, shape (y, x): what the outline is sharpened by."""
    return contrast_of(weighed(steps.before, trust), weighed(steps.after, trust))
