"""`sitewatch dossier ID` finds a detection or a supplier where its results lie, and says so where it does not."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from flows.cli import app

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def called(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suppliers") / "example"
    assert called("suppliers", "example", str(folder), "-q")[0] == 0
    lists = [f"--{name}={folder / file}" for name, file in (("entities", "entities.csv"), ("sites", "sites.geojson"))]
    code, _ = called("suppliers", "check", str(folder / "suppliers.csv"), *lists, f"--out={folder / 'result'}", "-q")
    assert code in {0, 1}
    return folder / "result"


def pdf_text(path: Path) -> str:
    return " ".join("\n".join(page.extract_text() for page in PdfReader(path).pages).split())


def test_a_supplier_of_a_check_gets_its_statement_with_hanzi_and_nothing_in_the_results_changes(
    checked: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in checked.iterdir()}
    code, said = called("dossier", "EX-05", "--from", str(checked), "-w", str(tmp_path))
    assert code == 0, said
    page = (tmp_path / "dossiers" / "EX-05.html").read_text(encoding="utf-8")
    text = pdf_text(tmp_path / "dossiers" / "EX-05.pdf")
    for part in ("Claim", "Evidence", "Uncertainty", "Alternatives considered", "Sources", "乌有硅业有限公司"):
        assert part in page
        assert part in text
    assert "no finding of guilt" in text
    assert {path.name: path.read_bytes() for path in checked.iterdir()} == before


def test_a_detection_of_the_newest_run_gets_its_statement(ran: "Site", tmp_path: Path) -> None:
    layer = json.loads((ran.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    found = layer["features"][0]["properties"]
    out = tmp_path / "shown.html"
    result = CliRunner().invoke(
        app, ["dossier", found["detection_id"], "-w", str(ran.root), "--out", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["id"], told["kind"]) == (found["detection_id"], "Detection")
    assert told["records"] > 1
    text = pdf_text(out.with_suffix(".pdf"))
    assert f"feature 1, id {found['detection_id']}" in text
    assert found["onset_by"] in text
    assert layer["attribution"] in text


def test_a_supplier_of_the_newest_match_is_found_by_its_id_alone(ran: "Site", checked: Path) -> None:
    shutil.copytree(checked, ran.root / "matches" / "20260101T000000Z")
    code, said = called("dossier", "EX-05", "-w", str(ran.root))
    assert code == 0, said
    assert (ran.root / "dossiers" / "EX-05.pdf").is_file()


def test_an_id_that_is_nowhere_and_a_folder_without_results_are_named_in_one_line(ran: "Site", tmp_path: Path) -> None:
    for arguments, message in (
        (("dossier", "nobody", "-w", str(ran.root)), "has the id 'nobody'"),
        (
            ("dossier", "x", "--from", str(tmp_path), "-w", str(ran.root)),
            "expected suppliers.csv or detections.geojson",
        ),
        (("dossier", "x", "--from", str(ran.root / "latest"), "-w", str(ran.root)), "no detection has the id 'x'"),
    ):
        code, said = called(*arguments)
        assert code == 2
        assert message in said
        assert "Traceback" not in said
