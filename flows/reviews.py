"""What people decided about detections: a file of lines that is only ever added to.

reviews.jsonl stands in the workspace beside the watch lists. One line is one verdict; the newest on a detection counts.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from detection.life.history import Review
from detection.schema import Verdict
from flows.workspace import Workspace, writing
from geo.errors import ConfigError

_KEYS = ("area_id", "detection_id", "verdict", "reviewer", "at", "note")


def read_reviews(path: Path) -> dict[str, list[Review]]:
    """Return the reviews by area, each area's oldest first; nothing where there is no file.

    Raises:
        ConfigError: A line cannot be read. It is named: a verdict that is passed over in silence would be forgotten.

    """
    by_area: dict[str, list[Review]] = {}
    if not path.exists():
        return by_area
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            area_id, review = _parsed(line, f"{path}, line {number}")
            by_area.setdefault(area_id, []).append(review)
    return {area_id: sorted(reviews, key=lambda one: one.at) for area_id, reviews in by_area.items()}


def add_review(path: Path, area_id: str, review: Review) -> None:
    """Add one line to the file, whole or not at all.

    Raises:
        OutputError: The disk does not take it.

    """
    document = {
        "area_id": area_id,
        "detection_id": review.detection_id,
        "verdict": review.verdict.value,
        "reviewer": review.reviewer,
        "at": review.at.astimezone(UTC).isoformat(timespec="seconds"),
        "note": review.note,
    }
    line = json.dumps(document, ensure_ascii=False) + "\n"
    with writing(path):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(line.encode())  # one write: two reviewers at once do not mix their lines
            os.fsync(file.fileno())


def review_detection(  # noqa: PLR0913 - what a review is made of
    root: Path, detection_id: str, verdict: Verdict, *, reviewer: str, note: str = "", at: datetime | None = None
) -> str:
    """Take down a verdict on a detection of the current products; return its area.

    Raises:
        ConfigError: No current product has such a detection, or the reviewer is not named.
        OutputError: The disk does not take it.

    """
    workspace = Workspace.open(root)
    if not reviewer.strip():
        raise ConfigError("a verdict needs the name, or the initials, of who gives it: --reviewer")
    area_id = _area_of(workspace, detection_id)
    moment = at or datetime.now(UTC)
    review = Review(detection_id=detection_id, verdict=verdict, reviewer=reviewer.strip(), at=moment, note=note.strip())
    add_review(workspace.reviews_path, area_id, review)
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


def _area_of(workspace: Workspace, detection_id: str) -> str:
    from flows.product import find_product  # noqa: PLC0415  # reads layers: only a review needs it

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


def digest_lines(reviews: Sequence[Review]) -> list[str]:
    """Return what of the reviews of an area its product depends on."""
    return [f"{one.detection_id} {one.verdict} {one.reviewer} {one.at.isoformat()} {one.note}" for one in reviews]
