"""A file of arrays that is read back exactly as it was written, or not at all.

For what one run keeps for the next: a NumPy archive (`.npz`, no pickles) with a header that says what it is, in which
version, made with which settings, and the sha256 of all that stands in it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError  # noqa: N812 - a class, whatever its library calls it

import numpy as np
from numpy.typing import NDArray

from geo.atomic import atomic_file
from geo.errors import StateError

_HEADER = "header"

Arrays = Mapping[str, NDArray[Any]]
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, BadZipFile, ZlibError)
"""In which ways a cut or changed archive fails inside zipfile, zlib and numpy; it means the same each time."""


def write_sealed(path: Path, arrays: Arrays, header: Mapping[str, Any]) -> None:
    """Write `arrays` and `header`, which JSON must be able to hold, to `path` in one step.

    Raises:
        OutputError: The disk does not take it; an earlier file at `path` is as it was.

    """
    if _HEADER in arrays:
        raise ValueError(f"no array may be called {_HEADER!r}")
    facts = {name: header[name] for name in sorted(header)}
    text = json.dumps({"facts": facts, "sha256": _checksum(arrays, facts)}, ensure_ascii=False)
    with atomic_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(text)}, **arrays)


def read_sealed(path: Path, expected: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the header of the file at `path`.

    Args:
        path: What `write_sealed` wrote.
        expected: What its header must say: the kind and version of the file, the hash of the settings.

    Raises:
        StateError: There is none, it is damaged, or its header says something else; names `path`.

    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # it leaves files of its own open
            arrays = {name: archive[name] for name in archive.files if name != _HEADER}
            document = json.loads(str(archive[_HEADER]))
        facts, checksum = dict(document["facts"]), document["sha256"]
    except FileNotFoundError as error:
        raise StateError(f"{path}: no such file") from error
    except _DAMAGE as error:
        raise StateError(f"{path}: damaged: {str(error).strip() or type(error).__name__}") from error
    _check_facts(path, facts, expected)
    if checksum != _checksum(arrays, facts):
        raise StateError(f"{path}: damaged: its content is not what its checksum says")
    return arrays, facts


def read_facts(path: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of the file at `path` alone, for less than reading it all; its arrays are not checked.

    Raises:
        StateError: As `read_sealed`, as far as the header tells.

    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            facts: dict[str, Any] = dict(json.loads(str(archive[_HEADER]))["facts"])
    except FileNotFoundError as error:
        raise StateError(f"{path}: no such file") from error
    except _DAMAGE as error:
        raise StateError(f"{path}: damaged: {str(error).strip() or type(error).__name__}") from error
    _check_facts(path, facts, expected)
    return facts


def _check_facts(path: Path, facts: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for name, value in expected.items():
        if facts.get(name) != value:
            raise StateError(f"{path}: expected {name} {value!r}; got {facts.get(name)!r}")


def _checksum(arrays: Arrays, facts: Mapping[str, Any]) -> str:
    total = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
