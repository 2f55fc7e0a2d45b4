"""The one place that speaks to a Sentinel Hub service, through the `sentinelhub` package.

The package builds requests, pages through the catalogue, and gets tokens. How often is asked, what an answer means
and when to give up is decided here, because left to itself the package (3.12) repeats a refused request for ever,
takes ``Retry-After`` for milliseconds in every form and breaks on dates, asks for no new token when one is refused,
waits for a token without end, and serves a damaged file of its cache. So no cache of it is used, neither of files nor
of sessions, and its settings in the home folder are neither read nor written.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from sentinelhub.api.catalog import SentinelHubCatalog
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType
from sentinelhub.data_collections import DataCollection
from sentinelhub.download.models import DownloadRequest, DownloadResponse
from sentinelhub.download.sentinelhub_client import SentinelHubDownloadClient
from sentinelhub.geometry import BBox

from geo.cost import processing_units
from geo.errors import SourceError
from geo.grid import Grid
from geo.sources.ledger import Entry, Ledger, area_spent_on
from geo.sources.limits import BusyError, RateLimiter, patiently
from geo.sources.sentinelhub.answers import OK, REDIRECT, UNAUTHORISED, Answer, check_page, trouble_of, units_of_search
from geo.sources.sentinelhub.credentials import Credentials
from geo.sources.sentinelhub.options import SentinelHubOptions
from geo.sources.sentinelhub.raster import DamagedError, Numbers, read_answer
from geo.sources.sentinelhub.recipe import Recipe
from geo.sources.sentinelhub.token import TokenSession

T = TypeVar("T")

MAX_PRODUCTS = 20_000
_PAGE = 100
_CHUNK_BYTES = 1 << 16
_MOST_CONNECTIONS = 64
"""So many are kept open for further requests: more than threads will ever ask at the same time."""
_TOKEN = "Authorization"  # noqa: S105  # the name of a header
_COLLECTIONS = {"sentinel-2-l2a": DataCollection.SENTINEL2_L2A, "sentinel-1-grd": DataCollection.SENTINEL1_IW}


@dataclass(kw_only=True)
class _Question:
    """What the service is asked, and what its answer must be."""

    kind: str
    units: float
    """What the formula says it costs."""
    accept: Callable[[bytes], None]
    """Raises `BusyError` for an answer that cannot be used."""
    what: str
    product: str = ""
    area: str = field(default_factory=area_spent_on)
    is_token_renewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Pixels of one pass."""

    product: str
    """Its name, for messages and the ledger."""
    recipe: Recipe
    layers: Sequence[str]
    """Without the mask, which always comes last."""
    window: tuple[datetime, datetime]
    """The time range that holds this pass and no other."""


