"""Names of others in all that goes out: no table begins a formula, no page runs them, no layer is called by them."""

import csv
import importlib.util
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import openpyxl
import pyogrio
import pytest

from detection.life.history import Move
from detection.schema import Status
from outputs.dossier.statement import Said, Statement
from outputs.dossier.statement_out import statement_page
from outputs.evidence.history import write_moves
from outputs.layers.geopackage import write_geopackage
from outputs.release.tables import write_coverage_csv, write_detections_csv
from outputs.risk.sheets import write_csv, write_workbook
from outputs.site.summary import RunSummary, page_of

FORMULA = "=cmd|' /C calc'!A0"
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")  # noqa: RUF001 - full-width, too
IMAGE = '"><img src=x onerror="window.hit=1"><script>window.hit=1</script><svg onload=window.hit=1>'
CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = Path(__file__).with_name("hostile_in_chromium.py")


def cells_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_of_the_table_of_moves_begins_a_formula(tmp_path: Path, start: str) -> None:
    move = Move(
        detection_id=f"{start}d",
        on=date(2020, 1, 1),
        status_from=None,
        status_to=Status.CONFIRMED,
        cause=f"{start}cmd|' /C calc'!A0",
    )
    write_moves(tmp_path / "history.csv", {f"{start}home": [move]})
    assert not any(cell.startswith(start) for cell in cells_of(tmp_path / "history.csv"))


def test_no_cell_of_the_tables_of_a_release_begins_a_formula(
    tmp_path: Path, detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame
) -> None:
    write_detections_csv(
        tmp_path / "d.csv", detections.assign(area_id=FORMULA, sensors=FORMULA, review=FORMULA), credit=FORMULA
    )
    write_coverage_csv(tmp_path / "c.csv", coverage.assign(area_id=FORMULA), credit=FORMULA, mark=FORMULA)
    for name in ("d.csv", "c.csv"):
        cells = cells_of(tmp_path / name)
        assert f"'{FORMULA}" in cells
        assert not any(cell.startswith("=") for cell in cells)


def test_no_cell_of_the_tables_of_suppliers_begins_a_formula(tmp_path: Path) -> None:
    rows = [{"name": FORMULA, "address": "+1 234"}]
    write_csv(tmp_path / "s.csv", ("name", "address"), rows)
    write_workbook(tmp_path / "s.xlsx", {"suppliers": (("name", "address"), rows)})
    assert cells_of(tmp_path / "s.csv")[2:] == [f"'{FORMULA}", "'+1 234"]
    sheet = openpyxl.load_workbook(tmp_path / "s.xlsx")["suppliers"]
    assert [(cell.data_type, cell.value) for cell in sheet[2]] == [("s", f"'{FORMULA}"), ("s", "'+1 234")]


def test_names_are_no_statements_of_sql_in_a_geopackage(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    name = "x'); DROP TABLE areas; --"
    write_geopackage(tmp_path / "a.gpkg", {"areas": areas.assign(id=name, name=name)}, credit=name)
    found = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="areas")
    assert set(found["name"]) == {name}
    with pytest.raises(ValueError, match="DROP"):
        write_geopackage(tmp_path / "b.gpkg", {name: areas})


def summary(detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> RunSummary:
    return RunSummary(
        run_id=IMAGE,
        title=IMAGE,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        detections=detections,
        coverage=coverage,
        areas=places,
        facilities=places.assign(kind=IMAGE),
        failures=(("home", IMAGE),),
        pictures={},
        credit=IMAGE,
        version=IMAGE,
        settings_hash=IMAGE,
        more_pictures={str(one): ((IMAGE, "series/a.png"),) for one in detections["detection_id"]},
    )


def statement() -> Statement:
    said = (Said(text=IMAGE),)
    return Statement(
        kind=IMAGE,
        subject_id=IMAGE,
        names=(IMAGE,),
        headline=IMAGE,
        claim=said,
        evidence=said,
        uncertainty=said,
        alternatives=said,
        next_steps=said,
        sources=said,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        made_by=IMAGE,
        credit=IMAGE,
    )


@pytest.mark.chromium
def test_no_name_on_a_page_runs_in_a_browser(
    tmp_path: Path, detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, areas: gpd.GeoDataFrame
) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium: {CHROMIUM} is not there")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed (extra 'browser')")
    told = detections.assign(sensors=IMAGE, evidence=json.dumps({"features": {}, "growth": [], "note": IMAGE}))
    pages = {
        "run.html": page_of(summary(told, coverage, areas.assign(name=IMAGE))),
        "statement.html": statement_page(statement()),
        "control.html": f"<p>{IMAGE}</p>",
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(CHROMIUM), *(str(tmp_path / name) for name in pages)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found.pop("control.html")["hit"] == 1, "the trick itself works"
    for name, page in found.items():
        assert (page["hit"], page["strange"], page["requests"]) == (None, 0, []), name
        assert page["shown"], f"{name}: the name stands there as text"
