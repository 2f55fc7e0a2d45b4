"""An area that is read and looked at block by block gives what it gives as a whole, and holds no more than it may."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection import changes as changes_module
from detection import tiles as tiles_module
from detection.detect import Findings, find_changes
from detection.params import DetectParams
from detection.room import Room
from flows.reading import blocks
from flows.reading.blocks import check_blocks, grids_of, need_mb, read_area, reading_blocks, room_for, seen_shares
from flows.reading.looks import Looks
from geo.errors import ConfigError, SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef

SHAPE = (340, 420)
GRID = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10, width_px=SHAPE[1], height_px=SHAPE[0])
BANDS = ("B02", "B04")
PARAMS = DetectParams(context_m=410.0)
DATES = 14
ROOM_MB = 2_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """A source that holds its images in memory, and remembers what it was asked for."""

    values: NDArray[np.float32]
    """Shape (time, band, y, x)."""
    classes: NDArray[np.float32]
    broken: frozenset[str] = frozenset()
    """Scenes that cannot be read along the northern edge."""
    asked: list[Grid] = field(default_factory=list)
    credit: str = "made up"

    def search(self, _shape: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        return [one for one in refs() if first <= one.observed_at.date() <= last]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        self.asked.append(grid)
        top = round((GRID.top_m - grid.top_m) / grid.pixel_m)
        left = round((grid.left_m - GRID.left_m) / grid.pixel_m)
        window = np.s_[top : top + grid.height_px, left : left + grid.width_px]
        if ref.scene_id in self.broken and top == 0:
            raise SourceError(f"{ref.scene_id}: broken")
        index = int(ref.scene_id.split("-")[1])
        layers = {name: self.values[index, number][window] for number, name in enumerate(BANDS)}
        return Scene(
            scene_id=ref.scene_id,
            observed_at=ref.observed_at,
            platform=ref.platform,
            quantity=Quantity.REFLECTANCE,
            grid=grid,
            bands={name: layers[name] if name in layers else self.classes[index][window] for name in bands},
            is_clear=self.classes[index][window] == 4,
        )


def refs(count: int = DATES) -> list[SceneRef]:
    return [
        SceneRef(
            scene_id=f"s-{index}",
            observed_at=datetime(2020, 1, 3, tzinfo=UTC) + timedelta(days=30 * index),
            platform="made-up",
            bands=(*BANDS, SCL),
            fingerprint="1",
        )
        for index in range(count)
    ]


def ground(broken: frozenset[str] = frozenset()) -> Ground:
    """Return ground with clouds, halls in several places and a compound that any block's border cuts."""
    rng = np.random.default_rng(4)
    base = 0.2 + 0.03 * np.sign(np.sin(np.arange(SHAPE[0])[:, None] / 5) * np.sin(np.arange(SHAPE[1]) / 7))
    base = base + 0.02 * rng.standard_normal((2, *SHAPE))
    values = (base + 0.004 * rng.standard_normal((DATES, 2, *SHAPE))).astype(np.float32)
    values[6:, :, 150:200, 120:320] += np.float32(0.15)
    for row, column in ((30, 40), (60, 350), (290, 60), (300, 380)):
        values[8:, :, row : row + 9, column : column + 12] += np.float32(0.12)
    classes = np.full((DATES, *SHAPE), 4, dtype=np.float32)
    for index in range(DATES):
        row, column = rng.integers(0, 280, 2)
        classes[index, row : row + 60, column : column + 80] = 9
    return Ground(values=values, classes=classes, broken=broken)


def read(source: Ground, room: Room | None = None) -> Looks:
    return read_area(source, refs(), GRID, area_id="a", room=room)


def looked(source: Ground, room: Room | None = None) -> tuple[Looks, Findings]:
    looks = read(source, room)
    assert looks.stack is not None
    inside = np.ones(SHAPE, dtype=bool)
    inside[:, :12] = False
    return looks, find_changes(looks.stack, "a", inside, PARAMS, room=room)


@pytest.fixture(scope="module")
def whole() -> tuple[Looks, Findings]:
    return looked(ground())


