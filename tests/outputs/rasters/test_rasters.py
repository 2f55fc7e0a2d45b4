"""The maps are cloud-optimised GeoTIFFs that say what they are, and hold exactly what was worked out."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rio_cogeo.cogeo import cog_validate

from geo.errors import OutputError
from geo.scene import Quantity
from outputs.rasters.cog import Band, Layout, write_cog
from outputs.rasters.maps import RASTER_NAMES, Further, onset_day, write_maps
from outputs.rasters.ramps import MAGNITUDE_STOPS, Stop, colour_at, spread_stops
from tests.outputs.rasters.worlds import BANDS, DAYS, changes_of, grid_of, looks, maps_of, stack_of

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a folder with the maps of an area in which the last look has a hole."""
    grid = grid_of()
    values = looks(grid)
    values[3, :, 10:12, 20:30] = np.nan
    values[:, :, 39, 59] = np.nan
    write_maps(tmp_path, maps_of(stack_of(values, grid)))
    return tmp_path


def _read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


@pytest.mark.parametrize("name", RASTER_NAMES)
def test_every_map_is_a_valid_cog(written: Path, name: str) -> None:
    is_valid, errors, warnings = cog_validate(written / f"{name}.tif", strict=True, quiet=True)
    assert (is_valid, errors, warnings) == (True, [], [])


