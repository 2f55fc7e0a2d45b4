"""Run the detector where the truth is known, as it would have been run look after look, and sum up what came of it.

One trial is one area in one period with a table of true events, which may be empty. It is looked at once with all
looks, and for each true event again after every further clear look at it, until it is confirmed: that is the delay.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.detect import Findings, find_changes
from detection.evaluation.evaluate import Agreement, match_truth
from detection.params import DetectParams
from detection.schema import Event
from geo.scene import Stack

_SITE_SEEN = 0.5
_NOTICED_SHARE = 0.2
_ENOUGH_BEFORE, _ENOUGH_AFTER = 2, 3
"""Clear looks at a site without which nobody could have found what happened there."""
CLAIMS = frozenset({Event.CONSTRUCTION.value, Event.EXPANSION.value, Event.DEMOLITION.value})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One area in one period, and what truly happened there."""

    background: str
    kind: str
    """Of the implant, of the simulated world, or ``quiet``."""
    seed: int
    stack: Stack
    inside: NDArray[np.bool_]
    truth: gpd.GeoDataFrame

    @property
    def years(self) -> float:
        """How long the area was watched."""
        return (self.stack.days[-1] - self.stack.days[0]).days / 365.25

    @property
    def is_pair(self) -> bool:
        """Whether there are only two dates: nothing can be confirmed then."""
        return len(self.stack.days) == 2  # noqa: PLR2004 - a pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long it took until one true event was told of."""

    looks_before: int
    """Clear looks at the site before it began."""
    looks_after: int
    """Clear looks at the site from its beginning on."""
    noticed_after: int | None
    """Clear looks from the beginning until any detection, of whatever kind, covered a good part of it."""
    raised_after: int | None
    """Clear looks from the beginning until it was first a candidate of the right kind; None: not in those followed."""
    confirmed_after: int | None
    """The same until it was first confirmed."""
    followed: int
    """How many looks were followed."""

    @property
    def is_observable(self) -> bool:
        """Whether there were looks enough to find it at all."""
        return self.looks_before >= _ENOUGH_BEFORE and self.looks_after >= _ENOUGH_AFTER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialResult:
    """What came of one trial."""

    trial: Trial
    findings: Findings
    agreement: Agreement
    delays: tuple[Delay, ...]
    """One for each match of `agreement`."""
    cpu_s: float
    """Of the run with all looks."""
    params: DetectParams

    @property
    def false_claims(self) -> gpd.GeoDataFrame:
        """Detections of something built or torn down that touch nothing that truly happened, of any kind."""
        claims = self.findings.detections[self.findings.detections["event"].isin(CLAIMS)]
        truth = self.trial.truth.to_crs(claims.crs).union_all() if len(self.trial.truth) else None
        return claims if truth is None else claims[~claims.intersects(truth)]


def run_trial(trial: Trial, params: DetectParams, *, follow_looks: int = 8) -> TrialResult:
    """Run the detector with all looks, then after each of the first `follow_looks` looks at each true event."""
    started = time.process_time()
    findings = find_changes(trial.stack, trial.background, trial.inside, params)
    cpu_s = time.process_time() - started
    return TrialResult(
        trial=trial,
        findings=findings,
        agreement=match_truth(findings.detections, trial.truth),
        delays=tuple(_delay(trial, row, params, follow_looks) for _, row in trial.truth.iterrows()),
        cpu_s=cpu_s,
        params=params,
    )


def run_trials(
    trials: Iterable[Trial], params: DetectParams, *, follow_looks: int = 8, rows: Path | None = None
) -> list[TrialResult]:
    """Run trials one after the other.

    Args:
        trials: What is run.
        params: How changes are found.
        follow_looks: As for `run_trial`.
        rows: A file to which, trial by trial, a line of JSON is added for each detection (``row`` is ``detection``),
            each true event (``event``) and each trial (``trial``); it is emptied first.

    """
    if rows:
        rows.write_text("", encoding="utf-8")
    results = []
    for trial in trials:
        result = run_trial(trial, params, follow_looks=follow_looks)
        results.append(result)
        if rows:
            with rows.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in all_lines(result))
    return results


def all_lines(result: TrialResult) -> list[dict[str, Any]]:
    """Return the trial, its detections and its true events as JSON-ready rows."""
    trial = result.trial
    own = {"background": trial.background, "kind": trial.kind, "seed": trial.seed, "years": trial.years}
    counts = {"dates": len(trial.stack.days), "detections": len(result.findings.detections), "cpu_s": result.cpu_s}
    return [
        {"row": "trial", **own, **counts},
        *({"row": "detection", **line} for line in detection_lines(result)),
        *({"row": "event", **line} for line in event_lines(result)),
    ]


def _delay(trial: Trial, event: pd.Series, params: DetectParams, follow_looks: int) -> Delay:
    started_on = pd.Timestamp(event["started_on"]).date()
    seen = site_looks(trial.stack, event["geometry"])
    after = [index for index in seen if trial.stack.days[index] >= started_on]
    one = trial.truth[trial.truth["name"] == event["name"]]
    reached: dict[str, int] = {}
    followed = 0
    for number, index in enumerate(after[:follow_looks], start=1):
        if index < 1:
            continue
        followed = number
        for stage in _stages_at(trial, index, one, params):
            reached.setdefault(stage, number)
        if "confirmed" in reached:
            break
    return Delay(
        looks_before=len(seen) - len(after),
        looks_after=len(after),
        noticed_after=reached.get("noticed"),
        raised_after=reached.get("raised"),
        confirmed_after=reached.get("confirmed"),
        followed=followed,
    )


