"""A STAC API and its files, over HTTP: what is found, what is read, and what it costs."""

import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.scene import Quantity, Stack

if TYPE_CHECKING:
    from tests.geo.stac.conftest import World

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

EVER = {"first": date(1900, 1, 1), "last": date(2100, 1, 1)}
ALL = ("B02", "B03", "B04", "B08", "B11", "SCL")
MakeGrid = Callable[..., Grid]
MakeTile = Callable[..., NDArray[Any]]


def test_a_search_follows_all_pages_and_sorts_by_time(world: "World", make_grid: MakeGrid) -> None:
    for day in (17, 5, 11, 23, 29):
        world.add(f"S2A_{day:02d}", when=f"2021-06-{day:02d}T05:20:00Z", bands=("B04",))
    refs = world.source().search(make_grid().footprint_4326, **EVER)
    assert [ref.observed_at for ref in refs] == [
        datetime(2021, 6, day, 5, 20, tzinfo=UTC) for day in (5, 11, 17, 23, 29)
    ]
    assert len(world.bodies) == 3
    assert {request.method for request in world.requests("/search")} == {"POST"}


def test_only_the_days_and_the_place_asked_for_are_found(world: "World", make_grid: MakeGrid) -> None:
    for day in (1, 2, 3, 4):
        world.add(f"S2A_{day}", when=f"2021-06-0{day}T23:59:59.5Z", bands=("B04",))
    source = world.source()
    found = source.search(make_grid().footprint_4326, first=date(2021, 6, 2), last=date(2021, 6, 3))
    assert [ref.observed_at.day for ref in found] == [2, 3]
    assert source.search(box(10, 10, 11, 11), **EVER) == []


def test_no_place_at_all_only_asks_whether_the_catalogue_is_there(world: "World") -> None:
    assert world.source().search(Polygon(), **EVER) == []
    assert world.bodies == []


def test_a_time_without_zone_is_utc(world: "World", make_grid: MakeGrid) -> None:
    item = world.add("S2A_1", when="2021-06-10T05:20:00Z", bands=("B04",))
    item["properties"]["start_datetime"] = "2021-06-10T07:20:00+02:00"
    source = world.source()
    (ref,) = source.search(make_grid().footprint_4326, **EVER)
    assert ref.observed_at == datetime(2021, 6, 10, 5, 20, tzinfo=UTC)


