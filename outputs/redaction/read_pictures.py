"""What pictures and rasters tell beside their pixels: EXIF, XMP, comments, tags, where they lie.

What the pixels show is not searched: whoever sees the picture may know the place.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import rasterio
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import GPSTAGS, IFD, TAGS
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.warp import transform_bounds

from outputs.redaction.judge import Positions
from outputs.redaction.pieces import Piece, Places, Text, Unread, bounds_pieces

_BROKEN = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError)
_IFDS = (IFD.Exif, IFD.GPSInfo, IFD.Interop)
_LEAST_BYTES = 7


def picture_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield the texts and positions in a PNG, JPEG, WebP or GIF."""
    try:
        with Image.open(BytesIO(data)) as picture:
            picture.load()
            said = {**picture.info, **getattr(picture, "text", {})}
            exif = dict(picture.getexif())
            parts = {ifd: dict(picture.getexif().get_ifd(ifd)) for ifd in _IFDS}
    except _BROKEN as error:
        yield Unread(where=where, reason=f"damaged: {error}")
        return
    yield Text(where=f"{where}, comments", text="\n".join(f"{name}: {_words(value)}" for name, value in said.items()))
    tags = {TAGS.get(tag, str(tag)): value for tag, value in exif.items()}
    tags |= {TAGS.get(tag, str(tag)): value for ifd in (IFD.Exif, IFD.Interop) for tag, value in parts[ifd].items()}
    yield Text(where=f"{where}, EXIF", text="\n".join(f"{name}: {_words(value)}" for name, value in tags.items()))
    yield from _gps(where, {GPSTAGS.get(tag, str(tag)): value for tag, value in parts[IFD.GPSInfo].items()})


def raster_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield tags, corners, middle and footprint of a GeoTIFF, and EXIF where it has some."""
    try:
        with MemoryFile(data) as memory, memory.open() as raster:
            yield Text(where=f"{where}, tags", text="\n".join(_tags(raster)))
            yield from _footprint(where, raster)
    except (RasterioError, ValueError) as error:
        yield Unread(where=where, reason=f"damaged: {error}")
        return
    try:
        with Image.open(BytesIO(data)) as picture:
            gps = dict(picture.getexif().get_ifd(IFD.GPSInfo))
    except _BROKEN:
        return  # a kind of TIFF that only the other library knows: it was read above
    yield from _gps(where, {GPSTAGS.get(tag, str(tag)): value for tag, value in gps.items()})


def _tags(raster: DatasetReader) -> Iterator[str]:
    spaces = [(band, space) for band in range(raster.count + 1) for space in (None, *raster.tag_namespaces(band))]
    for band, space in spaces:
        for name, value in raster.tags(band, ns=space).items():
            yield f"{name}: {value}"
    yield from (str(one) for one in raster.descriptions if one)
    yield from (f"{point.x} {point.y}" for point in raster.gcps[0])


def _footprint(where: str, raster: DatasetReader) -> Iterator[Piece]:
    if raster.crs is None or raster.transform.is_identity:
        return
    bounds = transform_bounds(raster.crs, rasterio.CRS.from_epsg(4326), *raster.bounds)
    if np.isfinite(bounds).all():
        yield from bounds_pieces(f"{where}, where it lies", bounds)


def _gps(where: str, tags: Mapping[str, Any]) -> Iterator[Piece]:
    yield Text(where=f"{where}, EXIF GPS", text="\n".join(f"{name}: {_words(value)}" for name, value in tags.items()))
    for lon_name, lat_name in (("GPSLongitude", "GPSLatitude"), ("GPSDestLongitude", "GPSDestLatitude")):
        lon, lat = _angle(tags, lon_name), _angle(tags, lat_name)
        if lon is not None and lat is not None:
            yield Places(where=f"{where}, EXIF GPS", positions=Positions.exact([(lon, lat)]))


def _angle(tags: Mapping[str, Any], name: str) -> float | None:
    try:
        parts = [float(part) for part in tags[name]]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    size = sum(part / 60.0**place for place, part in enumerate(parts[:3]))
    return -size if str(tags.get(f"{name}Ref", "")).upper().startswith(("S", "W")) else size


def _words(value: object) -> str:
    if isinstance(value, bytes):
        is_wide = len(value) > _LEAST_BYTES and value[1::2].count(0) > len(value) // 4
        return value.decode("utf-16-le" if is_wide else "utf-8", "replace").replace("\0", "")
    return str(value)
