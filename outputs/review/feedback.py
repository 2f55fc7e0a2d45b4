"""What do the verdicts teach: how often is what sitewatch says true?

Precision is the share of confirmed ones among what was confirmed or rejected, with its 95 % interval after Wilson
(1927). What readers were unsure of, or disagree about, is counted beside it. Each verdict speaks of the detection as
it was when it was judged.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select

from detection.schema import Verdict
from outputs.review.agreement import Agreement, agreements
from outputs.review.corrections import KEY
from outputs.review.standing import State
from outputs.store.database import Store
from outputs.store.reviews import stored_reviews
from outputs.store.tables import areas, detection_versions, detections, reviews, standings

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Edges of the bins of the stated probability; the last one holds 1."""
_Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A detection that was judged, as it was when it was judged."""

    detection_id: str
    area: str
    event: str
    """As found, not as corrected."""
    confidence: float
    verdict: Verdict
    is_conflict: bool
    is_corrected: bool
    """Whether the event was corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How often one kind of detection was true."""

    by: str
    """``all``, ``confidence``, ``event`` or ``area``."""
    value: str
    confirmed: int
    rejected: int
    unsure: int
    conflicts: int
    other_event: int
    """Of the confirmed ones, those whose event was corrected."""
    mean_confidence: float
    """Of all in this row: beside the precision it tells whether the stated probability holds."""
    precision: float | None
    """None where nothing was decided."""
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """All that the verdicts teach."""

    precisions: tuple[Precision, ...]
    agreements: tuple[Agreement, ...]
    not_reviewed: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def feedback_of(store: Store) -> Feedback:
    """Return what the verdicts in the store teach.

    Raises:
        StateError: The store cannot be read.

    """
    with store.reading() as connection:
        judged = _judged(connection)
        total = int(connection.execute(select(func.count()).select_from(detections)).scalar_one())
    given = [one for some in stored_reviews(store).values() for one in some]
    return Feedback(
        precisions=tuple(precisions_of(judged)),
        agreements=tuple(agreements(given)),
        not_reviewed=total - len(judged),
    )


def precisions_of(judged: Sequence[Judged]) -> list[Precision]:
    """Return the precision of all, and by stated probability, event and area."""
    ways: tuple[tuple[str, Callable[[Judged], str]], ...] = (
        ("all", lambda _: "all"),
        ("confidence", lambda one: bin_of(one.confidence)),
        ("event", lambda one: one.event),
        ("area", lambda one: one.area),
    )
    return [
        _precision(by, value, [one for one in judged if key(one) == value])
        for by, key in ways
        for value in sorted({key(one) for one in judged})
    ]


def bin_of(confidence: float) -> str:
    """Return the bin of a probability, such as ``0.6-0.8``; an edge belongs to the bin above it."""
    pairs = list(pairwise(BINS))
    low, high = next((pair for pair in pairs if confidence < pair[1]), pairs[-1])
    return f"{low:.1f}-{high:.1f}"


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson (1927). Of nothing nothing is known: 0 to 1."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, _Z95**2
    middle = share + square / (2 * total)
    reach = _Z95 * (share * (1 - share) / total + square / (4 * total**2)) ** 0.5
    scale = 1 + square / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def _precision(by: str, value: str, some: Sequence[Judged]) -> Precision:
    decided = [one for one in some if not one.is_conflict]
    confirmed = [one for one in decided if one.verdict is Verdict.CONFIRMED]
    rejected = sum(one.verdict is Verdict.REJECTED for one in decided)
    total = len(confirmed) + rejected
    low, high = wilson(len(confirmed), total) if total else (None, None)
    return Precision(
        by=by,
        value=value,
        confirmed=len(confirmed),
        rejected=rejected,
        unsure=len(decided) - total,
        conflicts=len(some) - len(decided),
        other_event=sum(one.is_corrected for one in confirmed),
        mean_confidence=round(sum(one.confidence for one in some) / len(some), 4),
        precision=len(confirmed) / total if total else None,
        low=low,
        high=high,
    )


def _judged(connection: Connection) -> list[Judged]:
    """Read what each standing speaks of: the version on which its newest verdict was given, as it was found."""
    given = select(reviews).order_by(reviews.c.at)
    base: dict[str, int] = {}
    corrected: dict[str, bool] = {}
    for row in connection.execute(given).mappings():
        base[row["detection_id"]] = row["base_version"] or 1
        corrected[row["detection_id"]] = bool(row["event_corrected"])
    names = dict(connection.execute(select(areas.c.area_id, areas.c.name)).tuples().all())
    old = detection_versions
    joined = standings.join(old, standings.c.detection_id == old.c.detection_id)
    asked = select(standings, old.c.version, old.c.document).select_from(joined)
    return [
        _one(row["detection_id"], row, names, is_corrected=corrected[row["detection_id"]])
        for row in connection.execute(asked.order_by(standings.c.detection_id)).mappings()
        if row["version"] == base.get(row["detection_id"])
    ]


def _one(name: str, row: Any, names: dict[str, str], *, is_corrected: bool) -> Judged:  # noqa: ANN401 - a row of two tables
    document = row["document"]
    return Judged(
        detection_id=name,
        area=names.get(row["area_id"]) or row["area_id"],
        event=str(json.loads(document["evidence"]).get(KEY, {}).get("found", {}).get("event", document["event"])),
        confidence=float(document["confidence"]),
        verdict=Verdict(row["verdict"]),
        is_conflict=row["state"] == State.CONFLICT.value,
        is_corrected=is_corrected,
    )
