"""Items of a STAC API, or of a static catalogue on the web."""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urljoin

from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import RequestException
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from urllib3 import Retry

from geo.errors import ConfigError, SourceError, SourceUnavailableError
from geo.sources.stac.options import StacOptions
from geo.sources.stac.static import Document, walk
from geo.sources.stac.web import PASSING, answer_of, no_answer

logger = logging.getLogger(__name__)

PAGE = 100
MAX_ITEMS = 50_000
"""More of one area is a catalogue that turns in circles."""
_OPEN_BEFORE = 1960
_OPEN_AFTER = 2090
"""Years outside stand for no bound at all; not every API takes them."""


class ApiCatalogue:
    """A catalogue on the web; each call opens it anew, for connections are not to be shared by threads."""

    def __init__(self, options: StacOptions) -> None:
        self._options = options

    def check(self, *, timeout_s: float) -> str:
        """Return the title of the catalogue if it answers within `timeout_s` at the first try.

        Raises:
            SourceUnavailableError: It does not.
            SourceError: It answers, but is no STAC catalogue, or has no such collection.

        """
        io = self._io(timeout_s=timeout_s, retries=0)
        root = self._get(io, self._options.url)
        if "type" not in root or "links" not in root:
            raise SourceError(f"{self._options.url}: expected a STAC catalogue; got {_glimpse(root)}")
        if _search_url(self._options.url, root):
            self._collection(io, root)
        return str(root.get("title") or root.get("id") or self._options.url)

    def items(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Iterator[Document]:
        """Yield the items of [first, last] that touch `shape_4326`, page by page.

        Raises:
            SourceUnavailableError: The catalogue does not answer.
            QuotaExceededError: It asks not to be asked any more.
            SourceError: It refuses the search, or is no STAC catalogue.
            ConfigError: It is an API, and no collection was named.

        """
        io = self._io(timeout_s=self._options.timeout_s, retries=self._options.retries)
        root = self._get(io, self._options.url)
        search_url = _search_url(self._options.url, root)
        if search_url is None:
            yield from walk(self._options.url, load=lambda href: self._get(io, href), resolve=urljoin)
            return
        if not self._options.collection:
            raise ConfigError(f"{self._options.url}: a STAC API is searched collection by collection: name one")
        try:
            search = ItemSearch(
                search_url,
                stac_io=io,
                collections=[self._options.collection],
                intersects=mapping(shape_4326),
                datetime=interval(first, last),
                limit=PAGE,
            )
            for count, item in enumerate(search.items_as_dicts(), start=1):
                if count > MAX_ITEMS:
                    raise SourceError(f"{self._options.url}: answers a search with more than {MAX_ITEMS:,} items")
                own = next((link["href"] for link in item.get("links", ()) if link.get("rel") == "self"), None)
                yield Document(content=item, href=own or self._options.url)
        except (APIError, RequestException, ValueError, KeyError, TypeError) as error:
            raise self._translated(error) from error

    def _io(self, *, timeout_s: float, retries: int) -> StacApiIO:
        patience = Retry(
            total=retries,
            backoff_factor=self._options.backoff_s,
            backoff_max=self._options.max_wait_s,
            backoff_jitter=self._options.backoff_s / 2,
            status_forcelist=PASSING,
            allowed_methods=None,  # a search is a POST that changes nothing
            raise_on_status=False,  # the last answer tells more than the error
            respect_retry_after_header=True,
            retry_after_max=max(1, round(self._options.max_wait_s)),
        )
        return StacApiIO(timeout=timeout_s, max_retries=patience)

    def _get(self, io: StacApiIO, href: str) -> dict[str, Any]:
        try:
            document = json.loads(io.request(href))
        except (APIError, ValueError, RecursionError) as error:
            raise self._translated(error) from error
        if not isinstance(document, dict):
            raise SourceError(f"{href}: expected a STAC catalogue; got {_glimpse(document)}")
        return document

    def _collection(self, io: StacApiIO, root: Mapping[str, Any]) -> None:
        data = next((link["href"] for link in root["links"] if link.get("rel") == "data"), None)
        if data and self._options.collection:
            self._get(io, f"{urljoin(self._options.url, data)}/{self._options.collection}")

    def _translated(self, error: Exception) -> SourceError:
        what = (
            f"{self._options.url}: collection {self._options.collection}"
            if self._options.collection
            else (self._options.url)
        )
        if isinstance(error, APIError):
            status = getattr(error, "status_code", None)
            if status is None:
                return no_answer(error).error(what)
            said = " ".join(str(error).split())[:120]
            answer = answer_of(status)
            return type(answer.error(what))(f"{what}: {answer.text}" + ("" if answer.is_passing else f": {said}"))
        if isinstance(error, json.JSONDecodeError):
            return SourceUnavailableError(f"{what}: the answer is no JSON")
        return SourceError(f"{what}: the answer is not as STAC has it: {type(error).__name__}: {str(error)[:120]}")


def interval(first: date, last: date) -> str | None:
    """Return the days [first, last] as a STAC search has it, with ``..`` for no bound; None for no bound at all."""
    start = "" if first.year < _OPEN_BEFORE else f"{datetime.combine(first, time.min):%Y-%m-%dT%H:%M:%SZ}"
    end = "" if last.year > _OPEN_AFTER else f"{datetime.combine(last, time.max):%Y-%m-%dT%H:%M:%S.%fZ}"
    return f"{start or '..'}/{end or '..'}" if start or end else None


def _search_url(url: str, root: Mapping[str, Any]) -> str | None:
    """Return where an API is searched; None for a static catalogue."""
    href = next((link["href"] for link in root.get("links", ()) if link.get("rel") == "search"), None)
    return None if href is None else urljoin(url, href)


def _glimpse(document: object) -> str:
    return " ".join(str(document).split())[:60]