def test_pixels_are_those_of_the_file(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1")
    on = make_grid(column=37, row=113, side_px=75)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    scene = source.read(ref, on, bands=("B04", "B08"))
    for band in ("B04", "B08"):
        with rasterio.open(world.root / "S2A_1" / f"{band}.tif") as file:
            expected = file.read(1)[113 : 113 + 75, 37 : 37 + 75] * 1e-4
        np.testing.assert_allclose(scene.bands[band], expected, rtol=1e-5)
    assert scene.quantity is Quantity.REFLECTANCE
    assert scene.is_clear.all()
    assert scene.processing_baseline == "03.00"


def test_only_what_lies_under_the_grid_is_fetched(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1")
    size = (world.root / "S2A_1" / "B04.tif").stat().st_size
    on = make_grid(column=140, row=140, side_px=60)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    world.log.clear()
    source.read(ref, on, bands=("B04",))
    asked = world.requests("B04.tif")
    assert sum(request.sent for request in asked) < size / 5
    assert sum(request.method == "GET" for request in asked) <= 2, "header, and one range of pixels"
    assert all(request.range for request in asked if request.method == "GET")


def test_coarse_pixels_come_from_overviews(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1")
    size = (world.root / "S2A_1" / "B04.tif").stat().st_size
    on = make_grid(side_px=64, pixel_m=80)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    world.log.clear()
    coarse = source.read(ref, on, bands=("B04",)).bands["B04"]
    assert sum(request.sent for request in world.requests("B04.tif")) < size / 3
    with rasterio.open(world.root / "S2A_1" / "B04.tif") as file:
        blocks = file.read(1).reshape(64, 8, 64, 8).mean(axis=(1, 3)) * 1e-4
    np.testing.assert_allclose(coarse, blocks, atol=2e-4)


def test_both_ways_of_naming_assets_give_the_same_scene(world: "World", make_grid: MakeGrid) -> None:
    world.add("by_name", layout="names")
    world.add("by_id", layout="ids", when="2021-06-15T05:20:00Z")
    on = make_grid(column=190, side_px=80)
    source = world.source()
    first, second = (source.read(ref, on, bands=ALL) for ref in source.search(on.footprint_4326, **EVER))
    for band in ALL:
        np.testing.assert_array_equal(first.bands[band], second.bands[band])
    np.testing.assert_array_equal(first.is_clear, second.is_clear)
    assert Stack.of([first, second]).bands == ALL


def test_clouds_hide_and_say_so(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1")
    on = make_grid(column=190, side_px=80)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    scene = source.read(ref, on, bands=("B04",))
    assert scene.hidden_share["cloud"] == pytest.approx(40 / 80)
    assert sum(scene.hidden_share.values()) == pytest.approx(1 - scene.is_clear.mean())
    hidden = ~scene.is_clear[0]
    assert (hidden == [10 - 2 <= column < 50 + 2 for column in range(80)]).all()


# --- cloud probability ---------------------------------------------------------------------------

PROBABLE = MaskParams(cloud_probability_percent=40)


@pytest.mark.parametrize("key", ["cloud", "CLD_20m", "cloud-probability", "MSK_CLDPRB_20m"])
def test_a_cloud_probability_hides_what_the_classes_call_clear_where_it_is_wanted(
    world: "World", make_grid: MakeGrid, make_tile: MakeTile, key: str
) -> None:
    assets = world.add("S2A_1", bands=("B04", "SCL", "CLD"))["assets"]
    assets[key] = assets.pop("cloud")
    on = make_grid(column=190, side_px=100)
    plain, clouded = world.source(), world.source(mask=PROBABLE)
    (ref,) = plain.search(on.footprint_4326, **EVER)
    assert ref.bands == ("B04", "SCL"), "it is no band"
    without = plain.read(ref, on, bands=("B04", "SCL"))
    assert world.requests("CLD.tif") == []
    (ref,) = clouded.search(on.footprint_4326, **EVER)
    scene = clouded.read(ref, on, bands=("B04", "SCL"))
    percent = make_tile("CLD", 0)[:50, 95:145].repeat(2, axis=0).repeat(2, axis=1)
    assert 0 < (without.bands["SCL"][percent == 70] == 5).mean() < 1
    expected = np.where((percent >= 40) & (without.bands["SCL"] == 5), 8, without.bands["SCL"])
    np.testing.assert_array_equal(scene.bands["SCL"], expected)
    np.testing.assert_array_equal(scene.is_clear, clear_from_scl(expected, PROBABLE))
    assert scene.hidden_share["cloud"] == pytest.approx((expected >= 8).mean())
    assert sum(scene.hidden_share.values()) == pytest.approx(1 - scene.is_clear.mean())


def test_tiles_without_cloud_probability_are_masked_by_their_classes_and_that_is_said_once(
    world: "World", make_grid: MakeGrid, caplog: pytest.LogCaptureFixture
) -> None:
    datatake = {"s2:datatake_id": "GS2A_20210610T051651_031152_N03.00"}
    world.add("tile0", properties=datatake, bands=("B04", "SCL"))
    world.add("tile1", properties=datatake, bands=("B04", "SCL", "CLD"), column=1)
    source, on = world.source(mask=PROBABLE), make_grid(column=190, side_px=100)
    for _ in range(2):
        (ref,) = source.search(on.footprint_4326, **EVER)
    (told,) = [record.getMessage() for record in caplog.records if "probability" in record.message]
    assert told.startswith(f"{world.url}: not every scene has a cloud probability")
    scene = source.read(ref, on, bands=("B04", "SCL"))
    assert set(np.unique(scene.bands["SCL"])) == {5, 9}
    np.testing.assert_array_equal(scene.is_clear, clear_from_scl(scene.bands["SCL"], PROBABLE))


def test_a_cloud_probability_beyond_certainty_is_an_error_that_names_the_scene(
    world: "World", make_grid: MakeGrid, make_tile: MakeTile
) -> None:
    world.add("S2A_1", bands=("B04", "SCL", "CLD"))
    world.write("S2A_1/CLD.tif", make_tile("CLD", 0) * 3, "CLD")
    source, on = world.source(mask=PROBABLE), make_grid(column=190, side_px=100)
    (ref,) = source.search(on.footprint_4326, **EVER)
    with pytest.raises(SourceError, match=r"scene S2A_1: a cloud probability lies between 0 and 100 per cent; got 210"):
        source.read(ref, on, bands=("B04",))


def test_a_cloud_probability_without_classes_serves_nothing(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1", bands=("B04", "CLD"))
    source, on = world.source(mask=PROBABLE), make_grid(column=190, side_px=100)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert ref.bands == ("B04",)
    assert source.read(ref, on, bands=("B04",)).is_clear.all()
    assert world.requests("CLD.tif") == []


@pytest.mark.parametrize("bands", [("B04",), ("B04", "SCL"), ("SCL",)], ids="-".join)
def test_each_layer_is_opened_once(
    world: "World", make_grid: MakeGrid, bands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("S2A_1")
    on, source = make_grid(column=190, side_px=80), world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    opened, really_open = [], rasterio.open

    def spy(path: str, **options: Any) -> object:  # noqa: ANN401  # whatever rasterio takes
        opened.append(path.rpartition("/")[2])
        return really_open(path, **options)

    monkeypatch.setattr(rasterio, "open", spy)
    scene = source.read(ref, on, bands=bands)
    assert sorted(opened) == sorted(f"{band}.tif" for band in {*bands, "SCL"})
    assert tuple(scene.bands) == bands


def test_threads_are_kept_from_scene_to_scene(world: "World", make_grid: MakeGrid) -> None:
    for day in range(1, 6):
        world.add(f"S2A_{day}", when=f"2021-06-0{day}T05:20:00Z", bands=("B04", "SCL"))
    before = set(threading.enumerate())
    source, on = world.source(connections=2), make_grid()
    for ref in source.search(on.footprint_4326, **EVER):
        source.read(ref, on, bands=("B04", "SCL"))
    ours = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("stac")]
    assert 1 <= len(ours) <= 2


def test_a_scene_on_the_web_is_not_fetched_a_second_time(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1", bands=("B04",))
    source, on = world.source(), make_grid()
    beside = replace(on, left_m=on.left_m + 3)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert source.read_moved(ref, beside, (0.4, 0.3), bands=("B04",)) is None
    assert world.requests(".tif") == []


def test_two_tiles_of_one_overpass_are_one_scene(world: "World", make_grid: MakeGrid, make_tile: MakeTile) -> None:
    datatake = {"s2:datatake_id": "GS2A_20210610T051651_031152_N03.00"}
    names = [f"S2A_MSIL2A_20210610T051651_N0300_R062_T45T{square}_20210610T081326" for square in ("VL", "WL")]
    for column, name in enumerate(names):
        uri = {"s2:product_uri": f"{name}.SAFE", "eo:cloud_cover": 10 + 20 * column}
        world.add(f"tile{column}", column=column, when=f"2021-06-10T05:20:{10 + column}Z", properties=datatake | uri)
    on = make_grid(column=440, row=50, side_px=160)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert ref.scene_id == "S2A_MSIL2A_20210610T051651_R062_T45TVL+1"
    assert ref.relative_orbit == 62
    assert ref.cloud_share == pytest.approx(0.2)
    scene = source.read(ref, on, bands=("B04", "B11"))
    east = make_tile("B04", 1)[50:210, : 600 - 448] * np.float32(1e-4)
    np.testing.assert_allclose(scene.bands["B04"][:, 8:], east, rtol=1e-5)
    assert np.isfinite(scene.bands["B11"]).all()
    assert scene.is_clear.all()


def test_what_lies_in_one_tile_alone_is_read_from_it_alone(world: "World", make_grid: MakeGrid) -> None:
    for column in (0, 1):
        world.add(f"tile{column}", column=column)
    on = make_grid(column=300, side_px=40)
    source = world.source()
    (ref,) = source.search(make_grid(column=460, side_px=20).footprint_4326, **EVER)
    source.read(ref, on, bands=("B04",))
    assert world.requests("tile0/B04.tif")
    assert not world.requests("tile1/B04.tif")


def test_a_later_baseline_supersedes(world: "World", make_grid: MakeGrid) -> None:
    same = {"s2:datatake_id": "GS2A_20180610T051651_015493_N02.08", "s2:mgrs_tile": "45TWL"}
    world.add("first", when="2018-06-10T05:20:00Z", baseline="02.08", properties=same, bands=("B04",))
    again = same | {"s2:datatake_id": "GS2A_20180610T051651_015493_N05.00"}
    world.add("again", when="2018-06-10T05:20:00Z", baseline="05.00", properties=again, bands=("B04",), added_dn=1000)
    source = world.source()
    on = make_grid()
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert ref.processing_baseline == "05.00"
    scene = source.read(ref, on, bands=("B04",))
    with rasterio.open(world.root / "first" / "B04.tif") as file:
        np.testing.assert_allclose(scene.bands["B04"], file.read(1)[:60, :60] * 1e-4, atol=1e-6)


def test_what_the_catalogue_says_of_clouds_is_told_and_leaves_nothing_out(world: "World", make_grid: MakeGrid) -> None:
    for day, cover in enumerate((10, 80, None), start=1):
        said = {} if cover is None else {"eo:cloud_cover": cover}
        world.add(f"S2A_{day}", when=f"2021-06-0{day}T05:20:00Z", properties=said, bands=("B04",))
    refs = world.source().search(make_grid().footprint_4326, **EVER)
    assert [ref.cloud_share for ref in refs] == [pytest.approx(0.1), pytest.approx(0.8), None]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda item: item["properties"].update(updated="2024-01-01T00:00:00Z"), id="updated"),
        pytest.param(lambda item: item["assets"]["red"].update({"file:checksum": "1220ff"}), id="checksum"),
        pytest.param(lambda item: item["assets"]["red"].update(href="https://example.org/other.tif"), id="href"),
        pytest.param(lambda item: item["properties"].update({"s2:processing_baseline": "05.00"}), id="baseline"),
    ],
)
def test_the_fingerprint_changes_when_pixels_may_have(
    world: "World", make_grid: MakeGrid, change: Callable[[dict[str, Any]], None]
) -> None:
    item = world.add("S2A_1", bands=("B04",))
    shape = make_grid().footprint_4326
    (before,) = world.source().search(shape, **EVER)
    (same,) = world.source().search(shape, **EVER)
    change(item)
    (after,) = world.source().search(shape, **EVER)
    assert before.fingerprint == same.fingerprint != after.fingerprint


def test_a_copy_in_another_process_reads_what_was_found(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1")
    source = world.source()
    (ref,) = source.search(make_grid().footprint_4326, **EVER)
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - its own bytes
    np.testing.assert_array_equal(
        copy.read(ref, make_grid(), bands=("B04",)).bands["B04"],
        source.read(ref, make_grid(), bands=("B04",)).bands["B04"],
    )


def test_radar_comes_as_linear_power_with_its_track(world: "World", make_grid: MakeGrid) -> None:
    item = world.add("S1A_IW_GRDH_1SDV_20210610_rtc", bands=())
    item["collection"] = "sentinel-1-rtc"
    item["properties"] |= {"platform": "SENTINEL-1A", "sat:relative_orbit": 85}
    power = make_tile_power()
    for name in ("vv", "vh"):
        item["assets"][name] = {
            "href": world.write(f"s1/{name}.tif", power),
            "raster:bands": [{"data_type": "float32"}],
        }
    source = world.source(collection="sentinel-1-rtc")
    on = make_grid(side_px=50)
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert (ref.bands, ref.quantity, ref.relative_orbit) == (("VV", "VH"), Quantity.GAMMA0, 85)
    scene = source.read(ref, on, bands=("VV",))
    assert (scene.quantity, scene.relative_orbit) == (Quantity.GAMMA0, 85)
    np.testing.assert_array_equal(scene.bands["VV"], np.where(power == 0, np.nan, power)[:50, :50])
    np.testing.assert_array_equal(scene.is_clear, power[:50, :50] != 0)


def make_tile_power() -> NDArray[np.float32]:
    power = np.random.default_rng(3).gamma(4, 0.02, (512, 512)).astype(np.float32)
    power[:, :20] = 0
    return power


def test_the_check_names_the_catalogue(world: "World") -> None:
    assert world.source().check(timeout_s=2) == "The tests' catalogue"
