import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import OutputError
from outputs.evidence.manifest import (
    Change,
    Finding,
    RunRecord,
    sha256_of,
    verify_manifest,
    without_secrets,
    write_manifest,
)

RECORD = RunRecord(
    run_id="20261121T190000Z-ab12",
    created_at=datetime(2026, 11, 21, 19, tzinfo=UTC),
    code_version="0.1.0",
    git_commit="0b536af",
    settings={"pixel_m": 10, "source": {"client_secret": "hunter2", "kind": "folder"}},
    scenes={"b": "2", "a": "1"},
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "pictures").mkdir(parents=True)
    (folder / "index.html").write_text("page")
    (folder / "pictures" / "达坂城 1.png").write_bytes(b"\x89PNG")
    (folder / "empty.txt").touch()
    write_manifest(folder, RECORD)
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return content


def test_the_manifest_tells_what_was_made_from_what(run: Path) -> None:
    manifest = _manifest(run)
    assert manifest["manifest_version"] == 1
    assert manifest["run_id"] == RECORD.run_id
    assert manifest["created_at"] == "2026-11-21T19:00:00+00:00"
    assert manifest["code"]["sitewatch"] == "0.1.0"
    assert manifest["code"]["git_commit"] == "0b536af"
    assert "numpy" in manifest["code"]["packages"]
    assert manifest["inputs"]["scenes"] == {"a": "1", "b": "2"}
    assert set(manifest["outputs"]) == {"index.html", "pictures/达坂城 1.png", "empty.txt"}
    assert manifest["outputs"]["index.html"] == {"bytes": 4, "sha256": hashlib.sha256(b"page").hexdigest()}


def test_what_was_just_written_verifies(run: Path) -> None:
    assert verify_manifest(run) == []


def test_every_kind_of_change_is_named(run: Path) -> None:
    (run / "index.html").write_text("pagE")
    (run / "empty.txt").unlink()
    (run / "new").mkdir()
    (run / "new" / "file.txt").write_text("x")
    assert [str(finding) for finding in verify_manifest(run)] == [
        "missing: empty.txt",
        "altered: index.html",
        "added: new/file.txt",
    ]


@given(position=st.integers(0, 2_999_999), flip=st.integers(1, 255))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_anywhere_is_found(tmp_path: Path, position: int, flip: int) -> None:
    folder = tmp_path / "large"
    folder.mkdir(exist_ok=True)
    content = bytearray(3_000_000)
    (folder / "a.bin").write_bytes(content)
    write_manifest(folder, RECORD)
    content[position] ^= flip
    (folder / "a.bin").write_bytes(content)
    assert verify_manifest(folder) == [Finding(path="a.bin", change=Change.ALTERED)]


def test_hashes_agree_with_the_library(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_secrets_never_reach_the_manifest(run: Path) -> None:
    assert "hunter2" not in (run / "manifest.json").read_text()
    assert _manifest(run)["settings"] == {"pixel_m": 10, "source": {"client_secret": "withheld", "kind": "folder"}}


@pytest.mark.parametrize("name", ["password", "CLIENT_SECRET", "api_key", "apikey", "auth_token", "credentials"])
def test_names_that_sound_like_secrets(name: str) -> None:
    assert without_secrets([{name: {"deep": "x"}}]) == [{name: "withheld"}]
    assert without_secrets({name: None}) == {name: None}


def test_watch_lists_are_named_and_hashed_but_not_located(tmp_path: Path) -> None:
    watch_list = tmp_path / "private place" / "areas.geojson"
    watch_list.parent.mkdir()
    watch_list.write_text("{}")
    folder = tmp_path / "run"
    folder.mkdir()
    record = RunRecord(run_id="r", created_at=RECORD.created_at, code_version="0.1.0", watch_lists=(watch_list,))
    write_manifest(folder, record)
    assert _manifest(folder)["inputs"]["watch_lists"] == [
        {"name": "areas.geojson", "bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}
    ]
    assert "private place" not in (folder / "manifest.json").read_text()


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "pictures/../../outside.txt"])
def test_nothing_outside_the_folder_is_opened(run: Path, name: str) -> None:
    (run.parent / "outside.txt").write_text("x")
    manifest = _manifest(run)
    manifest["outputs"][name] = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert verify_manifest(run) == [Finding(path=name, change=Change.UNSAFE)]


def test_a_file_replaced_by_a_link_to_the_same_content_is_found(run: Path) -> None:
    outside = run.parent / "outside.html"
    outside.write_text("page")
    (run / "index.html").unlink()
    (run / "index.html").symlink_to(outside)
    assert verify_manifest(run) == [Finding(path="index.html", change=Change.UNSAFE)]


def test_links_are_not_vouched_for(run: Path) -> None:
    (run / "link").symlink_to(run / "index.html")
    with pytest.raises(OutputError, match="link is a link"):
        write_manifest(run, RECORD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("{", "not JSON", id="broken"),
        pytest.param("[]", "manifest_version", id="list"),
        pytest.param('{"manifest_version": 99}', "got 99", id="newer"),
        pytest.param('{"manifest_version": 1, "outputs": {"a": "b"}}', "outputs", id="malformed"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_said(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match=reason):
        verify_manifest(tmp_path)


def test_a_missing_watch_list_is_an_output_error(tmp_path: Path) -> None:
    record = RunRecord(run_id="r", created_at=RECORD.created_at, code_version="0", watch_lists=(tmp_path / "none",))
    with pytest.raises(OutputError, match="none"):
        write_manifest(tmp_path, record)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        RunRecord(run_id="r", created_at=datetime(2026, 1, 1), code_version="0")  # noqa: DTZ001  # that is the point
