"""Is a new date worth a full look at all dates? Told from that date alone, in constant state a pixel.

After a full pass over all dates the area's ground is put down: what each pixel usually looks like, averaged over a
patch, how much it strays, and where the evidence of the latest looks stood. Each new date is brought onto that ground
and into its light, and adds to the evidence (`detection.monitoring.monitor`). Three things call for a full pass:
evidence that a patch of ground changed; the same evidence, grown by half, where the last pass had looked at it already
and found nothing; and ground that the mask hides time and again, though it used not to, for new roofs are bright and
masks take them for clouds.

The looks of the last months before the pass are no part of what is usual: works may have begun under them. They are
judged like new ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.looks.choose import usual_spread, why_murky
from detection.looks.context import mean_of_seen
from detection.looks.normalise import normalise, reference_image
from detection.monitoring.baseline import BaselineParams, Kind, fit_baseline
from detection.monitoring.monitor import MonitorParams, MonitorState, alarms, start, update, update_all
from detection.params import DetectParams
from geo.reference import Reference, by_usual_shift, onto_reference
from geo.scene import Stack

_ALL_AROUND = np.ones((3, 3), dtype=int)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenParams:
    """How new dates of quiet areas are screened, and when all dates are looked at together again."""

    enabled: bool = False
    """Screen a new date of a quiet area first, and look at all dates together only where that shows something; false:
    look at all dates together whenever there is a new one."""

    every_days: int = 90
    """All dates are looked at together at least so often, in days between dates, whatever the screen says."""

    min_looks: int = 12
    """With fewer clear looks nothing is screened…"""

    min_history_days: int = 365
    """… nor with less time between the first and the last of them."""

    held_days: int = 120
    """The looks of the last so many days are judged like new ones: works may have begun under them."""

    patch_m: float = 70.0
    """Side of the window over which each look is averaged, in metres."""

    least_m2: float = 1500.0
    """Less ground than this, in one piece, calls for nothing."""

    grown: float = 1.5
    """Where a full pass found nothing, evidence must grow so many times before it calls for another."""

    least_hidden: int = 3
    """Ground hidden on so many looks in a row that show the rest of the area clearly may be a bright roof…"""

    hidden_chance: float = 1e-4
    """… if that were rarer than this (0-1), by how often it was hidden before."""

    most_unscreened: float = 0.2
    """Where more of the area (0-1) than this has too little history, all dates are looked at together."""

    height: float = 6.0
    """Evidence that calls for a pass, in sigma, for independent looks in one band; four more for every unit of the root
    of bands. Chosen low: a pass too many costs time, one too few costs a detection."""

    forgotten: float = 0.2
    """What every look takes from the evidence, in sigma, times one and the root of bands."""

    run: int = 2
    """So many looks in a row must have spoken for the change, and so many far-off ones are enough."""

    baseline: BaselineParams = field(default_factory=BaselineParams)

    @property
    def evidence(self) -> MonitorParams:
        """When a pixel raises an alarm."""
        return MonitorParams(height=self.height, forgotten=self.forgotten, run=self.run, warm_looks=0)

    def __post_init__(self) -> None:
        if min(self.every_days, self.min_looks, self.least_hidden, self.run) < 1 or self.held_days < 0:
            raise ValueError(
                "every_days, min_looks, least_hidden and run must be 1 at least, held_days not negative; "
                f"got {self.every_days}, {self.min_looks}, {self.least_hidden}, {self.run} and {self.held_days}"
            )
        if self.grown < 1 or not 0 < self.hidden_chance < 1 or not 0 <= self.most_unscreened <= 1:
            raise ValueError(
                "expected grown >= 1, hidden_chance between 0 and 1 and most_unscreened in 0 to 1; "
                f"got {self.grown}, {self.hidden_chance} and {self.most_unscreened}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What is known of an area, for one new date to be brought onto it."""

    reference: Reference
    """How dates lie."""
    usual: NDArray[np.float32]
    """The median image, whose light dates are brought into, shape (band, y, x)."""
    usual_spread: float
    """How unevenly a usual date is lit."""
    hidden_share: NDArray[np.float32]
    """Share (0-1) of the looks that counted on which each pixel was hidden, shape (y, x)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Why all dates must be looked at together."""

    on: date
    """The look that raised it."""
    pieces: int
    """Pieces of ground."""
    area_m2: float
    """Of all of them, averaged over a patch: wider than what changed."""
    since: date | None
    """The first look that speaks for it; None where it was hidden."""
    is_hidden: bool
    """Whether it is ground that the mask hides time and again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScreenState:
    """All that the screen knows; its size does not depend on how many looks it saw. Arrays of shape (y, x)."""

    ground: Ground
    monitor: MonitorState
    examined: NDArray[np.float32]
    """Evidence that the full pass had before it, in heights of an alarm."""
    hidden_run: NDArray[np.uint16]
    """Counted looks in a row, since the pass, on which a pixel was hidden."""
    seen: NDArray[np.uint16]
    """Counted looks since the pass on which it was seen."""
    looks: int = 0
    """Looks since the pass that counted."""
    first_alarm: Alarm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What one look was to the screen."""

    day: date
    clear_share: float
    """Of the area, 0 to 1."""
    why_not: str = ""
    """Why it does not count; empty where it does."""
    shift_px: tuple[float, float] | None = None
    """How far (down, right) it was moved, in pixels; None where that could not be measured."""


