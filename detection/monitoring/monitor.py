"""Did anything happen since the history ended, told from one new look at a time?

Each pixel keeps a cumulative sum of its scores in all bands (`detection.monitoring.baseline`): a vector that grows
while looks keep straying in one direction, brighter or darker, and of which every look forgets a little (Crosier
1988, doi:10.1080/00401706.1988.10488402; with one band it is the two-sided CUSUM of Page). A pixel raises an alarm
when the sum is long enough and the last looks all spoke for it. One look counts only so much: an odd one raises
nothing.

What a new look costs, in time and in space, does not depend on how many there were before. Successive looks are
alike, so their sum strays farther than that of independent ones: the alarm's height grows with the root of the
variance that the correlation measured by the baseline adds to a sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.kernels.monitor import accumulate
from detection.monitoring.baseline import Baseline

_PART = 1.3
"""Times the height over the run is what one look counts at most: the run's looks never point quite the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorParams:
    """When a pixel raises an alarm."""

    height: float = 12.0
    """The alarm's height, in sigma, for independent looks in one band; four more for every unit of the root of bands.
    Of pixels where nothing happens, one in a thousand raises an alarm within twenty looks."""

    forgotten: float = 0.2
    """What every look takes from the sum, in sigma, times one and the root of bands: half the least change sought."""

    run: int = 3
    """So many looks in a row must have spoken for the change, and so many far-off ones are enough: what one look
    counts is cut accordingly."""

    warm_looks: int = 4
    """So many looks at the end of the history are counted like new ones: work may have begun under them."""

    def forgotten_of(self, bands: int) -> float:
        """Return what every look takes from the sum of scores in `bands` bands: noise is longer in more of them."""
        return float(self.forgotten * (1 + bands**0.5))

    def height_of(self, baseline: Baseline) -> float:
        """Return how long the sum of scores must be for an alarm, given how alike successive looks are."""
        bands = len(baseline.sigma)
        return float((self.height + 4 * (bands**0.5 - 1)) * baseline.inflation**0.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alarms:
    """What the monitor says, pixel by pixel; arrays of shape (y, x)."""

    is_raised: NDArray[np.bool_]
    """True from the first alarm on, until monitoring is started anew."""
    strength: NDArray[np.float32]
    """Length of the sum now, in heights of the alarm."""
    since: NDArray[np.datetime64]
    """Day of the first of the looks in a row that speak for the present change; NaT where there is none."""
    raised_on: NDArray[np.datetime64]
    """Day of the first alarm; NaT where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonitorState:
    """All that the monitor knows; its size does not depend on how many looks it saw. Arrays (y, x) unless said."""

    baseline: Baseline
    evidence: NDArray[np.float32]
    """The sum, shape (band, y, x)."""
    run: NDArray[np.uint16]
    """Looks in a row that spoke for the present change."""
    first_day: NDArray[np.int32]
    """Ordinal of the first of them, 0 for none."""
    alarm_day: NDArray[np.int32]
    """Ordinal of the first alarm, 0 for none."""
    looks: NDArray[np.uint16]
    """Clear looks that were judged."""
    last_day: date | None
    """Of the newest look; None before the first."""


def start(
    baseline: Baseline, history: NDArray[np.float32], days: Sequence[date], params: MonitorParams | None = None
) -> MonitorState:
    """Return the state with which monitoring begins.

    Args:
        baseline: Fitted to `history`.
        history: Shape (date, band, y, x), NaN where not clear.
        days: The date of each look, ascending.
        params: When a pixel raises an alarm.

    """
    params = params or MonitorParams()
    shape = baseline.kind.shape
    state = MonitorState(
        baseline=baseline,
        evidence=np.zeros(baseline.sigma.shape, dtype=np.float32),
        run=np.zeros(shape, dtype=np.uint16),
        first_day=np.zeros(shape, dtype=np.int32),
        alarm_day=np.zeros(shape, dtype=np.int32),
        looks=np.zeros(shape, dtype=np.uint16),
        last_day=None,
    )
    first = max(0, len(days) - params.warm_looks)
    return update_all(state, history[first:], days[first:], params)


def update(
    state: MonitorState, image: NDArray[np.float32], day: date, params: MonitorParams | None = None
) -> MonitorState:
    """Return the state after one more look; `state` itself is left as it is.

    Args:
        state: Before the look.
        image: In the light and on the ground of the history, shape (band, y, x), NaN where not clear.
        day: Not before the newest look so far.
        params: Those of `start`.

    Raises:
        ValueError: The day lies before the newest look, or the image has another shape than the history.

    """
    return update_all(state, image[None], [day], params)


def update_all(
    state: MonitorState, values: NDArray[np.float32], days: Sequence[date], params: MonitorParams | None = None
) -> MonitorState:
    """Return the state after several looks, shape (date, band, y, x): what `update` says look by look.

    Raises:
        ValueError: The days do not ascend from the newest look on, or the shape is another than the history's.

    """
    params = params or MonitorParams()
    _check(state, values, days)
    if not len(days):
        return state
    bands, pixels = len(state.evidence), state.run.size
    forgotten, height = params.forgotten_of(bands), params.height_of(state.baseline)
    scores = np.stack([state.baseline.scores(image, day) for image, day in zip(values, days, strict=True)])
    after = replace(
        state,
        evidence=state.evidence.copy(),
        run=state.run.copy(),
        first_day=state.first_day.copy(),
        alarm_day=state.alarm_day.copy(),
        looks=state.looks.copy(),
        last_day=days[-1],
    )
    accumulate(
        scores.reshape(len(days), bands, pixels),
        np.array([day.toordinal() for day in days], dtype=np.int32),
        (np.float32(forgotten), np.float32(_PART * height / params.run + forgotten), np.float32(height), params.run),
        after.evidence.reshape(bands, pixels),
        after.run.reshape(pixels),
        after.first_day.reshape(pixels),
        after.alarm_day.reshape(pixels),
        after.looks.reshape(pixels),
    )
    return after


def alarms(state: MonitorState, params: MonitorParams | None = None) -> Alarms:
    """Return which pixels raised an alarm, and when."""
    params = params or MonitorParams()
    length = np.sqrt(np.square(state.evidence).sum(axis=0))
    return Alarms(
        is_raised=state.alarm_day > 0,
        strength=np.asarray(length / params.height_of(state.baseline), dtype=np.float32),
        since=_as_days(state.first_day),
        raised_on=_as_days(state.alarm_day),
    )


def as_arrays(state: MonitorState) -> dict[str, NDArray[Any]]:
    """Return all of `state` as named arrays, for `geo.sealed`."""
    own = {item.name: np.asarray(getattr(state, item.name)) for item in fields(state) if item.name in _STATE_ARRAYS}
    base = {f"baseline_{item.name}": np.asarray(getattr(state.baseline, item.name)) for item in fields(Baseline)}
    last_day = np.array(state.last_day.toordinal() if state.last_day else 0, dtype=np.int32)
    return own | base | {"last_day": last_day}


def from_arrays(arrays: dict[str, NDArray[Any]]) -> MonitorState:
    """Return the state that `as_arrays` took apart.

    Raises:
        KeyError: An array is missing.

    """
    base = {item.name: arrays[f"baseline_{item.name}"] for item in fields(Baseline)}
    autocorrelation = float(base.pop("autocorrelation"))
    last_day = int(arrays["last_day"])
    return MonitorState(
        baseline=Baseline(**base, autocorrelation=autocorrelation),
        last_day=date.fromordinal(last_day) if last_day else None,
        **{name: arrays[name] for name in _STATE_ARRAYS},
    )


_STATE_ARRAYS = ("evidence", "run", "first_day", "alarm_day", "looks")


def _check(state: MonitorState, values: NDArray[np.float32], days: Sequence[date]) -> None:
    if values.shape != (len(days), *state.evidence.shape):
        raise ValueError(f"expected looks of shape {(len(days), *state.evidence.shape)}; got {values.shape}")
    order = [*([state.last_day] if state.last_day else []), *days]
    if order != sorted(order):
        raise ValueError(f"looks must come in order of time; got {', '.join(day.isoformat() for day in order)}")


def _as_days(ordinals: NDArray[np.int32]) -> NDArray[np.datetime64]:
    epoch = date(1970, 1, 1).toordinal()
    days = (ordinals.astype(np.int64) - epoch).astype("datetime64[D]")
    return np.where(ordinals > 0, days, np.datetime64("NaT", "D"))
