"""Imagery that lies beside the grid is interpolated once, its measured shift included."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from geo.cache import CachedSource, ImageStore
from geo.coregister import coregister, moved
from geo.grid import Grid
from geo.scene import Scene, Stack
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.header import apply
from geo.sources.moved import MovingSource, moved_grid, resampling

EPSG = 32645
NEXT_ZONE_EPSG = 32646
LEFT_M, TOP_M = 500_000.0, 4_800_000.0
EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}
BANDS = ("B03", "B04")
SIDE_PX = 96
RIM = np.s_[:, 8:-8, 8:-8]
SHIFTS_PX = ((0.0, 0.0), (0.4, -0.3), (-0.6, 0.7), (0.25, 0.5))
"""How far (down, right) each date's picture must be moved to lie true."""


def ground(x_m: NDArray[np.float64], y_m: NDArray[np.float64], band: str, *, has_detail: bool) -> NDArray[np.float64]:
    """Return digital numbers of rolling fields, if wanted with rows and roofs, down to some three pixels."""
    x, y, scale = (x_m - LEFT_M) / 10, (y_m - TOP_M) / 10, 1.0 + BANDS.index(band) / 3
    fields = 400 * np.sin(x / 5) * np.cos(y / 6)
    rows = 250 * np.sin(x * 1.9 + y * 0.4) + 250 * np.cos(y * 1.7 - x * 0.5)
    roofs = 700 * (np.sin(x / 4.1) * np.sin(y / 3.7) > 0.55)
    return np.asarray(scale * (2500 + fields + has_detail * (rows + roofs)))


def taken(
    place: tuple[Affine, int], shift_px: tuple[float, float], band: str, *, has_detail: bool, side_px: int = 140
) -> NDArray[np.uint16]:
    """Take the picture of the ground, each pixel the mean over its area, off its place by so much."""
    fine = (np.arange(side_px * 5) + 0.5) / 5
    affine, epsg = place
    xs, ys = apply(affine, *np.meshgrid(fine, fine))
    x_m, y_m = Transformer.from_crs(epsg, EPSG, always_xy=True).transform(xs, ys)
    values = ground(x_m + shift_px[1] * 10, y_m - shift_px[0] * 10, band, has_detail=has_detail)
    return np.asarray(values.reshape(side_px, 5, side_px, 5).mean(axis=(1, 3)), dtype=np.uint16)


def grid() -> Grid:
    return Grid(epsg=EPSG, left_m=LEFT_M + 200, top_m=TOP_M - 200, pixel_m=10, width_px=SIDE_PX, height_px=SIDE_PX)


def beside(right_m: float, down_m: float) -> tuple[Affine, int]:
    return Affine(10, 0, LEFT_M + right_m, 0, -10, TOP_M - down_m), EPSG


def in_the_next_zone() -> tuple[Affine, int]:
    left, top = Transformer.from_crs(EPSG, NEXT_ZONE_EPSG, always_xy=True).transform(LEFT_M, TOP_M)
    return Affine(10, 0, left + 4.2, 0, -10, top + 3.1), NEXT_ZONE_EPSG


@dataclass(frozen=True, kw_only=True)
class Series:
    """A folder of dates that lie off their place by `SHIFTS_PX`."""

    path: Path

    @property
    def source(self) -> FolderSource:
        return FolderSource(self.path)

    @property
    def refs(self) -> Sequence[SceneRef]:
        return self.source.search(grid().footprint_4326, **EVER)

    def stack(self) -> Stack:
        return Stack.of([self.source.read(ref, grid(), bands=BANDS) for ref in self.refs])


def series(path: Path, place: tuple[Affine, int], *, has_gap: bool = False, has_detail: bool = True) -> Series:
    affine, epsg = place
    for index, shift_px in enumerate(SHIFTS_PX):
        for band in BANDS:
            values = taken(place, shift_px, band, has_detail=has_detail)
            if has_gap:
                values[60:66, 50:58] = 0
            profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "crs": f"EPSG:{epsg}", "nodata": 0}
            file = path / f"S2A_2021060{index + 1}_{band}.tif"
            with rasterio.open(file, "w", **profile, transform=affine, height=140, width=140) as image:
                image.write(values, 1)
    return Series(path=path)


def truth() -> NDArray[np.float64]:
    """Return the ground on the grid, shape (band, y, x), as reflectance."""
    place = (grid().transform, EPSG)
    layers = [taken(place, (0.0, 0.0), band, has_detail=True, side_px=SIDE_PX) for band in BANDS]
    return np.stack(layers) / 1e4


def in_one_step(path: Path, index: int, shift_px: tuple[float, float]) -> NDArray[np.float32]:
    """Let GDAL warp the files of one date onto the moved grid."""
    layers = []
    for band in BANDS:
        values = np.full(grid().shape, np.nan, dtype=np.float32)
        with rasterio.open(path / f"S2A_2021060{index + 1}_{band}.tif") as image:
            reproject(
                rasterio.band(image, 1),
                values,
                dst_transform=grid().transform @ Affine.translation(-shift_px[1], -shift_px[0]),
                dst_crs=f"EPSG:{EPSG}",
                dst_nodata=np.nan,
                resampling=Resampling.cubic,
            )
        layers.append(values)
    return np.stack(layers) * np.float32(1e-4)


