"""A finished run of 24 detections in one area, with rasters in which the two sides cannot be mistaken."""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from shapely.geometry import box

from detection.schema import coverage_frame, detections_frame, perimeters_frame
from geo.crs import reproject
from geo.grid import Grid
from outputs.rasters.cog import Band, Layout, write_cog
from outputs.review.server.access import Readers
from outputs.review.server.app import review_app
from outputs.review.server.desk import Desk
from outputs.serving.address import Address
from outputs.store import Store, record_run
from tests.outputs.store.runs import first_moves, write_run

HOSTILE_NAME = 'East <script>alert(1)</script> & "co" \''
COUNT = 24
GRID = Grid(epsg=32645, left_m=600_000, top_m=4_810_000, pixel_m=10, width_px=400, height_px=300)
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
DARK, BRIGHT = 600, 5000
"""Stored reflectance of the ground before, and of what stands there after."""
ADDRESS = Address(host="127.0.0.1", port=8750)
READERS = ("Anna", "Ben")
_EVIDENCE = {
    "features": {
        "brightness_step": {"value": 0.142, "weight": 9.5, "contribution": 1.35},
        "season_difference_days": {"value": 100, "weight": -0.004, "contribution": -0.4},
    },
    "note": "Roofs in rows <b>closed</b>",
}


