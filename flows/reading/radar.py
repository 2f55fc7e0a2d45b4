"""Read radar beside the optical imagery: a second source, with its own scenes, on the same grid."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aoi.areas import Area
from flows.reading.looks import common_bands, find_scenes, read_each
from flows.reading.scenes import scene_row
from flows.settings.config import Config
from flows.settings.workspace import Workspace
from geo.choice import Choice, ChoiceParams, pick, screen
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.base import ImagerySource, SceneRef
from outputs.scenes.table import Fate, SceneRow

logger = logging.getLogger(__name__)

RADAR_BANDS = ("VV", "VH")
COPIES = 8
"""How many times the size of a stack of radar is held at the peak, the stack included."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarLooks:
    """What was read of one area by radar."""

    stack: Stack | None = None
    choice: Choice = field(default_factory=lambda: Choice(chosen=()))
    unread: tuple[tuple[SceneRef, str], ...] = ()
    """The scenes that could not be read, and why."""

    @property
    def years(self) -> tuple[int, ...]:
        """The years of the looks, for the credit line."""
        return () if self.stack is None else tuple(sorted({day.year for day in self.stack.days}))

    @property
    def platforms(self) -> tuple[str, ...]:
        """The satellites."""
        return () if self.stack is None else tuple(sorted({str(n) for n in self.stack.dataset["platform"].to_numpy()}))


def radar_workspace(workspace: Workspace) -> Workspace | None:
    """Return the workspace as if radar were its source; None where the settings name no radar.

    All of its scenes are read: no cloud hides anything from radar, and a track needs its looks.
    """
    if workspace.config.radar is None:
        return None
    changed = {"source": workspace.config.radar, "radar": None, "scenes": ChoiceParams()}
    return replace(workspace, config=workspace.config.model_copy(update=changed))


def find_radar(source: ImagerySource, area: Area, config: Config) -> Choice:
    """Return which radar scenes of `area` are to be read: all of them.

    Raises:
        SourceError: What the source offers is no radar.

    """
    return choose_radar(find_scenes(source, area, config))


def choose_radar(refs: Sequence[SceneRef]) -> Choice:
    """Return which of the scenes found are to be read as radar: all that are; a folder may hold optical ones, too.

    Raises:
        SourceError: There are scenes, but no radar.

    """
    heard = [ref for ref in refs if ref.quantity is Quantity.GAMMA0]
    if refs and not heard:
        raise SourceError(f"[radar] {refs[0].scene_id}: expected terrain-corrected gamma0; got {refs[0].quantity}")
    return pick(screen(heard, ChoiceParams()).chosen, ChoiceParams(), {})


def read_radar(source: ImagerySource, choice: Choice, grid: Grid, *, area_id: str, limit_mb: int) -> RadarLooks:
    """Read the chosen scenes onto `grid`, going on past those that are broken.

    Raises:
        ConfigError: They would take more memory than is allowed.
        SourceUnavailableError: The provider does not answer.
        SourceError: Not one scene could be read.

    """
    if not choice.chosen:
        return RadarLooks(choice=choice)
    bands = common_bands(choice.chosen, RADAR_BANDS)
    need_mb = 4 * COPIES * len(choice.chosen) * len(bands) * grid.width_px * grid.height_px / 1e6
    if need_mb > limit_mb:
        raise ConfigError(
            f"area {area_id}: {len(choice.chosen)} radar scenes need about {need_mb:,.0f} MB; limits.memory_mb is "
            f"{limit_mb:,}: take a smaller area or period, or raise the limit"
        )
    scenes, unread = read_each(choice.chosen, lambda ref: source.read(ref, grid, bands=bands))
    for _, why in unread:
        logger.warning("%s: %s", area_id, why)
    if not scenes:
        raise SourceError(f"none of {len(unread)} radar scenes could be read: {unread[0][1]}")
    return RadarLooks(stack=_stacked(scenes), choice=choice, unread=tuple(unread))


def _stacked(scenes: Sequence[Scene]) -> Stack:
    try:
        return Stack.of(scenes)
    except ValueError as error:
        raise SourceError(f"the radar scenes cannot be compared: {error}") from error


def radar_rows(area_id: str, looks: RadarLooks, inside: NDArray[np.bool_]) -> list[SceneRow]:
    """Return one row of the table of scenes for each radar scene, ascending in time.

    Args:
        area_id: The area.
        looks: What was read.
        inside: Shape (y, x): the pixels of the area, which the shares are of.

    """
    unread = {ref.scene_id: reason for ref, reason in looks.unread}
    left_out = {ref.scene_id: reason for ref, reason in looks.choice.left_out}
    shares = _seen_shares(looks.stack, inside)
    refs = [*looks.choice.chosen, *(ref for ref, _ in looks.choice.left_out)]
    rows = []
    for ref in sorted(refs, key=lambda one: (one.observed_at, one.scene_id)):
        fate, reason = Fate.USED, ""
        if ref.scene_id in unread:
            fate, reason = Fate.UNREADABLE, unread[ref.scene_id]
        elif ref.scene_id in left_out:
            fate, reason = Fate.NOT_CHOSEN, left_out[ref.scene_id]
        rows.append(scene_row(area_id, ref, fate, reason, seen={"clear_share": shares.get(ref.scene_id)}))
    return rows


def _seen_shares(stack: Stack | None, inside: NDArray[np.bool_]) -> dict[str, float]:
    if stack is None or not inside.any():
        return {}
    shares = stack.is_clear[:, inside].mean(axis=1)
    return {scene_id: float(share) for scene_id, share in zip(stack.scene_ids, shares, strict=True)}
