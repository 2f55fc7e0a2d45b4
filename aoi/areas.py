"""The areas that are watched."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shapely.geometry import MultiPolygon, Polygon
from shapely.validation import explain_validity

from geo.errors import AoiError

EVENTS = ("construction", "expansion", "desecuritisation")


class Purpose(StrEnum):
    """Why an area is watched."""

    SEARCH = "search"
    """A county or a plain in which something unknown may be built."""
    SITE = "site"
    """One known place and its surroundings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A piece of ground to watch. `polygon_4326` is in longitude and latitude."""

    area_id: str
    name: str
    polygon_4326: Polygon | MultiPolygon
    purpose: Purpose = Purpose.SITE
    events: tuple[str, ...] = EVENTS
    since: date | None = None
    """Look at nothing older; None: everything there is."""
    cadence: str = ""
    """When it is watched by a schedule, in the words of the watch list; empty: as the workspace says."""

    def __post_init__(self) -> None:
        check_id(self.area_id, what="area")
        check_polygon(self.polygon_4326, what=f"area {self.area_id}")
        unknown = sorted(set(self.events) - set(EVENTS))
        if unknown or not self.events:
            raise AoiError(f"area {self.area_id}: events must be among {', '.join(EVENTS)}; got {self.events}")


def check_id(text: str, *, what: str) -> None:
    """Refuse ids that could not be a file name everywhere.

    Raises:
        AoiError: `text` is empty, too long or has other than letters, digits, ``-``, ``_`` and ``.``.

    """
    allowed = text.replace("-", "").replace("_", "").replace(".", "")
    if not (allowed.isascii() and allowed.isalnum()) or text.startswith(".") or len(text) > 64:  # noqa: PLR2004
        raise AoiError(
            f"{what} id {text!r}: an id has 1 to 64 letters a-z, digits, '-', '_' or '.', and does not start with a dot"
        )


def check_polygon(polygon_4326: Polygon | MultiPolygon, *, what: str) -> None:
    """Refuse polygons that are empty, cross themselves, or leave the range of longitude and latitude.

    Raises:
        AoiError: With the reason and `what`.

    """
    if polygon_4326.geom_type not in {"Polygon", "MultiPolygon"}:
        raise AoiError(f"{what}: a polygon is needed; got a {polygon_4326.geom_type}")
    if polygon_4326.is_empty:
        raise AoiError(f"{what}: the polygon is empty")
    if not polygon_4326.is_valid:
        raise AoiError(f"{what}: the polygon is not valid: {explain_validity(polygon_4326)}")
    check_lon_lat(polygon_4326.bounds, what=what)


def check_lon_lat(bounds: tuple[float, float, float, float], *, what: str) -> None:
    """Refuse coordinates that cannot be longitude and latitude.

    Raises:
        AoiError: Out of range, which mostly means metres, or latitude before longitude.

    """
    west, south, east, north = bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004
        raise AoiError(
            f"{what}: coordinates must be longitude (-180 to 180), latitude (-90 to 90); "
            f"got {west:.6g} to {east:.6g}, {south:.6g} to {north:.6g}"
        )
