"""Which products of the catalogue are one look: pieces of one pass, each in its newest processing."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.sources.base import SceneRef
from geo.sources.sentinelhub.recipe import Recipe

PASS_S = 60
"""Products of one satellite within this many seconds come from one pass: it flies 400 km meanwhile, and comes back
to the same ground an orbit (99 minutes) later at the soonest."""

_PASS = timedelta(seconds=PASS_S)
_OPTICAL = re.compile(
    r"(?P<look>S2[A-D]_MSIL2A_\d{8}T\d{6})_N(?P<baseline>\d{4})_R(?P<track>\d{3})_(?P<tile>T\w{5})_(?P<made>\d{8}T\d{6})"
)
_RADAR = re.compile(
    r"(?P<platform>S1[A-D])_(?P<mode>IW_GRD\w_\w{4})_(?P<start>\d{8}T\d{6})_\d{8}T\d{6}"
    r"_(?P<orbit>\d{6})_(?P<datatake>\w{6})_(?P<check>\w{4})"
)
_TRACKS = 175
_ALWAYS = "99999999"
_ORBIT_OFFSETS: Mapping[str, Sequence[tuple[str, str, int]]] = {
    "S1A": [("", _ALWAYS, 73)],
    "S1B": [("", _ALWAYS, 27)],
    "S1C": [("", "20260609", 172), ("20260624", _ALWAYS, 99)],
    "S1D": [("", _ALWAYS, 42)],
}
"""By satellite: from which day on, until before which day, and the offset of its absolute orbits. Sentinel-1C moved to
another place of the same tracks in June 2026; what it took on the way, only the catalogue can place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What the name of a product tells."""

    look: str
    """What the products of one pass share."""
    piece: str = ""
    """Which piece of the pass it is; one piece may be there in several processings."""
    version: tuple[str, ...] = ()
    """Orders the processings of a piece, the newest last."""
    baseline: str | None = None
    relative_orbit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One product as the catalogue lists it."""

    product_id: str
    name: Name
    observed_at: datetime
    platform: str
    footprint_4326: BaseGeometry
    relative_orbit: int | None
    cloud_share: float | None


def parse_item(feature: Mapping[str, Any]) -> Item:
    """Return what a feature of the catalogue says.

    Raises:
        SourceError: It lacks its time or its outline; names the product.

    """
    product_id = str(feature.get("id", "")).removesuffix(".SAFE")
    name = parse_name(product_id)
    try:
        told = feature["properties"]
        cloud, track = told.get("eo:cloud_cover"), told.get("sat:relative_orbit")
        return Item(
            product_id=product_id,
            name=name,
            observed_at=datetime.fromisoformat(told["datetime"]).astimezone(UTC),
            platform=_platform(str(told.get("platform") or ""), product_id),
            footprint_4326=shape(feature["geometry"]),
            relative_orbit=name.relative_orbit if track is None else int(track),
            cloud_share=None if cloud is None else float(cloud) / 100,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"product {product_id or 'without id'}: the catalogue's entry makes no sense: {error!r}"
        ) from error


def parse_name(product_id: str) -> Name:
    """Return what the name of a product tells; a name that is not understood stands for itself alone."""
    optical, radar = _OPTICAL.match(product_id), _RADAR.match(product_id)
    if optical:
        baseline = optical["baseline"]
        return Name(
            look=f"{optical['look']}_R{optical['track']}",
            piece=optical["tile"],
            version=(baseline, optical["made"]),
            baseline=f"{baseline[:2]}.{baseline[2:]}",
            relative_orbit=int(optical["track"]),
        )
    if radar:
        return Name(
            look=f"{radar['platform']}_{radar['mode']}_{radar['orbit']}_{radar['datatake']}",
            piece=radar["start"],
            version=(radar["check"],),
            relative_orbit=_track(radar["platform"], int(radar["orbit"]), radar["start"]),
        )
    return Name(look=product_id)


def _track(platform: str, absolute_orbit: int, started: str) -> int | None:
    for first, end, offset in _ORBIT_OFFSETS.get(platform, ()):
        if first <= started < end:
            return (absolute_orbit - offset) % _TRACKS + 1
    return None


def _platform(told: str, product_id: str) -> str:
    """Return such as ``sentinel-2a``, whoever wrote it how."""
    short = re.match(r"S([12])([A-D])_", product_id)
    return f"sentinel-{short[1]}{short[2].lower()}" if short else told.lower() or "unknown"


def looks_of(items: Iterable[Item]) -> list[tuple[Item, ...]]:
    """Return the items of each pass, the newest processing of every piece, ascending in time."""
    passes: list[list[Item]] = []
    for item in sorted(items, key=lambda one: (one.platform, one.observed_at, one.product_id)):
        first = passes[-1][0] if passes else None
        if first and first.platform == item.platform and item.observed_at - first.observed_at < _PASS:
            passes[-1].append(item)
        else:
            passes.append([item])
    return sorted((_newest(one) for one in passes), key=lambda look: (look[0].observed_at, look[0].product_id))


def _newest(items: Iterable[Item]) -> tuple[Item, ...]:
    by_piece: dict[tuple[str, str], Item] = {}
    for item in sorted(items, key=lambda one: one.name.version):
        by_piece[item.name.look, item.name.piece] = item
    return tuple(sorted(by_piece.values(), key=lambda one: (one.observed_at, one.product_id)))


def ref_of(look: Sequence[Item], recipe: Recipe, *, bands: tuple[str, ...]) -> SceneRef:
    """Return the scene that the items of one pass make up."""
    first = look[0]
    clouds = [item.cloud_share for item in look if item.cloud_share is not None]
    baselines = [item.name.baseline for item in look if item.name.baseline]
    told = "\n".join([recipe.collection, str(recipe.version), *sorted(item.product_id for item in look)])
    return SceneRef(
        scene_id=_scene_id(look),
        observed_at=first.observed_at,
        platform=first.platform,
        bands=bands,
        fingerprint=hashlib.sha256(told.encode()).hexdigest()[:16],
        quantity=recipe.quantity,
        processing_baseline=max(baselines, default=None),
        relative_orbit=first.relative_orbit,
        cloud_share=min(clouds, default=None),
        provider=tuple(f"product {item.product_id}" for item in look),
    )


def _scene_id(look: Sequence[Item]) -> str:
    """Return the names of the products without what another processing would change."""
    names = sorted({(item.name.look, item.name.piece) for item in look})
    parts = []
    for shared, group in groupby(names, key=lambda one: one[0]):
        pieces = "+".join(piece for _, piece in group if piece)
        parts.append(f"{shared}_{pieces}" if pieces else shared)
    return "+".join(parts)


def window_of(ref: SceneRef) -> tuple[datetime, datetime]:
    """Return the time range that holds all products of the pass and of no other one."""
    return ref.observed_at.replace(microsecond=0) - _PASS, ref.observed_at.replace(microsecond=0) + _PASS
