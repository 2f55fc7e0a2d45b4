"""Each date of a cube is a scene, and what its numbers mean is told, never guessed."""

import logging
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.warp import Resampling, reproject
from shapely.geometry import box

from geo.crs import reproject as reproject_shape
from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.folder.cube_pixels import to_power
from geo.sources.folder.cubes import band_of
from geo.sources.folder.sidecar import Units

EPSG = 32631
GRID = Grid(epsg=EPSG, left_m=500_000, top_m=5_000_100, pixel_m=10, width_px=6, height_px=5)
DAYS = ("2020-01-01", "2020-01-06", "2020-01-11T10:20:30")
EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}
SHAPE = (len(DAYS), *GRID.shape)


def numbers(seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(200, 6000, SHAPE).astype(np.uint16)


def cube(
    variables: Mapping[str, NDArray[Any]],
    *,
    dims: Sequence[str] = ("time", "y", "x"),
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Return a cube over GRID as one would write it."""
    coords = {
        "time": np.array(DAYS, dtype="datetime64[ns]"),
        "y": GRID.y_m,
        "x": GRID.x_m,
        "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(EPSG).to_wkt()}),
    }
    dataset = xr.Dataset({name: (dims, values, dict(attrs or {})) for name, values in variables.items()}, coords=coords)
    for name in variables:
        dataset[name].encoding["grid_mapping"] = "spatial_ref"
    return dataset


def write(dataset: xr.Dataset, path: Path, **encoding: dict[str, Any]) -> Path:
    """Write a cube as NetCDF 4, NetCDF 3 (``.3.nc``) or Zarr, by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        dataset.to_zarr(path, encoding=encoding, consolidated=False)
    elif path.name.endswith(".3.nc"):
        dataset.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT", encoding=encoding)
    else:
        dataset.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    return path


def search(folder: Path) -> Sequence[SceneRef]:
    return FolderSource(folder).search(GRID.footprint_4326, **EVER)


def read(folder: Path, bands: Sequence[str], *, index: int = 0, grid: Grid = GRID) -> dict[str, NDArray[np.float32]]:
    source = FolderSource(folder)
    ref = source.search(GRID.footprint_4326, **EVER)[index]
    return dict(source.read(ref, grid, bands=bands).bands)


FORMATS = [pytest.param(name, id=name) for name in ("a.nc", "a.3.nc", "a.zarr")]


@pytest.mark.parametrize("name", FORMATS)
def test_each_date_is_a_scene(name: str, tmp_path: Path) -> None:
    counts = numbers().astype(np.int32)  # which every format holds
    write(cube({"B2": counts, "B8A": counts + 1}), tmp_path / name)
    refs = search(tmp_path)
    stem = "a.3" if name == "a.3.nc" else "a"
    assert [ref.scene_id for ref in refs] == [f"{stem}_20200101", f"{stem}_20200106", f"{stem}_20200111T102030"]
    assert refs[2].observed_at == datetime(2020, 1, 11, 10, 20, 30, tzinfo=UTC)
    assert refs[0].bands == ("B02", "B8A")
    assert refs[0].quantity is Quantity.REFLECTANCE
    for index in range(3):
        layers = read(tmp_path, ["B8A", "B02"], index=index)
        np.testing.assert_allclose(layers["B02"], counts[index] / 1e4, atol=1e-6)
        np.testing.assert_allclose(layers["B8A"], (counts[index] + 1) / 1e4, atol=1e-6)


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda data: data, id="as-it-is"),
        pytest.param(lambda data: data.isel(y=slice(None, None, -1)), id="south-first"),
        pytest.param(lambda data: data.transpose("x", "time", "y"), id="other-order"),
        pytest.param(lambda data: data.rename(time="t", y="northing", x="easting"), id="other-names"),
        pytest.param(
            lambda data: data.to_dataarray("band").rename("reflectance").to_dataset(), id="dimension-of-bands"
        ),
    ],
)
def test_however_the_cube_is_arranged_the_pixels_lie_where_they_lie(arrange: Any, tmp_path: Path) -> None:  # noqa: ANN401
    counts = numbers()
    write(arrange(cube({"B04": counts, "B08": counts // 2})), tmp_path / "a.nc")
    window = replace(GRID, left_m=GRID.left_m + 10, top_m=GRID.top_m - 20, width_px=4, height_px=2)
    layers = read(tmp_path, ["B04", "B08"], index=1, grid=window)
    np.testing.assert_allclose(layers["B04"], counts[1, 2:4, 1:5] / 1e4, atol=1e-6)
    np.testing.assert_allclose(layers["B08"], counts[1, 2:4, 1:5] // 2 / 1e4, atol=1e-6)


def test_off_the_cube_nothing_was_recorded(tmp_path: Path) -> None:
    write(cube({"B04": numbers()}), tmp_path / "a.nc")
    beyond = replace(GRID, left_m=GRID.left_m - 30, top_m=GRID.top_m + 20)
    layer = read(tmp_path, ["B04"], grid=beyond)["B04"]
    np.testing.assert_allclose(layer[2:, 3:], numbers()[0, :3, :3] / 1e4, atol=1e-6)
    assert np.isnan(layer[:2]).all()
    assert np.isnan(layer[:, :3]).all()
    elsewhere = replace(GRID, left_m=GRID.left_m + 5000)
    assert np.isnan(read(tmp_path, ["B04"], grid=elsewhere)["B04"]).all()


def test_on_other_pixels_a_cube_is_resampled_as_the_whole_image_would_be(tmp_path: Path) -> None:
    counts = numbers().astype(np.float32) / 1e4
    write(cube({"B04": counts}), tmp_path / "a.nc")
    other = replace(GRID, left_m=GRID.left_m + 13, top_m=GRID.top_m - 14, width_px=3, height_px=3)
    expected = np.full(other.shape, np.nan, dtype=np.float32)
    reproject(
        counts[0],
        expected,
        src_transform=GRID.transform,
        src_crs=f"EPSG:{EPSG}",
        dst_transform=other.transform,
        dst_crs=f"EPSG:{EPSG}",
        src_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    np.testing.assert_allclose(read(tmp_path, ["B04"], grid=other)["B04"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "encoding", "expected"),
    [
        pytest.param(np.uint16(2500), {}, 0.25, id="whole-numbers"),
        pytest.param(np.float32(0.25), {}, 0.25, id="floating-point"),
        pytest.param(np.float32(0.25), {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": -1}, 0.25, id="scaled"),
        pytest.param(
            np.float32(0.25),
            {"dtype": "uint16", "scale_factor": 1e-4, "add_offset": -0.1, "_FillValue": 0},
            0.25,
            id="with-offset",
        ),
        pytest.param(np.float32(2500), {"dtype": "uint16", "_FillValue": 0}, 0.25, id="whole-with-fill-value"),
        pytest.param(np.uint16(0), {}, np.nan, id="zero-is-not-recorded"),
        pytest.param(np.uint16(65535), {}, np.nan, id="the-largest-is-not-recorded"),
        pytest.param(np.uint16(65535), {"_FillValue": 0}, 6.5535, id="unless-another-fill-value-is-stated"),
        pytest.param(np.float32(0.0), {}, 0.0, id="dark-floating-point"),
    ],
)
def test_numbers_become_reflectance(
    values: np.generic, encoding: dict[str, Any], expected: float, tmp_path: Path
) -> None:
    write(cube({"B04": np.full(SHAPE, values)}), tmp_path / "a.nc", B04=encoding)
    np.testing.assert_allclose(read(tmp_path, ["B04"])["B04"], np.full(GRID.shape, expected), atol=1e-4)


def test_floating_point_that_is_no_reflectance_is_refused_until_its_scale_is_told(tmp_path: Path) -> None:
    write(cube({"B04": np.full(SHAPE, 2500, np.float32)}), tmp_path / "a.nc")
    with pytest.raises(
        SourceError, match=r"a\.nc: B04 has values up to 2,500, which is no reflectance.*'a\.nc,0\.0001'"
    ):
        read(tmp_path, ["B04"])
    (tmp_path / "scenes.csv").write_text("file,scale,offset\na.nc,0.0001,-0.1\n")
    np.testing.assert_allclose(read(tmp_path, ["B04"])["B04"], np.full(GRID.shape, 0.15), atol=1e-6)


def test_the_classes_tell_what_was_clearly_seen(tmp_path: Path) -> None:
    classes = np.full(SHAPE, 4, dtype=np.uint8)
    classes[0, 0, 0], classes[1] = 9, 3
    write(cube({"B04": numbers(), "SCL": classes}), tmp_path / "a.nc")
    source = FolderSource(tmp_path)
    first, second, third = source.search(GRID.footprint_4326, **EVER)
    scene = source.read(first, GRID, bands=["B04", "SCL"])
    assert not scene.is_clear[0, 0]
    assert not scene.is_clear[0, 2]  # within two pixels of the cloud
    assert scene.is_clear[0, 3]
    assert scene.hidden_share["cloud"] == pytest.approx(1 / 30)
    np.testing.assert_array_equal(scene.bands["SCL"], classes[0])
    assert not source.read(second, GRID, bands=["B04"]).is_clear.any()
    assert [source.clear_share(ref, GRID) for ref in (first, second, third)] == [pytest.approx(29 / 30), 0.0, 1.0]


@pytest.mark.parametrize(
    ("value", "units", "expected"),
    [
        pytest.param(-10.0, Units.DB, 0.1, id="dB"),
        pytest.param(0.25, Units.LINEAR, 0.25, id="linear"),
        pytest.param(0.0, Units.LINEAR, np.nan, id="nothing-came-back"),
        pytest.param(10 ** (73 / 20), Units.DB83, 0.1, id="73-less-83-dB"),
        pytest.param(np.nan, Units.DB, np.nan, id="not-recorded"),
    ],
)
def test_backscatter_becomes_linear_power(value: float, units: Units, expected: float) -> None:
    power = to_power(np.full((1, 1), value, dtype=np.float32), units)
    np.testing.assert_allclose(power, [[expected]], rtol=1e-5)
    assert power.dtype == np.float32


@pytest.mark.parametrize("said", [pytest.param(unit, id=unit) for unit in ("dB", "decibel")])
def test_radar_that_tells_its_units_is_a_scene_of_its_own(said: str, tmp_path: Path) -> None:
    radar = cube({"VV": np.full(SHAPE, -10, np.float32), "VH": np.full(SHAPE, -20, np.float32)}, attrs={"units": said})
    write(radar.assign(cube({"B04": numbers()})), tmp_path / "a.nc")
    refs = search(tmp_path)
    assert [ref.scene_id for ref in refs[:2]] == ["a_20200101", "a_radar_20200101"]
    assert (refs[1].quantity, refs[1].bands) == (Quantity.GAMMA0, ("VV", "VH"))
    source = FolderSource(tmp_path)
    scene = source.read(refs[1], GRID, bands=["VV", "VH"])
    assert scene.quantity is Quantity.GAMMA0
    np.testing.assert_allclose(scene.bands["VV"], np.full(GRID.shape, 0.1), rtol=1e-5)
    np.testing.assert_allclose(scene.bands["VH"], np.full(GRID.shape, 0.01), rtol=1e-5)


def test_radar_of_unknown_units_is_refused_until_they_are_told(tmp_path: Path) -> None:
    write(cube({"S1-SIGMA0-VV": numbers()}), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"whether S1-SIGMA0-VV are dB or linear is not known; .*'a\.nc,db'"):
        search(tmp_path)
    (tmp_path / "scenes.csv").write_text("file,units\na.nc,db83\n")
    expected = 10 ** ((20 * np.log10(numbers()[0].astype(float)) - 83) / 10)
    np.testing.assert_allclose(read(tmp_path, ["VV"])["VV"], expected, rtol=1e-4)
    assert search(tmp_path)[0].platform == "sentinel-1"


def test_radar_of_unknown_units_does_not_take_the_optical_bands_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(cube({"S1-SIGMA0-VV": numbers(), "S2-L2A-B04": numbers()}), tmp_path / "a.nc")
    with caplog.at_level(logging.WARNING):
        refs = search(tmp_path)
    assert {ref.bands for ref in refs} == {("B04",)}
    assert refs[0].platform == "sentinel-2"
    assert "S1-SIGMA0-VV" in caplog.text


@pytest.mark.parametrize(
    ("name", "band"),
    [
        pytest.param("B2", "B02", id="short"),
        pytest.param("S2-L2A-B02", "B02", id="openeo"),
        pytest.param("b8a", "B8A", id="lower"),
        pytest.param("B04_20m", "B04", id="with-size"),
        pytest.param("S2-L2A-SCL", "SCL", id="classes"),
        pytest.param("S1_GRD_VH", "VH", id="radar"),
        pytest.param("vv", "VV", id="radar-lower"),
        pytest.param("swir16", "B11", id="common-name"),
        pytest.param("elevation", None, id="elevation"),
        pytest.param("AGERA5-PRECIP", None, id="rain"),
        pytest.param("B02_B03_ratio", None, id="two-bands"),
        pytest.param("LC08_B4", None, id="landsat"),
    ],
)
def test_names_of_variables_tell_bands(name: str, band: str | None) -> None:
    assert band_of(name) == band


@pytest.mark.parametrize(
    "tell",
    [
        pytest.param(lambda data: data, id="spatial_ref"),
        pytest.param(lambda data: data.rename(spatial_ref="crs"), id="crs"),
        pytest.param(lambda data: data.drop_vars("spatial_ref").assign_attrs(crs=f"EPSG:{EPSG}"), id="attribute"),
        pytest.param(
            lambda data: data.assign_coords(spatial_ref=((), 0, CRS.from_epsg(EPSG).to_cf())), id="cf-parameters"
        ),
    ],
)
def test_the_crs_may_stand_in_several_places(tell: Any, tmp_path: Path) -> None:  # noqa: ANN401
    dataset = tell(cube({"B04": numbers()}))
    dataset["B04"].encoding.pop("grid_mapping", None)
    write(dataset, tmp_path / "a.nc")
    np.testing.assert_allclose(read(tmp_path, ["B04"])["B04"], numbers()[0] / 1e4, atol=1e-6)


def test_a_crs_that_is_not_told_may_stand_in_the_sidecar(tmp_path: Path) -> None:
    bare = cube({"B04": numbers()}).drop_vars("spatial_ref")
    bare["B04"].encoding.clear()
    write(bare, tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"a\.nc: its coordinate reference system is not known; .*'a\.nc,EPSG:32631'"):
        search(tmp_path)
    (tmp_path / "scenes.csv").write_text(f"file,crs\na.nc,EPSG:{EPSG}\n")
    assert len(search(tmp_path)) == 3


def test_longitude_and_latitude_are_a_crs(tmp_path: Path) -> None:
    lon, lat = 3 + np.arange(6) * 1e-4, 45 - np.arange(5) * 1e-4
    dataset = xr.Dataset(
        {"B04": (("time", "lat", "lon"), numbers())},
        coords={
            "time": np.array(DAYS, dtype="datetime64[ns]"),
            "lat": ("lat", lat, {"standard_name": "latitude"}),
            "lon": ("lon", lon, {"standard_name": "longitude"}),
        },
    )
    write(dataset, tmp_path / "a.nc")
    (ref, *_) = FolderSource(tmp_path).search(box(3, 44.9, 3.1, 45.1), **EVER)
    grid = Grid.around(box(3.0001, 44.9998, 3.0003, 44.9999), pixel_m=10)
    assert np.isfinite(FolderSource(tmp_path).read(ref, grid, bands=["B04"]).bands["B04"]).all()


def uneven(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(x=GRID.x_m + np.array([0, 0, 0, 3, 0, 0]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(uneven, "expected evenly spaced pixels", id="uneven"),
        pytest.param(lambda data: data.isel(x=slice(0, 1)), "at least 2 x 2", id="one-column"),
        pytest.param(lambda data: data.isel(x=slice(None, None, -1)), "from west to east", id="mirrored"),
        pytest.param(
            lambda data: data.assign_coords(time=("time", [1.0, 2.0, 3.0], {"axis": "T"})),
            "expected a time",
            id="numbers",
        ),
    ],
)
def test_a_cube_that_cannot_be_understood_is_named(change: Any, words: str, tmp_path: Path) -> None:  # noqa: ANN401
    path = write(change(cube({"B04": numbers()})), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=words) as caught:
        search(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("share", [pytest.param(0.0, id="empty"), pytest.param(0.3, id="cut-off")])
def test_a_damaged_cube_is_named(share: float, tmp_path: Path) -> None:
    path = write(cube({"B04": numbers()}), tmp_path / "a.nc")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SourceError, match=r"a\.nc: cannot be read as a cube") as caught:
        search(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_cube_of_something_else_is_passed_over(tmp_path: Path) -> None:
    write(cube({"rain": numbers()}), tmp_path / "rain.nc")
    write(cube({"B04": numbers()}).isel(time=0, drop=True), tmp_path / "no-time.nc")
    write(cube({"B04": numbers()}), tmp_path / "a.nc")
    assert len(search(tmp_path)) == 3


def test_cubes_of_one_band_each_make_scenes_together(tmp_path: Path) -> None:
    for band in ("B04", "B08"):
        write(cube({band: numbers()}), tmp_path / f"site_{band}.nc")
    (first, *_) = search(tmp_path)
    assert (first.scene_id, first.bands) == ("site_20200101", ("B04", "B08"))


@pytest.mark.parametrize("name", [pytest.param("a.nc", id="netcdf"), pytest.param("a.zarr", id="zarr")])
def test_a_changed_cube_changes_the_fingerprints(name: str, tmp_path: Path) -> None:
    write(cube({"B04": numbers()}), tmp_path / name)
    before = search(tmp_path)[0].fingerprint
    assert search(tmp_path)[0].fingerprint == before
    changed = cube({"B04": numbers(seed=1)})
    if name.endswith(".zarr"):
        changed.to_zarr(tmp_path / name, mode="w", consolidated=False)
    else:
        write(changed, tmp_path / name)
    assert search(tmp_path)[0].fingerprint != before
    np.testing.assert_allclose(read(tmp_path, ["B04"])["B04"], numbers(seed=1)[0] / 1e4, atol=1e-6)


def test_crs_and_units_are_said_of_cubes_alone(tmp_path: Path) -> None:
    write(cube({"B04": numbers()}), tmp_path / "a.nc")
    (tmp_path / "scenes.csv").write_text("file,units\na.nc,decibels of sorts\n")
    with pytest.raises(SourceError, match=r"line 2, units: 'decibels of sorts' is neither of db, linear, db83"):
        search(tmp_path)
    (tmp_path / "scenes.csv").write_text("file,crs\na.nc,EPSG:nothing\n")
    with pytest.raises(SourceError, match=r"line 2, crs: 'EPSG:nothing' is no coordinate reference system"):
        search(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed by Linux alone")
@pytest.mark.parametrize("name", FORMATS)
def test_no_cube_stays_open(name: str, tmp_path: Path) -> None:
    path = write(cube({"B04": numbers().astype(np.int32)}), tmp_path / name)
    for index in range(3):
        read(tmp_path, ["B04"], index=index)
    opened = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert not [one for one in opened if one == path or path in one.parents]


def test_threads_may_share_a_source_of_cubes(tmp_path: Path) -> None:
    counts = numbers()
    write(cube({"B04": counts, "B08": counts // 2}), tmp_path / "a.nc")
    source = FolderSource(tmp_path)
    refs = source.search(GRID.footprint_4326, **EVER)
    with ThreadPoolExecutor(4) as pool:
        scenes = list(pool.map(lambda ref: source.read(ref, GRID, bands=["B04", "B08"]), [*refs] * 8))
    for index, scene in enumerate(scenes):
        np.testing.assert_allclose(scene.bands["B04"], counts[index % 3] / 1e4, atol=1e-6)


def test_a_source_of_cubes_can_be_sent_to_another_process(tmp_path: Path) -> None:
    write(cube({"B04": numbers()}), tmp_path / "a.nc")
    source = FolderSource(tmp_path)
    refs = source.search(GRID.footprint_4326, **EVER)
    source.read(refs[0], GRID, bands=["B04"])
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    assert copy.search(GRID.footprint_4326, **EVER) == refs


def linked(folder: Path, tmp_path: Path, sidecar: str) -> Path:
    """Return a folder of links to the cubes, with a sidecar beside them."""
    for path in sorted(folder.glob("*.nc")):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "scenes.csv").write_text(sidecar)
    return tmp_path


@pytest.mark.realdata
def test_a_forest_in_another_projection_in_140_dates(shared_data: Path) -> None:
    source = FolderSource(shared_data / "romania_forest")
    square = reproject_shape(box(5_272_200, 2_532_200, 5_272_800, 2_532_800), from_epsg=3035, to_epsg=4326)
    grid = Grid.around(square, pixel_m=10)
    refs = source.search(square, **EVER)
    assert len(refs) == 140
    assert (refs[0].observed_at.date(), refs[-1].observed_at.date()) == (date(2015, 8, 1), date(2021, 1, 1))
    assert {ref.bands for ref in refs} == {("B02", "B03", "B04", "B08", "SCL")}
    assert {ref.platform for ref in refs} == {"sentinel-2"}
    summer = next(ref for ref in refs if ref.observed_at.date() == date(2018, 7, 1))
    scene = source.read(summer, grid, bands=["B04", "B08", "SCL"])
    assert scene.is_clear.mean() > 0.99
    red, infrared = (float(np.median(scene.bands[band])) for band in ("B04", "B08"))
    assert 0.01 < red < 0.05
    assert 0.3 < infrared < 0.6  # summer forest
    cloudy = source.read(refs[0], grid, bands=["B04"])
    assert 0.2 < cloudy.is_clear.mean() < 0.7
    assert cloudy.hidden_share["cloud"] > 0.1
    assert source.clear_share(refs[0], replace(grid, pixel_m=20)) is not None


@pytest.mark.realdata
def test_radar_and_clouds_over_flanders(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "flanders_s1_s2"
    with pytest.raises(SourceError, match=r"cdse_sentinel1_grd\.nc: whether S1-SIGMA0-VV, S1-SIGMA0-VH are dB"):
        search(folder)
    source = FolderSource(linked(folder, tmp_path, "file,scale,units\nbap*,0.0001,\ncdse_sentinel1_grd.nc,,db83\n"))
    grid = Grid(epsg=32631, left_m=643_300, top_m=5_676_400, pixel_m=10, width_px=40, height_px=50)
    refs = source.search(grid.footprint_4326, **EVER)
    kinds = {
        kind: [ref for ref in refs if ref.scene_id.startswith(kind)] for kind in ("bap", "cdse_sentinel1", "cdse_s")
    }
    assert len(refs) == 42
    assert [len(kinds[kind]) for kind in ("bap", "cdse_sentinel1")] == [20, 10]
    assert len(source.search(box(4.2, 51.2, 4.3, 51.4), **EVER)) == 19  # the fourth cube lies elsewhere
    radar = source.read(kinds["cdse_sentinel1"][0], grid, bands=["VV", "VH"])
    vv_db, vh_db = (10 * np.log10(np.nanmedian(radar.bands[band])) for band in ("VV", "VH"))
    assert radar.quantity is Quantity.GAMMA0
    assert -16 < vv_db < -6
    assert -24 < vh_db < vv_db - 4
    optical = [source.read(ref, grid, bands=["B04", "SCL"]) for ref in kinds["bap"]]
    clear_shares = [float(scene.is_clear.mean()) for scene in optical]
    assert min(clear_shares) == 0.0
    assert max(clear_shares) > 0.9
    best = optical[int(np.argmax(clear_shares))]
    assert 0.02 < float(np.median(best.bands["B04"][best.is_clear])) < 0.5
    assert {4.0, 5.0, 7.0} >= set(np.unique(best.bands["SCL"][best.is_clear]))


@pytest.mark.realdata
def test_a_belgian_village_in_twelve_composites_of_which_two_are_empty(shared_data: Path, tmp_path: Path) -> None:
    source = FolderSource(linked(shared_data / "belgium_village_s1_s2", tmp_path, "file,units\n*.nc,db83\n"))
    grid = Grid(epsg=32631, left_m=664_000, top_m=5_612_120, pixel_m=10, width_px=100, height_px=100)
    refs = source.search(grid.footprint_4326, **EVER)
    optical = [ref for ref in refs if ref.quantity is Quantity.REFLECTANCE]
    radar = [ref for ref in refs if ref.quantity is Quantity.GAMMA0]
    months = [(2020, 11), (2020, 12), *((2021, month) for month in range(1, 11))]
    for kind in (optical, radar):
        assert [(ref.observed_at.year, ref.observed_at.month) for ref in kind] == months
    assert optical[0].bands == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12")
    scenes = [source.read(ref, grid, bands=["B04", "B08", "B11"]) for ref in optical]
    assert [index for index, scene in enumerate(scenes) if not scene.is_clear.any()] == [1, 2]
    for scene in (scene for scene in scenes if scene.is_clear.any()):
        assert scene.is_clear.mean() > 0.99
        assert 0.02 < float(np.nanmedian(scene.bands["B04"])) < 0.15
        assert 0.15 < float(np.nanmedian(scene.bands["B08"])) < 0.5
    assert -15 < 10 * np.log10(np.nanmedian(source.read(radar[3], grid, bands=["VV"]).bands["VV"])) < -6
