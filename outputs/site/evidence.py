"""The evidence of a detection, from JSON to what a page can say."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SPARK_WIDTH = 240.0
_SPARK_HEIGHT = 56.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One measured feature."""

    name: str
    value: str
    contribution: float | None
    """How far it moved the score; above 0 it speaks for the event, None: not known."""
    bar_percent: float
    """Length of its bar, 0 to 100, against the strongest of all."""

    @property
    def contribution_words(self) -> str:
        """With its sign, so that nobody needs to see a colour."""
        return "" if self.contribution is None else f"{self.contribution:+.2f}".replace("-", "\N{MINUS SIGN}")

    @property
    def speaks(self) -> str:
        """Which way it points."""
        if not self.contribution:
            return "neither"
        return "for" if self.contribution > 0 else "against"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How the changed area grew, look by look."""

    steps: tuple[tuple[str, float], ...]
    """Day and square metres, in order of time."""
    line: str
    """Points of an SVG polyline in a box of `width` x `height`."""
    width: float = _SPARK_WIDTH
    height: float = _SPARK_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a detection was made."""

    features: tuple[Feature, ...] = ()
    """The strongest first."""
    growth: Growth | None = None
    note: str = ""


def evidence_of(text: str) -> Evidence:
    """Read the ``evidence`` column; whatever is not there or not understood is left out, never an error.

    A page about many detections must not fail because one of them says something that is new to it.
    """
    content = _mapping(_loaded(text))
    return Evidence(
        features=_features(_mapping(content.get("features"))),
        growth=_growth(content.get("growth")),
        note=" ".join(filter(None, (str(content.get("note") or ""), _placebo_words(_mapping(content.get("placebo")))))),
    )


def _placebo_words(placebo: Mapping[str, Any]) -> str:
    """Say how often nothing at all looks like this."""
    rate, p = _number(placebo.get("false_alerts_per_site_year")), _number(placebo.get("p"))
    if rate is None:
        return ""
    often = f"A quiet square kilometre raises evidence as strong about {rate:.2g} times a year."
    count = int((_number(placebo.get("placebos_in_space")) or 0) + (_number(placebo.get("placebos_in_time")) or 0))
    if p is None or not count:
        return often
    as_high = round(p * (1 + count)) - 1
    return f"{often} Of {count} other places and times here, {as_high} score as high."


def not_seen_of(text: str) -> tuple[str, ...]:
    """Read the ``not_seen`` column: one line a date that did not count, with its reason."""
    entries = _loaded(text)
    if isinstance(entries, Mapping):
        return tuple(f"{day}: {reason}" for day, reason in entries.items())
    return tuple(_entry_words(entry) for entry in entries) if isinstance(entries, list) else ()


def _entry_words(entry: object) -> str:
    values = list(entry.values()) if isinstance(entry, Mapping) else entry
    return ": ".join(str(value) for value in values) if isinstance(values, list) else str(values)


def _features(measured: Mapping[str, Any]) -> tuple[Feature, ...]:
    contributions = {name: _number(_mapping(entry).get("contribution")) for name, entry in measured.items()}
    strongest = max((abs(value) for value in contributions.values() if value is not None), default=0.0)
    features = [
        Feature(
            name=name.replace("_", " "),
            value=_value_words(_mapping(entry).get("value")),
            contribution=contributions[name],
            bar_percent=100 * abs(contributions[name] or 0.0) / strongest if strongest else 0.0,
        )
        for name, entry in measured.items()
    ]
    return tuple(sorted(features, key=lambda feature: -feature.bar_percent))


def _growth(steps: object) -> Growth | None:
    """Read ``[[day, square metres], ...]``; a single look is no growth."""
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return None
    pairs = [step for step in steps if isinstance(step, Sequence) and len(step) == 2]  # noqa: PLR2004  # a pair
    read = [(str(day), number) for day, area in pairs if (number := _number(area)) is not None]
    return Growth(steps=tuple(read), line=_spark([area for _, area in read])) if len(read) > 1 else None


def _spark(values: Sequence[float]) -> str:
    """Return the points of a line through `values`, from 0 at the foot to the largest at the top."""
    top = max(values) or 1.0
    step = (_SPARK_WIDTH - 8) / (len(values) - 1)
    return " ".join(
        f"{4 + index * step:.1f},{_SPARK_HEIGHT - 4 - (_SPARK_HEIGHT - 8) * max(value, 0) / top:.1f}"
        for index, value in enumerate(values)
    )


def _loaded(text: object) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]  # checked the line above


def _value_words(value: object) -> str:
    number = _number(value)
    if number is None:
        return "not known" if value is None else str(value)
    return f"{number:.3g}".replace("-", "\N{MINUS SIGN}")
