"""Record finished runs: what stands in a run's folder goes into the store, all of it or nothing."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from sqlalchemy import Connection, func, insert, select

from detection.schema import (
    COVERAGE_COLUMNS,
    DETECTION_COLUMNS,
    PERIMETER_COLUMNS,
    as_coverage,
    as_detections,
    as_perimeters,
    perimeters_frame,
)
from geo.crs import LON_LAT_EPSG
from geo.errors import StateError
from outputs.evidence.history import HISTORY_TABLE
from outputs.evidence.manifest import MANIFEST_NAME
from outputs.review.worth import worth_of
from outputs.scenes.table import SCENES_NAME
from outputs.store import tables
from outputs.store.database import Store
from outputs.store.rows import Rows, document_of, in_parts, in_utc, insert_rows, plain, replace_rows
from outputs.store.superseded import supersession_rows

_FACILITY_TEXTS = ("name", "names", "kind", "status", "source")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunContents:
    """What a run's folder holds, ready to be recorded. Geometries are in longitude and latitude."""

    run_id: str
    started_at: datetime
    code_version: str
    manifest_sha256: str
    settings: Mapping[str, Any]
    report: Mapping[str, Any]
    areas: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    detections: gpd.GeoDataFrame
    coverage: gpd.GeoDataFrame
    perimeters: gpd.GeoDataFrame
    moves: Sequence[Mapping[str, str]]
    scenes: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the recording of a run added."""

    is_new: bool
    """False where the store had this run already: nothing was written."""
    detections: int = 0
    """New ones."""
    versions: int = 0
    """Detections that are new or have changed."""
    moves: int = 0


def record_run(store: Store, folder: Path) -> Recorded:
    """Record the run in `folder`, unless the store has it.

    Raises:
        StateError: The folder is no finished run, or contradicts what is recorded.
        OutputError: The store does not take it; nothing of it was kept.

    """
    if _is_recorded(store, folder):
        return Recorded(is_new=False)  # without reading its layers: most runs find nothing new
    contents = run_contents(folder)
    with store.writing() as connection:
        if connection.execute(select(tables.runs.c.run_id).filter_by(run_id=contents.run_id)).first():
            return Recorded(is_new=False)
        _refuse_older(connection, contents)
        now = datetime.now(UTC)
        _add_run(connection, contents, now)
        insert_rows(connection, tables.supersessions, supersession_rows(contents.run_id, contents.report))
        _add_places(connection, contents)
        _add_scenes(connection, contents)
        _add_coverage(connection, contents)
        known = _known_documents(connection, contents.detections["detection_id"])
        versions = _add_detections(connection, contents, known, now)
        moves = _add_moves(connection, contents)
        added = sum(name not in known for name in contents.detections["detection_id"])
        return Recorded(is_new=True, detections=added, versions=versions, moves=moves)


def _is_recorded(store: Store, folder: Path) -> bool:
    """Say whether the store has the run whose manifest stands in `folder`, going by the manifest's content."""
    try:
        digest = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    except OSError:
        return False  # what is wrong is said by who reads it
    with store.reading() as connection:
        asked = select(tables.runs.c.run_id).where(tables.runs.c.manifest_sha256 == digest)
        return connection.execute(asked).first() is not None


def _refuse_older(connection: Connection, contents: RunContents) -> None:
    asked = select(tables.runs.c.run_id, tables.runs.c.started_at).order_by(tables.runs.c.started_at.desc()).limit(1)
    newest = connection.execute(asked).first()
    if newest is not None and in_utc(newest.started_at) > contents.started_at:
        raise StateError(
            f"run {contents.run_id} is older than {newest.run_id}, which the store has: it would undo what is newer"
        )


