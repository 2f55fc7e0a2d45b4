import hashlib
import json
import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import OutputError
from outputs.evidence.canonical import sealed
from outputs.evidence.files import sha256_of
from outputs.evidence.findings import Change, Finding
from outputs.evidence.manifest import verify_manifest, without_secrets, write_manifest
from outputs.evidence.record import InputFile, InputProduct, ReviewNote, RunRecord

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


def _rewrite(folder: Path, **members: object) -> None:
    """Change a manifest as somebody would who knows how seals are computed."""
    content = {name: value for name, value in _manifest(folder).items() if name != "seal"}
    (folder / "manifest.json").write_bytes(sealed({**content, **members}))


def test_the_manifest_tells_what_was_made_from_what(run: Path) -> None:
    manifest = _manifest(run)
    assert manifest["manifest_version"] == 2
    assert manifest["kind"] == "run"
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


def test_the_manifest_names_the_software_down_to_the_native_libraries(run: Path) -> None:
    code = _manifest(run)["code"]
    assert code["libraries"]["GDAL"] == rasterio.__gdal_version__
    assert code["python"] == platform.python_version()
    assert set(code["libraries"]) == {"GDAL", "GDAL of pyogrio", "PROJ", "GEOS"}
    assert platform.node() not in json.dumps(code) or not platform.node()


def test_the_manifest_tells_files_read_what_the_provider_said_and_who_reviewed(tmp_path: Path) -> None:
    product = InputProduct(
        scene_id="S2A_1",
        fingerprint="f",
        source="stac",
        provider={"said": ["item S2A_1", "record sha256 ab"]},
        files=(InputFile(name="stac/S2A_1/x.tif", bytes=7, sha256="0" * 64, kept_at="2026-01-01T00:00:00+00:00"),),
    )
    note = ReviewNote(detection_id="d1", area_id="a", verdict="confirmed", reviewer="A. Reader", at=RECORD.created_at)
    write_manifest(tmp_path, replace(RECORD, products=(product,), people=(note,)))
    manifest = _manifest(tmp_path)
    assert manifest["inputs"]["products"] == [
        {
            "scene_id": "S2A_1",
            "fingerprint": "f",
            "source": "stac",
            "provider": {"said": ["item S2A_1", "record sha256 ab"]},
            "files": [
                {
                    "name": "stac/S2A_1/x.tif",
                    "bytes": 7,
                    "sha256": "0" * 64,
                    "kept_at": "2026-01-01T00:00:00+00:00",
                }
            ],
        }
    ]
    assert manifest["people"] == [
        {
            "detection_id": "d1",
            "area_id": "a",
            "verdict": "confirmed",
            "reviewer": "A. Reader",
            "at": "2026-11-21T19:00:00+00:00",
        }
    ]


# --- tricks with names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("../outside.txt", "leads out", id="up"),
        pytest.param("/etc/hostname", "leads out", id="absolute"),
        pytest.param("pictures/../../outside.txt", "leads out", id="up in the middle"),
        pytest.param("./index.html", "leads out", id="dot"),
        pytest.param("pictures//x.png", "leads out", id="empty part"),
        pytest.param("", "leads out", id="empty"),
        pytest.param("C:/windows/win.ini", "another place", id="drive"),
        pytest.param("pictures\\x.png", "another place", id="backslash"),
        pytest.param("a\nb", "not seen", id="control"),
        pytest.param("gnp.\u202etxt", "not seen", id="turned"),
    ],
)
def test_nothing_outside_the_folder_is_opened(run: Path, name: str, reason: str) -> None:
    (run.parent / "outside.txt").write_text("x")
    entry = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    _rewrite(run, outputs={**_manifest(run)["outputs"], name: entry})
    (finding,) = verify_manifest(run)
    assert finding.change is Change.UNSAFE
    assert reason in finding.detail
    assert finding.path.isprintable()


def test_a_file_replaced_by_a_link_to_the_same_content_is_found(run: Path) -> None:
    outside = run.parent / "outside.html"
    outside.write_text("page")
    (run / "index.html").unlink()
    (run / "index.html").symlink_to(outside)
    assert verify_manifest(run) == [Finding(path="index.html", change=Change.UNSAFE, detail="a link")]


def test_a_folder_replaced_by_a_link_to_the_same_content_is_found(run: Path) -> None:
    (run / "pictures").rename(run.parent / "elsewhere")
    (run / "pictures").symlink_to(run.parent / "elsewhere")
    assert {(one.path, one.change) for one in verify_manifest(run)} == {
        ("pictures", Change.UNSAFE),
        ("pictures/达坂城 1.png", Change.MISSING),
    }


