"""`sitewatch evaluate` scores against tables, models and labels, and says what it cannot score."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from rasterio.features import rasterize
from typer.testing import CliRunner

from flows.area.pipeline import Job
from flows.cli import app
from flows.runs.publish import current_products, merged
from geo.grid import Grid

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def scored(root: Path, truth: Path, *options: object) -> dict[str, Any]:
    code, out, err = call("--workspace", root, "--json", "evaluate", truth, *options)
    assert code == 0, err
    figures: dict[str, Any] = json.loads(out)
    return figures


@pytest.fixture
def built(ran: "Site") -> gpd.GeoDataFrame:
    detections, _ = merged(current_products(Job.open(ran.root)))
    chosen = detections[detections["event"].isin(["construction", "expansion"])]
    assert len(chosen) > 0
    return chosen


def table(path: Path, outlines: gpd.GeoSeries, **columns: Any) -> Path:  # noqa: ANN401  # any column of a table
    gpd.GeoDataFrame(columns, geometry=outlines.to_list(), crs=outlines.crs).to_crs(4326).to_file(path)
    return path


def test_a_truth_that_is_what_was_found_is_found_whole(ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path) -> None:
    days = [pd.Timestamp(day).date().isoformat() for day in built["onset_by"]]
    path = table(
        tmp_path / "truth.geojson", built.geometry, event="construction", name=built["area_id"], started_on=days
    )
    figures = scored(ran.root, path)
    assert (figures["found"], figures["missed"], figures["recall"]) == (len(built), 0, 1.0)
    assert figures["onset_held"] == 1.0
    assert figures["outside_the_areas"] == 0


def test_an_event_of_another_kind_is_missed_and_what_was_found_instead_is_false(
    ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = table(
        tmp_path / "truth.gpkg",
        built.geometry.iloc[:1],
        event="demolition",
        name=["gone"],
        started_on=[pd.Timestamp(built["onset_by"].iloc[0]).date().isoformat()],
    )
    figures = scored(ran.root, path)
    assert figures["missed_events"] == ["gone"]
    assert figures["recall"] == 0.0
    assert set(figures["false_detections"]) >= set(built["detection_id"])


def test_events_outside_the_areas_count_neither_way(ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path) -> None:
    metric = built.to_crs(built.estimate_utm_crs())
    path = table(
        tmp_path / "truth.geojson",
        metric.geometry.translate(yoff=50_000).iloc[:1],
        event="construction",
        name=["far"],
        started_on=["2020-01-01"],
    )
    figures = scored(ran.root, path)
    assert (figures["missed"], figures["outside_the_areas"]) == (0, 1)


def test_models_that_were_exported_are_found_again(ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path) -> None:
    assert call("--workspace", ran.root, "export", "smart", tmp_path / "models")[0] == 0
    figures = scored(ran.root, tmp_path / "models")
    assert figures["found"] + figures["missed"] <= len(built)
    assert figures["missed"] == 0


def test_labels_need_their_dates_and_are_scored_with_them(ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path) -> None:
    metric = built.to_crs(built.estimate_utm_crs())
    left, bottom, right, top = metric.total_bounds
    grid = Grid.covering((left - 50, bottom - 50, right + 50, top + 50), epsg=int(metric.crs.to_epsg()), pixel_m=10)
    mask = rasterize(metric.geometry, out_shape=grid.shape, transform=grid.transform)
    path = tmp_path / "labels.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": metric.crs, "transform": grid.transform}
    with rasterio.open(path, "w", height=grid.height_px, width=grid.width_px, **profile) as raster:
        raster.write(mask.astype("uint8"), 1)
    code, _, err = call("--workspace", ran.root, "evaluate", path)
    assert code == 2
    assert "labels.tif" in err
    assert "--from" in err
    first = pd.Timestamp(metric["onset_after"].min()).date()
    last = pd.Timestamp(metric["onset_by"].max()).date()
    figures = scored(ran.root, path, "--from", first, "--to", last, "--several")
    assert figures["recall"] == 1.0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"event": ["party"], "started_on": ["2020-01-01"]}, "party"),
        ({"event": ["construction"]}, "started_on"),
        ({"event": ["construction"], "started_on": ["soon"]}, "soon"),
    ],
    ids=["unknown event", "no beginning", "no date"],
)
def test_a_table_that_is_no_truth_is_refused_with_its_name(
    ran: "Site", built: gpd.GeoDataFrame, tmp_path: Path, columns: dict[str, list[str]], said: str
) -> None:
    path = table(tmp_path / "odd.geojson", built.geometry.iloc[:1], **columns)
    code, _, err = call("--workspace", ran.root, "evaluate", path)
    assert code == 2
    assert "odd.geojson" in err
    assert said in err
    assert "Traceback" not in err


def test_nothing_is_evaluated_before_a_run(site: "Site", tmp_path: Path) -> None:
    code, _, err = call("--workspace", site.root, "evaluate", tmp_path / "truth.geojson")
    assert code == 2
    assert "sitewatch run" in err
