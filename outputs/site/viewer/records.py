"""The detections as the pages, the map and the list have them: flat, and in the words of no language."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyproj import Geod
from shapely.geometry import Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from outputs.site.viewer.content import SiteContent, detection_id, position_within_m

_GEOD = Geod(ellps="WGS84")
_CIRCLE_CORNERS = 48
PLACE_FIELD = "place"
"""What a geometry is, in words, where it is no outline."""
_PLAIN_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_DIGITS = 6
"""Of degrees: a tenth of a metre."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """One detection."""

    number: int
    """Its place in the list, from 1."""
    slug: str
    """Its name in addresses and file names: safe, unique in the site."""
    properties: Mapping[str, Any]
    shape_4326: BaseGeometry
    """What the map shows: the published geometry, also where that is a cell or unit on purpose (then `place` says so);
    of any other inexact position the circle that it lies in."""
    within_m: float | None
    """How far from its true place it may be shown; None: as found."""

    @property
    def detection_id(self) -> str:
        """The id in all tables."""
        return str(self.properties["detection_id"])

    def text(self, name: str) -> str | None:
        """Return a property as text; None where it is missing or withheld."""
        value = self.properties.get(name)
        return None if value is None or value == "" else str(value)

    def number_of(self, name: str) -> float | None:
        """Return a property as a number; None where it is missing, withheld or none."""
        value = self.properties.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None  # type: ignore[arg-type]  # told by is_number


def records_of(content: SiteContent) -> tuple[Record, ...]:
    """Return all detections in the order of `content`."""
    slugs: set[str] = set()
    found = []
    for number, feature in enumerate(content.records(), start=1):
        within_m = position_within_m(feature)
        published = shape(feature["geometry"])
        slug = slug_of(detection_id(feature), slugs)
        slugs.add(slug)
        found.append(
            Record(
                number=number,
                slug=slug,
                properties=feature["properties"],
                shape_4326=published if within_m is None or _is_place(feature) else circle(published, within_m),
                within_m=within_m,
            )
        )
    return tuple(found)


def _is_place(feature: Mapping[str, Any]) -> bool:
    """Say whether the geometry is the whole place in which something lies, not a stand-in for its outline."""
    return bool(feature["properties"].get(PLACE_FIELD)) and feature["geometry"]["type"].endswith("Polygon")


def slug_of(identity: str, taken: set[str]) -> str:
    """Return a name for files and addresses: the id where it is plain and free, else a mark of it."""
    if _PLAIN_NAME.fullmatch(identity) and ".." not in identity and identity not in taken:
        return identity
    mark = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"x{mark[:16]}"


def circle(published: BaseGeometry, radius_m: float) -> Polygon:
    """Return the ring of all points `radius_m` metres away from the middle of `published`, on the ellipsoid."""
    middle = published.representative_point()
    angles = [360.0 * index / _CIRCLE_CORNERS for index in range(_CIRCLE_CORNERS)]
    count = len(angles)
    lons, lats, _ = _GEOD.fwd([middle.x] * count, [middle.y] * count, angles, [radius_m] * count)
    return Polygon(zip(lons, lats, strict=True))


def for_scripts(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return what the scripts need to filter, to list and to place each detection on the map."""
    return [_script_row(record) for record in records]


def _script_row(record: Record) -> dict[str, Any]:
    middle = record.shape_4326.representative_point()
    return {
        "id": record.detection_id,
        "slug": record.slug,
        "event": record.text("event"),
        "status": record.text("status"),
        "confidence": record.number_of("confidence"),
        "began": record.text("onset_by") or record.text("onset_after"),
        "at": [round(middle.x, _DIGITS), round(middle.y, _DIGITS)],
        "bounds": [round(value, _DIGITS) for value in record.shape_4326.bounds],
        "within": record.within_m,
    }


def outlines(records: Sequence[Record]) -> dict[str, Any]:
    """Return the shapes on the map as a GeoJSON FeatureCollection; points have none but their dot."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": mapping(record.shape_4326),
                "properties": {
                    "detection_id": record.detection_id,
                    "event": record.text("event"),
                    "status": record.text("status"),
                },
            }
            for record in records
            if record.shape_4326.geom_type.endswith("Polygon")
        ],
    }
