"""How often does nothing at all look like this?

Every claim that something was built or torn down is put beside places where nothing is known to have happened, and
goes through the same arithmetic there (a placebo, as in the trials of medicine):

1. Space: the surroundings that were read with the area, cut into cells of the object's size. Each gives the highest
   score that an object of this size and shape reaches anywhere in it, as the object itself is the highest of its place.
2. Time: the same map made of the looks up to a year before the series ended, or up to the look before the claim, if
   that is earlier; pretending that the series ended there, anywhere in the area and around it.

The rank of the object among these is its placebo p-value, (1 + exceeding) / (1 + placebos): with few placebos it cannot
be small, whatever the object. A real change beside the area counts as a placebo, too, which errs on the safe side.

How often evidence as strong is raised in a year on a square kilometre where nothing happens
(`false_alerts_per_site_year`) is counted in evidence, the log-odds of a claim, over real and simulated places known to
be quiet (`POOLED`). What the surroundings and the earlier years of the area itself raised is added: a restless place
needs stronger evidence.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy import ndimage
from scipy.signal import oaconvolve

from detection.changes import ChangeMap, fine_contrast, in_units_of_bands, weighed
from detection.looks.context import Noise
from detection.objects.events import BUILT_EVENTS
from detection.objects.outline import changed_pixels
from detection.objects.rows import detection_rows
from detection.params import DetectParams
from detection.schema import Status
from detection.series.steps import find_steps
from geo.scene import Stack

_CLAIMS = frozenset(event.value for event in BUILT_EVENTS)
_YEAR = timedelta(days=365)
_DAYS_A_YEAR = 365.25
_M2_PER_KM2 = 1e6
_MOSTLY = 0.8
_MOST_VALUES = 100_000_000

POOLED: Sequence[tuple[float, float]] = (
    (-4.0, 1.18),
    (-3.0, 0.99),
    (-2.0, 0.79),
    (-1.0, 0.59),
    (0.0, 0.26),
    (0.5, 0.08),
    (2.0, 0.08),
    (2.5, 0.03),
)
"""Log-odds of a claim, and how often a quiet square kilometre raised one at least as strong in a year.

`python -m benchmarks.calibration` prints it from the rows of `benchmarks.silent`: the higher of the rates on real and
on simulated quiet places, but not less than that of both together with half an alert added (Jeffreys): never 0.
"""
POOLED_KM2_YEARS = 5.0
"""As how much watching of the site itself the pooled rate counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the site itself raised where nothing is known to have happened."""

    log_odds: tuple[float, ...]
    """Of each claim."""
    km2_years: float
    """Ground times time in which that was."""


NOTHING = Exposure(log_odds=(), km2_years=0.0)


def weigh_against_placebos(
    rows: Sequence[dict[str, Any]],
    changes: ChangeMap,
    inside: NDArray[np.bool_],
    params: DetectParams,
    radar: Stack | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of the detections table with their rate of false alerts; a claim with too high a rate stays open.

    A claim gets ``placebo`` in its evidence: ``p``, on how many placebos in space and in time it rests, and on what
    its rate does. Rows that claim nothing built or torn down are returned as they are.

    Args:
        rows: Of one area, from `detection.objects.rows.detection_rows`.
        changes: The maps they came from.
        inside: Shape (y, x): the pixels of the area.
        params: How changes were found.
        radar: What the rows were found with: the surroundings are asked the same.

    """
    claims = [row for row in rows if row["event"] in _CLAIMS]
    if not claims:
        return list(rows)
    earlier = earlier_map(changes, claims, params)
    exposure = site_exposure(changes, earlier, claims, inside, params, radar)
    is_claimed = _covered(claims, changes) & inside
    judged = []
    for row in rows:
        if row["event"] not in _CLAIMS:
            judged.append(row)
            continue
        scores = _space_and_time(row, changes, earlier, is_claimed)
        judged.append(_judged(row, scores, exposure, needed=needed_rate(row, claims, params)))
    return judged


