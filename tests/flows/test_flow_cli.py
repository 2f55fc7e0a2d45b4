"""The command line answers with one clear line, the right exit code, and JSON alone where JSON was asked for."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from shapely.geometry import Polygon
from typer.testing import CliRunner

from flows.cli import app

if TYPE_CHECKING:
    from tests.flows.conftest import Site

Polygons = Callable[[str], Polygon]
HEAVY = ("prefect", "matplotlib", "sentinelhub", "rasterio", "geopandas", "xarray", "skimage", "pydantic")


def call(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def one_line(text: str) -> str:
    """Return the only line of `text`."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


# --- speed and imports ---------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['sitewatch', '--help']\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "finally: print('IMPORTED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    imported = {name.split(".")[0] for name in done.stdout.rsplit("IMPORTED", 1)[1].split()}
    assert imported.isdisjoint(HEAVY)


def test_help_takes_less_than_a_second_of_processor_time() -> None:
    before = os.times()
    subprocess.run([sys.executable, "-m", "flows.cli", "--help"], check=True, capture_output=True)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.0


@pytest.mark.parametrize("command", [(), ("run",), ("flow", "run")])
def test_help_tells_the_exit_codes(command: tuple[str, ...]) -> None:
    code, out, _ = call(*command, "--help")
    assert code == 0
    assert "3 nothing could be written" in " ".join(out.split())


def test_a_wrong_option_is_wrong_usage() -> None:
    assert call("run", "--wrokspace", "x")[0] == 2


# --- what goes well ------------------------------------------------------------------------------


def test_version_says_the_version() -> None:
    code, out, _ = call("version", "--json")
    assert (code, list(json.loads(out))) == (0, ["version"])


def test_a_run_ends_with_a_table_and_says_where_things_are(site: "Site") -> None:
    code, out, err = call("run", "-w", site.root)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["area", "state", "outcome", "confirmed", "candidate", "clear", "looks", "seconds"]
    assert lines[1].split()[:6] == ["west", "done", "found", "1", "0", "7/7"]
    assert lines[2].split()[:4] == ["east", "done", "nothing", "found"]
    for line in lines[3:]:
        assert Path(line.split(":", 1)[1].strip()).exists(), line


def test_nothing_new_is_said(ran: "Site") -> None:
    code, out, _ = call("run", "-w", ran.root)
    assert (code, out.splitlines()[0]) == (0, "nothing new: 2 areas up to date")


@pytest.mark.parametrize("order", ["before", "behind"])
def test_options_may_stand_before_and_behind_the_command(ran: "Site", order: str) -> None:
    options = ("-w", ran.root, "--json")
    code, out, _ = call(*options, "run") if order == "before" else call("run", *options)
    assert (code, json.loads(out)["exit_code"]) == (0, 0)


def test_json_is_one_document_and_nothing_else(ran: "Site") -> None:
    code, out, err = call("run", "-w", ran.root, "--json", "--area", "east", "--force")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert [area["area_id"] for area in document["areas"]] == ["east"]
    assert Path(document["folder"]).is_dir()


def test_quiet_says_nothing(ran: "Site") -> None:
    assert call("run", "-w", ran.root, "-q") == (0, "", "")


def test_config_prints_settings_that_can_be_used(tmp_path: Path) -> None:
    code, out, _ = call("config")
    (tmp_path / "sitewatch.toml").write_text(out, encoding="utf-8")
    assert code == 0
    assert call("doctor", "-w", tmp_path, "--json")[1].count("unknown key") == 0


def test_verify_finds_what_was_changed_missing_and_added(ran: "Site") -> None:
    assert call("verify", "-w", ran.root)[0] == 0
    newest = ran.root / "latest"
    (newest / "detections.geojson").write_text("{}")
    (newest / "coverage.geojson").unlink()
    (newest / "extra.txt").write_text("x")
    code, out, err = call("verify", newest)
    assert (code, out) == (1, "")
    assert sorted(line.rsplit(": ", 1)[1] for line in err.splitlines()) == ["added", "altered", "missing"]