@contextmanager
def blocks_of(folder: Path, *, reading_px: float, looking_px: float = 1e9) -> Iterator[Room]:
    """Yield room in which an area is read and looked at in blocks of so many pixels, whatever they need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MARGIN_PX", 16)
        patch.setattr(blocks, "COPIES", 10_000)
        patch.setattr(blocks, "_bytes_a_px", lambda *_: (ROOM_MB - 300.0) * 1e6 / reading_px)
        patch.setattr("detection.blocks.LEAST_BLOCK_PX", 32)
        patch.setattr(changes_module, "_block_px", lambda *_: looking_px)
        patch.setattr(tiles_module, "MARGIN_M", 400.0)
        yield Room(memory_mb=ROOM_MB, folder=folder)


def test_reading_in_blocks_gives_the_stack_the_masks_and_the_thumbnails_of_the_whole(
    whole: tuple[Looks, Findings], tmp_path: Path
) -> None:
    source = ground()
    with blocks_of(tmp_path, reading_px=20_000) as room:
        looks = read(source, room)
    expected = whole[0]
    assert looks.stack is not None
    assert expected.stack is not None
    assert len(set(source.asked)) > 4
    np.testing.assert_array_equal(looks.stack.values, expected.stack.values)
    assert looks.stack.scene_ids == expected.stack.scene_ids
    for one, other in zip(looks.scenes, expected.scenes, strict=True):
        np.testing.assert_array_equal(one.is_clear, other.is_clear)
        np.testing.assert_array_equal(one.classes, other.classes)
        np.testing.assert_array_equal(one.thumbnail.is_clear, other.thumbnail.is_clear)
        np.testing.assert_allclose(one.thumbnail.rgb, other.thumbnail.rgb, atol=1e-3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@settings(max_examples=3)
@given(looking_px=st.integers(25_000, 70_000))
def test_objects_across_borders_are_found_once_and_as_in_the_whole(
    whole: tuple[Looks, Findings], tmp_path_factory: pytest.TempPathFactory, looking_px: int
) -> None:
    folder = tmp_path_factory.mktemp("room")
    with blocks_of(folder, reading_px=40_000, looking_px=float(looking_px)) as room:
        _, found = looked(ground(), room)
    one, other = (table.sort_values("detection_id").reset_index() for table in (found.detections, whole[1].detections))
    assert len(other) == 5
    same = ("detection_id", "event", "status", "onset_after", "onset_by", "area_m2", "looks_before", "looks_after")
    for name in same:
        assert one[name].tolist() == other[name].tolist(), name
    assert (one.geometry.symmetric_difference(other.geometry).area == 0).all()
    np.testing.assert_allclose(one["confidence"], other["confidence"], atol=0.01)
    row, expected = found.coverage.iloc[0], whole[1].coverage.iloc[0]
    for name in ("outcome", "looks", "clear_looks", "last_clear_look", "median_clear_looks", "not_seen"):
        assert row[name] == expected[name], name
    assert row["observed_share"] == pytest.approx(expected["observed_share"], abs=1e-3)
    assert row["detectable_contrast"] == pytest.approx(expected["detectable_contrast"], rel=1e-3)
    assert row["detectable_area_m2"] == pytest.approx(expected["detectable_area_m2"], rel=0.1)


def test_a_scene_broken_in_one_block_counts_in_the_others(tmp_path: Path) -> None:
    with blocks_of(tmp_path, reading_px=30_000) as room:
        looks = read(ground(frozenset({"s-3"})), room)
    assert looks.stack is not None
    seen = np.isfinite(looks.stack.values[3, 0])
    assert not seen[:100].any()
    assert seen[-60:].mean() > 0.5
    assert looks.unread == ()


def test_scenes_broken_everywhere_are_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ground(frozenset({"s-3"}))
    monkeypatch.setattr(blocks, "COPIES", 10_000)
    room = Room(memory_mb=ROOM_MB, folder=tmp_path)
    looks = read(source, room)
    assert [(ref.scene_id, why) for ref, why in looks.unread] == [("s-3", "s-3: broken")]
    assert looks.stack is not None
    assert len(looks.stack.days) == DATES - 1
    with pytest.raises(SourceError, match="none of 1 scenes could be read: s-3: broken"):
        read_area(source, refs()[3:4], GRID, area_id="a", room=room)


def test_what_fits_is_read_at_once_and_gets_no_room(tmp_path: Path) -> None:
    fits_mb = int(need_mb(DATES, 2, SHAPE)) + 1
    assert [window.own for window in reading_blocks(refs(), GRID, limit_mb=fits_mb)] == [
        (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    ]
    assert grids_of(refs(), GRID, limit_mb=fits_mb) == (GRID,)
    with room_for(refs(), GRID, limit_mb=fits_mb, folder=tmp_path / "state") as room:
        assert room is None
    assert not (tmp_path / "state").exists()


def test_what_is_read_at_once_but_cannot_be_looked_at_so_gets_room(tmp_path: Path) -> None:
    limit_mb = int(need_mb(DATES, 2, SHAPE)) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_OVERHEAD_MB", 0.0)
        assert len(reading_blocks(refs(), GRID, limit_mb=limit_mb)) == 1
        with room_for(refs(), GRID, limit_mb=limit_mb, folder=tmp_path / "state") as room:
            assert room is not None
            assert room.memory_mb == limit_mb


def test_the_blocks_shrink_with_the_memory_and_cover_the_area_once() -> None:
    wide = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10, width_px=5_000, height_px=3_000)
    sizes = []
    for limit_mb in (600, 1_000, 4_000):
        windows = reading_blocks(refs(), wide, limit_mb=limit_mb)
        count = np.zeros(wide.shape, dtype=np.int8)
        for window in windows:
            count[window.own] += 1
        assert (count == 1).all()
        sizes.append(max(np.prod(window.wide_shape) for window in windows))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_only_an_area_of_which_no_block_fits_is_refused() -> None:
    wide = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10, width_px=20_000, height_px=20_000)
    check_blocks("a", refs(), wide, limit_mb=1_000)
    many = [ref for _ in range(100) for ref in refs()]
    with pytest.raises(
        ConfigError, match=r"area a: 1400 scenes x 2 bands x 256 x 256 pixels, the smallest block, need"
    ):
        check_blocks("a", many, wide, limit_mb=1_000)
    check_blocks("a", [], wide, limit_mb=0)
    check_blocks("a", refs(1), GRID, limit_mb=100)


def test_the_share_seen_of_a_place_is_that_of_its_pixels(whole: tuple[Looks, Findings]) -> None:
    stack = whole[0].stack
    assert stack is not None
    here = np.zeros(SHAPE, dtype=bool)
    here[100:140, 200:260] = True
    here[120:130, 210:220] = False
    np.testing.assert_allclose(seen_shares(stack, here), stack.is_clear[:, here].mean(axis=1))
    assert seen_shares(stack, np.zeros(SHAPE, dtype=bool)).size == 0
