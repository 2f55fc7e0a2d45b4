"""How long do many detections take to be written as layers and recorded in the store, and read back?

    python -m benchmarks.store [--count 100000] [--url sqlite:///FILE] [--json FILE]

The detections are made up: squares in a grid, each with the evidence of a real one. Written are the GeoPackage and the
GeoJSON file of a run and its table of moves; recorded is that run in a new store, then a second run in which one
detection in a hundred has changed; read is the newest state of one area and what lies in a small box. Ten thousand
verdicts of two readers on the most telling detections are added, a tenth of them in conflict; the review queue is then
asked ten times for each of: everybody's, that of a reader who has judged all these, that of a third reader, blind. The
same rows written by geopandas alone into a GeoPackage without styles stand beside it.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import Polygon, box
from sqlalchemy import select

from benchmarks.trials import table
from detection.life.history import Move, Review
from detection.schema import Status, Verdict, coverage_frame, detections_frame
from outputs.evidence.history import HISTORY_TABLE, write_moves
from outputs.evidence.manifest import write_manifest
from outputs.evidence.record import RunRecord
from outputs.layers.geojson import write_geojson
from outputs.layers.geopackage import write_geopackage
from outputs.review.queue import review_queue
from outputs.scenes.table import SCENES_NAME, write_scenes
from outputs.store import Store, add_reviews, record_run, tables
from outputs.store.places import detections_within

START = datetime(2026, 3, 1, tzinfo=UTC)
PER_AREA = 500
SIDE_DEG = 0.002
VERDICTS = 10_000
QUEUES: Mapping[str, Mapping[str, Any]] = {
    "the queue of everybody, 50": {},
    "the queue of a reader who judged 5000, 50": {"reader": "a", "readers": 2},
    "the queue of a third reader, blind, 50": {"reader": "c", "readers": 3},
}
_EVIDENCE = json.dumps(
    {
        "features": {
            name: {"value": 0.7213, "weight": 1.35, "contribution": 0.9737}
            for name in ("step", "looks", "shape", "structure", "season", "size", "roofs")
        },
        "growth": [[f"2019-{month:02d}-01", 1000.0 * month] for month in range(1, 13)],
        "note": "made up",
    }
)


def made_up(count: int) -> gpd.GeoDataFrame:
    """Return `count` detections in a grid, in EPSG:4326."""
    events, statuses = (
        ("construction", "expansion", "demolition", "surface_change"),
        ("candidate", "confirmed", "closed"),
    )
    rows = [
        {
            "detection_id": f"d{number:07d}",
            "area_id": f"area-{number // PER_AREA:04d}",
            "facility_relation": "none",
            "facility_distance_m": float("nan"),
            "event": events[number % 4],
            "status": statuses[number % 3],
            "confidence": (number % 101) / 101,
            "onset_after": pd.Timestamp("2019-03-02"),
            "onset_by": pd.Timestamp("2019-06-10"),
            "confirmed_on": pd.NaT,
            "last_seen_on": pd.Timestamp("2020-10-11"),
            "looks_before": 9,
            "looks_after": 14,
            "area_m2": 4000.0 + number % 997,
            "evidence": _EVIDENCE,
            "sensors": "sentinel-2",
            "scene_ids": json.dumps([f"S2A_MSIL2A_2019{month:02d}02T050701" for month in range(1, 13)]),
            "settings_hash": "9f2c1e",
            "geometry": _square(number),
        }
        for number in range(count)
    ]
    return detections_frame(rows, epsg=4326)


def _square(number: int) -> Polygon:
    west, south = 75 + (number % 1000) * 2 * SIDE_DEG, 38 + (number // 1000) * 2 * SIDE_DEG
    return box(west, south, west + SIDE_DEG, south + SIDE_DEG)


def write_run(folder: Path, detections: gpd.GeoDataFrame, *, at: datetime, took: Callable[[str], None]) -> None:
    """Write a run's folder of these detections; `took` is told when each part is done."""
    folder.mkdir()
    nothing = gpd.GeoDataFrame({"id": [], "name": [], "kind": []}, geometry=[], crs=4326)
    layers = {
        "detections": detections,
        "coverage": coverage_frame([], epsg=4326),
        "areas": nothing,
        "facilities": nothing,
    }
    write_geopackage(folder / "sitewatch.gpkg", layers)
    took("GeoPackage with styles")
    write_geojson(folder / "detections.geojson", detections)
    took("GeoJSON")
    moves = [
        Move(
            detection_id=name, on=date(2020, 10, 11), status_from=None, status_to=Status(status), cause="12 clear looks"
        )
        for name, status in zip(detections["detection_id"], detections["status"], strict=True)
    ]
    write_moves(folder / HISTORY_TABLE, {"all": moves})
    took("table of moves")
    write_scenes(folder / SCENES_NAME, [])
    (folder / "run.json").write_text("{}", encoding="utf-8")
    write_manifest(folder, RunRecord(run_id=folder.name, created_at=at, code_version="benchmark"))


