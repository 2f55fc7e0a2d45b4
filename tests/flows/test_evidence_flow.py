"""Evidence end to end: a run's manifest and log, keys and signatures on the command line, verification elsewhere."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from detection.life.history import Review
from detection.schema import Verdict
from flows.cli import app
from flows.evidence import note_inputs, note_run, people_of, retractions
from flows.settings.workspace import Workspace
from outputs.evidence.log import Event, append, entries_of
from outputs.evidence.log_check import check_log
from outputs.evidence.record import InputFile, InputProduct
from outputs.evidence.retractions import note_release

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def call(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def _manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return content


def _log(site: "Site") -> Path:
    return site.root / "evidence" / "log.jsonl"


def test_a_run_names_every_file_of_imagery_by_its_hash(ran: "Site") -> None:
    manifest = _manifest(ran.root / "latest")
    told = {file["name"]: file["sha256"] for product in manifest["inputs"]["products"] for file in product["files"]}
    files = list(ran.imagery.glob("*.tif"))
    assert len(files) == 14
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {product["scene_id"] for product in manifest["inputs"]["products"]} == set(manifest["inputs"]["scenes"])
    assert "Copernicus Sentinel data 2020" in manifest["inputs"]["credit"]
    assert str(ran.imagery) not in json.dumps(manifest)


def test_a_run_is_chained_to_the_log_and_the_log_to_the_run(ran: "Site") -> None:
    newest = (ran.root / "latest").resolve()
    entries = {entry.number: entry for entry in entries_of(_log(ran))}
    chain = _manifest(newest)["chain"]
    assert entries[chain["number"]].hash == chain["hash"]
    (run,) = (entry for entry in entries.values() if entry.kind == Event.RUN)
    digest = hashlib.sha256((newest / "manifest.json").read_bytes()).hexdigest()
    assert run.facts == {"name": newest.name, "manifest_sha256": digest}
    assert [entry.kind for entry in entries.values()] == ["begun", "run"]
    assert check_log(_log(ran)).findings == ()


def test_a_run_that_was_killed_before_the_log_knew_it_is_taken_down_by_the_next(ran: "Site") -> None:
    log, newest = _log(ran), (ran.root / "latest").resolve()
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    assert note_run(Workspace.open(ran.root), newest) is not None
    assert note_run(Workspace.open(ran.root), newest) is None
    assert call("verify", "-w", ran.root)[0] == 0


def test_verify_names_what_is_wrong_with_the_log_of_the_workspace(ran: "Site") -> None:
    assert call("verify", "-w", ran.root)[0] == 0
    append(_log(ran), Event.KEY, {"what": "trusted"})
    lines = _log(ran).read_bytes().splitlines(keepends=True)
    _log(ran).write_bytes(b"".join([lines[0], *lines[2:]]))
    code, _, err = call("verify", "-w", ran.root)
    assert code == 1
    assert "workspace log: entry 2: missing (removed from the log)" in err
    _log(ran).write_bytes(lines[0])
    code, _, err = call("verify", "-w", ran.root)
    assert code == 1
    assert "workspace log: entry of run" in err
    assert "cut short" in err


def test_a_copy_on_another_machine_verifies(ran: "Site", tmp_path: Path) -> None:
    copy = shutil.copytree(ran.root / "latest", tmp_path / "other machine")
    code, out, err = call("verify", copy)
    assert (code, err) == (0, "")
    assert "every file is as it was written" in out
    assert "not signed" in out
    assert call("verify", copy, "--signed")[0] == 1
    (copy / "run.json").write_text("{}")
    document = json.loads(call("verify", copy, "--json")[1])
    assert document["findings"] == [{"path": "run.json", "change": "altered", "detail": ""}]
    assert document["is_intact"] is False


def test_keys_sign_and_are_trusted_elsewhere(ran: "Site", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "mine"))
    assert call("keys", "new", "desk", "-w", ran.root)[0] == 0
    folder = (ran.root / "latest").resolve()
    assert call("sign", folder, "--key", "desk")[0] == 0
    code, out, _ = call("verify", folder)
    assert code == 0
    assert "signed by desk" in out
    public = call("keys", "export", "desk")[1]
    (tmp_path / "desk.pub").write_text(public)

    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "theirs"))
    copy = shutil.copytree(folder, tmp_path / "copy")
    code, _, err = call("verify", copy)
    assert code == 1
    assert "signed by an unknown key" in err
    assert call("verify", copy, "--trust", tmp_path / "desk.pub")[0] == 0
    assert call("keys", "trust", tmp_path / "desk.pub")[0] == 0
    assert call("verify", copy, "--signed")[0] == 0
    assert "trusted  desk" in call("keys", "show")[1]

    changed = (copy / "manifest.json.sig").read_text().replace('"signed_at": "2', '"signed_at": "1')
    (copy / "manifest.json.sig").write_text(changed)
    assert "manifest.json.sig: altered" in call("verify", copy)[2]


def test_a_change_of_keys_is_in_the_log_and_the_secret_is_nowhere(
    ran: "Site", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "mine"))
    monkeypatch.setenv("SITEWATCH_KEY_PASSPHRASE", "open-sesame-8211")
    told = call("keys", "new", "desk", "-w", ran.root)[1]
    assert call("sign", ran.root / "latest", "--key", "desk")[0] == 0
    entry = entries_of(_log(ran))[-1]
    assert (entry.kind, entry.facts["what"]) == ("key", "made")
    assert entry.facts["key_id"] in told
    secret = (tmp_path / "mine" / "desk.key").read_text().splitlines()[1]
    for path in ran.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content
            assert b"open-sesame-8211" not in content


@pytest.mark.slow
def test_a_run_is_signed_where_the_environment_names_a_key(
    ran: "Site", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "mine"))
    monkeypatch.setenv("SITEWATCH_SIGN", "desk")
    code, _, err = call("run", "-w", ran.root, "--force")
    assert code == 2
    assert "sitewatch keys new desk" in err
    assert call("keys", "new", "desk")[0] == 0
    assert call("run", "-w", ran.root, "--force")[0] == 0
    assert call("verify", "-w", ran.root, "--signed")[0] == 0
    assert (ran.root / "latest" / "manifest.json.sig").exists()


def test_keys_in_a_workspace_are_refused(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(ran.root / "keys"))
    code, _, err = call("keys", "new", "desk")
    assert code == 2
    assert "keys belong outside" in err
    assert not (ran.root / "keys").exists()


def test_nothing_damaged_is_signed(ran: "Site", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "mine"))
    assert call("keys", "new", "desk")[0] == 0
    path = ran.root / "latest" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"kind": "run"', b'"kind": "ran"'))
    code, _, err = call("sign", ran.root / "latest", "--key", "desk")
    assert code == 2
    assert "expected a whole manifest" in err


def test_a_withdrawal_reaches_the_next_release(ran: "Site") -> None:
    claims = {"west-20200310": "m"}
    note_release(_log(ran), "spring", manifest_sha256="0" * 64, claims=claims, audience="public")
    assert call("withdraw", "west-20200310", "--reason", "it was snow", "-w", ran.root)[0] == 0
    (found,) = retractions(Workspace.open(ran.root), audience="public", claims=claims)
    assert (found.claim, found.reason, found.fate.value) == ("west-20200310", "it was snow", "retracted")
    code, _, err = call("withdraw", "nothing", "--reason", "x", "-w", ran.root)
    assert code == 2
    assert "nothing was withdrawn" in err


@pytest.mark.slow
def test_a_damaged_log_ends_a_run_with_one_line_that_names_the_entry(ran: "Site") -> None:
    _log(ran).write_bytes(_log(ran).read_bytes().replace(b'"kind":"run"', b'"kind":"ran"'))
    code, _, err = call("run", "-w", ran.root, "--force")
    assert code == 2
    assert "was altered" in err
    assert len(err.splitlines()) == 1


def test_what_was_pulled_and_reviewed_is_taken_down_once(site: "Site") -> None:
    workspace = Workspace.open(site.root)
    kept = InputFile(name="stac/a.tif", bytes=10, sha256="a" * 64, kept_at="2026-01-01T00:00:00+00:00")
    later = InputFile(name="stac/b.tif", bytes=5, sha256="b" * 64, kept_at="2026-01-02T00:00:00+00:00")
    product = InputProduct(scene_id="s", fingerprint="f", files=(kept,))
    moment = datetime(2026, 1, 3, tzinfo=UTC)
    review = Review(detection_id="d", verdict=Verdict.CONFIRMED, reviewer="A. Reader", at=moment)
    people = people_of({"west": [review]})
    note_inputs(workspace, [product], people)
    head = note_inputs(workspace, [product], people)
    note_inputs(workspace, [replace(product, files=(kept, later))], people_of({"west": [review, review]}))
    entries = entries_of(_log(site))
    assert [entry.kind for entry in entries] == ["begun", "pull", "reviews", "pull", "reviews"]
    assert head.number == 3
    assert [entry.facts.get("bytes") for entry in entries] == [None, 10, None, 5, None]
    assert "A. Reader" not in _log(site).read_text()
