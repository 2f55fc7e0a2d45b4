"""Keys and signatures: nobody else can read a key or sign with it; good, unknown and bad are told apart."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from geo.errors import ConfigError
from outputs.evidence import keys
from outputs.evidence.canonical import sealed
from outputs.evidence.findings import Change
from outputs.evidence.keys import SigningKey, load_key, new_key, own_keys, read_keys, trust, trusted_keys
from outputs.evidence.manifest import write_manifest
from outputs.evidence.record import RunRecord
from outputs.evidence.signature import Signed, check_signature, sign_manifest

AT = datetime(2026, 11, 21, 19, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    write_manifest(folder, RunRecord(run_id="r", created_at=AT, code_version="0"))
    return folder


def _check(folder: Path, *trusted: keys.PublicKey) -> Signed:
    found = check_signature(folder, (folder / "manifest.json").read_bytes(), trusted)
    assert found is not None
    return found


def _change(folder: Path, **members: object) -> None:
    """Change a signature as somebody would who knows how seals are computed."""
    path = folder / "manifest.json.sig"
    content = json.loads(path.read_text())
    del content["seal"]
    path.write_bytes(sealed({**content, **members}))


def test_a_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = new_key(tmp_path / "keys", "me")
    path = tmp_path / "keys" / "me.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert load_key(tmp_path / "keys", "me").public == made.public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    new_key(tmp_path, "me")
    (tmp_path / "me.key").chmod(mode)
    with pytest.raises(ConfigError, match=rf"mode {mode:03o}.*chmod 600"):
        load_key(tmp_path, "me")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    new_key(tmp_path, "me")
    before = (tmp_path / "me.key").read_bytes()
    with pytest.raises(ConfigError, match="already"):
        new_key(tmp_path, "me")
    assert (tmp_path / "me.key").read_bytes() == before


def test_a_passphrase_is_needed_and_must_be_right(tmp_path: Path) -> None:
    made = new_key(tmp_path, "me", passphrase="达坂城 open")  # noqa: S106  # of a test
    assert b"ENCRYPTED" in (tmp_path / "me.key").read_bytes()
    assert load_key(tmp_path, "me", passphrase="达坂城 open").public == made.public  # noqa: S106  # of a test
    with pytest.raises(ConfigError, match="needs its passphrase"):
        load_key(tmp_path, "me")
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        load_key(tmp_path, "me", passphrase="other")  # noqa: S106  # of a test


@pytest.mark.parametrize("name", ["../me", "", "a/b", ".me", "a b", "x" * 65])
def test_a_key_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="the name of a key"):
        new_key(tmp_path, name)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.key"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="expected an Ed25519 key"):
        load_key(tmp_path, "me")
    path.write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="damaged"):
        load_key(tmp_path, "me")


def test_the_secret_is_in_no_text_of_a_key(key: SigningKey, tmp_path: Path) -> None:
    secret = (tmp_path / "keys" / "me.key").read_text().splitlines()[1]
    assert secret not in repr(key) + str(key) + repr(key.public) + (tmp_path / "keys" / "me.pub").read_text()


def test_where_keys_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert keys.keys_folder({"SITEWATCH_KEYS": str(tmp_path)}) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys.keys_folder({}) == tmp_path / ".config" / "sitewatch" / "keys"


def test_public_keys_are_read_back_and_trusted_once(tmp_path: Path, key: SigningKey) -> None:
    listed = tmp_path / "theirs.txt"
    listed.write_text(f"# from the newsroom\n\n{key.public.line()}\n")
    assert read_keys(listed) == [key.public]
    mine = tmp_path / "mine"
    mine.mkdir()
    assert trust(mine, read_keys(listed)) == [key.public]
    assert trust(mine, read_keys(listed)) == []
    own = new_key(mine, "own").public
    assert trusted_keys(mine) == [own, key.public]
    assert own_keys(mine) == [own]


@pytest.mark.parametrize("line", ["nonsense", "sitewatch-ed25519 AAAA me", "ssh-ed25519 " + "A" * 43 + "= me"])
def test_a_line_that_is_no_key_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "k").write_text(f"# one\n{line}\n")
    with pytest.raises(ConfigError, match=r"k, line 2: expected a public key"):
        read_keys(tmp_path / "k")


# --- signatures ----------------------------------------------------------------------------------


def test_a_good_signature_by_a_trusted_key(run: Path, key: SigningKey) -> None:
    sign_manifest(run, key, at=AT)
    assert _check(run, key.public) == Signed(key_id=key.public.key_id, name="me", signed_at="2026-11-21T19:00:00+00:00")


def test_the_signature_is_ed25519_over_what_the_documentation_says(run: Path, key: SigningKey) -> None:
    sign_manifest(run, key, at=AT)
    said = json.loads((run / "manifest.json.sig").read_text())
    del said["seal"]
    signature = bytes.fromhex(said.pop("signature"))
    message = b"sitewatch signature of a manifest\n" + json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(key.public.raw).verify(signature, message)


def test_a_good_signature_by_an_unknown_key_is_told_apart(run: Path, key: SigningKey, tmp_path: Path) -> None:
    sign_manifest(run, key)
    found = _check(run, new_key(tmp_path / "other", "other").public).finding
    assert found is not None
    assert found.change is Change.UNKNOWN_KEY
    assert key.public.key_id in found.detail


def test_a_signature_over_another_manifest_is_bad(run: Path, key: SigningKey) -> None:
    sign_manifest(run, key)
    write_manifest(run, RunRecord(run_id="another", created_at=AT, code_version="0"))
    found = _check(run, key.public).finding
    assert found is not None
    assert found.change is Change.BAD_SIGNATURE
    assert "another manifest" in found.detail


@pytest.mark.parametrize("member", ["signed_at", "manifest_sha256", "algorithm", "signature"])
def test_no_member_can_be_changed_without_the_key(run: Path, key: SigningKey, member: str) -> None:
    sign_manifest(run, key)
    value = json.loads((run / "manifest.json.sig").read_text())[member]
    _change(run, **{member: ("1" if value[0] != "1" else "2") + value[1:]})
    found = _check(run, key.public).finding
    assert found is not None
    assert found.change is Change.BAD_SIGNATURE


def test_another_key_in_place_of_the_signers_is_bad(run: Path, key: SigningKey, tmp_path: Path) -> None:
    sign_manifest(run, key)
    other = new_key(tmp_path / "other", "other").public
    _change(run, public_key=other.raw.hex(), key_id=other.key_id)
    found = _check(run, key.public, other).finding
    assert found is not None
    assert found.change is Change.BAD_SIGNATURE
    _change(run, key_id=key.public.key_id)
    found = _check(run, key.public, other).finding
    assert found is not None
    assert "not the one that its id names" in found.detail


@pytest.mark.parametrize(
    "members",
    [{"signature_version": 9}, {"public_key": "zz"}, {"public_key": "00"}, {"signature": 5}, {"key_id": None}],
    ids=str,
)
def test_a_signature_that_is_none_is_named(run: Path, key: SigningKey, members: dict[str, object]) -> None:
    sign_manifest(run, key)
    _change(run, **members)
    found = _check(run, key.public).finding
    assert found is not None
    assert found.path == "manifest.json.sig"


def test_a_trusted_key_is_known_by_itself_and_not_by_its_name(run: Path, key: SigningKey, tmp_path: Path) -> None:
    sign_manifest(run, key)
    namesake = replace(new_key(tmp_path / "other", "me").public, name="me")
    found = _check(run, namesake).finding
    assert found is not None
    assert found.change is Change.UNKNOWN_KEY


def test_no_signature_is_no_finding(run: Path) -> None:
    assert check_signature(run, b"", []) is None


def test_a_signature_that_is_a_link_is_not_read(run: Path, key: SigningKey) -> None:
    sign_manifest(run, key)
    (run / "manifest.json.sig").rename(run.parent / "sig")
    (run / "manifest.json.sig").symlink_to(run.parent / "sig")
    found = _check(run, key.public).finding
    assert found is not None
    assert "a link" in found.detail
