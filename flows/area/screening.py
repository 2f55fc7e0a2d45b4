"""Screen the new dates of a quiet area one by one, and keep what the screen knows between runs.

state/areas/<area_id>/screen.npz is put down after each full pass and replaced, in one step, after each screening. A run
that is killed half-way leaves the earlier one. One that is damaged, of other settings or of an earlier pass is not
used: all dates are looked at together, and it is made anew.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.areas import Area
from detection.blocks import EXACT_VALUES
from detection.detect import Findings
from detection.monitoring.keeping import screen_arrays, screen_facts, screen_of
from detection.monitoring.screen import (
    Alarm,
    Screened,
    ScreenParams,
    ScreenState,
    begin,
    least_contrast,
    screen_look,
    unscreened_share,
    why_not_screened,
)
from flows.area.plan import Action, Screening, Step
from flows.area.product import Product
from flows.reading.looks import Looks, MaskSettings, area_grid, read_looks, scenes_at_once
from flows.settings.config import Config
from flows.settings.version import code_version, digest
from flows.settings.workspace import writing
from flows.show import plural
from geo.errors import QuotaExceededError, SourceError, SourceUnavailableError, StateError
from geo.grid import Grid
from geo.scene import Stack
from geo.sealed import read_facts, read_sealed, write_sealed
from geo.sources.base import ImagerySource, SceneRef
from outputs.scenes.table import Fate, SceneRow

logger = logging.getLogger(__name__)

SCREEN_NAME = "screen.npz"
_KIND, _FORMAT = "sitewatch screen", 1
_HECTARE_M2 = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of the screen of an area without its arrays."""

    key: str
    """Of the product that the last full pass made."""
    pass_day: date
    """The newest date of that pass."""
    scenes: Mapping[str, str] = field(default_factory=dict)
    """Scenes screened since: id to fingerprint."""
    looks: tuple[Mapping[str, Any], ...] = ()
    """What became of each, in order of time."""
    alarm: str = ""
    """Why all dates are to be looked at together; empty where nothing calls for it."""
    unscreened_share: float | None = None
    """Share (0-1) of the area that could not be screened."""
    least_contrast: float | None = None
    """The least change of brightness of a patch that would have been raised; None with too few looks."""

    @property
    def counted(self) -> int:
        """How many of the screened dates counted."""
        return sum(look["fate"] == Fate.SCREENED.value for look in self.looks)

    @property
    def until(self) -> date | None:
        """The newest of the dates that counted; None before the first."""
        days = [look["observed_at"][:10] for look in self.looks if look["fate"] == Fate.SCREENED.value]
        return date.fromisoformat(max(days)) if days else None

    @property
    def last_day(self) -> date:
        """The newest date that is dealt with, counted or not."""
        days = [date.fromisoformat(look["observed_at"][:10]) for look in self.looks]
        return max([self.pass_day, *days])

    @property
    def words(self) -> str:
        """What is to be said of it, in a line."""
        since = f"since all dates were looked at together, up to {self.pass_day}"
        if self.until is None:
            return f"{plural(len(self.looks), 'new date')} {since}: none clear enough to be screened"
        found = self.alarm or "no evidence of change"
        return f"screened until {self.until} ({plural(self.counted, 'clear date')} {since}): {found}"


def screen_path(area_dir: Path) -> Path:
    """Return where the screen of an area is kept."""
    return area_dir / SCREEN_NAME


def standing_of(product: Product, screen: ScreenParams) -> Standing | None:
    """Return what is known of the screen that goes with `product`; None where there is none of use."""
    path = screen_path(product.folder.parent)
    if not path.exists():
        return None
    try:
        return _standing(read_facts(path, _expected(product, screen))["standing"])
    except (StateError, KeyError, ValueError, TypeError) as error:
        logger.warning("%s: the screen is not used and will be made anew: %s", product.record.area_id, error)
        return None


def _expected(product: Product, screen: ScreenParams) -> dict[str, Any]:
    """Return what the header of a state must say to go with `product`, whose key stands for settings and code, too."""
    return {"kind": _KIND, "format": _FORMAT, "settings": digest(asdict(screen)), "key": product.record.inputs.key}


def screening_of(
    product: Product | None, refs: Sequence[SceneRef], waits: Sequence[SceneRef], screen: ScreenParams
) -> Screening | None:
    """Return what planning needs to know; None where nothing is screened.

    Args:
        product: Of the last full pass.
        refs: The scenes chosen now.
        waits: Radar scenes: they find nothing alone, and wait for the next pass.
        screen: The settings.

    """
    standing = standing_of(product, screen) if product is not None and screen.enabled else None
    if product is None or standing is None or not refs:
        return None
    days = {ref.scene_id: ref.observed_at.astimezone(UTC).date() for ref in refs}
    known = set(product.record.inputs.scenes) | set(standing.scenes)
    statuses = product.record.statuses
    return Screening(
        scenes=standing.scenes,
        waits=frozenset(ref.scene_id for ref in waits),
        open_detections=sum(statuses.get(name, 0) for name in ("candidate", "confirmed", "not_observable")),
        days_since_pass=(max(days.values()) - standing.pass_day).days,
        every_days=screen.every_days,
        alarm=standing.alarm,
        late=sum(day <= standing.last_day for name, day in days.items() if name not in known),
        words=standing.words if standing.looks else "",
    )


