"""The reviewer's pages: a queue, a page a detection, how far readers agree, and what is stored."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import shapely
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from detection.schema import Event, Verdict
from geo.errors import SitewatchError
from outputs.review.marks import is_outline
from outputs.review.merge import REFUSED
from outputs.review.server import tiles
from outputs.review.server.access import Access, Readers, log_in, sent_json
from outputs.review.server.desk import Decision, Desk
from outputs.review.server.screens import Screens
from outputs.serving.address import Address
from outputs.serving.guard import SAFE_METHODS, Guard
from outputs.vocabulary import EVENT_COLOURS

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_TILE_AGE_S = 3600
_MOST_NOTE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """What all answers share."""

    desk: Desk
    screens: Screens
    readers: Readers
    address: Address
    pages: Environment

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        return HTMLResponse(self.pages.get_template(name).render(**values), status)

    def refused(self, status: int, title: str, said: str) -> Response:
        return self.page("refused.html", status, title=title, said=said)

    async def log_in(self, request: Request) -> Response:
        answer = log_in(request, self.readers, port=self.address.port)
        if answer is None:
            return self.refused(403, "Not logged in", "This address is of no use: the server that made it has ended.")
        return answer

    def queue(self, request: Request) -> Response:
        return self.page("queue.html", **self.screens.queue(_reader(request)))

    def detection(self, request: Request) -> Response:
        name = request.path_params["detection"]
        shown = self.screens.detection(name, _reader(request), after=request.query_params.get("after"))
        if shown is None:
            return self.refused(404, "No such detection", f"The store has no detection called {name}.")
        return self.page("detection.html", **shown)

    def agreement(self, request: Request) -> Response:
        return self.page("agreement.html", **self.screens.agreement(_reader(request)))

    def tile(self, request: Request) -> Response:
        side, look = request.path_params["side"], request.query_params.get("look", "true")
        pair = tiles.RasterPair.find(self.desk.run_dir(), request.path_params["area"])
        column, row, zoom = (request.path_params[name] for name in ("x", "y", "z"))
        is_there = pair is not None and side in tiles.SIDES and tiles.is_tile(column, row, zoom)
        if pair is None or not is_there or look not in {one.key for one in tiles.looks_of(pair)}:
            return PlainTextResponse("no such tile\n", 404)
        kept = {"cache-control": f"private, max-age={_TILE_AGE_S}"}
        return Response(tiles.tile_png(pair, side, look, (column, row, zoom)), media_type="image/png", headers=kept)

    def picture(self, request: Request) -> Response:
        path = self.screens.picture(request.path_params["folder"], request.path_params["name"])
        return PlainTextResponse("no such picture\n", 404) if path is None else FileResponse(path)

    def colours(self, _: Request) -> Response:
        """Events have one colour everywhere; a style written inside a page would not be allowed."""
        lines = [f".swatch.{event} {{ background: {colour}; }}" for event, colour in EVENT_COLOURS.items()]
        return Response("\n".join(lines), media_type="text/css")

    async def decide(self, request: Request) -> Response:
        reader = _reader(request)
        try:
            decision = decision_of(await sent_json(request))
            before = [one.row["detection_id"] for one in await run_in_threadpool(self.desk.queue, reader)]
            merged = await run_in_threadpool(self.desk.decide, decision, reader)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        if merged.outcome in REFUSED:
            return JSONResponse({"error": f"{merged.outcome}: {merged.why}; reload the page"}, 409)
        where = await run_in_threadpool(self.screens.next_link, decision.detection_id, before, reader)
        return JSONResponse({"stored": decision.verdict.value, "why": merged.why, "next": where})

    async def undo(self, request: Request) -> Response:
        try:
            name = str((await sent_json(request)).get("detection_id", ""))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        if not await run_in_threadpool(self.desk.take_back, name, _reader(request)):
            return JSONResponse({"error": "there is nothing of yours to take back"}, 409)
        return JSONResponse({"next": f"/detections/{quote(name, safe='')}"})


def review_app(desk: Desk, readers: Readers, address: Address, *, credit: Callable[[], str]) -> ASGIApp:
    """Return the server of the reviewer's pages.

    Args:
        desk: What it reads and writes.
        readers: Who may use it.
        address: Where it listens: it answers to no other name.
        credit: To whom the imagery is owed, asked for each page.

    """
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    screens = Screens(desk=desk, credit=credit)
    server = _Server(desk=desk, screens=screens, readers=readers, address=address, pages=pages)
    routes = [
        Route("/", server.queue),
        Route("/login", server.log_in),
        Route("/agreement", server.agreement),
        Route("/colours.css", server.colours),
        Route("/detections/{detection}", server.detection),
        Route("/tiles/{area}/{side}/{z:int}/{x:int}/{y:int}.png", server.tile),
        Route("/{folder}/{name}.png", server.picture),
        Route("/verdicts", server.decide, methods=["POST"]),
        Route("/undo", server.undo, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Access, readers=readers, port=address.port)],
        exception_handlers={SitewatchError: _failed},
    )
    return Guard(app, hosts=address.hosts, methods=SAFE_METHODS | {"POST"})


def decision_of(sent: Mapping[str, Any]) -> Decision:
    """Return what a page sent as a decision.

    Raises:
        ValueError: A part of it is missing or cannot be; it is named.

    """
    texts = {name: sent.get(name) for name in ("detection_id", "base_version", "verdict")}
    wrong = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    if wrong:
        raise ValueError(f"{wrong[0]} is missing")
    if texts["verdict"] not in set(Verdict):
        raise ValueError(f"verdict: expected one of {', '.join(Verdict)}")
    note, event, outline = sent.get("note") or "", sent.get("event") or None, sent.get("outline")
    if not isinstance(note, str) or len(note) > _MOST_NOTE:
        raise ValueError(f"note: expected text of at most {_MOST_NOTE} characters")
    if event is not None and event not in set(Event):
        raise ValueError(f"event: expected one of {', '.join(Event)}")
    return Decision(
        detection_id=str(texts["detection_id"]),
        base_version=str(texts["base_version"]),
        verdict=Verdict(str(texts["verdict"])),
        note=note.strip(),
        event=None if event is None else Event(event),
        outline_4326=None if outline is None else _shape(outline),
    )


def _shape(outline: object) -> shapely.Geometry:
    try:
        shape = shapely.from_geojson(json.dumps(outline))
    except shapely.errors.GEOSException as error:
        raise ValueError("outline: expected a GeoJSON polygon") from error
    if not is_outline(shape):
        raise ValueError("outline: its lines cross each other, or it is no polygon in longitude and latitude")
    return shape


def _reader(request: Request) -> str:
    reader: str = request.state.reader
    return reader


async def _failed(_: Request, error: Exception) -> Response:
    logger.warning("%s", error)
    return JSONResponse({"error": str(error)}, 500)