def false_alert_rate(log_odds: float, exposure: Exposure = NOTHING) -> float:
    """Return how often a quiet site of a square kilometre raises a claim at least this strong, in a year.

    The mean of a gamma distribution: the pooled rate counts as `POOLED_KM2_YEARS` of watching, to which what the site
    itself raised, and how long it was watched, are added.
    """
    levels, rates = (np.array(column) for column in zip(*POOLED, strict=True))
    pooled = exp(float(np.interp(log_odds, levels, np.log(rates))))
    raised = sum(other >= log_odds for other in exposure.log_odds)
    return (pooled * POOLED_KM2_YEARS + raised) / (POOLED_KM2_YEARS + exposure.km2_years)


def needed_rate(row: Mapping[str, Any], others: Sequence[Mapping[str, Any]], params: DetectParams) -> float:
    """Return the rate of false alerts a site and year at which the claim `row` may still be confirmed.

    What is small, or lies apart from all other claims without being large, needs stronger evidence.
    """
    placebo = params.placebo
    is_small = row["area_m2"] < placebo.small_m2
    is_apart = all(
        row["geometry"].distance(other["geometry"]) > placebo.apart_m for other in others if other is not row
    )
    is_doubtful = is_small or (is_apart and row["area_m2"] < placebo.large_m2)
    return placebo.max_false_alerts / (placebo.doubt_factor if is_doubtful else 1.0)


def p_value(score: float, placebos: NDArray[np.float64]) -> float | None:
    """Return the share of placebos that reach `score`, itself counted among them; None without any."""
    return (1 + int((placebos >= score).sum())) / (1 + placebos.size) if placebos.size else None


def earlier_map(changes: ChangeMap, claims: Sequence[Mapping[str, Any]], params: DetectParams) -> ChangeMap | None:
    """Return the map of the looks that end a year before the series does, and before all of the claims.

    None where these are too few to tell a lasting step from an odd look, or where the area is larger than any site.
    """
    days = changes.stack.days
    end = min(days[-1] - _YEAR, *(row["onset_after"] for row in claims))
    looks = sum(day <= end for day in days)
    if looks < params.placebo.least_looks or changes.values.size > _MOST_VALUES:
        return None
    stack = replace(changes.stack, dataset=changes.stack.dataset.isel(time=slice(looks)), shifts_px=None)
    coarse = replace(params.steps, max_cuts=params.placebo.earlier_cuts)
    values = changes.values[:looks]
    trusted = weighed(values, changes.trust)
    steps = find_steps(trusted, stack.days, patch_px=params.patch_px(stack.grid), params=coarse)
    steps = in_units_of_bands(steps, changes.trust)
    fine = fine_contrast(steps, changes.trust)
    fine_z = Noise.of(fine, sigma_floor=params.steps.sigma_floor).z(fine)
    is_changed = changed_pixels(steps.score_z, fine_z, seed_z=params.seed_z, grow_z=params.grow_z)
    return ChangeMap(stack=stack, values=values, trust=changes.trust, steps=steps, is_changed=is_changed)


def site_exposure(  # noqa: PLR0913, PLR0917 - two maps, what is claimed where, and how it was found
    changes: ChangeMap,
    earlier: ChangeMap | None,
    claims: Sequence[Mapping[str, Any]],
    inside: NDArray[np.bool_],
    params: DetectParams,
    radar: Stack | None = None,
) -> Exposure:
    """Return what the surroundings, and the site before its claims, raised: all of it counts as false."""
    grid = changes.stack.grid
    is_around = ~inside & np.isfinite(changes.steps.score_z)
    raised = [
        row
        for row in detection_rows("around", changes, is_around, params, radar)
        if row["event"] in _CLAIMS and not any(row["geometry"].intersects(claim["geometry"]) for claim in claims)
    ]
    km2_years = float(is_around.sum()) * grid.pixel_area_m2 / _M2_PER_KM2 * _years(changes)
    if earlier is not None:
        is_seen = np.isfinite(earlier.steps.score_z)
        raised += [row for row in detection_rows("earlier", earlier, is_seen, params) if row["event"] in _CLAIMS]
        km2_years += float((is_seen & inside).sum()) * grid.pixel_area_m2 / _M2_PER_KM2 * _years(earlier)
    return Exposure(log_odds=tuple(_log_odds(row) for row in raised), km2_years=km2_years)


