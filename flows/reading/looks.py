"""Get the looks at one area: search, choose bands, read scene by scene, stack."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from aoi.areas import Area
from detection.params import DETECTION_BANDS
from flows.reading.parallel import Bounds, Done, as_done
from flows.settings.config import Config, SentinelHubSettings
from geo.choice import Choice, ClearShareSource, join, pick, screen
from geo.errors import QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.masks import SCL, MaskParams
from geo.persistence import PersistenceParams, without_false_clouds
from geo.scene import Scene, Stack
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.moved import resampling
from outputs.scenes.thumbnail import Thumbnail, thumbnail_of

logger = logging.getLogger(__name__)

OLDEST = date(1900, 1, 1)
NEWEST = date(2100, 1, 1)
COARSE_PIXEL_M = 60.0
"""Pixel of the first look at a classification layer: whether an area is clear is told as well by few pixels."""
COPIES = 16
"""How many times the size of a stack is held at the peak of its detection, the stack included: a test measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSettings:
    """How the masks of the scenes were made, and how they are put right."""

    mask: MaskParams = field(default_factory=MaskParams)
    persistence: PersistenceParams = field(default_factory=PersistenceParams)

    @classmethod
    def of(cls, config: Config) -> "MaskSettings":
        """Return what `config` says; simulated imagery is masked by the defaults."""
        return cls(mask=getattr(config.source, "mask", MaskParams()), persistence=config.persistence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadScene:
    """What is kept of a scene beside its part of the stack."""

    scene_id: str
    is_clear: NDArray[np.bool_]
    """Shape (y, x)."""
    is_restored: NDArray[np.bool_]
    """Shape (y, x): clear again, for what was masked as cloud is a surface."""
    classes: NDArray[np.uint8] | None
    """Scene classes, shape (y, x), 0 where there is none; None where the scene has no such layer."""
    thumbnail: Thumbnail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """What was read of one area."""

    stack: Stack | None
    """None when there was no imagery."""
    unread: tuple[tuple[SceneRef, str], ...] = ()
    """The scenes that could not be read, and why."""
    scenes: tuple[ReadScene, ...] = ()
    """The scenes that were read."""


def find_scenes(source: ImagerySource, area: Area, config: Config) -> Sequence[SceneRef]:
    """Return the scenes of `area` within the configured period and since the area's own first day."""
    first = max(config.period.first or OLDEST, area.since or OLDEST)
    last = config.period.last or NEWEST
    return source.search(area.polygon_4326, first=first, last=last) if first <= last else ()


def choose_scenes(source: ImagerySource, refs: Sequence[SceneRef], area: Area, config: Config) -> Choice:
    """Choose which of the scenes that `find_scenes` found are to be read.

    Raises:
        SourceUnavailableError: The provider does not answer.

    """
    screened = screen(refs, config.scenes)
    shares: dict[str, float] = {}
    if config.scenes.needs_clear_shares and isinstance(source, ClearShareSource):
        shares = _clear_shares(source, screened.chosen, area)
    choice = join(screened, pick(screened.chosen, config.scenes, shares))
    logger.info("%s: %d of %d scenes are to be read", area.area_id, len(choice.chosen), len(refs))
    return choice


def _clear_shares(source: ClearShareSource, refs: Sequence[SceneRef], area: Area) -> dict[str, float]:
    """Return how much of `area` each scene shows; a scene whose classification is broken is left out."""
    grid = coarse_grid(area)
    shares: dict[str, float] = {}
    for ref in refs:
        try:
            share = source.clear_share(ref, grid)
        except (SourceUnavailableError, QuotaExceededError):
            raise
        except SourceError as error:
            logger.warning("%s: %s", area.area_id, error)
            continue
        if share is not None:
            shares[ref.scene_id] = share
    return shares


def area_grid(area: Area, config: Config) -> Grid:
    """Return the grid that all scenes of `area` are brought onto."""
    return Grid.around(area.polygon_4326, pixel_m=config.grid.pixel_m, margin_m=config.grid.margin_m)


def scenes_at_once(config: Config) -> int:
    """Return how many scenes may be read at the same time: by account several; else the bands of one, if at all."""
    return config.source.connections if isinstance(config.source, SentinelHubSettings) else 1


def coarse_grid(area: Area) -> Grid:
    """Return the grid on which it is first looked at how clear `area` was."""
    return Grid.around(area.polygon_4326, pixel_m=COARSE_PIXEL_M)


def read_looks(  # noqa: PLR0913  # what is optional is named
    source: ImagerySource,
    refs: Sequence[SceneRef],
    grid: Grid,
    *,
    area_id: str,
    masks: MaskSettings | None = None,
    at_once: int = 1,
) -> Looks:
    """Read `refs` onto `grid`, going on past scenes that are broken; unmask what was taken for cloud and is none.

    Args:
        source: Where they come from.
        refs: The scenes, as `source` found them.
        grid: The pixels to read them onto.
        area_id: For messages.
        masks: How their masks were made, and are put right.
        at_once: How many scenes are read at the same time.

    Raises:
        SourceUnavailableError: The provider does not answer: nothing is concluded from what is missing.
        SourceError: Not one scene could be read, or they cannot be compared with each other.

    """
    if not refs:
        return Looks(stack=None)
    masks = masks or MaskSettings()
    scenes, better, unread = read_masked(source, refs, grid, bands=common_bands(refs), masks=masks, at_once=at_once)
    for _, why in unread:
        logger.warning("%s: %s", area_id, why)
    if not scenes:
        raise SourceError(f"none of {len(refs)} scenes could be read: {unread[0][1]}")
    kept = tuple(_kept(before, after) for before, after in zip(scenes, better, strict=True))
    stack = replace(_stacked([_measured(scene) for scene in better]), resample=resampling(source, refs, grid))
    return Looks(stack=stack, unread=tuple(unread), scenes=kept)


def read_masked(  # noqa: PLR0913  # what is read, onto what, how
    source: ImagerySource,
    refs: Sequence[SceneRef],
    grid: Grid,
    *,
    bands: Sequence[str],
    masks: MaskSettings,
    at_once: int = 1,
) -> tuple[list[Scene], list[Scene], list[tuple[SceneRef, str]]]:
    """Return the scenes as they were read, the same with false clouds unmasked, and those that are broken.

    Raises:
        SourceUnavailableError, QuotaExceededError: The provider does not answer.

    """

    def read(ref: SceneRef) -> Scene:
        return source.read(ref, grid, bands=(*bands, SCL) if SCL in ref.bands else tuple(bands))

    scenes, unread = read_each(refs, read, at_once=at_once)
    return scenes, without_false_clouds(scenes, masks.mask, masks.persistence), unread


def read_each(
    refs: Sequence[SceneRef], read: Callable[[SceneRef], Scene], *, at_once: int = 1
) -> tuple[list[Scene], list[tuple[SceneRef, str]]]:
    """Read each of `refs`, in their order; return the scenes, and those that are broken with the reason.

    Raises:
        SourceUnavailableError, QuotaExceededError: The provider does not answer.

    """
    outcomes = _all_read(refs, read, at_once=at_once)
    scenes = [done.result for done in outcomes if done.result is not None]
    return scenes, [(done.task, str(done.error)) for done in outcomes if done.error is not None]


def _all_read(
    refs: Sequence[SceneRef], read: Callable[[SceneRef], Scene], *, at_once: int
) -> list[Done[SceneRef, Scene]]:
    """Return what came of each of `refs`, in their order; what is under way when one ends it all is waited for.

    Raises:
        SourceUnavailableError, QuotaExceededError: The provider does not answer: of several such ends, the first.
        OutputError: What came cannot be kept.

    """
    ends: list[Done[SceneRef, Scene]] = []
    outcomes: list[Done[SceneRef, Scene]] = []
    for done in as_done(refs, read, Bounds(at_once=at_once), may_begin=lambda _: not ends):
        (ends if _ends_it(done.error) else outcomes).append(done)
    for end in sorted(ends, key=lambda one: one.index)[:1]:
        raise end.error or AssertionError("unreachable: without an error nothing ends")
    return sorted(outcomes, key=lambda one: one.index)


def _ends_it(error: Exception | None) -> bool:
    is_of_the_scene = isinstance(error, SourceError) and not isinstance(
        error, SourceUnavailableError | QuotaExceededError
    )
    return error is not None and not is_of_the_scene


def _kept(before: Scene, after: Scene) -> ReadScene:
    classes = after.bands.get(SCL)
    return ReadScene(
        scene_id=after.scene_id,
        is_clear=after.is_clear,
        is_restored=after.is_clear & ~before.is_clear,
        classes=None if classes is None else np.nan_to_num(classes).astype(np.uint8),
        thumbnail=thumbnail_of(_measured(after)),
    )


def _measured(scene: Scene) -> Scene:
    """Return `scene` without its classes, which are no measurement."""
    if SCL not in scene.bands:
        return scene
    return replace(scene, bands={name: values for name, values in scene.bands.items() if name != SCL})


def common_bands(refs: Sequence[SceneRef], wanted: Sequence[str] = DETECTION_BANDS) -> tuple[str, ...]:
    """Return the bands to ask for: those `wanted` by detection that at least half of `refs` offer.

    So one scene with a band too few is reported, and does not take the band from all others.

    Raises:
        SourceError: There is no such band.

    """
    offered = Counter(band for ref in refs for band in set(ref.bands))
    bands = tuple(band for band in wanted if 2 * offered[band] >= len(refs))
    if not bands:
        known = ", ".join(sorted(offered)) or "none"
        raise SourceError(f"{refs[0].scene_id}: expected bands such as {', '.join(wanted)}; the scenes have {known}")
    return bands


def _stacked(scenes: Sequence[Scene]) -> Stack:
    try:
        return Stack.of(scenes)
    except ValueError as error:
        raise SourceError(f"the scenes cannot be compared: {error}") from error
