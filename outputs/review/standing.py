"""What do several people's verdicts on one detection come to?

Each reader's newest verdict counts. Where one confirms and another rejects, or two name different events, nobody is
overruled: both are kept, the detection stands as a conflict, and no verdict is applied until somebody settles it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from detection.life.history import Review
from detection.schema import Verdict

_SAME_OUTLINE_SHARE = 0.5
"""Two drawn outlines that share less than this part of their union are of different things."""


class State(StrEnum):
    """How far the readers of a detection have come."""

    SINGLE = "single"
    """One reader."""
    AGREED = "agreed"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What the verdicts on one detection come to."""

    state: State
    review: Review
    """What is to be applied; unsure, with both sides named, in a conflict."""
    counted: tuple[Review, ...]
    """The newest verdict of each reader, the oldest first."""


def newest_of_each(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """Return the newest verdict of each reader from the newest settling one on, the oldest first."""
    ordered = sorted(reviews, key=lambda one: one.at)
    settled = max((number for number, one in enumerate(ordered) if one.settles), default=0)
    newest: dict[str, Review] = {}
    for one in ordered[settled:]:
        newest.pop(one.reviewer, None)
        newest[one.reviewer] = one
    return tuple(newest.values())


def standing_of(reviews: Sequence[Review]) -> Standing:
    """Return what the verdicts on one detection come to.

    Args:
        reviews: All of them, at least one, in any order.

    """
    counted = newest_of_each(reviews)
    against = disagreement(counted)
    if against:
        told = "; ".join(_told(one) for one in counted)
        unsure = Verdict.UNSURE
        review = replace(
            counted[-1], verdict=unsure, reviewer="several", note=f"{against}: {told}", event=None, outline_4326=None
        )
        return Standing(state=State.CONFLICT, review=review, counted=counted)
    decided = [one for one in counted if one.verdict is not Verdict.UNSURE] or list(counted)
    state = State.SINGLE if len(counted) == 1 else State.AGREED
    return Standing(state=state, review=_with_corrections(decided), counted=counted)


def standings_of(reviews: Iterable[Review]) -> dict[str, Standing]:
    """Return by detection what the verdicts of an area come to."""
    grouped: dict[str, list[Review]] = {}
    for one in reviews:
        grouped.setdefault(one.detection_id, []).append(one)
    return {name: standing_of(some) for name, some in grouped.items()}


def disagreement(counted: Sequence[Review]) -> str:
    """Say in what readers disagree; empty where they do not."""
    confirming = [one for one in counted if one.verdict is Verdict.CONFIRMED]
    if confirming and any(one.verdict is Verdict.REJECTED for one in counted):
        return "readers disagree whether it is true"
    if len({one.event for one in confirming}) > 1:
        return "readers disagree about the event"
    outlines = [one.outline_4326 for one in confirming if one.outline_4326 is not None]
    for number, first in enumerate(outlines):
        for second in outlines[number + 1 :]:
            if first.intersection(second).area < _SAME_OUTLINE_SHARE * first.union(second).area:
                return "readers disagree about the outline"
    return ""


def _with_corrections(decided: Sequence[Review]) -> Review:
    """Return the newest verdict, with the newest outline that one who agrees has drawn."""
    newest = decided[-1]
    outlines = [one.outline_4326 for one in decided if one.verdict is newest.verdict and one.outline_4326 is not None]
    return replace(newest, outline_4326=outlines[-1]) if outlines else newest


def _told(review: Review) -> str:
    event = f" as {review.event}" if review.event else ""
    return f"{review.verdict}{event} by {review.reviewer}" + (f" ({review.note})" if review.note else "")
