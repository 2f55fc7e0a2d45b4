"""Static catalogues: on disk, mirrored from the web, and on the web."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from shapely.geometry import Polygon, box

from geo.errors import SourceError
from geo.grid import Grid
from geo.sources.stac import PRESETS, StacOptions, StacSource
from geo.sources.stac.api import interval
from geo.sources.stac.remote import environment, gdal_path
from geo.sources.stac.web import read_retry_after

if TYPE_CHECKING:
    from tests.geo.stac.conftest import World

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

EVER = {"first": date(1900, 1, 1), "last": date(2100, 1, 1)}
MakeGrid = Callable[..., Grid]


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def on_disk(path: Path, **options: Any) -> StacSource:  # noqa: ANN401  # whatever StacOptions takes
    return StacSource(StacOptions(path=path, **options))


def catalogue(world: "World", root: Path, *, hrefs: str = "relative") -> Path:
    """Write catalog.json -> collection.json -> two items, each beside its files."""
    for day in (1, 2):
        world.add(f"S2A_{day}", when=f"2021-06-0{day}T05:20:00Z", bands=("B04", "SCL"))
    for item in world.items:
        folder = root / "s2" / item["id"]
        shutil.copytree(world.root / item["id"], folder)
        for asset in item["assets"].values():
            name = asset["href"].rpartition("/")[2]
            asset["href"] = {"relative": f"./{name}", "mirrored": f"https://example.org/deep/{name}"}[hrefs]
        write(folder / f"{item['id']}.json", item)
    links = [{"rel": "item", "href": f"./{item['id']}/{item['id']}.json"} for item in world.items]
    up = [{"rel": "root", "href": "../catalog.json"}, {"rel": "parent", "href": "../catalog.json"}]
    write(root / "s2" / "collection.json", {"type": "Collection", "id": "sentinel-2-l2a", "links": [*up, *links]})
    child = [{"rel": "self", "href": "./catalog.json"}, {"rel": "child", "href": "./s2/collection.json"}]
    return write(root / "catalog.json", {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "links": child})


@pytest.mark.parametrize("hrefs", ["relative", "mirrored"])
@pytest.mark.parametrize("start", ["catalog.json", ".", "s2/collection.json"])
def test_a_catalogue_on_disk_is_followed_to_its_files(
    world: "World", make_grid: MakeGrid, tmp_path: Path, hrefs: str, start: str
) -> None:
    root = tmp_path / "disk"
    catalogue(world, root, hrefs=hrefs)
    source = on_disk(root / start)
    refs = source.search(make_grid().footprint_4326, **EVER)
    assert [ref.observed_at.day for ref in refs] == [1, 2]
    scene = source.read(refs[0], make_grid(), bands=("B04",))
    with rasterio.open(root / "s2" / "S2A_1" / "B04.tif") as file:
        np.testing.assert_allclose(scene.bands["B04"], file.read(1)[:60, :60] * 1e-4, rtol=1e-5)
    assert source.check() == "2 items"
    assert source.search(Polygon(), **EVER) == []


def test_a_folder_without_catalogue_is_searched_for_items(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    root = tmp_path / "disk"
    catalogue(world, root).unlink()
    (root / "s2" / "collection.json").unlink()
    write(root / "areas.geojson.json", {"type": "FeatureCollection", "features": [{"type": "Feature"}]})
    write(root / "list.json", [1, 2])
    assert len(on_disk(root).search(make_grid().footprint_4326, **EVER)) == 2
    (root / "s2" / "S2A_2" / "S2A_2.json").write_text('{"type": "Feat', encoding="utf-8")
    with pytest.raises(SourceError, match=r"S2A_2\.json: expected JSON"):
        on_disk(root).search(make_grid().footprint_4326, **EVER)


def test_files_on_disk_that_lie_beside_the_grid_are_read_anew_to_be_moved(
    world: "World", make_grid: MakeGrid, tmp_path: Path
) -> None:
    source, on = on_disk(catalogue(world, tmp_path / "disk")), make_grid(column=60, row=60, side_px=40)
    beside = replace(on, left_m=on.left_m - 2.5)
    ref = source.search(on.footprint_4326, **EVER)[0]
    assert source.read_moved(ref, on, (0.0, 0.25), bands=("B04",)) is None
    anew = source.read_moved(ref, beside, (0.0, -0.25), bands=("B04",))
    assert anew is not None
    np.testing.assert_allclose(anew[0], source.read(ref, on, bands=("B04",)).bands["B04"], atol=1e-6)


def test_an_item_and_an_item_collection_are_catalogues_too(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    catalogue(world, tmp_path / "disk")
    item = tmp_path / "disk" / "s2" / "S2A_1" / "S2A_1.json"
    assert len(on_disk(item).search(make_grid().footprint_4326, **EVER)) == 1
    for one in world.items:
        for asset in one["assets"].values():
            asset["href"] = str(tmp_path / "disk" / "s2" / one["id"] / asset["href"])
    together = write(tmp_path / "items.json", {"type": "FeatureCollection", "features": world.items})
    source = on_disk(together)
    refs = source.search(make_grid().footprint_4326, **EVER)
    assert len(refs) == 2
    assert source.read(refs[1], make_grid(), bands=("B04",)).is_clear.all()


def test_a_collection_can_be_chosen(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    catalogue(world, tmp_path / "disk")
    shape = make_grid().footprint_4326
    assert len(on_disk(tmp_path / "disk", collection="sentinel-2-l2a").search(shape, **EVER)) == 2
    with pytest.raises(SourceError, match="no STAC item of collection other"):
        on_disk(tmp_path / "disk", collection="other").search(shape, **EVER)


def test_a_file_that_changed_has_another_fingerprint(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    catalogue(world, tmp_path / "disk")
    shape = make_grid().footprint_4326
    before = on_disk(tmp_path / "disk").search(shape, **EVER)
    with (tmp_path / "disk" / "s2" / "S2A_1" / "B04.tif").open("ab") as file:
        file.write(b"more")
    after = on_disk(tmp_path / "disk").search(shape, **EVER)
    assert [one.fingerprint == two.fingerprint for one, two in zip(before, after, strict=True)] == [False, True]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        pytest.param(lambda path: path.unlink(), "no such file", id="missing"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:4000]), "damaged or incomplete", id="cut-off"),
    ],
)
def test_a_file_on_disk_that_cannot_be_read_is_named(
    world: "World", make_grid: MakeGrid, tmp_path: Path, spoil: Callable[[Path], object], text: str
) -> None:
    catalogue(world, tmp_path / "disk")
    spoil(tmp_path / "disk" / "s2" / "S2A_1" / "B04.tif")
    source = on_disk(tmp_path / "disk")
    ref = source.search(make_grid().footprint_4326, **EVER)[0]
    with pytest.raises(SourceError, match=f"item S2A_1, asset red: .*{text}") as caught:
        source.read(ref, make_grid(), bands=("B04",))
    assert type(caught.value) is SourceError


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param(None, "no such file or folder", id="nothing"),
        pytest.param({"type": "Other"}, "expected a STAC catalogue or item", id="no-stac"),
        pytest.param({"type": "Catalog", "links": []}, "holds no STAC item", id="empty"),
        pytest.param(
            {"type": "Catalog", "links": [{"rel": "item", "href": "gone.json"}]},
            r"gone\.json: cannot be read",
            id="gone",
        ),
        pytest.param(
            {"type": "Catalog", "links": [{"rel": "child", "href": "https://example.org/c.json"}]},
            "leads to the web",
            id="web",
        ),
    ],
)
def test_what_is_no_catalogue_on_disk_is_named(
    make_grid: MakeGrid, tmp_path: Path, document: object, text: str
) -> None:
    path = tmp_path / "catalog.json"
    if document is not None:
        write(path, document)
    with pytest.raises(SourceError, match=text):
        on_disk(path).search(make_grid().footprint_4326, **EVER)


def test_a_catalogue_that_leads_in_a_circle_ends(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    root = catalogue(world, tmp_path / "disk")
    document = json.loads(root.read_text(encoding="utf-8"))
    document["links"] += [{"rel": "child", "href": "catalog.json"}, {"rel": "child", "href": "./s2/../catalog.json"}]
    write(root, document)
    assert len(on_disk(root).search(make_grid().footprint_4326, **EVER)) == 2


def test_a_static_catalogue_on_the_web_is_followed_too(world: "World", make_grid: MakeGrid, tmp_path: Path) -> None:
    catalogue(world, tmp_path / "disk")
    shutil.copytree(tmp_path / "disk", world.root, dirs_exist_ok=True)
    source = world.source(url=f"{world.url}/catalog.json")
    refs = source.search(make_grid().footprint_4326, first=date(2021, 6, 2), last=date(2021, 6, 2))
    assert [ref.observed_at.day for ref in refs] == [2]
    assert source.read(refs[0], make_grid(), bands=("B04",)).is_clear.all()
    assert world.requests("/s2/S2A_2/B04.tif")


def test_files_on_s3_are_read_with_the_settings_given(world: "World", make_grid: MakeGrid) -> None:
    item = world.add("S2A_1", bands=("B04", "SCL"))
    for asset in item["assets"].values():
        asset["href"] = asset["href"].replace(world.url, "s3://bucket")
    shutil.move(world.root / "S2A_1", world.root / "bucket" / "S2A_1")
    local = {"AWS_S3_ENDPOINT": world.url.removeprefix("http://"), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    source = world.source(gdal=local)
    (ref,) = source.search(make_grid().footprint_4326, **EVER)
    assert source.read(ref, make_grid(), bands=("B04",)).is_clear.all()
    world.faults["/bucket/S2A_1/B04.tif"] = [403]
    with pytest.raises(SourceError, match="item S2A_1, asset red"):
        source.read(ref, make_grid(column=300), bands=("B04",))


def test_addresses_as_gdal_writes_them() -> None:
    assert gdal_path("https://a.org/b.tif?c=d") == "/vsicurl/https://a.org/b.tif?c=d"
    assert gdal_path("https://a.org/b.tif", failures=2) == "/vsicurl/https://a.org/b.tif#2"
    assert gdal_path("s3://bucket/key/b.tif", failures=2) == "/vsis3/bucket/key/b.tif"
    assert gdal_path("/disk/b.tif", failures=1) == "/disk/b.tif"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2021, 6, 1), date(2021, 6, 2), "2021-06-01T00:00:00Z/2021-06-02T23:59:59.999999Z"),
        (date(1900, 1, 1), date(2021, 6, 2), "../2021-06-02T23:59:59.999999Z"),
        (date(2021, 6, 1), date(2100, 1, 1), "2021-06-01T00:00:00Z/.."),
        (date(1900, 1, 1), date(2100, 1, 1), None),
    ],
)
def test_bounds_that_are_none_are_left_open(first: date, last: date, expected: str | None) -> None:
    assert interval(first, last) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("1.5", 1.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("", None), (None, None), ("-3", 0)],
)
def test_what_a_server_says_of_patience_is_understood(text: str | None, expected: float | None) -> None:
    assert read_retry_after(text) == expected


@pytest.mark.parametrize("name", PRESETS)
def test_known_catalogues_make_options(name: str) -> None:
    options = PRESETS[name]
    assert options.url.startswith("https://")
    assert environment(options)["GDAL_DISABLE_READDIR_ON_OPEN"] == "EMPTY_DIR"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"url": "https://a.org", "path": Path("x")}, {"url": "x", "timeout_s": 0}],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        StacOptions(**wrong)


@pytest.mark.realdata
def test_a_real_item_beside_its_files(shared_data: Path) -> None:
    source = on_disk(shared_data / "stac_cog_29RKH")
    (ref,) = source.search(box(-12, 24, -10, 26), **EVER)
    assert ref.scene_id == "S2A_MSIL2A_20200219T112111_R037_T29RKH"
    assert (ref.processing_baseline, ref.relative_orbit) == ("02.14", 37)
    assert ref.cloud_share == pytest.approx(0.0405, abs=1e-4)
    on = Grid(epsg=32629, left_m=229_980, top_m=2_780_020, pixel_m=100, width_px=300, height_px=200)
    scene = source.read(ref, on, bands=("B04", "B08", "B11", "SCL"))
    path = next((shared_data / "stac_cog_29RKH").rglob("B04.tif"))
    with rasterio.open(path) as file:
        row, column = file.index(on.left_m + 1, on.top_m - 1)
        expected = file.read(1)[row : row + 200, column : column + 300] * 1e-4
    np.testing.assert_allclose(scene.bands["B04"], np.where(expected == 0, np.nan, expected), atol=1e-6)
    assert 0.2 < np.nanmedian(scene.bands["B04"]) < np.nanmedian(scene.bands["B11"]) < 0.6, "bright desert"
    assert scene.hidden_share.get("cloud", 0) < 0.1


@pytest.mark.realdata
def test_a_real_scene_is_the_same_over_http_and_from_disk(
    shared_data: Path, world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = next((shared_data / "stac_cog_29RKH").rglob("*_L2A.json")).parent
    item = json.loads(next(folder.glob("*.json")).read_text(encoding="utf-8"))
    for asset in item["assets"].values():
        asset["href"] = f"{world.url}/{asset['href'].rpartition('/')[2]}"
    world.items.append(item)
    monkeypatch.setattr(world, "root", folder)
    on = Grid(epsg=32629, left_m=230_000, top_m=2_780_000, pixel_m=100, width_px=90, height_px=80)
    scenes = []
    for source in (world.source(), on_disk(folder)):
        (ref,) = source.search(on.footprint_4326, **EVER)
        scenes.append(source.read(ref, on, bands=("B02", "B04", "B12", "SCL")))
    over_http, from_disk = scenes
    for band in over_http.bands:
        np.testing.assert_array_equal(over_http.bands[band], from_disk.bands[band])
    np.testing.assert_array_equal(over_http.is_clear, from_disk.is_clear)
    assert over_http.scene_id == from_disk.scene_id
    fetched = sum(request.sent for request in world.requests("B04.tif"))
    assert 0 < fetched < (folder / "B04.tif").stat().st_size / 3


@pytest.mark.realdata
def test_a_real_scene_in_another_projection(shared_data: Path, world: "World") -> None:
    with rasterio.open(shared_data / "bolzano_l2a" / "S2_L2A_sample.tif") as file:
        values, profile, bounds = file.read(), file.profile, file.bounds
    outline = box(*rasterio.warp.transform_bounds(profile["crs"], 4326, *bounds))
    assets = {}
    for band, numbers in zip(("B04", "B03", "B02", "B08", "SCL"), values, strict=True):
        path = world.root / "bolzano" / f"{band}.tif"
        path.parent.mkdir(exist_ok=True)
        plain = {key: profile[key] for key in ("height", "width", "crs", "transform", "dtype")}
        with rasterio.open(path, "w", driver="COG", count=1, nodata=0, blocksize=256, **plain) as cog:
            cog.write(numbers, 1)
        assets[band] = {"href": f"{world.url}/bolzano/{band}.tif"}
    properties = {"datetime": "2021-07-01T10:00:00Z", "platform": "Sentinel-2B", "s2:processing_baseline": "03.00"}
    world.items.append(
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": "bolzano",
            "collection": "sentinel-2-l2a",
            "geometry": outline.__geo_interface__,
            "properties": properties,
            "assets": assets,
        }
    )
    middle = outline.centroid.buffer(0.01)
    on = Grid.around(middle, pixel_m=10)
    source = world.source()
    (ref,) = source.search(middle, **EVER)
    scene = source.read(ref, on, bands=("B04", "B08"))
    assert ref.platform == "sentinel-2b"
    assert np.isfinite(scene.bands["B04"]).all()
    lon_lat = np.array([[middle.centroid.x, middle.centroid.y]])
    xs, ys = rasterio.warp.transform(4326, profile["crs"], *lon_lat.T)
    row, column = rasterio.transform.rowcol(profile["transform"], xs[0], ys[0])
    around = values[0, row - 1 : row + 2, column - 1 : column + 2] * 1e-4
    xs, ys = rasterio.warp.transform(4326, f"EPSG:{on.epsg}", *lon_lat.T)
    row, column = rasterio.transform.rowcol(on.transform, xs[0], ys[0])
    assert around.min() - 1e-6 <= scene.bands["B04"][row, column] <= around.max() + 1e-6
