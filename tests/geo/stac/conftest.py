"""A STAC API and a file server of the tests' own, on the loopback interface, with faults on demand."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import box, mapping, shape

from geo.crs import reproject
from geo.grid import Grid
from geo.sources.stac import StacOptions, StacSource

EPSG = 32645
LEFT_M, TOP_M = 500_000.0, 4_800_000.0
SIDE_PX = 512
"""A tile has 512 x 512 pixels of 10 m."""
STEP_PX = 448
"""Tiles overlap by 64 pixels."""
PIXEL_M = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "SCL": 20, "CLD": 20}
NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "SCL": "scl", "CLD": "cloud"}
USUAL = tuple(band for band in PIXEL_M if band != "CLD")
"""What a tile has where a test says nothing else."""
MASKS = ("SCL", "CLD")
COLLECTION = "sentinel-2-l2a"


@dataclass(kw_only=True)
class Request:
    """What somebody asked of the server."""

    method: str
    path: str
    query: str
    range: str
    status: int
    sent: int


@dataclass(kw_only=True)
class World:
    """A catalogue whose items and faults a test sets."""

    root: Path
    url: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    """Path to what happens to the next requests for it: a status, seconds to wait, (status, headers), or None for
    nothing; the last one stays, unless it is None."""
    log: list[Request] = field(default_factory=list)
    page: int = 2
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def add(  # noqa: PLR0913 - each is something that real items differ in
        self,
        item_id: str,
        *,
        when: str = "2021-06-10T05:20:00Z",
        column: int = 0,
        layout: str = "names",
        baseline: str | None = "03.00",
        raster: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        added_dn: int = 0,
        bands: Sequence[str] = USUAL,
    ) -> dict[str, Any]:
        """Write the files of a tile, `column` tiles east of the first, and list it in the catalogue."""
        assets = {}
        for band in bands:
            name = NAMES[band] if layout == "names" else band
            href = self.write(f"{item_id}/{band}.tif", tile(band, column, added_dn=added_dn), band, column)
            said = {"raster:bands": [dict(raster)]} if raster is not None and band not in MASKS else {}
            assets[name] = {"href": href, "type": "image/tiff; application=geotiff; profile=cloud-optimized", **said}
        outline = reproject(box(*tile_grid(column).bounds_m), from_epsg=EPSG, to_epsg=4326)
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": item_id,
            "collection": COLLECTION,
            "geometry": mapping(outline),
            "bbox": list(outline.bounds),
            "properties": {
                "datetime": when,
                "platform": "sentinel-2a",
                "proj:epsg": EPSG,
                **({"s2:processing_baseline": baseline} if baseline else {}),
                **(properties or {}),
            },
            "links": [],
            "assets": assets,
        }
        self.items.append(item)
        return item

    def write(self, name: str, values: NDArray[Any], band: str = "B04", column: int = 0) -> str:
        """Write a cloud-optimised GeoTIFF; return its address."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixel_m = PIXEL_M[band]
        height, width = values.shape
        profile = {
            "driver": "COG",
            "height": height,
            "width": width,
            "count": 1,
            "dtype": values.dtype,
            "crs": f"EPSG:{EPSG}",
            "transform": Affine(pixel_m, 0, LEFT_M + 10 * STEP_PX * column, 0, -pixel_m, TOP_M),
            "nodata": 0,
            "blocksize": 128,
            "compress": "DEFLATE",
            "overview_resampling": "average" if band not in MASKS else "nearest",
        }
        with rasterio.open(path, "w", **profile) as file:
            file.write(values, 1)
        return f"{self.url}/{name}"

    def source(self, **options: object) -> StacSource:
        """Return a source on the catalogue that loses no time over faults."""
        fast: dict[str, Any] = {
            "timeout_s": 5.0,
            "retries": 2,
            "backoff_s": 0.02,
            "max_wait_s": 0.5,
            "collection": COLLECTION,
        }
        return StacSource(StacOptions(**{"url": self.url, **fast, **options}))

    def requests(self, ending: str) -> list[Request]:
        """Return what was asked of the paths with that ending."""
        return [request for request in self.log if request.path.endswith(ending)]

    def found(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the items that a search wants."""
        start, _, end = str(body.get("datetime") or "../..").partition("/")
        first = moment(start, "0001-01-01T00:00:00+00:00")
        last = moment(end, "9999-12-31T00:00:00+00:00")
        return [
            item
            for item in self.items
            if item["collection"] in body["collections"]
            and shape(item["geometry"]).intersects(shape(body["intersects"]))
            and first <= datetime.fromisoformat(item["properties"]["datetime"]) <= last
        ]


def moment(text: str, fallback: str) -> datetime:
    """Return a bound of an interval."""
    return datetime.fromisoformat(fallback if text == ".." else text)


def tile(band: str, column: int, *, added_dn: int = 0) -> NDArray[Any]:
    """Return what a tile shows: one smooth ground with some noise, the same wherever two tiles overlap."""
    pixel_m = PIXEL_M[band]
    side, factor = SIDE_PX * 10 // pixel_m, pixel_m // 10
    x = (np.arange(side) + 0.5) * factor + STEP_PX * column
    y = (np.arange(side) + 0.5) * factor
    if band == "SCL":
        classes = np.full((side, side), 5, np.uint8)
        classes[:, (x > 200) & (x < 240)] = 9
        return classes
    if band == "CLD":
        percent = np.full((side, side), 10, np.uint8)
        percent[:, (x > 220) & (x < 280)] = 70
        return percent
    order = sorted(PIXEL_M).index(band)
    grain = (x[None, :].astype(int) * 7919 + y[:, None].astype(int) * 104_729 + order * 31) % 97
    ground = 2000 + 300 * order + 400 * np.sin(x / 37)[None, :] + 300 * np.cos(y / 23)[:, None] + grain
    return np.asarray(ground + added_dn, dtype=np.uint16)


def tile_grid(column: int = 0) -> Grid:
    """Return the grid of a tile."""
    return grid(column=STEP_PX * column, side_px=SIDE_PX)


def grid(*, column: int = 0, row: int = 0, side_px: int = 60, pixel_m: float = 10.0) -> Grid:
    """Return a grid whose corner is pixel (row, column), in pixels of 10 m, of the first tile."""
    return Grid(
        epsg=EPSG,
        left_m=LEFT_M + 10 * column,
        top_m=TOP_M - 10 * row,
        pixel_m=pixel_m,
        width_px=side_px,
        height_px=side_px,
    )


@pytest.fixture
def make_grid() -> Callable[..., Grid]:
    """Return the maker of grids on the first tile."""
    return grid


@pytest.fixture
def make_tile() -> Callable[..., NDArray[Any]]:
    """Return the maker of tiles."""
    return tile


_PORTS: set[int] = set()


def server_on_new_port(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Return a server on a port that none had before: GDAL remembers what it was refused for as long as it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    while server.server_address[1] in _PORTS:
        server.server_close()
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    _PORTS.add(server.server_address[1])
    server.daemon_threads = True
    return server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Serve an empty catalogue."""
    made = World(root=tmp_path / "served")
    made.root.mkdir()
    server = server_on_new_port(type("HandlerOfOne", (Handler,), {"world": made}))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers for a world."""

    world: ClassVar[World]
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        status, headers = self.fault(path)
        if status:
            self.send(status, b"", headers)
        elif path == "/":
            self.send_json(root_document(self.world))
        elif path == f"/collections/{COLLECTION}":
            self.send_json({"type": "Collection", "id": COLLECTION})
        elif path == "/search":
            self.send_json(self.search(json.loads(body)))
        elif path.startswith("/token/"):
            self.send_json({"token": "sv=1&sig=secret", "msft:expiry": "2099-01-01T00:00:00Z"})
        else:
            self.send_file(self.world.root / path.lstrip("/"))

    def fault(self, path: str) -> tuple[int, dict[str, str]]:
        planned = self.world.faults.get(path) or [None]
        now = planned.pop(0) if len(planned) > 1 else planned[0]
        if isinstance(now, float):
            time.sleep(now)
            return 0, {}
        if isinstance(now, tuple):
            return now
        return now or 0, {}

    def search(self, query: dict[str, Any]) -> dict[str, Any]:
        self.world.bodies.append(query)
        found = self.world.found(query)
        start = int(query.get("token", 0))
        page = found[start : start + self.world.page]
        following = {
            "rel": "next",
            "href": f"{self.world.url}/search",
            "method": "POST",
            "body": {**query, "token": str(start + self.world.page)},
        }
        links = [following] if start + self.world.page < len(found) else []
        return {"type": "FeatureCollection", "features": page, "links": links}

    def send_json(self, document: object) -> None:
        self.send(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def send_file(self, path: Path) -> None:
        if not path.is_file():
            self.send(404, b"", {})
            return
        content = path.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self.send(200, content, {"Accept-Ranges": "bytes"})
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if first >= len(content):
            self.send(416, b"", {})
            return
        span = {"Content-Range": f"bytes {first}-{last}/{len(content)}", "Accept-Ranges": "bytes"}
        self.send(206, content[first : last + 1], span)

    def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        path, _, query = self.path.partition("?")
        sent = 0 if self.command == "HEAD" else len(content)
        self.world.log.append(
            Request(
                method=self.command,
                path=path,
                query=query,
                range=self.headers.get("Range") or "",
                status=status,
                sent=sent,
            )
        )
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if sent:
                self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def root_document(world: World) -> dict[str, Any]:
    """Return the landing page of the API."""
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "test",
        "title": "The tests' catalogue",
        "description": "of the tests",
        "conformsTo": [
            "https://api.stacspec.org/v1.0.0/core",
            "https://api.stacspec.org/v1.0.0/item-search",
            "https://api.stacspec.org/v1.0.0/collections",
        ],
        "links": [
            {"rel": "self", "href": f"{world.url}/"},
            {"rel": "root", "href": f"{world.url}/"},
            {"rel": "data", "href": f"{world.url}/collections"},
            {"rel": "search", "href": f"{world.url}/search", "method": "POST", "type": "application/geo+json"},
        ],
    }


@pytest.fixture
def later() -> Callable[[str, float], str]:
    """Return the maker of a time so many seconds after another."""
    return lambda when, seconds: (datetime.fromisoformat(when) + timedelta(seconds=seconds)).isoformat()
