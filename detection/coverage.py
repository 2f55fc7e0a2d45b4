"""What could be seen of an area, and what could not have been found there."""

import json
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import box

from detection.chance.detectability import detectable_area_m2
from detection.changes import ChangeMap
from detection.looks.choose import Looks
from detection.params import DetectParams
from detection.schema import Outcome
from geo.grid import Grid


def coverage_row(
    area_id: str, looks: Looks, inside: NDArray[np.bool_], changes: ChangeMap | None, params: DetectParams
) -> dict[str, Any]:
    """Return the coverage row of an area that was looked at."""
    stack = looks.offered
    clear_days = list(looks.stack.days) if looks.stack else list(looks.clear_days)
    counts = looks.clear_counts[inside]
    observed = float(np.isfinite(changes.steps.score_z[inside]).mean()) if changes else 0.0
    has_noise = changes is not None and np.isfinite(changes.steps.noise.sigma)
    contrast_floor = (
        changes.steps.noise.middle + params.seed_z * changes.steps.noise.sigma if changes and has_noise else np.nan
    )
    is_enough = observed >= params.min_observed_share
    return {
        "area_id": area_id,
        "outcome": (Outcome.NOTHING_FOUND if is_enough else Outcome.NOT_OBSERVED).value,
        "period_start": stack.days[0],
        "period_end": stack.days[-1],
        "looks": len(stack.days),
        "clear_looks": len(clear_days),
        "last_clear_look": clear_days[-1] if clear_days else None,
        "observed_share": observed,
        "median_clear_looks": float(np.median(counts)) if counts.size else 0.0,
        "detectable_area_m2": detectable_area_m2(changes, inside, params) if changes and has_noise else np.nan,
        "detectable_contrast": contrast_floor,
        "not_seen": json.dumps([{"date": day.isoformat(), "reason": reason} for day, reason in looks.left_out]),
        "settings_hash": params.settings_hash,
        "geometry": box(*stack.grid.bounds_m),
    }


def no_imagery_row(
    area_id: str, grid: Grid, params: DetectParams, *, period: tuple[date | None, date | None]
) -> dict[str, Any]:
    """Return the coverage row of an area for which there was no imagery at all."""
    return {
        "area_id": area_id,
        "outcome": Outcome.NO_IMAGERY.value,
        "period_start": period[0],
        "period_end": period[1],
        "looks": 0,
        "clear_looks": 0,
        "last_clear_look": None,
        "observed_share": 0.0,
        "median_clear_looks": 0.0,
        "detectable_area_m2": np.nan,
        "detectable_contrast": np.nan,
        "not_seen": "[]",
        "settings_hash": params.settings_hash,
        "geometry": box(*grid.bounds_m),
    }