def run_contents(folder: Path) -> RunContents:
    """Read what the run in `folder` left.

    Raises:
        StateError: A file is missing or cannot be read; it is named.

    """
    layers = folder / "sitewatch.gpkg"
    try:
        manifest = (folder / MANIFEST_NAME).read_bytes()
        document = json.loads(manifest)
        return RunContents(
            run_id=document["run_id"],
            started_at=datetime.fromisoformat(document["created_at"]),
            code_version=str(document["code"]["sitewatch"]),
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            settings=document["settings"],
            report=json.loads((folder / "run.json").read_text(encoding="utf-8")),
            areas=_layer(layers, "areas"),
            facilities=_facilities(layers),
            detections=as_detections(_layer(layers, "detections")).to_crs(LON_LAT_EPSG),
            coverage=as_coverage(_layer(layers, "coverage")).to_crs(LON_LAT_EPSG),
            perimeters=_perimeters(layers),
            moves=_csv_rows(folder / HISTORY_TABLE),
            scenes=_csv_rows(folder / SCENES_NAME),
        )
    except (OSError, ValueError, KeyError, DataSourceError, DataLayerError) as error:
        raise StateError(f"{folder}: is no finished run that can be read: {error}") from error


def _layer(path: Path, name: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path, layer=name)


def _perimeters(path: Path) -> gpd.GeoDataFrame:
    if not _has_layer(path, "perimeters"):
        return perimeters_frame([], epsg=LON_LAT_EPSG)
    return as_perimeters(_layer(path, "perimeters")).to_crs(LON_LAT_EPSG)


def _facilities(path: Path) -> gpd.GeoDataFrame:
    """Return the known places, each as its outline where there is one."""
    points = _layer(path, "facilities").set_index("id")
    outlines = (
        _layer(path, "facility_outlines").set_index("id") if _has_layer(path, "facility_outlines") else points[:0]
    )
    shapes = points.geometry.copy()
    shapes.loc[outlines.index] = outlines.geometry
    return points.set_geometry(shapes).reset_index()


def _has_layer(path: Path, name: str) -> bool:
    return name in set(pyogrio.list_layers(path)[:, 0])


def _csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _add_run(connection: Connection, contents: RunContents, now: datetime) -> None:
    row = {
        "run_id": contents.run_id,
        "started_at": contents.started_at,
        "recorded_at": now,
        "code_version": contents.code_version,
        "manifest_sha256": contents.manifest_sha256,
        "settings": dict(contents.settings),
        "report": dict(contents.report),
    }
    connection.execute(insert(tables.runs), row)


def _add_places(connection: Connection, contents: RunContents) -> None:
    run = {"run_id": contents.run_id}
    areas = [
        {"area_id": str(row.id), "name": str(row.name), "geometry": row.geometry, **run}
        for row in contents.areas.itertuples(index=False)
    ]
    replace_rows(connection, tables.areas, areas, keys=("area_id",))
    facilities = [
        {
            "facility_id": str(row["id"]),
            **{name: None if pd.isna(row[name]) else str(row[name]) for name in _FACILITY_TEXTS},
            "position_error_m": None if pd.isna(row["position_error_m"]) else float(row["position_error_m"]),
            "geometry": row["geometry"],
            **run,
        }
        for row in contents.facilities.to_dict("records")
    ]
    replace_rows(connection, tables.facilities, facilities, keys=("facility_id",))


def _add_scenes(connection: Connection, contents: RunContents) -> None:
    rows = [
        {
            "area_id": row["area_id"],
            "scene_id": row["scene_id"],
            "observed_at": datetime.fromisoformat(row["observed_at"]),
            "platform": row["platform"],
            "is_used": row["is_used"] == "true",
            "fate": row["fate"],
            "reason": row["reason"],
            "clear_share": float(row["clear_share"]) if row["clear_share"] else None,
            "run_id": contents.run_id,
        }
        for row in contents.scenes
    ]
    replace_rows(connection, tables.scenes, rows, keys=("area_id", "scene_id"))