def outline_m(number: int) -> tuple[float, float, float, float]:
    """Return the bounds of a detection in metres: 24 squares of 100 m in four rows."""
    left = GRID.left_m + 300 + 550 * (number % 6)
    bottom = GRID.top_m - 600 - 600 * (number // 6)
    return (left, bottom, left + 100, bottom + 100)


def _detection(number: int) -> Mapping[str, Any]:
    day = np.datetime64("2018-01-01") + number
    optional = ("roofs", "phase", "active_after", "active_by", "complete_after", "complete_by", "camp_likeness")
    return {
        **dict.fromkeys((*optional, "area_low_m2", "area_high_m2", "false_alerts_per_site_year", "verdict")),
        "detection_id": f"home-{number:02d}",
        "area_id": "home",
        "facility_id": "camp" if number == 0 else None,
        "facility_relation": "near" if number == 0 else "none",
        "facility_distance_m": 120.0 if number == 0 else np.nan,
        "event": "construction" if number % 2 else "demolition",
        "status": "candidate",
        "confidence": 0.5 + number / 100,
        "onset_after": day,
        "onset_by": day + 10,
        "confirmed_on": np.datetime64("NaT"),
        "not_observable_since": np.datetime64("NaT"),
        "last_seen_on": np.datetime64("2018-10-11"),
        "looks_before": 3,
        "looks_after": 11,
        "area_m2": 10_000.0,
        "evidence": json.dumps(_EVIDENCE),
        "sensors": "sentinel-2",
        "scene_ids": json.dumps(["a", "b"]),
        "settings_hash": "9f2c1e",
        "geometry": reproject(box(*outline_m(number)), from_epsg=GRID.epsg, to_epsg=4326),
    }


def _tables() -> dict[str, gpd.GeoDataFrame]:
    left, bottom, right, top = GRID.bounds_m
    area = reproject(box(left, bottom, right, top), from_epsg=GRID.epsg, to_epsg=4326)
    seen = {
        "area_id": "home",
        "outcome": "found",
        "period_start": np.datetime64("2017-03-02"),
        "period_end": np.datetime64("2018-10-11"),
        "looks": 12,
        "clear_looks": 9,
        "last_clear_look": np.datetime64("2018-10-11"),
        "observed_share": 0.997,
        "median_clear_looks": 9.0,
        "detectable_area_m2": 900.0,
        "detectable_contrast": 0.06,
        "not_seen": json.dumps([{"date": "2017-06-10", "reason": "cloud"}]),
        "settings_hash": "9f2c1e",
        "geometry": area,
    }
    return {
        "detections": detections_frame([_detection(number) for number in range(COUNT)], epsg=4326),
        "coverage": coverage_frame([seen], epsg=4326),
        "perimeters": perimeters_frame([], epsg=4326),
        "areas": gpd.GeoDataFrame({"id": ["home"], "name": ["Dabancheng 达坂城"]}, geometry=[area], crs=4326),
        "facilities": gpd.GeoDataFrame(
            {
                "id": ["camp"],
                "name": [HOSTILE_NAME],
                "names": [[HOSTILE_NAME]],
                "kind": ["camp"],
                "status": [None],
                "source": [None],
                "position_error_m": [np.nan],
            },
            geometry=[area.centroid],
            crs=4326,
        ),
    }


def _write_side(path: Path, side: str) -> None:
    values = np.full((len(BANDS), GRID.height_px, GRID.width_px), DARK, dtype=np.uint16)
    values[:, ::7, ::5] += 120
    if side == "after":
        for number in range(COUNT):
            left, _, right, top = outline_m(number)
            row, column = round((GRID.top_m - top) / 10), round((left - GRID.left_m) / 10)
            values[:, row : row + 10, column : column + round((right - left) / 10)] = BRIGHT
    values[:, :20, :20] = 0  # a corner that was not seen
    _write_raster(path, values, day="2017-03-02" if side == "before" else "2018-10-11")


def _write_raster(path: Path, values: NDArray[np.uint16], *, day: str) -> None:
    bands = tuple(Band(name=name, colour=ColorInterp.undefined, scale=1e-4, unit="reflectance") for name in BANDS)
    layout = Layout(bands=bands, dtype="uint16", nodata=0)
    write_cog(path, GRID, layout, [(0, values)], tags=lambda: {"ACQUISITION_DATE": day})


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the run; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("runs") / "20181012T000000Z-review"
    tables = _tables()
    write_run(folder, tables, first_moves(tables["detections"]), at=datetime(2018, 10, 12, tzinfo=UTC))
    credit = {"attribution": "Contains modified Copernicus Sentinel data 2017-2018"}
    (folder / "coverage.geojson").write_text(json.dumps(credit), encoding="utf-8")
    for side in ("before", "after"):
        _write_side(folder / "rasters" / "home" / f"{side}.tif", side)
    return folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Path:
    """Return a SQLite store that has the run, to be copied."""
    folder = tmp_path_factory.mktemp("recorded")
    store = Store.open(f"sqlite:///{folder / 'store.sqlite'}")
    store.upgrade()
    record_run(store, run_folder)
    path = store.backup(folder / "copy.sqlite")
    store.close()
    return path


@pytest.fixture
def review_store(tmp_path: Path, recorded: Path) -> Iterator[Store]:
    """Return a store that has the run."""
    shutil.copyfile(recorded, tmp_path / "store.sqlite")
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield store
    store.close()


@pytest.fixture
def desk(review_store: Store, run_folder: Path) -> Desk:
    """Return what the pages are made from."""
    return Desk(store=review_store, readers=2, run_dir=lambda: run_folder)


@pytest.fixture
def readers() -> Readers:
    """Return two readers, each with a token."""
    return Readers.make(READERS)


@pytest.fixture
def app(desk: Desk, readers: Readers) -> Any:  # noqa: ANN401  # an ASGI application is any callable
    """Return the server, to be asked without a socket."""
    return review_app(desk, readers, ADDRESS, credit=lambda: "Contains modified Copernicus Sentinel data 2017-2018")


@pytest.fixture
def workspace(tmp_path: Path, run_folder: Path, recorded: Path) -> Path:
    """Return a workspace whose newest run this is, recorded in its store."""
    root = tmp_path / "watch"
    (root / "runs").mkdir(parents=True)
    (root / "sitewatch.toml").write_text("", encoding="utf-8")
    (root / "areas.geojson").write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    (root / "latest").symlink_to(run_folder)
    shutil.copyfile(recorded, root / "store.sqlite")
    return root
