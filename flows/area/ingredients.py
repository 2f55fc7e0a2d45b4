"""What stands behind the hashes of a product: so it can be said which of it changed, and from what to what.

Kept in the product's record beside the hashes. Settings are kept as values, without secrets; facilities and verdicts
as a hash each, for what they say is in the watch list and in the store.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from aoi.areas import Area
from aoi.facilities import Facility
from flows.area.plan import Inputs
from flows.logs import known_secrets, without_secrets
from flows.settings.config import HOW_NOT_WHAT, Config, RadarSettings, SourceSettings
from flows.settings.version import digest
from flows.show import plural
from geo.sources.base import SceneRef

if TYPE_CHECKING:
    from flows.area.product import Record

SHOWN = 8
"""How many changes of one kind are named."""
_ABSENT = "-"
_NAMES = {"pictures": "limits.pictures", "credit": "source.credit"}
"""What a setting is called in the file, where that differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFrom:
    """The values behind the hashes."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Key, such as ``grid.pixel_m``, to the value as JSON."""
    area: Mapping[str, str] = field(default_factory=dict)
    """The same of the area; its outline as a hash."""
    facilities: Mapping[str, str] = field(default_factory=dict)
    """Id to hash."""
    reviews: Mapping[str, str] = field(default_factory=dict)
    """Id of a detection to a hash of what was decided about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a product comes from, beside the one before it."""

    made_from: MadeFrom
    changes: tuple[str, ...] = ()
    """What differs from what the one before was made from, scenes left out."""
    supersedes: tuple[str, ...] = ()
    """Why it stands in the place of the one before; empty where it goes on from it."""

    def as_facts(self) -> dict[str, Any]:
        """Return it under the names of a product's record."""
        return {"made_from": self.made_from, "changes": self.changes, "supersedes": self.supersedes}


def watched_facts(area: Area) -> dict[str, Any]:
    """Return what of an area shapes its product: how often it is looked at does not."""
    return {name: value for name, value in asdict(area).items() if name != "cadence"}


def origin_of(is_now: MadeFrom, now: Inputs, before: "Record | None", refs: Sequence[SceneRef]) -> Origin:
    """Return what a product of `now` would come from, beside the one with the record `before`.

    Args:
        is_now: The values behind the hashes.
        now: The hashes.
        before: Of the product that stands, if there is one.
        refs: The scenes of `now`.

    """
    if before is None:
        return Origin(made_from=is_now)
    days = {ref.scene_id: ref.observed_at.date() for ref in refs}
    return Origin(
        made_from=is_now,
        changes=tuple(differences(before.inputs, before.made_from, now, is_now)),
        supersedes=tuple(supersedes(before.inputs, now, days)),
    )


def settings_of(
    config: Config, *, credit: str, radar: tuple[RadarSettings | SourceSettings, str] | None = None, night: str = ""
) -> dict[str, Any]:
    """Return the settings that shape a product.

    Args:
        config: All settings.
        credit: Of the imagery.
        radar: The settings of radar and its credit, where there is radar.
        night: Hash of the composites of night light; empty where there are none.

    """
    settings: dict[str, Any] = {
        "detection": asdict(config.detection),
        "join": asdict(config.join),
        "grid": config.grid.model_dump(),
        "credit": credit,
        "source": config.source.model_dump(mode="json", exclude=set(HOW_NOT_WHAT)),
        "pictures": config.limits.pictures,
        "products": config.products.model_dump(mode="json"),
        "scenes": asdict(config.scenes),
        "persistence": asdict(config.persistence),
    }
    if radar:
        settings["radar"] = [radar[0].model_dump(mode="json", exclude=set(HOW_NOT_WHAT)), radar[1]]
    if night:
        settings["nightlight"] = night
    return settings


def made_from(
    settings: Mapping[str, Any], area: Area, facilities: Sequence[Facility], verdicts: Sequence[str]
) -> MadeFrom:
    """Return the values behind the hashes of a product's inputs.

    Args:
        settings: As `settings_of` gives them.
        area: The area.
        facilities: Those that can matter to it.
        verdicts: Lines that begin with the id of a detection (`flows.area.reviews.digest_lines`).

    """
    secrets = known_secrets(os.environ)
    said: dict[str, list[str]] = {}
    for line in verdicts:
        said.setdefault(line.split(" ", maxsplit=1)[0], []).append(line)
    return MadeFrom(
        settings={key: without_secrets(value, secrets) for key, value in flat(settings).items()},
        area=flat(watched_facts(area) | {"polygon_4326": digest(area.polygon_4326.wkb_hex)}),
        facilities={
            one.facility_id: digest(asdict(one) | {"location_4326": one.location_4326.wkb_hex}) for one in facilities
        },
        reviews={name: digest(lines) for name, lines in said.items()},
    )


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Return nested values under one key each, such as ``detection.looks.min_clear``, as JSON."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        else:
            found[_NAMES.get(name, name)] = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return found


def differences(before: Inputs, was: MadeFrom | None, now: Inputs, is_now: MadeFrom) -> list[str]:
    """Say what differs between what a product was made from and what it would be made from now, scenes left out.

    Args:
        before: The hashes behind the product.
        was: The values behind them; None where a version of sitewatch made it that kept none.
        now: The hashes now.
        is_now: The values now.

    """
    found: list[str] = []
    for what in ("settings", "area", "facilities", "reviews"):
        if getattr(before, what) == getattr(now, what):
            continue
        lines = [] if was is None else list(_changed(what, getattr(was, what), getattr(is_now, what)))
        found += _shortened(lines, what) if lines else [f"{what}: changed; what it was before was not kept"]
    if before.code != now.code:
        found.append(f"code: {before.code} -> {now.code}")
    return found


def _changed(what: str, was: Mapping[str, str], is_now: Mapping[str, str]) -> Iterator[str]:
    for key in sorted({*was, *is_now}):
        old, new = was.get(key), is_now.get(key)
        if old == new:
            continue
        if what in ("settings", "area"):
            name = key if what == "settings" else f"area.{key}"
            yield f"{name}: {_ABSENT if old is None else old} -> {_ABSENT if new is None else new}"
        else:
            one = {"facilities": "facility", "reviews": "verdict on"}[what]
            yield f"{one} {key}: {'new' if old is None else 'gone' if new is None else 'changed'}"


def _shortened(lines: Sequence[str], what: str) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"{what}: {plural(more, 'more change')}"] if more > 0 else list(lines)


def supersedes(before: Inputs, now: Inputs, days: Mapping[str, date]) -> list[str]:
    """Say why a product made from `now` would stand in the place of one made from `before`; empty: it goes on from it.

    Made with other settings, other code or another outline, or from scenes taken back, changed, or from before the
    oldest that were known, the same ground at the same time may be told of differently. New scenes at the end,
    verdicts and facilities add to what is told.

    Args:
        before: The hashes behind the product that stands.
        now: Those behind the new one.
        days: Scene id to the day it was taken, of the scenes of `now`.

    """
    reasons = [f"other {name}" for name in ("settings", "code") if getattr(before, name) != getattr(now, name)]
    if before.area != now.area:
        reasons.append("the area was changed")
    if any(now.scenes.get(scene) not in (None, mark) for scene, mark in before.scenes.items()):
        reasons.append("scenes were changed")
    if any(scene not in now.scenes for scene in before.scenes):
        reasons.append("scenes are gone")
    known = [days[scene] for scene in before.scenes if scene in days]
    if known and any(days[scene] < min(known) for scene in now.scenes if scene in days and scene not in before.scenes):
        reasons.append("scenes from before the oldest known")
    return reasons
