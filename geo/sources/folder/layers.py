"""Which bands a raster file offers, and how its numbers become reflectance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp
from shapely.geometry import Polygon

from geo.errors import SourceError
from geo.masks import SCL
from geo.scene import RGB_BANDS, Quantity
from geo.sources.folder.names import RADAR_BANDS, any_band_id, is_linear_product
from geo.sources.folder.sidecar import SIDECAR_NAME, SidecarRow, Units
from geo.sources.header import Header, footprint_4326

S2_SCALE = 1e-4
"""Sentinel-2 products hold reflectance times 10 000."""
DISPLAY_SCALE = 1 / 255

_RGB_COLORS = {ColorInterp.red: "B04", ColorInterp.green: "B03", ColorInterp.blue: "B02"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a band's numbers mean: value = number x scale + offset."""

    scale: float
    offset: float
    nodata: float
    """The number for "not recorded"; NaN where none stands for it."""
    quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeSlice:
    """Where in a cube one band of one date stands."""

    variable: str
    fixed: tuple[tuple[str, int], ...]
    """Dimension to index, for all but y and x."""
    y_dim: str
    x_dim: str
    height_px: int
    is_upside_down: bool
    """Whether its first row is the southernmost."""
    nodata: tuple[float, ...]
    """The numbers for "not recorded"; NaN is another."""
    units: Units | None
    """For radar, what the numbers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One band of one file."""

    band: str
    path: Path
    band_index: int = 1
    """From 1, as raster libraries count; of a cube, its date."""
    alpha_index: int | None = None
    """The band that is 0 where the picture shows nothing."""
    header: Header | None = None
    footprint_4326: Polygon | None = None
    """None where it is not known, for the file has a problem."""
    numbers: Numbers | None = None
    """None for the classification layer, which is no measurement, and where the file has a problem."""
    problem: str | None = None
    """Why it cannot be read: a line that names the file."""
    cube: CubeSlice | None = None
    """For a band of a cube."""
    units: Units | None = None
    """Of radar in a raster file, what the numbers are."""

    @property
    def order(self) -> tuple[float, str, int]:
        """Fine pixels before coarse ones, then by name."""
        pixel_m = self.header.pixel_m if self.header else 0.0
        return (round(pixel_m, 1), self.path.as_posix(), self.band_index)


def layers_of(path: Path, header: Header, names: Sequence[str], row: SidecarRow | None) -> tuple[Layer, ...]:
    """Return the bands that a file with a sound header offers; none if it is no image that we know.

    Args:
        path: The file.
        header: Its header.
        names: The bands that its name tells.
        row: What the sidecar says of it.

    Raises:
        SourceError: Its bands or what its numbers mean cannot be known without the sidecar.

    """
    if row is not None and row.crs:
        raise SourceError(f"{row.where}: crs is said of cubes (NetCDF, Zarr); {path.name} is none")
    bands = _bands(path, header, names, row)
    is_radar = _is_radar(path, bands, row)
    try:
        footprint, problem = footprint_4326(header), None
    except SourceError as error:
        footprint, problem = None, f"{path}: {error}"
    alpha = header.colors.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in header.colors else None
    return tuple(
        Layer(
            band=band,
            path=path,
            band_index=index,
            alpha_index=alpha,
            header=header,
            footprint_4326=footprint,
            numbers=None if band == SCL else _numbers(path, header, index - 1, row, is_radar=is_radar),
            problem=problem,
            units=radar_units(path, header, index - 1, row) if is_radar else None,
        )
        for index, band in enumerate(bands, start=1)
        if band is not None
    )


def broken_layers(path: Path, bands: Sequence[str], problem: str) -> tuple[Layer, ...]:
    """Return layers that stand for a file that cannot be opened: they are offered, and reading tells why not."""
    return tuple(Layer(band=band, path=path, problem=problem) for band in bands)


def _bands(path: Path, header: Header, names: Sequence[str], row: SidecarRow | None) -> tuple[str | None, ...]:
    """Return the band id of each band of the file, None for those without; the sidecar wins, then the tags."""
    if row is not None and row.bands is not None:
        if len(row.bands) != header.count:
            raise SourceError(f"{row.where}: names {len(row.bands)} bands, {path.name} has {header.count}")
        return row.bands
    described = tuple(_described(text) for text in header.descriptions)
    named = [band for band in described if band]
    if named and len(set(named)) == len(named):
        return described
    if len(names) == header.count and len(set(names)) == header.count:
        return tuple(names)
    return _unnamed(path, header, row)


