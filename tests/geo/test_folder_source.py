"""Searching a folder: which files become which scenes."""

import os
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.folder import FolderOptions, FolderSource

EPSG = 32645
GRID = Grid(epsg=EPSG, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=8, height_px=6)
HERE = GRID.footprint_4326
EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}


def write(path: Path, values: object = 1000, *, dtype: str = "uint16", left_m: float = GRID.left_m) -> Path:
    """Write bands, shape (band, y, x) or one number for all, of 10 m pixels from the corner of GRID."""
    array = np.asarray(values, dtype=dtype)
    if array.ndim == 0:
        array = np.full((1, *GRID.shape), array)
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"count": array.shape[0], "height": array.shape[1], "width": array.shape[2], "dtype": dtype}
    with rasterio.open(
        path, "w", driver="GTiff", crs=f"EPSG:{EPSG}", transform=Affine(10, 0, left_m, 0, -10, GRID.top_m), **profile
    ) as file:
        file.write(array)
    return path


def picture(bands: int = 3) -> object:
    return np.stack([np.full(GRID.shape, 51 * (band + 1)) for band in range(bands)])


def search(folder: Path, shape: BaseGeometry = HERE) -> Sequence[SceneRef]:
    return FolderSource(folder).search(shape, **EVER)


def scenes_csv(folder: Path, text: str) -> None:
    (folder / "scenes.csv").write_text(text, encoding="utf-8")


def test_a_folder_is_an_imagery_source(tmp_path: Path) -> None:
    source: ImagerySource = FolderSource(tmp_path)
    assert source.credit == "Contains modified Copernicus Sentinel data {years}"
    assert FolderSource(tmp_path, FolderOptions(credit="ours")).credit == "ours"


def test_files_of_one_time_are_one_scene_and_scenes_ascend(tmp_path: Path) -> None:
    for name in ("S2A_20170301T050101_B04", "S2A_20170301T050101_SCL", "S2A_20170216T050101_B04"):
        write(tmp_path / f"{name}.tif")
    first, second = search(tmp_path)
    assert first.observed_at == datetime(2017, 2, 16, 5, 1, 1, tzinfo=UTC)
    assert (first.scene_id, first.platform, first.bands) == ("S2A_20170216T050101", "sentinel-2a", ("B04",))
    assert (second.scene_id, second.bands) == ("S2A_20170301T050101", ("B04", "SCL"))


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        pytest.param(date(2017, 2, 16), date(2017, 2, 16), 1, id="the-day-itself"),
        pytest.param(date(2017, 2, 17), date(2100, 1, 1), 0, id="after"),
        pytest.param(date(1980, 1, 1), date(2017, 2, 15), 0, id="before"),
    ],
)
def test_both_ends_of_the_period_count(tmp_path: Path, first: date, last: date, found: int) -> None:
    write(tmp_path / "20170216T235959_B04.tif")
    assert len(FolderSource(tmp_path).search(HERE, first=first, last=last)) == found


def test_elsewhere_there_is_nothing(tmp_path: Path) -> None:
    write(tmp_path / "20170216_B04.tif")
    assert search(tmp_path, box(0, 0, 1, 1)) == []


@pytest.mark.parametrize(
    "relative",
    [
        pytest.param("2017-02-16/deep/B04.tif", id="grandparent"),
        pytest.param("S2A_MSIL1C_20170216T050101.SAFE/IMG/x_B04.tif", id="product"),
        pytest.param("20180101/site_2017-02-16_B04.TIFF", id="name-wins-over-folder"),
    ],
)
def test_the_date_may_stand_in_a_folder(tmp_path: Path, relative: str) -> None:
    write(tmp_path / "root" / relative)
    (ref,) = search(tmp_path / "root")
    assert ref.observed_at.date() == date(2017, 2, 16)


def test_the_date_may_stand_in_the_name_of_the_root(tmp_path: Path) -> None:
    write(tmp_path / "Sen2_2020_06_02" / "B04.tif")
    assert search(tmp_path / "Sen2_2020_06_02")[0].observed_at.date() == date(2020, 6, 2)


