"""Blocks give what the whole gives, and hold no more than they may."""

import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from detection import blocks, changes
from detection.blocks import Plan, Window
from detection.changes import ChangeMap, map_changes
from detection.looks.registered import Registration, crop
from detection.params import DetectParams
from detection.room import Maps, Room
from detection.series.steps import Steps
from geo.coregister import CoregisterParams, moved
from geo.grid import Grid
from geo.scene import Quantity, Stack

SMALL = DetectParams(context_m=210.0, patch_m=30.0)
"""Surroundings of 21 pixels: blocks of a small image then are blocks, and not all of it."""


def stack_of(dates: int, *, side: tuple[int, int] = (110, 120), bands: int = 2, seed: int = 0) -> Stack:
    """Return ground with clouds, a compound that spans any block's border, and some sheds."""
    rng = np.random.default_rng(seed)
    base = 0.2 + 0.03 * np.sign(np.sin(np.arange(side[0])[:, None] / 5) * np.sin(np.arange(side[1]) / 7))
    base = base + 0.02 * rng.standard_normal((bands, *side))
    values = (base + 0.004 * rng.standard_normal((dates, bands, *side))).astype(np.float32)
    values[dates // 2 :, :, 40:75, 30:95] += np.float32(0.15)
    for row, column in rng.integers(0, 100, (4, 2)):
        values[dates // 3 :, :, row : row + 8, column : column + 9] -= np.float32(0.1)
    for date in range(dates):
        row, column = rng.integers(0, 85, 2)
        values[date, :, row : row + 30, column : column + 25] = np.nan
    grid = Grid(epsg=32631, left_m=500_000, top_m=5_700_000, pixel_m=10, width_px=side[1], height_px=side[0])
    stamps = [datetime(2020, 1, 3) + timedelta(days=25 * index) for index in range(dates)]  # noqa: DTZ001 - as in a stack
    dataset = xr.Dataset(
        {f"B0{band + 2}": (("time", "y", "x"), values[:, band]) for band in range(bands)},
        coords={
            "time": np.array(stamps, dtype="datetime64[ns]"),
            "y": grid.y_m,
            "x": grid.x_m,
            "scene_id": ("time", [f"s{index}" for index in range(dates)]),
            "platform": ("time", ["sentinel-2a"] * dates),
        },
    )
    return Stack(dataset=dataset, grid=grid, quantity=Quantity.REFLECTANCE)


def assert_same(one: ChangeMap, other: ChangeMap) -> None:
    for item in fields(Steps):
        if item.name != "noise":
            np.testing.assert_allclose(
                getattr(one.steps, item.name), getattr(other.steps, item.name), rtol=1e-4, atol=1e-4, err_msg=item.name
            )
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5)
    np.testing.assert_array_equal(one.is_changed, other.is_changed)
    assert one.steps.noise.sigma == pytest.approx(other.steps.noise.sigma, rel=1e-6)


@pytest.fixture(scope="module", params=[2, 17], ids=["pair", "with-season"])
def whole(request: pytest.FixtureRequest) -> tuple[Stack, ChangeMap]:
    stack = stack_of(request.param)
    return stack, map_changes(stack, SMALL)


@settings(max_examples=3)
@given(block_px=st.integers(4_000, 12_000))
def test_any_blocks_give_what_the_whole_gives(
    whole: tuple[Stack, ChangeMap], tmp_path_factory: pytest.TempPathFactory, block_px: int
) -> None:
    stack, expected = whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LEAST_BLOCK_PX", 17)
        patch.setattr(changes, "_block_px", lambda *_: float(block_px))
        folder = tmp_path_factory.mktemp("maps")
        assert_same(map_changes(stack, SMALL, room=Room(memory_mb=9_000, folder=folder)), expected)
        assert list(folder.iterdir()) == []


def test_a_sample_of_a_large_area_is_the_same_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_of(8)
    for module in (blocks, changes):
        monkeypatch.setattr(module, "EXACT_VALUES", 1_000)
    monkeypatch.setattr(blocks, "_SAMPLE_PX", 30)
    monkeypatch.setattr(changes, "_sampled_px", lambda *_: 0)
    expected = map_changes(stack, SMALL)
    monkeypatch.setattr(blocks, "LEAST_BLOCK_PX", 17)
    monkeypatch.setattr(changes, "_block_px", lambda *_: 9_000.0)
    assert_same(map_changes(stack, SMALL, room=Room(memory_mb=9_000, folder=tmp_path)), expected)


def test_a_sample_of_the_noise_moves_outlines_by_a_pixel_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stack_of(8)
    exact = map_changes(stack, SMALL)
    for module in (blocks, changes):
        monkeypatch.setattr(module, "EXACT_VALUES", 1_000)
    monkeypatch.setattr(blocks, "_SAMPLE_PX", 30)
    monkeypatch.setattr(changes, "_sampled_px", lambda *_: 0)
    sampled = map_changes(stack, SMALL)
    assert sampled.steps.noise.middle == pytest.approx(exact.steps.noise.middle, rel=0.1)
    assert sampled.steps.noise.sigma == pytest.approx(exact.steps.noise.sigma, rel=0.2)
    assert sampled.stack.shifts_px is not None
    assert exact.stack.shifts_px is not None
    np.testing.assert_allclose(sampled.stack.shifts_px, exact.stack.shifts_px, atol=0.01)
    # another noise is another threshold: what lies within a sigma of it, or on a rim, may differ, and nothing else
    differs = sampled.is_changed != exact.is_changed
    near = np.abs(exact.steps.score_z - SMALL.grow_z) <= 1
    rim = ndimage.binary_dilation(exact.is_changed) & ~ndimage.binary_erosion(exact.is_changed)
    assert not (differs & ~near & ~rim).any()
    assert differs.mean() < 0.005
    numbers, count = ndimage.label(exact.is_changed)
    others, other_count = ndimage.label(sampled.is_changed)
    assert count == other_count
    assert all(np.unique(others[(numbers == number) & (others > 0)]).size == 1 for number in range(1, count + 1))


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    stack = stack_of(9)
    expected = map_changes(stack, SMALL)
    monkeypatch.setenv("SITEWATCH_THREADS", threads)
    found = map_changes(stack, SMALL)
    for item in fields(Steps):
        np.testing.assert_array_equal(getattr(found.steps, item.name), getattr(expected.steps, item.name))


@given(
    shape=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    halo=st.integers(0, 90),
    block_px=st.floats(1, 1e6),
)
def test_blocks_cover_each_pixel_once_and_carry_their_surroundings(
    shape: tuple[int, int], halo: int, block_px: float
) -> None:
    plan = Plan.of(shape, values_a_px=1, halo_px=halo, block_px=block_px)
    count = np.zeros(shape, dtype=int)
    for window in plan.blocks:
        count[window.own] += 1
        for own, wide, inner, size in zip(window.own, window.wide, window.inner, shape, strict=True):
            assert wide.start == max(0, own.start - halo)
            assert wide.stop == min(size, own.stop + halo)
            assert (inner.start, inner.stop) == (own.start - wide.start, own.stop - wide.start)
    assert (count == 1).all()
    assert plan.samples == plan.blocks
    assert plan.stride == 1


@given(size=st.integers(1, 200), cuts=st.lists(st.integers(0, 200), max_size=6), stride=st.integers(1, 5))
def test_the_pixels_of_a_sample_do_not_depend_on_the_blocks(size: int, cuts: list[int], stride: int) -> None:
    edges = sorted({0, size, *(cut for cut in cuts if cut < size)})
    taken: list[int] = []
    for first, beyond in pairwise(edges):
        window = Window.around((slice(first, beyond), slice(0, 1)), 7, (size, 1))
        taken += np.arange(size)[window.wide[0]][window.sample(stride)[0]].tolist()
    assert taken == list(range(0, size, stride))


def parts() -> Iterator[tuple[slice, slice]]:
    yield slice(0, 40), slice(0, 60)
    yield slice(50, 110), slice(70, 120)
    yield slice(90, 91), slice(0, 120)


@pytest.mark.parametrize("shift", [(0.3, -0.2), (-1.6, 2.7), (0.0, 0.0)])
def test_a_window_is_moved_as_the_whole_image_is(shift: tuple[float, float]) -> None:
    stack = stack_of(2)
    shifts = np.array([(0.0, 0.0), shift])
    fills = np.array([[0.2, 0.2], [0.21, 0.19]])
    registration = Registration(stack=stack, shifts_px=shifts, fills=fills)
    expected = np.stack(
        [
            moved(values, tuple(shift), fill=fill.tolist())
            for values, shift, fill in zip(stack.values, shifts, fills, strict=True)
        ]
    )
    lazily = registration.as_stack()
    for window in parts():
        np.testing.assert_allclose(registration.read(window), expected[:, :, *window], atol=1e-6)
        np.testing.assert_allclose(crop(lazily, window).values, expected[:, :, *window], atol=1e-6)
    np.testing.assert_allclose(lazily.dataset["B02"][1, 5].to_numpy(), expected[1, 0, 5], atol=1e-6)
    np.testing.assert_allclose(
        lazily.dataset["B03"].isel(time=[1], y=slice(3, 90, 7)).to_numpy(), expected[[1], 1, 3:90:7], atol=1e-6
    )


def test_shifts_of_a_large_area_are_those_that_its_windows_agree_on() -> None:
    base = stack_of(4, side=(300, 300), seed=3)
    values = base.values
    for date, shift in enumerate([(0.0, 0.0), (0.4, -0.3), (-0.25, 0.5), (0.1, 0.1)]):
        values[date] = moved(values[date], shift)
    found = Registration.of(base.with_values(values), CoregisterParams())
    expected = -np.array([(0.0, 0.0), (0.4, -0.3), (-0.25, 0.5), (0.1, 0.1)])
    relative = found.shifts_px - found.shifts_px[0]
    np.testing.assert_allclose(relative, expected, atol=0.06)


def test_maps_in_files_hold_what_was_written_and_leave_nothing_behind(tmp_path: Path) -> None:
    maps = Maps(room=Room(memory_mb=1, folder=tmp_path))
    array: NDArray[np.float32] = maps.empty("score", (3, 50, 60), np.float32)
    array[:] = np.arange(9_000).reshape(3, 50, 60)
    maps.release()
    np.testing.assert_array_equal(array, np.arange(9_000).reshape(3, 50, 60))
    assert list(tmp_path.iterdir()) == []


def test_windows_are_written_to_files_whatever_their_width(tmp_path: Path) -> None:
    maps = Maps(room=Room(memory_mb=1, folder=tmp_path))
    found = maps.empty("values", (2, 3, 20, 30), np.float32)
    expected = np.zeros((2, 3, 20, 30), dtype=np.float32)
    rng = np.random.default_rng(1)
    for own in ((slice(4, 9), slice(0, 30)), (slice(0, 20), slice(5, 17)), (slice(19, 20), slice(0, 30))):
        part = rng.standard_normal((3, own[0].stop - own[0].start, own[1].stop - own[1].start)).astype(np.float32)
        part[0] = np.nan
        part[1] = 0
        maps.put("values", found, own, part, at=(1,))
        expected[1, :, *own] = part
    maps.release()
    np.testing.assert_array_equal(found, expected)
    maps.close()
    np.testing.assert_array_equal(found, expected)


def test_files_larger_than_the_memory_that_may_be_used_leave_the_systems_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []
    real = os.posix_fadvise

    def drop(file: int, *where: int) -> None:
        dropped.append(file)
        real(file, *where)

    monkeypatch.setattr("detection.room._CACHED_BYTES", 1_000_000)
    monkeypatch.setattr("os.posix_fadvise", drop)
    for memory_mb, is_dropped in ((1, True), (100, False)):
        maps = Maps(room=Room(memory_mb=memory_mb, folder=tmp_path))
        found = maps.empty("values", (2, 400, 500), np.float32)
        expected = np.random.default_rng(2).standard_normal((2, 400, 500)).astype(np.float32)
        for rows in (slice(0, 100), slice(100, 400)):
            maps.put("values", found, (rows, slice(0, 500)), expected[:, rows])
            assert not dropped or rows.stop == 400
            maps.release()
        assert bool(dropped) == is_dropped
        np.testing.assert_array_equal(found, expected)
        dropped.clear()


@pytest.mark.parametrize("halo", [10, 120])
@pytest.mark.parametrize("shape", [(10_980, 10_980), (3_000, 9_000), (400, 90)])
def test_blocks_hold_what_they_may_and_look_at_little_twice(shape: tuple[int, int], halo: int) -> None:
    for block_px in (4e5, 2e6, 2e7, 1e9):
        plan = Plan.of(shape, values_a_px=8, halo_px=halo, block_px=block_px)
        sizes = [np.prod(window.wide_shape) for window in plan.blocks]
        assert max(sizes) <= 1.02 * block_px
        square = np.sqrt(block_px)
        least = (square / (square - 2 * halo)) ** 2
        assert sum(sizes) <= 1.3 * max(1.0, least) * np.prod(shape)
