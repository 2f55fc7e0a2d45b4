"""Which detections are one site, in this release and in all earlier ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import Point

from detection.schema import Relation
from geo.crs import LON_LAT_EPSG, reproject
from outputs.redaction.memory import Site
from outputs.redaction.places import EQUAL_AREA_EPSG


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a site is; `place` is empty until something is published of it."""

    key: str
    lon: float
    lat: float
    place: str = ""


def sites_of(
    table_4326: gpd.GeoDataFrame, remembered: Sequence[Site], *, same_site_m: float
) -> tuple[dict[str, str], tuple[Placed, ...]]:
    """Return the site's key of each detection, and the sites.

    A detection inside a known facility belongs to the facility's site. Any other, and a facility that is not
    remembered, belongs to the nearest site within `same_site_m` (metres of the equal-area projection) that is
    remembered or was met before, in the order of the ids; if there is none it is a site of its own.
    """
    known = {site.key: Placed(key=site.key, lon=site.lon, lat=site.lat, place=site.place) for site in remembered}
    of_detection: dict[str, str] = {}
    for row in table_4326.sort_values("detection_id", kind="stable").to_dict("records"):
        key, middle = _own_key(row), row["geometry"].centroid
        if key not in known:
            near = _nearest(middle, tuple(known.values()), same_site_m)
            key = near.key if near else key
        known.setdefault(key, Placed(key=key, lon=round(middle.x, 6), lat=round(middle.y, 6)))
        of_detection[str(row["detection_id"])] = key
    used = set(of_detection.values())
    return of_detection, tuple(site for site in known.values() if site.key in used)


def _own_key(row: dict[Any, Any]) -> str:
    is_inside = row.get("facility_relation") == Relation.INSIDE.value and not pd.isna(row.get("facility_id"))
    return f"facility:{row['facility_id']}" if is_inside else f"detection:{row['detection_id']}"


def _nearest(middle: Point, known: Sequence[Placed], within_m: float) -> Placed | None:
    here = _metric(middle.x, middle.y)
    ranked = sorted(
        (hypot(there.x - here.x, there.y - here.y), site.key, site)
        for site in known
        for there in (_metric(site.lon, site.lat),)
    )
    return ranked[0][2] if ranked and ranked[0][0] <= within_m else None


def _metric(lon: float, lat: float) -> Point:
    return reproject(Point(lon, lat), from_epsg=LON_LAT_EPSG, to_epsg=EQUAL_AREA_EPSG)
