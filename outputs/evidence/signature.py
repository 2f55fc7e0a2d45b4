"""A signature beside a manifest: who vouches for it, and since when they say they do.

``manifest.json.sig`` is a sealed document (`outputs.evidence.canonical`). What is signed is the SHA-256 of the manifest
together with the time and the key's id, so that none of them can be changed without the key.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo.atomic import atomic_file
from outputs.evidence.canonical import DamagedError, read_plain, sealed, unsealed
from outputs.evidence.findings import Change, Finding
from outputs.evidence.keys import PublicKey, SigningKey
from outputs.evidence.manifest import MANIFEST_NAME, SIGNATURE_NAME

SIGNATURE_VERSION = 1
_HEADING = b"sitewatch signature of a manifest\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature says, and whether it is to be believed."""

    key_id: str = ""
    name: str = ""
    """As whoever checks calls the key; empty where it is unknown."""
    signed_at: str = ""
    """As the signer says; only a time stamp proves a time."""
    finding: Finding | None = None


def sign_manifest(folder: Path, key: SigningKey, *, at: datetime | None = None) -> Path:
    """Write ``manifest.json.sig`` beside the manifest in `folder`, and return its path.

    Raises:
        OutputError: The disk does not take it.
        OSError: There is no manifest.

    """
    said = {
        "signature_version": SIGNATURE_VERSION,
        "algorithm": "Ed25519",
        "key_id": key.public.key_id,
        "public_key": key.public.raw.hex(),
        "signed_at": (at or datetime.now(UTC)).astimezone(UTC).isoformat(),
        "manifest_sha256": hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest(),
    }
    path = folder / SIGNATURE_NAME
    with atomic_file(path) as part:
        part.write_bytes(sealed({**said, "signature": key.sign(_message(said)).hex()}))
    return path


def check_signature(folder: Path, manifest: bytes, trusted: Iterable[PublicKey]) -> Signed | None:
    """Check the signature in `folder` over the content of its manifest; None where there is no signature.

    Raises:
        OSError: It cannot be read.

    """
    try:
        said = unsealed(read_plain(folder / SIGNATURE_NAME))
        key, signature = _key_and_signature(said)
    except FileNotFoundError:
        return None
    except DamagedError as error:
        return Signed(finding=Finding(path=SIGNATURE_NAME, change=Change.ALTERED, detail=str(error)))
    signed = Signed(key_id=key.key_id, signed_at=str(said["signed_at"]))
    fault = _fault(said, key, signature, manifest)
    if fault:
        return replace(signed, finding=Finding(path=SIGNATURE_NAME, change=Change.BAD_SIGNATURE, detail=fault))
    known = next((one for one in trusted if one.raw == key.raw), None)
    if known is None:
        detail = f"key {key.key_id}: compare this id with what the publisher says, then `sitewatch keys trust`"
        return replace(signed, finding=Finding(path=SIGNATURE_NAME, change=Change.UNKNOWN_KEY, detail=detail))
    return replace(signed, name=known.name)


def _key_and_signature(said: Mapping[str, Any]) -> tuple[PublicKey, bytes]:
    version = said.get("signature_version")
    if version != SIGNATURE_VERSION:
        raise DamagedError(f"expected signature_version {SIGNATURE_VERSION}; got {version!r}")
    try:
        raw, signature = bytes.fromhex(said["public_key"]), bytes.fromhex(said["signature"])
        said["key_id"], said["signed_at"], said["manifest_sha256"], said["algorithm"]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"it is no signature: {error}") from error
    if len(raw) != 32:  # noqa: PLR2004  # what an Ed25519 key has
        raise DamagedError(f"a public key has 32 bytes; got {len(raw)}")
    return PublicKey(name="unknown", raw=raw), signature


def _fault(said: Mapping[str, Any], key: PublicKey, signature: bytes, manifest: bytes) -> str:
    if said["key_id"] != key.key_id:
        return "the key is not the one that its id names"
    if not key.has_signed(_message({name: value for name, value in said.items() if name != "signature"}), signature):
        return f"key {key.key_id} did not sign this"
    if said["manifest_sha256"] != hashlib.sha256(manifest).hexdigest():
        return f"key {key.key_id} signed another manifest"
    return ""


def _message(said: Mapping[str, Any]) -> bytes:
    return _HEADING + json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