def begin_screen(
    product: Product, found: Findings, refs: Sequence[SceneRef], inside: NDArray[np.bool_], config: Config
) -> None:
    """Put down, after a full pass, what the next dates are screened by; or take away what is there.

    Args:
        product: What the pass made.
        found: What came of it.
        refs: Its scenes.
        inside: Shape (y, x): the pixels of the area.
        config: The settings.

    Raises:
        OutputError: The disk does not take it.

    """
    path, screen = screen_path(product.folder.parent), config.monitor
    why_not, stack = _why_not(found.registered, screen), found.registered
    if stack is not None and not why_not:
        state = begin(stack, config.detection, screen)
        missing = unscreened_share(state, inside)
        if missing <= screen.most_unscreened:
            newest = max(ref.observed_at.astimezone(UTC).date() for ref in refs)
            standing = Standing(key=product.record.inputs.key, pass_day=newest, unscreened_share=missing)
            _write(path, state, standing, screen, ground=_ground(stack))
            return
        why_not = f"{missing:.0%} of it was clearly seen too seldom"
    if screen.enabled:
        logger.info("%s: new dates will not be screened: %s", product.record.area_id, why_not)
    with writing(path):
        path.unlink(missing_ok=True)


def _why_not(registered: Stack | None, screen: ScreenParams) -> str:
    if not screen.enabled:
        return "[monitor] enabled = false"
    if registered is None:
        return "too few clear looks"
    values = len(registered.days) * len(registered.bands) * registered.grid.width_px * registered.grid.height_px
    if values > EXACT_VALUES:
        return "the area is too large for that"
    return why_not_screened(registered.days, screen)


def screen_area(  # noqa: PLR0913 - what is screened, by what, and what was planned
    source: ImagerySource, config: Config, area: Area, refs: Sequence[SceneRef], *, before: Product, step: Step
) -> Step:
    """Screen the new dates of an area; return what is to be done after that: nothing, or a full pass, and why.

    Args:
        source: Where the scenes come from.
        config: The settings.
        area: The area.
        refs: The optical scenes chosen now.
        before: The product of the last full pass.
        step: As planned: `Action.MONITOR`.

    Raises:
        SourceUnavailableError, QuotaExceededError: The provider does not answer.
        OutputError: The disk does not take the new state; the earlier one stands.

    """
    standing = standing_of(before, config.monitor)
    known = set(before.record.inputs.scenes) | set(standing.scenes if standing else ())
    fresh = [ref for ref in refs if ref.scene_id not in known]
    grid = area_grid(area, config)
    looks = _read(source, fresh, grid, area.area_id, config)
    try:
        standing = screen_dates(before, fresh, looks, grid.is_inside(area.polygon_4326), config)
    except StateError as error:
        logger.warning("%s: all dates are looked at together, and the screen is made anew: %s", area.area_id, error)
        return replace(step, action=Action.RUN, reason=f"{step.reason}, but the screen cannot be used")
    action = Action.RUN if standing.alarm else Action.MONITOR
    return replace(step, action=action, reason=standing.words)


def _read(source: ImagerySource, refs: Sequence[SceneRef], grid: Grid, area_id: str, config: Config) -> Looks:
    """Read new scenes; where not one can be read, say so of each."""
    masks, at_once = MaskSettings.of(config), scenes_at_once(config)
    try:
        return read_looks(source, refs, grid, area_id=area_id, masks=masks, at_once=at_once)
    except (SourceUnavailableError, QuotaExceededError):
        raise
    except SourceError as error:
        return Looks(stack=None, unread=tuple((ref, str(error)) for ref in refs))


def screen_dates(
    product: Product, refs: Sequence[SceneRef], looks: Looks, inside: NDArray[np.bool_], config: Config
) -> Standing:
    """Screen new dates in order of time, and keep what came of it.

    Args:
        product: Of the last full pass.
        refs: The new scenes.
        looks: What was read of them.
        inside: Shape (y, x): the pixels of the area.
        config: The settings.

    Raises:
        StateError: The state is damaged or of another pass, or the new dates have other bands: all dates must be
            looked at together.
        OutputError: The disk does not take the new state.

    """
    path, screen = screen_path(product.folder.parent), config.monitor
    arrays, facts = read_sealed(path, _expected(product, screen))
    try:
        state, standing = screen_of(arrays, facts["state"]), _standing(facts["standing"])
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(f"{path}: damaged: {error}") from error
    told = [_told(ref, Fate.UNREADABLE, why) for ref, why in looks.unread]
    by_id = {ref.scene_id: ref for ref in refs}
    if looks.stack is not None:
        if _ground(looks.stack) != facts["ground"]:
            raise StateError(f"{path}: expected dates on {facts['ground']}; got {_ground(looks.stack)}")
        for index, scene_id in enumerate(looks.stack.scene_ids):
            state, said = screen_look(state, _one(looks.stack, index), inside, config.detection, screen)
            told.append(_told_of(by_id[scene_id], said))
    standing = replace(
        standing,
        scenes={**standing.scenes, **{ref.scene_id: ref.fingerprint for ref in refs}},
        looks=tuple(sorted([*standing.looks, *told], key=lambda look: str(look["observed_at"]))),
        alarm=alarm_words(state.first_alarm),
        unscreened_share=unscreened_share(state, inside),
        least_contrast=_or_none(least_contrast(state, inside, screen)),
    )
    _write(path, state, standing, screen, ground=facts["ground"])
    return standing


