"""What should be looked at next, and why?

Conflicts come first: somebody has to settle them. Then what was not yet read often enough, by its worth
(`outputs.review.worth`). A reader who has not yet judged a detection sees nobody else's verdict on it, nor what a
run made of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from detection.life.history import Review
from detection.schema import Status
from outputs.review.corrections import found_row, known_false_alarm
from outputs.review.marks import detection_mark
from outputs.review.standing import State, newest_of_each, standing_of
from outputs.review.worth import why
from outputs.store.database import Store
from outputs.store.reviews import reviews_of
from outputs.store.rows import in_parts
from outputs.store.tables import detections, reviews, standings

GONE = (Status.DROPPED.value, Status.REJECTED.value)
"""Not worth a look by themselves: later looks do not show it, or it was rejected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """One detection to be looked at."""

    row: Mapping[str, Any]
    """As published; as found, and without verdict and status of one, where the reader is to judge for himself."""
    mark: str
    """Its base version, to be handed back with the verdict."""
    worth: float
    """Points, 0 to 1."""
    why: tuple[str, ...]
    """What it has them for, the most telling first; before that why it is here again, if it is."""
    state: State | None
    """What the verdicts on it come to; None where there is none, or where the reader is not to know."""
    reviews: tuple[Review, ...]
    """The newest verdict of each reader, as far as this reader may see them."""


def review_queue(
    store: Store, *, reader: str = "", readers: int = 1, limit: int = 20, area_ids: Sequence[str] = ()
) -> list[Item]:
    """Return what is most worth looking at, the first first.

    Args:
        store: Where to ask.
        reader: Whose queue it is: what this reader has judged is left out, conflicts apart, and what others said of
            the rest is not told. Empty: that of everybody, with all that was said.
        readers: How many independent readers each detection is to have.
        limit: How many to return.
        area_ids: Only those of these areas; empty for all.

    Raises:
        StateError: The store cannot be read.

    """
    here = detections.c.area_id.in_(area_ids) if area_ids else None
    with store.reading() as connection:
        names = list(connection.execute(_conflicts(reader, here).limit(limit)).scalars())
        if len(names) < limit:
            open_ones = _open(reader, readers, here).limit(limit - len(names))
            names += connection.execute(open_ones).scalars()
        rows = _rows(connection, names)
        given = reviews_of(connection, names)
    return [_item(rows[name], given.get(name, ()), reader) for name in names]


def visible_reviews(given: Sequence[Review], reader: str) -> tuple[Review, ...]:
    """Return of the verdicts on one detection what `reader` may see: nothing of others before giving one."""
    if reader and all(one.reviewer != reader for one in given):
        return ()
    return newest_of_each(given)


def _conflicts(reader: str, here: ColumnElement[bool] | None) -> Select[tuple[str]]:
    """Ask for what readers disagree about; a reader gets those alone in which he or she has a part."""
    joined = standings.join(detections, standings.c.detection_id == detections.c.detection_id)
    asked = select(standings.c.detection_id).select_from(joined).where(standings.c.state == State.CONFLICT.value)
    if reader:
        own = select(reviews.c.detection_id).where(reviews.c.reviewer == reader)
        asked = asked.where(standings.c.detection_id.in_(own))
    if here is not None:
        asked = asked.where(here)
    return asked.order_by(detections.c.worth.desc(), detections.c.detection_id)


def _open(reader: str, readers: int, here: ColumnElement[bool] | None) -> Select[tuple[str]]:
    """Ask for what was not yet judged often enough, in the order of the index on worth."""
    judged = standings.c.readers
    enough = [judged.is_(None), and_(judged < readers, standings.c.state != State.CONFLICT.value)]
    joined = detections.outerjoin(standings, detections.c.detection_id == standings.c.detection_id)
    # A detection that its first reader rejected, and a run since, still waits for the second one.
    waits = or_(detections.c.status.not_in(GONE), judged < readers)
    asked = select(detections.c.detection_id).select_from(joined).where(or_(*enough), waits)
    if reader:
        own = select(reviews.c.review_id).where(
            reviews.c.reviewer == reader, reviews.c.detection_id == detections.c.detection_id
        )
        asked = asked.where(~own.exists())
    if here is not None:
        asked = asked.where(here)
    return asked.order_by(detections.c.worth.desc(), detections.c.detection_id.desc())


def _rows(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for some in in_parts(names):
        asked = select(detections).where(detections.c.detection_id.in_(some))
        found |= {row["detection_id"]: dict(row) for row in connection.execute(asked).mappings()}
    return found


def _item(row: dict[str, Any], given: Sequence[Review], reader: str) -> Item:
    seen = visible_reviews(given, reader)
    is_blind = bool(given) and not seen
    shown = _blinded(row) if is_blind else row
    state = None if is_blind or not given else standing_of(given).state
    reasons = ["readers disagree: to be settled"] if state is State.CONFLICT else []
    if known := known_false_alarm(row):
        reasons.append(f"lies on the known false alarm {known['detection_id']}")
    return Item(
        row=shown,
        mark=detection_mark(row),
        worth=float(row["worth"]),
        why=(*reasons, *why(shown)),
        state=state,
        reviews=seen,
    )


def _blinded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what tells of another reader's verdict."""
    return found_row(row) | {"verdict": None, "status": None, "confirmed_on": None}
