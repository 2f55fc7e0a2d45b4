"""Cubes: NetCDF and Zarr files of many dates, of which each is a scene.

A cube has a variable a band (``B02``, ``B2``, ``S2-L2A-B02``, ``SCL``, ``VV``…), or one variable with a dimension
``band``, along time, y and x, in any order. Its coordinates are those of pixel centres, evenly spaced. Its CRS stands
in the variable that CF conventions call the grid mapping, such as ``spatial_ref`` or ``crs``, or in the ``crs`` cell
of a ``scenes.csv``. What the numbers mean:

- ``scale_factor``, ``add_offset`` and ``_FillValue`` hold, as CF conventions say.
- Optical whole numbers without a scale are reflectance times 10 000; floating point is reflectance as it is, and is
  refused where it cannot be that.
- Where no fill value is stated, 0 and the largest number that the type holds are "not recorded".
- Radar must say what it is: by the ``units`` of the variable (``dB``, ``linear``) or of a ``scenes.csv``, which knows
  ``db83`` too: ``dB = 20 log10(number) - 83``, as some services code whole numbers. It is handed out as linear power.
  Sigma nought is handed out as it is: seen from one track it differs from gamma nought by a factor that never changes.
- What a ``scenes.csv`` says in ``scale``, ``offset`` and ``nodata`` is said of the optical bands, and wins.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj.crs import crs as pyproj_crs
from pyproj.exceptions import CRSError as AnyCRSError
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geo.crs import named_crs
from geo.errors import SourceError
from geo.masks import SCL
from geo.scene import Quantity
from geo.sources.folder.cube_pixels import opened
from geo.sources.folder.image import RADAR, ImageFile, Told
from geo.sources.folder.layers import S2_SCALE, UNIT_NAMES, CubeSlice, Layer, Numbers
from geo.sources.folder.names import COMMON_NAMES, RADAR_BANDS, find_bands, find_platform, shared_name
from geo.sources.folder.sidecar import SIDECAR_NAME, SidecarRow, Units
from geo.sources.header import Header, footprint_4326

logger = logging.getLogger(__name__)

NETCDF_SUFFIXES = frozenset({".nc", ".nc4"})
ZARR_SUFFIX = ".zarr"

_AXES = {
    "T": ("time", "t"),
    "Y": ("y", "lat", "latitude", "northing", "projection_y_coordinate"),
    "X": ("x", "lon", "longitude", "easting", "projection_x_coordinate"),
}
_BAND_DIMS = ("band", "bands")
_GRID_MAPPINGS = ("spatial_ref", "crs")
_RADAR_NAME = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(RADAR_BANDS)})(?![A-Za-z0-9])", re.IGNORECASE)
_MISSION = re.compile(r"(?<![A-Za-z0-9])S([12])(?![A-Za-z0-9])", re.IGNORECASE)
_EVEN_WITHIN_PX = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of a cube."""

    name: str
    variable: str
    fixed: tuple[tuple[str, int], ...]
    """Where it lies along other dimensions than time, y and x."""
    time_dim: str
    y_dim: str
    x_dim: str
    numbers: Numbers | None
    """None for the classification layer."""
    nodata: tuple[float, ...]
    units: Units | None
    """For radar, what the numbers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cube:
    """What is known of a cube before any of its pixels is read."""

    path: Path
    times: tuple[datetime, ...]
    bands: tuple[Band, ...]
    header: Header
    is_upside_down: bool
    """Whether its first row is the southernmost."""


def read_cube(path: Path, row: SidecarRow | None) -> Cube | None:
    """Look at the cube at `path`: its dates, bands, place; None where it holds no band along time.

    Raises:
        SourceError: It is damaged; or its CRS, its times, its spacing or the meaning of its numbers are not known.

    """
    with opened(path) as dataset:
        bands = tuple(_bands(dataset, row, path))
        if not bands:
            return None
        first = bands[0]
        same = [band for band in bands if (band.y_dim, band.x_dim, band.time_dim) == _dims(first)]
        x, y = (np.asarray(dataset[name].to_numpy(), dtype=np.float64) for name in (first.x_dim, first.y_dim))
        return Cube(
            path=path,
            times=_times(dataset[first.time_dim], path),
            bands=tuple(same),
            header=_header(path, x, y, _crs(dataset, first, row, path)),
            is_upside_down=bool(y.size > 1 and y[1] > y[0]),
        )


def image_files(cube: Cube, root: Path, row: SidecarRow | None) -> Iterator[ImageFile]:
    """Yield the scenes of a cube, one a date, radar apart from optical; `root` is the source's folder."""
    footprint = footprint_4326(cube.header)
    for index, stamp in enumerate(cube.times):
        for kind in ("", RADAR):
            bands = [band for band in cube.bands if (band.units is not None) == (kind == RADAR)]
            layers = tuple(
                Layer(
                    band=band.name,
                    path=cube.path,
                    band_index=index + 1,
                    header=cube.header,
                    footprint_4326=footprint,
                    numbers=band.numbers,
                    cube=_slice(cube, band, index),
                )
                for band in bands
            )
            if layers:
                yield ImageFile(
                    path=cube.path,
                    relative=cube.path.relative_to(root).as_posix(),
                    names=(cube.path.stem,),
                    observed_at=stamp,
                    layers=layers,
                    row=row,
                    problem="",
                    told=_told(cube, kind, stamp, bands, row),
                )


