"""One row of the detections table for each changed object."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.changes import ChangeMap
from detection.events import confidence, evidence_json, name_event, weigh
from detection.features import Features, Layers, layers, measure
from detection.lifecycle import Standing, distinct_ids, first_id, stage
from detection.onset import Growth, follow
from detection.outline import Patch, group_patches
from detection.params import DetectParams
from detection.schema import Relation


def detection_rows(
    area_id: str, changes: ChangeMap, inside: NDArray[np.bool_], params: DetectParams
) -> list[dict[str, Any]]:
    """Return one row of the detections table for each object that touches `inside`."""
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
