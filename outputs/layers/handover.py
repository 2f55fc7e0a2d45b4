"""Detections as one file in the format that somebody else's tool opens; the suffix says which."""

from collections.abc import Callable, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyogrio import raw
from pyogrio.errors import DataSourceError

from geo.atomic import atomic_file, atomic_folder
from geo.crs import LON_LAT_EPSG
from geo.errors import ConfigError, OutputError
from outputs.layers.geojson import write_geojson
from outputs.layers.geopackage import columns_of
from outputs.layers.kml import write_kml, write_kmz
from outputs.tables import in_lon_lat

Pictures = Mapping[str, Path]
"""Detection id to its picture."""

_SHAPEFILE_TEXT = 254
"""The longest text that a Shapefile holds."""
SHAPEFILE_NAMES: Mapping[str, str] = {
    "detection_id": "id",
    "area_id": "area",
    "facility_id": "facility",
    "facility_relation": "relation",
    "facility_distance_m": "dist_m",
    "confidence": "confid",
    "onset_after": "began_aft",
    "onset_by": "began_by",
    "confirmed_on": "confirmed",
    "last_seen_on": "last_seen",
    "looks_before": "looks_bef",
    "looks_after": "looks_aft",
    "area_low_m2": "low_m2",
    "area_high_m2": "high_m2",
    "active_after": "active_aft",
    "complete_after": "compl_aft",
    "complete_by": "compl_by",
    "camp_likeness": "camp_like",
    "false_alerts_per_site_year": "false_rate",
    "not_observable_since": "unseen",
    "settings_hash": "settings",
    "attribution": "credit",
}
"""Columns whose names are too long for a Shapefile, and what they are called there."""


def write_handover(path: Path, detections: gpd.GeoDataFrame, *, credit: str, pictures: Pictures | None = None) -> None:
    """Write `detections`, in longitude and latitude, to `path`; every row carries `credit`.

    Args:
        path: With the suffix .fgb, .parquet, .geojson, .kml, .kmz or .shp (a folder of that name, with its parts).
        detections: As `detection.schema` has it.
        credit: Who must be named for the imagery.
        pictures: Put into a .kmz; left out of the others.

    Raises:
        ConfigError: The suffix is none of these, or what the format needs is not installed.
        OutputError: The file cannot be written.

    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ConfigError(f"{path}: expected a name that ends in one of {', '.join(sorted(WRITERS))}")
    writer(path, in_lon_lat(detections).assign(attribution=credit), credit, pictures or {})


def _flatgeobuf(path: Path, frame: gpd.GeoDataFrame, credit: str, _: Pictures) -> None:
    with atomic_file(path) as part:
        _through_gdal(part, frame, "FlatGeobuf", DESCRIPTION=credit)


def _geoparquet(path: Path, frame: gpd.GeoDataFrame, _: str, __: Pictures) -> None:
    try:
        with atomic_file(path) as part:
            frame.to_parquet(part, compression="zstd", write_covering_bbox=True)
    except ImportError as error:
        raise ConfigError("GeoParquet needs the extra `parquet`: pip install 'sitewatch[parquet]'") from error


def _geojson(path: Path, frame: gpd.GeoDataFrame, credit: str, _: Pictures) -> None:
    write_geojson(path, frame, credit=credit)


def _kml(path: Path, frame: gpd.GeoDataFrame, credit: str, _: Pictures) -> None:
    write_kml(path, frame, credit=credit)


def _kmz(path: Path, frame: gpd.GeoDataFrame, credit: str, pictures: Pictures) -> None:
    write_kmz(path, frame, credit=credit, pictures=pictures)


def _shapefile(path: Path, frame: gpd.GeoDataFrame, _: str, __: Pictures) -> None:
    """Write the parts of a Shapefile, and a table of what its short column names mean, into the folder `path`."""
    too_long = [name for name in frame.columns if name != "geometry" and _is_too_long(frame[name])]
    short = frame.drop(columns=too_long).rename(columns=SHAPEFILE_NAMES)
    with atomic_folder(path) as folder:
        _through_gdal(folder / f"{path.stem}.shp", short, "ESRI Shapefile", ENCODING="UTF-8")
        names = pd.DataFrame(
            {"column": [SHAPEFILE_NAMES.get(name, name) for name in frame.columns], "means": frame.columns}
        )
        names.loc[frame.columns.isin(too_long), "column"] = "(left out: too long for a Shapefile)"
        names.to_csv(folder / "columns.csv", index=False)


def _is_too_long(column: pd.Series) -> bool:
    return any(isinstance(value, str) and len(value.encode()) > _SHAPEFILE_TEXT for value in column)


def _through_gdal(path: Path, frame: gpd.GeoDataFrame, driver: str, **options: str) -> None:
    try:
        columns = columns_of(frame, {})
        raw.write(
            path,
            frame.geometry.to_wkb().to_numpy(dtype=object),
            list(columns.values()),
            list(columns),
            driver=driver,
            geometry_type="MultiPolygon",
            promote_to_multi=True,
            crs=f"EPSG:{LON_LAT_EPSG}",
            layer_options=options,
        )
    except DataSourceError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


WRITERS: Mapping[str, Callable[[Path, gpd.GeoDataFrame, str, Pictures], None]] = {
    ".fgb": _flatgeobuf,
    ".geojson": _geojson,
    ".kml": _kml,
    ".kmz": _kmz,
    ".parquet": _geoparquet,
    ".shp": _shapefile,
}
"""Suffix to what writes such a file."""
