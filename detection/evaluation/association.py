"""Which detection belongs to which true site, in space and in time, and what do they score together?

The rules are those by which the IARPA SMART programme associates proposed with annotated sites (its published
evaluation: `tau`, `rho`, temporal overlap; over- and under-segmentation): a true site is found when enough of its
outlines (`rho`) are matched by the proposal well enough (`tau`, intersection over union) and the two spans of activity
overlap enough. With `is_one_to_one` each site is matched with one at most; without, several detections may make up one
true site, and one detection may hold several.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import chain

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from shapely.geometry.base import BaseGeometry

from detection.schema import Event, Phase

_NO_ACTIVITY = "no_activity"
_EVEN_STEP_DAYS = 30
_AROUND_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationParams:
    """When a detection and a true site belong together."""

    tau: float = 0.2
    """Least intersection over union (0-1) of two outlines."""

    rho: float = 0.5
    """Least share (0-1) of a true site's outlines that reach `tau`."""

    temporal_iot: float = 0.2
    """Least intersection of the two spans over the true span."""

    temporal_iop: float = 0.1
    """Least intersection of the two spans over the detection's."""

    is_one_to_one: bool = True
    """Whether each is matched with one other at most; else several may make up one."""

    def __post_init__(self) -> None:
        for name in ("tau", "rho", "temporal_iot", "temporal_iop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, 0 to 1; got {getattr(self, name)}")


class Worth(StrEnum):
    """What finding a true site counts."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    """Change that shall not be reported: who reports it is wrong."""
    IGNORE = "ignore"
    """Counts neither way, whenever it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A true site or a detection: where, when, and in what phase."""

    site_id: str
    event: str
    outlines: tuple[tuple[date | None, BaseGeometry], ...]
    """Day and outline, in metres; one outline without a day where nothing tells how it grew."""
    started_on: date
    """First day with activity; of a detection the first look with it."""
    ended_on: date
    """Last day of activity that is known."""
    active_on: date | None = None
    completed_on: date | None = None
    started_after: date | None = None
    """Last day certainly without activity, where one is known."""
    confirmed_on: date | None = None
    worth: Worth = Worth.POSITIVE
    observed_on: tuple[date, ...] = ()
    """Days on which the phase is known; none: any day."""

    @property
    def whole(self) -> BaseGeometry:
        """All of its ground."""
        return shapely.union_all([outline for _, outline in self.outlines])

    @property
    def days(self) -> int:
        """How long it was active, both ends counted."""
        return (self.ended_on - self.started_on).days + 1

    def phase_on(self, day: date) -> str:
        """Return its phase on `day`, a word of `Phase` or ``no_activity``."""
        if day < self.started_on:
            return _NO_ACTIVITY
        if self.completed_on is not None and day >= self.completed_on:
            return Phase.COMPLETE.value
        if self.active_on is not None and day < self.active_on:
            return Phase.SITE_PREPARATION.value
        return Phase.ACTIVE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A true site and what found it."""

    truth: Site
    proposals: tuple[Site, ...]
    """More than one where several detections make it up."""
    spatial: float
    """Share (0-1) of the true outlines that are matched."""
    iou: float
    """Intersection over union of all the ground of both."""
    temporal_iot: float
    temporal_iop: float
    temporal_iou: float

    @property
    def onset_error_days(self) -> int:
        """Days by which the first look with it comes after its true beginning; negative: too early."""
        return (min(site.started_on for site in self.proposals) - self.truth.started_on).days

    @property
    def is_onset_held(self) -> bool | None:
        """Whether the true beginning lies in the interval of the detection; None where there is no interval.

        Where truth knows its beginning only as an interval, the two must meet.
        """
        first = min(self.proposals, key=lambda site: site.started_on)
        if first.started_after is None:
            return None
        true_after = self.truth.started_after or self.truth.started_on - timedelta(days=1)
        return first.started_after < self.truth.started_on and true_after < first.started_on

    @property
    def delay_days(self) -> int | None:
        """Days from the true beginning to the confirmation; None where it was never confirmed."""
        days = [site.confirmed_on for site in self.proposals if site.confirmed_on is not None]
        return (min(days) - self.truth.started_on).days if days else None

    def phases(self) -> list[tuple[str, str]]:
        """Return (true, detected) phase on each day on which truth was observed, or each month of its span."""
        first = min(self.proposals, key=lambda site: site.started_on)
        days = self.truth.observed_on or tuple(_even_days(self.truth))
        return [(self.truth.phase_on(day), first.phase_on(day)) for day in days]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What all detections and all true sites of a place score."""

    matches: tuple[Match, ...]
    missed: tuple[Site, ...]
    """True sites that should have been found."""
    false: tuple[Site, ...]
    """Detections of nothing, or of what shall not be reported."""
    ignored: tuple[Site, ...] = field(default=())
    """Detections of true sites that do not count."""

    @property
    def precision(self) -> float:
        """Share of what was reported that is true; NaN where nothing was reported."""
        return _ratio(len(self.matches), len(self.matches) + len(self.false))

    @property
    def recall(self) -> float:
        """Share of what is true that was reported; NaN where nothing is true."""
        return _ratio(len(self.matches), len(self.matches) + len(self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN where there is neither truth nor report."""
        found = len(self.matches)
        return _ratio(found, found + (len(self.false) + len(self.missed)) / 2)

    @property
    def phase_accuracy(self) -> float:
        """Share of the days on which the phase of a found site is right; NaN without any."""
        pairs = list(chain.from_iterable(match.phases() for match in self.matches))
        return _ratio(sum(true == told for true, told in pairs), len(pairs))

    def figures(self) -> dict[str, float | int | None]:
        """Return all of it as numbers, medians over the matches; None where nothing tells."""
        held = [match.is_onset_held for match in self.matches if match.is_onset_held is not None]
        delays = [match.delay_days for match in self.matches if match.delay_days is not None]
        return {
            "found": len(self.matches),
            "missed": len(self.missed),
            "false": len(self.false),
            "precision": _number(self.precision),
            "recall": _number(self.recall),
            "f1": _number(self.f1),
            "iou": _median([match.iou for match in self.matches]),
            "temporal_iou": _median([match.temporal_iou for match in self.matches]),
            "onset_error_days": _median([match.onset_error_days for match in self.matches]),
            "onset_held": _number(_ratio(sum(held), len(held))),
            "delay_days": _median(delays),
            "phase_accuracy": _number(self.phase_accuracy),
        }


