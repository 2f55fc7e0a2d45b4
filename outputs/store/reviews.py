"""What people decided about detections: verdicts are only added, the newest on a detection counts."""

import hashlib
from collections.abc import Iterable
from datetime import UTC

from sqlalchemy import insert, select

from detection.life.history import Review
from detection.schema import Verdict
from outputs.store.database import Store
from outputs.store.runs import in_utc
from outputs.store.tables import detections, reviews


def add_reviews(store: Store, found: Iterable[tuple[str, Review]]) -> int:
    """Add verdicts, each with its area; those that are there already are not added again. Return how many were new.

    Raises:
        OutputError: The store does not take them; none was added.

    """
    rows = {_key(area_id, review): (area_id, review) for area_id, review in found}
    with store.writing() as connection:
        known = {key for (key,) in connection.execute(select(reviews.c.review_id))}
        versions = dict(connection.execute(select(detections.c.detection_id, detections.c.version)).tuples().all())
        new = [
            {
                "review_id": key,
                "area_id": area_id,
                "detection_id": review.detection_id,
                "base_version": versions.get(review.detection_id),
                "verdict": review.verdict.value,
                "reviewer": review.reviewer,
                "at": review.at.astimezone(UTC),
                "note": review.note,
            }
            for key, (area_id, review) in rows.items()
            if key not in known
        ]
        if new:
            connection.execute(insert(reviews), new)
    return len(new)


def stored_reviews(store: Store) -> dict[str, list[Review]]:
    """Return all verdicts by area, each area's oldest first.

    Raises:
        StateError: The store cannot be read.

    """
    by_area: dict[str, list[Review]] = {}
    with store.reading() as connection:
        for row in connection.execute(select(reviews).order_by(reviews.c.at, reviews.c.review_id)).mappings():
            review = Review(
                detection_id=row["detection_id"],
                verdict=Verdict(row["verdict"]),
                reviewer=row["reviewer"],
                at=in_utc(row["at"]),
                note=row["note"],
            )
            by_area.setdefault(row["area_id"], []).append(review)
    return by_area


def _key(area_id: str, review: Review) -> str:
    """Return what is the same for the same verdict, wherever it comes from."""
    parts = (
        area_id,
        review.detection_id,
        review.verdict,
        review.reviewer,
        review.at.astimezone(UTC).isoformat(),
        review.note,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