def begin(registered: Stack, params: DetectParams, screen: ScreenParams) -> ScreenState:
    """Return the state with which screening begins after a full pass.

    Args:
        registered: The looks that counted, co-registered. `why_not_screened` tells whether they are enough.
        params: How changes are found.
        screen: How dates are screened.

    """
    raw = registered.values
    usual = reference_image(raw)
    ground = Ground(
        reference=Reference.of(registered),
        usual=usual,
        usual_spread=usual_spread(raw, usual),
        hidden_share=(1 - registered.is_clear.mean(axis=0)).astype(np.float32),
    )
    values = _patches(raw, ground, registered, params, screen)
    days = registered.days
    known = _usual_looks(days, screen)
    baseline = fit_baseline(values[:known], days[:known], screen.baseline)
    quiet = screen.evidence
    monitor = start(baseline, values[:known], days[:known], quiet)
    monitor = update_all(monitor, values[known:], days[known:], quiet)
    shape = baseline.kind.shape
    return ScreenState(
        ground=ground,
        monitor=replace(monitor, last_day=days[-1]),
        examined=alarms(monitor, quiet).strength,
        hidden_run=np.zeros(shape, dtype=np.uint16),
        seen=np.zeros(shape, dtype=np.uint16),
    )


def why_not_screened(days: Sequence[date], screen: ScreenParams) -> str:
    """Say why an area with clear looks on `days`, ascending, is not screened; empty where it is."""
    if len(days) < screen.min_looks:
        return f"{len(days)} clear looks; a screen needs {screen.min_looks}"
    span = (days[-1] - days[0]).days
    if span < screen.min_history_days:
        return f"{span} days between the first clear look and the last; a screen needs {screen.min_history_days}"
    return ""


def screen_look(
    state: ScreenState, look: Stack, inside: NDArray[np.bool_], params: DetectParams, screen: ScreenParams
) -> tuple[ScreenState, Screened]:
    """Return the state after one more look, and what that look was; `state` itself is left as it is.

    Args:
        state: Before the look.
        look: One date, on the grid of the history and with its bands.
        inside: Shape (y, x): the pixels of the area.
        params: How changes are found.
        screen: As `begin` had it.

    Raises:
        ValueError: The look is older than the newest, has other bands, or another shape.

    """
    (day,) = look.days
    is_seen = look.is_clear[0]
    share = float(is_seen[inside].mean()) if inside.any() else 0.0
    why_not = ""
    if share < params.looks.min_clear_share:
        why_not = f"{share:.0%} of the area clearly seen, {params.looks.min_clear_share:.0%} needed"
    if why_not:
        return state, Screened(day=day, clear_share=share, why_not=why_not)
    placed = onto_reference(look, state.ground.reference, params.coregister)
    # The dates known so far may be of few seasons: in doubt a date counts, which costs a pass at worst.
    spread = _DOUBT * state.ground.usual_spread
    why_not = why_murky(placed, state.ground.usual, spread, params.looks)
    if why_not:
        # New edges can be taken for old ones: then it was the shift that was wrong, not the air.
        placed = by_usual_shift(look, state.ground.reference)
        why_not = why_murky(placed, state.ground.usual, spread, params.looks)
    if why_not:
        return state, Screened(day=day, clear_share=share, why_not=why_not)
    values = _patches(placed.values, state.ground, placed, params, screen)[0]
    monitor = update(state.monitor, values, day, screen.evidence)
    # A look through gaps hides ground at random; what it hides says nothing of roofs.
    is_open = share >= _OPEN_SHARE
    run = np.where(is_seen, 0, state.hidden_run + is_open).astype(np.uint16)
    after = replace(
        state, monitor=monitor, hidden_run=run, seen=(state.seen + is_seen).astype(np.uint16), looks=state.looks + 1
    )
    if after.first_alarm is None:
        after = replace(after, first_alarm=alarm_of(after, inside, look.grid.pixel_area_m2, screen))
    shift = placed.shifts_px[0] if placed.shifts_px is not None else (np.nan, np.nan)
    told = (float(shift[0]), float(shift[1])) if np.isfinite(shift).all() else None
    return after, Screened(day=day, clear_share=share, shift_px=told)


_OPEN_SHARE = 0.7
_DOUBT = 2.0