def cell_scores(
    score_z: NDArray[np.float32], shape: NDArray[np.bool_], is_placebo: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the highest mean score that an object reaches in each cell of its own size.

    Args:
        score_z: Shape (y, x), NaN where not seen.
        shape: The object's pixels in its bounding box.
        is_placebo: Shape (y, x): where it may be put. Cells of which less than four fifths are such give none.

    """
    allowed = is_placebo & np.isfinite(score_z)
    scores = np.where(allowed, _mean_under(score_z, shape, allowed), -np.inf)
    rows, columns = (size // side for size, side in zip(score_z.shape, shape.shape, strict=True))
    cut = np.s_[: rows * shape.shape[0], : columns * shape.shape[1]]
    cells = (rows, shape.shape[0], columns, shape.shape[1])
    if not rows * columns:
        return np.zeros(0)
    is_whole = allowed[cut].reshape(cells).mean(axis=(1, 3)) >= _MOSTLY
    best = scores[cut].reshape(cells).max(axis=(1, 3))
    return np.asarray(best[is_whole & np.isfinite(best)], dtype=np.float64)


def _mean_under(
    score_z: NDArray[np.float32], shape: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean of the allowed scores under `shape` centred on each pixel; -inf where too few are allowed."""
    kernel = shape[::-1, ::-1].astype(np.float64)
    total = oaconvolve(np.where(allowed, score_z, 0).astype(np.float64), kernel, mode="same")
    count = oaconvolve(allowed.astype(np.float64), kernel, mode="same")
    return np.where(count >= _MOSTLY * shape.sum(), total / np.maximum(count, 1), -np.inf)


def _space_and_time(
    row: Mapping[str, Any], changes: ChangeMap, earlier: ChangeMap | None, is_claimed: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the score of the object, and of its placebos in space and in time."""
    is_object = _covered([row], changes)
    window = ndimage.find_objects(is_object.astype(np.int8))[0]
    shape = is_object[window]
    score_z = changes.steps.score_z
    own = score_z[window][shape & np.isfinite(score_z[window])]
    space = cell_scores(score_z, shape, ~is_claimed & ~is_object)
    time = np.zeros(0) if earlier is None else cell_scores(earlier.steps.score_z, shape, np.ones_like(is_object))
    return (float(own.mean()) if own.size else 0.0, space, time)


def _judged(
    row: dict[str, Any],
    scores: tuple[float, NDArray[np.float64], NDArray[np.float64]],
    exposure: Exposure,
    *,
    needed: float,
) -> dict[str, Any]:
    score, space, time = scores
    rate = false_alert_rate(_log_odds(row), exposure)
    p = p_value(score, np.concatenate([space, time]))
    told = {
        "p": None if p is None else round(p, 4),
        "placebos_in_space": int(space.size),
        "placebos_in_time": int(time.size),
        "false_alerts_per_site_year": round(rate, 4),
        "needed": round(needed, 4),
        "rests_on": "other quiet places" if not exposure.km2_years else "other quiet places and this one",
        "own_km2_years": round(exposure.km2_years, 3),
        "own_alerts": sum(other >= _log_odds(row) for other in exposure.log_odds),
    }
    evidence = json.dumps({**json.loads(row["evidence"]), "placebo": told})
    is_held_back = row["status"] == Status.CONFIRMED.value and rate > needed
    held_back = {"status": Status.CANDIDATE.value, "confirmed_on": None} if is_held_back else {}
    return {**row, **held_back, "evidence": evidence, "false_alerts_per_site_year": rate}


def _covered(rows: Sequence[Mapping[str, Any]], changes: ChangeMap) -> NDArray[np.bool_]:
    grid = changes.stack.grid
    shapes = [row["geometry"] for row in rows]
    return np.asarray(geometry_mask(shapes, grid.shape, grid.transform, invert=True), dtype=bool)


def _log_odds(row: Mapping[str, Any]) -> float:
    """Return the sum of the terms of a row's confidence."""
    terms = json.loads(row["evidence"])["features"].values()
    return float(sum(term["contribution"] for term in terms))


def _years(changes: ChangeMap) -> float:
    return (changes.stack.days[-1] - changes.stack.days[0]).days / _DAYS_A_YEAR
