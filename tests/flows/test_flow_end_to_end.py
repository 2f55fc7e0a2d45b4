"""The whole of it, with the real detector, on a simulated world whose truth is known."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.config import Config, LimitSettings, SimulatedSettings
from flows.settings.initial import make_workspace, simulated_watch_list
from flows.settings.template import default_toml

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_detector")]


def workspace(folder: Path, config: Config) -> Path:
    """Make a workspace with other settings than those of the demo."""
    made = make_workspace(folder)
    (made.root / "sitewatch.toml").write_text(default_toml(config), encoding="utf-8")
    areas, _ = simulated_watch_list(config)
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": area.area_id, "name": area.name},
                "geometry": area.polygon_4326.__geo_interface__,
            }
            for area in areas
        ],
    }
    (made.root / "areas.geojson").write_text(json.dumps(collection), encoding="utf-8")
    return made.root


def test_the_demo_ends_with_what_was_found_of_the_truth_and_may_be_called_again(tmp_path: Path) -> None:
    root = workspace(tmp_path / "demo", Config(source=SimulatedSettings(scenario="compound", seed=1)))
    first = CliRunner().invoke(app, ["demo", str(root), "--json"])
    document = json.loads(first.stdout)
    assert first.exit_code == 0
    assert [event["event"] for event in document["truth"]["events"]] == ["construction"]
    assert document["truth"]["events"][0]["detection_id"] is not None
    assert (Path(document["folder"]) / "summary.html").is_file()
    second = CliRunner().invoke(app, ["demo", str(root)])
    assert second.exit_code == 0
    assert "nothing new: 1 area up to date" in second.stdout
    assert "found: 1 of 1 simulated events" in second.stdout
    assert "simulated: nothing here happened" in second.stdout


def test_everything_made_of_simulated_imagery_says_so(tmp_path: Path) -> None:
    root = workspace(tmp_path / "demo", Config(source=SimulatedSettings(scenario="removal", seed=1)))
    run_dir = run_workspace(root).run_dir
    assert run_dir is not None
    said = "Simulated imagery, not an observation"
    for name in ("detections.geojson", "coverage.geojson", "summary.html"):
        assert said in (run_dir / name).read_text(encoding="utf-8"), name
    for name in ("sitewatch.gpkg", *(f"pictures/{path.name}" for path in (run_dir / "pictures").iterdir())):
        assert said.encode() in (run_dir / name).read_bytes(), name


def test_the_demo_refuses_a_workspace_with_other_imagery(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "other")
    text = (made.root / "sitewatch.toml").read_text(encoding="utf-8")
    text = text.replace('kind = "simulated"', 'kind = "folder"\npath = "."', 1).replace('scenario = "demo"\n', "")
    (made.root / "sitewatch.toml").write_text(text.replace("seed = 0\n", ""), encoding="utf-8")
    (made.root / "S2A_20200101_B02_B03_B04.tif").write_bytes(b"no image")
    result = CliRunner().invoke(app, ["demo", str(made.root)])
    assert result.exit_code == 2
    assert "needs a workspace with simulated imagery" in result.stderr


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    alone, together = (
        workspace(
            tmp_path / name,
            Config(source=SimulatedSettings(scenario="quiet"), limits=LimitSettings(workers=workers)),
        )
        for name, workers in (("alone", 1), ("together", 2))
    )
    for root in (alone, together):
        areas = json.loads((root / "areas.geojson").read_text(encoding="utf-8"))
        again = json.loads(json.dumps(areas["features"][0]))
        again["properties"]["id"] = "again"
        areas["features"].append(again)
        (root / "areas.geojson").write_text(json.dumps(areas), encoding="utf-8")
    reports = [run_workspace(root) for root in (alone, together)]
    ids = [[one.area_id for one in report.outcomes] for report in reports]
    assert ids == [["sim-quiet", "again"]] * 2
    for name in ("detections.geojson", "coverage.geojson"):
        texts = [(report.run_dir / name).read_bytes() for report in reports if report.run_dir]
        assert texts[0] == texts[1], name
    log = next((together / "state" / "log").iterdir()).read_text(encoding="utf-8")
    assert "sim-quiet: done" in log
