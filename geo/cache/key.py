"""What tells one kept scene from another, and where it lies."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, floor

from geo.grid import Grid

SCALING_VERSION = 1
"""Of the way numbers are written (`geo.cache.raster`): another way makes other entries."""

CELL_M = 10_000.0
"""Areas so far from each other can be fetched at the same time; a smaller square would only make more locks."""
_ALIGNED_WITHIN_PX = 1e-3
_UNFIT_FOR_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneKey:
    """One version of one scene, as one source with certain settings hands it out."""

    source: str
    """Names the source: two catalogues may use one id for different things."""
    variant: str
    """A digest of the settings that shape the pixels or the mask, such as how far clouds are grown."""
    scene_id: str
    baseline: str | None
    fingerprint: str

    @property
    def folder(self) -> str:
        """Where all versions of the scene lie, from the store's root."""
        return f"{as_name(self.source)}/{as_name(self.scene_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a wanted grid lies in the grid of an entry."""

    row: int
    column: int


def entry_name(key: SceneKey, grid: Grid, bands: Sequence[str]) -> str:
    """Return the name, without suffix, of the files of an entry: it changes with everything that the pixels hang on."""
    facts = {**asdict(key), "bands": list(bands), "scaling": SCALING_VERSION}
    return f"{grid_prefix(grid)}{_digest({**facts, 'grid': asdict(grid)}, 16)}"


def grid_prefix(grid: Grid) -> str:
    """Return how the names of all entries on exactly `grid` begin."""
    return f"{_digest(asdict(grid), 8)}-"


def place_in(inner: Grid, outer: Grid) -> Place | None:
    """Return where `inner` begins in `outer`; None if it is not made of pixels of `outer`."""
    if (inner.epsg, inner.pixel_m) != (outer.epsg, outer.pixel_m):
        return None
    column = (inner.left_m - outer.left_m) / outer.pixel_m
    row = (outer.top_m - inner.top_m) / outer.pixel_m
    place = Place(row=round(row), column=round(column))
    is_aligned = max(abs(row - place.row), abs(column - place.column)) < _ALIGNED_WITHIN_PX
    fits_down = place.row >= 0 and place.row + inner.height_px <= outer.height_px
    fits_right = place.column >= 0 and place.column + inner.width_px <= outer.width_px
    return place if is_aligned and fits_down and fits_right else None


def cells_of(grid: Grid) -> set[str]:
    """Return which squares of `CELL_M` a side `grid` touches.

    Grids of which one lies in the other have one in common: who holds the squares of a grid keeps away everybody who
    could write an entry on its ground, or be served by one.
    """
    left, bottom, right, top = (edge / CELL_M for edge in grid.bounds_m)
    columns, rows = (range(floor(low), ceil(high)) for low, high in ((left, right), (bottom, top)))
    return {f"{grid.epsg} {column} {row}" for column in columns for row in rows}


def baseline_order(baseline: str | None) -> tuple[int, ...]:
    """Return what sorts processing baselines from old to new: ``05.10`` after ``05.09``, an unknown one first."""
    return tuple(int(number) for number in re.findall(r"\d+", baseline or ""))


def as_name(text: str) -> str:
    """Return `text` as a file name: readable, and different for different texts."""
    plain = _UNFIT_FOR_NAME.sub("_", text).lstrip(".")[:_NAME_LENGTH]
    return plain if plain == text else f"{plain}-{_digest(text, 8)}"


def _digest(value: object, digits: int) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