def rms(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.nanmean(np.square(values[RIM]))))


def detail(values: NDArray[np.floating]) -> float:
    """Return how strong what is smaller than some three pixels is."""
    return float(np.nanmean([np.abs(ndimage.laplace(layer))[8:-8, 8:-8] for layer in values]))


PLACES = [pytest.param(beside(3.3, 4.6), id="beside"), pytest.param(in_the_next_zone(), id="next-zone")]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("index", [1, 2])
def test_a_shift_is_part_of_the_one_warp(tmp_path: Path, place: tuple[Affine, int], index: int) -> None:
    made = series(tmp_path, place, has_detail=False)  # which no two ways to interpolate take for the same
    anew = made.source.read_moved(made.refs[index], grid(), SHIFTS_PX[index], bands=BANDS)
    assert anew is not None
    np.testing.assert_allclose(anew, in_one_step(tmp_path, index, SHIFTS_PX[index]), atol=2e-4)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("index", [1, 2, 3])
def test_one_step_is_nearer_to_the_truth_and_sharper_than_two(
    tmp_path: Path, place: tuple[Affine, int], index: int
) -> None:
    made, shift_px = series(tmp_path, place), SHIFTS_PX[index]
    one = made.source.read_moved(made.refs[index], grid(), shift_px, bands=BANDS)
    two = moved(made.stack().values[index], shift_px)
    assert one is not None
    assert rms(one - truth()) < 0.4 * rms(two - truth())
    assert rms(one - truth()) < rms(in_one_step(tmp_path, index, shift_px) - truth())
    assert 1.3 * detail(two) < detail(one) < 1.02 * detail(truth())


def test_what_lies_on_the_grids_own_pixels_is_not_read_again(tmp_path: Path) -> None:
    made = series(tmp_path, beside(0, 0))
    assert made.source.read_moved(made.refs[1], grid(), SHIFTS_PX[1], bands=BANDS) is None


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_stack_that_knows_how_is_moved_in_one_step(tmp_path: Path) -> None:
    made = series(tmp_path, beside(3.3, 4.6), has_gap=True)
    stack = made.stack()
    two = coregister(stack)
    one = coregister(replace(stack, resample=resampling(made.source, made.refs, grid())))
    assert one.resample is None
    assert one.shifts_px is not None
    np.testing.assert_array_equal(one.shifts_px, two.shifts_px)
    assert not (np.isfinite(one.values) & ~np.isfinite(two.values)).any()
    assert np.isfinite(one.values).mean() > np.isfinite(two.values).mean() - 0.01
    for index in range(len(SHIFTS_PX)):
        expected = made.source.read_moved(made.refs[index], grid(), tuple(one.shifts_px[index]), bands=BANDS)
        assert expected is not None
        both = np.isfinite(one.values[index])
        np.testing.assert_array_equal(one.values[index][both], expected[both])
        assert detail(one.values[index]) > 1.3 * detail(two.values[index])


def test_a_stack_on_the_grids_own_pixels_is_moved_as_ever(tmp_path: Path) -> None:
    made = series(tmp_path, beside(0, 0))
    stack = made.stack()
    knowing = replace(stack, resample=resampling(made.source, made.refs, grid()))
    np.testing.assert_array_equal(coregister(knowing).values, coregister(stack).values)


def test_what_hid_the_ground_hides_it_still(tmp_path: Path) -> None:
    made = series(tmp_path, beside(3.3, 4.6))
    scenes = [made.source.read(ref, grid(), bands=BANDS) for ref in made.refs]
    is_clear = scenes[1].is_clear.copy()
    is_clear[30:40, 50:60] = False
    stack = replace(
        Stack.of([replace(scene, is_clear=is_clear) if scene is scenes[1] else scene for scene in scenes]),
        resample=resampling(made.source, made.refs, grid()),
    )
    assert np.isnan(coregister(stack).values[1, :, 31:39, 51:59]).all()


class OnTheWeb:
    """A source that cannot be read again at no cost."""

    credit = ""

    def search(self, *_: object, **__: object) -> Sequence[SceneRef]:
        return ()

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        raise AssertionError(ref.scene_id, grid, bands)


def test_what_is_kept_of_a_folder_is_read_anew_from_the_folder_and_other_copies_are_not(tmp_path: Path) -> None:
    (tmp_path / "imagery").mkdir()
    made = series(tmp_path / "imagery", beside(3.3, 4.6))
    store = ImageStore(tmp_path / "store")
    kept = CachedSource(made.source, store, name="folder")
    (expected, found) = (
        source.read_moved(made.refs[1], grid(), SHIFTS_PX[1], bands=BANDS) for source in (made.source, kept)
    )
    assert expected is not None
    np.testing.assert_array_equal(found, expected)
    fetched = CachedSource(OnTheWeb(), store, name="web")
    assert fetched.read_moved(made.refs[1], grid(), SHIFTS_PX[1], bands=BANDS) is None
    assert not isinstance(OnTheWeb(), MovingSource)
    assert resampling(OnTheWeb(), made.refs, grid()) is None


def test_moving_down_and_right_reads_what_lies_above_and_left() -> None:
    beside = moved_grid(grid(), (0.25, -0.5))
    assert (beside.left_m, beside.top_m) == (grid().left_m + 5, grid().top_m + 2.5)
    assert beside.shape == grid().shape