def _bands(dataset: xr.Dataset, row: SidecarRow | None, path: Path) -> Iterator[Band]:
    """Yield what the cube offers; radar of unknown units is left out where there are optical bands beside it."""
    unknown: list[str] = []
    found = 0
    for name, variable in dataset.data_vars.items():
        for band, fixed in _band_names(str(name), variable):
            dims = _axes_of(variable, dataset)
            if dims is None:
                continue
            units = _radar_units(variable, row) if band in RADAR_BANDS else None
            if band in RADAR_BANDS and units is None:
                unknown.append(str(name))
                continue
            found += 1
            yield _band(band, variable, fixed, dims=dims, meaning=(row, units))
    if unknown:
        message = (
            f"{path}: whether {', '.join(unknown)} are dB or linear is not known; tell it in a {SIDECAR_NAME} in its "
            f"folder with the columns file,units (such as '{path.name},db'; db, linear or db83)"
        )
        if not found:
            raise SourceError(message)
        logger.warning("%s; they are left out", message)


def _band_names(name: str, variable: xr.DataArray) -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    """Yield the bands that a variable holds, each with its index along the dimension of bands if there is one."""
    dim = next((dim for dim in variable.dims if str(dim).lower() in _BAND_DIMS), None)
    if dim is None or dim not in variable.coords:
        band = band_of(name)
        if band:
            yield band, ()
        return
    for index, label in enumerate(variable.coords[dim].to_numpy()):
        band = band_of(str(label))
        if band:
            yield band, ((str(dim), index),)


def band_of(name: str) -> str | None:
    """Return the band that the name of a variable tells: ``S2-L2A-B02`` is ``B02``, ``VV_dB`` is ``VV``."""
    optical = set(find_bands(name.replace("_", "-")))
    if len(optical) == 1:
        return optical.pop()
    radar = {match.upper() for match in _RADAR_NAME.findall(name.replace("_", "-"))}
    return radar.pop() if len(radar) == 1 else COMMON_NAMES.get(name.lower())


def _axes_of(variable: xr.DataArray, dataset: xr.Dataset) -> tuple[str, str, str] | None:
    """Return the dimensions (time, y, x) of a variable; None where it lacks one, or has one nobody knows."""
    found = {
        axis: next((str(dim) for dim in variable.dims if _is_axis(dataset, str(dim), axis)), None) for axis in _AXES
    }
    others = {str(dim) for dim in variable.dims if str(dim).lower() not in _BAND_DIMS} - set(found.values())
    time_dim, y_dim, x_dim = found["T"], found["Y"], found["X"]
    if others or time_dim is None or y_dim is None or x_dim is None:
        return None
    return time_dim, y_dim, x_dim


