"""Monthly composites of night light: the month is in the name, a file that is not understood is named."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Point

from geo.errors import SourceError
from geo.sources.nightlight import find_months, months_digest, read_months

HERE = Point(88.29, 43.38)


def write(path: Path, value: float, *, crs: str | None = "EPSG:4326") -> Path:
    """Write a composite of half a degree around the place, of the usual 15 arc seconds, dark in its north-west."""
    side = 120
    values = np.full((side, side), value, dtype=np.float32)
    values[:20, :20] = -9999
    where = {"crs": crs, "transform": Affine(1 / 240, 0, 88.04, 0, -1 / 240, 43.63)} if crs else {}
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": side, "height": side, "nodata": -9999}
    with rasterio.open(path, "w", **profile, **where) as file:
        file.write(values, 1)
    return path


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("SVDNB_npp_20200301-20200331_75N060E_vcmcfg_v10_c202004.avg_rade9h.tif", date(2020, 3, 1)),
        ("night_2019-12.tif", date(2019, 12, 1)),
        ("201711.tiff", date(2017, 11, 1)),
    ],
)
def test_the_month_is_the_first_that_the_name_tells(tmp_path: Path, name: str, month: date) -> None:
    write(tmp_path / name, 1.0)
    (found,) = find_months(tmp_path)
    assert found.month == month


def test_radiance_is_read_around_the_place_in_order_of_time(tmp_path: Path) -> None:
    for month, value in ((3, 5.0), (1, 7.0)):
        write(tmp_path / f"2020-{month:02d}.tif", value)
    stack = read_months(find_months(tmp_path), HERE)
    assert stack is not None
    assert stack.days == (date(2020, 1, 1), date(2020, 3, 1))
    middle = tuple(side // 2 for side in stack.grid.shape)
    assert stack.values[:, 0, middle[0], middle[1]].tolist() == pytest.approx([7.0, 5.0])
    assert read_months((), HERE) is None


def test_another_file_or_content_is_another_digest(tmp_path: Path) -> None:
    write(tmp_path / "2020-01.tif", 1.0)
    first = months_digest(find_months(tmp_path))
    assert first == months_digest(find_months(tmp_path))
    write(tmp_path / "2020-02.tif", 1.0)
    assert months_digest(find_months(tmp_path)) != first


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "there are none"), (("dark.tif",), "dark.tif: expected a month"), (("2020-01.tif", "202001.tif"), "both of")],
    ids=["empty", "no month", "twice"],
)
def test_what_is_not_understood_is_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        write(tmp_path / name, 1.0)
    with pytest.raises(SourceError, match=message):
        find_months(tmp_path)


def test_a_folder_that_is_not_there_and_a_file_without_georeference_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        find_months(tmp_path / "none")
    (tmp_path / "2020-01.tif").write_bytes(b"no image")
    with pytest.raises(SourceError, match="cannot be read"):
        read_months(find_months(tmp_path), HERE)
