"""The manifest of a run or a release: what was made, from what, by what, and whether it is still so.

By itself it proves that files were not changed by accident. Whoever can change the files can write a new manifest too:
against that help a signature (`outputs.evidence.signature`), a time stamp (`outputs.evidence.timestamp`) and the
chained log (`outputs.evidence.log`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.evidence.canonical import DamagedError, read_plain, sealed, unsealed
from outputs.evidence.files import (
    alike,
    described,
    fault_of_name,
    files_to_vouch_for,
    is_plain,
    sha256_of,
    shown,
    walk,
)
from outputs.evidence.findings import Change, Finding
from outputs.evidence.record import Kind, RunRecord
from outputs.evidence.software import software

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
TOKEN_NAME = "manifest.json.tsr"  # noqa: S105  # a file's name, no secret
TOKEN_NOTE_NAME = "manifest.json.tsr.json"  # noqa: S105  # a file's name, no secret
ENVELOPE = (MANIFEST_NAME, SIGNATURE_NAME, TOKEN_NAME, TOKEN_NOTE_NAME)
"""What stands around the files and cannot be among those that the manifest lists."""
MANIFEST_VERSION = 2

_SECRET_NAME = re.compile(r"secret|password|passwd|passphrase|token|credential|api_?key|client_id", re.IGNORECASE)
_WITHHELD = "withheld"
_HASH = re.compile(r"[0-9a-f]{64}")


def write_manifest(folder: Path, record: RunRecord, *, signer: str | None = None) -> Path:
    """Write ``manifest.json`` over all files now in `folder`, and return its path.

    Args:
        folder: What to vouch for.
        record: What is said of it.
        signer: The id of the key that will sign it, so that a signature that was taken away is missed.

    Raises:
        OutputError: A file cannot be read, is a link or has a name that cannot be vouched for, or the manifest cannot
            be written.

    """
    path = folder / MANIFEST_NAME
    try:
        files = files_to_vouch_for(folder, besides=ENVELOPE)
        content = sealed(_manifest(record, files, signer))
    except OSError as error:
        raise OutputError(f"cannot describe {error.filename or folder}: {error.strerror or error}") from error
    except ValueError as error:
        raise OutputError(f"cannot describe {folder}: {error}") from error
    with atomic_file(path) as part:
        part.write_bytes(content)
    return path


def _manifest(record: RunRecord, files: Mapping[str, Path], signer: str | None) -> dict[str, Any]:
    return {
        "manifest_version": MANIFEST_VERSION,
        "kind": record.kind.value,
        "run_id": record.run_id,
        "title": record.title,
        "created_at": record.created_at.isoformat(),
        "signer": signer,
        "code": {"sitewatch": record.code_version, "git_commit": record.git_commit, **software()},
        "settings": without_secrets(record.settings),
        "inputs": {
            "scenes": dict(sorted(record.scenes.items())),
            "products": [one.as_json() for one in sorted(record.products, key=lambda one: one.scene_id)],
            "watch_lists": [{"name": file.name, **described(file)} for file in record.watch_lists],
            "derived_from": [
                {"kind": one.kind.value, "name": one.name, "manifest_sha256": one.manifest_sha256}
                for one in record.derived_from
            ],
            "credit": record.credit,
        },
        "people": [one.as_json() for one in record.people],
        "chain": None if record.chain is None else {"number": record.chain.number, "hash": record.chain.hash},
        "outputs": {name: described(file) for name, file in files.items()},
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what the manifest in `folder` says.

    Raises:
        DamagedError: It was changed, or is none that this version understands; says how that shows.
        OSError: There is none, or it cannot be read.

    """
    content = unsealed(read_plain(folder / MANIFEST_NAME))
    found = content.get("manifest_version")
    if found != MANIFEST_VERSION:
        raise DamagedError(f"expected manifest_version {MANIFEST_VERSION}; got {found!r}")
    outputs, chain = content.get("outputs"), content.get("chain")
    if not isinstance(outputs, dict) or not all(map(_is_description, outputs.values())):
        raise DamagedError("expected 'outputs' to list files with their size and sha256")
    if content.get("kind") not in set(Kind) or not isinstance(content.get("run_id"), str):
        raise DamagedError(f"expected a kind ({', '.join(Kind)}) and a run_id")
    if chain is not None and not _is_head(chain):
        raise DamagedError("expected 'chain' to name an entry of the log and its hash")
    return content


def verify_manifest(folder: Path) -> list[Finding]:
    """Return what in `folder` is not as its manifest says, sorted by path; nothing if all is.

    A manifest that was itself changed is the only finding: nothing can be held against it.

    Raises:
        OutputError: A file cannot be read.

    """
    try:
        expected = read_manifest(folder)["outputs"]
    except FileNotFoundError:
        return [Finding(path=MANIFEST_NAME, change=Change.MISSING, detail="so no file can be held against it")]
    except DamagedError as error:
        return [Finding(path=MANIFEST_NAME, change=Change.ALTERED, detail=str(error))]
    except OSError as error:
        raise OutputError(f"cannot read {folder / MANIFEST_NAME}: {error.strerror or error}") from error
    try:
        return sorted(_differences(expected, dict(walk(folder))))
    except OSError as error:
        raise OutputError(f"cannot read {error.filename or folder}: {error.strerror or error}") from error


def _differences(expected: Mapping[str, Mapping[str, Any]], present: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield how the files present differ from those expected. Only what was found by walking is ever opened."""
    refused = dict(_refused(expected, present))
    for name, fault in refused.items():
        yield Finding(path=shown(name), change=Change.UNSAFE, detail=fault)
    for name, entry in expected.items():
        if name not in refused and (change := _change(entry, present.get(name))) is not None:
            yield Finding(path=name, change=change)
    for name in present:
        if name not in expected and name not in refused and name not in ENVELOPE:
            yield Finding(path=name, change=Change.ADDED)


def _refused(expected: Iterable[str], present: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield the names that are not followed, each with the reason."""
    names = dict.fromkeys((*expected, *present))
    for name, other in alike(names).items():
        yield name, f"one name with {shown(other)} on other machines"
    for name in names:
        path = present.get(name)
        fault = fault_of_name(name)
        if fault:
            yield name, f"the name {fault}"
        elif path is not None and path.is_symlink():
            yield name, "a link"
        elif path is not None and not is_plain(path):
            yield name, "no plain file"


def _change(entry: Mapping[str, Any], path: Path | None) -> Change | None:
    """Return how a listed file differs."""
    if path is None:
        return Change.MISSING
    is_same = path.stat().st_size == entry["bytes"] and sha256_of(path) == entry["sha256"]
    return None if is_same else Change.ALTERED


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


def _is_head(chain: object) -> bool:
    return isinstance(chain, dict) and isinstance(chain.get("number"), int) and isinstance(chain.get("hash"), str)


def _is_description(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("bytes"), int)
        and isinstance(entry.get("sha256"), str)
        and _HASH.fullmatch(entry["sha256"]) is not None
    )
