"""Read an area that is too large for memory: block by block, into files that are mapped into memory piece by piece.

Each block is read with a margin, for what its masks are told from lies around it; only its own pixels are kept. What
comes of it is one stack, as of an area that was read at once, but its pixels lie on disk.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from detection.blocks import Crew, Plan, Window, Worked
from detection.looks.registered import crop, crop_grid, mapped
from detection.room import Maps, Room
from flows.reading.looks import COPIES, Looks, MaskSettings, ReadScene, common_bands, read_looks, read_masked
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Quantity, Scene, Stack
from geo.sources.base import ImagerySource, SceneRef
from outputs.scenes.thumbnail import LONGEST_PX, Thumbnail, empty_thumbnail, thumbnail_of

logger = logging.getLogger(__name__)

MARGIN_PX = 64
"""How far beyond a block is read: what is cloud and what is a roof is told from its surroundings."""
LEAST_PX = 128
"""Side of the smallest block: smaller ones would consist of margins."""
_STEP_COPIES = 8
"""How many times the looks of a block are held while steps are looked for, maps for each cut included."""
_SCENE_COPIES = 4
"""How many times the scenes of a block are held while they are masked: a test measures it."""
_CLEAR, _RESTORED = "is_clear", "is_restored"
_STAGE = "read"
_OVERHEAD_MB = 300.0
"""What the program itself needs."""


def need_mb(scenes: int, bands: int, shape: tuple[int, int]) -> float:
    """Return about how much memory an area takes that is read and looked at as a whole."""
    return 4e-6 * COPIES * scenes * bands * shape[0] * shape[1]


def _fits(refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int) -> bool:
    """Whether an area may be read and looked at as a whole."""
    return not refs or need_mb(len(refs), len(common_bands(refs)), grid.shape) <= limit_mb


def check_blocks(area_id: str, refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int) -> None:
    """Refuse an area of which not even the smallest block fits into memory, before anything is read.

    Raises:
        ConfigError: With the area, the need and the limit.

    """
    if _fits(refs, grid, limit_mb=limit_mb):
        return
    bands = len(common_bands(refs))
    rows, columns = (min(side, LEAST_PX + 2 * MARGIN_PX) for side in grid.shape)
    bytes_a_px = max(_bytes_a_px(len(refs), bands), 4 * _STEP_COPIES * len(refs) * bands)
    least_mb = _OVERHEAD_MB + bytes_a_px * rows * columns / 1e6
    if least_mb > limit_mb:
        raise ConfigError(
            f"area {area_id}: {len(refs)} scenes x {bands} bands x {rows} x {columns} pixels, the smallest block, need "
            f"about {least_mb:,.0f} MB; limits.memory_mb is {limit_mb:,}: take a shorter period, or raise the limit"
        )


def reading_blocks(refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int) -> tuple[Window, ...]:
    """Return the windows of `grid` in which an area is read: one, the whole, where it fits into memory."""
    bands = len(common_bands(refs)) if refs else 0
    fits = _fits(refs, grid, limit_mb=limit_mb)
    block_px = np.inf if fits else max(0.0, limit_mb - _OVERHEAD_MB) * 1e6 / _bytes_a_px(len(refs), bands)
    plan = Plan.of(grid.shape, values_a_px=1, halo_px=MARGIN_PX, block_px=block_px)
    return _aligned(plan.blocks, grid.shape, side_px=thumbnail_px(grid))


def grids_of(refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int) -> tuple[Grid, ...]:
    """Return the grids that the source will be asked for: those of the blocks."""
    return tuple(crop_grid(grid, window.wide) for window in reading_blocks(refs, grid, limit_mb=limit_mb))


def thumbnail_px(grid: Grid) -> int:
    """Return how many pixels of `grid` a pixel of its thumbnails is wide."""
    return max(1, ceil(max(grid.shape) / LONGEST_PX))


@contextmanager
def room_for(
    refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int, folder: Path, crew: Crew | None = None
) -> Iterator[Room | None]:
    """Yield room, with a folder of its own in `folder`, for an area that does not fit into memory; else None.

    A `crew`, if there is one, then works on its blocks. There may be one block to be read, and more to be looked at:
    that takes more memory.
    """
    if _fits(refs, grid, limit_mb=limit_mb):
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="blocks-", dir=folder) as name:
        yield Room(memory_mb=limit_mb, folder=Path(name), crew=crew)


def read_area(  # noqa: PLR0913  # what is optional is named
    source: ImagerySource,
    refs: Sequence[SceneRef],
    grid: Grid,
    *,
    area_id: str,
    masks: MaskSettings | None = None,
    at_once: int = 1,
    room: Room | None = None,
) -> Looks:
    """Read `refs` onto `grid` as `flows.reading.looks.read_looks` does; with `room`, block by block.

    A scene that is broken in one block is left out there, and said to be unread if it is so in all.

    Raises:
        SourceUnavailableError: The provider does not answer.
        SourceError: Not one scene could be read, or they cannot be compared with each other.

    """
    if room is None or not refs:
        return read_looks(source, refs, grid, area_id=area_id, masks=masks, at_once=at_once)
    masks = masks or MaskSettings()
    ordered = tuple(sorted(refs, key=lambda ref: ref.observed_at))
    windows = reading_blocks(refs, grid, limit_mb=int(room.memory_mb))
    bands, side_px = common_bands(refs), thumbnail_px(grid)
    gathered = _Gathered(grid=grid, bands=bands, maps=Maps(room=room), refs=ordered, side_px=side_px, crew=room.crew)
    if room.crew is not None:
        reading = _Reading(
            source=room.crew.source, refs=ordered, grid=grid, bands=bands, masks=masks, at_once=at_once, side_px=side_px
        )
        for window, worked in room.crew.each(_STAGE, reading, windows):
            gathered.join(window, worked)
        gathered.maps.close()
        return gathered.looks(area_id)
    for number, window in enumerate(windows, start=1):
        logger.info("%s: reading block %d of %d", area_id, number, len(windows))
        part = crop_grid(grid, window.wide)
        before, after, unread = read_masked(source, ordered, part, bands=bands, masks=masks, at_once=at_once)
        gathered.add(window, before, after)
        gathered.unread |= {ref.scene_id: why for ref, why in unread}
    gathered.maps.close()
    return gathered.looks(area_id)


def seen_shares(stack: Stack, here: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much (0-1) of a place was clearly seen on each date; only the window around it is read.

    Args:
        stack: All looks.
        here: Shape (y, x): the pixels of the place; without any, no share is returned.

    """
    if not here.any():
        return np.zeros(0)
    rows, columns = (np.flatnonzero(here.any(axis=axis)) for axis in (1, 0))
    window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    return np.asarray(crop(stack, window).is_clear[:, here[window]].mean(axis=1))


