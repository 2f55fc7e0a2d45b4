"""Sentinel-2 products as they are delivered: SAFE folders, read by their metadata.

A folder with ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml`` in it is a product. Its metadata lists the images of each granule
without their suffix; of a band that is there in several pixel sizes the finest is taken, bands that were not kept are
not offered. Elements as in the Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), of which
``L2A_``-prefixed ones stand in products of 2016 to 2018. Older products, named ``S2A_OPER_…``, are read as plain files.

Of the same ground of the same overpass only the version of the newest processing baseline counts. Level 1C has no
classification layer: everything that was recorded counts as clearly seen.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from geo.errors import SourceError
from geo.masks import SCL
from geo.reflectance import Scaling, baseline_number, safe_scalings
from geo.scene import Quantity
from geo.sources.clear import CLOUD_LAYER
from geo.sources.folder.image import ImageFile, Told
from geo.sources.folder.layers import Layer, Numbers, broken_layers
from geo.sources.folder.names import find_bands
from geo.sources.header import footprint_4326, read_header

logger = logging.getLogger(__name__)

METADATA_NAMES = ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")
_TILE_METADATA = "MTD_TL.xml"
_IMAGE_SUFFIX = ".jp2"
_LARGEST_METADATA = 50_000_000
_CLOUD_PATTERNS = tuple(
    f"QI_DATA/{name}_{pixel_m}m{_IMAGE_SUFFIX}" for pixel_m in (20, 60) for name in ("MSK_CLDPRB", "*_CLD")
)
"""Where a granule of level 2A has its cloud probability, in per cent: the better first; ``CLD`` until 2018."""
_LIST_NAMES = ("IMAGE_FILE", "IMAGE_FILE_2A")
_URI_NAMES = ("PRODUCT_URI", "PRODUCT_URI_2A")
_PRODUCT_NAME = re.compile(r"(S2[A-D]_MSIL(?:1C|2A)_\d{8}T\d{6})_N\d{4}_(R\d{3}_T\w{5})_\d{8}T\d{6}")
_PIXEL = re.compile(r"_(10|20|60)m$")
_TILE = re.compile(r"_(T\d\d[A-Z]{3})_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What the metadata of one product says of one of its granules; new products have one."""

    folder: Path
    level: str
    """``L1C`` or ``L2A``."""
    tile: str
    generated_at: datetime
    datatake_at: datetime
    """When the overpass began: what all its products have in common."""
    told: Told
    images: Mapping[str, Path]
    """Band to the finest image of it that is there."""
    scalings: Mapping[str, Scaling]


def is_product(names: Iterable[str]) -> bool:
    """Say whether a folder with files of these `names` is a product."""
    return any(name in METADATA_NAMES for name in names)


def read_products(folder: Path) -> tuple[Product, ...]:
    """Read the metadata of the product in `folder`: one entry a granule.

    Raises:
        SourceError: The metadata is damaged, lacks something, or lists no image that is there; names the file.

    """
    path = next(folder / name for name in METADATA_NAMES if (folder / name).is_file())
    text = _text(path)
    try:
        said = _Said(fromstring(text, forbid_dtd=True))
        scalings = safe_scalings(text)
        granules = _granules(folder, said)
        products = tuple(
            _product(path, said, granule, images, scalings=scalings) for granule, images in granules.items()
        )
    except ET.ParseError as error:
        raise SourceError(f"{path}: expected the XML of a Sentinel-2 product: {error}") from error
    except DefusedXmlException as error:
        raise SourceError(f"{path}: defines a document type or entities, which no product does") from error
    except (ValueError, OSError) as error:
        raise SourceError(f"{path}: {error}") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise SourceError(f"{path}: lacks something that the metadata of a product has: {error!r}") from error
    if not products:
        raise SourceError(f"{path}: of the images that it lists, none is there")
    return products


def newest(products: Sequence[Product]) -> list[Product]:
    """Return `products` without those that a later processing of the same ground and overpass supersedes.

    Two parts of one tile that were seen one after the other and processed alike stay both.
    """
    best: dict[tuple[str, datetime, str], tuple[int, int]] = {}
    for product in products:
        best[_ground(product)] = max(_baseline(product), best.get(_ground(product), (-1, -1)))
    latest: dict[tuple[object, ...], Product] = {}
    for product in sorted(products, key=lambda product: product.generated_at):
        if _baseline(product) == best[_ground(product)]:
            latest[*_ground(product), product.told.sensed_at] = product
    return list(latest.values())


def image_files(product: Product, root: Path) -> list[ImageFile]:
    """Return the images of a product, looking at their headers only; `root` is the source's folder."""
    return [
        ImageFile(
            path=path,
            relative=path.relative_to(root).as_posix(),
            names=(path.stem,),
            observed_at=product.datatake_at,
            layers=_layers(band, path, product.scalings.get(band)),
            row=None,
            problem="",
            told=product.told,
        )
        for band, path in product.images.items()
    ]


