"""Decide what has to be done: which areas must be looked at again, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from flows.settings.version import digest


class Action(StrEnum):
    """What is to be done with an area."""

    RUN = "run"
    MONITOR = "monitor"
    """Its new dates are screened one by one; all dates are looked at together only where that shows something."""
    UP_TO_DATE = "up to date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that an area's product is made from, as hashes: the same inputs give the same product."""

    area: str
    settings: str
    facilities: str
    code: str
    scenes: Mapping[str, str]
    """Scene id to fingerprint."""
    reviews: str = ""
    """Of what people decided about its detections; empty before the first verdict."""

    @property
    def key(self) -> str:
        """One hash over all of it, in 16 hexadecimal digits."""
        return digest(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """The product of an area that an earlier run left."""

    inputs: Inputs
    is_intact: bool
    """Whether every file it says it has is there with the content it was written with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What is known of an area whose new dates can be screened one by one."""

    scenes: Mapping[str, str]
    """Scenes screened since all dates were looked at together: id to fingerprint."""
    waits: frozenset[str]
    """Scenes that say nothing alone and wait for the next full pass."""
    open_detections: int
    """Detections that are followed: each new date may decide on them."""
    days_since_pass: int
    every_days: int
    """All dates are looked at together at least so often."""
    alarm: str
    """What the screen saw that calls for a full pass; empty for nothing."""
    late: int
    """New scenes that are older than the newest date dealt with."""
    words: str
    """What was screened so far; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done with one area, and why."""

    area_id: str
    action: Action
    reason: str
    inputs: Inputs


def decide(
    area_id: str,
    inputs: Inputs,
    existing: Existing | None,
    *,
    force: bool = False,
    screening: Screening | None = None,
) -> Step:
    """Say whether the product of an area has to be made, and why.

    Args:
        area_id: The area.
        inputs: What its product would be made from now.
        existing: What an earlier run left, if anything.
        force: Make it in any case.
        screening: Where new dates can be screened one by one, what is known.

    """
    if existing is not None and screening is not None and not force and _has_only_new_scenes(existing, inputs):
        return _screened(area_id, inputs, existing, screening)
    reason = "asked for" if force else _reason(inputs, existing)
    action = Action.RUN if reason else Action.UP_TO_DATE
    return Step(area_id=area_id, action=action, reason=reason or "nothing changed", inputs=inputs)


def _has_only_new_scenes(existing: Existing, inputs: Inputs) -> bool:
    """Say whether nothing that the product was made from has changed or gone, and there is more than it was made of."""
    before = existing.inputs
    is_same = not any(_differs(before, inputs, what) for what in ("area", "settings", "facilities", "code", "reviews"))
    is_kept = all(inputs.scenes.get(scene) == mark for scene, mark in before.scenes.items())
    return existing.is_intact and is_same and is_kept and len(inputs.scenes) > len(before.scenes)


def _screened(area_id: str, inputs: Inputs, existing: Existing, screening: Screening) -> Step:
    """Say what is to be done with an area in which nothing but new scenes is new."""
    fresh = {scene: mark for scene, mark in inputs.scenes.items() if scene not in existing.inputs.scenes}
    left = [scene for scene in fresh if scene not in screening.scenes and scene not in screening.waits]
    why = _why_all_together(fresh, screening)
    count = f"{len(left)} new scene{'s' if len(left) != 1 else ''}"
    if why:
        return Step(area_id=area_id, action=Action.RUN, reason=f"{count}; {why}" if left else why, inputs=inputs)
    if left:
        return Step(area_id=area_id, action=Action.MONITOR, reason=f"{count}, to be screened", inputs=inputs)
    reason = screening.words or "nothing new but radar, which waits for the next full pass"
    return Step(area_id=area_id, action=Action.UP_TO_DATE, reason=reason, inputs=inputs)


_CHANGED = "a screened scene changed or is gone"


def _why_all_together(fresh: Mapping[str, str], screening: Screening) -> str:
    """Say why screening is not enough; empty where it is."""
    if any(fresh.get(scene) != mark for scene, mark in screening.scenes.items()):
        return _CHANGED
    if screening.alarm:
        return screening.alarm
    if screening.open_detections:
        count = screening.open_detections
        return f"{count} detection{'s' if count > 1 else ''} followed"
    if screening.late:
        return "a scene older than those known"
    if screening.days_since_pass >= screening.every_days:
        return f"{screening.days_since_pass} days since all dates were looked at together"
    return ""


def _reason(inputs: Inputs, existing: Existing | None) -> str:
    if existing is None:
        return "first run"
    if not existing.is_intact:
        return "product damaged"
    before = existing.inputs
    changes = [
        f"{what} changed" for what in ("area", "settings", "facilities", "reviews") if _differs(before, inputs, what)
    ]
    if _differs(before, inputs, "code"):
        changes.append("another version of sitewatch")
    return ", ".join([*changes, *_scene_changes(before.scenes, inputs.scenes)])


def _differs(before: Inputs, now: Inputs, field: str) -> bool:
    return bool(getattr(before, field) != getattr(now, field))


def _scene_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    new = sum(scene not in before for scene in now)
    gone = sum(scene not in now for scene in before)
    changed = sum(scene in before and before[scene] != print_now for scene, print_now in now.items())
    counts = {"new": new, "changed": changed, "gone": gone}
    return [f"{count} {word} scene{'s' if count > 1 else ''}" for word, count in counts.items() if count]


def run_id(products: Mapping[str, str], started: str) -> str:
    """Return the name of a run that began at `started` (``20261121T190512Z``).

    Args:
        products: Area id to key of the product that the run publishes.
        started: The time, in UTC.

    """
    return f"{started}-{digest(dict(products))[:6]}"
