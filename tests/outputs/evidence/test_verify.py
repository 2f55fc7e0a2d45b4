"""A sealed release: one flipped byte in any of its files is named; a copy verifies anywhere, without a workspace."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from geo.errors import OutputError
from outputs.evidence.canonical import sealed
from outputs.evidence.findings import Change
from outputs.evidence.keys import SigningKey, new_key
from outputs.evidence.log import Event, append, entries_of, head_of
from outputs.evidence.record import Derived, Kind, ReviewNote, RunRecord
from outputs.evidence.retractions import note_release
from outputs.evidence.seal import derived_from, seal_folder
from outputs.evidence.signature import sign_manifest
from outputs.evidence.timestamp import read_certificates, request_timestamp
from outputs.evidence.verify import Trust, verify_folder

if TYPE_CHECKING:
    from tests.outputs.evidence.conftest import Authority

AT = datetime(2026, 11, 21, 19, tzinfo=UTC)
FILES = 200
SEED = 20261121


def _draw() -> random.Random:
    return random.Random(SEED)  # noqa: S311  # chooses places and sizes, no secrets


def make_release(folder: Path, key: SigningKey, *, files: int = FILES) -> Path:
    """Seal a release of so many files of many sizes, with a log and a signature; return its folder."""
    draw = _draw()
    log = folder / "workspace" / "evidence" / "log.jsonl"
    for number in range(5):
        append(log, Event.RUN, {"name": f"run-{number}", "manifest_sha256": f"{number:064x}"})
    release = folder / "workspace" / "releases" / "first"
    for number in range(files - 2):  # the crate and the log are the other two
        path = release / draw.choice(("", "图片", "data/deep", "site")) / f"文件 {number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw.randbytes(draw.choice((1, 30, 4000, 70_000))))
    note = ReviewNote(detection_id="d1", area_id="a", verdict="confirmed", reviewer="A. Reader", at=AT)
    record = RunRecord(
        run_id="first",
        created_at=AT,
        code_version="0.1.0",
        kind=Kind.RELEASE,
        people=(note,),
        scenes={"S2A_1": "f"},
        chain=head_of(log),
    )
    seal = seal_folder(release, record, key=key, log=log, at=AT)
    note_release(log, "first", manifest_sha256=seal.manifest_sha256, claims={"d1": "m"})
    return release


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    """Return a release that no test may change, and its key."""
    folder = tmp_path_factory.mktemp("made")
    key = new_key(folder / "keys", "me")
    return make_release(folder, key), key


@pytest.fixture
def small(tmp_path: Path, key: SigningKey) -> Path:
    """Return a small release that a test may change."""
    return make_release(tmp_path, key, files=6)


def _named(folder: Path, trust: Trust) -> set[str]:
    return {str(one) for one in verify_folder(folder, trust).findings}


def test_one_flipped_byte_in_any_file_of_a_release_is_named_every_time(
    made: tuple[Path, SigningKey], tmp_path: Path
) -> None:
    folder, key = made
    copy = shutil.copytree(folder, tmp_path / "copy")
    draw, trust = _draw(), Trust(keys=[key.public])
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    names = {path.relative_to(copy).as_posix() for path in files}
    assert len(files) == FILES + 2
    assert names >= {"manifest.json", "manifest.json.sig", "ro-crate-metadata.json", "log.jsonl"}
    for path in files:
        before = path.read_bytes()
        after = bytearray(before)
        after[draw.randrange(len(after))] ^= draw.randrange(1, 256)
        path.write_bytes(after)
        found = verify_folder(copy, trust).findings
        path.write_bytes(before)
        name = path.relative_to(copy).as_posix()
        assert Change.ALTERED in {one.change for one in found if one.path == name}, name
        assert {one.path.partition(": entry")[0] for one in found} == {name}
    assert _named(copy, trust) == set()


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sig"])
def test_bytes_of_manifest_and_signature_are_guarded(made: tuple[Path, SigningKey], tmp_path: Path, name: str) -> None:
    folder, key = made
    for other in ("manifest.json", "manifest.json.sig"):
        shutil.copyfile(folder / other, tmp_path / other)
    trust, before = Trust(keys=[key.public]), (tmp_path / name).read_bytes()
    draw = _draw()
    places = sorted(draw.sample(range(len(before)), 200))
    for place in places:
        after = bytearray(before)
        after[place] ^= 1 << draw.randrange(8)
        (tmp_path / name).write_bytes(after)
        assert name in {one.path for one in verify_folder(tmp_path, trust).findings}, place


def test_a_copy_in_another_place_verifies_without_the_workspace(made: tuple[Path, SigningKey], tmp_path: Path) -> None:
    folder, key = made
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "它")
    result = verify_folder(copy, Trust(keys=[key.public]))
    assert result.is_intact
    assert (result.kind, result.name, result.files) == ("release", "first", FILES)
    assert result.remarks() == [f"signed by me ({key.public.key_id}), dated {AT.isoformat()} by the signer"]


def test_what_was_altered_missing_and_added_is_told_apart(small: Path, key: SigningKey) -> None:
    files = sorted(path for path in small.rglob("*.bin"))
    files[0].write_bytes(b"other")
    files[1].unlink()
    (small / "new.txt").write_text("x")
    names = [path.relative_to(small).as_posix() for path in files]
    assert _named(small, Trust(keys=[key.public])) == {
        f"altered: {names[0]}", f"missing: {names[1]}", "added: new.txt"
    }  # fmt: skip


def test_unsigned_unknown_and_wrongly_signed_are_told_apart(small: Path, key: SigningKey, tmp_path: Path) -> None:
    stranger = new_key(tmp_path / "other", "stranger")
    assert {one.change for one in verify_folder(small).findings} == {Change.UNKNOWN_KEY}
    (small / "manifest.json.sig").unlink()
    (finding,) = verify_folder(small, Trust(keys=[key.public])).findings
    assert (finding.path, finding.change) == ("manifest.json.sig", Change.MISSING)
    sign_manifest(small, stranger)
    (finding,) = verify_folder(small, Trust(keys=[key.public, stranger.public])).findings
    assert finding.change is Change.BAD_SIGNATURE
    assert "the manifest says that key" in finding.detail


def test_a_folder_without_signature_is_a_fault_only_where_one_is_asked_for(tmp_path: Path) -> None:
    seal_folder(tmp_path, RunRecord(run_id="r", created_at=AT, code_version="0"))
    assert verify_folder(tmp_path).is_intact
    assert verify_folder(tmp_path).remarks() == ["not signed: nobody vouches that this is what was made"]
    assert not verify_folder(tmp_path, Trust(is_signature_needed=True)).is_intact


def test_who_writes_a_new_manifest_over_changed_files_breaks_the_signature(small: Path, key: SigningKey) -> None:
    next(small.rglob("*.bin")).write_bytes(b"other")
    record = RunRecord(run_id="first", created_at=AT, code_version="0.1.0", kind=Kind.RELEASE)
    seal_folder(small, record)
    assert Change.BAD_SIGNATURE in {one.change for one in verify_folder(small, Trust(keys=[key.public])).findings}


# --- the log -------------------------------------------------------------------------------------


def _drop(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def _cut(lines: list[bytes]) -> list[bytes]:
    return lines[:3]


def _swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[4], *lines[2:4], *lines[5:]]


def _twice(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[2], *lines[3:]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_drop, "missing: workspace log: entry 3 (removed from the log)", id="removed"),
        pytest.param(_swap, "reordered: workspace log: entry 5", id="reordered"),
        pytest.param(_twice, "added: workspace log: entry 3 (line 4)", id="added"),
        pytest.param(
            _cut, "missing: workspace log: entry 6 (the manifest knows it, so the log was cut short)", id="cut short"
        ),
    ],
)
def test_a_changed_workspace_log_is_named_by_entry(
    small: Path, key: SigningKey, change: Callable[[list[bytes]], list[bytes]], expected: str
) -> None:
    log = small.parents[1] / "evidence" / "log.jsonl"
    trust = Trust(keys=[key.public], log=log)
    assert _named(small, trust) == set()
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    assert expected in _named(small, trust)


def test_another_release_of_the_same_name_contradicts_the_log(small: Path, key: SigningKey) -> None:
    log = small.parents[1] / "evidence" / "log.jsonl"
    before = entries_of(log)
    (small / "ro-crate-metadata.json").unlink()
    (small / "log.jsonl").unlink()
    seal_folder(small, RunRecord(run_id="first", created_at=AT, code_version="9", kind=Kind.RELEASE), key=key)
    (finding,) = verify_folder(small, Trust(keys=[key.public], log=log)).findings
    assert (finding.path, finding.change) == ("manifest.json", Change.ALTERED)
    assert f"entry {before[-1].number} of the log" in finding.detail


# --- time stamps and what else --------------------------------------------------------------------


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_each_file_of_a_stamped_release_is_guarded(small: Path, key: SigningKey, authority: "Authority") -> None:
    request_timestamp(small, authority.url)
    trust = Trust(keys=[key.public], certificates=read_certificates(authority.ca))
    assert verify_folder(small, trust).is_intact
    draw = _draw()
    for name in ("manifest.json.tsr", "manifest.json.tsr.json"):
        before = (small / name).read_bytes()
        for place in draw.sample(range(len(before)), 60):
            after = bytearray(before)
            after[place] ^= draw.randrange(1, 256)
            (small / name).write_bytes(after)
            assert {one.path for one in verify_folder(small, trust).findings} == {name}, place
        (small / name).write_bytes(before)
    assert any("time stamp of" in line for line in verify_folder(small, trust).remarks())


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    assert [str(one) for one in verify_folder(tmp_path).findings] == [
        "missing: manifest.json (so no file can be held against it)"
    ]


def test_a_sealed_manifest_of_nonsense_is_a_finding_and_no_error(tmp_path: Path) -> None:
    for members in ({"chain": {"number": "x", "hash": 5}}, {"run_id": 5}, {"outputs": None}):
        content = {"manifest_version": 2, "kind": "run", "run_id": "r", "chain": None, "outputs": {}, **members}
        (tmp_path / "manifest.json").write_bytes(sealed(content))
        assert {one.change for one in verify_folder(tmp_path).findings} == {Change.ALTERED}


def test_a_seal_over_a_link_is_refused_before_anything_is_signed(tmp_path: Path, key: SigningKey) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "x").symlink_to("/etc/hostname")
    record = RunRecord(run_id="r", created_at=AT, code_version="0")
    for kind in Kind:
        with pytest.raises(OutputError, match="is a link"):
            seal_folder(folder, replace(record, kind=kind), key=key)
    assert not list(folder.glob("manifest*"))


def test_a_release_names_the_run_it_was_made_from_only_if_that_is_whole(tmp_path: Path) -> None:
    seal = seal_folder(tmp_path, RunRecord(run_id="r", created_at=AT, code_version="0"))
    assert derived_from(tmp_path) == Derived(kind=Kind.RUN, name="r", manifest_sha256=seal.manifest_sha256)
    seal.manifest.write_bytes(seal.manifest.read_bytes().replace(b'"r"', b'"s"'))
    with pytest.raises(OutputError, match="expected a whole manifest"):
        derived_from(tmp_path)


def test_the_seal_says_what_the_log_takes_down(tmp_path: Path, key: SigningKey) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    seal = seal_folder(folder, RunRecord(run_id="r", created_at=AT, code_version="0"), key=key)
    assert seal.manifest_sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert json.loads(seal.manifest.read_text())["signer"] == key.public.key_id
    assert seal.signature == tmp_path / "r" / "manifest.json.sig"