def _is_axis(dataset: xr.Dataset, dim: str, axis: str) -> bool:
    if dim not in dataset.coords:
        return False
    said = dataset.coords[dim].attrs
    words = {str(said.get("axis", "")).upper(), str(said.get("standard_name", "")).lower(), dim.lower()}
    return axis in words or any(name in words for name in _AXES[axis])


def _radar_units(variable: xr.DataArray, row: SidecarRow | None) -> Units | None:
    if row is not None and row.units is not None:
        return row.units
    return UNIT_NAMES.get(str(variable.attrs.get("units", "")).strip().lower())


def _band(
    name: str,
    variable: xr.DataArray,
    fixed: tuple[tuple[str, int], ...],
    *,
    dims: tuple[str, str, str],
    meaning: tuple[SidecarRow | None, Units | None],
) -> Band:
    row, units = meaning
    time_dim, y_dim, x_dim = dims
    numbers = None
    if units is not None:
        numbers = Numbers(scale=1.0, offset=0.0, nodata=np.nan, quantity=Quantity.GAMMA0)
    elif name != SCL:
        numbers = _optical(variable, row)
    return Band(
        name=name,
        variable=str(variable.name),
        fixed=fixed,
        time_dim=time_dim,
        y_dim=y_dim,
        x_dim=x_dim,
        numbers=numbers,
        nodata=_nodata(variable, None if units else row),
        units=units,
    )


def _optical(variable: xr.DataArray, row: SidecarRow | None) -> Numbers:
    is_scaled = bool({"scale_factor", "add_offset"} & set(variable.encoding))
    is_whole = np.dtype(variable.encoding.get("dtype", variable.dtype)).kind in "iu"
    scale = S2_SCALE if is_whole and not is_scaled else 1.0
    offset = 0.0
    quantity = Quantity.REFLECTANCE
    if row is not None:
        scale = scale if row.scale is None else row.scale
        offset = row.offset or 0.0
        quantity = row.quantity or quantity
    return Numbers(scale=scale, offset=offset, nodata=np.nan, quantity=quantity)


def _nodata(variable: xr.DataArray, row: SidecarRow | None) -> tuple[float, ...]:
    """Return the numbers that stand for "not recorded", besides those that are NaN already."""
    if row is not None and row.nodata is not None:
        return () if np.isnan(row.nodata) else (row.nodata,)
    is_stated = bool({"_FillValue", "missing_value"} & set(variable.encoding))
    if is_stated or variable.dtype.kind not in "iu":
        return ()
    return (0.0, float(np.iinfo(variable.dtype).max))


def _dims(band: Band) -> tuple[str, str, str]:
    return (band.y_dim, band.x_dim, band.time_dim)


def _times(axis: xr.DataArray, path: Path) -> tuple[datetime, ...]:
    stamps = axis.to_numpy()
    if stamps.dtype.kind != "M" or np.isnat(stamps).any():
        raise SourceError(f"{path}: expected a time for each date along {axis.name}; got {axis.dtype} or gaps")
    moments = stamps.astype("datetime64[us]").astype(object)
    return tuple(moment.replace(tzinfo=UTC) for moment in moments)


