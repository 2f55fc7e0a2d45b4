"""The door to detection: a stack goes in, detections and coverage come out."""

import json
import logging
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import box

from detection.context import Noise, mean_of_seen
from detection.events import EventParams, confidence, evidence_json, name_event, weigh
from detection.features import Features, Layers, layers, measure
from detection.lifecycle import LifecycleParams, Standing, distinct_ids, first_id, stage
from detection.looks import JudgedLook, LookParams, Looks, choose_looks
from detection.normalise import normalise, reference_image
from detection.onset import Growth, OnsetParams, follow
from detection.outline import Patch, changed_pixels, group_patches
from detection.schema import SCHEMA_VERSION, Outcome, Relation, coverage_frame, detections_frame
from detection.steps import StepParams, Steps, find_steps
from geo.coregister import CoregisterParams, coregister
from geo.grid import Grid
from geo.scene import Stack

logger = logging.getLogger(__name__)

DETECTION_BANDS = ("B02", "B03", "B04", "B08")
"""What changes are found in, where it is offered: the bands with 10 m pixels. The short-wave infrared bands, at 20 m,
blur what is small: on labelled pairs they cost more than they bring (`python -m benchmarks.oscd`)."""

_FINE_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectParams:
    """How changes are found. One setting serves all places: the scene's own noise sets the thresholds."""

    context_m: float = 1210.0
    """Side of the surroundings that tell what unchanged ground became, in metres."""

    patch_m: float = 70.0
    """Side of the window over which the contrast is averaged, in metres."""

    seed_z: float = 5.0
    """A change needs a pixel whose contrast is this many robust sigma above unchanged ground."""

    grow_z: float = 3.0
    """From there it reaches as far as the contrast stays above this."""

    gap_m: float = 60.0
    """Changes closer together than this are one site."""

    min_area_m2: float = 1500.0
    """Smaller changes are not reported."""

    min_observed_share: float = 0.5
    """With less of the area (0-1) seen both before and after, "nothing found" is not said."""

    looks: LookParams = field(default_factory=LookParams)
    coregister: CoregisterParams = field(default_factory=CoregisterParams)
    steps: StepParams = field(default_factory=StepParams)
    onset: OnsetParams = field(default_factory=OnsetParams)
    events: EventParams = field(default_factory=EventParams)
    lifecycle: LifecycleParams = field(default_factory=LifecycleParams)

    def __post_init__(self) -> None:
        if not 0 < self.grow_z <= self.seed_z:
            raise ValueError(f"grow_z must lie above 0 and not above seed_z; got {self.grow_z} and {self.seed_z}")
        if self.patch_m >= self.context_m:
            raise ValueError(f"patch_m must be smaller than context_m; got {self.patch_m} and {self.context_m}")

    @property
    def settings_hash(self) -> str:
        """Twelve hex digits that change with any setting and with the meaning of the tables."""
        text = json.dumps([SCHEMA_VERSION, asdict(self)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:12]

    def context_px(self, grid: Grid) -> int:
        """Return the side of the surroundings as a whole, odd number of pixels of `grid`."""
        return _odd(self.context_m / grid.pixel_m)

    def patch_px(self, grid: Grid) -> int:
        """Return the side of the patch as a whole, odd number of pixels of `grid`."""
        return _odd(self.patch_m / grid.pixel_m)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What came of looking at one area."""

    detections: gpd.GeoDataFrame
    """Checked by `detection.schema.check_detections`, in the CRS of the grid; no rows where nothing was found."""
    coverage: gpd.GeoDataFrame
    """One row, whose geometry is the whole grid: who knows the area's own outline puts it in its place."""
    registered: Stack | None = None
    """The looks that counted, co-registered: what pictures are made from. None where nothing could be compared."""
    looks: tuple[JudgedLook, ...] = ()
    """What was decided about each look, ascending in time."""

    @property
    def outcome(self) -> Outcome:
        """What the coverage row says."""
        return Outcome(self.coverage["outcome"].iloc[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeMap:
    """Changes pixel by pixel: what detections are made from and what a pixel-wise benchmark scores."""

    stack: Stack
    """Co-registered."""
    steps: Steps
    is_changed: NDArray[np.bool_]
    """Shape (y, x); at the detector's own operating point."""


def map_changes(stack: Stack, params: DetectParams) -> ChangeMap:
    """Find which pixels changed for good.

    Args:
        stack: Two dates at least.
        params: How changes are found.

    """
    grid = stack.grid
    registered = coregister(stack, params.coregister)
    values = registered.values
    values = normalise(values, reference_image(values), context_px=params.context_px(grid))
    steps = find_steps(values, stack.days, patch_px=params.patch_px(grid), params=params.steps)
    fine = mean_of_seen(np.abs(steps.after - steps.before).mean(axis=0), _FINE_PX)
    fine_z = Noise.of(fine, sigma_floor=params.steps.sigma_floor).z(fine)
    is_changed = changed_pixels(steps.score_z, fine_z, seed_z=params.seed_z, grow_z=params.grow_z)
    return ChangeMap(stack=registered, steps=steps, is_changed=is_changed)


def find_changes(stack: Stack, area_id: str, inside: NDArray[np.bool_], params: DetectParams) -> Findings:
    """Find what changed for good in one area, and say what could not have been seen.

    Args:
        stack: All looks at the area and its surroundings; any number, also none that is clear.
        area_id: Names the area in the tables.
        inside: Shape (y, x): the pixels of the area itself. What changed outside is context only.
        params: How changes are found.

    Returns:
        Detections (without facilities: `outputs.risk.join` adds them) and the coverage row.

    """
    looks = choose_looks(stack, inside, params.looks)
    if looks.stack is None:
        logger.info("%s: %d looks, too few clear ones to compare", area_id, len(stack.days))
        row = _coverage_row(area_id, looks, inside, None, params)
        return Findings(
            detections=detections_frame([], epsg=stack.grid.epsg),
            coverage=coverage_frame([row], epsg=stack.grid.epsg),
            looks=looks.judged,
        )
    changes = map_changes(looks.stack, params)
    rows = _detection_rows(area_id, changes, inside, params)
    row = _coverage_row(area_id, looks, inside, changes, params)
    row["outcome"] = Outcome.FOUND.value if rows else row["outcome"]
    logger.info("%s: %d looks, %d clear, %d detections", area_id, len(stack.days), len(looks.stack.days), len(rows))
    return Findings(
        detections=detections_frame(rows, epsg=stack.grid.epsg),
        coverage=coverage_frame([row], epsg=stack.grid.epsg),
        registered=changes.stack,
        looks=looks.judged,
    )


def _detection_rows(
    area_id: str, changes: ChangeMap, inside: NDArray[np.bool_], params: DetectParams
) -> list[dict[str, Any]]:
    steps, grid = changes.steps, changes.stack.grid
    patches = group_patches(changes.is_changed, steps.score_z, grid, gap_m=params.gap_m, min_area_m2=params.min_area_m2)
    is_calm = ~changes.is_changed & (np.nan_to_num(steps.score_z, nan=np.inf) < params.grow_z)
    maps = layers(steps, changes.stack.bands, is_calm)
    rows = [
        _detection_row(area_id, patch, changes, maps, params) for patch in patches if (patch.is_member & inside).any()
    ]
    kept = [row for row in rows if row is not None]
    ids = distinct_ids([row["detection_id"] for row in kept])  # small sites side by side may round to one place
    return [{**row, "detection_id": name} for row, name in zip(kept, ids, strict=True)]


def _detection_row(
    area_id: str, patch: Patch, changes: ChangeMap, maps: Layers, params: DetectParams
) -> dict[str, Any] | None:
    """Make the row of one object; None where no look shows the ground before it."""
    growth = _growth(patch, changes, maps, params)
    days = [changes.stack.days[index] for index in growth.seen]
    if not growth.is_bounded:
        return None
    features = measure(patch, changes.steps, maps, growth)
    event = name_event(features, params.events)
    terms = weigh(features, event)
    standing = Standing(
        event=event,
        confidence=confidence(terms),
        persistence=features.persistence,
        season_persistence=features.season_persistence,
        backed_share=features.backed_share,
        looks=days[growth.onset :],
    )
    status, confirmed_on = stage(standing, params.lifecycle)
    areas = [share * patch.area_m2 for share in growth.changed_share]
    return {
        "detection_id": first_id(area_id, event, days[growth.onset], patch.outline.representative_point()),
        "area_id": area_id,
        "facility_id": None,
        "facility_relation": Relation.NONE.value,
        "facility_distance_m": np.nan,
        "event": event.value,
        "status": status.value,
        "confidence": round(standing.confidence, 4),
        "onset_after": days[growth.looks_before - 1],
        "onset_by": days[growth.onset],
        "confirmed_on": confirmed_on,
        "last_seen_on": days[-1],
        "looks_before": growth.looks_before,
        "looks_after": growth.looks_after,
        "area_m2": patch.area_m2,
        "evidence": evidence_json(features, terms, list(zip(days, areas, strict=True)), note=_note(features)),
        "sensors": ", ".join(sorted({str(name) for name in changes.stack.dataset["platform"].to_numpy()})),
        "scene_ids": json.dumps([changes.stack.scene_ids[index] for index in growth.seen]),
        "settings_hash": params.settings_hash,
        "geometry": patch.outline,
    }


def _growth(patch: Patch, changes: ChangeMap, maps: Layers, params: DetectParams) -> Growth:
    """Follow the object from the first clear step of its pixels on.

    On ground that was built before, shadows move with the sun all year: there only the clearest step counts.
    """
    was_built = float(np.nanmean(maps.structure_before[patch.is_changed])) >= params.events.built_structure
    begun = changes.steps.onset if was_built else changes.steps.first_step
    rows, columns = np.nonzero(patch.is_changed)
    crop = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return follow(
        np.where(patch.is_changed[crop], begun[crop], -1),
        changes.stack.is_clear[:, *crop],
        area_m2=patch.area_m2,
        params=params.onset,
    )


def _note(features: Features) -> str:
    if features.looks_before == 1:
        return "One clear look before the change: what that look shows by chance cannot be told from the change."
    if features.looks_after == 1:
        return "One clear look with the change: it may not last."
    return f"{features.looks_before} clear looks before the change, {features.looks_after} with it."


def _coverage_row(
    area_id: str, looks: Looks, inside: NDArray[np.bool_], changes: ChangeMap | None, params: DetectParams
) -> dict[str, Any]:
    stack = looks.offered
    clear_days = list(looks.stack.days) if looks.stack else list(looks.clear_days)
    counts = stack.is_clear[:, inside].sum(axis=0)
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
        "detectable_area_m2": params.patch_m**2 if has_noise else np.nan,
        "detectable_contrast": contrast_floor,
        "not_seen": json.dumps([{"date": day.isoformat(), "reason": reason} for day, reason in looks.left_out]),
        "settings_hash": params.settings_hash,
        "geometry": box(*stack.grid.bounds_m),
    }


def _odd(size_px: float) -> int:
    return max(1, 2 * round((size_px - 1) / 2) + 1)


def no_imagery(area_id: str, grid: Grid, params: DetectParams, *, period: tuple[date | None, date | None]) -> Findings:
    """Return the findings of an area for which there was no imagery at all."""
    row = {
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
    return Findings(detections=detections_frame([], epsg=grid.epsg), coverage=coverage_frame([row], epsg=grid.epsg))
