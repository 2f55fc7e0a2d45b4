"""The state of a screen as named arrays, for `geo.sealed`, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from numpy.typing import NDArray

from detection.monitoring.monitor import as_arrays, from_arrays
from detection.monitoring.screen import Alarm, Ground, ScreenState
from geo.reference import Reference

_OWN = ("examined", "hidden_run", "seen")


def screen_arrays(state: ScreenState) -> dict[str, NDArray[Any]]:
    """Return all arrays of `state`; what else it holds is in `screen_facts`."""
    ground = state.ground
    return {
        **{f"monitor_{name}": values for name, values in as_arrays(state.monitor).items()},
        **{name: getattr(state, name) for name in _OWN},
        "structure": ground.reference.structure,
        "usual": ground.usual,
        "hidden_share": ground.hidden_share,
    }


def screen_facts(state: ScreenState) -> dict[str, Any]:
    """Return what `state` holds beside arrays, as JSON can hold it."""
    alarm = state.first_alarm
    told = None if alarm is None else {**asdict(alarm), "on": _text(alarm.on), "since": _text(alarm.since)}
    return {
        "usual_shift_px": list(state.ground.reference.usual_shift_px),
        "usual_spread": state.ground.usual_spread,
        "looks": state.looks,
        "alarm": told,
    }


def screen_of(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> ScreenState:
    """Return the state that `screen_arrays` and `screen_facts` took apart.

    Raises:
        KeyError, ValueError: Something is missing.

    """
    monitor = {name.removeprefix("monitor_"): arrays[name] for name in arrays if name.startswith("monitor_")}
    down, right = facts["usual_shift_px"]
    return ScreenState(
        ground=Ground(
            reference=Reference(structure=arrays["structure"], usual_shift_px=(float(down), float(right))),
            usual=arrays["usual"],
            usual_spread=float(facts["usual_spread"]),
            hidden_share=arrays["hidden_share"],
        ),
        monitor=from_arrays(monitor),
        looks=int(facts["looks"]),
        first_alarm=_alarm(facts["alarm"]),
        **{name: arrays[name] for name in _OWN},
    )


def _alarm(told: Mapping[str, Any] | None) -> Alarm | None:
    if told is None:
        return None
    since = told["since"]
    return Alarm(
        on=date.fromisoformat(told["on"]),
        pieces=int(told["pieces"]),
        area_m2=float(told["area_m2"]),
        since=None if since is None else date.fromisoformat(since),
        is_hidden=bool(told["is_hidden"]),
    )


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
