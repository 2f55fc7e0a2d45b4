"""One row of the detections table for each changed object."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.changes import ChangeMap
from detection.life.lifecycle import Standing, distinct_ids, first_id, stage
from detection.objects.events import BUILT_EVENTS, Evidence, confidence, name_event, weigh
from detection.objects.features import Features, layers, measure
from detection.objects.outline import Patch, area_interval_m2, group_patches
from detection.objects.shape import Shape, camp_likeness, describe, roofs_between, traits
from detection.objects.sites import Row, built_ground, join_plots
from detection.params import DetectParams
from detection.radar.fusion import RadarWitness, agree, radar_evidence, radar_terms
from detection.schema import Event, Phase, Relation
from detection.series.course import Watch
from detection.series.onset import Course, Growth, follow
from detection.series.phases import find_phases
from geo.grid import Grid
from geo.scene import Stack


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """The objects of one change map, and what each of them is told with."""

    patches: tuple[Patch, ...]
    watch: Watch
    witness: RadarWitness | None
    """None without radar."""
    settings_hash: str
    told: dict[tuple[str, int], Row | None] = field(default_factory=dict, repr=False)
    """The rows that were made, by area and number of the patch: each is made once."""

    @classmethod
    def of(cls, changes: ChangeMap, params: DetectParams, radar: Stack | None = None) -> "Objects":
        """Gather them. With `radar`, looks on the same grid, smaller ones count if both sensors agree."""
        steps, grid = changes.steps, changes.stack.grid
        witness = RadarWitness.of(radar, changes.is_changed, grid, params.radar)
        least_m2 = params.min_area_m2 if witness is None else min(params.min_area_m2, params.fusion.min_area_m2)
        patches = group_patches(changes.is_changed, steps.score_z, grid, gap_m=params.gap_m, min_area_m2=least_m2)
        is_calm = ~changes.is_changed & (np.nan_to_num(steps.score_z, nan=np.inf) < params.grow_z)
        maps = layers(steps, changes.stack.bands, is_calm)
        return cls(
            patches=tuple(patches),
            watch=Watch.over(changes, maps, params.beginnings),
            witness=witness,
            settings_hash=params.settings_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """Tells the objects of an area that is looked at as a whole."""

    area_id: str
    objects: Objects
    params: DetectParams

    @classmethod
    def of(cls, area_id: str, changes: ChangeMap, params: DetectParams, radar: Stack | None = None) -> "Whole":
        """Gather the objects of one change map."""
        return cls(area_id=area_id, objects=Objects.of(changes, params, radar), params=params)

    @property
    def changes(self) -> ChangeMap:
        """What the objects are made from."""
        return self.objects.watch.changes

    def rows(self, here: NDArray[np.bool_]) -> list[Row]:
        """Return one row of the detections table for each object that touches `here`, shape (y, x)."""
        return rows_of(self.area_id, self.objects, here, self.params)

    def anew(self, changes: ChangeMap) -> "Whole":
        """Return the same for another map of the same ground, without radar."""
        return Whole.of(self.area_id, changes, self.params)


def rows_of(area_id: str, objects: Objects, inside: NDArray[np.bool_], params: DetectParams) -> list[Row]:
    """Return one row of the detections table for each of `objects` that touches `inside`, shape (y, x)."""
    maps, grid = objects.watch.maps, objects.watch.changes.stack.grid
    told = [
        row_of(area_id, number, objects, params)
        for number, patch in enumerate(objects.patches)
        if patch.touches(inside)
    ]
    return as_sites([row for row in told if row is not None], built_ground(maps.structure_before), grid, params)


def as_sites(rows: Sequence[Row], is_built: NDArray[np.bool_], grid: Grid, params: DetectParams) -> list[Row]:
    """Return the rows of an area with the plots of each site joined, and each id given once.

    Args:
        rows: One of each object.
        is_built: Where buildings stood before any change, shape (y, x).
        grid: What it lies on.
        params: How changes were found.

    """
    kept = join_plots(rows, is_built, grid, params.sites)
    ids = distinct_ids([row["detection_id"] for row in kept])  # small sites side by side may round to one place
    return [{**row, "detection_id": name} for row, name in zip(kept, ids, strict=True)]


def row_of(area_id: str, number: int, objects: Objects, params: DetectParams) -> Row | None:
    """Return the row of one of `objects.patches`; None where no look shows the ground before it."""
    if (area_id, number) not in objects.told:
        objects.told[area_id, number] = _detection_row(area_id, objects.patches[number], objects, params)
    return objects.told[area_id, number]


def _detection_row(area_id: str, patch: Patch, objects: Objects, params: DetectParams) -> Row | None:
    watch, witness = objects.watch, objects.witness
    changes = watch.changes
    course = watch.course(patch)
    growth = follow(course, params.onset)
    if not growth.is_bounded:
        return None
    days = [watch.days[index] for index in growth.seen]
    features = measure(patch, changes.steps, changes.values, watch.maps, growth)
    event = name_event(features, params.events)
    step = witness.step(patch, (days[growth.looks_before - 1], days[growth.onset])) if witness else None
    if patch.area_m2 < params.min_area_m2 and not agree(step, event, params.radar):
        return None
    terms = weigh(features, event) + radar_terms(step, event, params.fusion, params.radar)
    is_built = event in BUILT_EVENTS
    phases = _phase_columns(patch, watch, course, growth, params) if is_built else _NO_PHASES
    standing = Standing(
        event=event,
        confidence=confidence(terms),
        persistence=features.persistence,
        season_persistence=features.season_persistence,
        backed_share=features.backed_share,
        looks=days[growth.onset :],
        has_near_infrared=features.has_near_infrared,
        is_raised=phases["phase"] != Phase.SITE_PREPARATION.value,
    )
    status, confirmed_on = stage(standing, params.lifecycle)
    shape = _shape(patch, event, changes)
    camp = traits(shape, isolated=features.isolation, area_m2=patch.area_m2) if is_built else ()
    areas = [share * patch.area_m2 for share in growth.changed_share]
    low_m2, high_m2 = _area_interval(patch, event, changes)
    evidence = Evidence(
        features=features,
        terms=terms,
        growth=list(zip(days, areas, strict=True)),
        growth_interval=[
            (day, sure * low_m2, perhaps * high_m2)
            for day, sure, perhaps in zip(days, growth.changed_share, growth.hinted_share, strict=True)
        ],
        shape=shape,
        camp=camp,
        note=_note(features),
        radar=radar_evidence(step, event, params.radar) if step else None,
        buildings=roofs_between(shape.roofs) if event is Event.CONSTRUCTION else None,
    )
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
        "onset_by": days[growth.by],
        "confirmed_on": confirmed_on,
        "last_seen_on": days[-1],
        "looks_before": growth.looks_before,
        "looks_after": growth.looks_after,
        "area_m2": patch.area_m2,
        "area_low_m2": round(low_m2),
        "area_high_m2": round(high_m2),
        "roofs": float(shape.roofs) if event is Event.CONSTRUCTION else np.nan,
        **phases,
        "camp_likeness": round(camp_likeness(camp), 4) if is_built else np.nan,
        "false_alerts_per_site_year": np.nan,
        "not_observable_since": None,
        "verdict": None,
        "evidence": evidence.as_json(),
        "sensors": _sensors(changes, witness if step is not None and step.is_told else None),
        "scene_ids": json.dumps([changes.stack.scene_ids[index] for index in growth.seen]),
        "settings_hash": objects.settings_hash,
        "geometry": patch.outline,
    }


def _sensors(changes: ChangeMap, witness: RadarWitness | None) -> str:
    """Name the platforms that the detection rests on."""
    names = {str(name) for name in changes.stack.dataset["platform"].to_numpy()}
    return ", ".join(sorted(names | set(witness.platforms if witness else ())))


def _shape(patch: Patch, event: Event, changes: ChangeMap) -> Shape:
    """Describe the object when it stood: before a demolition, else after the change."""
    image = changes.steps.before if event is Event.DEMOLITION else changes.steps.after
    return describe(patch, image, grid=changes.stack.grid, bands=changes.stack.bands)


def _area_interval(patch: Patch, event: Event, changes: ChangeMap) -> tuple[float, float]:
    before, after = (layer[:, *patch.window] for layer in (changes.steps.before, changes.steps.after))
    change = np.abs(after - before).mean(axis=0)
    pixel_area_m2 = changes.stack.grid.pixel_area_m2
    return area_interval_m2(patch, change, pixel_area_m2=pixel_area_m2, is_taken_down=event is Event.DEMOLITION)


_NO_PHASES = dict.fromkeys(("phase", "active_after", "active_by", "complete_after", "complete_by"))


def _phase_columns(patch: Patch, watch: Watch, course: Course, growth: Growth, params: DetectParams) -> dict[str, Any]:
    structure = watch.structure(patch, growth.seen)
    phases = find_phases(course, growth, structure, params.phases, params.onset)
    days = [watch.days[index] for index in growth.seen]
    active, complete = (
        (None, None) if interval is None else (days[interval[0]], days[interval[1]])
        for interval in (phases.active, phases.complete)
    )
    return {
        "phase": phases.phase.value,
        "active_after": active[0],
        "active_by": active[1],
        "complete_after": complete[0],
        "complete_by": complete[1],
    }


def _note(features: Features) -> str:
    if features.looks_before == 1:
        return "One clear look before the change: what that look shows by chance cannot be told from the change."
    if features.looks_after == 1:
        return "One clear look with the change: it may not last."
    return f"{features.looks_before} clear looks before the change, {features.looks_after} with it."
