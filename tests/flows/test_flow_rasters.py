"""A run makes the maps of each area once, shares them with its folder, and lists them."""

import json
import shutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from detection.room import Room
from flows.area.pipeline import Job
from flows.area.rasters import further_bands
from flows.reading.blocks import read_area
from flows.reading.looks import Looks
from flows.runs.publish import publish
from flows.runs.run import run_workspace
from geo.errors import ConfigError
from outputs.evidence.manifest import verify_manifest
from outputs.rasters.maps import RASTER_NAMES
from tests.flows.conftest import Site, make_site

AREAS = ("west", "east")
pytestmark = pytest.mark.usefixtures("real_detector")
"""Maps are made of what the real detector measures."""


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steady every test."""
    steady_in(monkeypatch)


def steady_in(patch: pytest.MonkeyPatch) -> None:
    """Let no edit of the code during the tests make products anew."""
    for module in ("flows.area.pipeline", "flows.runs.publish"):
        patch.setattr(f"{module}.code_version", lambda: "0.0+test")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a workspace with two areas that was run once; tests only look at it."""
    made = make_site(tmp_path_factory.mktemp("maps"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        steady_in(patch)
        run_workspace(made.root)
    return made


@pytest.fixture
def mapped(once: Site) -> Path:
    """Return the folder of that run."""
    return (once.root / "latest").resolve()


@pytest.fixture
def again(once: Site, tmp_path: Path) -> Site:
    """Return a copy of that workspace, to be changed."""
    shutil.copytree(once.root.parent, tmp_path / "copy", symlinks=True)
    copied = Site(root=tmp_path / "copy" / "workspace", imagery=tmp_path / "copy" / "imagery")
    copied.settings = tomllib.loads((copied.root / "sitewatch.toml").read_text(encoding="utf-8"))
    return copied


def test_each_area_has_its_maps_in_the_run_and_in_the_manifest(mapped: Path, once: Site) -> None:
    listed = json.loads((mapped / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    for area in AREAS:
        for name in RASTER_NAMES:
            path = mapped / "rasters" / area / f"{name}.tif"
            assert cog_validate(path, strict=True, quiet=True)[0]
            assert f"rasters/{area}/{name}.tif" in listed
            kept = once.root / "state" / "areas" / area / "current" / "rasters" / f"{name}.tif"
            assert kept.samefile(path), "one file with two names"
    assert verify_manifest(mapped) == []


def test_before_and_after_are_what_the_files_hold(mapped: Path, once: Site) -> None:
    """Within the tenth of a pixel that the looks were moved by; the blocks stand in the last look alone."""
    with (
        rasterio.open(mapped / "rasters" / "west" / "after.tif") as file,
        rasterio.open(max(once.imagery.glob("*_west.tif"))) as seen,
    ):
        window = seen.window(*file.bounds)
        expected = seen.read(window=window)
        assert file.tags()["ACQUISITION_DATE"] == once.days()[-1].isoformat()
        np.testing.assert_allclose(file.read(), expected, atol=60)
    with rasterio.open(mapped / "rasters" / "west" / "before.tif") as file:
        assert file.tags()["ACQUISITION_DATE"] == once.days()[0].isoformat()
        assert file.read().max() < 3_400


def test_the_change_stands_where_and_when_it_happened(mapped: Path, once: Site) -> None:
    with rasterio.open(mapped / "rasters" / "west" / "onset.tif") as file:
        onset, counts = np.unique(file.read(1), return_counts=True)
        day = (once.days()[3] - once.days()[3].replace(year=1970, month=1, day=1)).days
    assert dict(zip(onset.tolist(), counts.tolist(), strict=True))[day] == pytest.approx(400, rel=0.15)
    with rasterio.open(mapped / "rasters" / "east" / "onset.tif") as file:
        assert not file.read(1).any()


def test_an_up_to_date_second_run_writes_nothing(again: Site) -> None:
    before = {path: path.stat().st_mtime_ns for path in again.root.rglob("*.tif")}
    report = run_workspace(again.root)
    assert not report.is_new
    assert {path: path.stat().st_mtime_ns for path in again.root.rglob("*.tif")} == before
    assert len(list((again.root / "runs").iterdir())) == 1


def test_turning_the_switch_makes_the_products_anew(again: Site) -> None:
    earlier = (again.root / "latest").resolve()
    again.configure(products={"rasters": False, "timelapses": []})
    report = run_workspace(again.root)
    assert {one.reason for one in report.outcomes} == {"settings changed"}
    assert not (again.root / "latest" / "rasters").exists()
    assert not list((again.root / "latest" / "timelapse").iterdir())
    assert (again.root / "latest" / "catalog.json").exists()
    assert (earlier / "rasters" / "west" / "after.tif").exists(), "an earlier run keeps what it had"


def test_where_the_disk_links_nothing_the_maps_are_copied(again: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    run_dir = publish(Job.open(again.root), (), started=datetime(2030, 1, 1, tzinfo=UTC), force=True).run_dir
    assert run_dir is not None
    path = run_dir / "rasters" / "west" / "after.tif"
    assert path.stat().st_nlink == 1
    assert cog_validate(path, strict=True, quiet=True)[0]
    assert verify_manifest(run_dir) == []


def test_an_area_worked_on_in_blocks_has_the_same_maps(
    mapped: Path, again: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _maps(mapped)
    rooms: list[Room | None] = []

    def noted(*args: Any, **kwargs: Any) -> Looks:  # noqa: ANN401  # as the reader takes them
        rooms.append(kwargs["room"])
        return read_area(*args, **kwargs)

    monkeypatch.setattr("flows.area.pipeline.read_area", noted)
    monkeypatch.setattr("flows.area.pipeline.check_blocks", lambda *_, **__: None)
    monkeypatch.setattr("flows.reading.blocks.MARGIN_PX", 16)
    monkeypatch.setattr("flows.reading.blocks.COPIES", 10_000)
    monkeypatch.setattr("flows.reading.blocks._bytes_a_px", lambda *_: 1.7e9 / 4_000)
    monkeypatch.setattr("detection.blocks.LEAST_BLOCK_PX", 32)
    monkeypatch.setattr("detection.changes._REGISTERED_COPIES", 1e9)
    monkeypatch.setattr("outputs.rasters.maps._STRIP_VALUES", 1)
    run_dir = run_workspace(again.root, force=True).run_dir
    assert run_dir is not None
    assert all(room is not None for room in rooms)
    assert len(rooms) == len(AREAS)
    for name, values in _maps(run_dir).items():
        np.testing.assert_allclose(values, whole[name], rtol=0.02, atol=2, err_msg=name)


def _maps(run_dir: Path) -> dict[str, np.ndarray]:
    found = {}
    for name in ("before", "after", "clear_looks"):
        with rasterio.open(run_dir / "rasters" / "west" / f"{name}.tif") as file:
            found[name] = file.read().astype(float)
    return found


def test_mp4_without_ffmpeg_stops_before_anything_is_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure(products={"timelapses": ["mp4"]})
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ConfigError, match="mp4 needs the program ffmpeg"):
        run_workspace(site.root)


def test_short_wave_infrared_is_offered_only_where_every_look_has_it(site: Site) -> None:
    job = Job.open(site.root)
    area = job.areas["west"]
    refs = job.source.search(area.polygon_4326, first=site.days()[0], last=site.days()[-1])

    class Two:
        scene_ids = tuple(ref.scene_id for ref in refs[:2])

    assert further_bands(job.source, refs, Two()) is None  # type: ignore[arg-type]  # only the ids are asked for


def test_every_detection_has_its_series_and_its_time_lapse(mapped: Path) -> None:
    (picture,) = [
        path
        for path in (mapped / "pictures").glob("west-*.png")
        if path.stem.count("-") == 1 and "looks" not in path.stem
    ]
    assert (mapped / "pictures" / f"{picture.stem}-false-colour.png").exists()
    assert (mapped / "series" / picture.name).exists()
    assert (mapped / "timelapse" / f"{picture.stem}.webp").exists()


def test_the_catalogue_of_a_run_lists_all_its_files(mapped: Path) -> None:
    found = set()
    for path in (mapped / "catalogue").rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        found |= {(path.parent / asset["href"]).resolve() for asset in document.get("assets", {}).values()}
    listed = {
        (mapped / name).resolve() for name in json.loads((mapped / "manifest.json").read_text("utf-8"))["outputs"]
    }
    catalogue = {path for path in listed if path.name == "catalog.json" or "catalogue" in path.parts}
    assert found == listed - catalogue