def pair(folder: Path) -> None:
    name = "S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A001222_T22LHH_B04.tif"
    write(folder / "imgs_1" / name)
    write(folder / "imgs_2" / "T22LHH_20171015T133221_B04.tif")
    (folder / "dates.txt").write_text("date_1: 20150916\ndate_2: 20171015\n")


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        pytest.param("cities", [date(2015, 9, 16), date(2017, 10, 15)], id="all-cities"),
        pytest.param("cities/city", [date(2015, 9, 16), date(2017, 10, 15)], id="one-city"),
        pytest.param("cities/city/imgs_1", [date(2015, 9, 16)], id="one-date"),
    ],
)
def test_a_list_of_dates_wins_over_names(tmp_path: Path, root: str, expected: list[date]) -> None:
    pair(tmp_path / "cities" / "city")
    assert [ref.observed_at.date() for ref in search(tmp_path / root)] == expected


def test_the_time_of_processing_is_no_date(tmp_path: Path) -> None:
    pair(tmp_path)
    (tmp_path / "dates.txt").unlink()
    with pytest.raises(SourceError, match=r"S2A_OPER_.*B04\.tif: neither it nor its folders tell when it was taken"):
        search(tmp_path)


def test_the_sidecar_wins_over_everything(tmp_path: Path) -> None:
    pair(tmp_path)
    scenes_csv(tmp_path, "file,date,scene,platform\nimgs_1/*,2016-01-01T10:00,first look,sentinel-2b\n")
    ref = search(tmp_path)[0]
    assert ref.observed_at == datetime(2016, 1, 1, 10, tzinfo=UTC)
    assert (ref.scene_id, ref.platform) == ("first_look", "sentinel-2b")


def test_a_deeper_sidecar_wins(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a_B04.tif")
    scenes_csv(tmp_path, "file,date\n*.tif,2016-01-01\n")
    scenes_csv(tmp_path / "sub", "file,date\na_B04.tif,2017-01-01\n")
    assert [ref.observed_at.year for ref in search(tmp_path)] == [2017]


def test_what_is_no_imagery_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "20170216_B04.tif")
    write(tmp_path / "labels" / "site-cm.tif")
    write(tmp_path / "elevation.tif", dtype="float32")
    write(tmp_path / "MSK_QUALIT_B04.tif")
    write(tmp_path / "._20170217_B04.tif")
    for name in ("a.geojson", "a.txt", "a.png", "quicklook.jpg", "a.nc"):
        (tmp_path / name).write_text("no raster")
    assert len(search(tmp_path)) == 1


def read_one(folder: Path, bands: Sequence[str]) -> tuple[Quantity, Mapping[str, float]]:
    source = FolderSource(folder)
    (ref,) = source.search(HERE, **EVER)
    scene = source.read(ref, GRID, bands=bands)
    return scene.quantity, {band: float(scene.bands[band][0, 0]) for band in bands}


def test_a_picture_is_red_green_blue(tmp_path: Path) -> None:
    write(tmp_path / "20170216_rgb.tif", picture(), dtype="uint8")
    quantity, values = read_one(tmp_path, ("B02", "B03", "B04"))
    assert quantity is Quantity.DISPLAY
    assert values == pytest.approx({"B04": 0.2, "B03": 0.4, "B02": 0.6})


def test_a_picture_that_says_blue_green_red_is_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "20170216_bgr.tif", picture(), dtype="uint8")
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    _, values = read_one(tmp_path, ("B02", "B03", "B04"))
    assert values == pytest.approx({"B02": 0.2, "B03": 0.4, "B04": 0.6})


