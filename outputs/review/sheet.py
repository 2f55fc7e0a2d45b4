"""A sheet on which an analyst decides in QGIS: made of a run, filled in for days, read back row by row.

The sheet is a copy of the run's GeoPackage, which stays as what was judged, with one layer more that can be edited.
What differs there from what was handed out is what the analyst decided; everything else is untouched.
"""

import logging
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError

from detection.schema import Event, Verdict, as_detections
from geo.atomic import atomic_file
from geo.errors import ConfigError, OutputError
from outputs.layers.drawn import drawn_rasters
from outputs.layers.facts import facts_of
from outputs.layers.geopackage import ROW_COLUMN, embed_style, write_table
from outputs.layers.project import Project, Vector, in_file, project_of, raster_group, write_project
from outputs.layers.styles import style_of
from outputs.review.marks import SheetRow, detection_mark
from outputs.store.rows import in_utc

logger = logging.getLogger(__name__)

VERDICTS = "verdicts"
"""The layer that can be edited."""
VERDICT_COLUMNS: Mapping[str, str] = {
    "detection_id": "str",
    "base_version": "str",
    "area_id": "str",
    "event": "str",
    "status": "str",
    "confidence": "float",
    "onset_after": "date",
    "onset_by": "date",
    "area_m2": "float",
    "verdict_so_far": "str?",
    "picture": "str?",
    "verdict": "str?",
    "event_corrected": "str?",
    "note": "str?",
    "reviewer": "str?",
    "reviewed_at": "str?",
}
"""From ``verdict`` on filled in by the analyst, as is the geometry; the rest is to be seen beside it."""
_SAME_PLACE_DEG = 1e-9
"""Nobody moves a corner by less than a tenth of a millimetre; a file may."""
_CLOCK = f"""
CREATE TRIGGER sitewatch_reviewed_at
AFTER UPDATE OF verdict, event_corrected, note, reviewer, geometry ON {VERDICTS}
WHEN NEW.verdict IS NOT OLD.verdict OR NEW.event_corrected IS NOT OLD.event_corrected OR NEW.note IS NOT OLD.note
  OR NEW.reviewer IS NOT OLD.reviewer OR NEW.geometry IS NOT OLD.geometry
BEGIN
  UPDATE {VERDICTS} SET reviewed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE {ROW_COLUMN} = NEW.{ROW_COLUMN};
END
"""  # noqa: S608  # names of our own; in the file, so that the hour is right whatever programme edits it


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetSource:
    """What a sheet is made of."""

    run_folder: Path
    """With the run's GeoPackage and, where there are, its rasters."""
    package: Path
    credit: str
    made_at: datetime
    area_ids: tuple[str, ...] = ()
    """Only these areas; none named: all."""
    pictures: Mapping[str, Path] | None = None
    """Detection id to a picture."""


def write_sheet(path: Path, source: SheetSource) -> int:
    """Write a sheet as a GeoPackage, and its QGIS project beside it; return how many detections are on it.

    Raises:
        OutputError: It is there already, and may hold verdicts; or the disk does not take it.
        StateError: What the run left cannot be read.

    """
    if path.exists():
        raise OutputError(f"{path}: is there already and may hold verdicts; choose another name")
    detections = as_detections(pyogrio.read_dataframe(source.package, layer="detections"))
    if source.area_ids:
        detections = detections[detections["area_id"].isin(source.area_ids)]
    with atomic_file(path) as part:
        try:
            shutil.copyfile(source.package, part)
            write_table(
                part,
                VERDICTS,
                _rows_to_fill(detections, source.pictures or {}, path.parent),
                columns=VERDICT_COLUMNS,
                description=f"To be filled in. {source.credit}".strip(),
            )
            with closing(sqlite3.connect(part)) as database, database:
                embed_style(database, VERDICTS)
                database.execute(_CLOCK)
        except (DataSourceError, DataLayerError, sqlite3.Error) as error:
            raise OutputError(f"cannot write {path}: {error}") from error
    write_project(path.with_suffix(".qgz"), _project(path, source))
    return len(detections)


def read_sheet(path: Path) -> tuple[SheetRow, ...]:
    """Return what was decided on a sheet, in the order of its rows; rows that were not touched are left out.

    Raises:
        ConfigError: It is no sheet, or rows cannot be read; all of them are named.

    """
    rows, shown = _tables(path)
    counts = Counter(str(one) for one in rows["detection_id"].dropna())
    found: list[SheetRow] = []
    troubles: list[str] = []
    for number, row in zip(rows.index, rows.to_dict("records"), strict=True):
        detection = shown.get(str(row["detection_id"]))
        trouble = _trouble(row, detection, counts)
        if trouble:
            troubles.append(f"row {number} ({_word(row['detection_id']) or 'without an id'}): {trouble}")
        elif detection is not None and _is_touched(row, detection):
            found.append(_sheet_row(row, detection))
    if troubles:
        raise ConfigError(f"{path}: nothing was taken; {'; '.join(troubles)}")
    gone = len(set(shown) - set(counts)) if len(rows) else 0
    logger.info(
        "%s: %d decided, %d untouched, %d not on the sheet", path.name, len(found), len(rows) - len(found), gone
    )
    return tuple(found)