def _add_coverage(connection: Connection, contents: RunContents) -> None:
    rows = [
        {**plain(row, COVERAGE_COLUMNS), "geometry": row["geometry"], "run_id": contents.run_id}
        for row in contents.coverage.to_dict("records")
    ]
    insert_rows(connection, tables.coverage, rows)
    asked = [
        {**plain(row, PERIMETER_COLUMNS), "geometry": row["geometry"], "run_id": contents.run_id}
        for row in contents.perimeters.to_dict("records")
    ]
    insert_rows(connection, tables.perimeters, asked)


def _add_detections(
    connection: Connection, contents: RunContents, known: Mapping[str, tuple[int, str]], now: datetime
) -> int:
    """Write those that are new or changed, and return how many they are."""
    current, versions = [], []
    for row in contents.detections.to_dict("records"):
        values = plain(row, DETECTION_COLUMNS)
        document = document_of(values)
        version, mark = known.get(values["detection_id"], (0, ""))
        if mark == _mark(document, row["geometry"]):
            continue
        stamp = {"run_id": contents.run_id, "version": version + 1, "geometry": row["geometry"]}
        current.append(values | stamp | {"worth": worth_of(values).points})
        versions.append({"detection_id": values["detection_id"], "recorded_at": now, "document": document} | stamp)
    replace_rows(connection, tables.detections, current, keys=("detection_id",))
    insert_rows(connection, tables.detection_versions, versions)
    return len(versions)


def _known_documents(connection: Connection, names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the newest version of each detection, and what marks its content."""
    old = tables.detection_versions
    found: dict[str, tuple[int, str]] = {}
    for some in in_parts(list(names)):
        newest = (
            select(old.c.detection_id, func.max(old.c.version).label("version"))
            .where(old.c.detection_id.in_(some))
            .group_by(old.c.detection_id)
            .subquery()
        )
        match = (old.c.detection_id == newest.c.detection_id) & (old.c.version == newest.c.version)
        asked = select(old.c.detection_id, old.c.version, old.c.document, old.c.geometry).join(newest, match)
        for name, version, document, shape in connection.execute(asked):
            found[name] = (version, _mark(document, shape))
    return found


def _add_moves(connection: Connection, contents: RunContents) -> int:
    """Add the moves that are not yet there: those after what the end of the record and the run's history share.

    A history that began anew, for the files of earlier runs were lost, goes on behind the recorded one.
    """
    histories: dict[str, Rows] = {}
    for row in contents.moves:
        histories.setdefault(row["detection_id"], []).append(_move(row))
    table = tables.moves
    recorded: dict[str, Rows] = {}
    for some in in_parts(list(histories)):
        asked = select(table).where(table.c.detection_id.in_(some)).order_by(table.c.detection_id, table.c.number)
        for found in connection.execute(asked).mappings():
            told = {name: found[name] for name in ("area_id", "on", "status_from", "status_to", "cause")}
            recorded.setdefault(found["detection_id"], []).append(told)
    new: Rows = []
    for name, history in histories.items():
        before = recorded.get(name, [])
        shared = _shared(before, history)
        for number, step in enumerate(history[shared:], start=len(before) + 1):
            new.append({"detection_id": name, "number": number, "run_id": contents.run_id, **step})
    insert_rows(connection, table, new)
    return len(new)


def _shared(before: Rows, history: Rows) -> int:
    """Return how many of the first moves of `history` are the last of `before`."""
    most = min(len(before), len(history))
    return next(count for count in range(most, -1, -1) if before[len(before) - count :] == history[:count])


def _move(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "area_id": row["area_id"],
        "on": date.fromisoformat(row["on"]),
        "status_from": row["status_from"] or None,
        "status_to": row["status_to"],
        "cause": row["cause"],
    }


def _mark(document: Mapping[str, Any], shape: shapely.Geometry) -> str:
    """Return what differs where a detection's content differs."""
    content = json.dumps(document, sort_keys=True, ensure_ascii=False).encode() + shapely.to_wkb(shape)
    return hashlib.sha256(content).hexdigest()
