"""Walled grounds with rows of blocks are told from halls, roads and fields, on images drawn by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.objects.outline import Patch, group_patches
from detection.objects.shape import (
    body_of,
    camp_likeness,
    coherence,
    count_roofs,
    describe,
    isolation,
    main_angle,
    ring,
    roofs_between,
    rows_of_blocks,
    traits,
)
from geo.grid import Grid

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=120, height_px=110)
COMPOUND = np.s_[40:72, 40:84]


def desert(seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.15 + 0.002 * rng.standard_normal(GRID.shape)).astype(np.float32)


def with_blocks(*, pitch: int = 5, is_walled: bool = True) -> NDArray[np.float32]:
    """Return a graded rectangle with rows of bright blocks of 2 x 6 pixels, and a line along its edge."""
    image = desert()
    image[COMPOUND] += 0.03
    inner = image[COMPOUND]
    for row in range(3, 28, pitch):
        for column in range(3, 38, 9):
            inner[row : row + 2, column : column + 6] += 0.12
    if is_walled:
        inner[[0, -1]] += 0.08
        inner[:, [0, -1]] += 0.08
    return image


def patch_of(*blocks: tuple[slice, slice]) -> Patch:
    is_changed = np.zeros(GRID.shape, dtype=bool)
    for block in blocks:
        is_changed[block] = True
    (patch,) = group_patches(
        is_changed, np.where(is_changed, 9.0, 0.0).astype(np.float32), GRID, gap_m=60, min_area_m2=0
    )
    return patch


def likeness(image: NDArray[np.float32], patch: Patch, *, isolated: float = 1.0) -> float:
    shape = describe(patch, image[None], grid=GRID, bands=("B04",))
    return camp_likeness(traits(shape, isolated=isolated, area_m2=patch.area_m2))


def mask(*blocks: tuple[slice, slice]) -> NDArray[np.bool_]:
    here = np.zeros(GRID.shape, dtype=bool)
    for block in blocks:
        here[block] = True
    return here


def test_a_walled_ground_of_rows_of_blocks_is_like_a_camp_and_others_are_not() -> None:
    camp = likeness(with_blocks(), patch_of(COMPOUND))
    hall = desert()
    hall[50:58, 50:64] += 0.2
    road = desert()
    road[55:58, 5:115] -= 0.05
    clearing = desert()
    clearing[40:72, 40:84] += 0.05
    others = [
        likeness(hall, patch_of(np.s_[48:60, 48:66]), isolated=0.0),
        likeness(road, patch_of(np.s_[55:58, 5:115])),
        likeness(clearing, patch_of(COMPOUND)),
    ]
    assert camp > 0.85
    assert max(others) < 0.7


def test_the_likeness_is_the_sum_of_its_terms_and_the_weights_add_up_to_one() -> None:
    shape = describe(patch_of(COMPOUND), with_blocks()[None], grid=GRID, bands=("B04",))
    terms = traits(shape, isolated=0.5, area_m2=140_800)
    assert camp_likeness(terms) == pytest.approx(sum(term.contribution for term in terms))
    assert sum(term.weight for term in terms) == pytest.approx(1)
    assert all(0 <= term.value <= 1 for term in terms)


def test_roofs_are_counted() -> None:
    image = with_blocks(is_walled=False)
    blocks = len(range(3, 28, 5)) * len(range(3, 38, 9))
    assert count_roofs(image, mask(COMPOUND)) == pytest.approx(blocks, abs=1)
    assert count_roofs(desert(), mask(np.s_[0:2, 0:2])) <= 1


def test_one_large_hall_is_a_roof_too() -> None:
    hall = desert()
    hall[20:32, 20:40] += np.float32(0.2)
    assert count_roofs(hall, mask(np.s_[20:32, 20:40])) >= 1


@pytest.mark.parametrize(
    ("clumps", "buildings"), [(1, (1, 3)), (5, (2, 13)), (30, (12, 75))], ids=["one", "a-few", "many"]
)
def test_clumps_tell_buildings_within_a_factor_of_two_and_a_half(clumps: int, buildings: tuple[int, int]) -> None:
    assert roofs_between(clumps) == buildings


@pytest.mark.parametrize("pitch", [4, 5, 7])
def test_rows_repeat_and_noise_does_not(pitch: int) -> None:
    here = mask(COMPOUND)
    regular = rows_of_blocks(with_blocks(pitch=pitch, is_walled=False), here, pixel_m=10)
    assert regular > 0.4
    assert rows_of_blocks(desert(), here, pixel_m=10) < 0.3


def test_edges_in_two_directions_at_right_angles_are_coherent_at_any_angle() -> None:
    y, x = np.indices(GRID.shape) - 55
    here = np.hypot(x, y) < 30
    for angle in (0.0, 17.0, 40.0):
        turn = np.radians(angle)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        image = (0.1 * ((np.floor(u / 9) + np.floor(v / 9)) % 2)).astype(np.float32)
        assert coherence(image, here) > 0.4
        apart = abs(main_angle(image, here) - angle) % 90
        assert min(apart, 90 - apart) < 6
    assert coherence(np.random.default_rng(1).random(GRID.shape).astype(np.float32), here) < 0.15
    assert coherence(np.full(GRID.shape, 0.2, dtype=np.float32), here) == 0


def test_a_wall_runs_around_and_a_mere_edge_does_not() -> None:
    here = mask(COMPOUND)
    assert ring(with_blocks(), here) > 0.7
    flat = desert()
    flat[COMPOUND] += 0.03
    assert ring(flat, here) < 0.3


def test_a_road_has_no_body_and_a_site_loses_its_access_roads() -> None:
    assert not body_of(mask(np.s_[50:53, 10:110]), pixel_m=10).any()
    body = body_of(mask(COMPOUND, np.s_[55:58, 0:40]), pixel_m=10)
    assert body.sum() == pytest.approx(mask(COMPOUND).sum(), abs=40)
    assert not body[56, 20]


def test_isolation_falls_with_what_stood_around() -> None:
    patch = patch_of(COMPOUND)
    open_ground = np.ones(GRID.shape, dtype=np.float32)
    assert isolation(patch, open_ground, pixel_m=10) == 1
    some, many = open_ground.copy(), open_ground.copy()
    some[14:20, 40:80] = 8
    many[0:30] = 8
    assert 0 < isolation(patch, some, pixel_m=10) < 1
    assert isolation(patch, many, pixel_m=10) == 0
    assert isolation(patch, open_ground * np.nan, pixel_m=10) == 0


def test_roof_colours_are_shares_of_the_object() -> None:
    image = np.stack([desert(), desert(1), desert(2)])
    image[:, *COMPOUND] = 0.15
    image[0, 40:56, 40:84] = 0.3
    image[:, 64:72, 40:84] = 0.45
    shape = describe(patch_of(COMPOUND), image, grid=GRID, bands=("B02", "B03", "B04"))
    assert shape.blue_share == pytest.approx(0.5, abs=0.02)
    assert shape.white_share == pytest.approx(0.25, abs=0.02)
    assert shape.red_share == 0


@pytest.mark.parametrize("value", [np.nan, 0.0, 0.3], ids=["never-seen", "dark", "constant"])
def test_whatever_the_image_the_shape_is_defined(value: float) -> None:
    image = np.full((1, *GRID.shape), value, dtype=np.float32)
    for patch in (patch_of(COMPOUND), patch_of(np.s_[0:4, 0:4]), patch_of(np.s_[0:110, 0:120])):
        shape = describe(patch, image, grid=GRID, bands=("B04",))
        assert 0 <= camp_likeness(traits(shape, isolated=0.0, area_m2=patch.area_m2)) <= 1
        assert shape.blue_share is None
        assert np.isfinite([shape.rectangularity, shape.solidity, shape.coherence or 0, shape.rows or 0]).all()
