"""What an account needs to be used: read where the user put it, shown nowhere."""

import hashlib
import logging
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from geo.errors import ConfigError

logger = logging.getLogger(__name__)

ID_NAME = "SH_CLIENT_ID"
SECRET_NAME = "SH_CLIENT_SECRET"  # noqa: S105  # the name of a variable
HIDDEN = "***"


class Secret:
    """A text that shows itself only to who asks for it; it cannot be written by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled: read it again where it is needed")

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Credentials:
    """An OAuth client of an account."""

    client_id: Secret
    client_secret: Secret

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """Return the credentials in `values`, such as the environment.

        Raises:
            ConfigError: One of them is missing or empty.

        """
        missing = [name for name in (ID_NAME, SECRET_NAME) if not values.get(name, "").strip()]
        if missing:
            raise ConfigError(
                f"imagery by account needs {ID_NAME} and {SECRET_NAME} in the environment, or source.credentials_file; "
                f"not set: {', '.join(missing)}"
            )
        return cls(client_id=Secret(values[ID_NAME].strip()), client_secret=Secret(values[SECRET_NAME].strip()))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the credentials in `path`: lines such as ``SH_CLIENT_ID=…``, as shells and containers know them.

        Raises:
            ConfigError: It cannot be read, everybody can read it, or one of them is missing.

        """
        try:
            mode = path.stat().st_mode
            if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
                raise ConfigError(f"{path}: expected a file that only its owner can read; run: chmod 600 {path}")
            if mode & stat.S_IRGRP:
                logger.warning("%s: its group can read the credentials; run: chmod 600 %s", path, path)
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise ConfigError(f"{path}: credentials cannot be read: {reason}") from None
        try:
            return cls.of(dict(_pairs(lines)))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @property
    def account(self) -> str:
        """A name for the account that gives nothing away: the state of its limits is kept under it."""
        return hashlib.sha256(self.client_id.reveal().encode()).hexdigest()[:12]

    def hide(self, text: str) -> str:
        """Return `text` without the credentials, whoever put them there."""
        for secret in (self.client_secret.reveal(), self.client_id.reveal()):
            text = text.replace(secret, HIDDEN)
        return text


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Return name and value of each line that has both."""
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines if not line.lstrip().startswith("#"))
    return [(name.strip(), value.strip().strip("\"'")) for name, found, value in pairs if found]
