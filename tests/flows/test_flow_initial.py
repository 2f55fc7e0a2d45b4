"""A new workspace can be run at once, and nothing that stands somewhere is overwritten."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS
from shapely.geometry import box
from typer.testing import CliRunner

from aoi.read.vector import read_areas, read_facilities
from flows.area.pipeline import Job
from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.config import Config, FolderSettings, SentinelHubSettings, StacSettings, load_config
from flows.settings.initial import hints, make_workspace
from geo.crs import reproject
from geo.errors import ConfigError, OutputError
from geo.grid import Grid
from geo.sources.simulated import scenario

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def test_the_sample_watch_list_is_that_of_the_simulated_world(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "new")
    world = scenario("demo", seed=0)
    areas = read_areas(made.root / "areas.geojson")
    assert [area.area_id for area in areas] == [area.area_id for area in world.areas()]
    for read, known in zip(areas, world.areas(), strict=True):
        assert shapely.equals_exact(read.polygon_4326.normalize(), known.polygon_4326.normalize(), tolerance=1e-6)
    places = read_facilities(made.root / "facilities.geojson")
    assert [place.names for place in places] == [place.names for place in world.known_places()]


def test_the_settings_are_the_defaults_and_open(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "new")
    assert load_config(made.root / "sitewatch.toml") == Config()
    assert len(Job.open(made.root).areas) == 4


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert make_workspace(tmp_path).root == tmp_path.resolve()


def test_a_workspace_is_never_overwritten(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    settings = (tmp_path / "sitewatch.toml").read_bytes()
    with pytest.raises(ConfigError, match="a workspace stands there already"):
        make_workspace(tmp_path)
    assert (tmp_path / "sitewatch.toml").read_bytes() == settings


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="new or empty folder"):
        make_workspace(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="a file stands there"):
        make_workspace(tmp_path / "file")


def test_a_place_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        make_workspace(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("source", "imagery", "said"),
    [
        pytest.param("folder", None, "go together", id="no-imagery"),
        pytest.param("simulated", "here", "go together", id="imagery-for-simulated"),
        pytest.param("satellite", None, "expected one of simulated, folder, stac, sentinelhub", id="unknown-source"),
        pytest.param("stac", "here", "go together", id="imagery-for-a-catalogue"),
        pytest.param("folder", "nowhere", "no such folder", id="missing-imagery"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, source: str, imagery: str | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_workspace(tmp_path / "new", source=source, imagery=tmp_path / imagery if imagery else None)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_images_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "imagery").mkdir()
    with pytest.raises(ConfigError, match="georeferenced image"):
        make_workspace(tmp_path / "new", source="folder", imagery=tmp_path / "imagery")
    assert not (tmp_path / "new" / "sitewatch.toml").exists()


def test_a_workspace_over_a_folder_of_images_can_be_run_at_once(site: "Site", tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "new", source="folder", imagery=site.imagery)
    assert made.config.source == FolderSettings(path="../imagery")
    report = run_workspace(made.root)
    assert [one.area_id for one in report.outcomes] == ["sample"]
    assert report.outcomes[0].looks == 7


def test_imagery_far_away_is_named_by_its_whole_path(site: "Site", tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "a" / "b" / "c", source="folder", imagery=site.imagery)
    assert made.config.source == FolderSettings(path=str(site.imagery.resolve()))


def test_the_command_tells_what_to_do_next(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "new")])
    assert result.exit_code == 0
    assert "sitewatch run -w" in result.stdout


def test_hints_name_every_file(tmp_path: Path) -> None:
    made = make_workspace(tmp_path)
    text = "\n".join(hints(made))
    for path in made.files:
        assert path.name in text


@pytest.mark.parametrize(
    ("source", "settings", "said"),
    [
        pytest.param("stac", StacSettings(preset="earth-search"), "no account is needed", id="stac"),
        pytest.param(
            "sentinelhub", SentinelHubSettings(), "SH_CLIENT_ID and SH_CLIENT_SECRET in the environment", id="account"
        ),
    ],
)
def test_a_workspace_for_imagery_from_the_network_is_whole_and_says_what_it_needs(
    tmp_path: Path,
    source: str,
    settings: StacSettings | SentinelHubSettings,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SH_CLIENT_ID", "client-of-mine")
    monkeypatch.setenv("SH_CLIENT_SECRET", "secret-of-mine")
    made = make_workspace(tmp_path / "new", source=source, today=date(2026, 3, 1))
    config = load_config(made.root / "sitewatch.toml")
    assert config == made.config
    assert config.source == settings
    assert config.period.first == date(2025, 3, 1)
    (area,) = Job.open(made.root).areas.values()
    assert Grid.around(area.polygon_4326, pixel_m=10).shape == pytest.approx((200, 200), abs=2)
    assert said in " ".join(hints(made))
    assert not any(b"of-mine" in path.read_bytes() for path in made.root.rglob("*") if path.is_file())


def test_the_settings_of_a_new_workspace_explain_every_kind_of_source(tmp_path: Path) -> None:
    for source in ("stac", "sentinelhub"):
        text = (make_workspace(tmp_path / source, source=source).root / "sitewatch.toml").read_text(encoding="utf-8")
        assert f'\nkind = "{source}"' in text
        assert text.count("# Or, instead:") == 3


def test_a_folder_of_cubes_alone_gives_a_sample_area_within_them(tmp_path: Path) -> None:
    (tmp_path / "imagery").mkdir()
    left_m, top_m = 500_000.0, 5_000_000.0
    x_m, y_m = left_m + 5 + 10 * np.arange(60), top_m - 5 - 10 * np.arange(40)
    days = np.array(["2020-01-10", "2020-02-10"], dtype="datetime64[ns]")
    values = np.full((2, 40, 60), 2000, dtype=np.float32)
    cube = xr.Dataset(
        {"B04": (("t", "y", "x"), values), "crs": ((), 0, CRS.from_epsg(32631).to_cf())},
        coords={"t": days, "x": x_m, "y": y_m},
    )
    cube["x"].attrs = {"standard_name": "projection_x_coordinate", "units": "m"}
    cube["y"].attrs = {"standard_name": "projection_y_coordinate", "units": "m"}
    cube["B04"].attrs = {"grid_mapping": "crs", "scale_factor": 1e-4}
    cube.to_netcdf(tmp_path / "imagery" / "cube.nc", engine="h5netcdf")
    made = make_workspace(tmp_path / "new", source="folder", imagery=tmp_path / "imagery")
    (area,) = read_areas(made.root / "areas.geojson")
    extent_4326 = reproject(box(left_m, top_m - 400, left_m + 600, top_m), from_epsg=32631, to_epsg=4326)
    assert area.polygon_4326.intersection(extent_4326).area == pytest.approx(area.polygon_4326.area, rel=1e-3)
    assert (
        len(Job.open(made.root).source.search(area.polygon_4326, first=date(2020, 1, 1), last=date(2020, 12, 31))) == 2
    )


@pytest.mark.realdata
def test_a_real_folder_of_cubes_can_be_watched(tmp_path: Path, shared_data: Path) -> None:
    cubes = sorted(shared_data.rglob("*.nc"))
    if not cubes:
        pytest.skip("no cubes among the real data")
    made = make_workspace(tmp_path / "new", source="folder", imagery=cubes[0].parent)
    (area,) = Job.open(made.root).areas.values()
    assert Job.open(made.root).source.search(area.polygon_4326, first=date(2000, 1, 1), last=date(2100, 1, 1))
