"""How digital numbers (DN) become reflectance, read from the metadata of a product: reflectance = DN x scale + offset.

Since processing baseline 04.00 Sentinel-2 products hold DN that are 1000 higher, so that reflectances a little below
zero can be told. **What has to be taken off is read from metadata, never from the date**: baseline 04.00 started on
25 January 2022, but scenes back to 2015 were processed again with it and later ones, and catalogues serve some pixels
with the shift taken off already. The sources, the first that says something wins:

1. ``earthsearch:boa_offset_applied`` is true: the pixels were shifted back when they were copied. The offset is 0,
   even where ``raster:bands`` still states the product's; applied a second time it would darken everything by 0.1.
2. The offset that the asset states (``raster:bands`` of STAC 1.0, ``bands`` and ``raster:offset`` of STAC 1.1). A
   scale without an offset says nothing of the offset.
3. The processing baseline, for a catalogue that serves the product's own DN and states no offset, as the Planetary
   Computer does: -1000 DN from 04.00 on, 0 before. It is the product's metadata, as is the baseline in its name.
4. The scale and offset tags of the file itself.

Known to be wrong at times: in the collection ``sentinel-2-l2a`` of Earth Search v1, items say that the offset was not
applied, and state -0.1, though their pixels were shifted (Element84/earth-search issues 66 and 71, cirrus-earth-search
issue 33). No metadata tells them apart. The collection ``sentinel-2-c1-l2a`` of the same catalogue, whose pixels are
never shifted, has no such items; `is_doubtful` and `contradicts` find those where pixels and metadata cannot both hold.

Reflectance below zero is kept as it is: it is dark ground and noise, and lifting it to 0 would raise the mean of every
dark surface and bend every index made of it. It needs no floor, for the DN set one: no pixel lies below -0.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

S2_SCALE = 1e-4
"""Sentinel-2 products hold reflectance times 10 000, where nothing else is stated."""
S2_NODATA = 0.0
"""In every baseline: a pixel that recorded nothing has DN 0, and no other has."""
OFFSET_DN = -1000.0
OFFSET_SINCE = (4, 0)

MAX_NEGATIVE_SHARE = 0.5
"""More negative visible reflectance than this share of the recorded pixels cannot be: an offset was applied twice."""

_S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""By the ``band_id`` of the product's metadata."""
_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINES = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")
_NAMES = ("s2:product_uri", "sentinel:product_id")
_BASELINE = re.compile(r"0?(\d{1,2})\.(\d{1,2})")
_BASELINE_IN_NAME = re.compile(r"_N(\d\d)(\d\d)_")
_QUANTIFICATION = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What the digital numbers of one band mean: reflectance = DN x scale + offset."""

    scale: float
    offset: float
    nodata: float
    """The DN for "not recorded"; NaN where none stands for it."""


def to_reflectance(
    numbers: NDArray[np.float32], scaling: Scaling, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the reflectance of digital numbers of any shape; NaN where they are NaN or nodata.

    Values below zero (see the module) and saturated ones, DN 65535, stay what they are: both were recorded.

    Args:
        numbers: The digital numbers.
        scaling: What they mean.
        out: Where to put the answer: `numbers` itself, if they are not needed any more, for an image may be large.

    """
    is_lost = None if isnan(scaling.nodata) else numbers == np.float32(scaling.nodata)
    values: NDArray[np.float32] = np.multiply(numbers, np.float32(scaling.scale), out=out)
    values += np.float32(scaling.offset)
    if is_lost is not None:
        values[is_lost] = np.nan
    return values


def baseline_offset_dn(baseline: str) -> float:
    """Return what is to be added to the DN of an unchanged product of `baseline`, such as ``05.10``.

    Raises:
        ValueError: It is no baseline.

    """
    return OFFSET_DN if baseline_number(baseline) >= OFFSET_SINCE else 0.0


def baseline_number(baseline: str) -> tuple[int, int]:
    """Return a processing baseline as numbers, to compare: ``05.10`` is (5, 10).

    Raises:
        ValueError: It is no baseline.

    """
    match = _BASELINE.fullmatch(baseline.strip())
    if match is None:
        raise ValueError(f"expected a processing baseline such as 05.10; got {baseline!r}")
    return int(match.group(1)), int(match.group(2))


def baseline_of(properties: Mapping[str, Any], *names: str) -> str | None:
    """Return the processing baseline that the properties of a STAC item, or the product's `names`, tell.

    00.00 counts as none: it stands in products made before baselines were given, and in some made by others.
    """
    for key in _BASELINES:
        said = str(properties.get(key) or "")
        if _BASELINE.fullmatch(said.strip()) and baseline_number(said) != (0, 0):
            return said.strip()
    for name in (*(str(properties.get(key) or "") for key in _NAMES), *names):
        match = _BASELINE_IN_NAME.search(name)
        if match:
            return f"{match.group(1)}.{match.group(2)}"
    return None


