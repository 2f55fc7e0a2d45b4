"""Get the looks at one area: search, choose bands, read scene by scene, stack."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from aoi.areas import Area
from detection.params import DETECTION_BANDS
from flows.config import Config
from geo.choice import Choice, ClearShareSource, join, pick, screen
from geo.errors import ConfigError, QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.masks import MaskParams
from geo.persistence import CLASSES, PersistenceParams, without_false_clouds
from geo.scene import Scene, Stack
from geo.sources.base import ImagerySource, SceneRef
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
    grid = Grid.around(area.polygon_4326, pixel_m=COARSE_PIXEL_M)
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


def read_looks(
    source: ImagerySource,
    refs: Sequence[SceneRef],
    grid: Grid,
    *,
    area_id: str,
    masks: MaskSettings | None = None,
) -> Looks:
    """Read `refs` onto `grid`, going on past scenes that are broken; unmask what was taken for cloud and is none.

    Raises:
        SourceUnavailableError: The provider does not answer: nothing is concluded from what is missing.
        SourceError: Not one scene could be read, or they cannot be compared with each other.

    """
    if not refs:
        return Looks(stack=None)
    bands = common_bands(refs)
    scenes: list[Scene] = []
    unread: list[tuple[SceneRef, str]] = []
    for ref in refs:
        try:
            scenes.append(source.read(ref, grid, bands=(*bands, CLASSES) if CLASSES in ref.bands else bands))
        except (SourceUnavailableError, QuotaExceededError):
            raise
        except SourceError as error:
            logger.warning("%s: %s", area_id, error)
            unread.append((ref, str(error)))
    if not scenes:
        raise SourceError(f"none of {len(refs)} scenes could be read: {unread[0][1]}")
    masks = masks or MaskSettings()
    better = without_false_clouds(scenes, masks.mask, masks.persistence)
    kept = tuple(_kept(before, after) for before, after in zip(scenes, better, strict=True))
    return Looks(stack=_stacked([_measured(scene) for scene in better]), unread=tuple(unread), scenes=kept)


def _kept(before: Scene, after: Scene) -> ReadScene:
    classes = after.bands.get(CLASSES)
    return ReadScene(
        scene_id=after.scene_id,
        is_clear=after.is_clear,
        is_restored=after.is_clear & ~before.is_clear,
        classes=None if classes is None else np.nan_to_num(classes).astype(np.uint8),
        thumbnail=thumbnail_of(_measured(after)),
    )


def _measured(scene: Scene) -> Scene:
    """Return `scene` without its classes, which are no measurement."""
    if CLASSES not in scene.bands:
        return scene
    return replace(scene, bands={name: values for name, values in scene.bands.items() if name != CLASSES})


def common_bands(refs: Sequence[SceneRef]) -> tuple[str, ...]:
    """Return the bands to ask for: of those that detection looks at, the ones that at least half of `refs` offer.

    So one scene with a band too few is reported, and does not take the band from all others.

    Raises:
        SourceError: There is no such band.

    """
    offered = Counter(band for ref in refs for band in set(ref.bands))
    bands = tuple(band for band in DETECTION_BANDS if 2 * offered[band] >= len(refs))
    if not bands:
        known = ", ".join(sorted(offered)) or "none"
        raise SourceError(
            f"{refs[0].scene_id}: expected bands such as {', '.join(DETECTION_BANDS)}; the scenes have {known}"
        )
    return bands


def check_memory(area_id: str, refs: Sequence[SceneRef], grid: Grid, *, limit_mb: int) -> None:
    """Refuse an area whose looks would need more memory than is allowed, before any of them is read.

    Raises:
        ConfigError: With the area, the need and the limit.

    """
    if not refs:
        return
    rows, columns = grid.shape
    bands = len(common_bands(refs))
    need_mb = 4 * COPIES * len(refs) * bands * rows * columns / 1e6
    if need_mb > limit_mb:
        raise ConfigError(
            f"area {area_id}: {len(refs)} scenes x {bands} bands x {rows} x {columns} pixels need about "
            f"{need_mb:,.0f} MB; limits.memory_mb is {limit_mb:,}: take a smaller area or period, or raise the limit"
        )


def _stacked(scenes: Sequence[Scene]) -> Stack:
    try:
        return Stack.of(scenes)
    except ValueError as error:
        raise SourceError(f"the scenes cannot be compared: {error}") from error
