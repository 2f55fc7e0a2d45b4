"""What the pages ask of the store and of the newest run's folder, and what they write into it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry
from sqlalchemy import func, select

from detection.life.history import Review
from detection.schema import Event, Verdict
from outputs.review.corrections import found_row
from outputs.review.marks import SheetRow, detection_mark
from outputs.review.merge import REFUSED, Merged, merge_rows
from outputs.review.queue import Item, review_queue, visible_reviews
from outputs.store import tables
from outputs.store.database import Store
from outputs.store.reviews import reviews_of, stored_reviews

ORIGIN = "browser"
"""By what way these verdicts came, as the store keeps it."""
MOST_ITEMS = 200
"""How many detections the queue, and the list of what was decided, show."""
TAKEN_BACK = "taken back"
"""The note of a verdict that stands for one given by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A detection as one reader may see it."""

    row: Mapping[str, Any]
    """As the store's `detections` has it; where the reader is blind, without what others corrected."""
    mark: str
    """Names this state of it (`outputs.review.marks`)."""
    own: Review | None
    """The reader's own newest verdict."""
    others: tuple[Review, ...]
    """The newest verdict of each other reader; none before the reader has decided."""
    is_blind: bool
    """Others have decided, this reader has not: nothing of it may be told."""
    coverage: Mapping[str, Any] | None
    moves: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How far a reader has come."""

    all: int
    decided: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """What a reader says of a detection."""

    detection_id: str
    base_version: str
    verdict: Verdict
    note: str
    event: Event | None
    outline_4326: BaseGeometry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The store and the newest run, as reviewers use them."""

    store: Store
    readers: int
    """How many independent readers each detection is to have."""
    run_dir: Callable[[], Path]
    """Where the newest run is; asked again each time, for the next run comes while people read."""

    def find(self, detection_id: str, reader: str) -> Found | None:
        """Return a detection; None where there is none of this id.

        Raises:
            StateError: The store cannot be read.

        """
        detections, moves = tables.detections, tables.moves
        with self.store.reading() as connection:
            there = connection.execute(select(detections).filter_by(detection_id=detection_id)).mappings().first()
            if there is None:
                return None
            row: dict[str, Any] = dict(there)
            given = reviews_of(connection, [detection_id]).get(detection_id, [])
            coverage = (
                connection.execute(
                    select(tables.coverage).filter_by(area_id=row["area_id"], run_id=_last_run(row["area_id"]))
                )
                .mappings()
                .first()
            )
            asked = select(moves).filter_by(detection_id=detection_id).order_by(moves.c.number)
            history = connection.execute(asked).mappings().all()
        visible = visible_reviews(given, reader)
        is_blind = bool(given) and not visible
        return Found(
            row=found_row(row) if is_blind else row,
            mark=detection_mark(row),
            own=next((one for one in visible if one.reviewer == reader), None),
            others=tuple(one for one in visible if one.reviewer != reader),
            is_blind=is_blind,
            coverage=None if coverage is None else dict(coverage),
            moves=() if is_blind else [dict(move) for move in history],
        )

    def queue(self, reader: str) -> list[Item]:
        """Return the detections that wait for this reader, the one most worth a look first.

        Raises:
            StateError: The store cannot be read.

        """
        return review_queue(self.store, reader=reader, readers=self.readers, limit=MOST_ITEMS)

    def decided(self, reader: str) -> list[Review]:
        """Return this reader's own newest verdicts, one a detection, the newest first.

        Raises:
            StateError: The store cannot be read.

        """
        given = tables.reviews
        newest = func.max(given.c.at)
        asked = select(given.c.detection_id).where(given.c.reviewer == reader).group_by(given.c.detection_id)
        with self.store.reading() as connection:
            names = list(connection.execute(asked.order_by(newest.desc()).limit(MOST_ITEMS)).scalars())
            found = reviews_of(connection, names)
        return [[one for one in found[name] if one.reviewer == reader][-1] for name in names]

    def names(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what areas and facilities are called, by id.

        Raises:
            StateError: The store cannot be read.

        """
        areas, facilities = tables.areas, tables.facilities
        with self.store.reading() as connection:
            of_areas = connection.execute(select(areas.c.area_id, areas.c.name)).tuples().all()
            of_facilities = connection.execute(select(facilities.c.facility_id, facilities.c.name)).tuples().all()
        return dict(of_areas), {key: name or key for key, name in of_facilities}

    def decide(self, decision: Decision, reader: str, at: datetime | None = None) -> Merged:
        """Store a verdict at once, and say what became of it; it is refused where the detection has changed since.

        Raises:
            ValueError: Something of it cannot be, such as the outline.
            OutputError: The store does not take it.

        """
        row = SheetRow(
            detection_id=decision.detection_id,
            base_version=decision.base_version,
            verdict=decision.verdict,
            reviewer=reader,
            reviewed_at=at or datetime.now(UTC),
            event_corrected=decision.event,
            outline_corrected=decision.outline_4326,
            note=decision.note,
        )
        return merge_rows(self.store, [row], origin=ORIGIN).rows[0]

    def take_back(self, detection_id: str, reader: str) -> bool:
        """Put what a reader said before in the place of the newest verdict; False where there is nothing to take back.

        Verdicts are only ever added: the reader's verdict before this one is given again, and where there was none,
        the reader is unsure.

        Raises:
            StateError, OutputError: The store cannot be read, or does not take it.

        """
        found = self.find(detection_id, reader)
        if found is None or found.own is None:
            return False
        with self.store.reading() as connection:
            given = [one for one in reviews_of(connection, [detection_id])[detection_id] if one.reviewer == reader]
        before = given[-2] if len(given) > 1 else replace(given[-1], verdict=Verdict.UNSURE, note=TAKEN_BACK)
        decision = Decision(
            detection_id=detection_id,
            base_version=found.mark,
            verdict=before.verdict,
            note=before.note,
            event=before.event if len(given) > 1 else None,
            outline_4326=before.outline_4326 if len(given) > 1 else None,
        )
        return self.decide(decision, reader).outcome not in REFUSED

    def count(self, reader: str) -> Count:
        """Return how many detections there are, and on how many the reader has decided.

        Raises:
            StateError: The store cannot be read.

        """
        given = tables.reviews.c
        own = select(func.count(given.detection_id.distinct())).where(given.reviewer == reader)
        with self.store.reading() as connection:
            return Count(
                all=connection.execute(select(func.count()).select_from(tables.detections)).scalar_one(),
                decided=connection.execute(own).scalar_one(),
            )

    def all_reviews(self) -> list[Review]:
        """Return every verdict ever given.

        Raises:
            StateError: The store cannot be read.

        """
        return [review for found in stored_reviews(self.store).values() for review in found]


def _last_run(area_id: str) -> Any:  # noqa: ANN401  # a part of a statement
    coverage, runs = tables.coverage, tables.runs
    joined = coverage.join(runs, coverage.c.run_id == runs.c.run_id)
    asked = select(coverage.c.run_id).select_from(joined).where(coverage.c.area_id == area_id)
    return asked.order_by(runs.c.started_at.desc()).limit(1).scalar_subquery()
