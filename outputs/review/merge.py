"""Bring verdicts that were given elsewhere into the store: each is judged against the detection as it stands now.

A sheet is filled in for days while runs go on. An edit is taken where its detection is still the one that the reviewer
saw; it is refused where the detection has become another one. Nobody's verdict is overwritten: readers who disagree
are both kept. The same file merged twice adds nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, select

from detection.life.history import Review
from outputs.review.corrections import found_row
from outputs.review.marks import SheetRow, detection_mark
from outputs.review.standing import disagreement, newest_of_each
from outputs.store.database import Store
from outputs.store.reviews import insert_reviews, known_keys, review_key, reviews_of
from outputs.store.rows import in_parts
from outputs.store.tables import detection_versions, detections

JUDGED = ("event", "onset_after", "onset_by", "phase", "area_m2", "status")
"""What of a detection must still be so, beside its outline, for a verdict on it to hold."""
_SAME_SHARE = 0.95
"""An outline that shares this part of the union with the earlier one is still of the same thing: one more look moves
edges by a pixel here and there."""
_SAME_AREA = 0.05
"""So is a size that differs by no more than this part of the larger."""


class Outcome(StrEnum):
    """What became of one edit."""

    ADDED = "added"
    REVISED = "revised"
    """The reviewer had given another verdict before; that one is kept as well, the newer one counts."""
    OLDER = "older"
    """Kept, but the same reviewer has given a newer verdict, which goes on to count."""
    CONFLICT = "conflict"
    """Kept beside another reader's verdict, with which it disagrees."""
    ALREADY = "already there"
    STALE = "refused: stale"
    """The detection has changed since the reviewer saw it."""
    UNKNOWN = "refused: unknown"
    """There is no such detection, or it never was as the edit says it was."""


