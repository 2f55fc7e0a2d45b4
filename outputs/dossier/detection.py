"""The statement about one detection, from the folder of a run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from shapely.geometry import shape

from detection.desecuritisation.verdict import CONFIRM, UNSEEN
from detection.schema import Event
from geo.errors import ConfigError
from outputs.dossier.results import (
    Row,
    checksums_of,
    layer_rows,
    made_by,
    manifest_of,
    table_rows,
    watch_list_words,
)
from outputs.dossier.statement import Record, Said, Statement
from outputs.pictures.furniture import lon_lat_words
from outputs.site.amounts import share_words, size_words
from outputs.site.evidence import evidence_of
from outputs.site.perimeters import proxy_words
from outputs.vocabulary import (
    ARC_WORDS,
    EVENT_WORDS,
    PHASE_WORDS,
    STATUS_MEANINGS,
    STATUS_WORDS,
    review_words,
    words,
)

DETECTIONS = "detections.geojson"
OTHERWISE: Mapping[str, tuple[str, ...]] = {
    Event.CONSTRUCTION: (
        "Ground that was only cleared, filled or used as a store of material, without any building.",
        "Something else that is built the same way from above: a factory, a school, flats, greenhouses, solar panels.",
    ),
    Event.EXPANSION: (
        "A yard, a car park or stacks of goods instead of a building.",
        "A neighbour's building: who owns the ground beside a known place cannot be seen.",
    ),
    Event.DEMOLITION: (
        "A roof that was renewed, painted or covered: it looks as if it were gone.",
        "A building that was replaced, or a temporary one that was moved.",
    ),
    Event.DESECURITISATION: (
        "A wall that was lowered, painted, or replaced by a fence: closed still, and looking as if it were gone.",
        "A road, a strip of plants or a bank that was laid along a wall that stands, and hides its line.",
        "Buildings pulled down for renewal, while the place stays closed.",
    ),
    Event.SURFACE_CHANGE: (
        "Fields, water, felled trees, snow or damp ground: changes that have nothing to do with building.",
    ),
}
_ALWAYS = ("An error of registration, haze or shadow that the looks share.",)


def detection_statement(folder: Path, detection_id: str, *, created_at: datetime) -> Statement:
    """Return the statement about one detection of a run.

    Args:
        folder: Of the run.
        detection_id: As the layers have it.
        created_at: Aware.

    Raises:
        ConfigError: A file of the run is missing or cannot be read, or no detection has this id.

    """
    rows = layer_rows(folder, DETECTIONS, id_column="detection_id")
    found = next((row for row in rows if row.record_id == detection_id), None)
    if found is None:
        some = ", ".join(row.record_id for row in rows[:10]) or "none"
        raise ConfigError(f"{folder / DETECTIONS}: no detection has the id {detection_id!r}; it has: {some}")
    coverage = layer_rows(folder, "coverage.geojson", id_column="area_id")
    watched = next((row for row in coverage if row.record_id == found.text("area_id")), None)
    scenes = table_rows(folder, "scenes.csv", id_column="scene_id")
    moves = table_rows(folder, "history.csv", id_column="detection_id")
    manifest = manifest_of(folder)
    credit = _credit(folder)
    event, status = words(EVENT_WORDS, found.text("event")), words(STATUS_WORDS, found.text("status"))
    picture = folder / "pictures" / f"{detection_id}.png"
    return Statement(
        kind="Detection",
        subject_id=detection_id,
        names=(f"{event}, area {found.text('area_id')}",),
        headline=f"{event}: {status.lower()}, confidence {found.number_of('confidence') or 0:.2f} of 1",
        claim=tuple(_claim(found)),
        evidence=(
            *_evidence(found, [row for row in moves if row.record_id == detection_id]),
            *(_arcs(found, folder) if found.text("event") == Event.DESECURITISATION else ()),
        ),
        uncertainty=tuple(_uncertainty(found, watched)),
        alternatives=tuple(_alternatives(found)),
        next_steps=tuple(_next_steps(found)),
        sources=tuple(_sources(found, scenes, manifest, credit)),
        created_at=created_at,
        made_by=made_by(manifest),
        credit=credit,
        checksums=checksums_of(manifest),
        picture=picture.read_bytes() if picture.is_file() else None,
        picture_words=f"The place before and after the change, its outline drawn on both. {credit}",
    )


def _credit(folder: Path) -> str:
    content = json.loads((folder / DETECTIONS).read_text(encoding="utf-8"))
    return str(content.get("attribution") or "")


def _day(row: Row, column: str) -> str:
    return row.text(column)[:10]


def _claim(found: Row) -> Iterator[Said]:
    point = shape(found.cells["geometry"]).representative_point() if found.cells.get("geometry") else None
    at = "" if point is None else f" at {lon_lat_words(point.x, point.y)}"
    event = words(EVENT_WORDS, found.text("event"))
    yield found.said(
        f"{event}{at} in the area {found.text('area_id')} began after {_day(found, 'onset_after')} and by "
        f"{_day(found, 'onset_by')}, and covers {size_words(found.number_of('area_m2') or 0)}.",
        "event", "onset_after", "onset_by", "area_m2", "geometry",
    )  # fmt: skip
    status = found.text("status")
    yield found.said(
        f"Its status is “{words(STATUS_WORDS, status)}”: {words(STATUS_MEANINGS, status)}. Its confidence is "
        f"{found.number_of('confidence') or 0:.2f} of 1.",
        "status", "confidence",
    )  # fmt: skip
    yield found.said(review_words(found.cells.get("verdict")), "verdict")
    if found.text("phase"):
        yield found.said(f"Phase: {words(PHASE_WORDS, found.text('phase')).lower()}.", "phase")
    yield found.said(_facility_words(found), "facility_id", "facility_relation", "facility_distance_m")


def _facility_words(found: Row) -> str:
    relation, facility = found.text("facility_relation"), found.text("facility_id")
    if relation == "none" or not facility:
        return "No known place lies inside or near it."
    if relation == "inside":
        return f"It lies inside the known place {facility}."
    distance = found.number_of("facility_distance_m")
    return f"It lies near the known place {facility}" + ("." if distance is None else f", {distance:.0f} m from it.")


def _evidence(found: Row, moves: Sequence[Row]) -> Iterator[Said]:
    yield found.said(
        f"{found.text('looks_before')} clear looks before the change and {found.text('looks_after')} after it, by "
        f"{found.text('sensors')}; last seen on {_day(found, 'last_seen_on')}.",
        "looks_before", "looks_after", "sensors", "last_seen_on",
    )  # fmt: skip
    told = evidence_of(_json_text(found))
    for feature in told.features:
        if feature.speaks == "for":
            yield found.said(
                f"Speaks for it: {feature.name}, {feature.value} ({feature.contribution_words} in log-odds).",
                f"evidence.features.{feature.name.replace(' ', '_')}",
            )
    if told.growth is not None:
        (first, begun), (last, grown) = told.growth.steps[0], told.growth.steps[-1]
        yield found.said(
            f"The changed ground: {size_words(begun)} by {first}, {size_words(grown)} by {last}, in "
            f"{len(told.growth.steps)} looks.",
            "evidence.growth",
        )
    if told.note:
        yield found.said(told.note, "evidence.note", "evidence.placebo")
    for move in moves:
        yield move.said(
            f"{_day(move, 'on')}: {words(STATUS_WORDS, move.text('status_to')).lower()}; {move.text('cause')}.",
            "on", "status_to", "cause",
        )  # fmt: skip


def _arcs(found: Row, folder: Path) -> Iterator[Said]:
    """Say what was measured along the perimeter, arc by arc, and beside it."""
    rows = table_rows(folder, "perimeters.csv", id_column="facility_id")
    for row in rows:
        if row.record_id != found.text("facility_id") or row.text("area_id") != found.text("area_id"):
            continue
        if row.text("arc") == "0":
            yield row.said(f"Along the perimeter: {row.text('reason')}.", "reason", "loss_p")
            if proxies := proxy_words(row.text("evidence")):
                yield row.said(f"Apart, and no proof that a wall is gone: {'; '.join(proxies)}.", "evidence.proxies")
        else:
            p = row.text("change_p") or "not tested"
            smallest = row.text("smallest_m") or "none"
            state = words(ARC_WORDS, row.text("state"))
            yield row.said(
                f"Arc {row.text('arc')}: {state.lower()}, p {p}; smallest wall whose loss would have been seen "
                f"(width times contrast, m): {smallest}. {row.text('reason')}",
                "arc", "state", "change_p", "smallest_m", "reason",
            )  # fmt: skip


def _json_text(found: Row) -> str:
    value = found.cells.get("evidence")
    return value if isinstance(value, str) else json.dumps(value)


def _uncertainty(found: Row, watched: Row | None) -> Iterator[Said]:
    yield found.said(
        f"It began on some day between {_day(found, 'onset_after')} and {_day(found, 'onset_by')}: nothing is known of "
        "the days between two looks.",
        "onset_after", "onset_by",
    )  # fmt: skip
    low, high = found.number_of("area_low_m2"), found.number_of("area_high_m2")
    if low is not None and high is not None:
        interval = f"{size_words(low)} to {size_words(high)}"
        yield found.said(f"Its size is {interval} (95 % interval).", "area_low_m2", "area_high_m2")
    if (rate := found.number_of("false_alerts_per_site_year")) is not None:
        text = f"A quiet square kilometre raises evidence as strong about {rate:.2g} times a year."
        yield found.said(text, "false_alerts_per_site_year")
    if watched is not None:
        yield watched.said(
            f"Of the area {share_words(watched.number_of('observed_share') or 0)} was seen clearly often enough, in "
            f"{watched.text('clear_looks')} of {watched.text('looks')} looks.",
            "observed_share", "clear_looks", "looks",
        )  # fmt: skip
    if found.text("event") == Event.DESECURITISATION:
        yield Said(text=UNSEEN)
    yield Said(text="A pixel shows some 10 m of ground, and a building below 30 by 30 m is hardly ever seen surely.")


def _alternatives(found: Row) -> Iterator[Said]:
    for feature in evidence_of(_json_text(found)).features:
        if feature.speaks == "against" and feature.name != "bias":
            yield found.said(
                f"Speaks against it: {feature.name}, {feature.value} ({feature.contribution_words} in log-odds).",
                f"evidence.features.{feature.name.replace(' ', '_')}",
            )
    if found.text("facility_relation") == "near":
        yield found.said("A change beside a known place is not yet a change of that place.", "facility_relation")
    for text in (*OTHERWISE.get(found.text("event"), ()), *_ALWAYS):
        yield Said(text=f"Possible, and not excluded: {text[:1].lower()}{text[1:]}")
    yield Said(text="What a building is for, and who uses it, cannot be seen from above: no use was tested.")


def _next_steps(found: Row) -> Iterator[Said]:
    if found.text("event") == Event.DESECURITISATION:
        yield Said(text=CONFIRM)
    yield Said(text="Finer imagery of a day before and a day after the change, looked at by two people independently.")
    yield Said(text="Photographs, permits, tenders or testimony that name the place and the dates.")
    if not found.text("verdict"):
        yield found.said("A reviewer's verdict: no person has looked at it yet.", "verdict")


def _sources(found: Row, scenes: Sequence[Row], manifest: Mapping[str, Any], credit: str) -> Iterator[Said]:
    yield Said(text=f"Imagery: {credit}.", records=(Record(file=DETECTIONS, row=None, record_id=""),))
    ids = found.cells.get("scene_ids")
    wanted = set(json.loads(ids) if isinstance(ids, str) else ids or ())
    used = [
        row
        for row in scenes
        if row.record_id.removeprefix("'") in wanted and row.text("area_id") == found.text("area_id")
    ]
    for row in used:
        text = f"{row.record_id.removeprefix(chr(39))}, {row.text('observed_at')}, {row.text('platform')}."
        yield row.said(text, "scene_id", "observed_at", "platform")
    if missing := len(wanted) - len(used):
        yield found.said(f"{missing} of {len(wanted)} scenes are in no table of scenes.", "scene_ids")
    yield found.said(f"Settings {found.text('settings_hash')}.", "settings_hash")
    yield from watch_list_words(manifest)