@dataclass(slots=True, kw_only=True, eq=False)
class _Gathered:
    """What was read so far, of scenes ascending in time."""

    grid: Grid
    bands: tuple[str, ...]
    maps: Maps
    refs: tuple[SceneRef, ...]
    side_px: int
    """Pixels a side of a thumbnail's pixel."""
    crew: Crew | None = None
    """Who has read the blocks, if it was not this process."""
    layers: dict[str, NDArray[Any]] = field(default_factory=dict)
    """By band, and masks by their name; shape (time, y, x)."""
    scenes: dict[str, "_Told"] = field(default_factory=dict)
    """Of each scene what is the same in all blocks."""
    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)
    with_classes: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)

    def add(self, window: Window, before: Sequence[Scene], after: Sequence[Scene]) -> None:
        """Keep the own pixels of a block."""
        first = {scene.scene_id: scene for scene in before}
        scenes = {scene.scene_id: scene for scene in after}
        for index, ref in enumerate(self.refs):
            if ref.scene_id in scenes:
                self._add_scene(window, index, first[ref.scene_id], scenes[ref.scene_id])
            else:
                for name in self.bands:
                    self._put(name, window, index, np.full(window.wide_shape, np.nan, dtype=np.float32))
        self.maps.release()

    def _add_scene(self, window: Window, index: int, before: Scene, scene: Scene) -> None:
        is_clear = scene.is_clear
        for name in self.bands:
            layer = scene.bands[name] if name in scene.bands else np.float32(np.nan)
            self._put(name, window, index, np.where(is_clear, layer, np.float32(np.nan)).astype(np.float32))
        self._put(_CLEAR, window, index, is_clear)
        self._put(_RESTORED, window, index, is_clear & ~before.is_clear)
        if SCL in scene.bands:
            self.with_classes.add(scene.scene_id)
            self._put(SCL, window, index, np.nan_to_num(scene.bands[SCL]).astype(np.uint8))
        self.scenes.setdefault(scene.scene_id, _Told.of(scene))
        self._add_thumbnail(window, scene)

    def _put(self, name: str, window: Window, index: int, values: NDArray[Any]) -> None:
        if name not in self.layers:
            self.layers[name] = self.maps.empty(name, (len(self.refs), *self.grid.shape), values.dtype)
            if self.maps.room is None:  # files are empty when they are new
                self.layers[name].fill(0)
        self.maps.put(name, self.layers[name], window.own, values[window.inner], at=(index,))

    def _add_thumbnail(self, window: Window, scene: Scene) -> None:
        self._put_thumbnail(
            window, scene.scene_id, thumbnail_of(_cropped(scene, window, self.grid), side_px=self.side_px)
        )

    def _put_thumbnail(self, window: Window, scene_id: str, part: Thumbnail) -> None:
        side_px = self.side_px
        whole = self.thumbnails.setdefault(scene_id, empty_thumbnail(self.grid.shape, part, side_px=side_px))
        rows, columns = (slice(side.start // side_px, ceil(side.stop / side_px)) for side in window.own)
        whole.rgb[rows, columns] = part.rgb
        whole.is_clear[rows, columns] = part.is_clear

    def join(self, window: Window, worked: Worked) -> None:
        """Take over what another process has read of a block; the bands stay where it has put them."""
        for name in worked.arrays.keys() - set(self.bands):
            for index, values in enumerate(worked.arrays[name]):
                if values.any():
                    self._put(name, Window(own=window.own, wide=window.own), index, values)
        self.maps.release()
        part: _Part = worked.facts
        for scene_id, thumbnail in part.thumbnails.items():
            self._put_thumbnail(window, scene_id, thumbnail)
        for scene_id, scene in part.scenes.items():
            self.scenes.setdefault(scene_id, scene)
        self.with_classes |= part.with_classes
        self.unread |= part.unread

    def part(self) -> Worked:
        """Return all that was read, for who puts the blocks together."""
        facts = _Part(
            scenes=self.scenes,
            thumbnails=self.thumbnails,
            with_classes=frozenset(self.with_classes),
            unread=self.unread,
        )
        return Worked(arrays=self.layers, facts=facts)

    def looks(self, area_id: str) -> Looks:
        """Return all that was read.

        Raises:
            SourceError: Nothing was, or it cannot be compared.

        """
        for name, why in self.unread.items():
            logger.warning("%s: %s: %s", area_id, "in a part" if name in self.scenes else "nowhere", why)
        if not self.scenes:
            raise SourceError(f"none of {len(self.refs)} scenes could be read: {next(iter(self.unread.values()))}")
        kept = [index for index, ref in enumerate(self.refs) if ref.scene_id in self.scenes]
        unread = [(ref, self.unread[ref.scene_id]) for ref in self.refs if ref.scene_id not in self.scenes]
        return Looks(
            stack=self._stack(kept), unread=tuple(unread), scenes=tuple(self._read_scene(index) for index in kept)
        )

    def _stack(self, kept: Sequence[int]) -> Stack:
        scenes = [self.scenes[self.refs[index].scene_id] for index in kept]
        quantities = {scene.quantity for scene in scenes}
        if len(quantities) > 1:
            raise SourceError(f"the scenes cannot be compared: they hold {', '.join(sorted(map(str, quantities)))}")
        variables = {name: (("time", "y", "x"), mapped(self._band(name))) for name in self.bands}
        tracks = [-1 if scene.relative_orbit is None else scene.relative_orbit for scene in scenes]
        stamps = [scene.observed_at.astimezone(UTC).replace(tzinfo=None) for scene in scenes]
        dataset = xr.Dataset(variables, coords={"y": self.grid.y_m, "x": self.grid.x_m}).isel(time=list(kept))
        dataset = dataset.assign_coords(
            time=np.array(stamps, dtype="datetime64[ns]"),
            scene_id=("time", [scene.scene_id for scene in scenes]),
            platform=("time", [scene.platform for scene in scenes]),
            relative_orbit=("time", tracks),
        )
        try:
            return Stack(dataset=dataset, grid=self.grid, quantity=scenes[0].quantity)
        except ValueError as error:
            raise SourceError(f"the scenes cannot be compared: {error}") from error

    def _band(self, name: str) -> Any:  # noqa: ANN401 - what can be cut as an array
        shape = (len(self.refs), *self.grid.shape)
        return self.layers[name] if self.crew is None else self.crew.array(_STAGE, name, shape)

    def _mask(self, name: str, index: int) -> NDArray[Any]:
        """Return a mask of a scene; a name that no block has filled is one of a scene that shows nothing."""
        return self.layers[name][index] if name in self.layers else np.zeros(self.grid.shape, dtype=bool)

    def _read_scene(self, index: int) -> ReadScene:
        scene_id = self.refs[index].scene_id
        return ReadScene(
            scene_id=scene_id,
            is_clear=self._mask(_CLEAR, index),
            is_restored=self._mask(_RESTORED, index),
            classes=self._mask(SCL, index).astype(np.uint8, copy=False) if scene_id in self.with_classes else None,
            thumbnail=self.thumbnails[scene_id],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is known of a scene beside its pixels."""

    scene_id: str
    observed_at: datetime
    platform: str
    quantity: Quantity
    relative_orbit: int | None

    @classmethod
    def of(cls, scene: Scene) -> "_Told":
        return cls(**{item.name: getattr(scene, item.name) for item in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """What is known of a block beside its layers."""

    scenes: dict[str, "_Told"]
    thumbnails: dict[str, Thumbnail]
    with_classes: frozenset[str]
    unread: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reading:
    """Reads one block, in whatever process it is called."""

    source: Callable[[], ImagerySource]
    refs: tuple[SceneRef, ...]
    grid: Grid
    """Of the whole area."""
    bands: tuple[str, ...]
    masks: MaskSettings
    at_once: int
    side_px: int

    def __call__(self, window: Window) -> Worked:
        wide = crop_grid(self.grid, window.wide)
        before, after, unread = read_masked(
            self.source(), self.refs, wide, bands=self.bands, masks=self.masks, at_once=self.at_once
        )
        grid = crop_grid(self.grid, window.own)
        gathered = _Gathered(grid=grid, bands=self.bands, maps=Maps(), refs=self.refs, side_px=self.side_px)
        gathered.add(_moved_to_origin(window), before, after)
        gathered.unread |= {ref.scene_id: why for ref, why in unread}
        return gathered.part()


def _moved_to_origin(window: Window) -> Window:
    """Return `window` as it lies on the grid of its own pixels alone."""
    own, wide = (
        tuple(slice(side.start - start, side.stop - start) for side, start in zip(sides, starts, strict=True))
        for starts in [[side.start for side in window.own]]
        for sides in (window.own, window.wide)
    )
    return Window(own=(own[0], own[1]), wide=(wide[0], wide[1]))


def _cropped(scene: Scene, window: Window, grid: Grid) -> Scene:
    """Return the own pixels of a block, without its classes, which are no measurement."""
    bands = {name: layer[window.inner] for name, layer in scene.bands.items() if name != SCL}
    return replace(scene, grid=crop_grid(grid, window.own), bands=bands, is_clear=scene.is_clear[window.inner])


def _aligned(windows: Sequence[Window], shape: tuple[int, int], *, side_px: int) -> tuple[Window, ...]:
    """Return blocks whose borders are those of thumbnails' pixels."""
    edges = []
    for axis, size in enumerate(shape):
        inner = {window.own[axis].start // side_px * side_px for window in windows}
        edges.append(sorted({0, *inner, size}))
    return tuple(
        Window.around((slice(top, bottom), slice(left, right)), MARGIN_PX, shape)
        for top, bottom in pairwise(edges[0])
        for left, right in pairwise(edges[1])
    )


def _bytes_a_px(scenes: int, bands: int) -> float:
    return 4.0 * _SCENE_COPIES * scenes * (bands + 1)