class Client(SentinelHubDownloadClient):
    """Asks one service for one account."""

    def __init__(
        self, options: SentinelHubOptions, credentials: Credentials, *, limiter: RateLimiter, ledger: Ledger
    ) -> None:
        super().__init__(redownload=True, config=_config(options, credentials))
        self._options = options
        self._credentials = credentials
        self._limiter = limiter
        self._ledger = ledger
        self._token_lock = threading.Lock()
        self._collection = _collection(options)
        self._token_given = ""
        self._http = requests.Session()
        self._http.mount(options.provider.base_url, HTTPAdapter(pool_maxsize=_MOST_CONNECTIONS))
        self._http.auth = _leave_as_it_is  # else a .netrc in the home folder would replace the token

    def authenticate(self) -> None:
        """Get a token, unless there is one that still holds.

        Raises:
            ConfigError: The service refuses the credentials.
            SourceUnavailableError: It does not answer.

        """
        self._patiently(self._get_session_headers, units=0.0)

    def products(
        self, bounds_4326: tuple[float, float, float, float], first: datetime, last: datetime
    ) -> list[dict[str, Any]]:
        """Return the catalogue's features within the bounds and [first, last], from all pages.

        Raises:
            SourceUnavailableError, QuotaExceededError, SourceError: There was no proper answer.

        """
        catalog = SentinelHubCatalog(config=self.config)
        catalog.client = self
        bbox = BBox(bounds_4326, crs=CRS.WGS84)
        pages: Iterator[dict[str, Any]] = catalog.search(self._collection, bbox=bbox, time=(first, last), limit=_PAGE)
        found = list(islice(pages, MAX_PRODUCTS + 1))
        if len(found) > MAX_PRODUCTS:
            raise SourceError(f"{self._name}: more than {MAX_PRODUCTS:,} products; take a smaller area or period")
        return found

    def pixels(self, wanted: Wanted, grid: Grid) -> Numbers:
        """Return what is `wanted` on `grid`, which must fit into one request; shape (layer, y, x), the mask last.

        Raises:
            SourceUnavailableError, QuotaExceededError, SourceError: There was no proper answer.

        """
        recipe, answers = wanted.recipe, []

        def accept(content: bytes) -> None:
            try:
                answers.append(read_answer(content, grid, layers=len(wanted.layers) + 1, dtype=recipe.dtype))
            except DamagedError as error:
                raise BusyError(f"{self._name}: {wanted.product}: damaged answer: {error}") from error

        request = self._request(wanted, grid)
        request.extra_params["question"] = _Question(
            kind="process",
            units=processing_units(grid.width_px, grid.height_px, len(wanted.layers), recipe.processing),
            accept=accept,
            what=f"{self._name}: {wanted.product}",
            product=wanted.product,
        )
        self._single_download(request)
        return answers[-1]

    @property
    def _name(self) -> str:
        return self._options.provider.name

    def _request(self, wanted: Wanted, grid: Grid) -> DownloadRequest:
        """Let the package write the request: the bounds of `grid` in its own CRS, so that nobody resamples."""
        recipe = wanted.recipe
        data = SentinelHubRequest.input_data(
            self._collection, time_interval=wanted.window, other_args={"processing": dict(recipe.options)}
        )
        made = SentinelHubRequest(
            evalscript=recipe.script(wanted.layers),
            input_data=[data],
            responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
            bbox=BBox(grid.bounds_m, crs=CRS(grid.epsg)),
            size=(grid.width_px, grid.height_px),
            config=self.config,
        )
        request: DownloadRequest = made.download_list[0]
        return request

    def _patiently(self, send: Callable[[], T], *, units: float) -> T:
        return patiently(send, self._limiter, patience=self._options.patience, units=units)

    def _execute_download(self, request: DownloadRequest) -> DownloadResponse:
        """Answer what the package asks for: here every request passes, also those of the catalogue's pages."""
        question = request.extra_params.get("question") or _Question(
            kind="catalog",
            units=units_of_search(request.post_values or {}),
            accept=check_page,
            what=f"{self._name}: catalogue",
        )
        return self._patiently(lambda: self._ask(request, question), units=question.units)

    def _ask(self, request: DownloadRequest, question: _Question) -> DownloadResponse:
        """Ask once.

        Raises:
            BusyError: It is worth asking again.
            QuotaExceededError, SourceError: It is not.

        """
        headers = self._prepare_headers(request)
        answer = self._send(request, question, headers)
        if answer.status == UNAUTHORISED and not question.is_token_renewed:
            question.is_token_renewed = True
            self._drop_token(headers)
            raise BusyError(f"{question.what}: the token is refused", wait_s=0.0)
        trouble = trouble_of(answer, what=question.what, now=datetime.now(UTC), hide=self._credentials.hide)
        if trouble:
            raise trouble
        self._charge(question, answer)
        return DownloadResponse(request=request, content=answer.content, headers=dict(answer.headers))

    def _charge(self, question: _Question, answer: Answer) -> None:
        """Look at an answer, and write down what it cost whether it can be used or not."""
        trouble = None
        try:
            question.accept(answer.content)
        except BusyError as busy:
            trouble = busy
        self._record(question, answer, is_accepted=trouble is None)
        if trouble:
            raise trouble

    def _record(self, question: _Question, answer: Answer, *, is_accepted: bool) -> None:
        stated = answer.units_spent
        entry = Entry(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            kind=question.kind,
            area=question.area,
            product=question.product,
            units=round(question.units if stated is None else stated, 6),
            is_stated=stated is not None,
            size_bytes=len(answer.content),
            is_accepted=is_accepted,
        )
        self._ledger.record(entry)

    def _send(self, request: DownloadRequest, question: _Question, headers: Mapping[str, str]) -> Answer:
        options, deadline = self._options, time.monotonic() + self._options.answer_timeout_s
        try:
            with self._http.post(
                str(request.url),
                json=request.post_values,
                headers=dict(headers),
                timeout=(options.connect_timeout_s, options.answer_timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._received(response, question, deadline)
        except requests.exceptions.SSLError as error:
            raise SourceError(f"{question.what}: the connection is not secure: {type(error).__name__}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise BusyError(f"{question.what}: no whole answer ({type(error).__name__})") from error

    def _received(self, response: requests.Response, question: _Question, deadline: float) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        content = bytearray()
        try:
            for chunk in self._chunks(response, question, deadline):
                content += chunk
        except (BusyError, urllib3.exceptions.HTTPError):
            if OK <= response.status_code < REDIRECT:  # charged, though it broke off
                broken = Answer(status=response.status_code, headers=headers, content=bytes(content))
                self._record(question, broken, is_accepted=False)
            raise
        return Answer(status=response.status_code, headers=headers, content=bytes(content))

    def _chunks(self, response: requests.Response, question: _Question, deadline: float) -> Iterator[bytes]:
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            yield chunk
            if time.monotonic() > deadline:
                raise BusyError(f"{question.what}: not all came within {self._options.answer_timeout_s:g} s")

    def _get_session_headers(self) -> dict[str, str]:
        """Return the header with the token; one thread at a time gets a new one."""
        with self._token_lock:
            if self.session is None:
                self.session = TokenSession(self.config, timeout_s=self._options.connect_timeout_s)
            headers: dict[str, str] = self.session.session_headers
            self._token_given = headers.get(_TOKEN, "")
            return headers

    def _drop_token(self, refused: Mapping[str, str]) -> None:
        """Let the next request get a new token, unless another thread has got one since these headers were made."""
        with self._token_lock:
            if refused.get(_TOKEN) == self._token_given:
                self.session = None


def _config(options: SentinelHubOptions, credentials: Credentials) -> SHConfig:
    return SHConfig(
        use_defaults=True,
        sh_client_id=credentials.client_id.reveal(),
        sh_client_secret=credentials.client_secret.reveal(),
        sh_base_url=options.provider.base_url,
        sh_token_url=options.provider.token_url,
    )


def _collection(options: SentinelHubOptions) -> DataCollection:
    """Return the collection at this service: by itself the package would ask the commercial one."""
    known = _COLLECTIONS[options.collection]
    base_url = options.provider.base_url
    return (
        known
        if base_url == known.service_url
        else known.define_from(f"{options.collection}@{base_url}", service_url=base_url)
    )


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