def alarm_words(alarm: Alarm | None) -> str:
    """Say why all dates are looked at together; nothing where nothing calls for it."""
    if alarm is None:
        return ""
    where = f"on {plural(alarm.pieces, 'piece')} of ground, {alarm.area_m2 / _HECTARE_M2:.1f} ha together"
    if alarm.is_hidden:
        return f"ground that used to be clear is masked date after date {where}"
    since = f", since {alarm.since}" if alarm.since else ""
    return f"possible change {where}{since}"


def with_screening(coverage: gpd.GeoDataFrame, standing: Standing | None) -> gpd.GeoDataFrame:
    """Return the coverage row of an area with what was screened after its full pass."""
    if standing is None or standing.until is None:
        return coverage
    return coverage.assign(
        screened_until=pd.Series([pd.Timestamp(standing.until)] * len(coverage), dtype="datetime64[s]").to_numpy(),
        screened_looks=float(standing.counted),
        screened_contrast=np.nan if standing.least_contrast is None else standing.least_contrast,
        unscreened_share=np.nan if standing.unscreened_share is None else standing.unscreened_share,
    )


def screened_rows(area_id: str, standing: Standing | None) -> list[SceneRow]:
    """Return one row of the table of scenes for each date that was screened."""
    return [] if standing is None else [_row(area_id, look) for look in standing.looks]


def screened_scenes(product: Product, screen: ScreenParams) -> Mapping[str, str]:
    """Return the scenes that were screened after the full pass of `product`: id to fingerprint."""
    standing = standing_of(product, screen)
    return {} if standing is None else standing.scenes


def published_key(product: Product, screen: ScreenParams) -> str:
    """Return what changes when a product, or what was screened since, does."""
    standing, key = standing_of(product, screen), product.record.inputs.key
    return f"{key}+{digest(dict(standing.scenes))}" if standing is not None and standing.looks else key


def _row(area_id: str, look: Mapping[str, Any]) -> SceneRow:
    shift = look["shift_px"]
    return SceneRow(
        area_id=area_id,
        scene_id=look["scene_id"],
        observed_at=datetime.fromisoformat(look["observed_at"]),
        platform=look["platform"],
        fate=Fate(look["fate"]),
        reason=look["reason"],
        clear_share=look["clear_share"],
        shift_px=None if shift is None else (float(shift[0]), float(shift[1])),
    )


def _told_of(ref: SceneRef, said: Screened) -> dict[str, Any]:
    fate = Fate.SCREENED if not said.why_not else Fate.MURKY if "needed" not in said.why_not else Fate.TOO_HIDDEN
    reason = said.why_not or "compared with what is usual here, not yet with all dates together"
    return {**_told(ref, fate, reason), "clear_share": said.clear_share, "shift_px": said.shift_px}


def _told(ref: SceneRef, fate: Fate, reason: str) -> dict[str, Any]:
    return {
        "scene_id": ref.scene_id,
        "observed_at": ref.observed_at.astimezone(UTC).isoformat(),
        "platform": ref.platform,
        "fate": fate.value,
        "reason": reason,
        "clear_share": None,
        "shift_px": None,
    }


def _one(stack: Stack, index: int) -> Stack:
    return replace(stack, dataset=stack.dataset.isel(time=slice(index, index + 1)), shifts_px=None)


def _ground(stack: Stack) -> list[str]:
    """Return what all dates of a screen must have in common."""
    return [" ".join(stack.bands), stack.quantity.value, str(stack.grid)]


def _write(path: Path, state: ScreenState, standing: Standing, screen: ScreenParams, *, ground: object) -> None:
    header = {
        "kind": _KIND,
        "format": _FORMAT,
        "settings": digest(asdict(screen)),
        "code": code_version(),
        "key": standing.key,
        "ground": ground,
        "state": screen_facts(state),
        "standing": _as_json(standing),
    }
    write_sealed(path, screen_arrays(state), header)


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "key": standing.key,
        "pass_day": standing.pass_day.isoformat(),
        "scenes": dict(standing.scenes),
        "looks": [dict(look) for look in standing.looks],
        "alarm": standing.alarm,
        "unscreened_share": standing.unscreened_share,
        "least_contrast": standing.least_contrast,
    }


def _standing(document: Mapping[str, Any]) -> Standing:
    named = {**document, "pass_day": date.fromisoformat(document["pass_day"]), "looks": tuple(document["looks"])}
    return Standing(**named)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
