"""Check a run, a release or a check of suppliers against what was sealed with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.settings.config import CONFIG_NAME
from flows.show import Show, plural
from geo.errors import ConfigError
from outputs.evidence.keys import keys_folder, read_keys, trusted_keys
from outputs.evidence.log import LOG_NAME
from outputs.evidence.timestamp import read_certificates
from outputs.evidence.verify import Trust, Verification, verify_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to hold a folder against, besides itself."""

    trust: Sequence[Path] = ()
    """Files of public keys, besides those that are trusted already."""
    certificates: Sequence[Path] = ()
    """Of time-stamping authorities."""
    log: Path | None = None
    """A log; without it that of the workspace in which the folder lies, if it lies in one."""
    is_signature_needed: bool = False


def verify_path(path: Path, show: Show, asked: Asked | None = None) -> int:
    """Say what in `path` is not as it was sealed; return 0 if all is, else 1.

    Args:
        path: The folder of a run, a release or a check; or a workspace, whose newest run is meant.
        show: How to speak.
        asked: What to hold it against.

    Raises:
        ConfigError: There is no such folder, or a list of keys or a certificate cannot be read.
        OutputError: A file cannot be read.

    """
    wanted = asked or Asked()
    folder = path / "latest" if (path / CONFIG_NAME).exists() else path
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected the folder of a run or a release; there is none")
    result = verify_folder(folder.resolve(), _trust(folder.resolve(), wanted))
    show.document({"folder": str(folder), **_as_json(result)})
    for finding in result.findings:
        detail = f" ({finding.detail})" if finding.detail else ""
        show.trouble(f"{folder / finding.path}: {finding.change}{detail}")
    if result.is_intact:
        show.say(f"{folder}: every file is as it was written ({plural(result.files, 'file')})")
        for remark in result.remarks():
            show.say(f"{folder}: {remark}")
    return int(not result.is_intact)


def _trust(folder: Path, asked: Asked) -> Trust:
    keys = [*trusted_keys(keys_folder()), *(key for path in asked.trust for key in read_keys(path))]
    certificates = [one for path in asked.certificates for one in read_certificates(path)]
    if asked.log is not None and not asked.log.is_file():
        raise ConfigError(f"{asked.log}: expected a log; there is none")
    return Trust(
        keys=keys,
        certificates=certificates,
        log=asked.log or _log_around(folder),
        is_signature_needed=asked.is_signature_needed,
    )


def _log_around(folder: Path) -> Path | None:
    """Return the log of the workspace that `folder` lies in, if it lies in one that has a log."""
    for place in folder.parents:
        if (place / CONFIG_NAME).exists():
            log = place / "evidence" / LOG_NAME
            return log if log.exists() else None
    return None


def _as_json(result: Verification) -> dict[str, Any]:
    signed, stamped = result.signed, result.stamped
    return {
        "kind": result.kind,
        "name": result.name,
        "files": result.files,
        "is_intact": result.is_intact,
        "findings": [
            {"path": one.path, "change": one.change.value, "detail": one.detail} for one in result.findings
        ],
        "signature": None if signed is None else {
            "key_id": signed.key_id, "name": signed.name, "signed_at": signed.signed_at,
            "is_trusted": bool(signed.name) and signed.finding is None,
        },
        "time_stamp": None if stamped is None else {
            "at": stamped.at, "authority": stamped.authority, "is_checked": stamped.is_checked,
        },
        "remarks": result.remarks(),
    }  # fmt: skip
