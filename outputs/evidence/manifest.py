"""The manifest of a run: what was made, from what, by what, and whether it is still so.

It proves that files were not changed by accident. Whoever can change the files can write a new manifest too: to prove
more, keep the manifest's own SHA-256 where they cannot reach it.
"""

import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from geo.atomic import atomic_file
from geo.errors import OutputError

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "xarray",
    "rasterio",
    "geopandas",
    "pandas",
    "pyogrio",
    "pyproj",
    "shapely",
    "sentinelhub",
    "matplotlib",
)
"""Those that can change a result."""

_CHUNK_BYTES = 1 << 20
_SECRET_NAME = re.compile(r"secret|password|passwd|token|credential|api_?key|client_id", re.IGNORECASE)
_WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What a run was, beside the files that it left."""

    run_id: str
    created_at: datetime
    """Aware."""
    code_version: str
    git_commit: str | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """As validated; values whose name sounds like a secret are withheld all the same."""
    scenes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Scene id to the fingerprint of its pixels."""
    watch_lists: tuple[Path, ...] = ()
    """The files that said what to watch. Their names and hashes are recorded, not where they lay."""

    def __post_init__(self) -> None:
        if self.created_at.utcoffset() is None:
            raise ValueError(f"created_at must be aware; got {self.created_at}")


class Change(StrEnum):
    """What is no longer as the manifest says."""

    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    UNSAFE = "unsafe"
    """The manifest names something outside its folder, or a link; it was not opened."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One file that is not as it was written."""

    path: str
    """Within the folder, with forward slashes."""
    change: Change

    def __str__(self) -> str:
        return f"{self.change}: {self.path}"


def write_manifest(folder: Path, record: RunRecord) -> Path:
    """Write ``manifest.json`` over all files now in `folder`, and return its path.

    Raises:
        OutputError: A file cannot be read, is a link, or the manifest cannot be written.

    """
    path = folder / MANIFEST_NAME
    try:
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            "run_id": record.run_id,
            "created_at": record.created_at.isoformat(),
            "code": _code(record),
            "settings": without_secrets(record.settings),
            "inputs": {
                "scenes": dict(sorted(record.scenes.items())),
                "watch_lists": [{"name": file.name, **_described(file)} for file in record.watch_lists],
            },
            "outputs": {name: _described(file) for name, file in _files(folder)},
        }
    except OSError as error:
        raise OutputError(f"cannot describe {error.filename or folder}: {error.strerror or error}") from error
    with atomic_file(path) as part:
        part.write_text(json.dumps(manifest, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
    return path


def verify_manifest(folder: Path) -> list[Finding]:
    """Return what in `folder` is not as its manifest says, sorted by path; nothing if all is.

    Raises:
        OutputError: There is no manifest, it cannot be understood, or a file cannot be read.

    """
    expected = _recorded(folder / MANIFEST_NAME)
    try:
        present = dict(_entries(folder))
        findings = [
            Finding(path=name, change=change)
            for name, entry in expected.items()
            if (change := _change(name, entry, present)) is not None
        ]
    except OSError as error:
        raise OutputError(f"cannot read {error.filename or folder}: {error.strerror or error}") from error
    added = [Finding(path=name, change=Change.ADDED) for name in present if name not in expected]
    return sorted([*findings, *added])


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file of any size, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def without_secrets(value: Any) -> Any:  # noqa: ANN401  # settings nest freely
    """Return settings with every value withheld whose name sounds like a secret."""
    if isinstance(value, Mapping):
        return {
            str(name): _WITHHELD if _SECRET_NAME.search(str(name)) and item is not None else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [without_secrets(item) for item in value]
    return value


def _code(record: RunRecord) -> dict[str, Any]:
    return {
        "sitewatch": record.code_version,
        "git_commit": record.git_commit,
        "python": platform.python_version(),
        "packages": {name: installed for name in PACKAGES if (installed := _installed(name)) is not None},
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _described(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give every file and link below `folder` but its manifest, by its name within; links are not followed."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST_NAME and (path.is_symlink() or not path.is_dir()):
            yield name, path


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _entries(folder):
        if path.is_symlink():
            raise OutputError(f"{path} is a link: what it points to can change unseen, so it cannot be vouched for")
        yield name, path


def _recorded(manifest: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the outputs that a manifest lists."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"cannot read {manifest}: {error.strerror or error}") from error
    except ValueError as error:
        raise OutputError(f"{manifest} is not JSON: {error}") from error
    found = content.get("manifest_version") if isinstance(content, dict) else None
    if found != MANIFEST_VERSION:
        raise OutputError(f"{manifest}: expected manifest_version {MANIFEST_VERSION}; got {found!r}")
    outputs = content.get("outputs")
    if not isinstance(outputs, dict) or not all(isinstance(entry, dict) for entry in outputs.values()):
        raise OutputError(f"{manifest}: expected 'outputs' to list files with their size and sha256")
    return outputs


def _change(name: str, entry: Mapping[str, Any], present: Mapping[str, Path]) -> Change | None:
    """Return how a listed file differs. Only what was found by walking the folder is ever opened."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        return Change.UNSAFE
    path = present.get(name)
    if path is None:
        return Change.MISSING
    if path.is_symlink():
        return Change.UNSAFE
    is_same = path.stat().st_size == entry.get("bytes") and sha256_of(path) == entry.get("sha256")
    return None if is_same else Change.ALTERED