def _stages_at(trial: Trial, last_index: int, truth: gpd.GeoDataFrame, params: DetectParams) -> list[str]:
    """Return what would have been known of an event after look `last_index`: noticed, raised, confirmed."""
    findings = find_changes(until(trial.stack, last_index), trial.background, trial.inside, params)
    (match,) = match_truth(findings.detections, truth).matches
    stages = {
        "noticed": named_as(findings.detections, truth.iloc[0]["geometry"], truth.crs) is not None,
        "raised": match.detection_id is not None,
        "confirmed": match.is_confirmed,
    }
    return [stage for stage, is_reached in stages.items() if is_reached]


def named_as(detections: gpd.GeoDataFrame, shape: BaseGeometry, crs: object) -> str | None:
    """Return the kind of the detection that covers most of a place, of whatever kind; None if none covers a fifth."""
    place = gpd.GeoSeries([shape], crs=crs).to_crs(detections.crs).iloc[0]
    covered = detections.geometry.intersection(place).area / place.area
    if not len(covered) or float(covered.max()) < _NOTICED_SHARE:
        return None
    return str(detections.loc[covered.idxmax(), "event"])


def until(stack: Stack, last_index: int) -> Stack:
    """Return the looks of `stack` up to and including number `last_index`."""
    return between(stack, 0, last_index + 1)


def between(stack: Stack, first: int, end: int) -> Stack:
    """Return the looks ``[first, end)`` of `stack`."""
    shifts_px = None if stack.shifts_px is None else stack.shifts_px[first:end]
    return replace(stack, dataset=stack.dataset.isel(time=slice(first, end)), shifts_px=shifts_px)


def site_looks(stack: Stack, shape_4326: BaseGeometry) -> list[int]:
    """Return the numbers of the looks at which at least half of a place was clearly seen."""
    is_site = stack.grid.is_inside(shape_4326)
    if not is_site.any():
        is_site = stack.grid.is_inside(shape_4326.buffer(1e-4))
    return np.flatnonzero(stack.is_clear[:, is_site].mean(axis=1) >= _SITE_SEEN).tolist()


# --- one line a detection: what a calibrator needs ---------------------------------------------------


def detection_lines(result: TrialResult) -> list[dict[str, Any]]:
    """Return one JSON-ready row for each detection of the run with all looks.

    ``truth``: ``right`` (a true event of its kind), ``misnamed`` (a true event of another kind) or ``false``; the
    measurements and the weighted evidence stand under their names as the detection's evidence has them.
    """
    trial = result.trial
    truth = trial.truth.to_crs(result.findings.detections.crs)
    return [
        {
            "background": trial.background,
            "kind": trial.kind,
            "seed": trial.seed,
            "dates": len(trial.stack.days),
            **_verdict(row, truth),
            **{
                name: _plain(row[name])
                for name in result.findings.detections.columns
                if name not in ("geometry", "evidence", "scene_ids")
            },
            **{f"evidence_{key}": value for key, value in _evidence(row).items()},
        }
        for _, row in result.findings.detections.iterrows()
    ]


def _verdict(row: pd.Series, truth: gpd.GeoDataFrame) -> dict[str, Any]:
    shape = row["geometry"]
    shares = truth.geometry.intersection(shape).area if len(truth) else pd.Series(dtype=float)
    if not len(shares) or float(shares.max()) <= 0:
        return {"truth": "false", "true_event": None, "true_area_m2": None, "iou": 0.0}
    true = truth.loc[shares.idxmax()]
    iou = float(shares.max() / true.geometry.union(shape).area)
    same = _family(str(row["event"])) == _family(str(true["event"]))
    return {
        "truth": "right" if same else "misnamed",
        "true_event": str(true["event"]),
        "true_area_m2": float(true["area_m2"]),
        "iou": round(iou, 4),
    }


def _family(event: str) -> str:
    return Event.CONSTRUCTION.value if event == Event.EXPANSION.value else event


def _evidence(row: pd.Series) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row["evidence"])
    return {"measured": told.get("measured", {}), "features": told.get("features", {})}


def _plain(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return None if pd.isna(value) else value.date().isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return value


def event_lines(result: TrialResult) -> list[dict[str, Any]]:
    """Return one JSON-ready row for each true event: found or not, how late, how well dated."""
    lines = []
    for (_, true), match, delay in zip(
        result.trial.truth.iterrows(), result.agreement.matches, result.delays, strict=True
    ):
        lines.append(
            {
                "background": result.trial.background,
                "kind": result.trial.kind,
                "seed": result.trial.seed,
                "event": match.event,
                "name": match.name,
                "area_m2": float(true["area_m2"]),
                "started_on": match.started_on.isoformat(),
                "is_pair": result.trial.is_pair,
                "is_observable": delay.is_observable or result.trial.is_pair,
                "named_as": named_as(result.findings.detections, true["geometry"], result.trial.truth.crs),
                "is_found": match.detection_id is not None,
                "is_confirmed": match.is_confirmed,
                "is_onset_right": match.is_onset_right,
                "onset_after": _iso(match.onset_after),
                "onset_by": _iso(match.onset_by),
                "covered_share": match.covered_share,
                "excess_share": match.excess_share,
                "noticed_after": delay.noticed_after,
                "raised_after": delay.raised_after,
                "confirmed_after": delay.confirmed_after,
                "followed": delay.followed,
                "looks_before": delay.looks_before,
                "looks_after": delay.looks_after,
            }
        )
    return lines


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of equal keys as a plain table."""
    if not rows:
        return "(nothing)"
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
