"""Images of others: no file names another, none is fetched from the web, none fills the memory by what it claims."""

import resource
import socket
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from geo.errors import SourceError
from geo.sources.folder import FolderSource
from geo.sources.header import LOCAL_ENVIRONMENT, local_driver, read_header

LOOPBACK = pytest.mark.allow_hosts(["127.0.0.1"])
NAME = "S2A_20200110T100000_west_B04.tif"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Listen on the loopback interface; who connects waits there to be counted."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen(8)
        opened.setblocking(False)  # noqa: FBT003 - as the library has it
        yield opened


def nobody_came(opened: socket.socket) -> bool:
    try:
        opened.accept()
    except BlockingIOError:
        return True
    return False


def image(path: Path, *, overview: str = "") -> Path:
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint16", "crs": "EPSG:32631"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 500_000, 0, -10, 5_000_000)) as file:
        file.write(np.full((64, 64), 7, "uint16"), 1)
        if overview:
            file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=overview)
    return path


def virtual(path: Path, source: str) -> Path:
    text = (
        '<VRTDataset rasterXSize="64" rasterYSize="64"><SRS>EPSG:32631</SRS>'
        "<GeoTransform>500000,10,0,5000000,0,-10</GeoTransform>"
        f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{source}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", ["/etc/passwd", "secret.tif", "/vsicurl/http://127.0.0.1:9/x.tif"])
def test_a_virtual_image_under_the_name_of_a_geotiff_is_refused(tmp_path: Path, source: str) -> None:
    image(tmp_path / "secret.tif")
    with pytest.raises(SourceError, match=NAME):
        read_header(virtual(tmp_path / NAME, source))


def test_the_virtual_image_would_be_read_without_its_driver_being_said(tmp_path: Path) -> None:
    image(tmp_path / "secret.tif")
    with rasterio.open(virtual(tmp_path / NAME, str(tmp_path / "secret.tif"))) as file:
        assert file.read(1)[0, 0] == 7


@LOOPBACK
@pytest.mark.enable_socket
def test_a_description_of_a_web_map_under_the_name_of_a_geotiff_is_refused(
    tmp_path: Path, listening: socket.socket
) -> None:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/wms"
    path = tmp_path / NAME
    path.write_text(f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service></GDAL_WMS>')
    with pytest.raises(SourceError, match=NAME):
        read_header(path)
    assert nobody_came(listening)


@LOOPBACK
@pytest.mark.enable_socket
def test_smaller_copies_that_a_file_says_lie_on_the_web_are_not_fetched(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "2")
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    address = f"/vsicurl/http://127.0.0.1:{listening.getsockname()[1]}/o.tif"
    path = image(tmp_path / NAME, overview=address)
    read_header(path)
    with rasterio.Env(**LOCAL_ENVIRONMENT), rasterio.open(path, driver=local_driver(path)) as file:
        assert file.read(1, out_shape=(8, 8))[0, 0] == 7
    assert nobody_came(listening)


def test_an_image_that_claims_a_million_by_a_million_pixels_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "imagery" / "S2A_20200110T100000_B04.tif"
    path.parent.mkdir()
    side = 1_000_000
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint16", "crs": "EPSG:32631"}
    layout = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "BIGTIFF": "YES"}
    with rasterio.open(path, "w", **profile, **layout, transform=Affine(0.1, 0, 5e5, 0, -0.1, 5e6)):
        pass
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    source = FolderSource(path.parent)
    source.search(box(3.0, 45.1, 3.01, 45.11), first=date(2020, 1, 1), last=date(2020, 2, 1))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    assert time.process_time() - began < 10


def loop(folder: Path) -> None:
    (folder / "again").symlink_to(folder)


def outward(folder: Path) -> None:
    (folder / "etc").symlink_to("/etc")


def dangling(folder: Path) -> None:
    (folder / "S2A_20200111T100000_B04.tif").symlink_to(folder / "nowhere.tif")


def fifo_like(folder: Path) -> None:
    (folder / "S2A_20200111T100000_B04.tif").symlink_to("/dev/null")


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    image(tmp_path / "S2A_20200110T100000_B04.tif")
    (tmp_path / "scenes.csv").write_text("file,scale\n*.tif,0.0001\n")
    dangling(tmp_path)
    with pytest.raises(SourceError, match=r"S2A_20200111T100000_B04\.tif"):
        FolderSource(tmp_path).search(box(3.0, 45.14, 3.01, 45.16), first=date(2020, 1, 1), last=date(2020, 2, 1))


@pytest.mark.parametrize("trick", [loop, outward, fifo_like])
def test_links_in_a_folder_of_imagery_neither_hang_nor_break_the_search(
    tmp_path: Path, trick: Callable[[Path], None]
) -> None:
    image(tmp_path / "S2A_20200110T100000_B04.tif")
    (tmp_path / "scenes.csv").write_text("file,scale\n*.tif,0.0001\n")
    trick(tmp_path)
    began = time.process_time()
    found = FolderSource(tmp_path).search(box(3.0, 45.14, 3.01, 45.16), first=date(2020, 1, 1), last=date(2020, 2, 1))
    assert any(ref.observed_at.date() == date(2020, 1, 10) for ref in found)
    assert time.process_time() - began < 10
