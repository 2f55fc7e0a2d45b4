"""What is written as SMART models is valid, and read again it is what it was: it scores all, or what it should."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, box

from aoi.read.smart import read_smart
from detection.evaluation.association import AssociationParams, Scores, Site, associate
from detection.evaluation.evaluate import evaluate, sites_of_truth
from detection.schema import detections_frame
from geo.errors import OutputError
from geo.sources.simulated.implant import truth_of
from geo.sources.simulated.implant_plans import ImplantKind, Works, plan_implant
from geo.sources.simulated.structures import Frame
from outputs.layers.smart import Region, Told, write_models, write_smart

EPSG = 32645
FIRST, LAST = date(2017, 1, 1), date(2021, 12, 31)
REGION = Region(
    region_id="CN_R001",
    outline_4326=box(88.2, 43.3, 88.4, 43.5),
    first=FIRST,
    last=LAST,
    content="annotation",
)


def true_events(count: int = 4) -> gpd.GeoDataFrame:
    """Return compounds of the simulator, 400 m apart."""
    events = [
        plan_implant(
            np.random.default_rng(number),
            ImplantKind.COMPOUND,
            Frame(x_m=600_000 + 400 * number, y_m=4_800_000, angle_deg=20 * number),
            area_m2=20_000,
            works=Works(begin=date(2018, 1 + number, 10), days=300),
        )
        for number in range(count)
    ]
    return truth_of(events, epsg=EPSG, first=FIRST, last=LAST)


def sites(truth: gpd.GeoDataFrame) -> tuple[Site, ...]:
    """Return true sites as somebody who looked every four months would have annotated them."""
    months = tuple(day.date() for day in pd.date_range(FIRST, LAST, freq="120D"))
    return tuple(replace(site, observed_on=months) for site in sites_of_truth(truth, epsg=EPSG, until=LAST))


def annotated(folder: Path, known: tuple[Site, ...]) -> gpd.GeoDataFrame:
    """Write true sites as annotations and read them again."""
    told = {site.site_id: Told(status="positive_annotated") for site in known}
    write_models(folder, known, told, REGION, epsg=EPSG)
    return read_smart(folder)


def scored(proposals: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, **params: Any) -> Scores:  # noqa: ANN401
    def as_sites(table: gpd.GeoDataFrame) -> tuple[Site, ...]:
        return sites_of_truth(table, epsg=EPSG, until=LAST)

    return associate(as_sites(proposals), as_sites(truth), AssociationParams(**params))


def test_our_own_truth_read_again_scores_everything(tmp_path: Path) -> None:
    known = sites(true_events())
    truth = annotated(tmp_path / "truth", known)
    scores = scored(truth, truth)
    assert (scores.precision, scores.recall, scores.f1, scores.phase_accuracy) == (1, 1, 1, 1)
    own = associate(known, sites_of_truth(truth, epsg=EPSG, until=LAST))
    assert own.f1 == 1
    assert min(match.iou for match in own.matches) > 0.999
    assert {match.onset_error_days for match in own.matches} == {0}
    assert own.phase_accuracy == 1


def test_dates_and_ground_come_back_as_they_were(tmp_path: Path) -> None:
    (known,) = sites(true_events(1))
    (row,) = annotated(tmp_path, (known,)).to_dict("records")
    assert row["started_on"].date() == known.started_on
    assert row["active_on"].date() == known.active_on
    assert row["completed_on"].date() == known.completed_on
    assert row["area_m2"] == pytest.approx(known.whole.area, rel=1e-4)


@pytest.mark.parametrize(
    ("shift_m", "recall"),
    [(60.0, 1.0), (200.0, 0.0)],
    ids=["a-little-beside", "wholly-beside"],
)
def test_sites_beside_their_place_are_lost_by_overlap(tmp_path: Path, shift_m: float, recall: float) -> None:
    known = sites(true_events())
    moved = tuple(replace(site, outlines=((None, translate(site.whole, yoff=shift_m)),)) for site in known)
    scores = scored(annotated(tmp_path / "moved", moved), annotated(tmp_path / "truth", known))
    assert (scores.recall, scores.precision) == (recall, recall)
    strict = scored(annotated(tmp_path / "moved", moved), annotated(tmp_path / "truth", known), tau=0.6)
    assert strict.recall == 0


def test_late_sites_lose_the_onset_and_the_phases_but_not_the_place(tmp_path: Path) -> None:
    known = sites(true_events())
    late = tuple(
        replace(site, started_on=site.started_on + timedelta(days=90), active_on=None, observed_on=()) for site in known
    )
    scores = scored(annotated(tmp_path / "late", late), annotated(tmp_path / "truth", known))
    assert scores.recall == 1
    assert {match.onset_error_days for match in scores.matches} == {90}
    assert scores.phase_accuracy < 1
    gone = tuple(replace(site, started_on=LAST - timedelta(days=9), ended_on=LAST, completed_on=None) for site in known)
    assert scored(annotated(tmp_path / "gone", gone), annotated(tmp_path / "truth", known)).recall == 0


def test_a_missing_site_costs_recall_and_an_invented_one_precision(tmp_path: Path) -> None:
    known = sites(true_events())
    truth = annotated(tmp_path / "truth", known)
    assert scored(annotated(tmp_path / "three", known[:3]), truth).recall == 0.75
    extra = replace(known[0], site_id="invented", outlines=((None, box(700_000, 4_800_000, 700_200, 4_800_200)),))
    scores = scored(annotated(tmp_path / "five", (*known, extra)), truth)
    assert (scores.recall, scores.precision) == (1.0, 0.8)


# --- detections ----------------------------------------------------------------------------------------


def models(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.geojson"))}


def test_detections_become_sites_and_what_is_no_construction_is_named(
    tmp_path: Path, detections: gpd.GeoDataFrame
) -> None:
    exported = write_smart(tmp_path, detections, "CN_R001")
    is_built = detections["event"].isin(["construction", "expansion"])
    assert set(exported.left_out) == set(detections.loc[~is_built, "detection_id"])
    assert exported.left_out
    written = models(tmp_path)
    assert len(written) == is_built.sum() + 1 == len(exported.files)
    summaries = [feature["properties"] for feature in written["CN_R001"]["features"][1:]]
    assert [summary["site_id"] for summary in summaries] == [name for name in written if name != "CN_R001"]
    kept = [
        written[name]["features"][0]["properties"]["cache"]["detection_id"] for name in written if name != "CN_R001"
    ]
    assert kept == detections.loc[is_built, "detection_id"].tolist()


def test_exported_detections_read_again_hold_what_was_detected(tmp_path: Path, detections: gpd.GeoDataFrame) -> None:
    write_smart(tmp_path, detections, "CN_R001")
    again = read_smart(tmp_path, smallest_m2=0)
    built = detections[detections["event"].isin(["construction", "expansion"])].to_crs(EPSG)
    scores = evaluate(built, again, until=LAST)
    rejected = built["status"].isin(["rejected", "dropped"]).sum()
    assert len(scores.matches) == len(built) - rejected
    assert {match.onset_error_days for match in scores.matches} == {0}
    assert all(match.is_onset_held for match in scores.matches)
    assert all(match.truth.started_after == date(2017, 3, 2) for match in scores.matches)


def test_without_construction_nothing_is_written(tmp_path: Path, detections: gpd.GeoDataFrame) -> None:
    others = detections[~detections["event"].isin(["construction", "expansion"])]
    exported = write_smart(tmp_path / "none", others, "CN_R001")
    assert exported.files == ()
    assert len(exported.left_out) == len(others)


@pytest.mark.parametrize(
    ("region", "originator", "message"),
    [("CN001", None, "expected a region such as CN_R001"), ("CN_R001", "me", "me: SMART knows the proposers acc")],
)
def test_codes_that_smart_does_not_know_are_refused(
    tmp_path: Path, detections: gpd.GeoDataFrame, region: str, originator: str | None, message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        write_smart(tmp_path, detections, region, originator=originator)


@pytest.mark.realdata
@pytest.mark.parametrize("originator", [None, "str"], ids=["as-updates", "as-proposals"])
def test_all_that_is_written_is_valid(
    tmp_path: Path, shared_data: Path, detections: gpd.GeoDataFrame, originator: str | None
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((shared_data / "reference" / "formats" / "smart" / "smart.schema.json").read_text())
    parts = MultiPolygon([box(600_000, 4_800_000, 600_100, 4_800_100), box(600_150, 4_800_000, 600_250, 4_800_100)])
    rows = detections.to_crs(EPSG)
    rows = rows.set_geometry([parts, *rows.geometry[1:]], crs=EPSG)
    write_smart(tmp_path / "told", rows, "CN_R001", originator=originator)
    annotated(tmp_path / "true", sites(true_events()))
    validator = jsonschema.Draft202012Validator(schema)
    for folder in ("told", "true"):
        for name, model in models(tmp_path / folder).items():
            wrong = [error.message for error in validator.iter_errors(model)]
            assert not wrong, (name, wrong)
    broken = models(tmp_path / "told")["CN_R001_0000"]
    broken["features"][1]["properties"]["current_phase"] = "Half Done"
    assert not validator.is_valid(broken)  # the schema can tell


def test_an_outline_of_several_parts_tells_the_phase_of_each(tmp_path: Path, detections: gpd.GeoDataFrame) -> None:
    parts = MultiPolygon([box(600_000, 4_800_000, 600_100, 4_800_100), box(600_150, 4_800_000, 600_250, 4_800_100)])
    row = detections.to_crs(EPSG)[detections["event"] == "construction"].iloc[:1]
    row = detections_frame(row.set_geometry([parts], crs=EPSG).to_dict("records"), epsg=EPSG)
    write_smart(tmp_path, row, "CN_R001")
    model = models(tmp_path)["CN_R001_0000"]
    assert model["features"][0]["geometry"]["type"] == "Polygon"  # a site must be one
    for observation in model["features"][1:]:
        count = len(observation["geometry"]["coordinates"])
        assert count == 2
        for name in ("current_phase", "is_occluded", "is_site_boundary"):
            assert len(observation["properties"][name].split(", ")) == count