REFUSED = frozenset({Outcome.STALE, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What became of one row of a sheet."""

    detection_id: str
    reviewer: str
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What became of a sheet, in the order of its rows."""

    rows: tuple[Merged, ...]

    def count(self, *outcomes: Outcome) -> int:
        """Return how many rows had one of these outcomes."""
        return sum(one.outcome in outcomes for one in self.rows)

    @property
    def refused(self) -> int:
        """How many rows were not taken."""
        return self.count(*REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Known:
    """A detection in the store."""

    area_id: str
    now: Mapping[str, Any]
    version: int
    earlier: Mapping[str, tuple[int, Mapping[str, Any]]]
    """Mark to version and row, of every state that it ever had."""


def merge_rows(store: Store, rows: Sequence[SheetRow], *, origin: str = "sheet") -> MergeReport:
    """Take the edits of a sheet into the store, all of them in one transaction, and say what became of each.

    Raises:
        OutputError: The store does not take them; none was taken.

    """
    with store.writing() as connection:
        names = list(dict.fromkeys(row.detection_id for row in rows))
        known = _known(connection, names)
        there = reviews_of(connection, names)
        keys = known_keys(connection, [review_key(known[row.detection_id].area_id, _review(row)) for row in rows
                                       if row.detection_id in known])  # fmt: skip
        taken: list[tuple[str, Review]] = []
        versions: dict[str, int] = {}
        told = []
        for row in rows:
            one = known.get(row.detection_id)
            outcome, why, version = _judged(row, one, keys)
            if one is not None and version is not None:
                review = _review(row)
                outcome, why = _set_beside(review, there.get(row.detection_id, ()))
                there.setdefault(row.detection_id, []).append(review)
                key = review_key(one.area_id, review)
                keys.add(key)
                versions[key] = version
                taken.append((one.area_id, review))
            told.append(Merged(detection_id=row.detection_id, reviewer=row.reviewer, outcome=outcome, why=why))
        insert_reviews(connection, taken, origin=origin, versions=versions)
    return MergeReport(rows=tuple(told))


def changed_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what of a detection is no longer as the reviewer saw it, one part each; nothing where all is.

    What verdicts themselves brought about is no change: the status after a verdict, a corrected event or outline.

    Args:
        before: The row as the reviewer saw it, its geometry in longitude and latitude.
        now: The row as it is published now.

    """
    old, new = found_row(before), found_row(now)
    judged = JUDGED[:-1] if _is_there(new["verdict"]) or _is_there(old["verdict"]) else JUDGED
    changes = [
        f"{name} was {_text(old[name])}, is {_text(new[name])}" for name in judged if not _is_same(old[name], new[name])
    ]
    if not _is_same_outline(old["geometry"], new["geometry"]):
        changes.append("its outline has changed")
    return tuple(changes)


def _judged(row: SheetRow, known: _Known | None, keys: Iterable[str]) -> tuple[Outcome, str, int | None]:
    """Return what becomes of an edit, why, and on which version of its detection it was made if it can be taken."""
    if known is None:
        return Outcome.UNKNOWN, "the store has no such detection", None
    if review_key(known.area_id, _review(row)) in keys:
        return Outcome.ALREADY, "", None
    if row.base_version not in known.earlier:
        return Outcome.UNKNOWN, f"it never was as base version {row.base_version} says", None
    version, before = known.earlier[row.base_version]
    changes = changed_since(before, known.now)
    if changes:
        return Outcome.STALE, "; ".join(changes), None
    return Outcome.ADDED, "", version


def _set_beside(review: Review, others: Sequence[Review]) -> tuple[Outcome, str]:
    """Say how a verdict goes together with those that are there."""
    own = [one for one in others if one.reviewer == review.reviewer]
    if own and max(one.at for one in own) > review.at:
        return Outcome.OLDER, f"{review.reviewer} has given a newer verdict"
    counted = newest_of_each([*others, review])
    against = disagreement(counted)
    if against:
        names = ", ".join(sorted({one.reviewer for one in counted} - {review.reviewer}))
        return Outcome.CONFLICT, f"{against}; kept beside the verdict of {names}"
    return (Outcome.REVISED, f"was {own[-1].verdict}") if own else (Outcome.ADDED, "")


def _known(connection: Connection, names: Sequence[str]) -> dict[str, _Known]:
    earlier: dict[str, dict[str, tuple[int, Mapping[str, Any]]]] = {}
    old = detection_versions
    for some in in_parts(names):
        asked = select(old.c.detection_id, old.c.version, old.c.document, old.c.geometry)
        for name, version, document, shape in connection.execute(
            asked.where(old.c.detection_id.in_(some)).order_by(old.c.version)
        ):
            row = {**document, "geometry": shape}
            earlier.setdefault(name, {})[detection_mark(row)] = (version, row)
    known = {}
    for some in in_parts(names):
        asked_now = select(detections).where(detections.c.detection_id.in_(some))
        for now in connection.execute(asked_now).mappings():
            known[now["detection_id"]] = _Known(
                area_id=now["area_id"],
                now=dict(now),
                version=now["version"],
                earlier=earlier.get(now["detection_id"], {}),
            )
    return known


def _review(row: SheetRow) -> Review:
    return Review(
        detection_id=row.detection_id,
        verdict=row.verdict,
        reviewer=row.reviewer.strip(),
        at=row.reviewed_at,
        note=row.note.strip(),
        event=row.event_corrected,
        outline_4326=row.outline_corrected,
    )


def _is_there(value: Any) -> bool:  # noqa: ANN401 - a table's cell
    return value is not None and not pd.isna(value)


def _text(value: Any) -> str:  # noqa: ANN401 - a table's cell
    if not _is_there(value):
        return "not known"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _is_same(old: Any, new: Any) -> bool:  # noqa: ANN401 - cells of a table
    if not (_is_there(old) and _is_there(new)):
        return _is_there(old) == _is_there(new)
    if isinstance(old, float):
        return abs(old - float(new)) <= _SAME_AREA * max(abs(old), abs(float(new)))
    return str(old) == str(new)


def _is_same_outline(old: BaseGeometry, new: BaseGeometry) -> bool:
    if old.equals(new):
        return True
    return bool(old.intersection(new).area >= _SAME_SHARE * old.union(new).area)
