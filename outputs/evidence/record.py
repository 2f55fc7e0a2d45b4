"""What is said of a folder beside the hashes of its files: what it is, from what, by what, seen by whom."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any


class Kind(StrEnum):
    """What a sealed folder is."""

    RUN = "run"
    RELEASE = "release"
    CHECK = "check"
    """Of suppliers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that was read."""

    name: str
    """Within its folder of imagery or its cache; not where that lies."""
    bytes: int
    sha256: str
    kept_at: str = ""
    """When it was fetched and kept, in UTC; empty for files that were there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProduct:
    """One scene that went in."""

    scene_id: str
    fingerprint: str
    """Changes with everything that its pixels hang on."""
    source: str = ""
    platform: str = ""
    processing_baseline: str = ""
    provider: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the provider said of it: checksums, versions, product ids, or the hash of its catalogue record."""
    files: tuple[InputFile, ...] = ()
    note: str = ""
    """Why no file is named, where none is."""

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest holds."""
        told = {
            "scene_id": self.scene_id,
            "fingerprint": self.fingerprint,
            "source": self.source,
            "platform": self.platform,
            "processing_baseline": self.processing_baseline,
            "provider": dict(self.provider),
            "files": [asdict(one) for one in self.files],
            "note": self.note,
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNote:
    """Who decided what, when."""

    detection_id: str
    area_id: str
    verdict: str
    reviewer: str
    at: datetime

    def as_json(self) -> dict[str, str]:
        """Return what the manifest holds."""
        return {**asdict(self), "at": self.at.astimezone(UTC).isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A sealed folder from which another one was made."""

    kind: Kind
    name: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The newest entry of a log when a folder was sealed: a log that lacks it was cut short or rewritten."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What a run, or a release, was, beside the files that it left."""

    run_id: str
    """Its name."""
    created_at: datetime
    """Aware."""
    code_version: str
    kind: Kind = Kind.RUN
    git_commit: str | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """As validated; values whose name sounds like a secret are withheld all the same."""
    scenes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Scene id to the fingerprint of its pixels."""
    watch_lists: tuple[Path, ...] = ()
    """The files that said what to watch. Their names and hashes are recorded, not where they lay."""
    products: tuple[InputProduct, ...] = ()
    """More of the scenes, where it is known."""
    people: tuple[ReviewNote, ...] = ()
    derived_from: tuple[Derived, ...] = ()
    chain: ChainHead | None = None
    title: str = ""
    publisher: str = ""
    """The organisation that gives it out."""
    credit: str = ""
    """The line that products made from the imagery must carry."""

    def __post_init__(self) -> None:
        if self.created_at.utcoffset() is None:
            raise ValueError(f"created_at must be aware; got {self.created_at}")
