"""The pixels of cubes: NetCDF and Zarr opened for a moment, one window of one date read."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import SourceError
from geo.sources.folder.layers import CubeSlice
from geo.sources.folder.sidecar import Units

_ENGINES = {b"\x89HDF": "h5netcdf", b"CDF\x01": "scipy", b"CDF\x02": "scipy"}
"""By how a file begins: NetCDF 4 is HDF 5, NetCDF 3 is its own format."""
_TROUBLE = (OSError, ValueError, KeyError, RuntimeError, ImportError, zlib.error)
"""What the libraries raise where a file is damaged."""
_DECODING: Mapping[str, Any] = {"decode_coords": "all", "decode_timedelta": False, "cache": False, "chunks": None}
_REMEMBERED = 8
_ONE_AT_A_TIME = RLock()
_DB83_FACTOR = 10**-8.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cube:
    """A cube whose metadata were read; its file is opened again for each read of pixels."""

    dataset: xr.Dataset
    close: Callable[[], None]


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Give the cube at `path` without reading its pixels; its file is open meanwhile only.

    Understanding the metadata takes longer than reading a window, so those of the last few cubes are remembered.
    One thread at a time: the HDF 5 library can do no more.

    Raises:
        SourceError: It is damaged, or no cube; names the file.

    """
    try:
        with _ONE_AT_A_TIME:
            cube = _remembered(path, path.stat().st_mtime_ns)
            try:
                yield cube.dataset
            finally:
                cube.close()
    except _TROUBLE as error:
        short = str(error).strip().partition("\n")[0][:120]
        raise SourceError(f"{path}: cannot be read as a cube: damaged, incomplete or no cube ({short})") from error


def is_netcdf(path: Path) -> bool:
    """Say whether the file at `path` begins as NetCDF does; an empty one might have become one."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    return start in _ENGINES or not start


@lru_cache(maxsize=_REMEMBERED)
def _remembered(path: Path, _changed_at: int) -> _Cube:
    engine = _engine(path)
    if engine == "zarr":  # which holds nothing open; on a disk its metadata are found without an index
        dataset = xr.open_dataset(path, engine=engine, consolidated=False, **_DECODING)
        return _Cube(dataset=dataset, close=dataset.close)
    store = xr.backends.H5NetCDFStore.open(str(path)) if engine == "h5netcdf" else xr.backends.ScipyDataStore(str(path))
    return _Cube(dataset=xr.open_dataset(store, **_DECODING), close=store.close)  # opens it again where need be


def read_window(path: Path, piece: CubeSlice, rows: slice, columns: slice) -> NDArray[np.float32]:
    """Return a part of one band of one date, north at the top, shape (y, x), as numbers; radar as linear power.

    Args:
        path: The cube.
        piece: Which band and date.
        rows: From the northernmost row on.
        columns: From the westernmost column on.

    Raises:
        SourceError: It cannot be read; names the file.

    """
    native = rows
    if piece.is_upside_down:
        native = slice(piece.height_px - rows.stop, piece.height_px - rows.start)
    with opened(path) as dataset:
        part = dataset[piece.variable].isel(
            {**dict(piece.fixed), piece.y_dim: native, piece.x_dim: columns}, missing_dims="raise"
        )
        values = part.transpose(piece.y_dim, piece.x_dim).to_numpy().astype(np.float32)
    if piece.is_upside_down:
        values = values[::-1]
    for nodata in piece.nodata:
        values[values == np.float32(nodata)] = np.nan
    return to_power(values, piece.units) if piece.units else values


def to_power(numbers: NDArray[np.float32], units: Units) -> NDArray[np.float32]:
    """Return radar backscatter as linear power; NaN where there was none: no ground sends nothing back."""
    if units is Units.DB:
        return np.power(np.float32(10), numbers / 10, dtype=np.float32)
    power = np.square(numbers) * np.float32(_DB83_FACTOR) if units is Units.DB83 else numbers
    return np.where(power > 0, power, np.nan).astype(np.float32)


def _engine(path: Path) -> str:
    if path.is_dir():
        if find_spec("zarr") is None:
            raise ValueError("reading Zarr needs the Python package zarr; it is not installed")
        return "zarr"
    with path.open("rb") as file:
        start = file.read(4)
    if start not in _ENGINES:
        raise ValueError("it does not begin as NetCDF does")
    return _ENGINES[start]