class _Said:
    """The elements of a metadata file by name, whatever their namespace."""

    def __init__(self, root: ET.Element) -> None:
        self._texts: dict[str, list[str]] = {}
        for element in root.iter():
            text = (element.text or "").strip()
            if text:
                self._texts.setdefault(str(element.tag).rpartition("}")[2], []).append(text)

    def all(self, *names: str) -> list[str]:
        """Return the texts of all elements of these names."""
        return [text for name in names for text in self._texts.get(name, ())]

    def one(self, *names: str) -> str:
        """Return the text of the first of them.

        Raises:
            ValueError: There is none.

        """
        found = self.all(*names)
        if not found:
            raise ValueError(f"expected an element {names[0]}; found none")
        return found[0]


def _granules(folder: Path, said: _Said) -> dict[str, dict[str, Path]]:
    """Return, by the granule's folder, the finest image of each band that is there, and the cloud probability."""
    granules: dict[str, dict[str, Path]] = {}
    listed = [Path(*Path(text).parts) for text in said.all(*_LIST_NAMES)]
    for image in sorted(listed, key=_pixel_m):
        bands = find_bands(image.name)
        path = folder / image.with_name(f"{image.name}{_IMAGE_SUFFIX}")
        is_inside = not image.is_absolute() and ".." not in image.parts and len(image.parts) > 1
        if len(bands) == 1 and is_inside and path.is_file():
            granules.setdefault("/".join(image.parts[:2]), {}).setdefault(bands[0], path)
    for granule, images in granules.items():
        clouds = (path for pattern in _CLOUD_PATTERNS for path in sorted((folder / granule).glob(pattern)))
        if SCL in images and (cloud := next(clouds, None)):
            images[CLOUD_LAYER] = cloud
    return granules


def _pixel_m(image: Path) -> int:
    match = _PIXEL.search(image.name)
    return int(match.group(1)) if match else 0


def _product(
    path: Path, said: _Said, granule: str, images: Mapping[str, Path], *, scalings: Mapping[str, Scaling]
) -> Product:
    uri = said.one(*_URI_NAMES).removesuffix(".SAFE")
    tile = next((match.group(1) for text in (f"{uri}_", f"{granule}_") if (match := _TILE.search(text))), "")
    baseline = said.one("PROCESSING_BASELINE")
    baseline_number(baseline)  # refuses what is none
    cloud = said.all("Cloud_Coverage_Assessment", "CLOUDY_PIXEL_PERCENTAGE")
    datatake_at = _moment(said.one("DATATAKE_SENSING_START", "PRODUCT_START_TIME"))
    level = "L2A" if "2A" in said.one("PROCESSING_LEVEL") else "L1C"
    told = Told(
        scene_id=_scene_id(uri),
        kind=level,
        platform=said.one("SPACECRAFT_NAME").lower(),
        processing_baseline=baseline,
        relative_orbit=int(said.one("SENSING_ORBIT_NUMBER")),
        cloud_share=float(cloud[0]) / 100 if cloud else None,
        sensed_at=_sensed_at(path.parent / granule / _TILE_METADATA) or datatake_at,
        note_path=path,
    )
    return Product(
        folder=path.parent,
        level=level,
        tile=tile,
        generated_at=_moment(said.one("GENERATION_TIME")),
        datatake_at=datatake_at.replace(microsecond=0),  # as file names have it
        told=told,
        images=dict(images),
        scalings=scalings,
    )


def _scene_id(uri: str) -> str:
    """Return the product's name without what changes when it is processed again."""
    match = _PRODUCT_NAME.fullmatch(uri)
    return f"{match.group(1)}_{match.group(2)}" if match else uri


def _sensed_at(path: Path) -> datetime | None:
    """Return when the tile was seen, by its own metadata, which may be missing."""
    if not path.is_file():
        return None
    for _, element in iterparse(path, forbid_dtd=True):  # read only up to the element, for the angles are long
        if str(element.tag).rpartition("}")[2] == "SENSING_TIME":
            return _moment(element.text or "")
    return None


def _layers(band: str, path: Path, scaling: Scaling | None) -> tuple[Layer, ...]:
    try:
        header = read_header(path)
        footprint = footprint_4326(header)
    except SourceError as error:
        text = str(error)
        return broken_layers(path, (band,), text if str(path) in text else f"{path}: {text}")
    numbers = None
    if scaling is not None and band != SCL:
        numbers = Numbers(
            scale=scaling.scale, offset=scaling.offset, nodata=scaling.nodata, quantity=Quantity.REFLECTANCE
        )
    return (Layer(band=band, path=path, header=header, footprint_4326=footprint, numbers=numbers),)


def _ground(product: Product) -> tuple[str, datetime, str]:
    return (product.level, product.datatake_at, product.tile)


def _baseline(product: Product) -> tuple[int, int]:
    return baseline_number(product.told.processing_baseline or "")


def _moment(text: str) -> datetime:
    stamp = datetime.fromisoformat(text.strip())
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_METADATA:
            raise SourceError(f"{path}: has more than {_LARGEST_METADATA:,} bytes, as no metadata of a product does")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as UTF-8 text") from error
