"""A statement says what is claimed and why, ties each figure to its record, doubts, and accuses nobody."""

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader
from shapely.geometry import box, mapping

from geo.errors import ConfigError
from outputs.dossier.detection import detection_statement
from outputs.dossier.pages import broken
from outputs.dossier.results import without_folder
from outputs.dossier.statement import Statement
from outputs.dossier.statement_out import statement_page, write_statement_document, write_statement_page
from outputs.dossier.supplier import supplier_statement
from outputs.risk.tables import COLUMNS

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
STRANGE = '<script>alert("x")</script>'
HANZI = "乌有硅业有限公司"
CREDIT = "Contains modified Copernicus Sentinel data 2022"
ACCUSES = ("guilty", "perpetrator", "culprit", "forced labourers work", "complicit", "is responsible", "no change.")


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[name], restval="")
        writer.writeheader()
        writer.writerows(rows)


def manifest(folder: Path) -> None:
    outputs = {path.name: {"bytes": 1, "sha256": path.name.encode().hex().ljust(64, "0")} for path in folder.iterdir()}
    lists = [{"name": "list.csv", "bytes": 1234, "sha256": "ab" * 32}]
    content = {"run_id": "run-7", "code": {"sitewatch": "0.1"}, "outputs": outputs, "inputs": {"watch_lists": lists}}
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """Return a folder of results with two suppliers: one with reasons, one of which nothing is known."""
    folder = tmp_path / "result"
    folder.mkdir()
    supplier = {
        "supplier_id": "EX-05", "name": f"Works {STRANGE}", "other_names": HANZI, "tier": 2, "level": "high",
        "score": 19.24, "likelihood": 0.9881, "likelihood_low": 0.9813, "likelihood_high": 0.9948, "completeness": 0.72,
        "categories": "Facility in the region", "in_flagged_site": 0.6218, "near_flagged_site": 0.9109,
        "place": "鄯善镇, 鄯善县", "precision": "street", "radius_km": 0.8, "place_probability": 0.9192,
        "missing": "who owns it", "verify": "lease or land title with a plan; origin test of the material",
        "address": "1 Nowhere Road", "source": "/home/me/list.csv, row 6", "weights": "2026.1",
    }  # fmt: skip
    write(folder, "suppliers", [{"supplier_id": "EX-01", "name": "A", "level": "not_assessable"}, supplier])
    factor = {
        "supplier_id": "EX-05", "category": "Facility in the region", "what": "has an address there: 鄯善镇",
        "value": 0.95, "value_low": 0.8748, "value_high": 0.981, "weight": 0.8, "points": 6.2, "counts": "yes",
        "score_without": 16.31, "level_without": "Elevated", "confidence": "low", "source": "supplier list",
        "reference": "/home/me/list.csv, row 6", "date": "2024-01-15", "key": "region_facility",
    }  # fmt: skip
    weaker = factor | {"counts": "no: a stronger factor counts", "what": "lies near a site", "key": "near_site"}
    write(folder, "factors", [{"supplier_id": "EX-09", "key": "other"}, factor, weaker])
    place = {"kind": "place (site)", "object_name": "Invented works", "object_id": "EXS-1", "probability": 0.6218}
    name = {"kind": "name", "object_name": HANZI, "object_id": "exl-2", "probability": 0.4, "zone": "review"}
    explained = {"supplier_id": "EX-05", "explanation": "other places compete"}
    write(folder, "links", [place | explained, name | explained])
    write(folder, "rejected", [{"file": "list.csv", "where": "row 9", "reason": "has no name"}])
    manifest(folder)
    return folder


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Return a run's folder with one detection of a wall that is gone."""
    folder = tmp_path / "run"
    (folder / "pictures").mkdir(parents=True)
    measured = {"wall_lost": (0.83, 3.7), "bias": (1, -3), "radar": (-1, -1.0)}
    evidence = {
        "features": {name: {"value": one[0], "contribution": one[1]} for name, one in measured.items()},
        "note": "Half of the perimeter stands out less.",
        "proxies": {"night_light": {"p": 0.0002}},
    }
    properties = {
        "detection_id": "a-1", "area_id": "a", "facility_id": "camp", "facility_relation": "inside",
        "facility_distance_m": 0.0, "event": "desecuritisation", "status": "candidate", "confidence": 0.83,
        "onset_after": "2022-03-01", "onset_by": "2022-04-02", "last_seen_on": "2022-09-01", "looks_before": 7,
        "looks_after": 6, "area_m2": 9876.0, "area_low_m2": 8000.0, "area_high_m2": 9990.0, "phase": None,
        "verdict": None, "evidence": evidence, "sensors": "S2A", "scene_ids": ["S1", "S2", "S3"],
        "settings_hash": "abc123",
    }  # fmt: skip
    shape = mapping(box(88.28, 43.38, 88.29, 43.385))
    features = [
        {"type": "Feature", "properties": properties | {"detection_id": "a-0"}, "geometry": shape},
        {"type": "Feature", "properties": properties, "geometry": shape},
    ]
    layer = {"type": "FeatureCollection", "attribution": CREDIT, "features": features}
    (folder / "detections.geojson").write_text(json.dumps(layer), encoding="utf-8")
    area = {"area_id": "a", "observed_share": 0.91, "clear_looks": 13, "looks": 31}
    layer = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": area, "geometry": shape}]}
    (folder / "coverage.geojson").write_text(json.dumps(layer), encoding="utf-8")
    (folder / "scenes.csv").write_text(
        "area_id,scene_id,observed_at,platform\na,S0,2022-01-01,S2A\na,S1,2022-02-03,S2A\na,S2,2022-05-04,S2B\n"
    )
    arcs = "area_id,facility_id,arc,state,reason,loss_p,change_p,smallest_m,evidence\n"
    arcs += f'a,camp,0,indicated,half is gone,0.0004,,,"{json.dumps(evidence).replace(chr(34), chr(34) * 2)}"\n'
    arcs += "a,camp,1,gone,it went,0.0004,0.0002,0.31,\na,other,1,gone,elsewhere,0.0004,0.0002,0.77,\n"
    (folder / "perimeters.csv").write_text(arcs, encoding="utf-8")
    Image.new("RGB", (300, 150), "red").save(folder / "pictures" / "a-1.png")
    manifest(folder)
    return folder


