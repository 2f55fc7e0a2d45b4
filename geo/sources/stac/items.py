"""A STAC item, read once: what was seen when, by what, and where its bands are."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.masks import SCL
from geo.reflectance import Scaling, baseline_of, is_doubtful, stac_scaling, stated
from geo.scene import Quantity
from geo.sources.clear import CLOUD_LAYER
from geo.sources.stac.assets import BandAsset, band_assets

MARGIN_DEG = 0.005
"""Outlines of items are simplified: a file is looked at if it may lie this near (some 500 m)."""

_DATATAKE = ("s2:datatake_id", "eopf:datatake_id", "sentinel2:datatake_id")
_SENSED = re.compile(r"(\d{8}T\d{6})")
_PRODUCT = re.compile(r"(S2[A-D]_MSIL[12][AC]_\d{8}T\d{6})_(?:N\d{4}_)?(R\d{3}_T\w{5})(?:_\d{8}T\d{6})?(?:\.SAFE)?")
"""The name of a product; its baseline and the time of processing change when it is processed again."""
_TILE = re.compile(r"(?:MGRS-|T)?(\d{1,2}[A-Z]{3})")
_ORBIT = re.compile(r"_R(\d{3})_")
_PERCENT = Scaling(scale=1.0, offset=0.0, nodata=0.0)
"""Whole per cent; 0 stands beyond the edge too, and nobody need tell it from no cloud."""
_CHECKSUMS = ("file:checksum", "checksum:multihash", "file:size")
_VERSIONS = ("updated", "s2:generation_time", "processing:datetime", "created")


@dataclass(frozen=True, slots=True, kw_only=True)
class StacItem:
    """One tile of one acquisition."""

    item_id: str
    product_id: str
    """The provider's product, without what changes when it is processed again."""
    observed_at: datetime
    """Aware, in UTC."""
    platform: str
    quantity: Quantity
    bands: Mapping[str, BandAsset]
    footprint_4326: BaseGeometry | None = None
    tile: str | None = None
    datatake: str | None = None
    """When the take that it belongs to began: all tiles of one overpass share it."""
    baseline: str | None = None
    relative_orbit: int | None = None
    cloud_share: float | None = None
    facts: tuple[str, ...] = ()
    """All that changes if its pixels may have changed."""
    provider: tuple[str, ...] = ()
    """What the catalogue said of it, for the record: versions, checksums, the hash of the item itself."""

    def touches(self, shape_4326: BaseGeometry) -> bool:
        """Say whether it may show something of `shape_4326`."""
        return self.footprint_4326 is None or self.footprint_4326.intersects(shape_4326)


def read_item(document: Mapping[str, Any], *, locate: Callable[[str], str]) -> StacItem:
    """Return the item in a JSON document; without bands, if none of its assets is one that we know.

    Args:
        document: A STAC item, of version 1.0 or 1.1.
        locate: Makes the address of an asset absolute.

    Raises:
        SourceError: It is no item, has no time, is of an unknown sensor, or states numbers that are none; names it.

    """
    item_id = str(document.get("id"))
    try:
        return _item(document, item_id, locate)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, shapely.errors.ShapelyError) as error:
        raise SourceError(f"item {item_id}: not a STAC item that can be used: {error!r}") from error


def _item(document: Mapping[str, Any], item_id: str, locate: Callable[[str], str]) -> StacItem:
    properties: Mapping[str, Any] = document["properties"]
    product = _product_name(item_id, properties)
    match = _PRODUCT.search(product)
    platform = _platform(document, properties, product)
    is_radar = platform.startswith("sentinel-1")
    baseline = baseline_of(properties, product) if platform.startswith("sentinel-2") else None
    footprint = _footprint(document)
    bands = _bands(document, platform, baseline, footprint=footprint, locate=locate)
    return StacItem(
        item_id=item_id,
        product_id="_".join(match.groups()) if match else item_id,
        observed_at=_time(properties),
        platform=platform,
        quantity=Quantity.GAMMA0 if is_radar else Quantity.REFLECTANCE,
        bands=bands,
        footprint_4326=footprint,
        tile=_tile(properties, product),
        datatake=_datatake(properties, product),
        baseline=baseline,
        relative_orbit=_orbit(properties, product),
        cloud_share=None if properties.get("eo:cloud_cover") is None else float(properties["eo:cloud_cover"]) / 100,
        facts=_facts(document, bands),
        provider=_said(document, bands),
    )


def _platform(document: Mapping[str, Any], properties: Mapping[str, Any], product: str) -> str:
    """Return the satellite in lower case, such as ``sentinel-2a``; ``unknown`` where nothing tells.

    Raises:
        SourceError: It is one whose clouds could not be told.

    """
    named = re.match(r"S([12][A-D])_", product)
    collection = str(document.get("collection") or "").lower()
    by_collection = next((name for name in ("sentinel-1", "sentinel-2") if collection.startswith(name)), "")
    said = str(properties.get("platform") or properties.get("constellation") or "").lower().replace(" ", "-")
    platform = said or (f"sentinel-{named.group(1).lower()}" if named else "") or by_collection or "unknown"
    if platform.startswith("landsat"):
        raise SourceError(
            f"item {document.get('id')}: expected Sentinel-1 or Sentinel-2; got {platform}, whose masks are not known"
        )
    return platform


