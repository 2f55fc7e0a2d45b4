"""Write one map as a cloud-optimised GeoTIFF, strip by strip: what is held is one strip, whatever the map's size.

GDAL's own COG driver orders the file: tiles, overviews below, statistics, header first
(https://gdal.org/en/stable/drivers/raster/cog.html).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from geo.errors import OutputError
from geo.grid import Grid

TILE_PX = 256
READ_ONLY = 0o444
"""Runs share these files by further names: who changed one in place would change it in all of them."""
_CACHE = {"GDAL_CACHEMAX": 64, "GDAL_PAM_ENABLED": "NO"}
"""MB of blocks that GDAL holds; and nothing is written beside the file: all that is known stands in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What one band of a raster says of itself."""

    name: str
    """Its description, such as ``B04``."""
    colour: ColorInterp = ColorInterp.gray
    scale: float = 1.0
    """What a stored number is multiplied with to have it in `unit`."""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a raster says of itself, and how it is packed."""

    bands: tuple[Band, ...]
    dtype: str
    nodata: float
    overviews: str = "AVERAGE"
    """How pixels are drawn together; ``NEAREST`` where a mean would be a value that never was."""
    colour_table: Mapping[int, tuple[int, int, int, int]] = field(default_factory=lambda: MappingProxyType({}))


Strip = tuple[int, NDArray[Any]]
"""The first row, and the values from there on, shape (band, y, x)."""


def write_cog(
    path: Path, grid: Grid, layout: Layout, strips: Iterable[Strip], *, tags: Callable[[], Mapping[str, str]] = dict
) -> None:
    """Write a map as `path`. The same input gives the same bytes.

    Args:
        path: The file; its folder is made.
        grid: Its pixels.
        layout: What it says of itself, and how it is packed.
        strips: They cover `grid` from top to bottom, each once.
        tags: Asked after the last strip: some can only be told then.

    Raises:
        OutputError: The disk does not take it.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".raw-", dir=path.parent) as beside, rasterio.Env(**_CACHE):
            raw = Path(beside) / "raw.tif"
            _write_raw(raw, grid, layout, strips, tags=tags)
            copy_raster(raw, path, driver="COG", **_packing(layout))
        path.chmod(READ_ONLY)
    except (OSError, RasterioError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _write_raw(
    path: Path, grid: Grid, layout: Layout, strips: Iterable[Strip], *, tags: Callable[[], Mapping[str, str]]
) -> None:
    profile = {
        "driver": "GTiff",
        "dtype": layout.dtype,
        "count": len(layout.bands),
        "width": grid.width_px,
        "height": grid.height_px,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "nodata": layout.nodata,
        "interleave": "pixel",
        "bigtiff": "if_safer",
    }
    with rasterio.open(path, "w", **profile) as file:
        _describe(file, layout)
        for top, values in strips:
            rows, columns = values.shape[1:]
            file.write(values.astype(layout.dtype, copy=False), window=Window(0, top, columns, rows))
        file.update_tags(**tags())


def _describe(file: Any, layout: Layout) -> None:  # noqa: ANN401  # rasterio leaves its files untyped
    file.descriptions = tuple(band.name for band in layout.bands)
    file.scales = tuple(band.scale for band in layout.bands)
    file.offsets = (0.0,) * len(layout.bands)
    file.units = tuple(band.unit for band in layout.bands)
    if layout.colour_table:
        file.write_colormap(1, dict(layout.colour_table))
    else:
        file.colorinterp = tuple(band.colour for band in layout.bands)


def _packing(layout: Layout) -> dict[str, Any]:
    return {
        "BLOCKSIZE": TILE_PX,
        "COMPRESS": "DEFLATE",
        "PREDICTOR": "YES",
        "OVERVIEWS": "AUTO",
        "OVERVIEW_RESAMPLING": layout.overviews,
        "STATISTICS": "YES",
        "BIGTIFF": "IF_SAFER",
    }


def as_counts(values: NDArray[np.float32], *, per_unit: float, most: int) -> NDArray[np.float64]:
    """Return `values` as whole numbers 1 to `most`, `per_unit` to one; 0 where NaN.

    A measured 0 or less becomes 1, for 0 says that nothing was seen.
    """
    counts = np.clip(np.rint(np.nan_to_num(values) * per_unit), 1, most)
    return np.where(np.isfinite(values), counts, 0)


def strips_of(grid: Grid, *, rows: int) -> Sequence[slice]:
    """Return the rows of `grid` in strips of `rows`, from top to bottom."""
    return [slice(top, min(top + rows, grid.height_px)) for top in range(0, grid.height_px, rows)]
