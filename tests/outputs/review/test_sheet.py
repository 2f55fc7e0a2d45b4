import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from detection.schema import Event, Verdict
from geo.errors import ConfigError, OutputError
from outputs.layers.geopackage import write_geopackage
from outputs.review.marks import detection_mark
from outputs.review.merge import merge_rows
from outputs.review.sheet import SheetSource, read_sheet, write_sheet
from outputs.store import Store, record_run
from outputs.store.reviews import reviews_of
from tests.outputs.store.runs import first_moves, write_run

SCRIPT = Path(__file__).with_name("qgis_edit.py")
MADE = datetime(2024, 5, 6, tzinfo=UTC)
EDITED = "verdict = 'confirmed', reviewer = 'A', note = 'x'"


@pytest.fixture
def source(
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> SheetSource:
    package = tmp_path / "run" / "sitewatch.gpkg"
    package.parent.mkdir()
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    write_geopackage(package, tables)
    pictures = {"camp": package.parent / "pictures" / "camp.png"}
    return SheetSource(run_folder=package.parent, package=package, credit="Somebody", made_at=MADE, pictures=pictures)


@pytest.fixture
def sheet(tmp_path: Path, source: SheetSource) -> Path:
    path = tmp_path / "sheets" / "round1.gpkg"
    assert write_sheet(path, source) == 6
    return path


@pytest.fixture
def recorded(
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> Iterator[Store]:
    """Return a store that has the run of which the sheet is."""
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store.upgrade()
    record_run(store, write_run(tmp_path / "recorded", tables, first_moves(detections), at=MADE))
    yield store
    store.close()


def _edit(sheet: Path, statement: str) -> None:
    """Run a statement as GDAL would, which knows the functions that the spatial index asks for."""
    done = pyogrio.read_info(sheet, layer="verdicts")
    assert done["features"] > 0
    with closing(sqlite3.connect(sheet)) as database, database:
        database.create_function("ST_IsEmpty", 1, lambda blob: blob is None)
        for number, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
            database.create_function(name, 1, lambda _, at=number: float(at))
        database.execute(statement)


def test_a_sheet_that_nobody_touched_says_nothing(sheet: Path) -> None:
    assert read_sheet(sheet) == ()


def test_a_sheet_shows_the_likeliest_first_with_its_picture_and_its_mark(
    sheet: Path, detections: gpd.GeoDataFrame
) -> None:
    rows = gpd.read_file(sheet, layer="verdicts")
    assert rows["detection_id"].iloc[0] == "camp"
    assert rows["picture"].iloc[0] == "../run/pictures/camp.png"
    marks = {row["detection_id"]: detection_mark(row) for row in detections.to_dict("records")}
    assert dict(zip(rows["detection_id"], rows["base_version"], strict=True)) == marks
    assert rows[["verdict", "event_corrected", "note", "reviewer", "reviewed_at"]].isna().all(axis=None)


def test_the_hour_of_an_edit_is_kept_in_utc_whatever_programme_makes_it(sheet: Path) -> None:
    _edit(sheet, f"UPDATE verdicts SET {EDITED} WHERE detection_id = 'park'")  # noqa: S608 - our own text
    (row,) = read_sheet(sheet)
    assert (row.detection_id, row.verdict, row.reviewer, row.note) == ("park", Verdict.CONFIRMED, "A", "x")
    assert (row.event_corrected, row.outline_corrected) == (None, None)
    assert abs(datetime.now(UTC) - row.reviewed_at) < timedelta(minutes=2)


def test_an_event_that_is_no_other_than_the_detections_own_is_no_correction(sheet: Path) -> None:
    _edit(sheet, f"UPDATE verdicts SET {EDITED}, event_corrected = 'expansion' WHERE detection_id = 'park'")  # noqa: S608 - our own text
    (row,) = read_sheet(sheet)
    assert row.event_corrected is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            "verdict = 'yes', reviewer = 'A'", r"row \d+ \(park\): verdict must be one of confirmed", id="verdict"
        ),
        pytest.param(f"{EDITED}, event_corrected = 'fire'", r"\(park\): event_corrected must be one of", id="event"),
        pytest.param(
            "note = 'x', reviewer = 'A'", r"\(park\): a note, an event or an outline, but no verdict", id="none"
        ),
        pytest.param("verdict = 'unsure'", r"\(park\): no reviewer", id="reviewer"),
        pytest.param(f"{EDITED}, geometry = NULL", r"\(park\): the outline was deleted", id="outline"),
        pytest.param("base_version = '0'", r"\(park\): base_version", id="version"),
        pytest.param("detection_id = 'camp'", r"\(camp\): this detection stands 2 times", id="twice"),
        pytest.param("detection_id = NULL", r"\(without an id\): no detection of this sheet", id="no id"),
    ],
)
def test_rows_that_cannot_be_read_are_named_and_nothing_is_taken(sheet: Path, change: str, expected: str) -> None:
    _edit(sheet, f"UPDATE verdicts SET {change} WHERE detection_id = 'park'")  # noqa: S608 - our own text
    with pytest.raises(ConfigError, match=expected):
        read_sheet(sheet)


