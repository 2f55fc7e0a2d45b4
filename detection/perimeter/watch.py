"""The answer for one perimeter, arc by arc."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import nan

import numpy as np
from shapely.geometry import LinearRing

from detection.chance.tails import ChanceTail
from detection.perimeter.beside import change_off_m, without_strips_beside
from detection.perimeter.copies import copies_of
from detection.perimeter.dating import changed_between, pooled_series
from detection.perimeter.lines import Line, along
from detection.perimeter.result import LOSSES, Arc, ArcState, Perimeter, PerimeterParams
from detection.perimeter.scan import Scan, best_of, scan_cuts, stretch_p
from detection.perimeter.series import Series, Values, series_of
from geo.scene import Stack

_POWER_Z = 1.28
"""Standard deviations above the critical value at which nine changes in ten are found."""


def watch_perimeter(stack: Stack, ring_m: LinearRing, params: PerimeterParams, *, chosen: float = 1.0) -> Perimeter:
    """Say, arc by arc, whether the wall along `ring_m` stands, and when that changed.

    Args:
        stack: Co-registered and normalised looks, of any pixel size.
        ring_m: The perimeter, in the CRS of the stack's grid.
        params: How it is watched.
        chosen: By how much the probabilities of arcs are multiplied: above 1 where the line was chosen in these looks
            because something stands out along it.

    """
    line = along(ring_m, spacing_m=min(params.spacing_m, stack.grid.pixel_m), arc_m=params.arc_m)
    copies = copies_of(line, stack.grid, params)
    if copies is None or len(stack.days) < 2 * params.min_looks:
        few = "no room for copies of the perimeter around it" if copies is None else f"{len(stack.days)} looks only"
        return _untold(line, stack.days, few)
    series = series_of(stack, copies, params)
    if np.isfinite(series.contrast[:, 1:]).any(axis=0).sum() < params.least_null:
        return _untold(line, stack.days, "too few copies of the perimeter were seen clearly")
    return _judge(series, line, stack.days, params, chosen)


def _judge(series: Series, line: Line, days: Sequence[date], params: PerimeterParams, chosen: float) -> Perimeter:
    scan = scan_cuts(series.contrast, days, params)
    if not scan.cuts or not np.isfinite(scan.error[:, 0]).any():
        return _untold(line, days, f"fewer than {params.min_looks} looks of one season before and after")
    tails = {name: ChanceTail.of(best_of(getattr(scan, name)[:, 1:]).ravel()) for name in ("loss", "gain")}
    evidence = _Evidence(scan=scan, series=series, line=line, days=days, tails=tails, chosen=chosen)
    found = [_arc(evidence, arc, params) for arc in range(line.arcs)]
    arcs = without_strips_beside(found, pixel_m=evidence.pixel_m)
    lost = [index for index, arc in enumerate(arcs) if arc.state in LOSSES]
    return Perimeter(
        arcs=arcs,
        loss_p=stretch_p(scan.loss),
        gain_p=stretch_p(scan.gain),
        null_arcs=tails["loss"].count,
        looks=tuple(days),
        changed=evidence.changed(lost) if lost else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Evidence:
    """All that the arcs of one perimeter are judged by."""

    scan: Scan
    series: Series
    line: Line
    days: Sequence[date]
    tails: Mapping[str, ChanceTail]
    """Of ``loss`` and of ``gain``."""
    chosen: float
    """By how much probabilities are multiplied."""

    def changed(self, arcs: Sequence[int]) -> tuple[date, date] | None:
        """Return between which looks some arcs changed, taken together."""
        return changed_between(pooled_series(self.series.contrast[:, 0], arcs), self.days)

    @property
    def pixel_m(self) -> float:
        """The size of a pixel: half of it is the step by which places are told apart."""
        return 2 * float(self.series.beside_m[1] - self.series.beside_m[0])

    def off_m(self, cut: int, arc: int, params: PerimeterParams) -> float:
        """Return how far outwards of the line that stood out before lies what changed at a cut."""
        before, after = (self.series.beside[side, :, arc] for side in self.scan.compared[:, cut])
        near_m = max(params.outline_error_m, self.pixel_m / 2)
        return change_off_m(before, after, self.series.beside_m, near_m=near_m)


def _arc(evidence: _Evidence, arc: int, params: PerimeterParams) -> Arc:
    """Judge one arc of the true perimeter."""
    scan, tails = evidence.scan, evidence.tails
    course = {"loss": scan.loss[:, 0, arc], "gain": scan.gain[:, 0, arc]}
    best = {name: int(np.argmax(np.nan_to_num(values, nan=-np.inf))) for name, values in course.items()}
    p = {name: tails[name].p_value(float(values[best[name]])) for name, values in course.items()}
    kind = "gain" if p["gain"] < p["loss"] else "loss"
    at = best[kind]
    present = (_present_p(scan.before[at], arc), _present_p(scan.after[at], arc))
    change_p = float(np.minimum(1.0, 2 * evidence.chosen * p[kind]))  # the rarer of two was taken; NaN stays
    state, reason = _state(kind, change_p, present, params)
    if state in {ArcState.PRESENT, ArcState.WEAKENED} and scan.before[at, 0, arc] * scan.after[at, 0, arc] < 0:
        state, reason = ArcState.CANNOT_TELL, _TURNED
    later = evidence.days[int(np.flatnonzero(scan.compared[:, at].any(axis=0))[-1]) + 1 :]
    if state is ArcState.PRESENT and len(later) >= params.min_looks:
        state, reason = ArcState.CANNOT_TELL, f"from {later[0]} on, looks are of a season that was not seen before"
    changed = (evidence.changed([arc]) if state in LOSSES else None) or (None, None)
    critical = tails["loss"].critical(params.change_p / 2 / evidence.chosen)
    return Arc(
        line_m=evidence.line.arc_line(arc),
        state=state,
        reason=reason,
        change_p=change_p,
        present_before_p=present[0],
        present_after_p=present[1],
        contrast_before=float(scan.before[at, 0, arc]),
        contrast_after=float(scan.after[at, 0, arc]),
        changed_after=changed[0],
        changed_by=changed[1],
        smallest_m=_or_infinite((critical + _POWER_Z) * float(scan.error[at, 0, arc]) * evidence.series.width_m),
        looks_before=int(scan.looks[0, at, 0, arc]),
        looks_after=int(scan.looks[1, at, 0, arc]),
        offset_m=float(evidence.series.offset_m[0, arc]),
        changed_off_m=evidence.off_m(at, arc, params) if state in LOSSES else nan,
    )


def _or_infinite(value: float) -> float:
    return value if np.isfinite(value) else float("inf")


def _state(kind: str, change_p: float, present: tuple[float, float], params: PerimeterParams) -> tuple[ArcState, str]:
    """Name what the probabilities say; there is no state for "nothing changed"."""
    if np.isnan(change_p):
        return ArcState.CANNOT_TELL, "too few clear looks of one season before and after"
    was, is_now = (p <= params.present_p for p in present)
    has_changed = change_p <= params.change_p
    return _STATES.get(
        (kind if has_changed else "", was, is_now),
        (ArcState.CANNOT_TELL, _UNCLEAR[has_changed]),
    )


_UNCLEAR = {
    False: "a line stands out at times; the difference may be chance",
    True: "something changed here, but no line stood out clearly enough to be called a wall",
}
_NEW_LINE = (
    "a line stands out where none did before: a wall that was built, a road or strip beside it, or one that a wall "
    "had hidden, look alike"
)
_TURNED = "what stands out turned from dark to bright, or the reverse: something came or went beside something else"
_NO_LINE = "no line ever stood out here: a wall too thin, a fence and open ground look alike"
_STATES: Mapping[tuple[str, bool, bool], tuple[ArcState, str]] = {
    ("loss", True, False): (ArcState.GONE, "the line stood out before and does not any more"),
    ("loss", True, True): (ArcState.WEAKENED, "the line stands out less than before, but still does"),
    ("gain", False, True): (ArcState.CANNOT_TELL, _NEW_LINE),
    ("gain", True, True): (ArcState.PRESENT, "a line stands out before and after, more clearly after"),
    ("", True, True): (ArcState.PRESENT, "a line stands out before and after"),
    ("", False, False): (ArcState.CANNOT_TELL, _NO_LINE),
}
"""By what changed beyond chance, whether a line stood out before, and whether one does after."""


def _present_p(means: Values, arc: int) -> float:
    """Return how often an arc of a copy stands out as much as this arc of the true perimeter."""
    return ChanceTail.of(np.abs(means[1:]).ravel()).p_value(abs(float(means[0, arc])))


def _untold(line: Line, days: Sequence[date], note: str) -> Perimeter:
    """Say that nothing can be said, and why."""
    arcs = tuple(
        Arc(
            line_m=line.arc_line(arc),
            state=ArcState.CANNOT_TELL,
            reason=note,
            change_p=float("nan"),
            present_before_p=float("nan"),
            present_after_p=float("nan"),
            contrast_before=float("nan"),
            contrast_after=float("nan"),
            changed_after=None,
            changed_by=None,
            smallest_m=float("inf"),
            looks_before=0,
            looks_after=0,
            offset_m=0.0,
        )
        for arc in range(line.arcs)
    )
    return Perimeter(arcs=arcs, loss_p=float("nan"), gain_p=float("nan"), null_arcs=0, looks=tuple(days), note=note)
