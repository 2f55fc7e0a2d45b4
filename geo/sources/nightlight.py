"""Monthly composites of night light from a folder: one GeoTIFF a month, as VIIRS day/night band composites come."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import Resampling, reproject
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity, Stack
from geo.sources.header import LOCAL_ENVIRONMENT, local_driver

logger = logging.getLogger(__name__)

BAND = "DNB"
PIXEL_M = 500.0
_AROUND_M = 12_000.0
_SUFFIXES = frozenset({".tif", ".tiff"})
_MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])(?:(?!\d)|(?=\d\d(?!\d)))")
"""A year and a month, with or without a day: the first of a name counts, the second is where the month ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFile:
    """One month."""

    month: date
    """Its first day."""
    path: Path


def find_months(folder: Path) -> tuple[MonthFile, ...]:
    """Return the composites below `folder`, ascending.

    Raises:
        SourceError: There is no such folder, no composite in it, a name without a month, or a month twice.

    """
    if not folder.is_dir():
        raise SourceError(f"[nightlight] {folder}: there is no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise SourceError(f"[nightlight] {folder}: expected GeoTIFF files, one a month; there are none")
    months = sorted((_month(path) for path in paths), key=lambda one: one.month)
    for first, second in pairwise(months):
        if first.month == second.month:
            raise SourceError(f"[nightlight] {first.path} and {second.path} are both of {first.month:%Y-%m}")
    return tuple(months)


def _month(path: Path) -> MonthFile:
    found = _MONTH.search(path.stem)
    if found is None:
        raise SourceError(f"[nightlight] {path}: expected a month in its name, such as 2020-01 or 20200101; got none")
    return MonthFile(month=date(int(found[1]), int(found[2]), 1), path=path)


def months_digest(months: Sequence[MonthFile]) -> str:
    """Return what changes whenever the pixels of the composites may have changed."""
    told = [f"{one.path.name} {one.path.stat().st_size} {one.path.stat().st_mtime_ns}" for one in months]
    return sha256("\n".join(told).encode()).hexdigest()[:16]


def read_months(months: Sequence[MonthFile], shape_4326: BaseGeometry) -> Stack | None:
    """Return the radiance around a place, one band ``DNB``, NaN where a file has none; None where there is no month.

    Raises:
        SourceError: A file cannot be read, or has no georeference.

    """
    if not months:
        return None
    grid = Grid.around(shape_4326.centroid, pixel_m=PIXEL_M, margin_m=_AROUND_M)
    values = np.stack([_read(one.path, grid) for one in months])
    count = len(months)
    dataset = xr.Dataset(
        {BAND: (("time", "y", "x"), values)},
        coords={
            "time": np.array([one.month for one in months], dtype="datetime64[ns]"),
            "y": grid.y_m,
            "x": grid.x_m,
            "scene_id": ("time", [one.path.stem for one in months]),
            "platform": ("time", ["night light"] * count),
        },
    )
    return Stack(dataset=dataset, grid=grid, quantity=Quantity.DISPLAY)


def _read(path: Path, grid: Grid) -> NDArray[np.float32]:
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    try:
        with rasterio.Env(**LOCAL_ENVIRONMENT), rasterio.open(path, driver=local_driver(path)) as file:
            if file.crs is None:
                raise SourceError(f"[nightlight] {path}: it has no georeference")
            reproject(
                rasterio.band(file, 1),
                values,
                src_nodata=file.nodata,
                dst_transform=grid.transform,
                dst_crs=f"EPSG:{grid.epsg}",
                dst_nodata=np.nan,
                resampling=Resampling.bilinear,
            )
    except RasterioError as error:
        raise SourceError(f"[nightlight] {path}: cannot be read: {error}") from error
    return values