def safe_scalings(metadata: str) -> dict[str, Scaling]:
    """Return the scaling of each band from the text of a product's ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.

    Raises:
        ValueError: It is no such text, gives no quantification value, or lacks the offsets that its baseline has.

    """
    try:
        root = ET.fromstring(metadata)  # noqa: S314 - expat 2.4.1 and later refuse exploding entities; others are not read
    except ET.ParseError as error:
        raise ValueError(f"expected the XML of a Sentinel-2 product: {error}") from error
    texts = {name: element for element in root.iter() if (name := _local(element)) and element.text}
    quantification = next((texts[name] for name in _QUANTIFICATION if name in texts), None)
    if quantification is None:
        raise ValueError(f"expected one of {', '.join(_QUANTIFICATION)}; found none")
    scale = 1 / float(quantification.text or "nan")
    offsets = _safe_offsets(root, texts)
    nodata = _safe_nodata(root)
    return {band: Scaling(scale=scale, offset=offsets[band] * scale, nodata=nodata) for band in _S2_BANDS}


def stac_scaling(
    asset: Mapping[str, Any], properties: Mapping[str, Any], *, baseline: str | None = None
) -> Scaling | None:
    """Return the scaling of a Sentinel-2 asset from its STAC metadata; None where it does not tell.

    Args:
        asset: The asset, as in the JSON of its item.
        properties: The item's properties.
        baseline: The processing baseline, as `baseline_of` found it.

    Raises:
        ValueError: A stated number is none.

    """
    scale, offset, nodata = stated(asset)
    scale_or_usual = S2_SCALE if scale is None else scale
    if _is_applied(properties):
        offset = 0.0
    elif offset is None and baseline is not None:
        offset = baseline_offset_dn(baseline) * scale_or_usual
    if offset is None:
        return None
    return Scaling(scale=scale_or_usual, offset=offset, nodata=S2_NODATA if nodata is None else nodata)


def stated(asset: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return scale, offset and nodata as a STAC asset of one band states them, each None where it does not.

    Raises:
        ValueError: One is no number.

    """
    old: Mapping[str, Any] = next(iter(asset.get("raster:bands") or ()), {})
    new: Mapping[str, Any] = next(iter(asset.get("bands") or ()), {})

    def find(name: str, *, new_name: str) -> float | None:
        for place, key in ((new, new_name), (asset, new_name), (old, name)):
            if place.get(key) is not None:
                return _number(place[key], name=key)
        return None

    return (
        find("scale", new_name="raster:scale"),
        find("offset", new_name="raster:offset"),
        find("nodata", new_name="nodata"),
    )


def tag_scaling(*, scale: float, offset: float, nodata: float | None, dtype: str) -> Scaling | None:
    """Return the scaling that the tags of a raster file tell; None where they do not.

    Tags of 1 and 0 are what a file has that says nothing: floating point is then taken as it is, whole numbers
    remain unknown.
    """
    is_whole = np.dtype(dtype).kind in "iu"
    if is_whole and (scale, offset) == (1.0, 0.0):
        return None
    fallback = S2_NODATA if is_whole else nan
    return Scaling(scale=scale, offset=offset, nodata=fallback if nodata is None else nodata)


def is_doubtful(properties: Mapping[str, Any], baseline: str | None) -> bool:
    """Say whether an item's metadata is of the kind that is known to be wrong at times (see the module)."""
    flags = [properties[key] for key in _APPLIED if key in properties]
    return bool(flags) and not any(flags) and baseline is not None and baseline_offset_dn(baseline) != 0


def contradicts(reflectance: NDArray[np.float32]) -> bool:
    """Say whether a visible band, any shape, NaN = not recorded, shows that an offset was applied twice.

    It cannot find all: bright ground stays above zero. The sea may be negative, so ask of `is_doubtful` items only.
    """
    recorded = np.isfinite(reflectance)
    negative = np.count_nonzero(reflectance[recorded] < 0)
    return bool(negative > MAX_NEGATIVE_SHARE * np.count_nonzero(recorded))


def _is_applied(properties: Mapping[str, Any]) -> bool:
    return any(properties.get(key) is True for key in _APPLIED)


def _number(value: object, *, name: str) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError(f"{name}: expected a number; got {value!r}") from None


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _safe_offsets(root: ET.Element, texts: Mapping[str, ET.Element]) -> dict[str, float]:
    """Return what is to be added to the DN of each band."""
    found = [element for element in root.iter() if _local(element) in {"BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"}]
    baseline = texts.get("PROCESSING_BASELINE")
    if not found and baseline is not None and baseline_offset_dn(baseline.text or "") != 0:
        raise ValueError(f"expected an offset a band: the baseline is {baseline.text}; found none")
    offsets = {int(element.attrib["band_id"]): float(element.text or "nan") for element in found}
    if found and (missing := set(range(len(_S2_BANDS))) - set(offsets) - {_S2_BANDS.index("B10")}):
        raise ValueError(
            f"expected an offset a band; {', '.join(_S2_BANDS[index] for index in sorted(missing))} has none"
        )
    return {band: offsets.get(index, 0.0) for index, band in enumerate(_S2_BANDS)}


def _safe_nodata(root: ET.Element) -> float:
    for special in root.iter():
        cells = {_local(cell): (cell.text or "").strip() for cell in special}
        if cells.get("SPECIAL_VALUE_TEXT") == "NODATA":
            return float(cells["SPECIAL_VALUE_INDEX"])
    return S2_NODATA
