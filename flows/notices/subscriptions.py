"""`subscriptions.toml`: who is told what, and by what way. Without the file nothing is sent, nor kept to be sent."""

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from detection.schema import Event, Status
from flows.settings.section import Section
from flows.settings.workspace import Workspace
from geo.errors import ConfigError
from geo.sources.sentinelhub.credentials import Secret
from outputs.notices.choose import Wanted
from outputs.notices.happenings import Kind
from outputs.notices.mail import ADDRESS
from outputs.notices.texts import Detail

SUBSCRIPTIONS_NAME = "subscriptions.toml"
USER_NAME = "SITEWATCH_SMTP_USER"
PASSWORD_NAME = "SITEWATCH_SMTP_PASSWORD"  # noqa: S105  # the name of a variable
Address = Annotated[str, StringConstraints(pattern=f"^{ADDRESS.pattern}$", max_length=254)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class MailSettings(Section):
    """The server that takes mail."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    """Its name or address."""
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only to a server on this machine."""
    sender: Address
    """The address that notices come from."""
    ca_file: str = ""
    """Certificates to trust instead of the system's, relative to this file or absolute."""
    timeout_s: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _keep_to_itself(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" is only for a server on this machine')
        return self


class Subscription(Section):
    """Who is told what, and by what way. An empty list stands for everything."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    areas: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    events: tuple[Event, ...] = ()
    statuses: tuple[Status, ...] = ()
    least_confidence: float = Field(default=0.0, ge=0, le=1)
    when: Literal["at_once", "weekly"] = "at_once"
    detail: Detail = Detail.AREA
    age_days: int = Field(default=45, ge=0, le=10_000)
    age_days_of: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(default_factory=dict)
    mail: tuple[Address, ...] = ()
    webhook: str = Field(default="", max_length=2000)
    webhook_secret: Variable | None = None
    """The name of the variable that holds the secret it is signed with; needed beside `webhook`."""
    feed: tuple[Literal["atom", "rss"], ...] = ()

    @field_validator("webhook")
    @classmethod
    def _only_safe(cls, url: str) -> str:
        if url:
            _check_url(url)
        return url

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if not (self.mail or self.webhook or self.feed):
            raise ValueError("expected at least one of mail, webhook and feed")
        if self.webhook and self.webhook_secret is None:
            raise ValueError("webhook needs webhook_secret, the name of a variable")
        return self

    @property
    def wanted(self) -> Wanted:
        """What it asks for."""
        return Wanted(
            areas=frozenset(self.areas),
            kinds=frozenset(self.kinds),
            events=frozenset(self.events),
            statuses=frozenset(self.statuses),
            least_confidence=self.least_confidence,
            is_weekly=self.when == "weekly",
            age_days=self.age_days,
            age_days_of=self.age_days_of,
        )

    @property
    def targets(self) -> tuple[str, ...]:
        """Each way by which it is told, as the outbox names it: a webhook's address is no part of it."""
        ways = [f"mail:{address}" for address in dict.fromkeys(self.mail)]
        return (*ways, *(["webhook"] if self.webhook else []), *(["feed"] if self.feed else []))


class Subscriptions(Section):
    """All of the file."""

    subscription: tuple[Subscription, ...] = ()
    mail: MailSettings | None = None
    secrets_file: str = ""
    """A file of lines NAME=value, outside the workspace and readable by its owner alone; the environment goes first."""
    attempts: int = Field(default=8, ge=1, le=100)
    """After so many failed tries a message is put aside as a dead letter."""
    patience_s: float = Field(default=20.0, ge=0, le=3_600)
    """How long a run may wait for a second try before it leaves it to the next run."""
    feed_authority: str = Field(default="sitewatch.invalid", pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")
    """A domain of yours, in the ids of feeds."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        names = [one.name.casefold() for one in self.subscription]
        if len(set(names)) < len(names):
            raise ValueError("two subscriptions have the same name")
        if self.mail is None and any(one.mail for one in self.subscription):
            raise ValueError("a subscription by mail needs the section [mail]")
        return self

    def named(self, name: str) -> Subscription | None:
        """Return the subscription called so, if there is one."""
        return next((one for one in self.subscription if one.name == name), None)


def read_subscriptions(workspace: Workspace) -> Subscriptions | None:
    """Return what the workspace's subscriptions say; None where there is no such file, or nobody in it.

    Raises:
        ConfigError: It cannot be read or is wrong; names the file and the key, and never shows the value.

    """
    path = workspace.root / SUBSCRIPTIONS_NAME
    try:
        found = Subscriptions.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigError(f"{path}: expected TOML in UTF-8") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explained(error)}") from None
    return found if found.subscription else None


class Secrets:
    """Where secrets are looked up, each when it is needed; the environment goes before the file."""

    def __init__(self, workspace: Workspace, subscriptions: Subscriptions) -> None:
        """Take note of where they would be; nothing is read yet."""
        self._root = workspace.root
        self._name = subscriptions.secrets_file

    def find(self, name: str) -> Secret | None:
        """Return the secret called so; None where there is none.

        Raises:
            ConfigError: The file lies in the workspace, cannot be read, or others may read it.

        """
        value = os.environ.get(name, "") or (self._of_file().get(name, "") if self._name else "")
        return Secret(value) if value else None

    def must(self, name: str) -> Secret:
        """Return the secret called so.

        Raises:
            ConfigError: As for `find`, or there is none.

        """
        found = self.find(name)
        if found is None:
            raise ConfigError(f"{name} is set neither in the environment nor in secrets_file")
        return found

    def _of_file(self) -> dict[str, str]:
        path = (self._root / Path(self._name).expanduser()).resolve()
        if path.is_relative_to(self._root):
            raise ConfigError(f"{path}: secrets_file must lie outside the workspace, which is handed on and backed up")
        try:
            mode = path.stat().st_mode
            if mode & _OTHERS:
                raise ConfigError(f"{path}: others may read it (mode {mode & 0o777:03o}); `chmod 600 {path}`")
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise ConfigError(f"{path}: secrets cannot be read: {reason}") from None
        pairs = (line.strip().partition("=") for line in lines if not line.lstrip().startswith("#"))
        return {name.strip(): value.strip().strip("\"'") for name, found, value in pairs if found}


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its name or address alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def _check_url(url: str) -> None:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("expected an https address of printable ASCII")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a password in it is not taken")
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise ValueError("expected an https address; http only to this machine")


def _explained(error: ValidationError) -> str:
    """Say which keys are wrong, and what was expected; a value may be a secret, and is not shown."""
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    place: Mapping[str, Any] = dict(first)
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in place["loc"]) or "the file"
    return f"{key}: {place['msg'].removeprefix('Value error, ')}" + (f" (and {len(others)} more)" if others else "")
