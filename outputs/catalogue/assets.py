"""One file of a run as an asset: what it is, how large, its checksum, and what a raster holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import rasterio
from shapely.geometry import Polygon, box

from geo.crs import LON_LAT_EPSG, reproject
from outputs.evidence.files import sha256_of

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.1.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"

SHA256_MULTIHASH = "1220"
"""What stands before a SHA-256 as a multihash (https://multiformats.io/multihash): its kind, and its 32 bytes."""

MEDIA_TYPES: Mapping[str, str] = {
    ".csv": "text/csv",
    ".fgb": "application/vnd.flatgeobuf",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".mp4": "video/mp4",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".qgz": "application/zip",
    ".qml": "application/xml",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".webp": "image/webp",
}
_COMMON_NAMES: Mapping[str, str] = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B08": "nir",
    "B11": "swir16",
    "B12": "swir22",
}
_STATISTICS = {
    "minimum": "STATISTICS_MINIMUM",
    "maximum": "STATISTICS_MAXIMUM",
    "mean": "STATISTICS_MEAN",
    "stddev": "STATISTICS_STDDEV",
    "valid_percent": "STATISTICS_VALID_PERCENT",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """What stands in the head of a raster."""

    epsg: int
    bounds_m: tuple[float, float, float, float]
    shape: tuple[int, int]
    transform: tuple[float, ...]
    bands: tuple[Document, ...]
    tags: Mapping[str, str]

    @property
    def footprint_4326(self) -> Polygon:
        """Where it lies."""
        return reproject(box(*self.bounds_m), from_epsg=self.epsg, to_epsg=LON_LAT_EPSG)

    @property
    def projection(self) -> Document:
        """The fields of the projection extension."""
        return {
            "proj:code": f"EPSG:{self.epsg}",
            "proj:shape": list(self.shape),
            "proj:bbox": list(self.bounds_m),
            "proj:transform": list(self.transform),
        }


def read_raster(path: Path) -> Raster:
    """Return what stands in the head of `path`."""
    with rasterio.open(path) as file:
        bands = tuple(_band(file, index) for index in range(1, file.count + 1))
        return Raster(
            epsg=int(file.crs.to_epsg()),
            bounds_m=tuple(file.bounds),
            shape=file.shape,
            transform=tuple(file.transform)[:6],
            bands=bands,
            tags=file.tags(),
        )


def asset_of(path: Path, href: str, *, title: str, roles: list[str], raster: Raster | None = None) -> Document:
    """Return the asset of a file, which is found under `href`."""
    asset: Document = {
        "href": href,
        "type": MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        "title": title,
        "roles": roles,
        "file:size": path.stat().st_size,
        "file:checksum": SHA256_MULTIHASH + sha256_of(path),
    }
    if raster is not None:
        asset |= {"description": raster.tags.get("TIFFTAG_IMAGEDESCRIPTION", title), "bands": list(raster.bands)}
    return asset


def _band(file: Any, index: int) -> Document:  # noqa: ANN401  # rasterio leaves its files untyped
    place = index - 1
    band: Document = {
        "name": file.descriptions[place],
        "data_type": file.dtypes[place],
        "raster:scale": file.scales[place],
        "raster:offset": file.offsets[place],
        "raster:sampling": "area",
        "raster:spatial_resolution": file.transform.a,
    }
    nodata = file.nodatavals[place]
    if nodata is not None:
        band["nodata"] = nodata if isfinite(nodata) else "nan"
    if file.units[place]:
        band["unit"] = file.units[place]
    told = file.tags(index)
    if statistics := {name: float(told[key]) for name, key in _STATISTICS.items() if key in told}:
        band["statistics"] = statistics
    if band["name"] in _COMMON_NAMES:
        band["eo:common_name"] = _COMMON_NAMES[band["name"]]
    return band
