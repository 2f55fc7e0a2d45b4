"""Seal a folder: describe it, list it, sign it; afterwards not a byte of it can change unseen."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from geo.errors import OutputError
from outputs.evidence.canonical import DamagedError
from outputs.evidence.crate import LEGAL_NOTICE, write_crate
from outputs.evidence.files import sha256_of
from outputs.evidence.keys import SigningKey
from outputs.evidence.log import LOG_NAME
from outputs.evidence.manifest import MANIFEST_NAME, read_manifest, write_manifest
from outputs.evidence.record import Derived, Kind, RunRecord
from outputs.evidence.signature import sign_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a sealed folder is known by."""

    manifest: Path
    manifest_sha256: str
    """What a log takes down, and what may be printed beside a picture."""
    signature: Path | None = None


def seal_folder(  # noqa: PLR0913  # what is optional is named
    folder: Path,
    record: RunRecord,
    *,
    key: SigningKey | None = None,
    log: Path | None = None,
    license_url: str = LEGAL_NOTICE,
    at: datetime | None = None,
) -> Seal:
    """Seal `folder` with all that stands in it now.

    A release is also described as an RO-Crate, and gets a copy of the log, so that whoever has only the release can
    check both. Nothing may be written into the folder afterwards but a signature and a time stamp.

    Args:
        folder: A finished run, release or check.
        record: What it is, from what, seen by whom; `RunRecord.chain` is the head of the log.
        key: Signs the manifest at once; `sitewatch sign` can do it later.
        log: The log to copy into a release.
        license_url: The terms under which a release may be used.
        at: When it is signed; now by default.

    Raises:
        OutputError: A file is a link, has a name that cannot be vouched for or cannot be read, or the disk is full.

    """
    if record.kind is Kind.RELEASE:
        _copy_log(log, folder)
        write_crate(folder, record, license_url=license_url)
    manifest = write_manifest(folder, record, signer=key.public.key_id if key else None)
    signature = sign_manifest(folder, key, at=at) if key else None
    return Seal(manifest=manifest, manifest_sha256=sha256_of(manifest), signature=signature)


def derived_from(folder: Path) -> Derived:
    """Return how a release names a sealed run that it was made from.

    Raises:
        OutputError: Its manifest cannot be read, or was altered: nothing should be made from it.

    """
    path = folder / MANIFEST_NAME
    try:
        said = read_manifest(folder)
        return Derived(kind=Kind(said["kind"]), name=said["run_id"], manifest_sha256=sha256_of(path))
    except (OSError, DamagedError) as error:
        raise OutputError(f"{path}: expected a whole manifest: {error}") from error


def _copy_log(log: Path | None, folder: Path) -> None:
    if log is None or not log.exists():
        return
    try:
        shutil.copyfile(log, folder / LOG_NAME)
    except OSError as error:
        raise OutputError(f"cannot write {folder / LOG_NAME}: {error.strerror or error}") from error
