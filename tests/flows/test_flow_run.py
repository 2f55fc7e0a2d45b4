"""A run does what has to be done, once, and one trouble stops nothing else."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon

from detection.detect import Findings
from detection.params import DetectParams
from detection.schema import Outcome, check_detections
from flows.area import pipeline
from flows.area.outcome import AreaOutcome, RunReport, State
from flows.area.product import find_product
from flows.runs.run import run_workspace
from geo.errors import ConfigError, QuotaExceededError, SourceError, SourceUnavailableError
from geo.scene import Stack
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from outputs.evidence.manifest import verify_manifest

if TYPE_CHECKING:
    from tests.flows.conftest import Site

Polygons = Callable[[str], Polygon]
LAYERS = ("sitewatch.gpkg", "detections.geojson", "coverage.geojson", "summary.html", "run.json", "manifest.json")


def states(report: RunReport) -> dict[str, State]:
    return {one.area_id: one.state for one in report.outcomes}


def outcome(report: RunReport, area_id: str) -> AreaOutcome:
    return next(one for one in report.outcomes if one.area_id == area_id)


def features(report: RunReport, name: str = "detections") -> list[dict[str, Any]]:
    assert report.run_dir is not None
    collection = json.loads((report.run_dir / f"{name}.geojson").read_text(encoding="utf-8"))
    return [feature["properties"] for feature in collection["features"]]


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file's time and size, but those of locks, logs and journals."""
    found = {path.relative_to(folder).as_posix(): path.lstat() for path in folder.rglob("*") if not path.is_dir()}
    return {
        name: (stat.st_mtime_ns, stat.st_size)
        for name, stat in found.items()
        if not name.startswith(("state/log/", "state/lock")) and "journal.jsonl" not in name
    }


# --- the first run -------------------------------------------------------------------------------


def test_what_was_built_is_found_and_nothing_else(ran: "Site") -> None:
    report = run_workspace(ran.root)
    assert {one["area_id"] for one in features(report)} == {"west"}
    assert outcome(report, "west").outcome is Outcome.FOUND
    assert outcome(report, "east").outcome is Outcome.NOTHING_FOUND
    assert report.exit_code == 0


def test_a_run_leaves_everything_that_was_promised(ran: "Site") -> None:
    newest = (ran.root / "latest").resolve()
    assert newest.parent == ran.root / "runs"
    for name in LAYERS:
        assert (newest / name).stat().st_size > 0, name
    detections = json.loads((newest / "detections.geojson").read_text(encoding="utf-8"))["features"]
    found = {one["id"] for one in detections}
    expected = found | {f"{name}-false-colour" for name in found} | {"east-looks", "west-looks"}
    assert {path.stem for path in (newest / "pictures").iterdir()} == expected
    assert verify_manifest(newest) == []


def test_every_layer_says_where_its_imagery_comes_from(ran: "Site") -> None:
    text = (ran.root / "latest" / "detections.geojson").read_text(encoding="utf-8")
    assert json.loads(text)["attribution"] == "Contains modified Copernicus Sentinel data 2020"


def test_the_product_keeps_the_tables_as_detection_made_them(ran: "Site") -> None:
    product = find_product(ran.root / "state" / "areas" / "west")
    assert product is not None
    detections = product.detections()
    check_detections(detections)
    assert detections.crs.to_epsg() == 32631
    assert product.coverage()["outcome"].tolist() == ["found"]


# --- the second run ------------------------------------------------------------------------------


def test_a_second_run_does_nothing(ran: "Site") -> None:
    before = content(ran.root)
    report = run_workspace(ran.root)
    assert set(states(report).values()) == {State.UP_TO_DATE}
    assert not report.is_new
    assert content(ran.root) == before


def test_a_changed_file_runs_only_the_areas_that_it_touches(ran: "Site") -> None:
    path = next(ran.imagery.glob("*_east.tif"))
    path.write_bytes(path.read_bytes())
    report = run_workspace(ran.root)
    assert states(report) == {"west": State.UP_TO_DATE, "east": State.DONE}
    assert outcome(report, "east").reason == "1 changed scene"
    assert report.is_new


def test_a_new_scene_is_taken_in_and_the_detection_keeps_its_id(ran: "Site") -> None:
    before = [one["detection_id"] for one in features(run_workspace(ran.root))]
    day = ran.days()[-1] + timedelta(days=20)
    ran.write_scene("west", day)
    report = run_workspace(ran.root)
    assert outcome(report, "west").reason == "1 new scene"
    assert [one["detection_id"] for one in features(report)] == before
    assert features(report)[0]["last_seen_on"] == day.isoformat()


def test_only_the_area_asked_for_is_run_and_the_others_stay_published(ran: "Site") -> None:
    report = run_workspace(ran.root, area_ids=["east"], force=True)
    assert states(report) == {"east": State.DONE}
    assert {one["area_id"] for one in features(report, "coverage")} == {"west", "east"}
    assert {one["area_id"] for one in features(report)} == {"west"}


def test_an_area_that_is_not_on_the_list_is_refused(ran: "Site") -> None:
    with pytest.raises(ConfigError, match=r"no area is called 'wets'.*west, east"):
        run_workspace(ran.root, area_ids=["wets"])


