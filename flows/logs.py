"""How events are written down: as lines for people, or one JSON document a line; never with a secret in them."""

import json
import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime

LOG_VARIABLE = "SITEWATCH_LOG"
"""``json``: one document a line, for a collector of logs; anything else: lines for people."""
HIDDEN = "***"
_SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|API_?KEY|CLIENT_ID|ACCESS_KEY")
_SHORTEST = 6
"""Shorter values are words like ``true``, and are no secrets."""
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_IN_QUERY = re.compile(
    r"(?i)(\b(?:token|sig|signature|x-amz-signature|x-amz-credential|client_secret|password)=)[^&\s\"']+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}")


def formatter(environ: Mapping[str, str] = os.environ) -> logging.Formatter:
    """Return what turns an event into text, as the environment asks for it."""
    secrets = known_secrets(environ)
    return JsonLines(secrets) if environ.get(LOG_VARIABLE, "").strip().lower() == "json" else PlainLines(secrets)


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the variables whose names say that they are secret, the longest first."""
    found = {value for name, value in environ.items() if _SECRET_NAME.search(name.upper()) and len(value) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def without_secrets(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return `text` without these values, passwords in addresses, and signatures in queries."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _IN_ADDRESS.sub(HIDDEN, text)
    text = _IN_QUERY.sub(rf"\1{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


class PlainLines(logging.Formatter):
    """Time, level, where, what; a traceback below."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as text."""
        return without_secrets(super().format(record), self._secrets)


class JsonLines(PlainLines):
    """One JSON document a line: ``at`` (UTC), ``level``, ``logger``, ``process``, ``message``, and ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as one line."""
        event: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": without_secrets(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            event["traceback"] = without_secrets(self.formatException(record.exc_info), self._secrets)
        return json.dumps(event, ensure_ascii=False)
