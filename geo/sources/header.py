"""The header of one raster file, read once: where it lies and what numbers it has."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from pathlib import Path, PurePath
from threading import Lock

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from shapely.geometry import Polygon

from geo.crs import LON_LAT_EPSG
from geo.errors import SourceError

ENVIRONMENT: Mapping[str, str | int] = {"GDAL_NUM_THREADS": "1", "GDAL_CACHEMAX": 64_000_000}
"""With more than one thread GDAL 3.10 reports a damaged JPEG 2000 only in its worker threads, where nobody listens:
the read succeeds and brings zeros. Many scenes are read at once anyway.

So many bytes of unpacked blocks are remembered: some rows of blocks of four large files. By itself GDAL would take a
twentieth of the machine's memory, whatever a run may take."""

LOCAL_ENVIRONMENT: Mapping[str, str | int] = {**ENVIRONMENT, "CPL_VSIL_CURL_ALLOWED_FILENAME": "none"}
"""Around files on disk: what they name as their own smaller copies or masks is not fetched from the web."""

_JPEG_2000 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
_LONGEST_SIGNATURE = 8
_POINTS_PER_EDGE = 21
"""Straight edges of one CRS are curves in another; 21 points follow a Sentinel-2 tile's to a few metres."""
_M_PER_DEG = 111_320.0
_WARNING_FILTERS = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header of a raster file says. Tuples have one entry a band."""

    crs: CRS | None
    transform: Affine
    width_px: int
    height_px: int
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    descriptions: tuple[str | None, ...]
    colors: tuple[ColorInterp, ...]
    overviews: tuple[int, ...]
    """By how much each smaller copy in the file is coarser, ascending; of the first band, for all."""
    units: tuple[str | None, ...] = ()
    """What the numbers are in, as the file says it; nothing where nobody asked."""

    @property
    def count(self) -> int:
        """How many bands the file has."""
        return len(self.dtypes)

    @property
    def pixel_m(self) -> float:
        """The pixel's rough size on the ground, to tell fine from coarse."""
        unit_m = _M_PER_DEG if self.crs is None or self.crs.is_geographic else 1.0
        return sqrt(abs(self.transform.determinant)) * unit_m


def read_header(path: Path) -> Header:
    """Read the header of the raster file at `path`, without any of its pixels.

    Raises:
        SourceError: It is damaged or no raster.

    """
    try:
        # The filters of warnings are the process's: hold them for the moment of opening only, one thread at a time.
        with _WARNING_FILTERS, warnings.catch_warnings(), rasterio.Env(**LOCAL_ENVIRONMENT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver=local_driver(path)) as dataset:
                return header_of(dataset)
    except RasterioError as error:
        raise SourceError(
            f"{path}: cannot be opened: not a raster, damaged or incomplete ({reason(error, path)})"
        ) from error


def local_driver(path: Path) -> str:
    """Return how a file on disk is to be read: as JPEG 2000 if it begins like one, else as GeoTIFF, never otherwise.

    Left to itself GDAL would take a text called ``x.tif`` for a virtual image, which can name any file of this machine
    and any address on the web.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST_SIGNATURE)
    except OSError:
        start = b""  # whoever opens it says what is wrong
    return "JP2OpenJPEG" if start.startswith(_JPEG_2000) else "GTiff"


def footprint_4326(header: Header) -> Polygon:
    """Return the outline of the image in longitude and latitude.

    Raises:
        SourceError: It has no CRS, no georeference, or its CRS cannot be converted; without the file's name.

    """
    if header.crs is None:
        raise SourceError("it has no coordinate reference system; expected a georeferenced image")
    if header.transform.is_identity:
        raise SourceError("it has a coordinate reference system, but no position; expected a georeferenced image")
    share = np.linspace(0, 1, _POINTS_PER_EDGE)[:-1]
    columns = np.concatenate([share, np.ones_like(share), 1 - share, np.zeros_like(share)]) * header.width_px
    rows = np.concatenate([np.zeros_like(share), share, np.ones_like(share), 1 - share]) * header.height_px
    xs, ys = apply(header.transform, columns, rows)
    try:
        lon, lat = transformer(header.crs.to_wkt(), LON_LAT_EPSG).transform(xs, ys)
    except ProjError as error:
        raise SourceError("its coordinate reference system has no known place on Earth") from error
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise SourceError("its corners lie outside the range of its coordinate reference system")
    return Polygon(zip(lon, lat, strict=True))


def apply(
    affine: Affine, xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points ``(xs, ys)`` moved by `affine`."""
    return affine.a * xs + affine.b * ys + affine.c, affine.d * xs + affine.e * ys + affine.f


@lru_cache(maxsize=32)
def transformer(from_crs: str | int, to_crs: str | int) -> Transformer:
    """Return the change of coordinates, x before y, between two CRS, each an EPSG code or WKT."""
    return Transformer.from_crs(from_crs, to_crs, always_xy=True)


def reason(error: BaseException, path: Path | str) -> str:
    """Return the first cause of a raster library's error in a few words, without the name of the file at `path`."""
    while error.__cause__ is not None:
        error = error.__cause__
    name = PurePath(path).name
    text = str(error).partition("\n")[0].replace(str(path), name)
    text = text.removeprefix(f"{name}: ").replace(f"'{name}' ", "").strip().rstrip(".")
    return text if len(text) <= 120 else f"{text[:119]}…"  # noqa: PLR2004 - a line of a terminal, and the path before it


def header_of(dataset: rasterio.DatasetReader) -> Header:
    """Return what the header of an open file says."""
    return Header(
        crs=dataset.crs or None,
        transform=dataset.transform,
        width_px=dataset.width,
        height_px=dataset.height,
        dtypes=tuple(dataset.dtypes),
        nodata=tuple(dataset.nodatavals),
        scales=tuple(dataset.scales),
        offsets=tuple(dataset.offsets),
        descriptions=tuple(dataset.descriptions),
        colors=tuple(dataset.colorinterp),
        overviews=tuple(dataset.overviews(1)),
        units=tuple(dataset.units),
    )
