"""Pixels of a file on a grid of its own CRS: the same numbers as those of GDAL's warp, whatever the file lacks."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.warp import Resampling, reproject

from geo.grid import Grid
from geo.sources.placing import Placing, crs_of
from geo.sources.warp import classes_onto_grid, onto_grid

EPSG = 32645
LEFT_M, TOP_M = 500_000.0, 4_800_000.0
SIDE_PX = 24


def numbers(seed: int, gaps: int) -> NDArray[np.uint16]:
    """Return numbers from 1 on, shape (24, 24), with so many gaps of 0."""
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 10_000, (SIDE_PX, SIDE_PX), dtype=np.uint16)
    values.flat[rng.integers(0, values.size, gaps)] = 0
    return values


@contextmanager
def written(values: NDArray[np.generic], pixel_m: float = 10.0) -> Iterator[rasterio.DatasetReader]:
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": 1, "crs": f"EPSG:{EPSG}", "nodata": 0}
    size = {"height": values.shape[0], "width": values.shape[1]}
    with MemoryFile() as memory:
        with memory.open(**profile, **size, transform=Affine(pixel_m, 0, LEFT_M, 0, -pixel_m, TOP_M)) as image:
            image.write(values, 1)
        with memory.open() as image:
            yield image


def beside(right_m: float, down_m: float, *, pixel_m: float = 10.0, side_px: int = 20) -> Grid:
    return Grid(
        epsg=EPSG,
        left_m=LEFT_M + right_m,
        top_m=TOP_M - down_m,
        pixel_m=pixel_m,
        width_px=side_px,
        height_px=side_px,
    )


def warped(image: rasterio.DatasetReader, grid: Grid, kind: Resampling) -> NDArray[np.float32]:
    """Let GDAL do it."""
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    reproject(
        rasterio.band(image, 1),
        values,
        dst_transform=grid.transform,
        dst_crs=f"EPSG:{grid.epsg}",
        src_nodata=0,
        dst_nodata=np.nan,
        resampling=kind,
    )
    return values


places = st.integers(-1500, 1500).map(lambda tenths: tenths / 10 + 0.03)
"""Metres, none of which puts the middle of a pixel upon an edge."""


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@settings(max_examples=60)
@given(
    right_m=places,
    down_m=places,
    pixel_m=st.sampled_from([2.5, 5.0, 7.5, 10.0]),
    gaps=st.sampled_from([0, 5, 200]),
    seed=st.integers(0, 99),
)
def test_between_pixels_it_is_as_gdal_has_it(
    right_m: float, down_m: float, pixel_m: float, gaps: int, seed: int
) -> None:
    grid = beside(right_m, down_m, pixel_m=pixel_m)
    with written(numbers(seed, gaps)) as image:
        found = onto_grid(image, 1, grid, nodata=0, kind=Resampling.bilinear)
        np.testing.assert_allclose(found, warped(image, grid, Resampling.bilinear), rtol=2e-5)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@settings(max_examples=60)
@given(right_m=places, down_m=places, pixel_m=st.sampled_from([2.5, 10.0, 13.0, 40.0]), seed=st.integers(0, 99))
def test_the_nearest_pixel_is_as_gdal_has_it(right_m: float, down_m: float, pixel_m: float, seed: int) -> None:
    grid, values = beside(right_m, down_m, pixel_m=pixel_m), (numbers(seed, 30) % 12).astype(np.uint8)
    with written(values) as image:
        expected = np.nan_to_num(warped(image, grid, Resampling.nearest))
        np.testing.assert_array_equal(classes_onto_grid(image, 1, grid), expected)


@pytest.mark.parametrize("kind", [Resampling.nearest, Resampling.bilinear], ids=lambda kind: kind.name)
@pytest.mark.parametrize("right_m", [0.0, 3.0], ids=["own-pixels", "beside"])
def test_some_rows_at_a_time_give_the_same_image(
    kind: Resampling, right_m: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = beside(right_m, right_m, side_px=30)
    with written(numbers(3, 40)) as image:
        at_once = onto_grid(image, 1, grid, nodata=0, kind=kind)
        monkeypatch.setattr("geo.sources.placing._STRIP_PX", 7)
        np.testing.assert_array_equal(onto_grid(image, 1, grid, nodata=0, kind=kind), at_once)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_classes_are_bytes_whatever_the_file_holds_them_in(dtype: str) -> None:
    values = (numbers(1, 10) % 12).astype(dtype)
    with written(values) as image:
        classes = classes_onto_grid(image, 1, beside(-20, 0, side_px=10))
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, np.pad(values, ((0, 0), (2, 0)))[:10, :10])


@pytest.mark.parametrize(
    ("affine", "epsg", "is_own"),
    [
        pytest.param(Affine(10, 0, LEFT_M + 40, 0, -10, TOP_M), EPSG, True, id="own-pixels"),
        pytest.param(Affine(10, 0, LEFT_M + 0.02, 0, -10, TOP_M), EPSG, False, id="a-fiftieth-of-a-pixel-beside"),
        pytest.param(Affine(10.001, 0, LEFT_M, 0, -10, TOP_M), EPSG, False, id="other-pixels"),
        pytest.param(Affine(10, 0, LEFT_M, 0, -10, TOP_M), 32644, None, id="other-crs"),
        pytest.param(Affine(10, 1, LEFT_M, 0, -10, TOP_M), EPSG, None, id="turned"),
        pytest.param(Affine(10, 0, LEFT_M, 0, 10, TOP_M), EPSG, None, id="upside-down"),
    ],
)
def test_what_lies_on_own_pixels_is_known(affine: Affine, epsg: int, is_own: bool | None) -> None:  # noqa: FBT001  # a case
    placing = Placing.of(affine, crs_of(epsg), beside(0, 0))
    assert (placing and placing.is_on_own_pixels) == is_own
