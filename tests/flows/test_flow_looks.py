"""Which scenes are asked for, with which bands, and what is done with those that cannot be read."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from detection.detect import find_changes
from detection.params import DetectParams
from flows.reading.looks import COPIES, area_grid, common_bands, find_scenes, read_looks
from flows.settings.config import Config, PeriodSettings
from geo.errors import QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.base import SceneRef

AREA = Area(area_id="a", name="A", polygon_4326=box(3.0, 45.0, 3.005, 45.005))
GRID = Grid(epsg=32631, left_m=500_000, top_m=5_000_000, pixel_m=10, width_px=3, height_px=2)


def ref(day: int, bands: Sequence[str] = ("B02", "B03", "B04")) -> SceneRef:
    return SceneRef(
        scene_id=f"s{day}",
        observed_at=datetime(2020, 1, day, tzinfo=UTC),
        platform="p",
        bands=tuple(bands),
        fingerprint=f"f{day}",
    )


def scene(of: SceneRef, grid: Grid, bands: Sequence[str], quantity: Quantity = Quantity.REFLECTANCE) -> Scene:
    return Scene(
        scene_id=of.scene_id,
        observed_at=of.observed_at,
        platform=of.platform,
        quantity=quantity,
        grid=grid,
        bands={band: np.full(grid.shape, 0.2, dtype=np.float32) for band in bands},
        is_clear=np.ones(grid.shape, dtype=bool),
    )


@dataclass(kw_only=True)
class Shelf:
    """A source that has what it is given and fails where it is told to."""

    credit: str = "nobody"
    refs: Sequence[SceneRef] = ()
    errors: dict[str, Exception] = field(default_factory=dict)
    pictures: frozenset[str] = frozenset()
    asked: list[tuple[date, date]] = field(default_factory=list)

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        assert not shape_4326.is_empty
        self.asked.append((first, last))
        return [one for one in self.refs if first <= one.observed_at.date() <= last]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        if ref.scene_id in self.errors:
            raise self.errors[ref.scene_id]
        quantity = Quantity.DISPLAY if ref.scene_id in self.pictures else Quantity.REFLECTANCE
        return scene(ref, grid, bands, quantity)


def test_without_a_period_everything_is_asked_for() -> None:
    shelf = Shelf(refs=[ref(1), ref(2)])
    assert len(find_scenes(shelf, AREA, Config())) == 2


@pytest.mark.parametrize(
    ("since", "first", "expected"),
    [
        pytest.param(date(2020, 1, 3), None, date(2020, 1, 3), id="the-area-s-own"),
        pytest.param(None, date(2020, 1, 2), date(2020, 1, 2), id="the-configured"),
        pytest.param(date(2020, 1, 3), date(2020, 1, 5), date(2020, 1, 5), id="the-later-of-both"),
    ],
)
def test_the_period_begins_with_the_later_first_day(since: date | None, first: date | None, expected: date) -> None:
    shelf = Shelf()
    find_scenes(shelf, replace(AREA, since=since), Config(period=PeriodSettings(first=first)))
    assert shelf.asked[0][0] == expected


def test_an_area_watched_since_after_the_period_has_no_scenes() -> None:
    shelf = Shelf(refs=[ref(1)])
    config = Config(period=PeriodSettings(last=date(2019, 1, 1)))
    assert not find_scenes(shelf, replace(AREA, since=date(2020, 1, 1)), config)


def test_no_scenes_are_no_stack_and_no_error() -> None:
    looks = read_looks(Shelf(), [], GRID, area_id="a")
    assert looks.stack is None
    assert looks.unread == ()


def test_a_broken_scene_is_left_out_and_kept_in_mind() -> None:
    shelf = Shelf(errors={"s2": SourceError("file two is broken")})
    looks = read_looks(shelf, [ref(1), ref(2), ref(3)], GRID, area_id="a")
    assert looks.stack is not None
    assert looks.stack.scene_ids == ("s1", "s3")
    assert [(one.scene_id, why) for one, why in looks.unread] == [("s2", "file two is broken")]


def test_nothing_but_broken_scenes_is_an_error_that_names_the_first() -> None:
    shelf = Shelf(errors={"s1": SourceError("one"), "s2": SourceError("two")})
    with pytest.raises(SourceError, match=r"none of 2 scenes could be read: one"):
        read_looks(shelf, [ref(1), ref(2)], GRID, area_id="a")


@pytest.mark.parametrize("error", [SourceUnavailableError("later"), QuotaExceededError("enough")])
def test_a_provider_in_trouble_is_no_broken_scene(error: SourceError) -> None:
    with pytest.raises(type(error)):
        read_looks(Shelf(errors={"s2": error}), [ref(1), ref(2)], GRID, area_id="a")


def test_pictures_among_measurements_are_refused() -> None:
    with pytest.raises(SourceError, match="cannot be compared"):
        read_looks(Shelf(pictures=frozenset({"s2"})), [ref(1), ref(2)], GRID, area_id="a")


def test_the_bands_asked_for_are_those_that_most_scenes_have() -> None:
    refs = [ref(1, ("B02", "B08", "SCL")), ref(2, ("B02", "B08")), ref(3, ("B02", "B11"))]
    assert common_bands(refs) == ("B02", "B08")


def test_scenes_without_a_band_to_look_at_are_an_error() -> None:
    with pytest.raises(SourceError, match="expected bands such as B02"):
        common_bands([ref(1, ("SCL",))])


@given(offers=st.lists(st.sets(st.sampled_from(["B02", "B03", "B08", "SCL"])), min_size=1, max_size=6))
def test_every_band_asked_for_is_offered_by_half_of_the_scenes(offers: list[set[str]]) -> None:
    refs = [ref(index + 1, sorted(bands)) for index, bands in enumerate(offers)]
    try:
        bands = common_bands(refs)
    except SourceError:
        bands = ()
    for band in ("B02", "B03", "B08"):
        assert (band in bands) == (2 * sum(band in offer for offer in offers) >= len(offers))


@pytest.mark.slow
def test_detection_stays_below_the_memory_that_is_reckoned_with() -> None:
    grid = replace(GRID, width_px=150, height_px=150)
    rng = np.random.default_rng(3)
    bands = ("B02", "B03", "B04", "B08")
    scenes = [
        replace(
            scene(ref(day), grid, bands),
            bands={band: rng.normal(0.2, 0.02, grid.shape).astype(np.float32) for band in bands},
        )
        for day in range(1, 25)
    ]
    stack = Stack.of(scenes)
    stack_bytes = stack.values.nbytes
    find_changes(stack, "warm-up", np.ones(grid.shape, dtype=bool), DetectParams())
    tracemalloc.start()
    find_changes(stack, "a", np.ones(grid.shape, dtype=bool), DetectParams())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stack_bytes + peak_bytes <= COPIES * stack_bytes


def test_the_grid_is_the_area_with_its_margin() -> None:
    grid = area_grid(AREA, Config())
    assert grid.pixel_m == 10
    assert grid.footprint_4326.contains(AREA.polygon_4326)
