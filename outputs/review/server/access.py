"""Who may use the reviewer's pages: those who were given the address that holds a token of their own."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from outputs.serving.address import Address
from outputs.serving.guard import SAFE_METHODS, is_same_origin

MOST_BYTES = 1_000_000
"""Of what a page may send: an outline of some ten thousand corners."""
_OPEN = ("/static/", "/login")
"""What is answered without a token: nothing of a run stands there."""
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Each reader with a token of their own, so that nobody reads or writes in another's name."""

    names: tuple[str, ...]
    tokens: tuple[str, ...]

    @classmethod
    def make(cls, names: Iterable[str]) -> "Readers":
        """Give each a new token. It is kept nowhere: it ends with the server."""
        given = tuple(dict.fromkeys(names))
        return cls(names=given, tokens=tuple(secrets.token_urlsafe(_TOKEN_BYTES) for _ in given))

    def name_of(self, token: str) -> str | None:
        """Return whose token it is; None if it is nobody's. It takes as long for any."""
        found = None
        for name, own in zip(self.names, self.tokens, strict=True):
            if secrets.compare_digest(own.encode(), token.encode(errors="replace")):
                found = name
        return found

    def login_urls(self, address: Address) -> dict[str, str]:
        """Return for each reader the address that logs them in."""
        return {
            name: f"{address.url}/login?token={quote(token)}"
            for name, token in zip(self.names, self.tokens, strict=True)
        }


class Access:
    """Passes on who has a token, as ``scope["state"]["reader"]``; refuses all others."""

    def __init__(self, app: ASGIApp, *, readers: Readers, port: int) -> None:
        self._app = app
        self._readers = readers
        self._cookie = cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        request = Request(scope)
        if scope["path"].startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        reader = self._readers.name_of(request.cookies.get(self._cookie, ""))
        refused = _refusal(request, is_known=reader is not None)
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope.setdefault("state", {})["reader"] = reader
        await self._app(scope, receive, send)


def cookie_name(port: int) -> str:
    """Return the cookie's name. Browsers keep cookies by host alone: two servers here must not share one."""
    return f"sitewatch_review_{port}"


def log_in(request: Request, readers: Readers, *, port: int) -> Response | None:
    """Exchange the token of an address for a cookie that no script and no other site can use; None if it is wrong."""
    token = request.query_params.get("token", "")
    if readers.name_of(token) is None:
        return None
    answer = RedirectResponse("/", 303)
    answer.set_cookie(cookie_name(port), token, httponly=True, samesite="strict", path="/")
    return answer


async def sent_json(request: Request) -> dict[str, object]:
    """Return what a page sent.

    Raises:
        ValueError: It is no JSON object, or too long.

    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise ValueError("too much was sent at once")
    found = json.loads(bytes(body))
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004  # what was sent is wrong, not this program
    return found


def _refusal(request: Request, *, is_known: bool) -> Response | None:
    if not is_known:
        said = "Open the address that `sitewatch review serve` printed: it logs you in.\n"
        return PlainTextResponse(said, 401)
    if request.method in SAFE_METHODS:
        return None
    headers: Headers = request.headers
    if not is_same_origin(headers) or headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return JSONResponse({"error": "this was not sent by a page of this server"}, 403)
    return None
