"""Time stamps: asked of a real authority (OpenSSL's), checked by us and by OpenSSL; every forgery is told."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from flows.cli import app
from geo.errors import ConfigError, SourceUnavailableError
from outputs.evidence.canonical import sealed
from outputs.evidence.findings import Change
from outputs.evidence.manifest import write_manifest
from outputs.evidence.record import RunRecord
from outputs.evidence.timestamp import Stamped, check_timestamp, read_certificates, request_timestamp

if TYPE_CHECKING:
    from tests.outputs.evidence.conftest import Authority

token = pytest.importorskip("outputs.evidence.token", reason="the extra timestamp is not installed")
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    write_manifest(folder, RunRecord(run_id="r", created_at=datetime.now(UTC), code_version="0"))
    return folder


def _check(folder: Path, *certificates: Path) -> Stamped:
    anchors = [one for path in certificates for one in read_certificates(path)]
    found = check_timestamp(folder, (folder / "manifest.json").read_bytes(), anchors)
    assert found is not None
    return found


@pytest.mark.parametrize("anchor", ["ca.pem", "tsa.pem"])
def test_a_stamp_is_believed_by_its_own_certificate_and_by_its_issuer(
    run: Path, authority: "Authority", anchor: str
) -> None:
    at = request_timestamp(run, authority.url)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    assert _check(run, authority.folder / anchor) == Stamped(at=at, authority=authority.url, is_checked=True)


def test_openssl_believes_the_same_stamp(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    command: list[str | Path] = [
        "openssl",
        "ts",
        "-verify",
        "-in",
        run / "manifest.json.tsr",
        "-data",
        run / "manifest.json",
    ]
    done = subprocess.run([*command, "-CAfile", authority.ca], check=False, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout + done.stderr


def test_the_command_line_asks_and_checks(run: Path, authority: "Authority") -> None:
    asked = CliRunner().invoke(app, ["timestamp", str(run), "--tsa", authority.url])
    assert asked.exit_code == 0, asked.stderr
    checked = CliRunner().invoke(app, ["verify", str(run), "--certificate", str(authority.ca)])
    assert checked.exit_code == 0, checked.stderr
    assert "time stamp of" in checked.stdout
    assert "not checked" not in checked.stdout
    assert "not checked" in CliRunner().invoke(app, ["verify", str(run)]).stdout


def test_only_the_hash_of_the_manifest_goes_out(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    (query,) = authority.asked
    assert len(query) < 100


def test_an_authority_that_signs_with_an_elliptic_curve_is_believed(
    run: Path, new_authority: "Callable[[str, ec.EllipticCurvePrivateKey], Authority]"
) -> None:
    other = new_authority("curve", ec.generate_private_key(ec.SECP256R1()))
    request_timestamp(run, other.url)
    assert _check(run, other.ca).is_checked


def test_without_a_certificate_it_is_said_that_nothing_is_proved(run: Path, authority: "Authority") -> None:
    at = request_timestamp(run, authority.url)
    assert _check(run) == Stamped(at=at, authority=authority.url, is_checked=False)


def test_a_stamp_over_another_manifest_is_bad(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    (run / "b.txt").write_text("b")
    write_manifest(run, RunRecord(run_id="r2", created_at=datetime.now(UTC), code_version="0"))
    found = _check(run, authority.ca).finding
    assert found is not None
    assert (found.path, found.change) == ("manifest.json.tsr", Change.BAD_TIMESTAMP)
    assert "something else" in found.detail


def test_the_stamp_of_another_authority_is_bad(
    run: Path, authority: "Authority", new_authority: "Callable[[str, ec.EllipticCurvePrivateKey], Authority]"
) -> None:
    request_timestamp(run, authority.url)
    stranger = new_authority("stranger", ec.generate_private_key(ec.SECP256R1()))
    found = _check(run, stranger.ca).finding
    assert found is not None
    assert found.change is Change.BAD_TIMESTAMP
    assert "none of the certificates" in found.detail


def test_a_certificate_for_another_purpose_may_not_stamp(run: Path, authority: "Authority") -> None:
    """OpenSSL refuses to stamp with it, so the honest authority's answer is held against a certificate of its key."""
    request_timestamp(run, authority.url)

    own = x509.load_pem_x509_certificate(authority.own.read_bytes())
    secret = serialization.load_pem_private_key((authority.folder / "tsa.key").read_bytes(), None)
    assert isinstance(secret, rsa.RSAPrivateKey)
    forged = (
        x509.CertificateBuilder(
            own.issuer, own.subject, own.public_key(), own.serial_number, own.not_valid_before_utc,
            own.not_valid_after_utc,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
        .sign(secret, hashes.SHA256())
    )  # fmt: skip
    read = token.read_token((run / "manifest.json.tsr").read_bytes())
    with pytest.raises(token.TokenError, match="may not stamp times"):
        token.verify_token(replace(read, certificates=(forged,)), [forged])


def test_a_changed_time_in_the_token_breaks_its_signature(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    answer = (run / "manifest.json.tsr").read_bytes()
    at = f"{datetime.now(UTC):%Y%m%d}".encode()
    assert answer.count(at) >= 1
    _replace_answer(run, answer.replace(at, b"20200101", 1))
    found = _check(run, authority.ca).finding
    assert found is not None
    assert "what is signed is not what it says" in found.detail


def test_a_changed_signature_is_bad(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    answer = bytearray((run / "manifest.json.tsr").read_bytes())
    answer[-5] ^= 1  # the signature is the last thing in the answer
    _replace_answer(run, bytes(answer))
    found = _check(run, authority.ca).finding
    assert found is not None
    assert "signature is not that of its certificate" in found.detail


def _replace_answer(folder: Path, answer: bytes) -> None:
    """Put another answer in place, with a note that fits it."""
    note = json.loads((folder / "manifest.json.tsr.json").read_text())
    del note["seal"]
    (folder / "manifest.json.tsr").write_bytes(answer)
    digest = hashlib.sha256(answer).hexdigest()
    (folder / "manifest.json.tsr.json").write_bytes(sealed({**note, "sha256": digest}))


@pytest.mark.parametrize("name", ["manifest.json.tsr", "manifest.json.tsr.json"])
def test_half_of_a_stamp_is_missed(run: Path, authority: "Authority", name: str) -> None:
    request_timestamp(run, authority.url)
    (run / name).unlink()
    found = _check(run, authority.ca).finding
    assert found is not None
    assert (found.path, found.change) == (name, Change.MISSING)


def test_no_stamp_is_no_finding(run: Path) -> None:
    assert check_timestamp(run, b"", []) is None


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        pytest.param(b"<html>", 200, "can be used", id="a page"),
        pytest.param(b"", 503, "answered 503", id="an error"),
        pytest.param(b"\x30\x05\x30\x03\x02\x01\x02", 200, "refused", id="refused"),
        pytest.param(b"x" * ((1 << 20) + 1), 200, "answered 200 with", id="endless"),
    ],
)
def test_an_answer_that_is_none_is_said_and_nothing_is_written(
    run: Path, authority: "Authority", answer: bytes, code: int, reason: str
) -> None:
    authority.answer, authority.code = answer, code
    with pytest.raises(SourceUnavailableError, match=reason):
        request_timestamp(run, authority.url)
    assert not list(run.glob("*.tsr*"))


def test_an_answer_to_an_earlier_question_is_not_taken(run: Path, authority: "Authority") -> None:
    request_timestamp(run, authority.url)
    authority.answer = (run / "manifest.json.tsr").read_bytes()
    with pytest.raises(SourceUnavailableError, match="another question"):
        request_timestamp(run, authority.url)


def test_an_address_that_is_none_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match="address of a time-stamping authority"):
        request_timestamp(run, "file:///etc/passwd")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("x")
    with pytest.raises(ConfigError, match=r"x\.pem"):
        read_certificates(tmp_path / "x.pem")