def _header(path: Path, x: NDArray[np.float64], y: NDArray[np.float64], crs: CRS) -> Header:
    if min(x.size, y.size) < 2 or not (_is_even(x) and _is_even(y)):  # noqa: PLR2004 - two centres tell a pixel's size
        raise SourceError(f"{path}: expected evenly spaced pixels, at least 2 x 2; its coordinates are not")
    step_x, step_y = (x[-1] - x[0]) / (x.size - 1), (y[-1] - y[0]) / (y.size - 1)
    if step_x < 0:
        raise SourceError(f"{path}: expected columns from west to east; they run the other way")
    top = max(y[0], y[-1]) + abs(step_y) / 2
    return Header(
        crs=crs,
        transform=Affine(step_x, 0, x[0] - step_x / 2, 0, -abs(step_y), top),
        width_px=x.size,
        height_px=y.size,
        dtypes=("float32",),
        nodata=(float("nan"),),
        scales=(1.0,),
        offsets=(0.0,),
        descriptions=(None,),
        colors=(),
        overviews=(),
    )


def _is_even(centres: NDArray[np.float64]) -> bool:
    steps = np.diff(centres)
    mean = (centres[-1] - centres[0]) / (centres.size - 1)
    return bool(mean != 0 and np.abs(steps - mean).max() < _EVEN_WITHIN_PX * abs(mean))


def _crs(dataset: xr.Dataset, band: Band, row: SidecarRow | None, path: Path) -> CRS:
    try:
        if row is not None and row.crs is not None:
            return CRS.from_user_input(named_crs(row.crs))
        for attributes in _mappings(dataset, dataset[band.variable]):
            crs = _crs_said(attributes)
            if crs is not None:
                return crs
        if dataset[band.x_dim].attrs.get("standard_name") == "longitude":
            return CRS.from_epsg(4326)
    except (CRSError, AnyCRSError, ValueError) as error:
        raise SourceError(f"{path}: its coordinate reference system is not understood: {error}") from error
    raise SourceError(
        f"{path}: its coordinate reference system is not known; expected a variable spatial_ref or crs, or tell it "
        f"in a {SIDECAR_NAME} in its folder with the columns file,crs (such as '{path.name},EPSG:32631')"
    )


def _mappings(dataset: xr.Dataset, variable: xr.DataArray) -> Iterator[Mapping[str, Any]]:
    """Yield the attributes of whatever may tell the CRS, the most telling first."""
    said = str(variable.encoding.get("grid_mapping") or variable.attrs.get("grid_mapping") or "")
    for name in (*said.replace(":", " ").split(), *_GRID_MAPPINGS):
        if name in dataset.variables:
            yield dataset[name].attrs
    yield variable.attrs
    yield dataset.attrs


def _crs_said(attributes: Mapping[str, Any]) -> CRS | None:
    for key in ("crs_wkt", "spatial_ref", "crs"):
        if isinstance(attributes.get(key), str):
            return CRS.from_user_input(named_crs(attributes[key]))
    if "grid_mapping_name" in attributes:
        return CRS.from_wkt(pyproj_crs.CRS.from_cf(dict(attributes)).to_wkt())
    return None


def _slice(cube: Cube, band: Band, index: int) -> CubeSlice:
    return CubeSlice(
        variable=band.variable,
        fixed=(*band.fixed, (band.time_dim, index)),
        y_dim=band.y_dim,
        x_dim=band.x_dim,
        height_px=cube.header.height_px,
        is_upside_down=cube.is_upside_down,
        nodata=band.nodata,
        units=band.units,
    )


def _told(cube: Cube, kind: str, stamp: datetime, bands: Sequence[Band], row: SidecarRow | None) -> Told:
    name = row.scene if row is not None and row.scene else cube.path.stem
    day = f"{stamp:%Y%m%d}" if (stamp.hour, stamp.minute, stamp.second) == (0, 0, 0) else f"{stamp:%Y%m%dT%H%M%S}"
    texts = (cube.path.stem, *(band.variable for band in bands))
    platform = (row.platform if row else None) or next(filter(None, map(_platform, texts)), None)
    words = (shared_name(name), kind, day)
    return Told(scene_id="_".join(word for word in words if word), kind=kind, platform=platform)


def _platform(text: str) -> str | None:
    mission = _MISSION.search(text.replace("_", "-"))
    return find_platform(text) or (f"sentinel-{mission.group(1)}" if mission else None)