def supplier(folder: Path) -> Statement:
    return supplier_statement(folder, "EX-05", created_at=NOW)


def detection(folder: Path) -> Statement:
    return detection_statement(folder, "a-1", created_at=NOW)


def pdf_text(path: Path) -> str:
    return " ".join("\n".join(page.extract_text() for page in PdfReader(path).pages).split())


def sentences(statement: Statement) -> list[str]:
    return [said.text for part in statement.parts for said in part.said]


def test_all_parts_are_there_and_none_is_empty(checked: Path, ran: Path) -> None:
    for one in (supplier(checked), detection(ran), supplier_statement(checked, "EX-01", created_at=NOW)):
        titles = [part.title for part in one.parts]
        assert titles[:4] == ["Claim", "Evidence", "Uncertainty", "Alternatives considered"]
        assert titles[-1] == "Sources"
        assert all(part.said for part in one.parts)


def cell_of(folder: Path, file: str, row: int, column: str) -> str:
    """Read one cell back without any code of the statement."""
    if file.endswith(".geojson"):
        properties = json.loads((folder / file).read_text(encoding="utf-8"))["features"][row - 1]
        value = properties["geometry"] if column == "geometry" else properties["properties"]
        for part in () if column == "geometry" else column.split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return json.dumps(value, ensure_ascii=False)
    with (folder / file).open(encoding="utf-8-sig", newline="") as handle:
        lines = list(csv.reader(handle))
    return lines[row - 1][lines[0].index(column.split(".", maxsplit=1)[0])]


DERIVED = {"0.0808", "0.3782", "0.6", "91", "72", "1", "95", "10", "30", "3", "2", "43.3825", "88.2850"}
"""Figures that are worked out from a cell: complements, per cents, counts, the middle of a shape, and fixed words."""


@pytest.mark.parametrize("kind", ["supplier", "detection"])
def test_every_figure_is_found_in_a_cell_of_the_records_of_its_sentence(kind: str, checked: Path, ran: Path) -> None:
    folder, statement = (checked, supplier(checked)) if kind == "supplier" else (ran, detection(ran))
    tested = 0
    for part in statement.parts:
        for said in part.said:
            if "SHA-256" in said.text:
                continue
            cells = " ".join(
                cell_of(folder, one.file, one.row, column)
                for one in said.records
                for column in one.columns
                if one.row is not None
            )
            attribution = CREDIT if any(one.row is None for one in said.records) else ""
            ids = " ".join(one.record_id.replace("-", " ") for one in said.records)
            told = {
                float(number)
                for number in re.findall(r"\d+(?:\.\d+)?", f"{cells} {ids} {attribution}".replace(",", ""))
            }
            for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)", said.text):
                if number.rstrip(",").replace(",", "") in DERIVED:
                    continue
                tested += 1
                assert float(number.rstrip(",").replace(",", "")) in told, said.text
    assert tested > 20


def test_complements_and_shares_are_worked_out_right(checked: Path) -> None:
    text = " ".join(sentences(supplier(checked)))
    assert "1 \N{MINUS SIGN} 0.6218 = 0.3782" in text
    assert "1 \N{MINUS SIGN} 0.9192 = 0.0808" in text
    assert "Without “has an address there: 鄯善镇” the score is 16.31 and the level “Elevated”." in text
    assert "72% is known. Missing: who owns it." in text
    assert "the comparison was left for a person to decide: probability 1 \N{MINUS SIGN} 0.4 = 0.6" in text


def test_records_count_rows_as_a_spreadsheet_does_and_features_from_one(checked: Path, ran: Path) -> None:
    first = supplier(checked).records[0]
    assert (first.file, first.row, first.record_id) == ("suppliers.csv", 3, "EX-05")
    first = detection(ran).records[0]
    assert (first.where, first.record_id) == ("detections.geojson, feature 2", "a-1")


