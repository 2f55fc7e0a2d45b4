"""What people decided about detections: taken down in the store, and read from there by every run."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from detection.life.history import Review
from detection.schema import Verdict
from flows.area.product import find_product
from flows.settings.workspace import Workspace, writing
from flows.store import opened
from geo.errors import ConfigError
from outputs.store import add_reviews, stored_reviews

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


def review_detection(  # noqa: PLR0913 - what a review is made of
    root: Path, detection_id: str, verdict: Verdict, *, reviewer: str, note: str = "", at: datetime | None = None
) -> str:
    """Take down a verdict on a detection of the current products; return its area.

    Raises:
        ConfigError: No current product has such a detection, or the reviewer is not named.
        OutputError: The store does not take it.

    """
    workspace = Workspace.open(root)
    if not reviewer.strip():
        raise ConfigError("a verdict needs the name, or the initials, of who gives it: --reviewer")
    area_id = _area_of(workspace, detection_id)
    moment = at or datetime.now(UTC)
    review = Review(detection_id=detection_id, verdict=verdict, reviewer=reviewer.strip(), at=moment, note=note.strip())
    adopt_reviews(workspace)
    with opened(workspace, is_written=True) as store:
        if store is not None:
            add_reviews(store, [(area_id, review)])
    return area_id


def verdict_of(text: str) -> Verdict:
    """Return the verdict that `text` names.

    Raises:
        ConfigError: It names none.

    """
    try:
        return Verdict(text)
    except ValueError:
        raise ConfigError(f"a verdict is one of {', '.join(Verdict)}; got {text!r}") from None


def digest_lines(reviews: Sequence[Review]) -> list[str]:
    """Return what of the reviews of an area its product depends on."""
    return [f"{one.detection_id} {one.verdict} {one.reviewer} {one.at.isoformat()} {one.note}" for one in reviews]


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
