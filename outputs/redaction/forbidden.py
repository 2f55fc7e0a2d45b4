"""What a release must not tell: places more exactly than they are shown, and names."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from aoi.facilities import Facility
from aoi.gazetteer.gazetteer import Gazetteer
from aoi.gazetteer.place import Level
from aoi.gazetteer.world import load_world
from aoi.suppliers import Supplier
from outputs.matching.text import has_hanzi
from outputs.redaction.protected import ProtectedPlace, Protection
from outputs.redaction.redact import Redacted
from outputs.tables import in_lon_lat

_SHORTEST_HANZI = 3
_SHORTEST = 5
_SHORTEST_ID = 8
_WIDE = frozenset({Level.COUNTRY, Level.PROVINCE, Level.PREFECTURE, Level.COUNTY, Level.CITY})
FONTS = frozenset({".woff2", ".woff", ".ttf", ".otf"})
"""Files that a site needs and that hold no text of a release."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecretPlace:
    """A true place."""

    label: str
    """For the user who sees the finding; it is in no release."""
    shape_4326: BaseGeometry
    shown_to_m: float
    """How exactly the release may show it; infinite where it must not appear."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forbidden:
    """What must not be found."""

    places: tuple[SecretPlace, ...] = ()
    names: tuple[str, ...] = ()
    published: tuple[BaseGeometry, ...] = ()
    """Shapes in EPSG:4326 that the release shows: their corners and middles may stand anywhere."""
    common: NDArray[np.float64] | None = None
    """Longitude and latitude, in rows, of the towns and borders that maps show: these very figures tell nothing."""
    unread_types: frozenset[str] = FONTS
    """Endings of files that may go out unread."""
    same_everywhere: frozenset[str] = frozenset()
    """SHA-256 of files that all releases carry alike, such as a library's: of these only the name is searched."""
    not_searched: Mapping[str, str] | None = None
    """Names that are not searched for, each with the reason; for the user alone."""


def is_wide_place(name: str) -> bool:
    """Say whether a name says no more than a county or a city does, which the gazetteer knows."""
    if any(place.level in _WIDE for place in Gazetteer.load().find(name)):
        return True
    return bool(load_world().country_of(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """All that is known of places and firms, whether a release shows it or not."""

    detections: gpd.GeoDataFrame
    facilities: Sequence[Facility] = ()
    suppliers: Sequence[Supplier] = ()
    more: "More"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class More:
    """What must not appear besides detections, facilities and suppliers."""

    protected: Sequence[ProtectedPlace] = ()
    names: Sequence[str] = ()
    """Of areas, reviewers, sources."""
    places: Sequence[tuple[str, BaseGeometry]] = ()
    """What else is where, each with whose place it is: areas, detections of earlier runs."""
    ids: Sequence[str] = ()
    """Own names of what is no longer among the detections."""
    is_common: Callable[[str], bool] = is_wide_place
    """Whether a name is so common that it is not searched for."""


def forbidden_of(
    detections: gpd.GeoDataFrame,
    facilities: Iterable[Facility],
    suppliers: Iterable[Supplier],
    redacted: Redacted,
    more: "More | None" = None,
) -> Forbidden:
    """Return what a release of `redacted` must not tell; nothing where its policy shows everything as it is.

    Args:
        detections: All of them, as they were before `redact`: also what was rejected, or not looked at yet.
        facilities: Whose names and places must not appear.
        suppliers: The same, and their addresses; a supplier's position is taken as it was given.
        redacted: What the release shows.
        more: What else must not appear.

    """
    others = more or More()
    policy = redacted.policy
    hidden = tuple(
        SecretPlace(label="a protected place", shape_4326=one.shape_4326, shown_to_m=math.inf)
        for one in others.protected
        if one.protection is Protection.PROTECTED and not policy.shows_protected
    )
    if policy.is_exact:
        return Forbidden(places=hidden)
    least_m = min((*redacted.shown_to_m, policy.shown_to_m))
    table = in_lon_lat(detections)
    found = [*facilities]
    firms = [*suppliers]
    places = [
        *_detection_places(table, redacted, least_m),
        *(
            SecretPlace(label=f"facility {one.facility_id}", shape_4326=one.location_4326, shown_to_m=least_m)
            for one in found
        ),
        *(
            SecretPlace(label=f"supplier {one.supplier_id}", shape_4326=Point(one.lon_lat), shown_to_m=least_m)
            for one in firms
            if one.lon_lat is not None
        ),
        *(SecretPlace(label=label, shape_4326=shape, shown_to_m=least_m) for label, shape in others.places),
        *hidden,
    ]
    names = [
        *(name for one in found for name in one.names),
        *(name for one in firms for name in (*one.names, one.parent) if name),
        *(text for one in firms for address in one.addresses for text in (address.text, address.lines) if text),
        *others.names,
    ]
    searched, not_searched = _worth_searching(dict.fromkeys(names), others.is_common)
    ids = _ids(table, [*(one.facility_id for one in found), *others.ids], redacted)
    return Forbidden(
        places=tuple(places),
        names=tuple(dict.fromkeys([*searched, *ids])),
        published=tuple(redacted.table.geometry),
        not_searched=not_searched,
    )


def _detection_places(table: gpd.GeoDataFrame, redacted: Redacted, least_m: float) -> Iterator[SecretPlace]:
    shown = dict(zip((str(one) for one in redacted.table["detection_id"]), redacted.shown_to_m, strict=True))
    for name, shape in zip(table["detection_id"], table.geometry, strict=True):
        published = redacted.ids.get(str(name), "")
        yield SecretPlace(
            label=f"detection {name}", shape_4326=shape, shown_to_m=shown.get(published, max(least_m, 1.0))
        )


def _ids(table: gpd.GeoDataFrame, more: Iterable[str], redacted: Redacted) -> Iterator[str]:
    """Yield the own names that the policy replaces or withholds, as far as they are long enough to be told."""
    policy = redacted.policy
    if not policy.replaces_ids:
        return
    own = {*table["detection_id"], *table["area_id"], *more}
    yield from sorted(
        str(one) for one in own if not pd.isna(one) and len(str(one)) >= _SHORTEST_ID and not str(one).isalpha()
    )


def _worth_searching(names: Iterable[str], is_common: Callable[[str], bool]) -> tuple[tuple[str, ...], dict[str, str]]:
    kept, left = [], {}
    for name in names:
        letters = sum(one.isalnum() for one in name)
        if letters < (_SHORTEST_HANZI if has_hanzi(name) else _SHORTEST):
            left[name] = "too short to be told from other words"
        elif is_common(name):
            left[name] = "the name of a county, a city or something wider"
        else:
            kept.append(name)
    return tuple(kept), left
