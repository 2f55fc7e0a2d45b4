"""Which of the scenes that a search found are to be read.

In two steps, for what matters most is known last: `screen` goes by what the catalogue says, and `pick` by how much of
the area itself was clearly seen, which a source may tell from the classification layer alone (`ClearShareSource`).
Each scene that is left out is returned with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Protocol, runtime_checkable

from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.base import SceneRef

_DAYS_PER_YEAR = 365


class Period(StrEnum):
    """Of how long a time one scene is read."""

    NONE = "none"
    """All scenes are read."""
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceParams:
    """Which scenes are read."""

    max_cloud_share: float = 1.0
    """Scenes with more cloud (0-1) over the whole product, as the catalogue says, are not read. A small site may be
    clear in a cloudy scene: a low limit loses looks."""
    min_clear_share: float = 0.0
    """Scenes in which less (0-1) of the area was clearly seen are not read; above 0, the classification layer of each
    scene is looked at first, coarsely."""
    best_of: Period = Period.NONE
    """Read one scene of each week, month, quarter or year: the clearest; `none` reads all."""
    min_spacing_days: int = 0
    """Read no two scenes with fewer days between them: of close ones, the clearer."""
    season_day: str = ""
    """Read scenes of one season alone, around this day (`07-15`); empty: of the whole year."""
    season_window_days: int = 45
    """How many days before and after `season_day` count as its season."""
    max_scenes: int = 0
    """Read at most so many scenes of an area, spread evenly over the time; 0: no limit."""

    def __post_init__(self) -> None:
        for name in ("max_cloud_share", "min_clear_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, so between 0 and 1; got {getattr(self, name)}")
        for name in ("min_spacing_days", "season_window_days", "max_scenes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative; got {getattr(self, name)}")
        if self.season_day:
            _day_of_year(self.season_day)

    @property
    def needs_clear_shares(self) -> bool:
        """Whether the choice is better made knowing how much of the area each scene shows."""
        return self.min_clear_share > 0 or self.best_of is not Period.NONE or self.min_spacing_days > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The scenes to read, and those left out."""

    chosen: tuple[SceneRef, ...]
    """Ascending in time."""
    left_out: tuple[tuple[SceneRef, str], ...] = ()
    """Ascending in time, each with the reason, fit to be shown."""