def test_verify_of_nothing_is_an_error(site: "Site") -> None:
    code, _, err = call("verify", "-w", site.root)
    assert code == 2
    assert "expected the folder of a run" in one_line(err)


def test_variables_of_another_installation_are_ignored_and_said(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROJ_DATA", "/usr/share/proj")
    code, _, err = call("run", "-w", ran.root)
    assert code == 0
    assert one_line(err).startswith("sitewatch: warning: ignored PROJ_DATA")
    assert "PROJ_DATA" not in os.environ


# --- what goes wrong -----------------------------------------------------------------------------


def truncate(site: "Site") -> str:
    path = sorted(site.imagery.glob("*_west.tif"))[1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path.name


def take_the_place_away(site: "Site") -> str:
    path = sorted(site.imagery.glob("*_west.tif"))[1]
    path.unlink()
    return site.write_scene("west", site.days()[1], epsg=None).name


def take_a_band_away(site: "Site") -> str:
    path = sorted(site.imagery.glob("*_west.tif"))[1]
    path.unlink()
    site.write_scene("west", site.days()[1], bands=("B02", "B03", "B04"))
    return "B08"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("damage", [truncate, take_the_place_away, take_a_band_away])
def test_a_bad_image_is_one_line_and_nothing_else_is_lost(site: "Site", damage: Callable[["Site"], str]) -> None:
    name = damage(site)
    code, out, err = call("run", "-w", site.root, "--json")
    assert code == 1
    assert one_line(err).startswith("sitewatch: problem: area")
    assert name in err
    west, east = json.loads(out)["areas"]
    assert (west["state"], west["looks"], west["outcome"]) == ("done", 6, "found")
    assert east["outcome"] == "nothing_found"


def name_without_date(site: "Site") -> str:
    (site.imagery / "sometime.tif").write_bytes(next(site.imagery.iterdir()).read_bytes())
    return "sometime.tif"


def impossible_date(site: "Site") -> str:
    (site.imagery / "S2A_20201345.tif").write_bytes(next(site.imagery.iterdir()).read_bytes())
    return "S2A_20201345.tif"


def empty_folder(site: "Site") -> str:
    for path in site.imagery.iterdir():
        path.unlink()
    return "imagery"


def no_folder(site: "Site") -> str:
    site.imagery.rename(site.imagery.with_name("elsewhere"))
    return "imagery"


def self_crossing_area(site: "Site") -> str:
    west, south, east, north = 3.0, 45.0, 3.01, 45.01
    site.write_areas(bow=Polygon([(west, south), (east, north), (east, south), (west, north)]))
    return "areas.geojson"


def no_areas(site: "Site") -> str:
    (site.root / "areas.geojson").unlink()
    return "areas.geojson"


def no_facilities(site: "Site") -> str:
    site.configure(workspace={"facilities": "missing.geojson"})
    return "missing.geojson"


def typo(site: "Site") -> str:
    site.configure(grid={"pixl_m": 10})
    return "did you mean 'pixel_m'?"


def no_settings(site: "Site") -> str:
    (site.root / "sitewatch.toml").unlink()
    return "sitewatch init"


@pytest.mark.parametrize(
    "damage",
    [
        name_without_date,
        impossible_date,
        empty_folder,
        no_folder,
        self_crossing_area,
        no_areas,
        no_facilities,
        typo,
        no_settings,
    ],
)
def test_what_is_wrong_from_the_start_is_one_line_and_nothing_is_run(
    site: "Site", damage: Callable[["Site"], str]
) -> None:
    said = damage(site)
    code, out, err = call("run", "-w", site.root)
    assert (code, out) == (2, "")
    assert one_line(err).startswith("sitewatch: error: ")
    assert said in err
    assert not (site.root / "runs").exists()


def test_an_error_is_a_document_where_json_was_asked_for(tmp_path: Path) -> None:
    code, out, err = call("run", "-w", tmp_path, "--json")
    assert json.loads(out) == {"error": err.removeprefix("sitewatch: error: ").strip(), "exit_code": code}


def test_only_areas_outside_the_imagery_is_an_answer_with_exit_1(site: "Site", polygon_of: Polygons) -> None:
    site.write_areas(far=polygon_of("far"))
    code, _, err = call("run", "-w", site.root)
    assert code == 1
    assert one_line(err) == "sitewatch: problem: area far: no imagery: no scene of the period touches it"


def test_a_workspace_that_cannot_be_written_ends_with_3(site: "Site") -> None:
    (site.root / "state").write_text("a file where a folder should be")
    code, _, err = call("run", "-w", site.root)
    assert code == 3
    assert "cannot write" in one_line(err)


def test_a_runs_folder_that_cannot_be_written_ends_with_3_and_loses_no_product(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def read_only(self: Path, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # whatever mkdir takes
        if "runs" in self.parts:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        make(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", read_only)
        code, _, err = call("run", "-w", site.root)
    assert code == 3
    assert "Read-only file system" in one_line(err)
    code, out, _ = call("run", "-w", site.root, "--json")
    assert (code, {area["state"] for area in json.loads(out)["areas"]}) == (0, {"up to date"})


def test_stopping_is_said_to_keep_what_was_finished(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.runs.run.watch_or_fail", stopped)
    code, _, err = call("run", "-w", ran.root)
    assert (code, one_line(err)) == (130, "sitewatch: note: stopped; what was finished is kept")


def test_a_second_run_at_the_same_time_says_so_and_ends(ran: "Site") -> None:
    from flows.settings.workspace import Workspace, locked  # noqa: PLC0415  # after the other imports were measured

    with locked(Workspace.open(ran.root)):
        code, _, err = call("run", "-w", ran.root)
    assert code == 3
    assert "another run" in one_line(err)


# --- the doctor ----------------------------------------------------------------------------------


def findings(*arguments: object) -> tuple[int, dict[str, dict[str, str]]]:
    code, out, _ = call("doctor", "--json", *arguments)
    document = json.loads(out)
    assert document["can_run"] == (code == 0)
    return code, {finding["topic"]: finding for finding in document["findings"]}


def test_the_doctor_counts_scenes_and_dates(site: "Site") -> None:
    code, found = findings("-w", site.root)
    assert code == 0
    assert "14 scenes, 7 dates, 2020-01-10 to 2020-05-09" in found["imagery"]["text"]


def test_the_doctor_writes_nothing(site: "Site") -> None:
    before = sorted(site.root.rglob("*"))
    findings("-w", site.root)
    assert sorted(site.root.rglob("*")) == before


def test_the_doctor_says_that_credentials_are_set_and_not_what_they_are(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SH_CLIENT_SECRET", "hush-hush")
    _, out, err = call("doctor", "-w", site.root)
    assert "hush-hush" not in out + err
    _, found = findings("-w", site.root)
    assert found["SH_CLIENT_SECRET"]["text"] == "set"
    assert found["SH_CLIENT_ID"]["text"].startswith("not set")


@pytest.mark.parametrize(
    ("damage", "topic"),
    [
        (empty_folder, "imagery"),
        (no_folder, "imagery"),
        (self_crossing_area, "watch list"),
        (typo, "settings"),
        (no_settings, "settings"),
    ],
)
def test_the_doctor_names_what_would_stop_a_run(site: "Site", damage: Callable[["Site"], str], topic: str) -> None:
    said = damage(site)
    code, found = findings("-w", site.root)
    assert code == 1
    assert found[topic]["level"] == "problem"
    assert said in found[topic]["text"]


def test_the_doctor_names_variables_of_another_installation(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_DATA", "/elsewhere")
    _, found = findings("-w", site.root)
    assert found["GDAL_DATA"]["level"] == "note"


def test_the_doctor_finds_a_folder_that_cannot_be_written(site: "Site") -> None:
    (site.root / "runs").write_text("a file")
    code, found = findings("-w", site.root)
    assert code == 1
    assert found["runs folder"]["level"] == "problem"