def alarm_of(state: ScreenState, inside: NDArray[np.bool_], pixel_area_m2: float, screen: ScreenParams) -> Alarm | None:
    """Return why all dates must be looked at together now; None where nothing calls for it."""
    day = state.monitor.last_day
    if day is None:
        return None
    told = alarms(state.monitor, screen.evidence)
    is_raised = told.is_raised & (told.strength >= np.maximum(1, screen.grown * state.examined))
    pieces = _pieces(is_raised & screened(state), inside, screen.least_m2 / pixel_area_m2)
    if pieces.any():
        since = told.since[(pieces > 0) & ~np.isnat(told.since)]
        first: date | None = since.min().item() if since.size else None
        return _alarm(pieces, pixel_area_m2, on=day, since=first, is_hidden=False)
    # How often a pixel was hidden is known from few looks: one more of each kind is believed.
    looks = len_of_history(state)
    chance = (state.ground.hidden_share * looks + 1) / (looks + 2)
    is_odd = (state.hidden_run >= screen.least_hidden) & (chance**state.hidden_run <= screen.hidden_chance)
    pieces = _pieces(is_odd, inside, screen.least_m2 / pixel_area_m2)
    return _alarm(pieces, pixel_area_m2, on=day, since=None, is_hidden=True) if pieces.any() else None


def screened(state: ScreenState) -> NDArray[np.bool_]:
    """Return where enough is known to judge a look, shape (y, x)."""
    return np.asarray(state.monitor.baseline.kind != Kind.NONE)


def len_of_history(state: ScreenState) -> int:
    """Return how many looks the most often seen pixel has in its history."""
    return int(state.monitor.baseline.looks.max(initial=0))


def unscreened_share(state: ScreenState, inside: NDArray[np.bool_]) -> float:
    """Return the share (0-1) of the area that was not screened: too little history, or hidden on all looks since."""
    is_told = screened(state) & ((state.seen > 0) | (state.looks == 0))
    return float(1 - is_told[inside].mean()) if inside.any() else 1.0


def least_contrast(state: ScreenState, inside: NDArray[np.bool_], screen: ScreenParams) -> float:
    """Return the least change of brightness of a patch that the looks since the pass would have raised.

    At the median of the screened pixels of the area, of a change that is alike in all bands and was there on all looks
    since the pass, found four times in five; NaN with fewer looks than an alarm needs.
    """
    looks = min(state.looks, int(np.median(state.seen[inside])) if inside.any() else 0)
    if looks < screen.evidence.run or not (screened(state) & inside).any():
        return float("nan")
    base = state.monitor.baseline
    a_unit = np.einsum("ij,jyx->iyx", base.whitening, 1 / base.sigma)
    length = np.sqrt(np.square(a_unit).sum(axis=0))[screened(state) & inside]
    height = screen.evidence.height_of(base)
    luck = _POWER_Z * np.sqrt(base.inflation / looks)
    needed = height / looks + screen.evidence.forgotten_of(len(base.sigma)) + luck
    return float(needed / np.median(length[np.isfinite(length)]))


_POWER_Z = 0.84
"""A step that is so many sigma above the threshold is found four times in five."""


def _alarm(pieces: NDArray[np.int32], pixel_area_m2: float, *, on: date, since: date | None, is_hidden: bool) -> Alarm:
    return Alarm(
        on=on,
        pieces=len(np.unique(pieces[pieces > 0])),
        area_m2=float((pieces > 0).sum() * pixel_area_m2),
        since=since,
        is_hidden=is_hidden,
    )


def _pieces(is_odd: NDArray[np.bool_], inside: NDArray[np.bool_], least_px: float) -> NDArray[np.int32]:
    """Return the numbered pieces of `is_odd` that are large enough and touch the area, 0 elsewhere."""
    numbered, count = ndimage.label(is_odd, structure=_ALL_AROUND)
    if not count:
        return np.asarray(numbered, dtype=np.int32)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    touches = np.zeros(count + 1, dtype=bool)
    touches[np.unique(numbered[inside])] = True
    is_kept = (sizes >= least_px) & touches
    is_kept[0] = False
    return np.asarray(np.where(is_kept[numbered], numbered, 0), dtype=np.int32)


def _patches(
    raw: NDArray[np.float32], ground: Ground, stack: Stack, params: DetectParams, screen: ScreenParams
) -> NDArray[np.float32]:
    """Return looks, shape (time, band, y, x), in the light of the ground, averaged over a patch."""
    values = normalise(raw, ground.usual, context_px=params.context_px(stack.grid))
    patch_px = max(1, 2 * round((screen.patch_m / stack.grid.pixel_m - 1) / 2) + 1)
    return mean_of_seen(values, patch_px)


def _usual_looks(days: Sequence[date], screen: ScreenParams) -> int:
    """Return how many of the looks tell what is usual: all but the latest, as far as the rest is enough."""
    end = days[-1] - timedelta(days=screen.held_days)
    before = sum(day <= end for day in days)
    enough = next(
        (
            count
            for count in range(screen.min_looks, len(days) + 1)
            if (days[count - 1] - days[0]).days >= screen.baseline.min_span_days
        ),
        len(days),
    )
    return max(before, enough)
