"""Archives, XML and addresses of others: none blows up, leads out, names another file or brings us to ask a server."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import xarray as xr
from shapely.geometry import box

from aoi.read.vector import import_areas, import_facilities
from benchmarks.fuzz_importers import AREAS, importers
from geo.crs import named_crs
from geo.errors import AoiError, SitewatchError, SourceError
from geo.sources.folder import FolderSource
from geo.sources.folder.safe import read_products
from geo.sources.folder.sidecar import read_sidecar
from tests.security.test_hostile_imagery import LOOPBACK, listening, nobody_came

__all__ = ["listening"]
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
BESIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY c SYSTEM "file:///etc/passwd">]>'
VIRTUAL = b'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/hosts</SrcDataSource></OGRVRTLayer>'


@pytest.fixture(scope="module")
def shapefile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the parts of a sound Shapefile by name."""
    folder = tmp_path_factory.mktemp("shapefile")
    (folder / "a.geojson").write_bytes(AREAS)
    pyogrio.write_dataframe(pyogrio.read_dataframe(folder / "a.geojson")[["id", "name", "geometry"]], folder / "a.shp")
    return {path.name: path.read_bytes() for path in folder.glob("a.[!g]*")}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(AoiError) as caught:
        import_areas(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def test_a_packed_shapefile_is_read(tmp_path: Path, shapefile: dict[str, bytes]) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(shapefile))
    assert [one.area_id for one in import_areas(tmp_path / "a.zip").items] == ["a", "b", "c"]


def test_a_packed_shapefile_that_blows_up_is_refused(tmp_path: Path, shapefile: dict[str, bytes]) -> None:
    bomb = zipped(shapefile | {"a.dbf": shapefile["a.dbf"] + b" " * 80_000_000})
    assert len(bomb) < 200_000
    assert "times its size" in refused(tmp_path / "a.zip", bomb)


@pytest.mark.parametrize("member", ["../a.shp", "/etc/a.shp", "b/../../a.shp", "C:/a.shp", "..\\a.shp"])
def test_a_packed_shapefile_whose_paths_lead_out_is_refused(
    tmp_path: Path, shapefile: dict[str, bytes], member: str
) -> None:
    assert "leads out" in refused(tmp_path / "a.zip", zipped(shapefile | {member: b"x"}))


def test_a_virtual_layer_in_an_archive_is_refused(tmp_path: Path) -> None:
    assert "virtual layer" in refused(tmp_path / "a.zip", zipped({"a.vrt": VIRTUAL}))


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path, shapefile: dict[str, bytes]) -> None:
    assert "archive in an archive" in refused(tmp_path / "a.zip", zipped({"b.zip": zipped(shapefile)}))


def test_an_archive_is_known_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    assert "virtual layer" in refused(tmp_path / "a.geojson", zipped({"a.vrt": VIRTUAL}))


@pytest.mark.parametrize("head", [LAUGHS, BESIDE], ids=["that-explode", "of-a-file"])
@pytest.mark.parametrize("name", ["f.gpx", "f.kml", "f.gml"])
def test_entities_in_xml_of_places_are_refused(tmp_path: Path, name: str, head: str) -> None:
    (tmp_path / name).write_text(f"{head}<gpx><wpt lat='1' lon='1'><name>&c;</name></wpt></gpx>")
    with pytest.raises(AoiError, match="entities") as caught:
        import_facilities(tmp_path / name)
    assert "root:" not in str(caught.value)


@pytest.fixture
def product(tmp_path: Path) -> tuple[Path, str]:
    """Return the folder of a product, and its metadata, in which one image is listed and there."""
    (safe,) = (one for one in importers() if one.name == "SAFE metadata")
    folder = tmp_path / "S2B_MSIL2A_20230823T095559_N0509_R122_T34UCF_20230823T124759.SAFE"
    images = folder / "GRANULE" / "L2A_T34UCF_A033753_20230823T095553" / "IMG_DATA" / "R10m"
    images.mkdir(parents=True)
    (images / "T34UCF_20230823T095559_B04_10m.jp2").touch()
    return folder, safe.content.decode()


