"""The places that are known."""

from dataclasses import dataclass
from enum import StrEnum

from shapely.geometry import MultiPolygon, Point, Polygon

from aoi.areas import check_id, check_lon_lat, check_polygon
from geo.errors import AoiError


class FacilityKind(StrEnum):
    """What stands, or stood, at a known place."""

    CAMP = "camp"
    PRISON = "prison"
    FACTORY = "factory"
    INDUSTRIAL_PARK = "industrial_park"
    OTHER = "other"


INDUSTRIAL_KINDS = frozenset({FacilityKind.FACTORY, FacilityKind.INDUSTRIAL_PARK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """A known place. `location_4326` is a point or an outline in longitude and latitude."""

    facility_id: str
    names: tuple[str, ...]
    """In any script, the best known first."""
    location_4326: Point | Polygon | MultiPolygon
    kind: FacilityKind = FacilityKind.OTHER
    status: str = "unknown"
    source: str = "unknown"
    position_error_m: float = 0.0
    """How far the true place may lie from `location_4326` (95 %)."""

    def __post_init__(self) -> None:
        what = f"facility {self.facility_id}"
        check_id(self.facility_id, what="facility")
        if not self.names:
            raise AoiError(f"{what}: a facility needs at least one name")
        if self.position_error_m < 0:
            raise AoiError(f"{what}: position_error_m cannot be negative; got {self.position_error_m}")
        if isinstance(self.location_4326, Point):
            if self.location_4326.is_empty:
                raise AoiError(f"{what}: the point is empty")
            check_lon_lat(self.location_4326.bounds, what=what)
        else:
            check_polygon(self.location_4326, what=what)

    @property
    def is_industrial(self) -> bool:
        """Whether new roofs beside it are its expansion rather than a new site."""
        return self.kind in INDUSTRIAL_KINDS
