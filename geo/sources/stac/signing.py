"""Signatures for files in Azure Blob Storage, as the Planetary Computer gives them: to everybody, for an hour or so.

``GET <token_url>/<account>/<container>`` answers ``{"token": …, "msft:expiry": …}``; the token is the query of the
file's address from then on. It stands in no message and no log.
"""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from urllib.parse import urlsplit

import requests

from geo.errors import SourceUnavailableError
from geo.sources.stac.web import Answer, Patience, answer_of, no_answer

FRESH_FOR = timedelta(minutes=5)
"""A token that ends sooner is renewed first: a read may take that long."""


@dataclass(frozen=True, slots=True)
class _Token:
    query: str
    expires_at: datetime


_TALKATIVE = ("rasterio", "urllib3")
"""They write whole addresses into their logs for debugging…"""
_ERRORS_OF_GDAL = "rasterio._env"
"""…and this one does for errors too."""
_SIGNATURE = re.compile(r"\?[^\s'\"]*\bsig=[^\s'\"]*")


def redact(record: logging.LogRecord) -> bool:
    """Take signatures out of a line of a log; as a filter of a logger, let every line pass."""
    text = record.getMessage()
    if "sig=" in text:
        record.msg, record.args = _SIGNATURE.sub("?…", text), ()
    return True


class Signer:
    """Signs addresses; threads may share one."""

    def __init__(self, token_url: str, *, blob_host: str, timeout_s: float, patience: Patience) -> None:
        self._token_url = token_url.rstrip("/")
        self._blob_host = blob_host
        self._timeout_s = timeout_s
        self._patience = patience
        self._tokens: dict[str, _Token] = {}
        self._lock = Lock()
        for name in _TALKATIVE if token_url else ():
            logging.getLogger(name).setLevel(logging.INFO)
            logging.getLogger(_ERRORS_OF_GDAL).addFilter(redact)

    def sign(self, href: str) -> str:
        """Return `href` with a signature, if it is a file that needs one.

        Raises:
            SourceUnavailableError: No token is to be had for now.
            SourceError: None will be: nothing is known of such files.

        """
        parts = urlsplit(href)
        if not self._token_url or not parts.netloc.endswith(self._blob_host) or "sig=" in parts.query:
            return href
        account, container = parts.netloc.partition(".")[0], parts.path.strip("/").partition("/")[0]
        with self._lock:
            token = self._tokens.get(f"{account}/{container}")
            if token is None or token.expires_at - datetime.now(tz=UTC) < FRESH_FOR:
                token = self._fetch(f"{account}/{container}")
                self._tokens[f"{account}/{container}"] = token
        return f"{href}{'&' if parts.query else '?'}{token.query}"

    def _fetch(self, place: str) -> _Token:
        what = f"{self._token_url}: a signature for {place}"
        attempt = 0
        while True:
            found = self._ask(place, what)
            if isinstance(found, _Token):
                return found
            if not (found.is_passing and self._patience.pause(attempt, found)):
                raise found.error(what)
            attempt += 1

    def _ask(self, place: str, what: str) -> _Token | Answer:
        try:
            response = requests.get(f"{self._token_url}/{place}", timeout=self._timeout_s)
        except requests.RequestException as error:
            return no_answer(error)
        if not response.ok:
            return answer_of(response.status_code, retry_after=response.headers.get("Retry-After"))
        try:
            document = response.json()
            expires_at = datetime.fromisoformat(document["msft:expiry"])
            return _Token(document["token"].lstrip("?"), expires_at)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceUnavailableError(f"{what}: the answer holds no token") from error
