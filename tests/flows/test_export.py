"""What a workspace has found can be handed on in others' formats, with one clear line where there is nothing yet."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
from typer.testing import CliRunner

from aoi.read.smart import read_smart
from flows.area.pipeline import Job
from flows.cli import app
from flows.runs.publish import current_products, merged

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_all_construction_of_a_workspace_is_exported(ran: "Site", tmp_path: Path) -> None:
    detections, _ = merged(current_products(Job.open(ran.root)))
    built = detections[detections["event"].isin(["construction", "expansion"])]
    folder = tmp_path / "models"
    code, out, _ = call("--workspace", ran.root, "--json", "export", "smart", folder, "--region", "CN_R007")
    assert code == 0
    told = json.loads(out)
    assert sorted(told["files"]) == sorted(path.name for path in folder.iterdir())
    assert len(told["left_out"]) == len(detections) - len(built)
    assert len(read_smart(folder, smallest_m2=0)) == len(built) > 0


def test_all_detections_of_a_workspace_are_exported_with_whom_to_name(ran: "Site", tmp_path: Path) -> None:
    code, out, _ = call("--workspace", ran.root, "--json", "export", "layer", tmp_path / "out.fgb")
    told = json.loads(out)
    read = pyogrio.read_dataframe(tmp_path / "out.fgb")
    detections, _ = merged(current_products(Job.open(ran.root)))
    assert (code, told["detections"]) == (0, len(detections))
    assert list(read["detection_id"]) == list(detections["detection_id"])
    assert set(read["attribution"]) == {told["attribution"]}
    assert "2020" in told["attribution"]


def test_a_picture_stands_in_the_balloon_of_its_detection(ran: "Site", tmp_path: Path) -> None:
    code, _, _ = call("--workspace", ran.root, "export", "layer", tmp_path / "out.kmz")
    detections, _ = merged(current_products(Job.open(ran.root)))
    with zipfile.ZipFile(tmp_path / "out.kmz") as archive:
        names = {f"pictures/{name}.png" for name in detections["detection_id"]}
        assert names == set(archive.namelist()) - {"doc.kml"}
        assert all(name in archive.read("doc.kml").decode() for name in names)
    assert code == 0


def test_before_the_first_run_there_is_nothing_to_export(site: "Site", tmp_path: Path) -> None:
    code, _, err = call("--workspace", site.root, "export", "smart", tmp_path / "models")
    assert code == 2
    assert "nothing to export yet" in err
    assert not (tmp_path / "models").exists()


def test_a_region_that_smart_cannot_name_is_refused(ran: "Site", tmp_path: Path) -> None:
    code, _, err = call("--workspace", ran.root, "export", "smart", tmp_path / "models", "--region", "Xinjiang")
    assert code == 3
    assert "expected a region such as CN_R001" in err
