"""Put together what the catalogue of a run says of its areas, from the run's own tables."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from aoi.areas import Area
from outputs.catalogue.told import AreaTold, DetectionTold, RunTold, SceneTold
from outputs.scenes.table import SCENES_NAME, Fate
from outputs.site.summary import RunSummary

_FIRST_ROW = 2
"""The line of the first scene: the header is line 1."""


def run_told(summary: RunSummary, areas: Iterable[Area], folder: Path) -> RunTold:
    """Return what the catalogue says of the run that `summary` tells of, whose table of scenes stands in `folder`."""
    scenes = _scenes(folder / SCENES_NAME)
    coverage = {row.area_id: row for row in summary.coverage.itertuples()}
    detections = _detections(summary.detections)
    return RunTold(
        run_id=summary.run_id,
        title=summary.title,
        created_at=summary.created_at,
        version=summary.version,
        settings_hash=summary.settings_hash,
        credit=summary.credit,
        areas=tuple(
            _area(area, coverage[area.area_id], scenes[area.area_id], detections[area.area_id])
            for area in areas
            if area.area_id in coverage
        ),
        scenes_name=SCENES_NAME,
    )


def _area(area: Area, row: Any, scenes: Sequence[SceneTold], detections: Sequence[DetectionTold]) -> AreaTold:  # noqa: ANN401  # a row has no type of its own
    return AreaTold(
        area_id=area.area_id,
        name=area.name,
        outline_4326=area.polygon_4326,
        outcome=row.outcome,
        first=_day(row.period_start),
        last=_day(row.period_end),
        scenes=tuple(scenes),
        detections=tuple(detections),
    )


def _scenes(path: Path) -> defaultdict[str, list[SceneTold]]:
    """Return the scenes of each area that were compared."""
    found: defaultdict[str, list[SceneTold]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=_FIRST_ROW):
            if row["fate"] == Fate.USED:
                found[row["area_id"]].append(SceneTold(scene_id=row["scene_id"], row=number))
    return found


def _detections(table: gpd.GeoDataFrame) -> defaultdict[str, list[DetectionTold]]:
    """Return the detections of each area; `table` is in EPSG:4326."""
    found: defaultdict[str, list[DetectionTold]] = defaultdict(list)
    for row in table.itertuples():
        told = DetectionTold(
            detection_id=row.detection_id,
            event=row.event,
            status=row.status,
            confidence=float(row.confidence),
            onset_after=row.onset_after.date(),
            onset_by=row.onset_by.date(),
            last_seen_on=row.last_seen_on.date(),
            outline_4326=row.geometry,
            scene_ids=tuple(json.loads(row.scene_ids)),
        )
        found[row.area_id].append(told)
    return found


def _day(stamp: Any) -> date | None:  # noqa: ANN401  # pandas' Timestamp or NaT
    return None if pd.isna(stamp) else stamp.date()