def _unnamed(path: Path, header: Header, row: SidecarRow | None) -> tuple[str | None, ...]:
    pictures = [index for index, color in enumerate(header.colors) if color is not ColorInterp.alpha]
    if len(pictures) == len(RGB_BANDS) and set(header.dtypes) == {"uint8"}:
        told = [_RGB_COLORS.get(header.colors[index]) for index in pictures]
        order = told if set(told) == set(RGB_BANDS) else RGB_BANDS
        return tuple(dict(zip(pictures, order, strict=True)).get(index) for index in range(header.count))
    if header.count == 1 and row is None:
        return ()
    example = f"{path.name},{' '.join(['B02', 'B03', 'B04', 'B08', 'B11', 'B12'][: header.count])}"
    raise SourceError(
        f"{path}: which of its {header.count} bands is which is not known; tell it in a {SIDECAR_NAME} in its folder "
        f"with the columns file,bands (such as '{example}'), with '-' for a band to leave out"
    )


def _is_radar(path: Path, bands: Sequence[str | None], row: SidecarRow | None) -> bool:
    """Say whether the file holds radar.

    Raises:
        SourceError: It holds optical bands, too; or units are said of it and it holds no radar.

    """
    kinds = {band in RADAR_BANDS for band in bands if band is not None}
    if len(kinds) > 1:
        told = " ".join(band if band in RADAR_BANDS else "-" for band in bands if band is not None)
        raise SourceError(
            f"{path}: holds radar and optical bands, which are never one scene; leave some out in a {SIDECAR_NAME} in "
            f"its folder with the columns file,bands (such as '{path.name},{told}')"
        )
    if row is not None and row.units and True not in kinds:
        raise SourceError(f"{row.where}: units are said of radar; {path.name} holds none")
    return True in kinds


UNIT_NAMES = {
    "db": Units.DB,
    "decibel": Units.DB,
    "decibels": Units.DB,
    "linear": Units.LINEAR,
    "linear power": Units.LINEAR,
    "power": Units.LINEAR,
    "m2/m2": Units.LINEAR,
}
"""How files spell the units of backscatter."""


def radar_units(path: Path, header: Header, index: int, row: SidecarRow | None) -> Units:
    """Return what the numbers of radar band `index`, from 0, are: the sidecar tells, the file, or its product's name.

    Raises:
        SourceError: Nothing tells; it is never guessed from the numbers.

    """
    if row is not None and row.units is not None:
        return row.units
    said = header.units[index] if header.units else None
    if said and (known := UNIT_NAMES.get(said.strip().lower())):
        return known
    if is_linear_product(path.stem):
        return Units.LINEAR
    raise SourceError(
        f"{path}: whether its radar numbers are dB or linear is not known; tell it in a {SIDECAR_NAME} in its folder "
        f"with the columns file,units (such as '{path.name},db'; db, linear or db83)"
    )


def _described(text: str | None) -> str | None:
    try:
        return any_band_id(text) if text else None
    except ValueError:
        return None


def _numbers(path: Path, header: Header, index: int, row: SidecarRow | None, *, is_radar: bool) -> Numbers:
    """Return what the numbers of band `index`, from 0, mean: tags and sidecar tell, never a date."""
    dtype = np.dtype(header.dtypes[index])
    scale, offset, quantity = _of_radar(header, index, row) if is_radar else _meaning(path, header, index, row)
    if row is not None and row.nodata is not None:
        nodata = row.nodata
    else:
        tag = header.nodata[index]
        nodata = tag if tag is not None else (0.0 if dtype.kind in "iu" else nan)
    if not isnan(nodata) and dtype.kind in "iu" and not np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max:
        nodata = nan  # a number that the file cannot hold marks nothing
    return Numbers(scale=scale, offset=offset, nodata=nodata, quantity=quantity)


def _of_radar(header: Header, index: int, row: SidecarRow | None) -> tuple[float, float, Quantity]:
    """Return scale and offset that come before the units."""
    scale, offset = (row.scale, row.offset) if row else (None, None)
    return (
        header.scales[index] if scale is None else scale,
        header.offsets[index] if offset is None else offset,
        Quantity.GAMMA0,
    )


def _meaning(path: Path, header: Header, index: int, row: SidecarRow | None) -> tuple[float, float, Quantity]:
    dtype = header.dtypes[index]
    scale, offset, quantity = (row.scale, row.offset, row.quantity) if row else (None, None, None)
    if scale is None and (header.scales[index], header.offsets[index]) != (1.0, 0.0):
        scale = header.scales[index]
        offset = header.offsets[index] if offset is None else offset
    if scale is not None:
        return scale, offset or 0.0, quantity or Quantity.REFLECTANCE
    defaults = {
        "uint8": (DISPLAY_SCALE, Quantity.DISPLAY),
        "uint16": (S2_SCALE, Quantity.REFLECTANCE),
        "int16": (S2_SCALE, Quantity.REFLECTANCE),
        "float32": (1.0, Quantity.REFLECTANCE),
        "float64": (1.0, Quantity.REFLECTANCE),
    }
    if dtype not in defaults:
        raise SourceError(
            f"{path}: what its {dtype} numbers mean is not known; give the scale in a {SIDECAR_NAME} in its folder "
            f"(columns file,scale; such as '{path.name},0.0001')"
        )
    default_scale, default_quantity = defaults[dtype]
    return default_scale, offset or 0.0, quantity or default_quantity
