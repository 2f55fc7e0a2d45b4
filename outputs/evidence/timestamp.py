"""A time stamp of an authority over a manifest (RFC 3161): proof that it was there at that time.

``manifest.json.tsr`` is the authority's answer as it came, which ``openssl ts -verify`` reads as well;
``manifest.json.tsr.json`` says whom it was asked of. Asking needs the extra ``timestamp`` and the network; checking
needs neither the network nor the authority, but the certificate that is trusted.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

import requests
from cryptography import x509

from geo.atomic import atomic_file
from geo.errors import ConfigError, SourceUnavailableError
from outputs.evidence.canonical import DamagedError, read_plain, sealed, unsealed
from outputs.evidence.findings import Change, Finding
from outputs.evidence.manifest import MANIFEST_NAME, TOKEN_NAME, TOKEN_NOTE_NAME

_MOST_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_QUERY = "application/timestamp-query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """What a time stamp says, and whether it is to be believed."""

    at: datetime | None = None
    authority: str = ""
    """Where it was asked for, as whoever asked noted."""
    is_checked: bool = False
    """Whether a certificate was given that the stamp leads to."""
    finding: Finding | None = None


def request_timestamp(folder: Path, url: str, *, timeout_s: float = _TIMEOUT_S) -> datetime:
    """Ask the authority at `url` for a stamp over the manifest in `folder`, keep it beside it, and return its time.

    Only the SHA-256 of the manifest goes out.

    Raises:
        ConfigError: The extra is not installed, the address is none, or there is no manifest.
        SourceUnavailableError: There was no answer, or none that fits the question.
        OutputError: The disk does not take it.

    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"expected the address of a time-stamping authority, http(s)://...; got {url!r}")
    asn = _library()
    try:
        digest = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).digest()
    except OSError as error:
        raise ConfigError(f"{folder / MANIFEST_NAME}: {error.strerror or error}") from error
    nonce = secrets.randbits(63)
    query = asn.make_timestamp_request(digest=digest, hashname="sha256", include_tsa_certificate=True, nonce=nonce)
    answer = _asked(url, asn.encode_timestamp_request(query), timeout_s)
    stamp = _read_answer(url, answer, digest, nonce)
    note = {"authority": url, "asked_at": datetime.now(UTC).isoformat(), "sha256": hashlib.sha256(answer).hexdigest()}
    with atomic_file(folder / TOKEN_NAME) as part:
        part.write_bytes(answer)
    with atomic_file(folder / TOKEN_NOTE_NAME) as part:
        part.write_bytes(sealed(note))
    return stamp


def check_timestamp(folder: Path, manifest: bytes, anchors: Sequence[x509.Certificate]) -> Stamped | None:
    """Check the stamp in `folder` over the content of its manifest; None where there is none.

    Args:
        folder: The sealed folder.
        manifest: The content of its manifest.
        anchors: The certificates that are trusted, the authority's own or its issuer's; none: only what needs no
            certificate is checked.

    Raises:
        OSError: It cannot be read.
        ConfigError: The extra is not installed.

    """
    names = [name for name in (TOKEN_NAME, TOKEN_NOTE_NAME) if (folder / name).exists() or (folder / name).is_symlink()]
    if not names:
        return None
    for name in (TOKEN_NAME, TOKEN_NOTE_NAME):
        if name not in names:
            return Stamped(finding=Finding(path=name, change=Change.MISSING))
    try:
        note = unsealed(read_plain(folder / TOKEN_NOTE_NAME))
    except DamagedError as error:
        return Stamped(finding=Finding(path=TOKEN_NOTE_NAME, change=Change.ALTERED, detail=str(error)))
    try:
        answer = read_plain(folder / TOKEN_NAME, most_bytes=_MOST_BYTES)
    except DamagedError as error:
        return Stamped(finding=Finding(path=TOKEN_NAME, change=Change.UNSAFE, detail=str(error)))
    if note.get("sha256") != hashlib.sha256(answer).hexdigest():
        return Stamped(finding=Finding(path=TOKEN_NAME, change=Change.ALTERED))
    return _checked(answer, manifest, anchors, authority=str(note.get("authority", "")))


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates in a file, PEM (several) or DER (one).

    Raises:
        ConfigError: It holds none.

    """
    try:
        data = path.read_bytes()
        return (
            x509.load_pem_x509_certificates(data) if b"-----BEGIN" in data else [x509.load_der_x509_certificate(data)]
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected the certificate of a time-stamping authority: {error}") from error


def _checked(answer: bytes, manifest: bytes, anchors: Sequence[x509.Certificate], *, authority: str) -> Stamped:
    _library()
    from outputs.evidence.token import TokenError, read_token, verify_token  # noqa: PLC0415  # needs the extra

    try:
        token = read_token(answer)
        token.check_digest(hashlib.sha256(manifest).digest())
        if anchors:
            verify_token(token, anchors)
    except TokenError as error:
        return Stamped(finding=Finding(path=TOKEN_NAME, change=Change.BAD_TIMESTAMP, detail=str(error)))
    return Stamped(at=token.at, authority=authority, is_checked=bool(anchors))


def _asked(url: str, query: bytes, timeout_s: float) -> bytes:
    try:
        answer = requests.post(
            url, data=query, headers={"Content-Type": _QUERY}, timeout=timeout_s, allow_redirects=False, stream=True
        )
        content: bytes = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise SourceUnavailableError(f"{url}: no time stamp: {type(error).__name__}") from error
    if answer.status_code != requests.codes.ok or len(content) > _MOST_BYTES:
        raise SourceUnavailableError(f"{url}: no time stamp: answered {answer.status_code} with {len(content)} bytes")
    return content


def _read_answer(url: str, answer: bytes, digest: bytes, nonce: int) -> datetime:
    from outputs.evidence.token import TokenError, read_token  # noqa: PLC0415  # needs the extra

    try:
        token = read_token(answer)
        token.check_digest(digest, nonce=nonce)
    except TokenError as error:
        raise SourceUnavailableError(f"{url}: no time stamp that can be used: {error}") from error
    return token.at


def _library() -> ModuleType:
    try:
        return import_module("rfc3161ng")
    except ImportError as error:
        raise ConfigError("time stamps need more software: pip install 'sitewatch[timestamp]'") from error
