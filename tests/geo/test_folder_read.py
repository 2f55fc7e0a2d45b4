"""Pixels read from a folder lie where they belong, and what is damaged is said plainly."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Scene
from geo.sources.folder import FolderSource

EPSG = 32645
LEFT_M, TOP_M = 500_000.0, 4_800_000.0
SIDE_PX = 120
"""The test image has 120 x 120 pixels of 10 m."""
EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}


def smooth(*, rows: int = SIDE_PX, columns: int = SIDE_PX) -> NDArray[np.uint16]:
    y, x = np.mgrid[:rows, :columns]
    return np.asarray(3000 + 1500 * np.sin(x / 7) + 1000 * np.cos(y / 5), dtype=np.uint16)


def write(
    path: Path, values: NDArray[np.uint16], affine: Affine, *, crs: object = f"EPSG:{EPSG}", **profile: object
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    options = {"driver": "GTiff", "dtype": "uint16", "count": 1, "crs": crs, "transform": affine, **profile}
    with rasterio.open(path, "w", height=height, width=width, **options) as file:
        file.write(values, 1)
    return path


def metric(pixel_m: float = 10.0) -> Affine:
    return Affine(pixel_m, 0, LEFT_M, 0, -pixel_m, TOP_M)


def grid(*, column: int = 0, row: int = 0, side_px: int = SIDE_PX, pixel_m: float = 10.0) -> Grid:
    """Return a grid whose corner is pixel (row, column), in pixels of 10 m, of the test image."""
    return Grid(
        epsg=EPSG,
        left_m=LEFT_M + 10 * column,
        top_m=TOP_M - 10 * row,
        pixel_m=pixel_m,
        width_px=side_px,
        height_px=side_px,
    )


def read(folder: Path, on: Grid, bands: Sequence[str] = ("B04",)) -> Scene:
    source = FolderSource(folder)
    (ref,) = source.search(on.footprint_4326, **EVER)
    return source.read(ref, on, bands=bands)


@settings(max_examples=30)
@given(column=st.integers(-30, 130), row=st.integers(-30, 130), side_px=st.integers(1, 60))
def test_a_grid_on_the_pixels_of_the_file_gets_them_untouched(
    tmp_path_factory: pytest.TempPathFactory, column: int, row: int, side_px: int
) -> None:
    folder = tmp_path_factory.mktemp("images")
    whole = smooth()
    write(folder / "20170216_B04.tif", whole, metric())
    source = FolderSource(folder)
    (ref,) = source.search(grid().footprint_4326, **EVER)
    got = source.read(ref, grid(column=column, row=row, side_px=side_px), bands=("B04",)).bands["B04"]
    wide = np.pad(whole.astype(np.float32), 100, constant_values=np.nan)
    expected = wide[100 + row : 100 + row + side_px, 100 + column : 100 + column + side_px] / 10_000
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def geographic() -> Affine:
    return Affine(1.2e-4, 0, 87.0, 0, -0.9e-4, 43.353)


@pytest.mark.parametrize(
    ("affine", "crs"),
    [
        pytest.param(metric(10) @ Affine.translation(0.3, 0.7), EPSG, id="half-a-pixel-off"),
        pytest.param(metric(20), EPSG, id="20-m"),
        pytest.param(geographic(), 4326, id="degrees"),
        pytest.param(Affine(14, 0, 9684745, 0, -14, 5365983), 3857, id="mercator"),
        pytest.param(metric(10) @ Affine.rotation(20), EPSG, id="rotated"),
        pytest.param(Affine(10, 0, LEFT_M, 0, 10, TOP_M - 10 * SIDE_PX), EPSG, id="south-up"),
    ],
)
def test_a_window_equals_the_cut_of_the_whole(tmp_path: Path, affine: Affine, crs: int) -> None:
    values = smooth(rows=160, columns=160)
    path = write(tmp_path / "20170216_B04.tif", values, affine, crs=CRS.from_epsg(crs))
    whole = grid(side_px=100)
    expected = np.full(whole.shape, np.nan, np.float32)
    with rasterio.open(path) as file:
        reproject(
            file.read(1),
            expected,
            src_transform=affine,
            src_crs=CRS.from_epsg(crs),
            src_nodata=0,
            dst_transform=whole.transform,
            dst_crs=CRS.from_epsg(EPSG),
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    assert np.isfinite(expected[30:70, 40:80]).any()
    got = read(tmp_path, grid(column=40, row=30, side_px=40)).bands["B04"]
    np.testing.assert_allclose(got, expected[30:70, 40:80] / 10_000, atol=2e-3)


@pytest.mark.parametrize("pixel_m", [10.0, 20.0, 60.0])
@pytest.mark.parametrize("crs", [EPSG, 4326])
def test_an_edge_lies_at_one_place_in_bands_of_any_pixel_size(tmp_path: Path, pixel_m: float, crs: int) -> None:
    edge_px = 60
    to_metres = Transformer.from_crs(4326, EPSG, always_xy=True)
    columns = round(SIDE_PX * 10 / pixel_m)
    values = np.full((columns, columns), 1000, np.uint16)
    values[:, round(edge_px * 10 / pixel_m) :] = 3000
    affine = metric(pixel_m) if crs == EPSG else Affine(pixel_m * 1e-5, 0, 87.0, 0, -pixel_m * 1e-5, 43.4)
    write(tmp_path / "20170216_B11.tif", values, affine, crs=CRS.from_epsg(crs))
    if crs == EPSG:
        on = grid()
        true_m = LEFT_M + edge_px * 10
    else:
        on = Grid(epsg=EPSG, left_m=500_100, top_m=4_804_500, pixel_m=10, width_px=80, height_px=40)
        middle_m = on.y_m[on.height_px // 2]
        _, latitude = to_metres.transform(on.left_m, middle_m, direction="INVERSE")
        true_m, _ = to_metres.transform(87.0 + edge_px * 1e-4, latitude)
    band = read(tmp_path, on, ("B11",)).bands["B11"]
    row = band[on.height_px // 2]
    first_bright = int(np.argmax(row > 0.2))
    share = (0.2 - row[first_bright - 1]) / (row[first_bright] - row[first_bright - 1])
    found_m = on.x_m[first_bright - 1] + share * on.pixel_m
    assert abs(found_m - true_m) < 0.5 * on.pixel_m


def test_many_fine_pixels_are_averaged(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(1, 9999, (SIDE_PX, SIDE_PX)).astype(np.uint16)
    write(tmp_path / "20170216_B04.tif", values, metric(2.5))
    got = read(tmp_path, grid(side_px=30)).bands["B04"]
    expected = values.reshape(30, 4, 30, 4).mean(axis=(1, 3)) / 10_000
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_classes_are_never_mixed(tmp_path: Path) -> None:
    classes = np.where(np.indices((60, 60)).sum(axis=0) % 2, 4, 8).astype(np.uint16)
    write(tmp_path / "20170216_B04.tif", smooth(), metric())
    write(tmp_path / "20170216_SCL.tif", classes, metric(20))
    got = read(tmp_path, grid(), ("B04", "SCL")).bands["SCL"]
    np.testing.assert_array_equal(got, np.repeat(np.repeat(classes, 2, axis=0), 2, axis=1))


def test_smaller_copies_in_the_file_serve_coarse_grids(tmp_path: Path) -> None:
    fine, coarse = np.full((SIDE_PX, SIDE_PX), 1000, np.uint16), 5000
    path = write(tmp_path / "20170216_B04.tif", fine, metric(2.5), tiled=True, blockxsize=16, blockysize=16)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as file:
        file.write(np.full((60, 60), coarse, np.uint16), 1)
    assert np.median(read(tmp_path, grid(side_px=30)).bands["B04"]) == pytest.approx(0.5)
    on_same = Grid(epsg=EPSG, left_m=LEFT_M, top_m=TOP_M, pixel_m=2.5, width_px=40, height_px=40)
    assert np.median(read(tmp_path, on_same).bands["B04"]) == pytest.approx(0.1)


def test_outside_the_image_nothing_was_recorded(tmp_path: Path) -> None:
    write(tmp_path / "20170216_B04.tif", smooth(), metric())
    scene = read(tmp_path, grid(column=60))
    assert scene.is_clear[:, :60].all()
    assert not scene.is_clear[:, 60:].any()
    assert np.isnan(scene.bands["B04"][:, 60:]).all()


def test_clear_is_what_every_wanted_band_recorded(tmp_path: Path) -> None:
    left, right = smooth(), smooth()
    left[:, :10], right[:, -10:] = 0, 0
    write(tmp_path / "20170216_B03.tif", left, metric())
    write(tmp_path / "20170216_B04.tif", right, metric())
    both = read(tmp_path, grid(), ("B03", "B04"))
    assert np.flatnonzero(both.is_clear[0]).tolist() == list(range(10, SIDE_PX - 10))
    assert np.flatnonzero(read(tmp_path, grid(), ("B04",)).is_clear[0]).tolist() == list(range(SIDE_PX - 10))


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])


def assert_short(error: BaseException, path: Path) -> None:
    text = str(error)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert len(text) < len(str(path)) + 200


@pytest.mark.parametrize("text", [b"", b"II*\0", b"no raster at all"])
def test_a_file_that_cannot_be_opened_costs_its_own_scene_only(tmp_path: Path, text: bytes) -> None:
    write(tmp_path / "20170216_B04.tif", smooth(), metric())
    broken = tmp_path / "20170217_B04.tif"
    broken.write_bytes(text)
    source = FolderSource(tmp_path)
    good, bad = source.search(grid().footprint_4326, **EVER)
    assert bad.bands == ("B04",)
    with pytest.raises(SourceError, match=r"20170217_B04\.tif: cannot be opened: not a raster, damaged") as caught:
        source.read(bad, grid(), bands=("B04",))
    assert_short(caught.value, broken)
    assert source.read(good, grid(), bands=("B04",)).is_clear.all()


def test_a_broken_picture_is_offered_with_the_bands_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "20170217_rgb.tif").write_bytes(b"II*\0")
    (ref,) = FolderSource(tmp_path).search(grid().footprint_4326, **EVER)
    assert set(ref.bands) == {"B02", "B03", "B04"}
    with pytest.raises(SourceError, match=r"20170217_rgb\.tif: cannot be opened"):
        FolderSource(tmp_path).read(ref, grid(), bands=("B02",))


def test_a_broken_file_without_a_date_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "B04.tif").write_bytes(b"II*\0")
    with pytest.raises(SourceError, match=r"B04\.tif: cannot be opened"):
        FolderSource(tmp_path).search(grid().footprint_4326, **EVER)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({}, id="strips"),
        pytest.param({"compress": "deflate", "tiled": True, "blockxsize": 32, "blockysize": 32}, id="tiles"),
        pytest.param({"driver": "COG", "blocksize": 128}, id="cog"),
    ],
)
@pytest.mark.parametrize("shift_px", [0.0, 0.4], ids=["same-grid", "resampled"])
def test_truncated_pixels_are_an_error_not_a_gap(tmp_path: Path, profile: dict[str, object], shift_px: float) -> None:
    values = np.random.default_rng(1).integers(1, 9999, (SIDE_PX, SIDE_PX)).astype(np.uint16)
    path = write(tmp_path / "20170216_B04.tif", values, metric() @ Affine.translation(shift_px, 0), **profile)
    cut(path, 0.6)
    source = FolderSource(tmp_path)
    (ref,) = source.search(grid().footprint_4326, **EVER)
    with pytest.raises(SourceError, match="cannot be read: damaged or incomplete") as caught:
        source.read(ref, grid(), bands=("B04",))
    assert_short(caught.value, path)


def test_the_sound_part_of_a_truncated_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "20170216_B04.tif", smooth(), metric())
    cut(path, 0.6)
    assert read(tmp_path, grid(side_px=40)).is_clear.all()


@pytest.mark.parametrize("share", [0.001, 0.5])
@pytest.mark.parametrize("shift_px", [0.0, 0.4], ids=["same-grid", "resampled"])
def test_a_truncated_jpeg_2000_is_an_error_not_zeros(tmp_path: Path, share: float, shift_px: float) -> None:
    values = np.random.default_rng(1).integers(1, 9999, (SIDE_PX, SIDE_PX)).astype(np.uint16)
    affine = metric() @ Affine.translation(shift_px, 0)
    options = {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100", "BLOCKXSIZE": 32, "BLOCKYSIZE": 32}
    path = write(tmp_path / "20170216_B04.jp2", values, affine, **options)
    assert read(tmp_path, grid()).is_clear.mean() > 0.9
    cut(path, share)
    source = FolderSource(tmp_path)
    (ref,) = source.search(grid().footprint_4326, **EVER)
    with pytest.raises(SourceError, match=r"20170216_B04\.jp2: cannot be") as caught:
        source.read(ref, grid(), bands=("B04",))
    assert_short(caught.value, path)


@pytest.mark.parametrize(
    ("crs", "affine", "words"),
    [
        pytest.param(None, metric(), "has no coordinate reference system", id="no-crs"),
        pytest.param(None, Affine.identity(), "has no coordinate reference system", id="nothing"),
        pytest.param(CRS.from_epsg(EPSG), Affine.identity(), "no position", id="no-position"),
        pytest.param(
            CRS.from_wkt('LOCAL_CS["site plan",UNIT["metre",1]]'), metric(), "no known place on Earth", id="local"
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_image_without_a_place_is_found_and_fails_when_read(
    tmp_path: Path, crs: CRS | None, affine: Affine, words: str
) -> None:
    path = write(tmp_path / "20170216_B04.tif", smooth(), affine, crs=crs)
    source = FolderSource(tmp_path)
    (ref,) = source.search(grid().footprint_4326, **EVER)
    with pytest.raises(SourceError, match=words) as caught:
        source.read(ref, grid(), bands=("B04",))
    assert_short(caught.value, path)


def test_opening_an_image_without_a_place_warns_nobody(tmp_path: Path) -> None:
    (tmp_path / "20170216_B04.tif").write_bytes(bare_tiff(tmp_path.parent / "bare.tif"))
    assert len(FolderSource(tmp_path).search(grid().footprint_4326, **EVER)) == 1


def bare_tiff(path: Path) -> bytes:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(path, smooth(), Affine.identity(), crs=None)
    return path.read_bytes()


def test_a_missing_band_is_named_with_those_there_are(tmp_path: Path) -> None:
    write(tmp_path / "20170216_B04.tif", smooth(), metric())
    with pytest.raises(SourceError, match="scene 20170216 has no B08, B11; it has B04"):
        read(tmp_path, grid(), ("B04", "B08", "B11"))


def test_a_scene_of_another_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "20170216_B04.tif", smooth(), metric())
    write(tmp_path / "b" / "20170217_B04.tif", smooth(), metric())
    (ref,) = FolderSource(tmp_path / "a").search(grid().footprint_4326, **EVER)
    with pytest.raises(SourceError, match="holds no scene 20170216"):
        FolderSource(tmp_path / "b").read(ref, grid(), bands=("B04",))


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "20170216_B04.tif", smooth(), metric())
    source = FolderSource(tmp_path)
    (ref,) = source.search(grid().footprint_4326, **EVER)
    path.unlink()
    with pytest.raises(SourceError, match=r"20170216_B04\.tif: cannot be read"):
        source.read(ref, grid(), bands=("B04",))


def unexplained(folder: Path, name: str, count: int, dtype: str) -> None:
    options = {"height": SIDE_PX, "width": SIDE_PX, "crs": f"EPSG:{EPSG}", "transform": metric()}
    with rasterio.open(folder / name, "w", driver="GTiff", dtype=dtype, count=count, **options) as file:
        file.write(np.ones((count, SIDE_PX, SIDE_PX), dtype))


@pytest.mark.parametrize(
    ("name", "count", "dtype", "words"),
    [
        pytest.param(
            "20170216_stack.tif", 5, "uint16", r"which of its 5 bands .*'20170216_stack.tif,B02 B03", id="bands"
        ),
        pytest.param("20170216_rgb.tif", 3, "uint16", "which of its 3 bands", id="16-bit-picture"),
        pytest.param("20170216_B04.tif", 1, "int32", r"what its int32 numbers mean .*B04.tif,0.0001", id="numbers"),
    ],
)
def test_what_needs_explaining_is_asked_for_where_it_matters(
    tmp_path: Path, name: str, count: int, dtype: str, words: str
) -> None:
    unexplained(tmp_path, name, count, dtype)
    source = FolderSource(tmp_path)
    with pytest.raises(SourceError, match=rf"{name}: {words}"):
        source.search(grid().footprint_4326, **EVER)
    assert source.search(grid().footprint_4326, first=date(2018, 1, 1), last=date(2019, 1, 1)) == []
    elsewhere = grid(column=100_000)
    assert source.search(elsewhere.footprint_4326, **EVER) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param("20170216_stack.tif,B04 B03", r"line 2: names 2 bands, 20170216_stack.tif has 5", id="too-few"),
        pytest.param("20170217_stack.tif,B04", "line 2: there is no GeoTIFF, .* 20170217_stack.tif", id="no-such-file"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_named(tmp_path: Path, rows: str, words: str) -> None:
    unexplained(tmp_path, "20170216_stack.tif", 5, "uint16")
    (tmp_path / "scenes.csv").write_text(f"file,bands\n{rows}\n")
    with pytest.raises(SourceError, match=rf"scenes\.csv, {words}"):
        FolderSource(tmp_path).search(grid().footprint_4326, **EVER)


def test_an_undated_image_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "site_B04.tif", smooth(), metric())
    with pytest.raises(SourceError, match=r"tell when it was taken; name it with a date such as 20170216.*scenes\.csv"):
        FolderSource(tmp_path).search(grid().footprint_4326, **EVER)
    path.rename(tmp_path / "median_2017-01-01_2017-12-31_B04.tif")
    with pytest.raises(SourceError, match="names several days: 2017-01-01, 2017-12-31; name it"):
        FolderSource(tmp_path).search(grid().footprint_4326, **EVER)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(None, "there is no such folder", id="missing"),
        pytest.param("file", "is a file; a folder is expected", id="file"),
        pytest.param("empty", "holds no imagery: there is no GeoTIFF", id="empty"),
        pytest.param("label", "holds no imagery: of mask.tif and 0 more nothing tells the bands", id="only-a-mask"),
    ],
)
def test_a_folder_without_imagery_is_an_error(tmp_path: Path, make: str | None, words: str) -> None:
    folder = tmp_path / "images"
    if make == "file":
        folder.write_text("")
    elif make:
        folder.mkdir()
    if make == "label":
        unexplained(folder, "mask.tif", 1, "uint8")
    with pytest.raises(SourceError, match=f"images: {words}"):
        FolderSource(folder).search(grid().footprint_4326, **EVER)
