"""What was taken back: releases, and claims in them; each release carries the list of all that was before it.

A claim is what a release says of one detection. It is retracted when somebody withdraws it; it is superseded when a
later release says something else of the same detection, or says nothing of it any more.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from geo.atomic import atomic_file
from geo.errors import ConfigError, StateError
from outputs.evidence.canonical import DamagedError, read_plain, sealed, unsealed
from outputs.evidence.log import Entry, Event, append, entries_of

RETRACTIONS_NAME = "retractions.json"
RETRACTIONS_TEXT = "RETRACTIONS.txt"


class Fate(StrEnum):
    """What became of a release or a claim."""

    RETRACTED = "retracted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """One release, or one claim of one release, that no longer stands."""

    fate: Fate
    release: str
    """Its name; empty for a claim that was withdrawn wherever it stands."""
    claim: str = ""
    """The id of the detection; empty where the whole release is meant."""
    at: str
    """ISO 8601, in UTC."""
    reason: str
    entry: int
    """The number of the entry of the log that says so."""

    def sentence(self) -> str:
        """Return what a reader is told."""
        what = f"claim {self.claim}" if self.claim else "the whole release"
        where = f" of release {self.release}" if self.claim and self.release else ""
        named = f" {self.release}" if not self.claim else ""
        return f"{self.at[:10]}  {self.fate.value}: {what}{named}{where}: {self.reason} (log entry {self.entry})"


def claim_mark(said: Mapping[str, Any]) -> str:
    """Return what differs where a release says something else of a detection: the SHA-256 of what it says, as JSON."""
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def note_release(log: Path, name: str, *, manifest_sha256: str, claims: Mapping[str, str], audience: str = "") -> Entry:
    """Add a release to the log, and keep beside the log what it claims.

    The log has only a hash of the claims: a copy of it goes out with releases for others.

    Args:
        log: The log.
        name: The release's name.
        manifest_sha256: Of its manifest.
        claims: Detection id to a hash of what the release says of it, of every detection in it.
        audience: For whom it is. Releases for different audiences do not supersede one another.

    Raises:
        ConfigError: There was a release of this name.
        StateError, OutputError: See `outputs.evidence.log.append`.

    """
    if any(entry.kind == Event.RELEASE and entry.facts["name"] == name for entry in entries_of(log)):
        raise ConfigError(f"there was a release called {name!r} already")
    content = sealed({"release": name, "claims": dict(sorted(claims.items()))})
    digest = hashlib.sha256(content).hexdigest()
    with atomic_file(_claims_path(log, digest)) as part:
        part.write_bytes(content)
    facts = {"name": name, "manifest_sha256": manifest_sha256, "audience": audience, "claims_sha256": digest}
    return append(log, Event.RELEASE, facts)


def withdraw(log: Path, what: str, *, reason: str) -> Entry:
    """Take back a release, or a claim wherever it stands, and return the entry that says so.

    Raises:
        ConfigError: No release has this name or such a claim, no reason is given, or it was withdrawn before.
        StateError, OutputError: See `outputs.evidence.log.append`.

    """
    if not reason.strip():
        raise ConfigError("a withdrawal needs a reason: readers will ask for it")
    entries = entries_of(log)
    releases = [entry for entry in entries if entry.kind == Event.RELEASE]
    is_release = any(entry.facts["name"] == what for entry in releases)
    if not is_release and not any(what in _claims(log, entry) for entry in releases):
        raise ConfigError(f"no release is called {what!r}, and none has a claim of this id: nothing was withdrawn")
    member = "release" if is_release else "claim"
    if any(entry.kind == Event.WITHDRAWAL and entry.facts.get(member) == what for entry in entries):
        raise ConfigError(f"{what} was withdrawn before")
    return append(log, Event.WITHDRAWAL, {member: what, "reason": " ".join(reason.split())})


def retractions_of(log: Path, *, audience: str = "", claims: Mapping[str, str] | None = None) -> list[Retraction]:
    """Return all that no longer stands, the newest first, as a release made now has to say.

    Args:
        log: The workspace's log.
        audience: For whom the new release is: what it supersedes are the releases for the same.
        claims: Of the new release, as for `note_release`; None: it is only asked what was taken back so far.

    Raises:
        StateError: The log, or what an earlier release claims, cannot be read or was altered.

    """
    entries = entries_of(log)
    releases = [entry for entry in entries if entry.kind == Event.RELEASE and entry.facts["audience"] == audience]
    told = [(one, _claims(log, one)) for one in releases]
    found = [_withdrawn(entry) for entry in entries if entry.kind == Event.WITHDRAWAL]
    for (earlier, before), (later, after) in pairwise(told):
        by = f"release {later.facts['name']}"
        found += [_superseded(earlier, claim, later, f"{by} {words}") for claim, words in _changed(before, after)]
    if claims is not None and told:
        last, before = told[-1]
        found += [_superseded(last, claim, last, f"this release {words}") for claim, words in _changed(before, claims)]
    return sorted(found, key=lambda one: (one.entry, one.at, one.claim), reverse=True)


def write_retractions(folder: Path, found: Sequence[Retraction]) -> None:
    """Write ``retractions.json`` and a text that says the same, also where nothing was taken back.

    Raises:
        OutputError: The disk does not take it.

    """
    with atomic_file(folder / RETRACTIONS_NAME) as part:
        rows: list[dict[str, Any]] = [asdict(one) for one in found]
        part.write_text(json.dumps({"retractions": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    heading = "Of earlier releases this no longer stands. Do not use it, and correct what was made with it."
    lines = (
        [heading, "", *(one.sentence() for one in found)] if found else ["Nothing of earlier releases was taken back."]
    )
    with atomic_file(folder / RETRACTIONS_TEXT) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _withdrawn(entry: Entry) -> Retraction:
    return Retraction(
        fate=Fate.RETRACTED,
        release=str(entry.facts.get("release", "")),
        claim=str(entry.facts.get("claim", "")),
        at=entry.at,
        reason=str(entry.facts["reason"]),
        entry=entry.number,
    )


def _superseded(release: Entry, claim: str, later: Entry, reason: str) -> Retraction:
    return Retraction(
        fate=Fate.SUPERSEDED,
        release=str(release.facts["name"]),
        claim=claim,
        at=later.at,
        reason=reason,
        entry=later.number,
    )


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the claims that no longer stand as they were, each with what became of it."""
    return [
        (claim, "says something else" if claim in after else "no longer has it")
        for claim, mark in before.items()
        if after.get(claim) != mark
    ]


def _claims_path(log: Path, digest: str) -> Path:
    return log.parent / "claims" / f"{digest}.json"


def _claims(log: Path, release: Entry) -> dict[str, str]:
    """Return what a release claimed, detection id to hash.

    Raises:
        StateError: It is gone, or not what was written.

    """
    path = _claims_path(log, str(release.facts["claims_sha256"]))
    try:
        content = read_plain(path)
        if hashlib.sha256(content).hexdigest() != release.facts["claims_sha256"]:
            raise StateError(f"{path}: altered: it is not what release {release.facts['name']} claimed")
        return dict(unsealed(content)["claims"])
    except (OSError, DamagedError) as error:
        raise StateError(f"{path}: what release {release.facts['name']} claimed cannot be read: {error}") from error
