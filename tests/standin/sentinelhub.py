"""A stand-in for a Sentinel Hub service: a real HTTP server on the loopback interface, with its faults on request.

It answers what the real service answers to the `sentinelhub` package: OAuth tokens that expire, catalogue searches
page by page, and GeoTIFFs (or a tar of several responses) of the Process API, cut from any `World`. It checks requests
as strictly as the service does, charges processing units by its own reckoning of the published rules, and keeps a log.

In a test: ``with running(world) as service: ...``. As a process: ``python -m tests.standin.sentinelhub --help``.
"""

import argparse
import io
import json
import random
import re
import sys
import tarfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from geo.sources.base import ImagerySource, SceneRef

MAX_SIDE_PX = 2500
MAX_PAGE = 100
CLIENT_ID = "stand-in-client"
CLIENT_SECRET = "stand-in-secret-7f3a"  # noqa: S105  # of no account
CLOUD_NUMBERS = {"CLD": 100, "CLP": 255}
"""Layers of cloud probability, and the number that stands for certainty."""
UNITS = {"SCL": "DN", "dataMask": "DN", "CLP": "DN", "CLD": "PERCENT", "VV": "LINEAR_POWER", "VH": "LINEAR_POWER"}
"""The only units in which these layers are to be had."""
QUOTA_MESSAGE = "Insufficient processing units or requests available in your account."
QUOTA_CODE = "ACCESS_INSUFFICIENT_PROCESSING_UNITS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product of the catalogue."""

    product_id: str
    collection: str
    observed_at: datetime
    footprint_4326: BaseGeometry
    properties: Mapping[str, Any] = field(default_factory=dict)


class World(Protocol):
    """What there is to be seen."""

    def products(self) -> Sequence[Product]:
        """Return all products."""
        ...

    def pixels(self, product: Product, grid: Grid, bands: Sequence[str]) -> NDArray[np.float64]:
        """Return the numbers as the service stores them, shape (band, y, x); NaN where nothing was recorded."""
        ...


class PatternWorld:
    """Numbers that tell where on earth, in which band and which product they lie: any mistake of place shows."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = list(products)

    def products(self) -> Sequence[Product]:
        return self._products

    def pixels(self, product: Product, grid: Grid, bands: Sequence[str]) -> NDArray[np.float64]:
        columns = np.round(grid.x_m / grid.pixel_m - 0.5).astype(np.int64)
        rows = np.round(grid.y_m / grid.pixel_m - 0.5).astype(np.int64)
        layers = []
        for band in bands:
            seed = crc32(f"{product.product_id}{band}".encode()) % 997
            layer = (rows[:, None] * 7919 + columns[None, :] * 104729 + seed * 31) % 9000 + 500.0
            if band == "SCL":
                layer = np.where((rows[:, None] // 10 + columns[None, :] // 10) % 5 == 0, 9.0, 4.0)
            elif band in CLOUD_NUMBERS:
                layer = ((rows[:, None] // 7 + columns[None, :] // 7) % 11 * CLOUD_NUMBERS[band] // 10).astype(
                    np.float64
                )
            layers.append(layer / 1e5 if band in {"VV", "VH"} else layer)
        west, south, east, north = transform_bounds(4326, grid.epsg, *product.footprint_4326.bounds)
        is_inside = (grid.x_m[None, :] > west) & (grid.x_m[None, :] < east)
        is_inside = is_inside & (grid.y_m[:, None] > south) & (grid.y_m[:, None] < north)
        return np.where(is_inside, np.stack(layers), np.nan)


class SourceWorld:
    """Any imagery source, such as a folder of scenes or the simulated one, seen as Sentinel-2 level 2A."""

    def __init__(self, source: ImagerySource, *footprints_4326: BaseGeometry) -> None:
        """Take the source and the places that it has images of, all of which then count as their footprint."""
        self._source = source
        self._refs: dict[str, tuple[SceneRef, BaseGeometry]] = {}
        for footprint in footprints_4326:
            for ref in source.search(footprint, first=date(1990, 1, 1), last=date(2100, 1, 1)):
                stamp = f"{ref.observed_at:%Y%m%dT%H%M%S}"
                self._refs[f"S2A_MSIL2A_{stamp}_N0510_R005_T31TDF_{stamp}.SAFE"] = (ref, footprint)
        self._lock = threading.Lock()

    def products(self) -> Sequence[Product]:
        return [
            Product(
                product_id=name,
                collection="sentinel-2-l2a",
                observed_at=ref.observed_at,
                footprint_4326=footprint,
                properties={"eo:cloud_cover": 100 * (ref.cloud_share or 0.0)},
            )
            for name, (ref, footprint) in self._refs.items()
        ]

    def pixels(self, product: Product, grid: Grid, bands: Sequence[str]) -> NDArray[np.float64]:
        ref, _ = self._refs[product.product_id]
        offered = [band for band in bands if band in ref.bands] or ref.bands[:1]  # to know what was clear
        with self._lock:
            scene = self._source.read(ref, grid, bands=offered)
        layers = {name: layer * (1.0 if name == "SCL" else 1e4) for name, layer in scene.bands.items()}
        nothing = np.where(scene.is_clear, 4.0, 9.0)
        return np.stack([np.asarray(layers.get(band, nothing), dtype=np.float64) for band in bands])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one answer."""

    status: int = 0
    """Answered instead of the true one; 0: the true one is sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    keep_share: float = 1.0
    """How much of the body is sent."""
    is_length_honest: bool = True
    """Whether a body cut short is announced as short: it then arrives whole, as what it is."""
    delay_s: float = 0.0
    drip_s: float = 0.0
    """Pause between single bytes, for answers that never seem to end."""

    @property
    def spoils_body(self) -> bool:
        """Whether the true answer does not arrive whole, though it is charged."""
        return self.body is not None or self.keep_share < 1


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """How the service behaves; may be changed while it runs."""

    token_life_s: float = 3600.0
    page: int = MAX_PAGE
    """Products a page at most."""
    requests_per_minute: int | None = None
    """Beyond it, 429 is answered until the minute has room."""
    units_left: float = float("inf")
    """Once less than 0 would be left, 403 is answered."""
    latency_s: float = 0.0
    """How long each answer of the Process API takes."""
    states_units: bool = True
    """Whether answers say what they cost."""
    faults: deque[Fault] = field(default_factory=deque)
    """For the next answers of the Process API, one each."""
    catalog_faults: deque[Fault] = field(default_factory=deque)
    token_faults: deque[Fault] = field(default_factory=deque)
    fault_share: float = 0.0
    """How many of the Process API's answers go wrong at random."""
    seed: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311  # faults, no secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line of the log."""

    at: float
    path: str
    status: int
    units: float
    size_bytes: int
    is_whole: bool = True
    """Whether the true answer was sent from its first to its last byte."""
    body: Mapping[str, Any] = field(default_factory=dict)