def test_where_a_picture_is_transparent_nothing_was_recorded(tmp_path: Path) -> None:
    bands = np.stack([*np.full((3, *GRID.shape), 100), np.full(GRID.shape, 255)])
    bands[3, 2, 3] = 0
    path = write(tmp_path / "20170216_rgba.tif", bands, dtype="uint8")
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    source = FolderSource(tmp_path)
    scene = source.read(source.search(HERE, **EVER)[0], GRID, bands=("B04",))
    assert np.argwhere(~scene.is_clear).tolist() == [[2, 3]]
    assert np.isnan(scene.bands["B04"][2, 3])


def test_described_bands_are_known(tmp_path: Path) -> None:
    path = write(
        tmp_path / "20170216_stack.tif", np.stack([np.full(GRID.shape, value) for value in (1000, 2000, 3000)])
    )
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B8", "cloud probability", "B11")
    assert read_one(tmp_path, ("B08", "B11"))[1] == pytest.approx({"B08": 0.1, "B11": 0.3})


def test_the_sidecar_names_bands(tmp_path: Path) -> None:
    write(tmp_path / "sample.tif", np.stack([np.full(GRID.shape, value) for value in (1000, 2000, 4)]))
    scenes_csv(tmp_path, "file,date,bands\nsample.tif,2017-02-16,B04 - SCL\n")
    assert read_one(tmp_path, ("B04", "SCL"))[1] == pytest.approx({"B04": 0.1, "SCL": 4})


@pytest.mark.parametrize(
    ("dtype", "number", "row", "quantity", "value"),
    [
        pytest.param("uint16", 2500, "", Quantity.REFLECTANCE, 0.25, id="16-bit"),
        pytest.param("uint8", 51, "", Quantity.DISPLAY, 0.2, id="8-bit"),
        pytest.param("float32", 0.25, "", Quantity.REFLECTANCE, 0.25, id="float"),
        pytest.param("uint16", 2500, "scale,offset\n0.0001,-0.1", Quantity.REFLECTANCE, 0.15, id="scale-and-offset"),
        pytest.param("uint16", 2500, "offset\n-0.1", Quantity.REFLECTANCE, 0.15, id="offset-alone"),
        pytest.param("uint8", 51, "scale\n0.004", Quantity.REFLECTANCE, 0.204, id="8-bit-with-scale"),
        pytest.param("int32", 250, "scale\n0.001", Quantity.REFLECTANCE, 0.25, id="32-bit-with-scale"),
        pytest.param("float32", 0.25, "quantity\ndisplay", Quantity.DISPLAY, 0.25, id="float-picture"),
    ],
)
def test_numbers_become_reflectance(  # noqa: PLR0913, PLR0917 - one column of the table of cases each
    tmp_path: Path, dtype: str, number: float, row: str, quantity: Quantity, value: float
) -> None:
    write(tmp_path / "20170216_B04.tif", number, dtype=dtype)
    if row:
        header, cells = row.split("\n")
        scenes_csv(tmp_path, f"file,{header}\n20170216_B04.tif,{cells}\n")
    got_quantity, got_values = read_one(tmp_path, ("B04",))
    assert got_quantity is quantity
    assert got_values == pytest.approx({"B04": value})


def test_an_offset_is_never_inferred_from_the_date(tmp_path: Path) -> None:
    write(tmp_path / "S2A_MSIL2A_20230216T050101_N0509_B04.tif", 2500)
    assert read_one(tmp_path, ("B04",))[1] == pytest.approx({"B04": 0.25})


def test_tags_tell_scale_and_offset(tmp_path: Path) -> None:
    path = write(tmp_path / "20230216_B04.tif", 2500)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.0001,), (-0.1,)
    assert read_one(tmp_path, ("B04",))[1] == pytest.approx({"B04": 0.15})


