"""The folder source on real layouts of real imagery."""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from shapely.geometry import box, shape

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity, Stack
from geo.sources.folder import FolderSource

pytestmark = pytest.mark.realdata

EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}
COMPOUND = box(88.250, 43.373, 88.317, 43.396)
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


def test_the_series_of_dabancheng(shared_data: Path) -> None:
    source = FolderSource(shared_data / "dabancheng" / "rgb_series")
    refs = source.search(COMPOUND, **EVER)
    assert [f"{ref.observed_at:%Y-%m-%d}" for ref in refs] == [
        *("2017-03-02", "2017-06-10", "2017-07-08", "2017-08-04", "2017-08-29", "2018-03-22"),
        *("2018-04-29", "2018-05-26", "2018-06-10", "2018-06-23", "2018-07-23", "2018-10-11"),
    ]
    on = Grid.around(COMPOUND, pixel_m=10)
    stack = Stack.of([source.read(ref, on, bands=("B04", "B03", "B02")) for ref in refs])
    assert stack.quantity is Quantity.DISPLAY
    assert stack.dataset.sizes == {"time": 12, "y": on.height_px, "x": on.width_px}
    assert 0.97 < stack.is_clear.mean() < 1
    values = stack.values[np.isfinite(stack.values)]
    assert 0 <= values.min() < values.max() <= 1
    assert 0.3 < np.median(values) < 0.5


def test_the_logo_in_the_frames_is_not_clear(shared_data: Path) -> None:
    path = shared_data / "dabancheng" / "rgb_series" / "dabancheng_2017-06-10_rgb.tif"
    with rasterio.open(path) as file:
        rows, columns = np.nonzero((file.read() == 0).all(axis=0))
        inside = (rows > 3) & (rows < file.height - 4) & (columns > 3) & (columns < file.width - 4)
        lon, lat = file.transform @ (np.median(columns[inside]) + 0.5, np.median(rows[inside]) + 0.5)
    source = FolderSource(path.parent)
    ref = source.search(COMPOUND, first=date(2017, 6, 10), last=date(2017, 6, 10))[0]
    logo = Grid.around(box(lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4), pixel_m=10)
    assert not source.read(ref, logo, bands=("B04",)).is_clear.any()


@pytest.mark.parametrize(("lon", "lat"), [(88.28994, 43.38385), (88.272503, 43.378749), (88.30, 43.375)])
def test_a_coordinate_maps_to_the_pixel_that_sampling_gives(shared_data: Path, lon: float, lat: float) -> None:
    path = shared_data / "dabancheng" / "rgb_series" / "dabancheng_2018-10-11_rgb.tif"
    on = Grid.around(box(lon - 0.002, lat - 0.002, lon + 0.002, lat + 0.002), pixel_m=2)
    x_m, y_m = Transformer.from_crs(4326, on.epsg, always_xy=True).transform(lon, lat)
    column, row = (int(part) for part in ~on.transform @ (x_m, y_m))
    with rasterio.open(path) as file:
        to_degrees = Transformer.from_crs(on.epsg, 4326, always_xy=True)
        centre = to_degrees.transform(on.x_m[column], on.y_m[row])
        own_column, own_row = (int(part) for part in ~file.transform @ centre)
        around = file.read(1)[own_row - 1 : own_row + 2, own_column - 1 : own_column + 2] / 255
        (sampled,) = file.sample([(lon, lat)], indexes=1)
    source = FolderSource(path.parent)
    ref = source.search(COMPOUND, first=date(2018, 10, 11), last=date(2018, 10, 11))[0]
    got = source.read(ref, on, bands=("B04",)).bands["B04"]
    assert around.min() - 1e-6 <= got[row, column] <= around.max() + 1e-6
    assert abs(got[row - 1 : row + 2, column - 1 : column + 2] - sampled[0] / 255).min() < np.ptp(around) / 2 + 1e-6


def test_the_later_date_of_dabancheng(shared_data: Path) -> None:
    source = FolderSource(shared_data / "dabancheng" / "Sen2_2020_06_02")
    (ref,) = source.search(COMPOUND, **EVER)
    assert (ref.observed_at, ref.platform) == (datetime(2020, 6, 2, tzinfo=UTC), "sentinel-2")
    assert ref.bands == ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B11", "B12")
    scene = source.read(ref, Grid.around(COMPOUND, pixel_m=10), bands=SIX)
    assert scene.quantity is Quantity.DISPLAY
    assert scene.is_clear.all()
    assert 0.05 < np.median(scene.bands["B04"]) < 0.4