def associate(proposals: Sequence[Site], truths: Sequence[Site], params: AssociationParams | None = None) -> Scores:
    """Match detections with true sites of the same kind (construction and expansion are one kind)."""
    params = params or AssociationParams()
    matches = _one_to_one(proposals, truths, params)
    if not params.is_one_to_one:
        matches += _several_make_one(proposals, truths, matches, params)
        matches += _one_holds_several(proposals, truths, matches, params)
    positive = [match for match in matches if match.truth.worth is Worth.POSITIVE]
    used = _ids(chain.from_iterable(match.proposals for match in positive))
    ignored = (
        _ids(chain.from_iterable(match.proposals for match in matches if match.truth.worth is Worth.IGNORE)) - used
    )
    found = _ids(match.truth for match in positive)
    return Scores(
        matches=tuple(positive),
        missed=tuple(site for site in truths if site.worth is Worth.POSITIVE and site.site_id not in found),
        false=tuple(site for site in proposals if site.site_id not in used | ignored),
        ignored=tuple(site for site in proposals if site.site_id in ignored),
    )


def _one_to_one(proposals: Sequence[Site], truths: Sequence[Site], params: AssociationParams) -> list[Match]:
    """Match so that as much ground as possible agrees; what does not reach the thresholds is not matched."""
    pairs: dict[tuple[int, int], Match] = {}
    gain: NDArray[np.float64] = np.zeros((len(proposals), len(truths)))
    for row, proposal in enumerate(proposals):
        for column, truth in enumerate(truths):
            match = _compared((proposal,), truth, params)
            if match is not None:
                pairs[row, column] = match
                gain[row, column] = 1 + match.iou  # more matches first, then better ones
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [pairs[pair] for pair in zip(rows.tolist(), columns.tolist(), strict=True) if pair in pairs]