@pytest.mark.parametrize(
    ("dtype", "tag", "cell", "hidden"),
    [
        pytest.param("uint16", None, "", 0, id="0-in-whole-numbers"),
        pytest.param("uint16", 9, "", 9, id="tag"),
        pytest.param("uint16", 9, "7", 7, id="sidecar-wins"),
        pytest.param("uint16", None, "none", None, id="none-is-nodata"),
        pytest.param("float32", None, "", np.nan, id="nan-in-floats"),
        pytest.param("float32", -9999, "", -9999, id="tag-of-floats"),
    ],
)
@pytest.mark.parametrize("shift_m", [0, 5], ids=["same-grid", "resampled"])
def test_nodata_is_not_recorded(  # noqa: PLR0913, PLR0917 - one column of the table of cases each
    tmp_path: Path, dtype: str, tag: float | None, cell: str, hidden: float | None, shift_m: float
) -> None:
    values = np.full((1, *GRID.shape), 1000)
    values = values.astype(dtype)
    values[:, :, :4] = 0 if hidden is None else hidden
    path = write(tmp_path / "20170216_B04.tif", values, dtype=dtype, left_m=GRID.left_m - shift_m)
    with rasterio.open(path, "r+") as file:
        file.nodata = tag
    scenes_csv(tmp_path, f"file,nodata\n20170216_B04.tif,{cell}\n")
    source = FolderSource(tmp_path)
    scene = source.read(source.search(HERE, **EVER)[0], GRID, bands=("B04",))
    assert scene.is_clear[:, :2].all() == (hidden is None)
    assert scene.is_clear[:, :2].any() == (hidden is None)
    assert scene.is_clear[:, 5:7].all()
    assert scene.bands["B04"][0, 6] == pytest.approx(1000 if dtype == "float32" else 0.1)


def test_tiles_of_one_time_are_seen_as_one_image(tmp_path: Path) -> None:
    write(tmp_path / "T45TWA_20170216T050101_B04.tif", np.full((1, 6, 5), 1000))
    write(tmp_path / "T45TXA_20170216T050101_B04.tif", np.full((1, 6, 5), 3000), left_m=GRID.left_m + 30)
    source = FolderSource(tmp_path)
    (ref,) = source.search(HERE, **EVER)
    assert ref.scene_id == "T45TWA_20170216T050101+1"
    scene = source.read(ref, GRID, bands=("B04",))
    assert scene.bands["B04"][0] == pytest.approx([0.1] * 5 + [0.3] * 3)


def test_finer_pixels_come_first(tmp_path: Path) -> None:
    write(tmp_path / "R60m" / "T45TWA_20170216T050101_B04_60m.tif", np.full((1, 1, 1), 9000))
    with rasterio.open(tmp_path / "R60m" / "T45TWA_20170216T050101_B04_60m.tif", "r+") as file:
        file.transform = Affine(60, 0, GRID.left_m, 0, -60, GRID.top_m)
    values = np.full((1, *GRID.shape), 1000)
    values[0, 0, 0] = 0
    write(tmp_path / "R90m" / "T45TWA_20170216T050101_B04_10m.tif", values)
    source = FolderSource(tmp_path)
    (ref,) = source.search(HERE, **EVER)
    assert ref.scene_id == "T45TWA_20170216T050101"
    band = source.read(ref, GRID, bands=("B04",)).bands["B04"]
    assert band[0, 0] == pytest.approx(0.9)
    assert band[0, 1] == pytest.approx(0.1)


def test_measurements_count_more_than_pictures_of_them(tmp_path: Path) -> None:
    write(tmp_path / "T45_20170216T050101_B04.tif", 2500)
    write(tmp_path / "T45_20170216T050101_TCI.tif", picture(), dtype="uint8")
    source = FolderSource(tmp_path)
    (ref,) = source.search(HERE, **EVER)
    assert ref.bands == ("B04",)
    assert source.read(ref, GRID, bands=("B04",)).quantity is Quantity.REFLECTANCE


def test_equal_names_at_different_times_have_different_ids(tmp_path: Path) -> None:
    write(tmp_path / "2017-02-16" / "site_B04.tif")
    write(tmp_path / "2017-02-17" / "site_B04.tif")
    assert [ref.scene_id for ref in search(tmp_path)] == ["site_20170216T000000", "site_20170217T000000"]