CITIES = {
    "abudhabi": ("2016-01-20", "2018-03-28"),
    "aguasclaras": ("2015-09-16", "2017-10-15"),
    "beihai": ("2016-12-09", "2018-03-09"),
    "chongqing": ("2017-04-14", "2018-04-02"),
    "mumbai": ("2015-11-30", "2018-03-19"),
    "paris": ("2016-11-30", "2017-11-07"),
}


@pytest.mark.parametrize("city", CITIES)
def test_the_pairs_of_cities(shared_data: Path, city: str) -> None:
    folder = shared_data / "oscd" / "images" / city
    outline = shape(json.loads((folder / f"{city}.geojson").read_text())["features"][0]["geometry"])
    source = FolderSource(folder)
    refs = source.search(outline, **EVER)
    assert tuple(f"{ref.observed_at:%Y-%m-%d}" for ref in refs) == CITIES[city]
    assert all(len(ref.bands) == 13 for ref in refs)
    on = Grid.around(outline.centroid.buffer(0.01), pixel_m=10)
    for ref in refs:
        scene = source.read(ref, on, bands=SIX)
        assert scene.quantity is Quantity.REFLECTANCE
        assert scene.is_clear.all()
        assert all(0.02 < np.median(band) < 0.5 for band in scene.bands.values())


def test_all_cities_at_once_are_told_apart_by_place(shared_data: Path) -> None:
    source = FolderSource(shared_data / "oscd" / "images")
    assert len(source.search(box(-180, -90, 180, 90), **EVER)) == 12
    assert [ref.observed_at.year for ref in source.search(box(109.5, 21.55, 109.52, 21.57), **EVER)] == [2016, 2018]


def test_labels_are_no_imagery(shared_data: Path) -> None:
    with pytest.raises(SourceError, match="holds no imagery"):
        FolderSource(shared_data / "oscd" / "labels").search(COMPOUND, **EVER)


def test_jpeg_2000_of_three_pixel_sizes(shared_data: Path) -> None:
    source = FolderSource(shared_data / "l1c_jp2_T33UUU")
    on = Grid.covering((332_000, 5_816_000, 334_000, 5_818_000), epsg=32633, pixel_m=10)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert ref.observed_at == datetime(2017, 2, 16, 10, 21, 1, tzinfo=UTC)
    assert len(ref.bands) == 13
    scene = source.read(ref, on, bands=ref.bands)
    assert scene.is_clear.all()
    with rasterio.open(shared_data / "l1c_jp2_T33UUU" / "T33UUU_20170216T102101_B04.jp2") as file:
        window = file.window(*on.bounds_m)
        np.testing.assert_allclose(scene.bands["B04"], file.read(1, window=window) / 10_000, rtol=1e-6)


def test_one_file_of_five_bands_needs_a_sidecar(shared_data: Path, tmp_path: Path) -> None:
    name = "S2_L2A_sample.tif"
    shutil.copy(shared_data / "bolzano_l2a" / name, tmp_path / name)
    on = Grid.covering((676_000, 5_150_000, 679_000, 5_153_000), epsg=32632, pixel_m=10)
    with pytest.raises(SourceError, match=rf"{name}: neither .* columns file,date \(such as '{name},2017-02-16'\)"):
        FolderSource(tmp_path).search(on.footprint_4326, **EVER)
    (tmp_path / "scenes.csv").write_text(f"file,date,bands\n{name},2019-07-01,B04 B03 B02 B08 SCL\n")
    source = FolderSource(tmp_path)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert ref.bands == ("B02", "B03", "B04", "B08", "SCL")
    scene = source.read(ref, on, bands=("B04", "B08", "SCL"))
    assert set(np.unique(scene.bands["SCL"])) <= {2, 4, 5, 6, 7}
    assert np.median(scene.bands["B08"]) > 2 * np.median(scene.bands["B04"])
    assert scene.is_clear.mean() > 0.99


def test_a_product_with_classes_and_overviews(shared_data: Path) -> None:
    source = FolderSource(shared_data / "stac_cog_29RKH")
    on = Grid.covering((220_000, 2_720_000, 280_000, 2_780_000), epsg=32629, pixel_m=400)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert (ref.scene_id, ref.platform) == ("S2A_29RKH_20200219_0_L2A", "sentinel-2a")
    assert ref.bands == ("B02", "B03", "B04", "B05", "B08", "B8A", "B11", "B12", "SCL")
    scene = source.read(ref, on, bands=("B04", "B11"))
    recorded = np.isfinite(scene.bands["B04"])
    assert recorded.mean() > 0.5
    assert 0.1 < np.nanmedian(scene.bands["B04"]) < 0.6
    assert scene.is_clear.any()
    assert not (scene.is_clear & ~recorded).any()
