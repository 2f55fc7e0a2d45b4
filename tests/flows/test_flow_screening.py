"""A quiet area's new dates are screened; what shows something, or cannot be screened, is looked at as a whole."""

import csv
import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Polygon, mapping

from flows.area.outcome import AreaOutcome, State
from flows.area.pipeline import Job
from flows.area.product import find_product
from flows.area.screening import SCREEN_NAME, standing_of
from flows.pull.needs import need_of_run
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from geo.sealed import read_sealed

LOOKS = tuple(date(2020, 1, 10) + timedelta(days=25 * index) for index in range(18))
NEW = tuple(LOOKS[-1] + timedelta(days=20 * index) for index in range(1, 4))
SIDE_PX, LEFT_M, TOP_M = 70, 506_000.0, 5_000_800.0


def write_look(folder: Path, day: date, *, is_built: bool = False) -> None:
    """Write one look at the eastern place: textured ground, and blocks on it if wanted."""
    ground = np.random.default_rng(3).normal(2200, 120, (SIDE_PX, SIDE_PX))
    values = ground * np.array([0.7, 0.9, 1.0, 1.15])[:, None, None]
    values += np.random.default_rng(day.toordinal()).normal(0, 12, values.shape)
    if is_built:
        values[:, 28:42, 28:42] = 4000
    size = {"count": 4, "width": SIDE_PX, "height": SIDE_PX, "crs": "EPSG:32631"}
    path = folder / f"S2A_{day:%Y%m%d}T110000_east.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", transform=Affine(10, 0, LEFT_M, 0, -10, TOP_M), **size
    ) as file:
        file.write(values.clip(1, 10_000).astype(np.uint16))
        file.descriptions = ("B02", "B03", "B04", "B08")


