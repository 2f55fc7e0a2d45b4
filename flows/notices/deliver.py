"""One attempt to deliver one message: by mail, by webhook, into a feed's files. No reason shows a secret."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests

from flows.notices.subscriptions import PASSWORD_NAME, USER_NAME, MailSettings, Secrets, Subscription
from geo.atomic import atomic_file
from geo.errors import ConfigError
from outputs.notices.feeds import Feed, atom, rss
from outputs.notices.mail import mail_of
from outputs.notices.texts import Message
from outputs.notices.webhook import Fate, body_of, fate_of, headers_of, retry_after_s

_CONNECT_S, _ANSWER_S = 10.0, 20.0
_PERMANENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of it."""

    fate: Fate
    reason: str = ""
    wait_s: float = 0.0
    """So long the other side asks to wait."""
    is_counted: bool = True
    """False where nothing was tried, for something is missing on this side."""


SENT = Attempt(fate=Fate.SENT)


def send_mail(message: Message, recipient: str, settings: MailSettings, *, secrets: Secrets, root: Path) -> Attempt:
    """Give the message to the mail server, over TLS whose certificate is checked.

    Raises:
        ConfigError: The credentials or the certificates cannot be read.

    """
    user, password = secrets.find(USER_NAME), secrets.find(PASSWORD_NAME)
    mail = mail_of(message, sender=settings.sender, recipient=recipient)
    where = f"mail server {settings.host}"
    try:
        with _connected(settings, root) as server:
            if user and password:
                server.login(user.reveal(), password.reveal())
            server.send_message(mail, settings.sender, [recipient])
    except smtplib.SMTPAuthenticationError as error:
        return Attempt(fate=Fate.AGAIN, reason=f"{where}: the login was refused ({error.smtp_code})")
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(where, *(code for code, _ in error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        return _refused(where, error.smtp_code)
    except ssl.SSLError:
        return Attempt(fate=Fate.AGAIN, reason=f"{where}: its TLS is wrong or its certificate is not trusted")
    except (smtplib.SMTPException, OSError) as error:
        return Attempt(fate=Fate.AGAIN, reason=f"{where}: {type(error).__name__}")
    return SENT


def _refused(where: str, *codes: int) -> Attempt:
    """Say what an SMTP code means: from 500 on the same would be refused again."""
    fate = Fate.DEAD if all(code >= _PERMANENT for code in codes) else Fate.AGAIN
    return Attempt(fate=fate, reason=f"{where}: refused ({', '.join(map(str, codes))})")


def _connected(settings: MailSettings, root: Path) -> smtplib.SMTP:
    context = _tls(settings, root)
    own = settings.sender.partition("@")[2]  # not this machine's name
    if settings.security == "tls":
        return smtplib.SMTP_SSL(
            settings.host, settings.port, local_hostname=own, timeout=settings.timeout_s, context=context
        )
    server = smtplib.SMTP(settings.host, settings.port, local_hostname=own, timeout=settings.timeout_s)
    try:
        if settings.security == "starttls":
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _tls(settings: MailSettings, root: Path) -> ssl.SSLContext:
    path = root / Path(settings.ca_file).expanduser() if settings.ca_file else None
    try:
        context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{path}: mail.ca_file: no certificates that can be read") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def send_webhook(message: Message, to: Subscription, *, secrets: Secrets, now: datetime) -> Attempt:
    """Post the message, signed. No redirection is followed, and nothing of the answer but its head is read.

    Raises:
        ConfigError: The secret is missing, or cannot be read.

    """
    secret = secrets.must(to.webhook_secret or "")
    body = body_of(message)
    headers = headers_of(message, body, now=now, secret=secret.reveal().encode())
    where = f"webhook at {urlsplit(to.webhook).hostname}"  # the rest of the address may be a secret
    try:
        with requests.post(
            to.webhook,
            data=body,
            headers=headers,
            timeout=(_CONNECT_S, _ANSWER_S),
            allow_redirects=False,
            stream=True,
            auth=_plain,
        ) as answer:
            status, wait_s = answer.status_code, retry_after_s(answer.headers, now)
    except (requests.RequestException, OSError) as error:
        return Attempt(fate=Fate.AGAIN, reason=f"{where}: {type(error).__name__}")
    fate = fate_of(status)
    return SENT if fate is Fate.SENT else Attempt(fate=fate, reason=f"{where}: answered {status}", wait_s=wait_s)


def _plain(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the request as it is: without this, a password out of ``~/.netrc`` would be added."""
    return request


def write_feeds(folder: Path, feed: Feed, messages: Sequence[Message], *, kinds: Sequence[str]) -> list[Path]:
    """Write the feed's files, each whole or as it was; return them.

    Raises:
        OutputError: The disk does not take them.

    """
    written = []
    for kind in dict.fromkeys(kinds):
        path = folder / f"{feed.name}.{kind}.xml"
        with atomic_file(path) as part:
            part.write_bytes(_WRITERS[kind](feed, messages))
        written.append(path)
    return written


_WRITERS: dict[str, Callable[[Feed, Sequence[Message]], bytes]] = {"atom": atom, "rss": rss}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of a round of deliveries."""

    sent: int = 0
    dead: int = 0
    withdrawn: int = 0
    waiting: int = 0
    reasons: list[str] = field(default_factory=list)
    """Why, each once."""

    def because(self, reason: str) -> None:
        """Keep a reason."""
        if reason and reason not in self.reasons:
            self.reasons.append(reason)