class Stopwatch:
    """Notes how long each step took, in seconds of the clock and of the processor."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float | str]] = []
        self._began = (time.perf_counter(), time.process_time())

    def __call__(self, step: str) -> None:
        """Note the time since the last call."""
        now = (time.perf_counter(), time.process_time())
        wall, cpu = (after - before for after, before in zip(now, self._began, strict=True))
        self.rows.append({"step": step, "seconds": round(wall, 3), "cpu_s": round(cpu, 3)})
        self._began = (time.perf_counter(), time.process_time())


def measure(count: int, url: str, folder: Path) -> list[dict[str, float | str]]:
    """Return a row a step."""
    detections = made_up(count)
    took = Stopwatch()
    detections.to_file(folder / "plain.gpkg", driver="GPKG")
    took("GeoPackage by geopandas alone, no styles")
    write_run(folder / "run-1", detections, at=START, took=took)
    changed = detections.copy()
    changed.loc[changed.index[::100], "area_m2"] += 500.0
    write_run(folder / "run-2", changed, at=START + timedelta(days=1), took=lambda _: None)
    store = Store.open(url)
    took("(the second run's files)")
    store.upgrade()
    took("tables of a new store")
    record_run(store, folder / "run-1")
    took(f"record {count} detections")
    record_run(store, folder / "run-2")
    took(f"record {count} of which one in a hundred changed")
    now = tables.detections
    with store.reading() as connection:
        connection.execute(select(now).where(now.c.area_id == "area-0003")).all()
        took(f"read the {min(count, PER_AREA)} detections of an area")
    west, south, *_ = _square(count // 2).bounds
    found = detections_within(store, (west, south, west + 10 * SIDE_DEG, south + 5 * SIDE_DEG))
    took(f"find the {len(found)} detections in a box")
    judged = add_verdicts(store, min(VERDICTS, count // 10))
    took(f"add {judged} verdicts")
    rows = [*took.rows, *(queue_times(store, name, asked) for name, asked in QUEUES.items())]
    store.close()
    return rows


def add_verdicts(store: Store, count: int) -> int:
    """Add verdicts of two readers on the most telling detections; in every tenth they disagree."""
    now = tables.detections
    with store.reading() as connection:
        asked = select(now.c.detection_id, now.c.area_id).order_by(now.c.worth.desc(), now.c.detection_id.desc())
        rows = connection.execute(asked.limit(count // 2)).all()
    given = [
        (area, Review(detection_id=name, verdict=_verdict(number, reader), reviewer=reader, at=START))
        for number, (name, area) in enumerate(rows)
        for reader in ("a", "b")
    ]
    return add_reviews(store, given)


def _verdict(number: int, reader: str) -> Verdict:
    is_other = reader == "b" and number % 10 == 0
    return Verdict.REJECTED if is_other else Verdict.CONFIRMED


def queue_times(store: Store, name: str, asked: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the median over ten questions, and how long the slowest took."""
    wall, cpu = [], []
    for _ in range(10):
        began = (time.perf_counter(), time.process_time())
        review_queue(store, limit=50, **asked)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    seconds = {"seconds": round(statistics.median(wall), 4), "cpu_s": round(statistics.median(cpu), 4)}
    return {"step": f"{name} (slowest {max(wall):.3f})", **seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--url", help="an empty database; without it a SQLite file that is removed afterwards")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(chosen.count, chosen.url or f"sqlite:///{folder}/store.sqlite", Path(folder))
    print(table(rows))
    if chosen.json:
        chosen.json.write_text(json.dumps({"count": chosen.count, "steps": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
