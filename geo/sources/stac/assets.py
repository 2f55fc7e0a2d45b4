"""Which band an asset of a STAC item is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from geo.masks import SCL
from geo.reflectance import Scaling
from geo.sources.clear import CLOUD_LAYER
from geo.sources.folder.names import BAND_NAMES, COMMON_NAMES, RADAR_BANDS, band_id

ALL_BANDS = (*BAND_NAMES, *RADAR_BANDS)
VISIBLE = ("B02", "B03", "B04")

_ID = re.compile(r"(B(?:8A|0?[1-9]|1[0-2])|SCL)(?:[_-](\d\d)m)?", re.IGNORECASE)
_CLOUD = re.compile(r"(?:cloud|cloud[-_]probability|cld|msk[-_]cldprb)(?:[-_](\d\d)m)?", re.IGNORECASE)
"""Keys of the cloud probability that Sen2Cor gives; what s2cloudless gives goes by other names and other units."""
_NO_BAND = frozenset({"thumbnail", "overview", "visual", "metadata"})
_ORIGINAL = "-jp2"
"""Earth Search lists the product's own files beside its copies: not open to everybody, and their offset is another."""
_UNKNOWN_PIXEL_M = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class BandAsset:
    """One band of one item: a layer that can be read."""

    item_id: str
    key: str
    """The asset's name in its item."""
    band: str
    href: str
    scaling: Scaling | None = None
    """None for classes, and where the file must tell itself."""
    footprint_4326: BaseGeometry | None = None
    epsg: int | None = None
    is_doubtful: bool = False
    """Whether what the catalogue says of its offset may be wrong."""

    @property
    def name(self) -> str:
        """Item and asset, for messages."""
        return f"item {self.item_id}, asset {self.key}"


def band_assets(assets: Mapping[str, Mapping[str, Any]], *, is_radar: bool) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return which asset is which band: band to key and asset, GeoTIFF before JPEG 2000, fine pixels before coarse.

    The cloud probability (`CLOUD_LAYER`) comes beside the classes that it refines, never alone.
    """
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for key, asset in assets.items():
        if not _is_image(key, asset):
            continue
        band = _radar_band(key) if is_radar else _band(key, asset)
        if band is not None:
            found.setdefault(band, []).append((key, asset))
    names = (*ALL_BANDS, CLOUD_LAYER) if SCL in found else ALL_BANDS
    return {band: min(found[band], key=_preference) for band in names if band in found}


def _is_image(key: str, asset: Mapping[str, Any]) -> bool:
    kind = str(asset.get("type") or "")
    path = str(asset.get("href") or "").partition("?")[0].lower()
    is_raster = kind.startswith(("image/tiff", "image/jp2", "image/vnd.stac.geotiff")) or path.endswith(
        (".tif", ".tiff", ".jp2")
    )
    has_other_role = bool(_NO_BAND & set(asset.get("roles") or ()))
    is_one_band = len(asset.get("bands") or asset.get("eo:bands") or "1") == 1
    return is_raster and is_one_band and not has_other_role and not key.endswith(_ORIGINAL)


def _band(key: str, asset: Mapping[str, Any]) -> str | None:
    """Return the band by the asset's key, then by its band's name, then by its band's common name."""
    if _CLOUD.fullmatch(key):
        return CLOUD_LAYER
    for name in (key, *_said_names(asset)):
        match = _ID.fullmatch(name)
        if match:
            return band_id(match.group(1))
        if name.lower() in COMMON_NAMES:
            return COMMON_NAMES[name.lower()]
    return None


def _said_names(asset: Mapping[str, Any]) -> Iterator[str]:
    bands: Sequence[Mapping[str, Any]] = [*(asset.get("bands") or ()), *(asset.get("eo:bands") or ())]
    for field in ("name", "eo:common_name", "common_name"):
        yield from (str(band[field]) for band in bands if band.get(field))


def _radar_band(key: str) -> str | None:
    return key.upper() if key.upper() in RADAR_BANDS else None


def _preference(found: tuple[str, Mapping[str, Any]]) -> tuple[bool, float, str]:
    key, asset = found
    is_jp2 = str(asset.get("type") or "").startswith("image/jp2") or str(asset["href"]).lower().endswith(".jp2")
    return (is_jp2, _pixel_m(key, asset), key)


def _pixel_m(key: str, asset: Mapping[str, Any]) -> float:
    match = _ID.fullmatch(key) or _CLOUD.fullmatch(key)
    size = match[match.re.groups] if match else None
    if size:
        return float(size)
    transform = asset.get("proj:transform") or ()
    return float(asset.get("gsd") or (transform[0] if transform else _UNKNOWN_PIXEL_M))