@pytest.fixture
def watched(tmp_path: Path, polygon_of: Callable[[str], Polygon]) -> Path:
    """Return the folder around a workspace over one quiet place that was run once, after a year and more of looks."""
    root, imagery = tmp_path / "workspace", tmp_path / "imagery"
    root.mkdir()
    imagery.mkdir()
    for day in LOOKS:
        write_look(imagery, day)
    shape = mapping(polygon_of("east"))
    feature = {"type": "Feature", "properties": {"id": "east", "name": "East"}, "geometry": shape}
    (root / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    configure(tmp_path, "[monitor]\nenabled = true\n")
    (outcome,) = run_workspace(root).outcomes
    assert outcome.state is State.DONE
    return tmp_path


def configure(folder: Path, more: str) -> None:
    (folder / "workspace" / "sitewatch.toml").write_text(
        '[workspace]\nfacilities = ""\n[source]\nkind = "folder"\npath = "../imagery"\n'
        f"[grid]\nmargin_m = 150.0\n[limits]\npictures = 0\n{more}"
    )


def run(folder: Path) -> AreaOutcome:
    (outcome,) = run_workspace(folder / "workspace").outcomes
    return outcome


def state_path(folder: Path) -> Path:
    return Workspace.open(folder / "workspace").area_dir("east") / SCREEN_NAME


def test_a_quiet_new_date_is_screened_and_the_tables_say_so(watched: Path) -> None:
    first = (watched / "workspace" / "latest").resolve()
    write_look(watched / "imagery", NEW[0])
    outcome = run(watched)
    assert outcome.state is State.SCREENED
    assert outcome.reason == (
        f"screened until {NEW[0]} (1 clear date since all dates were looked at together, up to {LOOKS[-1]}): "
        "no evidence of change"
    )
    newest = (watched / "workspace" / "latest").resolve()
    assert newest != first
    coverage = pyogrio.read_dataframe(newest / "sitewatch.gpkg", layer="coverage").iloc[0]
    assert str(coverage["screened_until"])[:10] == NEW[0].isoformat()
    assert str(coverage["period_end"])[:10] == LOOKS[-1].isoformat()
    assert coverage["screened_looks"] == 1
    assert coverage["unscreened_share"] == 0
    rows = list(csv.DictReader((newest / "scenes.csv").read_text().splitlines()))
    assert [row["fate"] for row in rows] == ["used"] * len(LOOKS) + ["screened"]
    assert "only screened, one by one, until" in (newest / "summary.html").read_text()


def test_what_was_screened_is_not_screened_again(watched: Path) -> None:
    write_look(watched / "imagery", NEW[0])
    run(watched)
    before = state_path(watched).read_bytes()
    again = run(watched)
    assert again.state is State.UP_TO_DATE
    assert "no evidence of change" in again.reason
    assert state_path(watched).read_bytes() == before


def test_dates_one_run_each_are_as_dates_in_one_run(watched: Path, tmp_path: Path) -> None:
    together = tmp_path / "together"
    together.mkdir()
    for name in ("workspace", "imagery"):
        shutil.copytree(watched / name, together / name, symlinks=True)
    for day in NEW:
        write_look(watched / "imagery", day)
        run(watched)
        write_look(together / "imagery", day)
    run(together)
    first, second = (read_sealed(state_path(folder), {"kind": "sitewatch screen"}) for folder in (watched, together))
    assert first[1]["state"] == second[1]["state"]
    for name, values in first[0].items():
        np.testing.assert_array_equal(values, second[0][name], err_msg=name)


def test_what_is_built_brings_a_full_pass_and_a_detection(watched: Path) -> None:
    states = []
    for day in NEW:
        write_look(watched / "imagery", day, is_built=True)
        outcome = run(watched)
        states.append(outcome.state)
    assert states[0] is State.SCREENED
    assert State.DONE in states
    assert outcome.confirmed + outcome.candidates > 0


def test_after_ninety_days_all_dates_are_looked_at_together(watched: Path) -> None:
    write_look(watched / "imagery", LOOKS[-1] + timedelta(days=95))
    outcome = run(watched)
    assert (outcome.state, outcome.reason) == (
        State.DONE,
        "1 new scene; 95 days since all dates were looked at together",
    )


@pytest.mark.parametrize("how", ["damaged", "half", "other-settings", "gone"])
def test_a_state_that_cannot_be_used_is_made_anew(watched: Path, how: str) -> None:
    path = state_path(watched)
    if how == "damaged":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    elif how == "half":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "other-settings":
        configure(watched, "[monitor]\nenabled = true\nheight = 7.0\n")
    else:
        path.unlink()
    write_look(watched / "imagery", NEW[0])
    assert run(watched).state is State.DONE
    write_look(watched / "imagery", NEW[1])
    assert run(watched).state is State.SCREENED


def test_a_write_that_fails_leaves_the_earlier_state(watched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state_path(watched)
    before = path.read_bytes()
    write_look(watched / "imagery", NEW[0])

    def full(file: BinaryIO, **_: object) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("geo.sealed.np.savez", full)
        assert run(watched).state is State.FAILED
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*.tmp-*"))
    assert run(watched).state is State.SCREENED


def test_a_scene_older_than_those_known_is_looked_at_with_all(watched: Path) -> None:
    write_look(watched / "imagery", LOOKS[-1] - timedelta(days=3))
    assert "a scene older than those known" in run(watched).reason


def test_without_the_section_every_new_date_is_a_full_pass(watched: Path) -> None:
    configure(watched, "")
    write_look(watched / "imagery", NEW[0])
    outcome = run(watched)
    assert (outcome.state, outcome.reason) == (State.DONE, "1 new scene")
    assert not state_path(watched).exists()


def test_the_plan_counts_the_new_date_alone(watched: Path) -> None:
    write_look(watched / "imagery", NEW[0])
    job = Job.open(watched / "workspace")
    need = need_of_run(job, job.areas["east"], force=False)
    assert need.scenes == 1
    assert need.note == "1 new scene, to be screened; the others only if that shows something"


def test_a_broken_new_scene_is_listed_and_stops_nothing(watched: Path) -> None:
    (watched / "imagery" / f"S2A_{NEW[0]:%Y%m%d}T110000_B04.tif").write_bytes(b"no image")
    outcome = run(watched)
    assert outcome.state is State.SCREENED
    assert "none clear enough" in outcome.reason
    product = find_product(state_path(watched).parent)
    assert product is not None
    standing = standing_of(product, Workspace.open(watched / "workspace").config.monitor)
    assert standing is not None
    assert [look["fate"] for look in standing.looks] == ["unreadable"]
