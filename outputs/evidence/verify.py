"""Whether a sealed folder is still what was sealed: on any machine, offline, without the workspace it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from geo.errors import OutputError
from outputs.evidence.canonical import DamagedError, read_plain, unsealed
from outputs.evidence.files import sha256_of
from outputs.evidence.findings import Change, Finding
from outputs.evidence.keys import PublicKey
from outputs.evidence.log import LOG_NAME, Event
from outputs.evidence.log_check import LogCheck, check_log
from outputs.evidence.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    TOKEN_NOTE_NAME,
    read_manifest,
    verify_manifest,
)
from outputs.evidence.record import ChainHead, Kind
from outputs.evidence.signature import Signed, check_signature
from outputs.evidence.timestamp import Stamped, check_timestamp

WORKSPACE_LOG = "workspace log"
_ENTRY_OF: Mapping[str, Event] = {Kind.RUN.value: Event.RUN, Kind.RELEASE.value: Event.RELEASE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What whoever checks believes without being shown."""

    keys: Sequence[PublicKey] = ()
    certificates: Sequence[x509.Certificate] = ()
    """Of time-stamping authorities."""
    log: Path | None = None
    """The log of the workspace, where it is at hand."""
    is_signature_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found."""

    folder: Path
    kind: str = ""
    name: str = ""
    files: int = 0
    """How many the manifest lists."""
    findings: tuple[Finding, ...] = ()
    signed: Signed | None = None
    stamped: Stamped | None = None

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    def remarks(self) -> list[str]:
        """Return what is good to know, and no fault."""
        found = []
        if self.signed is None:
            found.append("not signed: nobody vouches that this is what was made")
        elif self.signed.name:
            found.append(
                f"signed by {self.signed.name} ({self.signed.key_id}), dated {self.signed.signed_at} by the signer"
            )
        if self.stamped is not None and self.stamped.at is not None:
            where = f"time stamp of {self.stamped.at.isoformat()} by {self.stamped.authority}"
            found.append(where if self.stamped.is_checked else f"{where}: not checked, for no certificate was given")
        return found


def verify_folder(folder: Path, trust: Trust | None = None) -> Verification:
    """Say what in `folder` is not as it was sealed.

    Args:
        folder: A run, a release or a check, or a copy of one.
        trust: Which keys, certificates and log to hold it against; none: only what it says itself is checked.

    Raises:
        OutputError: A file cannot be read.
        ConfigError: There is a time stamp, and the software for it is not installed.

    """
    given = trust or Trust()
    findings = verify_manifest(folder)
    try:
        content, said = read_plain(folder / MANIFEST_NAME), read_manifest(folder)
    except (OSError, DamagedError):
        return Verification(folder=folder, findings=(*findings, *_envelope_alone(folder)))
    try:
        signed = check_signature(folder, content, given.keys)
        stamped = check_timestamp(folder, content, given.certificates)
        findings += _of_signature(said, signed, is_needed=given.is_signature_needed)
        findings += [stamped.finding] if stamped and stamped.finding else []
        findings += _of_logs(folder, said, given.log)
    except OSError as error:
        raise OutputError(f"cannot read {error.filename or folder}: {error.strerror or error}") from error
    return Verification(
        folder=folder,
        kind=str(said["kind"]),
        name=str(said["run_id"]),
        files=len(said["outputs"]),
        findings=tuple(dict.fromkeys(findings)),
        signed=signed,
        stamped=stamped,
    )


def _envelope_alone(folder: Path) -> Iterator[Finding]:
    """Yield what is wrong with a signature and a time stamp by themselves, with no manifest to hold them to."""
    for name in (SIGNATURE_NAME, TOKEN_NOTE_NAME):
        try:
            unsealed(read_plain(folder / name))
        except FileNotFoundError:
            continue
        except (OSError, DamagedError) as error:
            yield Finding(path=name, change=Change.ALTERED, detail=str(error))


def _of_signature(said: Mapping[str, Any], signed: Signed | None, *, is_needed: bool) -> list[Finding]:
    if signed is not None and signed.finding is not None:
        return [signed.finding]
    signer = said.get("signer")
    if signed is None and (signer or is_needed):
        detail = f"the manifest says that key {signer} signed it" if signer else "a signature is asked for"
        return [Finding(path=SIGNATURE_NAME, change=Change.MISSING, detail=detail)]
    if signed is not None and signer and signed.key_id != signer:
        detail = f"by key {signed.key_id}; the manifest says that key {signer} signed it"
        return [Finding(path=SIGNATURE_NAME, change=Change.BAD_SIGNATURE, detail=detail)]
    return []


def _of_logs(folder: Path, said: Mapping[str, Any], log: Path | None) -> list[Finding]:
    """Hold the manifest against the copy of the log in the folder, and against the workspace's own."""
    chain = said.get("chain")
    heads = [ChainHead(number=chain["number"], hash=chain["hash"])] if chain else []
    found: list[Finding] = []
    if LOG_NAME in said["outputs"]:
        found += check_log(folder / LOG_NAME, heads=heads).findings
    if log is not None:
        checked = check_log(log, heads=heads, name=WORKSPACE_LOG)
        found += [*checked.findings, *_of_entry(folder, said, checked)]
    return found


def _of_entry(folder: Path, said: Mapping[str, Any], checked: LogCheck) -> Iterator[Finding]:
    """Yield the contradiction, if the log took down another manifest of this name, or none."""
    event = _ENTRY_OF.get(str(said["kind"]))
    if event is None:
        return
    found = sha256_of(folder / MANIFEST_NAME)
    named = [one for one in checked.entries.values() if one.kind == event and one.facts.get("name") == said["run_id"]]
    for entry in named:
        if entry.facts.get("manifest_sha256") != found:
            detail = f"entry {entry.number} of the log has another one of this name"
            yield Finding(path=MANIFEST_NAME, change=Change.ALTERED, detail=detail)
    if not named:
        detail = "the log was cut short, or is another's; after a run that was killed, the next one takes it down"
        yield Finding(path=f"{WORKSPACE_LOG}: entry of {event} {said['run_id']}", change=Change.MISSING, detail=detail)