class RefusalError(Exception):
    """The service does not do what is asked."""

    def __init__(
        self, status: int, message: str, *, code: str = "COMMON_BAD_PAYLOAD", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        error = {"status": status, "reason": "refused", "message": message, "code": code}
        self.body = json.dumps({"error": error}).encode()


class Service:
    """The stand-in while it runs."""

    def __init__(self, world: World, behaviour: Behaviour | None = None, *, log_path: Path | None = None) -> None:
        self.world = world
        self.behaviour = behaviour or Behaviour()
        self.log: list[Request] = []
        self.tokens: dict[str, float] = {}
        self.base_url = ""
        self._log_path = log_path
        self._lock = threading.Lock()
        self._answered: deque[float] = deque()
        self._under_way = 0
        self.most_under_way = 0
        """Requests for pixels that were answered at the same time, at most."""

    @contextmanager
    def answering(self, path: str) -> Iterator[None]:
        """Count who is answered at the same time; an image takes its time."""
        is_image = path.endswith("/process")
        with self._lock:
            self._under_way += is_image
            self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            time.sleep(self.behaviour.latency_s if is_image else 0.0)
            yield
        finally:
            with self._lock:
                self._under_way -= is_image

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return f"{self.base_url}/auth/token"

    def requests_to(self, path_end: str, *, status: int | None = None) -> list[Request]:
        """Return the log's lines of one kind."""
        return [one for one in self.log if one.path.endswith(path_end) and status in {None, one.status}]

    @property
    def units(self) -> float:
        """What was charged so far."""
        return sum(one.units for one in self.log)

    def revoke_tokens(self) -> None:
        """Let no token that was given hold any longer."""
        self.tokens.clear()

    def note(self, request: Request) -> None:
        """Write a line of the log."""
        with self._lock:
            self.log.append(request)
            if self._log_path:
                with self._log_path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**asdict(request), "body": None}) + "\n")

    def give_token(self, form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Answer a question for a token."""
        known = (["client_credentials"], [CLIENT_ID], [CLIENT_SECRET])
        if (form.get("grant_type"), form.get("client_id"), form.get("client_secret")) != known:
            refusal = RefusalError(401, "")
            refusal.body = (
                b'{"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}'
            )
            raise refusal
        token = f"token-{uuid.uuid4().hex}"
        self.tokens[token] = time.time() + self.behaviour.token_life_s
        return {"access_token": token, "expires_in": self.behaviour.token_life_s, "token_type": "Bearer"}

    def check_token(self, header: str) -> None:
        """Refuse a request without a token that holds."""
        if self.tokens.get(header.removeprefix("Bearer "), 0.0) < time.time():
            raise RefusalError(
                401, "You are not authorized! Please provide a valid access token", code="COMMON_UNAUTHORIZED"
            )

    def check_rate(self) -> None:
        """Refuse what goes beyond the rate."""
        limit = self.behaviour.requests_per_minute
        with self._lock:
            now = time.time()
            while self._answered and self._answered[0] <= now - 60:
                self._answered.popleft()
            if limit is not None and len(self._answered) >= limit:
                wait_ms = ceil((self._answered[0] + 60 - now) * 1000)
                raise RefusalError(
                    429, "Rate limit exceeded", code="RATE_LIMIT_EXCEEDED", headers={"Retry-After": str(wait_ms)}
                )
            self._answered.append(now)

    def charge(self, units: float) -> None:
        """Take units from the account, or refuse."""
        with self._lock:
            if units > self.behaviour.units_left:
                raise RefusalError(403, QUOTA_MESSAGE, code=QUOTA_CODE)
            self.behaviour.units_left -= units

    def next_fault(self, path: str) -> Fault:
        """Return what goes wrong with the next answer."""
        queues = {
            "/process": self.behaviour.faults,
            "/search": self.behaviour.catalog_faults,
            "/token": self.behaviour.token_faults,
        }
        queue = next((known for end, known in queues.items() if path.endswith(end)), deque[Fault]())
        with self._lock:
            if queue:
                return queue.popleft()
            if path.endswith("/process") and self.behaviour.chance.random() < self.behaviour.fault_share:
                return self.behaviour.chance.choice(every_fault())
        return Fault()

    def search(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """Answer a catalogue search, with its cost."""
        limit = min(int(asked.get("limit", 10)), self.behaviour.page)
        if int(asked.get("limit", 10)) > MAX_PAGE:
            raise RefusalError(400, f"limit must be at most {MAX_PAGE}")
        first, last = (datetime.fromisoformat(moment) for moment in asked["datetime"].split("/"))
        area = box(*asked["bbox"])
        found = [
            product
            for product in sorted(self.world.products(), key=lambda one: one.observed_at, reverse=True)
            if product.collection in asked["collections"]
            and first <= product.observed_at <= last
            and product.footprint_4326.intersects(area)
        ]
        start = int(asked.get("next", 0))
        page = found[start : start + limit]
        context: dict[str, Any] = {"limit": limit, "returned": len(page)}
        if start + limit < len(found):
            context["next"] = start + limit
        document = {
            "type": "FeatureCollection",
            "features": [_feature(one) for one in page],
            "links": [],
            "context": context,
        }
        months = max(1, ceil((last - first) / timedelta(days=30.4)))
        return document, min(max(0.01 * months, 0.01), 1.0)

    def process(self, asked: Mapping[str, Any]) -> tuple[bytes, str, float]:
        """Answer a request for pixels: body, content type and cost."""
        (data,) = asked["input"]["data"]
        grid = _asked_grid(asked)
        bands, values, dtype = _script(asked["evalscript"])
        _check_processing(data)
        product = self._newest(data, grid)
        numbers = np.full((len(values), *grid.shape), np.nan)
        measured = [name for name in values if name != "dataMask"]
        if product is not None:
            numbers[[values.index(name) for name in measured]] = self.world.pixels(product, grid, measured)
        is_recorded = np.isfinite(numbers[[values.index(name) for name in measured]]).all(axis=0)
        if "dataMask" in values:
            numbers[values.index("dataMask")] = is_recorded
        whole = np.where(np.isnan(numbers), 0, numbers)
        image = _tiff(whole.round().astype(dtype) if dtype == "uint16" else whole.astype(dtype), grid)
        units = _units(asked, bands, dtype)
        responses = asked["output"]["responses"]
        if len(responses) == 1:
            return image, "image/tiff", units
        return _tar({f"{one['identifier']}.tif": image for one in responses}), "application/x-tar", units

    def _newest(self, data: Mapping[str, Any], grid: Grid) -> Product | None:
        """Return the product on top: of those in the time range the last taken, of equals the last processed."""
        wanted = data["dataFilter"]["timeRange"]
        first, last = (datetime.fromisoformat(wanted[end]) for end in ("from", "to"))
        if last - first > timedelta(hours=1):
            raise RefusalError(400, "the stand-in serves single acquisitions: ask for less than an hour")
        found = [
            one
            for one in self.world.products()
            if one.collection == data["type"]
            and first <= one.observed_at <= last
            and one.footprint_4326.intersects(grid.footprint_4326)
        ]
        return max(found, key=lambda one: (one.observed_at, one.product_id), default=None)


def _feature(product: Product) -> dict[str, Any]:
    stamp = f"{product.observed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "type": "Feature",
        "id": product.product_id,
        "geometry": mapping(product.footprint_4326),
        "bbox": list(product.footprint_4326.bounds),
        "properties": {"datetime": stamp, **product.properties},
        "links": [],
        "assets": {},
    }


def _asked_grid(asked: Mapping[str, Any]) -> Grid:
    bounds, output = asked["input"]["bounds"], asked["output"]
    epsg = int(bounds["properties"]["crs"].rsplit("/", 1)[1])
    width, height = output["width"], output["height"]
    if max(width, height) > MAX_SIDE_PX:
        raise RefusalError(
            400, f"The requested image size {width} x {height} exceeds the limit of {MAX_SIDE_PX} pixels"
        )
    left, bottom, right, top = bounds["bbox"]
    pixel_m = (right - left) / width
    if abs((top - bottom) / height - pixel_m) > 1e-9:
        raise RefusalError(400, "the stand-in serves square pixels only")
    return Grid(epsg=epsg, left_m=left, top_m=top, pixel_m=pixel_m, width_px=width, height_px=height)


def _script(text: str) -> tuple[list[str], list[str], str]:
    """Return the input bands, the layers of the answer and its type, as the evalscript says them."""
    bands = re.search(r"bands: \[([^\]]+)\]", text)
    values = re.search(r"return \[([^\]]+)\];", text)
    kind = re.search(r'sampleType: "(\w+)"', text)
    if not (text.startswith("//VERSION=3") and bands and values and kind):
        raise RefusalError(400, "Failed to evaluate script", code="RENDERER_EXCEPTION")
    names = re.findall(r"sample\.(\w+)", values[1])
    inputs = re.findall(r'"(\w+)"', bands[1])
    said = re.search(r"units: \[([^\]]+)\]", text)
    for name, unit in zip(inputs, re.findall(r'"(\w+)"', said[1]) if said else (), strict=True):
        if unit != UNITS.get(name, "DN"):
            raise RefusalError(400, f"Band '{name}' requested in unsupported units '{unit}'", code="RENDERER_EXCEPTION")
    if set(names) - set(inputs):
        raise RefusalError(400, "Failed to evaluate script: undefined band", code="RENDERER_EXCEPTION")
    return inputs, names, kind[1].lower()


def _check_processing(data: Mapping[str, Any]) -> None:
    known = {
        "sentinel-2-l2a": {"harmonizeValues", "upsampling", "downsampling"},
        "sentinel-1-grd": {"orthorectify", "backCoeff", "demInstance", "upsampling", "downsampling", "speckleFilter"},
    }
    if data["type"] not in known:
        raise RefusalError(400, f"Unknown collection {data['type']}")
    options = data.get("processing", {})
    if set(options) - known[data["type"]]:
        raise RefusalError(400, f"unknown processing options {sorted(options)}")
    if options.get("backCoeff") == "GAMMA0_TERRAIN" and not options.get("orthorectify"):
        raise RefusalError(400, "Radiometric terrain correction needs orthorectification")


def _units(asked: Mapping[str, Any], bands: Sequence[str], dtype: str) -> float:
    """Charge by the published rules, written down a second time on purpose: two readings must agree."""
    (data,) = asked["input"]["data"]
    options, output = data.get("processing", {}), asked["output"]
    charged = len([band for band in bands if band != "dataMask"]) or 1
    units: float = max(0.01, output["width"] * output["height"] / 262_144) * charged / 3
    if dtype == "float32":
        units *= 2
    if options.get("backCoeff") == "GAMMA0_TERRAIN":
        units *= 2.5
    elif options.get("orthorectify"):
        units *= 2
    return max(units, 0.005)


def _tiff(numbers: NDArray[Any], grid: Grid) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=grid.width_px,
            height=grid.height_px,
            count=len(numbers),
            dtype=numbers.dtype,
            crs=f"EPSG:{grid.epsg}",
            transform=grid.transform,
            compress="deflate",
        ) as image:
            image.write(numbers)
        return bytes(memory.read())


def _tar(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def every_fault() -> list[Fault]:
    """Return one fault of every kind that passes: each must end in the right pixels after another try."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    refused = [Fault(status=429, headers={"Retry-After": wait}) for wait in ("120", "0.1", soon, "soon")]
    return [
        *refused,
        Fault(status=429),
        *(Fault(status=status) for status in (408, 500, 502, 503, 504)),
        Fault(status=503, headers={"Retry-After": "1"}, body=b"<html>maintenance</html>"),
        Fault(keep_share=0.5),
        Fault(keep_share=0.5, is_length_honest=False),
        Fault(keep_share=0.0),
        Fault(body=b"<html>a proxy's page</html>"),
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        with self.service.answering(self.path):
            self._answer_post()

    def _answer_post(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.service.next_fault(self.path)
        time.sleep(fault.delay_s)
        asked: Mapping[str, Any] = {}
        units, kind, headers = 0.0, "application/json", {}
        try:
            if fault.status:
                raise _injected(fault)
            if self.path.endswith("/token"):
                status, body = 200, json.dumps(self.service.give_token(parse_qs(content.decode()))).encode()
            else:
                asked = json.loads(content)
                body, kind, units = self._answer(asked)
                status = 200
            if fault.body is not None:
                body = fault.body
        except RefusalError as refusal:
            status, body, headers, units = refusal.status, refusal.body, refusal.headers, 0.0
        if units and self.service.behaviour.states_units:
            headers["X-ProcessingUnits-Spent"] = f"{units:.6f}"
        self.service.note(
            Request(
                at=time.time(),
                path=self.path,
                status=status,
                units=units,
                size_bytes=len(body),
                is_whole=not fault.spoils_body,
                body=asked,
            )
        )
        self._send(status, body, {"Content-Type": kind, **headers}, fault)

    def _answer(self, asked: Mapping[str, Any]) -> tuple[bytes, str, float]:
        self.service.check_token(self.headers.get("Authorization", ""))
        self.service.check_rate()
        if self.path.endswith("/catalog/1.0.0/search"):
            document, units = self.service.search(asked)
            self.service.charge(units)
            return json.dumps(document).encode(), "application/json", units
        if self.path.endswith("/api/v1/process"):
            body, kind, units = self.service.process(asked)
            self.service.charge(units)
            return body, kind, units
        raise RefusalError(404, "Not found", code="COMMON_NOT_FOUND")

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault) -> None:
        sent = body[: int(len(body) * fault.keep_share)]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent) if fault.is_length_honest else len(body)))
        self.end_headers()
        try:
            if fault.drip_s:
                for byte in sent:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(fault.drip_s)
            else:
                self.wfile.write(sent)
        except OSError:
            self.close_connection = True  # the client had enough
        if not fault.is_length_honest:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: the service keeps its own log."""


def _injected(fault: Fault) -> RefusalError:
    refusal = RefusalError(fault.status, "injected", code="STAND_IN", headers=fault.headers)
    refusal.body = refusal.body if fault.body is None else fault.body
    return refusal


@contextmanager
def running(
    world: World, behaviour: Behaviour | None = None, *, port: int = 0, log_path: Path | None = None
) -> Iterator[Service]:
    """Run the stand-in on the loopback interface while the block lasts."""
    service = Service(world, behaviour, log_path=log_path)
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    service.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the stand-in until it is stopped; its address is the first line on stdout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--imagery", type=Path, help="a folder of dated rasters; without it, the simulated demo")
    parser.add_argument("--scenario", default="demo", help="which simulated scenario, without --imagery")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0, help="share (0-1) of answers that go wrong at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--requests-per-minute", type=int, default=None)
    parser.add_argument("--units", type=float, default=float("inf"), help="processing units until 403 is answered")
    parser.add_argument("--log", type=Path, default=None, help="a file for one JSON line a request")
    asked = parser.parse_args(arguments)
    behaviour = Behaviour(
        requests_per_minute=asked.requests_per_minute, units_left=asked.units, fault_share=asked.faults, seed=asked.seed
    )
    with running(_world(asked.imagery, asked.scenario), behaviour, port=asked.port, log_path=asked.log) as service:
        sys.stdout.write(f"{service.base_url} {CLIENT_ID} {CLIENT_SECRET}\n")
        sys.stdout.flush()
        threading.Event().wait()


def _world(imagery: Path | None, name: str) -> World:
    from geo.sources.folder import FolderSource  # noqa: PLC0415
    from geo.sources.simulated import SimulatedSource, scenario  # noqa: PLC0415

    if imagery is not None:
        return SourceWorld(FolderSource(imagery), box(-180, -90, 180, 90))
    told = scenario(name)
    return SourceWorld(SimulatedSource(told), told.grid.footprint_4326)


if __name__ == "__main__":
    main()
