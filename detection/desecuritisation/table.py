"""What was found of facilities, as rows: the table of perimeters, and detections of de-securitisation."""

import json
from collections.abc import Sequence
from hashlib import sha256
from math import isfinite
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from detection.desecuritisation.assess import Assessment
from detection.desecuritisation.demolition import LostRoof, total_area_m2
from detection.desecuritisation.verdict import Answer
from detection.perimeter import Arc, ArcState
from detection.schema import Event, Relation, Status, detections_frame, perimeters_frame
from geo.scene import Stack


def perimeter_rows(
    area_id: str, assessments: Sequence[Assessment], *, epsg: int, settings_hash: str
) -> gpd.GeoDataFrame:
    """Return the table of perimeters: each facility's own row, then one an arc. Abstentions stand there, too."""
    rows: list[dict[str, Any]] = []
    for assessment in assessments:
        common = {
            "area_id": area_id,
            "facility_id": assessment.facility_id,
            "loss_p": _number(assessment.perimeter.loss_p),
            "gain_p": _number(assessment.perimeter.gain_p),
            "null_arcs": assessment.perimeter.null_arcs,
            "settings_hash": settings_hash,
        }
        rows.append(common | _facility_row(assessment))
        rows += [common | _arc_row(number, arc) for number, arc in enumerate(assessment.perimeter.arcs, start=1)]
    return perimeters_frame(rows, epsg=epsg)


def _facility_row(assessment: Assessment) -> dict[str, Any]:
    perimeter, verdict, ring = assessment.perimeter, assessment.verdict, assessment.ring
    best, low, high = total_area_m2(assessment.roofs)
    after, by = verdict.changed or (None, None)
    return {
        "arc": 0,
        "state": verdict.answer.value,
        "reason": verdict.reason,
        "probability": verdict.probability,
        "changed_after": after,
        "changed_by": by,
        "length_m": None if ring is None else ring.line_m.length,
        "looks_before": int(np.median([arc.looks_before for arc in perimeter.arcs] or [0])),
        "looks_after": int(np.median([arc.looks_after for arc in perimeter.arcs] or [0])),
        "lost_share": perimeter.share(ArcState.GONE, ArcState.WEAKENED),
        "standing_share": perimeter.share(ArcState.PRESENT),
        "roofs_lost_m2": best,
        "roofs_lost_low_m2": low,
        "roofs_lost_high_m2": high,
        "ring": None if ring is None else "traced" if ring.is_traced else "outline",
        "ring_error_m": None if ring is None else round(ring.median_uncertainty_m, 1),
        "text": verdict.text,
        "evidence": evidence_json(assessment),
        "geometry": None if ring is None else LineString(ring.line_m.coords),
    }


def _arc_row(number: int, arc: Arc) -> dict[str, Any]:
    return {
        "arc": number,
        "state": arc.state.value,
        "reason": arc.reason,
        "changed_after": arc.changed_after,
        "changed_by": arc.changed_by,
        "change_p": _number(arc.change_p),
        "smallest_m": _number(arc.smallest_m),
        "length_m": arc.line_m.length,
        "present_before_p": _number(arc.present_before_p),
        "present_after_p": _number(arc.present_after_p),
        "contrast_before": _number(arc.contrast_before),
        "contrast_after": _number(arc.contrast_after),
        "looks_before": arc.looks_before,
        "looks_after": arc.looks_after,
        "offset_m": arc.offset_m,
        "geometry": arc.line_m,
    }


def evidence_json(assessment: Assessment) -> str:
    """Return all that the answer rests on as JSON text, the roofs with their intervals."""
    told: dict[str, Any] = json.loads(assessment.verdict.as_json())
    told["roofs"] = [_roof(roof) for roof in assessment.roofs]
    told["facility_id"] = assessment.facility_id
    if assessment.ring is not None and assessment.ring.is_traced:
        ring = assessment.ring
        told["ring"] = {"clearness": round(ring.clearness, 3), "rival_m": round(ring.rival_m)}
    return json.dumps(told, ensure_ascii=False)


def _roof(roof: LostRoof) -> dict[str, Any]:
    return {
        "detection_id": roof.detection_id,
        "area_m2": round(roof.area_m2),
        "area_low_m2": round(roof.area_low_m2),
        "area_high_m2": round(roof.area_high_m2),
        "gone_after": roof.gone_after.isoformat(),
        "gone_by": roof.gone_by.isoformat(),
        "radar_agrees": roof.radar_agrees,
        "replaced_by": list(roof.replaced_by),
        "is_open": roof.is_open,
    }


def desecuritisation_rows(
    area_id: str, assessments: Sequence[Assessment], stack: Stack, *, settings_hash: str
) -> gpd.GeoDataFrame:
    """Return one detection for each facility with an indication; no rows where there is none.

    Its status is that of a candidate, whatever its probability: only finer imagery, and who looked at it, confirms it.
    The id follows from area and facility, so that it stays the same from run to run.
    """
    rows = [
        _detection(area_id, assessment, stack, settings_hash=settings_hash)
        for assessment in assessments
        if assessment.verdict.answer is Answer.INDICATED and assessment.verdict.changed is not None
    ]
    return detections_frame(rows, epsg=stack.grid.epsg)


def desecuritisation_id(area_id: str, facility_id: str) -> str:
    """Return the id of a facility's detection."""
    key = f"{area_id} {Event.DESECURITISATION.value} {facility_id}"
    return f"{area_id}-{sha256(key.encode()).hexdigest()[:8]}"


def _detection(area_id: str, assessment: Assessment, stack: Stack, *, settings_hash: str) -> dict[str, Any]:
    after, by = assessment.verdict.changed or (stack.days[0], stack.days[-1])
    shape: BaseGeometry = assessment.lost_m
    return {
        "detection_id": desecuritisation_id(area_id, assessment.facility_id),
        "area_id": area_id,
        "facility_id": assessment.facility_id,
        "facility_relation": Relation.INSIDE.value,
        "facility_distance_m": 0.0,
        "event": Event.DESECURITISATION.value,
        "status": Status.CANDIDATE.value,
        "confidence": round(assessment.verdict.probability or 0.0, 4),
        "onset_after": after,
        "onset_by": by,
        "last_seen_on": stack.days[-1],
        "looks_before": sum(day <= after for day in stack.days),
        "looks_after": sum(day >= by for day in stack.days),
        "area_m2": shape.area,
        "evidence": evidence_json(assessment),
        "sensors": ", ".join(sorted({str(name) for name in stack.dataset["platform"].to_numpy()})),
        "scene_ids": json.dumps(list(stack.scene_ids)),
        "settings_hash": settings_hash,
        "geometry": shape,
    }


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
