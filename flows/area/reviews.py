"""What people decided about detections: taken down in the store, and read from there by every run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import shapely

from aoi.areas import Area
from detection.life.history import Review
from detection.schema import Event, Verdict
from flows.area.product import find_product
from flows.reading.looks import area_grid
from flows.settings.config import Config
from flows.settings.workspace import Workspace, writing
from flows.store import opened
from geo.errors import ConfigError
from outputs.review.corrections import FalseAlarm
from outputs.review.standing import standings_of
from outputs.store import add_reviews, false_alarms, stored_reviews

_KEYS = ("area_id", "detection_id", "verdict", "reviewer", "at", "note")


def read_reviews(workspace: Workspace) -> dict[str, list[Review]]:
    """Return the reviews by area, each area's oldest first; nothing before the first.

    Raises:
        ConfigError, StateError: The store cannot be used, or the earlier file of reviews cannot be read.

    """
    adopt_reviews(workspace)
    with opened(workspace, is_written=False) as store:
        return {} if store is None else stored_reviews(store)


def adopt_reviews(workspace: Workspace) -> None:
    """Take the verdicts of ``reviews.jsonl``, which was their place before there was a store, into the store.

    Raises:
        ConfigError: A line cannot be read. It is named: a verdict that is passed over in silence would be forgotten.

    """
    path = workspace.root / "reviews.jsonl"
    if not path.exists():
        return
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    found = [_parsed(line, f"{path}, line {number}") for number, line in lines if line.strip()]
    with opened(workspace, is_written=True) as store:
        if store is not None:
            add_reviews(store, found)
    with writing(path):
        path.rename(path.with_name("reviews.jsonl.adopted"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided about a detection, as it is said on the command line."""

    verdict: Verdict
    reviewer: str
    note: str = ""
    event: str = ""
    """What happened instead; empty where the detection's own event stands."""
    settles: bool = False
    at: datetime | None = None
    """Aware; None for now."""


def review_detection(root: Path, detection_id: str, decision: Decision) -> str:
    """Take down a verdict on a detection of the current products; return its area.

    Raises:
        ConfigError: No current product has such a detection, there is no such event, or the reviewer is not named.
        OutputError: The store does not take it.

    """
    workspace = Workspace.open(root)
    if not decision.reviewer.strip():
        raise ConfigError("a verdict needs the name, or the initials, of who gives it: --reviewer")
    event = event_of(decision.event) if decision.event else None
    area_id = _area_of(workspace, detection_id)
    review = Review(
        detection_id=detection_id,
        verdict=decision.verdict,
        reviewer=decision.reviewer.strip(),
        at=decision.at or datetime.now(UTC),
        note=decision.note.strip(),
        event=event,
        settles=decision.settles,
    )
    adopt_reviews(workspace)
    with opened(workspace, is_written=True) as store:
        if store is not None:
            add_reviews(store, [(area_id, review)])
    return area_id


def standing_reviews(workspace: Workspace) -> dict[str, list[Review]]:
    """Return by area what the verdicts on each detection come to: one a detection, the oldest first.

    Raises:
        ConfigError, StateError: The store cannot be used, or the earlier file of reviews cannot be read.

    """
    return {
        area_id: sorted((one.review for one in standings_of(given).values()), key=lambda one: one.at)
        for area_id, given in read_reviews(workspace).items()
    }


def known_false_alarms(workspace: Workspace) -> tuple[FalseAlarm, ...]:
    """Return the places that reviewers rejected, in all areas; none before there is a store.

    Raises:
        ConfigError, StateError: The store cannot be used.

    """
    with opened(workspace, is_written=False) as store:
        return () if store is None else tuple(false_alarms(store))


def verdict_of(text: str) -> Verdict:
    """Return the verdict that `text` names.

    Raises:
        ConfigError: It names none.

    """
    try:
        return Verdict(text)
    except ValueError:
        raise ConfigError(f"a verdict is one of {', '.join(Verdict)}; got {text!r}") from None


def event_of(text: str) -> Event:
    """Return the event that `text` names.

    Raises:
        ConfigError: It names none.

    """
    try:
        return Event(text)
    except ValueError:
        raise ConfigError(f"an event is one of {', '.join(Event)}; got {text!r}") from None


def digest_lines(
    area: Area, reviews: Mapping[str, Sequence[Review]], alarms: Iterable[FalseAlarm], config: Config
) -> list[str]:
    """Return what the product of an area depends on: its own reviews, and places near it rejected in other areas."""
    ground = area_grid(area, config).footprint_4326
    lines = [
        f"{one.detection_id} {one.verdict} {one.reviewer} {one.at.isoformat()} {one.note} {one.event or ''} "
        f"{shapely.to_wkb(one.outline_4326, hex=True) or ''}"
        for one in reviews.get(area.area_id, ())
    ]
    near = (one for one in alarms if one.area_id != area.area_id and one.outline_4326.intersects(ground))
    return lines + [f"{one.detection_id} {one.event} {one.outline_4326.wkb_hex} {one.words}" for one in near]


def _area_of(workspace: Workspace, detection_id: str) -> str:
    areas = workspace.state_dir / "areas"
    for folder in sorted(areas.iterdir()) if areas.is_dir() else ():
        product = find_product(folder)
        if product is not None and detection_id in set(product.detections()["detection_id"]):
            return product.record.area_id
    raise ConfigError(f"no detection is called {detection_id!r} in the products of {workspace.root}")


def _parsed(line: str, where: str) -> tuple[str, Review]:
    try:
        document = json.loads(line)
        area_id, detection_id, verdict, reviewer, at, note = (str(document[key]) for key in _KEYS)
        review = Review(
            detection_id=detection_id,
            verdict=Verdict(verdict),
            reviewer=reviewer,
            at=datetime.fromisoformat(at).astimezone(UTC),
            note=note,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{where}: expected {', '.join(_KEYS)} as JSON; {error or type(error).__name__}") from error
    return area_id, review
