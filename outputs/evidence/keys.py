"""Keys to sign with: made and kept by the person who signs, outside any workspace; and the keys that are trusted.

A key is two files, ``NAME.key`` (PKCS #8, for its owner alone, with a passphrase if there is one) and ``NAME.pub``, one
line of text: ``sitewatch-ed25519 BASE64 NAME``. Such lines, one a key, make the list ``trusted``.
"""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from geo.atomic import atomic_file
from geo.errors import ConfigError, OutputError

KIND = "sitewatch-ed25519"
TRUSTED_NAME = "trusted"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PUBLIC_BYTES = 32
_OTHERS = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with."""

    name: str
    """As its owner, or whoever trusts it, calls it: proves nothing."""
    raw: bytes
    """32 bytes."""

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the key's SHA-256: what two people compare over another channel."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def line(self) -> str:
        """Return the key as a line of text."""
        return f"{KIND} {base64.b64encode(self.raw).decode()} {self.name}"

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether `signature` over `message` is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def of_line(cls, line: str, where: str) -> Self:
        """Return the key in a line.

        Raises:
            ConfigError: There is none; says where.

        """
        kind, _, rest = line.strip().partition(" ")
        code, _, name = rest.partition(" ")
        try:
            raw = base64.b64decode(code, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if kind != KIND or len(raw) != _PUBLIC_BYTES or not _NAME.fullmatch(name.strip()):
            raise ConfigError(f"{where}: expected a public key, `{KIND} BASE64 NAME`")
        return cls(name=name.strip(), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key to sign with. What makes it secret is in no text of it."""

    public: PublicKey
    _private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.name}, {self.public.key_id})"


def keys_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return where keys are kept: what SITEWATCH_KEYS names, else ``~/.config/sitewatch/keys``."""
    named = (os.environ if environment is None else environment).get("SITEWATCH_KEYS", "").strip()
    return Path(named).expanduser() if named else Path.home() / ".config" / "sitewatch" / "keys"


def new_key(folder: Path, name: str, *, passphrase: str | None = None) -> SigningKey:
    """Make a key called `name` in `folder`.

    Raises:
        ConfigError: The name is no good, or there is such a key.
        OutputError: The disk does not take it.

    """
    _check_name(name)
    private = Ed25519PrivateKey.generate()
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    content = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    path = folder / f"{name}.key"
    made = SigningKey(public=_public(private, name), _private=private)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        (folder / f"{name}.pub").write_text(made.public.line() + "\n", encoding="utf-8")
    except FileExistsError as error:
        raise ConfigError(f"{path}: there is such a key already; it was not touched") from error
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return made


def load_key(folder: Path, name: str, *, passphrase: str | None = None) -> SigningKey:
    """Return the key called `name`.

    Raises:
        ConfigError: There is none, others may read it, or the passphrase is missing or wrong.

    """
    _check_name(name)
    path = folder / f"{name}.key"
    try:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            raise ConfigError(f"{path}: others may read it (mode {mode & 0o777:03o}); `chmod 600 {path}`")
        private = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode() if passphrase else None)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; `sitewatch keys new {name}` makes a key") from error
    except TypeError:
        wrong = "it has no passphrase, and one was given" if passphrase else "it needs its passphrase"
        raise ConfigError(f"{path}: {wrong}") from None
    except ValueError:
        raise ConfigError(f"{path}: the passphrase is wrong, or the file is damaged") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{path}: expected an Ed25519 key; got another kind")
    return SigningKey(public=_public(private, name), _private=private)


def is_locked(folder: Path, name: str) -> bool:
    """Say whether the key called `name` needs a passphrase; a key that is not there does not."""
    try:
        return b"ENCRYPTED" in (folder / f"{name}.key").read_bytes()
    except OSError:
        return False


def own_keys(folder: Path) -> list[PublicKey]:
    """Return the public halves of the keys in `folder`.

    Raises:
        ConfigError: One cannot be read; it is named.

    """
    return [key for path in sorted(folder.glob("*.pub")) for key in read_keys(path)]


def trusted_keys(folder: Path) -> list[PublicKey]:
    """Return the keys that are trusted: one's own, and those of the list.

    Raises:
        ConfigError: The list, or a key, cannot be read; names file and line.

    """
    listed = read_keys(folder / TRUSTED_NAME) if (folder / TRUSTED_NAME).exists() else []
    return [*own_keys(folder), *listed]


def trust(folder: Path, keys: Iterable[PublicKey]) -> list[PublicKey]:
    """Add to the list of trusted keys those that are not there yet, and return them.

    Raises:
        ConfigError: The list cannot be read.
        OutputError: The disk does not take it.

    """
    path = folder / TRUSTED_NAME
    before = read_keys(path) if path.exists() else []
    known = {key.raw for key in before}
    new = list({key.raw: key for key in keys if key.raw not in known}.values())
    if new:
        with atomic_file(path) as part:
            part.write_text("".join(f"{key.line()}\n" for key in (*before, *new)), encoding="utf-8")
    return new


def read_keys(path: Path) -> list[PublicKey]:
    """Return the public keys in a file, one a line; empty lines and lines that begin with # are passed over.

    Raises:
        ConfigError: It cannot be read, or a line is no key; names file and line.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected public keys, one a line: {error}") from error
    return [
        PublicKey.of_line(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]


def _public(private: Ed25519PrivateKey, name: str) -> PublicKey:
    return PublicKey(name=name, raw=private.public_key().public_bytes_raw())


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"the name of a key is letters, digits, dots, dashes and underscores; got {name!r}")
