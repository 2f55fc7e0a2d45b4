"""`sitewatch why` says what changed, from what to what, and what comes next."""

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from detection.schema import Verdict
from flows.area.reviews import Decision, review_detection
from flows.cli import app
from flows.runs.run import run_workspace
from geo.errors import QuotaExceededError

if TYPE_CHECKING:
    from tests.flows.conftest import Site

PLACE = {
    "type": "Feature",
    "properties": {"id": "mill", "name": "The mill", "kind": "factory"},
    "geometry": {"type": "Point", "coordinates": [3.003, 45.15]},
}


def why(site: "Site", *arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["why", *arguments, "-w", str(site.root), "--json"])
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def said(site: "Site", *arguments: str) -> str:
    result = CliRunner().invoke(app, ["why", *arguments, "-w", str(site.root)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_setting_is_named_with_what_it_was_and_what_it_is(ran: "Site") -> None:
    ran.configure(limits={"pictures": 7})
    following = why(ran, "west")["next"]
    assert (following["action"], following["changes"]) == ("run", ["limits.pictures: 50 -> 7"])
    assert "next run: would make the product: settings changed\n  limits.pictures: 50 -> 7\n" in said(ran, "west")
    run_workspace(ran.root)
    found = why(ran, "west")
    assert found["runs"][0]["reason"] == "settings changed"
    decision = next(stage["facts"] for stage in found["runs"][0]["stages"] if stage["stage"] == "decide")
    assert decision["changes"] == ["limits.pictures: 50 -> 7"]
    assert found["next"] == {"action": "up to date", "reason": "nothing changed"}


def test_new_scenes_are_named(ran: "Site") -> None:
    ran.write_scene("west", date(2020, 8, 1))
    found = why(ran, "west")["next"]
    assert (found["new"], found["new_scenes"]) == (1, ["S2A_20200801T100000_west"])
    assert "supersedes" not in found
    assert why(ran, "east")["next"]["action"] == "up to date"


def test_a_facility_and_a_verdict_are_named(ran: "Site") -> None:
    from flows.area.product import find_product  # noqa: PLC0415

    product = find_product(ran.root / "state" / "areas" / "west")
    assert product is not None
    (name,) = product.detections()["detection_id"]
    review_detection(ran.root, name, Decision(verdict=Verdict.CONFIRMED, reviewer="AB"))
    assert why(ran, "west")["next"]["changes"] == [f"verdict on {name}: new"]
    ran.configure(workspace={"facilities": "facilities.geojson"})
    ran.write_facilities(PLACE)
    assert f"facility {PLACE['properties']['id']}: new" in why(ran, "west")["next"]["changes"]  # type: ignore[index]


def test_another_version_of_sitewatch_is_named(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.area.pipeline.code_version", lambda: "9.9+test")
    found = why(ran, "west")["next"]
    assert found["changes"] == ["code: 0.0+test -> 9.9+test"]
    assert found["supersedes"] == ["other code"]


def test_a_change_of_the_outline_is_named(ran: "Site") -> None:
    path = ran.root / "areas.geojson"
    path.write_text(path.read_text(encoding="utf-8").replace("The west", "The far west"), encoding="utf-8")
    assert why(ran, "west")["next"]["changes"] == ['area.name: "The west" -> "The far west"']


def test_an_area_that_was_not_even_begun_with_says_why(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    def used_up(*_: object, **__: object) -> object:
        raise QuotaExceededError("no more today")

    with monkeypatch.context() as patch:
        patch.setattr("flows.area.pipeline.read_area", used_up)
        run_workspace(site.root)
    (west,) = why(site, "west")["runs"]
    (east,) = why(site, "east")["runs"]
    assert (west["state"], west["reason"]) == ("not done", "no more today")
    assert (east["state"], east["reason"], east["stages"]) == ("not done", "no more today", [])


def test_one_run_can_be_asked_for_by_its_stamp_or_its_folder(ran: "Site") -> None:
    folder = (ran.root / "latest").resolve().name
    run_workspace(ran.root)
    for name in (folder, folder.partition("-")[0]):
        (one,) = why(ran, "west", "--run", name)["runs"]
        assert one["reason"] == "first run"
    result = CliRunner().invoke(app, ["why", "west", "--run", "20000101T000000Z", "-w", str(ran.root)])
    assert result.exit_code == 2
    assert "its journal has no run 20000101T000000Z" in result.stderr


def test_an_area_that_nobody_knows_is_refused(ran: "Site") -> None:
    result = CliRunner().invoke(app, ["why", "nowhere", "-w", str(ran.root)])
    assert result.exit_code == 2
    assert "no area is called 'nowhere'" in result.stderr


def test_what_is_told_asks_for_no_pixels_and_changes_nothing(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> object:
        raise AssertionError("pixels were asked for")

    monkeypatch.setattr("geo.sources.folder.FolderSource.read", refused)
    before = {path: path.stat().st_mtime_ns for path in ran.root.rglob("*") if path.is_file()}
    said(ran, "west")
    assert {path: path.stat().st_mtime_ns for path in ran.root.rglob("*") if path.is_file()} == before


def test_the_runs_as_a_whole_are_listed_with_those_that_were_killed(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.runs.run.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            run_workspace(site.root)
    result = CliRunner().invoke(app, ["state", "runs", "-w", str(site.root)])
    assert "broken off, in publish" in result.stdout
    assert "2 done" in result.stdout
