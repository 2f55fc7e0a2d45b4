"""Tokens of an account: asked for in time, with an end to waiting, and out of every log."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749.errors import (
    InsecureTransportError,
    OAuth2Error,
)
from requests_oauthlib import OAuth2Session
from sentinelhub.config import SHConfig
from sentinelhub.constants import SHConstants
from sentinelhub.download.models import DownloadRequest
from sentinelhub.download.session import SentinelHubSession

from geo.errors import ConfigError
from geo.sources.limits import BusyError

_REFRESH_S = 30.0
_ASSUMED_LIFE_S = 60.0
_TALKATIVE = ("requests_oauthlib", "oauthlib")
_REFUSED = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_grant", "access_denied", "invalid_request", "invalid_scope"}
)
_CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR = 400, 429, 500


class TokenSession(SentinelHubSession):
    """Holds one token and gets the next before it ends."""

    def __init__(self, config: SHConfig, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        super().__init__(config, refresh_before_expiry=_REFRESH_S)

    def _fetch_token(self, request: DownloadRequest) -> dict[str, Any]:
        """Ask once for a token.

        Raises:
            BusyError: There was no proper answer.
            ConfigError: The service refuses the credentials, or its address is not secure.

        """
        where = f"tokens of {request.url}"
        try:
            with _quiet(), OAuth2Session(client=BackendApplicationClient(self.config.sh_client_id)) as session:
                session.register_compliance_hook("access_token_response", self._compliance_hook)
                token = session.fetch_token(
                    token_url=request.url,
                    client_id=self.config.sh_client_id,
                    client_secret=self.config.sh_client_secret,
                    headers={**self.DEFAULT_HEADERS, **SHConstants.HEADERS},
                    include_client_id=True,
                    timeout=self._timeout_s,
                )
        except InsecureTransportError as error:
            raise ConfigError(f"{where}: expected an address with https; a secret is sent there") from error
        except OAuth2Error as error:
            raise _meaning(error, where) from error
        except requests.RequestException as error:
            raise _meaning_of_http(error, where) from error
        return {"expires_at": time.time() + _ASSUMED_LIFE_S, **token}


def _meaning(error: OAuth2Error, where: str) -> Exception:
    reason = error.error if isinstance(error.error, str) else "no reason given"  # some servers put an object there
    if reason in _REFUSED:
        return ConfigError(f"{where}: the credentials are refused ({reason})")
    return BusyError(f"{where}: no token came ({reason})")


def _meaning_of_http(error: requests.RequestException, where: str) -> Exception:
    status = error.response.status_code if error.response is not None else 0
    if _CLIENT_ERROR <= status < _SERVER_ERROR and status != _TOO_MANY:
        return ConfigError(f"{where}: answered {status}; are the address and the credentials right?")
    return BusyError(f"{where}: " + (f"answered {status}" if status else f"no answer ({type(error).__name__})"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Let libraries that log requests with secrets in them say nothing below a warning."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    loggers += [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith(tuple(_DOTTED))]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)


_DOTTED = tuple(f"{name}." for name in _TALKATIVE)
