"""What people decided about detections: verdicts are only added, and what they come to is kept beside them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import shapely
from sqlalchemy import Connection, RowMapping, select

from detection.life.history import Review
from detection.schema import Event, Verdict
from outputs.review.corrections import FalseAlarm, found_row
from outputs.review.standing import standing_of
from outputs.store.database import Store
from outputs.store.rows import in_parts, in_utc, insert_rows, replace_rows
from outputs.store.tables import detections, reviews, standings

Found = tuple[str, Review]
"""An area and a verdict on a detection of it."""


def add_reviews(store: Store, found: Iterable[Found], *, origin: str = "command") -> int:
    """Add verdicts, each with its area; those that are there already are not added again. Return how many were new.

    Args:
        store: Where.
        found: The verdicts.
        origin: By what way they came: ``command``, ``sheet``, ``browser`` or ``file``.

    Raises:
        OutputError: The store does not take them; none was added.

    """
    with store.writing() as connection:
        return insert_reviews(connection, list(found), origin=origin)


def insert_reviews(
    connection: Connection, found: Sequence[Found], *, origin: str, versions: Mapping[str, int] | None = None
) -> int:
    """Add verdicts within a transaction; return how many were new.

    Args:
        connection: Of `Store.writing`.
        found: The verdicts, each with its area.
        origin: By what way they came.
        versions: On which version of the store each was given, by `review_key`; else on the newest.

    """
    given = {review_key(area_id, review): (area_id, review) for area_id, review in found}
    known = known_keys(connection, list(given))
    new = {key: one for key, one in given.items() if key not in known}
    newest = _versions(connection, [review.detection_id for _, review in new.values()])
    now = datetime.now(UTC)
    rows = [
        {
            "review_id": key,
            "area_id": area_id,
            "detection_id": review.detection_id,
            "base_version": (versions or {}).get(key, newest.get(review.detection_id)),
            "verdict": review.verdict.value,
            "event_corrected": review.event.value if review.event else None,
            "outline_corrected": review.outline_4326,
            "reviewer": review.reviewer,
            "at": review.at.astimezone(UTC),
            "note": review.note,
            "settles": review.settles,
            "origin": origin,
            "recorded_at": now,
        }
        for key, (area_id, review) in new.items()
    ]
    insert_rows(connection, reviews, rows)
    refresh_standings(connection, list(dict.fromkeys(review.detection_id for _, review in new.values())))
    return len(rows)


def known_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return which of the verdicts with these keys are in the store."""
    return {
        str(key)
        for some in in_parts(keys)
        for key in connection.execute(select(reviews.c.review_id).where(reviews.c.review_id.in_(some))).scalars()
    }


def stored_reviews(store: Store) -> dict[str, list[Review]]:
    """Return all verdicts by area, each area's oldest first.

    Raises:
        StateError: The store cannot be read.

    """
    by_area: dict[str, list[Review]] = {}
    with store.reading() as connection:
        for row in connection.execute(select(reviews).order_by(reviews.c.at, reviews.c.review_id)).mappings():
            by_area.setdefault(row["area_id"], []).append(review_of(row))
    return by_area


def reviews_of(connection: Connection, names: Sequence[str]) -> dict[str, list[Review]]:
    """Return the verdicts on each of these detections, the oldest first."""
    found: dict[str, list[Review]] = {}
    for some in in_parts(names):
        asked = select(reviews).where(reviews.c.detection_id.in_(some)).order_by(reviews.c.at, reviews.c.review_id)
        for row in connection.execute(asked).mappings():
            found.setdefault(row["detection_id"], []).append(review_of(row))
    return found


def false_alarms(store: Store) -> list[FalseAlarm]:
    """Return all places that reviewers rejected, as they were found.

    Raises:
        StateError: The store cannot be read.

    """
    joined = detections.join(standings, detections.c.detection_id == standings.c.detection_id)
    columns = [column for column in detections.c if column.name != "worth"]
    asked = (
        select(*columns, standings.c.decided_at, standings.c.words)
        .select_from(joined)
        .where(standings.c.verdict == Verdict.REJECTED.value)
        .order_by(detections.c.detection_id)
    )
    alarms = []
    with store.reading() as connection:
        for row in connection.execute(asked).mappings():
            found = found_row(dict(row))
            alarms.append(
                FalseAlarm(
                    detection_id=row["detection_id"],
                    area_id=row["area_id"],
                    event=found["event"],
                    outline_4326=found["geometry"],
                    at=in_utc(row["decided_at"]),
                    words=row["words"],
                )
            )
    return alarms


def review_of(row: RowMapping) -> Review:
    """Return the verdict that a row of the table holds."""
    return Review(
        detection_id=row["detection_id"],
        verdict=Verdict(row["verdict"]),
        reviewer=row["reviewer"],
        at=in_utc(row["at"]),
        note=row["note"],
        event=Event(row["event_corrected"]) if row["event_corrected"] else None,
        outline_4326=row["outline_corrected"],
        settles=row["settles"],
    )


def review_key(area_id: str, review: Review) -> str:
    """Return what is the same for the same verdict, wherever it comes from."""
    outline = review.outline_4326
    parts = [
        area_id,
        review.detection_id,
        review.verdict,
        review.reviewer,
        review.at.astimezone(UTC).isoformat(),
        review.note,
        *([review.event] if review.event else []),
        *([shapely.to_wkb(outline, hex=True)] if outline is not None else []),
        *(["settles"] if review.settles else []),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def refresh_standings(connection: Connection, names: Sequence[str]) -> None:
    """Write down what the verdicts on these detections come to now."""
    areas = _areas(connection, names)
    rows: list[dict[str, Any]] = []
    for name, found in reviews_of(connection, names).items():
        standing = standing_of(found)
        told = f"{standing.review.verdict} by {standing.review.reviewer}"
        rows.append(
            {
                "detection_id": name,
                "area_id": areas[name],
                "state": standing.state.value,
                "verdict": standing.review.verdict.value,
                "readers": len(standing.counted),
                "decided_at": standing.review.at.astimezone(UTC),
                "words": told + (f": {standing.review.note}" if standing.review.note else ""),
            }
        )
    replace_rows(connection, standings, rows, keys=("detection_id",))


def _areas(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in in_parts(names):
        asked = select(reviews.c.detection_id, reviews.c.area_id).where(reviews.c.detection_id.in_(some))
        found |= dict(connection.execute(asked).tuples().all())
    return found


def _versions(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in in_parts(names):
        asked = select(detections.c.detection_id, detections.c.version).where(detections.c.detection_id.in_(some))
        found |= dict(connection.execute(asked).tuples().all())
    return found
