"""Decide what has to be done: which areas must be looked at again, and why."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Action(StrEnum):
    """What is to be done with an area."""

    RUN = "run"
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
class Step:
    """What is to be done with one area, and why."""

    area_id: str
    action: Action
    reason: str
    inputs: Inputs


def decide(area_id: str, inputs: Inputs, existing: Existing | None, *, force: bool = False) -> Step:
    """Say whether the product of an area has to be made, and why.

    Args:
        area_id: The area.
        inputs: What its product would be made from now.
        existing: What an earlier run left, if anything.
        force: Make it in any case.

    """
    reason = "asked for" if force else _reason(inputs, existing)
    action = Action.RUN if reason else Action.UP_TO_DATE
    return Step(area_id=area_id, action=action, reason=reason or "nothing changed", inputs=inputs)


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


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that stand for a value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
