"""What do trials come to: recall by size, delay, dating, false alarms, and whether stated confidence can be trusted?"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.trials import CLAIMS, TrialResult, event_lines
from detection.evaluation.evaluate import evaluate
from detection.schema import Status

SMALL_M2, LARGE_M2 = 2_500.0, 8_000.0
_CONFIDENCE_LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0001)


def size_class(area_m2: float) -> str:
    """Return the class of sizes in which promises are made."""
    if area_m2 >= LARGE_M2:
        return ">=8000"
    return "2500-8000" if area_m2 >= SMALL_M2 else "<2500"


def summarise(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return the figures of some trials."""
    events = [line for result in results for line in event_lines(result)]
    years = sum(result.trial.years for result in results)
    false = [result.false_claims for result in results]
    confirmed = sum(int((claims["status"] == Status.CONFIRMED.value).sum()) for claims in false)
    return {
        "trials": len(results),
        "site_years": round(years, 2),
        **event_figures(events),
        **_association_figures(results),
        "false_confirmed": confirmed,
        "false_confirmed_per_site_year": confirmed / years if years else None,
        "false_candidates_per_site_year": (sum(len(claims) for claims in false) - confirmed) / years if years else None,
        "cpu_s": float(np.median([result.cpu_s for result in results])) if results else None,
    }


def event_figures(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return recall, delay and dating of true events (lines of `event_lines`), of those that could be found.

    ``noticed``: some detection covers it, of whatever kind; ``found``: of the right kind; ``confirmed``: of the right
    kind and confirmed, pairs left out, as they never are. Delays are medians in clear looks, pairs left out.
    """
    fair = [event for event in events if event["is_observable"]]
    found = [event for event in fair if event["is_found"]]
    series = [event for event in fair if not event["is_pair"]]
    widths = [(date.fromisoformat(e["onset_by"]) - date.fromisoformat(e["onset_after"])).days for e in found]
    return {
        "events": len(events),
        "observable": len(fair),
        "noticed": _share([event for event in fair if event["named_as"] is not None], fair),
        "found": _share(found, fair),
        "confirmed": _share([event for event in series if event["is_confirmed"]], series),
        "onset_held": _share([event for event in found if event["is_onset_right"]], found),
        "onset_width_days": float(np.median(widths)) if widths else None,
        "covered_share": float(np.median([event["covered_share"] for event in found])) if found else None,
        "noticed_after": _median_or_late([event["noticed_after"] for event in series]),
        "raised_after": _median_or_late([event["raised_after"] for event in series]),
        "confirmed_after": _median_or_late([event["confirmed_after"] for event in series]),
    }


def _association_figures(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return how detections, candidates included, score by the rules of `detection.evaluation.association`."""
    scores = [
        evaluate(result.findings.detections, result.trial.truth, until=result.trial.stack.days[-1])
        for result in results
    ]
    found = sum(len(score.matches) for score in scores)
    wrong = sum(len(score.false) + len(score.missed) for score in scores)
    matches = [match for score in scores for match in score.matches]
    phases = [pair for match in matches for pair in match.phases()]
    return {
        "f1": found / (found + wrong / 2) if found + wrong else None,
        "iou": float(np.median([match.iou for match in matches])) if matches else None,
        "phase_accuracy": _share([true for true, told in phases if true == told], phases),
    }


def _share(part: Sequence[object], whole: Sequence[object]) -> float | None:
    return len(part) / len(whole) if whole else None


def _median_or_late(delays: Sequence[int | None]) -> float | None:
    """Return the median delay in looks; None without any, and where half or more were never told of in time."""
    middle = float(np.median([np.inf if delay is None else delay for delay in delays])) if delays else np.inf
    return middle if np.isfinite(middle) else None


def by(results: Sequence[TrialResult], key: str) -> dict[str, list[TrialResult]]:
    """Group trials by ``background``, ``kind``, ``size`` (the size class of their one event) or ``promise``."""
    groups: dict[str, list[TrialResult]] = {}
    for result in results:
        trial = result.trial
        if key == "size":
            name = size_class(float(trial.truth["area_m2"].iloc[0])) if len(trial.truth) else "none"
        elif key == "promise":
            name = promise(result)
        else:
            name = str(getattr(trial, key)).split("-")[0]
        groups.setdefault(name, []).append(result)
    return dict(sorted(groups.items()))


def promise(result: TrialResult) -> str:
    """Say how large the one event is beside the smallest building that the run itself says it would have found."""
    least_m2 = float(result.findings.coverage["detectable_area_m2"].iloc[0])
    if not np.isfinite(least_m2):
        return "nothing promised"
    return "as large as promised" if float(result.trial.truth["area_m2"].iloc[0]) >= least_m2 else "smaller"


def reliability(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, by stated confidence, how many claims (built or torn down) were right; from `detection_lines`."""
    claims = [line for line in lines if line["event"] in CLAIMS]
    rows = []
    for low, high in pairwise(_CONFIDENCE_LEVELS):
        here = [line for line in claims if low <= line["confidence"] < high]
        if here:
            rows.append(
                {
                    "stated": f"{low:.1f}-{min(high, 1):.1f}",
                    "mean_stated": float(np.mean([line["confidence"] for line in here])),
                    "right_share": float(np.mean([line["truth"] == "right" for line in here])),
                    "detections": len(here),
                }
            )
    return rows


def calibration_error(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the mean distance of stated and true share over all claims (expected calibration error)."""
    count = sum(row["detections"] for row in rows)
    if not count:
        return None
    return float(sum(abs(row["mean_stated"] - row["right_share"]) * row["detections"] for row in rows) / count)