def test_force_makes_and_publishes_again_what_is_the_same(ran: "Site") -> None:
    first = (ran.root / "latest").resolve()
    report = run_workspace(ran.root, force=True)
    assert set(states(report).values()) == {State.DONE}
    assert report.run_dir is not None
    for name in ("detections.geojson", "coverage.geojson"):
        assert (report.run_dir / name).read_bytes() == (first / name).read_bytes()


def test_other_settings_run_everything_again(ran: "Site") -> None:
    ran.configure(grid={"margin_m": 160.0})
    assert {one.reason for one in run_workspace(ran.root).outcomes} == {"settings changed"}


def test_a_facility_matters_to_the_areas_it_is_near(ran: "Site", polygon_of: Polygons) -> None:
    middle = polygon_of("west").centroid
    ran.write_facilities(
        {
            "type": "Feature",
            "properties": {"id": "mill", "name": "Mill", "kind": "factory"},
            "geometry": {"type": "Point", "coordinates": [middle.x, middle.y]},
        }
    )
    ran.configure(workspace={"facilities": "facilities.geojson"})
    report = run_workspace(ran.root)
    assert outcome(report, "west").reason == "facilities changed"
    assert outcome(report, "east").state is State.UP_TO_DATE
    assert {(one["facility_id"], one["event"]) for one in features(report)} == {("mill", "expansion")}


def test_an_area_taken_off_the_list_is_no_longer_published(ran: "Site", polygon_of: Polygons) -> None:
    ran.write_areas(east=polygon_of("east"))
    report = run_workspace(ran.root)
    assert report.is_new
    assert features(report) == []
    assert {one["area_id"] for one in features(report, "coverage")} == {"east"}


def test_a_damaged_product_is_made_again(ran: "Site") -> None:
    product = find_product(ran.root / "state" / "areas" / "east")
    assert product is not None
    (product.folder / "area.gpkg").write_bytes(b"damaged")
    report = run_workspace(ran.root)
    assert outcome(report, "east").reason == "product damaged"
    assert not report.is_new  # what it says is what is published already


def test_a_workspace_that_was_moved_needs_nothing(ran: "Site") -> None:
    moved = ran.root.parent.parent / "moved"
    ran.root.parent.rename(moved)
    assert set(states(run_workspace(moved / "workspace")).values()) == {State.UP_TO_DATE}


# --- interruptions -------------------------------------------------------------------------------


