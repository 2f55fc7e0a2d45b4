"""The pixels of one asset on the wanted grid, by range requests: only the part of the file that lies there is fetched.

GDAL fetches and, by itself, asks again after a connection that broke or timed out and after answers such as 500. What
it cannot do is done here: wait as long as a server asks for, find out what was wrong with a file that is there but
cannot be read, and say so.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np
import rasterio
import requests
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio lets through in places
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from geo.errors import SourceError
from geo.grid import Grid
from geo.reflectance import Scaling, contradicts, tag_scaling, to_reflectance
from geo.sources.clear import CLOUD_LAYER
from geo.sources.header import ENVIRONMENT, Header, header_of, reason
from geo.sources.placing import Placing
from geo.sources.stac.assets import VISIBLE, BandAsset
from geo.sources.stac.options import StacOptions
from geo.sources.stac.signing import Signer
from geo.sources.stac.web import ASKING_FOR_PATIENCE, Answer, Patience, answer_of, no_answer
from geo.sources.warp import Sampling, classes_onto_grid, onto_grid

logger = logging.getLogger(__name__)

SLOWEST_BYTES_PER_S = 200

Answered = TypeVar("Answered", NDArray[np.float32], NDArray[np.uint8], bool)

_STATUS = re.compile(r"response[ _]code[:= ]+(\d{3})", re.IGNORECASE)
_NO_ANSWER = re.compile(r"CURL error|timed out|Could ?n[o']t (?:connect|resolve)|Connection |too slow", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s'\"]+")


class Reader:
    """Reads assets; threads may share one."""

    def __init__(self, options: StacOptions, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._options = options
        self._environment = environment(options)
        self._failures: Counter[str] = Counter()
        self._patience = Patience(
            retries=options.retries, backoff_s=options.backoff_s, max_wait_s=options.max_wait_s, sleep=sleep
        )
        self._signer = Signer(
            options.token_url, blob_host=options.blob_host, timeout_s=options.timeout_s, patience=self._patience
        )

    def read(self, asset: BandAsset, grid: Grid, *, is_moved: bool = False) -> NDArray[np.float32]:
        """Return `asset` on `grid`, shape (y, x): reflectance or gamma0; NaN where nothing was recorded.

        It is resampled as what is to be moved, if it is (`geo.sources.moved`). A cloud probability comes in per cent,
        from the nearest pixels, as the classes that it refines.

        Raises:
            SourceUnavailableError: The server does not deliver the file for now.
            QuotaExceededError: It asks not to be asked any more.
            SourceError: The file is missing, closed, damaged, or of unknown meaning. All name item and asset.

        """
        return self._patiently(asset, partial(self._measured, asset, grid, is_moved=is_moved))

    def read_classes(self, asset: BandAsset, grid: Grid) -> NDArray[np.uint8]:
        """Return the classes in `asset` on `grid`, shape (y, x); 0 where there is none.

        Raises:
            SourceError: As for `read`.

        """
        return self._patiently(asset, partial(self._classes, asset, grid))

    def is_on_own_pixels(self, asset: BandAsset, grid: Grid) -> bool:
        """Say whether reading `asset` onto `grid` interpolates nothing.

        Raises:
            SourceError: As for `read`.

        """
        return self._patiently(asset, partial(self._is_on_own_pixels, asset, grid))

    def _patiently(self, asset: BandAsset, read: Callable[[], Answered]) -> Answered:
        attempt = 0
        while True:
            try:
                return read()
            except (RasterioError, CPLE_BaseError) as error:
                self._failures[asset.href] += 1
                answer, may_retry = self._diagnose(asset, error, is_first=attempt == 0 < self._options.retries)
                if not (may_retry and self._patience.pause(attempt, answer)):
                    raise answer.error(f"{self._options.place}: {asset.name}") from error
                logger.info("%s: %s; asking again", asset.name, answer.text)
            attempt += 1

    def _measured(self, asset: BandAsset, grid: Grid, *, is_moved: bool) -> NDArray[np.float32]:
        with self._opened(asset) as (dataset, header, crs):
            scaling = self._scaling(asset, header)
            sampling = Sampling.of(header, crs, grid, is_measured=asset.band != CLOUD_LAYER, is_moved=is_moved)
            with _smaller(dataset, sampling) as chosen:
                values = onto_grid(chosen, 1, grid, nodata=scaling.nodata, kind=sampling.kind)
        to_reflectance(values, replace(scaling, nodata=np.nan), out=values)
        self._doubt(asset, values, scaling)
        return values

    def _is_on_own_pixels(self, asset: BandAsset, grid: Grid) -> bool:
        with self._opened(asset) as (_, header, crs):
            placing = Placing.of(header.transform, crs, grid)
            return placing is not None and placing.is_on_own_pixels

    def _classes(self, asset: BandAsset, grid: Grid) -> NDArray[np.uint8]:
        with self._opened(asset) as (dataset, header, crs):
            sampling = Sampling.of(header, crs, grid, is_measured=False)
            with _smaller(dataset, sampling) as chosen:
                return classes_onto_grid(chosen, 1, grid)

    @contextmanager
    def _opened(self, asset: BandAsset) -> Iterator[tuple[rasterio.DatasetReader, Header, CRS]]:
        path = gdal_path(self._signer.sign(asset.href), failures=self._failures[asset.href])
        with rasterio.Env(**self._environment), rasterio.open(path, driver=_driver(asset.href)) as dataset:
            header = header_of(dataset)
            if header.crs is None:
                raise SourceError(f"{self._options.place}: {asset.name}: expected a georeferenced image; got no CRS")
            yield dataset, header, header.crs

    def _scaling(self, asset: BandAsset, header: Header) -> Scaling:
        """Return what the catalogue says of the numbers, or else the file's own tags."""
        tag = header.nodata[0]
        if asset.scaling is not None:
            stated = asset.scaling
            if np.isnan(stated.nodata) and tag is not None:
                return Scaling(scale=stated.scale, offset=stated.offset, nodata=tag)
            return stated
        found = tag_scaling(scale=header.scales[0], offset=header.offsets[0], nodata=tag, dtype=header.dtypes[0])
        if found is None:
            raise SourceError(
                f"{self._options.place}: {asset.name}: what its {header.dtypes[0]} numbers mean is not known: expected "
                "raster:bands with scale and offset, a processing baseline in the item, or tags in the file"
            )
        return found

    def _doubt(self, asset: BandAsset, values: NDArray[np.float32], scaling: Scaling) -> None:
        if asset.is_doubtful and scaling.offset < 0 and asset.band in VISIBLE and contradicts(values):
            raise SourceError(
                f"{self._options.place}: {asset.name}: the catalogue states an offset of {scaling.offset:g}, "
                "with which most of the ground would be darker than black: its pixels seem to be shifted already"
            )

    def _diagnose(self, asset: BandAsset, error: BaseException, *, is_first: bool) -> tuple[Answer, bool]:
        """Find out what was behind an error of GDAL, and whether asking again may help."""
        if not is_on_web(asset.href):
            text = reason(error, asset.href)
            missing = not Path(asset.href).exists()
            return Answer(status=404, text=f"no such file: {asset.href}" if missing else _damaged(text)), False
        chain = " ".join(_chain(error))
        status = _STATUS.search(chain)
        if status and int(status.group(1)) not in ASKING_FOR_PATIENCE:
            return answer_of(int(status.group(1))), False
        if not status and _NO_ANSWER.search(chain):
            return no_answer(error), False
        if not status and is_first:
            return no_answer(error), True  # GDAL does not always tell what it met: whoever met it again knows more
        if asset.href.startswith("s3:"):
            known = answer_of(int(status.group(1))) if status else Answer(status=404, text=_damaged(_cause(error)))
            return known, status is not None
        return self._probe(asset, error, status=int(status.group(1)) if status else None)

    def _probe(self, asset: BandAsset, error: BaseException, *, status: int | None) -> tuple[Answer, bool]:
        """Ask for the first byte: does the server speak of patience, or is the file there and damaged?"""
        try:
            with requests.get(
                self._signer.sign(asset.href),
                headers={"Range": "bytes=0-0"},
                timeout=self._options.timeout_s,
                stream=True,
            ) as response:
                now, retry_after = response.status_code, response.headers.get("Retry-After")
        except requests.RequestException as missing:
            return no_answer(missing), False
        if now >= HTTPStatus.BAD_REQUEST and now != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return answer_of(now, retry_after=retry_after), now in ASKING_FOR_PATIENCE
        if status is not None:
            return answer_of(status), True  # it has come back since
        return Answer(status=HTTPStatus.OK, text=_damaged(_cause(error))), False