def test_all_bad_rows_are_named_at_once(sheet: Path) -> None:
    _edit(sheet, "UPDATE verdicts SET verdict = 'yes', reviewer = 'A' WHERE detection_id IN ('park', 'gone')")
    with pytest.raises(ConfigError, match=r"\(park\).*\(gone\)|\(gone\).*\(park\)"):
        read_sheet(sheet)


def test_a_sheet_is_never_overwritten(sheet: Path, source: SheetSource) -> None:
    with pytest.raises(OutputError, match=r"round1\.gpkg: is there already and may hold verdicts"):
        write_sheet(sheet, source)


def test_another_geopackage_is_no_sheet(source: SheetSource, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a sheet as `sitewatch review sheet` makes it"):
        read_sheet(source.package)
    with pytest.raises(ConfigError, match="there is no such file"):
        read_sheet(tmp_path / "none.gpkg")


def test_a_sheet_of_some_areas_has_only_theirs(tmp_path: Path, source: SheetSource) -> None:
    other = SheetSource(
        run_folder=source.run_folder, package=source.package, credit="", made_at=MADE, area_ids=("west",)
    )
    assert write_sheet(tmp_path / "west.gpkg", other) == 0


@pytest.mark.qgis
def test_verdicts_given_in_qgis_are_read_back_and_come_into_the_store(
    sheet: Path, recorded: Store, detections: gpd.GeoDataFrame, in_qgis: Callable[..., Mapping[str, Any]]
) -> None:
    report = in_qgis(SCRIPT, sheet.with_suffix(".qgz"), "camp", "park")
    assert report["read"]
    assert report["editable"]
    assert report["saved"]
    assert (report["messages"], report["invalid"], report["others_editable"]) == ([], [], [])
    assert report["offered"][1:] == [one.value for one in Verdict]
    assert {"detection_id", "base_version", "event", "reviewed_at"} <= set(report["fixed"])
    assert not {"verdict", "event_corrected", "note", "reviewer"} & set(report["fixed"])
    rows = {row.detection_id: row for row in read_sheet(sheet)}
    assert set(rows) == {"camp", "park"}
    camp, park = rows["camp"], rows["park"]
    assert (camp.verdict, camp.note, camp.event_corrected, camp.outline_corrected) == (
        Verdict.CONFIRMED, "Rows of roofs", None, None
    )  # fmt: skip
    assert camp.reviewer, "who works at this machine was not filled in"
    assert (park.verdict, park.event_corrected, park.reviewer) == (Verdict.REJECTED, Event.DEMOLITION, "B. Reader")
    was = detections.set_index("detection_id").geometry["park"]
    assert park.outline_corrected is not None
    moved = shapely.affinity.translate(was, 0.001)
    assert shapely.symmetric_difference(park.outline_corrected, moved).area < 1e-12
    assert abs(datetime.now(UTC) - park.reviewed_at) < timedelta(minutes=2)
    merge_rows(recorded, read_sheet(sheet))
    with recorded.reading() as connection:
        kept = reviews_of(connection, ["camp", "park"])
    assert [one.verdict for one in kept["camp"]] == [Verdict.CONFIRMED]
    (of_park,) = kept["park"]
    assert (of_park.verdict, of_park.event) == (Verdict.REJECTED, Event.DEMOLITION)
    assert of_park.outline_4326 is not None
    assert shapely.symmetric_difference(of_park.outline_4326, moved).area < 1e-12
