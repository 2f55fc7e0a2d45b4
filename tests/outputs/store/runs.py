"""Finished runs on disk, as a run would leave them."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import geopandas as gpd

from detection.life.history import Move
from detection.schema import Status
from geo.masks import CAUSES
from outputs.evidence.history import HISTORY_TABLE, write_moves
from outputs.evidence.manifest import write_manifest
from outputs.evidence.record import RunRecord
from outputs.layers.geopackage import write_geopackage
from outputs.scenes.table import SCENES_NAME, Fate, SceneRow, write_scenes


def first_moves(detections: gpd.GeoDataFrame) -> list[Move]:
    """Return how each detection came to its status."""
    return [
        Move(
            detection_id=row.detection_id,
            on=date(2018, 10, 11),
            status_from=None,
            status_to=Status(row.status),
            cause="12 clear looks with it",
        )
        for row in detections.itertuples()
    ]


def write_run(folder: Path, tables: dict[str, gpd.GeoDataFrame], moves: Sequence[Move], *, at: datetime) -> Path:
    """Write a run's folder with these tables, these moves and one scene."""
    folder.mkdir(parents=True)
    write_geopackage(folder / "sitewatch.gpkg", tables)
    write_moves(folder / HISTORY_TABLE, {"home": moves})
    scene = SceneRow(
        area_id="home", scene_id="S2A_1", observed_at=at, platform="Sentinel-2A", fate=Fate.USED, clear_share=0.75,
        hidden_shares=dict.fromkeys(CAUSES, 0.0),
    )  # fmt: skip
    write_scenes(folder / SCENES_NAME, [scene])
    (folder / "run.json").write_text(json.dumps({"products": {"home": "abc"}, "areas": []}), encoding="utf-8")
    write_manifest(folder, RunRecord(run_id=folder.name, created_at=at, code_version="1.2.3"))
    return folder