def _bands(
    document: Mapping[str, Any],
    platform: str,
    baseline: str | None,
    *,
    footprint: BaseGeometry | None,
    locate: Callable[[str], str],
) -> dict[str, BandAsset]:
    properties: Mapping[str, Any] = document["properties"]
    is_radar, is_msi = platform.startswith("sentinel-1"), platform.startswith("sentinel-2")
    epsg = _epsg(properties)
    bands = {}
    for band, (key, asset) in band_assets(document["assets"], is_radar=is_radar).items():
        scaling: Scaling | None = None
        if is_radar:
            scaling = _radar_scaling(document, key, asset)
        elif band == CLOUD_LAYER:
            scaling = _PERCENT
        elif band != SCL:
            scaling = _scaling(asset, properties, baseline=baseline, is_msi=is_msi)
        bands[band] = BandAsset(
            item_id=str(document["id"]),
            key=key,
            band=band,
            href=locate(str(asset["href"])),
            scaling=scaling,
            footprint_4326=None if footprint is None else footprint.buffer(MARGIN_DEG),
            epsg=epsg,
            is_doubtful=is_doubtful(properties, baseline),
        )
    return bands


def _scaling(
    asset: Mapping[str, Any], properties: Mapping[str, Any], *, baseline: str | None, is_msi: bool
) -> Scaling | None:
    if is_msi:
        return stac_scaling(asset, properties, baseline=baseline)
    scale, offset, nodata = stated(asset)
    if scale is None:
        return None
    return Scaling(scale=scale, offset=offset or 0.0, nodata=nan if nodata is None else nodata)


def _radar_scaling(document: Mapping[str, Any], key: str, asset: Mapping[str, Any]) -> Scaling:
    """Return the scaling of linear gamma0, which is 1.

    Raises:
        SourceError: It is not terrain-corrected, or in decibels.

    """
    raster: Mapping[str, Any] = next(iter(asset.get("raster:bands") or asset.get("bands") or ()), {})
    name = f"item {document['id']}, asset {key}"
    is_corrected = "rtc" in f"{document.get('collection')} {document['id']}".lower()
    dtype = str(raster.get("data_type") or asset.get("data_type") or ("float32" if is_corrected else "unknown"))
    if not (is_corrected or dtype.startswith("float")):
        raise SourceError(
            f"{name}: expected terrain-corrected gamma0 (a collection such as sentinel-1-rtc); got {dtype}"
        )
    if str(raster.get("unit") or "").lower() == "db":
        raise SourceError(f"{name}: expected linear power; got decibels")
    _, _, nodata = stated(asset)
    return Scaling(scale=1.0, offset=0.0, nodata=nan if nodata is None else nodata)


def _time(properties: Mapping[str, Any]) -> datetime:
    text = properties.get("datetime") or properties.get("start_datetime")
    if not text:
        raise ValueError("it has neither datetime nor start_datetime")
    stamp = datetime.fromisoformat(str(text))
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _footprint(document: Mapping[str, Any]) -> BaseGeometry | None:
    if document.get("geometry"):
        outline = shape(document["geometry"])
        return outline if outline.is_valid else outline.buffer(0)
    box = document.get("bbox")
    return shapely.box(*box[:2], *box[len(box) // 2 :][:2]) if box else None


def _product_name(item_id: str, properties: Mapping[str, Any]) -> str:
    names = (properties.get("s2:product_uri"), properties.get("sentinel:product_id"), item_id)
    return next((str(name) for name in names if name and _PRODUCT.search(str(name))), item_id)


def _tile(properties: Mapping[str, Any], product: str) -> str | None:
    for said in (properties.get("grid:code"), properties.get("s2:mgrs_tile"), *product.split("_")):
        match = _TILE.fullmatch(str(said or ""))
        if match:
            return match.group(1).zfill(5)
    return None


def _datatake(properties: Mapping[str, Any], product: str) -> str | None:
    said = next((str(properties[key]) for key in _DATATAKE if properties.get(key)), None)
    match = _SENSED.search(said or (product if _PRODUCT.search(product) else ""))
    return match.group(1) if match else None


def _orbit(properties: Mapping[str, Any], product: str) -> int | None:
    said = properties.get("sat:relative_orbit")
    match = _ORBIT.search(product)
    if said is not None:
        return int(said)
    return int(match.group(1)) if match else None


def _epsg(properties: Mapping[str, Any]) -> int | None:
    said = properties.get("proj:epsg") or str(properties.get("proj:code") or "").removeprefix("EPSG:")
    return int(said) if str(said).isdigit() else None


def _said(document: Mapping[str, Any], bands: Mapping[str, BandAsset]) -> tuple[str, ...]:
    """Return what names and checks the product, without where its files lie."""
    record = hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    properties = document["properties"]
    versions = [f"{key} {properties[key]}" for key in _VERSIONS if properties.get(key)]
    sums = [
        f"{band} {key} {document['assets'][asset.key][key]}"
        for band, asset in bands.items()
        for key in _CHECKSUMS
        if key in document["assets"][asset.key]
    ]
    return (f"item {document['id']}", *versions, *sums, f"record sha256 {record}")


def _facts(document: Mapping[str, Any], bands: Mapping[str, BandAsset]) -> tuple[str, ...]:
    properties = document["properties"]
    versions = [f"{key}={properties[key]}" for key in _VERSIONS if properties.get(key)]
    files = []
    for band, asset in bands.items():
        said = document["assets"][asset.key]
        sums = [str(said[key]) for key in _CHECKSUMS if key in said]
        href = asset.href.partition("?")[0]  # what follows may be a signature, another one each time
        files.append(" ".join([band, href, repr(asset.scaling), *sums]))
    return (str(document["id"]), *versions, *files)