def test_a_run_killed_before_publishing_is_taken_up_again(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> RunReport:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.runs.run.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            run_workspace(site.root)
    assert not (site.root / "latest").exists()
    report = run_workspace(site.root)
    assert set(states(report).values()) == {State.UP_TO_DATE}
    assert report.is_new
    assert len(features(report)) > 0


def test_a_run_killed_while_it_publishes_leaves_the_earlier_one(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    first = (ran.root / "latest").resolve()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.runs.publish.write_summary", killed)
    with pytest.raises(KeyboardInterrupt):
        run_workspace(ran.root, force=True)
    assert (ran.root / "latest").resolve() == first
    assert list((ran.root / "runs").iterdir()) == [first]


def test_a_run_killed_within_an_area_keeps_the_areas_before_it(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("flows.area.pipeline.find_changes", failing_in("east", KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run_workspace(site.root)
    assert states(run_workspace(site.root)) == {"west": State.UP_TO_DATE, "east": State.DONE}


# --- troubles of one area ------------------------------------------------------------------------


def failing_in(area_id: str, error: BaseException) -> Callable[..., Findings]:
    """Return a detector that fails in one area and is the one in use in the others."""
    in_use: Callable[..., Findings] = vars(pipeline)["find_changes"]

    def detect(stack: Stack, name: str, inside: NDArray[np.bool_], params: DetectParams, **_: object) -> Findings:
        if name == area_id:
            raise error
        return in_use(stack, name, inside, params)

    return detect


def test_one_broken_area_is_reported_and_stops_no_other(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.area.pipeline.find_changes", failing_in("east", RuntimeError("out of\nluck")))
    report = run_workspace(site.root)
    assert states(report) == {"west": State.DONE, "east": State.FAILED}
    assert report.troubles() == ["area east: failed: unexpected RuntimeError: out of luck"]
    assert report.exit_code == 1
    assert {one["area_id"] for one in features(report)} == {"west"}
    log = next((site.root / "state" / "log").iterdir()).read_text(encoding="utf-8")
    assert "Traceback" in log


def test_what_was_known_of_an_area_that_fails_now_stays_published(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.area.pipeline.find_changes", failing_in("west", RuntimeError("no")))
    report = run_workspace(ran.root, force=True)
    assert states(report) == {"west": State.FAILED, "east": State.DONE}
    assert {one["area_id"] for one in features(report)} == {"west"}
    assert report.run_dir is not None
    assert "unexpected RuntimeError: no" in (report.run_dir / "summary.html").read_text(encoding="utf-8")


def test_a_truncated_file_costs_one_look_and_is_reported(ran: "Site") -> None:
    path = sorted(ran.imagery.glob("*_west.tif"))[2]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = run_workspace(ran.root)
    west = outcome(report, "west")
    assert (west.state, west.looks) == (State.DONE, 6)
    assert len(west.problems) == 1
    assert path.name in west.problems[0]
    assert report.exit_code == 1
    assert {one["area_id"] for one in features(report)} == {"west"}
    not_seen = next(one["not_seen"] for one in features(report, "coverage") if one["area_id"] == "west")
    assert [look["date"] for look in not_seen if path.name in look["reason"]] == ["2020-02-19"]


def test_a_trouble_is_reported_as_long_as_it_lasts_and_then_is_over(ran: "Site") -> None:
    path = sorted(ran.imagery.glob("*_west.tif"))[2]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run_workspace(ran.root)
    again = run_workspace(ran.root)
    assert outcome(again, "west").state is State.UP_TO_DATE
    assert again.exit_code == 1
    path.write_bytes(whole)
    mended = run_workspace(ran.root)
    assert (outcome(mended, "west").looks, mended.exit_code) == (7, 0)


def test_an_area_without_one_readable_scene_fails(ran: "Site") -> None:
    for path in ran.imagery.glob("*_west.tif"):
        path.write_bytes(path.read_bytes()[:300])
    report = run_workspace(ran.root)
    assert outcome(report, "west").state is State.FAILED
    assert "could be read" in outcome(report, "west").reason


def test_a_scene_without_a_usual_band_is_reported_and_takes_the_band_from_no_other(ran: "Site") -> None:
    path = sorted(ran.imagery.glob("*_west.tif"))[1]
    path.unlink()
    ran.write_scene("west", ran.days()[1], bands=("B02", "B03", "B04"))
    report = run_workspace(ran.root)
    assert outcome(report, "west").looks == 6
    assert "B08" in outcome(report, "west").problems[0]


def test_an_area_outside_the_imagery_is_listed_among_others(ran: "Site", polygon_of: Polygons) -> None:
    ran.write_areas(west=polygon_of("west"), far=polygon_of("far"))
    report = run_workspace(ran.root)
    assert outcome(report, "far").outcome is Outcome.NO_IMAGERY
    assert report.troubles() == ["area far: no imagery: no scene of the period touches it"]
    assert report.exit_code == 0
    coverage = {one["area_id"]: one["outcome"] for one in features(report, "coverage")}
    assert coverage == {"west": "found", "far": "no_imagery"}


def test_no_imagery_at_all_is_a_trouble(ran: "Site", polygon_of: Polygons) -> None:
    ran.write_areas(far=polygon_of("far"))
    assert run_workspace(ran.root).exit_code == 1


def test_an_area_that_would_take_too_much_memory_is_refused_before_it_is_read(ran: "Site") -> None:
    ran.configure(limits={"memory_mb": 100}, grid={"margin_m": 9_000.0})
    report = run_workspace(ran.root)
    reason = outcome(report, "west").reason
    assert reason.startswith("area west: 7 scenes x 4 bands x ")
    assert "limits.memory_mb is 100" in reason


# --- troubles of the source ----------------------------------------------------------------------


def refusing(monkeypatch: pytest.MonkeyPatch, error: SourceError) -> list[str]:
    """Let every reading fail; return the list that will hold what was asked for."""
    asked: list[str] = []

    def read(_self: object, ref: SceneRef, *_: object, **__: object) -> None:
        asked.append(ref.scene_id)
        raise error

    monkeypatch.setattr(FolderSource, "read", read)
    return asked


def test_a_provider_that_does_not_answer_fails_the_area_and_concludes_nothing(
    ran: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, SourceUnavailableError("no answer"))
    before = content(ran.root)
    report = run_workspace(ran.root, force=True, area_ids=["east"])
    assert states(report) == {"east": State.FAILED}
    after = {name: stat for name, stat in content(ran.root).items() if name.startswith("state/areas")}
    assert after == {name: stat for name, stat in before.items() if name.startswith("state/areas")}


def test_a_used_up_quota_ends_the_run(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refusing(monkeypatch, QuotaExceededError("quota used up"))
    report = run_workspace(ran.root, force=True)
    assert len(asked) == 1
    assert report.troubles() == ["areas west, east: not done: quota used up"]


def test_an_empty_folder_is_refused_before_anything_is_run(ran: "Site") -> None:
    for path in ran.imagery.iterdir():
        path.unlink()
    before = content(ran.root)
    with pytest.raises(SourceError):
        run_workspace(ran.root)
    assert content(ran.root) == before


# --- what an area is watched for -----------------------------------------------------------------


def test_an_area_is_told_only_of_the_events_it_is_watched_for(ran: "Site") -> None:
    areas = gpd.read_file(ran.root / "areas.geojson")
    kept: Mapping[str, Any] = {"type": "FeatureCollection", "features": json.loads(areas.to_json())["features"]}
    for feature in kept["features"]:
        feature["properties"]["events"] = "desecuritisation"
    (ran.root / "areas.geojson").write_text(json.dumps(kept), encoding="utf-8")
    report = run_workspace(ran.root)
    assert "construction" not in {one["event"] for one in features(report)}
