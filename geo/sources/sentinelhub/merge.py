"""Which small areas are cheaper asked for together."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from geo.cost import OPTICAL_16_BIT, Processing, process_cost
from geo.grid import Grid
from geo.sources.sentinelhub.options import MAX_SIDE_PX
from geo.sources.sentinelhub.tiles import share_pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a request is worth."""

    bands: int
    """Bands that are charged."""
    units_per_request: float
    """Processing units that one request less is worth: the month's units divided by the month's requests."""
    processing: Processing = field(default=OPTICAL_16_BIT)
    max_side_px: int = MAX_SIDE_PX
    """No merged grid is longer."""

    def of(self, grid: Grid) -> float:
        """Return what asking for `grid` costs, all counted as processing units."""
        cost = process_cost([grid.shape], bands=self.bands, processing=self.processing)
        return cost.units + self.units_per_request * cost.requests

    def saving(self, one: Grid, other: Grid) -> float:
        """Return what asking for both at once saves; 0 or less where it does not, or cannot be done."""
        if not share_pixels(one, other):
            return 0.0
        both = cover(one, other)
        return 0.0 if max(both.shape) > self.max_side_px else self.of(one) + self.of(other) - self.of(both)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Grids that are asked for at once."""

    grid: Grid
    """Covers all of them."""
    members: tuple[int, ...]
    """Their places in the list that was given, ascending."""


def merge_requests(grids: Sequence[Grid], prices: Prices) -> list[Merged]:
    """Return which of `grids` to ask for together; every one is in exactly one of the answers.

    An account may make so many requests and spend so many processing units a month. Two grids are merged when the
    ground between them costs less than the request it saves, the pair that saves most first. Only grids on the same
    pixels of the same CRS can be merged.
    """
    groups = {index: Merged(grid=grid, members=(index,)) for index, grid in enumerate(grids)}
    queue = [
        (-gain, one, other)
        for one, other in combinations(groups, 2)
        if (gain := prices.saving(groups[one].grid, groups[other].grid)) > 0
    ]
    heapq.heapify(queue)
    newest = len(grids)
    while queue:
        _, one, other = heapq.heappop(queue)
        if one in groups and other in groups:
            merged = _joined(groups.pop(one), groups.pop(other))
            for gain, key in _gains(merged, groups, prices):
                heapq.heappush(queue, (-gain, key, newest))
            groups[newest] = merged
            newest += 1
    return sorted(groups.values(), key=lambda group: group.members)


def _gains(merged: Merged, groups: dict[int, Merged], prices: Prices) -> list[tuple[float, int]]:
    gains = [(prices.saving(group.grid, merged.grid), key) for key, group in groups.items()]
    return [(gain, key) for gain, key in gains if gain > 0]


def _joined(one: Merged, other: Merged) -> Merged:
    return Merged(grid=cover(one.grid, other.grid), members=tuple(sorted(one.members + other.members)))


def cover(one: Grid, other: Grid) -> Grid:
    """Return the smallest grid, on the pixels that both share, that covers both."""
    left_m, bottom_m, right_m, top_m = one.bounds_m
    other_left_m, other_bottom_m, other_right_m, other_top_m = other.bounds_m
    left_m, top_m = min(left_m, other_left_m), max(top_m, other_top_m)
    return replace(
        one,
        left_m=left_m,
        top_m=top_m,
        width_px=round((max(right_m, other_right_m) - left_m) / one.pixel_m),
        height_px=round((top_m - min(bottom_m, other_bottom_m)) / one.pixel_m),
    )
