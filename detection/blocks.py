"""How is an area worked on that is too large to be held in memory at once?

In blocks, each with so much of its surroundings that its own pixels come out as if the whole area had been worked on
together. What is one number for the whole area (the noise of each comparison) is measured beforehand: exactly, or for
large areas on pixels that are spread over it, always the same ones whatever the blocks. Maps of areas too large for
memory lie in files (`detection.room`).
Where there is a crew (`Crew`), other processes work on the blocks; what comes out is the same.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detection.looks.context import Noise
from detection.series.steps import Asked

Result = TypeVar("Result")
Stages = Generator[Asked, Sequence[Noise], Result]
"""Work on one window that asks for the noise of the whole area in between."""
Arrays = Mapping[str, NDArray[Any]]
Each = Callable[[str, Callable[["Window"], "Worked"], Sequence["Window"]], Iterator[tuple["Window", "Worked"]]]

EXACT_VALUES = 1 << 26
"""Areas of up to so many values (dates x bands x pixels) are measured on every pixel."""
_SAMPLE_WINDOWS = 5
"""Larger ones in this many windows a side…"""
_SAMPLE_PX = 208
"""… of this side…"""
_SAMPLE_STRIDE = 3
"""… on every third pixel both ways: neighbours say the same."""

_CUT_COST = 1.1
"""How much more time a pixel takes whose rows are cut."""

LEAST_BLOCK_PX = 128
"""Smaller blocks would consist of surroundings: then more memory is used than is asked for."""

Slices = tuple[slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Pixels whose answer is wanted, and the wider window that must be looked at for it; both of the whole grid."""

    own: Slices
    wide: Slices

    @classmethod
    def around(cls, own: Slices, halo_px: int, shape: tuple[int, int]) -> "Window":
        """Return `own` with `halo_px` around it, as far as a grid of `shape` goes."""
        rows, columns = (
            slice(max(0, side.start - halo_px), min(size, side.stop + halo_px))
            for side, size in zip(own, shape, strict=True)
        )
        return cls(own=own, wide=(rows, columns))

    @property
    def inner(self) -> Slices:
        """Where `own` lies within `wide`."""
        rows, columns = (
            slice(own.start - wide.start, own.stop - wide.start) for own, wide in zip(self.own, self.wide, strict=True)
        )
        return (rows, columns)

    @property
    def wide_shape(self) -> tuple[int, int]:
        """Rows and columns of `wide`."""
        rows, columns = self.wide
        return rows.stop - rows.start, columns.stop - columns.start

    def sample(self, stride: int) -> Slices:
        """Return every `stride`-th pixel of `own`, within `wide`, on one lattice for the whole grid."""
        rows, columns = (
            slice(own.start - wide.start + -own.start % stride, own.stop - wide.start, stride)
            for own, wide in zip(self.own, self.wide, strict=True)
        )
        return (rows, columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worked:
    """What came of one window."""

    arrays: Arrays
    """By name, of its own pixels only; shape (..., y, x), or any where nobody asks for `Crew.array`."""
    facts: Any = None
    """Few numbers and words."""


class Crew(Protocol):
    """Other processes, perhaps on other machines, that work on the windows of one area.

    What they are told must be able to be pickled; arrays go by reference, through storage that all of them can reach.
    """

    @property
    def source(self) -> Callable[[], Any]:
        """What gives the imagery source of the area in whatever process it is called."""
        ...

    def each(
        self, stage: str, work: Callable[[Window], Worked], windows: Sequence[Window]
    ) -> Iterator[tuple[Window, Worked]]:
        """Let `work` be done on all windows, and yield what came of them, in their order; the arrays may only be read.

        Args:
            stage: Names this work among all that is done on the area.
            work: What is done; it depends on nothing but the window and what it carries.
            windows: The windows.

        Raises:
            WorkerLostError: Nobody survives one of them.

        """
        ...

    def array(self, stage: str, name: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - what can be cut as an array
        """Return what can be cut like an array, shape (..., y, x), and pickled: what `stage` made of the whole area."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """In which windows an area is worked on."""

    blocks: tuple[Window, ...]
    samples: tuple[Window, ...]
    """Where the noise of the whole area is measured: `blocks` themselves where every pixel counts."""
    stride: int

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        *,
        values_a_px: int,
        halo_px: int,
        block_px: float,
        exact_values: float | None = None,
    ) -> "Plan":
        """Plan an area.

        Args:
            shape: Rows and columns.
            values_a_px: Dates times bands.
            halo_px: How far a pixel's answer depends on others.
            block_px: Pixels a block may have, its surroundings included; infinite for the whole area in one.
            exact_values: Up to so many values noise is measured on every pixel; `EXACT_VALUES` if None.

        """
        blocks = tuple(Window.around(own, halo_px, shape) for own in _tiles(shape, halo_px, block_px))
        if values_a_px * shape[0] * shape[1] <= (EXACT_VALUES if exact_values is None else exact_values):
            return cls(blocks=blocks, samples=blocks, stride=1)
        samples = tuple(Window.around(own, halo_px, shape) for own in _spread_windows(shape))
        return cls(blocks=blocks, samples=samples, stride=_SAMPLE_STRIDE)


def _tiles(shape: tuple[int, int], halo_px: int, block_px: float) -> Iterator[Slices]:
    """Yield windows of nearly equal size that cover a grid of `shape`, each once."""
    counts = _counts(shape, halo_px, block_px)
    edges = [np.linspace(0, size, count + 1).round().astype(int) for size, count in zip(shape, counts, strict=True)]
    for top, bottom in zip(edges[0], edges[0][1:], strict=False):
        for left, right in zip(edges[1], edges[1][1:], strict=False):
            yield slice(int(top), int(bottom)), slice(int(left), int(right))


def _counts(shape: tuple[int, int], halo_px: int, block_px: float) -> tuple[int, int]:
    """Return into how many rows and columns of blocks a grid is cut so that the least is looked at twice.

    Strips of the whole width are written in one piece, and are taken where they cost little more.
    """
    if np.prod(shape) <= block_px:
        return 1, 1
    best, least = (ceil(shape[0] / LEAST_BLOCK_PX), ceil(shape[1] / LEAST_BLOCK_PX)), np.inf
    for columns in range(1, ceil(shape[1] / LEAST_BLOCK_PX) + 1):
        width = ceil(shape[1] / columns) + (2 * halo_px if columns > 1 else 0)
        height = int(block_px / width) - 2 * halo_px
        if height < LEAST_BLOCK_PX:
            continue
        rows = ceil(shape[0] / height)
        cost = (shape[0] + 2 * halo_px * rows) * width * columns * (_CUT_COST if columns > 1 else 1.0)
        if cost < least:
            best, least = (rows, columns), cost
    return best


def _spread_windows(shape: tuple[int, int]) -> Iterator[Slices]:
    """Yield windows spread evenly over a grid of `shape`."""
    starts = [
        np.unique(((np.arange(_SAMPLE_WINDOWS) + 0.5) * size / _SAMPLE_WINDOWS - _SAMPLE_PX / 2).clip(0).astype(int))
        for size in shape
    ]
    for top in starts[0]:
        for left in starts[1]:
            yield (
                slice(int(top), min(int(top) + _SAMPLE_PX, shape[0])),
                slice(int(left), min(int(left) + _SAMPLE_PX, shape[1])),
            )


def run_blocks(
    plan: Plan,
    begin: Callable[[Window], Stages[Worked]],
    keep: Callable[[Window, Worked], None],
    *,
    stage: str = "",
    crew: Crew | None = None,
) -> list[list[Noise]]:
    """Work on all blocks of `plan`, one after the other, or let a crew do so.

    Args:
        plan: The windows.
        begin: Begins the work on a window.
        keep: Takes the result of a block.
        stage: Names this work among all that is done on the area; only a crew wants to know.
        crew: Who works on the blocks; None: this process.

    Returns:
        The noise of the whole area, stage by stage.

    """
    if len(plan.blocks) == 1 and plan.stride == 1:
        noises, result = _run_alone(begin(plan.blocks[0]))
        keep(plan.blocks[0], result)
        return noises
    each = _one_by_one if crew is None else crew.each
    noises = _measure(plan, begin, each, stage=stage)
    for window, worked in each(stage, _Finishing(begin, noises), plan.blocks):
        keep(window, worked)
    return noises


def _one_by_one(
    _stage: str, work: Callable[[Window], Worked], windows: Sequence[Window]
) -> Iterator[tuple[Window, Worked]]:
    for window in windows:
        yield window, work(window)


def _run_alone(stages: Stages[Result]) -> tuple[list[list[Noise]], Result]:
    """Work on a window that is the whole area: each map is made once."""
    noises: list[list[Noise]] = []
    asked = next(stages)
    while True:
        some = (slice(None, None, asked.every),) * 2
        noises.append([Noise.of(make()[some], sigma_floor=asked.sigma_floor) for make in asked.maps])
        try:
            asked = stages.send(noises[-1])
        except StopIteration as done:
            return noises, done.value


def _measure(plan: Plan, begin: Callable[[Window], Stages[Worked]], each: Each, *, stage: str) -> list[list[Noise]]:
    """Measure the noise of all samples together, stage by stage; only one window is held at a time."""
    known: list[list[Noise]] = []
    while True:
        measuring = _Measuring(begin, tuple(known), plan.stride)
        parts = [worked for _, worked in each(f"{stage}-noise-{len(known)}", measuring, plan.samples)]
        floor = parts[0].facts
        if floor is None:
            return known
        names = list(parts[0].arrays)
        known.append(
            [Noise.of(np.concatenate([one.arrays[name] for one in parts]), sigma_floor=floor) for name in names]
        )


@dataclass(frozen=True, slots=True)
class _Measuring:
    """Picks what a window has to say to the next noise; no facts where it asks for no more."""

    begin: Callable[[Window], Stages[Worked]]
    known: tuple[Sequence[Noise], ...]
    stride: int

    def __call__(self, window: Window) -> Worked:
        asked = _replay(self.begin(window), self.known)
        if asked is None:
            return Worked(arrays={})
        pick = window.sample(asked.every if self.stride == 1 else self.stride)
        picked = {str(index): make()[pick].ravel() for index, make in enumerate(asked.maps)}
        return Worked(arrays=picked, facts=asked.sigma_floor)


@dataclass(frozen=True, slots=True)
class _Finishing:
    """Does all the work on a window, the noises of the whole area being known."""

    begin: Callable[[Window], Stages[Worked]]
    noises: Sequence[Sequence[Noise]]

    def __call__(self, window: Window) -> Worked:
        return _finish(self.begin(window), self.noises)


def _replay(stages: Stages[Any], known: Sequence[Sequence[Noise]]) -> Asked | None:
    """Return what a window asks for after all that is known; None when it asks no more."""
    asked = next(stages)
    for noises in known:
        try:
            asked = stages.send(noises)
        except StopIteration:
            return None
    return asked


def _finish(stages: Stages[Result], noises: Sequence[Sequence[Noise]]) -> Result:
    next(stages)
    try:
        for known in noises:
            stages.send(known)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise RuntimeError("a block asked for more than the samples did")
