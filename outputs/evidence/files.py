"""The files below a folder: their names, their hashes, and the tricks that names and links can play."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from geo.errors import OutputError

_CHUNK_BYTES = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a name can pretend to be another one."""


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give every file, link and device below `folder` by its name within, in order of name; links are not followed.

    Raises:
        OSError: A folder cannot be looked into.

    """
    found = []
    for where, folders, files in os.walk(folder, onerror=_raise):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]  # noqa: PTH114, PTH118  # names may be no text
        found += [Path(where, name) for name in (*files, *links)]
    yield from sorted((path.relative_to(folder).as_posix(), path) for path in found)


def is_plain(path: Path) -> bool:
    """Say whether `path` is a file with content of its own: neither a link nor a device, which could wait for ever."""
    return stat.S_ISREG(path.lstat().st_mode)


def described(path: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file of any size, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fault_of_name(name: str) -> str:
    """Say why a file's name within a folder cannot be vouched for; empty where it can."""
    parts = name.split("/")
    if not name or name.startswith("/") or {"", ".", ".."} & set(parts):
        return "leads out of the folder"
    if "\\" in name or _DRIVE.match(name):
        return "means another place on other machines"
    kinds = {unicodedata.category(character) for character in name}
    if "Cs" in kinds:
        return "is not UTF-8"
    if "Cc" in kinds or _TURNING & set(name):
        return "has characters that are not seen"
    return ""


def alike(names: Iterable[str]) -> dict[str, str]:
    """Return the names that some file systems cannot tell from an earlier one, each with that one."""
    first: dict[str, str] = {}
    doubles = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in first:
            doubles[name] = first[folded]
        else:
            first[folded] = name
    return doubles


def shown(name: str) -> str:
    """Return a name that can be printed whatever it holds."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in name
    )


def files_to_vouch_for(folder: Path, *, besides: Iterable[str] = ()) -> dict[str, Path]:
    """Return the files below `folder` by name, but for those named `besides`.

    Raises:
        OutputError: One is a link or a device, or its name cannot be vouched for; it is named.
        OSError: The folder cannot be read.

    """
    files = {name: path for name, path in walk(folder) if name not in set(besides)}
    for name, path in files.items():
        if fault := fault_of_name(name):
            raise OutputError(f"{folder}: the name {shown(name)!r} {fault}, so it cannot be vouched for")
        if path.is_symlink():
            raise OutputError(f"{path} is a link: what it points to can change unseen, so it cannot be vouched for")
        if not is_plain(path):
            raise OutputError(f"{path} is no plain file, so it cannot be vouched for")
    for name, other in alike(files).items():
        raise OutputError(f"{folder}: {name!r} and {other!r} are one name on other machines: rename one of them")
    return files


def _raise(error: OSError) -> NoReturn:
    raise error