def environment(options: StacOptions) -> dict[str, str | int]:
    """Return the settings of GDAL for reading through a network."""
    seconds = str(max(1, round(options.timeout_s)))
    return {
        **ENVIRONMENT,
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no search for files beside the file
        "GDAL_HTTP_MULTIRANGE": "YES",
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_HTTP_CONNECTTIMEOUT": seconds,
        "GDAL_HTTP_LOW_SPEED_TIME": seconds,  # a large part over a slow line may take longer, if it only comes
        "GDAL_HTTP_LOW_SPEED_LIMIT": str(SLOWEST_BYTES_PER_S),
        "GDAL_HTTP_MAX_RETRY": str(options.retries),
        "GDAL_HTTP_RETRY_DELAY": str(options.backoff_s),
        "GDAL_HTTP_RETRY_CODES": "500,502,504",  # 429 and 503 may say when to come back: see Reader
        "CPL_VSIL_CURL_NON_CACHED": "/vsis3/",  # what `gdal_path` does for the web
        **({"AWS_NO_SIGN_REQUEST": "YES"} if options.is_s3_public else {}),
        **options.gdal,
    }


def is_on_web(href: str) -> bool:
    """Say whether a file has to be fetched."""
    return urlsplit(href).scheme.startswith(("http", "s3"))