def test_a_pipe_is_not_waited_for(run: Path) -> None:
    (run / "index.html").unlink()
    os.mkfifo(run / "index.html")
    assert verify_manifest(run) == [Finding(path="index.html", change=Change.UNSAFE, detail="no plain file")]


def test_a_manifest_that_is_a_link_is_not_read(run: Path) -> None:
    (run / "manifest.json").rename(run.parent / "m.json")
    (run / "manifest.json").symlink_to(run.parent / "m.json")
    (finding,) = verify_manifest(run)
    assert (finding.path, finding.change) == ("manifest.json", Change.ALTERED)
    assert "a link" in finding.detail


def test_names_that_other_machines_cannot_tell_apart_are_found(run: Path) -> None:
    (run / "INDEX.html").write_text("other")
    (finding,) = verify_manifest(run)
    assert finding.change is Change.UNSAFE
    assert "one name with" in finding.detail
    with pytest.raises(OutputError, match="one name on other machines"):
        write_manifest(run, RECORD)


def test_a_name_that_is_no_utf8_is_refused_in_one_line(run: Path) -> None:
    (run / os.fsdecode(b"bad\xff.txt")).write_text("x")
    (finding,) = verify_manifest(run)
    assert (finding.path, finding.change) == ("bad\\udcff.txt", Change.UNSAFE)
    str(finding).encode()
    with pytest.raises(OutputError, match="is not UTF-8"):
        write_manifest(run, RECORD)


def test_two_entries_of_one_path_are_refused(run: Path) -> None:
    text = (run / "manifest.json").read_text(encoding="utf-8")
    entry = '"empty.txt": {'
    (run / "manifest.json").write_text(text.replace(entry, f'"empty.txt": {{"bytes": 1}}, {entry}'), encoding="utf-8")
    (finding,) = verify_manifest(run)
    assert (finding.path, finding.change) == ("manifest.json", Change.ALTERED)
    assert "two entries called 'empty.txt'" in finding.detail


def test_links_are_not_vouched_for(run: Path) -> None:
    (run / "link").symlink_to(run / "index.html")
    with pytest.raises(OutputError, match="link is a link"):
        write_manifest(run, RECORD)


# --- manifests that cannot be used ---------------------------------------------------------------


def _sealed(**members: object) -> bytes:
    return sealed({"manifest_version": 2, "kind": "run", "run_id": "r", "chain": None, "outputs": {}, **members})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"{", "not JSON", id="broken"),
        pytest.param(b"[]", "not a JSON object", id="list"),
        pytest.param(b"\xff", "UTF-8", id="bytes"),
        pytest.param(b"[" * 100_000, "nests too deeply", id="deep"),
        pytest.param(b'{"a": NaN}', "NaN for a number", id="no number"),
        pytest.param(b'{\n  "a": 1\n}\n', "seal", id="unsealed"),
        pytest.param(b'{"a":1}', "as sitewatch writes it", id="otherwise written"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "not JSON", id="huge number"),
        pytest.param(_sealed(manifest_version=99), "got 99", id="newer"),
        pytest.param(_sealed(outputs={"a": "b"}), "outputs", id="malformed"),
        pytest.param(_sealed(outputs={"a": {"bytes": 1, "sha256": "x"}}), "outputs", id="no hash"),
        pytest.param(_sealed(kind="other"), "kind", id="kind"),
        pytest.param(_sealed(chain={"number": "1"}), "chain", id="chain"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    (finding,) = verify_manifest(tmp_path)
    assert (finding.path, finding.change) == ("manifest.json", Change.ALTERED)
    assert reason in finding.detail


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    (finding,) = verify_manifest(tmp_path)
    assert (finding.path, finding.change) == ("manifest.json", Change.MISSING)


def test_a_huge_manifest_is_not_read(run: Path) -> None:
    with (run / "manifest.json").open("r+b") as file:
        file.truncate(300 << 20)  # takes no room on the disk
    (finding,) = verify_manifest(run)
    assert "are not read" in finding.detail


def test_a_missing_watch_list_is_an_output_error(tmp_path: Path) -> None:
    record = RunRecord(run_id="r", created_at=RECORD.created_at, code_version="0", watch_lists=(tmp_path / "none",))
    with pytest.raises(OutputError, match="none"):
        write_manifest(tmp_path, record)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        RunRecord(run_id="r", created_at=datetime(2026, 1, 1), code_version="0")  # noqa: DTZ001  # that is the point
