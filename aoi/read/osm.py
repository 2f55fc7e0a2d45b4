"""Known places in OpenStreetMap: an extract as XML (.osm).

Closed ways and multipolygons are outlines, tagged nodes are points. What the tags say is told by the tagging guide of
OpenStreetMap (https://wiki.openstreetmap.org/wiki/Map_features).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from xml.etree.ElementTree import Element

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.ops import polygonize

from aoi.facilities import Facility, FacilityKind
from aoi.read.imported import RejectedRow
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from aoi.read.markup import local_name, xml_events
from geo.errors import AoiError

SOURCE = "OpenStreetMap contributors, ODbL"
_NAME_TAGS = ("name", "name:en", "name:zh", "name:zh-Hans", "name:zh-Hant", "name:ug", "official_name", "alt_name", "old_name", "short_name")  # fmt: skip # noqa: E501
_FACTORIES = frozenset({"factory", "manufacture", "works"})
_RING_CORNERS = 4
_KEPT_TAGS = 40

Shape: TypeAlias = Point | Polygon | MultiPolygon


@dataclass(slots=True)
class _Extract:
    """What has been read so far. Places are (longitude, latitude)."""

    nodes: dict[str, tuple[float, float]] = field(default_factory=dict)
    ways: dict[str, list[str]] = field(default_factory=dict)
    tagged: list[tuple[str, str, dict[str, str], list[tuple[str, str, str]]]] = field(default_factory=list)
    """Kind, id, tags, and for relations the members: type, id, role."""


def read_osm(
    path: Path, limits: ReadLimits = DEFAULT_LIMITS
) -> tuple[tuple[Facility, ...], tuple[RejectedRow, ...], int]:
    """Return the facilities in the OSM XML at `path`, the tagged objects kept aside, and how many objects have tags.

    Raises:
        AoiError: It is no OSM XML, or too large.

    """
    if path.stat().st_size > limits.document_bytes:
        raise AoiError(f"{path}: has more than {limits.document_bytes:,} bytes; cut out the area that matters")
    with path.open("rb") as file:
        extract = _extract(xml_events(file, what=str(path)), path)
    found: list[Facility] = []
    rejected: list[RejectedRow] = []
    members = {member[1] for _, _, tags, several in extract.tagged for member in several if _is_outline(tags)}
    for kind, own, tags, several in extract.tagged:
        where = f"{path}, {kind} {own}"
        try:
            shape = _shape(kind, own, several, extract)
            found.append(facility_of(f"{kind}-{own}", tags, shape, is_part=kind == "way" and own in members))
        except AoiError as error:
            rejected.append(RejectedRow(where=where, reason=str(error), cells=dict(list(tags.items())[:_KEPT_TAGS])))
    return tuple(found), tuple(rejected), len(extract.tagged)


def _extract(events: Iterator[tuple[str, Element]], path: Path) -> _Extract:
    extract = _Extract()
    is_first = True
    for kind, element in events:
        name = local_name(element)
        if is_first and name != "osm":
            raise AoiError(f"{path}: is no extract of OpenStreetMap: its first element is {name!r}")
        is_first = False
        if kind == "end" and name in ("node", "way", "relation"):
            _take(element, name, extract)
            element.clear()
    return extract


def _take(element: Element, kind: str, extract: _Extract) -> None:
    own = str(element.get("id"))
    if element.get("action") == "delete" or element.get("visible") == "false":
        return
    tags = {str(tag.get("k")): str(tag.get("v")) for tag in element if local_name(tag) == "tag"}
    members: list[tuple[str, str, str]] = []
    if kind == "node":
        place = _place(element)
        if place is not None:
            extract.nodes[own] = place
    elif kind == "way":
        extract.ways[own] = [str(ref.get("ref")) for ref in element if local_name(ref) == "nd"]
    else:
        members = [
            (str(one.get("type")), str(one.get("ref")), str(one.get("role")))
            for one in element
            if local_name(one) == "member"
        ]
    if tags:
        extract.tagged.append((kind, own, tags, members))


def _place(element: Element) -> tuple[float, float] | None:
    try:
        place = float(str(element.get("lon"))), float(str(element.get("lat")))
    except ValueError:
        return None
    return place if all(map(math.isfinite, place)) else None


def _shape(kind: str, own: str, members: list[tuple[str, str, str]], extract: _Extract) -> Shape:
    """Return where an object is.

    Raises:
        AoiError: Its nodes are not all in the file, or it is no point and no closed outline.

    """
    if kind == "node":
        if own not in extract.nodes:
            raise AoiError("has no position that can be read")
        return Point(extract.nodes[own])
    if kind == "way":
        line = _line(own, extract)
        if len(line) < _RING_CORNERS or line[0] != line[-1]:
            raise AoiError("is an open line, no outline")
        return _sound(Polygon(line))
    return _of_relation(members, extract)


def _line(own: str, extract: _Extract) -> list[tuple[float, float]]:
    refs = extract.ways.get(own)
    if refs is None or any(ref not in extract.nodes for ref in refs):
        raise AoiError("reaches beyond the extract: some of its nodes are not in the file")
    return [extract.nodes[ref] for ref in refs]


def _of_relation(members: list[tuple[str, str, str]], extract: _Extract) -> Shape:
    rings: dict[str, list[LineString]] = {"outer": [], "inner": []}
    for kind, own, role in members:
        if kind == "way":
            line = _line(own, extract)
            if len(line) > 1:
                rings["inner" if role == "inner" else "outer"].append(LineString(line))
    outer = shapely.union_all(list(polygonize(rings["outer"])))
    inner = shapely.union_all(list(polygonize(rings["inner"])))
    if outer.is_empty:
        raise AoiError("is a relation without a closed outline")
    return _sound(shapely.difference(outer, inner))


def _sound(shape: shapely.Geometry) -> Shape:
    """Return `shape` without crossings of itself.

    Raises:
        AoiError: Nothing is left of it.

    """
    try:
        valid = shape if shape.is_valid else shapely.make_valid(shape)
    except (ShapelyError, ValueError) as error:
        raise AoiError(f"its outline cannot be used ({error})") from error
    parts = [part for part in getattr(valid, "geoms", [valid]) if isinstance(part, Polygon | MultiPolygon)]
    if not parts or all(part.is_empty for part in parts):
        raise AoiError("its outline encloses nothing")
    joined = shapely.union_all(parts)
    return joined if isinstance(joined, Polygon | MultiPolygon) else MultiPolygon(parts)


def facility_of(own: str, tags: Mapping[str, str], shape: Shape, *, is_part: bool = False) -> Facility:
    """Return the facility that the tags of one object tell of.

    Raises:
        AoiError: They tell of none.

    """
    kind = facility_kind(tags)
    parts = (part.strip() for tag in _NAME_TAGS for part in tags.get(tag, "").split(";"))
    names = tuple(dict.fromkeys(part for part in parts if part))
    if is_part and kind is FacilityKind.OTHER:
        raise AoiError("is the outline of a relation, and stands there")
    if kind is FacilityKind.OTHER and not names:
        shown = ", ".join(f"{key}={value}" for key, value in list(tags.items())[:3])
        raise AoiError(f"its tags tell of no facility: {shown}")
    return Facility(
        facility_id=f"osm-{own}"[:64],
        names=names or (own.replace("-", " "),),
        location_4326=shape,
        kind=kind,
        status=_status(tags),
        source=SOURCE,
    )


def facility_kind(tags: Mapping[str, str]) -> FacilityKind:
    """Return what stands there, by its tags."""
    if "prison_camp" in tags or tags.get("amenity") == "prison_camp":
        return FacilityKind.CAMP
    if tags.get("amenity") == "prison":
        return FacilityKind.PRISON
    values = {tags.get(key, "") for key in ("man_made", "industrial", "building", "craft")}
    if values & _FACTORIES or tags.get("building") == "industrial":
        return FacilityKind.FACTORY
    return FacilityKind.INDUSTRIAL_PARK if tags.get("landuse") == "industrial" else FacilityKind.OTHER


def _status(tags: Mapping[str, str]) -> str:
    for key in ("disused", "abandoned", "demolished", "razed"):
        if any(tag == key or tag.startswith(f"{key}:") for tag in tags):
            return key
    return "construction" if "construction" in tags else "unknown"


def _is_outline(tags: Mapping[str, str]) -> bool:
    return tags.get("type") in ("multipolygon", "boundary")
