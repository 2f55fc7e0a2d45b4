"""A server of OGC API Features: pygeoapi answers, and only questions reach it."""

import logging
from collections.abc import Callable
from typing import Any

import pygeoapi.api as core
from pygeoapi.api import API, APIRequest, itemtypes
from pygeoapi.openapi import get_oas
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from outputs.serving.address import Address
from outputs.serving.guard import Guard

Answer = Callable[..., tuple[dict[str, str], int, Any]]
_PAGES = "text/html"
_NO_PAGES = "this server answers in JSON alone: its pages would load programs from elsewhere"


def ogc_app(config: dict[str, Any], address: Address) -> ASGIApp:
    """Return the server over the collections of `config` (`outputs.ogc.config`)."""
    logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)  # a wrong question is told to who asked it
    api = API(config, get_oas(config))

    def endpoint(answer: Answer, *names: str) -> Callable[[Request], Any]:
        async def answering(request: Request) -> Response:
            return await _answered(api, request, answer, *(request.path_params[name] for name in names))

        return answering

    one, item = "/collections/{collection}", "/collections/{collection}/items/{item:path}"
    routes = [
        Route("/", endpoint(core.landing_page)),
        Route("/openapi", endpoint(core.openapi_)),
        Route("/conformance", endpoint(core.conformance)),
        Route("/collections", endpoint(core.describe_collections)),
        Route(one, endpoint(core.describe_collections, "collection")),
        Route(f"{one}/schema", endpoint(core.get_collection_schema, "collection")),
        Route(f"{one}/queryables", endpoint(itemtypes.get_collection_queryables, "collection")),
        Route(f"{one}/items", endpoint(itemtypes.get_collection_items, "collection")),
        Route(item, endpoint(itemtypes.get_collection_item, "collection", "item")),
    ]
    return Guard(Starlette(routes=routes), hosts=address.hosts)


async def _answered(api: API, request: Request, answer: Answer, *names: str) -> Response:
    if request.query_params.get("f") == "html":
        return JSONResponse({"code": "InvalidParameterValue", "description": _NO_PAGES}, 400)
    if request.url.path != "/" and request.url.path.endswith("/"):
        return RedirectResponse(request.url.replace(path=request.url.path.rstrip("/")), 308)
    headers = MutableHeaders(scope=request.scope)
    if _PAGES in headers.get("accept", ""):
        headers["accept"] = "application/json"
    asked = await APIRequest.from_starlette(request, api.locales)
    if not asked.is_valid():
        told, status, content = api.get_format_exception(asked)
    else:
        told, status, content = await run_in_threadpool(answer, api, asked, *names)
    told = {name: value for name, value in told.items() if name.lower() != "content-length"}
    if isinstance(content, dict):
        return JSONResponse(content, status, headers=told)
    return Response(content, status, headers=told)
