"""How far has a detection come, and is it one that was known before?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from itertools import count as numbers_from

import geopandas as gpd
from shapely import STRtree
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from detection.objects.events import BUILT_EVENTS
from detection.schema import Event, Status

_SAME_PLACE_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleParams:
    """What a candidate needs to be called confirmed."""

    confirm_looks: int = 3
    """Clear looks that show it."""

    confirm_days: int = 30
    """Days between the first and the last of these."""

    confirm_persistence: float = 0.75
    """Share (0-1) of the clear looks that must lie on the right side of the step; and of those, too, in whose
    season there was a look before the change. Before any season has come round nothing is confirmed: a shadow of
    winter may be all there is."""

    confirm_backed_share: float = 0.25
    """Share (0-1) of the object whose own step has three looks before it and three from it on: odd images at
    the beginning of a series can never confirm anything by itself."""

    confirm_confidence: float = 0.6
    """Least probability."""

    drop_looks: int = 2
    """Clear looks at its place that do not show it, after which it is dropped."""

    unseen_days: int = 90
    """Days without a clear look at its place, while there is imagery, after which it is not observable."""

    close_days: int = 365
    """Days at rest after completion, after which it is closed."""

    expire_days: int = 730
    """Days with clear looks without being confirmed, after which it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the life cycle asks about one object."""

    event: Event
    confidence: float
    persistence: float
    season_persistence: float | None
    backed_share: float
    looks: Sequence[date]
    """The clear looks from the onset on, ascending."""
    has_near_infrared: bool = True
    """Without it wet ground, water and plants can look like a building that is gone, and moved earth like one that
    came."""
    is_raised: bool = True
    """Whether structure has risen since: more than prepared ground."""


def stage(standing: Standing, params: LifecycleParams) -> tuple[Status, date | None]:
    """Return the status and, where confirmed, the look that confirmed it.

    Only what was built or demolished can be confirmed; a change of the surface stays a candidate. So does, where only
    visible light tells of it, a demolition, and prepared ground on which nothing stands: a filled pit looks the same.
    """
    confirmed_on = _confirming_look(standing.looks, params)
    is_sure = (
        standing.event in BUILT_EVENTS
        and (standing.has_near_infrared or (standing.event is not Event.DEMOLITION and standing.is_raised))
        and standing.confidence >= params.confirm_confidence
        and standing.persistence >= params.confirm_persistence
        and (standing.season_persistence or 0.0) >= params.confirm_persistence
        and standing.backed_share >= params.confirm_backed_share
    )
    if confirmed_on is None or not is_sure:
        return Status.CANDIDATE, None
    return Status.CONFIRMED, confirmed_on


def first_id(area_id: str, event: Event, onset_by: date, place_m: Point) -> str:
    """Return the id of a detection that was not known before: the same inputs give the same id."""
    key = f"{area_id} {_family(event)} {onset_by} {round(place_m.x, -2):.0f} {round(place_m.y, -2):.0f}"
    return f"{area_id}-{sha256(key.encode()).hexdigest()[:8]}"


def distinct_ids(ids: Sequence[str], *, taken: Collection[str] = ()) -> list[str]:
    """Return `ids`, each once and none of `taken`: a later one of the same name gets a number."""
    used = set(taken)
    result = []
    for own in ids:
        name = (
            own
            if own not in used
            else next(numbered for number in numbers_from(2) if (numbered := f"{own}-{number}") not in used)
        )
        used.add(name)
        result.append(name)
    return result


def carry_ids(new: gpd.GeoDataFrame, previous: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Give each detection of `new` the id that the same place and kind of event had in `previous`.

    The same place is where the two outlines share at least 30 % of the smaller one. Each old id is given once,
    to the detection with the largest share.

    Args:
        new: A detections table.
        previous: That of the last run over the same area, or None.

    """
    if previous is None or previous.empty or new.empty:
        return new
    old = previous.to_crs(new.crs)
    families, old_families = ([_family(Event(event)) for event in table["event"]] for table in (new, old))
    shapes, old_shapes = new.geometry.to_numpy(), old.geometry.to_numpy()
    old_ids = [str(name) for name in old["detection_id"]]
    pairs = sorted(
        (-shared_share(shapes[after], old_shapes[before]), old_ids[before], new.index[after])
        for after, before in zip(*STRtree(old_shapes).query(shapes, predicate="intersects").tolist(), strict=True)
        if families[after] == old_families[before]
    )
    ids = new["detection_id"].to_dict()
    known = set(old["detection_id"])
    given: dict[object, str] = {}
    taken: set[str] = set()
    for shared, old_id, index in pairs:
        if -shared >= _SAME_PLACE_SHARE and index not in given and old_id not in taken:
            given[index] = old_id
            taken.add(old_id)
    own = {index: own_id for index, own_id in ids.items() if index not in given}
    given |= dict(zip(own, distinct_ids(list(own.values()), taken=known), strict=True))
    return new.assign(detection_id=[given[index] for index in new.index])


def _confirming_look(looks: Sequence[date], params: LifecycleParams) -> date | None:
    for count, look in enumerate(looks, start=1):
        if count >= params.confirm_looks and look - looks[0] >= timedelta(days=params.confirm_days):
            return look
    return None


def _family(event: Event) -> str:
    """Return what an event may not change into: a factory's expansion is a construction beside a known place."""
    return "built" if event in {Event.CONSTRUCTION, Event.EXPANSION} else event.value


def shared_share(first: BaseGeometry, second: BaseGeometry) -> float:
    """Return which share (0-1) of the smaller of two outlines they have in common."""
    overlap = first.intersection(second).area
    return float(overlap / min(first.area, second.area))
