"""What the readings of an address say together."""

from collections import defaultdict
from collections.abc import Iterable

from aoi.gazetteer.place import Geocode, Place

SURE = 0.9


def chance_in(geocodes: Iterable[Geocode], place_id: str) -> float:
    """Return the probability that the true position lies in a unit, whatever the readings name inside it."""
    return sum(one.probability for one in geocodes if any(place.place_id == place_id for place in one.lineage))


def finest_sure(geocodes: Iterable[Geocode], *, at_least: float = SURE) -> Place | None:
    """Return the finest unit that holds the true position with a probability of `at_least`; None where there is none.

    A best reading of 0.87 for a county is often 0.95 for its prefecture, and that is what may be said for sure.
    """
    chance: dict[Place, float] = defaultdict(float)
    depth: dict[Place, int] = {}
    for one in geocodes:
        for step, place in enumerate(one.lineage):
            chance[place] += one.probability
            depth[place] = step
    sure = [place for place, value in chance.items() if value >= at_least]
    return max(sure, key=lambda place: (depth[place], chance[place]), default=None)
