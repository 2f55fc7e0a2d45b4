"""Radar in GeoTIFF files: what their numbers are is told, never guessed; power is what is averaged."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.folder.names import find_radar_bands, find_relative_orbit

EVER = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}
GRID = Grid(epsg=32631, left_m=500_000, top_m=5_000_000, pixel_m=10.0, width_px=12, height_px=10)
OPERA = "OPERA_L2_RTC-S1_T137-292319-IW2_20211119T015858Z_20250830T120333Z_S1A_30_v1.0"


def write(path: Path, numbers: NDArray[np.float32], *, units: str | None = None, names: tuple[str, ...] = ()) -> None:
    layers = numbers if numbers.ndim == 3 else numbers[None]
    size = {"count": len(layers), "height": layers.shape[1], "width": layers.shape[2]}
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, GRID.left_m, 0, -10, GRID.top_m), "nodata": np.nan}
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", **size, **place) as file:
        file.write(layers)
        if units:
            file.units = (units,) * len(layers)
        if names:
            file.descriptions = names


def flat(value: float) -> NDArray[np.float32]:
    return np.full(GRID.shape, value, dtype=np.float32)


def search(folder: Path) -> list[SceneRef]:
    return list(FolderSource(folder).search(GRID.footprint_4326, **EVER))


def test_both_polarisations_of_one_time_are_one_scene_in_linear_power(tmp_path: Path) -> None:
    write(tmp_path / f"{OPERA}_VV.tif", flat(0.1))
    write(tmp_path / f"{OPERA}_VH.tif", flat(0.02))
    (ref,) = search(tmp_path)
    assert (ref.quantity, ref.bands, ref.platform) == (Quantity.GAMMA0, ("VV", "VH"), "sentinel-1a")
    assert (ref.relative_orbit, ref.observed_at.isoformat()) == (137, "2021-11-19T01:58:58+00:00")
    scene = FolderSource(tmp_path).read(ref, GRID, bands=("VV", "VH"))
    np.testing.assert_allclose(scene.bands["VV"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(scene.bands["VH"], 0.02, rtol=1e-6)


@pytest.mark.parametrize(
    ("number", "sidecar", "units", "expected"),
    [
        pytest.param(-10.0, "file,units\n*.tif,db\n", None, 0.1, id="sidecar-db"),
        pytest.param(0.1, "file,units\n*.tif,linear\n", None, 0.1, id="sidecar-linear"),
        pytest.param(-10.0, "", "dB", 0.1, id="tag-db"),
        pytest.param(0.5, "file,units,scale,offset\n*.tif,db,30,-25\n", None, 0.1, id="scaled-db"),
        pytest.param(-10.0, "file,units\n*.tif,db\n", "linear", 0.1, id="sidecar-wins"),
    ],
)
def test_what_the_numbers_are_is_told(
    number: float, sidecar: str, units: str | None, expected: float, tmp_path: Path
) -> None:
    write(tmp_path / "S1A_20200102_VV.tif", flat(number), units=units)
    if sidecar:
        (tmp_path / "scenes.csv").write_text(sidecar)
    (ref,) = search(tmp_path)
    scene = FolderSource(tmp_path).read(ref, GRID, bands=("VV",))
    np.testing.assert_allclose(scene.bands["VV"], expected, rtol=1e-5)


def test_numbers_that_nothing_explains_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "S1A_20200102_VV.tif", flat(0.1))
    with pytest.raises(SourceError, match=r"S1A_20200102_VV\.tif: whether its radar numbers are dB or linear"):
        search(tmp_path)


def test_beside_optical_images_they_are_left_out_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "S1A_20200102_VV.tif", flat(0.1))
    write(tmp_path / "S2A_20200103_B04.tif", flat(0.2))
    assert [ref.bands for ref in search(tmp_path)] == [("B04",)]
    assert "S1A_20200102_VV.tif" in caplog.text


def test_told_radar_and_optical_images_of_one_time_are_two_scenes(tmp_path: Path) -> None:
    write(tmp_path / "a_20200102_VV.tif", flat(0.1), units="linear")
    write(tmp_path / "a_20200102_B04.tif", flat(0.2))
    assert {(ref.quantity, ref.bands) for ref in search(tmp_path)} == {
        (Quantity.GAMMA0, ("VV",)),
        (Quantity.REFLECTANCE, ("B04",)),
    }


def test_bands_of_one_file_are_told_by_their_descriptions_or_the_sidecar(tmp_path: Path) -> None:
    both = np.stack([flat(0.1), flat(0.02)])
    write(tmp_path / "x_20200102.tif", both, units="linear", names=("VV", "VH"))
    write(tmp_path / "y_20200103.tif", both, units="linear")
    (tmp_path / "scenes.csv").write_text("file,bands\ny_20200103.tif,VH VV\n")
    first, second = search(tmp_path)
    source = FolderSource(tmp_path)
    assert source.read(first, GRID, bands=("VV",)).bands["VV"][0, 0] == pytest.approx(0.1)
    assert source.read(second, GRID, bands=("VV",)).bands["VV"][0, 0] == pytest.approx(0.02)


def test_radar_and_optical_bands_in_one_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x_20200102.tif", np.stack([flat(0.1), flat(0.2)]), names=("VV", "B04"))
    with pytest.raises(SourceError, match="holds radar and optical bands"):
        search(tmp_path)


def test_units_are_said_of_radar_alone(tmp_path: Path) -> None:
    write(tmp_path / "x_20200102_B04.tif", flat(0.1))
    (tmp_path / "scenes.csv").write_text("file,units\n*.tif,db\n")
    with pytest.raises(SourceError, match="units are said of radar"):
        search(tmp_path)


def test_decibels_are_averaged_as_power(tmp_path: Path) -> None:
    numbers = flat(-20.0)
    numbers[:, ::2] = -10.0
    write(tmp_path / "S1A_20200102_VV.tif", numbers, units="dB")
    (ref,) = search(tmp_path)
    coarse = Grid(epsg=32631, left_m=500_000, top_m=5_000_000, pixel_m=40.0, width_px=3, height_px=2)
    values = FolderSource(tmp_path).read(ref, coarse, bands=("VV",)).bands["VV"]
    np.testing.assert_allclose(values, (0.1 + 0.01) / 2, rtol=1e-4)


def test_names_tell_polarisation_and_track() -> None:
    assert find_radar_bands(f"{OPERA}_VV_tv_cropped") == ("VV",)
    assert find_radar_bands("a_vv-vh_b") == ("VV", "VH")
    assert find_radar_bands("HVAC_VVX") == ()
    assert find_relative_orbit(OPERA) == 137
    assert find_relative_orbit("T33UUU_20170216") is None


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "orbit", "dates", "epsg"),
    [
        pytest.param("dist_s1_T137-292319-IW2", 137, 22, 32611, id="california"),
        pytest.param("distmetrics/T009_019294_IW2_cropped_tv", 9, 10, 32754, id="papua"),
    ],
)
def test_real_bursts_are_read_as_they_are(folder: str, orbit: int, dates: int, epsg: int, shared_data: Path) -> None:
    source = FolderSource(shared_data / "sentinel1_rtc" / folder)
    path = min((shared_data / "sentinel1_rtc" / folder).rglob("*_VV*.tif"))
    with rasterio.open(path) as dataset:
        left, _, _, top = dataset.bounds
        expected = dataset.read(1)
    grid = Grid(epsg=epsg, left_m=left, top_m=top, pixel_m=30.0, width_px=expected.shape[1], height_px=len(expected))
    refs = source.search(grid.footprint_4326, **EVER)
    assert {ref.relative_orbit for ref in refs} == {orbit}
    assert {ref.bands for ref in refs} == {("VV", "VH")}
    assert len(refs) == dates
    np.testing.assert_allclose(source.read(refs[0], grid, bands=("VV",)).bands["VV"], expected, rtol=1e-5)
