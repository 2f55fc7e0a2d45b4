"""At, beside or far from which known facility does each detection lie?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from aoi.facilities import Facility
from detection.schema import Event, Relation, check_detections
from geo.crs import LON_LAT_EPSG, is_placed, reproject


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinParams:
    """What counts as near."""

    near_m: float = 500.0
    """A detection whose edge lies within this distance of a facility is near it."""

    expansion_m: float = 100.0
    """What is built within this distance of a factory or industrial park is its expansion."""

    def __post_init__(self) -> None:
        if not 0 <= self.expansion_m <= self.near_m:
            raise ValueError(f"0 <= expansion_m <= near_m is needed; got {self.expansion_m} and {self.near_m}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The nearest facility of one detection."""

    facility: Facility
    distance_m: float
    """Between the edges; 0 where they touch. The position error of the facility is taken off."""
    relation: Relation


def join_facilities(
    detections: gpd.GeoDataFrame, facilities: Sequence[Facility], params: JoinParams
) -> gpd.GeoDataFrame:
    """Fill `facility_id`, `facility_relation` and `facility_distance_m`, and name expansions.

    A detection is *inside* a facility that it touches (for a facility known as a point: the point lies in the
    detection's outline), *near* it within `params.near_m`, else it has none. The distance is counted from how
    near the facility may be: its position error is taken off.

    Args:
        detections: A detections table in a projected CRS.
        facilities: Known places.
        params: What counts as near.

    """
    epsg = detections.crs.to_epsg()
    everywhere = [
        (facility, reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)) for facility in facilities
    ]
    places = [(facility, place) for facility, place in everywhere if is_placed(place)]
    neighbours = [nearest(outline, places, near_m=params.near_m) for outline in detections.geometry]
    texts = {
        "facility_id": [None if near is None else near.facility.facility_id for near in neighbours],
        "facility_relation": [(Relation.NONE if near is None else near.relation).value for near in neighbours],
        "event": [
            _event(Event(event), near, params) for event, near in zip(detections["event"], neighbours, strict=True)
        ],
    }
    joined = detections.assign(
        **{name: pd.Series(values, index=detections.index, dtype=object) for name, values in texts.items()},
        facility_distance_m=[nan if near is None else round(near.distance_m, 1) for near in neighbours],
    )
    joined["facility_distance_m"] = joined["facility_distance_m"].astype("float64")
    check_detections(joined)
    return joined


def nearest(
    outline_m: BaseGeometry, places: Sequence[tuple[Facility, BaseGeometry]], *, near_m: float
) -> Neighbour | None:
    """Return the nearest facility within `near_m`; of equally near ones the first by id. None where there is none."""
    best = min(
        (
            (max(0.0, outline_m.distance(place) - facility.position_error_m), facility.facility_id, facility)
            for facility, place in places
        ),
        key=lambda found: found[:2],
        default=(inf, "", None),
    )
    distance_m, _, facility = best
    if facility is None or distance_m > near_m:
        return None
    relation = Relation.INSIDE if distance_m == 0 else Relation.NEAR
    return Neighbour(facility=facility, distance_m=distance_m, relation=relation)


def _event(event: Event, near: Neighbour | None, params: JoinParams) -> str:
    is_beside = near is not None and near.facility.is_industrial and near.distance_m <= params.expansion_m
    return (Event.EXPANSION if event is Event.CONSTRUCTION and is_beside else event).value
