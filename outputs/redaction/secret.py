"""The user's secret from which other names for detections and areas are made: kept outside workspaces and releases.

Whoever has it can tell which published name stands for which detection; without it nobody can, nor guess it.
"""

import hmac
import os
import secrets
from pathlib import Path

from geo.errors import ConfigError, OutputError

SECRET_NAME = "redaction.secret"  # noqa: S105 - the name of a file
_BYTES = 32
_ALIAS_DIGITS = 12
_OTHERS = 0o077


def user_secret(folder: Path) -> bytes:
    """Return the secret in `folder`, 32 bytes; the first time it is made, readable by its owner alone.

    Raises:
        ConfigError: It is damaged, or others may read it; names the file.
        OutputError: It cannot be made.

    """
    path = folder / SECRET_NAME
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & _OTHERS:
            raise ConfigError(f"{path}: others may read this secret; `chmod 600` it")
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected {_BYTES} bytes in hexadecimal") from error
    except OSError as error:
        raise OutputError(f"cannot read or make {path}: {error.strerror}") from error
    if len(found) != _BYTES:
        raise ConfigError(f"{path}: expected {_BYTES} bytes in hexadecimal; got {len(found)}")
    return found


def alias(secret: bytes, kind: str, name: str) -> str:
    """Return the published name of what is called `name`: the same each time, and no way back without `secret`."""
    told = hmac.digest(secret, f"{kind}\0{name}".encode(), "sha256").hex()
    return f"{kind[:1]}-{told[:_ALIAS_DIGITS]}"


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")
        os.fsync(file.fileno())
