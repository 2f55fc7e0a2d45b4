"""Refuse what no honest client of a local server sends, and forbid pages to fetch anything from elsewhere."""

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""A page loads from the server that it came from, and from nowhere else; nothing written inside it is executed."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
_HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Answers only those who ask for this server by its own name, with methods that it knows.

    A page of another site can make its own name lead to this machine and then read what a server here answers; the
    Host header still carries that name, and is refused.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], methods: Collection[str] = SAFE_METHODS) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._methods = frozenset(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or headers["host"].lower() not in self._hosts:
            await PlainTextResponse("This server is not called that.\n", 400)(scope, receive, send)
        elif scope["method"] not in self._methods:
            allowed = {"allow": ", ".join(sorted(self._methods))}
            await PlainTextResponse("Not allowed here.\n", 405, headers=allowed)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


def is_same_origin(headers: Headers) -> bool:
    """Say whether a request that changes something comes from a page of this server.

    Browsers tell where a request comes from in headers that a page cannot forge. A client that is no browser sends
    neither, and holds no cookie that another page could make it send.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or origin.lower() == f"http://{headers['host']}".lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