@pytest.mark.parametrize("head", [LAUGHS, BESIDE], ids=["that-explode", "of-a-file"])
def test_entities_in_the_metadata_of_a_product_are_refused(product: tuple[Path, str], head: str) -> None:
    folder, text = product
    body = text.partition("?>")[2]
    (folder / "MTD_MSIL2A.xml").write_text(head + body.replace("Sentinel-2B", "&c;"), encoding="utf-8")
    with pytest.raises(SourceError, match="entities"):
        read_products(folder)


def test_entities_in_the_metadata_of_a_tile_are_refused(product: tuple[Path, str]) -> None:
    folder, text = product
    (folder / "MTD_MSIL2A.xml").write_text(text, encoding="utf-8")
    assert read_products(folder)
    tile = folder / "GRANULE" / "L2A_T34UCF_A033753_20230823T095553" / "MTD_TL.xml"
    tile.write_text(f"{LAUGHS}<x><SENSING_TIME>&c;</SENSING_TIME></x>", encoding="utf-8")
    with pytest.raises(SourceError):
        read_products(folder)


def test_metadata_of_a_gigabyte_is_not_read(product: tuple[Path, str]) -> None:
    folder, _ = product
    with (folder / "MTD_MSIL2A.xml").open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(SourceError, match="more than 50,000,000 bytes"):
        read_products(folder)


def test_a_packed_product_among_images_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zipped({"S2B_MSIL2A_X.SAFE/MTD_MSIL2A.xml": b" " * 60_000_000})
    (tmp_path / "S2B_MSIL2A_20230823T095559_N0509_R122_T34UCF_20230823T124759.SAFE.zip").write_bytes(bomb)
    with pytest.raises(SourceError) as caught:
        FolderSource(tmp_path).search(box(3.0, 45.14, 3.01, 45.16), first=date(2020, 1, 1), last=date(2024, 2, 1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9/x.wkt",
        "https://epsg.io/4326",
        "/etc/passwd",
        "file.prj",
        "/vsicurl/http://127.0.0.1:9/x",
        "..\\x",
        "+proj=longlat +nadgrids=/etc/passwd",
        "",
    ],
)
def test_an_address_is_no_coordinate_reference_system(text: str) -> None:
    with pytest.raises(ValueError, match="no coordinate reference system"):
        named_crs(text)


@pytest.mark.parametrize(
    "text",
    [
        "EPSG:32631",
        "epsg:4326",
        "32631",
        "ESRI:102025",
        "OGC:CRS84",
        "urn:ogc:def:crs:EPSG::32631",
        "+proj=utm +zone=31",
        'GEOGCS["WGS 84"]',
        'PROJCRS["x"]',
        'PROJCS["x"]',
        'COMPD_CS["x"]',
        'BOUNDCRS["x"]',
        '{"type": "ProjectedCRS"}',
    ],
)
def test_names_and_definitions_are(text: str) -> None:
    assert named_crs(text) == text


def in_a_table(folder: Path, address: str) -> Callable[[], object]:
    path = folder / "scenes.csv"
    path.write_text(f"file,date,crs\na.tif,2017-02-16,{address}\n", encoding="utf-8")
    return lambda: read_sidecar(path)


def in_a_cube(folder: Path, address: str) -> Callable[[], object]:
    values = np.zeros((1, 4, 4), dtype="float32")
    place = {"x": np.arange(4) * 10.0, "y": np.arange(4) * -10.0, "time": np.array(["2020-01-01"], "datetime64[ns]")}
    cube = xr.Dataset({"B04": (("time", "y", "x"), values)}, place, {"crs": address})
    cube.to_netcdf(folder / "cube.nc")
    ground = box(3.0, 45.1, 3.1, 45.2)
    return lambda: FolderSource(folder).search(ground, first=date(2019, 1, 1), last=date(2021, 1, 1))


@LOOPBACK
@pytest.mark.enable_socket
@pytest.mark.parametrize("place", [in_a_table, in_a_cube])
def test_no_server_is_asked_for_a_coordinate_reference_system(
    tmp_path: Path, listening: Iterator[object], place: Callable[[Path, str], Callable[[], object]]
) -> None:
    port = listening.getsockname()[1]  # type: ignore[attr-defined]  # the fixture gives the socket
    with pytest.raises(SitewatchError):
        place(tmp_path, f"http://127.0.0.1:{port}/x.wkt")()
    assert nobody_came(listening)  # type: ignore[arg-type]  # likewise
