"""Every scene that was found is recorded once, with what became of it."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import box, mapping

from detection.detect import Findings, find_changes
from detection.params import DetectParams
from flows.reading.looks import MaskSettings, read_looks
from flows.reading.scenes import scene_rows, tiles
from flows.runs.run import run_workspace
from geo.choice import Choice
from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.persistence import PersistenceParams
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef
from outputs.scenes.table import Fate, SceneRow

if TYPE_CHECKING:
    from tests.flows.conftest import Site

SIDE = 40
GRID = Grid(epsg=32631, left_m=500_000, top_m=5_000_000, pixel_m=10, width_px=SIDE, height_px=SIDE)
INSIDE = np.zeros(GRID.shape, dtype=bool)
INSIDE[10:30, 10:30] = True
BANDS = ("B02", "B03", "B04", "B08")


def ref(index: int) -> SceneRef:
    return SceneRef(
        scene_id=f"s{index}",
        observed_at=datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=10 * index),
        platform="sentinel-2a",
        bands=(*BANDS, "SCL"),
        fingerprint="f",
        processing_baseline="05.10",
        relative_orbit=7,
        cloud_share=0.1,
    )


class Shelf:
    """Six looks: number 1 is broken, number 3 under cloud, and in three a roof is taken for a cloud."""

    credit = "nobody"

    def search(self, *_: object, **__: object) -> Sequence[SceneRef]:
        return [ref(index) for index in range(7)]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        if ref.scene_id == "s1":
            raise SourceError("s1.tif: damaged")
        rng = np.random.default_rng([3, int(ref.scene_id[1:])])
        classes = np.full(grid.shape, 5, dtype=np.float32)
        if ref.scene_id == "s3":
            classes[:, :28] = 9
        if ref.scene_id in {"s0", "s2", "s4"}:
            classes[18:22, 18:22] = 8
        base = np.random.default_rng(1).uniform(0.1, 0.3, grid.shape)
        values = {band: (base * (1 + 0.02 * rng.standard_normal(grid.shape))).astype(np.float32) for band in BANDS}
        return Scene(
            scene_id=ref.scene_id,
            observed_at=ref.observed_at,
            platform=ref.platform,
            quantity=Quantity.REFLECTANCE,
            grid=grid,
            bands={band: {**values, "SCL": classes}[band] for band in bands},
            is_clear=clear_from_scl(classes, MaskParams()),
        )


def recorded() -> tuple[dict[str, SceneRow], Findings]:
    choice = Choice(chosen=tuple(ref(index) for index in range(6)), left_out=((ref(6), "out of season"),))
    looks = read_looks(Shelf(), choice.chosen, GRID, area_id="a")
    assert looks.stack is not None
    found = find_changes(looks.stack, "a", INSIDE, DetectParams())
    rows = scene_rows("a", choice, looks, found, INSIDE)
    assert [row.scene_id for row in rows] == [f"s{index}" for index in range(7)]
    drawn = tiles(rows, looks)
    assert [tile.thumbnail is not None for tile in drawn] == [row.clear_share is not None for row in rows]
    return {row.scene_id: row for row in rows}, found


def test_each_scene_stands_once_with_its_fate() -> None:
    rows, _ = recorded()
    fates = {name: row.fate for name, row in rows.items()}
    assert fates == {
        "s0": Fate.USED,
        "s1": Fate.UNREADABLE,
        "s2": Fate.USED,
        "s3": Fate.TOO_HIDDEN,
        "s4": Fate.USED,
        "s5": Fate.USED,
        "s6": Fate.NOT_CHOSEN,
    }
    assert (rows["s1"].reason, rows["s6"].reason) == ("s1.tif: damaged", "out of season")
    assert rows["s3"].reason.endswith("of the area clearly seen, 20% needed")


def test_shares_are_of_the_area_and_add_up() -> None:
    rows, _ = recorded()
    cloudy = rows["s3"]
    assert cloudy.clear_share == 0
    assert cloudy.hidden_shares is not None
    assert dict(cloudy.hidden_shares) == pytest.approx({"cloud": 0.9, "beside": 0.1})
    assert rows["s1"].clear_share is None
    assert (cloudy.processing_baseline, cloudy.relative_orbit, cloudy.catalogue_cloud_share) == ("05.10", 7, 0.1)


def test_a_roof_taken_for_a_cloud_is_seen_again_and_that_is_told() -> None:
    rows, _ = recorded()
    restored = {name for name, row in rows.items() if row.restored_share}
    assert restored == {"s0", "s2", "s4"}
    assert rows["s0"].clear_share == 1
    assert rows["s0"].restored_share == pytest.approx(52 / 400)


def test_the_rescue_can_be_switched_off() -> None:
    masks = MaskSettings(persistence=PersistenceParams(min_dates=0))
    looks = read_looks(Shelf(), [ref(0), ref(2), ref(4)], GRID, area_id="a", masks=masks)
    assert not any(scene.is_restored.any() for scene in looks.scenes)
    assert looks.stack is not None
    assert looks.stack.bands == BANDS
    assert not looks.stack.is_clear[:, 20, 20].any()


def test_measured_shifts_are_recorded_for_the_scenes_that_were_used() -> None:
    rows, found = recorded()
    assert found.registered is not None
    assert rows["s3"].shift_px is None
    told = {row.scene_id for row in rows.values() if row.shift_px is not None}
    assert told <= set(found.registered.scene_ids)
    assert told


def test_with_nothing_to_compare_clear_looks_are_alone() -> None:
    choice = Choice(chosen=(ref(0), ref(3)))
    looks = read_looks(Shelf(), choice.chosen, GRID, area_id="a")
    assert looks.stack is not None
    found = find_changes(looks.stack, "a", INSIDE, DetectParams())
    rows = scene_rows("a", choice, looks, found, INSIDE)
    assert [row.fate for row in rows] == [Fate.ALONE, Fate.TOO_HIDDEN]
    hidden = scene_rows("a", choice, looks, replace(found, looks=()), ~INSIDE & INSIDE)
    assert [row.clear_share for row in hidden] == [None, None]


def test_a_run_leaves_the_table_and_a_picture_of_each_area(ran: "Site") -> None:
    newest = (ran.root / "latest").resolve()
    rows = _table(newest)
    assert Counter(row["area_id"] for row in rows) == {"west": 7, "east": 7}
    assert {row["fate"] for row in rows} == {"used"}
    page = (newest / "summary.html").read_text(encoding="utf-8")
    for name in ("pictures/west-looks.png", "pictures/east-looks.png", "scenes.csv"):
        assert (newest / name).is_file()
        assert f'href="{name}"' in page
    manifest = json.loads((newest / "manifest.json").read_text(encoding="utf-8"))
    assert "scenes.csv" in manifest["outputs"]


REAL = {
    "romania": ("romania_forest/sentinel2_cube_subset_romania_10m.nc", 3035, "", "2019-06-01"),
    "flanders": ("flanders_s1_s2/bap_quintad_cdse.nc", 32631, "0.0001", "2022-01-01"),
}


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.usefixtures("real_detector")
@pytest.mark.parametrize("name", list(REAL))
def test_real_series_are_recorded_consistently(shared_data: Path, tmp_path: Path, name: str) -> None:
    path, epsg, scale, first = REAL[name]
    rows = _table(_real_run(tmp_path, shared_data / path, epsg=epsg, scale=scale, first=first))
    assert len({row["scene_id"] for row in rows}) == len(rows) == {"romania": 57, "flanders": 20}[name]
    assert [row["observed_at"] for row in rows] == sorted(row["observed_at"] for row in rows)
    for row in rows:
        causes = sum(
            float(row[f"{cause}_share"]) for cause in ("cloud", "shadow", "snow", "saturated", "beside", "nodata")
        )
        assert float(row["clear_share"]) + causes == pytest.approx(1, abs=0.002)
        assert (float(row["clear_share"]) >= 0.2) == (row["fate"] != "too_hidden")
        assert (row["is_used"] == "true") == (row["fate"] == "used") == (row["reason"] == "")
        assert row["is_used"] == "true" or row["shift_down_px"] == ""
    fates = {row["observed_at"][:10]: row["fate"] for row in rows}
    if name == "romania":  # dates whose pictures show snow, a cloud deck, and thick haze
        assert fates["2020-02-06"] == fates["2019-06-11"] == "too_hidden"
        assert fates["2020-11-22"] == fates["2020-09-03"] == "murky"
        assert 25 <= sum(row["is_used"] == "true" for row in rows) <= 40
    else:  # two dates that the classification calls clear show nothing but cloud
        assert fates["2022-12-06"] == fates["2022-12-16"] == "murky"
        assert {day for day, fate in fates.items() if fate == "used"} == {"2022-11-11", "2023-01-16", "2023-02-11"}


def _table(run: Path) -> list[Mapping[str, str]]:
    with (run / "scenes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _real_run(root: Path, cube: Path, *, epsg: int, scale: str, first: str) -> Path:
    """Watch the middle of `cube` and return the folder of the run."""
    import xarray as xr  # noqa: PLC0415  # for the extent of the cube alone

    (root / "imagery").mkdir()
    shutil.copy(cube, root / "imagery")
    if scale:
        (root / "imagery" / "scenes.csv").write_text(f"file,scale\n{cube.name},{scale}\n", encoding="utf-8")
    with xr.open_dataset(cube) as dataset:
        x, y = (float(dataset[axis].mean()) for axis in ("x", "y"))
    to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True)
    outline = box(*to_degrees.transform_bounds(x - 200, y - 200, x + 200, y + 200))
    feature = {"type": "Feature", "properties": {"id": "here", "name": "Here"}, "geometry": mapping(outline)}
    (root / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (root / "sitewatch.toml").write_text(
        '[workspace]\nfacilities = ""\n[source]\nkind = "folder"\npath = "imagery"\n[grid]\nmargin_m = 50.0\n'
        f"[limits]\npictures = 0\n[period]\nfirst = {first}\n"
    )
    report = run_workspace(root)
    assert report.run_dir is not None
    return report.run_dir