@runtime_checkable
class ClearShareSource(Protocol):
    """A source that can tell how much of a place a scene shows, for less than reading it."""

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Return the share (0-1) of `grid` that was clearly seen; None where nothing tells.

        Args:
            ref: One of the answers of `search`.
            grid: The place, in pixels as coarse as the answer may be.

        Raises:
            SourceError: As `ImagerySource.read`.

        """
        ...


def screen(refs: Sequence[SceneRef], params: ChoiceParams) -> Choice:
    """Choose by what the catalogue says: quantity, season, cloud. What it does not say is no reason to leave out.

    Optical scenes only: radar is read for itself, never beside them; display pictures only where there is nothing else.
    """
    wanted = _quantity(refs)
    reasons = {ref.scene_id: _screen_reason(ref, wanted, params) for ref in refs}
    return _split(refs, {scene_id: reason for scene_id, reason in reasons.items() if reason})


def pick(refs: Sequence[SceneRef], params: ChoiceParams, clear_shares: Mapping[str, float] | None = None) -> Choice:
    """Choose among scenes that passed `screen`: clear enough, the best of each period, spaced, not too many.

    Args:
        refs: The scenes, in any order.
        params: What to choose.
        clear_shares: By scene id, the share of the area that was clearly seen. A scene that is not in it is judged by
            the catalogue's cloud, and as half clear where that is unknown too.

    """
    known = clear_shares or {}
    quality = {ref.scene_id: _quality(ref, known) for ref in refs}
    reasons: dict[str, str] = {}
    for rule in (_too_hidden, _not_the_best, _too_close, _too_many):
        left = [ref for ref in refs if ref.scene_id not in reasons]
        reasons |= rule(left, params, quality, known)
    return _split(refs, reasons)


def join(screened: Choice, picked: Choice) -> Choice:
    """Return the outcome of both steps as one."""
    left_out = sorted([*screened.left_out, *picked.left_out], key=lambda pair: _time_order(pair[0]))
    return Choice(chosen=picked.chosen, left_out=tuple(left_out))


def _split(refs: Sequence[SceneRef], reasons: Mapping[str, str]) -> Choice:
    ordered = sorted(refs, key=_time_order)
    return Choice(
        chosen=tuple(ref for ref in ordered if ref.scene_id not in reasons),
        left_out=tuple((ref, reasons[ref.scene_id]) for ref in ordered if ref.scene_id in reasons),
    )


def _quantity(refs: Sequence[SceneRef]) -> Quantity:
    """Return the quantity to read: the best for optical detection that there is."""
    offered = {ref.quantity for ref in refs}
    return next(
        (one for one in (Quantity.REFLECTANCE, Quantity.DISPLAY, Quantity.GAMMA0) if one in offered),
        Quantity.REFLECTANCE,
    )


def _screen_reason(ref: SceneRef, wanted: Quantity, params: ChoiceParams) -> str:
    if ref.quantity is not wanted:
        return f"its numbers are {ref.quantity.value}; those of the other scenes are {wanted.value}"
    if params.season_day:
        off_days = _days_between(ref.observed_at.date(), params.season_day)
        if off_days > params.season_window_days:
            return f"out of season: {off_days} days from {params.season_day}"
    if ref.cloud_share is not None and ref.cloud_share > params.max_cloud_share:
        return f"the catalogue says {ref.cloud_share:.0%} cloud, above the limit of {params.max_cloud_share:.0%}"
    return ""


def _quality(ref: SceneRef, known: Mapping[str, float]) -> float:
    """Return how good a look is, 0 to 1."""
    unknown = 0.5
    if ref.scene_id in known:
        return known[ref.scene_id]
    return 1 - ref.cloud_share if ref.cloud_share is not None else unknown


def _too_hidden(
    refs: Sequence[SceneRef], params: ChoiceParams, _quality: Mapping[str, float], known: Mapping[str, float]
) -> dict[str, str]:
    return {
        ref.scene_id: f"{known[ref.scene_id]:.0%} of the area clearly seen, below {params.min_clear_share:.0%}"
        for ref in refs
        if ref.scene_id in known and known[ref.scene_id] < params.min_clear_share
    }


def _not_the_best(
    refs: Sequence[SceneRef], params: ChoiceParams, quality: Mapping[str, float], _known: Mapping[str, float]
) -> dict[str, str]:
    if params.best_of is Period.NONE:
        return {}
    best: dict[tuple[int, int], SceneRef] = {}
    for ref in _best_first(refs, quality):
        best.setdefault(_period_of(ref.observed_at.date(), params.best_of), ref)
    chosen = {ref.scene_id: ref for ref in best.values()}
    return {
        ref.scene_id: f"{best[_period_of(ref.observed_at.date(), params.best_of)].scene_id} is the "
        f"best look of the {params.best_of.value}"
        for ref in refs
        if ref.scene_id not in chosen
    }


def _too_close(
    refs: Sequence[SceneRef], params: ChoiceParams, quality: Mapping[str, float], _known: Mapping[str, float]
) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if params.min_spacing_days == 0:
        return reasons
    kept: list[SceneRef] = []
    for ref in _best_first(refs, quality):
        near = next((one for one in kept if _days_apart(ref, one) < params.min_spacing_days), None)
        if near is None:
            kept.append(ref)
        else:
            reasons[ref.scene_id] = f"{_days_apart(ref, near)} days from {near.scene_id}, a look as good or better"
    return reasons


def _too_many(
    refs: Sequence[SceneRef], params: ChoiceParams, quality: Mapping[str, float], _known: Mapping[str, float]
) -> dict[str, str]:
    """Drop, one by one, the scene whose neighbours in time are closest; of equals the less clear, then the older."""
    reasons: dict[str, str] = {}
    left = sorted(refs, key=_time_order)
    while 0 < params.max_scenes < len(left):
        days = [ref.observed_at.toordinal() for ref in left]
        gaps = [later - earlier for earlier, later in pairwise(days)]
        room = [_room(index, gaps) for index in range(len(left))]
        worst = min(range(len(left)), key=lambda index: (room[index], quality[left[index].scene_id], index))
        reasons[left.pop(worst).scene_id] = f"more than {params.max_scenes} scenes: others tell as much of its time"
    return reasons


def _room(index: int, gaps: Sequence[int]) -> float:
    """Return the days from the look before to the look after; the first and the last look go last."""
    if index in {0, len(gaps)}:
        return float("inf")
    return gaps[index - 1] + gaps[index]


def _best_first(refs: Sequence[SceneRef], quality: Mapping[str, float]) -> list[SceneRef]:
    return sorted(refs, key=lambda ref: (-quality[ref.scene_id], _time_order(ref)))


def _time_order(ref: SceneRef) -> tuple[float, str]:
    return (ref.observed_at.timestamp(), ref.scene_id)


def _days_apart(one: SceneRef, other: SceneRef) -> int:
    return abs(one.observed_at.date() - other.observed_at.date()).days


def _period_of(day: date, period: Period) -> tuple[int, int]:
    if period is Period.WEEK:
        year, week, _ = day.isocalendar()
        return (year, week)
    parts = {Period.MONTH: day.month, Period.QUARTER: (day.month + 2) // 3, Period.YEAR: 0}
    return (day.year, parts[period])


def _day_of_year(text: str) -> int:
    try:
        return date.fromisoformat(f"2001-{text}").timetuple().tm_yday
    except ValueError:
        raise ValueError(f"season_day is a month and a day such as 07-15; got {text!r}") from None


def _days_between(day: date, season_day: str) -> int:
    """Return how many days lie between two days of the year, whichever way round the year is shorter."""
    apart = abs(min(day.timetuple().tm_yday, _DAYS_PER_YEAR) - _day_of_year(season_day))
    return min(apart, _DAYS_PER_YEAR - apart)