@pytest.mark.parametrize("name", RASTER_NAMES)
def test_gdals_own_check_finds_nothing(written: Path, name: str) -> None:
    check = [SYSTEM_PYTHON, "-m", "osgeo_utils.samples.validate_cloud_optimized_geotiff", "--full-check=yes"]
    if (
        not shutil.which(SYSTEM_PYTHON)
        or subprocess.run([*check[:1], "-c", "import osgeo_utils"], check=False, capture_output=True).returncode
    ):
        pytest.skip("GDAL's Python tools are not installed")
    done = subprocess.run([*check, str(written / f"{name}.tif")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid cloud optimized GeoTIFF" in done.stdout


def test_what_was_worked_out_is_read_back(written: Path) -> None:
    grid = grid_of()
    values = looks(grid)
    before, after = _read(written / "before.tif"), _read(written / "after.tif")
    expected = np.rint(values * 10_000)
    assert before.dtype == np.uint16
    np.testing.assert_array_equal(before[:, :39], expected[0][:, :39])
    filled = expected[3].copy()
    filled[:, 10:12, 20:30] = expected[2][:, 10:12, 20:30]
    np.testing.assert_array_equal(after[:, :39], filled[:, :39])
    assert not before[:, 39, 59].any()
    assert not after[:, 39, 59].any()


def test_the_change_maps_hold_score_onset_and_counts(written: Path) -> None:
    grid = grid_of()
    values = looks(grid)
    values[3, :, 10:12, 20:30] = np.nan
    values[:, :, 39, 59] = np.nan
    changes = changes_of(stack_of(values, grid))
    np.testing.assert_array_equal(_read(written / "magnitude.tif")[0], changes.steps.score_z)
    onset = _read(written / "onset.tif")[0]
    assert onset.dtype == np.int32
    for row, column in ((6, 1), (6, 2), (6, 3), (19, 29)):
        assert (
            onset_day(int(onset[row, column])) == DAYS[int(changes.steps.onset[row, column])] or onset[row, column] == 0
        )
    has_onset = changes.is_changed & (changes.steps.onset > 0)
    np.testing.assert_array_equal(onset > 0, has_onset)
    counts = _read(written / "clear_looks.tif")[0]
    assert counts[0, 0] == len(DAYS)
    assert counts[10, 25] == len(DAYS) - 1
    assert counts[39, 59] == 0


def test_each_map_says_what_it_is(written: Path) -> None:
    for name in RASTER_NAMES:
        with rasterio.open(written / f"{name}.tif") as file:
            tags = file.tags()
            assert file.crs.to_epsg() == 32645
            assert file.transform == grid_of().transform
            assert tags["TIFFTAG_COPYRIGHT"].startswith("Contains modified Copernicus data 201")
            assert "Dabancheng 达坂城" in tags["TIFFTAG_IMAGEDESCRIPTION"]
            assert tags["AREA_ID"] == "home"
            assert all(file.descriptions)
            assert all(file.units)
            for index in file.indexes:
                assert float(file.tags(index)["STATISTICS_MAXIMUM"]) == pytest.approx(np.nanmax(_valid(file, index)))
                assert float(file.tags(index)["STATISTICS_MINIMUM"]) == pytest.approx(np.nanmin(_valid(file, index)))


def _valid(file: Any, index: int) -> NDArray[np.float64]:  # noqa: ANN401  # rasterio leaves its files untyped
    return np.asarray(file.read(index, masked=True).astype(float).filled(np.nan))


def test_looks_are_named_with_what_each_gave(written: Path) -> None:
    with rasterio.open(written / "after.tif") as file:
        tags, colours = file.tags(), [colour.name for colour in file.colorinterp]
        assert file.descriptions == BANDS
        assert file.scales == (1e-4,) * 4
        assert file.nodata == 0
    assert colours == ["blue", "green", "red", "nir"]
    assert tags["ACQUISITION_DATE"] == "2018-10-11"
    assert tags["TIFFTAG_DATETIME"] == "2018:10:11 05:30:00"
    told = {look["scene_id"]: look["share"] for look in json.loads(tags["SCENES"])}
    assert told == {
        "S2A_20181011": pytest.approx(1 - 21 / 2400, abs=1e-4),
        "S2A_20180429": pytest.approx(20 / 2400, abs=1e-4),
    }
    assert tags["ACQUISITION_DATES"] == "2018-10-11,2018-04-29"


def test_counts_have_a_colour_table_in_the_file(written: Path) -> None:
    with rasterio.open(written / "clear_looks.tif") as file:
        table = file.colormap(1)
        assert file.colorinterp[0].name == "palette"
        assert file.nodata == 255
    assert table[255] == (0, 0, 0, 0)
    lightness = [
        0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue, _ in (table[value] for value in range(5))
    ]
    assert lightness == sorted(lightness)
    assert len(set(lightness)) == 5


@pytest.mark.parametrize("stops", [MAGNITUDE_STOPS, spread_stops(0, 10)], ids=["magnitude", "spread"])
def test_lightness_goes_one_way_so_that_no_hue_is_needed(stops: Sequence[Stop]) -> None:
    values = np.linspace(stops[0][0], stops[-1][0], 50)
    light = [float(np.dot((0.299, 0.587, 0.114), colour_at(stops, value))) for value in values]
    steps = np.diff(light)
    assert (steps > 0).all() or (steps < 0).all()


def test_more_looks_than_a_byte_counts_are_counted_in_words(tmp_path: Path) -> None:
    grid = grid_of(8, 8)
    days = [date(2016, 1, 1) + timedelta(days=5 * index) for index in range(300)]
    write_maps(tmp_path, maps_of(stack_of(looks(grid, count=300), grid, days=days)))
    with rasterio.open(tmp_path / "clear_looks.tif") as file:
        assert file.dtypes == ("uint16",)
        assert file.nodata == 65535
        assert (file.read(1) == 300).all()


def test_pictures_keep_their_display_values(tmp_path: Path) -> None:
    grid = grid_of()
    shown = np.random.default_rng(1).integers(1, 256, (4, 3, *grid.shape))
    stack = stack_of((shown / 255).astype(np.float32), grid, quantity=Quantity.DISPLAY)
    write_maps(tmp_path, maps_of(stack))
    with rasterio.open(tmp_path / "before.tif") as file:
        assert file.dtypes == ("uint8",) * 3
        np.testing.assert_array_equal(file.read(), shown[0])


def test_a_measured_zero_is_not_taken_for_unseen(tmp_path: Path) -> None:
    grid = grid_of()
    values = looks(grid)
    values[:, :, 0, 0] = [-0.01, 0.0, 0.00001, 7.0]
    write_maps(tmp_path, maps_of(stack_of(values, grid)))
    assert _read(tmp_path / "before.tif")[:, 0, 0].tolist() == [1, 1, 1, 65535]


def test_short_wave_infrared_stands_beside_the_bands_that_were_searched(tmp_path: Path) -> None:
    grid = grid_of()
    short_wave = looks(grid, seed=9)[:, :2]
    further = Further(bands=("B11", "B12"), read=lambda index, rows: short_wave[index][:, rows])
    write_maps(tmp_path, maps_of(stack_of(looks(grid), grid), further=further))
    with rasterio.open(tmp_path / "before.tif") as file:
        assert file.descriptions == (*BANDS, "B11", "B12")
        assert [colour.name for colour in file.colorinterp][4:] == ["swir", "swir"]
        np.testing.assert_array_equal(file.read()[4:], np.rint(short_wave[0] * 10_000))


def test_large_maps_have_overviews_and_are_written_strip_by_strip(tmp_path: Path) -> None:
    grid = grid_of(700, 900)
    rows: list[int] = []

    def strips() -> Iterator[tuple[int, NDArray[np.int32]]]:
        for top in range(0, 700, 64):
            rows.append(top)
            height = min(64, 700 - top)
            yield top, np.full((1, height, 900), top, dtype=np.int32)

    layout = Layout(bands=(Band(name="x"),), dtype="int32", nodata=-1, overviews="NEAREST")
    write_cog(tmp_path / "x.tif", grid, layout, strips(), tags=lambda: {"ROWS": str(len(rows))})
    assert cog_validate(tmp_path / "x.tif", strict=True, quiet=True)[0]
    with rasterio.open(tmp_path / "x.tif") as file:
        assert file.overviews(1) == [2, 4]
        assert file.tags()["ROWS"] == "11"
        np.testing.assert_array_equal(file.read(1)[:, 5], np.arange(700) // 64 * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]


def test_the_same_maps_give_the_same_bytes(written: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    again = tmp_path_factory.mktemp("again")
    grid = grid_of()
    values = looks(grid)
    values[3, :, 10:12, 20:30] = np.nan
    values[:, :, 39, 59] = np.nan
    write_maps(again, maps_of(stack_of(values, grid)))
    assert _hashes(again) == _hashes(written)


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot write"):
        write_maps(tmp_path / "file", maps_of(stack_of(looks(grid_of()), grid_of())))