def test_folders_of_the_machine_are_not_told(checked: Path) -> None:
    assert "/home/me" not in " ".join(sentences(supplier(checked)))
    assert without_folder("/home/me/list.csv, row 6") == "list.csv, row 6"
    assert without_folder("C:\\me\\list.csv, row 6") == "list.csv, row 6"
    assert without_folder("Report, Sheffield 2021, https://a.org/b") == "Report, Sheffield 2021, https://a.org/b"


@pytest.mark.parametrize("word", ACCUSES)
def test_nobody_is_accused_and_nobody_is_cleared(checked: Path, ran: Path, word: str) -> None:
    for one in (supplier(checked), detection(ran), supplier_statement(checked, "EX-01", created_at=NOW)):
        page = statement_page(one).casefold()
        assert "no finding of guilt" in page
        assert word not in page.replace("no finding of guilt", "")


def test_a_wall_that_is_gone_carries_its_arcs_what_is_apart_and_that_it_must_be_confirmed(ran: Path) -> None:
    one = detection(ran)
    evidence = " ".join(said.text for said in one.evidence)
    assert "Arc 1: gone, p 0.0002; smallest wall" in evidence
    assert "0.77" not in evidence
    assert "Apart, and no proof that a wall is gone: darker at night than its surroundings (p = 0.0002)." in evidence
    assert "confirm it on finer imagery" in " ".join(said.text for said in one.next_steps)
    assert "Mesh fences, wire, gates and watchtowers cannot be seen" in " ".join(said.text for said in one.uncertainty)
    others = " ".join(said.text for said in one.alternatives)
    assert "Speaks against it: radar" in others
    assert "A road, a strip of plants or a bank".casefold() in others.casefold()
    assert "1 of 3 scenes are in no table of scenes" in " ".join(said.text for said in one.sources)


def test_the_pdf_can_be_read_back_hanzi_and_records_included(checked: Path, tmp_path: Path) -> None:
    statement = supplier(checked)
    write_statement_document(tmp_path / "s.pdf", statement)
    text = pdf_text(tmp_path / "s.pdf")
    for told in (HANZI, "鄯善镇", "0.9881", "Alternatives considered", "[1] suppliers.csv, row 3, id EX-05", "16.31"):
        assert told in text, told
    assert STRANGE in text
    sizes = {tuple(round(float(side)) for side in page.mediabox[2:]) for page in PdfReader(tmp_path / "s.pdf").pages}
    assert sizes == {(595, 842)}


def test_the_pdf_of_a_detection_has_its_picture_and_credit_on_each_page(ran: Path, tmp_path: Path) -> None:
    write_statement_document(tmp_path / "d.pdf", detection(ran))
    pages = PdfReader(tmp_path / "d.pdf").pages
    assert all(CREDIT in page.extract_text() for page in pages)
    assert len(pages[-1].images) == 1
    simulated = replace(detection(ran), credit="Simulated imagery, not an observation")
    write_statement_document(tmp_path / "x.pdf", simulated)
    assert all(
        "SIMULATED IMAGERY, NOT AN OBSERVATION" in page.extract_text() for page in PdfReader(tmp_path / "x.pdf").pages
    )


class Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        told = dict(attrs)
        self.ids |= {told["id"] or ""} if "id" in told else set()
        self.targets |= {(told["href"] or "").removeprefix("#")} if "href" in told else set()


def test_the_page_links_each_figure_to_its_record_and_loads_nothing(checked: Path, tmp_path: Path) -> None:
    write_statement_page(tmp_path / "s.html", supplier(checked))
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    seen = Ids()
    seen.feed(page)
    assert "script" not in seen.tags
    assert seen.targets <= seen.ids
    assert {f"record-{number}" for number in range(1, len(supplier(checked).records) + 1)} <= seen.targets
    assert HANZI in page


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("gone", "expected factors.csv in the folder of results"),
        ("manifest", "manifest.json: cannot be read"),
        ("id", "no supplier has the id 'EX-77'; it has: EX-01, EX-05"),
    ],
)
def test_what_is_missing_or_broken_is_named(checked: Path, spoilt: str, message: str) -> None:
    if spoilt == "gone":
        (checked / "factors.csv").unlink()
    elif spoilt == "manifest":
        (checked / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(message)):
        supplier_statement(checked, "EX-77" if spoilt == "id" else "EX-05", created_at=NOW)


def test_text_is_broken_within_the_width_whatever_its_script() -> None:
    text = f"{HANZI * 9} and a word {'x' * 200} end"
    lines = broken(text, size_pt=9, width_pt=200)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert len(lines) > 5
    assert all(len(line) <= 200 / 9 / 0.45 for line in lines)
    assert all(sum(char > "\u2e80" for char in line) <= 200 / 9 for line in lines)
    assert broken("", size_pt=9, width_pt=200) == [""]
