"""Detections as vector tiles in one file (PMTiles): any static web server, or a disk, can serve them.

GDAL cuts the tiles; it has no option for an attribution, which the file's metadata then get.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataSourceError

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.tables import in_lon_lat

_READER: Any = import_module("pmtiles.reader")
_WRITER: Any = import_module("pmtiles.writer")
_TILE: Any = import_module("pmtiles.tile")
"""A library without annotations."""
LAYER = "detections"
MIN_ZOOM = 0
MAX_ZOOM = 14
"""A tile unit there is about half a metre: finer than any pixel here."""
_MOST_BYTES, _MOST_FEATURES = 1 << 24, 1 << 20
"""Of one tile: far above what detections come to, so that none is thinned out."""
_DOCUMENTS = ("evidence", "scene_ids")


def write_tiles(path: Path, table: gpd.GeoDataFrame, *, name: str, members: Mapping[str, Any]) -> None:
    """Write `table`, in any CRS, as the layer ``detections``, zoom 0 to 14; `members` go into the file's metadata.

    Dates are ISO text; the columns of documents (``evidence``, ``scene_ids``) are left to other formats.

    Raises:
        OutputError: The file cannot be written.

    """
    frame = _plain(in_lon_lat(table).drop(columns=list(_DOCUMENTS), errors="ignore"))
    with atomic_file(path) as part:
        cut = part.with_name(f"{part.stem}-cut.pmtiles")
        try:
            _cut(cut, frame, name)
            _with_metadata(cut, part, {"name": name, **members})
        finally:
            cut.unlink(missing_ok=True)


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return `frame` with dates as text: tiles know no dates."""
    dates = [name for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name])]
    as_text = {name: [None if pd.isna(day) else f"{day:%Y-%m-%d}" for day in frame[name]] for name in dates}
    return frame.assign(**{name: pd.Series(days, dtype=object, index=frame.index) for name, days in as_text.items()})


def _cut(path: Path, frame: gpd.GeoDataFrame, name: str) -> None:
    try:
        pyogrio.write_dataframe(
            frame,
            path,
            layer=LAYER,
            driver="PMTiles",
            dataset_options={
                "NAME": name,
                "MINZOOM": str(MIN_ZOOM),
                "MAXZOOM": str(MAX_ZOOM),
                "MAX_SIZE": str(_MOST_BYTES),
                "MAX_FEATURES": str(_MOST_FEATURES),
            },
        )
    except DataSourceError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _with_metadata(cut: Path, path: Path, members: Mapping[str, Any]) -> None:
    """Write the tiles in `cut` once more, byte for byte, with more metadata."""
    with cut.open("rb") as file, path.open("wb") as target:
        source = _READER.MmapSource(file)
        reader, writer = _READER.Reader(source), _WRITER.Writer(target)
        for (zoom, column, row), data in _READER.all_tiles(source):
            writer.write_tile(_TILE.zxy_to_tileid(zoom, column, row), data)
        writer.finalize(reader.header(), {**reader.metadata(), **members})
