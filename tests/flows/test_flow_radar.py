"""A workspace with a [radar] section: radar is read beside the optical looks, listed, and told in the evidence."""

import csv
import json
from datetime import date
from pathlib import Path

import pytest
from shapely.geometry import mapping

from flows.area.pictures import credit_lines
from flows.area.pipeline import Job, inputs_of
from flows.area.product import find_product
from flows.pull.kept import Span, pull_workspace
from flows.reading.radar import radar_workspace
from flows.reading.sources import make_source
from flows.runs.run import run_workspace
from flows.settings.config import parse_config
from flows.settings.template import default_toml
from flows.settings.workspace import Workspace
from geo.errors import ConfigError
from geo.sources.simulated import SimulatedRadarSource, SimulatedSource, scenario

SETTINGS = {
    "workspace": {"facilities": ""},
    "source": {"kind": "simulated", "scenario": "park", "seed": 2},
    "grid": {"margin_m": 100.0},
    "limits": {"pictures": 0},
}
RADAR = {"radar": {"kind": "simulated", "scenario": "park", "seed": 2}}


def workspace(root: Path, **sections: object) -> Path:
    config = parse_config({**SETTINGS, **sections}, name="test")
    (root / "sitewatch.toml").write_text(default_toml(config), encoding="utf-8")
    world = scenario("park", seed=2)
    shape = mapping(world.areas()[0].polygon_4326)
    feature = {"type": "Feature", "properties": {"id": "park", "name": "Park"}, "geometry": shape}
    document = {"type": "FeatureCollection", "features": [feature]}
    (root / "areas.geojson").write_text(json.dumps(document), encoding="utf-8")
    return root


def test_the_radar_of_a_workspace_is_its_own_source(tmp_path: Path) -> None:
    job = Job.open(workspace(tmp_path, **RADAR))
    assert isinstance(job.source, SimulatedSource)
    assert job.radar is not None
    assert isinstance(job.radar.source, SimulatedRadarSource)


def test_without_the_section_there_is_no_radar_and_nothing_changes(tmp_path: Path) -> None:
    job = Job.open(workspace(tmp_path))
    assert job.radar is None
    assert radar_workspace(job.workspace) is None
    with_radar = Job.open(workspace(tmp_path, **RADAR))
    area = job.areas["park"]
    assert inputs_of(job, area, ()).settings != inputs_of(with_radar, area, ()).settings


def test_optical_imagery_is_refused_as_radar() -> None:
    with pytest.raises(ConfigError, match=r"radar\.collection: should be 'sentinel-1-grd'"):
        parse_config({"radar": {"kind": "sentinelhub", "collection": "sentinel-2-l2a"}}, name="test")
    with pytest.raises(ConfigError, match=r"unknown key 'sede' in \[radar\]; did you mean 'seed'"):
        parse_config({"radar": {"kind": "simulated", "sede": 1}}, name="test")


def test_the_settings_as_written_are_read_again(tmp_path: Path) -> None:
    config = Workspace.open(workspace(tmp_path, **RADAR)).config
    assert config == parse_config({**SETTINGS, **RADAR}, name="test")
    found = radar_workspace(Workspace(root=tmp_path, config=config))
    assert found is not None
    assert isinstance(make_source(found), SimulatedRadarSource)


@pytest.mark.slow
def test_a_run_reads_and_lists_the_looks_of_both_sensors(tmp_path: Path) -> None:
    root = workspace(tmp_path, **RADAR)
    run_workspace(root)
    product = find_product(Workspace.open(root).area_dir("park"))
    assert product is not None
    rows = list(csv.DictReader((product.folder / "scenes.csv").read_text(encoding="utf-8").splitlines()))
    heard = [row for row in rows if row["scene_id"].startswith("SIMSAR")]
    assert {row["relative_orbit"] for row in heard} == {"114", "48"}
    assert {row["fate"] for row in heard} == {"used"}
    assert len(rows) > len(heard) > 0


def test_a_pull_keeps_radar_too(tmp_path: Path) -> None:
    root = workspace(tmp_path, **RADAR, cache={"enabled": True})
    report = pull_workspace(root, Span(last=date(2023, 12, 31)))
    optical, radar = report.areas
    assert (optical.sensor, radar.sensor) == ("", "radar")
    assert min(optical.fetched, radar.fetched) > 0
    assert report.exit_code == 0
    again = pull_workspace(root, Span(last=date(2023, 12, 31)))
    assert [area.fetched for area in again.areas] == [0, 0]
    assert [area.there for area in again.areas] == [optical.fetched, radar.fetched]


def test_the_credit_of_radar_is_shown_where_it_was_used() -> None:
    own, other = "Data {years}", "Radar data {years}"
    assert credit_lines([(own, [2019]), (other, [2020, 2021])]) == "Data 2019; Radar data 2020-2021"
    assert credit_lines([(own, [2019]), (own, [2021])]) == "Data 2019, 2021"
    assert credit_lines([(own, [2019]), (other, [])]) == "Data 2019"
    assert credit_lines([(own, [2019]), ("", [2020])]) == "Data 2019"
