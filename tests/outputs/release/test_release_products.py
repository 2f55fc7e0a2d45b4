"""What is chosen for a release, and what its tables, captions and maps say; no workspace is needed."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from pyproj import Geod
from shapely.geometry import box

from detection.schema import detections_frame
from outputs.release.captions import captions, likelihood_words
from outputs.release.contents import PRELIMINARY, AreaPicture, Release, chosen, published_table
from outputs.release.maps import ASPECT, maps_of
from outputs.release.pairs import write_pairs
from outputs.release.places import countries, nearest_town
from outputs.release.readme import measured_figures, readme_text
from outputs.release.tables import write_coverage_csv, write_detections_csv

CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"


@pytest.fixture
def release(detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame) -> Release:
    confirmed = detections.assign(verdict="confirmed")
    return Release(
        name="spring",
        title="Six places",
        audience="internal",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        run_id="run-1",
        table=confirmed[confirmed["status"].isin(["confirmed", "candidate"])].reset_index(drop=True),
        coverage=coverage,
        credit=CREDIT,
        is_preliminary=False,
        version="0.1",
    )


def test_only_what_a_reviewer_confirmed_is_chosen(detections: gpd.GeoDataFrame) -> None:
    verdicts = {"camp": "confirmed", "park": "unsure", "gone": "rejected", "rejected": "rejected"}
    table = detections.assign(verdict=detections["detection_id"].map(verdicts).astype(object))
    found = chosen(table)
    assert list(found.table["detection_id"]) == ["camp"]
    assert found.left_out == {
        "a reviewer could not decide, or reviewers disagree": 1,
        "rejected by a reviewer": 2,
        "later clear looks do not show them": 0,
        "not reviewed": 2,
        "withdrawn, and not confirmed again since": 0,
    }
    more = chosen(table, include_unreviewed=True)
    assert set(more.table["detection_id"]) == {"camp", "field", "closed"}


def test_what_later_looks_do_not_show_is_left_out_even_if_all_is_wanted(detections: gpd.GeoDataFrame) -> None:
    found = chosen(detections.assign(status="dropped"), include_unreviewed=True)
    assert found.table.empty
    assert found.left_out["later clear looks do not show them"] == len(detections)


def test_no_cell_of_a_table_becomes_a_formula(release: Release, tmp_path: Path) -> None:
    hostile = release.table.assign(area_id='=HYPERLINK("http://evil")')
    write_detections_csv(tmp_path / "d.csv", hostile, credit=CREDIT)
    with (tmp_path / "d.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["area_id"] for row in rows] == ['\'=HYPERLINK("http://evil")'] * len(rows)
    assert rows[0]["onset_after"] == "2017-03-02"
    assert not {"evidence", "scene_ids", "geometry"} & set(rows[0])


def test_what_was_watched_in_vain_is_told(release: Release, tmp_path: Path) -> None:
    write_coverage_csv(tmp_path / "c.csv", release.coverage, credit=CREDIT, mark="")
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["area_id"]: row["outcome"] for row in csv.DictReader(file)}
    assert rows == dict(zip(release.coverage["area_id"], release.coverage["outcome"], strict=True))
    text = readme_text(release, ["coverage.csv"])
    assert "Not observed: 1" in text or "No imagery: 1" in text


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.995, "virtually certain"), (0.93, "very likely"), (0.7, "likely"), (0.5, "about as likely as not"),
     (0.2, "unlikely"), (0.02, "very unlikely")],
)  # fmt: skip
def test_probabilities_have_the_words_of_the_scale(probability: float, said: str) -> None:
    assert likelihood_words(probability) == said


def test_a_place_is_told_from_the_nearest_town() -> None:
    town = nearest_town(87.6, 43.8).town
    lon, lat, _ = Geod(ellps="WGS84").fwd(town.lon, town.lat, 90, 1_600)
    found = nearest_town(lon, lat)
    assert (found.town, found.direction) == (town, "east")
    assert found.distance_m == pytest.approx(1_600, abs=1)
    assert found.words() == f"2 km east of {town.name} (China)"


def test_a_caption_says_what_is_withheld_not_at_all(release: Release) -> None:
    bare = release.table.assign(area_m2=np.nan, confidence=np.nan, area_id=None, evidence=None)
    (first, *_) = captions(replace(release, table=bare))
    assert "m²" not in first.text
    assert "probability" not in first.text
    assert {fact.record for fact in first.facts} <= {"detection", "position"}


def test_findings_that_nobody_looked_at_are_marked_one_by_one(release: Release) -> None:
    table = release.table.copy()
    table.loc[0, "verdict"] = None
    early = replace(release, table=table, is_preliminary=True)
    states = list(published_table(early)["review_state"])
    assert states.count(PRELIMINARY) == 1
    assert [one.review_state == PRELIMINARY for one in captions(early)].count(True) == 1
    assert early.mark == "Preliminary, not reviewed."


def test_a_map_keeps_its_shape_and_holds_all_it_is_about(release: Release) -> None:
    (overview,) = maps_of(release)
    left, bottom, right, top = overview.bounds
    assert (right - left) / (top - bottom) == pytest.approx(ASPECT)
    assert box(*overview.bounds).contains(box(*overview.table.total_bounds))
    assert abs(overview.north_deg) < 0.1
    west, south, east, north = release.table.total_bounds
    across_m = Geod(ellps="WGS84").inv(west, (south + north) / 2, east, (south + north) / 2)[2]
    drawn_m = overview.table.total_bounds[2] - overview.table.total_bounds[0]
    assert drawn_m == pytest.approx(across_m, rel=0.002)


def test_a_release_without_rows_has_no_map(release: Release) -> None:
    assert maps_of(replace(release, table=detections_frame([], epsg=4326))) == []


def _composite(path: Path, value: int, day: str) -> Path:
    """Write 100 x 100 pixels of one value around the places, in true colour, with a white block in the middle."""
    values = np.full((3, 100, 100), value, dtype=np.uint16)
    values[:, 40:60, 40:60] = 6_000
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "width": 100, "height": 100, "nodata": 0}
    where = {"crs": "EPSG:32645", "transform": Affine(60, 0, 601_000, 0, -60, 4_806_000)}
    with rasterio.open(path, "w", **profile, **where) as file:
        file.write(values)
        file.descriptions = ("B02", "B03", "B04")
        file.update_tags(ACQUISITION_DATE=day)
    return path


def test_pairs_have_one_extent_their_days_and_the_credit(release: Release, tmp_path: Path) -> None:
    tifs = [_composite(tmp_path / f"{day}.tif", 1_000, day) for day in ("2017-03-02", "2018-10-11")]
    picture = AreaPicture(name="Home", before_tif=tifs[0], after_tif=tifs[1])
    found = write_pairs(tmp_path / "pairs", replace(release, areas={"home": picture}), frozenset({"camp"}))
    assert list(found) == ["camp"]
    pair = found["camp"]
    assert (pair.before_on, pair.after_on) == (date(2017, 3, 2), date(2018, 10, 11))
    with Image.open(pair.before) as before, Image.open(pair.after) as after:
        assert before.size == after.size
        assert before.info["Copyright"] == after.info["Copyright"] == CREDIT
    none = write_pairs(tmp_path / "none", replace(release, areas={"home": picture}), frozenset())
    assert none == {}


def test_a_map_of_an_area_lies_on_its_picture(release: Release, tmp_path: Path) -> None:
    picture = AreaPicture(name="Home", after_tif=_composite(tmp_path / "after.tif", 1_000, "2018-10-11"))
    _, home = maps_of(replace(release, areas={"home": picture}))
    assert (home.title, home.crs.to_epsg()) == ("Home", 32645)
    assert home.ground is not None
    left, bottom, right, top = home.ground.bounds
    assert home.ground.pixels.shape == (round((top - bottom) / 60), round((right - left) / 60), 3)
    assert box(left, bottom, right, top).within(box(*home.bounds).buffer(60))


def test_error_rates_come_with_command_and_day() -> None:
    figures = measured_figures()
    assert len(figures) >= 3
    assert all(one["command"] and one["date"].year >= 2026 and one["measured"] for one in figures)


def test_outlines_of_countries_are_whole() -> None:
    assert len(countries()) == 177
    assert all(shape.is_valid for shape in countries())