def _rows_to_fill(detections: gpd.GeoDataFrame, pictures: Mapping[str, Path], beside: Path) -> gpd.GeoDataFrame:
    """Return one row a detection: what is shown of it, and room for what is decided."""
    marks = [detection_mark(row) for row in detections.to_dict("records")]
    paths = [pictures.get(one) for one in detections["detection_id"]]
    return gpd.GeoDataFrame(
        {
            **{name: detections[name] for name in VERDICT_COLUMNS if name in detections.columns and name != "verdict"},
            "base_version": marks,
            "verdict_so_far": detections["verdict"],
            "picture": [None if one is None else Path(os.path.relpath(one, beside)).as_posix() for one in paths],
        },
        geometry=detections.geometry,
        crs=detections.crs,
    ).sort_values("confidence", ascending=False, kind="stable")


def _project(path: Path, source: SheetSource) -> Project:
    found = facts_of(source.package)
    about = found.about(title="Verdicts on what was found", credit=source.credit, made_at=source.made_at)
    beside = path.parent.resolve()
    drawn = [
        (Path(os.path.relpath(one.path.resolve(), beside)).as_posix(), one) for one in drawn_rasters(source.run_folder)
    ]
    verdicts = Vector(
        key=f"sitewatch_{VERDICTS}",
        name="Verdicts (to be filled in)",
        source=in_file(path.name)(VERDICTS, ""),
        geometry_type="MultiPolygon",
        style=style_of(VERDICTS),
        is_read_only=False,
    )
    rasters = raster_group([(f"./{where}", one) for where, one in drawn], found.names)
    return project_of(about, in_file(path.name), rasters=rasters, more=(verdicts,))


def _tables(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, dict[str, Any]]]:
    """Return the rows to be filled in, by number, and the detections that they are about, by id."""
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    try:
        rows = pyogrio.read_dataframe(path, layer=VERDICTS, fid_as_index=True, datetime_as_string=True)
        shown = pyogrio.read_dataframe(path, layer="detections")
        detections = as_detections(shown) if getattr(shown, "crs", None) else None
    except (DataSourceError, DataLayerError, ValueError, CRSError) as error:
        raise ConfigError(f"{path}: expected a sheet as `sitewatch review sheet` makes it; {error}") from error
    if detections is None:
        raise ConfigError(f"{path}: its layer detections has no outlines, or no coordinate reference system")
    missing = sorted(set(VERDICT_COLUMNS) - set(rows.columns))
    if missing:
        raise ConfigError(f"{path}: its layer {VERDICTS} lacks {', '.join(missing)}")
    return rows, {str(row["detection_id"]): row for row in detections.to_dict("records")}


def _is_touched(row: Mapping[str, Any], detection: Mapping[str, Any]) -> bool:
    return any(_word(row[name]) for name in ("verdict", "event_corrected", "note")) or _is_moved(row, detection)


def _is_moved(row: Mapping[str, Any], detection: Mapping[str, Any]) -> bool:
    new, old = (shapely.normalize(_parts(one["geometry"])) for one in (row, detection))
    return not bool(shapely.equals_exact(new, old, tolerance=_SAME_PLACE_DEG))


def _parts(shape: shapely.Geometry | None) -> shapely.Geometry:
    """Return polygons as multi-polygons, without heights; whatever else is there, as it is."""
    flat = shapely.force_2d(shape) if shape is not None else shapely.MultiPolygon()
    return shapely.MultiPolygon([flat]) if flat.geom_type == "Polygon" and not flat.is_empty else flat


def _trouble(row: Mapping[str, Any], detection: Mapping[str, Any] | None, counts: Mapping[str, int]) -> str:
    """Say what is wrong with a row, or nothing."""
    name = _word(row["detection_id"])
    if detection is None:
        return "no detection of this sheet has this id; a verdict can be given only on what was found"
    if counts[name] > 1:
        return f"this detection stands {counts[name]} times; one row each"
    if _word(row["base_version"]) != detection_mark(detection):
        return "base_version, or the detection that it names, was changed"
    return next(_wrong_values(row, detection), "") if _is_touched(row, detection) else ""


def _wrong_values(row: Mapping[str, Any], detection: Mapping[str, Any]) -> Iterator[str]:
    yield from _not_among(row, "verdict", [one.value for one in Verdict])
    yield from _not_among(row, "event_corrected", [one.value for one in Event])
    if not _word(row["verdict"]):
        yield "a note, an event or an outline, but no verdict"
    if not _word(row["reviewer"]):
        yield "no reviewer"
    if not _word(row["reviewed_at"]):
        yield "reviewed_at is empty"
    if not row["geometry"] or row["geometry"].is_empty:
        yield "the outline was deleted; to reject a detection give the verdict rejected"
    try:
        _sheet_row(row, detection)
    except ValueError as error:
        yield str(error)


def _not_among(row: Mapping[str, Any], column: str, words: Sequence[str]) -> Iterator[str]:
    if _word(row[column]) not in ("", *words):
        yield f"{column} must be one of {', '.join(words)}; got {_word(row[column])!r}"


def _sheet_row(row: Mapping[str, Any], detection: Mapping[str, Any]) -> SheetRow:
    """Return the row as it is imported.

    Raises:
        ValueError: A value is none of its kind.

    """
    event = _word(row["event_corrected"])
    return SheetRow(
        detection_id=_word(row["detection_id"]),
        base_version=_word(row["base_version"]),
        verdict=Verdict(_word(row["verdict"])),
        event_corrected=Event(event) if event and event != detection["event"] else None,
        outline_corrected=_parts(row["geometry"]) if _is_moved(row, detection) else None,
        note=_word(row["note"]),
        reviewer=_word(row["reviewer"]),
        reviewed_at=in_utc(datetime.fromisoformat(_word(row["reviewed_at"]))),
    )


def _word(value: object) -> str:
    """Return a cell as text without space around it; nothing for what is missing."""
    is_missing = value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))
    return "" if is_missing else str(value).strip()