def _several_make_one(
    proposals: Sequence[Site], truths: Sequence[Site], matches: Sequence[Match], params: AssociationParams
) -> list[Match]:
    """Match true sites, not found yet, with all free detections that lie mostly on them, taken together."""
    used = _ids(chain.from_iterable(match.proposals for match in matches))
    found = _ids(match.truth for match in matches)
    added = []
    for truth in (site for site in truths if site.site_id not in found):
        parts = tuple(site for site in proposals if site.site_id not in used and _lies_on(site, truth))
        match = _compared(parts, truth, params) if len(parts) > 1 else None
        if match is not None:
            added.append(match)
            used |= _ids(parts)
    return added


def _one_holds_several(
    proposals: Sequence[Site], truths: Sequence[Site], matches: Sequence[Match], params: AssociationParams
) -> list[Match]:
    """Match true sites, not found yet, with a detection that holds at least two of them: then it may be larger."""
    found = _ids(match.truth for match in matches)
    added = []
    for proposal in proposals:
        held = [site for site in truths if _same_kind(site, proposal) and _lies_on(site, proposal)]
        if len(held) > 1:
            added += [
                match
                for site in held
                if site.site_id not in found and (match := _compared((proposal,), site, params, is_held=True))
            ]
            found |= _ids(match.truth for match in added)
    return added


def _compared(
    proposals: tuple[Site, ...], truth: Site, params: AssociationParams, *, is_held: bool = False
) -> Match | None:
    """Return the match of `proposals`, taken together, with `truth`, or None where it is none.

    With `is_held` the intersection counts over the true outline alone.
    """
    if not all(_same_kind(site, truth) for site in proposals):
        return None
    ground = shapely.union_all([site.whole for site in proposals])
    if not ground.intersects(truth.whole):
        return None
    likeness = [_overlap(ground, outline, is_held=is_held) >= params.tau for _, outline in truth.outlines]
    match = _measured(proposals, truth, ground, float(np.mean(likeness)))
    is_there = match.spatial >= params.rho and match.spatial > 0
    is_then = match.temporal_iot >= params.temporal_iot and match.temporal_iop >= params.temporal_iop
    return match if is_there and (is_then or truth.worth is Worth.IGNORE) else None


def _measured(proposals: tuple[Site, ...], truth: Site, ground: BaseGeometry, spatial: float) -> Match:
    started, ended = min(site.started_on for site in proposals), max(site.ended_on for site in proposals)
    shared = max(0, (min(ended, truth.ended_on) - max(started, truth.started_on)).days + 1)
    told = (ended - started).days + 1
    return Match(
        truth=truth,
        proposals=proposals,
        spatial=spatial,
        iou=_overlap(ground, truth.whole, is_held=False),
        temporal_iot=shared / truth.days,
        temporal_iop=shared / told,
        temporal_iou=shared / (told + truth.days - shared),
    )


def _overlap(first: BaseGeometry, second: BaseGeometry, *, is_held: bool) -> float:
    shared = first.intersection(second).area
    return float(shared / (second.area if is_held else first.area + second.area - shared))


def _lies_on(inner: Site, outer: Site) -> bool:
    """Say whether most of `inner` lies on `outer`."""
    ground = inner.whole
    return bool(ground.intersection(outer.whole).area > ground.area / 2)


def _same_kind(first: Site, second: Site) -> bool:
    return _kind(first.event) == _kind(second.event)


def _kind(event: str) -> str:
    return Event.CONSTRUCTION.value if event == Event.EXPANSION.value else event


def _ids(sites: Iterable[Site]) -> set[str]:
    return {site.site_id for site in sites}


def _even_days(truth: Site) -> list[date]:
    first, last = truth.started_on - timedelta(days=_AROUND_DAYS), truth.ended_on + timedelta(days=_AROUND_DAYS)
    return [first + timedelta(days=step) for step in range(0, (last - first).days + 1, _EVEN_STEP_DAYS)]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
