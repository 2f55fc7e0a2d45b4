"""What did the ground look like at the beginning, and what at the end? One clear look each, its holes filled.

The look before is the first clear one, the look after the last clear one: nothing is averaged, so that each pixel is
one that was measured on one day. Where that look was hidden, the nearest look in time stands in. Looks of the first
half of the series stand before, those of the second half after; none stands in both.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

CLEAR_SHARE = 0.9
"""A look at so much of the area (0-1) is clear…"""
RECENT = timedelta(days=183)
"""… and is looked for so far from the first or last date; else the clearest there is taken."""
MOST_LOOKS = 6
"""So many looks are put together at most; what none of them saw stays a hole."""

Read = Callable[[int, slice], NDArray[np.float32]]
"""Gives the bands of a look, by its index, in some rows: shape (band, y, x), NaN where not seen."""


class Side(StrEnum):
    """Which end of a series."""

    BEFORE = "before"
    AFTER = "after"


def looks_in_order(days: Sequence[date], clear_shares: Sequence[float], side: Side) -> tuple[int, ...]:
    """Return the indices of the looks that one picture is made of: the one shown first, then those that fill its holes.

    Args:
        days: Of all looks, ascending; two at least.
        clear_shares: How much (0-1) of the area each shows.
        side: Which end.

    """
    half = len(days) // 2
    own = range(half) if side is Side.BEFORE else range(len(days) - 1, half - 1, -1)
    end = days[own[0]]
    near = [index for index in own if abs(days[index] - end) <= RECENT]
    clear = [index for index in near if clear_shares[index] >= CLEAR_SHARE]
    shown = clear[0] if clear else max(near, key=lambda index: (clear_shares[index], -abs(days[index] - end)))
    fillers = sorted((index for index in own if index != shown), key=lambda index: abs(days[index] - days[shown]))
    return (shown, *fillers[: MOST_LOOKS - 1])


@dataclass(slots=True, kw_only=True, eq=False)
class Composite:
    """Looks put together strip by strip, and what each of them gave."""

    order: tuple[int, ...]
    """From `looks_in_order`."""
    seen_bands: int
    """How many of the first bands say whether the ground was seen; others may be missing."""
    given: dict[int, int] = field(default_factory=dict)
    """Index of a look to the pixels that it gave."""
    pixels: int = 0

    def strips(self, read: Read, rows: Sequence[slice]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield the picture, shape (band, y, x), NaN where no look saw the ground; later looks are read if needed."""
        for part in rows:
            yield part, self._filled(read, part)

    def shares(self) -> dict[int, float]:
        """Return the share (0-1) of all pixels that each look gave, those that gave none left out."""
        return {index: count / max(1, self.pixels) for index, count in self.given.items() if count}

    def _filled(self, read: Read, rows: slice) -> NDArray[np.float32]:
        result = np.array(read(self.order[0], rows))
        is_seen = np.asarray(np.isfinite(result[: self.seen_bands]).all(axis=0))
        self._count(self.order[0], int(is_seen.sum()))
        self.pixels += is_seen.size
        for index in self.order[1:]:
            if is_seen.all():
                break
            more = read(index, rows)
            fills = ~is_seen & np.isfinite(more[: self.seen_bands]).all(axis=0)
            result[:, fills] = more[:, fills]
            is_seen |= fills
            self._count(index, int(fills.sum()))
        result[:, ~is_seen] = np.nan
        return result

    def _count(self, index: int, pixels: int) -> None:
        self.given[index] = self.given.get(index, 0) + pixels
