"""Documents that carry their own seal: a change of a single byte in them is noticed without any other file.

A sealed document is JSON with ``seal`` as its last member: the SHA-256 of the same document without it. It is written
in one way only, so that even an added blank makes it another one. A seal proves that nothing changed by accident;
whoever means to deceive can compute a new one, against which a signature helps (`outputs.evidence.signature`).
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

SEAL = "seal"
MOST_BYTES = 256 << 20
"""No document of this kind is larger; what claims to be is not read."""


class DamagedError(ValueError):
    """A document is not one that was written here. Handled where it is met: it becomes a finding."""


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as it is written: readable, members in their order, one way only."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str, allow_nan=False) + "\n"


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return `document` with its seal, ready to be written.

    Raises:
        ValueError: It holds what JSON cannot: a number that is none, or text that is no Unicode.

    """
    text = as_text(document)
    return as_text({**json.loads(text), SEAL: hashlib.sha256(text.encode()).hexdigest()}).encode()


def unsealed(data: bytes) -> dict[str, Any]:
    """Return the document in `data`, without its seal.

    Raises:
        DamagedError: It was changed since it was written, or never written here; says how that shows.

    """
    document = strict_json(data)
    if not isinstance(document, dict):
        raise DamagedError("it is not a JSON object")
    if as_text(document).encode() != data:
        raise DamagedError("it is not written as sitewatch writes it")
    seal = document.pop(SEAL, None)
    if seal != hashlib.sha256(as_text(document).encode()).hexdigest():
        raise DamagedError("its content is not what its seal says")
    return document


def strict_json(data: bytes) -> Any:  # noqa: ANN401  # JSON holds anything
    """Return what JSON in `data` says, where it can be understood in one way only.

    Raises:
        DamagedError: It is no JSON in UTF-8, names one member twice, or nests too deeply.

    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_without_doubles, parse_constant=_no_number)
    except DamagedError:
        raise
    except RecursionError:
        raise DamagedError("it nests too deeply") from None
    except ValueError as error:
        raise DamagedError(f"it is not JSON in UTF-8: {error}") from error


def read_plain(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of a plain file; links are not followed, and no device is waited for.

    Raises:
        DamagedError: It is a link, no file, or too large.
        OSError: It cannot be read.

    """
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode):
        raise DamagedError("it is a link or no plain file, and was not opened")
    if state.st_size > most_bytes:
        raise DamagedError(f"it has {state.st_size} bytes; more than {most_bytes} are not read")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        return file.read()


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise DamagedError(f"it has two entries called {double!r}")
    return document


def _no_number(text: str) -> NoReturn:
    raise DamagedError(f"it has {text} for a number")