def test_the_fingerprint_follows_files_and_sidecar(tmp_path: Path) -> None:
    path = write(tmp_path / "20170216_B04.tif")
    write(tmp_path / "20170217_B04.tif")
    before, other = search(tmp_path)
    assert [ref.fingerprint for ref in search(tmp_path)] == [before.fingerprint, other.fingerprint]
    os.utime(path, ns=(1, 1))
    touched, still = search(tmp_path)
    assert touched.fingerprint != before.fingerprint
    assert still.fingerprint == other.fingerprint
    scenes_csv(tmp_path, "file,offset\n20170216_B04.tif,-0.1\n")
    assert search(tmp_path)[0].fingerprint not in {before.fingerprint, touched.fingerprint}


def test_a_scene_that_changed_since_the_search_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "20170216_B04.tif")
    (ref,) = search(tmp_path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="files of scene 20170216 have changed since the search"):
        FolderSource(tmp_path).read(ref, GRID, bands=("B04",))


def test_each_header_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(10, 15):
        write(tmp_path / f"201702{day}_B04.tif")
    opened: list[Path] = []
    really_open = rasterio.open

    def count(path: Path, **options: object) -> object:
        opened.append(Path(path))
        return really_open(path, **options)

    monkeypatch.setattr("geo.sources.header.rasterio.open", count)
    source = FolderSource(tmp_path)
    source.search(HERE, **EVER)
    source.search(box(0, 0, 1, 1), **EVER)
    assert len(opened) == len(set(opened)) == 5


def test_threads_share_a_source_and_processes_get_a_copy(tmp_path: Path) -> None:
    for day in range(10, 18):
        write(tmp_path / f"201702{day}_B04.tif", 100 * day)
    source = FolderSource(tmp_path)
    refs = source.search(HERE, **EVER)
    copied = pickle.loads(pickle.dumps(source))  # noqa: S301 - what a process pool does with it
    with ThreadPoolExecutor(4) as pool:
        scenes = list(pool.map(lambda ref: copied.read(ref, GRID, bands=("B04",)), refs))
    assert [float(scene.bands["B04"][0, 0]) for scene in scenes] == pytest.approx([day / 100 for day in range(10, 18)])


def test_a_relative_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(search(Path())) == 2
    assert [ref.observed_at.year for ref in search(Path("imgs_1"))] == [2015]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "store" / "20170216_B04.tif")
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "images").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "watch")
    assert len(search(tmp_path / "watch")) == 1


@pytest.mark.parametrize("bands", [("B04",), ("B04", "SCL"), ("SCL",)], ids="-".join)
def test_each_layer_is_read_once(tmp_path: Path, bands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "20170216_B04.tif")
    write(tmp_path / "20170216_SCL.tif", 4, dtype="uint8")
    source = FolderSource(tmp_path)
    (ref,) = source.search(HERE, **EVER)
    opened, really_open = [], rasterio.open

    def spy(path: Path, **options: object) -> object:
        opened.append(path.name)
        return really_open(path, **options)

    monkeypatch.setattr(rasterio, "open", spy)
    scene = source.read(ref, GRID, bands=bands)
    assert sorted(opened) == sorted(f"20170216_{band}.tif" for band in {*bands, "SCL"})
    assert tuple(scene.bands) == bands
    assert scene.is_clear.all()


def test_clouds_are_grown_over_the_edge_of_the_grid_too(tmp_path: Path) -> None:
    classes = np.full((1, 6, 12), 4)
    classes[0, :, 3] = 9
    write(tmp_path / "20170216_B04.tif", np.full((1, 6, 12), 1000), left_m=GRID.left_m - 40)
    write(tmp_path / "20170216_SCL.tif", classes, dtype="uint8", left_m=GRID.left_m - 40)
    source = FolderSource(tmp_path)
    scene = source.read(source.search(HERE, **EVER)[0], GRID, bands=("B04",))
    assert scene.is_clear[2].tolist() == [False, False, True, True, True, True, True, True]
    assert np.isfinite(scene.bands["B04"]).all()
