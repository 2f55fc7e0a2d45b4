"""Objects told tile by tile are those of the whole: each told once, plots joined and claims weighed over all tiles."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from detection import tiles as tiles_module
from detection.blocks import Plan, Window
from detection.chance.placebo import weigh_against_placebos
from detection.changes import ChangeMap, map_changes
from detection.objects import rows as rows_module
from detection.objects import sites
from detection.objects.outline import Patch, pixels_of
from detection.objects.rows import Whole
from detection.objects.sites import SiteParams, clusters, touched_clusters
from detection.params import DetectParams
from detection.tiles import InTiles, tell_in_tiles
from geo.grid import Grid

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

SHAPE = (150, 260)
PARAMS = DetectParams(context_m=410.0)
HALO_PX = 40
INSIDE = np.ones(SHAPE, dtype=bool)
INSIDE[:, :30] = False
PLOTS = ((40, 96), (40, 118), (40, 140), (62, 118), (8, 220), (110, 40), (112, 12), (70, 26))
"""The first four are one park; the last begins outside of the area."""


@pytest.fixture
def changes(make_stack: "MakeStack") -> ChangeMap:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.standard_normal((4, *SHAPE)), (0, 1.2, 1.2))
    values = 0.22 + 0.02 * texture / texture.std() + 0.004 * rng.standard_normal((30, 4, *SHAPE))
    block = np.zeros((14, 14))
    block[::4] = block[1::4] = 0.2
    block[:, ::6] = -0.08
    for number, (row, column) in enumerate(PLOTS):
        values[16 + number % 4 :, :, row : row + 14, column : column + 14] += block
    return map_changes(make_stack(values.astype(np.float32)), PARAMS)


def _in(tile: Window, row: int, column: int) -> bool:
    return all(side.start <= place < side.stop for side, place in zip(tile.own, (row, column), strict=True))


def weighed(told: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("detection_id", "event", "status", "onset_after", "onset_by", "area_m2", "looks_before", "phase")
    return [tuple(row[name] for name in names) for row in told]


def test_tiles_tell_what_the_whole_tells(changes: ChangeMap, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Whole.of("a", changes, PARAMS)
    expected = weigh_against_placebos(whole.rows(INSIDE), whole, INSIDE, PARAMS)
    monkeypatch.setattr("detection.blocks.LEAST_BLOCK_PX", 32)
    monkeypatch.setattr(tiles_module, "MARGIN_M", 10.0 * HALO_PX)
    tiles = Plan.of(SHAPE, values_a_px=1, halo_px=HALO_PX, block_px=17_000).blocks
    assert len(tiles) > 2
    park = [index for row, column in PLOTS[:4] for index, tile in enumerate(tiles) if _in(tile, row, column)]
    assert len(set(park)) > 1
    made: Counter[tuple[int, int, int]] = Counter()
    make = rows_module._detection_row

    def counting(area_id: str, patch: Patch, objects: Any, params: DetectParams) -> Any:  # noqa: ANN401 - as it is
        grid = objects.watch.changes.stack.grid
        made[round(patch.outline.bounds[0]), round(patch.outline.bounds[3]), objects.watch.days[-1].toordinal()] += 1
        assert grid.pixel_m == 10
        return make(area_id, patch, objects, params)

    monkeypatch.setattr(rows_module, "_detection_row", counting)
    found = tell_in_tiles("a", changes, INSIDE, PARAMS, None, tiles=tiles)
    assert set(made.values()) == {1}
    assert len(expected) == 4
    assert weighed(found.rows) == weighed(expected)
    assert max(len(json.loads(row["evidence"]).get("plots", ())) for row in found.rows) > 1
    for one, other in zip(found.rows, expected, strict=True):
        assert one["confidence"] == pytest.approx(other["confidence"], abs=0.01)
        assert one["geometry"].equals(other["geometry"])
        told, meant = (json.loads(row["evidence"])["placebo"] for row in (one, other))
        for name in ("placebos_in_space", "placebos_in_time", "own_km2_years", "own_alerts", "needed"):
            assert told[name] == meant[name], name
        assert told["p"] == pytest.approx(meant["p"], abs=0.003)
        assert one["false_alerts_per_site_year"] == pytest.approx(other["false_alerts_per_site_year"], rel=0.1)


def test_one_tile_is_the_whole(changes: ChangeMap) -> None:
    expected = Whole.of("a", changes, PARAMS).rows(INSIDE)
    (tile,) = Plan.of(SHAPE, values_a_px=1, halo_px=HALO_PX, block_px=np.inf).blocks
    teller = InTiles.of("a", changes, PARAMS, tiles=[tile], room=None)
    for part in teller.parts():
        teller.add(*part, None)
    assert [json.dumps(row, default=str, sort_keys=True) for row in teller.rows(INSIDE)] == [
        json.dumps(row, default=str, sort_keys=True) for row in expected
    ]


GRID = Grid(epsg=32645, left_m=500_000, top_m=4_700_000, pixel_m=10, width_px=150, height_px=120)
SMALL = SiteParams(join_m=40.0, largest_m=150.0)


def squares(seed: int, count: int) -> list[BaseGeometry]:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, (GRID.width_px - 8, GRID.height_px - 8), (count, 2)).tolist()
    return [
        box(GRID.left_m + 10 * x, GRID.top_m - 10 * y - 60, GRID.left_m + 10 * x + 60, GRID.top_m - 10 * y)
        for x, y in corners
    ]


def by_whole_labels(shapes: list[BaseGeometry], is_built: NDArray[np.bool_]) -> set[frozenset[int]]:
    """Return which plots share a cluster, from labels of the whole ground."""
    labels = clusters(is_built, GRID, SMALL)
    plots: dict[int, set[int]] = {}
    for plot, shape in enumerate(shapes):
        window, near = pixels_of(shape.buffer(SMALL.join_m / 2), GRID)
        for number in np.unique(labels[window][near]).tolist():
            if number:
                plots.setdefault(number, set()).add(plot)
    return {frozenset(touching) for touching in plots.values()}


@given(seed=st.integers(0, 10_000), cell_px=st.sampled_from([5, 20, 64]))
def test_clusters_looked_at_cell_by_cell_are_those_of_the_whole(seed: int, cell_px: int) -> None:
    rough = ndimage.uniform_filter(np.random.default_rng(seed).standard_normal(GRID.shape), 5)
    is_built = rough > 0.25
    shapes = squares(seed, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "_CELL_PX", cell_px)
        plots: dict[int, set[int]] = {}
        for plot, place in touched_clusters(shapes, is_built, GRID, SMALL):
            plots.setdefault(place, set()).add(plot)
    assert {frozenset(touching) for touching in plots.values()} == by_whole_labels(shapes, is_built)
