"""Changed pixels become sites whose outline, area and number are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy import ndimage
from shapely.geometry import box

from detection.objects.outline import Patch, area_interval_m2, changed_pixels, group_patches
from geo.grid import Grid

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=60, height_px=50)
SCORES = arrays(np.float32, (12, 12), elements=st.one_of(st.just(np.float32(np.nan)), st.floats(-2, 12, width=32)))
MASKS = arrays(np.bool_, GRID.shape, elements=st.booleans(), fill=st.just(False))  # noqa: FBT003 - the value drawn


def marked(*blocks: tuple[slice, slice]) -> NDArray[np.bool_]:
    is_changed = np.zeros(GRID.shape, dtype=bool)
    for block in blocks:
        is_changed[block] = True
    return is_changed


def whole(patch: Patch) -> NDArray[np.bool_]:
    """Return the members of a patch on the whole grid."""
    is_member = np.zeros(GRID.shape, dtype=bool)
    is_member[patch.window] = patch.is_member
    return is_member


def grouped(is_changed: NDArray[np.bool_], *, gap_m: float = 60, min_area_m2: float = 1500) -> list[Patch]:
    score_z = np.where(is_changed, 8.0, 1.0).astype(np.float32)
    return group_patches(is_changed, score_z, GRID, gap_m=gap_m, min_area_m2=min_area_m2)


@given(score_z=SCORES, fine_z=SCORES, raised=st.floats(0, 5))
def test_a_higher_threshold_never_finds_more(
    score_z: NDArray[np.float32], fine_z: NDArray[np.float32], raised: float
) -> None:
    plain = changed_pixels(score_z, fine_z, seed_z=5, grow_z=3)
    seeds = changed_pixels(score_z, fine_z, seed_z=5 + raised, grow_z=3)
    both = changed_pixels(score_z, fine_z, seed_z=5 + raised, grow_z=min(3 + raised, 5 + raised))
    assert not (seeds & ~plain).any()
    assert not (both & ~seeds).any()


@given(score_z=SCORES, fine_z=SCORES)
def test_changed_pixels_equal_a_slow_definition(score_z: NDArray[np.float32], fine_z: NDArray[np.float32]) -> None:
    found = changed_pixels(score_z, fine_z, seed_z=5, grow_z=3)
    assert not found[np.isnan(score_z)].any()
    labels, count = ndimage.label(score_z > 3)
    core = np.zeros(score_z.shape, dtype=bool)
    for index in range(1, count + 1):
        if (score_z[labels == index] > 5).any():
            core |= labels == index
    assert not (found & ~core).any()
    fine = np.nan_to_num(fine_z, nan=-9)
    is_clear = (fine >= 3) & (fine >= np.float32(0.3) * ndimage.maximum_filter(fine, 7))  # fainter is its blur
    assert found[core & is_clear].all()


def test_what_was_not_seen_is_not_changed() -> None:
    score_z = np.full((9, 9), 9, dtype=np.float32)
    score_z[4, 4] = np.nan
    found = changed_pixels(score_z, np.full_like(score_z, 9), seed_z=5, grow_z=3)
    assert not found[4, 4]
    assert not changed_pixels(score_z * np.nan, score_z * np.nan, seed_z=5, grow_z=3).any()


def test_a_blurred_rim_is_taken_away_where_the_fine_contrast_is_low() -> None:
    score_z, fine_z = np.zeros((2, 20, 20), dtype=np.float32)
    score_z[5:15, 5:15] = 6
    fine_z[7:13, 7:13] = 6
    found = changed_pixels(score_z, fine_z, seed_z=5, grow_z=3)
    assert found[7:13, 7:13].all()
    assert found.sum() == 36


def test_the_area_is_pixels_times_the_area_of_a_pixel() -> None:
    (patch,) = grouped(marked(np.s_[10:15, 20:28]))
    assert patch.area_m2 == 40 * 100
    assert patch.is_member.sum() == 40
    assert patch.outline.equals(box(600_200, 4_804_850, 600_280, 4_804_900))


@pytest.mark.parametrize(
    ("gap_px", "sites"),
    [pytest.param(4, 1, id="within"), pytest.param(6, 1, id="just"), pytest.param(8, 2, id="beyond")],
)
def test_blocks_within_the_gap_are_one_site(gap_px: int, sites: int) -> None:
    second = 16 + gap_px
    patches = grouped(marked(np.s_[10:20, 6:16], np.s_[10:20, second : second + 10]))
    assert len(patches) == sites
    assert sum(int(patch.is_changed.sum()) for patch in patches) == 200


def test_a_wider_gap_never_makes_more_sites() -> None:
    is_changed = np.random.default_rng(1).random(GRID.shape) < 0.02
    counts = [len(grouped(is_changed, gap_m=gap_m, min_area_m2=0)) for gap_m in (0, 20, 40, 60, 100, 200)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize(("side", "sites"), [(3, 0), (4, 1)])
def test_what_is_below_the_least_area_is_dropped(side: int, sites: int) -> None:
    assert len(grouped(marked(np.s_[10 : 10 + side, 10 : 10 + side]))) == sites


def test_the_least_area_itself_is_enough() -> None:
    assert len(grouped(marked(np.s_[10:13, 10:15]), min_area_m2=1500)) == 1
    assert not grouped(marked(np.s_[10:13, 10:15]), min_area_m2=1501)


def test_a_small_yard_belongs_to_the_site_and_a_large_one_stays_a_hole() -> None:
    small = marked(np.s_[10:22, 10:22])
    small[14:18, 14:18] = False
    (patch,) = grouped(small)
    assert patch.area_m2 == 144 * 100
    assert patch.is_changed.sum() == 144 - 16
    large = marked(np.s_[5:45, 5:45])
    large[12:38, 12:38] = False
    (patch,) = grouped(large)
    assert len(patch.outline.interiors) == 1
    assert patch.outline.area == patch.area_m2 < 1600 * 100


def test_the_clearest_site_comes_first() -> None:
    is_changed = marked(np.s_[5:10, 5:10], np.s_[30:35, 40:45])
    score_z = np.where(is_changed, 6.0, 1.0).astype(np.float32)
    score_z[32, 42] = 9
    first, second = group_patches(is_changed, score_z, GRID, gap_m=60, min_area_m2=1500)
    assert whole(first)[32, 42]
    assert whole(second)[7, 7]


def test_nothing_changed_makes_no_site() -> None:
    assert grouped(marked()) == []


def test_a_site_at_the_edge_of_the_image_keeps_to_it() -> None:
    (patch,) = grouped(marked(np.s_[0:6, 0:6]))
    assert patch.area_m2 == 3600
    assert box(*GRID.bounds_m).covers(patch.outline)


@given(is_changed=MASKS, gap_m=st.sampled_from([0.0, 30.0, 60.0]))
def test_sites_part_the_ground_and_their_outlines_agree_with_their_pixels(
    is_changed: NDArray[np.bool_], gap_m: float
) -> None:
    patches = grouped(is_changed, gap_m=gap_m, min_area_m2=0)
    members = np.sum([whole(patch) for patch in patches], axis=0) if patches else np.zeros(GRID.shape)
    assert members.max() <= 1
    assert (members > 0)[is_changed].all()
    for patch in patches:
        assert patch.outline.is_valid
        assert patch.outline.area == pytest.approx(patch.area_m2)
        assert patch.area_m2 == patch.is_member.sum() * 100
        assert patch.is_changed.any()
        inside = geometry_mask([patch.outline], out_shape=GRID.shape, transform=GRID.transform, invert=True)
        np.testing.assert_array_equal(inside, whole(patch))


def test_a_window_is_the_bounding_box_and_grows_as_far_as_the_grid_goes() -> None:
    (patch,) = grouped(marked(np.s_[2:8, 20:28]))
    assert patch.window == np.s_[2:8, 20:28]
    wide = patch.grown(5, GRID.shape)
    assert wide.window == np.s_[0:13, 15:33]
    assert wide.is_member.shape == wide.is_changed.shape == (13, 18)
    np.testing.assert_array_equal(whole(wide), whole(patch))
    assert wide.outline is patch.outline


def test_a_site_touches_an_area_by_its_own_pixels_not_by_its_box() -> None:
    (patch,) = grouped(marked(np.s_[10:30, 10:13], np.s_[27:30, 10:30]))
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[12:16, 22:28] = True
    assert not patch.touches(inside)
    inside[12:16, 12:28] = True
    assert patch.touches(inside)


def test_the_area_interval_counts_what_changed_clearly_and_not_the_blurred_rim() -> None:
    (patch,) = grouped(marked(np.s_[10:30, 10:30]))
    change = np.full((20, 20), 0.02, dtype=np.float32)
    change[2:18, 2:18] = 0.2
    low, high = area_interval_m2(patch, change, pixel_area_m2=100, is_taken_down=False)
    assert 0.4 * 16 * 16 * 100 < low < 16 * 16 * 100
    assert high == patch.area_m2
    low_gone, high_gone = area_interval_m2(patch, change, pixel_area_m2=100, is_taken_down=True)
    assert 0 < low_gone < low
    assert high_gone == patch.area_m2


@pytest.mark.parametrize("change", [np.nan, 0.0], ids=["never-seen", "none"])
def test_an_area_interval_is_defined_whatever_was_seen(change: float) -> None:
    (patch,) = grouped(marked(np.s_[10:14, 10:14]))
    low, high = area_interval_m2(
        patch, np.full((4, 4), change, dtype=np.float32), pixel_area_m2=100, is_taken_down=False
    )
    assert 0 < low <= high <= patch.area_m2
