"""`sitewatch suppliers` and `sitewatch match` from the command line, with real files."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs in the lock
from openpyxl import load_workbook
from pyproj import Geod
from shapely.geometry import Point, box
from typer.testing import CliRunner, Result

from detection.schema import detections_frame
from flows.cli import app
from outputs.evidence.manifest import verify_manifest
from outputs.layers.geojson import write_geojson
from outputs.risk.disclosure import SCHEMA_PATH
from outputs.risk.tables import COLUMNS
from outputs.risk.weights import WEIGHTS_PATH

RUNNER = CliRunner()


def run(*arguments: object) -> Result:
    """Run the command."""
    return RUNNER.invoke(app, [str(one) for one in arguments])


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's files, written by the command."""
    folder = tmp_path_factory.mktemp("example") / "files"
    assert run("suppliers", "example", folder).exit_code == 0
    return folder


def options(folder: Path) -> list[object]:
    """Return the options that hand over all of the example's files."""
    return [
        folder / "suppliers.csv", "--entities", folder / "entities.csv", "--sites", folder / "sites.geojson",
        "--links", folder / "links.csv", "--quarter", "2026Q3",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def result(example: Path) -> Path:
    """Return the folder of a check of the example."""
    out = example.parent / "result"
    done = run("suppliers", "check", *options(example), "--out", out)
    assert done.exit_code == 1, done.output  # one row is kept aside
    assert "row 9: has no name" in done.stderr
    assert "never clear" in done.stdout
    return out


@pytest.fixture(scope="module")
def suppliers(result: Path) -> dict[str, dict[str, str]]:
    """Return the supplier table by id."""
    return {row["supplier_id"]: row for row in rows_of(result / "suppliers.csv")}


def test_a_third_tier_exposure_shows_at_the_first_tier_and_at_the_buyer(
    result: Path, suppliers: dict[str, dict[str, str]]
) -> None:
    factors = [row for row in rows_of(result / "factors.csv") if row["supplier_id"] == "EX-01" and row["path"]]
    assert any(row["path"] == "EX-03 → EX-02 → EX-01" for row in factors)
    assert suppliers["EX-03"]["tier"] == "3"
    about = {row["what"]: row["value"] for row in _sheet(result, "about")}
    assert float(about["score at the buyer"]) > 0
    chains = [row for row in rows_of(result / "links.csv") if row["kind"] == "chain to the buyer"]
    assert any("EX-03 sells to EX-02" in row["explanation"] for row in chains)


def test_likelihood_is_an_interval_beside_severity_and_completeness(suppliers: dict[str, dict[str, str]]) -> None:
    for row in suppliers.values():
        low, middle, high = (float(row[name]) for name in ("likelihood_low", "likelihood", "likelihood_high"))
        assert low <= middle <= high
        assert 0 < float(row["completeness"]) <= 1
    assert suppliers["EX-05"]["severity"] == "4"


def test_a_supplier_of_dongguan_is_not_in_the_region_and_not_clear(suppliers: dict[str, dict[str, str]]) -> None:
    row = suppliers["EX-04"]
    assert row["level"] == "none_found"
    assert float(row["in_region"]) == 0
    assert "does not mean that there is none" in row["categories"]
    assert not any("clear" in value.lower() for value in (row["level"], row["categories"]))


def test_little_known_is_not_assessable(suppliers: dict[str, dict[str, str]]) -> None:
    row = suppliers["EX-06"]
    assert row["level"] == "not_assessable"
    assert "an address" in row["missing"]
    assert float(row["likelihood_high"]) > 0.4


def test_a_county_is_no_point_on_a_factory(result: Path, suppliers: dict[str, dict[str, str]]) -> None:
    placed = {row["supplier_id"] for row in rows_of(result / "links.csv") if row["kind"].startswith("place")}
    assert placed == {"EX-05"}
    assert "flagged of" in suppliers["EX-03"]["context"]
    layer = gpd.read_file(result / "risk.gpkg", layer="supplier_areas").set_index("supplier_id")
    assert set(layer.geometry.dropna().geom_type) == {"MultiPolygon"}
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(layer.geometry["EX-05"])
    radius_m = float(suppliers["EX-05"]["radius_km"]) * 1000
    assert abs(area_m2) == pytest.approx(3.1416 * radius_m**2, rel=0.02)


def test_every_factor_says_where_it_comes_from_and_what_would_clear_it(result: Path) -> None:
    for row in rows_of(result / "factors.csv"):
        for column in ("what", "weight", "source", "reference", "list_version", "score_without", "would_clear"):
            assert row[column] != "", (column, row)
    listed = [row for row in rows_of(result / "factors.csv") if row["key"] == "listed_import_ban"]
    assert listed
    assert all(row["date"] == "2024-01-15" for row in listed)


def test_removing_the_strongest_factor_is_what_the_table_says(result: Path) -> None:
    by_supplier: dict[str, list[dict[str, str]]] = {}
    for row in rows_of(result / "factors.csv"):
        by_supplier.setdefault(row["supplier_id"], []).append(row)
    for rows in by_supplier.values():
        counted = [row for row in rows if row["counts"] == "yes"]
        assert sum(float(row["points"]) for row in counted) == pytest.approx(float(rows[0]["score"]), abs=0.02)


def test_the_disclosure_record_keeps_its_schema(result: Path) -> None:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    record = json.loads((result / "disclosure.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(record)
    assert [one["supplier_id"] for one in record["records"]] == [f"EX-0{number}" for number in range(1, 8)]
    assert record["quarter"] == "2026Q3"
    assert record["list"]["rejected_rows"] == 1
    record["records"][0]["level"] = "clear"
    assert list(Draft202012Validator(schema).iter_errors(record))


def _sheet(result: Path, name: str) -> list[dict[str, Any]]:
    book = load_workbook(result / "suppliers.xlsx", read_only=True)
    head, *rows = book[name].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]


def test_the_workbook_has_all_tables(result: Path) -> None:
    book = load_workbook(result / "suppliers.xlsx", read_only=True)
    assert book.sheetnames == [*COLUMNS, "portfolio", "about"]
    assert [row["supplier_id"] for row in _sheet(result, "suppliers")] == [f"EX-0{number}" for number in range(1, 8)]
    kept_aside = _sheet(result, "rejected")
    assert any("has no name" in row["reason"] for row in kept_aside)


def test_the_layers_are_geojson_and_a_styled_geopackage(result: Path) -> None:
    collection = json.loads((result / "supplier_areas.geojson").read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    assert {one["geometry"]["type"] for one in collection["features"] if one["geometry"]} <= {"Polygon", "MultiPolygon"}
    sites = gpd.read_file(result / "risk.gpkg", layer="flagged_sites")
    assert list(sites["site_id"]) == ["EXS-1", "EXS-2"]
    assert sites.crs.to_epsg() == 4326
    with sqlite3.connect(result / "risk.gpkg") as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles").fetchall())
    assert set(styles) == {"supplier_areas", "flagged_sites"}
    assert "not_assessable" in styles["supplier_areas"]


def test_the_manifest_vouches_for_files_weights_and_inputs(result: Path) -> None:
    assert verify_manifest(result) == []
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    names = {entry["name"] for entry in manifest["inputs"]["watch_lists"]}
    assert names == {"suppliers.csv", "entities.csv", "sites.geojson", "links.csv"}
    assert manifest["settings"]["weights"]["version"] == "2026.1"
    assert (result / "weights.toml").read_bytes() == WEIGHTS_PATH.read_bytes()


def test_portfolio_indicators_compare_with_the_last_quarter(example: Path, result: Path, tmp_path: Path) -> None:
    # Next quarter one supplier is gone and one is new.
    text = (example / "suppliers.csv").read_text(encoding="utf-8")
    changed = text.replace("EX-06,Fancied Jute Mills", "EX-09,Fancied Hemp Mills").replace(
        "EX-08,,", "EX-08,Real Name,"
    )
    (tmp_path / "next.csv").write_text(changed, encoding="utf-8")
    done = run("suppliers", "check", tmp_path / "next.csv", *options(example)[1:-1], "2026Q4",
               "--previous", result, "--out", tmp_path / "out")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = rows_of(tmp_path / "out" / "portfolio.csv")
    changes = {row["group"]: row["value"] for row in rows if row["indicator"] == "change since the last quarter"}
    assert (changes["new"], changes["gone"], changes["same"]) == ("2", "1", "6")
    assert {row["quarter"] for row in rows} == {"2026Q4"}
    shares = [
        float(row["value"]) for row in rows if row["indicator"] == "suppliers by level" and row["unit"] == "share"
    ]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    indicators = {row["indicator"] for row in rows}
    assert {"spend by level", "sites assessed", "diversification: still to move", "suppliers by input"} <= indicators


def test_without_lists_and_sites_the_answer_says_so(example: Path, tmp_path: Path) -> None:
    done = run("suppliers", "check", example / "suppliers.csv", "--out", tmp_path / "out")
    assert "nobody was looked up" in done.stdout
    assert "no place was compared" in done.stdout
    rows = rows_of(tmp_path / "out" / "suppliers.csv")
    assert all("lists of entities to compare with" in row["missing"] for row in rows)


def test_weights_of_a_team_are_recorded(example: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('version = "team-7"\n[weights.region_facility]\nweight = 0.1\n', encoding="utf-8")
    run("suppliers", "check", *options(example), "--weights", own, "--out", tmp_path / "out")
    rows = rows_of(tmp_path / "out" / "suppliers.csv")
    assert all(row["weights"].startswith("team-7 (") for row in rows)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert "own.toml" in {entry["name"] for entry in manifest["inputs"]["watch_lists"]}


def test_no_cell_becomes_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        'supplier name,address,country\n"=1+1 Trading Ltd","@SUM(1+1), Korla",China\nPlain Trading Ltd,Korla,China\n',
        encoding="utf-8",
    )
    assert run("suppliers", "check", path, "--out", tmp_path / "out").exit_code == 0
    cells = [value for row in rows_of(tmp_path / "out" / "suppliers.csv") for value in row.values()]
    assert any("1+1 Trading" in cell for cell in cells)
    assert not any(cell.startswith(("=", "@")) for cell in cells)
    for sheet in load_workbook(tmp_path / "out" / "suppliers.xlsx").worksheets:
        assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


def test_the_columns_of_a_list_are_shown_without_doing_more(example: Path) -> None:
    done = run("suppliers", "columns", example / "suppliers.csv", "--json")
    told = {one["column"]: one["field"] for one in json.loads(done.stdout)["columns"]}
    assert told["Supplier name"] == "name"
    assert told["Annual spend"] == "spend"


def test_json_is_one_document(example: Path, tmp_path: Path) -> None:
    done = run("suppliers", "check", *options(example), "--out", tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert told["suppliers"] == 7
    assert sum(told["levels"].values()) == 7
    assert told["rejected_rows"] == {"suppliers.csv": 1}


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        (("--out", "{here}"), "it exists already", 3),
        (("--sites", "{here}/none.geojson"), "none.geojson", 2),
        (("--weights", "{here}/none.toml"), "none.toml: cannot be read", 2),
        (("--previous", "{here}"), "expected the folder of an earlier check", 2),
        (("--quarter", "autumn"), "expected a quarter such as 2026Q3", 2),
    ],
    ids=["folder is there", "no sites file", "no weights file", "no earlier check", "no quarter"],
)
def test_what_goes_wrong_is_one_line_and_a_code(
    example: Path, tmp_path: Path, change: tuple[str, str], said: str, code: int
) -> None:
    option, value = change[0], change[1].format(here=tmp_path)
    out = [] if option == "--out" else ["--out", tmp_path / "out"]
    done = run("suppliers", "check", example / "suppliers.csv", option, value, *out)
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_list_without_a_supplier_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("name,address\n", encoding="utf-8")
    done = run("suppliers", "check", path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "empty.csv" in done.stderr


def test_suppliers_are_matched_with_what_a_run_saw(detection_row: dict[str, Any], tmp_path: Path) -> None:
    latest = tmp_path / "latest"
    latest.mkdir()
    square = box(86.150, 41.750, 86.156, 41.754)
    frame = detections_frame([{**detection_row, "geometry": square}], epsg=4326)
    write_geojson(latest / "detections.geojson", frame)
    middle = Point(86.153, 41.752)
    (tmp_path / "suppliers.csv").write_text(
        "id,name,address,county,province,country,latitude,longitude\n"
        f'S1,Invented Works,"1 Example Road, Korla",Korla,Xinjiang,China,{middle.y},{middle.x}\n'
        "S2,Elsewhere Works,Dhaka,,,Bangladesh,,\n",
        encoding="utf-8",
    )
    done = run("match", "--workspace", tmp_path, "--out", tmp_path / "matches")
    assert done.exit_code == 0, done.output
    links = rows_of(tmp_path / "matches" / "links.csv")
    placed = [row for row in links if row["kind"] == "place (detection)"]
    assert [row["supplier_id"] for row in placed] == ["S1"]
    assert float(placed[0]["near"]) > 0.3
    keys = {row["key"] for row in rows_of(tmp_path / "matches" / "factors.csv")}
    assert {"inside_detection", "near_detection"} <= keys


@pytest.fixture
def detection_row() -> dict[str, Any]:
    """Return one confirmed construction without its outline."""
    return {
        "detection_id": "D1", "area_id": "korla", "facility_relation": "none", "event": "construction",
        "status": "confirmed", "confidence": 0.9, "onset_after": "2020-01-01", "onset_by": "2020-03-01",
        "confirmed_on": "2020-06-01", "last_seen_on": "2021-01-01", "looks_before": 8, "looks_after": 9,
        "area_m2": 90_000.0, "evidence": "{}", "sensors": "sentinel-2", "scene_ids": "[]", "settings_hash": "x",
    }  # fmt: skip


def test_a_workspace_without_a_run_or_a_list_is_told(tmp_path: Path) -> None:
    done = run("match", "--workspace", tmp_path)
    assert done.exit_code == 2
    assert "suppliers.csv or suppliers.xlsx" in done.stderr
    (tmp_path / "suppliers.csv").write_text("name\nA Firm\n", encoding="utf-8")
    done = run("match", "--workspace", tmp_path)
    assert done.exit_code == 2
    assert "`sitewatch run` makes one" in done.stderr