def gdal_path(href: str, *, failures: int = 0) -> str:
    """Return an address as GDAL writes it, another one after each failure.

    GDAL remembers for the life of the process that a file was not there; to ask again, the address must be new to it.
    What stands behind # is never sent. (To let it remember nothing at all costs one request more for every file.)
    """
    parts = urlsplit(href)
    if parts.scheme in {"http", "https"}:
        return f"/vsicurl/{href}" + (f"#{failures}" if failures else "")
    if parts.scheme == "s3":
        return f"/vsis3/{parts.netloc}{parts.path}"
    return unquote(parts.path) if parts.scheme == "file" else href


def _driver(href: str) -> str:
    """Return the format to open: no other one, for files such as VRT may name others, on the reader's own disk too."""
    return "JP2OpenJPEG" if urlsplit(href).path.lower().endswith(".jp2") else "GTiff"


@contextmanager
def _smaller(dataset: rasterio.DatasetReader, sampling: Sampling) -> Iterator[rasterio.DatasetReader]:
    """Give the smaller copy within the file that is fine enough, or the full image."""
    if sampling.overview is None:
        yield dataset
        return
    options: Mapping[str, int] = sampling.open_options
    with rasterio.open(dataset.name, driver=dataset.driver, **options) as smaller:
        yield smaller


def _chain(error: BaseException) -> Iterator[str]:
    current: BaseException | None = error
    while current is not None:
        yield str(current)
        current = current.__cause__


def _cause(error: BaseException) -> str:
    """Return the first cause in a few words, without the query of an address: it may be a signature."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = _QUERY.sub("", str(error)).replace("/vsicurl/", "")
    return text.partition("\n")[0][:120]


def _damaged(text: str) -> str:
    return f"cannot be read: damaged or incomplete ({text})"
